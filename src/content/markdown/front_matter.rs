//! The YAML front matter of an article file, read with all its faults at once, and written.

use super::{Faults, Warning};
use crate::content::{
    fields::{self, Fields},
    value::{At, Check, Value},
};

mod write;

pub(super) use write::write;

/// The greatest size of front matter, in bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// A file's front matter and its body, and how many lines stand before the body.
pub(super) struct Parts<'a> {
    pub(super) yaml: Option<&'a str>,
    pub(super) body: &'a str,
    pub(super) body_line: u32,
}

/// Splits a file at the `---` lines around its front matter. A file that does not begin with such a line is all body.
pub(super) fn split(file: &str) -> Result<Parts<'_>, Warning> {
    let is_fence = |line: &str| line.trim_end() == "---";
    let mut lines = file.split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| is_fence(line)) else {
        return Ok(Parts { yaml: None, body: file, body_line: 0 });
    };
    let start = first.len();
    let mut end = start;
    for (count, line) in (2..).zip(lines) {
        if is_fence(line) {
            let yaml = file.get(start..end).unwrap_or_default();
            let body = file.get(end + line.len()..).unwrap_or_default();
            if yaml.len() > MAX_BYTES {
                let message = format!("The front matter is longer than {MAX_BYTES} bytes.");
                return Err(Warning { line: Some(1), column: None, message });
            }
            return Ok(Parts { yaml: Some(yaml), body, body_line: count });
        }
        end += line.len();
    }
    Err(Warning { line: Some(1), column: Some(1), message: "The front matter has no closing --- line.".into() })
}

/// Reads front matter; what is wrong with it is added to `faults`.
pub(super) fn read(yaml: &str, faults: &mut Faults) -> Fields {
    let map = match yaml_serde::from_str::<yaml_serde::Value>(yaml) {
        Ok(yaml_serde::Value::Null) => return Fields::default(),
        Ok(value @ yaml_serde::Value::Mapping(_)) => value,
        Ok(_) => {
            faults.push(Some(2), Some(1), "The front matter must be a list of `key: value` lines.");
            return Fields::default();
        }
        Err(error) => {
            let place = error.location();
            let line = place.as_ref().map(|place| u32::try_from(place.line()).unwrap_or(u32::MAX).saturating_add(1));
            let column = place.as_ref().map(|place| u32::try_from(place.column()).unwrap_or(u32::MAX).max(1));
            faults.push(line.or(Some(2)), column, format!("The front matter is not valid YAML: {error}."));
            return Fields::default();
        }
    };
    let mut names_are_text = true;
    let map = value(map, &mut names_are_text);
    if !names_are_text {
        faults.push(Some(2), Some(1), "Every field's name must be text.");
    }
    let mut tell = |at: &At<'_>, message: String| {
        // Finding lines takes time, and what is over the limit is not told.
        let line = if faults.is_full() { None } else { Some(line_of(yaml, at.key())) };
        faults.push(line, Some(1), message);
    };
    let mut check = Check::new(&mut tell);
    check.map(&map, &At::Root, &fields::NAMES).map(|map| fields::read(map, &mut check)).unwrap_or_default()
}

/// The line of the file where a field stands.
fn line_of(yaml: &str, key: &str) -> u32 {
    let at = yaml.lines().position(|line| {
        let line = line.trim_start_matches(['"', '\'']);
        !key.is_empty()
            && line.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
    });
    // The first line of the file is the opening fence.
    at.map_or(2, |at| u32::try_from(at).unwrap_or(u32::MAX).saturating_add(2))
}

/// A value of YAML, as far as it can be one of JSON. The parser bounds its depth.
fn value(yaml: yaml_serde::Value, names_are_text: &mut bool) -> Value<'static> {
    match yaml {
        yaml_serde::Value::Null => Value::Null,
        yaml_serde::Value::Bool(is) => Value::Bool(is),
        yaml_serde::Value::Number(number) => Value::Number(number.as_u64().and_then(|n| u32::try_from(n).ok())),
        yaml_serde::Value::String(text) => Value::Text(text.into()),
        yaml_serde::Value::Sequence(items) => {
            Value::List(items.into_iter().map(|item| value(item, names_are_text)).collect())
        }
        yaml_serde::Value::Mapping(map) => {
            let mut members = Vec::with_capacity(map.len());
            for (name, inner) in map {
                match name {
                    yaml_serde::Value::String(name) => members.push((name, value(inner, names_are_text))),
                    _ => *names_are_text = false,
                }
            }
            Value::Map(members)
        }
        yaml_serde::Value::Tagged(_) => Value::Other,
    }
}

//! The YAML front matter of an article file: reads it with all its errors, and writes it.

use serde::de::DeserializeSeed;

use super::{Warning, Warnings};
use crate::content::{
    fields::{self, Fields},
    node::{Errors, Node},
    value::{self, Value},
};

mod write;

pub(super) use write::write;

/// The largest size of front matter, in bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// The front matter and the body of a file.
pub(super) struct Parts<'a> {
    pub(super) yaml: Option<&'a str>,
    pub(super) body: &'a str,
    /// The number of lines before the body.
    pub(super) body_line: u32,
}

/// Splits a file at the `---` lines around its front matter. A file without a first line `---` is all body.
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
    Err(Warning {
        line: Some(1),
        column: Some(1),
        message: "The front matter has no closing line; add a line `---`.".into(),
    })
}

/// Reads front matter and adds its errors to `errors`.
pub(super) fn read(yaml: &str, errors: &mut Warnings) -> Fields {
    let value = match value::bounded(|seed| seed.deserialize(yaml_serde::Deserializer::from_str(yaml))) {
        Ok(Some(Value::Null)) => return Fields::default(),
        Ok(Some(value @ Value::Map(_))) => value,
        Ok(_) => {
            errors.add(Some(2), Some(1), "The front matter is not a list of fields; write each as `key: value`.");
            return Fields::default();
        }
        Err(error) => {
            let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            let position = error.location().map(|at| (number(at.line()).saturating_add(1), number(at.column()).max(1)));
            let message = format!("The front matter is not valid YAML: {error}.");
            errors.add(Some(position.map_or(2, |(line, _)| line)), position.map(|(_, column)| column), message);
            return Fields::default();
        }
    };
    let found = Errors::default();
    let fields = Node::root(&value, &found).map(&fields::NAMES).map(fields::read).unwrap_or_default();
    let found = found.into_list();
    errors.omitted += found.omitted;
    for error in found.items {
        errors.push(|| Warning {
            line: Some(find_line(yaml, &error.pointer)),
            column: Some(1),
            message: error.message,
        });
    }
    fields
}

/// Returns the line in the file of the field that contains a value.
fn find_line(yaml: &str, pointer: &str) -> u32 {
    let key = pointer.split('/').nth(1).unwrap_or_default().replace("~1", "/").replace("~0", "~");
    let index = yaml.lines().position(|line| {
        let line = line.trim_start_matches(['"', '\'']);
        !key.is_empty()
            && line.strip_prefix(&key).is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
    });
    // The first line of the file is the opening `---`.
    index.map_or(2, |index| u32::try_from(index).unwrap_or(u32::MAX).saturating_add(2))
}

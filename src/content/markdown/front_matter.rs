//! The YAML front matter of an article file, read with all its faults at once, and written.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use yaml_serde::{Mapping, Value};

use super::{Faults, Remark};
use crate::content::{Href, Locale, Related, Slug, Source, text};

mod write;

pub(super) use write::write;

/// The greatest size of front matter, in bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;
const MAX_TITLE: usize = 300;
const MAX_SUMMARY: usize = 2000;
const MAX_REASON: usize = 500;
const MAX_ITEMS: usize = 100;

const KEYS: [&str; 8] = ["slug", "locale", "title", "questions", "summary", "topics", "source", "related"];

/// What front matter says; what it does not say is `None` or empty.
#[derive(Debug, Default)]
pub(super) struct FrontMatter {
    pub(super) slug: Option<Slug>,
    pub(super) locale: Locale,
    pub(super) title: Option<String>,
    pub(super) questions: Vec<String>,
    pub(super) summary: Option<String>,
    pub(super) topics: Vec<Slug>,
    pub(super) source: Option<Source>,
    pub(super) related: Vec<Related>,
}

/// A file's front matter and its body, and how many lines stand before the body.
pub(super) struct Parts<'a> {
    pub(super) yaml: Option<&'a str>,
    pub(super) body: &'a str,
    pub(super) body_line: u32,
}

/// Splits a file at the `---` lines around its front matter. A file that does not begin with such a line is all body.
pub(super) fn split(file: &str) -> Result<Parts<'_>, Remark> {
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
                return Err(Remark { line: Some(1), column: None, message });
            }
            return Ok(Parts { yaml: Some(yaml), body, body_line: count });
        }
        end += line.len();
    }
    Err(Remark { line: Some(1), column: Some(1), message: "The front matter has no closing --- line.".into() })
}

/// Reads front matter; what is wrong with it is added to `faults`.
pub(super) fn read(yaml: &str, faults: &mut Faults) -> FrontMatter {
    let mut reader = Reader { yaml, faults };
    reader.read().unwrap_or_default()
}

struct Reader<'a> {
    yaml: &'a str,
    faults: &'a mut Faults,
}

impl Reader<'_> {
    fn read(&mut self) -> Option<FrontMatter> {
        let map = match yaml_serde::from_str::<Value>(self.yaml) {
            Ok(Value::Null) => return None,
            Ok(Value::Mapping(map)) => map,
            Ok(_) => {
                self.faults.push(Some(2), Some(1), "The front matter must be a list of `key: value` lines.");
                return None;
            }
            Err(error) => {
                let place = error.location();
                let line =
                    place.as_ref().map(|place| u32::try_from(place.line()).unwrap_or(u32::MAX).saturating_add(1));
                let column = place.as_ref().map(|place| u32::try_from(place.column()).unwrap_or(u32::MAX).max(1));
                self.faults.push(line.or(Some(2)), column, format!("The front matter is not valid YAML: {error}."));
                return None;
            }
        };
        for key in map.keys() {
            match key.as_str() {
                Some(key) if KEYS.contains(&key) => {}
                Some(key) => {
                    let message = format!("`{}` is not a field; the fields are {}.", shown(key), KEYS.join(", "));
                    self.fault(key, message);
                }
                None => self.fault("", "Every field's name must be text.".to_owned()),
            }
        }
        let locale = self.text(&map, "locale", 35).and_then(|text| self.parse("locale", &text));
        Some(FrontMatter {
            slug: self.text(&map, "slug", MAX_TITLE).and_then(|text| self.parse("slug", &text)),
            locale: locale.unwrap_or_default(),
            title: self.text(&map, "title", MAX_TITLE),
            questions: self.strings(&map, "questions"),
            summary: self.text(&map, "summary", MAX_SUMMARY),
            topics: self.topics(&map),
            source: self.source(&map),
            related: self.related(&map),
        })
    }

    /// Notes a fault at the line where a field stands.
    fn fault(&mut self, key: &str, message: String) {
        let at = self.yaml.lines().position(|line| {
            let line = line.trim_start_matches(['"', '\'']);
            !key.is_empty()
                && line.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
        });
        // The first line of the file is the opening fence.
        let line = at.map_or(2, |at| u32::try_from(at).unwrap_or(u32::MAX).saturating_add(2));
        self.faults.push(Some(line), Some(1), message);
    }

    fn parse<T: std::str::FromStr>(&mut self, key: &str, text: &str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(why) => {
                self.fault(key, format!("`{}` cannot stand in `{key}`: {why}.", shown(text)));
                None
            }
        }
    }

    /// A field's text in one line; `None` where it is missing.
    fn text(&mut self, map: &Mapping, key: &str, max: usize) -> Option<String> {
        self.line(map.get(key)?, key, key, max)
    }

    fn line(&mut self, value: &Value, key: &str, name: &str, max: usize) -> Option<String> {
        let text = match value {
            Value::Null => return None,
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) => {
                self.fault(key, format!("`{name}` must be text; put it between quotes."));
                return None;
            }
            _ => {
                self.fault(key, format!("`{name}` must be text."));
                return None;
            }
        };
        let (clean, removed) = text::clean(text);
        if removed > 0 {
            self.fault(key, format!("`{name}` holds {removed} characters that may not stand in a text."));
        }
        let line = text::line(&clean).trim().to_owned();
        if line.is_empty() {
            self.fault(key, format!("`{name}` is empty."));
            return None;
        }
        if line.chars().nth(max).is_some() {
            self.fault(key, format!("`{name}` is longer than {max} characters."));
            return None;
        }
        Some(line)
    }

    fn items<'v>(&mut self, map: &'v Mapping, key: &str) -> &'v [Value] {
        match map.get(key) {
            None | Some(Value::Null) => &[],
            Some(Value::Sequence(items)) if items.len() <= MAX_ITEMS => items,
            Some(Value::Sequence(_)) => {
                self.fault(key, format!("`{key}` has more than {MAX_ITEMS} items."));
                &[]
            }
            Some(_) => {
                self.fault(key, format!("`{key}` must be a list."));
                &[]
            }
        }
    }

    fn strings(&mut self, map: &Mapping, key: &str) -> Vec<String> {
        let mut out = Vec::new();
        for (place, item) in (1..).zip(self.items(map, key)) {
            let name = format!("{key}, item {place}");
            if item.is_null() {
                self.fault(key, format!("`{name}` is empty."));
            }
            out.extend(self.line(item, key, &name, MAX_TITLE));
        }
        out
    }

    fn topics(&mut self, map: &Mapping) -> Vec<Slug> {
        let mut seen = HashSet::new();
        let mut out = Vec::new();
        for text in self.strings(map, "topics") {
            if let Some(slug) = self.parse::<Slug>("topics", &text) {
                if seen.insert(slug.clone()) {
                    out.push(slug);
                } else {
                    self.fault("topics", format!("The topic `{slug}` is named twice."));
                }
            }
        }
        out
    }

    /// The fields of an inner mapping, where no others stand in it.
    fn inner<'v>(&mut self, value: &'v Value, key: &str, name: &str, known: &[&str]) -> Option<&'v Mapping> {
        let Value::Mapping(map) = value else {
            self.fault(key, format!("`{name}` must have the fields {}.", known.join(", ")));
            return None;
        };
        for field in map.keys() {
            if field.as_str().is_none_or(|field| !known.contains(&field)) {
                let field = field.as_str().unwrap_or("(no text)");
                let message =
                    format!("`{}` is not a field of `{name}`; the fields are {}.", shown(field), known.join(", "));
                self.fault(key, message);
            }
        }
        Some(map)
    }

    fn field(&mut self, map: &Mapping, key: &str, name: &str, field: &str, max: usize) -> Option<String> {
        self.line(map.get(field)?, key, &format!("{name}: {field}"), max)
    }

    fn external(&mut self, text: &str, key: &str, name: &str) -> Option<String> {
        match text.parse::<Href>() {
            Ok(href) if href.is_external() => Some(href.to_string()),
            Ok(_) => {
                self.fault(key, format!("`{name}` must be an absolute http or https address."));
                None
            }
            Err(why) => {
                self.fault(key, format!("`{name}` is no address: {why}."));
                None
            }
        }
    }

    fn source(&mut self, map: &Mapping) -> Option<Source> {
        let value = map.get("source").filter(|value| !value.is_null())?;
        let map = self.inner(value, "source", "source", &["name", "url", "captured_at"])?;
        let name = self.field(map, "source", "source", "name", MAX_TITLE);
        let url = self.field(map, "source", "source", "url", Href::MAX);
        let url = url.and_then(|url| self.external(&url, "source", "source: url"));
        let captured_at = self.field(map, "source", "source", "captured_at", 40).and_then(|text| {
            let time = time(&text);
            if time.is_none() {
                let message =
                    "`source: captured_at` must be a date or time such as 2024-05-01 or 2024-05-01T08:00:00Z.";
                self.fault("source", message.to_owned());
            }
            time
        });
        if !map.contains_key("name") {
            self.fault("source", "`source` needs a `name`.".to_owned());
        }
        Some(Source { name: name?, url, captured_at })
    }

    fn related(&mut self, map: &Mapping) -> Vec<Related> {
        let key = "related";
        let mut out = Vec::new();
        for (place, item) in (1..).zip(self.items(map, key)) {
            let name = format!("related, item {place}");
            let Some(map) = self.inner(item, key, &name, &["article", "url", "title", "reason"]) else {
                continue;
            };
            let article = self.field(map, key, &name, "article", MAX_TITLE);
            let url = self.field(map, key, &name, "url", Href::MAX);
            let title = self.field(map, key, &name, "title", MAX_TITLE);
            let reason = self.field(map, key, &name, "reason", MAX_REASON);
            match (article, url, title) {
                (Some(article), None, None) => {
                    let article = self.parse(key, &article);
                    out.extend(article.map(|article| Related::Article { article, reason }));
                }
                (None, Some(url), Some(title)) => {
                    let url = self.external(&url, key, &format!("{name}: url"));
                    out.extend(url.map(|url| Related::External { url, title, reason }));
                }
                _ => self.fault(key, format!("`{name}` needs either `article`, or `url` and `title`.")),
            }
        }
        out
    }
}

/// A time in RFC 3339, or a date, which means its first moment in UTC.
fn time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc())
}

/// The beginning of a text, for a message.
fn shown(text: &str) -> String {
    text::line(text).chars().take(60).collect()
}

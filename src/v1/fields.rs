//! The `fields` parameter: which fields of an answer a client wants.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::{
    error::Error,
    http::{Payload, query::Parameters},
};

/// The fields that a resource has, each with the fields of its items.
pub type Known = &'static [(&'static str, &'static [&'static str])];

const SECTION: &[&str] =
    &["id", "anchor", "number", "label", "title", "level", "characters", "hash", "html", "markdown", "text", "blocks"];
const HEADING: &[&str] = &["id", "anchor", "number", "label", "title"];
const ITEM: &[&str] = &["position", "kind", "title", "summary", "url", "slug", "why"];

/// The fields of a card.
pub const CARD: Known = ARTICLE_FIELDS.split_at(14).0;

/// The fields of an article.
pub const ARTICLE: Known = ARTICLE_FIELDS;

const ARTICLE_FIELDS: &[(&str, &[&str])] = &[
    ("id", &[]),
    ("slug", &[]),
    ("locale", &[]),
    ("revision", &[]),
    ("title", &[]),
    ("questions", &[]),
    ("summary", &[]),
    ("topics", &["slug", "name"]),
    ("characters", &[]),
    ("reading_minutes", &[]),
    ("published_at", &[]),
    ("updated_at", &[]),
    ("hash", &[]),
    ("source", &["name", "url", "captured_at"]),
    ("lead", &["html", "markdown", "text", "blocks"]),
    ("toc", HEADING),
    ("sections", SECTION),
    ("related", ITEM),
    ("hot", ITEM),
];

/// What to keep of an answer, or what to drop.
#[derive(Debug, Clone)]
pub struct Fields {
    drop: bool,
    paths: Vec<(&'static str, Option<&'static str>)>,
}

impl Fields {
    /// Takes `fields` from `parameters`.
    pub fn from_query(parameters: &mut Parameters, known: Known) -> Option<Fields> {
        let text = parameters.text("fields")?;
        let mut fields = Fields { drop: text.starts_with('-'), paths: Vec::new() };
        for word in text.split(',') {
            let (drop, path) = word.strip_prefix('-').map_or((false, word), |path| (true, path));
            match find(known, path) {
                None => {
                    let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
                    let names = names.join(", ");
                    parameters.fault("fields", format!("`{path}` is not known here: expected some of {names}"));
                }
                Some(_) if drop != fields.drop => {
                    parameters.fault("fields", "fields to keep and fields to drop do not mix");
                    break;
                }
                Some(path) => fields.paths.push(path),
            }
        }
        fields.paths.sort_unstable();
        fields.paths.dedup();
        parameters.set_canonical("fields", &fields.to_string());
        Some(fields)
    }

    /// Whether anything of a field is wanted: what is not need not be fetched.
    #[must_use]
    pub fn want(&self, name: &str) -> bool {
        let named = |path: &&(&str, Option<&str>)| path.0 == name;
        if self.drop {
            !self.paths.iter().filter(named).any(|path| path.1.is_none())
        } else {
            self.paths.iter().any(|path| path.0 == name)
        }
    }

    /// Takes away what is not wanted.
    pub fn apply(&self, answer: &mut Value) {
        let Value::Object(map) = answer else { return };
        map.retain(|name, _| self.want(name));
        for (name, value) in map {
            let of: Vec<_> = self.paths.iter().filter(|path| path.0 == name).collect();
            let below: Vec<&str> = of.iter().filter_map(|path| path.1).collect();
            if of.iter().all(|path| path.1.is_some()) && !below.is_empty() {
                self.apply_below(value, &below);
            }
        }
    }

    fn apply_below(&self, value: &mut Value, names: &[&str]) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.apply_below(item, names)),
            // A list with a link to more of it.
            Value::Object(map) if map.contains_key("data") => {
                if let Some(data) = map.get_mut("data") {
                    self.apply_below(data, names);
                }
            }
            Value::Object(map) => {
                map.retain(|name, _| name == "children" || names.contains(&name.as_str()) != self.drop);
                if let Some(children) = map.get_mut("children") {
                    self.apply_below(children, names);
                }
            }
            _ => {}
        }
    }
}

/// As `fields` is written, in one order.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.drop { "-" } else { "" };
        let path = |(name, below): &(&str, Option<&str>)| match below {
            Some(below) => format!("{sign}{name}.{below}"),
            None => format!("{sign}{name}"),
        };
        f.write_str(&self.paths.iter().map(path).collect::<Vec<_>>().join(","))
    }
}

/// `answer` as JSON, with `apply` over it where there are fields to take away.
pub(super) fn filtered<T: Serialize>(
    answer: &T,
    apply: impl FnOnce(&mut Value),
    fields: Option<&Fields>,
) -> Result<Payload, Error> {
    if fields.is_none() {
        return Payload::json(answer);
    }
    let mut value =
        serde_json::to_value(answer).map_err(|e| Error::internal("an answer cannot be written as JSON", e))?;
    apply(&mut value);
    Payload::json(&value)
}

fn find(known: Known, path: &str) -> Option<(&'static str, Option<&'static str>)> {
    let (name, below) = path.split_once('.').map_or((path, None), |(name, below)| (name, Some(below)));
    let (name, children) = known.iter().find(|(known, _)| *known == name)?;
    match below {
        None => Some((name, None)),
        Some(below) => children.iter().find(|known| **known == below).map(|below| (*name, Some(*below))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::query::FromQuery;

    struct Sample(Option<Fields>);

    impl FromQuery for Sample {
        fn from_query(p: &mut Parameters) -> Self {
            Sample(Fields::from_query(p, ARTICLE))
        }
    }

    fn apply(query: &str, mut value: Value) -> Value {
        Parameters::new(query).parse::<Sample>().unwrap().0.0.unwrap().apply(&mut value);
        value
    }

    fn article() -> Value {
        json!({
            "title": "t", "summary": "s",
            "sections": [{"title": "a", "html": "x", "children": [{"title": "b", "html": "y", "children": []}]}],
            "related": {"data": [{"title": "r", "url": "u"}], "more": null},
        })
    }

    #[test]
    fn keeps_down_the_tree() {
        let kept = apply("fields=title,sections.title,related.url", article());
        let expected = json!({
            "title": "t",
            "sections": [{"title": "a", "children": [{"title": "b", "children": []}]}],
            "related": {"data": [{"url": "u"}], "more": null},
        });
        assert_eq!(kept, expected);
    }

    #[test]
    fn drops() {
        let kept = apply("fields=-summary,-related,-sections.html", article());
        let expected =
            json!({"title": "t", "sections": [{"title": "a", "children": [{"title": "b", "children": []}]}]});
        assert_eq!(kept, expected);
    }

    #[test]
    fn refuses_what_is_unknown_or_mixed() {
        for query in ["fields=", "fields=titel", "fields=sections.titel", "fields=title,-summary", "fields=title."] {
            assert!(Parameters::new(query).parse::<Sample>().is_err(), "{query}");
        }
    }

    #[test]
    fn a_card_has_no_parts() {
        assert!(CARD.iter().all(|(name, _)| !["lead", "toc", "sections", "related", "hot"].contains(name)));
        assert_eq!(CARD.len() + 5, ARTICLE.len());
    }
}

//! The `fields` parameter: the fields that a response contains.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::ArrayBuilder;

use crate::{
    error::Error,
    http::{
        Payload,
        query::{Parameters, string},
    },
};

/// The fields of a resource, each with the fields of its items.
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

/// The fields to select, or to omit.
#[derive(Debug, Clone)]
pub struct Fields {
    omit: bool,
    paths: Vec<(&'static str, Option<&'static str>)>,
}

impl Fields {
    /// Reads `fields`, whose values are the names of `known`, or all of them with `-` to omit them.
    pub fn read(parameters: &mut Parameters, known: Known) -> Option<Fields> {
        let description = "Fields to return (`title,sections.title`), or to omit (`-summary`). Do not mix the two.";
        let declared = parameters.declare("fields", description).example(json!(["slug", "title", "summary"]));
        let items =
            declared.list(|| ArrayBuilder::new().items(string().enum_values(Some(names(known)))).min_items(Some(1)))?;
        if items.is_empty() {
            parameters.fault("fields", "no field is named: name one at least, or leave the parameter out");
        }
        let omit = items.first().is_some_and(|item| item.starts_with('-'));
        let mut fields = Fields { omit, paths: Vec::new() };
        for item in &items {
            let (omit, path) = item.strip_prefix('-').map_or((false, item.as_str()), |path| (true, path));
            match find(known, path) {
                None => {
                    let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
                    let names = names.join(", ");
                    parameters.fault("fields", format!("unknown field `{path}`: expected some of {names}"));
                }
                Some(_) if omit != fields.omit => {
                    parameters.fault("fields", "fields to return and fields to omit are mixed: name only one kind");
                    break;
                }
                Some(path) => fields.paths.push(path),
            }
        }
        fields.paths.sort_unstable();
        fields.paths.dedup();
        parameters.set_canonical("fields", &fields);
        Some(fields)
    }

    /// Returns true if anything of a field is selected; other fields need not be fetched.
    #[must_use]
    pub fn selects(&self, name: &str) -> bool {
        let mut paths = self.paths.iter().filter(|path| path.0 == name);
        if self.omit { !paths.any(|path| path.1.is_none()) } else { paths.next().is_some() }
    }

    /// Removes the fields that are not selected.
    pub fn apply(&self, value: &mut Value) {
        let Value::Object(map) = value else { return };
        map.retain(|name, _| self.selects(name));
        for (name, value) in map {
            let below: Option<Vec<&str>> = self.paths.iter().filter(|path| path.0 == name).map(|path| path.1).collect();
            if let Some(below) = below.filter(|below| !below.is_empty()) {
                self.apply_below(value, &below);
            }
        }
    }

    fn apply_below(&self, value: &mut Value, names: &[&str]) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.apply_below(item, names)),
            // A list with a link to its next page.
            Value::Object(map) if map.contains_key("data") => {
                if let Some(data) = map.get_mut("data") {
                    self.apply_below(data, names);
                }
            }
            Value::Object(map) => {
                map.retain(|name, _| name == "children" || names.contains(&name.as_str()) != self.omit);
                if let Some(children) = map.get_mut("children") {
                    self.apply_below(children, names);
                }
            }
            _ => {}
        }
    }
}

/// Writes the value of `fields` in sorted order.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.omit { "-" } else { "" };
        let path = |(name, below): &(&str, Option<&str>)| match below {
            Some(below) => format!("{sign}{name}.{below}"),
            None => format!("{sign}{name}"),
        };
        f.write_str(&self.paths.iter().map(path).collect::<Vec<_>>().join(","))
    }
}

/// Serialises a response as JSON, after `apply` removed the fields that are not selected.
pub(super) fn filtered<T: Serialize>(
    response: &T,
    apply: impl FnOnce(&Fields, &mut Value),
    fields: Option<&Fields>,
) -> Result<Payload, Error> {
    let Some(fields) = fields else { return Payload::json(response) };
    let value = serde_json::to_value(response);
    let mut value = value.map_err(|e| Error::internal("a response cannot be serialised as JSON", e))?;
    apply(fields, &mut value);
    Payload::json(&value)
}

/// Lists every value of `fields`.
fn names(known: Known) -> Vec<String> {
    let path = |(name, children): &(&str, &[&str])| {
        let children: Vec<_> = children.iter().map(|child| format!("{name}.{child}")).collect();
        std::iter::once((*name).to_owned()).chain(children)
    };
    let paths: Vec<String> = known.iter().flat_map(path).collect();
    let omitted: Vec<_> = paths.iter().map(|path| format!("-{path}")).collect();
    paths.into_iter().chain(omitted).collect()
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
            Sample(Fields::read(p, ARTICLE))
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
    fn selected_fields_of_items_apply_to_children() {
        let selected = apply("fields=title,sections.title,related.url", article());
        let expected = json!({
            "title": "t",
            "sections": [{"title": "a", "children": [{"title": "b", "children": []}]}],
            "related": {"data": [{"url": "u"}], "more": null},
        });
        assert_eq!(selected, expected);
    }

    #[test]
    fn omitted_fields_are_removed() {
        let selected = apply("fields=-summary,-related,-sections.html", article());
        let expected =
            json!({"title": "t", "sections": [{"title": "a", "children": [{"title": "b", "children": []}]}]});
        assert_eq!(selected, expected);
    }

    #[test]
    fn unknown_or_mixed_fields_are_refused() {
        for query in ["fields=", "fields=titel", "fields=sections.titel", "fields=title,-summary", "fields=title."] {
            assert!(Parameters::new(query).parse::<Sample>().is_err(), "{query}");
        }
    }

    #[test]
    fn card_has_the_fields_of_an_article_without_parts() {
        assert!(CARD.iter().all(|(name, _)| !["lead", "toc", "sections", "related", "hot"].contains(name)));
        assert_eq!(CARD.len() + 5, ARTICLE.len());
    }
}

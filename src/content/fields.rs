//! The fields of an article beside its text, with the same checks for front matter and for JSON.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::{Href, Locale, Related, Slug, Source, node::Node};

const MAX_LOCALE: usize = 35;
const MAX_LINE: usize = 300;
const MAX_SUMMARY: usize = 2000;
const MAX_REASON: usize = 500;
const MAX_TIME: usize = 40;
const MAX_ITEMS: usize = 100;

/// The names of the fields.
pub(super) const NAMES: [&str; 8] = ["slug", "locale", "title", "questions", "summary", "topics", "source", "related"];

/// The values of the fields; `None` or empty where absent or invalid.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) slug: Option<Slug>,
    pub(super) locale: Locale,
    pub(super) title: Option<String>,
    pub(super) questions: Vec<String>,
    pub(super) summary: Option<String>,
    pub(super) topics: Vec<Slug>,
    pub(super) source: Option<Source>,
    pub(super) related: Vec<Related>,
}

/// Reads the fields of an article from a map whose names were checked.
pub(super) fn read(map: &Node<'_>) -> Fields {
    let (locale, slug) = (map.member("locale"), map.member("slug"));
    Fields {
        locale: locale.line(MAX_LOCALE).and_then(|text| locale.parse(&text)).unwrap_or_default(),
        slug: slug.line(MAX_LINE).and_then(|text| slug.parse(&text)),
        title: map.member("title").line(MAX_LINE),
        questions: list(&map.member("questions"), required_line),
        summary: map.member("summary").line(MAX_SUMMARY),
        topics: topics(&map.member("topics")),
        source: map.member("source").given().and_then(|source| read_source(&source)),
        related: list(&map.member("related"), read_related),
    }
}

/// Reads the items of an optional list; those that are invalid are left out.
fn list<T>(node: &Node<'_>, mut read: impl FnMut(&Node<'_>) -> Option<T>) -> Vec<T> {
    let Some(items) = node.optional_items() else { return Vec::new() };
    if items.len() > MAX_ITEMS {
        node.error(format!("`{}` has more than {MAX_ITEMS} items.", node.path()));
        return Vec::new();
    }
    items.filter_map(|item| read(&item)).collect()
}

/// Reads an item of a list, which cannot be null.
fn required_line(item: &Node<'_>) -> Option<String> {
    item.raw_text()?;
    item.line(MAX_LINE)
}

fn topics(node: &Node<'_>) -> Vec<Slug> {
    let mut seen = HashSet::new();
    list(node, |item| {
        let slug: Slug = item.parse(&required_line(item)?)?;
        if !seen.insert(slug.clone()) {
            item.error(format!("The topic `{slug}` is listed twice; remove one of them."));
            return None;
        }
        Some(slug)
    })
}

/// Reads an absolute `http` or `https` address.
fn external_url(node: &Node<'_>) -> Option<String> {
    let text = node.line(Href::MAX)?;
    let why = match text.parse::<Href>() {
        Ok(href) if href.is_external() => return Some(href.to_string()),
        Ok(_) => "must be an absolute http or https address".to_owned(),
        Err(why) => format!("is not a valid address: {why}"),
    };
    node.error(format!("`{}` {why}.", node.path()));
    None
}

fn read_source(node: &Node<'_>) -> Option<Source> {
    let map = node.map(&["name", "url", "captured_at"])?;
    let (name, captured_at) = (map.member("name"), map.member("captured_at"));
    if name.given().is_none() {
        map.error("`source` needs a `name`.");
    }
    let name = name.line(MAX_LINE);
    let url = external_url(&map.member("url"));
    let captured_at = captured_at.line(MAX_TIME).and_then(|text| {
        let time = parse_time(&text);
        if time.is_none() {
            let path = captured_at.path();
            captured_at.error(format!("`{path}` must be a date or time such as 2024-05-01 or 2024-05-01T08:00:00Z."));
        }
        time
    });
    Some(Source { name: name?, url, captured_at })
}

fn read_related(node: &Node<'_>) -> Option<Related> {
    let map = node.map(&["article", "url", "title", "reason"])?;
    let (article, url) = (map.member("article"), map.member("url"));
    let (slug, title) = (article.line(MAX_LINE), map.member("title").line(MAX_LINE));
    let reason = map.member("reason").line(MAX_REASON);
    match (slug, url.given(), title) {
        (Some(slug), None, None) => Some(Related::Article { article: article.parse(&slug)?, reason }),
        (None, Some(url), Some(title)) => Some(Related::External { url: external_url(&url)?, title, reason }),
        _ => {
            map.error(format!("`{}` needs either `article`, or `url` and `title`.", map.path()));
            None
        }
    }
}

/// Parses a time in RFC 3339, or a date as its midnight in UTC.
fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc())
}

//! Front matter as it is written.

use chrono::SecondsFormat;
use serde::Serialize;

use crate::content::{Document, Locale, Related, Slug};

/// The front matter as it is written: what is empty is left out.
#[derive(Serialize)]
struct Written<'a> {
    slug: &'a Slug,
    locale: &'a Locale,
    title: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    questions: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    topics: &'a [Slug],
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<WrittenSource<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<WrittenRelated<'a>>,
}

#[derive(Serialize)]
struct WrittenSource<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    captured_at: Option<String>,
}

#[derive(Serialize)]
struct WrittenRelated<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    article: Option<&'a Slug>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// The front matter of a document, with its fences.
pub(in super::super) fn write(document: &Document) -> String {
    let related = document.related.iter().map(|related| match related {
        Related::Article { article, reason } => {
            WrittenRelated { article: Some(article), url: None, title: None, reason: reason.as_deref() }
        }
        Related::External { url, title, reason } => {
            WrittenRelated { article: None, url: Some(url), title: Some(title), reason: reason.as_deref() }
        }
    });
    let source = document.source.as_ref().map(|source| WrittenSource {
        name: &source.name,
        url: source.url.as_deref(),
        captured_at: source.captured_at.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
    });
    let written = Written {
        slug: &document.slug,
        locale: &document.locale,
        title: &document.title,
        questions: &document.questions,
        summary: document.summary.as_deref(),
        topics: &document.topics,
        source,
        related: related.collect(),
    };
    // Text, lists and maps with text for keys are all that YAML needs; there is nothing here that it could refuse.
    let yaml = yaml_serde::to_string(&written).unwrap_or_default();
    format!("---\n{yaml}---\n")
}

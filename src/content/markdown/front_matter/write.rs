//! Writes front matter.

use chrono::SecondsFormat;
use serde::Serialize;

use crate::content::{Document, Locale, Related, Slug};

/// The YAML of front matter, without empty fields.
#[derive(Serialize)]
struct FrontMatterYaml<'a> {
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
    source: Option<SourceYaml<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<RelatedYaml<'a>>,
}

#[derive(Serialize)]
struct SourceYaml<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    captured_at: Option<String>,
}

#[derive(Serialize)]
struct RelatedYaml<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    article: Option<&'a Slug>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// Writes the front matter of a document between `---` lines.
pub(in super::super) fn write(document: &Document) -> String {
    let related = document.related.iter().map(|related| match related {
        Related::Article { article, reason } => {
            RelatedYaml { article: Some(article), url: None, title: None, reason: reason.as_deref() }
        }
        Related::External { url, title, reason } => {
            RelatedYaml { article: None, url: Some(url), title: Some(title), reason: reason.as_deref() }
        }
    });
    let source = document.source.as_ref().map(|source| SourceYaml {
        name: &source.name,
        url: source.url.as_deref(),
        captured_at: source.captured_at.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
    });
    let fields = FrontMatterYaml {
        slug: &document.slug,
        locale: &document.locale,
        title: &document.title,
        questions: &document.questions,
        summary: document.summary.as_deref(),
        topics: &document.topics,
        source,
        related: related.collect(),
    };
    // Serialization of these types cannot fail: YAML can express every string, list and map.
    let yaml = yaml_serde::to_string(&fields).unwrap_or_default();
    format!("---\n{yaml}---\n")
}

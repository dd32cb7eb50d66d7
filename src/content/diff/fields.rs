//! What changed above the first heading.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Budget, Segment, block_words, words};
use crate::content::{Document, Locale, Related, Slug, Source};

/// A field of an article that changed, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "field", rename_all = "snake_case")]
pub enum FieldChange {
    /// The language and script of the text.
    Locale {
        /// Before.
        #[schema(value_type = String, example = "zh-Hans")]
        before: Locale,
        /// After.
        #[schema(value_type = String, example = "zh-Hant")]
        after: Locale,
    },
    /// The title.
    Title {
        /// Before.
        #[schema(example = "干细胞回输")]
        before: String,
        /// After.
        #[schema(example = "干细胞回输指南")]
        after: String,
        /// Its words.
        words: Vec<Segment>,
    },
    /// The questions that the article answers.
    Questions {
        /// Before.
        before: Vec<String>,
        /// After.
        after: Vec<String>,
        /// Their words, each question in a line.
        words: Vec<Segment>,
    },
    /// The summary.
    Summary {
        /// Before; `null` where there was none.
        before: Option<String>,
        /// After; `null` where there is none.
        after: Option<String>,
        /// Its words.
        words: Vec<Segment>,
    },
    /// The topics.
    Topics {
        /// Before.
        #[schema(value_type = Vec<String>, example = json!(["stem-cells"]))]
        before: Vec<Slug>,
        /// After.
        #[schema(value_type = Vec<String>, example = json!(["stem-cells", "immunity"]))]
        after: Vec<Slug>,
    },
    /// Where the text comes from.
    Source {
        /// Before; `null` where none was named.
        before: Option<Source>,
        /// After; `null` where none is named.
        after: Option<Source>,
    },
    /// Related reading chosen by the editor.
    Related {
        /// Before.
        before: Vec<Related>,
        /// After.
        after: Vec<Related>,
    },
    /// The text before the first heading.
    Lead {
        /// Its words as Markdown, as it stands in an article file.
        words: Vec<Segment>,
    },
}

/// The fields that differ, in the order of an article file. The slug is none of them: an article that only moves is the
/// same article.
pub(super) fn changes(from: &Document, to: &Document, budget: &mut Budget) -> Vec<FieldChange> {
    /// Both sides, where they differ.
    fn sides<T: Clone + PartialEq>(before: &T, after: &T) -> Option<(T, T)> {
        (before != after).then(|| (before.clone(), after.clone()))
    }
    let mut text = |before: &str, after: &str| words::changed(before, after, budget).unwrap_or_default();
    let mut found = vec![
        sides(&from.locale, &to.locale).map(|(before, after)| FieldChange::Locale { before, after }),
        sides(&from.title, &to.title).map(|(before, after)| FieldChange::Title {
            words: text(&before, &after),
            before,
            after,
        }),
        sides(&from.questions, &to.questions).map(|(before, after)| FieldChange::Questions {
            words: text(&before.join("\n"), &after.join("\n")),
            before,
            after,
        }),
        sides(&from.summary, &to.summary).map(|(before, after)| FieldChange::Summary {
            words: text(before.as_deref().unwrap_or_default(), after.as_deref().unwrap_or_default()),
            before,
            after,
        }),
        sides(&from.topics, &to.topics).map(|(before, after)| FieldChange::Topics { before, after }),
        sides(&from.source, &to.source).map(|(before, after)| FieldChange::Source { before, after }),
        sides(&from.related, &to.related).map(|(before, after)| FieldChange::Related { before, after }),
    ];
    found.push(block_words(&from.lead, &to.lead, budget).map(|words| FieldChange::Lead { words }));
    found.into_iter().flatten().collect()
}

//! The difference of the fields of an article, such as title and questions.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Budget, Segment, diff_blocks, words};
use crate::content::{Document, Locale, Related, Slug, Source};

/// A changed field of an article.
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
        /// Word difference.
        words: Vec<Segment>,
    },
    /// The questions that the article answers.
    Questions {
        /// Before.
        before: Vec<String>,
        /// After.
        after: Vec<String>,
        /// Word difference, one question per line.
        words: Vec<Segment>,
    },
    /// The summary.
    Summary {
        /// Before; `null` where there was none.
        before: Option<String>,
        /// After; `null` where there is none.
        after: Option<String>,
        /// Word difference.
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
    /// The source of the text.
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
        /// Word difference as Markdown.
        words: Vec<Segment>,
    },
}

/// Returns the changed fields in the order of an article file. The slug is left out: moving an article changes no content.
pub(super) fn diff_fields(from: &Document, to: &Document, budget: &mut Budget) -> Vec<FieldChange> {
    /// Returns both values if they differ.
    fn if_changed<T: Clone + PartialEq>(before: &T, after: &T) -> Option<(T, T)> {
        (before != after).then(|| (before.clone(), after.clone()))
    }
    let mut text = |before: &str, after: &str| words::diff_words(before, after, budget).unwrap_or_default();
    let mut changes = vec![
        if_changed(&from.locale, &to.locale).map(|(before, after)| FieldChange::Locale { before, after }),
        if_changed(&from.title, &to.title).map(|(before, after)| FieldChange::Title {
            words: text(&before, &after),
            before,
            after,
        }),
        if_changed(&from.questions, &to.questions).map(|(before, after)| FieldChange::Questions {
            words: text(&before.join("\n"), &after.join("\n")),
            before,
            after,
        }),
        if_changed(&from.summary, &to.summary).map(|(before, after)| FieldChange::Summary {
            words: text(before.as_deref().unwrap_or_default(), after.as_deref().unwrap_or_default()),
            before,
            after,
        }),
        if_changed(&from.topics, &to.topics).map(|(before, after)| FieldChange::Topics { before, after }),
        if_changed(&from.source, &to.source).map(|(before, after)| FieldChange::Source { before, after }),
        if_changed(&from.related, &to.related).map(|(before, after)| FieldChange::Related { before, after }),
    ];
    changes.push(diff_blocks(&from.lead, &to.lead, budget).map(|words| FieldChange::Lead { words }));
    changes.into_iter().flatten().collect()
}

//! The form as a type: what is written, and what the description of the API says of what is read.

use serde::Serialize;
use utoipa::ToSchema;

use crate::content::{
    Anchor, Block, Document, Locale, Related, Section, Slug, Source, markdown, name::replace_article_links,
};

/// How the text of an article is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextLayout {
    /// One Markdown text with headings, as an article file has it.
    #[default]
    Single,
    /// Sections, each with its own text as Markdown.
    Markdown,
    /// Sections, each with its own text as a typed tree.
    Blocks,
}

impl TextLayout {
    /// The words for it.
    pub const WORDS: &'static [(&'static str, TextLayout)] =
        &[("whole", TextLayout::Single), ("markdown", TextLayout::Markdown), ("blocks", TextLayout::Blocks)];
}

/// An article, as it is sent and answered. The text is either in `markdown`, or in `lead` and `sections`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "title": "脐带血是什么？",
    "questions": ["脐带血是什么？"],
    "topics": ["haematology"],
    "source": {"name": "示例网站", "url": "https://example.org/cord"},
    "related": [{"article": "haematopoietic-stem-cells", "reason": "先读这一篇。"}],
    "lead": {"markdown": "脐带血是分娩后留在脐带和胎盘里的血。"},
    "sections": [{
        "anchor": "origin",
        "label": "一、",
        "title": "来源",
        "markdown": "见[造血干细胞](haematopoietic-stem-cells.md)。",
        "children": [{"title": "采集", "blocks": [
            {"type": "paragraph", "content": [{"type": "text", "text": "采集不伤母婴。", "marks": []}]}
        ]}]
    }]
}))]
pub struct ArticleJson {
    /// The article's slug; that of the address, if it is there.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "cord-blood")]
    pub slug: Option<Slug>,
    /// The language and script of the text; `zh-Hans` unless given.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "zh-Hans")]
    pub locale: Option<Locale>,
    /// The title, one line of at most 300 characters.
    #[schema(example = "脐带血是什么？")]
    pub title: String,
    /// The questions that the article answers: at most 100, each one line of at most 300 characters.
    #[serde(default)]
    pub questions: Option<Vec<String>>,
    /// A summary in one line of at most 2000 characters; else one is taken from the lead.
    #[serde(default)]
    pub summary: Option<String>,
    /// Slugs of topics, without repetition, at most 100.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub topics: Option<Vec<Slug>>,
    /// Where the text comes from.
    #[serde(default)]
    pub source: Option<Source>,
    /// Related reading, at most 100.
    #[serde(default)]
    pub related: Option<Vec<RelatedJson>>,
    /// The whole text as Markdown with headings, as an article file has it below its front matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "导语。\n\n## 一、来源 {#origin}\n\n正文。\n")]
    pub markdown: Option<String>,
    /// The text before the first section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<TextJson>,
    /// The sections, in reading order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sections: Option<Vec<SectionJson>>,
}

/// A text in one of two forms.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextJson {
    /// Markdown without headings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "脐带血是分娩后留在脐带和胎盘里的血。")]
    pub markdown: Option<String>,
    /// The typed tree, as `format=blocks` answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Vec<Block>>,
}

/// A section with its own text, in one of the two forms, and what stands below it. `id`, `number`, `level`,
/// `characters` and `hash` may be there, as the public API delivers them, and mean nothing.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SectionJson {
    /// Its address within the article; else one is made of its title, or kept from what it was before.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "origin")]
    pub anchor: Option<Anchor>,
    /// The numbering printed before the title.
    #[serde(default)]
    #[schema(example = "一、")]
    pub label: Option<String>,
    /// Its title without the label, one line; empty only where there is a label. 300 characters with it at most.
    #[schema(example = "来源")]
    pub title: String,
    /// Its own text as Markdown without headings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
    /// Its own text as the typed tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Vec<Block>>,
    /// The sections below it; six levels in all.
    #[serde(default)]
    #[schema(no_recursion)]
    pub children: Option<Vec<SectionJson>>,
    /// Taken and not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Taken and not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Taken and not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
    /// Taken and not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characters: Option<u32>,
    /// Taken and not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// One entry of related reading: either `article`, or `url` and `title`.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RelatedJson {
    /// The slug of an article of this library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "haematopoietic-stem-cells")]
    pub article: Option<Slug>,
    /// The absolute address of a page elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What to call that page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Why it is here.
    #[serde(default)]
    #[schema(example = "先读这一篇。")]
    pub reason: Option<String>,
}

/// A document in its JSON form, with the text in the form `form`: [`read`](super::read()) gives back the same document.
/// With [`TextLayout::Blocks`] only where there are not more than a million values or 16 MiB, which no other form comes near.
///
/// Links to articles are `slug.md` in the one text of [`TextLayout::Single`], as in a file, and else `/v1/articles/slug`, as
/// the public API has them.
#[must_use]
pub fn write(document: &Document, form: TextLayout) -> String {
    // JSON of these types cannot fail: every key is a string.
    let json = serde_json::to_string(&ArticleJson::new(document, form)).unwrap_or_default();
    replace_article_links(&json, |link| format!("/v1/articles/{link}"))
}

impl ArticleJson {
    /// A document with its links in their stored form.
    fn new(document: &Document, form: TextLayout) -> ArticleJson {
        let is_single = form == TextLayout::Single;
        let (markdown, blocks) = text(&document.lead, form);
        ArticleJson {
            slug: Some(document.slug.clone()),
            locale: Some(document.locale.clone()),
            title: document.title.clone(),
            questions: Some(document.questions.clone()),
            summary: document.summary.clone(),
            topics: Some(document.topics.clone()),
            source: document.source.clone(),
            related: Some(document.related.iter().map(RelatedJson::new).collect()),
            markdown: is_single.then(|| markdown::write_body(document).trim_start_matches('\n').to_owned()),
            lead: (!is_single).then_some(TextJson { markdown, blocks }),
            sections: (!is_single).then(|| sections(&document.sections, form)),
        }
    }
}

impl RelatedJson {
    fn new(related: &Related) -> RelatedJson {
        let none = RelatedJson::default();
        match related.clone() {
            Related::Article { article, reason } => RelatedJson { article: Some(article), reason, ..none },
            Related::External { url, title, reason } => {
                RelatedJson { url: Some(url), title: Some(title), reason, ..none }
            }
        }
    }
}

/// Blocks as Markdown or as they are.
fn text(blocks: &[Block], form: TextLayout) -> (Option<String>, Option<Vec<Block>>) {
    match form {
        TextLayout::Single => (None, None),
        TextLayout::Markdown => (Some(markdown::blocks(blocks)), None),
        TextLayout::Blocks => (None, Some(blocks.to_vec())),
    }
}

fn sections(list: &[Section], form: TextLayout) -> Vec<SectionJson> {
    let section = |section: &Section| {
        let (markdown, blocks) = text(&section.blocks, form);
        SectionJson {
            anchor: section.anchor.clone(),
            label: section.label.clone(),
            title: section.title.clone(),
            markdown,
            blocks,
            children: Some(sections(&section.children, form)),
            id: None,
            number: None,
            level: None,
            characters: None,
            hash: None,
        }
    };
    list.iter().map(section).collect()
}

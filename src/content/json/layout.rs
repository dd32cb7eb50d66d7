//! The JSON types of an article: the schema of what [`read`](super::read()) accepts, and the output of [`write()`].

use serde::Serialize;
use utoipa::ToSchema;

use crate::content::{
    Anchor, Block, Document, Locale, Related, Section, Slug, Source, markdown, name::replace_article_links,
};

/// The layout of the text in the JSON of an article.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextLayout {
    /// One Markdown text with headings, as in an article file.
    #[default]
    Single,
    /// Sections with Markdown texts.
    Markdown,
    /// Sections with blocks.
    Blocks,
}

impl TextLayout {
    /// Every layout.
    pub const ALL: [TextLayout; 3] = [TextLayout::Single, TextLayout::Markdown, TextLayout::Blocks];
}

/// An article in requests and responses. The text is either in `markdown`, or in `lead` and `sections`.
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
    /// The slug of the article; if given, the same as in the URL.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "cord-blood")]
    pub slug: Option<Slug>,
    /// The language and script of the text; `zh-Hans` by default.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "zh-Hans")]
    pub locale: Option<Locale>,
    /// The title: one line of at most 300 characters.
    #[schema(example = "脐带血是什么？")]
    pub title: String,
    /// The questions that the article answers: at most 100, one line of at most 300 characters each.
    #[serde(default)]
    pub questions: Option<Vec<String>>,
    /// The summary: one line of at most 2000 characters. By default it is taken from the lead.
    #[serde(default)]
    pub summary: Option<String>,
    /// The slugs of at most 100 topics, each once.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub topics: Option<Vec<Slug>>,
    /// The source of the text.
    #[serde(default)]
    pub source: Option<Source>,
    /// The related reading: at most 100 items.
    #[serde(default)]
    pub related: Option<Vec<RelatedJson>>,
    /// The complete text as Markdown with headings, as in an article file after its front matter.
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

/// A text, either as Markdown or as blocks.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextJson {
    /// Markdown without headings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "脐带血是分娩后留在脐带和胎盘里的血。")]
    pub markdown: Option<String>,
    /// The typed tree, as `format=blocks` returns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Vec<Block>>,
}

/// A section with its text, either as Markdown or as blocks, and its subsections. The members `id`, `number`, `level`,
/// `characters` and `hash`, which the public API returns, are accepted and ignored.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SectionJson {
    /// The anchor in the article. By default the section keeps its previous anchor, or gets one derived from its title.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "origin")]
    pub anchor: Option<Anchor>,
    /// The numbering printed before the title.
    #[serde(default)]
    #[schema(example = "一、")]
    pub label: Option<String>,
    /// The title without the label: one line, at most 300 characters with the label; empty only with a label.
    #[schema(example = "来源")]
    pub title: String,
    /// The text as Markdown without headings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
    /// The text as the typed tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Vec<Block>>,
    /// The subsections; at most six levels in total.
    #[serde(default)]
    #[schema(no_recursion)]
    pub children: Option<Vec<SectionJson>>,
    /// Ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
    /// Ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characters: Option<u32>,
    /// Ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// An item of related reading: either `article`, or `url` and `title`.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RelatedJson {
    /// The slug of an article of this library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "haematopoietic-stem-cells")]
    pub article: Option<Slug>,
    /// The absolute URL of a page on another site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The title of that page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The reason for the choice, for readers.
    #[serde(default)]
    #[schema(example = "先读这一篇。")]
    pub reason: Option<String>,
}

/// Writes a document as JSON, from which [`read`](super::read()) returns the same document. Only [`TextLayout::Blocks`] can
/// exceed the limits of `read`, a million values or 16 MiB.
///
/// Links to articles are `slug.md` in [`TextLayout::Single`], as in a file, and otherwise `/v1/articles/slug`, as in the
/// public API.
#[must_use]
pub fn write(document: &Document, layout: TextLayout) -> String {
    // Serialization of these types cannot fail: every key is a string.
    let json = serde_json::to_string(&ArticleJson::new(document, layout)).unwrap_or_default();
    replace_article_links(&json, |link| format!("/v1/articles/{link}"))
}

impl ArticleJson {
    /// Converts a document; links keep their stored form.
    fn new(document: &Document, layout: TextLayout) -> ArticleJson {
        let is_single = layout == TextLayout::Single;
        let (markdown, blocks) = text(&document.lead, layout);
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
            sections: (!is_single).then(|| sections(&document.sections, layout)),
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

/// Returns blocks as Markdown or unchanged.
fn text(blocks: &[Block], layout: TextLayout) -> (Option<String>, Option<Vec<Block>>) {
    match layout {
        TextLayout::Single => (None, None),
        TextLayout::Markdown => (Some(markdown::blocks(blocks)), None),
        TextLayout::Blocks => (None, Some(blocks.to_vec())),
    }
}

fn sections(list: &[Section], layout: TextLayout) -> Vec<SectionJson> {
    let section = |section: &Section| {
        let (markdown, blocks) = text(&section.blocks, layout);
        SectionJson {
            anchor: section.anchor.clone(),
            label: section.label.clone(),
            title: section.title.clone(),
            markdown,
            blocks,
            children: Some(sections(&section.children, layout)),
            id: None,
            number: None,
            level: None,
            characters: None,
            hash: None,
        }
    };
    list.iter().map(section).collect()
}

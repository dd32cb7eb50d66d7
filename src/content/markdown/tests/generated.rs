//! Properties over generated texts and documents.

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::content::{Align, CalloutKind, Cell, Href, Inline, ListItem, Locale, Mark, Related, Section, Source};

/// Generates Markdown markup with text between.
pub(in crate::content) fn markdown() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ \n\\\\`*_\\[\\]()<>&~!#|:{}.+=a1中文。，（）\"'-]",
        2 => prop::sample::select(vec![
            "**", "~~", "~", "[^a]", "[^a]: ", "\n> ", "\n- ", "\n1. ", "\n2) ", "\n```\n", "\n\n", "\n    ", "\n  ",
            "&#32;", "&#10;", "&amp;", "&lt;", "\n| a | b |\n|--|:-:|\n| ", "\n## ", "\n# ", "\nx\n===\n", "[x](y.md)",
            "[x]: /u 't'\n", "<b>", "</b>", "<!-- ", "-->", "\n<div>\n", "> [!NOTE] ", "　", "\u{a0}", "é", "🙂", "“",
            "\u{fe0f}", "![a](b.png)", "<https://a.b>", "<javascript:x>", "\\\n", "  \n", "{#a}", "一、", "***", "\n___\n",
            "javascript:", "](javascript:x)", "onload=\"x\"", "\t", "ﾞ", "가", "①", "€",
        ]).prop_map(str::to_owned),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Returns true if all tags and attributes are those that `html` writes.
fn is_safe(html: &str) -> bool {
    const TAGS: [&str; 23] = [
        "p",
        "ul",
        "ol",
        "li",
        "blockquote",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "figure",
        "img",
        "pre",
        "code",
        "aside",
        "hr",
        "sup",
        "a",
        "strong",
        "em",
        "del",
        "br",
    ];
    const ATTRIBUTES: [&str; 10] = ["href", "rel", "title", "src", "alt", "loading", "class", "id", "role", "start"];
    html.split('<').skip(1).all(|rest| {
        let Some((tag, _)) = rest.split_once('>') else {
            return false;
        };
        let tag = tag.strip_prefix('/').unwrap_or(tag);
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        if !TAGS.contains(&name) {
            return false;
        }
        while !rest.is_empty() {
            let Some((attribute, after)) = rest.split_once("=\"") else {
                return false;
            };
            let Some((value, after)) = after.split_once('"') else {
                return false;
            };
            let lower = value.trim().to_ascii_lowercase();
            let runs = ["javascript:", "vbscript:", "data:"].iter().any(|scheme| lower.starts_with(scheme));
            if !ATTRIBUTES.contains(&attribute) || matches!(attribute, "href" | "src") && runs {
                return false;
            }
            rest = after.trim_start();
        }
        true
    })
}

fn words() -> impl Strategy<Value = String> {
    "[ a1中（），。“*_`~\\\\\\[\\]()<>&#!|:{}=+.;é€①🙂\u{a0}\u{fe0f}　\"'-]{1,8}"
}

fn line() -> impl Strategy<Value = String> {
    words().prop_map(|text| text.trim().to_owned()).prop_filter("empty", |text| !text.is_empty())
}

fn text() -> impl Strategy<Value = Inline> {
    let marks = prop::sample::subsequence(vec![Mark::Emphasis, Mark::Strong, Mark::Strikethrough, Mark::Code], 0..=4);
    (words(), marks).prop_map(|(text, marks)| Inline::Text { text, marks })
}

fn href() -> impl Strategy<Value = Href> {
    "(https://a.b/|/|#|\\./|mailto:|tel:)?[a-z()&;?=%中*_~!\\[\\]]{1,8}(\\.md)?(#[a-z]{1,3})?"
        .prop_filter_map("no address", |text| text.parse().ok())
}

fn image() -> impl Strategy<Value = (String, String, Option<String>)> {
    let src = "[a-z()&;?=%/*_!]{1,8}".prop_filter_map("no image", |text| Href::image_source(&text).ok());
    (src, option::of(line()).prop_map(Option::unwrap_or_default), option::of(line()))
}

/// Normalizes inlines independently of the reader.
fn normalized(content: Vec<Inline>, breaks: bool) -> Vec<Inline> {
    let mut out: Vec<Inline> = Vec::new();
    for inline in content {
        match (inline, out.last_mut()) {
            (Inline::Text { text, marks }, Some(Inline::Text { text: before, marks: same })) if *same == marks => {
                before.push_str(&text);
            }
            (Inline::LineBreak, _) if !breaks => {}
            (inline, _) => out.push(inline),
        }
    }
    let edge = |inline: Option<&Inline>| matches!(inline, None | Some(Inline::LineBreak));
    let has_outer_space = |place: usize, out: &[Inline]| {
        let before = place.checked_sub(1).and_then(|before| out.get(before));
        match &out[place] {
            Inline::Text { text, marks } if !marks.contains(&Mark::Code) => {
                edge(before) && text.starts_with(' ') || edge(out.get(place + 1)) && text.ends_with(' ')
            }
            Inline::LineBreak => before.is_none() || out.get(place + 1).is_none(),
            _ => false,
        }
    };
    if let Some(place) = (0..out.len()).find(|place| has_outer_space(*place, &out)) {
        out.remove(place);
        return normalized(out, breaks);
    }
    out
}

fn inlines(breaks: bool) -> impl Strategy<Value = Vec<Inline>> {
    let in_link = vec(text(), 1..3).prop_map(|content| normalized(content, false));
    let link = (href(), option::of(line()), in_link)
        .prop_filter("empty", |(_, _, content)| !content.is_empty())
        .prop_map(|(href, title, content)| Inline::Link { href, title, content });
    let inline = prop_oneof![
        6 => text(),
        1 => link,
        1 => image().prop_map(|(src, alt, title)| Inline::Image { src, alt, title }),
        1 => Just(Inline::LineBreak),
    ];
    vec(inline, 0..6).prop_map(move |content| normalized(content, breaks))
}

/// Removes backslashes from code: GitHub's tables cannot express one before a pipe.
fn without_escaped_pipes(mut content: Vec<Inline>) -> Vec<Inline> {
    for inline in &mut content {
        match inline {
            Inline::Text { text, marks } if marks.contains(&Mark::Code) => *text = text.replace('\\', "/"),
            Inline::Link { content, .. } => *content = without_escaped_pipes(std::mem::take(content)),
            _ => {}
        }
    }
    content
}

fn block() -> impl Strategy<Value = Block> {
    let paragraph = inlines(true)
        .prop_filter("not a paragraph", |content| !matches!(content.as_slice(), [] | [Inline::Image { .. }]))
        .prop_map(|content| Block::Paragraph { content });
    let row = || vec(inlines(false).prop_map(|content| Cell { content: without_escaped_pipes(content) }), 2);
    let aligns = vec(prop::sample::select(vec![Align::None, Align::Left, Align::Center, Align::Right]), 2);
    let table = (aligns, row(), vec(row(), 0..3)).prop_map(|(align, head, rows)| Block::Table { align, head, rows });
    let code =
        (option::of("[a-z+#]{1,5}"), "[ a`~\n\t>#-]{0,12}").prop_map(|(language, text)| Block::Code { language, text });
    let leaf = prop_oneof![
        6 => paragraph,
        1 => table,
        1 => code,
        1 => image().prop_map(|(src, alt, title)| Block::Image { src, alt, title }),
        1 => Just(Block::ThematicBreak),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let kinds = vec![
            CalloutKind::Note,
            CalloutKind::Tip,
            CalloutKind::Important,
            CalloutKind::Warning,
            CalloutKind::Caution,
        ];
        let item = vec(inner.clone(), 0..3).prop_map(|content| ListItem { content });
        let list = (any::<bool>(), 0..1_000_000_000_u32, any::<bool>(), vec(item, 1..4));
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(|content| Block::Quote { content }),
            (prop::sample::select(kinds), option::of(line()), vec(inner, 0..3))
                .prop_map(|(kind, title, content)| Block::Callout { kind, title, content }),
            list.prop_map(|(ordered, start, tight, items)| {
                let tight = block::tightness(tight, &items);
                Block::List { ordered, start: if ordered { start } else { 1 }, tight, items }
            }),
        ]
    })
}

pub(in crate::content) fn document() -> impl Strategy<Value = Document> {
    let section = (line(), vec(block(), 0..4)).prop_map(|(heading, blocks)| {
        let (label, title) = label::split(&heading);
        Section { anchor: None, label, title: title.trim().to_owned(), blocks, children: Vec::new() }
    });
    let source = (line(), 0..4_000_000_000_i64, 0..1_000_000_000_u32).prop_map(|(name, seconds, nanos)| Source {
        name,
        url: Some("https://example.org/?a=b&c: d".parse::<Href>().unwrap().to_string()),
        captured_at: chrono::DateTime::from_timestamp(seconds, nanos),
    });
    let related = option::of(line()).prop_map(|reason| Related::External {
        url: "https://example.org/#x".into(),
        title: "yes".into(),
        reason,
    });
    let head = (line(), vec(line(), 0..3), option::of(line()), option::of(source), vec(related, 0..2));
    (head, vec(block(), 0..4), vec(section, 0..4)).prop_map(
        |((title, questions, summary, source, related), lead, mut sections)| {
            // A tree: the second section is the child of the first.
            if sections.len() > 2 {
                let child = sections.remove(1);
                sections[0].children.push(child);
            }
            let mut document = Document {
                slug: "a".parse().unwrap(),
                locale: Locale::default(),
                title,
                questions,
                summary,
                topics: vec!["t-1".parse().unwrap()],
                source,
                related,
                lead,
                sections,
            };
            outline::fill_anchors(&mut document, &|_| false);
            document
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn markdown_round_trips(text in markdown()) {
        if let Ok(read) = read(&format!("---\nslug: a\ntitle: T\n---\n{text}"), None) {
            assert_round_trip(&read.document);
        }
    }

    #[test]
    fn files_are_read_or_refused(file in "(---\n)?(title: )?\\PC{0,40}|.{0,60}|(?s:.){0,60}") {
        if let Ok(read) = read(&file, Some("a")) {
            assert_round_trip(&read.document);
        }
    }

    #[test]
    fn documents_round_trip(document in document()) {
        assert_round_trip(&document);
    }

    #[test]
    fn html_is_safe(text in markdown(), document in document()) {
        if let Ok(read) = read(&format!("---\nslug: a\ntitle: T\n---\n{text}"), None) {
            let html = html::blocks(&read.document.lead);
            prop_assert!(is_safe(&html), "{}", html);
        }
        let html = html::blocks(&document.lead);
        prop_assert!(is_safe(&html), "{}", html);
    }
}

use serde_json::{Value as Json, json};

use super::*;
use crate::content::{Anchor, Block, Inline, Mark, bounded::MAX_DIAGNOSTICS, outline};

mod generated;
mod invalid;
mod schema;

fn slug() -> Slug {
    "a".parse().unwrap()
}

fn read_json(body: &Json) -> Result<Parsed<Diagnostic>, InvalidBody> {
    read(body.to_string().as_bytes(), &slug())
}

fn document(body: &Json) -> Document {
    match read_json(body) {
        Ok(read) => read.document,
        Err(refused) => panic!("{refused:?}"),
    }
}

fn errors(body: &Json) -> Vec<String> {
    match read_json(body) {
        Ok(read) => panic!("no error in {read:?}"),
        Err(InvalidBody::Content(errors)) => errors.iter().map(ToString::to_string).collect(),
        Err(refused) => panic!("{refused:?}"),
    }
}

fn lead(blocks: &Json) -> Vec<Block> {
    document(&json!({"title": "T", "lead": {"blocks": blocks}})).lead
}

fn text(text: &str) -> Json {
    json!({"type": "text", "text": text, "marks": []})
}

fn paragraph(words: &str) -> Json {
    json!({"type": "paragraph", "content": [text(words)]})
}

/// Asserts that the document round-trips in every layout.
fn assert_round_trip(document: &Document) {
    for layout in TextLayout::ALL {
        let body = write(document, layout);
        match read(body.as_bytes(), &document.slug) {
            Ok(again) => {
                assert_eq!(&again.document, document, "\n{body}");
                assert_eq!(outline::document_hash(&again.document), outline::document_hash(document));
                assert_eq!(write(&again.document, layout), body);
            }
            Err(refused) => panic!("{refused:?} of {layout:?} in\n{body}"),
        }
    }
}

#[test]
fn article_with_lead_and_sections_gives_an_article_file() {
    let body = json!({
        "slug": "a", "locale": "en", "title": " 干细胞\n", "questions": ["是什么？"], "summary": null, "topics": ["t"],
        "source": {"name": "某站", "captured_at": "2024-05-01"},
        "related": [{"article": "b", "reason": null}, {"url": "https://example.org/", "title": "外部"}],
        "lead": {"markdown": "导语[^n]\n"},
        "sections": [
            {"anchor": "concept", "label": "一、", "title": "概念", "id": 1, "hash": [], "level": null, "number": "1",
             "characters": 0, "blocks": [paragraph("正文"), {"type": "footnote", "label": "n", "content": [paragraph("注")]}],
             "children": [{"title": "一、小节"}, {"label": "1.", "title": ""}]},
            {"title": "原理", "markdown": "见 [b](/v1/articles/b#x)", "children": null},
        ],
    });
    let made = document(&body);
    let file = markdown::write(&made);
    let body = "---\n\n导语[^n]\n\n[^n]: 注\n\n## 一、概念 {#concept}\n\n正文\n\n### &#19968;、小节\n\n### 1.\n\n## 原理\n\n见 [b](b.md#x)\n";
    assert!(file.ends_with(body), "{file}");
    assert_eq!((made.title.as_str(), made.locale.as_str()), ("干细胞", "en"));
    assert!(made.source.is_some_and(|source| source.captured_at.is_some()));
    assert_round_trip(&document(&json!({"title": "T"})));
}

#[test]
fn single_markdown_gives_sections_and_warnings() {
    let read =
        read_json(&json!({"title": "T", "markdown": "---\n\n# 一、a\u{1} {#x}\n\n<b>\n\n## b\n```\nopen"})).unwrap();
    assert_eq!(read.document.sections.len(), 1);
    assert_eq!(read.document.sections[0].children.len(), 1);
    let found: Vec<String> = read.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "/markdown 1 control or other forbidden characters were removed.",
            "/markdown line 5, column 1: HTML is shown as text; use Markdown instead.",
        ]
    );
    assert_round_trip(&read.document);
}

#[test]
fn invalid_json_gives_a_syntax_error_with_position() {
    for (body, line, column) in [
        (&b"{\"title\":\n  x}"[..], 2, 3),
        (b"", 1, 0),
        (b"{\"title\": \"a\"} x", 1, 16),
        (b"{\"title\": \"a", 1, 12),
        (b"{\"title\": \"\xFF\"}", 1, 12),
        (b"{\"title\": \"\\ud800\"}", 1, 18),
        (b"{\"title\": \"\0\"}", 1, 12),
        (b"{\"title\": 1e999}", 1, 15),
        (b"\xEF\xBB\xBF{}", 1, 1),
        (b"{\"a\": NaN}", 1, 7),
    ] {
        match read(body, &slug()) {
            Err(InvalidBody::Syntax { line: l, column: c, message }) => {
                assert_eq!((l, c), (line, column), "{body:?} {message}");
                assert!(!message.is_empty() && !message.contains(" line "), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn blocks_are_normalized_as_markdown() {
    let marked = |text: &str, marks: &[&str]| json!({"type": "text", "text": text, "marks": marks});
    let content = json!([
        text(" "), {"type": "line_break"}, text("\ta"), text(""), text("b "), {"type": "line_break"}, text(" c"),
        marked("d", &["code", "strong", "code"]), {"type": "link", "href": "./b.md", "title": " ", "content": [text("x"), text("y")]}, text(" ")
    ]);
    // The title of a link is one line with text, or none.
    let mut content = content;
    content[8]["title"] = Json::Null;
    let made = lead(&json!([{"type": "paragraph", "content": content}]));
    let [Block::Paragraph { content }] = made.as_slice() else { panic!("{made:?}") };
    let plain = |text: &str| Inline::Text { text: text.to_owned(), marks: Vec::new() };
    assert_eq!(content[..3], [plain("ab"), Inline::LineBreak, plain("c")]);
    assert_eq!(content[3], Inline::Text { text: "d".to_owned(), marks: vec![Mark::Strong, Mark::Code] });
    assert!(matches!(&content[4], Inline::Link { content, .. } if *content == [plain("xy")]), "{content:?}");
    assert_eq!(content.len(), 5);
    let made = lead(&json!([
        {"type": "paragraph", "content": [{"type": "image", "src": "a b.png", "alt": " a\nb ", "title": null}]},
        {"type": "list", "ordered": false, "start": 7, "tight": true, "items": [{"content": [paragraph("a"), paragraph("b")]}]},
        {"type": "code", "language": null, "text": "a\r\nb\t\r"},
    ]));
    assert_eq!(made[0], Block::Image { src: "a%20b.png".to_owned(), alt: "a b".to_owned(), title: None });
    assert!(matches!(made[1], Block::List { start: 1, tight: false, .. }), "{made:?}");
    assert_eq!(made[2], Block::Code { language: None, text: "a\nb\t\n".to_owned() });
}

#[test]
fn footnotes_move_to_the_section_of_their_first_reference() {
    let reference = |label: &str| json!({"type": "paragraph", "content": [text("a"), {"type": "footnote_reference", "label": label}]});
    let note = |label: &str| json!({"type": "footnote", "label": label, "content": [reference("c")]});
    let read = read_json(&json!({"title": "T", "lead": {"blocks": [note("un"), reference("B")]}, "sections": [
        {"title": "a", "markdown": "[^n]\n\n[^c]: c"},
        {"title": "b", "blocks": [note("n"), paragraph("x"), note("B")]},
    ]}))
    .unwrap();
    let labels = |blocks: &[Block]| -> Vec<String> {
        blocks
            .iter()
            .filter_map(|block| if let Block::Footnote { label, .. } = block { Some(label.clone()) } else { None })
            .collect()
    };
    assert_eq!(labels(&read.document.lead), ["B", "c", "un"]);
    assert_eq!(labels(&read.document.sections[0].blocks), ["n"]);
    assert_eq!(read.document.sections[1].blocks.len(), 1);
    assert_eq!(read.warnings.len(), 1, "{:?}", read.warnings);
    assert_eq!(read.warnings[0].pointer, "/lead/blocks");
    assert_round_trip(&read.document);
}

#[test]
fn hostile_bodies_are_refused_with_bounded_errors() {
    let list = |depth: usize| {
        let open = r#"{"type":"list","ordered":false,"start":1,"tight":true,"items":[{"content":["#.repeat(depth);
        format!(r#"{{"title":"T","lead":{{"blocks":[{open}{}{}]}}}}"#, paragraph("a"), "]}]}".repeat(depth))
    };
    assert_round_trip(&read(list(markdown::MAX_NESTING).as_bytes(), &slug()).unwrap().document);
    for body in [
        list(markdown::MAX_NESTING + 1),
        list(100),
        list(10_000),
        format!("{}1{}", "[".repeat(500_000), "]".repeat(500_000)),
        format!(r#"{{"title":{}1{}}}"#, r#"{"title":"#.repeat(100_000), "}".repeat(100_000)),
        format!(
            r#"{{"title":"T","sections":{}{}}}"#,
            r#"[{"title":"a","children":"#.repeat(90_000),
            "[]".to_owned() + &"}]".repeat(90_000)
        ),
        format!(r#"{{"title":"T","id":[{}0]}}"#, "0,".repeat(value::MAX_VALUES)),
        format!(r#"{{"title":"T","lead":{{"blocks":[{}0]}}}}"#, "{},".repeat(300_000)),
        format!(r#"{{{}"title":"T"}}"#, r#""a":1,"#.repeat(300_000)),
        format!(r#"{{"title":"T","markdown":"{}"}}"#, "a".repeat(markdown::MAX_BYTES + 1)),
        format!(r#"{{"title":"T","markdown":"{}"}}"#, ">".repeat(5_000) + &"*a **a ".repeat(60_000)),
        format!(
            r#"{{"title":"T","lead":{{"blocks":[{{"type":"list","ordered":true,"tight":true,"start":{},"items":[]}}]}}}}"#,
            "9".repeat(100)
        ),
        " ".repeat(MAX_BYTES + 1),
    ] {
        match read(body.as_bytes(), &slug()) {
            Err(InvalidBody::Content(errors)) => assert!(!errors.is_empty() && errors.len() <= MAX_DIAGNOSTICS + 1),
            other => panic!("{other:?}"),
        }
    }
    let Err(InvalidBody::Content(found)) = read(list(markdown::MAX_NESTING + 1).as_bytes(), &slug()) else { panic!() };
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].pointer, format!("/lead/blocks/0{}", "/items/0/content/0".repeat(markdown::MAX_NESTING)));
    assert_round_trip(&document(&json!({"title": "T", "lead": {"blocks": [paragraph(&"[`]: *".repeat(20_000))]}})));
}

#[test]
fn anchors_are_kept_and_titles_are_not_parsed_for_them() {
    let made = document(&json!({"title": "T", "sections": [{"title": "{#y}", "anchor": "x"}, {"title": "a {#z}"}]}));
    assert_eq!(made.sections[0].anchor.as_ref().map(Anchor::as_str), Some("x"));
    assert_eq!((made.sections[1].anchor.as_ref(), made.sections[1].title.as_str()), (None, "a {#z}"));
}

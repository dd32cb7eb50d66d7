use serde_json::{Value as Json, json};

use super::*;
use crate::content::{Anchor, Block, Inline, Mark, outline};

mod form;
mod generated;

fn slug() -> Slug {
    "a".parse().unwrap()
}

fn sent(body: &Json) -> Result<Read, Refused> {
    read(body.to_string().as_bytes(), &slug())
}

fn document(body: &Json) -> Document {
    match sent(body) {
        Ok(read) => read.document,
        Err(refused) => panic!("{refused:?}"),
    }
}

fn faults(body: &Json) -> Vec<String> {
    match sent(body) {
        Ok(read) => panic!("no fault in {read:?}"),
        Err(Refused::Content(faults)) => faults.iter().map(ToString::to_string).collect(),
        Err(refused) => panic!("{refused:?}"),
    }
}

/// The faults of blocks that stand as the lead, without the beginning of their pointers.
fn block_faults(blocks: &Json) -> Vec<String> {
    let told = faults(&json!({"title": "T", "lead": {"blocks": blocks}}));
    told.into_iter().map(|fault| fault.strip_prefix("/lead/blocks").unwrap_or(&fault).to_owned()).collect()
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

/// The document comes back from its JSON the same, in each form.
fn survives(document: &Document) {
    for (_, form) in Form::WORDS {
        let body = write(document, *form);
        match read(body.as_bytes(), &document.slug) {
            Ok(again) => {
                assert_eq!(&again.document, document, "\n{body}");
                assert_eq!(outline::document_hash(&again.document), outline::document_hash(document));
                assert_eq!(write(&again.document, *form), body);
            }
            Err(refused) => panic!("{refused:?} of {form:?} in\n{body}"),
        }
    }
}

#[test]
fn a_whole_article() {
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
    survives(&document(&json!({"title": "T"})));
}

#[test]
fn one_markdown_text() {
    let read = sent(&json!({"title": "T", "markdown": "---\n\n# 一、a\u{1} {#x}\n\n<b>\n\n## b\n```\nopen"})).unwrap();
    assert_eq!(read.document.sections.len(), 1);
    assert_eq!(read.document.sections[0].children.len(), 1);
    let told: Vec<String> = read.remarks.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "/markdown 1 characters that may not stand in a text were left out (control characters and such).",
            "/markdown line 5, column 1: HTML is shown as text.",
        ]
    );
    survives(&read.document);
}

#[test]
fn what_is_no_json_is_told_apart() {
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
            Err(Refused::Syntax { line: l, column: c, message }) => {
                assert_eq!((l, c), (line, column), "{body:?} {message}");
                assert!(!message.is_empty() && !message.contains(" line "), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn faults_of_fields() {
    for (body, expected) in [
        (json!([]), " It must have the fields slug, locale, title, "),
        (json!({}), "/title An article needs a `title`."),
        (json!({"title": null}), "/title An article needs a `title`."),
        (json!({"title": " "}), "/title `title` is empty."),
        (json!({"title": 1}), "/title `title` must be text; put it between quotes."),
        (json!({"title": []}), "/title `title` must be text."),
        (json!({"title": "字".repeat(301)}), "/title `title` is longer than 300 characters."),
        (json!({"title": "a\u{202E}"}), "/title `title` holds 1 characters that may not stand in a text."),
        (json!({"title": "a", "slug": "b"}), "/slug The address says `a`, the body `b`; a move is `POST …/move`."),
        (json!({"title": "a", "slug": "A B"}), "/slug `A B` cannot stand in `slug`: "),
        (json!({"title": "a", "locale": "zh_CN"}), "/locale `zh_CN` cannot stand in `locale`: "),
        (json!({"title": "a", "questions": "b"}), "/questions `questions` must be a list."),
        (json!({"title": "a", "questions": vec!["b"; 101]}), "/questions `questions` has more than 100 items."),
        (json!({"title": "a", "questions": ["b", null]}), "/questions/1 `questions, item 2` is empty."),
        (json!({"title": "a", "summary": "字".repeat(2001)}), "/summary `summary` is longer than 2000 characters."),
        (json!({"title": "a", "topics": ["b", "B"]}), "/topics/1 `B` cannot stand in `topics, item 2`: "),
        (json!({"title": "a", "topics": ["b", "b"]}), "/topics/1 The topic `b` is named twice."),
        (json!({"title": "a", "source": "b"}), "/source `source` must have the fields name, url, captured_at."),
        (json!({"title": "a", "source": {"name": null}}), "/source `source` needs a `name`."),
        (json!({"title": "a", "source": {"name": "b", "url": "c"}}), "/source/url `source: url` must be an absolute"),
        (
            json!({"title": "a", "source": {"name": "b", "captured_at": "c"}}),
            "/source/captured_at `source: captured_at`",
        ),
        (json!({"title": "a", "source": {"name": "b", "x": 1}}), "/source/x `x` is not a field of `source`; "),
        (json!({"title": "a", "related": [{"article": "b", "url": "c"}]}), "/related/0 `related, item 1` needs either"),
        (
            json!({"title": "a", "related": [{"url": "javascript:b", "title": "c"}]}),
            "/related/0/url `related, item 1: url`",
        ),
        (json!({"title": "a", "a/~": 1}), "/a~1~0 `a/~` is not a field; the fields are slug, locale, "),
        (json!({"title": "a", "markdown": 1}), "/markdown `markdown` must be text."),
        (json!({"title": "a", "markdown": "b", "lead": {}}), "/markdown The text is either in `markdown`, or in "),
        (json!({"title": "a", "lead": "b"}), "/lead `lead` must have the fields markdown, blocks."),
        (json!({"title": "a", "lead": {"html": "b"}}), "/lead/html `html` is not a field of `lead`; "),
        (json!({"title": "a", "lead": {"markdown": "b", "blocks": []}}), "/lead/blocks A text is either in "),
        (json!({"title": "a", "sections": {}}), "/sections `sections` must be a list."),
        (
            json!({"title": "a", "questions": vec!["字".repeat(300); 100]}),
            " This cannot be kept as an article file: The front matter is longer",
        ),
        (
            json!({"title": "a", "source": {"name": "b", "captured_at": "+12345-01-01"}}),
            " This cannot be kept as an article file: `source: captured_at`",
        ),
    ] {
        let told = faults(&body);
        assert!(told.len() == 1 && told[0].starts_with(expected), "{told:?} {expected}");
    }
    let twice = r#"{"title": "a", "title": "b", "sections": [{"title": "a", "level": 1, "level": 2}]}"#;
    let Err(Refused::Content(told)) = read(twice.as_bytes(), &slug()) else { panic!() };
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["/title `title` is there twice.", "/sections/0/level `sections, item 1: level` is there twice."]);
}

#[test]
fn faults_of_sections() {
    let sections = json!([
        {"title": "a", "anchor": "x", "markdown": "b\n\n  # c\n\n> # d\n\ne\n=\n"},
        {"title": "  ", "anchor": "1"},
        {"label": "一、"},
        {"title": "字".repeat(301), "children": [{"title": "a", "anchor": "x", "headline": "b"}]},
        {"title": "a", "blocks": [], "markdown": ""},
        {"title": "a", "markdown": format!("a\n\n{}x", "> ".repeat(33))},
    ]);
    assert_eq!(
        faults(&json!({"title": "T", "topics": 1, "sections": sections})),
        [
            "/topics `topics` must be a list.",
            "/sections/1/title A heading must have text.",
            "/sections/1/anchor `1` cannot stand in `sections, item 2: anchor`: it must begin with a letter a-z.",
            "/sections/2/title A section needs a `title`.",
            "/sections/3/children/0/headline `headline` is not a field of `sections, item 4: children, item 1`; the fields are anchor, label, title, markdown, blocks, children, id, number, level, characters, hash.",
            "/sections/3/children/0/anchor The anchor `x` is that of `/sections/0` already.",
            "/sections/4/blocks A text is either in `markdown` or in `blocks`.",
            "/sections/5/markdown line 3, column 1: Lists and quotes stand more than 32 deep in each other here.",
        ]
    );
    let sections = json!([
        {"title": "a", "markdown": "b\n\n  # c\n\n> # d\n\ne\n=\n"},
        {"title": "a", "markdown": "b\n\n```\n# no heading\n"},
        {"title": "swallowed", "blocks": [paragraph("x")]},
        {"title": "字".repeat(301)},
    ]);
    assert_eq!(
        faults(&json!({"title": "T", "lead": {"markdown": "# a"}, "sections": sections})),
        [
            "/lead/markdown line 1, column 1: A heading cannot stand in the text of a section; make it a section of its own.",
            "/sections/0/markdown line 3, column 1: A heading cannot stand in the text of a section; make it a section of its own.",
            "/sections/0/markdown line 7, column 1: A heading cannot stand in the text of a section; make it a section of its own.",
            "/sections/1/markdown Code or HTML begins in this text and does not end in it.",
        ]
    );
    assert_eq!(
        faults(&json!({"title": "T", "sections": [{"title": "字".repeat(301)}]})),
        ["/sections/0/title A heading can have 300 characters at most."]
    );
    assert_eq!(
        faults(
            &json!({"title": "T", "sections": [{"title": "a", "label": "附录"}, {"title": "b", "label": "一", "children": []}]})
        ),
        [
            "/sections/0/label `附录` before this title is not the numbering of a heading; put it into the title.",
            "/sections/1/label `一` before this title is not the numbering of a heading; put it into the title.",
        ]
    );
    let many = json!({"title": "T", "sections": vec![json!({"title": "a"}); 2001]});
    assert_eq!(faults(&many), ["/sections/2000 An article can have 2000 sections at most."]);
    let mut deep = json!({"title": "a"});
    for _ in 0..6 {
        deep = json!({"title": "a", "children": [deep]});
    }
    let pointer = format!("/sections/0{}", "/children/0".repeat(5));
    assert_eq!(
        faults(&json!({"title": "T", "sections": [deep]})),
        [format!("{pointer}/children Sections can stand 6 deep in each other at most.")]
    );
}

#[test]
fn faults_of_blocks() {
    let cell = |words: &str| json!({"content": [text(words)]});
    for (block, expected) in [
        (json!("a"), "/0 `lead: blocks, item 1` must have the fields type."),
        (json!({}), "/0/type The `type` is ``; the types are paragraph, list, "),
        (json!({"type": "html"}), "/0/type The `type` is `html`; the types are paragraph, list, "),
        (json!({"type": "thematic_break", "x": 1}), "/0/x `x` is not a field of `lead: blocks, item 1`; "),
        (json!({"type": "paragraph"}), "/0/content `content` is missing."),
        (json!({"type": "paragraph", "content": []}), "/0 A paragraph must have text."),
        (json!({"type": "paragraph", "content": [text("a\nb")]}), "/0/content/0/text A line break in running text is "),
        (
            json!({"type": "paragraph", "content": [text("\u{0}")]}),
            "/0/content/0/text `lead: blocks, item 1: content, ",
        ),
        (
            json!({"type": "paragraph", "content": [{"type": "text", "text": "a", "marks": ["bold"]}]}),
            "/0/content/0/marks/0 A mark must be one of emphasis, ",
        ),
        (
            json!({"type": "paragraph", "content": [{"type": "link", "href": "javascript:x", "content": [text("a")]}]}),
            "/0/content/0/href The link's address is none: ",
        ),
        (
            json!({"type": "paragraph", "content": [{"type": "link", "href": "\u{FDD0}a", "content": [text("a")]}]}),
            "/0/content/0/href `lead: ",
        ),
        (
            json!({"type": "paragraph", "content": [text("a"), {"type": "link", "href": "b", "content": []}]}),
            "/0/content/1/content A link must show something.",
        ),
        (
            json!({"type": "paragraph", "content": [{"type": "link", "href": "b", "content": [text("a"), {"type": "link", "href": "b", "content": [text("a")]}]}]}),
            "/0/content/0/content/1 A link cannot stand in a link.",
        ),
        (
            json!({"type": "paragraph", "content": [text("a"), {"type": "footnote_reference", "label": "x"}]}),
            "/0/content/1 There is no footnote `x`.",
        ),
        (
            json!({"type": "paragraph", "content": [text("a"), {"type": "footnote_reference", "label": "x y"}]}),
            "/0/content/1/label `x y` cannot be the label",
        ),
        (json!({"type": "image", "src": "data:x", "alt": ""}), "/0/src The image's address is none: "),
        (json!({"type": "image", "src": "a.png"}), "/0/alt `alt` is missing."),
        (json!({"type": "code", "language": "a b", "text": ""}), "/0/language `a b` cannot be a language: "),
        (json!({"type": "callout", "kind": "danger", "content": []}), "/0/kind It must be one of note, tip, "),
        (
            json!({"type": "list", "ordered": 1, "start": 1, "tight": true, "items": [{"content": []}]}),
            "/0/ordered `ordered` must be true or false.",
        ),
        (
            json!({"type": "list", "ordered": true, "start": 1.5, "tight": true, "items": [{"content": []}]}),
            "/0/start `start` must be a whole number",
        ),
        (
            json!({"type": "list", "ordered": true, "start": 1_000_000_000, "tight": true, "items": [{"content": []}]}),
            "/0/start `start` must be a whole number",
        ),
        (
            json!({"type": "list", "ordered": true, "start": 1, "tight": true, "items": []}),
            "/0/items A list must have items.",
        ),
        (
            json!({"type": "list", "ordered": true, "start": 1, "tight": true, "items": [{"content": [paragraph("")]}]}),
            "/0/items/0/content/0 A paragraph must have text.",
        ),
        (json!({"type": "table", "align": [], "head": [], "rows": []}), "/0/head The head of a table must have cells."),
        (
            json!({"type": "table", "align": ["none", "left"], "head": [cell("a")], "rows": []}),
            "/0/align It must name 1 columns, as the head has.",
        ),
        (
            json!({"type": "table", "align": ["middle"], "head": [cell("a")], "rows": []}),
            "/0/align/0 It must be one of none, left, ",
        ),
        (
            json!({"type": "table", "align": ["none"], "head": [cell("a")], "rows": [[cell("b")], []]}),
            "/0/rows/1 The row has 0 cells, the head 1.",
        ),
        (
            json!({"type": "table", "align": ["none"], "head": [{"content": [text("a"), {"type": "line_break"}, text("b")]}], "rows": []}),
            "/0/head/0 A cell has one line; ",
        ),
        (
            json!({"type": "quote", "content": [{"type": "footnote", "label": "x", "content": []}]}),
            "/0/content/0 A footnote stands among the blocks of a section, ",
        ),
        // What only reading shows.
        (
            json!({"type": "table", "align": ["none"], "head": [{"content": [{"type": "text", "text": "\\|", "marks": ["code"]}]}], "rows": []}),
            "/0 Markdown has no way to say this; ",
        ),
    ] {
        let told = block_faults(&json!([block]));
        assert!(told.len() == 1 && told[0].starts_with(expected), "{told:?} {expected}");
    }
    let note = |label: &str| json!({"type": "footnote", "label": label, "content": [paragraph("x")]});
    let told = block_faults(&json!([note("a"), note("b"), note("A")]));
    assert_eq!(told, ["/2/label The footnote `A` is that of `/lead/blocks/0` already."]);
    let table = json!({"type": "table", "align": ["none"], "head": [{"content": [{"type": "text", "text": "\\|", "marks": ["code"]}]}], "rows": []});
    let list = json!({"type": "list", "ordered": false, "start": 1, "tight": false, "items": [{"content": []}, {"content": [paragraph("a"), table]}]});
    let told = block_faults(&json!([paragraph("a"), {"type": "quote", "content": [list]}]));
    assert_eq!(told, ["/1/content/0/items/1/content/1 Markdown has no way to say this; it would be read otherwise."]);
    let told =
        block_faults(&json!([{"type": "footnote", "label": "n", "content": [paragraph("a"), {"type": "html"}]}, {}]));
    assert_eq!(told.len(), 2);
}

#[test]
fn blocks_are_made_what_markdown_makes_of_them() {
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
fn footnotes_go_to_the_section_that_refers_to_them_first() {
    let reference = |label: &str| json!({"type": "paragraph", "content": [text("a"), {"type": "footnote_reference", "label": label}]});
    let note = |label: &str| json!({"type": "footnote", "label": label, "content": [reference("c")]});
    let read = sent(&json!({"title": "T", "lead": {"blocks": [note("un"), reference("B")]}, "sections": [
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
    assert_eq!(read.remarks.len(), 1, "{:?}", read.remarks);
    assert_eq!(read.remarks[0].pointer, "/lead/blocks");
    survives(&read.document);
}

#[test]
fn hostile_bodies() {
    let list = |depth: usize| {
        let open = r#"{"type":"list","ordered":false,"start":1,"tight":true,"items":[{"content":["#.repeat(depth);
        format!(r#"{{"title":"T","lead":{{"blocks":[{open}{}{}]}}}}"#, paragraph("a"), "]}]}".repeat(depth))
    };
    survives(&read(list(32).as_bytes(), &slug()).unwrap().document);
    eprintln!(
        "STORED {:?}",
        serde_json::from_str::<Document>(
            &serde_json::to_string(&read(list(32).as_bytes(), &slug()).unwrap().document).unwrap()
        )
        .map(|_| ())
    );
    for body in [
        list(33),
        list(100),
        list(10_000),
        format!("{}1{}", "[".repeat(500_000), "]".repeat(500_000)),
        format!(r#"{{"title":{}1{}}}"#, r#"{"title":"#.repeat(100_000), "}".repeat(100_000)),
        format!(
            r#"{{"title":"T","sections":{}{}}}"#,
            r#"[{"title":"a","children":"#.repeat(90_000),
            "[]".to_owned() + &"}]".repeat(90_000)
        ),
        format!(r#"{{"title":"T","id":[{}0]}}"#, "0,".repeat(tree::MAX_VALUES)),
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
            Err(Refused::Content(faults)) => assert!(!faults.is_empty() && faults.len() <= markdown::MAX_REMARKS + 1),
            other => panic!("{other:?}"),
        }
    }
    let Err(Refused::Content(told)) = read(list(33).as_bytes(), &slug()) else { panic!() };
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].pointer, format!("/lead/blocks/0{}", "/items/0/content/0".repeat(32)));
    survives(&document(&json!({"title": "T", "lead": {"blocks": [paragraph(&"[`]: *".repeat(20_000))]}})));
}

#[test]
fn an_anchor_stays() {
    let made = document(&json!({"title": "T", "sections": [{"title": "{#y}", "anchor": "x"}, {"title": "a {#z}"}]}));
    assert_eq!(made.sections[0].anchor.as_ref().map(Anchor::as_str), Some("x"));
    assert_eq!((made.sections[1].anchor.as_ref(), made.sections[1].title.as_str()), (None, "a {#z}"));
}

//! Every fault with its pointer.

use super::*;

/// The faults of blocks that stand as the lead, without the beginning of their pointers.
fn block_faults(blocks: &Json) -> Vec<String> {
    let told = faults(&json!({"title": "T", "lead": {"blocks": blocks}}));
    told.into_iter().map(|fault| fault.strip_prefix("/lead/blocks").unwrap_or(&fault).to_owned()).collect()
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
        {"title": "a", "markdown": format!("a\n\n{}x", "> ".repeat(25))},
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
            "/sections/5/markdown line 3, column 1: Lists and quotes stand more than 24 deep in each other here.",
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
}

#[test]
fn faults_of_one_block_among_others() {
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

//! Every error with its pointer.

use super::*;

/// Returns the errors of blocks in the lead, with pointers relative to the blocks.
fn block_errors(blocks: &Json) -> Vec<String> {
    let found = errors(&json!({"title": "T", "lead": {"blocks": blocks}}));
    found.into_iter().map(|error| error.strip_prefix("/lead/blocks").unwrap_or(&error).to_owned()).collect()
}

#[test]
fn invalid_fields_have_pointers() {
    for (body, expected) in [
        (json!([]), " The body must be an object with the fields slug, locale, title, "),
        (json!({}), "/title `title` is required."),
        (json!({"title": null}), "/title `title` is required."),
        (json!({"title": " "}), "/title `title` is empty."),
        (json!({"title": 1}), "/title `title` must be a string; put it between quotes."),
        (json!({"title": []}), "/title `title` must be a string."),
        (json!({"title": "字".repeat(301)}), "/title `title` is longer than 300 characters."),
        (
            json!({"title": "a\u{202E}"}),
            "/title `title` contains 1 control or other forbidden characters; remove them.",
        ),
        (
            json!({"title": "a", "slug": "b"}),
            "/slug The URL is for `a`, but the body has `b`; to rename it, call `POST …/move`.",
        ),
        (json!({"title": "a", "slug": "A B"}), "/slug `slug` cannot be `A B`: "),
        (json!({"title": "a", "locale": "zh_CN"}), "/locale `locale` cannot be `zh_CN`: "),
        (json!({"title": "a", "questions": "b"}), "/questions `questions` must be a list."),
        (json!({"title": "a", "questions": vec!["b"; 101]}), "/questions `questions` has more than 100 items."),
        (
            json!({"title": "a", "questions": ["b", null]}),
            "/questions/1 `questions, item 2` is required and must be a string.",
        ),
        (json!({"title": "a", "summary": "字".repeat(2001)}), "/summary `summary` is longer than 2000 characters."),
        (json!({"title": "a", "topics": ["b", "B"]}), "/topics/1 `topics, item 2` cannot be `B`: "),
        (json!({"title": "a", "topics": ["b", "b"]}), "/topics/1 The topic `b` is listed twice; remove one of them."),
        (
            json!({"title": "a", "source": "b"}),
            "/source `source` must be an object with the fields name, url, captured_at.",
        ),
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
        (json!({"title": "a", "markdown": 1}), "/markdown `markdown` must be a string; put it between quotes."),
        (json!({"title": "a", "markdown": "b", "lead": {}}), "/markdown Send the text either in `markdown`, or in "),
        (json!({"title": "a", "lead": "b"}), "/lead `lead` must be an object with the fields markdown, blocks."),
        (json!({"title": "a", "lead": {"html": "b"}}), "/lead/html `html` is not a field of `lead`; "),
        (json!({"title": "a", "lead": {"markdown": "b", "blocks": []}}), "/lead/blocks Send the text either in "),
        (json!({"title": "a", "sections": {}}), "/sections `sections` must be a list."),
        (
            json!({"title": "a", "questions": vec!["字".repeat(300); 100]}),
            " The article file would be invalid: The front matter is longer",
        ),
        (
            json!({"title": "a", "source": {"name": "b", "captured_at": "+12345-01-01"}}),
            " The article file would be invalid: `source: captured_at`",
        ),
    ] {
        let found = errors(&body);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?} {expected}");
    }
    let twice = r#"{"title": "a", "title": "b", "sections": [{"title": "a", "level": 1, "level": 2}]}"#;
    let Err(InvalidBody::Content(found)) = read(twice.as_bytes(), &slug()) else { panic!() };
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "/title `title` is given twice; remove one of them.",
            "/sections/0/level `sections, item 1: level` is given twice; remove one of them."
        ]
    );
}

#[test]
fn invalid_sections_have_pointers() {
    let sections = json!([
        {"title": "a", "anchor": "x", "markdown": "b\n\n  # c\n\n> # d\n\ne\n=\n"},
        {"title": "  ", "anchor": "1"},
        {"label": "一、"},
        {"title": "字".repeat(301), "children": [{"title": "a", "anchor": "x", "headline": "b"}]},
        {"title": "a", "blocks": [], "markdown": ""},
        {"title": "a", "markdown": format!("a\n\n{}x", "> ".repeat(25))},
    ]);
    assert_eq!(
        errors(&json!({"title": "T", "topics": 1, "sections": sections})),
        [
            "/topics `topics` must be a list.",
            "/sections/1/title A heading must have text.",
            "/sections/1/anchor `sections, item 2: anchor` cannot be `1`: it must begin with a letter a-z.",
            "/sections/2/title `sections, item 3: title` is required and must be a string.",
            "/sections/3/children/0/headline `headline` is not a field of `sections, item 4: children, item 1`; the fields are anchor, label, title, markdown, blocks, children, id, number, level, characters, hash.",
            "/sections/3/children/0/anchor The anchor `x` is already used by `/sections/0`; use another one.",
            "/sections/4/blocks Send the text either in `markdown` or in `blocks`.",
            "/sections/5/markdown line 3, column 1: Lists and quotes can be nested 24 levels deep at most.",
        ]
    );
    let sections = json!([
        {"title": "a", "markdown": "b\n\n  # c\n\n> # d\n\ne\n=\n"},
        {"title": "a", "markdown": "b\n\n```\n# no heading\n"},
        {"title": "swallowed", "blocks": [paragraph("x")]},
        {"title": "字".repeat(301)},
    ]);
    assert_eq!(
        errors(&json!({"title": "T", "lead": {"markdown": "# a"}, "sections": sections})),
        [
            "/lead/markdown line 1, column 1: The text of a section cannot contain a heading; make it a section of its own.",
            "/sections/0/markdown line 3, column 1: The text of a section cannot contain a heading; make it a section of its own.",
            "/sections/0/markdown line 7, column 1: The text of a section cannot contain a heading; make it a section of its own.",
            "/sections/1/markdown This text contains code or HTML without an end; close it.",
        ]
    );
    assert_eq!(
        errors(&json!({"title": "T", "sections": [{"title": "字".repeat(301)}]})),
        ["/sections/0/title A heading can have 300 characters at most."]
    );
    assert_eq!(
        errors(
            &json!({"title": "T", "sections": [{"title": "a", "label": "附录"}, {"title": "b", "label": "一", "children": []}]})
        ),
        [
            "/sections/0/label `附录` is not the numbering of a heading; move it into the title.",
            "/sections/1/label `一` is not the numbering of a heading; move it into the title.",
        ]
    );
    let many = json!({"title": "T", "sections": vec![json!({"title": "a"}); 2001]});
    assert_eq!(errors(&many), ["/sections/2000 An article can have 2000 sections at most."]);
    let mut deep = json!({"title": "a"});
    for _ in 0..6 {
        deep = json!({"title": "a", "children": [deep]});
    }
    let pointer = format!("/sections/0{}", "/children/0".repeat(5));
    assert_eq!(
        errors(&json!({"title": "T", "sections": [deep]})),
        [format!("{pointer}/children Sections can be nested 6 levels deep at most.")]
    );
}

/// Asserts that each block has one error, which begins with the expected text.
fn assert_block_errors<const N: usize>(cases: [(Json, &str); N]) {
    for (block, expected) in cases {
        let found = block_errors(&json!([block]));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?} {expected}");
    }
}

#[test]
fn invalid_inlines_have_pointers() {
    assert_block_errors([
        (json!("a"), "/0 `lead: blocks, item 1` must be an object with the fields type."),
        (json!({}), "/0/type `lead: blocks, item 1: type` is required and must be one of paragraph, list, "),
        (json!({"type": "html"}), "/0/type `lead: blocks, item 1: type` must be one of paragraph, list, "),
        (json!({"type": "thematic_break", "x": 1}), "/0/x `x` is not a field of `lead: blocks, item 1`; "),
        (json!({"type": "paragraph"}), "/0/content `lead: blocks, item 1: content` is required and must be a list."),
        (json!({"type": "paragraph", "content": []}), "/0 A paragraph must have text."),
        (
            json!({"type": "paragraph", "content": [text("a\nb")]}),
            "/0/content/0/text A text cannot contain a line break; ",
        ),
        (
            json!({"type": "paragraph", "content": [text("\u{0}")]}),
            "/0/content/0/text `lead: blocks, item 1: content, ",
        ),
        (
            json!({"type": "paragraph", "content": [{"type": "text", "text": "a", "marks": ["bold"]}]}),
            "/0/content/0/marks/0 `lead: blocks, item 1: content, item 1: marks, item 1` must be one of emphasis, ",
        ),
        (
            json!({"type": "paragraph", "content": [{"type": "link", "href": "javascript:x", "content": [text("a")]}]}),
            "/0/content/0/href `lead: blocks, item 1: content, item 1: href` is not a valid address: ",
        ),
        (
            json!({"type": "paragraph", "content": [{"type": "link", "href": "\u{FDD0}a", "content": [text("a")]}]}),
            "/0/content/0/href `lead: ",
        ),
        (
            json!({"type": "paragraph", "content": [text("a"), {"type": "link", "href": "b", "content": []}]}),
            "/0/content/1/content A link must have a text or an image.",
        ),
        (
            json!({"type": "paragraph", "content": [{"type": "link", "href": "b", "content": [text("a"), {"type": "link", "href": "b", "content": [text("a")]}]}]}),
            "/0/content/0/content/1 A link cannot contain another link; put it after the link.",
        ),
        (
            json!({"type": "paragraph", "content": [text("a"), {"type": "footnote_reference", "label": "x"}]}),
            "/0/content/1 The footnote `x` does not exist; define it or remove the reference.",
        ),
        (
            json!({"type": "paragraph", "content": [text("a"), {"type": "footnote_reference", "label": "x y"}]}),
            "/0/content/1/label `x y` cannot be the label",
        ),
    ]);
}

#[test]
fn invalid_blocks_have_pointers() {
    let cell = |words: &str| json!({"content": [text(words)]});
    assert_block_errors([
        (
            json!({"type": "image", "src": "data:x", "alt": ""}),
            "/0/src `lead: blocks, item 1: src` is not a valid address: ",
        ),
        (
            json!({"type": "image", "src": "a.png"}),
            "/0/alt `lead: blocks, item 1: alt` is required and must be a string.",
        ),
        (json!({"type": "code", "language": "a b", "text": ""}), "/0/language `a b` cannot be a language: "),
        (
            json!({"type": "callout", "kind": "danger", "content": []}),
            "/0/kind `lead: blocks, item 1: kind` must be one of note, tip, ",
        ),
        (
            json!({"type": "list", "ordered": 1, "start": 1, "tight": true, "items": [{"content": []}]}),
            "/0/ordered `lead: blocks, item 1: ordered` must be true or false.",
        ),
        (
            json!({"type": "list", "ordered": true, "start": 1.5, "tight": true, "items": [{"content": []}]}),
            "/0/start `lead: blocks, item 1: start` must be an integer",
        ),
        (
            json!({"type": "list", "ordered": true, "start": 1_000_000_000, "tight": true, "items": [{"content": []}]}),
            "/0/start `lead: blocks, item 1: start` must be an integer",
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
            "/0/align `align` must have 1 items, as many as `head`.",
        ),
        (
            json!({"type": "table", "align": ["middle"], "head": [cell("a")], "rows": []}),
            "/0/align/0 `lead: blocks, item 1: align, item 1` must be one of none, left, ",
        ),
        (
            json!({"type": "table", "align": ["none"], "head": [cell("a")], "rows": [[cell("b")], []]}),
            "/0/rows/1 The row has 0 cells, but `head` has 1.",
        ),
        (
            json!({"type": "table", "align": ["none"], "head": [{"content": [text("a"), {"type": "line_break"}, text("b")]}], "rows": []}),
            "/0/head/0 A cell cannot contain a line break; ",
        ),
        (
            json!({"type": "quote", "content": [{"type": "footnote", "label": "x", "content": []}]}),
            "/0/content/0 A footnote cannot be inside another block; ",
        ),
        // Differences that only the round trip finds.
        (
            json!({"type": "table", "align": ["none"], "head": [{"content": [{"type": "text", "text": "\\|", "marks": ["code"]}]}], "rows": []}),
            "/0 Markdown cannot express this; ",
        ),
    ]);
}

#[test]
fn invalid_blocks_among_others_have_pointers() {
    let note = |label: &str| json!({"type": "footnote", "label": label, "content": [paragraph("x")]});
    let found = block_errors(&json!([note("a"), note("b"), note("A")]));
    assert_eq!(found, ["/2/label The footnote `A` is already defined at `/lead/blocks/0`; use another label."]);
    let table = json!({"type": "table", "align": ["none"], "head": [{"content": [{"type": "text", "text": "\\|", "marks": ["code"]}]}], "rows": []});
    let list = json!({"type": "list", "ordered": false, "start": 1, "tight": false, "items": [{"content": []}, {"content": [paragraph("a"), table]}]});
    let found = block_errors(&json!([paragraph("a"), {"type": "quote", "content": [list]}]));
    assert_eq!(found, ["/1/content/0/items/1/content/1 Markdown cannot express this; write it in another way."]);
    let found =
        block_errors(&json!([{"type": "footnote", "label": "n", "content": [paragraph("a"), {"type": "html"}]}, {}]));
    assert_eq!(found.len(), 2);
}

//! Properties over the documents and texts of the Markdown tests.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::content::markdown::tests::generated::{document, markdown as pieces};

/// Generates any JSON, often with the names of the schema.
fn value() -> impl Strategy<Value = Json> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "title",
            "markdown",
            "lead",
            "sections",
            "children",
            "blocks",
            "type",
            "content",
            "paragraph",
            "text",
            "marks",
            "list",
            "items",
            "ordered",
            "start",
            "tight",
            "quote",
            "table",
            "head",
            "rows",
            "align",
            "code",
            "footnote",
            "label",
            "link",
            "href",
            "image",
            "src",
            "alt",
            "footnote_reference",
            "line_break",
            "a",
            "",
            "一、",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,4}|(?s:.){0,4}",
    ];
    let leaf = prop_oneof![
        4 => word.clone().prop_map(Json::from),
        1 => any::<i64>().prop_map(Json::from),
        1 => any::<f64>().prop_map(Json::from),
        1 => any::<bool>().prop_map(Json::from),
        1 => Just(Json::Null),
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Json::from),
            vec((word.clone(), inner), 0..6).prop_map(|members| members.into_iter().collect::<Json>()),
        ]
    })
}

/// Generates inlines as a client may send them, normalized or not.
fn blocks() -> impl Strategy<Value = Json> {
    let words = "[ \ta1中（），*_`~\\[\\]<&#|:{.\u{a0}　]{0,4}";
    let mark = prop::sample::select(vec!["emphasis", "strong", "strikethrough", "code"]);
    let text = (words, vec(mark, 0..3)).prop_map(|(text, marks)| json!({"type": "text", "text": text, "marks": marks}));
    let inline = prop_oneof![
        5 => text.clone(),
        1 => Just(json!({"type": "line_break"})),
        1 => Just(json!({"type": "footnote_reference", "label": "n"})),
        1 => Just(json!({"type": "image", "src": "a", "alt": ""})),
        1 => vec(text, 0..3).prop_map(|content| json!({"type": "link", "href": "b.md", "content": content})),
    ];
    let paragraph = vec(inline, 1..6).prop_map(|content| json!({"type": "paragraph", "content": content}));
    let note = paragraph.clone().prop_map(|block| json!({"type": "footnote", "label": "n", "content": [block]}));
    let leaf = prop_oneof![5 => paragraph, 1 => Just(json!({"type": "thematic_break"})), 1 => note];
    let block = leaf.prop_recursive(3, 12, 3, |inner| {
        let content = || vec(inner.clone(), 0..3);
        let item = content().prop_map(|content| json!({"content": content}));
        let list = (any::<bool>(), any::<bool>(), vec(item, 1..3));
        prop_oneof![
            content().prop_map(|content| json!({"type": "quote", "content": content})),
            list.prop_map(|(ordered, tight, items)| {
                json!({"type": "list", "ordered": ordered, "tight": tight, "start": 1, "items": items})
            }),
        ]
    });
    vec(block, 0..4).prop_map(Json::from)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn documents_round_trip(document in document()) {
        assert_round_trip(&document);
    }

    #[test]
    fn markdown_round_trips(lead in pieces(), text in pieces()) {
        let whole = format!("{lead}\n\n## h\n\n{text}");
        if let Ok(read) = read_json(&json!({"title": "T", "markdown": whole})) {
            assert_round_trip(&read.document);
        }
        let sections = json!([{"title": "h", "markdown": text}, {"title": "一、h"}]);
        if let Ok(read) = read_json(&json!({"title": "T", "lead": {"markdown": lead}, "sections": sections})) {
            prop_assert_eq!(read.document.sections.len(), 2);
            assert_round_trip(&read.document);
        }
    }

    #[test]
    fn blocks_round_trip_or_are_refused(blocks in blocks(), title in "[ 一、a1.*#{}&;（）]{1,6}", label in "一、|1\\.|第一章|a") {
        let sections = json!([{"title": title, "label": label, "blocks": blocks}]);
        if let Ok(read) = read_json(&json!({"title": "T", "sections": sections})) {
            assert_round_trip(&read.document);
        }
    }

    #[test]
    fn bodies_round_trip_or_are_refused(value in value(), bytes in vec(any::<u8>(), 0..40)) {
        let _ = read(&bytes, &slug());
        for body in [
            json!({"title": "T", "lead": {"blocks": [value]}}),
            json!({"title": "T", "sections": [value]}),
            json!({"title": "T", "sections": [{"title": "a", "blocks": [{"type": "paragraph", "content": [value]}]}]}),
            value,
        ] {
            if let Ok(read) = read_json(&body) {
                assert_round_trip(&read.document);
            }
        }
    }
}

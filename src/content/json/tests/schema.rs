//! Compares the schema with the reader.

use std::collections::BTreeSet;

use proptest::prelude::*;
use utoipa::{PartialSchema, ToSchema};

use super::*;
use crate::content::markdown::tests::generated;

/// Returns the schema of a body with all referenced schemas.
fn schema() -> Json {
    let mut schemas = vec![(ArticleJson::name().into_owned(), ArticleJson::schema())];
    ArticleJson::schemas(&mut schemas);
    let schemas: serde_json::Map<String, Json> =
        schemas.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap())).collect();
    json!({"$ref": "#/components/schemas/ArticleJson", "components": {"schemas": schemas}})
}

fn valid(body: &Json) -> bool {
    jsonschema::validator_for(&schema()).unwrap().is_valid(body)
}

#[test]
fn schema_and_reader_accept_the_same_names() {
    let schema = schema();
    let names = |name: &str| -> BTreeSet<String> {
        let schema = &schema["components"]["schemas"][name];
        assert_eq!(schema["additionalProperties"], json!(false), "{name}");
        schema["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let known = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names("ArticleJson"), known(&[&fields::NAMES[..], &parts::NAMES].concat()));
    assert_eq!(names("SectionJson"), known(&parts::SECTION));
    assert_eq!(names("TextJson"), known(&["markdown", "blocks"]));
    assert_eq!(names("RelatedJson"), known(&["article", "url", "title", "reason"]));
}

#[test]
fn schema_example_is_a_valid_article() {
    let example = schema()["components"]["schemas"]["ArticleJson"]["example"].clone();
    assert!(valid(&example));
    let read = read_json(&example).unwrap();
    assert_eq!(read.warnings, []);
    assert_eq!(read.document.sections[0].children.len(), 1);
}

#[test]
fn schema_and_reader_refuse_the_same_bodies() {
    let text = |value: Json| json!({"title": "T", "lead": {"blocks": [value]}});
    for (body, expected) in [
        (json!({"title": "T"}), true),
        (json!({"title": "T", "slug": null, "questions": null, "related": null, "lead": null, "sections": null}), true),
        (
            json!({"title": "T", "sections": [{"title": "a", "id": "b", "number": "1", "level": 1, "characters": 2, "hash": "c", "children": []}]}),
            true,
        ),
        (text(json!({"type": "code", "text": "a"})), true),
        (text(json!({"type": "image", "src": "a", "alt": ""})), true),
        (json!({}), false),
        (json!([]), false),
        (json!({"title": 1}), false),
        (json!({"title": "T", "body": ""}), false),
        (json!({"title": "T", "lead": []}), false),
        (json!({"title": "T", "lead": {"html": ""}}), false),
        (json!({"title": "T", "sections": [{}]}), false),
        (json!({"title": "T", "sections": [{"title": "a", "text": ""}]}), false),
        (json!({"title": "T", "related": [{"article": "b", "why": ""}]}), false),
        (json!({"title": "T", "source": {"url": "https://example.org"}}), false),
        (text(json!({"type": "paragraph"})), false),
        (text(json!({"type": "html", "content": []})), false),
        (text(json!({"type": "list", "ordered": true, "tight": true, "items": []})), false),
        (text(json!({"type": "paragraph", "content": [{"type": "text", "text": "a"}]})), false),
        (text(json!({"type": "callout", "kind": "danger", "content": []})), false),
    ] {
        assert_eq!(valid(&body), expected, "{body}");
        assert_eq!(read_json(&body).is_ok(), expected, "{body}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn written_documents_match_the_schema(document in generated::document()) {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        for layout in TextLayout::ALL {
            let body: Json = serde_json::from_str(&write(&document, layout)).unwrap();
            prop_assert!(validator.is_valid(&body), "{:?}", validator.iter_errors(&body).map(|e| e.to_string()).collect::<Vec<_>>());
        }
    }
}

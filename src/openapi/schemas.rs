//! Corrections of every schema in the finished document.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// Greatest integer that every JSON client reads exactly: 2^53 - 1 (RFC 8259 section 6).
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Marks nullable properties of responses as required: they are `null`, never absent. Requests may leave them out.
pub(super) fn require_nullable_properties(document: &mut Value) {
    let requests = request_schemas(document);
    let schemas = document["components"]["schemas"].as_object_mut().into_iter().flatten();
    for (_, schema) in schemas.filter(|(name, _)| !requests.contains(*name)) {
        visit(schema, &mut require_nullable);
    }
}

/// Replaces `int64` by a bound that a double represents, so that clients need no `BigInt`.
pub(super) fn bound_integers(document: &mut Value) {
    visit(document, &mut |value| {
        if value["type"].as_str() == Some("integer") || value["type"][0] == "integer" {
            let Some(schema) = value.as_object_mut().filter(|schema| schema.get("format") == Some(&json!("int64")))
            else {
                return;
            };
            schema.remove("format");
            schema.entry("maximum").or_insert(json!(MAX_SAFE_INTEGER));
        }
    });
}

fn require_nullable(schema: &mut Value) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let mut required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
    // `lead` is absent unless `include` has `sections`.
    let nullable = properties.iter().filter(|(name, property)| *name != "lead" && is_nullable(property));
    for (name, _) in nullable {
        if !required.contains(&json!(name)) {
            required.push(json!(name));
        }
    }
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
}

fn is_nullable(property: &Value) -> bool {
    let has_null = |key: &str, null: &Value| property[key].as_array().is_some_and(|options| options.contains(null));
    has_null("type", &json!("null")) || has_null("oneOf", &json!({"type": "null"}))
}

/// Returns the names of the schemas that requests contain, directly or through other schemas.
fn request_schemas(document: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let operations = document["paths"].as_object().into_iter().flatten();
    let operations = operations.flat_map(|(_, item)| item.as_object().into_iter().flatten());
    let mut pending: Vec<&Value> = operations.map(|(_, operation)| &operation["requestBody"]).collect();
    while let Some(value) = pending.pop() {
        match value {
            Value::Array(items) => pending.extend(items),
            Value::Object(map) => pending.extend(map.values()),
            Value::String(text) => {
                if let Some(name) = text.strip_prefix("#/components/schemas/")
                    && names.insert(name.to_owned())
                {
                    pending.push(&document["components"]["schemas"][name]);
                }
            }
            _ => {}
        }
    }
    names
}

/// Calls `change` with every object of a value.
fn visit(value: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    if value.is_object() {
        change(value);
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| visit(item, change)),
        Value::Object(map) => map.values_mut().for_each(|item| visit(item, change)),
        _ => {}
    }
}

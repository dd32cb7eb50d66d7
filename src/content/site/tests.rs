use serde_json::{Value, json};

use super::*;
use crate::content::json::{Diagnostic, InvalidBody};

fn read_errors<T: std::fmt::Debug>(read: Result<T, InvalidBody>) -> Vec<(String, String)> {
    let Err(InvalidBody::Content(errors)) = read else { panic!("{read:?}") };
    errors.into_iter().map(|Diagnostic { pointer, message, .. }| (pointer, message)).collect()
}

fn pointers<T: std::fmt::Debug>(read: Result<T, InvalidBody>) -> Vec<String> {
    read_errors(read).into_iter().map(|(pointer, _)| pointer).collect()
}

fn site(body: &Value) -> Result<Site, InvalidBody> {
    Site::read(body.to_string().as_bytes())
}

fn topic(body: &Value) -> Result<Topic, InvalidBody> {
    Topic::read(body.to_string().as_bytes(), &"a".parse().unwrap())
}

fn pins(body: &Value) -> (Vec<IndexedPin>, Vec<String>) {
    let (pins, errors) = read_pins(body.to_string().as_bytes()).unwrap();
    (pins, errors.into_iter().map(|error| error.pointer).collect())
}

#[test]
fn responses_are_valid_bodies() {
    let whole = json!({
        "name": "站", "description": "一\n二", "locale": "en", "call_to_action": {"label": "问", "url": "/read/a"},
        "license": {"name": "CC", "url": "https://example.org/"}, "attribution": null, "disclaimer": "",
    });
    assert_eq!(serde_json::to_value(site(&whole).unwrap()).unwrap(), whole);
    let mut public = whole.clone();
    public["updated_at"] = json!("2026-01-02T03:04:05Z");
    assert_eq!(site(&public), site(&whole));
    let least = serde_json::to_value(site(&json!({"name": "站"})).unwrap()).unwrap();
    let null = Value::Null;
    assert_eq!(
        least,
        json!({
            "name": "站", "description": null, "locale": "zh-Hans", "call_to_action": null, "license": null,
            "attribution": null, "disclaimer": null,
        })
    );
    let described = json!({"slug": "a", "name": "甲", "description": null});
    for (extra, value) in [("slug", &json!("a")), ("slug", &null), ("articles", &json!(3)), ("description", &null)] {
        let mut body = json!({"name": "甲"});
        body[extra] = value.clone();
        assert_eq!(serde_json::to_value(topic(&body).unwrap()).unwrap(), described, "{extra}");
    }
    let list = json!({"pins": [{"article": "b", "reason": "因"}, {"article": "a"}]});
    let (read, errors) = pins(&list);
    assert_eq!((read[0].0, read[0].1.article.as_str(), read[1].0, read[1].1.reason.as_ref()), (0, "b", 1, None));
    assert!(errors.is_empty());
    assert_eq!(pins(&json!({"pins": []})), (vec![], vec![]));
}

#[test]
fn every_error_has_a_pointer() {
    let long = "长".repeat(MAX_TEXT + 1);
    let body = json!({
        "name": 3, "description": long, "locale": "?", "call_to_action": {"url": "javascript:x", "colour": 1},
        "license": [], "attribution": ["a"], "disclaimer": "a\u{0}\u{FDD0}", "a/b~": 1,
    });
    assert_eq!(
        read_errors(site(&body)),
        [
            ("/a~1b~0", "`a/b~` is not a field; the fields are name, description, locale, call_to_action, license, attribution, disclaimer, updated_at."),
            ("/name", "`name` must be a string; put it between quotes."),
            ("/description", "`description` is longer than 5000 characters."),
            ("/locale", "`locale` cannot be `?`: it must be a language tag such as zh-Hans, zh-Hant-TW or en."),
            ("/call_to_action/colour", "`colour` is not a field of `call_to_action`; the fields are label, url."),
            ("/call_to_action/label", "`call_to_action: label` is required and must be a string."),
            ("/call_to_action/url", "`call_to_action: url` is not a valid address: only http, https, mailto, tel and relative addresses are allowed."),
            ("/license", "`license` must be an object with the fields name, url."),
            ("/attribution", "`attribution` must be a string."),
            ("/disclaimer", "`disclaimer` contains 2 control or other forbidden characters; remove them."),
        ]
        .map(|(pointer, message)| (pointer.to_owned(), message.to_owned()))
    );
    assert_eq!(pointers(site(&json!({}))), ["/name"]);
    assert_eq!(pointers(site(&json!([]))), [""]);
    assert_eq!(pointers(Site::read(br#"{"name":"a","name":"b"}"#)), ["/name"]);
    assert_eq!(
        pointers(topic(&json!({"slug": "b", "name": "\u{200B} ", "description": 1}))),
        ["/slug", "/name", "/description"]
    );
    assert_eq!(pointers(topic(&json!({"slug": "A B", "name": null}))), ["/slug", "/name"]);

    let (read, errors) = pins(&json!({"pins": [
        {"article": "a"}, {"article": "A B", "reason": 1}, {"article": "a", "reason": long}, {}, 5, {"article": "b"},
    ]}));
    assert_eq!(
        read.iter().map(|(place, pin)| (*place, pin.article.as_str())).collect::<Vec<_>>(),
        [(0, "a"), (5, "b")]
    );
    assert_eq!(
        errors,
        ["/pins/1/article", "/pins/1/reason", "/pins/2/reason", "/pins/2/article", "/pins/3/article", "/pins/4"]
    );
    let many: Vec<_> = (0..=MAX_PINS).map(|n| json!({"article": format!("a-{n}")})).collect();
    for (body, pointer) in
        [(json!({"pins": many}), "/pins"), (json!({}), "/pins"), (json!({"pins": null}), "/pins"), (json!([]), "")]
    {
        assert_eq!(pins(&body), (vec![], vec![pointer.to_owned()]));
    }
}

#[test]
fn invalid_json_gives_a_syntax_error() {
    for body in [&b""[..], b"{", b"{} x", b"\xFF", b"{\"name\":\"\\ud800\"}"] {
        assert!(matches!(Site::read(body), Err(InvalidBody::Syntax { .. })), "{body:?}");
    }
    // Deep nesting and many values do not crash the service.
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(pointers(Site::read(deep.as_bytes())), ["/name"]);
    let errors = pointers(Site::read(format!("{{{}\"name\":\"a\"}}", "\"x\":1,".repeat(100_000)).as_bytes()));
    assert!(errors.len() < 300, "{}", errors.len());
}

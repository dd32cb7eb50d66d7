//! What holds for all operations: shared answers, headers, problems, examples, and who may ask.

use include_dir::{Dir, include_dir};
use serde_json::{Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::{
    error::{Error, FieldError, ProblemType},
    http::{
        MANAGED_BODY_LIMIT,
        problem::{MEDIA_TYPE, Problem},
    },
};

/// What operations answer over the bundled library, a file an operation; a test holds them against the service.
static EXAMPLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/openapi/examples");

/// What every operation refers to: problems, redirects, headers.
pub(super) fn components(document: &mut Value) {
    let components = &mut document["components"];
    let mut schemas = Vec::new();
    Problem::schemas(&mut schemas);
    schemas.push((Problem::name().into(), Problem::schema()));
    schemas.push((FieldError::name().into(), FieldError::schema()));
    for (name, schema) in schemas {
        components["schemas"][name] = serde_json::to_value(schema).unwrap_or_default();
    }
    for kind in ProblemType::ALL {
        components["responses"][kind.name] = json!({
            "description": kind.title,
            "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example_of(*kind)}},
        });
    }
    components["responses"]["bad-request"] = json!({
        "description": "A parameter is not valid, or the request cannot be read.",
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {
            "invalid-parameter": {"value": example_of(ProblemType::INVALID_PARAMETER)},
            "malformed-request": {"value": example_of(ProblemType::MALFORMED_REQUEST)},
        }}},
    });
    components["securitySchemes"]["key"] = json!({
        "type": "http", "scheme": "bearer", "bearerFormat": "lk_…",
        "description": "An API key. `lectern keys create` makes the first, `POST /manage/v1/keys` others. What an operation needs is a scope: `read_drafts`, `write`, `publish` or `admin`; none holds another.",
    });
    components["responses"]["unauthenticated"]["headers"]["WWW-Authenticate"] =
        json!({"description": "How to send a key (RFC 6750).", "schema": {"type": "string"}, "example": "Bearer"});
    for name in ["precondition-failed", "precondition-required"] {
        components["responses"][name]["headers"]["ETag"] = json!({"$ref": "#/components/headers/ETag"});
    }
    for name in ["unavailable", "rate-limited"] {
        components["responses"][name]["headers"]["Retry-After"] =
            json!({"description": "After how many seconds to try again.", "schema": {"type": "integer"}, "example": 2});
    }
    components["responses"]["moved"] = json!({
        "description": "It has another address now; `Location` says which. Method, query and body stay the same.",
        "headers": {"Location": {
            "description": "The present address.", "required": true, "schema": {"type": "string"},
            "example": "/v1/articles/stem-cell-infusion",
        }},
    });
    components["responses"]["not-modified"] = json!({
        "description": "The client has this answer already: `If-None-Match` names its `ETag`, or it did not change since `If-Modified-Since`.",
        "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
    });
    components["headers"] = json!({
        "ETag": {
            "description": "A strong validator of exactly these bytes, for `If-None-Match`.",
            "schema": {"type": "string"}, "example": "\"1bVmZ3nVZ0n3yLkZ5oGd7A\"",
        },
        "Last-Modified": {
            "description": "When anything that the answer depends on changed last.",
            "schema": {"type": "string"}, "example": "Fri, 02 Jan 2026 03:04:05 GMT",
        },
        "Cache-Control": {
            "description": "How long caches may keep the answer.",
            "schema": {"type": "string"}, "example": "public, max-age=60, stale-while-revalidate=600, stale-if-error=86400",
        },
        "Surrogate-Key": {
            "description": "The tags that make the answer stale, separated by spaces.",
            "schema": {"type": "string"}, "example": "articles topic:stem-cells",
        },
        "Link": {
            "description": "The next page (RFC 8288), where there is one.",
            "schema": {"type": "string"}, "example": "</v1/articles?cursor=…>; rel=\"next\"",
        },
        "Server-Timing": {
            "description": "Whether the answer came from memory (`cache;desc=hit`), was computed (`miss`, with the time in milliseconds), or is the last known one while the database cannot be reached (`stale`).",
            "schema": {"type": "string"}, "example": "cache;desc=miss, compute;dur=3.141",
        },
        "RateLimit": {
            "description": "What is left of the client's quota, and for how long (draft-ietf-httpapi-ratelimit-headers). Absent where none holds.",
            "schema": {"type": "string"}, "example": "\"default\";r=1199;t=1",
        },
        "RateLimit-Policy": {
            "description": "The client's quota: so many requests in so many seconds. Absent where none holds.",
            "schema": {"type": "string"}, "example": "\"default\";q=1200;w=60",
        },
        "X-Request-Id": {
            "description": "The request's id: the client's own, if it sent one, else a new one.",
            "schema": {"type": "string"}, "example": "0198c0de-0000-7000-8000-000000000000",
        },
    });
}

fn example_of(kind: ProblemType) -> Value {
    let mut instance = "/v1/articles";
    let mut managed = |error| {
        instance = "/manage/v1/articles/stem-cell-infusion";
        error
    };
    let etag = "\"3-73f1959d3a2ec44a6d26775f5d6904c0\"".to_owned();
    let error = match kind {
        ProblemType::INVALID_PARAMETER => Error::parameter(
            "sort",
            "unknown value `popular`: expected one of -published_at, published_at, -updated_at, updated_at, title",
        ),
        ProblemType::MALFORMED_REQUEST => {
            Error::MalformedRequest("the path has a % without two hexadecimal digits".into())
        }
        ProblemType::UNAUTHENTICATED => managed(Error::Unauthenticated("this key was revoked".into())),
        ProblemType::FORBIDDEN => managed(Error::Forbidden("this needs a key with the scope `write`".into())),
        ProblemType::NOT_FOUND => Error::NotFound("no article is published as `stem-cell`".into()),
        ProblemType::METHOD_NOT_ALLOWED => Error::MethodNotAllowed { allow: "GET, HEAD".into() },
        ProblemType::CONFLICT => managed(Error::Conflict("`stem-cell-infusion` is the slug of another article".into())),
        ProblemType::WITHDRAWN => Error::Withdrawn("本文的一处结论已被新的指南取代，修订后重新发布。".into()),
        ProblemType::PRECONDITION_FAILED => managed(Error::PreconditionFailed { etag: Some(etag) }),
        ProblemType::CONTENT_TOO_LARGE => managed(Error::ContentTooLarge { limit: MANAGED_BODY_LIMIT }),
        ProblemType::UNSUPPORTED_MEDIA_TYPE => managed(Error::UnsupportedMediaType),
        ProblemType::INVALID_CONTENT => managed(Error::InvalidContent(vec![
            FieldError::body("/title", "the title is empty"),
            FieldError::body("/related/0/url", "`example.org` is no absolute URL"),
        ])),
        ProblemType::PRECONDITION_REQUIRED => managed(Error::PreconditionRequired { etag }),
        ProblemType::RATE_LIMITED => Error::RateLimited { seconds: 2 },
        ProblemType::UNAVAILABLE => Error::Unavailable(String::new()),
        _ => Error::Internal(String::new()),
    };
    json!(Problem::new(&error, instance, "0198c0de-0000-7000-8000-000000000000"))
}

/// Adds to an operation what follows from its path and its answers.
pub(super) fn public(path: &str, method: &str, operation: &mut Value) {
    let reference = |name: &str| json!({"$ref": format!("#/components/responses/{name}")});
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let probe = path.starts_with("/health") || path == "/metrics";
    let cached = !probe && method == "get";
    let paged = is_paged(operation);
    let reads = path.starts_with("/v1/") || is_page(path) || path == "/health/ready";
    let page = is_page(path);
    let mut add = |status: &str, name: &str| {
        if operation["responses"].get(status).is_none() {
            operation["responses"][status] =
                if page && !status.starts_with('3') { explained(status) } else { reference(name) };
        }
    };
    add("400", "bad-request");
    if !probe {
        add("429", "rate-limited");
    }
    if cached {
        add("304", "not-modified");
    }
    if path.contains('{') || path == "/v1/site" || path == "/" {
        add("404", "not-found");
    }
    if path.contains("articles/{slug}") || path.starts_with("/read/") {
        if cached {
            add("308", "moved");
        }
        add("410", "withdrawn");
    }
    if method == "post" {
        add("413", "content-too-large");
    }
    if reads {
        add("500", "internal");
        add("503", "unavailable");
    }
    if let Some(success) = operation["responses"].get_mut("204") {
        for name in ["X-Request-Id", "RateLimit", "RateLimit-Policy"] {
            success["headers"][name] = json!({"$ref": format!("#/components/headers/{name}")});
        }
    }
    if let Some(success) = operation["responses"].get_mut("200") {
        let header = |name: &str| json!({"$ref": format!("#/components/headers/{name}")});
        success["headers"]["X-Request-Id"] = header("X-Request-Id");
        for name in
            ["ETag", "Cache-Control", "Server-Timing", "RateLimit", "RateLimit-Policy"].into_iter().filter(|_| cached)
        {
            success["headers"][name] = header(name);
        }
        if path.starts_with("/v1/") {
            success["headers"]["Last-Modified"] = header("Last-Modified");
            success["headers"]["Surrogate-Key"] = header("Surrogate-Key");
        }
        if paged {
            success["headers"]["Link"] = header("Link");
        }
        let example =
            EXAMPLES.get_file(format!("{id}.json")).and_then(|file| serde_json::from_slice(file.contents()).ok());
        if let (Some::<Value>(example), Some(json)) = (example, success["content"].get_mut("application/json")) {
            json["example"] = example["answer"].clone();
        }
    }
}

/// Whether a path is a page's, where a problem is told as a page to those who ask for `text/html`.
fn is_page(path: &str) -> bool {
    path == "/" || path.starts_with("/read/") || (path.starts_with("/preview/") && path.ends_with("/page"))
}

/// The answer of a page that cannot be shown.
fn explained(status: &str) -> Value {
    let description = match status {
        "400" => "The address has something that is not known here.",
        "403" => "The link has expired, or is not whole.",
        "404" => "Nothing is at this address.",
        "409" => "What is shown could not be published as it is.",
        "410" => "It was withdrawn; the page says why.",
        "429" => "Too many requests; `Retry-After` says when to come again.",
        "503" => "The database cannot be reached; `Retry-After` says when to come again.",
        _ => "Something went wrong inside.",
    };
    json!({"description": description, "content": {
        "text/html": {"schema": {"type": "string"}},
        MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}},
    }})
}

fn is_paged(operation: &Value) -> bool {
    operation["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["name"] == "cursor")
}

/// The same for an operation on what is not public: it has a key, nobody keeps its answer, and it may take a body.
pub(super) fn managed(path: &str, operation: &mut Value) {
    let reference = |kind: &str, name: &str| json!({"$ref": format!("#/components/{kind}/{name}")});
    let mut shared = vec![("400", "bad-request"), ("403", "forbidden"), ("429", "rate-limited")];
    shared.extend([("500", "internal"), ("503", "unavailable")]);
    if operation.get("security").is_some() {
        shared.push(("401", "unauthenticated"));
    }
    if operation.get("requestBody").is_some() {
        // Nothing is the same as an empty object, where nothing has to be said.
        if path.ends_with("/publish") || path.ends_with("/preview") {
            operation["requestBody"]["required"] = json!(false);
        }
        shared.extend([("413", "content-too-large"), ("415", "unsupported-media-type"), ("422", "invalid-content")]);
    }
    if path.contains('{') {
        shared.push(("404", "not-found"));
    }
    // An earlier slug leads on to the present one.
    if path.contains("articles/{slug}") {
        shared.extend([("308", "moved"), ("410", "withdrawn")]);
    }
    // What keeps an old revision from being published keeps it from being shown as published, or restored.
    if path.starts_with("/preview/") {
        shared.push(("409", "conflict"));
    }
    if path.ends_with("/restore") {
        shared.push(("422", "invalid-content"));
    }
    // Every change of an article honours `If-Match`.
    if path.ends_with("/preview") {
        shared.push(("412", "precondition-failed"));
    }
    for (status, name) in shared {
        if operation["responses"].get(status).is_none() {
            operation["responses"][status] =
                if is_page(path) { explained(status) } else { reference("responses", name) };
        }
    }
    let paged = is_paged(operation);
    let answers = operation["responses"].as_object_mut().into_iter().flatten();
    for (_, success) in answers.filter(|(status, _)| status.starts_with('2')) {
        for name in ["X-Request-Id", "RateLimit", "RateLimit-Policy"] {
            success["headers"][name] = reference("headers", name);
        }
        if paged {
            success["headers"]["Link"] = reference("headers", "Link");
        }
        if success["headers"].get("ETag").is_some() {
            success["headers"]["ETag"] = reference("headers", "ETag");
        }
    }
}

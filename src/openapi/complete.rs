//! Facts that hold for many operations, each stated once: shared responses, headers, problems and examples.

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

/// Responses over the bundled library, one file an operation; a test compares them with the service.
static EXAMPLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/openapi/examples");

/// Shared headers: name, description, example.
const HEADERS: [(&str, &str, &str); 9] = [
    ("ETag", "A strong validator of exactly these bytes, for `If-None-Match`.", "\"1bVmZ3nVZ0n3yLkZ5oGd7A\""),
    ("Last-Modified", "The time of the last change to anything in the response.", "Fri, 02 Jan 2026 03:04:05 GMT"),
    (
        "Cache-Control",
        "How long caches may store the response.",
        "public, max-age=60, stale-while-revalidate=600, stale-if-error=86400",
    ),
    ("Surrogate-Key", "The tags that invalidate the response, separated by spaces.", "articles topic:stem-cells"),
    ("Link", "The next page (RFC 8288), if there is one.", "</v1/articles?cursor=…>; rel=\"next\""),
    (
        "Server-Timing",
        "The cache's outcome: `hit` (from memory), `miss` (computed, with the time in milliseconds), or `stale` (the last \
         response, while the database cannot be reached).",
        "cache;desc=miss, compute;dur=3.141",
    ),
    (
        "RateLimit",
        "The rest of the client's quota, and for how long (draft-ietf-httpapi-ratelimit-headers). Absent without a limit.",
        "\"default\";r=1199;t=1",
    ),
    (
        "RateLimit-Policy",
        "The client's quota: the number of requests and the period in seconds. Absent without a limit.",
        "\"default\";q=1200;w=60",
    ),
    (
        "X-Request-Id",
        "The request's id: the client's own if it sent one, else a new one.",
        "0198c0de-0000-7000-8000-000000000000",
    ),
];

/// An operation as it was declared, asked for the facts that decide its shared responses and headers.
struct Operation {
    path: String,
    method: String,
    object: Value,
}

impl Operation {
    /// Under `/manage` or `/preview`: never cached.
    fn is_private(&self) -> bool {
        self.path.starts_with("/manage/") || self.path.starts_with("/preview/")
    }

    fn is_probe(&self) -> bool {
        self.path.starts_with("/health") || self.path == "/metrics"
    }

    /// An HTML page, whose problems are pages as well.
    fn is_page(&self) -> bool {
        let is_preview = self.path.starts_with("/preview/") && self.path.ends_with("/page");
        is_preview || self.path == "/" || self.path.starts_with("/read/")
    }

    fn is_cached(&self) -> bool {
        !self.is_private() && !self.is_probe() && self.method == "get"
    }

    fn is_paged(&self) -> bool {
        let mut parameters = self.object["parameters"].as_array().into_iter().flatten();
        parameters.any(|parameter| parameter["name"] == "cursor")
    }

    fn has_body(&self) -> bool {
        self.object.get("requestBody").is_some()
    }

    fn names_article(&self) -> bool {
        self.path.contains("articles/{slug}") || self.path.starts_with("/read/")
    }

    fn reads_database(&self) -> bool {
        self.is_private() || self.is_page() || self.path.starts_with("/v1/") || self.path == "/health/ready"
    }
}

/// A name, and the operations that have it.
type Rule = (&'static str, fn(&Operation) -> bool);

/// Shared responses by status.
const RESPONSES: [(&str, Rule); 15] = [
    ("304", ("not-modified", Operation::is_cached)),
    ("308", ("moved", |o| o.names_article() && (o.is_cached() || o.is_private()))),
    ("400", ("bad-request", |_| true)),
    ("401", ("unauthenticated", |o| o.object.get("security").is_some())),
    ("403", ("forbidden", Operation::is_private)),
    ("404", ("not-found", |o| o.path.contains('{') || matches!(o.path.as_str(), "/" | "/v1/site"))),
    ("409", ("conflict", |o| o.path.starts_with("/preview/"))),
    ("410", ("withdrawn", Operation::names_article)),
    // Every change of an article honours `If-Match`.
    ("412", ("precondition-failed", |o| o.path.ends_with("/preview"))),
    ("413", ("content-too-large", |o| o.has_body() || (!o.is_private() && o.method == "post"))),
    ("415", ("unsupported-media-type", |o| o.is_private() && o.has_body())),
    // A revision that could not be published today cannot be restored either.
    ("422", ("invalid-content", |o| o.is_private() && (o.has_body() || o.path.ends_with("/restore")))),
    ("429", ("rate-limited", |o| !o.is_probe())),
    ("500", ("internal", Operation::reads_database)),
    ("503", ("unavailable", Operation::reads_database)),
];

/// Headers of successful responses. A private operation declares its own `ETag`.
const SUCCESS_HEADERS: [Rule; 9] = [
    ("X-Request-Id", |_| true),
    ("RateLimit", |o| !o.is_probe()),
    ("RateLimit-Policy", |o| !o.is_probe()),
    ("ETag", Operation::is_cached),
    ("Cache-Control", Operation::is_cached),
    ("Server-Timing", Operation::is_cached),
    ("Last-Modified", |o| o.is_cached() && o.path.starts_with("/v1/")),
    ("Surrogate-Key", |o| o.is_cached() && o.path.starts_with("/v1/")),
    ("Link", Operation::is_paged),
];

fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

/// Adds the shared responses and headers to an operation.
pub(super) fn operation(path: &str, method: &str, object: &mut Value) {
    let declared = Operation { path: path.into(), method: method.into(), object: object.clone() };
    // An absent body is the same as an empty object where every field is optional.
    if (path.ends_with("/publish") || path.ends_with("/preview"))
        && let Some(body) = object.get_mut("requestBody")
    {
        body["required"] = json!(false);
    }
    for (status, (name, _)) in RESPONSES.iter().filter(|(_, (_, applies))| applies(&declared)) {
        if object["responses"].get(status).is_none() {
            let is_error_page = declared.is_page() && !status.starts_with('3');
            object["responses"][status] = if is_error_page { error_page(status) } else { reference("responses", name) };
        }
    }
    let example = EXAMPLES.get_file(format!("{}.json", object["operationId"].as_str().unwrap_or_default()));
    let example: Option<Value> = example.and_then(|file| serde_json::from_slice(file.contents()).ok());
    let responses = object["responses"].as_object_mut().into_iter().flatten();
    for (_, success) in responses.filter(|(status, _)| status.starts_with('2')) {
        for (name, _) in SUCCESS_HEADERS.iter().filter(|(_, applies)| applies(&declared)) {
            success["headers"][name] = reference("headers", name);
        }
        if success["headers"].get("ETag").is_some() {
            success["headers"]["ETag"] = reference("headers", "ETag");
        }
        if let (Some(example), Some(json)) = (&example, success.pointer_mut("/content/application~1json")) {
            json["example"] = example["answer"].clone();
        }
    }
}

/// Returns the response of a page that cannot be shown.
fn error_page(status: &str) -> Value {
    let description = match status {
        "400" => "A parameter of the address is not valid.",
        "403" => "The link has expired, or is incomplete.",
        "404" => "Nothing is at this address.",
        "409" => "The preview could not be published as it is.",
        "410" => "The article was withdrawn; the page gives the reason.",
        "429" => "Too many requests; `Retry-After` says when to try again.",
        "503" => "The database cannot be reached; `Retry-After` says when to try again.",
        _ => "An internal error.",
    };
    json!({"description": description, "content": {
        "text/html": {"schema": {"type": "string"}},
        MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}},
    }})
}

/// Adds the components that operations refer to: problems, redirects, headers, the key.
pub(super) fn components(document: &mut Value) {
    let components = &mut document["components"];
    let mut schemas = Vec::new();
    Problem::schemas(&mut schemas);
    schemas.push((Problem::name().into(), Problem::schema()));
    schemas.push((FieldError::name().into(), FieldError::schema()));
    for (name, schema) in schemas {
        components["schemas"][name] = serde_json::to_value(schema).unwrap_or_default();
    }
    for (name, description, example) in HEADERS {
        components["headers"][name] =
            json!({"description": description, "schema": {"type": "string"}, "example": example});
    }
    components["securitySchemes"]["key"] = json!({
        "type": "http", "scheme": "bearer", "bearerFormat": "lk_…",
        "description": "An API key. `lectern keys create` makes the first, `POST /manage/v1/keys` others. Each operation needs one scope: `read_drafts`, `write`, `publish` or `admin`. No scope includes another.",
    });

    let problem = |description: &str, examples: (&str, Value)| {
        json!({
            "description": description,
            "headers": {"X-Request-Id": reference("headers", "X-Request-Id")},
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, examples.0: examples.1}},
        })
    };
    let responses = &mut components["responses"];
    for kind in ProblemType::ALL {
        responses[kind.name] = problem(kind.title, ("example", example_of(*kind)));
    }
    let examples = json!({
        "invalid-parameter": {"value": example_of(ProblemType::INVALID_PARAMETER)},
        "malformed-request": {"value": example_of(ProblemType::MALFORMED_REQUEST)},
    });
    responses["bad-request"] =
        problem("A parameter is not valid, or the request cannot be read.", ("examples", examples));
    responses["unauthenticated"]["headers"]["WWW-Authenticate"] =
        json!({"description": "How to send a key (RFC 6750).", "schema": {"type": "string"}, "example": "Bearer"});
    for name in ["precondition-failed", "precondition-required"] {
        responses[name]["headers"]["ETag"] = reference("headers", "ETag");
    }
    for name in ["unavailable", "rate-limited"] {
        responses[name]["headers"]["Retry-After"] =
            json!({"description": "Seconds until the next attempt.", "schema": {"type": "integer"}, "example": 2});
    }
    responses["moved"] = json!({
        "description": "It moved; `Location` has the present address. Repeat the request there, with the same method and body.",
        "headers": {"Location": {
            "description": "The present address.", "required": true, "schema": {"type": "string"},
            "example": "/v1/articles/stem-cell-infusion",
        }},
    });
    responses["not-modified"] = json!({
        "description": "The client's copy is current: its `ETag` is in `If-None-Match`, or nothing changed since `If-Modified-Since`.",
        "headers": {"ETag": reference("headers", "ETag")},
    });
}

/// Returns an example of a problem.
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

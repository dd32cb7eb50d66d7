//! The document that describes the API (OpenAPI 3.1), the files that are stored of it, and the pages that show it.
//!
//! Operations describe themselves beside their code; what holds for all of them is added here, in one pass over the
//! finished document.

use std::{fmt::Write, sync::Arc};

use actix_web::{App, HttpResponse, get, web};
use include_dir::{Dir, include_dir};
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};
use utoipa_actix_web::{AppExt, service_config::ServiceConfig};
use utoipa_swagger_ui::Config;

use crate::{
    error::{Error, Fault, Kind},
    http::{
        Answer, MANAGED_BODY_LIMIT, Read,
        problem::{MEDIA_TYPE, Problem},
        query::Nothing,
    },
    server,
};

/// What operations answer over the bundled library, a file an operation; a test holds them against the service.
static EXAMPLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/openapi/examples");

/// The document, as it is served and stored.
#[must_use]
pub fn document() -> Value {
    let (_, collected) = App::new().into_utoipa_app().configure(server::routes).split_for_parts();
    let mut document = serde_json::to_value(collected).unwrap_or_default();
    document["info"] = json!({
        "title": "Lectern",
        "version": env!("CARGO_PKG_VERSION"),
        "summary": env!("CARGO_PKG_DESCRIPTION"),
        "description": include_str!("openapi.md"),
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    });
    document["servers"] = json!([{"url": "/", "description": "This service"}]);
    document["security"] = json!([]);
    document["tags"] = json!([
        {"name": "Site", "description": "What the service says of itself, and where everything is."},
        {"name": "Articles", "description": "Articles: lists of cards, whole articles, and what to read next."},
        {"name": "Sections", "description": "The sections of an article: addressable, and their addresses never break."},
        {"name": "Topics", "description": "What the articles are about."},
        {"name": "Recommendations", "description": "What leads the site."},
        {"name": "Reader", "description": "Pages for people, made from the same content."},
        {"name": "Management", "description": "Drafts, publication, keys, and who did what. Every operation needs a key with the scope that it names."},
        {"name": "Around", "description": "Health, problems, and this description."},
    ]);
    add_components(&mut document);
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, item) in paths {
        for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
            if path.starts_with("/manage/") || path.starts_with("/preview/") {
                complete_managed(path, operation);
            } else {
                complete(path, operation);
            }
        }
    }
    drop_unused_responses(&mut document);
    document
}

/// Takes away the shared answers that no operation has: a description says what can come, and nothing else.
fn drop_unused_responses(document: &mut Value) {
    let used = document["paths"].to_string();
    if let Some(responses) = document["components"]["responses"].as_object_mut() {
        responses.retain(|name, _| used.contains(&format!("#/components/responses/{name}\"")));
    }
}

/// What every operation refers to: problems, redirects, headers.
fn add_components(document: &mut Value) {
    let components = &mut document["components"];
    let mut schemas = Vec::new();
    Problem::schemas(&mut schemas);
    schemas.push((Problem::name().into(), Problem::schema()));
    schemas.push((Fault::name().into(), Fault::schema()));
    for (name, schema) in schemas {
        components["schemas"][name] = serde_json::to_value(schema).unwrap_or_default();
    }
    for kind in Kind::ALL {
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
            "invalid-parameter": {"value": example_of(Kind::INVALID_PARAMETER)},
            "malformed-request": {"value": example_of(Kind::MALFORMED_REQUEST)},
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

fn example_of(kind: Kind) -> Value {
    let mut instance = "/v1/articles";
    let mut managed = |error| {
        instance = "/manage/v1/articles/stem-cell-infusion";
        error
    };
    let etag = "\"3-73f1959d3a2ec44a6d26775f5d6904c0\"".to_owned();
    let error = match kind {
        Kind::INVALID_PARAMETER => Error::parameter(
            "sort",
            "`popular` is not known here: expected one of -published_at, published_at, -updated_at, updated_at, title",
        ),
        Kind::MALFORMED_REQUEST => Error::MalformedRequest("the path has a % without two hexadecimal digits".into()),
        Kind::UNAUTHENTICATED => managed(Error::Unauthenticated("this key was revoked".into())),
        Kind::FORBIDDEN => managed(Error::Forbidden("this needs a key with the scope `write`".into())),
        Kind::NOT_FOUND => Error::NotFound("no article is published as `stem-cell`".into()),
        Kind::METHOD_NOT_ALLOWED => Error::MethodNotAllowed { allow: "GET, HEAD".into() },
        Kind::CONFLICT => managed(Error::Conflict("`stem-cell-infusion` is the slug of another article".into())),
        Kind::WITHDRAWN => Error::Withdrawn("本文的一处结论已被新的指南取代，修订后重新发布。".into()),
        Kind::PRECONDITION_FAILED => managed(Error::PreconditionFailed { etag: Some(etag) }),
        Kind::CONTENT_TOO_LARGE => managed(Error::ContentTooLarge { limit: MANAGED_BODY_LIMIT }),
        Kind::UNSUPPORTED_MEDIA_TYPE => managed(Error::UnsupportedMediaType),
        Kind::INVALID_CONTENT => managed(Error::InvalidContent(vec![
            Fault::body("/title", "the title is empty"),
            Fault::body("/related/0/url", "`example.org` is no absolute URL"),
        ])),
        Kind::PRECONDITION_REQUIRED => managed(Error::PreconditionRequired { etag }),
        Kind::RATE_LIMITED => Error::RateLimited { seconds: 2 },
        Kind::UNAVAILABLE => Error::Unavailable(String::new()),
        _ => Error::Internal(String::new()),
    };
    json!(Problem::new(&error, instance, "0198c0de-0000-7000-8000-000000000000"))
}

/// Adds to an operation what follows from its path and its answers.
fn complete(path: &str, operation: &mut Value) {
    let reference = |name: &str| json!({"$ref": format!("#/components/responses/{name}")});
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let probe = path.starts_with("/health") || path == "/metrics";
    let cached = !probe;
    let reads = path.starts_with("/v1/") || path == "/" || path.starts_with("/read/") || path == "/health/ready";
    let mut add = |status: &str, name: &str| {
        if operation["responses"].get(status).is_none() {
            operation["responses"][status] = reference(name);
        }
    };
    add("400", "bad-request");
    if !probe {
        add("429", "rate-limited");
    }
    if cached {
        add("304", "not-modified");
    }
    if path.contains('{') || path == "/v1/site" {
        add("404", "not-found");
    }
    if path.contains("articles/{slug}") || path.starts_with("/read/") {
        add("308", "moved");
        add("410", "withdrawn");
    }
    if reads {
        add("500", "internal");
        add("503", "unavailable");
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
        if id.starts_with("list_") && path.starts_with("/v1/") && id != "list_sections" {
            success["headers"]["Link"] = header("Link");
        }
        let example =
            EXAMPLES.get_file(format!("{id}.json")).and_then(|file| serde_json::from_slice(file.contents()).ok());
        if let (Some::<Value>(example), Some(json)) = (example, success["content"].get_mut("application/json")) {
            json["example"] = example["answer"].clone();
        }
    }
}

/// The same for an operation on what is not public: it has a key, nobody keeps its answer, and it may take a body.
fn complete_managed(path: &str, operation: &mut Value) {
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
            operation["responses"][status] = reference("responses", name);
        }
    }
    let paged = operation["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["name"] == "cursor");
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

/// One line an operation: method, path, operation id; sorted, so that a diff shows the whole surface.
#[must_use]
pub fn operations(document: &Value) -> String {
    let mut lines = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let id = operation["operationId"].as_str().unwrap_or_default();
            lines.push(format!("{path} {} {id}", method.to_uppercase()));
        }
    }
    lines.sort();
    lines.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{line}");
        text
    })
}

/// The document as the files that are served and stored under `openapi/`.
#[derive(Debug, Clone)]
pub struct Files {
    /// `openapi.json`.
    pub json: String,
    /// `openapi.yaml`.
    pub yaml: String,
    /// `operations.txt`.
    pub operations: String,
}

impl Files {
    /// The files of a document.
    pub fn of(document: &Value) -> Result<Files, Error> {
        let json =
            serde_json::to_string_pretty(document).map_err(|e| Error::internal("the document has no JSON", e))?;
        let yaml = yaml_serde::to_string(document).map_err(|e| Error::internal("the document has no YAML", e))?;
        Ok(Files { json: json + "\n", yaml, operations: operations(document) })
    }

    /// Each file with its name.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &str); 3] {
        [("openapi.json", &self.json), ("openapi.yaml", &self.yaml), ("operations.txt", &self.operations)]
    }
}

/// What the reference may load: its own files, and what it sets and draws itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The operations that serve the description.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(read_openapi_json).service(read_openapi_yaml).service(read_docs).service(read_docs_file);
}

/// Read this description
///
/// The OpenAPI 3.1 document of this service, as JSON.
#[utoipa::path(tag = "Around", responses((status = 200, description = "The document.", body = Object, content_type = "application/json")))]
#[get("/openapi.json")]
pub async fn read_openapi_json(read: Read<Nothing>, files: web::Data<Files>) -> Result<HttpResponse, Error> {
    read.built_in(|_| Ok(Answer::bytes("application/json", files.json.clone()).tagged(["openapi"]))).await
}

/// Read this description as YAML
///
/// The same document in YAML.
#[utoipa::path(tag = "Around", responses((status = 200, description = "The document.", body = Object, content_type = "application/yaml")))]
#[get("/openapi.yaml")]
pub async fn read_openapi_yaml(read: Read<Nothing>, files: web::Data<Files>) -> Result<HttpResponse, Error> {
    read.built_in(|_| Ok(Answer::bytes("application/yaml", files.yaml.clone()).tagged(["openapi"]))).await
}

/// Read the reference
///
/// This description as a page for people, to read and to try out; it loads nothing from other hosts.
#[utoipa::path(tag = "Around", responses((status = 200, description = "The page.", body = String, content_type = "text/html")))]
#[get("/docs")]
pub async fn read_docs(read: Read<Nothing>) -> Result<HttpResponse, Error> {
    read.built_in(|_| {
        let page = docs_file("index.html")?;
        // The page names its files from below /docs/.
        let page =
            String::from_utf8_lossy(&page).replace("=\"./", "=\"/docs/").replace("=\"index.css", "=\"/docs/index.css");
        Ok(Answer::bytes("text/html; charset=utf-8", page).policy(POLICY).tagged(["openapi"]))
    })
    .await
}

/// Read a file of the reference
///
/// What the page at `/docs` needs: its scripts and style sheets.
#[utoipa::path(
    tag = "Around",
    params(("file" = String, Path, description = "A file of the page.", example = "swagger-ui.css")),
    responses((status = 200, description = "The file.", body = String, content_type = "text/css")),
)]
#[get("/docs/{file:.*}")]
pub async fn read_docs_file(file: web::Path<String>, read: Read<Nothing>) -> Result<HttpResponse, Error> {
    let media_type = match file.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("png") => "image/png",
        Some("map") => "application/json",
        _ => "text/html; charset=utf-8",
    };
    read.built_in(|_| Ok(Answer::bytes(media_type, docs_file(&file)?).tagged(["openapi"]))).await
}

fn docs_file(name: &str) -> Result<Vec<u8>, Error> {
    let config = Config::from("/openapi.json").validator_url("none").try_it_out_enabled(true).deep_linking(true);
    let served = utoipa_swagger_ui::serve(name, Arc::new(config)).map_err(|e| Error::internal("a page of /docs", e))?;
    let served = served.ok_or_else(|| Error::NotFound("the reference has no such file; it is at /docs".into()))?;
    Ok(served.bytes.into_owned())
}

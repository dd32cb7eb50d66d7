//! The OpenAPI 3.1 document of the API, its files under `openapi/`, and the pages at `/docs`.
//!
//! Operations are described beside their code; facts that hold for many are added in one pass over the document
//! (`complete`).

mod complete;

use std::{fmt::Write, sync::Arc};

use actix_web::{App, HttpResponse, get, web};
use serde_json::{Value, json};
use utoipa_actix_web::{AppExt, service_config::ServiceConfig};
use utoipa_swagger_ui::Config;

use crate::{
    error::Error,
    http::{CachedGet, Payload, policy::RoutePolicy, query::NoParameters},
};

/// Returns the document of `routes`, as it is served and stored.
#[must_use]
pub fn document(routes: impl FnOnce(&mut ServiceConfig<'_>)) -> Value {
    let (_, collected) = App::new().into_utoipa_app().configure(routes).split_for_parts();
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
        {"name": "Site", "description": "The site, and an index of links."},
        {"name": "Articles", "description": "Lists of article cards, complete articles, and related reading."},
        {"name": "Sections", "description": "The sections of an article, at permanent addresses."},
        {"name": "Topics", "description": "The topics of articles."},
        {"name": "Recommendations", "description": "Pinned, most read and recent articles."},
        {"name": "Reader", "description": "HTML pages of the same content."},
        {"name": "Management", "description": "Drafts, publication, keys and the audit. Every operation needs a key with the scope that it names."},
        {"name": "Around", "description": "Health, metrics, problem types, and this document."},
    ]);
    complete::components(&mut document);
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, item) in paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            complete::operation(path, method, operation);
        }
    }
    remove_unused_responses(&mut document);
    document
}

/// Removes the shared responses that no operation refers to.
fn remove_unused_responses(document: &mut Value) {
    let used = document["paths"].to_string();
    if let Some(responses) = document["components"]["responses"].as_object_mut() {
        responses.retain(|name, _| used.contains(&format!("#/components/responses/{name}\"")));
    }
}

/// Returns a line for each operation, sorted: path, method, operation id. A diff of it shows changes of the surface.
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

/// The files of the document, as they are served and stored under `openapi/`.
#[derive(Debug, Clone)]
pub struct Files {
    /// The content of `openapi.json`.
    pub json: String,
    /// The content of `openapi.yaml`.
    pub yaml: String,
    /// The content of `operations.txt`.
    pub operations: String,
}

impl Files {
    /// Returns the files of a document.
    pub fn of(document: &Value) -> Result<Files, Error> {
        let json = serde_json::to_string_pretty(document)
            .map_err(|e| Error::internal("the OpenAPI document cannot be written as JSON", e))?;
        let yaml = yaml_serde::to_string(document)
            .map_err(|e| Error::internal("the OpenAPI document cannot be written as YAML", e))?;
        Ok(Files { json: json + "\n", yaml, operations: operations(document) })
    }

    /// Returns the name and content of each file.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &str); 3] {
        [("openapi.json", &self.json), ("openapi.yaml", &self.yaml), ("operations.txt", &self.operations)]
    }
}

/// The content security policy of the page: its own files, inline styles and data images.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The policy of the document and the API reference.
pub static POLICY: RoutePolicy =
    RoutePolicy { paths: &["/openapi.json", "/openapi.yaml", "/docs"], ..RoutePolicy::DEFAULT };

/// Registers the operations.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(read_openapi_json).service(read_openapi_yaml).service(read_docs).service(read_docs_file);
}

/// Read the OpenAPI document
///
/// Returns the OpenAPI 3.1 document of this service as JSON.
#[utoipa::path(tag = "Around", responses((status = 200, description = "The document.", body = Object, content_type = "application/json")))]
#[get("/openapi.json")]
pub async fn read_openapi_json(read: CachedGet<NoParameters>, files: web::Data<Files>) -> Result<HttpResponse, Error> {
    read.respond_immutable(|_| Ok(Payload::bytes("application/json", files.json.clone()).tagged(["openapi"]))).await
}

/// Read the OpenAPI document as YAML
///
/// Returns the same document as YAML.
#[utoipa::path(tag = "Around", responses((status = 200, description = "The document.", body = Object, content_type = "application/yaml")))]
#[get("/openapi.yaml")]
pub async fn read_openapi_yaml(read: CachedGet<NoParameters>, files: web::Data<Files>) -> Result<HttpResponse, Error> {
    read.respond_immutable(|_| Ok(Payload::bytes("application/yaml", files.yaml.clone()).tagged(["openapi"]))).await
}

/// Read the API reference
///
/// Returns the document as an interactive page. It loads nothing from other hosts.
#[utoipa::path(tag = "Around", responses((status = 200, description = "The page.", body = String, content_type = "text/html")))]
#[get("/docs")]
pub async fn read_docs(read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    read.respond_immutable(|_| {
        let page = docs_file("index.html")?;
        // The links of the page are relative to /docs/.
        let page =
            String::from_utf8_lossy(&page).replace("=\"./", "=\"/docs/").replace("=\"index.css", "=\"/docs/index.css");
        Ok(Payload::bytes("text/html; charset=utf-8", page).policy(CONTENT_SECURITY_POLICY).tagged(["openapi"]))
    })
    .await
}

/// Read a file of the API reference
///
/// Returns a script, style sheet or image of the page at `/docs`.
#[utoipa::path(
    tag = "Around",
    params(("file" = String, Path, description = "A file of the page.", example = "swagger-ui.css")),
    responses((status = 200, description = "The file.", body = String, content_type = "text/css")),
)]
#[get("/docs/{file:.*}")]
pub async fn read_docs_file(file: web::Path<String>, read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    let media_type = match file.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("png") => "image/png",
        Some("map") => "application/json",
        _ => "text/html; charset=utf-8",
    };
    read.respond_immutable(|_| Ok(Payload::bytes(media_type, docs_file(&file)?).tagged(["openapi"]))).await
}

fn docs_file(name: &str) -> Result<Vec<u8>, Error> {
    let config = Config::from("/openapi.json").validator_url("none").try_it_out_enabled(true).deep_linking(true);
    let served = utoipa_swagger_ui::serve(name, Arc::new(config)).map_err(|e| Error::internal("a page of /docs", e))?;
    let served = served.ok_or_else(|| Error::NotFound("the API reference has no such file: it is at /docs".into()))?;
    Ok(served.bytes.into_owned())
}

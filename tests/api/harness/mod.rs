//! The harness of all tests: one Postgres for the run, a database for each test, the real service on a free port, and a
//! client that checks each response against the OpenAPI document.

mod postgres;

use std::{
    collections::HashMap,
    net::TcpListener,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use actix_web::dev::ServerHandle;
use lectern::{
    app,
    cache::Cache,
    content::{Document, markdown},
    db::{
        Db, Settings,
        change_log::{self, ChangeSubscriber, State},
    },
    error::Error,
    http::page::Page,
    publishing::{Author, PublishTx, drafts::Precondition},
};
use reqwest::{
    Method, StatusCode,
    header::{HeaderMap, HeaderName},
};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

pub use self::postgres::{empty_database, library_database};

/// Creates an empty folder for the files of a test.
pub fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("lectern-scratch-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A running service with its own database; it stops on drop.
pub struct App {
    /// `http://127.0.0.1:…`
    pub base: String,
    /// The database's URL.
    pub database: String,
    /// The service's own pools.
    pub db: Db,
    /// The service's cache.
    pub cache: Arc<Cache<Page>>,
    /// Stops the service.
    pub handle: ServerHandle,
    client: reqwest::Client,
}

impl App {
    /// Starts a service on an empty database.
    pub async fn empty() -> App {
        App::on(empty_database().await)
    }

    /// Starts a service on a database with the bundled library.
    pub async fn library() -> App {
        App::on(library_database().await)
    }

    /// Starts a service on a database.
    pub fn on(database: String) -> App {
        let databases = Settings { url: database, replicas: Vec::new(), connections: 4 };
        App::with(&databases, app::Settings::default())
    }

    /// Starts a service with the bundled library and a rate limit.
    pub async fn limited(rate: &str) -> App {
        let settings = app::Settings { rate_limit: rate.parse().unwrap(), ..app::Settings::default() };
        let databases = Settings { url: library_database().await, replicas: Vec::new(), connections: 4 };
        App::with(&databases, settings)
    }

    /// Starts a service with the bundled library and TLS, which the client of the harness does not speak.
    pub async fn secure(tls: rustls::ServerConfig) -> App {
        let settings = app::Settings { tls: Some(tls), ..app::Settings::default() };
        let databases = Settings { url: library_database().await, replicas: Vec::new(), connections: 4 };
        App::with(&databases, settings)
    }

    /// Starts a service with settings of its own.
    pub fn with(databases: &Settings, settings: app::Settings) -> App {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://{}", listener.local_addr().unwrap());
        let db = Db::new(databases).unwrap();
        let settings = app::Settings { workers: Some(1), ..settings };
        let running = app::start(listener, None, &db, &settings).unwrap();
        let (handle, cache) = (running.handle(), running.cache());
        tokio::spawn(running.ended());
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        App { base, database: databases.url.clone(), db, cache, handle, client }
    }

    /// Publishes an article file and returns its id.
    pub async fn publish(&self, file: &str) -> Uuid {
        publish(&self.db, file).await
    }

    /// Creates a key with scopes that are separated by commas, and returns it.
    pub async fn key(&self, scopes: &str) -> String {
        let scopes: Vec<_> = scopes.split(',').map(|scope| scope.parse().unwrap()).collect();
        self.write(async |tx| tx.create_key("test", &scopes, None).await).await.unwrap().0
    }

    /// Runs `work` in a transaction of the test's author.
    pub async fn write<T>(&self, work: impl AsyncFnOnce(&mut PublishTx) -> Result<T, Error>) -> Result<T, Error> {
        Ok(PublishTx::run(&self.db, &author(), work).await?.0)
    }

    /// Sends a GET after the service has caught up with the change log, and checks the response.
    pub async fn get(&self, path: &str) -> Reply {
        self.catch_up().await;
        self.send(Method::GET, path, &[]).await
    }

    /// Waits until the service has caught up with the change log, so that a test reads what it wrote. Returns at once if the
    /// database cannot be reached.
    pub async fn catch_up(&self) {
        let Ok(Ok(connection)) = timeout(Duration::from_millis(500), self.db.read()).await else { return };
        let Ok(newest) = change_log::newest(&connection).await.map(|newest| newest.sequence) else { return };
        let began = std::time::Instant::now();
        while self.cache.position().is_none_or(|position| position.sequence < newest) {
            assert!(began.elapsed() < Duration::from_secs(20), "the service did not receive change {newest}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // A new subscriber caches nothing yet. Some tests disconnect it for longer, so the wait is short.
        while self.cache.state() != State::Following && began.elapsed() < Duration::from_secs(1) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Sends a GET that accepts a content encoding, and returns the encoded response unchecked.
    pub async fn send_encoded(&self, path: &str, encoding: &str, if_none_match: Option<&str>) -> Reply {
        let mut request = self.client.get(format!("{}{path}", self.base)).header("accept-encoding", encoding);
        if let Some(etag) = if_none_match {
            request = request.header("if-none-match", etag);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Reply { path: path.to_owned(), status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    /// Sends a request with headers and checks the response.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.call(method, path, None, headers, None).await
    }

    /// Sends a request with a key, headers and a body, and checks the response.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        headers: &[(&str, &str)],
        body: Option<Body>,
    ) -> Reply {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        if let Some(Body { media_type, bytes }) = body {
            request = request.header("content-type", media_type).body(bytes);
        }
        let response = request.send().await.unwrap_or_else(|e| panic!("{method} {path}: {e}"));
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.unwrap().to_vec();
        let reply = Reply { path: path.to_owned(), status, headers, body };
        reply.assert_conforms(&method);
        reply
    }
}

/// The body of a request.
pub struct Body {
    media_type: &'static str,
    bytes: Vec<u8>,
}

impl Body {
    /// Returns bytes of a media type.
    pub fn of(media_type: &'static str, bytes: impl Into<Vec<u8>>) -> Body {
        Body { media_type, bytes: bytes.into() }
    }

    /// Returns a value as JSON.
    pub fn json(value: &Value) -> Body {
        Body::of("application/json", value.to_string())
    }

    /// Returns an article file.
    pub fn markdown(file: &str) -> Body {
        Body::of("text/markdown", file)
    }
}

/// Returns the author of all changes in tests.
pub fn author() -> Author {
    Author::local("test")
}

/// Publishes an article file, as another process would, and returns the article's id.
pub async fn publish(db: &Db, file: &str) -> Uuid {
    let (document, author) = (document(file), author());
    let published = PublishTx::run(db, &author, async |tx| {
        let saved = tx.save_draft(document, &Precondition::Any).await?;
        tx.publish(saved.id, saved.revision).await?;
        Ok(saved.id)
    });
    published.await.unwrap().0
}

impl Drop for App {
    fn drop(&mut self) {
        // `stop` sends its command before the future is awaited.
        drop(self.handle.stop(false));
    }
}

/// A response that was read to its end.
pub struct Reply {
    pub path: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// Parses the body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{}: {e}: {}", self.path, self.text()))
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Returns a header's value; panics without it.
    pub fn header(&self, name: &str) -> &str {
        let name: HeaderName = name.parse().unwrap();
        self.headers.get(&name).unwrap_or_else(|| panic!("{}: no {name}", self.path)).to_str().unwrap()
    }

    /// Asserts that the status is 200, and parses the body as JSON.
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}: {}", self.path, self.text());
        self.json()
    }

    /// Asserts the headers that every response must have, the problem of an error, and the OpenAPI document.
    fn assert_conforms(&self, method: &Method) {
        let path = &self.path;
        let id = self.header("x-request-id");
        assert!(self.headers.contains_key("x-content-type-options"), "{path}");
        assert!(!self.text_or_empty().contains('\u{FDD0}'), "{path}: a character for internal use was delivered");
        let (bare, _) = path.split_once('?').unwrap_or((path, ""));
        let failed = self.status.is_client_error() || self.status.is_server_error();
        if failed && self.header("content-type").starts_with("text/html") {
            let preview = bare.starts_with("/preview/") && bare.ends_with("/page");
            assert!(bare == "/" || bare.starts_with("/read/") || preview, "{path}");
            assert!(method == Method::HEAD || self.text().contains(id), "{path}: {}", self.text());
        } else if failed {
            assert_eq!(self.header("content-type"), "application/problem+json", "{path}: {}", self.text());
            if method != Method::HEAD {
                let problem = self.json();
                assert_eq!(problem["status"], self.status.as_u16(), "{problem}");
                assert_eq!(problem["instance"], bare, "{problem}");
                assert_eq!(problem["request_id"], id, "{problem}");
                validate("Problem", &problem);
            }
        }
        if method != Method::HEAD {
            self.assert_documented(method);
        }
    }

    fn text_or_empty(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap_or_default()
    }

    /// Asserts that the operation documents the status, and that a JSON body fits its schema.
    fn assert_documented(&self, method: &Method) {
        let (bare, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let Some((pattern, operation)) = operation(bare, method) else {
            return;
        };
        let status = self.status.as_u16().to_string();
        let responses = &operation["responses"];
        assert!(responses.get(&status).is_some(), "{method} {}: {status} is not documented for {pattern}", self.path);
        let content = &responses[&status]["content"]["application/json"]["schema"];
        // `fields` removes documented fields.
        let is_json = self.headers.get("content-type").is_some_and(|kind| kind == "application/json");
        if self.status.is_success() && is_json && !content.is_null() && !query.contains("fields=") {
            let reference = content["$ref"].as_str().unwrap_or_default();
            if let Some(name) = reference.strip_prefix("#/components/schemas/") {
                validate(name, &self.json());
            }
        }
    }
}

/// Returns the OpenAPI document.
pub fn openapi_document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(app::document)
}

/// Finds the operation of a path, with its pattern.
fn operation(path: &str, method: &Method) -> Option<(&'static str, &'static Value)> {
    let parts: Vec<_> = path.split('/').collect();
    let paths = openapi_document()["paths"].as_object().unwrap();
    let fits = |pattern: &&String| {
        let pattern: Vec<_> = pattern.split('/').collect();
        pattern.len() == parts.len()
            && pattern.iter().zip(&parts).all(|(p, part)| p == part || (p.starts_with('{') && !part.is_empty()))
    };
    let exact = paths.get_key_value(path).map(|(pattern, _)| pattern);
    let pattern = exact.or_else(|| paths.keys().find(fits))?;
    paths[pattern].get(method.as_str().to_ascii_lowercase()).map(|operation| (pattern.as_str(), operation))
}

/// Asserts that a value fits a schema of the OpenAPI document.
pub fn validate(schema: &str, value: &Value) {
    static VALIDATORS: OnceLock<Mutex<HashMap<String, &'static jsonschema::Validator>>> = OnceLock::new();
    let mut validators =
        VALIDATORS.get_or_init(Mutex::default).lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let validator = *validators.entry(schema.to_owned()).or_insert_with(|| {
        let components = &openapi_document()["components"];
        let root = json!({"$ref": format!("#/components/schemas/{schema}"), "components": components});
        Box::leak(Box::new(jsonschema::validator_for(&root).unwrap()))
    });
    drop(validators);
    let errors: Vec<_> = validator.iter_errors(value).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{schema}: {errors:#?}\n{value}");
}

/// Parses an article file.
pub fn document(file: &str) -> Document {
    markdown::read(file, None).unwrap_or_else(|errors| panic!("{errors:#?}")).document
}

/// Returns an article file with a slug, more front matter and a body; the title follows from the slug unless it is given.
pub fn article(slug: &str, front_matter: &str, body: &str) -> String {
    let front_matter = front_matter.trim();
    let title = if front_matter.lines().any(|line| line.starts_with("title:")) {
        String::new()
    } else {
        format!("title: {slug} 的标题\n")
    };
    format!("---\nslug: {slug}\n{title}{front_matter}\n---\n{body}\n")
}

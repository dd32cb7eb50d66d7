//! The harness that every test lives in: one Postgres for the run, a database for each test, the real service on a free
//! port, and a client that holds every answer against the published description.

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

/// The folder of the run's Postgres, for files that a test writes beside it.
pub fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("lectern-scratch-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The running service with a database of its own.
pub struct App {
    /// `http://127.0.0.1:…`
    pub base: String,
    /// The database's address.
    pub database: String,
    /// The service's own pools.
    pub db: Db,
    /// The service's cache.
    pub cache: Arc<Cache<Page>>,
    /// What stops the service.
    pub handle: ServerHandle,
    client: reqwest::Client,
}

impl App {
    /// A service with nothing in it.
    pub async fn empty() -> App {
        App::on(empty_database().await)
    }

    /// A service with the bundled library.
    pub async fn library() -> App {
        App::on(library_database().await)
    }

    /// A service on a database.
    pub fn on(database: String) -> App {
        let databases = Settings { url: database, replicas: Vec::new(), connections: 4 };
        App::with(&databases, app::Settings::default())
    }

    /// A service with the bundled library that counts what its clients ask for.
    pub async fn limited(rate: &str) -> App {
        let settings = app::Settings { rate_limit: rate.parse().unwrap(), ..app::Settings::default() };
        let databases = Settings { url: library_database().await, replicas: Vec::new(), connections: 4 };
        App::with(&databases, settings)
    }

    /// A service with the bundled library that speaks TLS; the client of the harness does not.
    pub async fn secure(tls: rustls::ServerConfig) -> App {
        let settings = app::Settings { tls: Some(tls), ..app::Settings::default() };
        let databases = Settings { url: library_database().await, replicas: Vec::new(), connections: 4 };
        App::with(&databases, settings)
    }

    /// A service on these databases.
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

    /// Makes a key with these scopes, separated by commas, and returns it.
    pub async fn key(&self, scopes: &str) -> String {
        let scopes: Vec<_> = scopes.split(',').map(|scope| scope.parse().unwrap()).collect();
        self.write(async |tx| tx.create_key("test", &scopes, None).await).await.unwrap().0
    }

    /// Runs `work` in a transaction of the test's author.
    pub async fn write<T>(&self, work: impl AsyncFnOnce(&mut PublishTx) -> Result<T, Error>) -> Result<T, Error> {
        Ok(PublishTx::run(&self.db, &author(), work).await?.0)
    }

    /// A GET whose answer is held against the description.
    pub async fn get(&self, path: &str) -> Reply {
        self.settle().await;
        self.send(Method::GET, path, &[]).await
    }

    /// Waits until the service knows every change that is in the log, if its database can be reached: a test that writes and
    /// reads wants to read what it wrote.
    pub async fn settle(&self) {
        let Ok(Ok(connection)) = timeout(Duration::from_millis(500), self.db.read()).await else { return };
        let Ok(newest) = change_log::newest(&connection).await.map(|newest| newest.sequence) else { return };
        let began = std::time::Instant::now();
        while self.cache.position().is_none_or(|position| position.sequence < newest) {
            assert!(began.elapsed() < Duration::from_secs(20), "the change {newest} did not become known");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // A service that has only just begun to follow keeps nothing yet; one that cannot follow is what some tests are about.
        while self.cache.state() != State::Following && began.elapsed() < Duration::from_secs(1) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// A GET whose answer is taken in a content coding, as it comes.
    pub async fn send_coded(&self, path: &str, coding: &str, known: Option<&str>) -> Reply {
        let mut request = self.client.get(format!("{}{path}", self.base)).header("accept-encoding", coding);
        if let Some(etag) = known {
            request = request.header("if-none-match", etag);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        Reply { path: path.to_owned(), status, headers, body: answer.bytes().await.unwrap().to_vec() }
    }

    /// A request with headers; its answer is held against the description.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.call(method, path, None, headers, None).await
    }

    /// A request with a key, headers and a body; its answer is held against the description.
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
        let answer = request.send().await.unwrap_or_else(|e| panic!("{method} {path}: {e}"));
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.unwrap().to_vec();
        let reply = Reply { path: path.to_owned(), status, headers, body };
        reply.hold(&method);
        reply
    }
}

/// What a request carries.
pub struct Body {
    media_type: &'static str,
    bytes: Vec<u8>,
}

impl Body {
    /// Bytes of a media type.
    pub fn of(media_type: &'static str, bytes: impl Into<Vec<u8>>) -> Body {
        Body { media_type, bytes: bytes.into() }
    }

    /// A value as JSON.
    pub fn json(value: &Value) -> Body {
        Body::of("application/json", value.to_string())
    }

    /// An article file.
    pub fn markdown(file: &str) -> Body {
        Body::of("text/markdown", file)
    }
}

/// Who writes in tests.
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
        // The future is not awaited: the command is sent when it is made.
        drop(self.handle.stop(false));
    }
}

/// An answer.
pub struct Reply {
    pub path: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{}: {e}: {}", self.path, self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// A header's value, which must be there.
    pub fn header(&self, name: &str) -> &str {
        let name: HeaderName = name.parse().unwrap();
        self.headers.get(&name).unwrap_or_else(|| panic!("{}: no {name}", self.path)).to_str().unwrap()
    }

    /// The same answer, which must be a 200 with JSON.
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}: {}", self.path, self.text());
        self.json()
    }

    /// What every answer must have.
    fn hold(&self, method: &Method) {
        let path = &self.path;
        let id = self.header("x-request-id");
        assert!(self.headers.contains_key("x-content-type-options"), "{path}");
        assert!(!self.text_or_empty().contains('\u{FDD0}'), "{path}: a private mark was delivered");
        let (bare, _) = path.split_once('?').unwrap_or((path, ""));
        let failed = self.status.is_client_error() || self.status.is_server_error();
        if failed && self.header("content-type").starts_with("text/html") {
            let preview = bare.starts_with("/preview/") && bare.ends_with("/page");
            assert!(bare == "/" || bare.starts_with("/read/") || preview, "{path}");
            // For people.
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
            self.validate(method);
        }
    }

    fn text_or_empty(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap_or_default()
    }

    /// Holds the status and a JSON body against the description of the operation.
    fn validate(&self, method: &Method) {
        let (bare, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let Some((pattern, operation)) = operation(bare, method) else {
            return;
        };
        let status = self.status.as_u16().to_string();
        let answers = &operation["responses"];
        assert!(answers.get(&status).is_some(), "{method} {}: {status} is not documented for {pattern}", self.path);
        let content = &answers[&status]["content"]["application/json"]["schema"];
        // `fields` takes documented fields away.
        let is_json = self.headers.get("content-type").is_some_and(|kind| kind == "application/json");
        if self.status.is_success() && is_json && !content.is_null() && !query.contains("fields=") {
            let reference = content["$ref"].as_str().unwrap_or_default();
            if let Some(name) = reference.strip_prefix("#/components/schemas/") {
                validate(name, &self.json());
            }
        }
    }
}

/// The published description.
pub fn description() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(app::document)
}

/// The operation that a path belongs to.
fn operation(path: &str, method: &Method) -> Option<(&'static str, &'static Value)> {
    let parts: Vec<_> = path.split('/').collect();
    let paths = description()["paths"].as_object().unwrap();
    let fits = |pattern: &&String| {
        let pattern: Vec<_> = pattern.split('/').collect();
        pattern.len() == parts.len()
            && pattern.iter().zip(&parts).all(|(p, part)| p == part || (p.starts_with('{') && !part.is_empty()))
    };
    let exact = paths.get_key_value(path).map(|(pattern, _)| pattern);
    let pattern = exact.or_else(|| paths.keys().find(fits))?;
    paths[pattern].get(method.as_str().to_ascii_lowercase()).map(|operation| (pattern.as_str(), operation))
}

/// Holds a value against a schema of the description.
pub fn validate(schema: &str, value: &Value) {
    static VALIDATORS: OnceLock<Mutex<HashMap<String, &'static jsonschema::Validator>>> = OnceLock::new();
    let mut validators =
        VALIDATORS.get_or_init(Mutex::default).lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let validator = *validators.entry(schema.to_owned()).or_insert_with(|| {
        let components = &description()["components"];
        let root = json!({"$ref": format!("#/components/schemas/{schema}"), "components": components});
        Box::leak(Box::new(jsonschema::validator_for(&root).unwrap()))
    });
    drop(validators);
    let faults: Vec<_> = validator.iter_errors(value).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{schema}: {faults:#?}\n{value}");
}

/// An article file as a document.
pub fn document(file: &str) -> Document {
    markdown::read(file, None).unwrap_or_else(|faults| panic!("{faults:#?}")).document
}

/// A small article file: a slug, more front matter, and its body.
pub fn article(slug: &str, front_matter: &str, body: &str) -> String {
    let front_matter = front_matter.trim();
    let title = if front_matter.lines().any(|line| line.starts_with("title:")) {
        String::new()
    } else {
        format!("title: {slug} 的标题\n")
    };
    format!("---\nslug: {slug}\n{title}{front_matter}\n---\n{body}\n")
}

//! TLS and HTTP/2: protocol negotiation, certificate files, and equal responses over HTTP/2 and HTTP/1.1.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::web::Bytes;
use h2::client::SendRequest;
use lectern::http::tls;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use reqwest::{
    Method, StatusCode,
    header::{HeaderMap, HeaderName},
};
use rustls::{
    ClientConfig, ProtocolVersion, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    cli::Service,
    harness::{App, article, empty_database, scratch},
};

const ARTICLE: &str = "/v1/articles/stem-cell-infusion";
const HTTP_2: &[&[u8]] = &[b"h2", b"http/1.1"];
const HTTP_1: &[&[u8]] = &[b"http/1.1"];
const PATIENCE: Duration = Duration::from_secs(20);

/// A self-signed certificate for 127.0.0.1, in files.
struct Identity {
    certificate: PathBuf,
    key: PathBuf,
    root: CertificateDer<'static>,
}

impl Identity {
    fn new(name: &str) -> Identity {
        let folder = scratch(name);
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        fs::write(&certificate, cert.pem()).unwrap();
        fs::write(&key, signing_key.serialize_pem()).unwrap();
        Identity { certificate, key, root: cert.der().clone() }
    }

    async fn service(&self) -> App {
        App::secure(tls::read(&self.certificate, &self.key).unwrap()).await
    }

    /// Connects and negotiates one of the protocols `offered`.
    async fn connect(
        &self,
        base: &str,
        offered: &[&[u8]],
        version: &'static rustls::SupportedProtocolVersion,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let mut client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        let stream = TcpStream::connect(base.strip_prefix("https://").unwrap()).await.unwrap();
        TlsConnector::from(Arc::new(client)).connect(ServerName::try_from("127.0.0.1").unwrap(), stream).await
    }

    /// Opens an HTTP/2 connection.
    async fn http_2(&self, base: &str) -> Http2 {
        let stream = self.connect(base, HTTP_2, &rustls::version::TLS13).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        // The connection's window has room for an unread stream and others beside it.
        let mut client = h2::client::Builder::new();
        client.initial_connection_window_size(1 << 20);
        let (send, connection) = client.handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Http2 { send }
    }

    /// Returns the response to a GET over HTTP/1.1.
    async fn http_1(&self, base: &str, path: &str) -> (HeaderMap, Vec<u8>) {
        let mut stream = self.connect(base, HTTP_1, &rustls::version::TLS13).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let lines = std::str::from_utf8(&answer[..end]).unwrap().lines().skip(1);
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())
        });
        (headers.collect(), answer[end + 4..].to_vec())
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.key.parent().unwrap());
    }
}

struct Http2 {
    send: SendRequest<Bytes>,
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    /// The head ended the stream, without a DATA frame.
    ended: bool,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Http2 {
    async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, &format!("https://example.org{path}"), &[], 0).await
    }

    /// Sends a request with a body of `body` bytes and reads the response.
    async fn ask(&self, method: Method, uri: &str, headers: &[(&str, &str)], body: usize) -> Reply {
        let what = format!("{method} {uri}");
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let work = async {
            let mut send = self.send.clone().ready().await.unwrap();
            let (answer, mut stream) = send.send_request(request, body == 0).unwrap();
            if body > 0 {
                // The service may refuse before it has read the body.
                let _ = stream.send_data(vec![b'x'; body].into(), true);
            }
            let (head, mut body) = answer.await.unwrap_or_else(|e| panic!("{what}: {e}")).into_parts();
            let mut reply =
                Reply { status: head.status, headers: head.headers, body: Vec::new(), ended: body.is_end_stream() };
            while let Some(data) = body.data().await {
                let data = data.unwrap_or_else(|e| panic!("{what}: {e}"));
                body.flow_control().release_capacity(data.len()).unwrap();
                reply.body.extend(data);
            }
            reply
        };
        timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("{what}: no end of the answer"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alpn_negotiates_the_protocol() {
    let identity = Identity::new("tls-agreed");
    let app = identity.service().await;
    for version in rustls::ALL_VERSIONS {
        for (offered, agreed) in [(HTTP_2, Some("h2")), (HTTP_1, Some("http/1.1")), (&[], None)] {
            let stream = identity.connect(&app.base, offered, version).await.unwrap();
            let session = stream.get_ref().1;
            assert_eq!(session.alpn_protocol(), agreed.map(str::as_bytes));
            assert_eq!(session.protocol_version(), Some(version.version));
        }
    }
    assert!(rustls::ALL_VERSIONS.iter().any(|version| version.version == ProtocolVersion::TLSv1_2));
    assert!(identity.connect(&app.base, &[b"spdy/3"], &rustls::version::TLS13).await.is_err());

    // A request without TLS gets no response and does no harm.
    let mut plain = TcpStream::connect(app.base.strip_prefix("https://").unwrap()).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, plain.read_to_end(&mut answer)).await.unwrap();
    assert!(!answer.starts_with(b"HTTP"));
    assert_eq!(identity.http_2(&app.base).await.get("/v1").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_responses_equal_http_1_responses() {
    let identity = Identity::new("tls-same");
    let app = identity.service().await;
    app.settle().await;
    let client = identity.http_2(&app.base).await;
    for path in
        [ARTICLE, "/v1/articles?limit=2", "/", "/openapi.json", "/v1/articles/none", "/v1/site?a=b", "/%zz", "/x"]
    {
        let other = client.get(path).await;
        let (mut headers, body) = identity.http_1(&app.base, path).await;
        let mut same = other.headers.clone();
        for own in ["connection", "date", "x-request-id", "server-timing"] {
            headers.remove(own);
            same.remove(own);
        }
        assert_eq!(same, headers, "{path}");
        if other.status == 200 {
            assert_eq!(other.body, body, "{path}");
        } else {
            let (problem, before): (_, Value) = (other.json(), serde_json::from_slice(&body).unwrap());
            assert_eq!(other.header("content-type"), "application/problem+json", "{path}");
            assert_eq!(problem["instance"], path.split('?').next().unwrap());
            assert_eq!((&problem["type"], &problem["detail"]), (&before["type"], &before["detail"]));
        }
    }
}

/// HTTP/2 sends scheme and authority with the path; neither is part of the cache key.
#[tokio::test(flavor = "multi_thread")]
async fn authority_is_not_part_of_the_cache_key() {
    let identity = Identity::new("tls-authority");
    let app = identity.service().await;
    app.settle().await;
    let client = identity.http_2(&app.base).await;
    let path = "/v1/topics?limit=2";
    assert!(client.get(path).await.header("server-timing").starts_with("cache;desc=miss"));
    let before = app.db.statements();
    for uri in
        ["https://example.org", "https://other.example:8443", "http://127.0.0.1"].map(|base| format!("{base}{path}"))
    {
        let again = client.ask(Method::GET, &uri, &[], 0).await;
        assert_eq!((again.status.as_u16(), again.header("server-timing")), (200, "cache;desc=hit"), "{uri}");
        assert!(again.header("link").starts_with("</v1/topics?"), "{}", again.header("link"));
    }
    assert_eq!(app.db.statements(), before);
    assert_eq!(client.ask(Method::GET, "https://example.org", &[], 0).await.status, 200, "no path is the path /");
}

/// HEAD and 304, cached and computed: the head describes the body and ends the stream.
#[tokio::test(flavor = "multi_thread")]
async fn responses_without_a_body_end_with_their_head() {
    let identity = Identity::new("tls-bodiless");
    let app = identity.service().await;
    app.settle().await;
    let client = identity.http_2(&app.base).await;
    for path in [ARTICLE, "/v1/topics", "/openapi.json", "/v1/articles/none", "/health/live"] {
        let uri = format!("https://example.org{path}");
        let cold = client.ask(Method::HEAD, &uri, &[], 0).await;
        let full = client.get(path).await;
        let warm = client.ask(Method::HEAD, &uri, &[], 0).await;
        assert!(!full.body.is_empty(), "{path}");
        for head in [cold, warm] {
            assert_eq!(head.status, full.status, "{path}");
            assert_eq!(head.header("content-length"), full.body.len().to_string(), "{path}");
            assert!(head.ended && head.body.is_empty(), "{path}");
        }
        if full.status == 200 && !full.header("etag").is_empty() {
            for method in [Method::GET, Method::HEAD] {
                let fresh = client.ask(method, &uri, &[("if-none-match", full.header("etag"))], 0).await;
                assert_eq!((fresh.status.as_u16(), fresh.header("etag")), (304, full.header("etag")), "{path}");
                assert!(fresh.ended && fresh.body.is_empty(), "{path}");
                // RFC 9110 section 8.6: the length of the 200, or none.
                let length = fresh.header("content-length");
                assert!(["", full.header("content-length")].contains(&length), "{path}: {length}");
            }
        }
    }
    let origin = [("origin", "https://a.example"), ("access-control-request-method", "GET")];
    let preflight = client.ask(Method::OPTIONS, &format!("https://example.org{ARTICLE}"), &origin, 0).await;
    assert_eq!((preflight.status.as_u16(), preflight.ended), (204, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_requests_leave_the_connection_open() {
    let identity = Identity::new("tls-refusals");
    let app = identity.service().await;
    let client = identity.http_2(&app.base).await;
    let long = format!("https://example.org/v1/articles/{}", "a".repeat(20_000));
    let article = format!("https://example.org{ARTICLE}");
    for (method, uri, body, status) in [
        (Method::POST, article.as_str(), 0, 405),
        (Method::POST, &article, 1000, 405),
        (Method::DELETE, &article, 0, 405),
        (Method::CONNECT, "example.org:443", 0, 404),
        (Method::GET, &long, 0, 404),
        (Method::GET, "https://example.org/v1/articles?sort=none", 0, 400),
    ] {
        let refused = client.ask(method.clone(), uri, &[], body).await;
        assert_eq!(refused.status, status, "{method} {uri}: {}", String::from_utf8_lossy(&refused.body));
        assert_eq!(refused.header("content-type"), "application/problem+json", "{method} {uri}");
        assert_eq!(refused.json()["status"], status);
    }
    // A body that is announced as too large and never read.
    let large = [("content-length", "10485760")];
    let refused = client.ask(Method::POST, &article, &large, 10 << 20).await;
    assert_eq!((refused.status.as_u16(), refused.json()["type"].as_str()), (413, Some("/problems/content-too-large")));
    // Connection-specific headers are not allowed in HTTP/2 (RFC 9113 section 8.2.2).
    for name in ["connection", "transfer-encoding", "keep-alive"] {
        assert_eq!(refused.header(name), "");
    }
    assert_eq!(client.get(ARTICLE).await.status, 200, "the connection goes on");
}

/// Streams of a connection get their own responses; an unread stream does not block the others.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_streams_share_a_connection() {
    let identity = Identity::new("tls-many");
    let app = identity.service().await;
    // Larger than every window.
    let paragraphs: Vec<_> = (0..300).map(|n| format!("{n} {}", "文字".repeat(1500))).collect();
    app.publish(&article("large", "", &paragraphs.join("\n\n"))).await;
    app.settle().await;
    let client = identity.http_2(&app.base).await;
    let large = client.get("/v1/articles/large").await;
    assert!(large.status == 200 && large.body.len() > 2 << 20, "{}", large.body.len());
    assert_eq!(large.header("content-length"), large.body.len().to_string());
    assert!(large.json()["lead"]["html"].as_str().unwrap().contains("299 文字"));

    let request = http::Request::get("https://example.org/v1/articles/large");
    let mut send = client.send.clone().ready().await.unwrap();
    let (unread, _) = send.send_request(request.body(()).unwrap(), true).unwrap();
    let unread = unread.await.unwrap();

    let listed = client.get("/v1/articles?limit=100").await.json();
    let slugs: Vec<_> = listed["data"].as_array().unwrap().iter().map(|card| card["slug"].as_str().unwrap()).collect();
    assert!(slugs.len() > 10);
    let small = slugs.iter().filter(|slug| **slug != "large").cycle().take(300);
    let asked = small.map(|slug| {
        let client = Http2 { send: client.send.clone() };
        let path = format!("/v1/articles/{slug}");
        (slug, tokio::spawn(async move { client.get(&path).await }))
    });
    for (slug, answer) in asked.collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.json()["slug"].as_str()), (200, Some(*slug)));
    }
    drop(unread);
    assert_eq!(client.get("/v1/articles/large").await.body.len(), large.body.len());
}

fn serve(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lectern"));
    command.env("DATABASE_URL", "postgres://127.0.0.1:1/none").arg("serve").args(arguments);
    command.env_remove("LECTERN_TLS_CERT").env_remove("LECTERN_TLS_KEY").envs(variables.iter().copied());
    command.output().unwrap()
}

/// Errors name the file, and come at the start, before the database is connected.
#[test]
fn invalid_files_are_refused_at_the_start() {
    let identity = Identity::new("tls-faults");
    let folder = identity.key.parent().unwrap();
    let file = |name: &str, text: &[u8]| {
        fs::write(folder.join(name), text).unwrap();
        folder.join(name).to_str().unwrap().to_owned()
    };
    let (certificate, key) = (identity.certificate.to_str().unwrap(), identity.key.to_str().unwrap());
    let other = file("other.pem", KeyPair::generate().unwrap().serialize_pem().as_bytes());
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = file("locked.pem", locked.as_bytes());
    let damaged = file("damaged.pem", b"-----BEGIN CERTIFICATE-----\nMII*\n-----END CERTIFICATE-----\n");
    let hollow = file("hollow.pem", b"-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n");
    let senseless = file("senseless.pem", b"-----BEGIN PRIVATE KEY-----\nMAAA\n-----END PRIVATE KEY-----\n");
    let binary = file("binary.pem", &identity.root);
    for (certificate, key, blamed, why) in [
        ("none.pem", key, "none.pem", "No such file"),
        (certificate, "none.pem", "none.pem", "No such file"),
        (folder.to_str().unwrap(), key, "tls-faults", "directory"),
        (key, key, "key.pem", "no certificate"),
        (&binary, key, "binary.pem", "no certificate"),
        (&damaged, key, "damaged.pem", "not PEM"),
        (&hollow, key, "hollow.pem", "its first certificate cannot be used"),
        (certificate, certificate, "cert.pem", "no private key"),
        (certificate, &locked, "locked.pem", "no private key"),
        (certificate, &senseless, "senseless.pem", "its private key cannot be used"),
        (certificate, &other, "other.pem", "is not the key of the first certificate in"),
    ] {
        let output = serve(&[], &["--tls-cert", certificate, "--tls-key", key]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("lectern: TLS: ") && said.lines().count() == 1, "{said}");
        assert!(said.split(": ").nth(2).unwrap().ends_with(blamed) && said.contains(why), "{blamed}, {why}: {said}");
    }
    // A file may have both.
    let both = file("both.pem", &[fs::read(key).unwrap(), fs::read(certificate).unwrap()].concat());
    assert!(tls::read(both.as_ref(), both.as_ref()).is_ok());
}

#[test]
fn certificate_without_key_and_key_without_certificate_are_misuse() {
    let identity = Identity::new("tls-misuse");
    let (certificate, key) = (identity.certificate.to_str().unwrap(), identity.key.to_str().unwrap());
    for (variables, arguments, missing) in [
        (&[][..], &["--tls-cert", certificate][..], "needs --tls-key"),
        (&[], &["--tls-key", key], "needs --tls-cert"),
        (&[("LECTERN_TLS_CERT", certificate)], &[], "needs --tls-key"),
        (&[("LECTERN_TLS_CERT", ""), ("LECTERN_TLS_KEY", key)], &[], "needs --tls-cert"),
    ] {
        let output = serve(variables, arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(missing), "{said}");
    }
    // An empty variable counts as unset, so the failure is that of the database.
    for variables in [&[("LECTERN_TLS_CERT", "")][..], &[("LECTERN_TLS_CERT", ""), ("LECTERN_TLS_KEY", "")]] {
        let output = serve(variables, &[]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains("database"), "{said}");
    }
}

/// A client with an open connection does not delay the stop for long.
#[tokio::test(flavor = "multi_thread")]
async fn serve_with_tls_stops_in_time() {
    let identity = Identity::new("tls-command");
    let database = empty_database().await;
    let (certificate, key) = (identity.certificate.to_str().unwrap(), identity.key.to_str().unwrap());
    let service = Service::start(&["--database-url", &database, "--tls-cert", certificate, "--tls-key", key]);
    assert!(service.base.starts_with("https://127.0.0.1:"), "{}", service.base);
    let client = identity.http_2(&service.base).await;
    assert_eq!(client.get(ARTICLE).await.status, 200);
    let asked = Instant::now();
    assert_eq!(tokio::task::spawn_blocking(|| service.end()).await.unwrap(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(9), "it took {:?}", asked.elapsed());
}

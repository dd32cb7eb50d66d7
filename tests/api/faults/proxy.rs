//! A proxy between the service and Postgres that can withhold the responses of the database.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinHandle,
};

use super::until;

/// The last bytes of a complete response outside a transaction (PostgreSQL, "Message Formats", `ReadyForQuery`).
const READY: &[u8] = b"Z\0\0\0\x05I";

/// A running proxy; it stops on drop.
pub struct Proxy {
    address: SocketAddr,
    database: String,
    withhold: watch::Sender<bool>,
    withheld: watch::Receiver<usize>,
    accept: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy to the database at `url`, which has a Unix socket. It can withhold the responses to connections with
    /// this application name.
    pub async fn to(url: &str, name: &'static str) -> Proxy {
        let (host, database) = url.rsplit_once('@').and_then(|(_, rest)| rest.split_once('/')).unwrap();
        let folder = percent_encoding::percent_decode_str(host).decode_utf8().unwrap().into_owned();
        let socket = PathBuf::from(folder).join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (withhold, keep) = watch::channel(false);
        let (kept, withheld) = watch::channel(0);
        let accept = tokio::spawn(async move {
            let kept = Arc::new(kept);
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = UnixStream::connect(&socket).await else { continue };
                tokio::spawn(forward(client, server, name, keep.clone(), Arc::clone(&kept)));
            }
        });
        Proxy { address, database: database.to_owned(), withhold, withheld, accept }
    }

    /// Returns the URL of the database through the proxy.
    pub fn url(&self) -> String {
        format!("postgres://lectern@{}/{}", self.address, self.database)
    }

    /// Withholds the responses to those connections from now on.
    pub fn withhold(&self) {
        self.withhold.send_replace(true);
    }

    /// Waits until more than `before` complete responses are withheld, so that their statements have read the database.
    pub async fn wait_for_withheld(&self, before: usize) {
        until("a withheld response", async || *self.withheld.borrow() > before).await;
    }

    /// Returns the number of complete responses that were withheld so far.
    pub fn count(&self) -> usize {
        *self.withheld.borrow()
    }

    /// Delivers the withheld responses and all that follow.
    pub fn deliver(&self) {
        self.withhold.send_replace(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

async fn forward(
    client: TcpStream,
    server: UnixStream,
    name: &'static str,
    mut keep: watch::Receiver<bool>,
    kept: Arc<watch::Sender<usize>>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let named = Arc::new(AtomicBool::new(false));
    let is_named = Arc::clone(&named);
    let asks = async move {
        let mut bytes = Vec::new();
        while from_client.read_buf(&mut bytes).await.is_ok_and(|n| n > 0) {
            // The startup message has the application name.
            if bytes.windows(name.len()).any(|part| part == name.as_bytes()) {
                is_named.store(true, Ordering::Relaxed);
            }
            if to_server.write_all(&bytes).await.is_err() {
                return;
            }
            bytes.clear();
        }
    };
    let answers = async move {
        let mut bytes = Vec::new();
        loop {
            tokio::select! {
                read = from_server.read_buf(&mut bytes) => if !read.is_ok_and(|n| n > 0) { return },
                changed = keep.changed() => if changed.is_err() { return },
            }
            if *keep.borrow_and_update() && named.load(Ordering::Relaxed) {
                if bytes.ends_with(READY) {
                    kept.send_modify(|count| *count += 1);
                }
                continue;
            }
            if to_client.write_all(&bytes).await.is_err() {
                return;
            }
            bytes.clear();
        }
    };
    // The end of one side ends the other.
    tokio::select! {
        () = asks => {}
        () = answers => {}
    }
}

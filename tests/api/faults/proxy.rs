//! A proxy between the service and Postgres that can keep back what the database answers.

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

/// The last bytes of a whole answer outside a transaction (PostgreSQL, "Message Formats", `ReadyForQuery`).
const READY: &[u8] = b"Z\0\0\0\x05I";

/// The proxy; it ends with the test.
pub struct Proxy {
    address: SocketAddr,
    database: String,
    keep_back: watch::Sender<bool>,
    kept_back: watch::Receiver<usize>,
    accept: JoinHandle<()>,
}

impl Proxy {
    /// A proxy to the database at `url`, which is on a Unix socket. It can keep back what connections with this name are
    /// answered.
    pub async fn to(url: &str, name: &'static str) -> Proxy {
        let (host, database) = url.rsplit_once('@').and_then(|(_, rest)| rest.split_once('/')).unwrap();
        let folder = percent_encoding::percent_decode_str(host).decode_utf8().unwrap().into_owned();
        let socket = PathBuf::from(folder).join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (keep_back, keep) = watch::channel(false);
        let (kept, kept_back) = watch::channel(0);
        let accept = tokio::spawn(async move {
            let kept = Arc::new(kept);
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = UnixStream::connect(&socket).await else { continue };
                tokio::spawn(forward(client, server, name, keep.clone(), Arc::clone(&kept)));
            }
        });
        Proxy { address, database: database.to_owned(), keep_back, kept_back, accept }
    }

    /// The address of the database through the proxy.
    pub fn url(&self) -> String {
        format!("postgres://lectern@{}/{}", self.address, self.database)
    }

    /// From now on, what those connections are answered stays here.
    pub fn keep_back(&self) {
        self.keep_back.send_replace(true);
    }

    /// Waits until one whole answer more than `before` was kept back: its statement has read what it reads.
    pub async fn has_kept_back(&self, before: usize) {
        until("an answer that is kept back", async || *self.kept_back.borrow() > before).await;
    }

    /// How many whole answers were kept back so far.
    pub fn count(&self) -> usize {
        *self.kept_back.borrow()
    }

    /// Hands out what was kept back, and all that follows.
    pub fn hand_out(&self) {
        self.keep_back.send_replace(false);
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
            // A connection says what it is for in the first thing that it says.
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
    // When either side goes, so does the other.
    tokio::select! {
        () = asks => {}
        () = answers => {}
    }
}

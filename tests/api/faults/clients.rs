//! Clients that are slow, large or many.

use std::{
    fs,
    time::{Duration, Instant},
};

use tokio::{io::AsyncWriteExt, net::TcpSocket, time::sleep};

use super::{Client, PROMPT_LIMIT, status};
use crate::{
    cli::Service,
    harness::{App, library_database},
};

const ARTICLE: &str = "/v1/articles/stem-cell-infusion";

/// Asserts that other clients are served promptly.
async fn assert_others_served(address: &str) {
    for path in [ARTICLE, "/v1/articles", "/health/live"].into_iter().cycle().take(30) {
        let asked = Instant::now();
        let head = Client::request(address, path).await.response_head().await;
        assert_eq!(status(&head), 200, "{path}: {head}");
        assert!(asked.elapsed() < PROMPT_LIMIT, "{path}: {:?}", asked.elapsed());
    }
}

/// A request head that comes byte by byte, or never, is cut off after some seconds; others are served meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn slow_request_head_is_cut_off_while_others_are_served() {
    let app = App::library().await;
    let began = Instant::now();
    let slow = async {
        let mut client = Client::connect(app.address()).await;
        let head = format!("GET {ARTICLE} HTTP/1.1\r\nhost: x\r\nx-slow: {}\r\n\r\n", "a".repeat(1000));
        let (mut reads, mut writes) = client.0.split();
        let drip = async {
            for byte in head.as_bytes() {
                if writes.write_all(&[*byte]).await.is_err() {
                    break;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        let mut got = Vec::new();
        tokio::select! {
            () = drip => {}
            _ = tokio::io::AsyncReadExt::read_to_end(&mut reads, &mut got) => {}
        }
        (String::from_utf8_lossy(&got).into_owned(), began.elapsed())
    };
    let silent = async {
        let head = Client::connect(app.address()).await.response_head().await;
        (head, began.elapsed())
    };
    let (slow, silent, ()) = tokio::join!(slow, silent, assert_others_served(app.address()));
    for (said, after) in [slow, silent] {
        assert!(said.is_empty() || status(&said) == 408, "{said}");
        assert!((4..10).contains(&after.as_secs()), "cut off after {after:?}");
    }
    assert_others_served(app.address()).await;
}

/// Oversized heads are refused, and other clients are served.
#[tokio::test(flavor = "multi_thread")]
async fn oversized_request_head_is_refused_with_4xx() {
    let app = App::library().await;
    let line = |length| format!("x-large: {}\r\n", "a".repeat(length));
    let heads = [
        ("a header", format!("GET {ARTICLE} HTTP/1.1\r\nhost: x\r\n{}\r\n", line(300_000))),
        ("headers", format!("GET {ARTICLE} HTTP/1.1\r\nhost: x\r\n{}\r\n", line(10).repeat(200))),
        ("an address", format!("GET /v1/articles/{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(300_000))),
        ("no end", format!("GET {ARTICLE} HTTP/1.1\r\nhost: x\r\n{}", line(1000).repeat(1000))),
    ];
    for (what, head) in heads {
        let mut client = Client::connect(app.address()).await;
        // The service may refuse the head before it has read all of it.
        let _ = client.0.write_all(head.as_bytes()).await;
        let said = client.response_head().await;
        assert!(said.is_empty() || (400..500).contains(&status(&said)), "{what}: {said}");
        assert_others_served(app.address()).await;
    }
}

/// Returns the resident memory of a service, in bytes.
fn memory(service: &Service) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", service.child.id())).unwrap();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    kib.map(|kib: u64| kib * 1024).unwrap()
}

/// Returns the number of connections to open: 2,000, or fewer if the limit of open files is low.
fn affordable() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let files =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok());
    files.unwrap_or(1024_usize).saturating_sub(400).min(2000)
}

/// Idle connections, and clients that send requests and never read, cost little memory and do not delay others.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_and_non_reading_clients_cost_bounded_memory() {
    let url = library_database().await;
    let service = tokio::task::spawn_blocking(move || Service::start(&["--database-url", &url])).await.unwrap();
    let address = service.base.strip_prefix("http://").unwrap();
    assert_others_served(address).await;
    let before = memory(&service);

    let count = affordable();
    let mut resting = Vec::with_capacity(count);
    for n in 0..count {
        let mut client = Client::connect(address).await;
        // Half of them have had a response, the others have sent nothing.
        if n % 2 == 0 {
            client.send(format!("GET {ARTICLE} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await;
            assert_eq!(status(&client.response_head().await), 200);
        }
        resting.push(client);
    }
    assert_others_served(address).await;
    let with_resting = memory(&service).saturating_sub(before);
    eprintln!("{count} resting connections: {} KiB", with_resting / 1024);

    // The responses are larger than the kernel's buffers, so the service has to buffer some of them.
    let size = reqwest::get(format!("{}{ARTICLE}", service.base)).await.unwrap().bytes().await.unwrap().len();
    let requests = format!("GET {ARTICLE} HTTP/1.1\r\nhost: x\r\n\r\n").repeat((8 << 20) / size);
    let mut greedy = Vec::new();
    for _ in 0..20 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
        stream.write_all(requests.as_bytes()).await.unwrap();
        greedy.push(stream);
    }
    assert_others_served(address).await;
    let in_all = memory(&service).saturating_sub(before);
    eprintln!("and {} that do not read: {} KiB", greedy.len(), in_all / 1024);
    assert!(with_resting < count as u64 * 40 * 1024, "{with_resting} bytes for {count} connections that rest");
    assert!(in_all < 128 << 20, "{in_all} bytes");
    drop((resting, greedy));
    assert_others_served(address).await;
}

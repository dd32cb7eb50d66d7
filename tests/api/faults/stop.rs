//! A stop while requests are under way.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::{Client, Locked, WAIT_LIMIT, check_in_time, retry_until_in_time, status, until};
use crate::{
    cli::Service,
    harness::{App, library_database},
};

const PATH: &str = "/v1/articles/stem-cell-infusion/related";

/// Tests whether an address refuses connections.
async fn refuses_connections(address: &str) -> bool {
    TcpStream::connect(address).await.is_err()
}

/// Running requests get their responses, new connections are refused, and idle connections do not delay the stop.
#[tokio::test(flavor = "multi_thread")]
async fn stop_completes_running_requests() {
    retry_until_in_time(async |_| {
        let app = App::library().await;
        let mut resting = Client::request(app.address(), "/health/live").await;
        assert_eq!(status(&resting.response_head().await), 200);
        let mut locked = Locked::table(&app.database, "links").await;
        let mut under_way = Client::request(app.address(), PATH).await;
        locked.wait_for_waiters(1).await;
        let stopping = tokio::spawn(app.handle.stop(true));
        until("refused connections", async || refuses_connections(app.address()).await).await;
        locked.release().await;
        let head = under_way.response_head().await;
        tokio::time::timeout(Duration::from_secs(10), stopping).await.unwrap().unwrap();
        assert_eq!(resting.response_head().await, "", "the resting connection was closed");
        check_in_time(status(&head))
    })
    .await;
}

/// Does the same with a process and the signal of service managers.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_completes_running_requests() {
    retry_until_in_time(async |_| {
        let url = library_database().await;
        let start = url.clone();
        let mut service =
            tokio::task::spawn_blocking(move || Service::start(&["--database-url", &start])).await.unwrap();
        let address = service.base.strip_prefix("http://").unwrap().to_owned();
        let mut locked = Locked::table(&url, "links").await;
        let mut under_way = Client::request(&address, PATH).await;
        locked.wait_for_waiters(1).await;
        service.send_sigterm();
        until("refused connections", async || refuses_connections(&address).await).await;
        assert!(service.child.try_wait().unwrap().is_none(), "it ended with a request under way");
        locked.release().await;
        let head = under_way.response_head().await;
        let began = Instant::now();
        let ended = loop {
            if let Some(ended) = service.child.try_wait().unwrap() {
                break ended;
            }
            assert!(began.elapsed() < WAIT_LIMIT, "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(ended.code(), Some(0));
        check_in_time(status(&head))
    })
    .await;
}

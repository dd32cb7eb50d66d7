//! A stop while requests are under way.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::{Client, Locked, PATIENCE, in_time, in_time_or_late, status, until};
use crate::{
    cli::Service,
    harness::{App, library_database},
};

const PATH: &str = "/v1/articles/stem-cell-infusion/related";

/// Whether nobody takes connections at an address any more.
async fn closed(address: &str) -> bool {
    TcpStream::connect(address).await.is_err()
}

/// What was begun is answered; who comes later finds nobody; who only rests on a connection does not hold it up.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_what_was_begun() {
    in_time(async |_| {
        let app = App::library().await;
        let mut resting = Client::asks(app.address(), "/health/live").await;
        assert_eq!(status(&resting.answer().await), 200);
        let mut locked = Locked::table(&app.database, "links").await;
        let mut under_way = Client::asks(app.address(), PATH).await;
        locked.keeps_waiting(1).await;
        let stopping = tokio::spawn(app.handle.stop(true));
        until("a closed door", async || closed(app.address()).await).await;
        locked.release().await;
        let head = under_way.answer().await;
        tokio::time::timeout(Duration::from_secs(10), stopping).await.unwrap().unwrap();
        assert_eq!(resting.answer().await, "", "the resting connection was closed");
        in_time_or_late(status(&head))
    })
    .await;
}

/// The same of the real thing, by the signal that service managers send.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_what_was_begun() {
    in_time(async |_| {
        let url = library_database().await;
        let start = url.clone();
        let mut service =
            tokio::task::spawn_blocking(move || Service::start(&["--database-url", &start])).await.unwrap();
        let address = service.base.strip_prefix("http://").unwrap().to_owned();
        let mut locked = Locked::table(&url, "links").await;
        let mut under_way = Client::asks(&address, PATH).await;
        locked.keeps_waiting(1).await;
        service.send_sigterm();
        until("a closed door", async || closed(&address).await).await;
        assert!(service.child.try_wait().unwrap().is_none(), "it ended with a request under way");
        locked.release().await;
        let head = under_way.answer().await;
        let began = Instant::now();
        let ended = loop {
            if let Some(ended) = service.child.try_wait().unwrap() {
                break ended;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(ended.code(), Some(0));
        in_time_or_late(status(&head))
    })
    .await;
}

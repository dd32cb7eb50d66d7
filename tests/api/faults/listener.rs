//! The loss of the change subscriber's connection while the database is up.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use lectern::db::{
    Db,
    change_log::{CHANNEL, State},
};

use super::{connect, number, until};
use crate::harness::{App, article, library_database, publish};

/// Terminates the subscriber's connection.
async fn disconnect_subscriber(connection: &mut AsyncPgConnection) {
    let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and application_name = 'lectern listen'";
    assert_eq!(number(connection, sql).await, 1);
}

/// A change log that was restored from a backup is another log, so nothing cached before may be used.
#[tokio::test(flavor = "multi_thread")]
async fn replaced_change_log_clears_the_cache() {
    let url = library_database().await;
    let app = App::on(url.clone());
    let (mut mine, writer) = (connect(&url).await, Db::for_command(&url).unwrap());
    publish(&writer, &article("a", "", "## 甲\n\n一段。")).await;
    app.catch_up_with(&mine).await;
    assert_eq!(app.revision("a").await.0, 1);
    let anew = app.cache.counts().resets;
    let other = format!(
        "update changes set at = at - interval '1 hour' where sequence = (select max(sequence) from changes); notify {CHANNEL}"
    );
    mine.batch_execute(&other).await.unwrap();
    until("the other log to be noticed", async || app.cache.counts().resets > anew).await;
    publish(&writer, &article("a", "", "## 甲\n\n新的一段。")).await;
    app.catch_up_with(&mine).await;
    assert_eq!(app.revision("a").await.0, 2);
    assert_eq!(app.cache.counts().resets, anew + 1);
}

/// While the subscriber is disconnected, no response comes from memory; the database, which refuses new connections but
/// serves the existing ones, is read instead. The cache applies missed changes before it is used again.
#[tokio::test(flavor = "multi_thread")]
async fn disconnected_cache_reads_the_database_and_catches_up() {
    let url = library_database().await;
    let app = App::on(url.clone());
    let (mut mine, mut admin) = (connect(&url).await, connect(&sibling(&url, "postgres")).await);
    let writer = Db::for_command(&url).unwrap();
    let name = url.rsplit_once('/').map(|(_, name)| name.to_owned()).unwrap();
    publish(&writer, &article("a", "", "## 甲\n\n一段。")).await;
    publish(&writer, &article("b", "", "## 甲\n\n一段。")).await;
    app.catch_up_with(&mine).await;
    for slug in ["a", "b"] {
        assert_eq!(app.revision(slug).await, (1, "miss".to_owned()));
        assert_eq!(app.revision(slug).await, (1, "hit".to_owned()));
    }

    // The service keeps its read connections, and cannot open the subscriber's again.
    admin.batch_execute(&format!("alter database {name} allow_connections false")).await.unwrap();
    disconnect_subscriber(&mut mine).await;
    until("the loss to be noticed", async || app.cache.state() != State::Following).await;
    publish(&writer, &article("a", "", "## 甲\n\n新的一段。")).await;
    // Longer than one refused reconnection takes.
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_secs(1) {
        assert_eq!(app.revision("a").await, (2, "miss".to_owned()), "the change that nobody told of is seen");
        assert_eq!(app.revision("b").await, (1, "miss".to_owned()), "nobody knows that this one still holds");
        assert_eq!(app.cache.state(), State::Lost);
    }

    let (anew, invalidated) = (app.cache.counts().resets, app.cache.counts().invalidated);
    admin.batch_execute(&format!("alter database {name} allow_connections true")).await.unwrap();
    until("news again", async || {
        let before = app.cache.state();
        let (revision, how) = app.revision("a").await;
        assert_eq!(revision, 2, "a {how}, {before:?}");
        before == State::Following
    })
    .await;
    assert_eq!(app.cache.counts().resets, anew, "what was missed was told from the log");
    assert!(app.cache.counts().invalidated > invalidated);
    assert_eq!(app.revision("b").await, (1, "hit".to_owned()), "what did not change is still there");
    assert_eq!(app.revision("a").await, (2, "hit".to_owned()));
    publish(&writer, &article("b", "", "## 甲\n\n新的一段。")).await;
    app.catch_up_with(&mine).await;
    assert_eq!(app.revision("b").await, (2, "miss".to_owned()), "changes are told of again");
}

/// Returns the URL of another database of the same server.
pub fn sibling(url: &str, name: &str) -> String {
    url.rsplit_once('/').map(|(server, _)| format!("{server}/{name}")).unwrap()
}

//! The connection that changes become known by is lost while the database is up.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use lectern::{
    db::listen::{CHANNEL, Follow, State},
    publishing::withdraw,
};

use super::{connect, number, until};
use crate::house::{App, article, author, library_database, publish};

/// Ends the connection that listens.
async fn deafen(connection: &mut AsyncPgConnection) {
    let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and application_name = 'lectern listen'";
    assert_eq!(number(connection, sql).await, 1);
}

/// What a change makes stale is told with the notice: nothing has to be read for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_enough() {
    let url = library_database().await;
    let app = App::on(url.clone());
    let (mut mine, mut log) = (connect(&url).await, connect(&url).await);
    let id = publish(&mut mine, &article("a", "", "## 甲\n\n一段。")).await;
    app.knows_newest(&mine).await;
    let known = app.cache.position().unwrap();
    mine.batch_execute("begin").await.unwrap();
    withdraw::withdraw(&mut mine, id, "修订中。", &author()).await.unwrap();
    // Nobody can read the log from the commit on: whoever wants to alone is before all who come later.
    let alone = tokio::spawn(async move {
        log.batch_execute("begin; lock table changes in access exclusive mode").await.unwrap();
        log
    });
    let waits = "select count(*) from pg_locks where not granted and relation = 'changes'::regclass";
    let mut watch = connect(&url).await;
    until("the lock to be asked for", async || number(&mut watch, waits).await == 1).await;
    mine.batch_execute("commit").await.unwrap();
    let mut log = alone.await.unwrap();
    until("the notice to be heard", async || app.cache.position().unwrap().sequence == known.sequence + 1).await;
    log.batch_execute("rollback").await.unwrap();
    assert_eq!(app.ask("/v1/articles/a").await.status, 410);
    app.knows_newest(&mine).await;
    assert_eq!(app.cache.counts().begun_anew, 1, "it is the place that the log has");
}

/// A notice that is none of ours harms nothing: the log has another change in its place, or none.
#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_is_not_true() {
    let url = library_database().await;
    let app = App::on(url.clone());
    let mut mine = connect(&url).await;
    publish(&mut mine, &article("a", "", "## 甲\n\n一段。")).await;
    app.knows_newest(&mine).await;
    assert_eq!(app.revision("a").await.0, 1);
    let anew = app.cache.counts().begun_anew;
    let next = app.cache.position().unwrap().sequence + 1;
    mine.batch_execute(&format!("notify {CHANNEL}, '{next} 0 nothing'")).await.unwrap();
    until("the notice to be found out", async || app.cache.counts().begun_anew > anew).await;
    assert_eq!(app.cache.position().unwrap().sequence, next - 1, "the log decides");
    for (revision, text) in [(2, "新的一段。"), (3, "最新的一段。")] {
        publish(&mut mine, &article("a", "", &format!("## 甲\n\n{text}"))).await;
        app.knows_newest(&mine).await;
        assert_eq!(app.revision("a").await.0, revision);
    }
    assert_eq!(app.cache.counts().begun_anew, anew + 1);
}

/// While nobody knows what has changed, nothing is answered from memory; Postgres, which takes no new connections but
/// answers on those that are there, is asked instead. What was missed is known before memory is trusted again.
#[tokio::test(flavor = "multi_thread")]
async fn changes_that_nobody_told_of() {
    let url = library_database().await;
    let app = App::on(url.clone());
    let (mut mine, mut admin) = (connect(&url).await, connect(&sibling(&url, "postgres")).await);
    let name = url.rsplit_once('/').map(|(_, name)| name.to_owned()).unwrap();
    publish(&mut mine, &article("a", "", "## 甲\n\n一段。")).await;
    publish(&mut mine, &article("b", "", "## 甲\n\n一段。")).await;
    app.knows_newest(&mine).await;
    for slug in ["a", "b"] {
        assert_eq!(app.revision(slug).await, (1, "miss".to_owned()));
        assert_eq!(app.revision(slug).await, (1, "hit".to_owned()));
    }

    // The service has its connections; it cannot have the listener's again.
    admin.batch_execute(&format!("alter database {name} allow_connections false")).await.unwrap();
    deafen(&mut mine).await;
    until("the loss to be noticed", async || app.cache.stands() != State::Following).await;
    publish(&mut mine, &article("a", "", "## 甲\n\n新的一段。")).await;
    // Longer than it takes to try to connect again, and to be refused.
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_secs(1) {
        assert_eq!(app.revision("a").await, (2, "miss".to_owned()), "the change that nobody told of is seen");
        assert_eq!(app.revision("b").await, (1, "miss".to_owned()), "nobody knows that this one still holds");
        assert_eq!(app.cache.stands(), State::Lost);
    }

    let (anew, invalidated) = (app.cache.counts().begun_anew, app.cache.counts().invalidated);
    admin.batch_execute(&format!("alter database {name} allow_connections true")).await.unwrap();
    until("news again", async || {
        let before = app.cache.stands();
        let (revision, how) = app.revision("a").await;
        assert_eq!(revision, 2, "a {how}, {before:?}");
        before == State::Following
    })
    .await;
    assert_eq!(app.cache.counts().begun_anew, anew, "what was missed was told from the log");
    assert!(app.cache.counts().invalidated > invalidated);
    assert_eq!(app.revision("b").await, (1, "hit".to_owned()), "what did not change is still there");
    assert_eq!(app.revision("a").await, (2, "hit".to_owned()));
    publish(&mut mine, &article("b", "", "## 甲\n\n新的一段。")).await;
    app.knows_newest(&mine).await;
    assert_eq!(app.revision("b").await, (2, "miss".to_owned()), "changes are told of again");
}

/// The address of another database of the same server.
pub fn sibling(url: &str, name: &str) -> String {
    url.rsplit_once('/').map(|(server, _)| format!("{server}/{name}")).unwrap()
}

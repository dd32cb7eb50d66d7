//! The response store: stored responses against freshly computed ones.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use diesel::{prelude::*, sql_types::Text};
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::MigrationHarness;
use fastrand::Rng;
use lectern::{
    app,
    cache::{
        response_store::{self, BUILD},
        write_queue::StoredResponse,
    },
    content::site::Topic,
    db::{
        Settings,
        change_log::LogPosition,
        migrate::{self, MIGRATIONS},
        schema::{articles, changes, stored_responses},
    },
    publishing::PublishTx,
};
use reqwest::Method;
use serde_json::Value;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::harness::{App, Reply, article, author, empty_database, library_database};

/// Starts a service without the memory level.
fn without_memory(url: &str) -> App {
    let databases = Settings { url: url.to_owned(), replicas: Vec::new(), connections: 4 };
    App::with(&databases, app::Settings { cache_bytes: 0, ..app::Settings::default() })
}

async fn connect(app: &App) -> AsyncPgConnection {
    AsyncPgConnection::establish(&app.database).await.unwrap()
}

/// Returns the key of an article.
fn key(name: impl std::fmt::Display) -> Arc<str> {
    format!("/v1/articles/{name}").into()
}

/// Returns the stored response of an article.
async fn row(connection: &mut AsyncPgConnection, name: impl std::fmt::Display) -> Option<StoredResponse> {
    let key = key(name);
    let row = stored_responses::table
        .inner_join(changes::table.on(changes::sequence.eq(stored_responses::sequence)))
        .filter(stored_responses::key.eq(&*key))
        .select((stored_responses::sequence, changes::at, stored_responses::tags, stored_responses::body));
    let row: Option<(i64, _, _, _)> = row.first(connection).await.optional().unwrap();
    let position = |sequence, at| LogPosition { sequence, at: Some(at) };
    row.map(|(sequence, at, tags, body)| StoredResponse { position: position(sequence, at), tags, body })
}

/// Reads an article, and waits until the response is stored.
async fn store(app: &App, connection: &mut AsyncPgConnection, slug: &str) -> (Uuid, StoredResponse) {
    let answered = app.get(&format!("/v1/articles/{slug}")).await.ok();
    let id: Uuid = answered["id"].as_str().unwrap().parse().unwrap();
    let began = Instant::now();
    loop {
        if let Some(row) = row(connection, slug).await
            && serde_json::from_str::<Value>(&row.body).unwrap() == answered
        {
            return (id, row);
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{slug} was not stored");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Runs `work` on an empty store. The service, which may still have a row to write, waits for its end: that row is being
/// deleted.
async fn on_empty_store(connection: &mut AsyncPgConnection, work: impl AsyncFnOnce(&mut AsyncPgConnection)) {
    connection.batch_execute("begin").await.unwrap();
    assert!(diesel::delete(stored_responses::table).execute(connection).await.unwrap() > 0);
    work(connection).await;
    connection.batch_execute("commit").await.unwrap();
}

/// Returns the number of statements for a request, and its response.
async fn count_statements(app: &App, path: &str) -> (u64, Reply) {
    let before = app.db.read_statements();
    let reply = app.send(Method::GET, path, &[]).await;
    (app.db.read_statements() - before, reply)
}

#[tokio::test(flavor = "multi_thread")]
async fn second_read_is_one_statement() {
    let app = without_memory(&library_database().await);
    let mut connection = connect(&app).await;
    let path = "/v1/articles/stem-cell-infusion";
    app.catch_up().await;
    let (sent, computed) = count_statements(&app, path).await;
    assert_eq!(sent, 4, "the store, the article, related reading, and the end of the log");
    let (id, _) = store(&app, &mut connection, "stem-cell-infusion").await;
    let same = "?format=html&include=related,toc,sections";
    store(&app, &mut connection, &id.to_string()).await;
    let by_id = [id.to_string(), id.to_string().to_uppercase()].map(|id| format!("/v1/articles/{id}"));
    for again in [path, &format!("{path}{same}"), &by_id[0], &by_id[1], &format!("{}{same}", by_id[0])] {
        let (sent, reply) = count_statements(&app, again).await;
        assert_eq!(sent, 1, "{again}");
        assert_eq!(reply.body, computed.body, "{again}");
        for name in ["etag", "surrogate-key", "content-type", "cache-control"] {
            assert_eq!(reply.header(name), computed.header(name), "{again}: {name}");
        }
    }
    for other in ["?include=toc,sections", "?format=text", "?fields=-hot", "?include=toc,sections,related,hot"] {
        let (sent, reply) = count_statements(&app, &format!("{path}{other}")).await;
        assert!(sent <= 3 && reply.status == 200, "{other}: {sent} statements");
    }
}

/// Its stored response is stale for sure, and memory gets a new one.
#[tokio::test(flavor = "multi_thread")]
async fn invalidated_entry_is_computed_without_a_look_at_the_store() {
    let app = App::empty().await;
    let mut connection = connect(&app).await;
    app.publish(&article("a", "", "## 甲\n\n第一稿。")).await;
    let (_, old) = store(&app, &mut connection, "a").await;
    app.publish(&article("a", "", "## 甲\n\n第二稿。")).await;
    app.catch_up().await;
    let (sent, fresh) = count_statements(&app, "/v1/articles/a").await;
    assert!(fresh.text().contains("第二稿"));
    assert_eq!(sent, 2, "the article and related reading");
    sleep(Duration::from_millis(200)).await;
    assert_eq!(row(&mut connection, "a").await, Some(old), "nor is it stored");
}

/// Whatever changes, and however long ago a response was stored.
#[tokio::test(flavor = "multi_thread")]
async fn stored_response_equals_a_computed_one() {
    let app = without_memory(&empty_database().await);
    let mut connection = connect(&app).await;
    let mut rng = Rng::with_seed(5);
    let mut slugs: Vec<Vec<String>> = (0..6).map(|n| vec![format!("a{n}")]).collect();
    let (mut from_rows, mut refused) = (0, 0);
    for step in 0..40 {
        let n = rng.usize(..slugs.len());
        let today = slugs[n].last().unwrap().clone();
        let id = articles::table.filter(articles::slug.eq(&today)).select(articles::id);
        let live: Option<Uuid> = id.first(&mut connection).await.optional().unwrap();
        let what = if live.is_none() { 0 } else { rng.u8(..8) };
        match (what, live) {
            (5, Some(id)) => {
                app.write(async |tx| tx.withdraw(id, "修订中。").await).await.unwrap();
            }
            (6, Some(id)) if slugs[n].len() < 4 => {
                let next = format!("a{n}-{step}");
                let target = next.parse().unwrap();
                app.write(async |tx| tx.move_article(id, &target).await).await.unwrap();
                slugs[n].push(next);
            }
            (7, _) => {
                // Two of one article at once, now and then.
                let named = |slug: u8| Topic {
                    slug: format!("t{slug}").parse().unwrap(),
                    name: format!("主题 {step} {slug}"),
                    description: None,
                };
                let both = [named(rng.u8(..4)), named(4 + rng.u8(..4))];
                app.write(async |tx| tx.set_topics(&both).await).await.unwrap();
            }
            _ => {
                let any = |rng: &mut Rng| {
                    let of = &slugs[rng.usize(..slugs.len())];
                    of[rng.usize(..of.len())].clone()
                };
                let related =
                    if rng.bool() { format!("related: [{{article: {}}}]", any(&mut rng)) } else { String::new() };
                let front = format!("topics: [t{}, t{}]\n{related}", rng.u8(..4), 4 + rng.u8(..4));
                let text = format!("## 甲 {step}\n\n第 {step} 稿，见[另一篇]({}.md)。", any(&mut rng));
                app.publish(&article(&today, &front, &text)).await;
            }
        }
        // Once as the change finds it, and once more after the computed responses are stored.
        for _ in 0..2 {
            for slug in slugs.iter().flatten() {
                let path = format!("/v1/articles/{slug}");
                let (sent, stored) = count_statements(&app, &path).await;
                // `hot` is absent unless it is requested, so this is the same response, not stored.
                let computed = app.send(Method::GET, &format!("{path}?fields=-hot"), &[]).await;
                assert_eq!(stored.status, computed.status, "{step} {path}");
                if stored.status != 200 {
                    refused += 1;
                    continue;
                }
                from_rows += usize::from(sent == 1);
                assert_eq!(stored.json(), computed.json(), "{step} {path}");
                assert_eq!(stored.header("surrogate-key"), computed.header("surrogate-key"), "{step} {path}");
            }
            sleep(Duration::from_millis(80)).await;
        }
    }
    assert!(from_rows > 100 && refused > 100, "{from_rows} responses came from rows, {refused} were errors");
}

/// However late it is written.
#[tokio::test(flavor = "multi_thread")]
async fn response_from_before_a_change_is_not_served() {
    let app = without_memory(&empty_database().await);
    let mut connection = connect(&app).await;
    app.publish(&article("a", "", "## 甲\n\n第一稿。")).await;
    let (_, old) = store(&app, &mut connection, "a").await;
    app.publish(&article("a", "", "## 甲\n\n第二稿。")).await;
    assert!(app.get("/v1/articles/a").await.text().contains("第二稿"), "a row from before the change is ignored");
    store(&app, &mut connection, "a").await;
    on_empty_store(&mut connection, async |c| {
        response_store::write(c, vec![(key("a"), old.clone())]).await.unwrap();
        assert_eq!(row(c, "a").await.as_ref(), Some(&old));
    })
    .await;
    assert!(app.get("/v1/articles/a").await.text().contains("第二稿"), "and so is one that is written after it");
    let (_, new) = store(&app, &mut connection, "a").await;
    response_store::write(&mut connection, vec![(key("a"), old)]).await.unwrap();
    assert_eq!(row(&mut connection, "a").await, Some(new), "the newer row stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn response_of_another_log_or_build_is_not_served() {
    let app = without_memory(&empty_database().await);
    let mut connection = connect(&app).await;
    app.publish(&article("a", "", "## 甲\n\n一段。")).await;
    let (_, own) = store(&app, &mut connection, "a").await;
    on_empty_store(&mut connection, async |c| {
        let LogPosition { sequence, at } = own.position;
        let later = at.map(|at| at + TimeDelta::microseconds(1));
        for position in [LogPosition { sequence, at: later }, LogPosition { sequence: sequence + 1, at }] {
            response_store::write(c, vec![(key("a"), StoredResponse { position, ..own.clone() })]).await.unwrap();
            assert_eq!(row(c, "a").await, None, "{position:?} is not in the log");
        }
        response_store::write(c, vec![(key("a"), own.clone())]).await.unwrap();
    })
    .await;
    let foreign = diesel::update(stored_responses::table)
        .set((stored_responses::build.eq("another"), stored_responses::body.eq("{}")));
    foreign.execute(&mut connection).await.unwrap();
    assert_eq!(app.get("/v1/articles/a").await.json()["slug"], "a");
    let (_, row) = store(&app, &mut connection, "a").await;
    assert_eq!(row.body, own.body, "it replaces the row of the other build");
    let build: String = stored_responses::table.select(stored_responses::build).first(&mut connection).await.unwrap();
    assert_eq!(build, BUILD);
}

#[tokio::test(flavor = "multi_thread")]
async fn store_writer_and_publisher_do_not_wait_for_each_other() {
    let app = without_memory(&empty_database().await);
    let (mut mine, mut other) = (connect(&app).await, connect(&app).await);
    for slug in ["a", "b", "c"] {
        app.publish(&article(slug, "", "## 甲\n\n一段。")).await;
    }
    let (mut ids, mut rows) = (Vec::new(), Vec::new());
    for slug in ["a", "b", "c"] {
        let (id, row) = store(&app, &mut mine, slug).await;
        ids.push(id);
        rows.push((key(slug), row));
    }
    let [a, b, c] = [ids[0], ids[1], ids[2]];
    // Later than all rows, so that these are replaced.
    app.publish(&article("e", "", "## 甲\n\n一段。")).await;
    let newest = changes::table.order(changes::sequence.desc()).select((changes::sequence, changes::at));
    let (sequence, at) = newest.first(&mut mine).await.unwrap();
    let newest = LogPosition { sequence, at: Some(at) };
    let promptly = Duration::from_secs(10);
    let written = async |connection: &mut AsyncPgConnection| {
        let newer = rows.iter().cloned().map(|(key, row)| (key, StoredResponse { position: newest, ..row }));
        let written = timeout(promptly, response_store::write(connection, newer.collect())).await;
        written.expect("it waits for the publisher").unwrap();
    };
    // During a withdrawal and a move.
    let mut tx = PublishTx::begin(&app.db, &author()).await.unwrap();
    tx.withdraw(b, "修订中。").await.unwrap();
    tx.move_article(c, &"d".parse().unwrap()).await.unwrap();
    written(&mut other).await;
    tx.commit().await.unwrap();
    assert_eq!(app.get("/v1/articles/b").await.status, 410);
    assert_eq!(app.get(&format!("/v1/articles/{b}")).await.status, 410);
    assert_eq!(app.get(&format!("/v1/articles/{c}")).await.json()["slug"], "d");
    // And during a write that does not commit.
    other.batch_execute("begin").await.unwrap();
    written(&mut other).await;
    let withdrawn = app.write(async |tx| tx.withdraw(a, "修订中。").await);
    timeout(promptly, withdrawn).await.expect("it waits for the writer").unwrap();
    let body = "## 甲\n\n新的一段。";
    timeout(promptly, app.publish(&article("d", "", body))).await.expect("it waits for the writer");
    other.batch_execute("commit").await.unwrap();
    assert_eq!(app.get(&format!("/v1/articles/{a}")).await.status, 410);
    assert!(app.get("/v1/articles/d").await.text().contains("新的一段"));
}

#[tokio::test(flavor = "multi_thread")]
async fn invalidated_rows_are_deleted_at_the_next_start() {
    let url = empty_database().await;
    let app = without_memory(&url);
    let mut connection = connect(&app).await;
    for slug in ["a", "b"] {
        app.publish(&article(slug, "", "## 甲\n\n一段。")).await;
    }
    let (id, own) = store(&app, &mut connection, "a").await;
    app.write(async |tx| tx.withdraw(id, "修订中。").await).await.unwrap();
    response_store::write(&mut connection, vec![(key("a"), own.clone())]).await.unwrap();
    assert_eq!(row(&mut connection, "a").await, Some(own), "the row from before the withdrawal");
    let app = without_memory(&url);
    store(&app, &mut connection, "b").await;
    assert_eq!(row(&mut connection, "a").await, None);
}

/// Also for changes from before the table, and for a change that lists a tag twice.
#[tokio::test(flavor = "multi_thread")]
async fn tag_changes_has_the_last_change_of_every_tag() {
    #[derive(QueryableByName, Debug)]
    struct Tag {
        #[diesel(sql_type = Text)]
        tag: String,
    }
    let url = library_database().await;
    let connection = AsyncPgConnection::establish(&url).await.unwrap();
    tokio::task::block_in_place(|| {
        let mut harness = AsyncMigrationHarness::new(connection);
        while harness.revert_last_migration(MIGRATIONS).unwrap().to_string() != "20261128000001" {}
    });
    migrate::run(&url).await.unwrap();
    let app = App::on(url);
    let mut connection = connect(&app).await;
    let sql = "select coalesce(logged.tag, tag_changes.tag) as tag
        from (select tag, max(sequence) as sequence from changes cross join unnest(tags) as tag group by tag) as logged
        full join tag_changes on tag_changes.tag = logged.tag and tag_changes.sequence = logged.sequence
        where logged.tag is null or tag_changes.tag is null";
    let renamed = ["stem-cells", "haematology"].map(|slug| Topic {
        slug: slug.parse().unwrap(),
        name: format!("又名 {slug}"),
        description: None,
    });
    for n in 0..4 {
        let differing: Vec<Tag> = diesel::sql_query(sql).load(&mut connection).await.unwrap();
        assert!(differing.is_empty(), "{n}: {:?}", differing.iter().map(|tag| &tag.tag).collect::<Vec<_>>());
        let text = format!("## 甲\n\n第 {n} 段。");
        app.publish(&article("stem-cell-infusion", "topics: [stem-cells, haematology]", &text)).await;
        if n == 1 {
            // As an earlier build does, which does not know the table.
            let foreign = "insert into changes (sequence, type, tags)
                select max(sequence) + 1, 'hot', '{hot,hot,article:x}' from changes";
            connection.batch_execute(foreign).await.unwrap();
        }
        if n == 2 {
            assert!(app.write(async |tx| tx.set_topics(&renamed).await).await.unwrap());
        }
    }
}

//! Whole articles that are kept in the database, held against what is assembled at the same moment.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use diesel::{prelude::*, sql_types::Text};
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::MigrationHarness;
use fastrand::Rng;
use lectern::{
    app,
    content::site::Topic,
    db::{
        Settings,
        migrate::{self, MIGRATIONS},
        schema::{articles, changes, finished_articles as kept},
    },
    finished::{BUILD, Finished, Place},
    publishing::{PublishTx, finished},
};
use reqwest::Method;
use serde_json::Value;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::harness::{App, Reply, article, author, empty_database, library_database};

/// A service that keeps nothing in memory.
fn forgetful(url: &str) -> App {
    let databases = Settings { url: url.to_owned(), replicas: Vec::new(), connections: 4 };
    App::with(&databases, app::Settings { cache_bytes: 0, ..app::Settings::default() })
}

async fn connect(app: &App) -> AsyncPgConnection {
    AsyncPgConnection::establish(&app.database).await.unwrap()
}

/// What is kept of an article.
async fn row(connection: &mut AsyncPgConnection, id: Uuid) -> Option<Finished> {
    let row = kept::table
        .inner_join(changes::table.on(changes::sequence.eq(kept::sequence)))
        .filter(kept::article_id.eq(id))
        .select((kept::sequence, changes::at, kept::tags, kept::body));
    let row: Option<(i64, _, _, _)> = row.first(connection).await.optional().unwrap();
    row.map(|(sequence, at, tags, body)| Finished { place: Place { sequence, at }, tags, body })
}

/// Reads an article, and waits until what was answered is kept.
async fn keep(app: &App, connection: &mut AsyncPgConnection, slug: &str) -> (Uuid, Finished) {
    let answered = app.get(&format!("/v1/articles/{slug}")).await.ok();
    let id: Uuid = answered["id"].as_str().unwrap().parse().unwrap();
    let began = Instant::now();
    loop {
        if let Some(row) = row(connection, id).await
            && serde_json::from_str::<Value>(&row.body).unwrap() == answered
        {
            return (id, row);
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{slug} was not kept");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Works on what is kept with nothing in it. The service, which may still have something to write, waits to the end: the row
/// that it would write is being deleted.
async fn alone(connection: &mut AsyncPgConnection, work: impl AsyncFnOnce(&mut AsyncPgConnection)) {
    connection.batch_execute("begin").await.unwrap();
    assert!(diesel::delete(kept::table).execute(connection).await.unwrap() > 0);
    work(connection).await;
    connection.batch_execute("commit").await.unwrap();
}

/// The statements that were sent for a request, and its answer.
async fn counted(app: &App, path: &str) -> (u64, Reply) {
    let before = app.db.read_statements();
    let reply = app.send(Method::GET, path, &[]).await;
    (app.db.read_statements() - before, reply)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_reading_is_one_row() {
    let app = forgetful(&library_database().await);
    let mut connection = connect(&app).await;
    let path = "/v1/articles/stem-cell-infusion";
    app.settle().await;
    let (sent, assembled) = counted(&app, path).await;
    assert_eq!(sent, 4, "a look at what is kept, the article, related reading, and whether the log is where it was");
    let (id, _) = keep(&app, &mut connection, "stem-cell-infusion").await;
    let same = "?format=html&include=related,toc,sections";
    for again in [path, &format!("{path}{same}"), &format!("/v1/articles/{id}"), &format!("/v1/articles/{id}{same}")] {
        let (sent, reply) = counted(&app, again).await;
        assert_eq!(sent, 1, "{again}");
        assert_eq!(reply.body, assembled.body, "{again}");
        for name in ["etag", "surrogate-key", "content-type", "cache-control"] {
            assert_eq!(reply.header(name), assembled.header(name), "{again}: {name}");
        }
    }
    for other in ["?include=toc,sections", "?format=text", "?fields=-hot", "?include=toc,sections,related,hot"] {
        let (sent, reply) = counted(&app, &format!("{path}{other}")).await;
        assert!(sent <= 3 && reply.status == 200, "{other}: {sent} statements");
    }
}

/// What was kept of it is old for sure: nobody looks, and memory has it again.
#[tokio::test(flavor = "multi_thread")]
async fn what_memory_lost_to_a_change_is_assembled_at_once() {
    let app = App::empty().await;
    let mut connection = connect(&app).await;
    app.publish(&article("a", "", "## 甲\n\n第一稿。")).await;
    let (id, old) = keep(&app, &mut connection, "a").await;
    app.publish(&article("a", "", "## 甲\n\n第二稿。")).await;
    app.settle().await;
    let (sent, anew) = counted(&app, "/v1/articles/a").await;
    assert!(anew.text().contains("第二稿"));
    assert_eq!(sent, 2, "the article and related reading");
    sleep(Duration::from_millis(200)).await;
    assert_eq!(row(&mut connection, id).await, Some(old), "nor is it written");
}

/// Whatever is done to the articles, and however long ago one was read.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_what_would_be_assembled() {
    let app = forgetful(&empty_database().await);
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
        // Once as the change finds it, and once more when what was assembled is written.
        for _ in 0..2 {
            for slug in slugs.iter().flatten() {
                let path = format!("/v1/articles/{slug}");
                let (sent, known) = counted(&app, &path).await;
                // `hot` is not among what is answered unless it is asked for.
                let assembled = app.send(Method::GET, &format!("{path}?fields=-hot"), &[]).await;
                assert_eq!(known.status, assembled.status, "{step} {path}");
                if known.status != 200 {
                    refused += 1;
                    continue;
                }
                from_rows += usize::from(sent == 1);
                assert_eq!(known.json(), assembled.json(), "{step} {path}");
                assert_eq!(known.header("surrogate-key"), assembled.header("surrogate-key"), "{step} {path}");
            }
            sleep(Duration::from_millis(80)).await;
        }
    }
    assert!(from_rows > 100 && refused > 100, "{from_rows} answers came from rows, {refused} were refusals");
}

/// However late it is written: it was read before the change.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_change_overtakes_is_not_answered() {
    let app = forgetful(&empty_database().await);
    let mut connection = connect(&app).await;
    app.publish(&article("a", "", "## 甲\n\n第一稿。")).await;
    let (id, old) = keep(&app, &mut connection, "a").await;
    app.publish(&article("a", "", "## 甲\n\n第二稿。")).await;
    assert!(
        app.get("/v1/articles/a").await.text().contains("第二稿"),
        "what is kept of before the change is passed over"
    );
    keep(&app, &mut connection, "a").await;
    alone(&mut connection, async |c| {
        finished::write(c, vec![(id, old.clone())]).await.unwrap();
        assert_eq!(row(c, id).await.as_ref(), Some(&old));
    })
    .await;
    assert!(app.get("/v1/articles/a").await.text().contains("第二稿"), "and so is what is written after it");
    let (_, new) = keep(&app, &mut connection, "a").await;
    finished::write(&mut connection, vec![(id, old)]).await.unwrap();
    assert_eq!(row(&mut connection, id).await, Some(new), "what is newer stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_another_log_or_another_build_is_not_answered() {
    let app = forgetful(&empty_database().await);
    let mut connection = connect(&app).await;
    app.publish(&article("a", "", "## 甲\n\n一段。")).await;
    let (id, own) = keep(&app, &mut connection, "a").await;
    alone(&mut connection, async |c| {
        let Place { sequence, at } = own.place;
        for place in [Place { sequence, at: at + TimeDelta::microseconds(1) }, Place { sequence: sequence + 1, at }] {
            finished::write(c, vec![(id, Finished { place, ..own.clone() })]).await.unwrap();
            assert_eq!(row(c, id).await, None, "{place:?} is not in the log");
        }
        finished::write(c, vec![(id, own.clone())]).await.unwrap();
    })
    .await;
    let foreign = diesel::update(kept::table).set((kept::build.eq("another"), kept::body.eq("{}")));
    foreign.execute(&mut connection).await.unwrap();
    assert_eq!(app.get("/v1/articles/a").await.json()["slug"], "a");
    let (_, row) = keep(&app, &mut connection, "a").await;
    assert_eq!(row.body, own.body, "it takes the place of the other build's");
    let build: String = kept::table.select(kept::build).first(&mut connection).await.unwrap();
    assert_eq!(build, BUILD);
}

/// Who writes what was read waits for nobody who publishes, nor the other way round.
#[tokio::test(flavor = "multi_thread")]
async fn who_writes_and_who_publishes_do_not_wait_for_each_other() {
    let app = forgetful(&empty_database().await);
    let (mut mine, mut other) = (connect(&app).await, connect(&app).await);
    for slug in ["a", "b", "c"] {
        app.publish(&article(slug, "", "## 甲\n\n一段。")).await;
    }
    let mut all = Vec::new();
    for slug in ["a", "b", "c"] {
        all.push(keep(&app, &mut mine, slug).await);
    }
    let [a, b, c] = [&all[0], &all[1], &all[2]].map(|(id, _)| *id);
    // Later than all that is kept, so that it is written.
    app.publish(&article("e", "", "## 甲\n\n一段。")).await;
    let newest = changes::table.order(changes::sequence.desc()).select((changes::sequence, changes::at));
    let (sequence, at) = newest.first(&mut mine).await.unwrap();
    let newest = Place { sequence, at };
    let promptly = Duration::from_secs(10);
    let written = async |connection: &mut AsyncPgConnection| {
        let newer = all.iter().cloned().map(|(id, mut finished)| {
            finished.place = newest;
            (id, finished)
        });
        let written = timeout(promptly, finished::write(connection, newer.collect())).await;
        written.expect("it waits for who publishes").unwrap();
    };
    // Under a publication that takes one away, and one that moves another.
    let mut tx = PublishTx::begin(&app.db, &author()).await.unwrap();
    tx.withdraw(b, "修订中。").await.unwrap();
    tx.move_article(c, &"d".parse().unwrap()).await.unwrap();
    written(&mut other).await;
    tx.commit().await.unwrap();
    assert_eq!(app.get("/v1/articles/b").await.status, 410);
    assert_eq!(app.get(&format!("/v1/articles/{b}")).await.status, 410);
    assert_eq!(app.get(&format!("/v1/articles/{c}")).await.json()["slug"], "d");
    // And while it is written, by somebody who never comes to the end.
    other.batch_execute("begin").await.unwrap();
    written(&mut other).await;
    let withdrawn = app.write(async |tx| tx.withdraw(a, "修订中。").await);
    timeout(promptly, withdrawn).await.expect("it waits for who writes").unwrap();
    let body = "## 甲\n\n新的一段。";
    timeout(promptly, app.publish(&article("d", "", body))).await.expect("it waits for who writes");
    other.batch_execute("commit").await.unwrap();
    assert_eq!(app.get(&format!("/v1/articles/{a}")).await.status, 410);
    assert!(app.get("/v1/articles/d").await.text().contains("新的一段"));
}

/// What is kept of an article that is gone is taken away by the next start, at the latest.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_not_kept() {
    let url = empty_database().await;
    let app = forgetful(&url);
    let mut connection = connect(&app).await;
    for slug in ["a", "b"] {
        app.publish(&article(slug, "", "## 甲\n\n一段。")).await;
    }
    let (id, own) = keep(&app, &mut connection, "a").await;
    app.write(async |tx| tx.withdraw(id, "修订中。").await).await.unwrap();
    finished::write(&mut connection, vec![(id, own.clone())]).await.unwrap();
    assert_eq!(row(&mut connection, id).await, Some(own), "it is of before, and not written anew");
    let app = forgetful(&url);
    keep(&app, &mut connection, "b").await;
    assert_eq!(row(&mut connection, id).await, None);
}

/// Those of the time before there was a table of it, too; and where a change names one twice.
#[tokio::test(flavor = "multi_thread")]
async fn every_tag_of_the_log_has_its_last_change() {
    #[derive(QueryableByName, Debug)]
    struct Tag {
        #[diesel(sql_type = Text)]
        tag: String,
    }
    let url = library_database().await;
    let connection = AsyncPgConnection::establish(&url).await.unwrap();
    tokio::task::block_in_place(|| {
        AsyncMigrationHarness::new(connection).revert_last_migration(MIGRATIONS).unwrap();
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
            // As an earlier build does, which knows nothing of it.
            let foreign = "insert into changes (sequence, type, tags)
                select max(sequence) + 1, 'hot', '{hot,hot,article:x}' from changes";
            connection.batch_execute(foreign).await.unwrap();
        }
        if n == 2 {
            assert!(app.write(async |tx| tx.set_topics(&renamed).await).await.unwrap());
        }
    }
}

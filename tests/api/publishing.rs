//! What a write is: whole, in order, logged.

use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use lectern::{
    content::site::Topic,
    error::Error,
    publishing::drafts::{Outcome, Precondition},
};
use uuid::Uuid;

use crate::harness::{App, article, document};

#[derive(QueryableByName, Debug)]
struct Entry {
    #[diesel(sql_type = BigInt)]
    sequence: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Array<Text>)]
    tags: Vec<String>,
    #[diesel(sql_type = Array<SqlUuid>)]
    changed: Vec<Uuid>,
    #[diesel(sql_type = Array<SqlUuid>)]
    removed: Vec<Uuid>,
}

async fn log(app: &App) -> Vec<Entry> {
    let sql = "select sequence, type as kind, tags, sections_changed as changed, sections_removed as removed from changes order by sequence";
    diesel::sql_query(sql).load(&mut app.db.write().await.unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_has_its_entry_in_the_log() {
    let app = App::empty().await;
    let id = app.publish(&article("a", "topics: [t]", "## 甲 {#x}\n\n甲文很长。\n\n## 乙 {#y}\n\n乙文。")).await;
    app.publish(&article("a", "topics: [u]", "## 甲 {#x}\n\n甲文改了。")).await;
    app.write(async |tx| tx.move_article(id, &"b".parse().unwrap()).await).await.unwrap();
    app.write(async |tx| tx.withdraw(id, "不再有效").await).await.unwrap();
    let again = app.write(async |tx| tx.withdraw(id, "不再有效").await).await.unwrap();
    assert_eq!(again, None, "there is nothing to withdraw a second time");
    let log = log(&app).await;
    assert_eq!(log.iter().map(|e| e.kind.as_str()).collect::<Vec<_>>(), ["published", "updated", "moved", "withdrawn"]);
    assert_eq!(log.iter().map(|e| e.sequence).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!((log[0].changed.len(), log[0].removed.len()), (2, 0));
    assert_eq!((log[1].changed.len(), log[1].removed.len()), (1, 1));
    for tag in [format!("article:{id}"), "articles".into(), "topic:t".into(), "topic:u".into()] {
        assert!(log[1].tags.contains(&tag), "{tag}: {:?}", log[1].tags);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identical_content_makes_no_revision() {
    let app = App::empty().await;
    let save = async |file: &str| {
        let document = document(file);
        app.write(async |tx| tx.save_draft(document, &Precondition::Any).await).await.unwrap()
    };
    let file = article("a", "", "## 甲\n\n文。\n\n## 甲\n\n别的文。");
    let first = save(&file).await;
    assert_eq!((first.revision, first.outcome), (1, Outcome::Created));
    let second = save(&file).await;
    assert_eq!((second.revision, second.outcome, &second.hash), (1, Outcome::Unchanged, &first.hash));
    let third = save(&article("a", "", "## 甲\n\n新文。")).await;
    assert_eq!((third.revision, third.outcome), (2, Outcome::Updated));
    // Back to the first text is a revision of its own: the history says what happened.
    let fourth = save(&file).await;
    assert_eq!((fourth.revision, fourth.outcome, &fourth.hash), (3, Outcome::Updated, &first.hash));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_publication_leaves_no_trace() {
    let app = App::empty().await;
    app.publish(&article("a", "", "文。")).await;
    let before = (app.get("/v1/articles/a").await.ok(), log(&app).await.len());
    let result = app
        .write(async |tx| {
            let saved = tx.save_draft(document(&article("a", "", "新文。")), &Precondition::Any).await?;
            tx.publish(saved.id, saved.revision).await?;
            Err::<(), _>(Error::Conflict("stop".into()))
        })
        .await;
    assert!(result.is_err());
    assert_eq!((app.get("/v1/articles/a").await.ok(), log(&app).await.len()), before);
}

/// Many writers at once: each publication is in the log once, and sequence order is the order in which they committed.
#[tokio::test(flavor = "multi_thread")]
async fn writers_at_once_lose_nothing() {
    let app = std::sync::Arc::new(App::empty().await);
    let tasks: Vec<_> = (0..8)
        .map(|writer| {
            let app = std::sync::Arc::clone(&app);
            tokio::spawn(async move {
                for n in 0..5 {
                    for slug in ["shared".to_owned(), format!("own-{writer}")] {
                        let document = document(&article(
                            &slug,
                            "topics: [t]",
                            &format!("## 节 {{#s}}\n\n{writer} 写的第 {n} 稿。"),
                        ));
                        let published = app
                            .write(async |tx| {
                                let saved = tx.save_draft(document.clone(), &Precondition::Any).await?;
                                tx.publish(saved.id, saved.revision).await
                            })
                            .await;
                        assert!(published.unwrap().is_some());
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let log = log(&app).await;
    assert_eq!(log.len(), 80);
    assert!(log.iter().zip(1..).all(|(entry, n)| entry.sequence == n), "no gap, no doubling");
    assert_eq!(app.get("/v1/articles/shared").await.ok()["revision"], 40);
}

/// A reader sees the revision before or the one after, never parts of both.
#[tokio::test(flavor = "multi_thread")]
async fn readers_see_whole_revisions_in_order() {
    let app = std::sync::Arc::new(App::empty().await);
    for n in 0..3 {
        app.publish(&article(&format!("near-{n}"), "", "文。")).await;
    }
    // The editor's choice changes with the text.
    let near = move |n: u64| format!("near-{}", n % 3);
    let file = move |n: u64| {
        let front = format!("title: 第{n}版\nsummary: 第{n}版\nrelated:\n  - article: {}", near(n));
        article("a", &front, &format!("第{n}版。\n\n## 节 {{#s}}\n\n第{n}版。"))
    };
    app.publish(&file(1)).await;
    let writer = {
        let app = std::sync::Arc::clone(&app);
        tokio::spawn(async move {
            for n in 2..40 {
                app.publish(&file(n)).await;
            }
        })
    };
    let mut last = 0;
    while !writer.is_finished() {
        let article = app.get("/v1/articles/a").await.ok();
        let revision = article["revision"].as_u64().unwrap();
        assert!(revision >= last, "an older revision after a newer one");
        last = revision;
        let version = format!("第{revision}版");
        let parts = [&article["title"], &article["summary"], &article["lead"]["html"], &article["sections"][0]["html"]];
        assert!(parts.iter().all(|part| part.as_str().unwrap().contains(&version)), "{article}");
        assert_eq!(article["related"]["data"][0]["slug"], near(revision), "{article}");
        let page = app.get("/read/a").await.text();
        let shown = (2..200).find(|n| page.contains(&format!("第{n}版。"))).unwrap_or(1);
        assert!(page.contains(&format!("href=\"/read/{}\"", near(shown))), "{page}");
    }
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_topic_is_renamed_on_cards() {
    let app = App::library().await;
    let rename = [Topic { slug: "cardiology".parse().unwrap(), name: "心脏".into(), description: None }];
    assert!(app.write(async |tx| tx.set_topics(&rename).await).await.unwrap());
    assert!(!app.write(async |tx| tx.set_topics(&rename).await).await.unwrap());
    assert_eq!(app.get("/v1/articles/heart-disease").await.ok()["topics"][0]["name"], "心脏");
    assert_eq!(app.get("/v1/topics/cardiology").await.ok()["name"], "心脏");
    let entry = log(&app).await.pop().unwrap();
    assert_eq!(entry.kind, "topics");
    assert!(entry.tags.iter().any(|tag| tag.starts_with("article:")));
}

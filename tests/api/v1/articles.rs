//! `/v1/articles` and `/v1/articles/{slug}`.

use std::collections::BTreeSet;

use lectern::publishing::drafts::Precondition;
use serde_json::Value;

use crate::harness::{App, article, document};

fn slugs(list: &Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(|card| card["slug"].as_str().unwrap().to_owned()).collect()
}

/// Follows `next_cursor` to the end and returns every item.
async fn walk(app: &App, first: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut path = first.to_owned();
    for _ in 0..200 {
        let reply = app.get(&path).await;
        let link = reply.headers.get("link").map(|link| link.to_str().unwrap().to_owned());
        let list = reply.ok();
        items.extend(list["data"].as_array().unwrap().clone());
        let Some(cursor) = list["page"]["next_cursor"].as_str() else {
            assert_eq!(link, None, "{path}");
            return items;
        };
        // The header leads where the cursor leads.
        let target = link.unwrap();
        let (target, relation) = target.split_once("; ").unwrap();
        assert_eq!(relation, "rel=\"next\"");
        assert!(target.contains(cursor), "{target}");
        target.trim_matches(['<', '>']).clone_into(&mut path);
    }
    panic!("{first} has no end");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leading_article_comes_whole() {
    let app = App::library().await;
    let article = app.get("/v1/articles/stem-cell-infusion").await.ok();
    assert_eq!(article["slug"], "stem-cell-infusion");
    assert_eq!(article["questions"].as_array().unwrap().len(), 3);
    assert!(article["lead"]["html"].as_str().unwrap().starts_with("<p>"));
    let sections = article["sections"].as_array().unwrap();
    assert_eq!(
        sections.iter().map(|s| s["label"].as_str().unwrap()).collect::<Vec<_>>(),
        ["一、", "二、", "三、", "四、", "五、"]
    );
    let below: Vec<usize> = sections.iter().map(|section| section["children"].as_array().unwrap().len()).collect();
    assert_eq!(below, [0, 4, 5, 0, 0]);
    let second = &sections[1];
    assert_eq!(
        (second["number"].as_str(), second["level"].as_u64(), second["anchor"].as_str()),
        (Some("2"), Some(1), Some("principles"))
    );
    let first_below = &second["children"][0];
    assert_eq!((first_below["number"].as_str(), first_below["label"].as_str()), (Some("2.1"), Some("1.")));
    assert_eq!(article["toc"][1]["children"][0]["anchor"], first_below["anchor"]);
    assert_eq!(article["toc"][1]["id"], second["id"]);
    assert!(article.get("hot").is_none(), "hot is only there when asked for");
    assert!(article["related"]["data"].as_array().unwrap().len() >= 3);
    // Never ASCII-escaped.
    let raw = app.get("/v1/articles/stem-cell-infusion").await.text();
    assert!(raw.contains("干细胞") && !raw.contains("\\u"));
    // The same by id.
    let by_id = app.get(&format!("/v1/articles/{}", article["id"].as_str().unwrap())).await.ok();
    assert_eq!(by_id, article);
}

#[tokio::test(flavor = "multi_thread")]
async fn include_and_format_choose_the_parts() {
    let app = App::library().await;
    let path = "/v1/articles/stem-cell-infusion";
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let card = keys(&app.get(&format!("{path}?include=")).await.ok());
    assert_eq!(card, keys(&app.get("/v1/articles?limit=1").await.ok()["data"][0]), "no part: exactly the card");
    let parts =
        |with: &[&str]| card.iter().cloned().chain(with.iter().map(ToString::to_string)).collect::<BTreeSet<_>>();
    for (query, with) in [
        ("include=toc", &["toc"][..]),
        ("include=sections", &["sections", "lead"]),
        ("include=hot,related", &["hot", "related"]),
        ("include=toc,sections,related,hot", &["toc", "sections", "lead", "related", "hot"]),
    ] {
        assert_eq!(keys(&app.get(&format!("{path}?{query}")).await.ok()), parts(with), "{query}");
    }
    for format in ["html", "markdown", "text", "blocks"] {
        let article = app.get(&format!("{path}?include=sections&format={format}")).await.ok();
        assert_eq!(keys(&article["lead"]).into_iter().collect::<Vec<_>>(), [format]);
        let section = &article["sections"][1]["children"][0];
        let body: Vec<_> = keys(section)
            .into_iter()
            .filter(|key| ["html", "markdown", "text", "blocks"].contains(&key.as_str()))
            .collect();
        assert_eq!(body, [format]);
        // Internal links lead to the article's address in every form that has links.
        let raw = article.to_string();
        assert_eq!(raw.contains("/v1/articles/check-registration"), format != "text", "{format}");
    }
    let kept = app.get(&format!("{path}?fields=title,sections.title")).await.ok();
    assert_eq!(keys(&kept), ["sections", "title"].map(String::from).into());
    assert_eq!(keys(&kept["sections"][1]["children"][0]), ["children", "title"].map(String::from).into());
    for bad in ["include=body", "format=pdf", "fields=titel", "fields=title,-hash", "include=toc,toc2"] {
        let refused = app.get(&format!("{path}?{bad}")).await;
        assert_eq!(refused.status, 400, "{bad}");
        assert_eq!(refused.json()["type"], "/problems/invalid-parameter");
    }
}

/// 3 statements at most for an article with all its parts, 2 for a list, all prepared; and a list reads no body.
#[tokio::test(flavor = "multi_thread")]
async fn few_statements_and_all_prepared() {
    use diesel::{QueryableByName, sql_types::BigInt};
    use diesel_async::RunQueryDsl;
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let app = App::library().await;
    for (path, most) in [
        ("/v1/articles/stem-cell-infusion?include=toc,sections,related,hot", 3),
        ("/v1/articles/stem-cell-infusion?include=", 1),
        ("/v1/articles/stem-cell-infusion?fields=title", 1),
        ("/v1/articles/stem-cell-infusion?format=blocks", 2),
        ("/v1/articles/stem-cell-infusion/sections/2.1", 1),
        ("/v1/articles/stem-cell-infusion/sections", 1),
        ("/v1/articles/stem-cell-infusion/related", 2),
        ("/v1/articles", 2),
        ("/v1/articles?sort=title&topic=stem-cells&locale=zh-Hans&updated_since=2026-01-01T00:00:00Z&limit=3", 2),
        ("/v1/recommendations/hot", 2),
        ("/v1/topics", 2),
        ("/v1/site", 1),
    ] {
        app.get(path).await.ok();
        let before = app.db.read_statements();
        app.get(path).await.ok();
        let sent = app.db.read_statements() - before;
        assert!(sent >= 1 && sent <= most, "{path}: {sent} statements");
    }
    // The pool gives its only idle connection back: the one that answered all of the above.
    let mut connection = app.db.read().await.unwrap();
    for (what, like, unlike, expected) in [
        ("an article", "%article_bodies%", "", true),
        ("related reading", "%own_topics%", "", true),
        ("the hot list", "%pinned%", "", true),
        ("a list", "%title_key%", "%article_bodies%", true),
        ("a list that reads bodies", "%title_key%article_bodies%", "", false),
    ] {
        let sql = format!(
            "select count(*) as n from pg_prepared_statements
            where statement like '{like}' and statement not like '{unlike}' and statement not like '%pg_prepared%'"
        );
        let prepared: Count = diesel::sql_query(sql).get_result(&mut connection).await.unwrap();
        assert_eq!(prepared.n > 0, expected, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_is_walked_without_loss_or_repetition() {
    let app = App::library().await;
    for sort in ["-published_at", "published_at", "-updated_at", "updated_at", "title"] {
        let whole = slugs(&app.get(&format!("/v1/articles?sort={sort}&limit=100")).await.ok());
        assert_eq!(whole.len(), 13);
        for limit in [1, 2, 5, 13] {
            let items = walk(&app, &format!("/v1/articles?sort={sort}&limit={limit}")).await;
            let walked: Vec<_> = items.iter().map(|card| card["slug"].as_str().unwrap()).collect();
            assert_eq!(walked, whole, "{sort}, {limit} a page");
        }
    }
    let newest = slugs(&app.get("/v1/articles?sort=-published_at").await.ok());
    let oldest = slugs(&app.get("/v1/articles?sort=published_at").await.ok());
    assert_eq!(newest, oldest.into_iter().rev().collect::<Vec<_>>());
    assert_eq!(newest[0], "stem-cell-infusion");
}

/// What is published in the middle of a walk neither repeats nor hides anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_walk_is_steady_while_the_list_grows() {
    let app = App::library().await;
    let first = app.get("/v1/articles?limit=5").await.ok();
    app.publish(&article("newcomer", "", "新文。")).await;
    let cursor = first["page"]["next_cursor"].as_str().unwrap();
    let mut seen = slugs(&first);
    let rest = walk(&app, &format!("/v1/articles?limit=5&cursor={cursor}")).await;
    seen.extend(rest.iter().map(|card| card["slug"].as_str().unwrap().to_owned()));
    assert_eq!(seen.len(), 13);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_belongs_to_its_query() {
    let app = App::library().await;
    let list = app.get("/v1/articles?limit=2&sort=title").await.ok();
    let cursor = list["page"]["next_cursor"].as_str().unwrap().to_owned();
    // Another page size is the same list.
    assert_eq!(app.get(&format!("/v1/articles?limit=3&sort=title&cursor={cursor}")).await.status, 200);
    let mut tampered = cursor.clone();
    tampered.replace_range(20..21, if &cursor[20..21] == "A" { "B" } else { "A" });
    for path in [
        format!("/v1/articles?cursor={cursor}"),
        format!("/v1/articles?sort=title&topic=stem-cells&cursor={cursor}"),
        format!("/v1/topics?cursor={cursor}"),
        format!("/v1/recommendations/hot?cursor={cursor}"),
        format!("/v1/articles/stem-cell-infusion/related?cursor={cursor}"),
        format!("/v1/articles?sort=title&cursor={tampered}"),
        "/v1/articles?cursor=".to_owned(),
        "/v1/articles?cursor=xyz".to_owned(),
    ] {
        let refused = app.get(&path).await;
        assert_eq!(refused.status, 400, "{path}");
        assert_eq!(refused.json()["errors"][0]["parameter"], "cursor", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters() {
    let app = App::library().await;
    app.publish(&article("english", "locale: en\ntopics: [safety]", "Text.")).await;
    assert_eq!(slugs(&app.get("/v1/articles?locale=en").await.ok()), ["english"]);
    let safety = slugs(&app.get("/v1/articles?topic=safety").await.ok());
    assert!(safety.contains(&"english".to_owned()) && safety.len() == 4, "{safety:?}");
    assert_eq!(slugs(&app.get("/v1/articles?topic=nothing-of-this").await.ok()), Vec::<String>::new());
    let english = app.get("/v1/articles/english").await.ok();
    let since = english["updated_at"].as_str().unwrap();
    assert_eq!(slugs(&app.get(&format!("/v1/articles?updated_since={since}")).await.ok()), ["english"]);

    let all = app.get("/v1/articles?limit=100").await.ok();
    let ids: Vec<_> = all["data"].as_array().unwrap().iter().map(|card| card["id"].as_str().unwrap()).collect();
    let unknown = "01980000-0000-7000-8000-000000000000";
    let asked = format!("{},{unknown},{},{}", ids[5], ids[2], ids[5]);
    let found = app.get(&format!("/v1/articles?ids={asked}")).await.ok();
    let found: Vec<_> = found["data"].as_array().unwrap().iter().map(|card| card["id"].as_str().unwrap()).collect();
    assert_eq!(found, [ids[5], ids[2]]);
    // More than the usual page come at once, and smaller pages lead on.
    assert_eq!(slugs(&app.get(&format!("/v1/articles?ids={}", ids.join(","))).await.ok()).len(), 14);
    assert_eq!(walk(&app, &format!("/v1/articles?ids={}&limit=3", ids.join(","))).await.len(), 14);
    let many = vec![ids[0]; 1]
        .into_iter()
        .map(String::from)
        .chain((0..100).map(|n| format!("01980000-0000-7000-8000-{n:012}")));
    assert_eq!(app.get(&format!("/v1/articles?ids={}", many.collect::<Vec<_>>().join(","))).await.status, 400);
    for bad in [
        "ids=%7B01980000-0000-7000-8000-000000000000%7D",
        "ids=x",
        "limit=0",
        "limit=101",
        "sort=popular",
        "locale=klingon",
        "topic=A%20B",
        "updated_since=today",
    ] {
        assert_eq!(app.get(&format!("/v1/articles?{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_article_answers_at_every_address_it_had() {
    let app = App::empty().await;
    let id = app.publish(&article("first", "", "## 一节 {#one}\n\n文。")).await;
    app.publish(&article("pointer", "", "见[那里](first.md#one)。")).await;
    for slug in ["second", "third", "first", "fourth"] {
        let slug = slug.parse().unwrap();
        app.write(async |tx| tx.move_article(id, &slug).await).await.unwrap();
    }
    for slug in ["first", "second", "third"] {
        for (rest, query) in [
            ("", ""),
            ("", "?include=toc&format=text"),
            ("/sections", ""),
            ("/sections/one", "?format=text"),
            ("/related", "?limit=3"),
        ] {
            let reply = app.get(&format!("/v1/articles/{slug}{rest}{query}")).await;
            assert_eq!(reply.status, 308);
            assert_eq!(reply.header("location"), format!("/v1/articles/fourth{rest}{query}"));
            // A redirect that is kept for ever would outlive the next move.
            assert!(reply.header("cache-control").contains("max-age=60"));
            assert_eq!(reply.header("surrogate-key"), format!("article:{id}"));
        }
    }
    // However the request spells the path.
    let spelt = app.get("/v1/%61rticles/fir%73t/sections/one").await;
    assert_eq!(spelt.header("location"), "/v1/articles/fourth/sections/one");
    assert_eq!(app.get("/v1/articles/first/sections/%22%20x").await.status, 404);
    assert_eq!(app.get("/v1/articles/fourth").await.ok()["slug"], "fourth");
    for format in ["html", "markdown", "blocks"] {
        let raw = app.get(&format!("/v1/articles/pointer?format={format}&include=sections")).await.text();
        assert!(raw.contains("/v1/articles/fourth#one"), "{format}: {raw}");
    }
    // A renamed section, too; a number stands for the section that has it.
    app.publish(&article("fourth", "", "## 一节 {#uno}\n\n文。")).await;
    app.publish(&article("pointer", "", "见[那里](first.md#one)、[这里](second.md#1)、[别处](first.md#none)。")).await;
    for format in ["html", "markdown", "blocks"] {
        let raw = app.get(&format!("/v1/articles/pointer?format={format}&include=sections")).await.text();
        assert_eq!(raw.matches("/v1/articles/fourth#uno").count(), 2, "{format}: {raw}");
        assert_eq!(raw.matches("/v1/articles/fourth#none").count(), 1, "{format}: {raw}");
    }
    // The slug of one never goes to another.
    let document = document(&article("second", "", "x"));
    let taken = app.write(async |tx| tx.save_draft(document, &Precondition::Any).await).await;
    assert!(taken.unwrap_err().to_string().contains("fourth"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_article_is_gone_everywhere_with_its_reason() {
    let app = App::library().await;
    let article = app.get("/v1/articles/immune-regulation").await.ok();
    let id = article["id"].as_str().unwrap().parse().unwrap();
    app.write(async |tx| tx.withdraw(id, "本文有误，修订中。").await).await.unwrap();
    for rest in ["", "/sections", "/sections/1", "/related"] {
        for key in ["immune-regulation", article["id"].as_str().unwrap()] {
            let gone = app.get(&format!("/v1/articles/{key}{rest}")).await;
            assert_eq!(gone.status, 410, "{key}{rest}");
            assert_eq!(gone.json()["detail"], "本文有误，修订中。");
            assert_eq!(gone.json()["type"], "/problems/withdrawn");
        }
    }
    for list in [
        "/v1/articles?limit=100",
        "/v1/recommendations/hot?limit=100",
        "/v1/articles/stem-cell-infusion/related?limit=100",
        "/v1/articles?topic=immunology",
    ] {
        let raw = app.get(list).await.text();
        assert!(!raw.contains("\"immune-regulation\""), "{list}");
    }
    let (revision, before) = (1, article["hash"].clone());
    app.write(async |tx| tx.publish(id, revision).await).await.unwrap();
    assert_eq!(app.get("/v1/articles/immune-regulation").await.ok()["hash"], before);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_served_of_a_draft() {
    let app = App::empty().await;
    let document = document(&article("secret", "topics: [hidden]", "秘密。"));
    app.write(async |tx| tx.save_draft(document, &Precondition::Any).await).await.unwrap();
    assert_eq!(app.get("/v1/articles/secret").await.status, 404);
    assert_eq!(app.get("/v1/topics/hidden").await.status, 404);
    assert_eq!(slugs(&app.get("/v1/articles").await.ok()), Vec::<String>::new());
    assert_eq!(app.get("/v1/site").await.status, 404);
}

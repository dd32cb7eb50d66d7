//! What readers see, and when: publishing, schedules, withdrawing, moving.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

use super::desk::Desk;
use crate::harness::{App, article};

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    line: String,
}

fn in_time(time: TimeDelta) -> Value {
    json!((Utc::now() + time).to_rfc3339())
}

/// Waits until readers get a status, and says when that was.
async fn seen(desk: &Desk, path: &str, status: u16) -> DateTime<Utc> {
    for _ in 0..2000 {
        if desk.status(path).await == status {
            return Utc::now();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{path} did not come to {status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_is_published_and_the_next_one_is_not() {
    let desk = Desk::empty().await;
    desk.save("a", "第一稿。").await;
    desk.save("a", "第二稿。").await;
    let published = desk.post("a/publish", &json!({"revision": 1, "at": null})).await.ok();
    assert_eq!((&published["live_revision"], &published["revision"]), (&json!(1), &json!(2)));
    assert!(desk.app.get("/v1/articles/a").await.text().contains("第一稿"));
    assert_eq!(desk.post("a/publish", &json!({"revision": 9})).await.status, 404);
    assert_eq!(desk.post("a/publish?at=now", &json!({})).await.status, 400);
    assert_eq!(desk.post("a/publish", &json!({"revision": "1"})).await.status, 422);
    assert_eq!(desk.post("a/publish", &json!({"when": "now"})).await.status, 422);
    assert_eq!(desk.post("a/publish", &json!({"at": "+10000-01-01T00:00:00Z"})).await.status, 422);
    assert_eq!(desk.post("a/publish", &json!({"at": "9999-12-31T23:59:60Z"})).await.status, 422, "a leap second");
    assert_eq!(desk.post("a/publish", &json!({"at": "tomorrow"})).await.status, 422);
    for body in [json!([]), json!([1]), json!([null, "2031-01-01T00:00:00Z"]), json!(null), json!(1), json!("a")] {
        let refused = desk.post("a/publish", &body).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["pointer"]), (422, &json!("")), "{body}");
    }
    let past = desk.post("a/publish", &json!({"at": "2020-01-01T00:00:00Z"})).await;
    assert_eq!((past.status.as_u16(), &past.json()["live_revision"]), (200, &json!(2)), "at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_fires_once_on_time_on_one_of_many_instances() {
    let desk = Desk::empty().await;
    let others: Vec<App> = (0..3).map(|_| App::on(desk.app.database.clone())).collect();
    let mut times = Vec::new();
    for slug in ["a", "b", "c"] {
        desk.save(slug, "文。").await;
        let at = in_time(TimeDelta::milliseconds(900));
        let planned = desk.post(&format!("{slug}/publish"), &json!({"revision": 1, "at": at})).await;
        assert_eq!(planned.status, 202, "{}", planned.text());
        assert_eq!(planned.json()["schedule"]["revision"], 1);
        times.push((slug, at.as_str().unwrap().parse::<DateTime<Utc>>().unwrap()));
    }
    assert_eq!(desk.status("/v1/articles/a").await, 404);
    for (slug, at) in times {
        let late = seen(&desk, &format!("/v1/articles/{slug}"), 200).await - at;
        assert!(late >= TimeDelta::zero(), "{slug} was {late} early");
        // A bound for a machine that is busy with other tests.
        assert!(late < TimeDelta::seconds(5), "{slug} was {late} late");
    }
    for app in &others {
        assert_eq!(app.get("/v1/articles").await.ok()["data"].as_array().unwrap().len(), 3);
    }
    let audit = desk.get("/manage/v1/audit").await.ok();
    let acts = audit["data"].as_array().unwrap().iter().filter(|act| act["action"] == "publish");
    assert_eq!(acts.count(), 3, "each was published once: {audit}");
    let standing = desk.get("/manage/v1/articles/a").await.ok();
    assert_eq!((&standing["schedule"], &standing["state"]), (&Value::Null, &json!("live")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_outlives_the_service_that_took_it() {
    let desk = Desk::empty().await;
    desk.save("a", "文。").await;
    desk.post("a/publish", &json!({"at": in_time(TimeDelta::milliseconds(1500))})).await;
    let Desk { app, .. } = desk;
    let database = app.database.clone();
    app.handle.stop(true).await;
    drop(app);
    tokio::time::sleep(Duration::from_millis(1600)).await;
    let desk = Desk::at(App::on(database)).await;
    seen(&desk, "/v1/articles/a", 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lifetimes_count_down_to_a_publication_on_every_instance() {
    let desk = Desk::empty().await;
    let other = App::on(desk.app.database.clone());
    desk.app.publish(&article("a", "", "文。")).await;
    let max_age = async |app: &App| -> u64 {
        let reply = app.get("/v1/articles/a").await;
        let header = reply.header("cache-control").to_owned();
        header.split("max-age=").nth(1).unwrap().split(',').next().unwrap().parse().unwrap()
    };
    assert_eq!((max_age(&desk.app).await, max_age(&other).await), (60, 60));
    desk.save("a", "新文。").await;
    desk.post("a/publish", &json!({"at": in_time(TimeDelta::seconds(30))})).await;
    for app in [&desk.app, &other] {
        let mut left = 60;
        for _ in 0..500 {
            left = max_age(app).await;
            if left < 60 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!((20..30).contains(&left), "{left} of 30 seconds are left");
    }
    assert_eq!(desk.delete("a/schedule").await.status, 200);
    for app in [&desk.app, &other] {
        for _ in 0..500 {
            if max_age(app).await == 60 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(max_age(app).await, 60, "nothing is to come any more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_give_way_to_what_editors_do() {
    let desk = Desk::empty().await;
    let plan = async |body: &Value| desk.post("a/publish", body).await.json()["schedule"].clone();
    desk.save("a", "第一稿。").await;
    let hour = in_time(TimeDelta::hours(1));
    assert_eq!(plan(&json!({"revision": 1, "at": hour})).await["revision"], 1);
    desk.save("a", "第二稿。").await;
    assert_eq!(plan(&json!({"revision": 2, "at": hour})).await["revision"], 2, "one takes the other's place");
    assert_eq!(plan(&json!({"revision": 1})).await["revision"], 2, "an earlier revision at once leaves it");
    assert_eq!(plan(&json!({"revision": 2})).await, Value::Null, "there is nothing left to do");
    plan(&json!({"revision": 1, "at": hour})).await;
    desk.save("a", "第三稿。").await;
    assert_eq!(plan(&json!({"revision": 3})).await, Value::Null, "an older revision never takes back a newer one");
    plan(&json!({"revision": 3, "at": hour})).await;
    let withdrawn = desk.post("a/withdraw", &json!({"reason": "有误"})).await.ok();
    assert_eq!(withdrawn["schedule"], Value::Null, "it does not come back by itself");
    // Nor where it was withdrawn before, for the same reason, and scheduled since.
    desk.save("a", "第四稿。").await;
    assert_eq!(plan(&json!({"at": hour})).await["revision"], 4);
    let again = desk.post("a/withdraw", &json!({"reason": "有误"})).await.ok();
    assert_eq!(again["schedule"], Value::Null, "it does not come back by itself");
    let audit = desk.get("/manage/v1/audit").await.ok();
    let told = |action: &str| audit["data"].as_array().unwrap().iter().filter(|act| act["action"] == action).count();
    assert_eq!(told("unschedule"), 2, "what both withdrawals cancelled is told: {audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withdrawn_is_gone_from_everywhere_in_one_step() {
    let desk = Desk::at(App::library().await).await;
    let related = "/v1/articles/mesenchymal-stem-cells/related?limit=100";
    assert!(desk.app.get(related).await.text().contains("\"stem-cell-infusion\""));
    assert_eq!(desk.post("stem-cell-infusion/withdraw", &json!({"reason": "  "})).await.status, 422);
    assert_eq!(desk.post("stem-cell-infusion/withdraw", &json!({})).await.status, 422);
    assert_eq!(desk.post("stem-cell-infusion/withdraw", &json!({"reason": "一\u{0}"})).await.status, 422);
    desk.post("stem-cell-infusion/withdraw", &json!({"reason": "修订中。"})).await.ok();
    let gone = desk.app.get("/v1/articles/stem-cell-infusion").await;
    assert_eq!((gone.status.as_u16(), &gone.json()["detail"]), (410, &json!("修订中。")));
    for path in
        ["/v1/articles?limit=100", related, "/v1/recommendations/hot?limit=100", "/v1/articles?topic=stem-cells"]
    {
        assert!(!desk.app.get(path).await.text().contains("\"stem-cell-infusion\""), "{path}");
    }
    for path in ["sections", "sections/1", "related"] {
        assert_eq!(desk.status(&format!("/v1/articles/stem-cell-infusion/{path}")).await, 410, "{path}");
    }
    desk.post("stem-cell-infusion/withdraw", &json!({"reason": "另有原因。"})).await.ok();
    assert_eq!(desk.app.get("/v1/articles/stem-cell-infusion").await.json()["detail"], "另有原因。");
    desk.save("never", "文。").await;
    assert_eq!(desk.post("never/withdraw", &json!({"reason": "有误"})).await.status, 409);
    assert_eq!(desk.publish("stem-cell-infusion").await["withdrawn"], Value::Null);
    assert_eq!(desk.status("/v1/articles/stem-cell-infusion").await, 200);
}

/// The log tells of what was public, whatever editors did with the article since.
#[tokio::test(flavor = "multi_thread")]
async fn another_reason_tells_the_log_nothing_of_drafts() {
    let desk = Desk::empty().await;
    desk.save("a", "公开的。").await;
    let public = desk.publish("a").await["hash"].clone();
    desk.post("a/withdraw", &json!({"reason": "有误"})).await.ok();
    desk.save("a", "未公开的。").await;
    desk.post("a/move", &json!({"slug": "secret"})).await.ok();
    desk.post("secret/withdraw", &json!({"reason": "另有原因"})).await.ok();
    assert_eq!(desk.app.get("/v1/articles/a").await.json()["detail"], "另有原因");
    desk.delete("secret").await;
    let sql = "select format('%s %s %s %s', type, slug, revision, hash) as line from changes order by sequence";
    let mut connection = desk.app.db.write().await.unwrap();
    let log: Vec<Line> = diesel::sql_query(sql).load(&mut connection).await.unwrap();
    let public = public.as_str().unwrap();
    let told: Vec<_> = log.iter().map(|line| line.line.as_str()).collect();
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|line| line.ends_with(&format!(" a 1 {public}"))), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_slug_that_an_article_had_leads_to_it() {
    let desk = Desk::empty().await;
    for slug in ["a", "other", "draft"] {
        desk.save(slug, "## 节 {#x}\n\n文。").await;
    }
    desk.publish("a").await;
    desk.publish("other").await;
    for (from, to) in [("a", "b"), ("b", "c"), ("c", "a"), ("a", "d")] {
        assert_eq!(desk.post(&format!("{from}/move"), &json!({"slug": to})).await.ok()["slug"], to);
    }
    for old in ["a", "b", "c"] {
        let reply = desk.app.get(&format!("/v1/articles/{old}/sections/x")).await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (308, "/v1/articles/d/sections/x"), "{old}");
        let managed = desk.get(&format!("/manage/v1/articles/{old}?format=blocks")).await;
        assert_eq!(managed.status, 308);
        assert_eq!(managed.header("location"), "/manage/v1/articles/d?format=blocks");
        assert_eq!(managed.header("cache-control"), "no-store");
        // Neither a new article nor another one gets it.
        assert_eq!(desk.put(old, &article(old, "", "文。"), None).await.status, 409, "{old}");
        assert_eq!(desk.post("other/move", &json!({"slug": old})).await.status, 409, "{old}");
    }
    assert_eq!(desk.post("other/move", &json!({"slug": "draft"})).await.status, 409, "an unpublished article has it");
    assert_eq!(desk.post("other/move", &json!({"slug": "d"})).await.status, 409);
    for slug in ["X Y", "", "汉"] {
        assert_eq!(desk.post("other/move", &json!({"slug": slug})).await.status, 422, "{slug}");
    }
    assert_eq!(desk.post("draft/move", &json!({"slug": "draft-2"})).await.ok()["slug"], "draft-2");
    assert_eq!(desk.get("/manage/v1/articles/draft").await.status, 404, "it was never public: the slug is free");
    desk.save("draft", "另一篇。").await;
}

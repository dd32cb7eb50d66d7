//! The identity of sections: over random edit sequences every id, anchor and number that was ever served keeps the promise of
//! the contract.
//!
//! What must hold after every step:
//! - an id or anchor that was ever served answers 200 with the section that it always meant, or 308 to that section's address
//!   of today, or 410 where no such section stands in the article; never 404, never another section;
//! - a number answers the section at that place; one that no section holds leads to the section that held it last, or is 410
//!   with it;
//! - a section that an editor only edited, retitled, moved, split or merged keeps its id, and no id ever means another
//!   section of the editor's;
//! - the newest draft that was accepted can be published;
//! - what is refused leaves everything as it was.
//!
//! Some sequences are wild: texts and titles repeat and anchors are claimed for other sections, so that nobody could say
//! which section is which. What is said of addresses holds for them all the same.
//!
//! `LECTERN_TEST_SEQUENCES=200` runs that many sequences rather than the few of an ordinary run, `LECTERN_TEST_SEED=17` begins
//! with the sequence of that seed. A failure prints the seed and the steps.

mod answers;
mod history;
mod model;

use lectern::{
    error::Error,
    publishing::drafts::{Precondition, Saved},
};

use self::history::History;
use crate::harness::{App, article, document};

/// The sequences of an ordinary run; every fourth is wild.
const SEQUENCES: u64 = 5;

/// The steps of a sequence.
const STEPS: usize = 25;

#[tokio::test(flavor = "multi_thread")]
async fn every_address_ever_served_keeps_its_section() {
    let setting = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let first = setting("LECTERN_TEST_SEED").unwrap_or(0);
    let sequences = setting("LECTERN_TEST_SEQUENCES").unwrap_or(SEQUENCES);
    let app = App::empty().await;
    let (mut saves, mut refused) = (0, 0);
    for seed in first..first + sequences {
        let mut history = History::begin(&app, seed).await;
        for _ in 0..STEPS {
            history.step().await;
        }
        saves += history.saves;
        refused += history.refused;
    }
    println!("{sequences} sequences, {saves} saved edits, {refused} refused");
    assert!(refused * 20 <= saves + refused, "{refused} edits were refused, {saves} accepted");
}

async fn save(app: &App, body: &str) -> Saved {
    let document = document(&article("plan", "", body));
    app.write(async |tx| tx.save_draft(document, &Precondition::Any).await).await.unwrap()
}

async fn publish(app: &App, saved: &Saved) -> Result<Option<i64>, Error> {
    app.write(async |tx| tx.publish(saved.id, saved.revision).await).await
}

/// Two drafts that nobody saw give one anchor to two sections. The older one may not take it from the newest, which could never
/// be published then.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_draft_takes_no_anchor_from_the_newest() {
    let app = App::empty().await;
    let plain = "## 原理 {#a}\n\n干细胞能够自我更新。";
    let first = save(&app, plain).await;
    publish(&app, &first).await.unwrap();
    let old = save(&app, &format!("{plain}\n\n## 费用 {{#b}}\n\n费用因机构而异，差别很大。")).await;
    save(&app, plain).await;
    let newest = save(&app, &format!("{plain}\n\n## 随访 {{#b}}\n\n出院之后每三个月复查一次。")).await;
    let refused = publish(&app, &old).await;
    assert!(matches!(&refused, Err(Error::Conflict(why)) if why.contains("`b`")), "{refused:?}");
    publish(&app, &newest).await.unwrap();
    assert_eq!(app.get("/v1/articles/plan/sections/b").await.ok()["title"], "随访");
    let refused = publish(&app, &old).await;
    assert!(matches!(&refused, Err(Error::Conflict(why)) if why.contains("`b`")), "{refused:?}");
    assert_eq!(app.get("/v1/articles/plan/sections/b").await.ok()["title"], "随访");
}

/// Where readers see an older revision than the latest, an edit of what they see keeps the ids that they know.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_what_readers_see_keeps_its_sections() {
    let app = App::empty().await;
    let body = "## 原理 {#a}\n\n干细胞能够自我更新。\n\n## 风险\n\n可能出现感染、发热和免疫反应等风险。";
    let first = save(&app, body).await;
    publish(&app, &first).await.unwrap();
    let before = app.get("/v1/articles/plan/sections/2").await.ok();
    let second = save(&app, "## 原理 {#a}\n\n干细胞能够自我更新。").await;
    publish(&app, &second).await.unwrap();
    publish(&app, &first).await.unwrap();
    let third = save(&app, &body.replace("发热", "过敏")).await;
    publish(&app, &third).await.unwrap();
    let after = app.get("/v1/articles/plan/sections/2").await.ok();
    assert_eq!((&after["id"], &after["anchor"]), (&before["id"], &before["anchor"]));
}

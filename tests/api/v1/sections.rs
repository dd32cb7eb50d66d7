//! `/v1/articles/{slug}/sections` and `…/{ref}`.

use serde_json::Value;

use lectern::publishing::drafts::Precondition;

use crate::harness::{App, article, document};

const SECTIONS: &str = "/v1/articles/plan/sections";

fn titles(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|section| section["title"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tree_the_list_and_the_surroundings() {
    let app = App::empty().await;
    app.publish(&article("plan", "", "引言。\n\n## 一、甲 {#a}\n\n甲文。\n\n### 1. 甲一 {#a1}\n\n甲一文。\n\n#### 深 {#deep}\n\n深文。\n\n### 2. 甲二 {#a2}\n\n## 二、乙 {#b}\n\n乙文。")).await;
    let tree = app.get(SECTIONS).await.ok();
    assert_eq!(titles(&tree), ["甲", "乙"]);
    assert_eq!(tree["data"][0]["children"][0]["children"][0]["number"], "1.1.1");
    let flat = app.get(&format!("{SECTIONS}?flat=true")).await.ok();
    assert_eq!(titles(&flat), ["甲", "甲一", "深", "甲二", "乙"]);
    assert!(flat["data"].as_array().unwrap().iter().all(|section| section["children"] == serde_json::json!([])));
    assert_eq!(titles(&app.get(&format!("{SECTIONS}?flat=true&depth=2")).await.ok()), ["甲", "甲一", "甲二", "乙"]);
    let top = app.get(&format!("{SECTIONS}?depth=1")).await.ok();
    assert_eq!(top["data"][0]["children"], serde_json::json!([]));

    let deep = app.get(&format!("{SECTIONS}/deep?format=text")).await.ok();
    assert_eq!(
        (deep["number"].as_str(), deep["level"].as_u64(), deep["label"].as_str()),
        (Some("1.1.1"), Some(3), None)
    );
    assert_eq!(deep["text"].as_str().unwrap().trim(), "深文。");
    assert_eq!(deep["characters"], 3);
    let trail: Vec<_> =
        deep["breadcrumbs"].as_array().unwrap().iter().map(|crumb| crumb["anchor"].as_str().unwrap()).collect();
    assert_eq!(trail, ["a", "a1"]);
    assert_eq!(deep["parent"]["anchor"], "a1");
    assert_eq!(deep["previous"]["anchor"], "a1");
    assert_eq!(deep["next"]["anchor"], "a2");
    assert_eq!(deep["article"]["slug"], "plan");
    for (reference, at) in [("1", "a"), ("2", "b"), ("1.2", "a2"), (deep["id"].as_str().unwrap(), "deep")] {
        assert_eq!(app.get(&format!("{SECTIONS}/{reference}")).await.ok()["anchor"], at);
    }
    let first = app.get(&format!("{SECTIONS}/1")).await.ok();
    assert_eq!((&first["previous"], &first["parent"]), (&Value::Null, &Value::Null));
    assert_eq!(first["children"][0]["html"], "<p>甲一文。</p>\n");
    for never in ["3", "1.3", "0", "01", "c", "1.", "01980000-0000-7000-8000-000000000000"] {
        assert_eq!(app.get(&format!("{SECTIONS}/{never}")).await.status, 404, "{never}");
    }
    for bad in ["depth=0", "depth=7", "flat=yes", "format=pdf"] {
        assert_eq!(app.get(&format!("{SECTIONS}?{bad}")).await.status, 400, "{bad}");
    }
}

/// Every address that a section ever had answers 200, 308 or 410, and never another's text.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_survive_edits() {
    let app = App::empty().await;
    let body = "## 原理 {#principle}\n\n干细胞能够自我更新，并分化为多种细胞。\n\n## 风险 {#risk}\n\n可能出现感染、免疫反应等风险。\n\n## 结语\n\n请咨询医生。";
    app.publish(&article("plan", "", body)).await;
    let before = app.get(SECTIONS).await.ok();
    let id = |list: &Value, place: usize| list["data"][place]["id"].as_str().unwrap().to_owned();

    // Renamed anchor and title, new order, a new section, and one edited text.
    let body = "## 绪论\n\n本文介绍基本知识。\n\n## 主要风险 {#risks}\n\n可能出现感染、免疫反应和其他风险。\n\n## 原理 {#principle}\n\n干细胞能够自我更新，并分化为多种细胞。\n\n## 结语\n\n请咨询您的医生。";
    app.publish(&article("plan", "", body)).await;
    let after = app.get(SECTIONS).await.ok();
    assert_eq!(id(&after, 1), id(&before, 1), "renamed and edited");
    assert_eq!(id(&after, 2), id(&before, 0), "moved");
    assert_eq!(id(&after, 3), id(&before, 2), "edited");
    assert_eq!(after["data"][3]["anchor"], before["data"][2]["anchor"]);
    let old = app.get(&format!("{SECTIONS}/risk?format=text")).await;
    assert_eq!(old.status, 308);
    assert_eq!(old.header("location"), format!("{SECTIONS}/risks?format=text"));
    assert_eq!(app.get(&format!("{SECTIONS}/{}", id(&before, 1))).await.ok()["anchor"], "risks");
    assert_eq!(app.get(&format!("{SECTIONS}/1")).await.ok()["title"], "绪论", "a number names today's position");

    // One removed; its number leads to whoever held it last, and it is gone.
    app.publish(&article("plan", "", "## 原理 {#principle}\n\n干细胞能够自我更新，并分化为多种细胞。")).await;
    for gone in ["risk", "risks", "2", "4", &id(&before, 1)] {
        let gone_reply = app.get(&format!("{SECTIONS}/{gone}")).await;
        assert_eq!(gone_reply.status, 410, "{gone}");
    }
    let moved = app.get(&format!("{SECTIONS}/3")).await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (308, &*format!("{SECTIONS}/principle")));

    // An anchor never goes to another section: this text names the section that is `principle`, and claims its anchor for
    // another.
    let body = "## 原理 {#principles}\n\n干细胞能够自我更新，并分化为多种细胞。";
    app.publish(&article("plan", "", body)).await;
    let theft = format!("{body}\n\n## 别的 {{#principle}}\n\n另一回事。");
    let theft = document(&article("plan", "", &theft));
    let stolen = app.write(async |tx| tx.save_draft(theft, &Precondition::Any).await).await;
    assert!(matches!(stolen, Err(lectern::error::Error::InvalidContent(_))), "{stolen:?}");

    // One that comes back is the same section.
    app.publish(&article(
        "plan",
        "",
        "## 原理 {#principle}\n\n干细胞能够自我更新，并分化为多种细胞。\n\n## 主要风险 {#risk}\n\n可能出现感染。",
    ))
    .await;
    let back = app.get(SECTIONS).await.ok();
    assert_eq!(id(&back, 1), id(&before, 1));
    assert_eq!(app.get(&format!("{SECTIONS}/risks")).await.header("location"), format!("{SECTIONS}/risk"));
}

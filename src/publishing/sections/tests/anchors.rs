//! Ownership of anchors.

use super::*;

const STEM: &str = "干细胞能够自我更新，并分化为多种细胞。";
const RISK: &str = "可能出现感染、发热和免疫反应。";

#[test]
fn anchor_of_another_section_is_refused() {
    let (known, ids) = first_revision("## 甲 {#a}\n\n甲。\n\n## 乙 {#b}\n\n乙。");
    let mut renamed = document("## 甲 {#new}\n\n甲。\n\n## 乙 {#b}\n\n乙。");
    let now = identify(&mut renamed, &known).unwrap();
    assert_eq!(now, ids);
    let known = next_known(&renamed, &now, &known);
    let mut stolen = document("## 甲 {#new}\n\n甲。\n\n## 丙 {#a}\n\n丙。");
    let errors = identify(&mut stolen, &known).unwrap_err();
    assert!(errors[0].contains("`a`") && errors[0].contains("丙"), "{errors:?}");
}

/// A section that is elsewhere in the text, unchanged, owns its anchors, whatever titles the author gives.
#[test]
fn anchor_of_an_unchanged_section_is_refused_elsewhere() {
    let (known, _) = first_revision(&format!("## 原理 {{#a}}\n\n{STEM}\n\n## 风险 {{#b}}\n\n{RISK}"));
    for (body, count) in [
        (format!("## 原理\n\n{STEM}\n\n## 风险 {{#a}}\n\n{RISK}"), 1),
        (format!("## 原理 {{#new}}\n\n{STEM}\n\n## 别的 {{#a}}\n\n另一回事。\n\n## 风险\n\n{RISK}"), 1),
        (format!("## 原理 {{#b}}\n\n{STEM}\n\n## 风险 {{#a}}\n\n{RISK}"), 2),
        (format!("## 前言 {{#a}}\n\n先说几句。\n\n## 原理 {{#b}}\n\n{STEM}\n\n## 风险 {{#c}}\n\n{RISK}"), 2),
    ] {
        let errors = identify(&mut document(&body), &known).unwrap_err();
        assert_eq!(errors.len(), count, "{body}: {errors:?}");
        assert!(errors.iter().all(|error| error.contains("choose another anchor")), "{errors:?}");
    }
    // If the section is gone or rewritten, the explicit anchor decides.
    for (body, place) in [
        (format!("## 别的 {{#a}}\n\n另一回事。\n\n## 风险\n\n{RISK}"), 0),
        (format!("## 风险 {{#b}}\n\n{RISK}\n\n## 来源 {{#a}}\n\n{STEM}"), 1),
    ] {
        assert_eq!(identify(&mut document(&body), &known).unwrap()[place], known[0].id, "{body}");
    }
}

#[test]
fn former_anchor_of_an_unchanged_section_is_refused_elsewhere() {
    let (known, ids) = first_revision(&format!("## 原理 {{#a}}\n\n{STEM}"));
    let mut renamed = document(&format!("## 原理 {{#new}}\n\n{STEM}"));
    let now = identify(&mut renamed, &known).unwrap();
    assert_eq!(now, ids);
    let known = next_known(&renamed, &now, &known);
    let stolen = identify(&mut document(&format!("## 原理\n\n{STEM}\n\n## 别的 {{#a}}\n\n另一回事。")), &known);
    assert!(stolen.unwrap_err()[0].contains("“原理”"));
    // Its own section may use it again.
    let mut back = document(&format!("## 原理 {{#a}}\n\n{STEM}"));
    assert_eq!(identify(&mut back, &known).unwrap(), ids);
}

#[test]
fn published_sections_match_beside_the_latest() {
    let live = document(&format!("## 原理 {{#a}}\n\n{STEM}\n\n## 风险 {{#b}}\n\n{RISK}"));
    let (_, ids) = first_revision(&format!("## 原理 {{#a}}\n\n{STEM}\n\n## 风险 {{#b}}\n\n{RISK}"));
    // The draft has no section on risks and has rewritten the rest under another anchor.
    let latest = document("## 来源 {#x}\n\n骨髓、脐带血与脂肪都含有。");
    let mut known = latest_sections(&latest, &ids[..1]);
    add_published(&mut known, &live, &ids);
    // An edit of the published revision.
    let mut next = document(&format!("## 什么是原理\n\n{STEM}\n\n## 风险\n\n{}", RISK.replace("发热", "过敏")));
    assert_eq!(identify(&mut next, &known).unwrap(), ids);
    // An edit of the draft, with a new section that has the title of a removed one.
    let mut next = document("## 来源\n\n骨髓、脐带血与脂肪中都有。\n\n## 风险\n\n全新的一段，讲的是保险与赔付。");
    let now = identify(&mut next, &known).unwrap();
    assert_eq!(now[0], ids[0]);
    assert!(!ids.contains(&now[1]));
    // Anchors of both revisions are reserved.
    let stolen =
        identify(&mut document(&format!("## 来源\n\n骨髓、脐带血与脂肪都含有。\n\n## 风险 {{#a}}\n\n{RISK}")), &known);
    assert!(stolen.is_err());
}

#[test]
fn anchor_of_two_sections_is_contested() {
    let (one, other) = (document("## 甲 {#a}\n\n## 乙 {#b}\n"), document("## 乙 {#b}\n\n## 丙 {#a}\n"));
    let ids = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    assert_eq!(find_contested_anchor((&one, &ids[..2]), (&other, &ids[1..])), Some("a".parse().unwrap()));
    assert_eq!(find_contested_anchor((&one, &ids[..2]), (&other, &[ids[1], ids[0]])), None);
}

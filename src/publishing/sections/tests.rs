mod anchors;
mod edits;

use proptest::prelude::*;

use super::*;
use crate::content::markdown;

fn document(body: &str) -> Document {
    markdown::read(&format!("---\nslug: a\ntitle: t\n---\n{body}"), None).unwrap().document
}

/// Returns the known sections and the ids after a first revision.
fn first_revision(body: &str) -> (Vec<KnownSection>, Vec<Uuid>) {
    let mut document = document(body);
    let ids = identify(&mut document, &[]).unwrap();
    (next_known(&document, &ids, &[]), ids)
}

fn next_known(document: &Document, ids: &[Uuid], before: &[KnownSection]) -> Vec<KnownSection> {
    let mut now = latest_sections(document, ids);
    for section in &mut now {
        if let Some(old) = before.iter().find(|old| old.id == section.id) {
            section.aliases.extend(old.aliases.iter().chain([&old.anchor]).cloned());
        }
    }
    for old in before {
        if !ids.contains(&old.id) {
            now.push(KnownSection { latest: None, ..old.clone() });
        }
    }
    now
}

const BODY: &str = "## 原理\n\n干细胞能够自我更新。\n\n### 修复\n\n受损组织的修复。\n\n## 风险\n\n可能出现感染和免疫反应。\n\n### 修复\n\n修复不良。";

/// Returns, for each section of `after`, the index of its match in `before`; `None` for a new section.
fn match_indexes(before: &str, after: &str) -> Vec<Option<usize>> {
    let (known, ids) = first_revision(before);
    let mut next = document(after);
    let now = identify(&mut next, &known).unwrap();
    let old_anchor = |old: usize| Some(known[old].anchor.clone());
    let place = |id: &Uuid| ids.iter().position(|old| old == id);
    let entries = outline::entries(&next.sections);
    for (entry, old) in entries.iter().zip(&now).filter_map(|(entry, id)| Some((entry, place(id)?))) {
        assert_eq!(entry.section.anchor, old_anchor(old), "the anchor is unchanged: {after}");
    }
    now.iter().map(place).collect()
}

#[test]
fn returning_section_gets_its_id_again() {
    let (known, ids) = first_revision(BODY);
    let mut without = document("## 原理\n\n干细胞能够自我更新。\n\n### 修复\n\n受损组织的修复。");
    let now = identify(&mut without, &known).unwrap();
    let known = next_known(&without, &now, &known);
    let mut back = document(BODY);
    assert_eq!(identify(&mut back, &known).unwrap(), ids);
    let mut other =
        document("## 原理\n\n干细胞能够自我更新。\n\n### 修复\n\n受损组织的修复。\n\n## 风险\n\n全新的写法。");
    assert!(!ids.contains(&identify(&mut other, &known).unwrap()[2]), "another text with that title is a new section");
    assert_eq!(other.sections[1].anchor, Some("feng-xian-2".parse().unwrap()));
}

#[test]
fn repeated_title_does_not_identify_a_section() {
    let summary = |text: &str| format!("## 小结\n\n{text}\n\n");
    let (one, two, three) =
        (summary("第一章讲来源。"), summary("第二章谈用途与限度。"), summary("第三部分：怎样核实机构。"));
    let (known, ids) = first_revision(&format!("{one}{two}{three}"));
    for (body, expected) in [
        (format!("{two}{three}"), vec![Some(1), Some(2)]),
        (format!("{three}{two}{one}"), vec![Some(2), Some(1), Some(0)]),
        (format!("{}{one}{two}{three}", summary("新写的开头。")), vec![None, Some(0), Some(1), Some(2)]),
    ] {
        let mut next = document(&body);
        let now = identify(&mut next, &known).unwrap();
        let places: Vec<_> = now.iter().map(|id| ids.iter().position(|old| old == id)).collect();
        assert_eq!(places, expected, "{body}");
    }
    // One of two is removed, and a new one with that title is inserted: it is a new section.
    let (known, ids) = first_revision(&format!("{one}{two}"));
    let mut next = document(&format!("{}{one}", summary("与前面都无关的一段新话，只是标题相同。")));
    let now = identify(&mut next, &known).unwrap();
    assert_eq!(now[1], ids[0]);
    assert!(!ids.contains(&now[0]));
    // Removed under one parent, added under another: a new section.
    let (known, ids) = first_revision("## 甲\n\n甲。\n\n### 风险\n\n感染与排斥反应。\n\n## 乙\n\n乙。");
    let mut next = document("## 甲\n\n甲。\n\n## 乙\n\n乙。\n\n## 丙\n\n丙。\n\n### 风险\n\n费用和时间上的负担。");
    let now = identify(&mut next, &known).unwrap();
    assert!(!now.contains(&ids[1]));
    assert_ne!(next.sections[2].children[0].anchor, Some(known[1].anchor.clone()));
}

#[test]
fn many_retitled_and_reordered_sections_match_by_text() {
    let part =
        |n: usize, title: &str| format!("## {title}{n}\n\n每日一次，每次{n}片，饭后用温水送服，不适请就医。\n\n");
    let (known, ids) = first_revision(&(0..500).map(|n| part(n, "节")).collect::<String>());
    let mut next = document(&(0..500).rev().map(|n| part(n, "第")).collect::<String>());
    let mut now = identify(&mut next, &known).unwrap();
    now.reverse();
    assert_eq!(now, ids);
}

fn body() -> impl Strategy<Value = String> {
    let title = prop::sample::select(vec!["原理", "风险", "结语", "修复", "来源"]);
    let anchor = prop::sample::select(vec!["", "", "", " {#a}", " {#b}", " {#c}"]);
    let text = prop::sample::select(vec!["干细胞能够自我更新。", "可能出现感染。", "请咨询医生。", ""]);
    prop::collection::vec((2..4_usize, title, anchor, text), 0..8).prop_map(|sections| {
        let mut used = HashSet::new();
        let section = |(level, title, anchor, text): (usize, &str, &'static str, &str)| {
            let anchor = if used.insert(anchor) { anchor } else { "" };
            format!("{} {title}{anchor}\n\n{text}\n\n", "#".repeat(level))
        };
        sections.into_iter().map(section).collect()
    })
}

proptest! {
    /// After any sequence of edits, ids and anchors are unique, and no anchor changes its id.
    #[test]
    fn anchor_never_changes_its_section(bodies in prop::collection::vec(body(), 1..6)) {
        let mut before: Vec<KnownSection> = Vec::new();
        let mut owner: HashMap<Anchor, Uuid> = HashMap::new();
        for body in bodies {
            let mut next = document(&body);
            let Ok(ids) = identify(&mut next, &before) else { continue };
            prop_assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
            before = next_known(&next, &ids, &before);
            let mut anchors = HashSet::new();
            for section in latest_sections(&next, &ids) {
                prop_assert!(anchors.insert(section.anchor.clone()), "{} is not unique", section.anchor);
                prop_assert_eq!(*owner.entry(section.anchor).or_insert(section.id), section.id);
            }
            prop_assert_eq!(anchors.len(), ids.len());
        }
    }
}

mod anchors;
mod edits;

use proptest::prelude::*;

use super::*;
use crate::content::markdown;

fn document(body: &str) -> Document {
    markdown::read(&format!("---\nslug: a\ntitle: t\n---\n{body}"), None).unwrap().document
}

/// The sections of a first revision, as the second one knows them.
fn first(body: &str) -> (Vec<Known>, Vec<Uuid>) {
    let mut document = document(body);
    let ids = identify(&mut document, &[]).unwrap();
    (known_of(&document, &ids, &[]), ids)
}

fn known_of(document: &Document, ids: &[Uuid], before: &[Known]) -> Vec<Known> {
    let mut now = present(document, ids);
    for section in &mut now {
        if let Some(old) = before.iter().find(|old| old.id == section.id) {
            section.aliases.extend(old.aliases.iter().chain([&old.anchor]).cloned());
        }
    }
    for old in before {
        if !ids.contains(&old.id) {
            now.push(Known { latest: None, ..old.clone() });
        }
    }
    now
}

const BODY: &str = "## 原理\n\n干细胞能够自我更新。\n\n### 修复\n\n受损组织的修复。\n\n## 风险\n\n可能出现感染和免疫反应。\n\n### 修复\n\n修复不良。";

/// Which of the sections of `before` those of `after` are, by place; `None` for a new one.
fn places(before: &str, after: &str) -> Vec<Option<usize>> {
    let (known, ids) = first(before);
    let mut next = document(after);
    let now = identify(&mut next, &known).unwrap();
    let old_anchor = |old: usize| Some(known[old].anchor.clone());
    let place = |id: &Uuid| ids.iter().position(|old| old == id);
    let entries = outline::entries(&next.sections);
    for (entry, old) in entries.iter().zip(&now).filter_map(|(entry, id)| Some((entry, place(id)?))) {
        assert_eq!(entry.section.anchor, old_anchor(old), "its anchor stays: {after}");
    }
    now.iter().map(place).collect()
}

#[test]
fn a_section_that_comes_back_is_the_same() {
    let (known, ids) = first(BODY);
    let mut without = document("## 原理\n\n干细胞能够自我更新。\n\n### 修复\n\n受损组织的修复。");
    let now = identify(&mut without, &known).unwrap();
    let known = known_of(&without, &now, &known);
    let mut back = document(BODY);
    assert_eq!(identify(&mut back, &known).unwrap(), ids);
    let mut other =
        document("## 原理\n\n干细胞能够自我更新。\n\n### 修复\n\n受损组织的修复。\n\n## 风险\n\n全新的写法。");
    assert!(!ids.contains(&identify(&mut other, &known).unwrap()[2]), "another text of that title is another section");
    assert_eq!(other.sections[1].anchor, Some("feng-xian-2".parse().unwrap()));
}

#[test]
fn a_title_that_repeats_is_no_identity() {
    let summary = |text: &str| format!("## 小结\n\n{text}\n\n");
    let (one, two, three) =
        (summary("第一章讲来源。"), summary("第二章谈用途与限度。"), summary("第三部分：怎样核实机构。"));
    let (known, ids) = first(&format!("{one}{two}{three}"));
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
    // Of two, one is removed, and another of that title is written in front: it is neither.
    let (known, ids) = first(&format!("{one}{two}"));
    let mut next = document(&format!("{}{one}", summary("与前面都无关的一段新话，只是标题相同。")));
    let now = identify(&mut next, &known).unwrap();
    assert_eq!(now[1], ids[0]);
    assert!(!ids.contains(&now[0]));
    // Removed under one part, new under another: two sections.
    let (known, ids) = first("## 甲\n\n甲。\n\n### 风险\n\n感染与排斥反应。\n\n## 乙\n\n乙。");
    let mut next = document("## 甲\n\n甲。\n\n## 乙\n\n乙。\n\n## 丙\n\n丙。\n\n### 风险\n\n费用和时间上的负担。");
    let now = identify(&mut next, &known).unwrap();
    assert!(!now.contains(&ids[1]));
    assert_ne!(next.sections[2].children[0].anchor, Some(known[1].anchor.clone()));
}

/// However many sections there are, an unchanged text stays with its section.
#[test]
fn many_retitled_and_reordered_sections_keep_their_ids() {
    let part =
        |n: usize, title: &str| format!("## {title}{n}\n\n每日一次，每次{n}片，饭后用温水送服，不适请就医。\n\n");
    let (known, ids) = first(&(0..500).map(|n| part(n, "节")).collect::<String>());
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
    /// Over any sequence of edits: ids and anchors are each section's own, and no anchor ever goes to another id.
    #[test]
    fn no_anchor_ever_goes_to_another_section(bodies in prop::collection::vec(body(), 1..6)) {
        let mut before: Vec<Known> = Vec::new();
        let mut owner: HashMap<Anchor, Uuid> = HashMap::new();
        for body in bodies {
            let mut next = document(&body);
            let Ok(ids) = identify(&mut next, &before) else { continue };
            prop_assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
            before = known_of(&next, &ids, &before);
            let mut anchors = HashSet::new();
            for section in present(&next, &ids) {
                prop_assert!(anchors.insert(section.anchor.clone()), "{} stands twice", section.anchor);
                prop_assert_eq!(*owner.entry(section.anchor).or_insert(section.id), section.id);
            }
            prop_assert_eq!(anchors.len(), ids.len());
        }
    }
}

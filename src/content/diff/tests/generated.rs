//! Properties over generated texts and revisions.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::content::{Inline, Section};

/// Text of few distinct words, so that both sides have much in common.
fn text() -> impl Strategy<Value = String> {
    vec(
        prop::sample::select(vec!["细", "胞", "的", "。", "，", "\n", " ", "cell", "3.5", "e\u{301}", "🇨🇳", "*"]),
        0..60,
    )
    .prop_map(|words| words.concat())
}

/// Two texts with a common beginning, middle and end.
fn texts() -> impl Strategy<Value = (String, String)> {
    let around = || vec(text(), 0..3).prop_map(|texts| texts.concat());
    (around(), text(), text(), around(), text(), text(), around())
        .prop_map(|(a, x, y, b, u, v, c)| (format!("{a}{x}{b}{u}{c}"), format!("{a}{y}{b}{v}{c}")))
}

/// Sections with ids of a small set, each at most once, in any order and at any depth.
fn revision() -> impl Strategy<Value = (Document, Vec<Uuid>)> {
    let ids = prop::sample::subsequence((0..9_u128).collect::<Vec<_>>(), 0..=9).prop_shuffle();
    let sections = vec((0..4_usize, prop::sample::select(vec!["甲", "乙乙"]), "[ab。]{0,3}"), 9);
    (ids, sections, "[ab。]{0,3}").prop_map(|(ids, sections, lead)| {
        let (mut document, _) = super::revision("", "");
        document.lead = paragraph(&lead);
        for (depth, title, text) in sections.into_iter().take(ids.len()) {
            let mut list = &mut document.sections;
            for _ in 0..depth {
                // Nested under the last section of this depth.
                let Some(last) = list.len().checked_sub(1) else { break };
                list = &mut list[last].children;
            }
            list.push(Section {
                anchor: None,
                label: None,
                title: title.to_owned(),
                blocks: paragraph(&text),
                children: Vec::new(),
            });
        }
        (document, ids.into_iter().map(Uuid::from_u128).collect())
    })
}

fn paragraph(text: &str) -> Vec<Block> {
    let content = vec![Inline::Text { text: text.to_owned(), marks: Vec::new() }];
    if text.is_empty() { Vec::new() } else { vec![Block::Paragraph { content }] }
}

/// Returns the text of one side.
fn side(segments: &[Segment], of_older: bool) -> String {
    let part = |segment: &Segment| match segment {
        Segment::Same { text } => text.clone(),
        Segment::Removed { text } if of_older => text.clone(),
        Segment::Added { text } if !of_older => text.clone(),
        _ => String::new(),
    };
    segments.iter().map(part).collect()
}

/// Returns the segments of the reversed difference.
fn mirrored(segments: &[Segment]) -> Vec<Segment> {
    let mut out: Vec<Segment> = Vec::new();
    for segment in segments {
        match segment.clone() {
            Segment::Added { text } => {
                // Removed text comes first.
                let place = out.len() - usize::from(matches!(out.last(), Some(Segment::Added { .. })));
                out.insert(place, Segment::Removed { text });
            }
            Segment::Removed { text } => out.push(Segment::Added { text }),
            other => out.push(other),
        }
    }
    out
}

fn mirrored_section(section: &SectionChange) -> SectionChange {
    let status = |status: &SectionStatus| match status {
        SectionStatus::Added => SectionStatus::Removed,
        SectionStatus::Removed => SectionStatus::Added,
        other => *other,
    };
    SectionChange {
        id: section.id,
        statuses: section.statuses.iter().map(status).collect(),
        before: section.after.clone(),
        after: section.before.clone(),
        title_words: section.title_words.as_deref().map(mirrored),
        words: section.words.as_deref().map(mirrored),
    }
}

fn by_id(diff: &Diff) -> BTreeMap<Uuid, SectionChange> {
    diff.sections.iter().map(|section| (section.id, section.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn segments_reproduce_both_texts((from, to) in texts(), words in 0..400_usize, lines in 0..60_usize) {
        let found = words::segments(&from, &to, &mut Budget { words, lines });
        prop_assert_eq!(side(&found, true), from.as_str());
        prop_assert_eq!(side(&found, false), to.as_str());
        for pair in found.windows(2) {
            prop_assert_ne!(std::mem::discriminant(&pair[0]), std::mem::discriminant(&pair[1]));
            let reversed = matches!(pair, [Segment::Added { .. }, Segment::Removed { .. }]);
            prop_assert!(!reversed);
        }
    }

    #[test]
    fn omitted_characters_are_counted((from, to) in texts()) {
        let whole = words::segments(&from, &to, &mut Budget::default());
        let short = words::diff_words(&from, &to, &mut Budget::default());
        prop_assert_eq!(short.is_none(), from == to);
        let short = short.unwrap_or(whole.clone());
        let omitted: u32 = short.iter().map(|segment| match segment {
            Segment::Omitted { characters } => *characters,
            _ => 0,
        }).sum();
        let shown = side(&short, true).chars().count();
        prop_assert_eq!(shown + omitted as usize, from.chars().count());
        let is_change = |segment: &&Segment| matches!(segment, Segment::Added { .. } | Segment::Removed { .. });
        let changes = |list: &[Segment]| list.iter().filter(is_change).cloned().collect::<Vec<_>>();
        prop_assert_eq!(changes(&short), changes(&whole));
    }

    #[test]
    fn reversed_word_difference_is_mirrored((from, to) in texts()) {
        let forward = words::segments(&from, &to, &mut Budget::default());
        let back = words::segments(&to, &from, &mut Budget::default());
        prop_assert_eq!(mirrored(&forward), back);
    }

    #[test]
    fn number_of_moved_siblings_is_minimal_for_any_order(order in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let list = |order: &[usize]| order.iter().map(|id| format!("## 节 id=s{id}\n")).collect::<Vec<_>>().concat();
        let diff = bodies(&list(&[0, 1, 2, 3, 4, 5, 6, 7]), &list(&order));
        // The size of the largest set of sections in their old order.
        let rises = |chosen: &u32| order.iter().filter(|at| (chosen >> *at) & 1 == 1).is_sorted();
        let most = (0..256_u32).filter(rises).map(u32::count_ones).max().unwrap();
        prop_assert_eq!(diff.counts.moved, 8 - most);
        prop_assert_eq!(diff.counts.changed, 0);
        let stayed = order.iter().filter(|at| diff.sections.iter().all(|section| section.id != id_of(&format!("s{at}"))));
        prop_assert!(stayed.is_sorted());
    }

    #[test]
    fn equal_revisions_have_no_difference(revision in revision()) {
        let diff = between(&revision, &revision);
        prop_assert!(diff.fields.is_empty() && diff.sections.is_empty());
        prop_assert_eq!(diff.counts.unchanged as usize, revision.1.len());
    }

    #[test]
    fn every_section_is_listed_or_counted_once(from in revision(), to in revision()) {
        let diff = between(&from, &to);
        let union: BTreeSet<Uuid> = from.1.iter().chain(&to.1).copied().collect();
        let listed = by_id(&diff);
        prop_assert_eq!(listed.len(), diff.sections.len());
        prop_assert!(listed.keys().all(|id| union.contains(id)));
        prop_assert_eq!(listed.len() + diff.counts.unchanged as usize, union.len());
        let count = |status| diff.sections.iter().filter(|section| section.statuses.contains(&status)).count();
        prop_assert_eq!(count(SectionStatus::Added), diff.counts.added as usize);
        prop_assert_eq!(count(SectionStatus::Removed), diff.counts.removed as usize);
        prop_assert_eq!(count(SectionStatus::Moved), diff.counts.moved as usize);
        prop_assert_eq!(count(SectionStatus::Changed), diff.counts.changed as usize);
        for section in &diff.sections {
            prop_assert!(!section.statuses.is_empty());
            prop_assert_eq!(section.before.is_some(), from.1.contains(&section.id));
            prop_assert_eq!(section.after.is_some(), to.1.contains(&section.id));
        }
        // Sections of the newer revision are in its reading order.
        let listed_ids: Vec<Uuid> = diff.sections.iter().filter(|s| s.after.is_some()).map(|s| s.id).collect();
        let read: Vec<Uuid> = to.1.iter().filter(|id| listed_ids.contains(id)).copied().collect();
        prop_assert_eq!(listed_ids, read);
    }

    #[test]
    fn reversed_difference_is_mirrored(from in revision(), to in revision()) {
        let (forward, back) = (between(&from, &to), between(&to, &from));
        let mirror: BTreeMap<_, _> = by_id(&forward).iter().map(|(id, section)| (*id, mirrored_section(section))).collect();
        prop_assert_eq!(mirror, by_id(&back));
        prop_assert_eq!(forward.counts.unchanged, back.counts.unchanged);
        prop_assert_eq!(forward.fields.len(), back.fields.len());
    }
}

//! One test for each kind of edit.

use super::*;

const STEM: &str = "干细胞能够自我更新，并分化为多种细胞。";
const REPAIR: &str = "受损组织的修复需要数周，过程因人而异。";
const RISK: &str = "可能出现感染、发热和免疫反应。";
const COST: &str = "费用差别很大，应当事先问清。";

fn part(level: usize, title: &str, text: &str) -> String {
    format!("{} {title}\n\n{text}\n\n", "#".repeat(level + 1))
}

/// Returns three sections, the first with a child.
fn body() -> String {
    [part(1, "原理", STEM), part(2, "修复", REPAIR), part(1, "风险", RISK), part(1, "费用", COST)].concat()
}

#[test]
fn retitled_section_matches_by_text() {
    let after = body().replace("## 原理", "## 基本原理是什么").replace("## 费用", "## 要花多少钱");
    assert_eq!(match_indexes(&body(), &after), [Some(0), Some(1), Some(2), Some(3)]);
    // Exchanging two titles does not exchange the sections.
    let exchanged = [part(1, "风险", STEM), part(1, "原理", RISK)].concat();
    assert_eq!(match_indexes(&[part(1, "原理", STEM), part(1, "风险", RISK)].concat(), &exchanged), [Some(0), Some(1)]);
}

#[test]
fn edited_section_matches_by_title_and_position() {
    let after = body().replace(STEM, "这一节完全重写，与旧文没有一句相同。");
    assert_eq!(match_indexes(&body(), &after), [Some(0), Some(1), Some(2), Some(3)]);
    // The position is given by the predecessor, despite insertions and removals before it.
    let before = [part(1, "原理", STEM), part(1, "风险", RISK), part(1, "费用", COST)].concat();
    let rewritten = part(1, "费用", "此处另起炉灶，写的全是别的话。");
    let inserted =
        [part(1, "前言", "先说几句。"), part(1, "原理", STEM), part(1, "风险", RISK), rewritten.clone()].concat();
    assert_eq!(match_indexes(&before, &inserted), [None, Some(0), Some(1), Some(2)]);
    assert_eq!(match_indexes(&before, &[part(1, "风险", RISK), rewritten.clone()].concat()), [Some(1), Some(2)]);
    // Rewritten in another position it is a new section.
    assert_eq!(match_indexes(&before, &[rewritten, part(1, "风险", RISK)].concat()), [None, Some(1)]);
}

#[test]
fn moved_section_matches_anywhere() {
    let (stem, repair, risk) = (part(1, "原理", STEM), part(2, "修复", REPAIR), part(1, "风险", RISK));
    // Among its siblings, to another parent, to the top level.
    let orders = [
        (format!("{risk}{stem}{repair}"), vec![Some(2), Some(0), Some(1)]),
        (format!("{stem}{risk}{repair}"), vec![Some(0), Some(2), Some(1)]),
        (format!("{stem}{}{risk}", part(1, "修复", REPAIR)), vec![Some(0), Some(1), Some(2)]),
    ];
    for (after, expected) in orders {
        assert_eq!(match_indexes(&format!("{stem}{repair}{risk}"), &after), expected, "{after}");
    }
    // Moved and edited.
    let edited = part(2, "修复", "受损组织的修复需要数周，过程因人而异，高龄者更慢。");
    assert_eq!(
        match_indexes(&format!("{stem}{repair}{risk}"), &format!("{stem}{risk}{edited}")),
        [Some(0), Some(2), Some(1)]
    );
    // A new text with the old title and position does not take the id of the moved section.
    let after = format!("{stem}{}{risk}{repair}", part(2, "修复", "另写的一段，说的是别的修复。"));
    assert_eq!(match_indexes(&format!("{stem}{repair}{risk}"), &after), [Some(0), None, Some(2), Some(1)]);
}

#[test]
fn renumbered_section_matches() {
    let before = "## 一、原理\n\n自我更新。\n\n### 1. 修复\n\n修复。\n\n## 二、风险\n\n感染。\n\n### 1. 修复\n\n不良。";
    let after = "## 一、前言\n\n前言。\n\n## 二、原理\n\n自我更新。\n\n### （1）修复\n\n修复。\n\n## 三、风险\n\n感染。\n\n### （1）修复\n\n不良。";
    assert_eq!(match_indexes(before, after), [None, Some(0), Some(1), Some(2), Some(3)]);
}

#[test]
fn one_half_of_a_split_section_matches() {
    let whole = part(1, "原理", &format!("{STEM}{REPAIR}{RISK}"));
    // The half with the title.
    let titled = format!("{}{}", part(1, "原理", STEM), part(1, "修复", &format!("{REPAIR}{RISK}")));
    assert_eq!(match_indexes(&whole, &titled), [Some(0), None]);
    // It stays above its parts.
    let below =
        format!("{}{}{}", part(1, "原理", ""), part(2, "更新", STEM), part(2, "修复", &format!("{REPAIR}{RISK}")));
    assert_eq!(match_indexes(&whole, &below), [Some(0), None, None]);
    // With two new titles, the half with more of the text.
    let retitled = format!("{}{}", part(1, "更新", STEM), part(1, "修复", &format!("{REPAIR}{RISK}")));
    assert_eq!(match_indexes(&whole, &retitled), [None, Some(0)]);
}

#[test]
fn one_of_two_merged_sections_matches() {
    let before = format!("{}{}{}", part(1, "原理", STEM), part(1, "修复", REPAIR), part(1, "风险", RISK));
    // The section with the title.
    let first = format!("{}{}", part(1, "原理", &format!("{STEM}{REPAIR}")), part(1, "风险", RISK));
    assert_eq!(match_indexes(&before, &first), [Some(0), Some(2)]);
    let second = format!("{}{}", part(1, "修复", &format!("{STEM}{REPAIR}")), part(1, "风险", RISK));
    assert_eq!(match_indexes(&before, &second), [Some(1), Some(2)]);
    // With a new title, the section with more of the text.
    let longer = format!("{REPAIR}瘢痕也是修复的一种，只是不完全。");
    let before = format!("{}{}", part(1, "原理", STEM), part(1, "修复", &longer));
    assert_eq!(match_indexes(&before, &part(1, "更新与修复", &format!("{STEM}{longer}"))), [Some(1)]);
}

#[test]
fn short_text_matches_by_title_and_position_first() {
    let before = [part(1, "甲", STEM), part(2, "概述", ""), part(1, "乙", RISK)].concat();
    let after = [part(1, "甲", STEM), part(2, "概述", COST), part(1, "乙", RISK), part(2, "概述", "")].concat();
    assert_eq!(match_indexes(&before, &after), [Some(0), Some(1), Some(2), None]);
}

#[test]
fn repeated_section_matches_under_its_parent() {
    let end = part(2, "小结", "如有不适，请及时就医。");
    let before = [part(1, "原理", STEM), end.clone(), part(1, "风险", RISK), end.clone()].concat();
    let after = [part(1, "风险", "可能出现感染、发热和过敏等。"), end.clone()].concat();
    assert_eq!(match_indexes(&before, &after), [Some(2), Some(3)]);
    let retitled = [part(1, "有哪些风险", "可能出现感染、发热和免疫反应等。"), end].concat();
    assert_eq!(match_indexes(&before, &retitled), [Some(2), Some(3)]);
}

#[test]
fn many_long_sections_match_with_neighbours() {
    let text = |n: usize| -> String {
        (0..800)
            .filter_map(|i| char::from_u32(0x5000 + u32::try_from((n * 7919 + i * i * 31) % 9000).unwrap()))
            .collect()
    };
    let before: String = (0..200).map(|n| part(1, &format!("标题{n}"), &text(n))).collect();
    let after: String = (0..200).map(|n| part(1, &format!("又名{n}"), &format!("{}加一句。", text(n)))).collect();
    assert_eq!(match_indexes(&before, &after), (0..200).map(Some).collect::<Vec<_>>());
}

use super::*;
use crate::content::{Document, outline};

mod generated;
mod limits;

/// Returns a document and the ids of its sections. Each id is derived from `id=` in the heading, and is also the anchor unless
/// another anchor follows.
fn revision(front_matter: &str, body: &str) -> (Document, Vec<Uuid>) {
    let mut ids = Vec::new();
    let mut lines = Vec::new();
    for line in body.lines() {
        match line.split_once("id=") {
            Some((heading, id)) => {
                let (id, anchor) = id.split_once(' ').unwrap_or((id, id));
                ids.push(id_of(id));
                lines.push(format!("{heading}{{#{anchor}}}"));
            }
            None => lines.push(line.to_owned()),
        }
    }
    let title = if front_matter.contains("title:") { "" } else { "title: 标题\n" };
    let file = format!("---\nslug: a\n{title}{front_matter}\n---\n{}\n", lines.join("\n"));
    let document = markdown::read(&file, None).unwrap().document;
    assert_eq!(outline::entries(&document.sections).len(), ids.len());
    (document, ids)
}

fn id_of(name: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
    Uuid::from_bytes(bytes)
}

fn between(from: &(Document, Vec<Uuid>), to: &(Document, Vec<Uuid>)) -> Diff {
    diff((&from.0, &from.1), (&to.0, &to.1))
}

fn bodies(from: &str, to: &str) -> Diff {
    between(&revision("", from), &revision("", to))
}

/// Returns a line for each changed section: `moved changed b 1 > 2.1: title: words`.
fn summary(diff: &Diff) -> Vec<String> {
    let number = |place: Option<&SectionLocation>| place.map_or("-".to_owned(), |place| place.number.clone());
    let line = |section: &SectionChange| {
        let statuses = serde_json::to_value(&section.statuses).unwrap();
        let statuses: Vec<_> = statuses.as_array().unwrap().iter().filter_map(|status| status.as_str()).collect();
        let id: String = section.id.as_bytes().iter().take_while(|byte| **byte > 0).map(|b| char::from(*b)).collect();
        let mut line = format!(
            "{} {id} {} > {}",
            statuses.join(" "),
            number(section.before.as_ref()),
            number(section.after.as_ref())
        );
        for words in section.title_words.iter().chain(&section.words) {
            line.push_str(": ");
            line.push_str(&marked(words));
        }
        line.trim_end().to_owned()
    };
    diff.sections.iter().map(line).collect()
}

/// Writes segments as `same[-removed-]{+added+}`, with `<n>` for omitted text and `⏎` for a line break.
fn marked(words: &[Segment]) -> String {
    let piece = |segment: &Segment| match segment {
        Segment::Same { text } => text.clone(),
        Segment::Added { text } => format!("{{+{text}+}}"),
        Segment::Removed { text } => format!("[-{text}-]"),
        Segment::Omitted { characters } => format!("<{characters}>"),
    };
    words.iter().map(piece).collect::<String>().replace('\n', "⏎")
}

fn words(from: &str, to: &str) -> String {
    marked(&words::diff_words(from, to, &mut Budget::default()).unwrap_or_default())
}

#[test]
fn edited_section_has_its_word_difference() {
    let diff = bodies(
        "## 概念 id=a\n\n干细胞能够自我复制。\n\n## 来源 id=b\n",
        "## 概念 id=a\n\n干细胞能够自我更新。\n\n## 来源 id=b\n",
    );
    assert_eq!(summary(&diff), ["changed a 1 > 1: 干细胞能够自我[-复制-]{+更新+}。⏎"]);
    assert_eq!(diff.counts, SectionCounts { changed: 1, unchanged: 1, ..SectionCounts::default() });
    assert!(diff.fields.is_empty());
}

#[test]
fn retitled_section_has_the_word_difference_of_its_title() {
    let diff = bodies("## 一、细胞的来源 id=a\n\n文。\n", "## 二、细胞的主要来源 id=a\n\n文。\n");
    assert_eq!(summary(&diff), ["changed a 1 > 1: 细胞的{+主要+}来源"]);
    let section = &diff.sections[0];
    assert_eq!(section.words, None);
    let label = |place: &Option<SectionLocation>| place.as_ref().and_then(|place| place.label.clone()).unwrap();
    assert_eq!((label(&section.before), label(&section.after)), ("一、".to_owned(), "二、".to_owned()));
}

#[test]
fn other_anchor_or_label_is_a_change() {
    let diff = bodies("## 一、概念 id=a old\n", "## 一、概念 id=a new\n");
    assert_eq!(summary(&diff), ["changed a 1 > 1"]);
    let section = &diff.sections[0];
    let anchor =
        |place: &Option<SectionLocation>| place.as_ref().and_then(|place| place.anchor.clone()).unwrap().to_string();
    assert_eq!((anchor(&section.before), anchor(&section.after)), ("old".to_owned(), "new".to_owned()));
    assert_eq!((&section.title_words, &section.words), (&None, &None));
    assert_eq!(summary(&bodies("## 一、概念 id=a\n", "## 二、概念 id=a\n")), ["changed a 1 > 1"]);
}

#[test]
fn number_of_moved_siblings_is_minimal() {
    let list = |order: &str| order.chars().map(|id| format!("## 节 id={id}\n")).collect::<Vec<_>>().concat();
    let moved = |from: &str, to: &str| summary(&bodies(&list(from), &list(to)));
    assert_eq!(moved("abcde", "bcdea"), ["moved a 1 > 5"]);
    assert_eq!(moved("abcde", "eabcd"), ["moved e 5 > 1"]);
    assert_eq!(moved("abcde", "adbce"), ["moved d 4 > 2"]);
    assert_eq!(moved("abcdef", "fbcdea").len(), 2);
    assert_eq!(moved("abcde", "edcba").len(), 4);
    // Another number alone is not a move.
    assert_eq!(moved("abc", "axbc"), ["added x - > 2"]);
    assert_eq!(moved("abc", "bc"), ["removed a 1 > -"]);
    assert_eq!(moved("abcd", "dxbc"), ["removed a 1 > -", "moved d 4 > 1", "added x - > 2"]);
}

#[test]
fn section_with_another_parent_moved_but_its_children_did_not() {
    let from = "## 甲 id=a\n### 子 id=b\n#### 孙 id=c\n## 乙 id=d\n";
    let diff = bodies(from, "## 甲 id=a\n## 乙 id=d\n### 子 id=b\n\n新。\n#### 孙 id=c\n");
    assert_eq!(summary(&diff), ["moved changed b 1.1 > 2.1: {+新。⏎+}"]);
    let parent = |place: &Option<SectionLocation>| place.as_ref().and_then(|place| place.parent);
    assert_eq!(parent(&diff.sections[0].before), Some(id_of("a")));
    assert_eq!(parent(&diff.sections[0].after), Some(id_of("d")));
    assert_eq!(diff.counts, SectionCounts { moved: 1, changed: 1, unchanged: 3, ..SectionCounts::default() });
    let up = bodies(from, "## 甲 id=a\n## 子 id=b\n### 孙 id=c\n## 乙 id=d\n");
    assert_eq!(summary(&up), ["moved b 1.1 > 2"]);
}

#[test]
fn split_section_is_changed_and_its_other_half_added() {
    let diff = bodies("## 甲 id=a\n\n一。\n\n二。\n", "## 甲 id=a\n\n一。\n\n## 乙 id=b\n\n二。\n");
    assert_eq!(summary(&diff), ["changed a 1 > 1: 一。⏎[-⏎二。⏎-]", "added b - > 2: {+二。⏎+}"]);
}

#[test]
fn merged_section_is_changed_and_the_other_removed() {
    let diff = bodies("## 甲 id=a\n\n一。\n\n## 乙 id=b\n\n二。\n", "## 甲 id=a\n\n一。\n\n二。\n");
    assert_eq!(summary(&diff), ["changed a 1 > 1: 一。⏎{+⏎二。⏎+}", "removed b 2 > -: [-二。⏎-]"]);
}

#[test]
fn removed_sections_are_listed_at_their_former_position() {
    let diff = bodies(
        "## 甲 id=a\n### 一 id=b\n### 二 id=c\n## 乙 id=d\n### 三 id=e\n#### 四 id=f\n## 丙 id=g\n",
        "## 零 id=z\n## 甲 id=a\n### 二 id=c\n### 新 id=y\n## 丙 id=g\n",
    );
    assert_eq!(
        summary(&diff),
        [
            "added z - > 1",
            "removed b 1.1 > -",
            "added y - > 2.2",
            "removed d 2 > -",
            "removed e 2.1 > -",
            "removed f 2.1.1 > -"
        ]
    );
    // Surviving children of a removed section moved; sections removed below a moved one are listed after it.
    let diff = bodies(
        "## 甲 id=a\n### 一 id=b\n## 乙 id=c\n### 二 id=d\n### 三 id=e\n## 丙 id=f\n",
        "## 乙 id=c\n### 三 id=e\n## 丙 id=f\n### 一 id=b\n",
    );
    assert_eq!(summary(&diff), ["removed a 1 > -", "removed d 2.1 > -", "moved b 1.1 > 2.1"]);
}

#[test]
fn changes_of_markup_are_listed() {
    let changed = |from: &str, to: &str| {
        let diff = bodies(&format!("## 甲 id=a\n\n{from}\n"), &format!("## 甲 id=a\n\n{to}\n"));
        summary(&diff).remove(0).split_off("changed a 1 > 1: ".len())
    };
    assert_eq!(changed("很重要。", "很**重要**。"), "很{+**+}重要{+**+}。⏎");
    assert_eq!(changed("[看](b.md#x)", "[看](c.md#x)"), "[看]([-b.md-]{+c.md+}#x)⏎");
    assert_eq!(changed("![图](/a.png)", "![图](/b.png)"), "![图](/[-a.png-]{+b.png+})⏎");
    assert_eq!(changed("- 一\n- 二", "1. 一\n2. 二"), "[---]{+1.+} 一⏎[---]{+2.+} 二⏎");
}

#[test]
fn changed_fields_are_listed() {
    let from = revision("summary: 旧的概要\ntopics: [a]\nquestions: [什么是干细胞？]", "引言甲。\n");
    let to = revision(
        "title: 新标题\nlocale: zh-Hant\nquestions: [什么是干细胞？, 安全吗？]\nsource: {name: 站}\nrelated: [{article: b}]",
        "引言乙。\n",
    );
    let json = serde_json::to_value(between(&from, &to)).unwrap();
    assert_eq!(
        json["fields"],
        serde_json::json!([
            {"field": "locale", "before": "zh-Hans", "after": "zh-Hant"},
            {"field": "title", "before": "标题", "after": "新标题",
             "words": [{"change": "added", "text": "新"}, {"change": "same", "text": "标题"}]},
            {"field": "questions", "before": ["什么是干细胞？"], "after": ["什么是干细胞？", "安全吗？"],
             "words": [{"change": "same", "text": "什么是干细胞？"}, {"change": "added", "text": "\n安全吗？"}]},
            {"field": "summary", "before": "旧的概要", "after": null,
             "words": [{"change": "removed", "text": "旧的概要"}]},
            {"field": "topics", "before": ["a"], "after": []},
            {"field": "source", "before": null, "after": {"name": "站", "url": null, "captured_at": null}},
            {"field": "related", "before": [], "after": [{"article": "b", "reason": null}]},
            {"field": "lead", "words": [
                {"change": "same", "text": "引言"}, {"change": "removed", "text": "甲"}, {"change": "added", "text": "乙"},
                {"change": "same", "text": "。\n"}]},
        ])
    );
    assert_eq!(json["sections"], serde_json::json!([]));
}

#[test]
fn unchanged_text_far_from_a_change_is_omitted() {
    let sentence = "间充质干细胞来源广泛，可从骨髓、脂肪和脐带中分离，并能在体外大量扩增。";
    let from = format!("{}它的免疫原性较低，因此适合异体使用。{}", sentence.repeat(20), sentence.repeat(20));
    let to = from.replace("较低", "很弱");
    assert_eq!(
        words(&from, &to),
        "<675>，可从骨髓、脂肪和脐带中分离，并能在体外大量扩增。它的免疫原性[-较低-]{+很弱+}，因此适合异体使用。间充质干细胞来源广泛，可从骨髓、脂肪和脐带<679>"
    );
}

#[test]
fn words_are_not_divided_and_chance_matches_are_merged() {
    assert_eq!(words("stem cells renew", "stem cell renews"), "stem [-cells renew-]{+cell renews+}");
    assert_eq!(words("用量 3.5 mg", "用量 4.5 mg"), "用量 [-3.5-]{+4.5+} mg");
    assert_eq!(words("cafe\u{301}。", "cafe。"), "[-cafe\u{301}-]{+cafe+}。");
    assert_eq!(words("病人的情况不好", "患者的状态不好"), "[-病人的情况-]{+患者的状态+}不好");
    // Lines are never merged.
    assert_eq!(words("甲乙\n\n丙丁\n", "子丑\n\n寅卯\n"), "[-甲乙-]{+子丑+}⏎⏎[-丙丁-]{+寅卯+}⏎");
}

#[test]
fn additions_are_aligned_with_sentences_and_lines() {
    assert_eq!(
        words("细胞甲。\n\n细胞丙。\n", "细胞甲。\n\n细胞乙。\n\n细胞丙。\n"),
        "细胞甲。⏎⏎{+细胞乙。⏎⏎+}细胞丙。⏎"
    );
    assert_eq!(words("他吃药。他睡觉。", "他吃药。他喝水。他睡觉。"), "他吃药。{+他喝水。+}他睡觉。");
    assert_eq!(words("他吃药。他喝水。他睡觉。", "他吃药。他睡觉。"), "他吃药。[-他喝水。-]他睡觉。");
    assert_eq!(words("a b", "a new b"), "a {+new +}b");
}

#[test]
fn sections_without_an_id_or_with_a_duplicate_are_left_out() {
    let (document, ids) = revision("", "## 甲 id=a\n### 一 id=b\n#### 二 id=c\n## 乙 id=d\n");
    let short = diff((&document, &ids[..2]), (&document, &ids));
    assert_eq!(summary(&short), ["added c - > 1.1.1", "added d - > 2"]);
    let twice = [ids[0], ids[1], ids[0], ids[1]];
    let twice = diff((&document, &twice), (&document, &twice));
    assert_eq!((twice.sections.len(), twice.counts.unchanged), (0, 2));
}

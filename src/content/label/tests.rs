use proptest::prelude::*;

use super::{LabelKind, blank, kind, ordinal, split};

#[test]
fn label_is_split_off_as_printed() {
    for (heading, label, title, wanted, position) in [
        ("一、概念", "一、", "概念", LabelKind::Han, 1),
        ("十二、展望", "十二、", "展望", LabelKind::Han, 12),
        ("二十一．附录", "二十一．", "附录", LabelKind::Han, 21),
        ("二、三大机制", "二、", "三大机制", LabelKind::Han, 2),
        ("一、1型糖尿病", "一、", "1型糖尿病", LabelKind::Han, 1),
        ("（一）来源", "（一）", "来源", LabelKind::HanBracketed, 1),
        ("(十一) 来源", "(十一)", "来源", LabelKind::HanBracketed, 11),
        ("（二）、来源", "（二）、", "来源", LabelKind::HanBracketed, 2),
        ("1. 修复", "1.", "修复", LabelKind::ArabicDot, 1),
        ("1.T细胞", "1.", "T细胞", LabelKind::ArabicDot, 1),
        ("01. 修复", "01.", "修复", LabelKind::ArabicDot, 1),
        ("１２．修复", "１２．", "修复", LabelKind::ArabicDot, 12),
        ("⒊修复", "⒊", "修复", LabelKind::ArabicDot, 3),
        ("1、修复", "1、", "修复", LabelKind::ArabicComma, 1),
        ("1、3-6个月的随访", "1、", "3-6个月的随访", LabelKind::ArabicComma, 1),
        ("（1）年龄", "（1）", "年龄", LabelKind::ArabicBracketed, 1),
        ("(３) T细胞", "(３)", "T细胞", LabelKind::ArabicBracketed, 3),
        ("⑵年龄", "⑵", "年龄", LabelKind::ArabicBracketed, 2),
        ("1) 年龄", "1)", "年龄", LabelKind::ArabicHalfBracketed, 1),
        ("2）年龄", "2）", "年龄", LabelKind::ArabicHalfBracketed, 2),
        ("第一章", "第一章", "", LabelKind::Chapter, 1),
        ("第十章绪论", "第十章", "绪论", LabelKind::Chapter, 10),
        ("第二章：方法", "第二章：", "方法", LabelKind::Chapter, 2),
        ("第1节 概述", "第1节", "概述", LabelKind::ChapterSection, 1),
        ("第三部分 临床应用", "第三部分", "临床应用", LabelKind::Part, 3),
        ("2.1 概念", "2.1", "概念", LabelKind::Dotted(2), 1),
        ("2.1概念", "2.1", "概念", LabelKind::Dotted(2), 1),
        ("2.3. 个体化", "2.3.", "个体化", LabelKind::Dotted(2), 3),
        ("2.1 个体化", "2.1", "个体化", LabelKind::Dotted(2), 1),
        ("2.1 T细胞", "2.1", "T细胞", LabelKind::Dotted(2), 1),
        ("3.2.12 方法", "3.2.12", "方法", LabelKind::Dotted(3), 12),
        ("２．１概念", "２．１", "概念", LabelKind::Dotted(2), 1),
        ("①准备", "①", "准备", LabelKind::Circled, 1),
        ("㉑ 准备", "㉑", "准备", LabelKind::Circled, 21),
        ("I. 背景", "I.", "背景", LabelKind::Roman, 1),
        ("IV、背景", "IV、", "背景", LabelKind::Roman, 4),
        ("Ⅱ、背景", "Ⅱ、", "背景", LabelKind::Roman, 2),
        ("\u{3000}一、\u{a0}概念\u{200b}", "一、", "概念", LabelKind::Han, 1),
        ("1.", "1.", "", LabelKind::ArabicDot, 1),
    ] {
        assert_eq!(split(heading), (Some(label.to_owned()), title), "{heading}");
        assert_eq!((kind(label), ordinal(label)), (wanted, Some(position)), "{heading}");
    }
}

#[test]
fn number_in_prose_is_not_a_label() {
    for heading in [
        "1型糖尿病",
        "3.0 T 磁共振",
        "1.5 T 磁共振",
        "1.5T磁共振",
        "2024年的进展",
        "2024. 年鉴",
        "10%的患者",
        "1.5倍的差别",
        "1.5 倍的差别",
        "2.5 mg 的剂量",
        "1.5个月",
        "3.14",
        "一些误解",
        "一种方法",
        "第一次输注",
        "第一节课",
        "第一章的内容",
        "第三部分患者",
        "第一型",
        "5-羟色胺",
        "1,3-丁二烯",
        "1.3-丁二烯",
        "2、4-二氯苯",
        "二、三级医院",
        "1、2型糖尿病",
        "1、2、3期",
        "三、四线治疗",
        "Ⅱ期临床试验",
        "Ⅰ、Ⅱ期试验",
        "I 型干扰素",
        "V. cholerae 感染",
        "X.509",
        "IC50 的测定",
        "①和②的区别",
        "①、②两组",
        "1...",
        "0. 引子",
        "3:1 的比例",
        "十全十美",
        "（2024）",
        "()",
        "（一",
        "第章",
        "第",
        "（",
        "",
    ] {
        assert_eq!(split(heading), (None, heading), "{heading}");
    }
}

#[test]
fn other_text_has_no_kind() {
    for label in ["", "一", "一、概念", "A.", "1. ", "第一次"] {
        assert_eq!((kind(label), ordinal(label)), (LabelKind::Other, None), "{label}");
    }
}

/// Text of characters that occur in labels.
fn heading() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            "一", "二", "三", "十", "1", "2", "0", "３", ".", "．", "、", "（", "）", "(", ")", "第", "章", "节",
            "部分", "①", "②", "Ⅱ", "I", "V", "X", " ", "\u{3000}", "\u{a0}", "-", "：", "级", "型", "倍", "T", "细胞",
            "概", "的", "%", "a",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(|c| c.to_string()),
    ];
    proptest::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn joined_pair_splits_the_same_again(heading in heading()) {
        let (label, title) = split(&heading);
        if let Some(label) = label {
            prop_assert!(heading.trim_matches(blank).starts_with(&label));
            prop_assert!(heading.trim_matches(blank).ends_with(title));
            prop_assert_eq!(label.trim_matches(blank), &label);
            let space = if label.ends_with(|c: char| c.is_ascii()) { " " } else { "" };
            let again = format!("{label}{space}{title}");
            prop_assert_eq!(split(&again), (Some(label.clone()), title));
            prop_assert_ne!(kind(&label), LabelKind::Other);
            prop_assert!(ordinal(&label).is_some_and(|position| position > 0));
        } else {
            prop_assert_eq!(title, heading.trim_matches(blank));
        }
    }
}

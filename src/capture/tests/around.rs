//! Boilerplate around an article: head, foot, link lists.

use super::{Role, account, assert_accounted, page, section};

#[test]
fn boilerplate_around_the_article_is_not_used() {
    let text = include_str!("../../../tests/fixtures/pages/boilerplate.txt");
    let page = page(text);
    assert_accounted(&page, text);
    assert_eq!(
        account(&page),
        "1 ! site navigation\n2 site\n3 call\n4 title\n5 ! a date of publication\n6 ! a note on origin or readers\n7 lead\n8 # 1 [一、]\n\
         9   1\n10 ! a link to a neighbouring page\n11 ! a link to a neighbouring page\n12 related:\n13 related:\n14 related\n15 hot:\n16 hot\n\
         17 hot\n18 ! site navigation\n19 ! site navigation\n20 ! a legal notice\n"
    );
    assert_eq!(page.related[0].title, "骨髓与造血");
    assert_eq!(page.hot[0].title, "什么是配型");
    assert_eq!(page.hot[1].url.as_deref(), Some("https://example.org/a"));
}

#[test]
fn every_form_of_a_list_heading_opens_its_list() {
    for (text, expected) in [
        ("相关阅读 更多+\n热门推荐 更多+", "3 related:\n4 hot:\n"),
        ("相关阅读\n热门推荐", "3 related:\n4 hot:\n"),
        ("相关阅读　更多>>\n热门推荐\u{a0}更多＋", "3 related:\n4 hot:\n"),
        ("相关阅读更多\n热门推荐：", "3 related:\n4 hot:\n"),
        ("相关阅读\n更多+\n热门推荐\n更多+", "3 related:\n4 related:\n5 hot:\n6 hot:\n"),
        ("相关阅读 更多+ 热门推荐 更多+", "3 both:\n"),
        ("热门推荐\n甲\n相关阅读\n乙", "3 hot:\n4 hot\n5 related:\n6 related\n"),
    ] {
        let text = format!("标题\n这里是正文。\n{text}");
        let page = page(&text);
        assert_accounted(&page, &text);
        assert_eq!(account(&page), format!("1 title\n2 lead\n{expected}"), "{text}");
    }
    // A list in the middle of a page ends where the numbering of the headings continues.
    let text = "标题\n一、甲\n正文一。\n相关阅读\n链接\n二、乙\n正文二。";
    assert_eq!(account(&page(text)), "1 title\n2 # 1 [一、]\n3   1\n4 related:\n5 related\n6 # 2 [二、]\n7   2\n");
}

#[test]
fn heads_are_read_by_place() {
    for (text, site, call, title) in [
        ("", None, None, None),
        ("只有标题", None, None, Some("只有标题")),
        ("只有正文，没有标题。\n第二段也是。", None, None, None),
        ("一、开头就是小标题\n正文。", None, None, None),
        ("标题\n一、小标题\n正文。", None, None, Some("标题")),
        ("在线咨询\n标题是什么\n正文。", None, Some("在线咨询"), Some("标题是什么")),
        ("示例网站\n标题是什么？\n正文。", Some("示例网站"), None, Some("标题是什么？")),
        ("示例\n立即咨询\n一篇文章\n正文。", Some("示例"), Some("立即咨询"), Some("一篇文章")),
        ("立即咨询\n示例\n标题是什么？\n正文。", Some("示例"), Some("立即咨询"), Some("标题是什么？")),
        ("心理咨询的作用\n正文。", None, None, Some("心理咨询的作用")),
    ] {
        let page = page(text);
        assert_accounted(&page, text);
        let got = (page.site_name.as_deref(), page.call_to_action.as_deref(), page.title.as_deref());
        assert_eq!(got, (site, call, title), "{text}");
    }
    assert_eq!(page("").take_document("a".parse().expect("a slug")), None);
}

/// The lines of a text that are not used.
fn unused(text: &str) -> Vec<u32> {
    let page = page(text);
    assert_accounted(&page, text);
    let lines = page.lines.iter();
    lines.filter(|line| matches!(line.role, Role::NotUsed { .. })).map(|line| line.line).collect()
}

#[test]
fn a_hospital_notice_keeps_its_text_only() {
    let text = "市第二人民医院\n当前位置：首页 >> 科普 >> 正文\n移植前的准备\n发布时间：2024-03-11　来源：血液科\n患者要做全面检查。\n\
                【饮食】\n饮食要清淡。\n（责任编辑：张三）\n分享到：微信 微博\n【打印本页】 【关闭窗口】\n上一条：没有了\n\
                本文链接：https://example.org/a\n免责声明：如有侵权请联系删除。\n地址：某路1号　邮编：215000\n电话：0512-12345678\n版权所有 © 市第二人民医院";
    assert_eq!(unused(text), [2, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    let page = page(text);
    assert_eq!(page.site_name.as_deref(), Some("市第二人民医院"));
    assert_eq!(page.title.as_deref(), Some("移植前的准备"));
    assert_eq!(section(&page, "1").title, "【饮食】");
}

#[test]
fn title_is_above_its_date() {
    for (text, site, title, not_used) in [
        (
            "科室导航\n专家介绍\n健康网\n糖尿病的研究进展\n作者：王医生\n正文。",
            Some("健康网"),
            "糖尿病的研究进展",
            vec![1, 2, 5],
        ),
        ("一篇关于移植的文章\n文/李医生\n2024-05-01\n正文。", None, "一篇关于移植的文章", vec![2, 3]),
        ("一篇文章\n——血液科的经验总结\n2024-05-01\n正文。", None, "一篇文章", vec![3]),
        (
            "中科示例细胞与再生\n免费在线咨询\n骨髓移植\n2024-05-01\n正文。",
            Some("中科示例细胞与再生"),
            "骨髓移植",
            vec![4],
        ),
        ("某某医院\n2024-05-01\n骨髓移植是什么？\n正文。", Some("某某医院"), "骨髓移植是什么？", vec![2]),
    ] {
        let page = page(text);
        assert_eq!((page.site_name.as_deref(), page.title.as_deref()), (site, Some(title)), "{text}");
        assert_eq!(unused(text), not_used, "{text}");
    }
    // A line with a telephone number is a call to action even if it is longer than most.
    let page = page("示例\n24小时咨询热线：400-123-4567\n移植靠谱吗？\n正文。");
    assert_eq!(page.call_to_action.as_deref(), Some("24小时咨询热线：400-123-4567"));
    assert_eq!(page.title.as_deref(), Some("移植靠谱吗？"));
}

#[test]
fn contact_data_in_the_text_is_not_boilerplate() {
    // This page is about how to reach the hospital, and no legal notice follows.
    assert_eq!(unused("就诊指南\n一、乘车\n乘地铁。\n二、门诊\n地址：人民路1号"), [0_u32; 0]);
    assert_eq!(
        unused("就诊指南\n一、预约\n电话预约：0512-12345678\n在节假日也可以打。\n二、门诊\n周一开诊。"),
        [0_u32; 0]
    );
}

#[test]
fn a_table_of_contents_is_not_text() {
    let body = "一、机制\n正文一。\n二、治疗\n正文二。";
    let text = format!("标题\n目录\n一、机制\n二、治疗\n{body}");
    assert_eq!(unused(&text), [2, 3, 4]);
    assert_eq!(page(&text).sections.len(), 2);
    // If the same lines do not occur again below, it is text.
    assert_eq!(unused(&format!("标题\n目录\n此处从略。\n{body}")), [0_u32; 0]);
}

#[test]
fn headings_with_ornaments_and_numbers_above_them() {
    let text = "标题\n01\n◆它从哪里来\n骨髓里有。\n02\n它有什么用\n仍在研究。\n白细胞\n5.1\n血小板\n37\n单位是度。";
    assert_eq!(unused(text), [2, 5]);
    let page = page(text);
    let titles: Vec<&str> = page.sections.iter().map(|section| section.title.as_str()).collect();
    assert_eq!(titles, ["它从哪里来", "它有什么用"]);
}

#[test]
fn lists_of_links_end_at_other_lists() {
    let text = "标题\n正文。\n相关问题\n·移植后的康复 2024-01-02\n·什么是配型[2023/12/30]\n1. CAR-T 2018-2022\n2024-01-02\n热门推荐\n· 血糖监测（2024年1月2日）\n【推荐医生】更多>>\n王某某 主任医师";
    assert_eq!(unused(text), [7, 10, 11]);
    let page = page(text);
    let titles: Vec<&str> = page.related.iter().chain(&page.hot).map(|link| link.title.as_str()).collect();
    assert_eq!(titles, ["移植后的康复", "什么是配型", "CAR-T 2018-2022", "血糖监测"]);
}

#[test]
fn a_link_has_its_address_on_either_side() {
    for (line, title, url) in [
        ("https://example.org/x 外部资料", "外部资料", Some("https://example.org/x")),
        ("·\u{3000}http://example.org/x\u{3000}外部资料 之二", "外部资料 之二", Some("http://example.org/x")),
        ("1. https://example.org/x 外部资料 2024-01-02", "外部资料", Some("https://example.org/x")),
        ("外部资料 https://example.org/x", "外部资料", Some("https://example.org/x")),
        ("https://example.org/x", "https://example.org/x", Some("https://example.org/x")),
        // An invalid address, or one inside a sentence, is part of the title.
        ("https:// 外部资料", "https:// 外部资料", None),
        ("参见 https://example.org/x 的说明", "参见 https://example.org/x 的说明", None),
    ] {
        let text = format!("标题\n这里是正文。\n相关阅读 更多+\n{line}");
        let page = page(&text);
        assert_accounted(&page, &text);
        assert_eq!(account(&page), "1 title\n2 lead\n3 related:\n4 related\n", "{line}");
        assert_eq!((page.related[0].title.as_str(), page.related[0].url.as_deref()), (title, url), "{line}");
    }
}

#[test]
fn page_with_menus_keeps_its_article_only() {
    let text = include_str!("../../../tests/fixtures/pages/menus.txt");
    let page = page(text);
    assert_accounted(&page, text);
    assert_eq!(page.title.as_deref(), Some("脐带血能保存多久"));
    assert_eq!(page.site_name.as_deref(), Some("示例健康网"));
    assert_eq!(
        account(&page),
        "1 title\n2 ! site navigation\n3 ! the title again\n4 ! a note on origin or readers\n5 lead\n6 # 1 []\n7   1\n8 ! a list of links\n\
         9 # 2 []\n10   2\n11 ! a call to follow the site\n12 ! a note on origin or readers\n13 ! behind the end of the text\n\
         14 ! behind the end of the text\n15 ! behind the end of the text\n"
    );
    let guesses: Vec<Option<u32>> = page.guesses.iter().map(|guess| guess.line).collect();
    assert_eq!(guesses, [None, Some(13)], "{:?}", page.guesses);
}

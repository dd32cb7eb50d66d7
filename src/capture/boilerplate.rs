//! Boilerplate: calls to action, navigation, imprints, tables of contents.

use std::collections::HashMap;

use super::{Role, lines::Line};
use crate::content::label::{self, blank};

const CONTACT: &str = "how to reach the site";
const NOTICE: &str = "a legal notice";

/// Marks the page footer: from the last line upwards, until a line is not boilerplate.
pub(super) fn foot(lines: &[Line<'_>], start: usize, roles: &mut [Option<Role>]) {
    // An address above a legal notice is the address of the site; any other address may be content.
    let mut noticed = false;
    for (line, role) in lines.iter().zip(roles.iter_mut()).skip(start).rev() {
        match (&role, aside(&line.text)) {
            (Some(role), _) => noticed |= *role == Role::NotUsed { why: NOTICE },
            (None, Some(CONTACT)) if !noticed => return,
            (None, Some(why)) => {
                noticed |= why == NOTICE;
                *role = Some(Role::NotUsed { why });
            }
            (None, None) => return,
        }
    }
    // Between title and text too: the date and the origin of the article.
    for (line, role) in lines.iter().zip(roles.iter_mut()).skip(start) {
        if role.is_none() {
            match imprint(&line.text).or_else(|| navigation(&line.text)) {
                Some(why) => *role = Some(Role::NotUsed { why }),
                None => return,
            }
        }
    }
}

/// Marks a table of contents: consecutive lines that all occur again below as headings. It has at least three lines, or
/// `目录` is printed above it.
pub(super) fn contents(lines: &[Line<'_>], start: usize, roles: &mut [Option<Role>]) {
    const NAMES: [&str; 5] = ["目录", "文章目录", "本文目录", "目录：", "内容导航"];
    let open: Vec<usize> = (start..lines.len()).filter(|at| roles.get(*at).is_some_and(Option::is_none)).collect();
    let text = |at: &usize| lines.get(*at).map_or("", |line| line.text.as_str());
    let last: HashMap<&str, usize> = open.iter().map(|at| (text(at), *at)).collect();
    let is_entry =
        |at: &usize| last.get(text(at)).is_some_and(|last| last > at) && text(at).chars().take(61).count() <= 60;
    let mut place = 0;
    while place < open.len() {
        let named = open.get(place).is_some_and(|at| NAMES.contains(&text(at)));
        let from = place + usize::from(named);
        let count = open.iter().skip(from).take_while(|at| is_entry(at)).count();
        let numbered = open.iter().skip(from).take(count).all(|at| label::split(text(at)).0.is_some());
        if (numbered && count >= 3) || (named && count > 0) {
            for at in open.iter().take(from + count).skip(place) {
                if let Some(role) = roles.get_mut(*at) {
                    *role = Some(Role::NotUsed { why: "the table of contents of the page" });
                }
            }
            return;
        }
        place = from + count.max(usize::from(!named));
    }
}

/// Returns the reason if a line in the header, the footer or a link list is boilerplate.
pub(super) fn aside(text: &str) -> Option<&'static str> {
    const NEIGHBOURS: [&str; 10] =
        ["上一篇", "下一篇", "上一条", "下一条", "上一页", "下一页", "返回列表", "返回顶部", "返回首页", "分享到"];
    if text.chars().take(121).count() <= 120 && NEIGHBOURS.iter().any(|words| text.starts_with(words)) {
        return Some("a link to a neighbouring page");
    }
    if calls(text) {
        return Some("a further call to action");
    }
    if button(text) {
        return Some("a button of the page");
    }
    if contact(text) {
        return Some(CONTACT);
    }
    let short = || text.chars().take(201).count() <= 200;
    if text.contains("声明") && ["侵权", "转载", "版权"].iter().any(|word| text.contains(word)) && short() {
        return Some(NOTICE);
    }
    let inner = text.trim_start_matches(['（', '(', '【', '[']);
    imprint(inner.trim_end_matches(['）', ')', '】', ']'])).or_else(|| navigation(text))
}

/// Returns the reason if a line ends the article. The lines after it belong to the site.
pub(super) fn end(text: &str) -> Option<&'static str> {
    const ENDS: [&str; 22] = [
        "责任编辑",
        "编辑",
        "责编",
        "审核",
        "校对",
        "上一篇",
        "下一篇",
        "版权声明",
        "免责声明",
        "特别声明",
        "声明",
        "分享到",
        "分享至",
        "网友评论",
        "发表评论",
        "最新评论",
        "我要评论",
        "扫一扫",
        "扫描二维码",
        "点赞",
        "相关专题",
        "本文标签",
    ];
    let inner = text.trim_start_matches(['（', '(', '【', '[', ' ']);
    if text.chars().take(101).count() > 100 {
        return None;
    }
    ENDS.iter()
        .find_map(|start| {
            let rest = inner.strip_prefix(start)?.trim_start_matches(blank);
            (rest.is_empty()
                || rest.starts_with(['：', ':', '】', '）', ')', '|'])
                || start.chars().count() > 2 && !text.contains('。'))
            .then_some("it closes the article")
        })
        .or_else(|| (text.starts_with("温馨提示") && text.contains("以上内容")).then_some(NOTICE))
}

/// Returns the reason if a line interrupts an article: a call to follow the site, a link to more.
pub(super) fn interruption(text: &str) -> Option<&'static str> {
    let length = text.chars().take(201).count();
    let follows = ["关注", "扫描", "扫一扫", "添加", "加微信", "搜索"].iter().any(|word| text.contains(word))
        && ["公众号", "微信号", "微信", "二维码", "APP", "客户端"].iter().any(|word| text.contains(word));
    if follows && length <= 150 {
        return Some("a call to follow the site");
    }
    let more = [
        "[详细]",
        "[详情]",
        "[查看全文]",
        "[全文]",
        "详情>>",
        "详细>>",
        "查看详情",
        "点击阅读",
        "点击查看",
        "查看更多",
        "更多>>",
        "【详细】",
        "余下全文>>",
    ];
    if length <= 120 && more.iter().any(|end| text.ends_with(end)) {
        return Some("a link to more");
    }
    if is_notice(text) {
        return Some(NOTICE);
    }
    if dated(text) {
        return Some("a dated link");
    }
    if length <= 60 && text.starts_with("广告") && !text.contains('。') {
        return Some("an advertisement");
    }
    let inner = text.trim_start_matches(['（', '(', '【', '[']);
    imprint(inner.trim_end_matches(['）', ')', '】', ']'])).filter(|_| length <= 60)
}

/// Returns whether a line of any length is a copyright or registration notice.
pub(super) fn is_notice(text: &str) -> bool {
    const NOTICES: [&str; 9] = [
        "版权所有",
        "ICP备",
        "ICP证",
        "公网安备",
        "All Rights Reserved",
        "All rights reserved",
        "all rights reserved",
        "Copyright ©",
        "经营许可证",
    ];
    text.chars().take(601).count() <= 600 && NOTICES.iter().any(|words| text.contains(words))
}

/// Returns whether a line is the title of another page, with its date before or after it.
pub(super) fn dated(text: &str) -> bool {
    let date = |word: &str| {
        let word = word.trim_matches(['[', ']', '(', ')', '（', '）']);
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        digits >= 6
            && word.len() <= 16
            && word.contains(['-', '/', '.', '年'])
            && word.chars().all(|c| c.is_ascii_digit() || "-/.年月日:".contains(c))
    };
    let words = || text.split(blank).filter(|word| !word.is_empty());
    text.chars().take(61).count() <= 60
        && !text.contains('。')
        && words().nth(1).is_some()
        && (words().next().is_some_and(date) || words().next_back().is_some_and(date))
}

/// Returns whether a line has only bracketed buttons: `【打印本页】 【关闭窗口】`.
fn button(text: &str) -> bool {
    const BUTTONS: [&str; 8] = ["打印本页", "打印", "关闭窗口", "关闭", "收藏本页", "收藏", "返回", "分享"];
    let mut words = text.split(|c: char| blank(c) || "【】[]".contains(c)).filter(|word| !word.is_empty()).peekable();
    words.peek().is_some() && words.all(|word| BUTTONS.contains(&word))
}

/// Returns whether a line begins with contact details of the site (`地址：`). In the footer, such a line is boilerplate.
fn contact(text: &str) -> bool {
    const WAYS: [&str; 11] = [
        "地址",
        "医院地址",
        "单位地址",
        "联系地址",
        "邮编",
        "邮政编码",
        "电子邮箱",
        "邮箱",
        "传真",
        "联系电话",
        "电话",
    ];
    text.chars().take(121).count() <= 120 && WAYS.iter().any(|way| names(text, way))
}

/// Returns whether a line begins with these words and a colon.
fn names(text: &str, words: &str) -> bool {
    text.strip_prefix(words).is_some_and(|rest| rest.trim_start_matches(blank).starts_with(['：', ':']))
}

/// Navigation: a breadcrumb trail, or a single common menu word.
pub(super) fn navigation(text: &str) -> Option<&'static str> {
    const MENU: [&str; 12] = [
        "首页",
        "网站首页",
        "返回首页",
        "返回顶部",
        "关于我们",
        "联系我们",
        "新闻中心",
        "网站地图",
        "登录",
        "注册",
        "登录/注册",
        "搜索",
    ];
    const TRAIL: [&str; 5] = ["首页", "网站首页", "当前位置", "您的位置", "您现在的位置"];
    // A trail of a few short names: `健康频道 > 疾病 > 正文`.
    let names: Vec<&str> = text.split(['>', '＞', '›', '»']).map(|name| name.trim_matches(blank)).collect();
    if (3..=7).contains(&names.len()) && names.iter().all(|name| (1..=16).contains(&name.chars().count())) {
        return Some("site navigation");
    }
    let trail = text.contains(['>', '＞', '›', '»']) && TRAIL.iter().any(|start| text.starts_with(start));
    (MENU.contains(&text) || (trail && text.chars().count() <= 120)).then_some("site navigation")
}

/// Dates, origin, counts of readers and legal notices.
pub(super) fn imprint(text: &str) -> Option<&'static str> {
    const DATES: [&str; 6] = ["发布时间", "发布日期", "更新时间", "更新日期", "时间：", "日期："];
    const ORIGINS: [&str; 17] = [
        "来源",
        "文章来源",
        "信息来源",
        "作者",
        "编辑",
        "责任编辑",
        "审核",
        "阅读次数",
        "阅读量",
        "浏览次数",
        "浏览量",
        "点击量",
        "阅读",
        "浏览",
        "点击",
        "本文链接",
        "原文链接",
    ];
    const LEGAL: [&str; 10] = [
        "ICP备",
        "ICP证",
        "公网安备",
        "备案号",
        "版权所有",
        "技术支持：",
        "©",
        "Copyright",
        "All Rights Reserved",
        "All rights reserved",
    ];
    let length = text.chars().take(121).count();
    if length > 120 || text.ends_with(['。', '；', '？', '?']) {
        return None;
    }
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if length <= 60 {
        let only_date =
            digits >= 6 && text.chars().all(|c| c.is_ascii_digit() || blank(c) || "-/:：.年月日时分秒".contains(c));
        if only_date || (digits > 0 && DATES.iter().any(|start| text.starts_with(start))) {
            return Some("a date of publication");
        }
        let byline = length <= 30 && ["文/", "文｜", "文|", "撰文"].iter().any(|start| text.starts_with(start));
        if byline || ORIGINS.iter().any(|start| names(text, start)) {
            return Some("a note on origin or readers");
        }
    }
    LEGAL.iter().any(|words| text.contains(words)).then_some(NOTICE)
}

/// Returns whether a line has only words of a call to action.
pub(super) fn calls(text: &str) -> bool {
    const WORDS: [&str; 27] = [
        "免费",
        "在线",
        "咨询",
        "立即",
        "马上",
        "点击",
        "预约",
        "挂号",
        "电话",
        "热线",
        "客服",
        "联系",
        "我们",
        "专家",
        "医生",
        "专业",
        "一对一",
        "小时",
        "全国",
        "服务",
        "微信",
        "问诊",
        "请",
        "拨打",
        "了解",
        "详情",
        "网上",
    ];
    if text.chars().take(41).count() > 40 || !invites(text) {
        return false;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let word = WORDS.iter().find_map(|word| rest.strip_prefix(word));
        let mark =
            || rest.strip_prefix(|c: char| c.is_ascii_digit() || blank(c) || "：:-—>＞»+!！()（）·|/".contains(c));
        match word.or_else(mark) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    true
}

/// Returns whether a short line contains a word of a call to action.
pub(super) fn calls_weakly(text: &str) -> bool {
    text.chars().take(17).count() <= 16 && invites(text) && !text.contains(['。', '？', '?', '，', ',', '；'])
}

fn invites(text: &str) -> bool {
    ["咨询", "预约", "挂号", "热线", "客服", "电话", "问诊"].iter().any(|word| text.contains(word))
}

//! What stands around an article on a page: calls to action, navigation, imprints, and the two link lists with their
//! headings `相关阅读 更多+` and `热门推荐 更多+`.

use std::collections::HashMap;

use super::{LinkLine, Role, lines::Line};
use crate::content::label::{self, LabelKind, blank};

/// A heading over links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    Related,
    Hot,
    /// Both on one line; what follows them is read as hot.
    Both,
}

/// What stands under the two headings.
#[derive(Default)]
pub(super) struct Tails {
    pub(super) related: Vec<LinkLine>,
    pub(super) hot: Vec<LinkLine>,
}

/// Reads the link lists. From a heading over links on, every line is a link or not used, until a heading of the article
/// goes on counting (`四、` after `三、`), which only a list in the middle of a page has behind it.
pub(super) fn tails(lines: &[Line<'_>], start: usize, roles: &mut [Option<Role>]) -> Tails {
    let mut tails = Tails::default();
    let mut within: Option<Tail> = None;
    let mut elsewhere = false;
    let mut fresh = false;
    let mut counted: HashMap<LabelKind, u32> = HashMap::new();
    for (line, role) in lines.iter().zip(roles.iter_mut()).skip(start) {
        if role.is_some() {
            continue;
        }
        let text = line.text.as_str();
        if let Some(found) = tail(text) {
            (within, elsewhere, fresh) = (Some(found), false, true);
            *role = Some(match found {
                Tail::Related => Role::RelatedHeading,
                Tail::Hot => Role::HotHeading,
                Tail::Both => Role::BothHeadings,
            });
            continue;
        }
        let heading = label::split(text).0.and_then(|printed| {
            let kind = label::kind(&printed);
            (kind.rank() <= LabelKind::HanBracketed.rank())
                .then(|| label::ordinal(&printed).map(|place| (kind, place)))?
        });
        if let (Some(_), Some((kind, place))) = (within, heading)
            && counted.get(&kind).is_some_and(|last| last + 1 == place)
        {
            within = None;
        }
        let Some(list) = within else {
            if let Some((kind, place)) = heading {
                counted.insert(kind, place);
            }
            if more(text) {
                *role = Some(Role::NotUsed { why: "a link to more" });
            } else if calls(text) {
                *role = Some(Role::NotUsed {
                    why: "a further call to action",
                });
            }
            continue;
        };
        let after_heading = std::mem::take(&mut fresh);
        elsewhere |= ["友情链接", "联系我们", "网站地图", "快速导航"]
            .iter()
            .any(|words| text.starts_with(words));
        *role = Some(if more(text) {
            match list {
                _ if !after_heading => Role::NotUsed { why: "a link to more" },
                Tail::Related => Role::RelatedHeading,
                Tail::Hot => Role::HotHeading,
                Tail::Both => Role::BothHeadings,
            }
        } else if let Some(why) = aside(text) {
            Role::NotUsed { why }
        } else if elsewhere {
            Role::NotUsed { why: "site navigation" }
        } else if text.ends_with(['。', '；']) || text.chars().count() > 400 {
            Role::NotUsed {
                why: "running text in a list of links",
            }
        } else if let Some(link) = link(line) {
            if list == Tail::Related {
                tails.related.push(link);
                Role::RelatedLink
            } else {
                tails.hot.push(link);
                Role::HotLink
            }
        } else {
            Role::NotUsed {
                why: "a mark without text",
            }
        });
    }
    tails
}

/// Marks what closes a page, from its last line up to the first that is not of this kind.
pub(super) fn foot(lines: &[Line<'_>], start: usize, roles: &mut [Option<Role>]) {
    for (line, role) in lines.iter().zip(roles.iter_mut()).skip(start).rev() {
        match (&role, aside(&line.text)) {
            (Some(_), _) => {}
            (None, Some(why)) => *role = Some(Role::NotUsed { why }),
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

/// Whether a line is a heading over links: one of the usual names, with or without `更多+` and marks of decoration.
pub(super) fn tail(text: &str) -> Option<Tail> {
    const RELATED: [&str; 7] = [
        "相关阅读",
        "相关文章",
        "相关推荐",
        "相关内容",
        "相关资讯",
        "延伸阅读",
        "推荐阅读",
    ];
    const HOT: [&str; 6] = ["热门推荐", "热门文章", "热门阅读", "热门资讯", "热点推荐", "热点文章"];
    if text.chars().count() > 60 {
        return None;
    }
    let plain: String = text
        .chars()
        .filter(|c| !blank(*c) && !"【】[]「」■●▎◆★|｜：:".contains(*c))
        .collect();
    let mut rest = plain.as_str();
    let mut found = None;
    while !rest.is_empty() {
        let strip = |names: &[&str]| names.iter().find_map(|name| rest.strip_prefix(name));
        let (which, behind) = match (strip(&RELATED), strip(&HOT)) {
            (Some(behind), _) => (Tail::Related, behind),
            (_, Some(behind)) => (Tail::Hot, behind),
            (None, None) => return None,
        };
        found = match found {
            None => Some(which),
            Some(first) if first != which => Some(Tail::Both),
            Some(_) => return None,
        };
        rest = behind
            .strip_prefix("更多")
            .unwrap_or(behind)
            .trim_start_matches(more_mark);
    }
    found
}

/// Whether a line is `更多+` alone.
fn more(text: &str) -> bool {
    let text = text.trim_start_matches(['查', '看', '[', '【']);
    text.strip_prefix("更多")
        .is_some_and(|rest| rest.chars().all(|c| more_mark(c) || blank(c) || "]】".contains(c)))
}

fn more_mark(c: char) -> bool {
    "+＋>＞»›→…".contains(c)
}

/// What no article says: why a line at the head, at the foot or among links is none of its text.
fn aside(text: &str) -> Option<&'static str> {
    const NEIGHBOURS: [&str; 8] = [
        "上一篇",
        "下一篇",
        "上一页",
        "下一页",
        "返回列表",
        "返回顶部",
        "返回首页",
        "分享到",
    ];
    if text.chars().count() <= 120 && NEIGHBOURS.iter().any(|words| text.starts_with(words)) {
        return Some("a link to a neighbouring page");
    }
    if calls(text) {
        return Some("a further call to action");
    }
    imprint(text).or_else(|| navigation(text))
}

/// Navigation: a bread crumb trail, or a usual menu word alone.
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
    let trail = text.contains(['>', '＞', '›', '»']) && TRAIL.iter().any(|start| text.starts_with(start));
    (MENU.contains(&text) || (trail && text.chars().count() <= 120)).then_some("site navigation")
}

/// Dates, origin, counts of readers and legal notices.
pub(super) fn imprint(text: &str) -> Option<&'static str> {
    const DATES: [&str; 6] = ["发布时间", "发布日期", "更新时间", "更新日期", "时间：", "日期："];
    const ORIGINS: [&str; 12] = [
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
    ];
    const LEGAL: [&str; 9] = [
        "ICP备",
        "ICP证",
        "公网安备",
        "备案号",
        "版权所有",
        "©",
        "Copyright",
        "All Rights Reserved",
        "All rights reserved",
    ];
    let length = text.chars().count();
    if length > 120 || text.ends_with(['。', '；', '？', '?']) {
        return None;
    }
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if length <= 60 {
        let only_date = digits >= 6
            && text
                .chars()
                .all(|c| c.is_ascii_digit() || blank(c) || "-/:：.年月日时分秒".contains(c));
        if only_date || (digits > 0 && DATES.iter().any(|start| text.starts_with(start))) {
            return Some("a date of publication");
        }
        let origin = |start: &&str| {
            text.strip_prefix(*start)
                .is_some_and(|rest| rest.trim_start_matches(blank).starts_with(['：', ':']))
        };
        if ORIGINS.iter().any(origin) {
            return Some("a note on origin or readers");
        }
    }
    LEGAL
        .iter()
        .any(|words| text.contains(words))
        .then_some("a legal notice")
}

/// Whether a line is nothing but the words of a call to action.
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
    if text.chars().count() > 20 || !invites(text) {
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

/// Whether a short line has a word of a call to action among others.
pub(super) fn calls_weakly(text: &str) -> bool {
    text.chars().count() <= 16 && invites(text) && !text.contains(['。', '？', '?', '，', ',', '；'])
}

fn invites(text: &str) -> bool {
    ["咨询", "预约", "挂号", "热线", "客服", "电话", "问诊"]
        .iter()
        .any(|word| text.contains(word))
}

/// A line under a heading over links: `title`, `title URL`, `[title](URL)`, `URL`, each with a bullet or a number before it.
fn link(line: &Line<'_>) -> Option<LinkLine> {
    let text = line
        .text
        .trim_start_matches(|c| blank(c) || "·•●■◆▪‣◦○*＊-–—>»".contains(c));
    let text = match label::split(text) {
        (Some(_), title) if !title.is_empty() => title,
        _ => text,
    };
    if text.is_empty() {
        return None;
    }
    let found = |title: &str, url: Option<&str>| {
        Some(LinkLine {
            line: line.number,
            title: title.to_owned(),
            url: url.map(str::to_owned),
        })
    };
    if let Some((title, url)) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(')'))
        .and_then(|rest| rest.split_once("]("))
        && let (title, url) = (title.trim_matches(blank), url.trim_matches(blank))
        && !title.is_empty()
        && address(url)
    {
        return found(title, Some(url));
    }
    let place = ["http://", "https://"]
        .iter()
        .filter_map(|scheme| text.find(scheme))
        .min();
    if let Some((title, url)) = place.and_then(|place| text.split_at_checked(place))
        && address(url)
    {
        let title = title.trim_matches(blank);
        return found(if title.is_empty() { url } else { title }, Some(url));
    }
    found(text, None)
}

/// Whether a text is an absolute `http` or `https` address with a host, without characters that no address holds.
fn address(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .unwrap_or_default();
    rest.starts_with(char::is_alphanumeric)
        && !rest.contains(|c: char| blank(c) || c.is_control() || "<>\"\\^`{|}".contains(c))
}

//! The two link lists with their headings `相关阅读 更多+` and `热门推荐 更多+`.

use std::collections::HashMap;

use super::{
    LinkLine, Role,
    boilerplate::{aside, calls},
    lines::Line,
};
use crate::content::label::{self, LabelKind, blank};

/// The heading of a link list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListHeading {
    Related,
    Hot,
    /// Both headings on one line; the links below are hot links.
    Both,
}

/// The links under the two headings.
#[derive(Default)]
pub(super) struct LinkLists {
    pub(super) related: Vec<LinkLine>,
    pub(super) hot: Vec<LinkLine>,
}

/// Reads the link lists. After the heading of a list, every line is a link or unused. A list in the middle of a page
/// ends at the heading that continues the numbering of the article (`四、` after `三、`).
pub(super) fn read(lines: &[Line<'_>], start: usize, roles: &mut [Option<Role>]) -> LinkLists {
    let mut lists = LinkLists::default();
    let mut within: Option<ListHeading> = None;
    let mut elsewhere = false;
    let mut fresh = false;
    let mut counted: HashMap<LabelKind, u32> = HashMap::new();
    for (line, role) in lines.iter().zip(roles.iter_mut()).skip(start) {
        if role.is_some() {
            continue;
        }
        let text = line.text.as_str();
        if let Some(found) = heading(text) {
            (within, elsewhere, fresh) = (Some(found), false, true);
            *role = Some(match found {
                ListHeading::Related => Role::RelatedHeading,
                ListHeading::Hot => Role::HotHeading,
                ListHeading::Both => Role::BothHeadings,
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
            } else if calls(text) && !text.contains(|c: char| c.is_ascii_digit()) {
                // A telephone number may be part of the text.
                *role = Some(Role::NotUsed { why: "a further call to action" });
            }
            continue;
        };
        let after_heading = std::mem::take(&mut fresh);
        elsewhere |= other_list(text);
        *role = Some(if more(text) {
            match list {
                _ if !after_heading => Role::NotUsed { why: "a link to more" },
                ListHeading::Related => Role::RelatedHeading,
                ListHeading::Hot => Role::HotHeading,
                ListHeading::Both => Role::BothHeadings,
            }
        } else if let Some(why) = aside(text) {
            Role::NotUsed { why }
        } else if elsewhere {
            Role::NotUsed { why: "site navigation" }
        } else if text.ends_with(['。', '；']) || text.chars().count() > 400 {
            Role::NotUsed { why: "running text in a list of links" }
        } else if let Some(link) = link(line) {
            if list == ListHeading::Related {
                lists.related.push(link);
                Role::RelatedLink
            } else {
                lists.hot.push(link);
                Role::HotLink
            }
        } else {
            Role::NotUsed { why: "a mark without text" }
        });
    }
    lists
}

/// Returns whether a line is the heading of a link list: a common name, with or without `更多+` and ornaments.
pub(super) fn heading(text: &str) -> Option<ListHeading> {
    const RELATED: [&str; 17] = [
        "相关阅读",
        "相关文章",
        "相关推荐",
        "相关内容",
        "相关资讯",
        "延伸阅读",
        "推荐阅读",
        "相关问题",
        "相关新闻",
        "相关报道",
        "相关链接",
        "猜你喜欢",
        "更多阅读",
        "你可能喜欢",
        "您可能感兴趣",
        "大家都在看",
        "为您推荐",
    ];
    const HOT: [&str; 6] = ["热门推荐", "热门文章", "热门阅读", "热门资讯", "热点推荐", "热点文章"];
    if text.chars().take(61).count() > 60 {
        return None;
    }
    let plain = undecorated(text);
    let mut rest = plain.as_str();
    let mut found = None;
    while !rest.is_empty() {
        let strip = |names: &[&str]| names.iter().find_map(|name| rest.strip_prefix(name));
        let (which, behind) = match (strip(&RELATED), strip(&HOT)) {
            (Some(behind), _) => (ListHeading::Related, behind),
            (_, Some(behind)) => (ListHeading::Hot, behind),
            (None, None) => return None,
        };
        found = match found {
            None => Some(which),
            Some(first) if first != which => Some(ListHeading::Both),
            Some(_) => return None,
        };
        rest = behind.strip_prefix("更多").unwrap_or(behind).trim_start_matches(more_mark);
    }
    found
}

fn undecorated(text: &str) -> String {
    text.chars().filter(|c| !blank(*c) && !"【】[]「」■●▎◆★|｜：:".contains(*c)).collect()
}

/// Returns whether a line in a link list is the heading of another list, whose links are not used.
fn other_list(text: &str) -> bool {
    const MENUS: [&str; 4] = ["友情链接", "联系我们", "网站地图", "快速导航"];
    const LISTS: [&str; 10] = [
        "推荐医生",
        "推荐专家",
        "推荐医院",
        "专家推荐",
        "名医推荐",
        "医院推荐",
        "最新文章",
        "最新资讯",
        "最新发布",
        "热门标签",
    ];
    if text.chars().take(31).count() > 30 {
        return MENUS.iter().any(|words| text.starts_with(words));
    }
    let plain = undecorated(text);
    let plain = plain.trim_end_matches(more_mark);
    MENUS.iter().any(|words| text.starts_with(words)) || LISTS.contains(&plain.strip_suffix("更多").unwrap_or(plain))
}

/// Returns whether a line is only `更多+`.
fn more(text: &str) -> bool {
    let text = text.trim_start_matches(['查', '看', '[', '【']);
    text.strip_prefix("更多").is_some_and(|rest| rest.chars().all(|c| more_mark(c) || blank(c) || "]】".contains(c)))
}

fn more_mark(c: char) -> bool {
    "+＋>＞»›→…".contains(c)
}

/// Parses a line of a link list: `title`, `title URL`, `URL title`, `[title](URL)` or `URL`, each optionally after a
/// bullet or a number. A date after the title is removed.
fn link(line: &Line<'_>) -> Option<LinkLine> {
    let text = line.text.trim_start_matches(|c| blank(c) || "·•●■◆▪‣◦○*＊-–—>»".contains(c));
    let text = match label::split(text) {
        (Some(_), title) if !title.is_empty() => title,
        _ => text,
    };
    if text.is_empty() {
        return None;
    }
    let found = |title: &str, url: Option<&str>| {
        Some(LinkLine { line: line.number, title: title.to_owned(), url: url.map(str::to_owned) })
    };
    if let Some((title, url)) =
        text.strip_prefix('[').and_then(|rest| rest.strip_suffix(')')).and_then(|rest| rest.split_once("]("))
        && let (title, url) = (title.trim_matches(blank), url.trim_matches(blank))
        && !title.is_empty()
        && address(url)
    {
        return found(title, Some(url));
    }
    let place = ["http://", "https://"].iter().filter_map(|scheme| text.find(scheme)).min();
    if let Some((before, rest)) = place.and_then(|place| text.split_at_checked(place)) {
        let (url, behind) = rest.split_once(blank).unwrap_or((rest, ""));
        let (before, behind) = (before.trim_matches(blank), behind.trim_matches(blank));
        let title = match (before, behind) {
            ("", "") => Some(url),
            ("", title) => Some(undated(title)),
            (title, "") => Some(title),
            // An address inside a sentence is part of the title.
            _ => None,
        };
        if let Some(title) = title
            && address(url)
        {
            return found(title, Some(url));
        }
    }
    found(undated(text), None)
}

/// Returns a title without the date after it: `2024-01-02`, `[2024/1/2]`, `（2024年1月2日）`.
fn undated(text: &str) -> &str {
    let bracket = |c: char| "[]（）()【】".contains(c);
    let Some((title, date)) = text
        .char_indices()
        .rfind(|(_, c)| blank(*c) || "[（(【".contains(*c))
        .and_then(|(place, _)| text.split_at_checked(place))
    else {
        return text;
    };
    let date = date.trim_matches(|c| blank(c) || bracket(c));
    let date = date.strip_suffix('日').unwrap_or(date);
    let numbers: Vec<usize> = date
        .split(['-', '/', '.', '年', '月'])
        .map(|part| if part.bytes().all(|b| b.is_ascii_digit()) { part.len() } else { 0 })
        .take(4)
        .collect();
    let title = title.trim_end_matches(blank);
    if matches!(numbers.as_slice(), [4, 1 | 2, 1 | 2]) && !title.is_empty() { title } else { text }
}

/// Returns whether a text is an absolute `http` or `https` address with a host and without invalid characters.
fn address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    rest.starts_with(char::is_alphanumeric)
        && !rest.contains(|c: char| blank(c) || c.is_control() || "<>\"\\^`{|}".contains(c))
}

//! The lines before the text: site name, call to action, title.
//!
//! The head ends at the first line that is labelled (`一、…`), reads as running text, or opens a link list. In it, a
//! page prints its site name, its call to action and its title, in this order, and any of them may be missing:
//!
//! - A call to action has at most 40 characters and only words such as 免费, 在线, 咨询, 电话, digits and punctuation.
//!   Or it has at most 16 characters with 咨询, 预约, 挂号, 热线 or 客服, if another line remains for the title.
//! - If a date of publication or a line on the origin follows, the title is the longest line after the call to action
//!   that is not the name of a site. The site name is the last line above the title that is such a name, or that the
//!   call to action follows, or that is the only one.
//! - Otherwise, if there is a call to action, the line before it is the site name and the line after it is the title.
//!   If the line before it is a question, that line is the title.
//! - Otherwise the first line is the title. It is the site name, and the next line the title, if it has at most 20
//!   characters and is not a question, and either the next line is a question or its own end names a site (网, 医院,
//!   中心 …).

use super::{Role, boilerplate, lines::Line, links};
use crate::content::label;

/// The content of the head, and the start of the text.
pub(super) struct Head {
    pub(super) site_name: Option<String>,
    pub(super) call_to_action: Option<String>,
    pub(super) title: Option<String>,
    /// The line that the title was cut from, if it is longer.
    pub(super) cut_from: Option<String>,
    /// The first line after the head.
    pub(super) end: usize,
}

/// Reads the head and assigns the roles of its lines.
pub(super) fn read(lines: &[Line<'_>], roles: &mut [Option<Role>]) -> Head {
    if let Some(head) = window_title(lines, roles) {
        return head;
    }
    let limit = lines.iter().take_while(|line| !running(&line.text)).count();
    let mut plain: Vec<usize> = Vec::new();
    let mut calls: Vec<usize> = Vec::new();
    let mut weak: Vec<usize> = Vec::new();
    let mut dated: Option<usize> = None;
    for (place, line) in lines.iter().enumerate().take(limit) {
        if let Some(why) = boilerplate::navigation(&line.text) {
            set(roles, place, Role::NotUsed { why });
        } else if let Some(why) = boilerplate::imprint(&line.text) {
            set(roles, place, Role::NotUsed { why });
            if place.checked_sub(1).is_some_and(|above| plain.last() == Some(&above)) {
                dated = dated.or(Some(place));
            }
        } else if boilerplate::calls(&line.text) {
            calls.push(place);
        } else {
            if boilerplate::calls_weakly(&line.text) {
                weak.push(place);
            }
            plain.push(place);
        }
    }
    if calls.is_empty()
        && let Some(place) = weak.into_iter().find(|place| plain.iter().any(|other| other > place))
    {
        plain.retain(|other| *other != place);
        calls.push(place);
    }
    let text = |place: usize| lines.get(place).map(|line| line.text.as_str()).unwrap_or_default();
    let call = calls.first().copied();
    let (before, after): (Vec<usize>, Vec<usize>) =
        plain.iter().partition(|place| call.is_some_and(|call| **place < call));
    let dated = dated.and_then(|imprint| above(&plain, call, imprint, text));
    let (site, title) = match dated {
        Some((site, title)) => (site, Some(title)),
        None => match (before.as_slice(), after.as_slice()) {
            ([], list) | (list, []) => named(list, text),
            (before, [after, ..]) => match before.iter().position(|place| question(text(*place))) {
                Some(found) => (found.checked_sub(1).and_then(|i| before.get(i)).copied(), before.get(found).copied()),
                None => (before.last().copied(), Some(*after)),
            },
        },
    };
    let end = title.map_or(0, |title| title + 1);
    for place in plain.iter().copied().filter(|place| *place < end) {
        set(roles, place, Role::NotUsed { why: "above the title" });
    }
    let mut take = |place: Option<usize>, role: Role| {
        place.map(|place| {
            set(roles, place, role);
            text(place).to_owned()
        })
    };
    let site_name = take(site, Role::SiteName);
    let title = take(title, Role::Title);
    let call_to_action = take(call, Role::CallToAction);
    for place in calls.into_iter().skip(1) {
        set(roles, place, Role::NotUsed { why: "a further call to action" });
    }
    Head { site_name, call_to_action, title, cut_from: None, end }
}

/// Reads a page that begins with the title of its browser window: `title_channel_site`.
fn window_title(lines: &[Line<'_>], roles: &mut [Option<Role>]) -> Option<Head> {
    let first = lines.first()?.text.as_str();
    let title = without_site(first);
    if title == first || first.chars().take(121).count() > 120 {
        return None;
    }
    let site_name =
        first.rsplit(['_', '|', '｜', '-', '—', '–']).next().map(|site| site.trim_matches(label::blank).to_owned());
    let bare = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let own = bare(first);
    // The printed title may be a part of it, with the buttons of the page after it.
    let repeats = |text: &str| {
        let text = bare(text);
        let words = BUTTONS.iter().find_map(|button| text.strip_suffix(button)).unwrap_or(&text);
        words.chars().count() >= 3 && (own.starts_with(words) || (words.chars().count() >= 6 && own.contains(words)))
    };
    let is_trail = |text: &str| {
        text.split([">", " / ", "›", "»"].iter().find(|mark| text.contains(**mark)).unwrap_or(&"\n")).count() > 1
    };
    let limit =
        lines.iter().take_while(|line| !line.text.contains('。') || boilerplate::imprint(&line.text).is_some()).count();
    let printed =
        (1..limit.min(24)).find(|at| lines.get(*at).is_some_and(|line| !is_trail(&line.text) && repeats(&line.text)));
    set(roles, 0, Role::Title);
    let mut end = 1;
    for (at, line) in lines.iter().enumerate().take(limit.clamp(8, 40)).skip(1) {
        let text = line.text.as_str();
        let why = if at < limit {
            boilerplate::navigation(text)
                .or_else(|| boilerplate::imprint(text))
                .or_else(|| (is_trail(text) && text.chars().count() <= 60).then_some("site navigation"))
                // Menus are above the printed title.
                .or_else(|| {
                    printed.filter(|printed| at < *printed && text.chars().count() < 60).map(|_| "above the title")
                })
        } else {
            None
        };
        // Above numbered lines, it is their heading.
        let heads = at >= limit && lines.get(at + 1).is_some_and(|next| label::split(&next.text).0.is_some());
        let again = || {
            (repeats(text) && !heads && (at < limit || bare(text).chars().count() * 2 > bare(title).chars().count()))
                .then_some("the title again")
        };
        if let Some(why) = why.or_else(again) {
            set(roles, at, Role::NotUsed { why });
            end = if at == end { at + 1 } else { end };
        }
    }
    Some(Head { site_name, call_to_action: None, title: Some(title.to_owned()), cut_from: Some(first.to_owned()), end })
}

/// Labels of buttons next to a printed title.
const BUTTONS: [&str; 8] = ["收藏", "编辑", "编辑锁定", "编辑讨论", "锁定", "分享", "打印", "关注"];

/// Returns the site name and the title above a date or a line on the origin. The title is the longest line between it
/// and the call to action (or the first line) that is neither a site name nor a subtitle. Lines in between are text.
fn above<'a>(
    plain: &[usize],
    call: Option<usize>,
    imprint: usize,
    text: impl Fn(usize) -> &'a str,
) -> Option<(Option<usize>, usize)> {
    let from = call.filter(|call| *call < imprint && plain.iter().any(|place| (*call..imprint).contains(place)));
    let title = plain
        .iter()
        .copied()
        .filter(|place| *place < imprint && from.is_none_or(|from| *place > from))
        .filter(|place| !names_site(text(*place)) && !text(*place).starts_with(['—', '-']))
        .max_by_key(|place| text(*place).chars().count())?;
    let before = || plain.iter().copied().take_while(|place| *place < title);
    let named = before().filter(|place| names_site(text(*place))).last();
    let site = named.or_else(|| match from {
        Some(from) => before().take_while(|place| *place < from).last(),
        None => before().next().filter(|first| before().nth(1).is_none() && site(text(*first))),
    });
    Some((site, title))
}

/// Returns the site name and the title from lines without a call to action.
fn named<'a>(list: &[usize], text: impl Fn(usize) -> &'a str) -> (Option<usize>, Option<usize>) {
    match list {
        [] => (None, None),
        [first, second, ..] if site(text(*first)) && (question(text(*second)) || names_site(text(*first))) => {
            (Some(*first), Some(*second))
        }
        [first, ..] => (None, Some(*first)),
    }
}

/// Removes the names of the site from a page's `<title>`: `title_channel_site`, `title | site`, `title - site`.
pub(super) fn without_site(title: &str) -> &str {
    let cut = title
        .find(['_', '|', '｜'])
        .or_else(|| title.rfind([" - ", " – ", " — ", " :: "].iter().find(|mark| title.contains(**mark))?));
    let cut = cut
        .or_else(|| title.rfind(['-', '—', '–']).filter(|at| names_site(title.get(*at..).unwrap_or_default().trim())));
    match cut.and_then(|at| title.get(..at)).map(|head| head.trim_matches(label::blank)) {
        Some(head) if head.chars().count() >= 4 => head,
        _ => title,
    }
}

/// Returns the questions in a title. Each ends with its question marks and a closing quote after them; the rest of the
/// title is not a question.
pub(super) fn questions(title: &str) -> Vec<String> {
    let mut questions = Vec::new();
    let mut current = String::new();
    let mut chars = title.chars().peekable();
    while let Some(c) = chars.next() {
        current.push(c);
        let ends = matches!(c, '?' | '？' | '!' | '！' | '”' | '」' | '』' | '"');
        let runs_on = chars.peek().is_some_and(|next| matches!(next, '?' | '？' | '!' | '！' | '”' | '」' | '』'));
        if ends && !runs_on && current.trim_end_matches(['!', '！', '”', '」', '』', '"']).ends_with(['?', '？'])
        {
            let question = current.trim_matches(label::blank);
            if question.chars().any(char::is_alphanumeric) {
                questions.push(question.to_owned());
            }
            current.clear();
        }
    }
    questions
}

/// Returns whether a line belongs to the text: labelled, the heading of a link list, or running text. A question may
/// have 300 characters, any other line 80.
fn running(text: &str) -> bool {
    let length = text.chars().take(301).count();
    label::split(text).0.is_some()
        || links::heading(text).is_some()
        || text.contains('。')
        || text.ends_with(['；', ';', '：', '，', ','])
        || length > if question(text) { 300 } else { 80 }
}

fn question(text: &str) -> bool {
    text.ends_with(['?', '？'])
}

fn site(text: &str) -> bool {
    text.chars().count() <= 20 && !text.contains(['?', '？', '!', '！', '，', ',', '：', '；'])
}

fn names_site(text: &str) -> bool {
    const ENDS: [&str; 12] =
        ["网", "网站", "医院", "中心", "平台", "频道", "百科", "在线", "官网", "诊所", "研究所", "科普馆"];
    ENDS.iter().any(|end| text.ends_with(end))
}

fn set(roles: &mut [Option<Role>], place: usize, role: Role) {
    if let Some(slot) = roles.get_mut(place) {
        *slot = Some(role);
    }
}

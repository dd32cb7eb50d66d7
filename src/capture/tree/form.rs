//! Decides which lines may be headings.

use super::{Form, Heading, Item, Style};
use crate::{
    capture::lines::{Line, Shape},
    content::label,
};

/// The maximum length of the title of a heading without markup, in characters.
const MAX_TITLE: usize = 40;
/// The maximum length of a heading without markup and number, in characters.
const MAX_PLAIN: usize = 30;

/// Returns the form of a line, from its markup and numbering.
pub(super) fn form<'a>(line: &'a Line<'_>) -> Form<'a> {
    let text = line.text.as_str();
    let heading = |style: Style, label: Option<String>, title: &'a str| {
        let ordinal = label.as_deref().and_then(label::ordinal).unwrap_or(1);
        Form::Heading(Heading { style, label, ordinal, title: undecorated(title), level: 1 })
    };
    match line.shape() {
        Shape::Heading(level) if text.chars().take(201).count() <= 200 => {
            let (label, title) = label::split(text);
            let kind = label.as_deref().map(label::kind);
            heading(Style::Tag(*level, kind), label, title)
        }
        Shape::Paragraph | Shape::Strong => match label::split(text) {
            (Some(label), title) if is_title(title) => heading(Style::Label(label::kind(&label)), Some(label), title),
            _ => Form::Paragraph,
        },
        _ => Form::Paragraph,
    }
}

/// Returns whether the text after a number can be a title: short, and not a sentence.
fn is_title(title: &str) -> bool {
    title.chars().take(MAX_TITLE + 1).count() <= MAX_TITLE
        && !title.ends_with(['，', ',', '、', '。', '；', ';'])
        && !title.contains(['。', '；', ';'])
        && (!title.ends_with(['：', ':']) || title.chars().count() <= 20)
}

/// Reads bold lines as headings if they are few and short.
pub(super) fn bold(items: &mut [Item<'_>]) {
    let is_bold = |item: &Item<'_>| matches!(item.line.shape(), Shape::Strong);
    let count = items.iter().filter(|item| is_bold(item)).count();
    if count * 2 > items.len() {
        return;
    }
    for at in 0..items.len() {
        let next = items.get(at + 1).is_some_and(|next| !is_bold(next) || matches!(next.form, Form::Heading(_)));
        let Some(item) = items.get_mut(at) else { return };
        let text = item.line.text.as_str();
        let length = text.chars().take(MAX_TITLE + 1).count();
        let ends = text.ends_with(['。', '，', ',', '；', ';', '、', '.', '！', '!']);
        if is_bold(item)
            && item.is_paragraph()
            && next
            && length <= MAX_TITLE
            && !ends
            && !is_caption(text)
            && label::split(text).0.is_none()
        {
            let title = undecorated(text.trim_end_matches(['：', ':']));
            let style = if is_standard_title(text) { Style::Plain } else { Style::Bold };
            item.form = Form::Heading(Heading { style, label: None, ordinal: 1, title, level: 1 });
        }
    }
}

/// Reads numbers without punctuation after them (`01 …`, `5 …`) as numbering if they are consecutive, or if subordinate
/// numbers begin with them (`5.1`).
pub(super) fn bare_numbers(items: &mut [Item<'_>]) {
    let found: Vec<(usize, u32, usize)> = items
        .iter()
        .enumerate()
        .filter(|(_, item)| item.is_paragraph() && matches!(item.line.shape(), Shape::Paragraph | Shape::Strong))
        .filter_map(|(at, item)| bare_number(&item.line.text).map(|(number, start)| (at, number, start)))
        .collect();
    for (place, (at, number, start)) in found.iter().enumerate() {
        let near = |other: Option<&(usize, u32, usize)>, wanted: Option<u32>| {
            other.is_some_and(|other| Some(other.1) == wanted)
        };
        let counts = near(found.get(place + 1), number.checked_add(1))
            || near(place.checked_sub(1).and_then(|before| found.get(before)), number.checked_sub(1));
        let parent = format!("{number}.");
        let has_children = items.get(at + 1).is_some_and(|next| next.line.text.starts_with(&parent));
        let Some(item) = items.get_mut(*at).filter(|_| counts || has_children) else { continue };
        let title = item.line.text.get(*start..).unwrap_or_default().trim_matches(label::blank);
        let style = Style::Label(label::LabelKind::ArabicDot);
        item.form = Form::Heading(Heading { style, label: None, ordinal: *number, title, level: 1 });
    }
}

/// Returns the number that a short line begins with, and where its title starts.
fn bare_number(text: &str) -> Option<(u32, usize)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text.get(..digits).filter(|digits| (1..=2).contains(&digits.len()))?.parse().ok()?;
    let rest = text.get(digits..)?;
    let title = rest.trim_start_matches(label::blank);
    let apart = title.len() < rest.len() || text.starts_with('0');
    let starts = title.starts_with(|c: char| crate::content::text::is_han(c) || c.is_ascii_uppercase());
    (apart && starts && is_title(title) && title.chars().count() <= MAX_PLAIN)
        .then_some((number, text.len() - title.len()))
}

/// Returns a heading without mark and number.
pub(super) fn plain(text: &str) -> Form<'_> {
    Form::Heading(Heading { style: Style::Plain, label: None, ordinal: 1, title: undecorated(text), level: 1 })
}

/// Removes ornaments from a title.
fn undecorated(title: &str) -> &str {
    let bare = title.trim_start_matches(|c| label::blank(c) || ORNAMENTS.contains(c));
    if bare.is_empty() { title } else { bare }
}

const ORNAMENTS: &str = "◆●○•◇■□▎▌▶▲★☆※❤▪◎";

/// Returns whether a line is only a number of one or two digits.
pub(super) fn is_number(text: &str) -> bool {
    text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Returns whether a line is short enough for a heading and does not look like text.
pub(super) fn is_short(line: &Line<'_>, numbered: bool) -> bool {
    let text = line.text.as_str();
    if !matches!(line.shape(), Shape::Paragraph) {
        return false;
    }
    let body = text.trim_end_matches(['?', '？', ' ']);
    let length = text.chars().take(MAX_PLAIN + 1).count();
    let stops = body.chars().filter(|c| "，,".contains(*c)).count();
    length <= MAX_PLAIN
        && text.starts_with(|c: char| c.is_alphanumeric() || "“《【「（(".contains(c) || ORNAMENTS.contains(c))
        && body.chars().any(char::is_alphanumeric)
        && !is_caption(text)
        && !announces(text)
        && !body.ends_with(['、', '.', '…', '，', ',', '~', '>'])
        && !body.contains(['。', '；', ';', '！', '!', '?', '？', '…', '|'])
        && (stops == 0 || (stops == 1 && length > 8 && !numbered))
        && (!numbered || length <= 24)
        && body.split(label::blank).filter(|word| !word.is_empty()).count() < 4
        && label::split(text).0.is_none()
}

/// Returns whether a line that ends with a colon introduces the next lines, and is not a title.
fn announces(text: &str) -> bool {
    let Some(body) = text.strip_suffix(['：', ':']) else { return false };
    let long = body.chars().count() > 12;
    let opens = [
        "如下", "以下", "包括", "的", "是", "为", "有", "说", "道", "问", "答", "表示", "认为", "指出", "例如", "比如",
        "即", "称", "分", "如",
    ];
    long || opens.iter().any(|end| body.ends_with(end))
}

/// Returns whether a line is the caption of a figure or a table: `图1 …`.
fn is_caption(text: &str) -> bool {
    ["图", "表", "Figure", "Table"].iter().any(|word| {
        text.strip_prefix(word).is_some_and(|rest| rest.trim_start_matches(label::blank).starts_with(char::is_numeric))
    }) || ["图源", "图片来源", "图为", "资料图", "配图"].iter().any(|word| text.starts_with(word))
}

/// Returns whether a line is the usual title of a first or last section.
pub(super) fn is_standard_title(text: &str) -> bool {
    const TITLES: [&str; 15] = [
        "引言",
        "前言",
        "导言",
        "导语",
        "绪论",
        "概述",
        "结语",
        "总结",
        "小结",
        "结论",
        "后记",
        "致谢",
        "附录",
        "参考文献",
        "参考资料",
    ];
    let bare: String = text.chars().filter(|c| !label::blank(*c)).collect();
    TITLES.contains(&bare.trim_end_matches(['：', ':']))
}

//! Printed numbering of headings: `一、`, `（一）`, `1.`, `第一章`, `2.1`, `①` and the like.
//!
//! [`split`] separates the label from the title. [`kind`] and [`ordinal`] classify a label, from which the nesting of a
//! captured page is derived. A number that is part of the words (`1型糖尿病`, `1.5倍`, `第一次`) is not a label; a heading
//! that could be either is left unchanged.

mod cursor;

use cursor::{Cursor, digit, enclosed, han_digit, han_letter, roman_sign};

/// The kind of a label. Labels of one kind number one level of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LabelKind {
    /// `第一部分`, `第2篇`, `第一编`, `第一卷`, `第一讲`.
    Part,
    /// `第一章`, `第3章`.
    Chapter,
    /// `第一节`, `第2节`.
    ChapterSection,
    /// `I.`, `Ⅱ、`.
    Roman,
    /// `一、`, `十二、`, `三．`.
    Han,
    /// `（一）`, `(十二)`, `㈠`.
    HanBracketed,
    /// `1.`, `1．`, `⒈`.
    ArabicDot,
    /// `1、`.
    ArabicComma,
    /// `2.1`, `2.1.3.`; with the count of numbers, 2 to 6.
    Dotted(u8),
    /// `（1）`, `(1)`, `⑴`.
    ArabicBracketed,
    /// `1)`, `1）`.
    ArabicHalfBracketed,
    /// `①`, `❷`, `㊂`.
    Circled,
    /// Any other text, which [`split`] never returns.
    Other,
}

impl LabelKind {
    /// Returns the level in the customary order of Chinese numbering, outermost first (GB/T 9704 for official documents:
    /// `一、`, `（一）`, `1.`, `（1）`). Kinds of the same rank have no customary order.
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::Part => 0,
            Self::Chapter => 1,
            Self::ChapterSection => 2,
            Self::Roman | Self::Han => 3,
            Self::HanBracketed => 4,
            Self::ArabicDot | Self::ArabicComma => 5,
            Self::Dotted(numbers) => 5_u8.saturating_add(numbers),
            Self::ArabicBracketed | Self::ArabicHalfBracketed => 20,
            Self::Circled => 21,
            Self::Other => 22,
        }
    }
}

/// Splits a heading into the label exactly as printed and the title, both trimmed.
///
/// Joining label, a space if the label ends in ASCII, and title gives the same pair when split again. A heading that would
/// break this rule is not split.
#[must_use]
pub fn split(heading: &str) -> (Option<String>, &str) {
    let text = heading.trim_matches(blank);
    let Some((label, title)) = find_label(text) else {
        return (None, text);
    };
    let space = if label.ends_with(|c: char| c.is_ascii()) { " " } else { "" };
    let again = format!("{label}{space}{title}");
    if find_label(again.trim_matches(blank)) == Some((label, title)) {
        (Some(label.to_owned()), title)
    } else {
        (None, text)
    }
}

/// Returns the kind of a label.
#[must_use]
pub fn kind(label: &str) -> LabelKind {
    parse_complete(label).map_or(LabelKind::Other, |label| label.kind)
}

/// Returns the position among its siblings that a label prints, from 1 (`十二、` is 12, `2.3` is 3); `None` for
/// [`LabelKind::Other`].
#[must_use]
pub fn ordinal(label: &str) -> Option<u32> {
    parse_complete(label).map(|label| label.ordinal)
}

/// Returns true for invisible characters: white space (Unicode `White_Space`, with no-break and ideographic space),
/// zero-width spaces and joiners.
pub(crate) fn blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' | '\u{00AD}')
}

/// A label at the start of a text.
struct Label {
    /// Length in bytes.
    end: usize,
    kind: LabelKind,
    ordinal: u32,
}

/// Parses a text that is only a label.
fn parse_complete(text: &str) -> Option<Label> {
    parse(text).filter(|label| label.end == text.len())
}

fn find_label(text: &str) -> Option<(&str, &str)> {
    let Label { end, kind, .. } = parse(text)?;
    let (label, rest) = text.split_at_checked(end)?;
    let title = rest.trim_matches(blank);
    // A lone `1.5` is a figure, but a lone `一、` can only be a label.
    let bare_figure = matches!(kind, LabelKind::Dotted(_)) && title.is_empty();
    (!bare_figure).then_some((label, title))
}

fn parse(text: &str) -> Option<Label> {
    let first = text.chars().next()?;
    match first {
        '第' => division(text),
        '（' | '(' => bracketed(text),
        _ if digit(first).is_some() => arabic(text),
        _ if han_digit(first).is_some() => han(text),
        _ => enclosed_number(text).or_else(|| roman(text)),
    }
}

/// Parses `第一章` with an optional colon, comma or dot.
fn division(text: &str) -> Option<Label> {
    let mut cursor = Cursor::new(text);
    cursor.take(|c| c == '第')?;
    let ordinal = cursor.han_number().or_else(|| cursor.number(3))?;
    let unit = ["部分", "章", "节", "篇", "编", "卷", "讲"].into_iter().find(|unit| cursor.skip(unit))?;
    let kind = match unit {
        "章" => LabelKind::Chapter,
        "节" => LabelKind::ChapterSection,
        _ => LabelKind::Part,
    };
    let closed = cursor.take(|c| matches!(c, '：' | ':' | '、' | '.' | '．')).is_some();
    let next = cursor.rest().trim_start_matches(blank).chars().next();
    // `第一章绪论` is a heading; `第一章的内容`, `第一节课`, `第三部分患者` and `第一篇论文` are prose.
    // `第一章中国医学史`: in a chapter or section, 中 begins a name.
    let is_part_prose = |c| c == '中' && kind == LabelKind::Part;
    let is_prose = next.is_some_and(|c| "的课里内是和与及或至到以患病人论报".contains(c) || is_part_prose(c));
    (closed || !is_prose).then_some(Label { end: cursor.end(), kind, ordinal })
}

/// Parses `（一）` and `(12)`.
fn bracketed(text: &str) -> Option<Label> {
    let mut cursor = Cursor::new(text);
    cursor.take(|c| matches!(c, '（' | '('))?;
    let (kind, ordinal) = match cursor.han_number() {
        Some(ordinal) => (LabelKind::HanBracketed, ordinal),
        None => (LabelKind::ArabicBracketed, cursor.number(3)?),
    };
    cursor.take(|c| matches!(c, '）' | ')'))?;
    cursor.take(|c| matches!(c, '、' | '.' | '．'));
    Some(Label { end: cursor.end(), kind, ordinal })
}

/// Parses `1.`, `1、`, `1)` and `2.1`.
fn arabic(text: &str) -> Option<Label> {
    let mut cursor = Cursor::new(text);
    let mut ordinal = cursor.number(3)?;
    let mut numbers: u8 = 1;
    loop {
        if cursor.take(|c| matches!(c, '.' | '．')).is_none() {
            break;
        }
        if !cursor.rest().starts_with(|c| digit(c).is_some()) {
            // The dot ends the label, but `1...` is not a label.
            let kind = if numbers == 1 { LabelKind::ArabicDot } else { LabelKind::Dotted(numbers) };
            let has_more_dots = cursor.rest().starts_with(['.', '．']);
            return (!has_more_dots).then_some(Label { end: cursor.end(), kind, ordinal });
        }
        // `3.0` and `2.125` are figures.
        ordinal = cursor.number(2)?;
        numbers += 1;
        if numbers > 6 {
            return None;
        }
    }
    let next = cursor.rest().chars().next();
    if numbers > 1 {
        cursor.take(|c| c == '、');
        let is_separate = next.is_none_or(|c| blank(c) || c == '、' || han_letter(c) || "《“「（".contains(c));
        let kind = LabelKind::Dotted(numbers);
        return (is_separate && !begins_with_unit(cursor.rest())).then_some(Label { end: cursor.end(), kind, ordinal });
    }
    let kind = match next? {
        '、' => LabelKind::ArabicComma,
        ')' | '）' => LabelKind::ArabicHalfBracketed,
        _ => return None,
    };
    cursor.take(|_| true);
    let continues_list = kind == LabelKind::ArabicComma && continues_list(cursor.rest(), ordinal);
    (!continues_list).then_some(Label { end: cursor.end(), kind, ordinal })
}

/// Parses `一、` and `十二．`.
fn han(text: &str) -> Option<Label> {
    let mut cursor = Cursor::new(text);
    let ordinal = cursor.han_number()?;
    cursor.take(|c| matches!(c, '、' | '.' | '．' | '：' | ':'))?;
    (!continues_list(cursor.rest(), ordinal)).then_some(Label { end: cursor.end(), kind: LabelKind::Han, ordinal })
}

/// Parses a label of one character: `①`, `⑴`, `⒈`, `㈠`.
fn enclosed_number(text: &str) -> Option<Label> {
    let mut cursor = Cursor::new(text);
    let (kind, ordinal) = cursor.take_some(enclosed)?;
    cursor.take(|c| matches!(c, '、' | '.' | '．'));
    // `①、②两组` and `①和②` are prose about numbers.
    let next = cursor.rest().trim_start_matches(blank).chars().next();
    let is_prose = next.is_some_and(|c| enclosed(c).is_some() || "和与及或至到的~～-—、".contains(c));
    (!is_prose).then_some(Label { end: cursor.end(), kind, ordinal })
}

/// Parses `I.` and `Ⅱ、`. A mark is required, because of `Ⅱ期`; ASCII numerals are limited to XX.
fn roman(text: &str) -> Option<Label> {
    let mut cursor = Cursor::new(text);
    let (ordinal, ascii) = match cursor.take_some(roman_sign) {
        Some(value) => (value, false),
        None => (cursor.ascii_roman()?, true),
    };
    let mark = cursor.take(|c| matches!(c, '、' | '.' | '．'))?;
    let rest = cursor.rest().trim_start_matches(blank);
    let mut next = rest.chars();
    let (first, second) = (next.next(), next.next());
    // `V. cholerae`, `I. M. Pei` and `X.509` are names, `Ⅰ、Ⅱ期` is prose.
    let is_name = ascii
        && mark != '、'
        && first.is_some_and(|c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || (c.is_ascii_uppercase() && second == Some('.'))
        });
    let is_prose =
        first.is_some_and(|c| roman_sign(c).is_some()) || (mark == '、' && Cursor::new(rest).ascii_roman().is_some());
    (!is_name && !is_prose).then_some(Label { end: cursor.end(), kind: LabelKind::Roman, ordinal })
}

/// Returns true if text after `二、` continues a list of numbers: `三级医院`, `3-二醇`, `3、4期`, but not `三大机制`.
fn continues_list(rest: &str, ordinal: u32) -> bool {
    let mut cursor = Cursor::new(rest.trim_start_matches(blank));
    let Some(next) = cursor.han_number().or_else(|| cursor.number(3)) else {
        return false;
    };
    let mut rest_chars = cursor.rest().chars();
    let (first, second) = (rest_chars.next(), rest_chars.next());
    match first {
        Some('、') => next == ordinal + 1,
        Some('-') => second.is_none_or(|c| digit(c).is_none()),
        Some(c) => next == ordinal + 1 && "级型期度线类号十百千万岁天年月日次周代层楼区位名".contains(c),
        None => false,
    }
}

/// Returns true if a text begins with a unit, which makes the number before it a quantity: `倍`, `T`, `mg`, `%`.
fn begins_with_unit(rest: &str) -> bool {
    const LATIN: [&str; 43] = [
        "T", "g", "kg", "mg", "ug", "ng", "l", "L", "ml", "mL", "ul", "dl", "dL", "m", "km", "cm", "mm", "um", "nm",
        "Gy", "cGy", "mSv", "Hz", "kHz", "MHz", "GHz", "Pa", "kPa", "mmHg", "mol", "mmol", "U", "IU", "V", "kV", "W",
        "s", "h", "min", "d", "x", "X", "kcal",
    ];
    const HAN: [&str; 10] = ["倍", "万", "亿", "毫升", "毫克", "微克", "微米", "厘米", "公斤", "千克"];
    // These also begin words (`年龄`, `个体化`), so they count only directly after the number.
    const ATTACHED: &str = "百千毫微纳厘克升米公斤岁年月日天周小时个例度元型级期次折点成左以";
    let text = rest.trim_start_matches(blank);
    let word = text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    if LATIN.contains(&word) {
        let after_unit = text.strip_prefix(word).unwrap_or_default().trim_start_matches(blank);
        return !(after_unit.starts_with("细胞") || after_unit.starts_with("淋巴"));
    }
    text.starts_with(|c| "%％‰℃°×μµ～~".contains(c))
        || HAN.iter().any(|unit| text.starts_with(unit))
        || rest.starts_with(|c| ATTACHED.contains(c))
}

#[cfg(test)]
mod tests;

//! The numbering that a source prints before a heading: `一、`, `（一）`, `1.`, `第一章`, `2.1`, `①` and their like.
//!
//! [`split`] takes it off and keeps it as printed; [`kind`] and [`ordinal`] say what it is, so that the nesting of a
//! page can be read from it. A number that belongs to the words (`1型糖尿病`, `1.5倍`, `第一次`) is left where it is:
//! where the two cannot be told apart, the text stays whole.

mod cursor;

use cursor::{Cursor, digit, enclosed, han_digit, han_letter, roman_sign};

/// What kind of numbering a label is. Labels of one kind number one level of a page.
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
    /// `2.1`, `2.1.3.`; with the count of its numbers, 2 to 6.
    Dotted(u8),
    /// `（1）`, `(1)`, `⑴`.
    ArabicBracketed,
    /// `1)`, `1）`.
    ArabicHalfBracketed,
    /// `①`, `❷`, `㊂`.
    Circled,
    /// None of these: nothing that [`split`] gives.
    Other,
}

impl LabelKind {
    /// Where the kind stands in the order of levels that Chinese writing is used to (GB/T 9704 for official documents:
    /// `一、`, `（一）`, `1.`, `（1）`), from the outermost. Two kinds of one rank have no order of their own.
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

/// Takes the printed numbering off a heading: the label exactly as printed, and the rest, both trimmed.
///
/// For every pair that this gives, the label, a space if the label ends with an ASCII character, and the title, set
/// behind each other, give the same pair again. A text that would break this is left whole.
#[must_use]
pub fn split(heading: &str) -> (Option<String>, &str) {
    let text = heading.trim_matches(blank);
    let Some((label, title)) = cut(text) else {
        return (None, text);
    };
    let space = if label.ends_with(|c: char| c.is_ascii()) { " " } else { "" };
    let again = format!("{label}{space}{title}");
    if cut(again.trim_matches(blank)) == Some((label, title)) { (Some(label.to_owned()), title) } else { (None, text) }
}

/// What kind of numbering a label is, as [`split`] gives it.
#[must_use]
pub fn kind(label: &str) -> LabelKind {
    whole(label).map_or(LabelKind::Other, |found| found.kind)
}

/// The place that a label claims among its siblings, from 1 (`十二、` is 12, `2.3` is 3); `None` for
/// [`LabelKind::Other`].
#[must_use]
pub fn ordinal(label: &str) -> Option<u32> {
    whole(label).map(|found| found.ordinal)
}

/// Whether a character shows nothing and only keeps others apart: white space (Unicode `White_Space`, which has the
/// no-break and the ideographic space), and the zero-width spaces and joiners.
pub(crate) fn blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' | '\u{00AD}')
}

/// A label at the beginning of a text.
struct Found {
    /// Its length in bytes.
    end: usize,
    kind: LabelKind,
    ordinal: u32,
}

fn whole(label: &str) -> Option<Found> {
    find(label).filter(|found| found.end == label.len())
}

fn cut(text: &str) -> Option<(&str, &str)> {
    let found = find(text)?;
    let (label, rest) = text.split_at_checked(found.end)?;
    let title = rest.trim_matches(blank);
    // A lone `1.5` is a figure; a lone `一、` can be nothing but a label.
    let bare_figure = matches!(found.kind, LabelKind::Dotted(_)) && title.is_empty();
    (!bare_figure).then_some((label, title))
}

fn find(text: &str) -> Option<Found> {
    let first = text.chars().next()?;
    match first {
        '第' => division(text),
        '（' | '(' => bracketed(text),
        _ if digit(first).is_some() => arabic(text),
        _ if han_digit(first).is_some() => han(text),
        _ => sign(text).or_else(|| roman(text)),
    }
}

/// `第一章`, with a colon, comma or dot that follows it.
fn division(text: &str) -> Option<Found> {
    let mut at = Cursor::new(text);
    at.take(|c| c == '第')?;
    let ordinal = at.han_number().or_else(|| at.number(3))?;
    let unit = ["部分", "章", "节", "篇", "编", "卷", "讲"].into_iter().find(|unit| at.skip(unit))?;
    let kind = match unit {
        "章" => LabelKind::Chapter,
        "节" => LabelKind::ChapterSection,
        _ => LabelKind::Part,
    };
    let closed = at.take(|c| matches!(c, '：' | ':' | '、' | '.' | '．')).is_some();
    let next = at.rest().trim_start_matches(blank).chars().next();
    // `第一章绪论` is a heading; `第一章的内容`, `第一节课`, `第三部分患者` and `第一篇论文` are words.
    let reads_on = next.is_some_and(|c| "的课里中内是和与及或至到以患病人论报".contains(c));
    (closed || !reads_on).then_some(Found { end: at.end(), kind, ordinal })
}

/// `（一）`, `(12)`.
fn bracketed(text: &str) -> Option<Found> {
    let mut at = Cursor::new(text);
    at.take(|c| matches!(c, '（' | '('))?;
    let (kind, ordinal) = match at.han_number() {
        Some(ordinal) => (LabelKind::HanBracketed, ordinal),
        None => (LabelKind::ArabicBracketed, at.number(3)?),
    };
    at.take(|c| matches!(c, '）' | ')'))?;
    at.take(|c| matches!(c, '、' | '.' | '．'));
    Some(Found { end: at.end(), kind, ordinal })
}

/// `1.`, `1、`, `1)`, `2.1`.
fn arabic(text: &str) -> Option<Found> {
    let mut at = Cursor::new(text);
    let mut ordinal = at.number(3)?;
    let mut numbers: u8 = 1;
    loop {
        if at.take(|c| matches!(c, '.' | '．')).is_none() {
            break;
        }
        if !at.rest().starts_with(|c| digit(c).is_some()) {
            // The dot ends the label; `1...` is not one.
            let kind = if numbers == 1 { LabelKind::ArabicDot } else { LabelKind::Dotted(numbers) };
            let runs_on = at.rest().starts_with(['.', '．']);
            return (!runs_on).then_some(Found { end: at.end(), kind, ordinal });
        }
        // `3.0`, `2.125`: a figure, not a path.
        ordinal = at.number(2)?;
        numbers += 1;
        if numbers > 6 {
            return None;
        }
    }
    let next = at.rest().chars().next();
    if numbers > 1 {
        at.take(|c| c == '、');
        let stands_free = next.is_none_or(|c| blank(c) || c == '、' || han_letter(c) || "《“「（".contains(c));
        let kind = LabelKind::Dotted(numbers);
        return (stands_free && !measures(at.rest())).then_some(Found { end: at.end(), kind, ordinal });
    }
    let kind = match next? {
        '、' => LabelKind::ArabicComma,
        ')' | '）' => LabelKind::ArabicHalfBracketed,
        _ => return None,
    };
    at.take(|_| true);
    let counts_on = kind == LabelKind::ArabicComma && counts_on(at.rest(), ordinal);
    (!counts_on).then_some(Found { end: at.end(), kind, ordinal })
}

/// `一、`, `十二．`.
fn han(text: &str) -> Option<Found> {
    let mut at = Cursor::new(text);
    let ordinal = at.han_number()?;
    at.take(|c| matches!(c, '、' | '.' | '．' | '：' | ':'))?;
    (!counts_on(at.rest(), ordinal)).then_some(Found { end: at.end(), kind: LabelKind::Han, ordinal })
}

/// One character that is a whole label: `①`, `⑴`, `⒈`, `㈠`.
fn sign(text: &str) -> Option<Found> {
    let mut at = Cursor::new(text);
    let (kind, ordinal) = at.take_some(enclosed)?;
    at.take(|c| matches!(c, '、' | '.' | '．'));
    // `①、②两组`, `①和②`: words about numbers.
    let next = at.rest().trim_start_matches(blank).chars().next();
    let about = next.is_some_and(|c| enclosed(c).is_some() || "和与及或至到的~～-—、".contains(c));
    (!about).then_some(Found { end: at.end(), kind, ordinal })
}

/// `I.`, `Ⅱ、`: only with a mark behind it, so that `Ⅱ期` stays whole, and in ASCII only up to XX.
fn roman(text: &str) -> Option<Found> {
    let mut at = Cursor::new(text);
    let (ordinal, ascii) = match at.take_some(roman_sign) {
        Some(value) => (value, false),
        None => (at.ascii_roman()?, true),
    };
    let mark = at.take(|c| matches!(c, '、' | '.' | '．'))?;
    let rest = at.rest().trim_start_matches(blank);
    let mut next = rest.chars();
    let (first, second) = (next.next(), next.next());
    // `V. cholerae`, `I. M. Pei`, `Ⅰ、Ⅱ期`, `X.509`.
    let name = ascii
        && mark != '、'
        && first.is_some_and(|c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || (c.is_ascii_uppercase() && second == Some('.'))
        });
    let about =
        first.is_some_and(|c| roman_sign(c).is_some()) || (mark == '、' && Cursor::new(rest).ascii_roman().is_some());
    (!name && !about).then_some(Found { end: at.end(), kind: LabelKind::Roman, ordinal })
}

/// Whether a text that follows `二、` counts on: `三级医院`, `3-二醇`, `3、4期`. `二、三大机制` does not.
fn counts_on(rest: &str, ordinal: u32) -> bool {
    let mut at = Cursor::new(rest.trim_start_matches(blank));
    let Some(next) = at.han_number().or_else(|| at.number(3)) else {
        return false;
    };
    let mut behind = at.rest().chars();
    let (first, second) = (behind.next(), behind.next());
    match first {
        Some('、') => next == ordinal + 1,
        Some('-') => second.is_none_or(|c| digit(c).is_none()),
        Some(c) => next == ordinal + 1 && "级型期度线类号十百千万岁天年月日次周代层楼区位名".contains(c),
        None => false,
    }
}

/// Whether a text begins with what makes a number before it a quantity: `倍`, `T`, `mg`, `%`.
fn measures(rest: &str) -> bool {
    const LATIN: [&str; 43] = [
        "T", "g", "kg", "mg", "ug", "ng", "l", "L", "ml", "mL", "ul", "dl", "dL", "m", "km", "cm", "mm", "um", "nm",
        "Gy", "cGy", "mSv", "Hz", "kHz", "MHz", "GHz", "Pa", "kPa", "mmHg", "mol", "mmol", "U", "IU", "V", "kV", "W",
        "s", "h", "min", "d", "x", "X", "kcal",
    ];
    const HAN: [&str; 10] = ["倍", "万", "亿", "毫升", "毫克", "微克", "微米", "厘米", "公斤", "千克"];
    // These begin words too (`年龄`, `个体化`), so they count only where no blank keeps them from the number.
    const ATTACHED: &str = "百千毫微纳厘克升米公斤岁年月日天周小时个例度元型级期次折点成左以";
    let text = rest.trim_start_matches(blank);
    let word = text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    if LATIN.contains(&word) {
        let behind = text.strip_prefix(word).unwrap_or_default().trim_start_matches(blank);
        return !(behind.starts_with("细胞") || behind.starts_with("淋巴"));
    }
    text.starts_with(|c| "%％‰℃°×μµ～~".contains(c))
        || HAN.iter().any(|unit| text.starts_with(unit))
        || rest.starts_with(|c| ATTACHED.contains(c))
}

#[cfg(test)]
mod tests;

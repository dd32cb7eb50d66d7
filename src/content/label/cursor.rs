//! Reads the parts of labels: digits, Han and Roman numerals, and enclosed numbers such as `①`.

use super::LabelKind;

/// A cursor over a text.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, rest: text }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn end(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    pub(super) fn take(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        self.take_some(|c| wanted(c).then_some(c))
    }

    pub(super) fn take_some<T>(&mut self, read: impl Fn(char) -> Option<T>) -> Option<T> {
        let mut chars = self.rest.chars();
        let value = read(chars.next()?)?;
        self.rest = chars.as_str();
        Some(value)
    }

    pub(super) fn skip(&mut self, words: &str) -> bool {
        let rest = self.rest.strip_prefix(words);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Reads a number from 1 of at most `most` half- or full-width digits; a longer number or 0 is not consumed.
    pub(super) fn number(&mut self, most: usize) -> Option<u32> {
        let mut ahead = self.clone();
        let mut value = 0;
        let mut count = 0;
        while let Some(d) = ahead.take_some(digit) {
            count += 1;
            if count > most {
                return None;
            }
            value = value * 10 + d;
        }
        (value > 0).then(|| {
            *self = ahead;
            value
        })
    }

    /// Reads `一` to `九十九`; a longer Han number is not consumed.
    pub(super) fn han_number(&mut self) -> Option<u32> {
        let mut ahead = self.clone();
        let value = match ahead.take_some(han_digit)? {
            10 => 10 + ahead.take_some(|c| han_digit(c).filter(|d| *d < 10)).unwrap_or(0),
            tens if ahead.take(|c| c == '十').is_some() => {
                tens * 10 + ahead.take_some(|c| han_digit(c).filter(|d| *d < 10)).unwrap_or(0)
            }
            ones => ones,
        };
        if ahead.rest.starts_with(|c| han_digit(c).is_some()) {
            return None;
        }
        *self = ahead;
        Some(value)
    }

    /// Reads `I` to `XX` in standard form, if no letter or digit follows.
    pub(super) fn ascii_roman(&mut self) -> Option<u32> {
        const NUMERALS: [&str; 20] = [
            "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI",
            "XVII", "XVIII", "XIX", "XX",
        ];
        let word = self.rest.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
        let place = NUMERALS.iter().position(|numeral| *numeral == word)?;
        self.rest = self.rest.strip_prefix(word)?;
        u32::try_from(place + 1).ok()
    }
}

/// Returns the value of a half- or full-width digit.
pub(super) fn digit(c: char) -> Option<u32> {
    match c {
        '0'..='9' => Some(u32::from(c) - u32::from('0')),
        '０'..='９' => Some(u32::from(c) - u32::from('０')),
        _ => None,
    }
}

/// Returns the value of `一` to `十`.
pub(super) fn han_digit(c: char) -> Option<u32> {
    let place = "一二三四五六七八九十".chars().position(|d| d == c)?;
    u32::try_from(place + 1).ok()
}

/// Returns the value of `Ⅰ` to `Ⅻ` (U+2160 to U+216B).
pub(super) fn roman_sign(c: char) -> Option<u32> {
    matches!(c, 'Ⅰ'..='Ⅻ').then(|| u32::from(c) - u32::from('Ⅰ') + 1)
}

/// Returns kind and value of an enclosed number.
pub(super) fn enclosed(c: char) -> Option<(LabelKind, u32)> {
    let from = |first: char, value: u32| u32::from(c) - u32::from(first) + value;
    match c {
        '①'..='⑳' => Some((LabelKind::Circled, from('①', 1))),
        '㉑'..='㉟' => Some((LabelKind::Circled, from('㉑', 21))),
        '㊱'..='㊿' => Some((LabelKind::Circled, from('㊱', 36))),
        '❶'..='❿' => Some((LabelKind::Circled, from('❶', 1))),
        '㊀'..='㊉' => Some((LabelKind::Circled, from('㊀', 1))),
        '⑴'..='⒇' => Some((LabelKind::ArabicBracketed, from('⑴', 1))),
        '⒈'..='⒛' => Some((LabelKind::ArabicDot, from('⒈', 1))),
        '㈠'..='㈩' => Some((LabelKind::HanBracketed, from('㈠', 1))),
        _ => None,
    }
}

/// Returns true for Han characters of the basic block and extension A.
pub(super) fn han_letter(c: char) -> bool {
    matches!(c, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}')
}

//! Splits characters into lines, without those that a document cannot hold.

use std::borrow::Cow;

use crate::content::{Block, Inline, Warning, label::blank};

/// A line that is not blank, or a block of HTML.
pub(super) struct Line<'a> {
    /// Counted from 1 over the file.
    pub(super) number: u32,
    /// The line as printed, without its end.
    pub(super) raw: Cow<'a, str>,
    /// The part that a document can hold, trimmed; never empty.
    pub(super) text: String,
    /// The markup; `None` in plain text.
    pub(super) markup: Option<Box<Markup>>,
}

/// The markup of a block of HTML.
pub(super) struct Markup {
    /// The node of its first text.
    pub(super) node: usize,
    pub(super) shape: Shape,
    /// Its running text, if the shape contains none.
    pub(super) content: Vec<Inline>,
    /// The number of characters that are not blank, and of those in links.
    pub(super) letters: usize,
    pub(super) linked: usize,
}

/// The shape that markup gives a block.
pub(super) enum Shape {
    Paragraph,
    /// A paragraph in bold.
    Strong,
    /// `h1` to `h6`.
    Heading(u8),
    /// A paragraph of a list item.
    Item {
        level: usize,
        ordered: bool,
        number: u32,
        first: bool,
    },
    Quote,
    Code,
    /// The caption of the image before it.
    Caption,
    /// A finished block: a table or an image.
    Block(Block),
}

impl Line<'_> {
    pub(super) fn shape(&self) -> &Shape {
        self.markup.as_ref().map_or(&Shape::Paragraph, |markup| &markup.shape)
    }
}

/// The lines that are not blank, up to `most` of them (`None` if there are more). A line ends at `\n`, `\r\n`, `\r`,
/// U+0085, U+2028 or U+2029. Warns about characters that were removed because a document cannot hold them.
pub(super) fn lines<'a>(text: &'a str, most: usize, warnings: &mut Vec<Warning>) -> Option<Vec<Line<'a>>> {
    let mut lines = Vec::new();
    let mut number: u32 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).unwrap_or(rest.len());
        let (raw, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = match tail.strip_prefix("\r\n") {
            Some(after) => after,
            None => tail.get(tail.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default(),
        };
        number = number.saturating_add(1);
        if warnings.len() <= super::MAX_WARNINGS
            && let Some((column, c)) = (1_u32..).zip(raw.chars()).find(|(_, c)| removed(*c) && *c != '\u{FEFF}')
        {
            let count = raw.chars().filter(|c| removed(*c) && *c != '\u{FEFF}').count();
            let message = match count {
                1 => format!("a character that no text can hold (U+{:04X}) was taken out", u32::from(c)),
                _ => format!(
                    "{count} characters that no text can hold (the first is U+{:04X}) were taken out",
                    u32::from(c)
                ),
            };
            warnings.push(Warning { line: Some(number), column: Some(column), message });
        }
        let clean: Cow<'_, str> =
            if raw.chars().all(|c| kept(c) == Some(c)) { raw.into() } else { raw.chars().filter_map(kept).collect() };
        let clean = clean.trim_matches(blank);
        if !clean.is_empty() {
            if lines.len() == most {
                return None;
            }
            lines.push(Line { number, raw: raw.into(), text: clean.to_owned(), markup: None });
        }
    }
    Some(lines)
}

/// Normalizes a character: tabs and page breaks become spaces; controls, noncharacters (Unicode 23.7) and
/// byte order marks are removed; the rest is unchanged.
pub(super) fn kept(c: char) -> Option<char> {
    match c {
        '\t' | '\u{B}' | '\u{C}' => Some(' '),
        _ => (!removed(c)).then_some(c),
    }
}

fn removed(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t' | '\u{B}' | '\u{C}'))
        || matches!(c, '\u{FEFF}' | '\u{FDD0}'..='\u{FDEF}')
        || u32::from(c) & 0xFFFE == 0xFFFE
}

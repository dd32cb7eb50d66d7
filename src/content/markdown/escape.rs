//! Characters that would be read as marks, written so that they are not.

/// What stands around a text, as far as it decides what must be escaped.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fact about the place")]
pub(super) struct Around {
    /// Delimiters or something else may touch the first character.
    pub(super) first: bool,
    /// The same of the last.
    pub(super) last: bool,
    /// The text begins a line of a paragraph.
    pub(super) line_start: bool,
    /// The line is not the first.
    pub(super) later_line: bool,
    pub(super) after_reference: bool,
    pub(super) lines: bool,
    pub(super) heading: bool,
    /// Nothing at all stands before the text in its line.
    pub(super) at_edge: bool,
}

/// Text with all that would be read as something else escaped.
pub(super) fn escape(text: &str, around: Around) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    let mut before = None;
    // Whether only digits stand before, at the start of a line: `1.` would begin a list.
    let mut digits = around.line_start;
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        let start = before.is_none();
        let end = next.is_none();
        let escaped = match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' => true,
            '&' => next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '#'),
            '~' => start && around.first || end && around.last || before == Some('~') || next == Some('~'),
            '!' => end && around.last,
            '|' => around.lines || start && around.line_start,
            '#' => start && around.line_start || end && around.heading,
            '>' | '-' | '+' | '=' => start && around.line_start,
            ':' => start && (around.line_start && around.later_line || around.after_reference),
            '(' => start && around.after_reference,
            '{' => around.heading && next == Some('#'),
            '.' | ')' => digits && !start && next.is_none_or(char::is_whitespace),
            _ => false,
        };
        match c {
            ' ' if start && around.at_edge => out.push_str("&#32;"),
            '\n' => out.push(' '),
            _ => {
                if escaped {
                    out.push('\\');
                }
                out.push(c);
            }
        }
        digits = digits && c.is_ascii_digit();
        before = Some(c);
    }
    out
}

/// A part of what the parser's rule for Chinese emphasis takes for Chinese, white space excluded.
pub(super) fn is_chinese(c: char) -> bool {
    matches!(
        c,
        '\u{3001}'..='\u{301F}' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' | '\u{3400}'..='\u{4DBF}'
            | '\u{4E00}'..='\u{9FFF}' | '\u{FF01}'..='\u{FF5E}'
    )
}

pub(super) fn reference(c: char) -> String {
    format!("&#{};", u32::from(c))
}

/// A text for the title of a callout: what the parser takes for escapes and character references is escaped.
pub(super) fn title(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push_str("\\\\"),
            '&' if chars.peek().is_some_and(|next| next.is_ascii_alphanumeric() || *next == '#') => {
                out.push_str("&amp;");
            }
            '\n' => out.push(' '),
            _ => out.push(c),
        }
    }
    out
}

/// The number of backticks or tildes that a fence around a text needs.
pub(super) fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

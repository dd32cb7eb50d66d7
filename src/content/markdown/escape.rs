//! Escapes characters that Markdown would read as markup.

/// The surroundings of a text, which decide the characters to escape.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fact about the position")]
pub(super) struct Around {
    /// True if markup may touch the first character.
    pub(super) first: bool,
    /// True if markup may touch the last character.
    pub(super) last: bool,
    /// True if the text begins a line of a paragraph.
    pub(super) line_start: bool,
    /// True if the line is not the first.
    pub(super) later_line: bool,
    pub(super) after_reference: bool,
    /// True if the paragraph has more than one line.
    pub(super) has_line_breaks: bool,
    pub(super) heading: bool,
    /// True if nothing precedes the text in its line.
    pub(super) at_edge: bool,
}

/// Escapes a text for its surroundings.
pub(super) fn escape(text: &str, around: Around) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    let mut before = None;
    // True while the line has only digits: `1.` would begin a list.
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
            '|' => around.has_line_breaks || start && around.line_start,
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

/// Returns true for a subset of the characters that the parser's emphasis rule treats as Chinese, without white space.
pub(super) fn is_chinese(c: char) -> bool {
    matches!(
        c,
        '\u{3001}'..='\u{301F}' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' | '\u{3400}'..='\u{4DBF}'
            | '\u{4E00}'..='\u{9FFF}' | '\u{FF01}'..='\u{FF5E}'
    )
}

/// Returns a numeric character reference.
pub(super) fn reference(c: char) -> String {
    format!("&#{};", u32::from(c))
}

/// Escapes the title of a callout, in which the parser reads only backslashes and character references.
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

/// Returns the fence for a code block: more backticks than any run in its text.
pub(super) fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

//! Hides single tildes from the parser, which would read them as strikethrough.

/// The character that replaces a single `~`: a noncharacter, which no text contains.
const TILDE: char = '\u{FDD1}';

/// Replaces every single `~` that is not escaped.
pub(super) fn hide_tildes(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    let mut escaped = false;
    let mut chars = body.chars().peekable();
    let mut before = '\0';
    while let Some(c) = chars.next() {
        let is_single = c == '~' && !escaped && before != '~' && chars.peek() != Some(&'~');
        out.push(if is_single { TILDE } else { c });
        escaped = c == '\\' && !escaped;
        before = c;
    }
    out
}

/// Reverts [`hide_tildes`].
pub(super) fn show_tildes(text: &str) -> String {
    text.replace(TILDE, "~")
}

//! Writes inlines as Markdown that parses to the same inlines.
//!
//! Every mark has its own delimiter (`**`, `~~`, and `_` or `*`), so that equal delimiters never touch, and each opening one is
//! closed by the next of its kind. A delimiter must also be able to open or close at its position (CommonMark 6.2, with the
//! parser's rule for Chinese). Where it could not, the adjacent character is written as a numeric reference, which begins and
//! ends with punctuation.

use std::fmt::Write;

use super::{
    escape::{self, Around, escape, is_chinese, reference},
    footnote,
};
use crate::content::{Href, Inline, Mark};

/// The block that contains the inlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    Paragraph,
    Cell,
    Heading,
}

/// Writes inlines as Markdown.
pub(super) fn inlines(content: &[Inline], context: Context) -> String {
    let has_line_breaks = content.iter().any(|inline| matches!(inline, Inline::LineBreak));
    let mut writer = Writer {
        out: String::new(),
        context,
        has_line_breaks,
        emphasis: if has_strong(content) { "_" } else { "*" },
        open: Vec::new(),
        literal: None,
        line_start: context == Context::Paragraph,
        later_line: false,
        after_reference: false,
    };
    writer.content(content);
    if context == Context::Cell { writer.out.replace('|', "\\|") } else { writer.out }
}

/// Writes a plain text as the Markdown of a heading. With `reference_first` the first character becomes a reference, which
/// prevents it from being read as a label.
pub(super) fn heading(text: &str, reference_first: bool) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if reference_first => {
            let rest = chars.as_str();
            let mut out = reference(first);
            if !rest.is_empty() {
                out.push_str(&inlines(&[Inline::Text { text: rest.to_owned(), marks: Vec::new() }], Context::Heading));
            }
            out
        }
        _ => inlines(&[Inline::Text { text: text.to_owned(), marks: Vec::new() }], Context::Heading),
    }
}

fn has_strong(content: &[Inline]) -> bool {
    content.iter().any(|inline| match inline {
        Inline::Text { marks, .. } => marks.contains(&Mark::Strong),
        Inline::Link { content, .. } => has_strong(content),
        _ => false,
    })
}

#[expect(clippy::struct_excessive_bools, reason = "each is an independent fact about what was written")]
struct Writer {
    out: String,
    context: Context,
    /// True if the text has more than one line.
    has_line_breaks: bool,
    emphasis: &'static str,
    open: Vec<Mark>,
    /// The last character of the text and its offset in `out`, if `out` ends with it.
    literal: Option<(usize, char)>,
    line_start: bool,
    /// True after the first line break.
    later_line: bool,
    after_reference: bool,
}

impl Writer {
    fn content(&mut self, content: &[Inline]) {
        for inline in content {
            match inline {
                Inline::Text { text, marks } => self.text(text, marks),
                Inline::Link { href, title, content } => {
                    self.close('[');
                    self.raw("[");
                    let begin = self.out.len();
                    self.content(content);
                    self.close(']');
                    // `]:` in code cannot be escaped and could make the link a reference definition. An empty title followed
                    // by a parenthesis is not valid in a definition.
                    let title = title.as_deref().or_else(|| self.out[begin..].contains("]:").then_some(""));
                    self.target(&href.to_string(), title, "]");
                }
                Inline::Image { src, alt, title } => {
                    self.close('!');
                    self.raw("![");
                    let alt = escape(alt, Around { first: true, last: true, ..Around::default() });
                    self.raw(&alt);
                    self.target(&Href::image_source(src).unwrap_or_default(), title.as_deref(), "]");
                }
                Inline::LineBreak if self.context == Context::Paragraph => {
                    self.close('\n');
                    self.encode_last_space();
                    self.raw("\\\n");
                    self.line_start = true;
                    self.later_line = true;
                }
                Inline::LineBreak => {
                    self.close(' ');
                    self.raw(" ");
                }
                Inline::FootnoteReference { label } => {
                    self.close('[');
                    if footnote::is_label(label) {
                        self.raw(&format!("[^{label}]"));
                        self.after_reference = true;
                    }
                }
            }
        }
        self.close('\n');
        self.encode_last_space();
    }

    fn raw(&mut self, text: &str) {
        self.out.push_str(text);
        self.literal = None;
        self.line_start = false;
        self.after_reference = false;
    }

    fn target(&mut self, address: &str, title: Option<&str>, close: &str) {
        let mut text = format!("{close}(");
        let address = address.replace('&', "&amp;");
        if address.is_empty() || address.contains(['(', ')']) {
            // Writing to a string cannot fail.
            let _ = write!(text, "<{address}>");
        } else {
            text.push_str(&address);
        }
        if let Some(words) = title {
            // The parser replaces references before it removes escapes, so quotation marks and backslashes become references.
            let words = escape::title(words).replace('\\', "&#92;").replace('"', "&quot;");
            let _ = write!(text, " \"{words}\"");
        }
        text.push(')');
        self.raw(&text);
    }

    /// Replaces a space at the end of a line, which the parser would remove, with a reference.
    fn encode_last_space(&mut self) {
        if let Some((at, ' ')) = self.literal {
            self.out.truncate(at);
            self.raw("&#32;");
        }
    }

    fn delimiter(&self, mark: Mark) -> &'static str {
        match mark {
            Mark::Strong => "**",
            Mark::Strikethrough => "~~",
            Mark::Emphasis => self.emphasis,
            Mark::Code => "",
        }
    }

    /// Closes all marks before an inline that is not text and begins with `next`.
    fn close(&mut self, next: char) {
        self.set_marks(&[], next, false);
    }

    /// Closes and opens marks until exactly `wanted` are open, and returns true if the next character must be written as a
    /// reference. `next` is that character; `is_alone` means that it is the complete text, which may become a reference later.
    fn set_marks(&mut self, wanted: &[Mark], next: char, is_alone: bool) -> bool {
        let kept = self.open.iter().take_while(|mark| wanted.contains(mark)).count();
        let closing: Vec<Mark> = self.open.drain(kept..).rev().collect();
        let opening: Vec<Mark> = [Mark::Strong, Mark::Strikethrough, Mark::Emphasis]
            .into_iter()
            .filter(|mark| wanted.contains(mark) && !self.open.contains(mark))
            .collect();
        let count = closing.len() + opening.len();
        if count == 0 {
            return false;
        }
        // The parser ignores `~` when it looks at the character before a delimiter.
        let before = self.out.chars().rev().find(|c| *c != '~').unwrap_or('\n');
        let is_soft = |c: char| c.is_whitespace() || c.is_ascii_punctuation();
        let is_letter = |c: char| c.is_ascii_alphanumeric() || is_chinese(c);
        let has_underscore = self.emphasis == "_" && closing.iter().chain(&opening).any(|mark| *mark == Mark::Emphasis);
        let is_beside_chinese = count == 1 && !has_underscore && (is_chinese(before) || is_chinese(next));
        let (encode_before, encode_next) = match (closing.is_empty(), opening.is_empty()) {
            // Only opening delimiters: a space must not follow, and the character before must not bind to them.
            (true, _) => {
                let is_free = count == 1 && !has_underscore && (is_chinese(before) || !is_alone && is_letter(next));
                (!is_soft(before) && !is_free, next.is_whitespace())
            }
            (_, true) => {
                let is_free = is_beside_chinese || count == 1 && !has_underscore && is_letter(before);
                (before.is_whitespace(), !is_soft(next) && !is_free)
            }
            _ => (!before.is_ascii_punctuation(), !next.is_ascii_punctuation()),
        };
        if encode_before && let Some((at, c)) = self.literal {
            self.out.truncate(at);
            self.raw(&reference(c));
        }
        for mark in closing.into_iter().chain(opening.iter().copied()) {
            let delimiter = self.delimiter(mark);
            self.raw(delimiter);
        }
        self.open.extend(opening);
        encode_next
    }

    fn text(&mut self, text: &str, marks: &[Mark]) {
        let code = marks.contains(&Mark::Code);
        let wanted: Vec<Mark> = marks.iter().copied().filter(|mark| *mark != Mark::Code).collect();
        if code {
            self.set_marks(&wanted, '`', false);
            self.code(text);
            return;
        }
        let Some(first) = text.chars().next() else { return };
        let around = Around {
            first: true,
            last: true,
            line_start: self.line_start && self.has_marks(&wanted),
            later_line: self.later_line,
            after_reference: self.after_reference,
            has_line_breaks: self.has_line_breaks && self.context == Context::Paragraph,
            heading: self.context == Context::Heading,
            at_edge: self.out.is_empty() || self.out.ends_with('\n'),
        };
        // The first character of the escaped text.
        let begin = escape(&first.to_string(), Around { last: false, ..around }).chars().next().unwrap_or(first);
        let encode_first = self.set_marks(&wanted, begin, text.len() == first.len_utf8());
        let mut rest = text;
        if encode_first {
            self.raw(&reference(first));
            rest = text.get(first.len_utf8()..).unwrap_or_default();
        }
        if rest.is_empty() {
            return;
        }
        let around = Around { first: !encode_first, line_start: around.line_start && !encode_first, ..around };
        let written = escape(rest, around);
        let last = rest.chars().next_back().unwrap_or(first);
        // The last character as it was written.
        let tail = if rest.chars().nth(1).is_none() {
            written.clone()
        } else {
            escape(&last.to_string(), Around { last: true, ..Around::default() })
        };
        self.raw(&written);
        if self.out.ends_with(&tail) {
            self.literal = Some((self.out.len() - tail.len(), last));
        }
    }

    /// Returns true if exactly these marks are open, so that no delimiter is necessary.
    fn has_marks(&self, wanted: &[Mark]) -> bool {
        self.open.len() == wanted.len() && wanted.iter().all(|mark| self.open.contains(mark))
    }

    /// Writes code between the shortest run of backticks that it does not contain.
    fn code(&mut self, text: &str) {
        let mut runs: Vec<usize> = text.split(|c| c != '`').map(str::len).collect();
        runs.sort_unstable();
        runs.dedup();
        let ticks = (1..=text.len() + 1).find(|count| runs.binary_search(count).is_err()).unwrap_or(1);
        let fence = "`".repeat(ticks);
        let blank = text.chars().all(|c| c == ' ');
        let pad =
            !blank && (text.starts_with(' ') && text.ends_with(' ') || text.starts_with('`') || text.ends_with('`'));
        let pad = if pad { " " } else { "" };
        self.raw(&format!("{fence}{pad}{text}{pad}{fence}"));
    }
}

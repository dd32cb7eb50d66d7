//! Running text → Markdown that is read as the same text.
//!
//! Every mark is written with delimiters of its own (`**`, `~~`, and `_` or `*`), so that no two runs of the same
//! delimiter ever touch, and every opening one is closed by the next of its kind. What is left is whether a run of
//! delimiters can open or close where it stands (CommonMark 6.2, with the parser's rule for Chinese): where it could
//! not, the character beside it is written as a numeric reference, which ends and begins in punctuation.

use std::fmt::Write;

use super::{
    escape::{self, Around, escape, is_chinese, reference},
    footnote,
};
use crate::content::{Href, Inline, Mark};

/// Where running text stands, as far as it matters for how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    Paragraph,
    Cell,
    Heading,
}

/// Running text as Markdown.
pub(super) fn inlines(content: &[Inline], context: Context) -> String {
    let lines = content.iter().any(|inline| matches!(inline, Inline::LineBreak));
    let mut writer = Writer {
        out: String::new(),
        context,
        lines,
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

/// A plain text as Markdown, in a heading.
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
    /// Whether the text has more than one line.
    lines: bool,
    emphasis: &'static str,
    open: Vec<Mark>,
    /// Where in `out` the last character of the text begins, and what it is, if `out` ends with it.
    literal: Option<(usize, char)>,
    line_start: bool,
    /// Whether a line break was written.
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
                    // Code may hold what ends the label of a reference definition, `]:`, and cannot be escaped. A definition
                    // has nothing behind its address that is no title, and an empty title with a parenthesis is none.
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
                    self.keep_space();
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
        self.keep_space();
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
            // The parser looks for the last quotation mark that a backslash could have escaped, so neither stands
            // in the title as it is; and it takes references for what they mean before it takes escapes off.
            let words = escape::title(words).replace('\\', "&#92;").replace('"', "&quot;");
            let _ = write!(text, " \"{words}\"");
        }
        text.push(')');
        self.raw(&text);
    }

    /// A space at the end of a line would be lost.
    fn keep_space(&mut self) {
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

    /// Closes all marks before something that is no text and begins with `next`.
    fn close(&mut self, next: char) {
        self.turn(&[], next, false);
    }

    /// Closes and opens marks so that `wanted` are open; `next` is the character that follows, and `alone` says that
    /// it is all of its text, so that it may yet be written as a reference for the sake of what comes behind it. Says
    /// whether it has to be written so for what stands before it.
    fn turn(&mut self, wanted: &[Mark], next: char, alone: bool) -> bool {
        let keep = self.open.iter().take_while(|mark| wanted.contains(mark)).count();
        let closing: Vec<Mark> = self.open.drain(keep..).rev().collect();
        let opening: Vec<Mark> = [Mark::Strong, Mark::Strikethrough, Mark::Emphasis]
            .into_iter()
            .filter(|mark| wanted.contains(mark) && !self.open.contains(mark))
            .collect();
        let count = closing.len() + opening.len();
        if count == 0 {
            return false;
        }
        // The parser looks past `~` for the characters beside a run.
        let before = self.out.chars().rev().find(|c| *c != '~').unwrap_or('\n');
        let soft = |c: char| c.is_whitespace() || c.is_ascii_punctuation();
        let letter = |c: char| c.is_ascii_alphanumeric() || is_chinese(c);
        let underscore = self.emphasis == "_" && closing.iter().chain(&opening).any(|mark| *mark == Mark::Emphasis);
        let beside_chinese = count == 1 && !underscore && (is_chinese(before) || is_chinese(next));
        let (encode_before, encode_next) = match (closing.is_empty(), opening.is_empty()) {
            // Only opening: what follows must be no space; what stands before must not bind to it.
            (true, _) => {
                let free = count == 1 && !underscore && (is_chinese(before) || !alone && letter(next));
                (!soft(before) && !free, next.is_whitespace())
            }
            (_, true) => {
                let free = beside_chinese || count == 1 && !underscore && letter(before);
                (before.is_whitespace(), !soft(next) && !free)
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
            self.turn(&wanted, '`', false);
            self.code(text);
            return;
        }
        let Some(first) = text.chars().next() else { return };
        let around = Around {
            first: true,
            last: true,
            line_start: self.line_start && self.turned(&wanted),
            later_line: self.later_line,
            after_reference: self.after_reference,
            lines: self.lines && self.context == Context::Paragraph,
            heading: self.context == Context::Heading,
            at_edge: self.out.is_empty() || self.out.ends_with('\n'),
        };
        // What the text will begin with, once it is escaped.
        let begin = escape(&first.to_string(), Around { last: false, ..around }).chars().next().unwrap_or(first);
        let encode_first = self.turn(&wanted, begin, text.len() == first.len_utf8());
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
        // The last character alone, as it was just written.
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

    /// Whether no delimiter comes before the next text.
    fn turned(&self, wanted: &[Mark]) -> bool {
        self.open.len() == wanted.len() && wanted.iter().all(|mark| self.open.contains(mark))
    }

    /// Code between the fewest backticks that do not stand in it.
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

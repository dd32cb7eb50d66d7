//! Removes from inlines the spaces, line breaks and splits that Markdown cannot express.

use crate::content::{Inline, Mark};

/// Appends text, merged with a last text of the same marks.
pub(super) fn push_text(out: &mut Vec<Inline>, text: &str, marks: Vec<Mark>) {
    let code = marks.contains(&Mark::Code);
    let text = if !code && matches!(out.last(), Some(Inline::LineBreak)) { text.trim_start_matches(' ') } else { text };
    if text.is_empty() {
        return;
    }
    match out.last_mut() {
        Some(Inline::Text { text: before, marks: same }) if *same == marks => before.push_str(text),
        _ => out.push(Inline::Text { text: text.to_owned(), marks }),
    }
}

pub(super) fn push_all(out: &mut Vec<Inline>, content: Vec<Inline>) {
    for inline in content {
        match inline {
            Inline::Text { text, marks } => push_text(out, &text, marks),
            other => out.push(other),
        }
    }
}

/// Removes spaces from the end.
pub(super) fn trim_end(content: &mut Vec<Inline>) {
    while let Some(Inline::Text { text, marks }) = content.last_mut() {
        if marks.contains(&Mark::Code) {
            break;
        }
        text.truncate(text.trim_end_matches(' ').len());
        if !text.is_empty() {
            break;
        }
        content.pop();
    }
}

/// Removes spaces and line breaks from both ends.
pub(super) fn trim(content: &mut Vec<Inline>) {
    trim_end(content);
    while matches!(content.last(), Some(Inline::LineBreak)) {
        content.pop();
        trim_end(content);
    }
    let mut empty = 0;
    for inline in content.iter_mut() {
        match inline {
            Inline::LineBreak => empty += 1,
            Inline::Text { text, marks } if !marks.contains(&Mark::Code) => {
                let rest = text.trim_start_matches(' ');
                if rest.is_empty() {
                    empty += 1;
                    continue;
                }
                if rest.len() < text.len() {
                    *text = rest.to_owned();
                }
                break;
            }
            _ => break,
        }
    }
    content.drain(..empty);
}

/// Returns the inlines as the parser would build them: texts with the same marks merged, empty ones removed, and no spaces or
/// line breaks at the ends or spaces around a line break.
pub(in crate::content) fn normalize(content: Vec<Inline>) -> Vec<Inline> {
    let mut out = merge(content);
    trim(&mut out);
    out
}

fn merge(content: Vec<Inline>) -> Vec<Inline> {
    let mut out = Vec::with_capacity(content.len());
    for inline in content {
        match inline {
            Inline::Text { text, marks } => push_text(&mut out, &text, marks),
            Inline::LineBreak => {
                trim_end(&mut out);
                out.push(Inline::LineBreak);
            }
            Inline::Link { href, title, content } => out.push(Inline::Link { href, title, content: merge(content) }),
            other => out.push(other),
        }
    }
    out
}

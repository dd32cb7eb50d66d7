//! Running text without what Markdown has no place for.

use crate::content::{Inline, Mark};

/// Adds text, to the neighbour where that has the same marks.
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

/// Takes spaces off the end.
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

/// Takes spaces and line breaks off both ends of a block's text.
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

/// Running text as the parser would have left it: neighbours with the same marks are one, nothing is empty, and no space
/// or line break stands where Markdown has no place for it.
pub(in crate::content) fn tidy(content: Vec<Inline>) -> Vec<Inline> {
    let mut out = joined(content);
    trim(&mut out);
    out
}

fn joined(content: Vec<Inline>) -> Vec<Inline> {
    let mut out = Vec::with_capacity(content.len());
    for inline in content {
        match inline {
            Inline::Text { text, marks } => push_text(&mut out, &text, marks),
            Inline::LineBreak => {
                trim_end(&mut out);
                out.push(Inline::LineBreak);
            }
            Inline::Link { href, title, content } => out.push(Inline::Link { href, title, content: joined(content) }),
            other => out.push(other),
        }
    }
    out
}

//! Checks that the text of a body survives as Markdown: builds the document that an article file would give, and reports
//! every part that would differ.

use std::collections::{HashMap, HashSet};

use super::{
    Diagnostic,
    parts::{Part, Parts, Text},
};
use crate::content::{Block, Document, Section, Warning, bounded::Bounded, markdown, outline};

type Diagnostics = Bounded<Diagnostic>;

/// All parts as one Markdown text.
#[derive(Default)]
struct JoinedText {
    text: String,
    line: u32,
    /// The line of each part's heading, and the first line of its text.
    starts: Vec<(u32, u32)>,
}

impl JoinedText {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        let lines = text.bytes().filter(|b| *b == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
    }

    fn new(parts: &Parts) -> JoinedText {
        let depth = parts.list.iter().map(|part| part.level).max().unwrap_or_default();
        let first_level = if depth >= outline::MAX_DEPTH { 1 } else { 2 };
        let mut joined = JoinedText { line: 1, ..JoinedText::default() };
        for part in &parts.list {
            let heading = joined.line;
            if part.level > 0 {
                let mut line = String::new();
                markdown::push_heading(&mut line, &part.section, first_level + part.level - 1);
                joined.push(&line);
                joined.push("\n");
            }
            joined.starts.push((heading, joined.line));
            match &part.text {
                Text::Markdown { text, .. } => joined.push(text),
                Text::Blocks { .. } => joined.push(&markdown::file_blocks(&part.section.blocks)),
                Text::None => {}
            }
            joined.push("\n\n");
        }
        joined
    }

    /// Returns the pointer of the value with a line, and the line within a Markdown value.
    fn locate(&self, parts: &Parts, line: u32) -> (String, Option<u32>) {
        let index = self.starts.partition_point(|(heading, _)| *heading <= line).saturating_sub(1);
        let (Some(part), Some((_, start))) = (parts.list.get(index), self.starts.get(index)) else {
            return (String::new(), None);
        };
        match &part.text {
            _ if line < *start => (format!("{}/title", part.pointer), None),
            Text::Markdown { pointer, .. } => (pointer.clone(), Some(line - start + 1)),
            Text::Blocks { pointer } => (pointer.clone(), None),
            Text::None => (part.pointer.clone(), None),
        }
    }

    /// Adds errors or warnings of the Markdown reader with their pointers.
    fn report(&self, parts: &Parts, found: Vec<Warning>, out: &mut Diagnostics) {
        for Warning { line, column, message } in found {
            let (pointer, line) = line.map(|line| self.locate(parts, line)).unwrap_or_default();
            let column = column.filter(|_| line.is_some());
            out.push(|| Diagnostic { pointer, line, column, message });
        }
    }
}

/// Adds the text of `parts` to `document`; `None` if an error prevents it.
pub(super) fn check(
    mut document: Document,
    parts: &Parts,
    errors: &mut Diagnostics,
    warnings: &mut Diagnostics,
) -> Option<Document> {
    for part in &parts.list {
        if let Text::Markdown { removed: removed @ 1.., pointer, .. } = &part.text {
            warnings.add(pointer, markdown::removed_characters(*removed));
        }
    }
    let joined = JoinedText::new(parts);
    if joined.text.len() > markdown::MAX_BYTES {
        errors.add("", format!("The text is longer than {} bytes as Markdown.", markdown::MAX_BYTES));
        return None;
    }
    let (mut found, mut noted) = (Bounded::default(), Bounded::default());
    let body = markdown::read_body(&joined.text, 0, false, &mut found, &mut noted);
    joined.report(parts, noted.sorted(), warnings);
    if found.count() > 0 {
        joined.report(parts, found.sorted(), errors);
        return None;
    }
    if !parts.is_single_markdown && !has_sent_headings(&joined, parts, &body.headings, errors) {
        return None;
    }
    document.lead = body.lead;
    document.sections = body.sections;
    let entries = outline::entries(&document.sections);
    let mut read: Vec<&[Block]> = vec![&document.lead];
    read.extend(entries.iter().map(|entry| entry.section.blocks.as_slice()));
    let footnotes = footnotes(&read);
    check_references(parts, &footnotes, errors);
    if errors.count() > 0 {
        return None;
    }
    if !parts.is_single_markdown {
        for (part, entry) in parts.list.iter().skip(1).zip(&entries) {
            compare_heading(part, entry.section, errors);
        }
        for (part, read) in parts.list.iter().zip(&read) {
            if let Text::Blocks { pointer } = &part.text {
                compare_blocks(&part.section.blocks, read, pointer, &footnotes, errors);
            }
        }
    }
    match markdown::read(&markdown::write(&document), None) {
        Ok(again) => compare_documents(&document, &again.document, errors),
        Err(found) => {
            for found in found {
                errors.add("", format!("The article file would be invalid: {}", found.message));
            }
        }
    }
    Some(document)
}

/// Returns true if the headings at the lines `found` are those of the sections; otherwise reports the differences.
fn has_sent_headings(joined: &JoinedText, parts: &Parts, found: &[u32], errors: &mut Diagnostics) -> bool {
    let sent: Vec<u32> = joined.starts.iter().skip(1).map(|(heading, _)| *heading).collect();
    if sent == found {
        return true;
    }
    let expected: HashSet<u32> = sent.iter().copied().collect();
    for line in found.iter().filter(|line| !expected.contains(line)) {
        let (pointer, line) = joined.locate(parts, *line);
        let message = "The text of a section cannot contain a heading; make it a section of its own.".to_owned();
        errors.push(|| Diagnostic { pointer, line, column: line.map(|_| 1), message });
    }
    let found: HashSet<u32> = found.iter().copied().collect();
    let mut is_lost = false;
    for (before, line) in parts.list.iter().zip(&sent) {
        let was_lost = std::mem::replace(&mut is_lost, !found.contains(line));
        if is_lost && !was_lost {
            let pointer = match &before.text {
                Text::Markdown { pointer, .. } | Text::Blocks { pointer } => pointer,
                Text::None => &before.pointer,
            };
            errors.add(pointer, "This text contains code or HTML without an end; close it.");
        }
    }
    false
}

/// Reports references of blocks to footnotes that do not exist.
fn check_references(parts: &Parts, footnotes: &HashMap<&str, &[Block]>, errors: &mut Diagnostics) {
    let defined: HashSet<String> = footnotes.keys().map(|label| label.to_lowercase()).collect();
    let is_defined = |label: &str| defined.contains(label) || parts.blocks.footnotes.contains_key(label);
    let references = parts.blocks.references.iter();
    let mut missing: Vec<_> = references.filter(|(label, _)| !is_defined(&label.to_lowercase())).collect();
    missing.sort_by_key(|(_, pointer)| *pointer);
    for (label, pointer) in missing {
        errors.add(pointer, format!("The footnote `{label}` does not exist; define it or remove the reference."));
    }
}

/// Returns the content of all footnotes by label.
fn footnotes<'a>(parts: &[&'a [Block]]) -> HashMap<&'a str, &'a [Block]> {
    let notes = parts.iter().flat_map(|blocks| blocks.iter()).filter_map(|block| match block {
        Block::Footnote { label, content } => Some((label.as_str(), content.as_slice())),
        _ => None,
    });
    notes.collect()
}

fn compare_heading(part: &Part, read: &Section, errors: &mut Diagnostics) {
    let Section { anchor, label, title, .. } = &part.section;
    if let Some(label) = label
        && read.label.as_ref() != Some(label)
    {
        let message = format!("`{label}` is not the numbering of a heading; move it into the title.");
        errors.add(format!("{}/label", part.pointer), message);
    } else if read.title != *title || read.label != *label {
        let message = format!("An article file would give this title as `{}`; change it.", read.title);
        errors.add(format!("{}/title", part.pointer), message);
    }
    if read.anchor != *anchor {
        errors.add(format!("{}/anchor", part.pointer), "An article file would lose this anchor; change the title.");
    }
}

/// Reports the first block of a part that differs, and every footnote that differs.
fn compare_blocks(
    sent: &[Block],
    read: &[Block],
    pointer: &str,
    footnotes: &HashMap<&str, &[Block]>,
    errors: &mut Diagnostics,
) {
    let mut report = |pointer| errors.add(pointer, "Markdown cannot express this; write it in another way.");
    let mut read = read.iter().filter(|block| !matches!(block, Block::Footnote { .. }));
    let mut is_same = true;
    for (index, block) in sent.iter().enumerate() {
        let at = format!("{pointer}/{index}");
        if let Block::Footnote { label, content } = block {
            match footnotes.get(label.as_str()) {
                None => report(at),
                Some(read) => {
                    if let Some(below) = difference(content, read) {
                        report(format!("{at}/content{below}"));
                    }
                }
            }
        } else if is_same {
            let read = read.next();
            is_same = read == Some(block);
            if !is_same {
                report(format!("{at}{}", read.and_then(|read| difference_within(block, read)).unwrap_or_default()));
            }
        }
    }
    if is_same && read.next().is_some() {
        report(pointer.to_owned());
    }
}

/// Returns the pointer of the deepest block that contains the first difference between two lists.
fn difference(sent: &[Block], read: &[Block]) -> Option<String> {
    if sent == read {
        return None;
    }
    let index = sent.iter().zip(read).position(|(sent, read)| sent != read);
    if sent.len() != read.len() {
        // Blocks were merged or split.
        let index = index.unwrap_or(read.len()).min(sent.len().saturating_sub(1));
        return Some(if sent.is_empty() { String::new() } else { format!("/{index}") });
    }
    let index = index?;
    let below = difference_within(sent.get(index)?, read.get(index)?).unwrap_or_default();
    Some(format!("/{index}{below}"))
}

/// Returns the pointer of the difference below two blocks; `None` if they differ themselves.
fn difference_within(sent: &Block, read: &Block) -> Option<String> {
    match (sent, read) {
        (
            Block::List { ordered, start, tight, items },
            Block::List { ordered: o, start: s, tight: t, items: others },
        ) if (ordered, start, tight, items.len()) == (o, s, t, others.len()) => {
            items.iter().zip(others).enumerate().find_map(|(index, (sent, read))| {
                let below = difference(&sent.content, &read.content)?;
                Some(format!("/items/{index}/content{below}"))
            })
        }
        (Block::Quote { content }, Block::Quote { content: other }) => {
            difference(content, other).map(|below| format!("/content{below}"))
        }
        (Block::Callout { kind, title, content }, Block::Callout { kind: k, title: t, content: other })
            if (kind, title) == (k, t) =>
        {
            difference(content, other).map(|below| format!("/content{below}"))
        }
        _ => None,
    }
}

/// Reports every field that differs in the article file.
fn compare_documents(sent: &Document, read: &Document, errors: &mut Diagnostics) {
    for (name, is_same) in [
        ("locale", sent.locale == read.locale),
        ("title", sent.title == read.title),
        ("questions", sent.questions == read.questions),
        ("summary", sent.summary == read.summary),
        ("topics", sent.topics == read.topics),
        ("source", sent.source == read.source),
        ("related", sent.related == read.related),
    ] {
        if !is_same {
            errors.add(
                format!("/{name}"),
                format!("An article file cannot express this `{name}`; write it in another way."),
            );
        }
    }
    if errors.count() == 0 && sent != read {
        errors.add("", "An article file cannot express this text; write it in another way.");
    }
}

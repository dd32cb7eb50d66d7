//! The parts of a text → the document that an article file would give, or the places that it would not keep.

use std::collections::{HashMap, HashSet};

use super::{
    Remarks, Warning,
    parts::{Part, Parts, Text},
};
use crate::content::{Block, Document, Section, markdown, outline};

/// All parts as one Markdown text.
#[derive(Default)]
struct Whole {
    text: String,
    line: u32,
    /// The line where each part's heading is, and the line where its text begins.
    places: Vec<(u32, u32)>,
}

impl Whole {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.line += lines(text);
    }

    fn new(parts: &Parts) -> Whole {
        let deepest = parts.list.iter().map(|part| part.level).max().unwrap_or_default();
        let first_level = if deepest >= outline::MAX_DEPTH { 1 } else { 2 };
        let mut whole = Whole { line: 1, ..Whole::default() };
        for part in &parts.list {
            let heading = whole.line;
            if part.level > 0 {
                let mut line = String::new();
                markdown::push_heading(&mut line, &part.section, first_level + part.level - 1);
                whole.push(&line);
                whole.push("\n");
            }
            whole.places.push((heading, whole.line));
            match &part.text {
                Text::Markdown(text, ..) => whole.push(text),
                Text::Blocks(_) => {
                    let text = markdown::links_to_files(&markdown::blocks(&part.section.blocks));
                    whole.push(&text);
                }
                Text::None => {}
            }
            whole.push("\n\n");
        }
        whole
    }

    /// The place in the body of a line.
    fn place(&self, parts: &Parts, line: u32) -> (String, Option<u32>) {
        let at = self.places.partition_point(|(heading, _)| *heading <= line).saturating_sub(1);
        let (Some(part), Some((_, begin))) = (parts.list.get(at), self.places.get(at)) else {
            return (String::new(), None);
        };
        match &part.text {
            _ if line < *begin => (format!("{}/title", part.pointer), None),
            Text::Markdown(.., pointer) => (pointer.clone(), Some(line - begin + 1)),
            Text::Blocks(pointer) => (pointer.clone(), None),
            Text::None => (part.pointer.clone(), None),
        }
    }

    /// What Markdown says of a line, said of the place in the body.
    fn tell(&self, parts: &Parts, found: Vec<super::super::Warning>, out: &mut Remarks) {
        for found in found {
            let (pointer, line) = found.line.map(|line| self.place(parts, line)).unwrap_or_default();
            let column = found.column.filter(|_| line.is_some());
            out.push(Warning { pointer, line, column, message: found.message });
        }
    }
}

fn lines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|b| *b == b'\n').count()).unwrap_or(u32::MAX)
}

/// Puts the text of `parts` into `document`; nothing where a fault stands against it.
pub(super) fn document(
    mut document: Document,
    parts: &Parts,
    faults: &mut Remarks,
    remarks: &mut Remarks,
) -> Option<Document> {
    for part in &parts.list {
        if let Text::Markdown(_, removed @ 1.., pointer) = &part.text {
            let message = "characters that may not stand in a text were left out (control characters and such).";
            remarks.at(pointer, format!("{removed} {message}"));
        }
    }
    let whole = Whole::new(parts);
    if whole.text.len() > markdown::MAX_BYTES {
        faults.at("", format!("The text is longer than {} bytes as Markdown.", markdown::MAX_BYTES));
        return None;
    }
    let (mut found, mut noted) = (markdown::Faults::default(), markdown::Faults::default());
    let body = markdown::read_body(&whole.text, 0, false, &mut found, &mut noted);
    whole.tell(parts, noted.sorted(), remarks);
    let found = found.sorted();
    if !found.is_empty() {
        whole.tell(parts, found, faults);
        return None;
    }
    if !parts.whole && !headings(&whole, parts, &body.headings, faults) {
        return None;
    }
    document.lead = body.lead;
    document.sections = body.sections;
    let sections = outline::entries(&document.sections);
    let read: Vec<&[Block]> = std::iter::once(document.lead.as_slice())
        .chain(sections.iter().map(|entry| entry.section.blocks.as_slice()))
        .collect();
    references(parts, &read, faults);
    if !faults.is_empty() {
        return None;
    }
    if !parts.whole {
        let sections: Vec<&Section> = sections.iter().map(|entry| entry.section).collect();
        compare(parts, &sections, &read, faults);
    }
    let file = markdown::write(&document);
    match markdown::read(&file, None) {
        Ok(again) => fields(&document, &again.document, faults),
        Err(found) => {
            for found in found {
                faults.at("", format!("This cannot be kept as an article file: {}", found.message));
            }
        }
    }
    Some(document)
}

/// Whether the headings that were read are those of the sections; where they are not, why.
fn headings(whole: &Whole, parts: &Parts, found: &[u32], faults: &mut Remarks) -> bool {
    let sent: Vec<u32> = whole.places.iter().skip(1).map(|(heading, _)| *heading).collect();
    if sent == found {
        return true;
    }
    let known: HashSet<u32> = sent.iter().copied().collect();
    for line in found.iter().filter(|line| !known.contains(line)) {
        let (pointer, line) = whole.place(parts, *line);
        let message = "A heading cannot stand in the text of a section; make it a section of its own.".to_owned();
        faults.push(Warning { pointer, line, column: line.map(|_| 1), message });
    }
    let found: HashSet<u32> = found.iter().copied().collect();
    let mut lost = false;
    for (before, line) in parts.list.iter().zip(&sent) {
        if !found.contains(line) && !lost {
            let pointer = match &before.text {
                Text::Markdown(.., pointer) | Text::Blocks(pointer) => pointer,
                Text::None => &before.pointer,
            };
            faults.at(pointer, "Code or HTML begins in this text and does not end in it.");
        }
        lost = !found.contains(line);
    }
    false
}

/// References of blocks to footnotes that are nowhere.
fn references(parts: &Parts, read: &[&[Block]], faults: &mut Remarks) {
    let known: HashSet<String> = footnotes(read).into_keys().map(str::to_lowercase).collect();
    let missing = |label: &str| !known.contains(label) && !parts.footnotes.contains_key(label);
    let mut missing: Vec<(&String, &String)> =
        parts.references.iter().filter(|(label, _)| missing(&label.to_lowercase())).collect();
    missing.sort_by_key(|(_, pointer)| *pointer);
    for (label, pointer) in missing {
        faults.at(pointer, format!("There is no footnote `{label}`."));
    }
}

/// The footnotes of all parts.
fn footnotes<'a>(parts: &[&'a [Block]]) -> HashMap<&'a str, &'a [Block]> {
    let notes = parts.iter().flat_map(|blocks| blocks.iter()).filter_map(|block| match block {
        Block::Footnote { label, content } => Some((label.as_str(), content.as_slice())),
        _ => None,
    });
    notes.collect()
}

/// Tells of everything that was read otherwise than it was sent. `read` has the blocks of the lead and of `sections`.
fn compare(parts: &Parts, sections: &[&Section], read: &[&[Block]], faults: &mut Remarks) {
    let notes = footnotes(read);
    for (place, part) in parts.list.iter().enumerate() {
        if let Some(section) = place.checked_sub(1).and_then(|place| sections.get(place)) {
            heading(part, section, faults);
        }
        if let (Text::Blocks(pointer), Some(read)) = (&part.text, read.get(place)) {
            blocks(&part.section.blocks, read, pointer, &notes, faults);
        }
    }
}

fn heading(part: &Part, read: &Section, faults: &mut Remarks) {
    let Section { anchor, label, title, .. } = &part.section;
    if let Some(label) = label
        && read.label.as_ref() != Some(label)
    {
        let message = format!("`{label}` before this title is not the numbering of a heading; put it into the title.");
        faults.at(format!("{}/label", part.pointer), message);
    } else if read.title != *title || read.label != *label {
        let message = format!("The title would be read as `{}`.", read.title);
        faults.at(format!("{}/title", part.pointer), message);
    }
    if read.anchor != *anchor {
        faults.at(format!("{}/anchor", part.pointer), "The anchor would be lost.");
    }
}

/// The first block of a part that was read otherwise, and every footnote that was.
fn blocks(sent: &[Block], read: &[Block], pointer: &str, notes: &HashMap<&str, &[Block]>, faults: &mut Remarks) {
    let is_note = |block: &Block| matches!(block, Block::Footnote { .. });
    let mut read = read.iter().filter(|block| !is_note(block));
    let mut whole = true;
    for (place, block) in sent.iter().enumerate() {
        let at = format!("{pointer}/{place}");
        if let Block::Footnote { label, content } = block {
            if let Some(below) = differing(content, notes.get(label.as_str()).copied().unwrap_or_default()) {
                told(format!("{at}/content{below}"), faults);
            } else if !notes.contains_key(label.as_str()) {
                told(at, faults);
            }
        } else if whole {
            let one = std::slice::from_ref(block);
            let other = read.next().map(std::slice::from_ref).unwrap_or_default();
            whole = other == one;
            if let Some(below) = differing(one, other) {
                // What was compared is a list of one.
                told(format!("{at}{}", below.strip_prefix("/0").unwrap_or_default()), faults);
            }
        }
    }
    if whole && read.next().is_some() {
        told(pointer.to_owned(), faults);
    }
}

fn told(pointer: String, faults: &mut Remarks) {
    faults.at(pointer, "Markdown has no way to say this; it would be read otherwise.");
}

/// The deepest place that tells two lists of blocks apart: in one another, as a pointer.
fn differing(sent: &[Block], read: &[Block]) -> Option<String> {
    if sent == read {
        return None;
    }
    let place = sent.iter().zip(read).position(|(sent, read)| sent != read);
    if sent.len() != read.len() {
        // Blocks became one, or one more than one.
        let place = place.unwrap_or(read.len()).min(sent.len().saturating_sub(1));
        return Some(if sent.is_empty() { String::new() } else { format!("/{place}") });
    }
    let place = place?;
    let below = match (sent.get(place), read.get(place)) {
        (
            Some(Block::List { ordered, start, tight, items }),
            Some(Block::List { ordered: o, start: s, tight: t, items: others }),
        ) if (ordered, start, tight, items.len()) == (o, s, t, others.len()) => {
            let pair = items.iter().zip(others).enumerate();
            let mut pair =
                pair.filter_map(|(item, (sent, read))| Some((item, differing(&sent.content, &read.content)?)));
            pair.next().map(|(item, below)| format!("/items/{item}/content{below}"))
        }
        (Some(Block::Quote { content }), Some(Block::Quote { content: other })) => {
            differing(content, other).map(|below| format!("/content{below}"))
        }
        (Some(Block::Callout { kind, title, content }), Some(Block::Callout { kind: k, title: t, content: other }))
            if (kind, title) == (k, t) =>
        {
            differing(content, other).map(|below| format!("/content{below}"))
        }
        _ => None,
    };
    Some(format!("/{place}{}", below.unwrap_or_default()))
}

/// Tells of every field that an article file would not keep.
fn fields(sent: &Document, read: &Document, faults: &mut Remarks) {
    for (name, same) in [
        ("locale", sent.locale == read.locale),
        ("title", sent.title == read.title),
        ("questions", sent.questions == read.questions),
        ("summary", sent.summary == read.summary),
        ("topics", sent.topics == read.topics),
        ("source", sent.source == read.source),
        ("related", sent.related == read.related),
    ] {
        if !same {
            faults.at(format!("/{name}"), format!("An article file cannot keep this `{name}`."));
        }
    }
    if faults.is_empty() && sent != read {
        faults.at("", "An article file cannot keep this text.");
    }
}

//! Writes documents and blocks as canonical Markdown.
//!
//! comrak's own CommonMark writer does not round-trip: it escapes heading attributes (`{#anchor}`), loses text in some tables and
//! lists, and moves emphasis beside Chinese punctuation.

use super::{
    block, escape, front_matter,
    inline_writer::{self, Context},
};
use crate::content::{
    Align, Block, CalloutKind, Cell, Document, ListItem, Section, html, label, name::replace_article_links,
};

/// Writes a document as an article file, from which [`read`](super::read) returns the same document.
#[must_use]
pub fn write(document: &Document) -> String {
    let mut out = front_matter::write(document);
    let body = body(document);
    if !body.is_empty() {
        if !document.lead.is_empty() {
            out.push('\n');
        }
        out.push_str(&body);
    }
    out
}

/// Writes the body of an article file, after the front matter.
pub(in crate::content) fn body(document: &Document) -> String {
    let mut out = blocks(&document.lead);
    // Level 1 is for the title, unless the sections need all six levels.
    let first_level = if depth(&document.sections, 1) > 5 { 1 } else { 2 };
    write_sections(&mut out, &document.sections, first_level);
    links_to_files(&out)
}

/// Replaces stored article links with links to files in the same folder.
fn links_to_files(stored: &str) -> String {
    replace_article_links(stored, |link| match link.split_once('#') {
        Some((slug, fragment)) => format!("{slug}.md#{fragment}"),
        None => format!("{link}.md"),
    })
}

/// Writes blocks as in an article file: [`blocks`] with links to files.
#[must_use]
pub fn file_blocks(list: &[Block]) -> String {
    links_to_files(&blocks(list))
}

/// Writes blocks as Markdown with a final line break; empty without blocks. Links to articles keep their stored form.
#[must_use]
pub fn blocks(blocks: &[Block]) -> String {
    if blocks.is_empty() {
        return String::new();
    }
    let mut out = write_blocks(blocks, "\n\n", None);
    out.push('\n');
    out
}

/// Returns the depth of a section tree, at most 7.
fn depth(sections: &[Section], level: usize) -> usize {
    if level > 6 {
        return level;
    }
    sections.iter().map(|section| depth(&section.children, level + 1).max(level)).max().unwrap_or(0)
}

fn write_sections(out: &mut String, sections: &[Section], level: usize) {
    for section in sections {
        out.push('\n');
        push_heading(out, section, level);
        let text = blocks(&section.blocks);
        if !text.is_empty() {
            out.push('\n');
            out.push_str(&text);
        }
        write_sections(out, &section.children, level + 1);
    }
}

/// Appends the line of a heading.
pub(in crate::content) fn push_heading(out: &mut String, section: &Section, level: usize) {
    // Markdown has six levels, and no reader builds a deeper tree.
    out.push_str(&"#".repeat(level.min(6)));
    out.push(' ');
    out.push_str(&heading_text(section));
    if let Some(anchor) = &section.anchor {
        out.push_str(" {#");
        out.push_str(anchor.as_str());
        out.push('}');
    }
    out.push('\n');
}

/// Writes label and title so that [`label::split`] separates them again.
fn heading_text(section: &Section) -> String {
    let title = section.title.as_str();
    let Some(printed) = &section.label else {
        return inline_writer::heading(title, label::split(title).0.is_some());
    };
    let has_space = printed.ends_with(|c: char| c.is_ascii()) && !title.is_empty();
    let candidates = [if has_space { " " } else { "" }, if has_space { "" } else { " " }];
    for space in candidates {
        let text = format!("{printed}{space}{title}");
        let (split, rest) = label::split(text.trim_end());
        if split.as_ref() == Some(printed) && rest.trim() == title {
            return inline_writer::heading(text.trim_end(), false);
        }
    }
    inline_writer::heading(format!("{printed} {title}").trim_end(), true)
}

/// Writes blocks separated by `separator`. A list must not use the marker of the list before it, which would merge them, nor
/// the marker of an item that it begins, because `- - -` is a thematic break.
fn write_blocks(blocks: &[Block], separator: &str, item_marker: Option<char>) -> String {
    let mut out = String::new();
    let mut last_marker = item_marker;
    let mut is_paren = false;
    for (index, block) in blocks.iter().enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        let before = index.checked_sub(1).and_then(|before| blocks.get(before));
        if let Block::List { ordered, start, tight, items } = block {
            let follows_same = matches!(before, Some(Block::List { ordered: same, .. }) if same == ordered);
            if *ordered {
                is_paren = follows_same && !is_paren;
                out.push_str(&ordered_list(*start, *tight, items, if is_paren { ')' } else { '.' }));
            } else {
                let used = if follows_same || index == 0 { last_marker } else { None };
                let marker = if used == Some('-') { '*' } else { '-' };
                last_marker = Some(marker);
                out.push_str(&bullet_list(*tight, items, marker));
            }
        } else {
            out.push_str(&write_block(block));
        }
    }
    out
}

fn write_block(block: &Block) -> String {
    match block {
        Block::Paragraph { content } => inline_writer::inlines(content, Context::Paragraph),
        Block::List { .. } => write_blocks(std::slice::from_ref(block), "\n", None),
        Block::Quote { content } => quote(&write_blocks(content, "\n\n", None)),
        Block::Table { align, head, rows } => table(align, head, rows),
        Block::Image { src, alt, title } => {
            let image = crate::content::Inline::Image { src: src.clone(), alt: alt.clone(), title: title.clone() };
            inline_writer::inlines(&[image], Context::Paragraph)
        }
        Block::Code { language, text } => {
            let fence = escape::fence(text);
            let language = language.as_deref().filter(|name| html::is_language(name)).unwrap_or_default();
            let end = if text.is_empty() { "" } else { "\n" };
            format!("{fence}{language}\n{text}{end}{fence}")
        }
        Block::Callout { kind, title, content } => {
            let kind = match kind {
                CalloutKind::Note => "NOTE",
                CalloutKind::Tip => "TIP",
                CalloutKind::Important => "IMPORTANT",
                CalloutKind::Warning => "WARNING",
                CalloutKind::Caution => "CAUTION",
            };
            let mut text = format!("[!{kind}]");
            if let Some(title) = title {
                text.push(' ');
                text.push_str(&escape::title(title));
            }
            if !content.is_empty() {
                text.push('\n');
                text.push_str(&write_blocks(content, "\n\n", None));
            }
            quote(&text)
        }
        Block::ThematicBreak => "___".to_owned(),
        Block::Footnote { label, content } => {
            let text = write_blocks(content, "\n\n", None);
            // A paragraph can begin in the line of the label; other blocks begin in the next line.
            let gap = if matches!(content.first(), Some(Block::Paragraph { .. })) { " " } else { "\n    " };
            if text.is_empty() { format!("[^{label}]:") } else { format!("[^{label}]:{gap}{}", indent(&text, 4)) }
        }
    }
}

/// Indents every line except the first and empty ones.
fn indent(text: &str, columns: usize) -> String {
    let pad = " ".repeat(columns);
    let lines: Vec<String> = text
        .split('\n')
        .enumerate()
        .map(|(index, line)| if index == 0 || line.is_empty() { line.to_owned() } else { format!("{pad}{line}") })
        .collect();
    lines.join("\n")
}

fn quote(text: &str) -> String {
    let lines: Vec<String> =
        text.split('\n').map(|line| if line.is_empty() { ">".to_owned() } else { format!("> {line}") }).collect();
    lines.join("\n")
}

fn bullet_list(tight: bool, items: &[ListItem], marker: char) -> String {
    list(tight, items, |_| marker.to_string(), Some(marker))
}

fn ordered_list(start: u32, tight: bool, items: &[ListItem], delimiter: char) -> String {
    // CommonMark reads at most nine digits, and only the first number counts.
    list(tight, items, |index| format!("{}{delimiter}", u64::from(start).saturating_add(index).min(999_999_999)), None)
}

fn list(tight: bool, items: &[ListItem], marker: impl Fn(u64) -> String, bullet: Option<char>) -> String {
    let separator = if tight && block::can_be_tight(items) { "\n" } else { "\n\n" };
    let mut out = String::new();
    for (index, item) in (0..).zip(items) {
        if index > 0 {
            out.push_str(separator);
        }
        let marker = marker(index);
        out.push_str(&marker);
        let text = write_blocks(&item.content, separator, bullet);
        if text.is_empty() {
            continue;
        }
        let columns = marker.len() + 1;
        out.push(' ');
        out.push_str(&indent(&text, columns));
    }
    out
}

fn table(align: &[Align], head: &[Cell], rows: &[Vec<Cell>]) -> String {
    let row = |cells: &[Cell]| {
        let mut line = String::from("|");
        for cell in cells {
            let text = inline_writer::inlines(&cell.content, Context::Cell);
            line.push(' ');
            line.push_str(&text);
            line.push_str(if text.is_empty() { "|" } else { " |" });
        }
        line
    };
    let mut out = row(head);
    out.push_str("\n|");
    for column in 0..head.len() {
        out.push_str(match align.get(column) {
            None | Some(Align::None) => " --- |",
            Some(Align::Left) => " :-- |",
            Some(Align::Center) => " :-: |",
            Some(Align::Right) => " --: |",
        });
    }
    for cells in rows {
        out.push('\n');
        out.push_str(&row(cells));
    }
    out
}

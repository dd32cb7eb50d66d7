//! A document as a canonical article file.

use super::{
    block, escape, front_matter,
    inline_writer::{self, Context},
};
use crate::content::{
    Align, Block, CalloutKind, Cell, Document, ListItem, Section, html, label, name::replace_article_links,
};

/// A document as an article file: [`read`](super::read) gives back the same document.
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

/// What stands below the front matter.
pub(in crate::content) fn body(document: &Document) -> String {
    let mut out = blocks(&document.lead);
    // Six levels of headings stand below each other; the first is the title's, unless the sections need all six.
    let first_level = if depth(&document.sections, 1) > 5 { 1 } else { 2 };
    write_sections(&mut out, &document.sections, first_level);
    links_to_files(&out)
}

/// Files lie side by side: a link to an article is a link to its file.
pub(in crate::content) fn links_to_files(stored: &str) -> String {
    replace_article_links(stored, |link| match link.split_once('#') {
        Some((slug, fragment)) => format!("{slug}.md#{fragment}"),
        None => format!("{link}.md"),
    })
}

/// Blocks as they stand in an article file: [`blocks`], with links to articles as their editor writes them.
#[must_use]
pub fn file_blocks(list: &[Block]) -> String {
    links_to_files(&blocks(list))
}

/// Blocks as Markdown, with a line break at the end; empty where there are none. Links to articles are written in their
/// stored form, for delivery to resolve.
#[must_use]
pub fn blocks(blocks: &[Block]) -> String {
    if blocks.is_empty() {
        return String::new();
    }
    let mut out = join(blocks, "\n\n", None);
    out.push('\n');
    out
}

/// The depth of a section tree, as far as it matters.
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

/// Adds the line of a section's heading.
pub(in crate::content) fn push_heading(out: &mut String, section: &Section, level: usize) {
    // Deeper headings than six there are none; a tree that deep is not made by any reader.
    out.push_str(&"#".repeat(level.min(6)));
    out.push(' ');
    out.push_str(&heading(section));
    if let Some(anchor) = &section.anchor {
        out.push_str(" {#");
        out.push_str(anchor.as_str());
        out.push('}');
    }
    out.push('\n');
}

/// A heading's label and title, so that they are told apart again.
fn heading(section: &Section) -> String {
    let title = section.title.as_str();
    let Some(printed) = &section.label else {
        return inline_writer::heading(title, label::split(title).0.is_some());
    };
    let spaced = printed.ends_with(|c: char| c.is_ascii()) && !title.is_empty();
    let candidates = [if spaced { " " } else { "" }, if spaced { "" } else { " " }];
    for space in candidates {
        let whole = format!("{printed}{space}{title}");
        let (split, rest) = label::split(whole.trim_end());
        if split.as_ref() == Some(printed) && rest.trim() == title {
            return inline_writer::heading(whole.trim_end(), false);
        }
    }
    inline_writer::heading(format!("{printed} {title}").trim_end(), true)
}

/// Blocks one below the other. A list takes a mark that the list before it has not, for else they would be one; and
/// not the mark of the item that it begins, for `- - -` is a rule.
fn join(blocks: &[Block], between: &str, item_mark: Option<char>) -> String {
    let mut out = String::new();
    let mut avoid = item_mark;
    let mut paren = false;
    for (place, block) in blocks.iter().enumerate() {
        if place > 0 {
            out.push_str(between);
        }
        let before = place.checked_sub(1).and_then(|before| blocks.get(before));
        if let Block::List { ordered, start, tight, items } = block {
            let after_same = matches!(before, Some(Block::List { ordered: same, .. }) if same == ordered);
            if *ordered {
                paren = after_same && !paren;
                out.push_str(&ordered_list(*start, *tight, items, if paren { ')' } else { '.' }));
            } else {
                let taken = if after_same || place == 0 { avoid } else { None };
                let mark = if taken == Some('-') { '*' } else { '-' };
                avoid = Some(mark);
                out.push_str(&bullet_list(*tight, items, mark));
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
        Block::List { .. } => join(std::slice::from_ref(block), "\n", None),
        Block::Quote { content } => quote(&join(content, "\n\n", None)),
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
                text.push_str(&join(content, "\n\n", None));
            }
            quote(&text)
        }
        Block::ThematicBreak => "___".to_owned(),
        Block::Footnote { label, content } => {
            let text = join(content, "\n\n", None);
            // Only a paragraph can stand in the line of the label without further thought.
            let gap = if matches!(content.first(), Some(Block::Paragraph { .. })) { " " } else { "\n    " };
            if text.is_empty() { format!("[^{label}]:") } else { format!("[^{label}]:{gap}{}", indent(&text, 4)) }
        }
    }
}

/// The text with every line but the first indented; empty lines stay empty.
fn indent(text: &str, columns: usize) -> String {
    let pad = " ".repeat(columns);
    let lines: Vec<String> = text
        .split('\n')
        .enumerate()
        .map(|(place, line)| if place == 0 || line.is_empty() { line.to_owned() } else { format!("{pad}{line}") })
        .collect();
    lines.join("\n")
}

fn quote(text: &str) -> String {
    let lines: Vec<String> =
        text.split('\n').map(|line| if line.is_empty() { ">".to_owned() } else { format!("> {line}") }).collect();
    lines.join("\n")
}

fn bullet_list(tight: bool, items: &[ListItem], mark: char) -> String {
    list(tight, items, |_| mark.to_string(), Some(mark))
}

fn ordered_list(start: u32, tight: bool, items: &[ListItem], mark: char) -> String {
    // CommonMark reads nine digits at most; only the first number counts.
    list(tight, items, |place| format!("{}{mark}", u64::from(start).saturating_add(place).min(999_999_999)), None)
}

fn list(tight: bool, items: &[ListItem], mark: impl Fn(u64) -> String, bullet: Option<char>) -> String {
    let between = if tight && block::can_be_tight(items) { "\n" } else { "\n\n" };
    let mut out = String::new();
    for (place, item) in (0..).zip(items) {
        if place > 0 {
            out.push_str(between);
        }
        let mark = mark(place);
        out.push_str(&mark);
        let text = join(&item.content, between, bullet);
        if text.is_empty() {
            continue;
        }
        let columns = mark.len() + 1;
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
    for place in 0..head.len() {
        out.push_str(match align.get(place) {
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

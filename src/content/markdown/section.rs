//! Reads the body of an article file with comrak, and builds the section tree from its headings.

use std::{cell::Cell, collections::HashMap, iter::Peekable};

use comrak::{
    Arena, Options,
    nodes::{LineColumn, Node, NodeHeading, NodeValue},
};

use super::{Block, MAX_NESTING, MAX_SECTIONS, Warning, Warnings, footnote::Footnotes, tilde};
use crate::content::{Anchor, Inline, Section, label, text};

/// The largest length of a heading, in characters.
pub(in crate::content) const MAX_HEADING: usize = 300;

/// The body of a file.
#[derive(Debug, Default)]
pub(in crate::content) struct Body {
    /// The first heading, if it is the title of the article.
    pub(super) title: Option<String>,
    /// The line of each section's heading.
    pub(in crate::content) headings: Vec<u32>,
    pub(in crate::content) lead: Vec<Block>,
    pub(in crate::content) sections: Vec<Section>,
}

/// The state while the parser's tree is converted.
pub(super) struct Reader<'r> {
    lines: Vec<&'r str>,
    first_line: u32,
    errors: &'r mut Warnings,
    warnings: &'r mut Warnings,
    pub(super) footnotes: Footnotes,
    /// The index of the current section in reading order, from 1; 0 is the lead.
    pub(super) section: usize,
}

/// A heading and its own text, before the tree is built.
#[derive(Default)]
struct Flat {
    level: u8,
    anchor: Option<Anchor>,
    label: Option<String>,
    title: String,
    blocks: Vec<Block>,
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.footnotes = true;
    options.extension.alerts = true;
    options.extension.cjk_friendly_emphasis = true;
    // By default comrak drops footnotes without a reference.
    options.parse.leave_footnote_definitions = true;
    options
}

/// Reads the body of a file after line `first_line`. If `want_title`, a first heading that is the only one of level 1 becomes
/// the title.
pub(super) fn read(
    body: &str,
    first_line: u32,
    want_title: bool,
    errors: &mut Warnings,
    warnings: &mut Warnings,
) -> Body {
    let source = tilde::hide_tildes(body);
    let arena = Arena::new();
    // The parser calls this every 256 steps, and ordinary text takes a few steps a byte.
    let left = Cell::new(source.len() / 4 + 10_000);
    let is_exhausted = || {
        left.set(left.get().saturating_sub(1));
        left.get() == 0
    };
    let Ok(root) = comrak::try_parse_document(&arena, &source, &options(), &is_exhausted) else {
        errors.add(None, None, "The Markdown is too complex; simplify its marks, lists and tables.");
        return Body::default();
    };
    let line = |line: usize| u32::try_from(line).unwrap_or(u32::MAX).saturating_add(first_line);
    if let Some(position) = find_too_deep(root) {
        let message = format!("Lists and quotes can be nested {MAX_NESTING} levels deep at most.");
        errors.add(Some(line(position.line)), Some(1), message);
        return Body::default();
    }
    let footnotes = Footnotes::collect(root, line, errors);
    let lines = source.split('\n').collect();
    Reader { lines, first_line, errors, warnings, footnotes, section: 0 }.read(root, want_title)
}

/// Returns the position of the first block that is nested too deeply.
fn find_too_deep(root: Node<'_>) -> Option<LineColumn> {
    use comrak::arena_tree::NodeEdge;

    let mut depth = 0_usize;
    for edge in root.traverse() {
        let (NodeEdge::Start(node) | NodeEdge::End(node)) = edge;
        let ast = node.data();
        let is_container = matches!(
            ast.value,
            NodeValue::List(_) | NodeValue::BlockQuote | NodeValue::Alert(_) | NodeValue::FootnoteDefinition(_)
        );
        match edge {
            NodeEdge::Start(_) if is_container => {
                depth += 1;
                if depth > MAX_NESTING {
                    return Some(ast.sourcepos.start);
                }
            }
            NodeEdge::End(_) if is_container => depth -= 1,
            _ => {}
        }
    }
    None
}

impl<'a> Reader<'_> {
    fn read(mut self, root: Node<'a>, want_title: bool) -> Body {
        let mut body = Body::default();
        let mut flat = vec![Flat::default()];
        let mut anchors: HashMap<Anchor, u32> = HashMap::new();
        let is_level_one =
            |node: Node<'a>| matches!(node.data().value, NodeValue::Heading(NodeHeading { level: 1, .. }));
        let has_title = want_title
            && root.first_child().is_some_and(is_level_one)
            && root.children().skip(1).all(|node| !is_level_one(node));
        for (index, node) in root.children().enumerate() {
            let heading = match &node.data().value {
                NodeValue::Heading(heading) => Some(*heading),
                _ => None,
            };
            let Some(heading) = heading else {
                if let Some(section) = flat.last_mut() {
                    let mut blocks = std::mem::take(&mut section.blocks);
                    self.block(node, &mut blocks);
                    section.blocks = blocks;
                }
                continue;
            };
            let read = self.heading(node, heading, &mut anchors);
            if index == 0 && has_title {
                let label = read.label.unwrap_or_default();
                let space = if label.ends_with(|c: char| c.is_ascii()) { " " } else { "" };
                body.title = Some(format!("{label}{space}{}", read.title)).filter(|title| !title.is_empty());
                continue;
            }
            if flat.len() > MAX_SECTIONS {
                let line = self.line(node.data().sourcepos.start.line);
                self.errors.add(Some(line), Some(1), format!("An article can have {MAX_SECTIONS} sections at most."));
                return Body::default();
            }
            self.section = flat.len();
            body.headings.push(self.line(node.data().sourcepos.start.line));
            flat.push(read);
        }
        let mut blocks: Vec<&mut Vec<Block>> = flat.iter_mut().map(|flat| &mut flat.blocks).collect();
        for (line, label) in self.footnotes.attach(&mut blocks) {
            let message = format!("The footnote `{label}` has no reference; it was moved to the end of its section.");
            self.warnings.add(Some(line), Some(1), message);
        }
        let mut flat = flat.into_iter().peekable();
        body.lead = flat.next().map(|lead| lead.blocks).unwrap_or_default();
        body.sections = build_tree(&mut flat, 0);
        body
    }

    fn heading(&mut self, node: Node<'a>, heading: NodeHeading, anchors: &mut HashMap<Anchor, u32>) -> Flat {
        let position = node.data().sourcepos;
        let content = self.inlines(node, false);
        let is_plain = |inline: &Inline| matches!(inline, Inline::Text { marks, .. } if marks.is_empty());
        if !content.iter().all(is_plain) {
            self.warn(position.start, "A heading is plain text; its marks, links and images were removed.");
        }
        let mut title = text::line(&text::inlines(&content)).trim().to_owned();
        let first = self.lines.get(position.start.line.saturating_sub(1)).copied().unwrap_or_default();
        let last_line = if heading.setext { position.end.line.saturating_sub(1) } else { position.start.line };
        let last = self.lines.get(last_line.saturating_sub(1)).copied().unwrap_or_default();
        let mut anchor = None;
        if let Some((at, name)) = heading_attribute(last, heading.setext) {
            let written = format!("{{#{name}}}");
            if let Some(rest) = title.strip_suffix(&tilde::show_tildes(&written)) {
                title.truncate(rest.trim_end().len());
                let column = last.get(..at).map(|before| u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX));
                let line = Some(self.line(last_line));
                match name.parse::<Anchor>() {
                    Ok(name) => {
                        let at = self.line(last_line);
                        if let Some(before) = anchors.insert(name.clone(), at) {
                            let message =
                                format!("The anchor `{name}` is already used in line {before}; use another one.");
                            self.errors.add(line, column, message);
                        }
                        anchor = Some(name);
                    }
                    Err(why) => {
                        let name: String = tilde::show_tildes(name).chars().take(60).collect();
                        self.errors.add(line, column, format!("`{name}` is not a valid anchor: {why}."));
                    }
                }
            }
        }
        if title.chars().nth(MAX_HEADING).is_some() {
            let line = self.line(position.start.line);
            self.errors.add(Some(line), Some(1), format!("A heading can have {MAX_HEADING} characters at most."));
        }
        // `write` begins a title that looks numbered with a character reference.
        let text = if heading.setext { first } else { first.trim_start().trim_start_matches('#') };
        let (label, title) = if text.trim_start().starts_with("&#") {
            (None, title)
        } else {
            let (label, rest) = label::split(&title);
            (label, rest.trim().to_owned())
        };
        if title.is_empty() && label.is_none() {
            let line = self.line(position.start.line);
            self.errors.add(Some(line), Some(1), "A heading must have text.");
        }
        Flat { level: heading.level, anchor, label, title, blocks: Vec::new() }
    }

    /// Returns the line in the file of a line of the parser.
    pub(super) fn line(&self, line: usize) -> u32 {
        u32::try_from(line).unwrap_or(u32::MAX).saturating_add(self.first_line)
    }

    /// Adds a warning at a position of the parser.
    pub(super) fn warn(&mut self, position: LineColumn, message: impl Into<String>) {
        let line = self.line(position.line);
        let text = self.lines.get(position.line.saturating_sub(1)).copied().unwrap_or_default();
        self.warnings.push(|| {
            let before = text.as_bytes().iter().take(position.column.saturating_sub(1));
            // The first bytes of the characters.
            let column = before.filter(|b| **b & 0xC0 != 0x80).count() + 1;
            Warning {
                line: Some(line),
                column: Some(u32::try_from(column).unwrap_or(u32::MAX)),
                message: message.into(),
            }
        });
    }
}

/// Returns the byte offset and the name of a heading attribute at the end of a line.
fn heading_attribute(line: &str, setext: bool) -> Option<(usize, &str)> {
    let mut line = line.trim_end();
    let open = line.trim_end_matches('#');
    if !setext && open.ends_with([' ', '\t']) {
        line = open.trim_end();
    }
    let inner = line.strip_suffix('}')?;
    let at = inner.rfind("{#")?;
    let name = inner.get(at + 2..)?;
    let escapes = inner.get(..at)?.bytes().rev().take_while(|b| *b == b'\\').count();
    let is_plain = !name.contains(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | '\\' | '`' | '<' | '&'));
    (is_plain && escapes % 2 == 0).then_some((at, name))
}

/// Builds the sections below `level`. The level rises with every call, so the recursion is six calls deep at most.
fn build_tree(flat: &mut Peekable<impl Iterator<Item = Flat>>, level: u8) -> Vec<Section> {
    let mut out = Vec::new();
    while let Some(Flat { level, anchor, label, title, blocks }) = flat.next_if(|next| next.level > level) {
        let children = build_tree(flat, level);
        out.push(Section { anchor, label, title, blocks, children });
    }
    out
}

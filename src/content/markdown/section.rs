//! The body of an article file: the parser is run, and its headings become the section tree.

use std::{cell::Cell, collections::HashMap, iter::Peekable};

use comrak::{
    Arena, Options,
    nodes::{LineColumn, Node, NodeHeading, NodeValue},
};

use super::{Block, Faults, MAX_NESTING, MAX_SECTIONS, footnote::Footnotes, guard};
use crate::content::{Anchor, Inline, Section, label, text};

/// The greatest length of a heading, in characters.
pub(in crate::content) const MAX_HEADING: usize = 300;

/// What the body of a file says.
#[derive(Debug, Default)]
pub(in crate::content) struct Body {
    /// The heading that stands first, where it is the title.
    pub(super) title: Option<String>,
    /// The lines of the sections' headings, in order.
    pub(in crate::content) headings: Vec<u32>,
    pub(in crate::content) lead: Vec<Block>,
    pub(in crate::content) sections: Vec<Section>,
}

/// What reading needs at every node.
pub(super) struct Reader<'r> {
    lines: Vec<&'r str>,
    first_line: u32,
    faults: &'r mut Faults,
    remarks: &'r mut Faults,
    pub(super) footnotes: Footnotes,
    /// The place of the section that is being read, among all; 0 is the lead.
    pub(super) section: usize,
}

/// A heading and what follows it, before the tree is made.
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
    // Else the parser would drop footnotes that nothing refers to.
    options.parse.leave_footnote_definitions = true;
    options
}

/// Reads the body of a file that begins behind line `first_line`. A lone first heading of level 1 is the title where
/// `want_title` says that there is no other.
pub(super) fn read(body: &str, first_line: u32, want_title: bool, faults: &mut Faults, remarks: &mut Faults) -> Body {
    let source = guard::hide_tildes(body);
    let arena = Arena::new();
    // The parser reports every 256 steps of its work. Ordinary text takes a few for each byte.
    let left = Cell::new(source.len() / 4 + 10_000);
    let spent = || {
        left.set(left.get().saturating_sub(1));
        left.get() == 0
    };
    let Ok(root) = comrak::try_parse_document(&arena, &source, &options(), &spent) else {
        faults.push(None, None, "The text is too tangled to be read: marks, lists or tables without end.");
        return Body::default();
    };
    let line = |line: usize| u32::try_from(line).unwrap_or(u32::MAX).saturating_add(first_line);
    if let Some(place) = too_deep(root) {
        let message = format!("Lists and quotes stand more than {MAX_NESTING} deep in each other here.");
        faults.push(Some(line(place.line)), Some(1), message);
        return Body::default();
    }
    let footnotes = Footnotes::collect(root, line, faults);
    let lines = source.split('\n').collect();
    Reader { lines, first_line, faults, remarks, footnotes, section: 0 }.read(root, want_title)
}

/// Where blocks stand deeper in each other than they may.
fn too_deep(root: Node<'_>) -> Option<LineColumn> {
    use comrak::arena_tree::NodeEdge;

    let mut depth = 0_usize;
    for edge in root.traverse() {
        let (NodeEdge::Start(node) | NodeEdge::End(node)) = edge;
        let ast = node.data();
        let nests = matches!(
            ast.value,
            NodeValue::List(_) | NodeValue::BlockQuote | NodeValue::Alert(_) | NodeValue::FootnoteDefinition(_)
        );
        match edge {
            NodeEdge::Start(_) if nests => {
                depth += 1;
                if depth > MAX_NESTING {
                    return Some(ast.sourcepos.start);
                }
            }
            NodeEdge::End(_) if nests => depth -= 1,
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
        let level_one = |node: Node<'a>| matches!(node.data().value, NodeValue::Heading(NodeHeading { level: 1, .. }));
        let title_first = want_title
            && root.first_child().is_some_and(level_one)
            && root.children().skip(1).all(|node| !level_one(node));
        for (place, node) in root.children().enumerate() {
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
            if place == 0 && title_first {
                let label = read.label.unwrap_or_default();
                let space = if label.ends_with(|c: char| c.is_ascii()) { " " } else { "" };
                body.title = Some(format!("{label}{space}{}", read.title)).filter(|title| !title.is_empty());
                continue;
            }
            if flat.len() > MAX_SECTIONS {
                let line = self.line(node.data().sourcepos.start.line);
                self.faults.push(Some(line), Some(1), format!("An article can have {MAX_SECTIONS} sections at most."));
                return Body::default();
            }
            self.section = flat.len();
            body.headings.push(self.line(node.data().sourcepos.start.line));
            flat.push(read);
        }
        let mut places: Vec<&mut Vec<Block>> = flat.iter_mut().map(|flat| &mut flat.blocks).collect();
        for (line, label) in self.footnotes.attach(&mut places) {
            let message = format!("Nothing refers to the footnote `{label}`; it stands at the end of its section.");
            self.remarks.push(Some(line), Some(1), message);
        }
        let mut flat = flat.into_iter().peekable();
        body.lead = flat.next().map(|lead| lead.blocks).unwrap_or_default();
        body.sections = tree(&mut flat, 0);
        body
    }

    fn heading(&mut self, node: Node<'a>, heading: NodeHeading, anchors: &mut HashMap<Anchor, u32>) -> Flat {
        let place = node.data().sourcepos;
        let content = self.inlines(node, false);
        let plain = |inline: &Inline| matches!(inline, Inline::Text { marks, .. } if marks.is_empty());
        if !content.iter().all(plain) {
            self.remark(place.start, "A heading is plain text; its marks, links and images are not kept.");
        }
        let mut title = text::line(&text::inlines(&content)).trim().to_owned();
        let first = self.lines.get(place.start.line.saturating_sub(1)).copied().unwrap_or_default();
        let last_line = if heading.setext { place.end.line.saturating_sub(1) } else { place.start.line };
        let last = self.lines.get(last_line.saturating_sub(1)).copied().unwrap_or_default();
        let mut anchor = None;
        if let Some((at, name)) = attribute(last, heading.setext) {
            let written = format!("{{#{name}}}");
            if let Some(rest) = title.strip_suffix(&guard::show_tildes(&written)) {
                title.truncate(rest.trim_end().len());
                let column = last.get(..at).map(|before| u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX));
                let line = Some(self.line(last_line));
                match name.parse::<Anchor>() {
                    Ok(name) => {
                        let at = self.line(last_line);
                        if let Some(before) = anchors.insert(name.clone(), at) {
                            let message =
                                format!("The anchor `{name}` is that of the heading in line {before} already.");
                            self.faults.push(line, column, message);
                        }
                        anchor = Some(name);
                    }
                    Err(why) => {
                        let name: String = guard::show_tildes(name).chars().take(60).collect();
                        self.faults.push(line, column, format!("`{name}` is not an anchor: {why}."));
                    }
                }
            }
        }
        if title.chars().nth(MAX_HEADING).is_some() {
            let line = self.line(place.start.line);
            self.faults.push(Some(line), Some(1), format!("A heading can have {MAX_HEADING} characters at most."));
        }
        // A heading that is written with a character reference first has no label: that is how `write` says so.
        let text = if heading.setext { first } else { first.trim_start().trim_start_matches('#') };
        let (label, title) = if text.trim_start().starts_with("&#") {
            (None, title)
        } else {
            let (label, rest) = label::split(&title);
            (label, rest.trim().to_owned())
        };
        if title.is_empty() && label.is_none() {
            let line = self.line(place.start.line);
            self.faults.push(Some(line), Some(1), "A heading must have text.");
        }
        Flat { level: heading.level, anchor, label, title, blocks: Vec::new() }
    }

    /// The line of the file for a line of the parser.
    pub(super) fn line(&self, line: usize) -> u32 {
        u32::try_from(line).unwrap_or(u32::MAX).saturating_add(self.first_line)
    }

    /// Notes what an editor should look at.
    pub(super) fn remark(&mut self, place: LineColumn, message: &str) {
        // Counting columns takes time, and what is over the limit is not told.
        if self.remarks.is_full() {
            self.remarks.push(None, None, "");
            return;
        }
        let line = self.lines.get(place.line.saturating_sub(1)).copied().unwrap_or_default();
        let before = line.as_bytes().iter().take(place.column.saturating_sub(1));
        // Counted are the bytes that begin a character.
        let column = before.filter(|b| **b & 0xC0 != 0x80).count() + 1;
        self.remarks.push(Some(self.line(place.line)), Some(u32::try_from(column).unwrap_or(u32::MAX)), message);
    }
}

/// The heading attribute at the end of a line: where it begins, and the name in it.
fn attribute(line: &str, setext: bool) -> Option<(usize, &str)> {
    let mut line = line.trim_end();
    let open = line.trim_end_matches('#');
    if !setext && open.ends_with([' ', '\t']) {
        line = open.trim_end();
    }
    let inner = line.strip_suffix('}')?;
    let at = inner.rfind("{#")?;
    let name = inner.get(at + 2..)?;
    let escapes = inner.get(..at)?.bytes().rev().take_while(|b| *b == b'\\').count();
    let plain = !name.contains(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | '\\' | '`' | '<' | '&'));
    (plain && escapes % 2 == 0).then_some((at, name))
}

/// The sections deeper than `level`. Levels rise with every call, so there are six calls within each other at most.
fn tree(flat: &mut Peekable<impl Iterator<Item = Flat>>, level: u8) -> Vec<Section> {
    let mut out = Vec::new();
    while let Some(Flat { level, anchor, label, title, blocks }) = flat.next_if(|next| next.level > level) {
        let children = tree(flat, level);
        out.push(Section { anchor, label, title, blocks, children });
    }
    out
}

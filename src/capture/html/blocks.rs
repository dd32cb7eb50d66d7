//! Reads the visible blocks of text from the tree of a page, in document order.

use super::{
    dom::{BLOCKS, Dom, Element, Kind, SILENT},
    run::{Run, Target},
    table,
};
use crate::{
    capture::lines::{Line, Markup, Shape},
    content::{Block, Href, Inline, Mark},
};

/// The base URL of relative links.
pub(super) type Base = Option<url::Url>;

/// Reads the blocks of a page; `None` if there are more than `most`.
pub(super) fn read(dom: &Dom, base: &Base, most: usize) -> Option<Vec<Line<'static>>> {
    let hidden = hidden(dom);
    let mut reader = Reader {
        base,
        lines: Vec::new(),
        open: Vec::new(),
        run: Run::default(),
        lists: Vec::new(),
        images: Vec::new(),
    };
    let mut at = 0;
    while let Some(node) = dom.nodes.get(at) {
        reader.leave(at);
        match &node.kind {
            Kind::Text(range) => reader.text(at, dom.slice(range)),
            Kind::Element(element) if SILENT.contains(&element.name) || hidden.get(at) == Some(&true) => {
                at = node.end;
                continue;
            }
            Kind::Element(element) if element.name == "table" => {
                if let Some((block, content)) = table::read(dom, at) {
                    reader.flush();
                    reader.add(at, Shape::Block(block), content);
                    at = node.end;
                    continue;
                }
                reader.enter(at, node.end, element);
            }
            Kind::Element(element) => reader.enter(at, node.end, element),
        }
        if reader.lines.len() > most {
            return None;
        }
        at += 1;
    }
    reader.leave(usize::MAX);
    reader.flush();
    Some(reader.lines)
}

/// Marks the elements that a browser does not show. An invisible element with most of the page's text
/// is shown later by a script, so it counts as visible.
fn hidden(dom: &Dom) -> Vec<bool> {
    let mut letters = Vec::with_capacity(dom.nodes.len() + 1);
    let mut total = 0;
    for node in &dom.nodes {
        letters.push(total);
        if let Kind::Text(range) = &node.kind {
            total += range.len();
        }
    }
    letters.push(total);
    let within =
        |node: usize, end: usize| letters.get(end).zip(letters.get(node)).map_or(0, |(end, start)| end - start);
    let is_hidden = |at: usize, end: usize, element: &Element| {
        let style = element.get("style").unwrap_or_default().to_ascii_lowercase().replace(' ', "");
        let gone = element.get("hidden").is_some() || style.contains("display:none");
        let invisible = style.contains("visibility:hidden") || element.get("aria-hidden") == Some("true");
        gone || (invisible && within(at, end) * 2 < total)
    };
    let judge = |(at, node): (usize, &super::dom::Node)| match &node.kind {
        Kind::Element(element) => is_hidden(at, node.end, element),
        Kind::Text(_) => false,
    };
    dom.nodes.iter().enumerate().map(judge).collect()
}

/// An open element that has a meaning for the text in it.
struct Open {
    end: usize,
    is_block: bool,
    effect: Effect,
}

enum Effect {
    None,
    Mark(Mark),
    Link,
    Heading(u8),
    List,
    Item,
    Quote,
    Caption,
    Code,
}

struct List {
    ordered: bool,
    next: u32,
    /// Returns whether the present item has no text yet.
    fresh: bool,
}

struct Reader<'b> {
    base: &'b Base,
    lines: Vec<Line<'static>>,
    open: Vec<Open>,
    run: Run,
    lists: Vec<List>,
    /// Images, written after the text around them.
    images: Vec<(usize, Block)>,
}

impl Reader<'_> {
    /// Closes the elements that end before a node.
    fn leave(&mut self, at: usize) {
        while self.open.last().is_some_and(|open| open.end <= at) {
            let Some(open) = self.open.last() else { return };
            if open.is_block {
                self.flush();
            }
            let Some(open) = self.open.pop() else { return };
            match open.effect {
                Effect::Link => self.run.link = Target::None,
                Effect::List => _ = self.lists.pop(),
                Effect::Mark(_) => self.run.marks = self.marks(),
                _ => {}
            }
        }
    }

    fn marks(&self) -> Vec<Mark> {
        let mut marks: Vec<Mark> = self
            .open
            .iter()
            .filter_map(|open| if let Effect::Mark(mark) = open.effect { Some(mark) } else { None })
            .collect();
        marks.sort_unstable();
        marks.dedup();
        marks
    }

    fn enter(&mut self, at: usize, end: usize, element: &Element) {
        let is_block = BLOCKS.contains(&element.name);
        if is_block || element.name == "br" {
            self.flush();
        }
        if end <= at + 1 && element.name != "img" {
            return;
        }
        let effect = match element.name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                Effect::Heading(element.name.as_bytes().last().map_or(1, |digit| digit - b'0'))
            }
            "ul" | "ol" | "menu" | "dir" => {
                let next = element.get("start").and_then(|start| start.parse().ok()).unwrap_or(1);
                self.lists.push(List { ordered: element.name == "ol", next, fresh: false });
                Effect::List
            }
            "li" => {
                if let Some(list) = self.lists.last_mut() {
                    list.fresh = true;
                }
                Effect::Item
            }
            "blockquote" => Effect::Quote,
            "figcaption" => Effect::Caption,
            "pre" => Effect::Code,
            "a" if matches!(self.run.link, Target::None) => {
                self.run.link = link(element.given("href"), self.base).map_or(Target::Nowhere, Target::Web);
                Effect::Link
            }
            "img" => {
                if let Some(image) = image(element, self.base) {
                    self.images.push((at, image));
                }
                return;
            }
            _ => mark(element).map_or(Effect::None, Effect::Mark),
        };
        self.open.push(Open { end, is_block, effect });
        self.run.marks = self.marks();
    }

    fn text(&mut self, at: usize, text: &str) {
        if self.open.iter().any(|open| matches!(open.effect, Effect::Code)) {
            for (place, line) in text.split('\n').enumerate() {
                if place > 0 {
                    self.flush();
                }
                self.run.push(at, line);
            }
            return;
        }
        self.run.push(at, text);
    }

    /// Ends the present line, and writes it if it has text.
    fn flush(&mut self) {
        let run = self.run.take();
        if let Some(first) = run.first
            && run.content.iter().any(|inline| !matches!(inline, Inline::LineBreak))
        {
            let shape = self.shape(&run);
            self.add(first, shape, run);
        }
        for (at, image) in std::mem::take(&mut self.images) {
            let text = if let Block::Image { alt, .. } = &image { alt.clone() } else { String::new() };
            let run = Run::default();
            self.push(at, Shape::Block(image), run, if text.is_empty() { "[image]".into() } else { text });
        }
    }

    fn shape(&mut self, run: &Run) -> Shape {
        let quoted = self.open.iter().any(|open| matches!(open.effect, Effect::Quote));
        for open in self.open.iter().rev() {
            match open.effect {
                Effect::Heading(level) => return Shape::Heading(level),
                Effect::Caption => return Shape::Caption,
                Effect::Code => return Shape::Code,
                Effect::Item if !quoted => {
                    let level = self.lists.len();
                    let Some(list) = self.lists.last_mut() else { break };
                    let (first, number) = (std::mem::take(&mut list.fresh), list.next);
                    list.next = if first { list.next.saturating_add(1) } else { list.next };
                    return Shape::Item { level, ordered: list.ordered, number, first };
                }
                _ => {}
            }
        }
        if quoted {
            return Shape::Quote;
        }
        if run.letters > 0 && run.strong == run.letters { Shape::Strong } else { Shape::Paragraph }
    }

    fn add(&mut self, at: usize, shape: Shape, run: Run) {
        let text = crate::content::text::inlines(&run.content);
        let mut text = text.trim_matches(crate::content::label::blank).replace('\n', " ");
        if matches!(shape, Shape::Heading(_)) {
            // A button next to the heading.
            let bare = ["[编辑]", "[編輯]", "[edit]", "[Edit]", "编辑本段", "播报编辑", "编辑"]
                .iter()
                .find_map(|end| text.strip_suffix(end));
            text.truncate(bare.unwrap_or(&text).trim_end().len());
        }
        if !text.is_empty() {
            self.push(at, shape, run, text);
        }
    }

    fn push(&mut self, at: usize, shape: Shape, run: Run, text: String) {
        let number = u32::try_from(self.lines.len() + 1).unwrap_or(u32::MAX);
        let markup = Markup { node: at, shape, content: run.content, letters: run.letters, linked: run.linked };
        self.lines.push(Line { number, raw: text.clone().into(), text, markup: Some(Box::new(markup)) });
    }
}

fn mark(element: &Element) -> Option<Mark> {
    let style = || element.get("style").unwrap_or_default().to_ascii_lowercase().replace(' ', "");
    match element.name {
        "b" | "strong" => Some(Mark::Strong),
        "em" | "i" | "cite" => Some(Mark::Emphasis),
        "s" | "strike" | "del" => Some(Mark::Strikethrough),
        "span" | "font" | "p" | "div" | "section" => {
            ["font-weight:bold", "font-weight:6", "font-weight:7", "font-weight:8"]
                .iter()
                .any(|bold| style().contains(bold))
                .then_some(Mark::Strong)
        }
        _ => None,
    }
}

/// Returns the target of a link; `None` if it is not a web address.
pub(super) fn link(href: Option<&str>, base: &Base) -> Option<Href> {
    let href = href.filter(|href| !href.starts_with('#') && !href.to_ascii_lowercase().starts_with("javascript:"))?;
    let address = resolve(href, base)?;
    address.parse().ok().filter(Href::is_external)
}

/// Returns an absolute address for one that may be relative to the page.
pub(super) fn resolve(address: &str, base: &Base) -> Option<String> {
    match base {
        Some(base) => base.join(address).ok().map(|url| url.to_string()),
        None if address.starts_with("//") => Some(format!("https:{address}")),
        None => Some(address.to_owned()),
    }
}

/// Returns the image that an element shows, unless it is an ornament.
fn image(element: &Element, base: &Base) -> Option<Block> {
    const SOURCES: [&str; 6] = ["data-src", "data-original", "data-lazy-src", "data-actualsrc", "data-lazyload", "src"];
    let is_small = |name| {
        element.get(name).and_then(|size| size.trim_end_matches("px").parse::<u32>().ok()).is_some_and(|size| size < 60)
    };
    if is_small("width") || is_small("height") {
        return None;
    }
    let source = SOURCES.iter().filter_map(|name| element.given(name)).find(|source| !source.starts_with("data:"))?;
    let src = Href::image_source(&resolve(source, base)?).ok()?;
    let alt = element.given("alt").filter(|alt| !alt.contains('/') && !is_file_name(alt)).unwrap_or_default();
    Some(Block::Image { src, alt: crate::content::text::line(alt), title: None })
}

fn is_file_name(alt: &str) -> bool {
    alt.rsplit_once('.')
        .is_some_and(|(_, end)| matches!(end.to_ascii_lowercase().as_str(), "jpg" | "jpeg" | "png" | "gif" | "webp"))
}

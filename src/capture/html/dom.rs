//! HTML source → a flat tree of elements and text, in linear time and with bounded depth and memory.
//!
//! The tokenizer is that of the WHATWG standard (`html5gum`). Tree construction is a subset of it: implied end tags, void
//! elements and raw text, without the adoption agency and foster parenting, which can take quadratic time and memory.

use std::{collections::HashSet, ops::Range, sync::LazyLock};

use html5gum::{
    Span, Tokenizer,
    emitters::callback::{CallbackEmitter, CallbackEvent},
};

/// The deepest nesting of elements; the tags of deeper ones are ignored.
const MAX_DEPTH: usize = 256;
/// The maximum number of elements and pieces of text of a page.
pub(crate) const MAX_NODES: usize = 300_000;
/// The longest attribute value that is read, in bytes.
const MAX_ATTRIBUTE: usize = 8 * 1024;

/// The page as a list of nodes in document order; the descendants of a node follow it.
pub(super) struct Dom {
    pub(super) nodes: Vec<Node>,
    text: String,
}

pub(super) struct Node {
    /// The node after its last descendant.
    pub(super) end: usize,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Element(Box<Element>),
    /// A range of the page's text.
    Text(Range<usize>),
}

pub(super) struct Element {
    /// The name in lower case; empty for an element without a meaning here.
    pub(super) name: &'static str,
    attributes: Vec<(&'static str, String)>,
}

impl Element {
    /// Returns the value of an attribute.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| *own == name).map(|(_, value)| value.trim())
    }

    /// Returns the value of an attribute unless it is empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }
}

impl Dom {
    /// Parses a page; `None` if it has more than [`MAX_NODES`] nodes.
    pub(super) fn parse(source: &str) -> Option<Dom> {
        let mut builder = Builder::default();
        let mut emitter = CallbackEmitter::new(|event: CallbackEvent<'_>, _: Span<()>| {
            builder.event(&event);
            None::<()>
        });
        emitter.naively_switch_states(true);
        for token in Tokenizer::new_with_emitter(source, emitter) {
            let Ok(()) = token;
        }
        builder.finish()
    }

    /// Returns the element at a node.
    pub(super) fn element(&self, node: usize) -> Option<&Element> {
        match &self.nodes.get(node)?.kind {
            Kind::Element(element) => Some(element),
            Kind::Text(_) => None,
        }
    }

    /// Iterates over the elements from a node to the end of its descendants.
    pub(super) fn elements(&self, range: Range<usize>) -> impl Iterator<Item = (usize, &Element)> {
        range.filter_map(|node| self.element(node).map(|element| (node, element)))
    }

    pub(super) fn range(&self, node: usize) -> Range<usize> {
        node..self.nodes.get(node).map_or(node, |found| found.end)
    }

    pub(super) fn slice(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// Returns the text below a node, with single spaces.
    pub(super) fn text(&self, node: usize) -> String {
        let mut out = String::new();
        for at in self.range(node) {
            match self.nodes.get(at).map(|node| &node.kind) {
                Some(Kind::Text(range)) => out.push_str(self.slice(range)),
                Some(Kind::Element(element)) if BLOCKS.contains(&element.name) || element.name == "br" => out.push(' '),
                _ => {}
            }
        }
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Elements that begin and end a line of text.
pub(super) const BLOCKS: [&str; 48] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "center",
    "dd",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "hr",
    "html",
    "li",
    "main",
    "menu",
    "nav",
    "ol",
    "option",
    "p",
    "pre",
    "search",
    "section",
    "summary",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
];
/// Elements whose content is not text of the page.
pub(super) const SILENT: [&str; 25] = [
    "script", "style", "noscript", "template", "svg", "math", "iframe", "object", "embed", "canvas", "select",
    "textarea", "audio", "video", "head", "title", "button", "datalist", "map", "applet", "frameset", "noframes", "rp",
    "rt", "input",
];
const INLINE: [&str; 27] = [
    "a", "abbr", "b", "big", "bdi", "cite", "code", "del", "em", "font", "i", "ins", "kbd", "mark", "q", "ruby", "s",
    "samp", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "time",
];
const VOID: [&str; 12] = ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"];
const ATTRIBUTES: [&str; 36] = [
    "align",
    "alt",
    "aria-hidden",
    "charset",
    "class",
    "colspan",
    "content",
    "data-actualsrc",
    "data-lazy-src",
    "data-original",
    "data-src",
    "datetime",
    "height",
    "hidden",
    "href",
    "http-equiv",
    "id",
    "itemprop",
    "itemtype",
    "lang",
    "name",
    "property",
    "rel",
    "reversed",
    "role",
    "rowspan",
    "src",
    "srcset",
    "start",
    "style",
    "title",
    "type",
    "value",
    "width",
    "xml:lang",
    "data-lazyload",
];

static NAMES: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| BLOCKS.iter().chain(&SILENT).chain(&INLINE).chain(&VOID).copied().collect());
static ATTRIBUTE_NAMES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| ATTRIBUTES.iter().copied().collect());

fn interned(name: &[u8]) -> &'static str {
    str::from_utf8(name).ok().and_then(|name| NAMES.get(name)).copied().unwrap_or_default()
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    text: String,
    /// The open elements.
    open: Vec<usize>,
    /// The number of open elements beyond [`MAX_DEPTH`].
    too_deep: usize,
    tag: Option<Element>,
    attribute: Option<usize>,
    overflow: bool,
}

impl Builder {
    fn event(&mut self, event: &CallbackEvent<'_>) {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                self.tag = Some(Element { name: interned(name), attributes: Vec::new() });
                self.attribute = None;
            }
            CallbackEvent::AttributeName { name } => {
                self.attribute = None;
                let known = str::from_utf8(name).ok().and_then(|name| ATTRIBUTE_NAMES.get(name));
                if let (Some(tag), Some(name)) = (&mut self.tag, known)
                    && tag.get(name).is_none()
                {
                    self.attribute = Some(tag.attributes.len());
                    tag.attributes.push((name, String::new()));
                }
            }
            CallbackEvent::AttributeValue { value } => {
                if let (Some(tag), Some(at)) = (&mut self.tag, self.attribute)
                    && let Some((_, own)) = tag.attributes.get_mut(at)
                    && own.len() + value.len() <= MAX_ATTRIBUTE
                {
                    own.push_str(&String::from_utf8_lossy(value));
                }
            }
            CallbackEvent::CloseStartTag { self_closing } => {
                if let Some(tag) = self.tag.take() {
                    self.start(tag, *self_closing);
                }
            }
            CallbackEvent::EndTag { name } => self.end(interned(name)),
            CallbackEvent::String { value } => self.string(value),
            _ => {}
        }
    }

    fn name(&self, node: usize) -> &'static str {
        match self.nodes.get(node).map(|node| &node.kind) {
            Some(Kind::Element(element)) => element.name,
            _ => "",
        }
    }

    fn top(&self) -> &'static str {
        self.open.last().map_or("", |node| self.name(*node))
    }

    fn start(&mut self, tag: Element, self_closing: bool) {
        let name = tag.name;
        if matches!(name, "html" | "body" | "head") {
            return;
        }
        let is_foreign = self_closing && self.open.iter().any(|node| matches!(self.name(*node), "svg" | "math"));
        self.imply_ends(name);
        let childless = VOID.contains(&name) || is_foreign;
        if self.open.len() >= MAX_DEPTH && !childless {
            self.too_deep += 1;
            return;
        }
        let node = self.nodes.len();
        self.push(Kind::Element(Box::new(tag)));
        if !childless {
            self.open.push(node);
        }
    }

    fn push(&mut self, kind: Kind) {
        if self.nodes.len() >= MAX_NODES {
            self.overflow = true;
            return;
        }
        self.nodes.push(Node { end: self.nodes.len() + 1, kind });
    }

    /// Closes the elements that the start tag `name` ends implicitly.
    fn imply_ends(&mut self, name: &str) {
        let (ends, within): (&[&str], &[&str]) = match name {
            "li" => (&["li"], &["ul", "ol", "menu", "dir", "td", "th"]),
            "dd" | "dt" => (&["dd", "dt"], &["dl", "td", "th"]),
            "td" | "th" => (&["td", "th"], &["table"]),
            "tr" => (&["tr"], &["table"]),
            "tbody" | "thead" | "tfoot" => (&["tbody", "thead", "tfoot"], &["table"]),
            "option" => (&["option"], &["select", "datalist"]),
            "a" => (&["a"], &BLOCKS),
            _ => (&[], &[]),
        };
        if !ends.is_empty() {
            self.close_until(|own| ends.contains(&own), |own| within.contains(&own));
        }
        let heading = |name: &str| matches!(name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6");
        if BLOCKS.contains(&name) {
            self.close_until(|own| own == "p", |own| BLOCKS.contains(&own));
            if heading(name) {
                self.close_until(heading, |own| BLOCKS.contains(&own));
            }
        }
    }

    /// Closes the innermost open element of these, and all within it, unless a border lies between.
    fn close_until(&mut self, wanted: impl Fn(&str) -> bool, border: impl Fn(&str) -> bool) {
        for (depth, node) in self.open.iter().enumerate().rev() {
            let own = self.name(*node);
            if wanted(own) {
                self.close_to(depth);
                return;
            }
            if border(own) {
                return;
            }
        }
    }

    fn close_to(&mut self, depth: usize) {
        let end = self.nodes.len();
        for node in self.open.drain(depth..) {
            if let Some(node) = self.nodes.get_mut(node) {
                node.end = end;
            }
        }
        self.too_deep = 0;
    }

    fn end(&mut self, name: &'static str) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        let table = |own: &str| matches!(own, "td" | "th" | "table" | "caption");
        match name {
            "" if self.top().is_empty() && !self.open.is_empty() => self.close_to(self.open.len() - 1),
            "" | "html" | "body" | "head" => {}
            "table" | "tr" | "td" | "th" | "tbody" | "thead" | "tfoot" | "caption" => {
                self.close_until(|own| own == name, |own| own == "table" && name != "table");
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.close_until(|own| matches!(own, "h1" | "h2" | "h3" | "h4" | "h5" | "h6"), table);
            }
            _ if BLOCKS.contains(&name) => self.close_until(|own| own == name, table),
            _ => self.close_until(|own| own == name, |own| BLOCKS.contains(&own)),
        }
    }

    fn string(&mut self, value: &[u8]) {
        let read = match self.top() {
            "script" => self.open.last().is_some_and(|node| self.is_json(*node)),
            "style" | "noscript" | "iframe" | "textarea" | "svg" => false,
            _ => true,
        };
        let value = String::from_utf8_lossy(value);
        if !read || value.is_empty() {
            return;
        }
        let from = self.text.len();
        self.text.push_str(&value);
        self.push(Kind::Text(from..self.text.len()));
    }

    fn is_json(&self, node: usize) -> bool {
        let Some(Kind::Element(element)) = self.nodes.get(node).map(|node| &node.kind) else { return false };
        element.get("type").is_some_and(|kind| kind.eq_ignore_ascii_case("application/ld+json"))
    }

    fn finish(mut self) -> Option<Dom> {
        self.close_to(0);
        (!self.overflow).then_some(Dom { nodes: self.nodes, text: self.text })
    }
}

//! Converts inline nodes of the parser to [`Inline`]s, without recursion, because their nesting is unbounded.

use comrak::{
    arena_tree::NodeEdge,
    nodes::{Node, NodeValue},
};

use super::{section::Reader, tilde::show_tildes};
use crate::content::{Href, Inline, Mark, text};

mod normalize;

pub(in crate::content) use normalize::normalize;
use normalize::{push_all, push_text, trim, trim_end};

/// The inlines of one block while they are built.
#[derive(Default)]
struct Builder {
    out: Vec<Inline>,
    /// The open link. A link inside it adds only its text.
    link: Option<Link>,
    /// The number of open images. Their text becomes the alternative text of the outermost one.
    images: u32,
    alt: String,
    emphasis: u32,
    strong: u32,
    strikethrough: u32,
    /// The marks of a pending soft break, which becomes a space or nothing.
    soft_break: Option<Vec<Mark>>,
}

struct Link {
    nested: u32,
    content: Vec<Inline>,
    /// The footnote references inside the link, which are links themselves and follow it.
    references: Vec<Inline>,
}

impl Builder {
    fn marks(&self, code: bool) -> Vec<Mark> {
        let marks = [
            (self.emphasis > 0, Mark::Emphasis),
            (self.strong > 0, Mark::Strong),
            (self.strikethrough > 0, Mark::Strikethrough),
            (code, Mark::Code),
        ];
        marks.into_iter().filter_map(|(is, mark)| is.then_some(mark)).collect()
    }

    fn target(&mut self) -> &mut Vec<Inline> {
        match &mut self.link {
            Some(link) => &mut link.content,
            None => &mut self.out,
        }
    }

    fn text(&mut self, text: &str, code: bool) {
        let text = text::line(&show_tildes(text));
        if text.is_empty() {
            return;
        }
        if self.images > 0 {
            self.alt.push_str(&text);
            return;
        }
        self.end_soft_break(text.chars().next().filter(|_| !code));
        let marks = self.marks(code);
        push_text(self.target(), &text, marks);
    }

    /// Turns a pending soft break into a space, or nothing, depending on the next character.
    fn end_soft_break(&mut self, next: Option<char>) {
        let Some(marks) = self.soft_break.take() else { return };
        let before = match &self.link {
            Some(link) if !link.content.is_empty() => last_char(&link.content),
            _ => last_char(&self.out),
        };
        let needs_space = match before {
            Before::Nothing | Before::Char(' ') => false,
            Before::Char(before) => {
                next.is_none_or(|next| next != ' ' && !(text::is_wide(before) && text::is_wide(next)))
            }
            Before::Other => next != Some(' '),
        };
        if needs_space {
            push_text(self.target(), " ", marks);
        }
    }

    fn push(&mut self, inline: Inline) {
        self.end_soft_break(None);
        self.target().push(inline);
    }

    fn line_break(&mut self) {
        if self.images > 0 {
            self.alt.push(' ');
            return;
        }
        self.soft_break = None;
        trim_end(self.target());
        self.target().push(Inline::LineBreak);
    }
}

/// The end of the inlines before a soft break.
enum Before {
    Nothing,
    Char(char),
    Other,
}

fn last_char(content: &[Inline]) -> Before {
    for inline in content.iter().rev() {
        return match inline {
            Inline::FootnoteReference { .. } => continue,
            Inline::LineBreak => Before::Nothing,
            Inline::Text { text, marks } if !marks.contains(&Mark::Code) => {
                text.chars().next_back().map_or(Before::Nothing, Before::Char)
            }
            Inline::Link { content, .. } => match content.last() {
                Some(Inline::Text { text, marks }) if !marks.contains(&Mark::Code) => {
                    text.chars().next_back().map_or(Before::Other, Before::Char)
                }
                _ => Before::Other,
            },
            Inline::Text { .. } | Inline::Image { .. } => Before::Other,
        };
    }
    Before::Nothing
}

/// Returns a title as one line; `None` if empty.
pub(super) fn title(raw: &str) -> Option<String> {
    let title = text::line(&show_tildes(raw)).trim().to_owned();
    (!title.is_empty()).then_some(title)
}

/// Returns the address and title of an unsafe link or image as text; empty if `shown` is the address.
fn address_as_text(url: &str, title: Option<&str>, shown: &str) -> String {
    let url = text::line(&show_tildes(url)).trim().to_owned();
    match title {
        None if url.is_empty() || url == shown => String::new(),
        None => format!(" ({url})"),
        Some(title) => format!(" ({url} “{title}”)"),
    }
}

impl<'a> Reader<'_> {
    /// Converts the content of a paragraph, heading or table cell.
    pub(super) fn inlines(&mut self, block: Node<'a>, is_bold: bool) -> Vec<Inline> {
        let mut builder = Builder { strong: u32::from(is_bold), ..Builder::default() };
        for edge in block.traverse() {
            match edge {
                NodeEdge::Start(node) => self.start(&mut builder, node),
                NodeEdge::End(node) => self.end(&mut builder, node),
            }
        }
        trim(&mut builder.out);
        builder.out
    }

    fn start(&mut self, builder: &mut Builder, node: Node<'a>) {
        let ast = node.data();
        match &ast.value {
            NodeValue::Text(text) => builder.text(text, false),
            NodeValue::Code(code) => builder.text(&code.literal, true),
            NodeValue::HtmlInline(html) => {
                self.warn(ast.sourcepos.start, "HTML is shown as text; use Markdown instead.");
                builder.text(html, false);
            }
            NodeValue::SoftBreak if builder.images > 0 => builder.alt.push(' '),
            NodeValue::SoftBreak => builder.soft_break = Some(builder.marks(false)),
            NodeValue::LineBreak => builder.line_break(),
            NodeValue::Emph => builder.emphasis += 1,
            NodeValue::Strong => builder.strong += 1,
            NodeValue::Strikethrough => builder.strikethrough += 1,
            NodeValue::FootnoteReference(reference) => match self.footnotes.label(&reference.name) {
                Some(_) if builder.images > 0 => {}
                Some(label) => {
                    let label = label.to_owned();
                    match &mut builder.link {
                        Some(link) => link.references.push(Inline::FootnoteReference { label }),
                        None => builder.out.push(Inline::FootnoteReference { label }),
                    }
                }
                None => builder.text(&format!("[^{}]", reference.name), false),
            },
            NodeValue::Image(_) => builder.images += 1,
            NodeValue::Link(_) if builder.images > 0 => {}
            NodeValue::Link(_) => {
                if let Some(link) = &mut builder.link {
                    link.nested += 1;
                } else {
                    builder.end_soft_break(first_char(node));
                    builder.link = Some(Link { nested: 0, content: Vec::new(), references: Vec::new() });
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, builder: &mut Builder, node: Node<'a>) {
        let ast = node.data();
        match &ast.value {
            NodeValue::Emph => builder.emphasis -= 1,
            NodeValue::Strong => builder.strong -= 1,
            NodeValue::Strikethrough => builder.strikethrough -= 1,
            NodeValue::Image(image) => {
                builder.images -= 1;
                if builder.images > 0 {
                    return;
                }
                let alt = std::mem::take(&mut builder.alt).trim().to_owned();
                let title = title(&image.title);
                match Href::image_source(&show_tildes(&image.url)) {
                    Ok(src) => builder.push(Inline::Image { src, alt, title }),
                    Err(why) => {
                        let message = format!("The image is shown as text, because its address is not valid: {why}.");
                        self.warn(ast.sourcepos.start, message);
                        let rest = address_as_text(&image.url, title.as_deref(), &alt);
                        builder.text(&alt, false);
                        builder.text(&rest, false);
                    }
                }
            }
            NodeValue::Link(target) => {
                if builder.images > 0 {
                    return;
                }
                if let Some(link) = &mut builder.link
                    && link.nested > 0
                {
                    link.nested -= 1;
                    return;
                }
                builder.end_soft_break(None);
                let Some(link) = builder.link.take() else { return };
                let title = title(&target.title);
                match show_tildes(&target.url).parse::<Href>() {
                    Ok(href) => {
                        let mut content = link.content;
                        if content.is_empty() {
                            push_text(&mut content, &text::line(&href.markdown_target()), Vec::new());
                        }
                        builder.out.push(Inline::Link { href, title, content });
                    }
                    Err(why) => {
                        let message = format!("The link is shown as text, because its address is not valid: {why}.");
                        self.warn(ast.sourcepos.start, message);
                        let rest = address_as_text(&target.url, title.as_deref(), &text::inlines(&link.content));
                        push_all(&mut builder.out, link.content);
                        builder.text(&rest, false);
                    }
                }
                builder.out.extend(link.references);
            }
            _ => {}
        }
    }
}

/// Returns the first character of a node, if the node begins with text.
fn first_char(node: Node<'_>) -> Option<char> {
    node.descendants().skip(1).find_map(|below| match &below.data().value {
        NodeValue::Text(text) => Some(text.chars().next()),
        NodeValue::Emph | NodeValue::Strong | NodeValue::Strikethrough => None,
        _ => Some(None),
    })?
}

//! Running text: the parser's inline nodes → [`Inline`]s, without recursion, however deep they stand in each other.

use comrak::{
    arena_tree::NodeEdge,
    nodes::{Node, NodeValue},
};

use super::{guard::show_tildes, section::Reader};
use crate::content::{Href, Inline, Mark, text};

mod tidy;

pub(in crate::content) use tidy::tidy;
use tidy::{push_all, push_text, trim, trim_end};

/// Running text in the making.
#[derive(Default)]
struct Running {
    out: Vec<Inline>,
    /// The link that is open, if one is. Links within it give it their text only.
    link: Option<Link>,
    /// How many images are open; their text becomes the outermost one's description.
    images: u32,
    alt: String,
    emphasis: u32,
    strong: u32,
    strikethrough: u32,
    /// A line break in the source that is not yet decided to be a space or nothing.
    soft: Option<Vec<Mark>>,
}

struct Link {
    nested: u32,
    content: Vec<Inline>,
    /// References to footnotes are links themselves, so they follow the link that they stood in.
    references: Vec<Inline>,
}

impl Running {
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
        self.settle(text.chars().next().filter(|_| !code));
        let marks = self.marks(code);
        push_text(self.target(), &text, marks);
    }

    /// Decides what a line break in the source is, now that the next character is known.
    fn settle(&mut self, next: Option<char>) {
        let Some(marks) = self.soft.take() else { return };
        let before = match &self.link {
            Some(link) if !link.content.is_empty() => last_char(&link.content),
            _ => last_char(&self.out),
        };
        let apart = match before {
            Before::Nothing | Before::Char(' ') => false,
            Before::Char(before) => {
                next.is_none_or(|next| next != ' ' && !(text::is_wide(before) && text::is_wide(next)))
            }
            Before::Other => next != Some(' '),
        };
        if apart {
            push_text(self.target(), " ", marks);
        }
    }

    fn push(&mut self, inline: Inline) {
        self.settle(None);
        self.target().push(inline);
    }

    fn line_break(&mut self) {
        if self.images > 0 {
            self.alt.push(' ');
            return;
        }
        self.soft = None;
        trim_end(self.target());
        self.target().push(Inline::LineBreak);
    }
}

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

/// A title in one line; `None` where nothing is left of it.
pub(super) fn title(raw: &str) -> Option<String> {
    let title = text::line(&show_tildes(raw)).trim().to_owned();
    (!title.is_empty()).then_some(title)
}

/// What stands behind the text of a link or image whose address cannot be followed.
fn lost(url: &str, title: Option<&str>, shown: &str) -> String {
    let url = text::line(&show_tildes(url)).trim().to_owned();
    match title {
        None if url.is_empty() || url == shown => String::new(),
        None => format!(" ({url})"),
        Some(title) => format!(" ({url} “{title}”)"),
    }
}

impl<'a> Reader<'_> {
    /// The text below a paragraph, heading or table cell.
    pub(super) fn inlines(&mut self, block: Node<'a>, bold: bool) -> Vec<Inline> {
        let mut run = Running { strong: u32::from(bold), ..Running::default() };
        for edge in block.traverse() {
            match edge {
                NodeEdge::Start(node) => self.start(&mut run, node),
                NodeEdge::End(node) => self.end(&mut run, node),
            }
        }
        trim(&mut run.out);
        run.out
    }

    fn start(&mut self, run: &mut Running, node: Node<'a>) {
        let ast = node.data();
        match &ast.value {
            NodeValue::Text(text) => run.text(text, false),
            NodeValue::Code(code) => run.text(&code.literal, true),
            NodeValue::HtmlInline(html) => {
                self.remark(ast.sourcepos.start, "HTML is shown as text.");
                run.text(html, false);
            }
            NodeValue::SoftBreak if run.images > 0 => run.alt.push(' '),
            NodeValue::SoftBreak => run.soft = Some(run.marks(false)),
            NodeValue::LineBreak => run.line_break(),
            NodeValue::Emph => run.emphasis += 1,
            NodeValue::Strong => run.strong += 1,
            NodeValue::Strikethrough => run.strikethrough += 1,
            NodeValue::FootnoteReference(reference) => match self.footnotes.label(&reference.name) {
                Some(_) if run.images > 0 => {}
                Some(label) => {
                    let label = label.to_owned();
                    match &mut run.link {
                        Some(link) => link.references.push(Inline::FootnoteReference { label }),
                        None => run.out.push(Inline::FootnoteReference { label }),
                    }
                }
                None => run.text(&format!("[^{}]", reference.name), false),
            },
            NodeValue::Image(_) => run.images += 1,
            NodeValue::Link(_) if run.images > 0 => {}
            NodeValue::Link(_) => {
                if let Some(link) = &mut run.link {
                    link.nested += 1;
                } else {
                    run.settle(first_char(node));
                    run.link = Some(Link { nested: 0, content: Vec::new(), references: Vec::new() });
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, run: &mut Running, node: Node<'a>) {
        let ast = node.data();
        match &ast.value {
            NodeValue::Emph => run.emphasis -= 1,
            NodeValue::Strong => run.strong -= 1,
            NodeValue::Strikethrough => run.strikethrough -= 1,
            NodeValue::Image(image) => {
                run.images -= 1;
                if run.images > 0 {
                    return;
                }
                let alt = std::mem::take(&mut run.alt).trim().to_owned();
                let title = title(&image.title);
                match Href::image_source(&show_tildes(&image.url)) {
                    Ok(src) => run.push(Inline::Image { src, alt, title }),
                    Err(why) => {
                        self.remark(
                            ast.sourcepos.start,
                            &format!("The image is shown as text, for its address is none: {why}."),
                        );
                        let rest = lost(&image.url, title.as_deref(), &alt);
                        run.text(&alt, false);
                        run.text(&rest, false);
                    }
                }
            }
            NodeValue::Link(target) => {
                if run.images > 0 {
                    return;
                }
                if let Some(link) = &mut run.link
                    && link.nested > 0
                {
                    link.nested -= 1;
                    return;
                }
                run.settle(None);
                let Some(link) = run.link.take() else { return };
                let title = title(&target.title);
                match show_tildes(&target.url).parse::<Href>() {
                    Ok(href) => {
                        let mut content = link.content;
                        if content.is_empty() {
                            push_text(&mut content, &text::line(&href.markdown_target()), Vec::new());
                        }
                        run.out.push(Inline::Link { href, title, content });
                    }
                    Err(why) => {
                        self.remark(
                            ast.sourcepos.start,
                            &format!("The link is shown as text, for its address is none: {why}."),
                        );
                        let rest = lost(&target.url, title.as_deref(), &text::inlines(&link.content));
                        push_all(&mut run.out, link.content);
                        run.text(&rest, false);
                    }
                }
                run.out.extend(link.references);
            }
            _ => {}
        }
    }
}

/// The first character below a node, if it is text.
fn first_char(node: Node<'_>) -> Option<char> {
    node.descendants().skip(1).find_map(|below| match &below.data().value {
        NodeValue::Text(text) => Some(text.chars().next()),
        NodeValue::Emph | NodeValue::Strong | NodeValue::Strikethrough => None,
        _ => Some(None),
    })?
}

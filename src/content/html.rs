//! Renders blocks as HTML that is safe by construction: all text is escaped, and tags and attributes come only from this file.
//! Raw HTML of an author is escaped like other text.

use std::fmt::Write;

use super::{Align, Block, CalloutKind, Cell, Href, Inline, ListItem, Mark};

/// Renders blocks as HTML.
///
/// A link to an article keeps its stored form ([`Href`]'s `Display`, with
/// [`ARTICLE_LINK_MARK`](super::name::ARTICLE_LINK_MARK)), which is resolved for each response.
#[must_use]
pub fn blocks(blocks: &[Block]) -> String {
    let mut out = String::new();
    write_blocks(&mut out, blocks);
    out
}

fn write_blocks(out: &mut String, blocks: &[Block]) {
    for block in blocks {
        write_block(out, block);
    }
}

fn write_block(out: &mut String, block: &Block) {
    match block {
        Block::Paragraph { content } => {
            out.push_str("<p>");
            write_inlines(out, content);
            out.push_str("</p>\n");
        }
        Block::List { ordered, start, tight, items } => write_list(out, *ordered, *start, *tight, items),
        Block::Quote { content } => {
            out.push_str("<blockquote>\n");
            write_blocks(out, content);
            out.push_str("</blockquote>\n");
        }
        Block::Table { align, head, rows } => write_table(out, align, head, rows),
        Block::Image { src, alt, title } => {
            out.push_str("<figure>");
            write_image(out, src, alt, title.as_deref());
            out.push_str("</figure>\n");
        }
        Block::Code { language, text } => {
            out.push_str("<pre><code");
            if let Some(language) = language.as_deref().filter(|name| is_language(name)) {
                attribute(out, "class", &format!("language-{language}"));
            }
            out.push('>');
            escape(out, text);
            out.push_str("</code></pre>\n");
        }
        Block::Callout { kind, title, content } => {
            let (class, name) = match kind {
                CalloutKind::Note => ("note", "说明"),
                CalloutKind::Tip => ("tip", "提示"),
                CalloutKind::Important => ("important", "重要"),
                CalloutKind::Warning => ("warning", "警告"),
                CalloutKind::Caution => ("caution", "注意"),
            };
            // Writing to a string cannot fail, here and below.
            let _ = write!(out, "<aside class=\"callout callout-{class}\">\n<p class=\"callout-title\">");
            escape(out, title.as_deref().unwrap_or(name));
            out.push_str("</p>\n");
            write_blocks(out, content);
            out.push_str("</aside>\n");
        }
        Block::ThematicBreak => out.push_str("<hr>\n"),
        Block::Footnote { label, content } => {
            out.push_str("<aside");
            attribute(out, "id", &format!("fn:{label}"));
            out.push_str(" class=\"footnote\" role=\"note\">\n<sup class=\"footnote-label\">");
            escape(out, label);
            out.push_str("</sup>\n");
            write_blocks(out, content);
            out.push_str("</aside>\n");
        }
    }
}

fn write_list(out: &mut String, ordered: bool, start: u32, tight: bool, items: &[ListItem]) {
    let _ = match (ordered, start) {
        (false, _) => out.write_str("<ul>\n"),
        (true, 1) => out.write_str("<ol>\n"),
        (true, start) => writeln!(out, "<ol start=\"{start}\">"),
    };
    for item in items {
        out.push_str("<li>");
        for (index, block) in item.content.iter().enumerate() {
            match block {
                Block::Paragraph { content } if tight => {
                    write_inlines(out, content);
                    if index + 1 < item.content.len() {
                        out.push('\n');
                    }
                }
                _ => write_block(out, block),
            }
        }
        out.push_str("</li>\n");
    }
    out.push_str(if ordered { "</ol>\n" } else { "</ul>\n" });
}

fn write_table(out: &mut String, align: &[Align], head: &[Cell], rows: &[Vec<Cell>]) {
    let row = |out: &mut String, tag: &str, cells: &[Cell]| {
        out.push_str("<tr>");
        for (column, cell) in cells.iter().enumerate() {
            let class = match align.get(column) {
                None | Some(Align::None) => "",
                Some(Align::Left) => " class=\"align-left\"",
                Some(Align::Center) => " class=\"align-center\"",
                Some(Align::Right) => " class=\"align-right\"",
            };
            let _ = write!(out, "<{tag}{class}>");
            write_inlines(out, &cell.content);
            let _ = write!(out, "</{tag}>");
        }
        out.push_str("</tr>\n");
    };
    out.push_str("<table>\n<thead>\n");
    row(out, "th", head);
    out.push_str("</thead>\n");
    if !rows.is_empty() {
        out.push_str("<tbody>\n");
        for cells in rows {
            row(out, "td", cells);
        }
        out.push_str("</tbody>\n");
    }
    out.push_str("</table>\n");
}

fn write_inlines(out: &mut String, content: &[Inline]) {
    for inline in content {
        match inline {
            Inline::Text { text, marks } => {
                for mark in marks {
                    let _ = write!(out, "<{}>", tag(*mark));
                }
                escape(out, text);
                for mark in marks.iter().rev() {
                    let _ = write!(out, "</{}>", tag(*mark));
                }
            }
            Inline::Link { href, title, content } => {
                out.push_str("<a");
                write_href(out, href);
                if let Some(title) = title {
                    attribute(out, "title", title);
                }
                out.push('>');
                write_inlines(out, content);
                out.push_str("</a>");
            }
            Inline::Image { src, alt, title } => write_image(out, src, alt, title.as_deref()),
            Inline::LineBreak => out.push_str("<br>\n"),
            Inline::FootnoteReference { label } => {
                out.push_str("<sup class=\"footnote-ref\"><a");
                attribute(out, "href", &format!("#fn:{label}"));
                out.push('>');
                escape(out, label);
                out.push_str("</a></sup>");
            }
        }
    }
}

fn write_href(out: &mut String, href: &Href) {
    attribute(out, "href", &href.to_string());
    if href.is_external() {
        out.push_str(" rel=\"noopener\"");
    }
}

fn write_image(out: &mut String, src: &str, alt: &str, title: Option<&str>) {
    out.push_str("<img");
    // A block from another source may contain any string, so an invalid address is left out.
    if let Ok(src) = Href::image_source(src) {
        attribute(out, "src", &src);
    }
    attribute(out, "alt", alt);
    if let Some(title) = title {
        attribute(out, "title", title);
    }
    out.push_str(" loading=\"lazy\">");
}

fn tag(mark: Mark) -> &'static str {
    match mark {
        Mark::Emphasis => "em",
        Mark::Strong => "strong",
        Mark::Strikethrough => "del",
        Mark::Code => "code",
    }
}

/// Returns true for 1 to 32 letters, digits and `+`, `#`, `.`, `_`, `-`, which are safe in a class name.
pub(crate) fn is_language(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'#' | b'.' | b'_' | b'-'))
}

fn attribute(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, " {name}=\"");
    escape(out, value);
    out.push('"');
}

/// Escapes text for element content and double-quoted attributes.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(&mut out, text);
    out
}

/// Appends text, escaped for element content and double-quoted attributes (HTML, 13.1.2.3 and 13.1.4).
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{Mark, markdown};

    fn of(body: &str) -> String {
        let read = markdown::read(&format!("---\nslug: a\ntitle: T\n---\n{body}"), None).unwrap();
        blocks(&read.document.lead)
    }

    #[test]
    fn every_block_type_renders() {
        assert_eq!(of("a\n\n***"), "<p>a</p>\n<hr>\n");
        assert_eq!(of("- a\n- b"), "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n");
        assert_eq!(of("3. a\n\n4. b"), "<ol start=\"3\">\n<li><p>a</p>\n</li>\n<li><p>b</p>\n</li>\n</ol>\n");
        assert_eq!(of("> a"), "<blockquote>\n<p>a</p>\n</blockquote>\n");
        assert_eq!(
            of("| a | b |\n|:-:|--:|\n| c | d |"),
            "<table>\n<thead>\n<tr><th class=\"align-center\">a</th><th class=\"align-right\">b</th></tr>\n</thead>\n\
             <tbody>\n<tr><td class=\"align-center\">c</td><td class=\"align-right\">d</td></tr>\n</tbody>\n</table>\n"
        );
        assert_eq!(
            of("![a\"b](x.png \"t\")"),
            "<figure><img src=\"x.png\" alt=\"a&quot;b\" title=\"t\" loading=\"lazy\"></figure>\n"
        );
        assert_eq!(of("```rust\na<b\n```"), "<pre><code class=\"language-rust\">a&lt;b</code></pre>\n");
        assert_eq!(
            of("> [!WARNING] 小心\n> a"),
            "<aside class=\"callout callout-warning\">\n<p class=\"callout-title\">小心</p>\n<p>a</p>\n</aside>\n"
        );
        assert_eq!(
            of("a[^1]\n\n[^1]: b"),
            "<p>a<sup class=\"footnote-ref\"><a href=\"#fn:1\">1</a></sup></p>\n\
             <aside id=\"fn:1\" class=\"footnote\" role=\"note\">\n<sup class=\"footnote-label\">1</sup>\n<p>b</p>\n</aside>\n"
        );
        assert_eq!(
            of("[a](https://example.org?a&b \"t\") [b](b.md#c) [d](#e) `f`"),
            "<p><a href=\"https://example.org?a&amp;b\" rel=\"noopener\" title=\"t\">a</a> \
             <a href=\"\u{FDD0}b#c\">b</a> <a href=\"#e\">d</a> <code>f</code></p>\n"
        );
    }

    #[test]
    fn invalid_blocks_render_safely() {
        let text = |text: &str| vec![Inline::Text { text: text.into(), marks: vec![Mark::Strong, Mark::Code] }];
        let unsafe_blocks = [
            Block::Image { src: "javascript:x".into(), alt: "\"><script>".into(), title: Some("\" onload=\"x".into()) },
            Block::Code { language: Some("\"><script>".into()), text: "</code>".into() },
            Block::Footnote { label: "\" onclick=\"".into(), content: vec![Block::Paragraph { content: text("<b>") }] },
        ];
        assert_eq!(
            blocks(&unsafe_blocks),
            "<figure><img alt=\"&quot;&gt;&lt;script&gt;\" title=\"&quot; onload=&quot;x\" loading=\"lazy\"></figure>\n\
             <pre><code>&lt;/code&gt;</code></pre>\n\
             <aside id=\"fn:&quot; onclick=&quot;\" class=\"footnote\" role=\"note\">\n\
             <sup class=\"footnote-label\">&quot; onclick=&quot;</sup>\n<p><strong><code>&lt;b&gt;</code></strong></p>\n</aside>\n"
        );
    }
}

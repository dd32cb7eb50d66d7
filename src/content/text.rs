//! Plain text: forbidden characters, blocks without markers, excerpts and lengths.

use std::{borrow::Cow, fmt::Write};

use super::{Block, Document, Inline, Section};

/// Returns true for characters that no text may contain: control characters except line feed and tab, noncharacters
/// (Unicode 23.7; [`ARTICLE_LINK_MARK`](super::name::ARTICLE_LINK_MARK) is one), the byte order mark, and bidirectional
/// overrides, which can make a text look like another (Unicode Technical Report 36).
#[must_use]
pub fn is_forbidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{FEFF}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FDD0}'..='\u{FDEF}' => true,
        _ => c.is_control() || u32::from(c) & 0xFFFE == 0xFFFE,
    }
}

/// Removes forbidden characters and converts all line breaks to `\n`; returns the text and the number of removed characters.
#[must_use]
pub fn clean(text: &str) -> (Cow<'_, str>, usize) {
    let odd = |c: char| is_forbidden(c) || matches!(c, '\u{2028}' | '\u{2029}');
    if !text.chars().any(odd) {
        return (Cow::Borrowed(text), 0);
    }
    let mut out = String::with_capacity(text.len());
    let mut removed = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                chars.next_if_eq(&'\n');
                out.push('\n');
            }
            // The other line separators (Unicode 5.8).
            '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            _ if is_forbidden(c) => removed += 1,
            _ => out.push(c),
        }
    }
    (Cow::Owned(out), removed)
}

/// Converts text to one line: breaks and tabs become spaces, and forbidden characters U+FFFD, as CommonMark does with invalid
/// character references (section 2.5).
#[must_use]
pub(crate) fn line(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
            _ if is_forbidden(c) => '\u{FFFD}',
            _ => c,
        })
        .collect()
}

/// Renders blocks as plain text: paragraphs separated by empty lines, list items with markers, table cells separated by tabs.
#[must_use]
pub fn blocks(blocks: &[Block]) -> String {
    let mut out = String::new();
    write_blocks(&mut out, blocks, true);
    out.truncate(out.trim_end().len());
    out
}

/// Renders inlines as plain text, with line breaks.
#[must_use]
pub fn inlines(content: &[Inline]) -> String {
    let mut out = String::new();
    write_inlines(&mut out, content);
    out
}

fn write_inlines(out: &mut String, content: &[Inline]) {
    for inline in content {
        match inline {
            Inline::Text { text, .. } => out.push_str(text),
            Inline::Link { content, .. } => write_inlines(out, content),
            Inline::Image { alt, .. } => out.push_str(alt),
            Inline::LineBreak => out.push('\n'),
            Inline::FootnoteReference { .. } => {}
        }
    }
}

fn write_blocks(out: &mut String, blocks: &[Block], has_markers: bool) {
    for (index, block) in blocks.iter().enumerate() {
        if index > 0 {
            out.push_str("\n\n");
        }
        write_block(out, block, has_markers);
    }
}

fn write_block(out: &mut String, block: &Block, has_markers: bool) {
    match block {
        Block::Paragraph { content } => write_inlines(out, content),
        Block::List { ordered, start, tight, items } => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(if *tight { "\n" } else { "\n\n" });
                }
                let mark = match (has_markers, ordered) {
                    (false, _) => String::new(),
                    (true, true) => format!("{}. ", u64::from(*start) + index as u64),
                    (true, false) => "• ".to_owned(),
                };
                let mut text = String::new();
                for (index, block) in item.content.iter().enumerate() {
                    if index > 0 {
                        text.push_str(if *tight { "\n" } else { "\n\n" });
                    }
                    write_block(&mut text, block, has_markers);
                }
                out.push_str(&mark);
                let indent = " ".repeat(if has_markers { 2 } else { 0 });
                for (index, line) in text.lines().enumerate() {
                    if index > 0 {
                        out.push('\n');
                        if !line.is_empty() {
                            out.push_str(&indent);
                        }
                    }
                    out.push_str(line);
                }
            }
        }
        Block::Quote { content } => write_blocks(out, content, has_markers),
        Block::Table { head, rows, .. } => {
            for (index, row) in std::iter::once(head).chain(rows).enumerate() {
                if index > 0 {
                    out.push('\n');
                }
                for (index, cell) in row.iter().enumerate() {
                    if index > 0 {
                        out.push('\t');
                    }
                    write_inlines(out, &cell.content);
                }
            }
        }
        Block::Image { alt, .. } => out.push_str(alt),
        Block::Code { text, .. } => out.push_str(text),
        Block::Callout { title, content, .. } => {
            if let Some(title) = title {
                out.push_str(title);
                out.push_str("\n\n");
            }
            write_blocks(out, content, has_markers);
        }
        Block::ThematicBreak => {
            if has_markers {
                out.push_str("* * *");
            }
        }
        Block::Footnote { label, content } => {
            if has_markers {
                // Writing to a string cannot fail.
                let _ = write!(out, "[{label}] ");
            }
            write_blocks(out, content, has_markers);
        }
    }
}

/// Returns the start of a text in at most `max` characters: complete sentences if at least one fits, otherwise cut with an
/// ellipsis; `None` without text.
#[must_use]
pub fn excerpt(content: &[Block], max: usize) -> Option<String> {
    let mut plain = String::new();
    for block in content {
        if !plain.is_empty() {
            plain.push(' ');
        }
        write_block(&mut plain, block, false);
        // A character has at most four bytes, so there is enough text.
        if plain.len() > max.saturating_mul(4).saturating_add(4) {
            break;
        }
    }
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() || max == 0 {
        return None;
    }
    if line.chars().nth(max).is_none() {
        return Some(line);
    }
    let mut sentence = None;
    for (at, c) in line.char_indices().take(max) {
        let end = at + c.len_utf8();
        let ends = match c {
            '。' | '！' | '？' => true,
            // A full stop inside "3.5" or "e.g." ends no sentence.
            '.' | '!' | '?' => line.get(end..).is_some_and(|rest| rest.starts_with(' ')),
            _ => false,
        };
        if ends {
            sentence = line.get(..end);
        }
    }
    if let Some(sentence) = sentence {
        return Some(sentence.to_owned());
    }
    let kept: String = line.chars().take(max - 1).collect();
    Some(format!("{}…", kept.trim_end()))
}

/// Counts the characters of a text without white space and without list and footnote markers.
#[must_use]
pub fn characters(content: &[Block]) -> u32 {
    let mut plain = String::new();
    write_blocks(&mut plain, content, false);
    u32::try_from(plain.chars().filter(|c| !c.is_whitespace()).count()).unwrap_or(u32::MAX)
}

/// Returns the sum of [`characters`] over the lead and every section, without titles.
#[must_use]
pub fn document_characters(document: &Document) -> u32 {
    let mut sum = characters(&document.lead);
    visit_sections(&document.sections, &mut |section| {
        sum = sum.saturating_add(characters(&section.blocks));
    });
    sum
}

/// Returns the reading time of the lead and every section in minutes, rounded up, at least 1: 400 Han characters or 200 other
/// words a minute.
#[must_use]
pub fn reading_minutes(document: &Document) -> u32 {
    let mut sum = words(&document.lead);
    visit_sections(&document.sections, &mut |section| {
        let (han, other) = words(&section.blocks);
        sum = (sum.0 + han, sum.1 + other);
    });
    minutes(sum)
}

fn minutes((han, other): (u64, u64)) -> u32 {
    // Units of 1/400 minute avoid rounding before the end.
    u32::try_from((han + 2 * other).div_ceil(400)).unwrap_or(u32::MAX).max(1)
}

/// Counts Han characters, and other words: runs of letters and digits.
fn words(content: &[Block]) -> (u64, u64) {
    let mut plain = String::new();
    write_blocks(&mut plain, content, false);
    let (mut han, mut other, mut inside) = (0, 0, false);
    for c in plain.chars() {
        if is_han(c) {
            han += 1;
            inside = false;
        } else if c.is_alphanumeric() {
            other += u64::from(!inside);
            inside = true;
        } else {
            inside = inside && matches!(c, '\'' | '’' | '.' | '-');
        }
    }
    (han, other)
}

pub(crate) fn is_han(c: char) -> bool {
    matches!(u32::from(c), 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFD | 0x3007)
}

/// Returns true for Han, kana and full-width punctuation, beside which Chinese and Japanese text has no spaces.
pub(crate) fn is_wide(c: char) -> bool {
    is_han(c)
        || matches!(u32::from(c), 0x3001..=0x303F | 0x3040..=0x30FF | 0x31F0..=0x31FF | 0xFF01..=0xFF60 | 0xFE30..=0xFE4F)
        || matches!(c, '“' | '”' | '‘' | '’' | '—' | '…')
}

fn visit_sections<'a>(sections: &'a [Section], visit: &mut impl FnMut(&'a Section)) {
    let mut pending: Vec<&Section> = sections.iter().rev().collect();
    while let Some(section) = pending.pop() {
        visit(section);
        pending.extend(section.children.iter().rev());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::markdown;

    fn read(body: &str) -> Document {
        markdown::read(&format!("---\nslug: a\ntitle: T\n---\n{body}"), None).unwrap().document
    }

    #[test]
    fn forbidden_characters_are_removed() {
        assert_eq!(clean("中文\n\tplain"), (Cow::Borrowed("中文\n\tplain"), 0));
        assert!(matches!(clean("plain").0, Cow::Borrowed(_)));
        assert_eq!(clean("a\r\nb\rc\u{2028}d\u{2029}e\u{85}f\r").0, "a\nb\nc\nd\ne\nf\n");
        let (text, removed) = clean("\u{FEFF}a\0\u{1}\u{7F}\u{80}\u{202E}\u{2066}\u{FDD0}\u{FFFE}\u{1FFFF}b");
        assert_eq!((text.as_ref(), removed), ("ab", 10));
        // Joiners and variation selectors are part of glyphs and stay.
        assert_eq!(clean("👩\u{200D}⚕\u{FE0F}\u{FFFD}").1, 0);
    }

    #[test]
    fn blocks_render_as_plain_text() {
        let document = read(
            "A **b** [c](d.md)[^1]\\\ne\n\n3. x\n4. y\n   - z\n\n| a | b |\n|---|---|\n| c | d |\n\n> q\n\n```\ncode\n```\n\n![alt](i.png)\n\n[^1]: note\n",
        );
        assert_eq!(
            blocks(&document.lead),
            "A b c\ne\n\n3. x\n4. y\n  • z\n\na\tb\nc\td\n\nq\n\ncode\n\nalt\n\n[1] note"
        );
        // Abce, x, y, z, abcd, q, code, alt, note: without markers and spaces.
        assert_eq!(characters(&document.lead), 4 + 3 + 4 + 1 + 4 + 3 + 4);
    }

    #[test]
    fn excerpt_ends_with_a_sentence_if_one_fits() {
        let blocks = read("第一句。第二句比较长！第三\n\nNo 3.5 here. More").lead;
        assert_eq!(excerpt(&blocks, 100).as_deref(), Some("第一句。第二句比较长！第三 No 3.5 here. More"));
        assert_eq!(excerpt(&blocks, 12).as_deref(), Some("第一句。第二句比较长！"));
        assert_eq!(excerpt(&blocks, 11).as_deref(), Some("第一句。第二句比较长！"));
        assert_eq!(excerpt(&blocks, 10).as_deref(), Some("第一句。"));
        assert_eq!(excerpt(&blocks, 3).as_deref(), Some("第一…"));
        assert_eq!(excerpt(&blocks, 1).as_deref(), Some("…"));
        assert_eq!(excerpt(&blocks, 0), None);
        assert_eq!(excerpt(&[], 10), None);
    }

    #[test]
    fn totals_include_lead_and_sections() {
        let document = read("中文\n\n## 标题\n\nab c\n\n### 二级\n\n文\n");
        assert_eq!(document_characters(&document), 2 + 3 + 1);
        assert_eq!(reading_minutes(&document), 1);
        let long = read(&format!("{}\n\n## 标题\n\n{}", "字".repeat(400), "word ".repeat(200)));
        assert_eq!(reading_minutes(&long), 2);
        let longer = read(&format!("{}\n\n## 标题\n\n{}", "字".repeat(401), "it's ".repeat(200)));
        assert_eq!(reading_minutes(&longer), 3);
    }
}

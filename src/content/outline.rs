//! The section tree: numbers by position, anchors, hashes.

use std::{collections::HashMap, collections::HashSet, fmt::Write};

use sha2::{Digest, Sha256};

use super::{Anchor, Document, Section};

/// The greatest depth of sections: HTML and Markdown have six levels of headings.
pub const MAX_DEPTH: usize = 6;

/// A section at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The number by position, such as `2.1`.
    pub number: String,
    /// How deep the section stands: 1 for a section of the article itself.
    pub level: u32,
    /// The place of the section above in the same list; `None` at level 1.
    pub parent: Option<usize>,
    /// The section.
    pub section: &'a Section,
}

/// All sections in reading order: each before its children.
#[must_use]
pub fn entries(sections: &[Section]) -> Vec<Entry<'_>> {
    let mut out: Vec<Entry<'_>> = Vec::new();
    // What is still to come, the next one last: its position among its siblings, its parent and the section.
    let mut rest: Vec<(usize, Option<usize>, &Section)> = Vec::new();
    rest.extend(sections.iter().enumerate().rev().map(|(i, section)| (i, None, section)));
    while let Some((position, parent, section)) = rest.pop() {
        let (number, level) = match parent.and_then(|at| out.get(at)) {
            None => ((position + 1).to_string(), 1),
            Some(above) => (format!("{}.{}", above.number, position + 1), above.level + 1),
        };
        let place = out.len();
        out.push(Entry { number, level, parent, section });
        rest.extend(section.children.iter().enumerate().rev().map(|(i, child)| (i, Some(place), child)));
    }
    out
}

/// What a section's own content is, as 32 hexadecimal digits: two sections have the same hash exactly if their
/// anchor, label, title and blocks are the same. Its children do not count.
#[must_use]
pub fn section_hash(section: &Section) -> String {
    hash(&(&section.anchor, &section.label, &section.title, &section.blocks))
}

/// What a document's whole content is, as 32 hexadecimal digits: two documents have the same hash exactly if they
/// are equal, but for the slug: an article that only moves is the same article. Anchors count, so they have to be filled before ([`fill_anchors`]).
#[must_use]
pub fn document_hash(document: &Document) -> String {
    let Document { slug: _, locale, title, questions, summary, topics, source, related, lead, sections } = document;
    hash(&((locale, title, questions, summary), (topics, source, related), (lead, sections)))
}

/// The first 128 bits of SHA-256 over the JSON of a value.
fn hash(value: &impl serde::Serialize) -> String {
    // JSON of these types cannot fail: every key is a string. Were it to, nothing would be taken as unchanged but
    // what fails alike.
    let json = serde_json::to_vec(value).unwrap_or_else(|error| error.to_string().into_bytes());
    let mut out = String::with_capacity(32);
    for byte in Sha256::digest(&json).iter().take(16) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// Gives every section without an anchor one that is derived from its title, with `-2`, `-3` … behind it where
/// another section of the document has it already or `reserved` says that it may not be given. Anchors that are there
/// stay, wherever they stand.
///
/// The same document and the same reserved anchors give the same result; the time is linear in the number of
/// sections and of reserved anchors that are met.
pub fn fill_anchors(document: &mut Document, reserved: &dyn Fn(&Anchor) -> bool) {
    let mut taken: HashSet<Anchor> =
        entries(&document.sections).into_iter().filter_map(|entry| entry.section.anchor.clone()).collect();
    // The number to try next for each derived anchor, so that many sections of one title do not try all again.
    let mut next: HashMap<Anchor, u32> = HashMap::new();
    let mut rest: Vec<&mut Section> = document.sections.iter_mut().rev().collect();
    while let Some(section) = rest.pop() {
        if section.anchor.is_none() {
            let stem = Anchor::derive(&section.title);
            let number = next.entry(stem.clone()).or_insert(1);
            let anchor = loop {
                let candidate = if *number == 1 { stem.clone() } else { stem.numbered(*number) };
                *number += 1;
                if !taken.contains(&candidate) && !reserved(&candidate) {
                    break candidate;
                }
            };
            taken.insert(anchor.clone());
            section.anchor = Some(anchor);
        }
        rest.extend(section.children.iter_mut().rev());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::markdown;

    fn read(body: &str) -> Document {
        markdown::read(&format!("---\nslug: a\ntitle: T\n---\n{body}"), None).unwrap().document
    }

    fn anchors(document: &Document) -> Vec<String> {
        let entries = entries(&document.sections);
        entries.into_iter().filter_map(|entry| entry.section.anchor.clone().map(String::from)).collect()
    }

    #[test]
    fn numbers_follow_the_position() {
        let document = read("# a\n### b\n#### c\n## d\n# e\n");
        let list: Vec<_> = entries(&document.sections)
            .into_iter()
            .map(|entry| (entry.number, entry.level, entry.parent, entry.section.title.as_str()))
            .collect();
        assert_eq!(
            list,
            [
                ("1".to_owned(), 1, None, "a"),
                ("1.1".to_owned(), 2, Some(0), "b"),
                ("1.1.1".to_owned(), 3, Some(1), "c"),
                ("1.2".to_owned(), 2, Some(0), "d"),
                ("2".to_owned(), 1, None, "e"),
            ]
        );
    }

    #[test]
    fn explicit_anchors_win_and_reserved_ones_are_not_given() {
        let mut document = read("## 概念\n## 概念\n## 概念\n## 别的 {#gai-nian}\n## gai nian 2\n");
        fill_anchors(&mut document, &|anchor| anchor.as_str() == "gai-nian-3");
        assert_eq!(anchors(&document), ["gai-nian-2", "gai-nian-4", "gai-nian-5", "gai-nian", "gai-nian-2-2"]);
        let before = document.clone();
        fill_anchors(&mut document, &|_| false);
        assert_eq!(document, before);
    }

    #[test]
    fn many_sections_of_one_title_take_linear_time() {
        let mut document = read("");
        let section =
            Section { anchor: None, label: None, title: "同".into(), blocks: Vec::new(), children: Vec::new() };
        document.sections = vec![section; 10_000];
        let calls = std::cell::Cell::new(0);
        fill_anchors(&mut document, &|_| {
            calls.set(calls.get() + 1);
            false
        });
        assert_eq!(calls.get(), 10_000);
        assert_eq!(anchors(&document).last().map(String::as_str), Some("tong-10000"));
    }

    #[test]
    fn hashes_change_with_what_they_cover() {
        let one = read("## 一、a {#x}\n\ntext\n\n### b {#y}\n");
        let hash = section_hash(&one.sections[0]);
        assert_eq!(hash.len(), 32);
        assert!(hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        let child = read("## 一、a {#x}\n\ntext\n\n### c {#y}\n");
        assert_eq!(section_hash(&child.sections[0]), hash);
        assert_ne!(document_hash(&child), document_hash(&one));
        for other in [
            "## 一、a {#z}\n\ntext\n",
            "## 二、a {#x}\n\ntext\n",
            "## 一、b {#x}\n\ntext\n",
            "## 一、a {#x}\n\n*text*\n",
        ] {
            assert_ne!(section_hash(&read(other).sections[0]), hash);
        }
    }
}

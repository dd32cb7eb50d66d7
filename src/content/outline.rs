//! The section tree: numbers, anchors and hashes.

use std::{collections::HashMap, collections::HashSet, fmt::Write};

use sha2::{Digest, Sha256};

use super::{Anchor, Document, Section};

/// The largest depth of sections: HTML and Markdown have six levels of headings.
pub const MAX_DEPTH: usize = 6;

/// A section with its position in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The number, such as `2.1`, which follows from the position.
    pub number: String,
    /// The depth: 1 for a top-level section.
    pub level: u32,
    /// The index of the parent section in the same list; `None` at level 1.
    pub parent: Option<usize>,
    /// The section.
    pub section: &'a Section,
}

/// Returns all sections in reading order, each before its children.
#[must_use]
pub fn entries(sections: &[Section]) -> Vec<Entry<'_>> {
    let mut out: Vec<Entry<'_>> = Vec::new();
    // The sections to visit, the next one last: position among its siblings, parent, section.
    let mut pending: Vec<(usize, Option<usize>, &Section)> = Vec::new();
    pending.extend(sections.iter().enumerate().rev().map(|(i, section)| (i, None, section)));
    while let Some((position, parent, section)) = pending.pop() {
        let (number, level) = match parent.and_then(|at| out.get(at)) {
            None => ((position + 1).to_string(), 1),
            Some(above) => (format!("{}.{}", above.number, position + 1), above.level + 1),
        };
        let index = out.len();
        out.push(Entry { number, level, parent, section });
        pending.extend(section.children.iter().enumerate().rev().map(|(i, child)| (i, Some(index), child)));
    }
    out
}

/// Returns a hash of a section's anchor, label, title and blocks, without its children, as 32 hexadecimal digits.
#[must_use]
pub fn section_hash(section: &Section) -> String {
    hash(&(&section.anchor, &section.label, &section.title, &section.blocks))
}

/// Returns a hash of a document as 32 hexadecimal digits. The slug is left out, because a moved article has the same content.
/// Anchors are included, so call [`fill_anchors`] before.
#[must_use]
pub fn document_hash(document: &Document) -> String {
    let Document { slug: _, locale, title, questions, summary, topics, source, related, lead, sections } = document;
    hash(&((locale, title, questions, summary), (topics, source, related), (lead, sections)))
}

/// Returns the first 128 bits of SHA-256 over the JSON of a value.
fn hash(value: &impl serde::Serialize) -> String {
    // Serialization of these types cannot fail: every key is a string.
    let json = serde_json::to_vec(value).unwrap_or_else(|error| error.to_string().into_bytes());
    let mut out = String::with_capacity(32);
    for byte in Sha256::digest(&json).iter().take(16) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// Derives an anchor from the title for every section without one. The suffix `-2`, `-3`, … avoids anchors of other sections
/// and those for which `is_reserved` returns true. Existing anchors stay.
///
/// The result is deterministic; the time is linear in the number of sections and of reserved anchors that are met.
pub fn fill_anchors(document: &mut Document, is_reserved: &dyn Fn(&Anchor) -> bool) {
    let mut taken: HashSet<Anchor> =
        entries(&document.sections).into_iter().filter_map(|entry| entry.section.anchor.clone()).collect();
    // The next number to try for each derived anchor, so that many equal titles take linear time.
    let mut next: HashMap<Anchor, u32> = HashMap::new();
    let mut pending: Vec<&mut Section> = document.sections.iter_mut().rev().collect();
    while let Some(section) = pending.pop() {
        if section.anchor.is_none() {
            let stem = Anchor::derive(&section.title);
            let number = next.entry(stem.clone()).or_insert(1);
            let anchor = loop {
                let candidate = if *number == 1 { stem.clone() } else { stem.numbered(*number) };
                *number += 1;
                if !taken.contains(&candidate) && !is_reserved(&candidate) {
                    break candidate;
                }
            };
            taken.insert(anchor.clone());
            section.anchor = Some(anchor);
        }
        pending.extend(section.children.iter_mut().rev());
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
    fn numbers_follow_positions() {
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
    fn explicit_anchors_stay_and_reserved_anchors_are_skipped() {
        let mut document = read("## 概念\n## 概念\n## 概念\n## 别的 {#gai-nian}\n## gai nian 2\n");
        fill_anchors(&mut document, &|anchor| anchor.as_str() == "gai-nian-3");
        assert_eq!(anchors(&document), ["gai-nian-2", "gai-nian-4", "gai-nian-5", "gai-nian", "gai-nian-2-2"]);
        let before = document.clone();
        fill_anchors(&mut document, &|_| false);
        assert_eq!(document, before);
    }

    #[test]
    fn many_equal_titles_take_linear_time() {
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
    fn hashes_change_with_their_content() {
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

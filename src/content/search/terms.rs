//! What a passage is found by: the terms that are stored with it.
//!
//! Han (and kana, and Hangul) is found by single characters and by pairs of neighbours, so that a word of any length is
//! found without knowing what a word is; other scripts by words. A term says in which field it stands, so that an index of
//! terms alone answers where something was found:
//!
//! | term | stands in |
//! | --- | --- |
//! | `x` | the passage's own text: heading, questions, lead and text |
//! | `h:x` | its heading, or a question of the article |
//! | `t:x` | the title of its article |
//! | `T:x` | the same, in the first passage of an article only |
//! | `Q:x` | a question of the article, in the first passage only |
//! | `p:x`, `i:x` | the sound of the title from some character on, and its initials; in the first passage only |
//! | `#t:slug`, `#l:locale` | a topic of the article, its locale |
//! | `#1:n`, `#2:n` | the block of articles, by their ordinal, that the article is in: of 1,024 and of 16,384 |

use std::collections::BTreeSet;

use super::{
    atoms::{Atom, atoms},
    fold::Folded,
    likeness,
    pinyin::{self, Key},
};
use crate::content::{Document, outline, text};

/// Blocks of articles with consecutive ordinals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// Of 1,024 articles.
    Small,
    /// Of 16,384 articles.
    Large,
}

impl Block {
    /// How many articles such a block is for.
    #[must_use]
    pub fn articles(self) -> i64 {
        match self {
            Block::Small => 1 << 10,
            Block::Large => 1 << 14,
        }
    }

    /// The term of the block that the article with this ordinal is in.
    #[must_use]
    pub fn term(self, ordinal: i64) -> String {
        let name = match self {
            Block::Small => "#1:",
            Block::Large => "#2:",
        };
        format!("{name}{}", ordinal / self.articles())
    }
}

/// The bits of a passage's place that say which section of its article it is.
pub const SECTION_BITS: u32 = 16;

/// How much of a field is searched, in characters: the beginning.
pub const SEARCHED: usize = 20_000;

/// How much of a title can be found by its sound, in characters.
const LONGEST_HEARD: usize = 100;

/// A part of an article that search finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The number, the anchor and the title of its section; `None` where the article has none.
    pub section: Option<(String, String, String)>,
    /// In the first passage the editor's summary and the text before the first heading, else empty.
    pub lead: String,
    /// The section's own text, as `format=text` gives it.
    pub text: String,
    /// What it is found by.
    pub terms: Vec<String>,
}

/// What discovery knows of an article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// Its passages in reading order, one at least; the terms of its blocks are not among theirs yet.
    pub passages: Vec<Passage>,
    /// The signature of the terms of its title, questions and headings.
    pub likeness: [u8; likeness::BITS / 8],
}

/// Reads a document for discovery. Sections without an anchor are left out; publishing gives each one.
#[must_use]
pub fn index(document: &Document) -> Indexed {
    let title = Folded::new(&beginning(&document.title));
    let title_terms = Terms::of(&title);
    let mut shared: BTreeSet<String> = title_terms.with("t:").collect();
    shared.extend(document.topics.iter().map(|slug| format!("#t:{slug}")));
    shared.insert(format!("#l:{}", document.locale));

    let mut key = title_terms.0.clone();
    let entries = outline::entries(&document.sections);
    let anchored = entries.iter().filter(|entry| entry.section.anchor.is_some());
    let labels: Vec<Option<&str>> = anchored.map(|entry| entry.section.label.as_deref()).collect();
    let sections = entries.iter().filter_map(|entry| {
        let anchor = entry.section.anchor.as_ref()?;
        Some((Some((entry.number.clone(), anchor.to_string(), entry.section.title.clone())), &entry.section.blocks[..]))
    });
    let mut sections: Vec<_> = sections.collect();
    if sections.is_empty() {
        sections.push((None, &[]));
    }
    let made = sections.into_iter().enumerate().map(|(place, (section, blocks))| {
        let mut terms = Budget::new(&shared);
        let heading = section.as_ref().map(|(.., heading)| heading.as_str()).unwrap_or_default();
        // The label is printed before the title, and found like it.
        let printed = labels.get(place).copied().flatten().unwrap_or_default();
        let mut headings = Terms::of(&Folded::new(&beginning(&format!("{printed} {heading}")))).0;
        let mut lead = String::new();
        if place == 0 {
            terms.extend(title_terms.with("T:"));
            let heard = &title.chars[..title.chars.len().min(LONGEST_HEARD)];
            terms.extend(pinyin::keys(heard, true).into_iter().map(|key| match key {
                Key::Syllables(key) => format!("p:{key}"),
                Key::Initials(key) => format!("i:{key}"),
            }));
            for question in &document.questions {
                let question = Terms::of(&Folded::new(&beginning(question)));
                terms.extend(question.with("Q:"));
                headings.extend(question.0);
            }
            let parts = [document.summary.clone().unwrap_or_default(), text::blocks(&document.lead)];
            lead = beginning(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n"));
        }
        key.extend(headings.iter().cloned());
        terms.extend(headings.iter().map(|term| format!("h:{term}")));
        terms.extend(headings);
        terms.extend(Terms::of(&Folded::new(&lead)).0);
        let text = beginning(&text::blocks(blocks));
        terms.extend(Terms::of(&Folded::new(&text)).0);
        Passage { section, lead, text, terms: terms.set.into_iter().collect() }
    });
    let passages = made.collect();
    Indexed { passages, likeness: likeness::signature(&key) }
}

fn beginning(text: &str) -> String {
    text.char_indices().nth(SEARCHED).map_or(text, |(end, _)| &text[..end]).to_owned()
}

/// The terms of one passage, as many as a `tsvector` holds with some to spare: it has room for 1 MiB of them.
struct Budget {
    set: BTreeSet<String>,
    left: usize,
}

impl Budget {
    const BYTES: usize = 768 << 10;

    fn new(first: &BTreeSet<String>) -> Budget {
        let mut made = Budget { set: BTreeSet::new(), left: Budget::BYTES };
        made.extend(first.iter().cloned());
        made
    }

    fn extend(&mut self, terms: impl IntoIterator<Item = String>) {
        for term in terms {
            let length = term.len();
            if length <= self.left && self.set.insert(term) {
                self.left -= length;
            }
        }
    }
}

/// The terms of one text.
#[derive(Debug, Clone, Default)]
struct Terms(BTreeSet<String>);

impl Terms {
    fn of(folded: &Folded) -> Terms {
        let atoms = atoms(folded);
        let mut terms: BTreeSet<String> = atoms.iter().map(|atom| written(folded, atom)).collect();
        terms.extend(atoms.windows(2).filter_map(|two| pair(folded, &two[0], &two[1])));
        Terms(terms)
    }

    fn with(&self, field: &str) -> impl Iterator<Item = String> {
        self.0.iter().map(move |term| format!("{field}{term}"))
    }
}

/// An atom as a term.
pub(super) fn written(folded: &Folded, atom: &Atom) -> String {
    folded.chars[atom.chars.clone()].iter().collect()
}

/// Two neighbours of a script without spaces as a term.
pub(super) fn pair(folded: &Folded, first: &Atom, second: &Atom) -> Option<String> {
    let neighbours = first.wide && second.wide && second.place == first.place + 1;
    neighbours.then(|| [first, second].into_iter().map(|atom| written(folded, atom)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::markdown;

    fn read(text: &str) -> Vec<Passage> {
        let document = markdown::read(text, None).unwrap().document;
        index(&document).passages
    }

    #[test]
    fn a_passage_for_each_section_the_lead_in_the_first() {
        let made = read(
            "---\nslug: a\ntitle: 幹細胞\nquestions: [贵吗]\nsummary: 摘要。\ntopics: [x]\n---\n导语\n\n## 一、费用 {#fee}\n\nCAR-T 很贵\n\n### 细目 {#detail}\n\n文\n",
        );
        let sections: Vec<_> = made.iter().map(|passage| passage.section.clone().unwrap()).collect();
        let expected = [("1", "fee", "费用"), ("1.1", "detail", "细目")];
        assert_eq!(sections, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
        assert_eq!((made[0].lead.as_str(), made[0].text.as_str()), ("摘要。\n\n导语", "CAR-T 很贵"));
        assert_eq!((made[1].lead.as_str(), made[1].text.as_str()), ("", "文"));
        let has = |place: usize, term: &str| made[place].terms.iter().any(|t| t == term);
        for term in [
            "t:干细",
            "T:细胞",
            "p:ganxibao",
            "i:gxb",
            "h:费用",
            "费用",
            "h:贵吗",
            "Q:贵吗",
            "贵吗",
            "导语",
            "car",
            "t",
        ] {
            assert!(has(0, term), "{term}");
        }
        assert!(has(0, "h:一"), "the printed label");
        for term in ["t:干细", "h:细目", "文", "#t:x", "#l:zh-Hans"] {
            assert!(has(1, term), "{term}");
        }
        for term in ["T:干细", "p:ganxibao", "h:贵吗", "导语", "干细", "car"] {
            assert!(!has(1, term), "{term}");
        }
    }

    #[test]
    fn a_passage_has_no_more_terms_than_fit() {
        // As many different pairs of characters of four bytes as one field is searched for, in each of them.
        let rare = |from: u32| -> String { (from..from + 15_000).filter_map(char::from_u32).collect() };
        let text = "---\nslug: a\ntitle: T\n---\n## 标题 {#a}\n";
        let mut document = markdown::read(text, None).unwrap().document;
        document.title = rare(0x2_0000);
        document.questions = vec![rare(0x2_4000)];
        document.summary = Some(rare(0x2_8000));
        document.sections[0].title = rare(0x2_C000);
        let made = index(&document).passages;
        let bytes: usize = made[0].terms.iter().map(String::len).sum();
        assert!(bytes <= 768 << 10 && bytes > 700 << 10, "{bytes}");
    }

    #[test]
    fn the_beginning_of_a_long_text_is_searched() {
        let text = format!("头{}尾", "中".repeat(SEARCHED));
        let made = read(&format!("---\nslug: a\ntitle: T\n---\n## 标题 {{#a}}\n\n{text}\n"));
        assert_eq!(made[0].text.chars().count(), SEARCHED);
        assert!(made[0].terms.iter().any(|term| term == "头中"));
        assert!(!made[0].terms.iter().any(|term| term == "尾"));
    }

    #[test]
    fn blocks() {
        assert_eq!((Block::Small.term(1023), Block::Small.term(1024)), ("#1:0".to_owned(), "#1:1".to_owned()));
        assert_eq!((Block::Large.term(16_383), Block::Large.term(16_384)), ("#2:0".to_owned(), "#2:1".to_owned()));
    }

    #[test]
    fn an_article_without_sections_has_one_passage() {
        let made = read("---\nslug: a\ntitle: T\n---\n只有导语\n");
        assert_eq!(made.len(), 1);
        assert_eq!((made[0].section.clone(), made[0].lead.as_str(), made[0].text.as_str()), (None, "只有导语", ""));
    }
}

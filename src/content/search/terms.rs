//! Index terms of passages.
//!
//! CJK text is indexed by single characters and by bigrams of adjacent characters, so that a word of any length is found
//! without a dictionary; other scripts are indexed by words. A prefix names the field of a term, so that one index of terms
//! also answers in which field something was found:
//!
//! | term | indexes |
//! | --- | --- |
//! | `x` | the passage's own text: heading, questions, lead and text |
//! | `h:x` | its heading, or a question of the article |
//! | `t:x` | the title of its article |
//! | `T:x` | the title, in the first passage of the article only |
//! | `Q:x` | a question of the article, in the first passage only |
//! | `p:x`, `i:x` | pinyin and pinyin initials of the title from each character on, in the first passage only |
//! | `#t:slug`, `#l:locale` | a topic and the locale of the article |
//! | `#1:n`, `#2:n` | the small and the large bucket of the article's ordinal ([`Bucket`]) |

use std::collections::BTreeSet;

use super::{
    fold::Folded,
    minhash,
    pinyin::{self, Key},
    tokens::{Token, tokenize},
};
use crate::content::{Document, outline, text};

/// A bucket of articles with consecutive ordinals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// 1,024 articles.
    Small,
    /// 16,384 articles.
    Large,
}

impl Bucket {
    /// Returns the number of articles of a bucket.
    #[must_use]
    pub fn articles(self) -> i64 {
        match self {
            Bucket::Small => 1 << 10,
            Bucket::Large => 1 << 14,
        }
    }

    /// Returns the term of the bucket that contains an ordinal.
    #[must_use]
    pub fn term(self, ordinal: i64) -> String {
        let name = match self {
            Bucket::Small => "#1:",
            Bucket::Large => "#2:",
        };
        format!("{name}{}", ordinal / self.articles())
    }
}

/// Number of low bits of `passages.place` that are the index of its section; the high bits are the article's ordinal.
pub const SECTION_BITS: u32 = 16;

/// Maximum length of an indexed field, in characters; the rest is not searched.
pub const MAX_INDEXED_CHARS: usize = 20_000;

/// Maximum length of a title that pinyin finds, in characters.
const MAX_PINYIN_CHARS: usize = 100;

/// The unit of search: a section, or an article without sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Number, anchor and title of the section; `None` if the article has no sections.
    pub section: Option<(String, String, String)>,
    /// The summary and the text before the first heading; empty except in the first passage.
    pub lead: String,
    /// The section's own text, as `format=text` gives it.
    pub text: String,
    /// The index terms.
    pub terms: Vec<String>,
}

/// The index data of an article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticleIndex {
    /// The passages in reading order, at least one. Publishing adds the terms of the buckets.
    pub passages: Vec<Passage>,
    /// The signature of the terms of title, questions and headings, for the similarity of articles.
    pub signature: [u8; minhash::BITS / 8],
}

/// Returns the index data of a document, without sections that have no anchor yet.
#[must_use]
pub fn index(document: &Document) -> ArticleIndex {
    let title = Folded::new(&indexed_part(&document.title));
    let title_terms = Terms::of(&title);
    let mut shared: BTreeSet<String> = title_terms.with("t:").collect();
    shared.extend(document.topics.iter().map(|slug| format!("#t:{slug}")));
    shared.insert(format!("#l:{}", document.locale));

    let mut signature_terms = title_terms.0.clone();
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
    let passages = sections.into_iter().enumerate().map(|(index, (section, blocks))| {
        let mut terms = BoundedTerms::new(&shared);
        let heading = section.as_ref().map(|(.., heading)| heading.as_str()).unwrap_or_default();
        // Readers also search for the printed label, such as 一、.
        let label = labels.get(index).copied().flatten().unwrap_or_default();
        let mut headings = Terms::of(&Folded::new(&indexed_part(&format!("{label} {heading}")))).0;
        let mut lead = String::new();
        if index == 0 {
            terms.extend(title_terms.with("T:"));
            let pinyin_chars = &title.chars[..title.chars.len().min(MAX_PINYIN_CHARS)];
            terms.extend(pinyin::keys(pinyin_chars, true).into_iter().map(|key| match key {
                Key::Syllables(key) => format!("p:{key}"),
                Key::Initials(key) => format!("i:{key}"),
            }));
            for question in &document.questions {
                let question = Terms::of(&Folded::new(&indexed_part(question)));
                terms.extend(question.with("Q:"));
                headings.extend(question.0);
            }
            let parts = [document.summary.clone().unwrap_or_default(), text::blocks(&document.lead)];
            lead = indexed_part(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n"));
        }
        signature_terms.extend(headings.iter().cloned());
        terms.extend(headings.iter().map(|term| format!("h:{term}")));
        terms.extend(headings);
        terms.extend(Terms::of(&Folded::new(&lead)).0);
        let text = indexed_part(&text::blocks(blocks));
        terms.extend(Terms::of(&Folded::new(&text)).0);
        Passage { section, lead, text, terms: terms.set.into_iter().collect() }
    });
    let passages = passages.collect();
    ArticleIndex { passages, signature: minhash::signature(&signature_terms) }
}

fn indexed_part(text: &str) -> String {
    text.char_indices().nth(MAX_INDEXED_CHARS).map_or(text, |(end, _)| &text[..end]).to_owned()
}

/// The terms of one passage, limited because a `tsvector` has room for 1 MiB.
struct BoundedTerms {
    set: BTreeSet<String>,
    left: usize,
}

impl BoundedTerms {
    const BYTES: usize = 768 << 10;

    fn new(first: &BTreeSet<String>) -> BoundedTerms {
        let mut terms = BoundedTerms { set: BTreeSet::new(), left: BoundedTerms::BYTES };
        terms.extend(first.iter().cloned());
        terms
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
        let tokens = tokenize(folded);
        let mut terms: BTreeSet<String> = tokens.iter().map(|token| token_text(folded, token)).collect();
        terms.extend(tokens.windows(2).filter_map(|two| bigram(folded, &two[0], &two[1])));
        Terms(terms)
    }

    fn with(&self, field: &str) -> impl Iterator<Item = String> {
        self.0.iter().map(move |term| format!("{field}{term}"))
    }
}

/// Returns a token as a term.
pub(super) fn token_text(folded: &Folded, token: &Token) -> String {
    folded.chars[token.chars.clone()].iter().collect()
}

/// Returns two adjacent CJK tokens as a term.
pub(super) fn bigram(folded: &Folded, first: &Token, second: &Token) -> Option<String> {
    let adjacent = first.is_cjk && second.is_cjk && second.position == first.position + 1;
    adjacent.then(|| [first, second].into_iter().map(|token| token_text(folded, token)).collect())
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
    fn each_section_is_a_passage_and_the_first_has_the_lead() {
        let made = read(
            "---\nslug: a\ntitle: 幹細胞\nquestions: [贵吗]\nsummary: 摘要。\ntopics: [x]\n---\n导语\n\n## 一、费用 {#fee}\n\nCAR-T 很贵\n\n### 细目 {#detail}\n\n文\n",
        );
        let sections: Vec<_> = made.iter().map(|passage| passage.section.clone().unwrap()).collect();
        let expected = [("1", "fee", "费用"), ("1.1", "detail", "细目")];
        assert_eq!(sections, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
        assert_eq!((made[0].lead.as_str(), made[0].text.as_str()), ("摘要。\n\n导语", "CAR-T 很贵"));
        assert_eq!((made[1].lead.as_str(), made[1].text.as_str()), ("", "文"));
        let has = |index: usize, term: &str| made[index].terms.iter().any(|t| t == term);
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
    fn terms_of_a_passage_are_limited() {
        // Each field has the maximum number of distinct bigrams, of characters of four bytes.
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
    fn only_the_beginning_of_a_long_text_is_indexed() {
        let text = format!("头{}尾", "中".repeat(MAX_INDEXED_CHARS));
        let made = read(&format!("---\nslug: a\ntitle: T\n---\n## 标题 {{#a}}\n\n{text}\n"));
        assert_eq!(made[0].text.chars().count(), MAX_INDEXED_CHARS);
        assert!(made[0].terms.iter().any(|term| term == "头中"));
        assert!(!made[0].terms.iter().any(|term| term == "尾"));
    }

    #[test]
    fn bucket_terms_change_at_their_size() {
        assert_eq!((Bucket::Small.term(1023), Bucket::Small.term(1024)), ("#1:0".to_owned(), "#1:1".to_owned()));
        assert_eq!((Bucket::Large.term(16_383), Bucket::Large.term(16_384)), ("#2:0".to_owned(), "#2:1".to_owned()));
    }

    #[test]
    fn article_without_sections_has_one_passage() {
        let made = read("---\nslug: a\ntitle: T\n---\n只有导语\n");
        assert_eq!(made.len(), 1);
        assert_eq!((made[0].section.clone(), made[0].lead.as_str(), made[0].text.as_str()), (None, "只有导语", ""));
    }
}

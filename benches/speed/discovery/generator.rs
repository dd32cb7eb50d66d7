//! Articles for a library of any size, the same whenever they are made.
//!
//! Each has a title of 8 to 20 characters, two questions, two topics of 40 (the first has a fifth of everything, the last
//! less than a hundredth), two articles that an editor would lead to, and 20 sections of about 150 characters, three below
//! each fifth. In each stands one of the rare words, so that each of these stands in about 20 articles; in each fiftieth a
//! word that stands nowhere else.

use fastrand::Rng;
use lectern::content::{Anchor, Block, Document, Inline, Related, Section, Slug};

use super::vocabulary::Vocabulary;
use crate::Failure;

pub const SECTIONS: u64 = 20;
pub const TOPICS: u64 = 40;

/// In how many articles a rare word stands, about.
const RARE: u64 = 20;
/// Each of so many articles has a word of its own.
const UNIQUE: u64 = 50;

/// The seeds of rare words and of unique ones, apart from those of articles.
const RARE_WORDS: u64 = 1 << 40;
const UNIQUE_WORDS: u64 = 1 << 41;

/// The length of a section, in characters, at least.
const LENGTH: usize = 140;

pub struct Generator {
    vocabulary: Vocabulary,
    articles: u64,
}

/// The slug of an article.
pub fn slug(n: u64) -> String {
    format!("article-{n}")
}

/// The slug of a topic, counted from 1, the largest first.
pub fn topic(n: u64) -> String {
    format!("topic-{n}")
}

impl Generator {
    /// Makes articles for a library of `articles`.
    pub fn new(vocabulary: Vocabulary, articles: u64) -> Generator {
        Generator { vocabulary, articles }
    }

    /// A word that stands in about 20 articles, one for each number.
    pub fn rare(&self, number: u64) -> String {
        self.vocabulary.made_up(RARE_WORDS + number % self.rare_words())
    }

    /// A word that stands in one article, one for each number.
    pub fn unique(&self, number: u64) -> String {
        self.vocabulary.made_up(UNIQUE_WORDS + number % (self.articles / UNIQUE).max(1) * UNIQUE)
    }

    fn rare_words(&self) -> u64 {
        (self.articles / RARE).max(1)
    }

    /// Article `n`, counted from 0.
    pub fn article(&self, n: u64) -> Result<Document, Failure> {
        let mut rng = Rng::with_seed(n);
        let mut words = vec![self.rare(rng.u64(..))];
        words.extend(n.is_multiple_of(UNIQUE).then(|| self.vocabulary.made_up(UNIQUE_WORDS + n)));
        let homes: Vec<u64> = words.iter().map(|_| rng.u64(0..SECTIONS)).collect();

        let first = uneven(&mut rng);
        let second = std::iter::repeat_with(|| uneven(&mut rng)).find(|topic| *topic != first).unwrap_or_default();
        let topics = [first, second].iter().map(|n| topic(*n).parse()).collect::<Result<Vec<Slug>, _>>()?;
        let mut led = || -> Result<Related, Failure> {
            let place = (n + rng.u64(1..self.articles.max(2))) % self.articles;
            Ok(Related::Article { article: slug(place).parse()?, reason: None })
        };
        let related = vec![led()?, led()?];

        let mut sections: Vec<Section> = Vec::new();
        for place in 0..SECTIONS {
            let own = homes.iter().zip(&words).filter(|(home, _)| **home == place).map(|(_, word)| word.as_str());
            let section = Section {
                anchor: Some(format!("s-{}", place + 1).parse::<Anchor>()?),
                label: None,
                title: self.vocabulary.short(&mut rng).to_owned(),
                blocks: vec![paragraph(self.text(&mut rng, own))],
                children: Vec::new(),
            };
            match sections.last_mut().filter(|_| !place.is_multiple_of(4)) {
                Some(above) => above.children.push(section),
                None => sections.push(section),
            }
        }
        Ok(Document {
            slug: slug(n).parse()?,
            locale: "zh-Hans".parse()?,
            title: self.title(&mut rng),
            questions: vec![
                format!("{}吗？", self.vocabulary.short(&mut rng)),
                format!("{}，应该怎么办？", self.vocabulary.short(&mut rng)),
            ],
            summary: Some(format!("{}，{}。", self.vocabulary.clause(&mut rng), self.vocabulary.clause(&mut rng))),
            topics,
            source: None,
            related,
            lead: vec![paragraph(format!("{}。", self.vocabulary.clause(&mut rng)))],
            sections,
        })
    }

    fn title(&self, rng: &mut Rng) -> String {
        let title = self.vocabulary.short(rng);
        if title.chars().count() > 8 {
            return title.to_owned();
        }
        format!("{title}：{}", self.vocabulary.short(rng)).chars().take(20).collect()
    }

    /// A section's text, with words of its own among the others.
    fn text<'a>(&'a self, rng: &mut Rng, words: impl Iterator<Item = &'a str>) -> String {
        let mut text = String::new();
        let mut length = 0;
        let mut add = |clause: &str, rng: &mut Rng| {
            text.push_str(clause);
            text.push(if rng.u8(..3) == 0 { '。' } else { '，' });
            length += clause.chars().count() + 1;
            length
        };
        for word in words {
            add(word, rng);
        }
        while add(self.vocabulary.clause(rng), rng) < LENGTH {}
        text.pop();
        text + "。"
    }
}

/// A topic: the n-th as often as 1/n.
fn uneven(rng: &mut Rng) -> u64 {
    let sum: f64 = (1..=40_u8).map(|n| 1.0 / f64::from(n)).sum();
    let mut left = rng.f64() * sum;
    let found = (1..=40_u8).find(|n| {
        left -= 1.0 / f64::from(*n);
        left <= 0.0
    });
    found.map_or(TOPICS, u64::from)
}

fn paragraph(text: String) -> Block {
    Block::Paragraph { content: vec![Inline::Text { text, marks: Vec::new() }] }
}

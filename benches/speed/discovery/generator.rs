//! Generated articles for a library of any size, the same in every run.
//!
//! An article has a title of 8 to 20 characters, two questions, two of 40 topics (the first has a fifth of all articles,
//! the last less than a hundredth), two related articles, and 20 sections of about 150 characters: five of the first level
//! with three subsections each. Each article has a rare word, which about 20 articles share; every fiftieth has a unique
//! word too.

use fastrand::Rng;
use lectern::content::{Anchor, Block, Document, Inline, Related, Section, Slug};

use super::vocabulary::Vocabulary;
use crate::Failure;

pub const SECTIONS: u64 = 20;
pub const TOPICS: u64 = 40;

/// The average number of articles with the same rare word.
const RARE: u64 = 20;
/// Every n-th article has a unique word.
const UNIQUE: u64 = 50;

/// The seeds of rare and unique words, which differ from those of articles.
const RARE_WORDS: u64 = 1 << 40;
const UNIQUE_WORDS: u64 = 1 << 41;

/// The least length of a section, in characters.
const LENGTH: usize = 140;

pub struct Generator {
    vocabulary: Vocabulary,
    articles: u64,
}

/// Returns the slug of article `n`.
pub fn slug(n: u64) -> String {
    format!("article-{n}")
}

/// Returns the slug of topic `n`, counted from 1, by size descending.
pub fn topic(n: u64) -> String {
    format!("topic-{n}")
}

impl Generator {
    pub fn new(vocabulary: Vocabulary, articles: u64) -> Generator {
        Generator { vocabulary, articles }
    }

    /// Returns a rare word.
    pub fn rare(&self, number: u64) -> String {
        self.vocabulary.invented(RARE_WORDS + number % self.rare_words())
    }

    /// Returns a unique word.
    pub fn unique(&self, number: u64) -> String {
        self.vocabulary.invented(UNIQUE_WORDS + number % (self.articles / UNIQUE).max(1) * UNIQUE)
    }

    fn rare_words(&self) -> u64 {
        (self.articles / RARE).max(1)
    }

    /// Generates article `n`, counted from 0.
    pub fn article(&self, n: u64) -> Result<Document, Failure> {
        let mut rng = Rng::with_seed(n);
        let mut words = vec![self.rare(rng.u64(..))];
        words.extend(n.is_multiple_of(UNIQUE).then(|| self.vocabulary.invented(UNIQUE_WORDS + n)));
        let homes: Vec<u64> = words.iter().map(|_| rng.u64(0..SECTIONS)).collect();

        let first = draw_topic(&mut rng);
        let second = std::iter::repeat_with(|| draw_topic(&mut rng)).find(|topic| *topic != first).unwrap_or_default();
        let topics = [first, second].iter().map(|n| topic(*n).parse()).collect::<Result<Vec<Slug>, _>>()?;
        let mut related = || -> Result<Related, Failure> {
            let other = (n + rng.u64(1..self.articles.max(2))) % self.articles;
            Ok(Related::Article { article: slug(other).parse()?, reason: None })
        };
        let related = vec![related()?, related()?];

        let mut sections: Vec<Section> = Vec::new();
        for index in 0..SECTIONS {
            let own = homes.iter().zip(&words).filter(|(home, _)| **home == index).map(|(_, word)| word.as_str());
            let section = Section {
                anchor: Some(format!("s-{}", index + 1).parse::<Anchor>()?),
                label: None,
                title: self.vocabulary.short(&mut rng).to_owned(),
                blocks: vec![paragraph(self.text(&mut rng, own))],
                children: Vec::new(),
            };
            match sections.last_mut().filter(|_| !index.is_multiple_of(4)) {
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

    /// Returns a section's text that contains `words`.
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

/// Draws a topic; the n-th has the weight 1/n.
fn draw_topic(rng: &mut Rng) -> u64 {
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

//! What generated articles are made of: the clauses of the bundled library, some of them far more often than others, and
//! words that nobody else uses.

use std::{collections::HashSet, fs, path::Path};

use fastrand::Rng;
use lectern::content::{Section, markdown, text};

use crate::Failure;

/// How uneven the clauses are: the n-th is as frequent as n to this power, negated. With 0.7 the first of 1,000 stands in
/// two sections of five.
const UNEVEN: f64 = 0.7;

/// The shortest and the longest clause, in characters.
const CLAUSE: std::ops::RangeInclusive<usize> = 4..=24;

/// The clauses of a title or a heading.
const SHORT: std::ops::RangeInclusive<usize> = 5..=12;

/// What separates clauses.
const ENDS: [char; 15] = ['，', '。', '；', '：', '！', '？', '、', '（', '）', '“', '”', '\n', '/', ' ', '—'];

pub struct Vocabulary {
    all: Clauses,
    short: Clauses,
    /// Every Han character of the library, in order.
    characters: Vec<char>,
    /// Every two characters that stand beside each other in it.
    pairs: HashSet<(char, char)>,
}

/// Clauses, the most frequent first.
struct Clauses {
    texts: Vec<String>,
    /// How often one up to this is drawn.
    weights: Vec<f64>,
}

impl Clauses {
    fn new(texts: Vec<String>) -> Clauses {
        let mut sum = 0.0;
        let mut place = 0.0_f64;
        let weights = texts.iter().map(|_| {
            place += 1.0;
            sum += place.powf(-UNEVEN);
            sum
        });
        Clauses { weights: weights.collect(), texts }
    }

    fn draw(&self, rng: &mut Rng) -> &str {
        let wanted = rng.f64() * self.weights.last().copied().unwrap_or_default();
        let place = self.weights.partition_point(|weight| *weight <= wanted);
        self.texts.get(place).map_or("", String::as_str)
    }
}

impl Vocabulary {
    /// Reads the articles in `folder`.
    pub fn read(folder: &Path) -> Result<Vocabulary, Failure> {
        let mut files: Vec<_> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, Failure>>()?;
        files.sort();
        let mut found = Vec::new();
        for file in files {
            let read = markdown::read(&fs::read_to_string(&file)?, None)
                .map_err(|remarks| format!("{}: {remarks:?}", file.display()))?;
            let document = read.document;
            found.push(document.title);
            found.extend(document.questions);
            found.extend(document.summary);
            found.push(text::blocks(&document.lead));
            collect(&document.sections, &mut found);
        }
        let mut characters: Vec<char> = found.iter().flat_map(|text| text.chars()).filter(|c| is_han(*c)).collect();
        characters.sort_unstable();
        characters.dedup();
        let pairs = found.iter().flat_map(|text| text.chars().zip(text.chars().skip(1))).collect();

        let clauses = found.iter().flat_map(|text| text.split(ENDS)).map(str::trim);
        let clauses = clauses.filter(|text| CLAUSE.contains(&text.chars().count()) && text.chars().any(is_han));
        let mut clauses: Vec<String> = clauses.map(str::to_owned).collect();
        clauses.sort_unstable();
        clauses.dedup();
        // In no order that means something, and always the same.
        Rng::with_seed(0).shuffle(&mut clauses);
        let short = clauses.iter().filter(|text| SHORT.contains(&text.chars().count())).cloned().collect();
        Ok(Vocabulary { all: Clauses::new(clauses), short: Clauses::new(short), characters, pairs })
    }

    /// A clause of a text.
    pub fn clause(&self, rng: &mut Rng) -> &str {
        self.all.draw(rng)
    }

    /// A clause for a title or a heading.
    pub fn short(&self, rng: &mut Rng) -> &str {
        self.short.draw(rng)
    }

    /// A word of two to four characters that stands nowhere in the library, always the same for `number`.
    pub fn made_up(&self, number: u64) -> String {
        let mut rng = Rng::with_seed(number);
        loop {
            let length = rng.usize(2..=4);
            let word: Vec<char> = (0..length).filter_map(|_| rng.choice(self.characters.iter().copied())).collect();
            if word.windows(2).all(|two| !self.pairs.contains(&(two[0], two[1]))) {
                return word.into_iter().collect();
            }
        }
    }
}

fn is_han(c: char) -> bool {
    ('\u{4E00}'..='\u{9FFF}').contains(&c)
}

fn collect(sections: &[Section], into: &mut Vec<String>) {
    for section in sections {
        into.push(section.title.clone());
        into.push(text::blocks(&section.blocks));
        collect(&section.children, into);
    }
}

//! The vocabulary of generated articles: the clauses of the bundled library with uneven frequencies, and invented words.

use std::{collections::HashSet, fs, path::Path};

use fastrand::Rng;
use lectern::content::{Section, markdown, text};

use crate::Failure;

/// The n-th clause has the frequency n^-0.7; the first of 1,000 is in two sections of five.
const EXPONENT: f64 = 0.7;

/// The length of a clause, in characters.
const CLAUSE: std::ops::RangeInclusive<usize> = 4..=24;

/// The length of a clause for a title or a heading.
const SHORT: std::ops::RangeInclusive<usize> = 5..=12;

/// The separators of clauses.
const SEPARATORS: [char; 15] = ['，', '。', '；', '：', '！', '？', '、', '（', '）', '“', '”', '\n', '/', ' ', '—'];

pub struct Vocabulary {
    all: Clauses,
    short: Clauses,
    /// The Han characters of the library, ascending.
    characters: Vec<char>,
    /// The adjacent characters in the library.
    pairs: HashSet<(char, char)>,
}

/// Clauses by frequency, descending.
struct Clauses {
    texts: Vec<String>,
    /// The cumulated frequencies.
    weights: Vec<f64>,
}

impl Clauses {
    fn new(texts: Vec<String>) -> Clauses {
        let mut sum = 0.0;
        let mut rank = 0.0_f64;
        let weights = texts.iter().map(|_| {
            rank += 1.0;
            sum += rank.powf(-EXPONENT);
            sum
        });
        Clauses { weights: weights.collect(), texts }
    }

    fn draw(&self, rng: &mut Rng) -> &str {
        let wanted = rng.f64() * self.weights.last().copied().unwrap_or_default();
        let index = self.weights.partition_point(|weight| *weight <= wanted);
        self.texts.get(index).map_or("", String::as_str)
    }
}

impl Vocabulary {
    /// Reads the article files in `folder`.
    pub fn read(folder: &Path) -> Result<Vocabulary, Failure> {
        let mut files: Vec<_> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, Failure>>()?;
        files.sort();
        let mut found = Vec::new();
        for file in files {
            let read = markdown::read(&fs::read_to_string(&file)?, None)
                .map_err(|errors| format!("{}: {errors:?}", file.display()))?;
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

        let clauses = found.iter().flat_map(|text| text.split(SEPARATORS)).map(str::trim);
        let clauses = clauses.filter(|text| CLAUSE.contains(&text.chars().count()) && text.chars().any(is_han));
        let mut clauses: Vec<String> = clauses.map(str::to_owned).collect();
        clauses.sort_unstable();
        clauses.dedup();
        // The frequency must not depend on the text, and must be the same in every run.
        Rng::with_seed(0).shuffle(&mut clauses);
        let short = clauses.iter().filter(|text| SHORT.contains(&text.chars().count())).cloned().collect();
        Ok(Vocabulary { all: Clauses::new(clauses), short: Clauses::new(short), characters, pairs })
    }

    /// Draws a clause for a text.
    pub fn clause(&self, rng: &mut Rng) -> &str {
        self.all.draw(rng)
    }

    /// Draws a clause for a title or a heading.
    pub fn short(&self, rng: &mut Rng) -> &str {
        self.short.draw(rng)
    }

    /// Returns the invented word of two to four characters for `number`; the library does not contain it.
    pub fn invented(&self, number: u64) -> String {
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

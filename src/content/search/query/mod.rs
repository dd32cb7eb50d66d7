//! What a reader looks for: the query, and the question that it puts to the index.
//!
//! A query is cut at white space and punctuation into parts; what stands in quotation marks is one part, and is found only where it stands
//! as it is written. A part with nothing to compare (punctuation, emoji) says nothing. All parts have to be found, in one
//! field or in several.
//!
//! Hits come class by class ([`Class`]): first where all is in the title, then in headings and questions, then anywhere;
//! last, for queries of several words, whether they stand apart or not, passages that have most of it.
//!
//! - `groups`: how a query is cut

mod groups;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use self::groups::{clauses, groups, pieces};
use super::{
    atoms::atoms,
    fold::Folded,
    pinyin,
    terms::{pair, written},
};

/// The longest query, in characters.
pub const LONGEST: usize = 200;

/// Where the parts of a query stand, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// All in the title; the article's first passage stands for it.
    Title,
    /// All in the heading or the article's questions and in the title, not all in the title.
    Heading,
    /// All in the passage and the title.
    Text,
    /// At least one pair of neighbours or one word of each group of them: of queries that are several words written as one.
    Groups,
    /// The same of two thirds of the groups, rounded down: of one of two.
    MostGroups,
}

impl Class {
    /// All of them, the best first.
    pub const ALL: [Class; 5] = [Class::Title, Class::Heading, Class::Text, Class::Groups, Class::MostGroups];
}

/// A part of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its atoms as text, in order.
    pub(super) atoms: Vec<String>,
    /// Whether each atom is a character of a script without spaces.
    pub(super) wide: Vec<bool>,
    /// The terms that stand for it.
    terms: Vec<String>,
    /// Its atoms in groups, each by the terms of which one is enough.
    groups: Vec<Vec<String>>,
    /// Whether it stood in quotation marks.
    pub(super) quoted: bool,
}

/// A parsed query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    parts: Vec<Part>,
    canonical: String,
    sound: Option<String>,
}

impl Query {
    /// Parses what a reader typed.
    #[must_use]
    pub fn new(text: &str) -> Query {
        let mut parts = Vec::new();
        let mut canonical: Vec<String> = Vec::new();
        for (piece, quoted) in pieces(text) {
            for folded in clauses(Folded::new(piece), quoted) {
                let Some(part) = Part::new(&folded, quoted) else { continue };
                // The same twice says no more than once.
                if parts.contains(&part) {
                    continue;
                }
                let plain: String = folded.chars.iter().collect();
                let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
                canonical.push(if quoted { format!("\"{plain}\"") } else { plain });
                parts.push(part);
            }
        }
        let canonical = canonical.join(" ");
        // Of what is meant, not of how it was written: one meaning has one answer.
        let sound = pinyin::query(&canonical);
        Query { parts, canonical, sound }
    }

    /// Whether there is anything to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// What is looked for, however it was written: queries with the same have the same hits.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The letters of the query, where it may be pinyin.
    #[must_use]
    pub fn sound(&self) -> Option<&str> {
        self.sound.as_deref()
    }

    /// Its parts.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The better classes that together hold all that is in a better one than `class`. What is in headings is in the text;
    /// what is in text or title has something of each group.
    fn beyond(&self, class: Class) -> &'static [Class] {
        match class {
            Class::Title => &[],
            Class::Heading => &[Class::Title],
            Class::Text => &[Class::Title, Class::Heading],
            Class::MostGroups if self.condition(Class::Groups).is_some() => &[Class::Groups],
            Class::Groups | Class::MostGroups => &[Class::Title, Class::Text],
        }
    }

    fn condition(&self, class: Class) -> Option<String> {
        let all = |field: &str, part: &Part| all_of(field, &part.terms);
        // Each part in the field or in the title, and one at least in the field.
        let field = |field: &str| {
            let each = self.parts.iter().map(|part| format!("({} | {})", all(field, part), all("t:", part)));
            let any = self.parts.iter().map(|part| all(field, part)).collect::<Vec<_>>().join(" | ");
            match self.parts.as_slice() {
                [] => None,
                [only] => Some(all(field, only)),
                _ => Some(format!("{} & ({any})", each.collect::<Vec<_>>().join(" & "))),
            }
        };
        match class {
            Class::Title => {
                let each: Vec<_> = self.parts.iter().map(|part| all("T:", part)).collect();
                (!each.is_empty()).then(|| each.join(" & "))
            }
            Class::Heading => field("h:"),
            Class::Text => field(""),
            Class::Groups | Class::MostGroups => self.groups(class),
        }
    }

    fn groups(&self, class: Class) -> Option<String> {
        // What is quoted is meant as it is.
        let groups: Vec<String> = self.parts.iter().flat_map(|part| &part.groups).map(|group| any_of(group)).collect();
        if groups.len() < 2 || groups.len() > MOST_GROUPS || self.parts.iter().any(|part| part.quoted) {
            return None;
        }
        match class {
            Class::MostGroups => Some(at_least((groups.len() * 2 / 3).max(1), &groups)),
            _ => Some(groups.join(" & ")),
        }
    }
}

/// The passages of a class and of no better one that any of `queries` finds, as a `tsquery`; `None` where there cannot be any.
#[must_use]
pub fn of_class(queries: &[Query], class: Class) -> Option<String> {
    let any = |class: Class| any_query(queries.iter().filter_map(|query| query.condition(class)));
    let mut wanted = any(class)?;
    // To exclude costs the index more than to include, so nothing is excluded that lies within what is.
    let excluded =
        queries.iter().flat_map(|query| query.beyond(class).iter().map(move |better| query.condition(*better)));
    if let Some(excluded) = any_query(excluded.flatten()) {
        // Writing to a string cannot fail.
        let _ = write!(wanted, " & !{excluded}");
    }
    Some(wanted)
}

fn any_query(conditions: impl Iterator<Item = String>) -> Option<String> {
    let mut each: Vec<_> = conditions.collect();
    each.dedup();
    (!each.is_empty()).then(|| format!("({})", each.join(" | ")))
}

/// The titles and questions that hold all of a query, as a `tsquery`: the first passages of their articles.
#[must_use]
pub fn of_completions(query: &Query) -> Option<String> {
    let all = |field: &str| query.parts.iter().map(|part| all_of(field, &part.terms)).collect::<Vec<_>>().join(" & ");
    (!query.is_empty()).then(|| format!("(({}) | ({}))", all("T:"), all("Q:")))
}

/// The titles that sound like `letters`, as a `tsquery`.
#[must_use]
pub fn of_sound(letters: &str) -> String {
    format!("({}:* | {}:*)", lexeme("p:", letters), lexeme("i:", letters))
}

/// A condition as the conjunct of a `tsquery`: the term itself.
#[must_use]
pub fn of_term(term: &str) -> String {
    lexeme("", term)
}

/// The most groups for which passages that have only most of them are looked for.
const MOST_GROUPS: usize = 8;

impl Part {
    fn new(folded: &Folded, quoted: bool) -> Option<Part> {
        let atoms = atoms(folded);
        if atoms.is_empty() {
            return None;
        }
        let mut terms: Vec<String> = Vec::new();
        for (place, atom) in atoms.iter().enumerate() {
            let after = atoms.get(place + 1).and_then(|next| pair(folded, atom, next));
            let paired = place > 0 && pair(folded, &atoms[place - 1], atom).is_some();
            match after {
                Some(pair) => terms.push(pair),
                None if paired => {}
                None => terms.push(written(folded, atom)),
            }
        }
        terms.sort_unstable();
        terms.dedup();
        Some(Part {
            groups: groups(folded, &atoms),
            wide: atoms.iter().map(|atom| atom.wide).collect(),
            atoms: atoms.iter().map(|atom| written(folded, atom)).collect(),
            terms,
            quoted,
        })
    }
}

/// Terms hold letters, digits and Han only, but nothing else than this says so.
fn lexeme(field: &str, term: &str) -> String {
    format!("'{field}{}'", term.replace('\\', "\\\\").replace('\'', "''"))
}

fn all_of(field: &str, terms: &[String]) -> String {
    let each: Vec<_> = terms.iter().map(|term| lexeme(field, term)).collect();
    if each.len() == 1 { each.concat() } else { format!("({})", each.join(" & ")) }
}

fn any_of(terms: &[String]) -> String {
    let each: Vec<_> = terms.iter().flat_map(|term| [lexeme("", term), lexeme("t:", term)]).collect();
    format!("({})", each.join(" | "))
}

/// At least `count` of `groups`.
fn at_least(count: usize, groups: &[String]) -> String {
    if count >= groups.len() {
        return format!("({})", groups.join(" & "));
    }
    if count == 1 {
        return format!("({})", groups.join(" | "));
    }
    let (first, rest) = (&groups[0], &groups[1..]);
    format!("(({first} & {}) | {})", at_least(count - 1, rest), at_least(count, rest))
}

//! Parses a query and writes the conditions (`tsquery`) that find its passages.
//!
//! White space and punctuation divide a query into phrases. Text in quotation marks is one phrase, which must occur
//! exactly. A phrase without tokens (punctuation, emoji) is ignored. A hit contains every phrase, in any of its fields.
//!
//! Hits are ordered by class ([`Class`]): all phrases in the title, then in heading and questions, then anywhere. Queries of
//! several words, separated or not, also find passages that contain only a part of each word group (`groups`).

mod groups;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use self::groups::{split_clauses, split_quotes, token_groups};
use super::{
    fold::Folded,
    pinyin,
    terms::{bigram, token_text},
    tokens::tokenize,
};

/// Maximum length of a query, in characters.
pub const MAX_QUERY_CHARS: usize = 200;

/// The class of a hit, best first: the fields that contain the phrases of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Every phrase is in the title. The first passage represents the article.
    Title,
    /// Every phrase is in heading, questions or title, at least one of them in heading or questions.
    Heading,
    /// Every phrase is in the passage or the title, at least one of them in the passage.
    Text,
    /// Every group has at least one of its terms (a bigram or a word) in the passage or the title.
    Groups,
    /// The same for two thirds of the groups, rounded down, and at least one.
    MostGroups,
}

impl Class {
    /// All classes, best first.
    pub const ALL: [Class; 5] = [Class::Title, Class::Heading, Class::Text, Class::Groups, Class::MostGroups];
}

/// A phrase of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// Text of each token, in order.
    pub(super) tokens: Vec<String>,
    /// True for each token that is a CJK character.
    pub(super) is_cjk: Vec<bool>,
    /// Terms that a field has if it contains the phrase.
    terms: Vec<String>,
    /// Groups of tokens, each as its alternative terms.
    groups: Vec<Vec<String>>,
    /// True for a phrase in quotation marks.
    pub(super) quoted: bool,
}

/// A parsed query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    phrases: Vec<Phrase>,
    canonical: String,
    pinyin: Option<String>,
}

impl Query {
    /// Parses the text of a query.
    #[must_use]
    pub fn new(text: &str) -> Query {
        let mut phrases = Vec::new();
        let mut canonical: Vec<String> = Vec::new();
        for (piece, quoted) in split_quotes(text) {
            for folded in split_clauses(Folded::new(piece), quoted) {
                let Some(phrase) = Phrase::new(&folded, quoted) else { continue };
                // A repeated phrase adds nothing.
                if phrases.contains(&phrase) {
                    continue;
                }
                let plain: String = folded.chars.iter().collect();
                let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
                canonical.push(if quoted { format!("\"{plain}\"") } else { plain });
                phrases.push(phrase);
            }
        }
        let canonical = canonical.join(" ");
        // From the canonical form, so that equivalent queries have equal hits.
        let pinyin = pinyin::query_letters(&canonical);
        Query { phrases, canonical, pinyin }
    }

    /// Returns true if there is nothing to search for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.phrases.is_empty()
    }

    /// Returns the canonical form: queries with equal forms have equal hits.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Returns the letters of the query if it may be pinyin.
    #[must_use]
    pub fn pinyin(&self) -> Option<&str> {
        self.pinyin.as_deref()
    }

    /// Returns the phrases.
    #[must_use]
    pub fn phrases(&self) -> &[Phrase] {
        &self.phrases
    }

    /// Returns better classes whose union covers every better class than `class`. A passage whose heading matches has the
    /// same terms in its text; one whose text or title matches has a term of each group.
    fn excluded_classes(&self, class: Class) -> &'static [Class] {
        match class {
            Class::Title => &[],
            Class::Heading => &[Class::Title],
            Class::Text => &[Class::Title, Class::Heading],
            Class::MostGroups if self.condition(Class::Groups).is_some() => &[Class::Groups],
            Class::Groups | Class::MostGroups => &[Class::Title, Class::Text],
        }
    }

    fn condition(&self, class: Class) -> Option<String> {
        let all = |field: &str, phrase: &Phrase| all_of(field, &phrase.terms);
        // Each phrase in the field or in the title, at least one in the field.
        let field = |field: &str| {
            let each = self.phrases.iter().map(|phrase| format!("({} | {})", all(field, phrase), all("t:", phrase)));
            let any = self.phrases.iter().map(|phrase| all(field, phrase)).collect::<Vec<_>>().join(" | ");
            match self.phrases.as_slice() {
                [] => None,
                [only] => Some(all(field, only)),
                _ => Some(format!("{} & ({any})", each.collect::<Vec<_>>().join(" & "))),
            }
        };
        match class {
            Class::Title => {
                let each: Vec<_> = self.phrases.iter().map(|phrase| all("T:", phrase)).collect();
                (!each.is_empty()).then(|| each.join(" & "))
            }
            Class::Heading => field("h:"),
            Class::Text => field(""),
            Class::Groups | Class::MostGroups => self.groups(class),
        }
    }

    fn groups(&self, class: Class) -> Option<String> {
        // A quoted phrase must occur exactly.
        let groups: Vec<String> =
            self.phrases.iter().flat_map(|phrase| &phrase.groups).map(|group| any_of(group)).collect();
        if groups.len() < 2 || groups.len() > MAX_GROUPS || self.phrases.iter().any(|phrase| phrase.quoted) {
            return None;
        }
        match class {
            Class::MostGroups => Some(at_least((groups.len() * 2 / 3).max(1), &groups)),
            _ => Some(groups.join(" & ")),
        }
    }
}

/// Returns the `tsquery` for passages that are of a class and of no better one for any of `queries`; `None` if there are none.
#[must_use]
pub fn class_tsquery(queries: &[Query], class: Class) -> Option<String> {
    let any = |class: Class| any_condition(queries.iter().filter_map(|query| query.condition(class)));
    let mut wanted = any(class)?;
    // Excluding a class costs more than including one, so the excluded set is as small as possible.
    let excluded = queries
        .iter()
        .flat_map(|query| query.excluded_classes(class).iter().map(move |better| query.condition(*better)));
    if let Some(excluded) = any_condition(excluded.flatten()) {
        // Writing to a string cannot fail.
        let _ = write!(wanted, " & !{excluded}");
    }
    Some(wanted)
}

fn any_condition(conditions: impl Iterator<Item = String>) -> Option<String> {
    let mut each: Vec<_> = conditions.collect();
    each.dedup();
    (!each.is_empty()).then(|| format!("({})", each.join(" | ")))
}

/// Returns the `tsquery` for titles and questions that contain all of a query, in the first passages of their articles.
#[must_use]
pub fn completion_tsquery(query: &Query) -> Option<String> {
    let all =
        |field: &str| query.phrases.iter().map(|phrase| all_of(field, &phrase.terms)).collect::<Vec<_>>().join(" & ");
    (!query.is_empty()).then(|| format!("(({}) | ({}))", all("T:"), all("Q:")))
}

/// Returns the `tsquery` for titles whose pinyin or initials begin with `letters`.
#[must_use]
pub fn pinyin_tsquery(letters: &str) -> String {
    format!("({}:* | {}:*)", lexeme("p:", letters), lexeme("i:", letters))
}

/// Returns a term as a conjunct of a `tsquery`.
#[must_use]
pub fn term_tsquery(term: &str) -> String {
    lexeme("", term)
}

/// Maximum number of groups of a query for the classes of groups; `at_least` grows exponentially with it.
const MAX_GROUPS: usize = 8;

impl Phrase {
    fn new(folded: &Folded, quoted: bool) -> Option<Phrase> {
        let tokens = tokenize(folded);
        if tokens.is_empty() {
            return None;
        }
        let mut terms: Vec<String> = Vec::new();
        for (index, token) in tokens.iter().enumerate() {
            let after = tokens.get(index + 1).and_then(|next| bigram(folded, token, next));
            let paired = index > 0 && bigram(folded, &tokens[index - 1], token).is_some();
            match after {
                Some(bigram) => terms.push(bigram),
                None if paired => {}
                None => terms.push(token_text(folded, token)),
            }
        }
        terms.sort_unstable();
        terms.dedup();
        Some(Phrase {
            groups: token_groups(folded, &tokens),
            is_cjk: tokens.iter().map(|token| token.is_cjk).collect(),
            tokens: tokens.iter().map(|token| token_text(folded, token)).collect(),
            terms,
            quoted,
        })
    }
}

/// Returns a term as a quoted lexeme. Terms have only letters, digits and Han, but quoting must not depend on that.
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

/// Returns the condition that at least `count` of `groups` match.
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

//! Matches of a query in a text.

use std::{collections::HashMap, ops::Range};

use super::{
    fold::Folded,
    query::{Phrase, Query},
    tokens::tokenize,
};

/// A query, prepared to be searched in many texts.
#[derive(Debug)]
pub struct Matcher {
    characters: HashMap<char, u16>,
    /// Bit set of the low bytes of `characters`, a filter that rejects most characters of a text without hashing.
    low_bytes: [u64; 4],
    words: HashMap<Vec<char>, u16>,
    /// The phrases of the query; if there are several, their concatenation is the last.
    phrases: Vec<Vec<QueryToken>>,
    pub(super) quoted: Vec<bool>,
}

#[derive(Debug, Clone)]
struct QueryToken {
    id: u16,
    /// True if the token alone is a match. One character of a longer phrase is too frequent.
    matches_alone: bool,
}

/// A part of a text that equals a part of a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Match {
    /// Index of the phrase.
    pub phrase: usize,
    /// Matching tokens of the phrase.
    pub tokens: Range<usize>,
    /// Bytes of the original text.
    pub span: Range<usize>,
}

/// All matches of a query in one text.
#[derive(Debug, Default)]
pub(super) struct TextMatches {
    /// Matches in text order for each phrase.
    pub matches: Vec<Match>,
    /// Number of tokens of the text.
    pub length: usize,
}

/// A token of the text that occurs in the query.
struct KnownToken {
    id: u16,
    position: u32,
    span: Range<usize>,
}

impl Matcher {
    /// Prepares a query. Several phrases are also searched for in their order as one phrase, the last one here.
    #[must_use]
    pub fn new(query: &Query) -> Matcher {
        let (characters, words) = (HashMap::new(), HashMap::new());
        let mut matcher = Matcher { characters, low_bytes: [0; 4], words, phrases: Vec::new(), quoted: Vec::new() };
        for phrase in query.phrases() {
            let tokens = matcher.add_tokens(phrase);
            matcher.phrases.push(tokens);
            matcher.quoted.push(phrase.quoted);
        }
        if matcher.phrases.len() > 1 {
            matcher.phrases.push(matcher.phrases.concat());
            matcher.quoted.push(false);
        }
        matcher
    }

    fn add_tokens(&mut self, phrase: &Phrase) -> Vec<QueryToken> {
        let mut tokens = Vec::new();
        for (text, is_cjk) in phrase.tokens.iter().zip(&phrase.is_cjk) {
            let next = u16::try_from(self.characters.len() + self.words.len()).unwrap_or(u16::MAX);
            let mut chars = text.chars();
            let id = match chars.next() {
                Some(c) if *is_cjk => {
                    let (word, bit) = low_byte_bit(c);
                    self.low_bytes[word] |= bit;
                    *self.characters.entry(c).or_insert(next)
                }
                _ => *self.words.entry(text.chars().collect()).or_insert(next),
            };
            tokens.push(QueryToken { id, matches_alone: !is_cjk || phrase.tokens.len() == 1 });
        }
        tokens
    }

    /// Returns the number of phrases, with the concatenation of several.
    pub(super) fn len(&self) -> usize {
        self.phrases.len()
    }

    /// Returns the number of tokens of a phrase.
    pub(super) fn phrase_length(&self, phrase: usize) -> usize {
        self.phrases.get(phrase).map_or(0, Vec::len)
    }

    /// Returns the matches of the query in a text.
    pub(super) fn find_in(&self, text: &str) -> TextMatches {
        let folded = Folded::new(text);
        let tokens = tokenize(&folded);
        let known: Vec<KnownToken> = tokens
            .iter()
            .filter_map(|token| {
                let chars = &folded.chars[token.chars.clone()];
                let id = match chars {
                    [c] if token.is_cjk => {
                        let (word, bit) = low_byte_bit(*c);
                        if self.low_bytes[word] & bit == 0 { None } else { self.characters.get(c) }
                    }
                    _ if self.words.is_empty() => None,
                    _ => self.words.get(chars),
                };
                let span = folded.spans[token.chars.start].start..folded.spans[token.chars.end - 1].end;
                id.map(|id| KnownToken { id: *id, position: token.position, span })
            })
            .collect();
        let mut matches = Vec::new();
        for (phrase, query_tokens) in self.phrases.iter().enumerate() {
            let mut at = 0;
            while at < known.len() {
                let (from, length) = longest_match(&known[at..], query_tokens);
                if length > 1 || (length == 1 && query_tokens[from].matches_alone) {
                    let span = known[at].span.start..known[at + length - 1].span.end;
                    matches.push(Match { phrase, tokens: from..from + length, span });
                }
                at += length.max(1);
            }
        }
        TextMatches { matches, length: tokens.len() }
    }
}

/// Returns the word and the bit of a character's low byte in a set of 256 bits.
fn low_byte_bit(c: char) -> (usize, u64) {
    let low = u32::from(c) & 0xFF;
    ((low >> 6) as usize, 1 << (low & 63))
}

/// Returns start and length of the longest part of a phrase that `known` begins with.
fn longest_match(known: &[KnownToken], phrase: &[QueryToken]) -> (usize, usize) {
    let mut best = (0, 0);
    for from in 0..phrase.len() {
        if phrase.len() - from <= best.1 {
            break;
        }
        let equal = |(k, (token, wanted)): (usize, (&KnownToken, &QueryToken))| {
            token.id == wanted.id && token.position - known[0].position == u32::try_from(k).unwrap_or(u32::MAX)
        };
        let length = known.iter().zip(&phrase[from..]).enumerate().take_while(|pair| equal(*pair)).count();
        if length > best.1 {
            best = (from, length);
        }
    }
    best
}

impl TextMatches {
    /// Returns the number of complete occurrences of a phrase, and the share of its tokens that any match covers.
    pub fn coverage(&self, phrase: usize, tokens: usize) -> (usize, f64) {
        let mut complete = 0;
        let mut covered = vec![false; tokens];
        for found in self.matches.iter().filter(|found| found.phrase == phrase) {
            complete += usize::from(found.tokens.len() == tokens);
            covered[found.tokens.clone()].fill(true);
        }
        let count = covered.iter().filter(|covered| **covered).count();
        #[expect(clippy::cast_precision_loss, reason = "a query has at most some hundred tokens")]
        let share = count as f64 / tokens.max(1) as f64;
        (complete, share)
    }

    /// Removes the partial matches of every phrase that also matches completely: they are chance.
    pub fn prefer_complete(mut self, matcher: &Matcher) -> TextMatches {
        let complete = |found: &Match| found.tokens.len() == matcher.phrase_length(found.phrase);
        let mut has_complete = vec![false; matcher.len()];
        self.matches.iter().filter(|found| complete(found)).for_each(|found| has_complete[found.phrase] = true);
        self.matches.retain(|found| !has_complete[found.phrase] || complete(found));
        self
    }

    /// Returns the byte ranges of all matches in order; adjacent and overlapping ranges are merged.
    pub fn highlights(&self) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = self.matches.iter().map(|found| found.span.clone()).collect();
        spans.sort_unstable_by_key(|span| (span.start, span.end));
        let mut highlights: Vec<Range<usize>> = Vec::new();
        for span in spans {
            match highlights.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                _ => highlights.push(span),
            }
        }
        highlights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn highlighted(query: &str, text: &str) -> Vec<String> {
        let matcher = Matcher::new(&Query::new(query));
        let matched = matcher.find_in(text).prefer_complete(&matcher);
        matched.highlights().into_iter().map(|range| text[range].to_owned()).collect()
    }

    #[test]
    fn highlights_are_ranges_of_the_original() {
        for (query, text, texts) in [
            ("干细胞", "幹細胞与干细胞，细胞", &["幹細胞", "干细胞"][..]),
            ("干细胞", "细胞", &["细胞"]),
            ("car-t", "ＣＡＲ－Ｔ 与 CAR T", &["ＣＡＲ－Ｔ", "CAR T"]),
            ("药", "药物，用药", &["药", "药"]),
            ("药物", "药，物，药物", &["药物"]),
            ("细胞治疗糖尿病", "治疗：糖尿病与细胞", &["治疗", "糖尿病", "细胞"]),
            ("细胞 费用", "细胞费用", &["细胞费用"]),
            ("mg", "5㎎", &["㎎"]),
            ("aa", "aaa", &[]),
            ("的的", "的的的的", &["的的的的"]),
        ] {
            assert_eq!(highlighted(query, text), texts, "{query}");
        }
    }

    #[test]
    fn coverage_counts_occurrences_and_covered_tokens() {
        let matcher = Matcher::new(&Query::new("干细胞 费用"));
        let matched = matcher.find_in("细胞的费用，费用");
        assert_eq!(matcher.len(), 3);
        assert_eq!(matched.coverage(0, 3), (0, 2.0 / 3.0));
        assert_eq!(matched.coverage(1, 2), (2, 1.0));
        assert_eq!(matched.length, 7);
    }
}

//! Normalises text for comparison: without case, width, accents and the difference between traditional and simplified
//! characters.
//!
//! Invariants: each folded character has its byte range in the original, for exact highlighting; folding is idempotent.
//!
//! Steps, for each character with its combining marks:
//! 1. compatibility composition (NFKC, Unicode Standard Annex 15): full- and half-width forms, ligatures, circled numbers;
//! 2. lower case;
//! 3. Latin letters without accents, Hebrew and Arabic without points and vowel signs;
//! 4. traditional Han characters as simplified ones, one by one, by `OpenCC`'s table. Its phrase table is not used, because
//!    the number of characters must not change.
//!
//! White space of any kind becomes a space. Ignorable characters (joiners, variation selectors, soft hyphens) are removed.

use std::{ops::Range, sync::LazyLock};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// A folded text with the origin of each character.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded {
    /// The folded characters.
    pub chars: Vec<char>,
    /// The byte range in the original of each folded character. Characters of one origin have the same range.
    pub spans: Vec<Range<usize>>,
}

impl Folded {
    /// Folds a text.
    #[must_use]
    pub fn new(text: &str) -> Folded {
        let mut folded = Folded { chars: Vec::with_capacity(text.len()), spans: Vec::with_capacity(text.len()) };
        let mut rest = text.char_indices().peekable();
        while let Some((start, c)) = rest.next() {
            let mut end = start + c.len_utf8();
            while let Some((at, next)) = rest.next_if(|(_, next)| is_combining(*next)) {
                end = at + next.len_utf8();
            }
            folded.push(&text[start..end], c, start..end);
        }
        folded
    }

    fn push(&mut self, cluster: &str, first: char, span: Range<usize>) {
        let alone = cluster.len() == first.len_utf8();
        if alone && first.is_ascii() {
            let c = if first.is_ascii_whitespace() { ' ' } else { first.to_ascii_lowercase() };
            self.add(c, span);
        } else if alone && ('\u{4E00}'..='\u{9FFF}').contains(&first) {
            self.add(to_simplified(first), span);
        } else {
            // Lower case first, because characters that it decomposes (such as İ) must be composed again.
            let composed = cluster.chars().flat_map(char::to_lowercase).nfkc().flat_map(char::to_lowercase);
            for c in composed.map(strip_accent).take(MAX_CLUSTER_CHARS) {
                if c.is_whitespace() {
                    self.add(' ', span.clone());
                } else if !is_ignorable(c) {
                    self.add(to_simplified(c), span.clone());
                }
            }
        }
    }

    fn add(&mut self, c: char, span: Range<usize>) {
        self.chars.push(c);
        self.spans.push(span);
    }
}

/// Returns the folded text without the origins.
#[must_use]
pub fn fold(text: &str) -> String {
    Folded::new(text).chars.into_iter().collect()
}

/// Maximum number of characters that one character with its marks becomes; a few ligatures are whole sentences.
const MAX_CLUSTER_CHARS: usize = 8;

/// Returns true if a character combines with the one before it.
fn is_combining(c: char) -> bool {
    // Fast path: below are Latin, Greek and Cyrillic letters without marks; Han and its punctuation has no marks either.
    !(c < '\u{300}' || ('\u{3000}'..='\u{3029}').contains(&c) || ('\u{3400}'..='\u{9FFF}').contains(&c))
        && (is_combining_mark(c)
            || matches!(c, '\u{200C}' | '\u{200D}' | '\u{1160}'..='\u{11FF}' | '\u{FF9E}' | '\u{FF9F}'))
}

/// Returns a Latin letter without its accents, and any other character unchanged.
fn strip_accent(c: char) -> char {
    if !('\u{C0}'..='\u{1EFF}').contains(&c) {
        return c;
    }
    let mut base = None;
    unicode_normalization::char::decompose_canonical(c, |part| {
        base.get_or_insert(part);
    });
    base.filter(char::is_ascii_lowercase).unwrap_or(c)
}

fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{E0100}'..='\u{E01EF}'
            // Points and vowel signs of Hebrew and Arabic, which most texts omit.
            | '\u{300}'..='\u{36F}' | '\u{591}'..='\u{5BD}' | '\u{5BF}' | '\u{5C1}' | '\u{5C2}' | '\u{5C4}' | '\u{5C5}'
            | '\u{5C7}' | '\u{640}' | '\u{64B}'..='\u{65F}' | '\u{670}'
    )
}

/// The range of the table of simplified forms; traditional characters outside it are rare.
const TABLE_RANGE: Range<u32> = 0x3400..0xA000;

/// Pairs of a traditional character and its simplified form, from the dictionary `TSCharacters` of `OpenCC` (Apache-2.0).
/// Forms that have a simpler form themselves are resolved.
const PAIRS: &str = include_str!("simplified.txt");

static SIMPLIFIED: LazyLock<Vec<char>> = LazyLock::new(|| {
    let mut table: Vec<char> = TABLE_RANGE.filter_map(char::from_u32).collect();
    for pair in PAIRS.split_whitespace() {
        let mut chars = pair.chars();
        if let (Some(traditional), Some(simple)) = (chars.next(), chars.next())
            && let Some(entry) = table.get_mut(u32::from(traditional).wrapping_sub(TABLE_RANGE.start) as usize)
        {
            *entry = simple;
        }
    }
    table
});

/// Returns the simplified form of a Han character, and any other character unchanged.
fn to_simplified(c: char) -> char {
    let offset = u32::from(c).wrapping_sub(TABLE_RANGE.start);
    if offset < TABLE_RANGE.end - TABLE_RANGE.start { SIMPLIFIED.get(offset as usize).copied().unwrap_or(c) } else { c }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equivalent_spellings_fold_to_the_same_text() {
        for (text, folded) in [
            ("幹細胞回輸", "干细胞回输"),
            ("ＣＡＲ－Ｔ　１型", "car-t 1型"),
            ("ＣＡＲ－Ｔ", "car-t"),
            ("Café naïve Ångström", "cafe naive angstrom"),
            ("cafe\u{301}", "cafe"),
            ("ﬁ ㎎ ①", "fi mg 1"),
            ("ｶﾞン", "ガン"),
            ("ガン", "ガン"),
            ("İstanbul ẞ", "istanbul ß"),
            ("a\u{200B}b\u{AD}c\t\nd", "abc  d"),
            ("脏髒臟", "脏脏脏"),
            ("Ω", "ω"),
            ("مَدْرَسَة", "مدرسة"),
            ("נִקּוּד", "נקוד"),
            ("각", "각"),
            ("\u{1100}\u{1161}\u{11A8}", "각"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn folded_characters_have_the_span_of_their_origin() {
        let text = "é㎎細";
        let folded = Folded::new(text);
        let origins: Vec<&str> = folded.spans.iter().map(|span| &text[span.clone()]).collect();
        assert_eq!(folded.chars, ['e', 'm', 'g', '细']);
        assert_eq!(origins, ["é", "㎎", "㎎", "細"]);
    }

    #[test]
    fn ligature_of_a_sentence_is_cut() {
        assert_eq!(Folded::new("\u{FDFA}").chars.len(), MAX_CLUSTER_CHARS);
    }

    #[test]
    fn every_pair_of_the_table_has_one_simplified_form() {
        let pairs: Vec<(char, char)> = PAIRS
            .split_whitespace()
            .map(|pair| {
                let mut chars = pair.chars();
                let both = (chars.next().unwrap(), chars.next().unwrap());
                assert_eq!(chars.next(), None, "{pair}");
                both
            })
            .collect();
        assert_eq!(pairs.len(), 3_751);
        assert!(pairs.is_sorted_by(|a, b| a.0 < b.0));
        for (traditional, simple) in pairs {
            assert_eq!((to_simplified(traditional), to_simplified(simple)), (simple, simple));
        }
    }

    proptest! {
        #[test]
        fn spans_are_ordered_and_on_character_boundaries(text in ".{0,40}") {
            let folded = Folded::new(&text);
            prop_assert_eq!(folded.chars.len(), folded.spans.len());
            let mut last = 0..0;
            for span in &folded.spans {
                prop_assert!(text.get(span.clone()).is_some_and(|part| !part.is_empty()));
                prop_assert!(*span == last || span.start >= last.end);
                last = span.clone();
            }
        }

        #[test]
        fn folding_is_idempotent(text in ".{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}

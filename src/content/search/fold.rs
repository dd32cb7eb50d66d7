//! Text as it is compared: without case, width, accents and the difference between traditional and simplified
//! characters.
//!
//! What must hold: every folded character knows which part of the original it comes from, so that what is found can be
//! marked exactly there; and folding what is folded changes nothing.
//!
//! The steps, for each character with the marks that combine with it:
//! 1. compatibility composition (NFKC, Unicode Standard Annex 15): full- and half-width forms, ligatures, circled numbers;
//! 2. lower case;
//! 3. Latin letters without their accents, Hebrew and Arabic without points and vowel signs;
//! 4. traditional Han characters as simplified ones, one by one, by `OpenCC`'s table (a word that several characters make
//!    is not looked at, so that the lengths stay the same).
//!
//! White space of any kind is a space. Characters that show nothing (joiners, variation selectors, soft hyphens) are left
//! out.

use std::{ops::Range, sync::LazyLock};

use ferrous_opencc::{OpenCC, config::BuiltinConfig};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// A folded text, and where its characters come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded {
    /// The folded characters.
    pub chars: Vec<char>,
    /// For each of them the bytes of the original that it comes from. Characters of one origin have the same.
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
            while let Some((at, next)) = rest.next_if(|(_, next)| joins(*next)) {
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
            self.add(simplified(first), span);
        } else {
            // Lower case first: what it decomposes is composed again (İ, for one).
            let composed = cluster.chars().flat_map(char::to_lowercase).nfkc().flat_map(char::to_lowercase);
            for c in composed.map(bare).take(LONGEST_CLUSTER) {
                if c.is_whitespace() {
                    self.add(' ', span.clone());
                } else if !shows_nothing(c) {
                    self.add(simplified(c), span.clone());
                }
            }
        }
    }

    fn add(&mut self, c: char, span: Range<usize>) {
        self.chars.push(c);
        self.spans.push(span);
    }
}

/// Folds a text whose origin does not matter.
#[must_use]
pub fn fold(text: &str) -> String {
    Folded::new(text).chars.into_iter().collect()
}

/// What a character with its marks can become at most; a few ligatures stand for whole sentences.
const LONGEST_CLUSTER: usize = 8;

/// Whether a character belongs to the one before it.
fn joins(c: char) -> bool {
    // Everything below is Latin, Greek or Cyrillic without marks; Han and its punctuation has none in it either.
    !(c < '\u{300}' || ('\u{3000}'..='\u{3029}').contains(&c) || ('\u{3400}'..='\u{9FFF}').contains(&c))
        && (is_combining_mark(c)
            || matches!(c, '\u{200C}' | '\u{200D}' | '\u{1160}'..='\u{11FF}' | '\u{FF9E}' | '\u{FF9F}'))
}

/// A Latin letter without its accents; everything else as it is.
fn bare(c: char) -> char {
    if !('\u{C0}'..='\u{1EFF}').contains(&c) {
        return c;
    }
    let mut base = None;
    unicode_normalization::char::decompose_canonical(c, |part| {
        base.get_or_insert(part);
    });
    base.filter(char::is_ascii_lowercase).unwrap_or(c)
}

fn shows_nothing(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{E0100}'..='\u{E01EF}'
            // Points and vowel signs of Hebrew and Arabic, which most texts leave out.
            | '\u{300}'..='\u{36F}' | '\u{591}'..='\u{5BD}' | '\u{5BF}' | '\u{5C1}' | '\u{5C2}' | '\u{5C4}' | '\u{5C5}'
            | '\u{5C7}' | '\u{640}' | '\u{64B}'..='\u{65F}' | '\u{670}'
    )
}

/// The characters for which a table is kept; the others of `OpenCC`'s dictionary are rare.
const COMMON: Range<u32> = 0x3400..0xA000;

static TABLE: LazyLock<Vec<char>> = LazyLock::new(|| {
    let convert = OpenCC::from_config(BuiltinConfig::T2s).ok();
    let common = COMMON.filter_map(char::from_u32);
    let simple = |c: char| {
        let converted = convert.as_ref().map(|convert| convert.convert(c.encode_utf8(&mut [0; 4])));
        let mut chars = converted.iter().flat_map(|text| text.chars());
        chars.next().filter(|_| chars.next().is_none()).unwrap_or(c)
    };
    common
        .map(|c| {
            // Twice: a few lead to a character that has a simpler form itself.
            simple(simple(c))
        })
        .collect()
});

/// The simplified form of a Han character.
fn simplified(c: char) -> char {
    let place = u32::from(c).wrapping_sub(COMMON.start);
    if place < COMMON.end - COMMON.start { TABLE.get(place as usize).copied().unwrap_or(c) } else { c }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_looks_different_and_means_the_same() {
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
    fn folded_characters_know_their_origin() {
        let text = "é㎎細";
        let folded = Folded::new(text);
        let origins: Vec<&str> = folded.spans.iter().map(|span| &text[span.clone()]).collect();
        assert_eq!(folded.chars, ['e', 'm', 'g', '细']);
        assert_eq!(origins, ["é", "㎎", "㎎", "細"]);
    }

    #[test]
    fn no_character_becomes_a_sentence() {
        assert_eq!(Folded::new("\u{FDFA}").chars.len(), LONGEST_CLUSTER);
    }

    proptest! {
        #[test]
        fn spans_are_in_order_and_on_the_borders_of_characters(text in ".{0,40}") {
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
        fn folding_again_changes_nothing(text in ".{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}

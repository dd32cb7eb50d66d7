//! What a text is compared by: single Han characters (kana and Hangul alike), and words of all other letters and
//! digits.

use std::ops::Range;

use super::fold::Folded;
use crate::content::text::is_han;

/// The longest word that is looked at, in characters; of a longer one only its beginning is.
const LONGEST_WORD: usize = 64;

/// A character or a word of a folded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Atom {
    /// The folded characters that it is.
    pub chars: Range<usize>,
    /// Whether it is one character of a script that is written without spaces.
    pub wide: bool,
    /// Where it stands: neighbours have consecutive places. White space and a hyphen or an apostrophe between two keep them
    /// neighbours; other punctuation does not.
    pub place: u32,
}

/// The atoms of a folded text, in order.
pub(super) fn atoms(folded: &Folded) -> Vec<Atom> {
    let chars = &folded.chars;
    let mut found: Vec<Atom> = Vec::with_capacity(chars.len());
    let (mut at, mut place) = (0, 0);
    while let Some(&c) = chars.get(at) {
        if is_wide(c) {
            found.push(Atom { chars: at..at + 1, wide: true, place });
            at += 1;
            place += 1;
        } else if c.is_alphanumeric() {
            // A number beside letters is a word of its own: IL6 is IL-6.
            let digits = c.is_numeric();
            let more = |c: &char| c.is_alphanumeric() && !is_wide(*c) && c.is_numeric() == digits;
            let end = at + chars[at..].iter().take_while(|c| more(c)).count();
            found.push(Atom { chars: at..end.min(at + LONGEST_WORD), wide: false, place });
            at = end;
            place += 1;
        } else {
            // Two that stand apart stay apart however much stands between them.
            let apart = !matches!(c, ' ' | '-' | '\'' | '’' | '·' | '‐' | '‑' | '–');
            place = if apart { found.last().map_or(place, |last| last.place + 2) } else { place };
            at += 1;
        }
    }
    found
}

/// Whether a character is of a script that is written without spaces, or whose words are found in parts.
pub(super) fn is_wide(c: char) -> bool {
    is_han(c) || matches!(u32::from(c), 0x3005..=0x3007 | 0x3041..=0x3096 | 0x30A1..=0x30FA | 0x30FC | 0xAC00..=0xD7A3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, u32)> {
        let folded = Folded::new(text);
        let text = |atom: Atom| (folded.chars[atom.chars].iter().collect(), atom.place);
        atoms(&folded).into_iter().map(text).collect()
    }

    fn places(text: &str) -> Vec<u32> {
        read(text).into_iter().map(|(_, place)| place).collect()
    }

    #[test]
    fn characters_and_words() {
        let words: Vec<_> = read("1型糖尿病的CAR-T、IL6").into_iter().map(|(word, _)| word).collect();
        assert_eq!(words, ["1", "型", "糖", "尿", "病", "的", "car", "t", "il", "6"]);
        assert_eq!(read(&"x".repeat(100))[0].0.len(), 64);
        assert_eq!(read("，。！🙂 \n"), []);
    }

    #[test]
    fn punctuation_parts_neighbours() {
        assert_eq!(places("CAR-T"), [0, 1]);
        assert_eq!(places("car t"), [0, 1]);
        assert_eq!(places("干 细"), [0, 1]);
        assert_eq!(places("干，细"), [0, 2]);
        assert_eq!(places("，，干。”、细"), [0, 2]);
    }
}

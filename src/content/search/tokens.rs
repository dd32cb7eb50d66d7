//! Tokens: single CJK characters (Han, kana, Hangul), and words or numbers of all other scripts.

use std::ops::Range;

use super::fold::Folded;
use crate::content::text::is_han;

/// Maximum length of a word, in characters; the rest of a longer word is ignored.
const MAX_WORD_CHARS: usize = 64;

/// A CJK character or a word of a folded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// Range in the folded characters.
    pub chars: Range<usize>,
    /// True for one CJK character.
    pub is_cjk: bool,
    /// Position in the text; adjacent tokens have consecutive positions. White space, hyphens and apostrophes between two
    /// tokens leave them adjacent, other punctuation does not.
    pub position: u32,
}

/// Returns the tokens of a folded text, in order.
pub(super) fn tokenize(folded: &Folded) -> Vec<Token> {
    let chars = &folded.chars;
    let mut found: Vec<Token> = Vec::with_capacity(chars.len());
    let (mut at, mut position) = (0, 0);
    while let Some(&c) = chars.get(at) {
        if is_cjk(c) {
            found.push(Token { chars: at..at + 1, is_cjk: true, position });
            at += 1;
            position += 1;
        } else if c.is_alphanumeric() {
            // Letters and digits are separate tokens, so that IL6 equals IL-6.
            let digits = c.is_numeric();
            let continues = |c: &char| c.is_alphanumeric() && !is_cjk(*c) && c.is_numeric() == digits;
            let end = at + chars[at..].iter().take_while(|c| continues(c)).count();
            found.push(Token { chars: at..end.min(at + MAX_WORD_CHARS), is_cjk: false, position });
            at = end;
            position += 1;
        } else {
            // Any amount of punctuation is one gap.
            let separates = !matches!(c, ' ' | '-' | '\'' | '’' | '·' | '‐' | '‑' | '–');
            position = if separates { found.last().map_or(position, |last| last.position + 2) } else { position };
            at += 1;
        }
    }
    found
}

/// Returns true for a character of Han, kana or Hangul.
pub(super) fn is_cjk(c: char) -> bool {
    is_han(c) || matches!(u32::from(c), 0x3005..=0x3007 | 0x3041..=0x3096 | 0x30A1..=0x30FA | 0x30FC | 0xAC00..=0xD7A3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<(String, u32)> {
        let folded = Folded::new(text);
        let text = |token: Token| (folded.chars[token.chars].iter().collect(), token.position);
        tokenize(&folded).into_iter().map(text).collect()
    }

    fn positions(text: &str) -> Vec<u32> {
        words(text).into_iter().map(|(_, position)| position).collect()
    }

    #[test]
    fn text_is_split_into_characters_and_words() {
        let texts: Vec<_> = words("1型糖尿病的CAR-T、IL6").into_iter().map(|(word, _)| word).collect();
        assert_eq!(texts, ["1", "型", "糖", "尿", "病", "的", "car", "t", "il", "6"]);
        assert_eq!(words(&"x".repeat(100))[0].0.len(), 64);
        assert_eq!(words("，。！🙂 \n"), []);
    }

    #[test]
    fn punctuation_separates_tokens() {
        assert_eq!(positions("CAR-T"), [0, 1]);
        assert_eq!(positions("car t"), [0, 1]);
        assert_eq!(positions("干 细"), [0, 1]);
        assert_eq!(positions("干，细"), [0, 2]);
        assert_eq!(positions("，，干。”、细"), [0, 2]);
    }
}

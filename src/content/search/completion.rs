//! Completion keys of titles and questions: a prefix of a key is what a reader has typed so far. A key starts at the
//! beginning of the text or of a clause, and is written in characters, in pinyin or in pinyin initials.

use super::{
    fold::Folded,
    pinyin::{self, Key},
    tokens::tokenize,
};

/// Maximum length of a key, in characters.
const MAX_KEY_CHARS: usize = 64;

/// The kind of a completion key, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CompletionKind {
    /// Starts at the beginning of the text.
    Prefix,
    /// Starts at the beginning of a later clause.
    Clause,
    /// Pinyin of a clause.
    Pinyin,
    /// Pinyin initials of a clause.
    Initials,
}

impl CompletionKind {
    /// All kinds, best first.
    pub const ALL: [CompletionKind; 4] =
        [CompletionKind::Prefix, CompletionKind::Clause, CompletionKind::Pinyin, CompletionKind::Initials];

    /// Returns the rank, from 1 for the best kind.
    #[must_use]
    pub fn rank(self) -> i16 {
        self as i16 + 1
    }
}

/// Returns the completion keys of a text, sorted and without duplicates.
#[must_use]
pub fn keys(text: &str) -> Vec<(CompletionKind, String)> {
    let folded = Folded::new(text);
    let mut keys = Vec::new();
    for (index, clause) in clause_ranges(&folded).into_iter().enumerate() {
        let text_key = key_text(&folded, clause.clone());
        keys.push((if index == 0 { CompletionKind::Prefix } else { CompletionKind::Clause }, text_key));
        let end = clause.clone().zip(&folded.chars[clause.clone()]).find(|(_, c)| !c.is_alphanumeric());
        let first = clause.start..end.map_or(clause.end, |(end, _)| end);
        keys.extend(pinyin::keys(&folded.chars[first], false).into_iter().map(|key| match key {
            Key::Syllables(key) => (CompletionKind::Pinyin, key),
            Key::Initials(key) => (CompletionKind::Initials, key),
        }));
    }
    keys.retain(|(_, key)| !key.is_empty());
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Returns the key prefix for the text that a reader has typed.
#[must_use]
pub fn key_prefix(text: &str) -> String {
    let folded = Folded::new(text);
    key_text(&folded, 0..folded.chars.len())
}

/// Returns a range for each clause, from its beginning to the end of the text, because typed text may span clauses.
fn clause_ranges(folded: &Folded) -> Vec<std::ops::Range<usize>> {
    let tokens = tokenize(folded);
    let begins = |index: usize| index == 0 || tokens[index].position > tokens[index - 1].position + 1;
    let starts = (0..tokens.len()).filter(|index| begins(*index)).map(|index| tokens[index].chars.start);
    starts.map(|start| start..folded.chars.len()).collect()
}

/// Returns the tokens of a range as text, with a space between two words.
fn key_text(folded: &Folded, part: std::ops::Range<usize>) -> String {
    let part = Folded { chars: folded.chars[part.clone()].to_vec(), spans: folded.spans[part].to_vec() };
    let mut key = String::new();
    let mut after_word = false;
    let mut length = 0;
    for token in tokenize(&part) {
        let space = after_word && !token.is_cjk;
        length += token.chars.len() + usize::from(space);
        if length > MAX_KEY_CHARS {
            break;
        }
        key.extend(space.then_some(' '));
        key.extend(&part.chars[token.chars.clone()]);
        after_word = !token.is_cjk;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, query: &str) -> Option<CompletionKind> {
        let prefix = key_prefix(query);
        keys(text).into_iter().filter(|(_, key)| key.starts_with(&prefix)).map(|(kind, _)| kind).min()
    }

    #[test]
    fn title_is_found_by_prefix_clause_and_pinyin() {
        let title = "干细胞回输：原理、真实效果与CAR-T";
        for (query, kind) in [
            ("干", Some(CompletionKind::Prefix)),
            ("幹細胞回", Some(CompletionKind::Prefix)),
            ("干细胞回输原", Some(CompletionKind::Prefix)),
            ("真实", Some(CompletionKind::Clause)),
            ("真实效果与car-", Some(CompletionKind::Clause)),
            ("ganxib", Some(CompletionKind::Pinyin)),
            ("yuanli", Some(CompletionKind::Pinyin)),
            ("gxbh", Some(CompletionKind::Initials)),
            ("zsxg", Some(CompletionKind::Initials)),
            ("细胞", None),
        ] {
            assert_eq!(found(title, query), kind, "{query}");
        }
        assert_eq!(found("CAR-T 疗法", "ＣＡＲ Ｔ"), Some(CompletionKind::Prefix));
        assert_eq!(found("CAR-T 疗法", "car-t疗"), Some(CompletionKind::Prefix));
    }

    #[test]
    fn keys_are_limited() {
        let keys = keys(&"，干细".repeat(1000));
        assert!(keys.len() < 40, "{}", keys.len());
        assert!(keys.iter().all(|(_, key)| key.chars().count() <= 64));
        assert_eq!(key_prefix("，。"), "");
    }
}

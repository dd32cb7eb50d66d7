//! Splitting of a query: at quotation marks and white space into pieces, at punctuation into clauses, and at stop words into
//! groups.

use super::super::{
    fold::Folded,
    terms::{bigram, token_text},
    tokens::{Token, tokenize},
};

/// Stop words, such as question words. A word precedes its own prefixes.
const STOP_WORDS: [&str; 36] = [
    "为什么",
    "什么样",
    "是什么",
    "能不能",
    "可不可以",
    "有没有",
    "会不会",
    "是不是",
    "要不要",
    "怎么办",
    "怎么样",
    "什么",
    "怎么",
    "怎样",
    "如何",
    "哪些",
    "哪个",
    "哪种",
    "多少",
    "有多大",
    "多大",
    "是否",
    "能否",
    "可以",
    "请问",
    "吗",
    "呢",
    "吧",
    "的",
    "了",
    "是",
    "和",
    "与",
    "及",
    "或",
    "跟",
];

/// Maximum length of a group, in characters; a longer run is divided evenly.
const MAX_GROUP_CHARS: usize = 4;

/// Returns the groups of a phrase, each as its alternative terms: a word, or the bigrams of up to [`MAX_GROUP_CHARS`]
/// adjacent CJK characters without stop words. Lone characters, letters and digits occur everywhere, so they are groups only
/// if there is no other.
pub(super) fn token_groups(folded: &Folded, tokens: &[Token]) -> Vec<Vec<String>> {
    let (mut groups, mut lone) = (Vec::new(), Vec::new());
    for run in runs(folded, tokens) {
        match run {
            [only] if only.chars.len() == 1 => lone.push(vec![token_text(folded, only)]),
            [only] => groups.push(vec![token_text(folded, only)]),
            _ => {
                let size = run.len().div_ceil(run.len().div_ceil(MAX_GROUP_CHARS));
                // Groups overlap by one character, so that the bigram across their border is searched for too.
                let parts = (0..run.len()).step_by(size).map(|start| &run[start..(start + size + 1).min(run.len())]);
                groups.extend(parts.filter(|part| part.len() > 1).map(|part| bigrams(folded, part)));
            }
        }
    }
    if groups.is_empty() { lone } else { groups }
}

/// Returns the words and the runs of adjacent CJK tokens, without stop words.
fn runs<'a>(folded: &Folded, tokens: &'a [Token]) -> Vec<&'a [Token]> {
    let (mut runs, mut start, mut at) = (Vec::new(), 0, 0);
    while let Some(token) = tokens.get(at) {
        let skipped = if token.is_cjk { stop_word(&folded.chars[token.chars.start..]) } else { None };
        let is_adjacent =
            at > start && token.is_cjk && tokens[at - 1].is_cjk && tokens[at - 1].position + 1 == token.position;
        if skipped.is_some() || !is_adjacent {
            runs.push(&tokens[start..at]);
            start = at + skipped.unwrap_or(0);
        }
        at += skipped.unwrap_or(1);
    }
    runs.push(&tokens[start..]);
    runs.retain(|run| !run.is_empty());
    runs
}

/// Returns the length of the stop word that a text begins with.
fn stop_word(text: &[char]) -> Option<usize> {
    let begins_with = |word: &&str| word.chars().eq(text.iter().copied().take(word.chars().count()));
    STOP_WORDS.iter().find(|word| begins_with(word)).map(|word| word.chars().count())
}

fn bigrams(folded: &Folded, tokens: &[Token]) -> Vec<String> {
    tokens.windows(2).filter_map(|two| bigram(folded, &two[0], &two[1])).collect()
}

/// Returns the clauses of a piece; a quoted piece is one clause.
pub(super) fn split_clauses(piece: Folded, quoted: bool) -> Vec<Folded> {
    if quoted {
        return vec![piece];
    }
    let tokens = tokenize(&piece);
    let together = |a: &Token, b: &Token| b.position == a.position + 1;
    let runs = tokens.chunk_by(together).filter_map(|run| Some(run.first()?.chars.start..run.last()?.chars.end));
    runs.map(|run| Folded { chars: piece.chars[run.clone()].to_vec(), spans: piece.spans[run].to_vec() }).collect()
}

/// Returns the quoted pieces of a query and, of the rest, the words between white space; true marks a quoted piece.
pub(super) fn split_quotes(text: &str) -> Vec<(&str, bool)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let closing = |open: char| match open {
            '“' => '”',
            '「' => '」',
            '『' => '』',
            _ => '"',
        };
        let quoted =
            rest.char_indices().filter(|(_, c)| matches!(c, '"' | '＂' | '“' | '「' | '『')).find_map(|(at, c)| {
                let inside = &rest[at + c.len_utf8()..];
                let end = inside.find([closing(c), '"', '＂'])?;
                Some((at, &inside[..end], &inside[end..]))
            });
        let Some((at, inside, after)) = quoted else {
            pieces.extend(rest.split_whitespace().map(|piece| (piece, false)));
            return pieces;
        };
        pieces.extend(rest[..at].split_whitespace().map(|piece| (piece, false)));
        pieces.push((inside, true));
        let mut after = after.chars();
        after.next();
        rest = after.as_str();
    }
}

//! The part of a passage that is shown with a hit: sentences of the original text, and in them what was found.

use std::ops::Range;

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    matching::{Matched, Matcher},
    score::Fields,
};

/// About how long a snippet is, in characters.
const LENGTH: usize = 120;

/// A piece of a snippet. The pieces one after the other are a part of the original text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Piece {
    /// The text.
    #[schema(example = "干细胞")]
    pub text: String,
    /// Whether it is what was looked for.
    #[serde(rename = "match")]
    #[schema(rename = "match", example = true)]
    pub matched: bool,
}

/// The snippet of a passage: of its text where anything of the query stands there, else of the lead, the heading, a question or
/// the title; the beginning of the passage where it stands nowhere.
#[must_use]
pub fn snippet(matcher: &Matcher, fields: &Fields<'_>) -> Vec<Piece> {
    let lines = [fields.text, fields.lead, fields.heading];
    let short = fields.questions.iter().map(String::as_str).chain([fields.title]);
    let candidates = lines.into_iter().chain(short).filter(|text| !text.is_empty());
    let mut first = None;
    for text in candidates {
        let matched = matcher.look(text).only_whole(matcher);
        if !matched.runs.is_empty() {
            return cut(text, &matched);
        }
        first.get_or_insert(text);
    }
    first.map(|text| cut(text, &Matched::default())).unwrap_or_default()
}

fn cut(text: &str, matched: &Matched) -> Vec<Piece> {
    let marks = matched.marks();
    let sentences = sentences(text);
    // The sentence that says most of the query, the first of several.
    let said = |sentence: &Range<usize>| {
        let within = matched.runs.iter().filter(|run| run.span.start >= sentence.start && run.span.end <= sentence.end);
        let mut atoms: Vec<(usize, usize)> =
            within.flat_map(|run| run.atoms.clone().map(move |atom| (run.part, atom))).collect();
        atoms.sort_unstable();
        atoms.dedup();
        atoms.len()
    };
    let best = sentences.iter().enumerate().max_by_key(|(place, sentence)| (said(sentence), usize::MAX - place));
    let Some((place, best)) = best else { return Vec::new() };
    let mut shown = best.clone();
    // On to the following sentences of the same line, as far as they fit.
    for next in &sentences[place + 1..] {
        if next.start != shown.end || length(text, &(shown.start..next.end)) > LENGTH {
            break;
        }
        shown.end = next.end;
    }
    if length(text, &shown) > LENGTH {
        let within = marks.iter().find(|mark| mark.start >= shown.start && mark.end <= shown.end);
        shown = shorten(text, &shown, within);
    }
    pieces(text, &shown, &marks)
}

fn length(text: &str, range: &Range<usize>) -> usize {
    text[range.clone()].chars().count()
}

/// The sentences of a text, with the white space behind them; none goes over the end of a line, which belongs to none.
fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    let mut ended = false;
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        if c == '\n' {
            found.push(start..at);
            (start, ended) = (end, false);
            continue;
        }
        let closes = matches!(c, '”' | '’' | '」' | '』' | '）' | ')' | '"' | ' ' | '\u{3000}');
        if ended && !closes && !ends(c, None) {
            found.push(start..at);
            (start, ended) = (at, false);
        }
        ended |= ends(c, chars.peek().map(|(_, next)| *next));
    }
    found.push(start..text.len());
    found.retain(|range| !text[range.clone()].trim().is_empty());
    found
}

/// Whether a sentence ends with this character, where `next` follows.
fn ends(c: char, next: Option<char>) -> bool {
    match c {
        '。' | '！' | '？' | '…' => true,
        // A full stop inside "3.5" ends no sentence.
        '.' | '!' | '?' => next.is_some_and(char::is_whitespace),
        _ => false,
    }
}

/// A part of a long sentence with `mark` in it: from the border of a clause to the border of one where there are any.
fn shorten(text: &str, sentence: &Range<usize>, mark: Option<&Range<usize>>) -> Range<usize> {
    let mark = mark.cloned().unwrap_or(sentence.start..sentence.start);
    let clause = |c: char| matches!(c, '，' | '；' | '：' | '、' | ',' | ';' | ':');
    // At most a third of the length stands before the mark.
    let before: Vec<(usize, char)> = text[sentence.start..mark.start].char_indices().rev().take(LENGTH / 3).collect();
    let border = before.iter().rev().find(|(_, c)| clause(*c)).map(|(at, c)| sentence.start + at + c.len_utf8());
    let start = if before.len() < LENGTH / 3 {
        sentence.start
    } else {
        border.unwrap_or_else(|| before.last().map_or(mark.start, |(at, _)| sentence.start + at))
    };
    let rest = &text[start..sentence.end];
    let Some((limit, _)) = rest.char_indices().nth(LENGTH) else { return start..sentence.end };
    let border = rest[..limit].char_indices().rev().find(|(_, c)| clause(*c)).map(|(at, c)| start + at + c.len_utf8());
    // A mark that is longer than all that is shown is cut, too.
    let end = border.filter(|border| *border >= mark.end.min(start + limit)).unwrap_or(start + limit);
    start..end
}

fn pieces(text: &str, shown: &Range<usize>, marks: &[Range<usize>]) -> Vec<Piece> {
    let trimmed = text[shown.clone()].trim_end();
    let start = shown.end - text[shown.clone()].trim_start().len();
    let shown = start.min(shown.start + trimmed.len())..shown.start + trimmed.len();
    let mut made = Vec::new();
    let mut at = shown.start;
    let mut push = |range: Range<usize>, matched| {
        if !range.is_empty() {
            made.push(Piece { text: text[range].to_owned(), matched });
        }
    };
    for mark in marks {
        let (start, end) = (mark.start.clamp(at, shown.end), mark.end.clamp(at, shown.end));
        if start < end {
            push(at..start, false);
            push(start..end, true);
            at = end;
        }
    }
    push(at..shown.end, false);
    made
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::content::search::query::Query;

    fn of(query: &str, text: &str) -> String {
        let fields = Fields { text, ..Fields::default() };
        let pieces = snippet(&Matcher::new(&Query::new(query)), &fields);
        pieces.iter().map(|p| if p.matched { format!("[{}]", p.text) } else { p.text.clone() }).collect()
    }

    #[test]
    fn sentences_with_what_was_found() {
        let text = "第一句。他说：“第二句讲幹細胞。”第三句。\n另一行讲干细胞！";
        assert_eq!(of("干细胞", text), "他说：“第二句讲[幹細胞]。”第三句。");
        assert_eq!(of("另一", text), "[另一]行讲干细胞！");
        assert_eq!(of("没有", text), "第一句。他说：“第二句讲幹細胞。”第三句。");
        assert_eq!(of("3", "Version 3.5 is here. More."), "Version [3].5 is here. More.");
        assert_eq!(of("讲", "a\n\n\n讲"), "[讲]");
    }

    #[test]
    fn the_sentence_that_says_most() {
        assert_eq!(of("干细胞 费用", "干细胞很多。这里讲干细胞的费用。完。"), "这里讲[干细胞]的[费用]。完。");
    }

    #[test]
    fn long_sentences_are_cut_at_clauses() {
        let long =
            format!("{}，{}干细胞{}，{}。", "前".repeat(100), "中".repeat(10), "后".repeat(10), "尾".repeat(200));
        assert_eq!(of("干细胞", &long), format!("{}[干细胞]{}，", "中".repeat(10), "后".repeat(10)));
        let solid = "字".repeat(500);
        assert_eq!(of("没有", &solid).chars().count(), LENGTH);
        assert!(of("字字", &solid).chars().count() <= LENGTH + 2);
    }

    #[test]
    fn other_fields_where_the_text_has_nothing() {
        let questions = ["贵吗？".to_owned()];
        let fields =
            Fields { title: "标题", questions: &questions, heading: "费用", lead: "导语", text: "正文" };
        for (query, shown) in [("导语", "导语"), ("费用", "费用"), ("标题", "标题"), ("贵吗", "贵吗？"), ("x", "正文")]
        {
            let pieces = snippet(&Matcher::new(&Query::new(query)), &fields);
            assert_eq!(pieces.iter().map(|piece| piece.text.as_str()).collect::<String>(), shown, "{query}");
        }
    }

    proptest! {
        #[test]
        fn a_snippet_is_a_part_of_the_text(text in "[干细胞a1é，。 \n“”]{0,300}", query in "[干细胞a1é ]{1,6}") {
            let fields = Fields { text: &text, ..Fields::default() };
            let pieces = snippet(&Matcher::new(&Query::new(&query)), &fields);
            let whole: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
            prop_assert!(text.contains(&whole));
            prop_assert!(!whole.contains('\n'));
            prop_assert!(whole.chars().count() <= LENGTH);
            prop_assert!(pieces.iter().all(|piece| !piece.text.is_empty()));
            prop_assert!(pieces.windows(2).all(|two| two[0].matched != two[1].matched || two[0].matched));
        }
    }
}

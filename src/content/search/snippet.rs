//! Snippet of a hit: sentences of the original text with highlighted matches.

use std::ops::Range;

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    matching::{Matcher, TextMatches},
    score::PassageFields,
};

/// Maximum length of a snippet, in characters.
const MAX_SNIPPET_CHARS: usize = 120;

/// A part of a snippet. The concatenated parts are a part of the original text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SnippetPart {
    /// The text.
    #[schema(example = "干细胞")]
    pub text: String,
    /// True if the part matches the query.
    #[serde(rename = "match")]
    #[schema(rename = "match", example = true)]
    pub matched: bool,
}

/// Returns the snippet of a passage: from the first of text, lead, heading, questions and title that has a match, or else
/// the beginning of the passage.
#[must_use]
pub fn snippet(matcher: &Matcher, fields: &PassageFields<'_>) -> Vec<SnippetPart> {
    let lines = [fields.text, fields.lead, fields.heading];
    let short = fields.questions.iter().map(String::as_str).chain([fields.title]);
    let candidates = lines.into_iter().chain(short).filter(|text| !text.is_empty());
    let mut first = None;
    for text in candidates {
        let matched = matcher.find_in(text).prefer_complete(matcher);
        if !matched.matches.is_empty() {
            return snippet_of(text, &matched);
        }
        first.get_or_insert(text);
    }
    first.map(|text| snippet_of(text, &TextMatches::default())).unwrap_or_default()
}

fn snippet_of(text: &str, matched: &TextMatches) -> Vec<SnippetPart> {
    let highlights = matched.highlights();
    let sentences = sentences(text);
    // The sentence with the most distinct tokens of the query; the first of several.
    let distinct_tokens = |sentence: &Range<usize>| {
        let within =
            matched.matches.iter().filter(|found| found.span.start >= sentence.start && found.span.end <= sentence.end);
        let mut tokens: Vec<(usize, usize)> =
            within.flat_map(|found| found.tokens.clone().map(move |token| (found.phrase, token))).collect();
        tokens.sort_unstable();
        tokens.dedup();
        tokens.len()
    };
    let best =
        sentences.iter().enumerate().max_by_key(|(index, sentence)| (distinct_tokens(sentence), usize::MAX - index));
    let Some((index, best)) = best else { return Vec::new() };
    let mut shown = best.clone();
    // As many following sentences of the same line as fit.
    for next in &sentences[index + 1..] {
        if next.start != shown.end || char_count(text, &(shown.start..next.end)) > MAX_SNIPPET_CHARS {
            break;
        }
        shown.end = next.end;
    }
    if char_count(text, &shown) > MAX_SNIPPET_CHARS {
        let within = highlights.iter().find(|highlight| highlight.start >= shown.start && highlight.end <= shown.end);
        shown = shorten(text, &shown, within);
    }
    parts(text, &shown, &highlights)
}

fn char_count(text: &str, range: &Range<usize>) -> usize {
    text[range.clone()].chars().count()
}

/// Returns the sentences of a text with trailing white space. A line break ends a sentence and belongs to none.
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
        if ended && !closes && !ends_sentence(c, None) {
            found.push(start..at);
            (start, ended) = (at, false);
        }
        ended |= ends_sentence(c, chars.peek().map(|(_, next)| *next));
    }
    found.push(start..text.len());
    found.retain(|range| !text[range.clone()].trim().is_empty());
    found
}

/// Returns true if a sentence ends with this character, given the next one.
fn ends_sentence(c: char, next: Option<char>) -> bool {
    match c {
        '。' | '！' | '？' | '…' => true,
        // The full stop in "3.5" does not end a sentence.
        '.' | '!' | '?' => next.is_some_and(char::is_whitespace),
        _ => false,
    }
}

/// Returns a part of a long sentence that contains `highlight`, cut at clause boundaries if possible.
fn shorten(text: &str, sentence: &Range<usize>, highlight: Option<&Range<usize>>) -> Range<usize> {
    let highlight = highlight.cloned().unwrap_or(sentence.start..sentence.start);
    let clause = |c: char| matches!(c, '，' | '；' | '：' | '、' | ',' | ';' | ':');
    // At most a third of the snippet precedes the highlight.
    let before: Vec<(usize, char)> =
        text[sentence.start..highlight.start].char_indices().rev().take(MAX_SNIPPET_CHARS / 3).collect();
    let border = before.iter().rev().find(|(_, c)| clause(*c)).map(|(at, c)| sentence.start + at + c.len_utf8());
    let start = if before.len() < MAX_SNIPPET_CHARS / 3 {
        sentence.start
    } else {
        border.unwrap_or_else(|| before.last().map_or(highlight.start, |(at, _)| sentence.start + at))
    };
    let rest = &text[start..sentence.end];
    let Some((limit, _)) = rest.char_indices().nth(MAX_SNIPPET_CHARS) else { return start..sentence.end };
    let border = rest[..limit].char_indices().rev().find(|(_, c)| clause(*c)).map(|(at, c)| start + at + c.len_utf8());
    // A highlight that is longer than the snippet is cut.
    let end = border.filter(|border| *border >= highlight.end.min(start + limit)).unwrap_or(start + limit);
    start..end
}

fn parts(text: &str, shown: &Range<usize>, highlights: &[Range<usize>]) -> Vec<SnippetPart> {
    let trimmed = text[shown.clone()].trim_end();
    let start = shown.end - text[shown.clone()].trim_start().len();
    let shown = start.min(shown.start + trimmed.len())..shown.start + trimmed.len();
    let mut parts = Vec::new();
    let mut at = shown.start;
    let mut push = |range: Range<usize>, matched| {
        if !range.is_empty() {
            parts.push(SnippetPart { text: text[range].to_owned(), matched });
        }
    };
    for highlight in highlights {
        let (start, end) = (highlight.start.clamp(at, shown.end), highlight.end.clamp(at, shown.end));
        if start < end {
            push(at..start, false);
            push(start..end, true);
            at = end;
        }
    }
    push(at..shown.end, false);
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::content::search::query::Query;

    fn of(query: &str, text: &str) -> String {
        let fields = PassageFields { text, ..PassageFields::default() };
        let parts = snippet(&Matcher::new(&Query::new(query)), &fields);
        parts.iter().map(|p| if p.matched { format!("[{}]", p.text) } else { p.text.clone() }).collect()
    }

    #[test]
    fn snippet_is_the_sentence_with_the_match() {
        let text = "第一句。他说：“第二句讲幹細胞。”第三句。\n另一行讲干细胞！";
        assert_eq!(of("干细胞", text), "他说：“第二句讲[幹細胞]。”第三句。");
        assert_eq!(of("另一", text), "[另一]行讲干细胞！");
        assert_eq!(of("没有", text), "第一句。他说：“第二句讲幹細胞。”第三句。");
        assert_eq!(of("3", "Version 3.5 is here. More."), "Version [3].5 is here. More.");
        assert_eq!(of("讲", "a\n\n\n讲"), "[讲]");
    }

    #[test]
    fn snippet_is_the_sentence_with_most_tokens_of_the_query() {
        assert_eq!(of("干细胞 费用", "干细胞很多。这里讲干细胞的费用。完。"), "这里讲[干细胞]的[费用]。完。");
    }

    #[test]
    fn long_sentence_is_cut_at_a_clause() {
        let long =
            format!("{}，{}干细胞{}，{}。", "前".repeat(100), "中".repeat(10), "后".repeat(10), "尾".repeat(200));
        assert_eq!(of("干细胞", &long), format!("{}[干细胞]{}，", "中".repeat(10), "后".repeat(10)));
        let solid = "字".repeat(500);
        assert_eq!(of("没有", &solid).chars().count(), MAX_SNIPPET_CHARS);
        assert!(of("字字", &solid).chars().count() <= MAX_SNIPPET_CHARS + 2);
    }

    #[test]
    fn snippet_comes_from_another_field_if_the_text_does_not_match() {
        let questions = ["贵吗？".to_owned()];
        let fields =
            PassageFields { title: "标题", questions: &questions, heading: "费用", lead: "导语", text: "正文" };
        for (query, shown) in [("导语", "导语"), ("费用", "费用"), ("标题", "标题"), ("贵吗", "贵吗？"), ("x", "正文")]
        {
            let parts = snippet(&Matcher::new(&Query::new(query)), &fields);
            assert_eq!(parts.iter().map(|part| part.text.as_str()).collect::<String>(), shown, "{query}");
        }
    }

    proptest! {
        #[test]
        fn snippet_is_a_part_of_the_text(text in "[干细胞a1é，。 \n“”]{0,300}", query in "[干细胞a1é ]{1,6}") {
            let fields = PassageFields { text: &text, ..PassageFields::default() };
            let parts = snippet(&Matcher::new(&Query::new(&query)), &fields);
            let whole: String = parts.iter().map(|part| part.text.as_str()).collect();
            prop_assert!(text.contains(&whole));
            prop_assert!(!whole.contains('\n'));
            prop_assert!(whole.chars().count() <= MAX_SNIPPET_CHARS);
            prop_assert!(parts.iter().all(|part| !part.text.is_empty()));
            prop_assert!(parts.windows(2).all(|two| two[0].matched != two[1].matched || two[0].matched));
        }
    }
}

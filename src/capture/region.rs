//! Finds the end of the article in a plain text, and lines within it that are not its text.
//!
//! Running text adds its length to a score; short lines and link lists lower it. The article ends where the score,
//! summed from the title on, is highest.

use std::collections::{HashMap, HashSet};

use super::{
    Role, boilerplate,
    lines::{Line, Shape},
};
use crate::content::label::{self, blank};

/// The reason for lines after the article.
pub(super) const BEHIND: &str = "behind the end of the text";

/// The kind of a line, by its look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sentence,
    Numbered,
    Short,
    Links,
}

/// Marks the lines after the article, and lists of links, printed tables of contents and repetitions within it.
pub(super) fn mark(lines: &[Line<'_>], start: usize, roles: &mut [Option<Role>]) {
    within(lines, start, roles);
    let open: Vec<usize> = (start..lines.len()).filter(|at| roles.get(*at).is_some_and(Option::is_none)).collect();
    let text = |at: usize| lines.get(at).map_or("", |line| line.text.as_str());
    let sentences: Vec<i64> =
        open.iter().map(|at| text(*at)).filter(|text| kind(text) == Kind::Sentence).map(length).collect();
    // On a page of short paragraphs a short line costs less.
    let short = 25.min(sentences.iter().sum::<i64>() / i64::try_from(sentences.len().max(1)).unwrap_or(1));
    let (mut sum, mut best, mut end) = (0_i64, 0_i64, 0);
    for (place, at) in open.iter().enumerate() {
        sum += match kind(text(*at)) {
            Kind::Sentence => length(text(*at)),
            Kind::Numbered => -4,
            Kind::Short => -short,
            Kind::Links => -60,
        };
        if sum >= best {
            (best, end) = (sum, place + 1);
        }
    }
    let rest = open.get(end..).unwrap_or_default();
    let last = end.checked_sub(1).and_then(|end| open.get(end)).copied().unwrap_or(start);
    // A few short lines may be text: a signature, the last item of a list.
    let short = rest.iter().filter(|at| kind(text(**at)) != Kind::Numbered).count();
    let links = (last + 1..lines.len()).any(|at| kind(text(at)) == Kind::Links);
    if end == 0 || (short < 8 && !links) {
        return;
    }
    for at in rest {
        if let Some(role) = roles.get_mut(*at) {
            *role = Some(Role::NotUsed { why: BEHIND });
        }
    }
}

/// The length of a line for the score, limited so that one paragraph cannot outweigh all others.
fn length(text: &str) -> i64 {
    i64::try_from(text.chars().take(120).count()).unwrap_or_default()
}

/// Marks blocks of HTML around and within the main content that are not its text.
pub(super) fn edges(lines: &[Line<'_>], roles: &mut [Option<Role>]) {
    let open: Vec<usize> = (0..lines.len()).filter(|at| roles.get(*at).is_some_and(Option::is_none)).collect();
    let is_text = |at: &usize| lines.get(*at).is_some_and(|line| is_text(line));
    let (Some(first), Some(last)) = (open.iter().position(is_text), open.iter().rposition(is_text)) else { return };
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for line in open.iter().filter_map(|at| lines.get(*at)) {
        *counts.entry(line.text.as_str()).or_default() += 1;
    }
    for (place, at) in open.iter().enumerate() {
        let (Some(line), Some(role)) = (lines.get(*at), roles.get_mut(*at)) else { continue };
        let repeats =
            counts.get(line.text.as_str()).is_some_and(|count| *count > 2) && line.text.chars().nth(30).is_none();
        let is_plain = matches!(line.shape(), Shape::Paragraph | Shape::Strong | Shape::Item { .. });
        let linked = line.markup.as_ref().is_some_and(|markup| markup.linked * 2 > markup.letters);
        let heads = matches!(line.shape(), Shape::Heading(_)) || label::split(&line.text).0.is_some();
        let why = if place < first && is_plain && !heads {
            boilerplate::interruption(&line.text).or(Some("short lines above the text"))
        } else if place > last && !matches!(line.shape(), Shape::Block(_)) && (!heads || linked || place > last + 1) {
            boilerplate::end(&line.text).or(Some(BEHIND))
        } else if is_plain {
            boilerplate::interruption(&line.text).or(repeats.then_some("a button of the page"))
        } else {
            None
        };
        *role = why.map(|why| Role::NotUsed { why });
    }
}

/// Returns whether a block looks like text, and not like a button, a name or a link.
fn is_text(line: &Line<'_>) -> bool {
    let Some(markup) = &line.markup else { return false };
    let is_linked = markup.linked * 2 > markup.letters;
    let sentence =
        line.text.contains(['。', '！', '？', '；']) || line.text.ends_with(['.', '!', '?', '”', '"', '…', '：', ':']);
    match markup.shape {
        Shape::Block(_) => markup.letters > 0,
        Shape::Heading(_) => false,
        Shape::Code => true,
        _ => {
            !is_linked
                && ((sentence && markup.letters >= 8) || markup.letters > 60)
                && boilerplate::interruption(&line.text).is_none()
                && boilerplate::end(&line.text).is_none()
        }
    }
}

/// Marks lines inside the article that are not its text, and all lines after a line that ends it.
fn within(lines: &[Line<'_>], start: usize, roles: &mut [Option<Role>]) {
    let weight =
        |line: &Line<'_>| if kind(&line.text) == Kind::Sentence { line.text.chars().take(300).count() } else { 0 };
    let total: usize = lines.iter().skip(start).map(weight).sum();
    let mut seen: HashSet<&str> = HashSet::new();
    let (mut before, mut contents, mut ended) = (0, false, None);
    for (line, role) in lines.iter().zip(roles.iter_mut()).skip(start) {
        before += weight(line);
        if role.is_some() {
            continue;
        }
        let text = line.text.as_str();
        if ended.is_none() {
            // The rest must be shorter than two fifths of the text before it.
            ended = boilerplate::end(text).filter(|_| before > 0 && (total - before) * 5 < before * 2);
            if let Some(why) = ended {
                *role = Some(Role::NotUsed { why: boilerplate::aside(text).unwrap_or(why) });
                ended = Some(BEHIND);
                continue;
            }
        }
        contents = is_contents(text, contents);
        let why = if ended.is_some() {
            boilerplate::aside(text).or(ended)
        } else if contents {
            Some("the table of contents of the page")
        } else if is_link_list(text) {
            Some("a list of links")
        } else if text.chars().nth(40).is_some() && !seen.insert(text) {
            Some("a repetition of an earlier line")
        } else {
            boilerplate::interruption(text)
        };
        *role = why.map(|why| Role::NotUsed { why });
    }
}

fn kind(text: &str) -> Kind {
    if is_link_list(text) || boilerplate::dated(text) {
        return Kind::Links;
    }
    let length = text.chars().take(200).count();
    let sentence = text.contains('。')
        || (text.ends_with(['；', ';', '！', '!', '？', '?', '：', ':', '”', '.', '）', ')']) && length > 18)
        || (length > 30 && text.contains(['，', ',', '、']));
    match label::split(text).0 {
        _ if sentence => Kind::Sentence,
        Some(_) => Kind::Numbered,
        None => Kind::Short,
    }
}

/// Returns whether a line consists of titles of other pages: at least three, or two separated by `|`, and no sentence.
fn is_link_list(text: &str) -> bool {
    if text.contains(['。', '；', '：']) || text.chars().filter(|c| "，,".contains(*c)).count() > 3 {
        return false;
    }
    let words: Vec<usize> = text
        .split(|c| blank(c) || "|｜".contains(c))
        .map(|word| word.chars().filter(|c| c.is_alphanumeric()).count())
        .filter(|length| *length > 0)
        .collect();
    let letters: usize = words.iter().sum();
    let han = text.chars().filter(|c| crate::content::text::is_han(*c)).count();
    let barred = text.contains(['|', '｜']);
    let enough = words.len() >= 3 || (barred && words.len() >= 2);
    enough
        && han * 5 > letters * 3
        && letters >= words.len() * 3
        && letters <= words.len() * 24
        && label::split(text).0.is_none()
}

/// Returns whether a line is part of a printed table of contents: consecutive numbers, each followed by a few words.
fn is_contents(text: &str, goes_on: bool) -> bool {
    if text.contains(['。', '；', '，', ',']) || text.chars().nth(200).is_some() {
        return false;
    }
    let mut last = 0_u32;
    let (mut count, mut words) = (0, 0);
    for word in text.split(blank).filter(|word| !word.is_empty()) {
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        words += 1;
        match word.get(..digits).and_then(|digits| digits.parse::<u32>().ok()) {
            Some(number)
                if digits <= 2
                    && (last == 0 || number == last + 1)
                    && !word.get(digits..).unwrap_or_default().starts_with(['.', '、', ')', '-', '%']) =>
            {
                last = number;
                count += 1;
            }
            _ => {}
        }
    }
    (count >= 2 && words <= count * 5) || (goes_on && count + usize::from(text.contains('▪')) >= 1 && words <= 12)
}

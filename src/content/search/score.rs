//! Score of a passage for a query, from 0 to 1.
//!
//! Lengths are in tokens: CJK characters and words (`tokens`). The query is a list of phrases; a query of
//! several phrases has one more, all of them in their order. For each phrase *p* of length |p|:
//!
//! - *strength*(p, field) = 1 if the field contains the complete phrase; otherwise *share* / 2. *share* is the part of the
//!   phrase's tokens that the field contains in matches of at least two CJK characters or one word.
//! - title, heading and the best question: *strength* × (0.6 + 0.4 × |p| / max(|field|, |p|)). A field that consists of the
//!   phrase alone comes first.
//! - text, with the lead: *strength* × n / (n + 0.3 + 0.9 × |text| / 400). n is the number of complete occurrences, at least
//!   1. This is the saturation of BM25 (Robertson and Zaragoza, 2009) with k₁ = 1.2, b = 0.75 and an average length of 400.
//! - *phrase score* = (4 × title + 3 × heading + 3 × text + 2 × question) / 12.
//!
//! The score is the mean of the phrase scores. The rest of the library has no influence on it. A passage that does not
//! contain a quoted phrase completely has no score.

use super::matching::{Matcher, TextMatches};

/// The searched fields of a passage.
#[derive(Debug, Clone, Copy, Default)]
pub struct PassageFields<'a> {
    /// The title of the article.
    pub title: &'a str,
    /// The questions of the article; empty except in the first passage.
    pub questions: &'a [String],
    /// The title of the section.
    pub heading: &'a str,
    /// The summary and the text before the first heading.
    pub lead: &'a str,
    /// The section's own text.
    pub text: &'a str,
}

/// Weights of the fields.
const TITLE_WEIGHT: f64 = 4.0;
const HEADING_WEIGHT: f64 = 3.0;
const TEXT_WEIGHT: f64 = 3.0;
const QUESTIONS_WEIGHT: f64 = 2.0;

/// Returns the score of a passage; `None` if no field contains a quoted phrase completely.
#[must_use]
pub fn score(matcher: &Matcher, fields: &PassageFields<'_>) -> Option<f64> {
    let find = |text: &str| if text.is_empty() { TextMatches::default() } else { matcher.find_in(text) };
    let (title, heading) = (find(fields.title), find(fields.heading));
    let (lead, text) = (find(fields.lead), find(fields.text));
    let questions: Vec<TextMatches> = fields.questions.iter().map(|question| find(question)).collect();

    let mut sum = 0.0;
    for phrase in 0..matcher.len() {
        let length = matcher.phrase_length(phrase);
        let short_field = |matched: &TextMatches| {
            let (complete, share) = matched.coverage(phrase, length);
            strength(complete, share) * (0.6 + 0.4 * (to_f64(length) / to_f64(matched.length.max(length))))
        };
        let (in_lead, lead_share) = lead.coverage(phrase, length);
        let (in_text, text_share) = text.coverage(phrase, length);
        let complete = in_lead + in_text;
        if matcher.quoted[phrase] && complete == 0 {
            let mut fields = [&title, &heading].into_iter().chain(&questions);
            if !fields.any(|matched| matched.coverage(phrase, length).0 > 0) {
                return None;
            }
        }
        let n = to_f64(complete.max(1));
        let saturation = n / (n + 0.3 + 0.9 * to_f64(lead.length + text.length) / 400.0);
        let best_question = questions.iter().map(short_field).fold(0.0, f64::max);
        sum += TITLE_WEIGHT * short_field(&title)
            + HEADING_WEIGHT * short_field(&heading)
            + QUESTIONS_WEIGHT * best_question
            + TEXT_WEIGHT * strength(complete, lead_share.max(text_share)) * saturation;
    }
    Some(sum / (TITLE_WEIGHT + HEADING_WEIGHT + TEXT_WEIGHT + QUESTIONS_WEIGHT) / to_f64(matcher.len().max(1)))
}

/// Returns true if a text contains every phrase of a query completely.
#[must_use]
pub fn contains_all(matcher: &Matcher, text: &str) -> bool {
    let matched = matcher.find_in(text);
    (0..matcher.len()).all(|phrase| matched.coverage(phrase, matcher.phrase_length(phrase)).0 > 0)
}

fn strength(complete: usize, share: f64) -> f64 {
    if complete > 0 { 1.0 } else { share / 2.0 }
}

#[expect(clippy::cast_precision_loss, reason = "lengths of texts are far below 2^52")]
fn to_f64(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::search::query::Query;

    fn score_of(query: &str, fields: &PassageFields<'_>) -> f64 {
        score(&Matcher::new(&Query::new(query)), fields).unwrap()
    }

    const NONE: PassageFields<'static> = PassageFields { title: "", questions: &[], heading: "", lead: "", text: "" };

    #[test]
    fn score_follows_the_formula() {
        let fields = PassageFields { title: "干细胞回输", text: "干细胞在体内。", ..NONE };
        // Complete in the title, 3 of 5 characters; once in a text of 6.
        let expected = (4.0 * (0.6 + 0.4 * 0.6) + 3.0 * (1.0 / (1.3 + 0.9 * 6.0 / 400.0))) / 12.0;
        assert!((score_of("干细胞", &fields) - expected).abs() < 1e-12);
        // The heading has 细胞 but not 干细: 2 of 3 characters, at half strength.
        let fields = PassageFields { heading: "细胞", ..NONE };
        assert!((score_of("干细胞", &fields) - 3.0 * (1.0 / 3.0) / 12.0).abs() < 1e-12);
    }

    #[test]
    fn title_precedes_heading_precedes_text() {
        let title = PassageFields { title: "糖尿病", ..NONE };
        let heading = PassageFields { heading: "糖尿病", ..NONE };
        let often = PassageFields { text: "糖尿病，糖尿病，糖尿病。", ..NONE };
        let once = PassageFields { text: "糖尿病，高血压，心脏病。", ..NONE };
        let scattered = PassageFields { text: "糖尿，尿病，高血压，心。", ..NONE };
        let order = [title, heading, often, once, scattered].map(|fields| score_of("糖尿病", &fields));
        assert!(order.windows(2).all(|two| two[0] > two[1]), "{order:?}");
        let near = PassageFields { text: "干细胞费用不低，另外还有别的", ..NONE };
        let far = PassageFields { text: "干细胞不低，另外还有别的费用", ..NONE };
        assert!(score_of("干细胞 费用", &near) > score_of("干细胞 费用", &far));
    }

    #[test]
    fn quoted_phrase_must_occur_completely() {
        let matcher = Matcher::new(&Query::new("“干细胞治疗”"));
        assert!(score(&matcher, &PassageFields { text: "干细胞的治疗，细胞治疗", ..NONE }).is_none());
        assert!(score(&matcher, &PassageFields { text: "幹細胞治療", ..NONE }).is_some());
        assert!(score(&matcher, &PassageFields { title: "干细胞治疗", ..NONE }).is_some());
    }
}

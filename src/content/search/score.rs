//! How well a passage answers a query.
//!
//! The formula, from 0 to 1, for each part of the query (several parts are also one more: all of them in their order):
//!
//! - *Strength* in a field: 1 where the part stands there whole; else half the share of its characters and words that stand
//!   there in stretches of two characters or of one word at least.
//! - In the title, the heading and the best of the questions it counts 0.6 + 0.4 × (length of the part / length of the
//!   field), lengths in characters and words: what is only this comes before what is this among other things.
//! - In the text (the lead included) it counts n / (n + 0.3 + 0.9 × length / 400), where n is how often the part stands
//!   there whole, at least 1: saturation and length as in BM25 (Robertson and Zaragoza, 2009) with k₁ = 1.2, b = 0.75 and a usual
//!   length of 400.
//! - The fields weigh: title 4, heading 3, text 3, questions 2; the sum is divided by 12.
//!
//! The score of the passage is the mean over the parts. It is the same for the same passage and query, whatever else is in
//! the library.

use super::matching::{Matched, Matcher};

/// The fields of a passage.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fields<'a> {
    /// The title of its article.
    pub title: &'a str,
    /// The questions of its article, where the passage stands for them.
    pub questions: &'a [String],
    /// The title of its section.
    pub heading: &'a str,
    /// The summary and the text before the first heading.
    pub lead: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// What the fields weigh.
const TITLE: f64 = 4.0;
const HEADING: f64 = 3.0;
const TEXT: f64 = 3.0;
const QUESTIONS: f64 = 2.0;

/// The score of a passage; `None` where a part in quotation marks stands nowhere as it is written.
#[must_use]
pub fn score(matcher: &Matcher, fields: &Fields<'_>) -> Option<f64> {
    let look = |text: &str| if text.is_empty() { Matched::default() } else { matcher.look(text) };
    let (title, heading) = (look(fields.title), look(fields.heading));
    let (lead, text) = (look(fields.lead), look(fields.text));
    let questions: Vec<Matched> = fields.questions.iter().map(|question| look(question)).collect();

    let mut sum = 0.0;
    for part in 0..matcher.len() {
        let length = matcher.length_of(part);
        let short = |matched: &Matched| {
            let (whole, share) = matched.of(part, length);
            strength(whole, share) * (0.6 + 0.4 * (number(length) / number(matched.length.max(length))))
        };
        let (in_lead, lead_share) = lead.of(part, length);
        let (in_text, text_share) = text.of(part, length);
        let whole = in_lead + in_text;
        if matcher.quoted[part] && whole == 0 {
            let short = [&title, &heading].into_iter().chain(&questions);
            if short.map(|matched| matched.of(part, length).0).sum::<usize>() == 0 {
                return None;
            }
        }
        let n = number(whole.max(1));
        let saturation = n / (n + 0.3 + 0.9 * number(lead.length + text.length) / 400.0);
        let best_question = questions.iter().map(short).fold(0.0, f64::max);
        sum += TITLE * short(&title)
            + HEADING * short(&heading)
            + QUESTIONS * best_question
            + TEXT * strength(whole, lead_share.max(text_share)) * saturation;
    }
    Some(sum / (TITLE + HEADING + TEXT + QUESTIONS) / number(matcher.len().max(1)))
}

/// Whether every part of a query stands whole in a text.
#[must_use]
pub fn holds(matcher: &Matcher, text: &str) -> bool {
    let matched = matcher.look(text);
    (0..matcher.len()).all(|part| matched.of(part, matcher.length_of(part)).0 > 0)
}

fn strength(whole: usize, share: f64) -> f64 {
    if whole > 0 { 1.0 } else { share / 2.0 }
}

#[expect(clippy::cast_precision_loss, reason = "lengths of texts are far below 2^52")]
fn number(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::search::query::Query;

    fn of(query: &str, fields: &Fields<'_>) -> f64 {
        score(&Matcher::new(&Query::new(query)), fields).unwrap()
    }

    const NONE: Fields<'static> = Fields { title: "", questions: &[], heading: "", lead: "", text: "" };

    #[test]
    fn the_formula() {
        let fields = Fields { title: "干细胞回输", text: "干细胞在体内。", ..NONE };
        // Whole in the title, 3 of 5 characters; once in a text of 6.
        let expected = (4.0 * (0.6 + 0.4 * 0.6) + 3.0 * (1.0 / (1.3 + 0.9 * 6.0 / 400.0))) / 12.0;
        assert!((of("干细胞", &fields) - expected).abs() < 1e-12);
        // 细胞 stands in the heading, 干细 does not: 2 of 3 characters, at half strength.
        let fields = Fields { heading: "细胞", ..NONE };
        assert!((of("干细胞", &fields) - 3.0 * (1.0 / 3.0) / 12.0).abs() < 1e-12);
    }

    #[test]
    fn what_comes_first() {
        let title = Fields { title: "糖尿病", ..NONE };
        let heading = Fields { heading: "糖尿病", ..NONE };
        let often = Fields { text: "糖尿病，糖尿病，糖尿病。", ..NONE };
        let once = Fields { text: "糖尿病，高血压，心脏病。", ..NONE };
        let scattered = Fields { text: "糖尿，尿病，高血压，心。", ..NONE };
        let order = [title, heading, often, once, scattered].map(|fields| of("糖尿病", &fields));
        assert!(order.windows(2).all(|two| two[0] > two[1]), "{order:?}");
        let near = Fields { text: "干细胞费用不低，另外还有别的", ..NONE };
        let far = Fields { text: "干细胞不低，另外还有别的费用", ..NONE };
        assert!(of("干细胞 费用", &near) > of("干细胞 费用", &far));
    }

    #[test]
    fn what_is_quoted_must_stand_there() {
        let matcher = Matcher::new(&Query::new("“干细胞治疗”"));
        assert!(score(&matcher, &Fields { text: "干细胞的治疗，细胞治疗", ..NONE }).is_none());
        assert!(score(&matcher, &Fields { text: "幹細胞治療", ..NONE }).is_some());
        assert!(score(&matcher, &Fields { title: "干细胞治疗", ..NONE }).is_some());
    }
}

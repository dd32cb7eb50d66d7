//! Guesses about a page, which may be wrong.

use super::{Confidence, Guess, LineUse, Role};

/// The maximum number of headings that are reported individually.
const MAX_HEADINGS: usize = 200;

/// Returns the guesses about the lines of a page; `unsure` are lines that only look like headings.
pub(super) fn of_lines(lines: &[LineUse], unsure: &[u32]) -> Vec<Guess> {
    let guess = |line, reading: &str, otherwise: &str, confidence| Guess {
        line,
        reading: reading.to_owned(),
        otherwise: otherwise.to_owned(),
        confidence,
    };
    let mut guesses = Vec::new();
    for line in unsure.iter().take(MAX_HEADINGS) {
        guesses.push(guess(Some(*line), "a short line is a heading", "it is a paragraph", Confidence::Medium));
    }
    let ended = lines.iter().find(|line| matches!(line.role, Role::NotUsed { why } if why == super::region::BEHIND));
    if let Some(line) = ended {
        guesses.push(guess(Some(line.line), "the article ends above this line", "it goes on", Confidence::Medium));
    }
    let next = lines.iter().find(|line| {
        let is_unused = matches!(line.role, Role::NotUsed { .. });
        is_unused
            && ["下一页", "下页", "Next page"].iter().any(|words| line.text.contains(words))
            && line.text.chars().nth(80).is_none()
    });
    if let Some(line) = next {
        guesses.push(guess(
            Some(line.line),
            "the article goes on at another page",
            "this link is the site's",
            Confidence::Low,
        ));
    }
    guesses
}

/// Returns a guess that concerns the page.
pub(super) fn of_page(reading: String, otherwise: &str, confidence: Confidence) -> Guess {
    Guess { line: None, reading, otherwise: otherwise.to_owned(), confidence }
}

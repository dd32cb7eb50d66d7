//! The report of a captured page as text.

use std::fmt::Write;

use super::{LineUse, Page, Role};

/// The maximum number of characters of a line that are shown.
const SHOWN: usize = 40;

/// Writes what became of every line. `unknown_titles` are related links without an address of which no article has the title.
#[must_use]
pub fn lines(lines: &[LineUse], unknown_titles: &[u32]) -> String {
    let mut text = String::new();
    let is_unused = |line: &&LineUse| {
        matches!(line.role, Role::NotUsed { .. } | Role::HotLink) || unknown_titles.contains(&line.line)
    };
    let (all, unused) = (lines.len(), lines.iter().filter(is_unused).count());
    let _ = writeln!(text, "  {all} lines are not blank; not used: {unused}");
    for line in lines {
        let role = match &line.role {
            Role::RelatedLink if unknown_titles.contains(&line.line) => {
                "not used: no address, and no article here has this title".to_owned()
            }
            role => role.to_string(),
        };
        let mut shown: String = line.text.chars().take(SHOWN).collect();
        if line.text.chars().nth(SHOWN).is_some() {
            shown.push('…');
        }
        let _ = writeln!(text, "  line {}: {role}: {shown}", line.line);
    }
    text
}

/// Writes the guesses and the signs of damage.
#[must_use]
pub fn doubts(page: &Page) -> String {
    let mut text = String::new();
    for guess in &page.guesses {
        let line = guess.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        let _ = writeln!(text, "  {line}{guess}");
    }
    for warning in &page.damage {
        let _ = writeln!(text, "  looks damaged: {warning}");
    }
    text
}

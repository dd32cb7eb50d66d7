//! Brackets and quotes with nothing in them, and brackets without their other half.

use super::Scan;
use crate::content::label;

/// The maximum number of brackets open at once.
const DEEPEST: usize = 256;

impl Scan<'_> {
    /// Empty brackets and quotes, and brackets without their other half.
    pub(super) fn brackets(&mut self, raw: &str, address: &[bool]) {
        let labelled = label::split(raw).0.map_or(0, |label| label.chars().count());
        let lead = self.chars.iter().take_while(|(_, c)| label::blank(*c)).count();
        let mut open: Vec<(usize, char)> = Vec::new();
        let mut counts = [0_usize; 8];
        for place in 0..self.chars.len() {
            let Some(c) = self.at(place).filter(|_| !self.full()) else {
                break;
            };
            if address.get(place) == Some(&true) {
                continue;
            }
            if open.len() == DEEPEST {
                // No text nests so deep. None of these is closed in time, and remembering them all costs memory.
                for (place, opener) in open.drain(..) {
                    self.unclosed(place, opener);
                }
                counts = [0; 8];
            }
            if let Some(class) = opening(c) {
                let close = (place + 1..place + 4).find(|ahead| !self.at(*ahead).is_some_and(label::blank));
                if close.and_then(|close| self.at(close)).and_then(closing) == Some(class) {
                    let what = self.excerpt(place, place + 2);
                    self.add(place, format!("nothing is between “{c}” and its other half in {what}"));
                }
                if let Some(count) = counts.get_mut(class) {
                    *count += 1;
                    open.push((place, c));
                }
            } else if let Some(class) = closing(c) {
                if counts.get(class).is_none_or(|count| *count == 0) {
                    let numbers = place < lead + labelled || self.enumerates(place);
                    if !self.interval(&mut open, &mut counts, place) && !numbers && class < QUOTES {
                        let what = self.excerpt(place, place + 1);
                        self.add(place, format!("“{c}” closes a bracket that was never opened in {what}"));
                    }
                    continue;
                }
                while let Some((other, opener)) = open.pop() {
                    let found = opening(opener).unwrap_or_default();
                    if let Some(count) = counts.get_mut(found) {
                        *count -= 1;
                    }
                    if found == class {
                        break;
                    }
                    self.unclosed(other, opener);
                }
            }
        }
        for (place, opener) in open {
            self.unclosed(place, opener);
        }
    }

    fn unclosed(&mut self, place: usize, opener: char) {
        // A quotation may run over several paragraphs, and each opens it again.
        if opening(opener).is_some_and(|class| class < QUOTES) {
            let what = self.excerpt(place, place + 1);
            self.add(place, format!("“{opener}” opens a bracket that is never closed in {what}"));
        }
    }

    /// Returns whether a closing bracket ends the number of a list item: `1）…；2）…`.
    fn enumerates(&self, place: usize) -> bool {
        let before = |back: usize| place.checked_sub(back).and_then(|before| self.at(before));
        let sign = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let border = |c: Option<char>| c.is_none_or(|c| label::blank(c) || "，,。；;、：:".contains(c));
        matches!(self.at(place), Some(')' | '）'))
            && sign(before(1))
            && (border(before(2)) || (sign(before(2)) && border(before(3))))
    }

    /// A half-open interval, `[0, 1)` or `(0, 1]`: its ends are forgotten, and it is in order.
    fn interval(&self, open: &mut Vec<(usize, char)>, counts: &mut [usize; 8], place: usize) -> bool {
        let Some((start, opener @ ('[' | '(' | '（'))) = open.last().copied() else {
            return false;
        };
        let figures =
            |c: Option<char>| c.is_some_and(|c| c.is_numeric() || label::blank(c) || ".,，~～+-−∞".contains(c));
        if !matches!(self.at(place), Some(')' | '）' | ']'))
            || place > start + 24
            || !(start + 1..place).all(|i| figures(self.at(i)))
        {
            return false;
        }
        open.pop();
        if let Some(count) = opening(opener).and_then(|class| counts.get_mut(class)) {
            *count -= 1;
        }
        true
    }
}

/// From this class on, they are quotes.
const QUOTES: usize = 5;

/// The class of an opening bracket or quote; half- and full-width are one.
fn opening(c: char) -> Option<usize> {
    Some(match c {
        '（' | '(' => 0,
        '【' | '〔' => 1,
        '《' => 2,
        '[' | '［' => 3,
        '{' => 4,
        '「' => 5,
        '『' => 6,
        '“' => 7,
        _ => return None,
    })
}

fn closing(c: char) -> Option<usize> {
    Some(match c {
        '）' | ')' => 0,
        '】' | '〕' => 1,
        '》' => 2,
        ']' | '］' => 3,
        '}' => 4,
        '」' => 5,
        '』' => 6,
        '”' => 7,
        _ => return None,
    })
}

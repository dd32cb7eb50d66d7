//! Capture damage. A warning names the position and the words; the text is not changed.

use super::lines::kept;
use crate::content::{Warning, label};

mod brackets;
mod mojibake;

/// A character with its column, counted from 1 over the printed line.
type Placed = (u32, char);

/// Marks that no second one may follow, but for one `！` with one `？`.
fn mark(c: char) -> bool {
    matches!(c, '，' | ',' | '。' | '、' | '；' | ';' | '？' | '?' | '！' | '!' | '：')
}

/// Returns whether a conjunction cannot precede a character.
fn cuts(c: char) -> bool {
    (mark(c) && c != '：') || matches!(c, '）' | ')' | '】' | '」' | '』' | '”' | '’' | '》' | '〉' | ']' | '〕')
}

/// Adds a warning for every damaged passage of a line.
pub(super) fn find(line: u32, raw: &str, warnings: &mut Vec<Warning>) {
    let chars: Vec<Placed> = (1_u32..).zip(raw.chars()).filter(|(_, c)| kept(*c).is_some()).collect();
    let mut scan = Scan { line, chars: &chars, warnings };
    let address = scan.addresses();
    scan.conjunctions();
    scan.missing_words();
    scan.doubled(&address);
    scan.brackets(raw, &address);
    scan.lost();
    for (place, length) in mojibake::runs(&chars) {
        let what = scan.excerpt(place, place + length);
        scan.add(place, format!("{what} looks like text that was read in the wrong encoding"));
    }
}

struct Scan<'a> {
    line: u32,
    chars: &'a [Placed],
    warnings: &'a mut Vec<Warning>,
}

impl Scan<'_> {
    /// Returns whether the maximum number of warnings is reached.
    fn full(&self) -> bool {
        self.warnings.len() > super::MAX_WARNINGS
    }

    fn at(&self, place: usize) -> Option<char> {
        self.chars.get(place).map(|(_, c)| *c)
    }

    fn add(&mut self, place: usize, message: String) {
        // Stores one more than is shown, so that the list is known to be incomplete.
        if !self.full() {
            let column = self.chars.get(place).map(|(column, _)| *column);
            self.warnings.push(Warning { line: Some(self.line), column, message });
        }
    }

    /// The words around a range, in quotes: 8 characters before it, 6 after it, at most 40 of it.
    fn excerpt(&self, from: usize, to: usize) -> String {
        // The excerpt would not be shown, and a hostile page can have millions.
        if self.full() {
            return String::new();
        }
        let (begin, end) = (from.saturating_sub(8), to.min(from + 40) + 6);
        let words: String = self.chars.iter().skip(begin).take(end - begin).map(|(_, c)| *c).collect();
        format!("“{}”", words.trim_matches(label::blank))
    }

    /// For every character, whether it is part of a web address.
    fn addresses(&self) -> Vec<bool> {
        let mut marked = vec![false; self.chars.len()];
        let mut within = false;
        // A bracket that the address did not open closes it: `[title](https://…)`.
        let mut depth = 0_usize;
        for (place, mark) in marked.iter_mut().enumerate() {
            let Some(c) = self.at(place) else { continue };
            let opens =
                c == 'h' && "http".chars().enumerate().all(|(i, wanted)| self.at(place + i) == Some(wanted)) && {
                    let colon = if self.at(place + 4) == Some('s') { 5 } else { 4 };
                    "://".chars().enumerate().all(|(i, wanted)| self.at(place + colon + i) == Some(wanted))
                };
            let closes = c == ')' && depth == 0;
            within = (within || opens) && c.is_ascii_graphic() && !closes;
            depth = match c {
                _ if !within => 0,
                '(' => depth + 1,
                ')' => depth - 1,
                _ => depth,
            };
            *mark = within;
        }
        marked
    }

    fn conjunctions(&mut self) {
        let mut last: Option<usize> = None;
        for place in 0..=self.chars.len() {
            let c = self.at(place);
            if c.is_some_and(label::blank) {
                continue;
            }
            if c.is_none_or(cuts)
                && let Some(word) = last.and_then(|last| self.conjunction(last, c))
                && let Some(last) = last
            {
                let what = self.excerpt(last, last + 1);
                self.add(last, format!("nothing follows the conjunction “{word}” in {what}"));
            }
            last = Some(place);
        }
    }

    /// Returns the conjunction that ends at index `place` and cannot precede the character `next`.
    fn conjunction(&self, place: usize, next: Option<char>) -> Option<&'static str> {
        let c = self.at(place)?;
        let before = place.checked_sub(1).and_then(|before| self.at(before));
        // A quoted word: “和”, （或）, 和/或.
        if before.is_none_or(|b| "“‘「『《（([【/\"'、".contains(b) || label::blank(b)) {
            return None;
        }
        let before = before?;
        let pause = next.is_some_and(|n| "，,、".contains(n));
        let word = match (before, c) {
            ('或', '者') if !pause => "或者",
            ('以', '及') => "以及",
            (_, '和' | '与' | '及' | '或') => joins(before, c)?,
            (_, '并' | '而' | '但') if !pause => joins(before, c)?,
            _ => return None,
        };
        Some(word)
    }

    /// Finds `的、X` without a second `的` that would complete the list (`安全的、有效的治疗`).
    fn missing_words(&mut self) {
        for place in 0..self.chars.len() {
            let before = place.checked_sub(1).and_then(|before| self.at(before));
            if self.at(place) != Some('的')
                || self.at(place + 1) != Some('、')
                || before.is_none_or(|b| "目标靶鹄的".contains(b))
            {
                continue;
            }
            let start = place + 2;
            // A list of qualities is not longer than this; the bound keeps the search linear.
            let mut answered = false;
            let mut end = start;
            for ahead in start..start + 40 {
                let Some(c) = self.at(ahead) else { break };
                let behind = self.at(ahead - 1).unwrap_or('、');
                let joined = c == '以' && self.at(ahead + 1) == Some('及');
                if c == '的' {
                    answered = true;
                    break;
                }
                if joined
                    || (c != '、' && !c.is_alphanumeric() && !label::blank(c))
                    || ("和与及或".contains(c) && behind != '、' && joins(behind, c).is_some())
                {
                    break;
                }
                end = ahead + 1;
            }
            if !answered && end > start {
                let what = self.excerpt(place, end);
                self.add(place, format!("a word seems to be missing between “的” and “、” in {what}"));
            }
        }
    }

    fn doubled(&mut self, address: &[bool]) {
        let mut place = 0;
        while place < self.chars.len() {
            if !self.at(place).is_some_and(mark) {
                place += 1;
                continue;
            }
            let run: Vec<char> = self.chars.iter().skip(place).map(|(_, c)| *c).take_while(|c| mark(*c)).collect();
            let length = run.len();
            let both = matches!(run.as_slice(), ['！' | '!', '？' | '?'] | ['？' | '?', '！' | '!']);
            if length > 1 && !both && address.get(place) != Some(&true) {
                let shown: String = run.iter().take(20).collect();
                let what = self.excerpt(place, place + length);
                self.add(place, format!("doubled punctuation “{shown}” in {what}"));
            }
            place += length;
        }
    }

    fn lost(&mut self) {
        let mut within = false;
        for place in 0..self.chars.len() {
            let here = self.at(place) == Some(char::REPLACEMENT_CHARACTER);
            if here && !within {
                let what = self.excerpt(place, place + 1);
                self.add(place, format!("a character was lost (U+FFFD) in {what}"));
            }
            within = here;
        }
    }
}

/// The conjunction, unless it and the character before it make another word (`饱和`, `参与`, `累及`, `合并`).
fn joins(before: char, c: char) -> Option<&'static str> {
    let (word, words) = match c {
        '和' => ("和", "总饱缓温柔调中共平随附亲谦祥融混暖协违唱议求讲谐人不失之的清冲拌"),
        '与' => ("与", "参给赋授付寄施赐相干赠"),
        '及' => ("及", "普涉波触提顾论危累来得不企旁殃埃可遍推兼言谈述所莫比追齐惠"),
        '或' => ("或", "间抑甚容倘"),
        '并' => ("并", "合吞兼一归火"),
        '而' => ("而", "从因然进反时继幸甚故既偶忽俄"),
        '但' => ("但", "不非岂"),
        _ => return None,
    };
    (!words.contains(before)).then_some(word)
}

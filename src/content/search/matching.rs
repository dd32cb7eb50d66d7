//! Where a query stands in a text.

use std::{collections::HashMap, ops::Range};

use super::{
    atoms::atoms,
    fold::Folded,
    query::{Part, Query},
};

/// The atoms of a query, known by numbers, and its parts in them.
#[derive(Debug)]
pub struct Matcher {
    characters: HashMap<char, u16>,
    /// The last eight bits of each of the characters: nearly all of a text is told by them to be none.
    endings: [u64; 4],
    words: HashMap<Vec<char>, u16>,
    /// Each part as numbers, and whether a single atom of it says something.
    parts: Vec<(Vec<u16>, Vec<bool>)>,
    pub(super) quoted: Vec<bool>,
}

/// A stretch of a text that is a stretch of a part of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// Which part.
    pub part: usize,
    /// Which atoms of it.
    pub atoms: Range<usize>,
    /// Which bytes of the original text.
    pub span: Range<usize>,
}

/// A text, compared with a query.
#[derive(Debug, Default)]
pub(super) struct Matched {
    /// The stretches that are found, in order for each part.
    pub runs: Vec<Run>,
    /// How many atoms the text has.
    pub length: usize,
}

struct Seen {
    id: u16,
    place: u32,
    span: Range<usize>,
}

impl Matcher {
    /// Prepares to look for a query. Several parts are also looked for as one, in their order: the last part here.
    #[must_use]
    pub fn new(query: &Query) -> Matcher {
        let (characters, words) = (HashMap::new(), HashMap::new());
        let mut made = Matcher { characters, endings: [0; 4], words, parts: Vec::new(), quoted: Vec::new() };
        for part in query.parts() {
            let numbers = made.number(part);
            made.parts.push(numbers);
            made.quoted.push(part.quoted);
        }
        if made.parts.len() > 1 {
            let (mut all, mut says) = (Vec::new(), Vec::new());
            for (numbers, alone) in &made.parts {
                all.extend(numbers);
                says.extend(alone);
            }
            made.parts.push((all, says));
            made.quoted.push(false);
        }
        made
    }

    fn number(&mut self, part: &Part) -> (Vec<u16>, Vec<bool>) {
        let mut numbers = Vec::new();
        for (text, wide) in part.atoms.iter().zip(&part.wide) {
            let next = u16::try_from(self.characters.len() + self.words.len()).unwrap_or(u16::MAX);
            let mut chars = text.chars();
            let number = match chars.next() {
                Some(c) if *wide => {
                    let (word, bit) = ending(c);
                    self.endings[word] |= bit;
                    *self.characters.entry(c).or_insert(next)
                }
                _ => *self.words.entry(text.chars().collect()).or_insert(next),
            };
            numbers.push(number);
        }
        // One character of a word of several is found everywhere, and says nothing.
        let alone = part.wide.iter().map(|wide| !wide || part.atoms.len() == 1).collect();
        (numbers, alone)
    }

    /// How many parts there are, the whole of several included.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// How many atoms a part has.
    pub(super) fn length_of(&self, part: usize) -> usize {
        self.parts.get(part).map_or(0, |(numbers, _)| numbers.len())
    }

    /// Compares a text.
    pub(super) fn look(&self, text: &str) -> Matched {
        let folded = Folded::new(text);
        let atoms = atoms(&folded);
        let seen: Vec<Seen> = atoms
            .iter()
            .filter_map(|atom| {
                let chars = &folded.chars[atom.chars.clone()];
                let known = match chars {
                    [c] if atom.wide => {
                        let (word, bit) = ending(*c);
                        if self.endings[word] & bit == 0 { None } else { self.characters.get(c) }
                    }
                    _ if self.words.is_empty() => None,
                    _ => self.words.get(chars),
                };
                let span = folded.spans[atom.chars.start].start..folded.spans[atom.chars.end - 1].end;
                known.map(|id| Seen { id: *id, place: atom.place, span })
            })
            .collect();
        let mut runs = Vec::new();
        for (part, (numbers, alone)) in self.parts.iter().enumerate() {
            let mut at = 0;
            while at < seen.len() {
                let (from, length) = longest(&seen[at..], numbers);
                if length > 1 || (length == 1 && alone[from]) {
                    let span = seen[at].span.start..seen[at + length - 1].span.end;
                    runs.push(Run { part, atoms: from..from + length, span });
                }
                at += length.max(1);
            }
        }
        Matched { runs, length: atoms.len() }
    }
}

/// Where the last eight bits of a character stand among 256: in which word, and as which bit of it.
fn ending(c: char) -> (usize, u64) {
    let low = u32::from(c) & 0xFF;
    ((low >> 6) as usize, 1 << (low & 63))
}

/// The longest stretch of `numbers` that `seen` begins with: where it begins among them, and how long it is.
fn longest(seen: &[Seen], numbers: &[u16]) -> (usize, usize) {
    let mut best = (0, 0);
    for from in 0..numbers.len() {
        if numbers.len() - from <= best.1 {
            break;
        }
        let same = |(k, (seen_here, number)): (usize, (&Seen, &u16))| {
            seen_here.id == *number && seen_here.place - seen[0].place == u32::try_from(k).unwrap_or(u32::MAX)
        };
        let length = seen.iter().zip(&numbers[from..]).enumerate().take_while(|pair| same(*pair)).count();
        if length > best.1 {
            best = (from, length);
        }
    }
    best
}

impl Matched {
    /// How often a part stands there whole, and which share of its atoms stands there in stretches.
    pub fn of(&self, part: usize, atoms: usize) -> (usize, f64) {
        let mut whole = 0;
        let mut covered = vec![false; atoms];
        for run in self.runs.iter().filter(|run| run.part == part) {
            whole += usize::from(run.atoms.len() == atoms);
            covered[run.atoms.clone()].fill(true);
        }
        let count = covered.iter().filter(|covered| **covered).count();
        #[expect(clippy::cast_precision_loss, reason = "a query has at most some hundred atoms")]
        let share = count as f64 / atoms.max(1) as f64;
        (whole, share)
    }

    /// Leaves of every part that stands there whole only where it does: what else is like it is chance.
    pub fn only_whole(mut self, matcher: &Matcher) -> Matched {
        let whole = |run: &Run| run.atoms.len() == matcher.length_of(run.part);
        let mut stands = vec![false; matcher.len()];
        self.runs.iter().filter(|run| whole(run)).for_each(|run| stands[run.part] = true);
        self.runs.retain(|run| !stands[run.part] || whole(run));
        self
    }

    /// The bytes that are found, in order, those that touch as one.
    pub fn marks(&self) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = self.runs.iter().map(|run| run.span.clone()).collect();
        spans.sort_unstable_by_key(|span| (span.start, span.end));
        let mut marks: Vec<Range<usize>> = Vec::new();
        for span in spans {
            match marks.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                _ => marks.push(span),
            }
        }
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(query: &str, text: &str) -> Vec<String> {
        let matcher = Matcher::new(&Query::new(query));
        let matched = matcher.look(text).only_whole(&matcher);
        matched.marks().into_iter().map(|mark| text[mark].to_owned()).collect()
    }

    #[test]
    fn marks_stand_on_the_original() {
        for (query, text, marks) in [
            ("干细胞", "幹細胞与干细胞，细胞", &["幹細胞", "干细胞"][..]),
            ("干细胞", "细胞", &["细胞"]),
            ("car-t", "ＣＡＲ－Ｔ 与 CAR T", &["ＣＡＲ－Ｔ", "CAR T"]),
            ("药", "药物，用药", &["药", "药"]),
            ("药物", "药，物，药物", &["药物"]),
            ("细胞治疗糖尿病", "治疗：糖尿病与细胞", &["治疗", "糖尿病", "细胞"]),
            ("细胞 费用", "细胞费用", &["细胞费用"]),
            ("mg", "5㎎", &["㎎"]),
            ("aa", "aaa", &[]),
            ("的的", "的的的的", &["的的的的"]),
        ] {
            assert_eq!(marked(query, text), marks, "{query}");
        }
    }

    #[test]
    fn how_much_of_a_part_stands_there() {
        let matcher = Matcher::new(&Query::new("干细胞 费用"));
        let matched = matcher.look("细胞的费用，费用");
        assert_eq!(matcher.len(), 3);
        assert_eq!(matched.of(0, 3), (0, 2.0 / 3.0));
        assert_eq!(matched.of(1, 2), (2, 1.0));
        assert_eq!(matched.length, 7);
    }
}

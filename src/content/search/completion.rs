//! What a reader may be about to type: a title or a question, from its beginning or from that of a clause on, by its
//! characters or by their sound.

use super::{
    atoms::atoms,
    fold::Folded,
    pinyin::{self, Key},
};

/// The longest key, in characters: nobody types more before choosing.
const LONGEST: usize = 64;

/// How a completion is found, the better first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// It begins with what is typed.
    Beginning,
    /// A clause of it does.
    Clause,
    /// It or a clause of it sounds like it.
    Sound,
    /// The initials of its sound are what is typed.
    Initials,
}

impl By {
    /// All of them, the better first.
    pub const ALL: [By; 4] = [By::Beginning, By::Clause, By::Sound, By::Initials];

    /// Its place, counted from 1.
    #[must_use]
    pub fn rank(self) -> i16 {
        self as i16 + 1
    }
}

/// The keys of a text, each once, in order.
#[must_use]
pub fn keys(text: &str) -> Vec<(By, String)> {
    let folded = Folded::new(text);
    let mut keys = Vec::new();
    for (place, clause) in clauses(&folded).into_iter().enumerate() {
        let written = joined(&folded, clause.clone());
        keys.push((if place == 0 { By::Beginning } else { By::Clause }, written));
        let end = clause.clone().zip(&folded.chars[clause.clone()]).find(|(_, c)| !c.is_alphanumeric());
        let first = clause.start..end.map_or(clause.end, |(end, _)| end);
        keys.extend(pinyin::keys(&folded.chars[first], false).into_iter().map(|key| match key {
            Key::Syllables(key) => (By::Sound, key),
            Key::Initials(key) => (By::Initials, key),
        }));
    }
    keys.retain(|(_, key)| !key.is_empty());
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// What is typed, as keys begin.
#[must_use]
pub fn typed(text: &str) -> String {
    let folded = Folded::new(text);
    joined(&folded, 0..folded.chars.len())
}

/// Where clauses begin, each to the end of the text: what is typed may go over the end of a clause.
fn clauses(folded: &Folded) -> Vec<std::ops::Range<usize>> {
    let atoms = atoms(folded);
    let begins = |place: usize| place == 0 || atoms[place].place > atoms[place - 1].place + 1;
    let starts = (0..atoms.len()).filter(|place| begins(*place)).map(|place| atoms[place].chars.start);
    starts.map(|start| start..folded.chars.len()).collect()
}

/// The atoms of a part of a text, a space between two words.
fn joined(folded: &Folded, part: std::ops::Range<usize>) -> String {
    let part = Folded { chars: folded.chars[part.clone()].to_vec(), spans: folded.spans[part].to_vec() };
    let mut made = String::new();
    let mut after_word = false;
    let mut length = 0;
    for atom in atoms(&part) {
        let space = after_word && !atom.wide;
        length += atom.chars.len() + usize::from(space);
        if length > LONGEST {
            break;
        }
        made.extend(space.then_some(' '));
        made.extend(&part.chars[atom.chars.clone()]);
        after_word = !atom.wide;
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, query: &str) -> Option<By> {
        let typed = typed(query);
        keys(text).into_iter().filter(|(_, key)| key.starts_with(&typed)).map(|(by, _)| by).min()
    }

    #[test]
    fn a_title_is_found_by_what_it_begins_with() {
        let title = "干细胞回输：原理、真实效果与CAR-T";
        for (query, by) in [
            ("干", Some(By::Beginning)),
            ("幹細胞回", Some(By::Beginning)),
            ("干细胞回输原", Some(By::Beginning)),
            ("真实", Some(By::Clause)),
            ("真实效果与car-", Some(By::Clause)),
            ("ganxib", Some(By::Sound)),
            ("yuanli", Some(By::Sound)),
            ("gxbh", Some(By::Initials)),
            ("zsxg", Some(By::Initials)),
            ("细胞", None),
        ] {
            assert_eq!(found(title, query), by, "{query}");
        }
        assert_eq!(found("CAR-T 疗法", "ＣＡＲ Ｔ"), Some(By::Beginning));
        assert_eq!(found("CAR-T 疗法", "car-t疗"), Some(By::Beginning));
    }

    #[test]
    fn keys_are_bounded() {
        let keys = keys(&"，干细".repeat(1000));
        assert!(keys.len() < 40, "{}", keys.len());
        assert!(keys.iter().all(|(_, key)| key.chars().count() <= 64));
        assert_eq!(typed("，。"), "");
    }
}

//! What a reader looks for: the query, and the question that it puts to the index.
//!
//! A query is cut at white space into parts; what stands in quotation marks is one part, and is found only where it stands
//! as it is written. A part with nothing to compare (punctuation, emoji) says nothing. All parts have to be found, in one
//! field or in several.
//!
//! Hits come class by class ([`Class`]): first where all is in the title, then in headings and questions, then anywhere;
//! last, for queries of several words, whether they stand apart or not, passages that have most of it.

use std::fmt::Write;

use super::{
    atoms::{Atom, atoms},
    fold::Folded,
    pinyin,
    terms::{pair, written},
};

/// The longest query, in characters.
pub const LONGEST: usize = 200;

/// Where the parts of a query stand, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// All in the title; the article's first passage stands for it.
    Title,
    /// All in the heading or the article's questions and in the title, not all in the title.
    Heading,
    /// All in the passage and the title.
    Text,
    /// At least one pair of neighbours or one word of each group of them: of queries that are several words written as one.
    Groups,
    /// The same of two thirds of the groups, rounded down: of one of two.
    MostGroups,
}

impl Class {
    /// All of them, the best first.
    pub const ALL: [Class; 5] = [Class::Title, Class::Heading, Class::Text, Class::Groups, Class::MostGroups];
}

/// A part of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its atoms as text, in order.
    pub(super) atoms: Vec<String>,
    /// Whether each atom is a character of a script without spaces.
    pub(super) wide: Vec<bool>,
    /// The terms that stand for it.
    terms: Vec<String>,
    /// Its atoms in groups, each by the terms of which one is enough.
    groups: Vec<Vec<String>>,
    /// Whether it stood in quotation marks.
    pub(super) quoted: bool,
}

/// A parsed query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    parts: Vec<Part>,
    canonical: String,
    sound: Option<String>,
}

impl Query {
    /// Parses what a reader typed.
    #[must_use]
    pub fn new(text: &str) -> Query {
        let mut parts = Vec::new();
        let mut canonical: Vec<String> = Vec::new();
        for (piece, quoted) in pieces(text) {
            let folded = Folded::new(piece);
            let Some(part) = Part::new(&folded, quoted) else { continue };
            // The same twice says no more than once.
            if parts.contains(&part) {
                continue;
            }
            let plain: String = folded.chars.iter().collect();
            let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
            canonical.push(if quoted { format!("\"{plain}\"") } else { plain });
            parts.push(part);
        }
        let canonical = canonical.join(" ");
        // Of what is meant, not of how it was written: one meaning has one answer.
        let sound = pinyin::query(&canonical);
        Query { parts, canonical, sound }
    }

    /// Whether there is anything to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// What is looked for, however it was written: queries with the same have the same hits.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The letters of the query, where it may be pinyin.
    #[must_use]
    pub fn sound(&self) -> Option<&str> {
        self.sound.as_deref()
    }

    /// Its parts.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn condition(&self, class: Class) -> Option<String> {
        let all = |field: &str, part: &Part| all_of(field, &part.terms);
        // Each part in the field or in the title, and one at least in the field.
        let field = |field: &str| {
            let each = self.parts.iter().map(|part| format!("({} | {})", all(field, part), all("t:", part)));
            let any = self.parts.iter().map(|part| all(field, part)).collect::<Vec<_>>().join(" | ");
            match self.parts.as_slice() {
                [] => None,
                [only] => Some(all(field, only)),
                _ => Some(format!("{} & ({any})", each.collect::<Vec<_>>().join(" & "))),
            }
        };
        match class {
            Class::Title => {
                let each: Vec<_> = self.parts.iter().map(|part| all("T:", part)).collect();
                (!each.is_empty()).then(|| each.join(" & "))
            }
            Class::Heading => field("h:"),
            Class::Text => field(""),
            Class::Groups | Class::MostGroups => self.groups(class),
        }
    }

    fn groups(&self, class: Class) -> Option<String> {
        // What is quoted is meant as it is.
        let groups: Vec<String> = self.parts.iter().flat_map(|part| &part.groups).map(|group| any_of(group)).collect();
        if groups.len() < 2 || groups.len() > MOST_GROUPS || self.parts.iter().any(|part| part.quoted) {
            return None;
        }
        match class {
            Class::MostGroups => Some(at_least((groups.len() * 2 / 3).max(1), &groups)),
            _ => Some(groups.join(" & ")),
        }
    }
}

/// The passages of a class and of no better one that any of `queries` finds, as a `tsquery`; `None` where there cannot be any.
#[must_use]
pub fn of_class(queries: &[Query], class: Class) -> Option<String> {
    let any = |class: Class| {
        let each: Vec<_> = queries.iter().filter_map(|query| query.condition(class)).collect();
        (!each.is_empty()).then(|| format!("({})", each.join(" | ")))
    };
    let mut wanted = any(class)?;
    for better in Class::ALL.into_iter().filter(|better| *better < class).filter_map(any) {
        // Writing to a string cannot fail.
        let _ = write!(wanted, " & !{better}");
    }
    Some(wanted)
}

/// The titles and questions that hold all of a query, as a `tsquery`: the first passages of their articles.
#[must_use]
pub fn of_completions(query: &Query) -> Option<String> {
    let all = |field: &str| query.parts.iter().map(|part| all_of(field, &part.terms)).collect::<Vec<_>>().join(" & ");
    (!query.is_empty()).then(|| format!("(({}) | ({}))", all("T:"), all("Q:")))
}

/// The titles that sound like `letters`, as a `tsquery`.
#[must_use]
pub fn of_sound(letters: &str) -> String {
    format!("({}:* | {}:*)", lexeme("p:", letters), lexeme("i:", letters))
}

/// A condition as the conjunct of a `tsquery`: the term itself.
#[must_use]
pub fn of_term(term: &str) -> String {
    lexeme("", term)
}

/// The most groups for which passages that have only most of them are looked for.
const MOST_GROUPS: usize = 8;

impl Part {
    fn new(folded: &Folded, quoted: bool) -> Option<Part> {
        let atoms = atoms(folded);
        if atoms.is_empty() {
            return None;
        }
        let mut terms: Vec<String> = Vec::new();
        for (place, atom) in atoms.iter().enumerate() {
            let after = atoms.get(place + 1).and_then(|next| pair(folded, atom, next));
            let paired = place > 0 && pair(folded, &atoms[place - 1], atom).is_some();
            match after {
                Some(pair) => terms.push(pair),
                None if paired => {}
                None => terms.push(written(folded, atom)),
            }
        }
        terms.sort_unstable();
        terms.dedup();
        Some(Part {
            groups: groups(folded, &atoms),
            wide: atoms.iter().map(|atom| atom.wide).collect(),
            atoms: atoms.iter().map(|atom| written(folded, atom)).collect(),
            terms,
            quoted,
        })
    }
}

/// Words that ask or join, and say nothing of what is looked for; the longer before those that they begin with.
const ASKING: [&str; 36] = [
    "为什么",
    "什么样",
    "是什么",
    "能不能",
    "可不可以",
    "有没有",
    "会不会",
    "是不是",
    "要不要",
    "怎么办",
    "怎么样",
    "什么",
    "怎么",
    "怎样",
    "如何",
    "哪些",
    "哪个",
    "哪种",
    "多少",
    "有多大",
    "多大",
    "是否",
    "能否",
    "可以",
    "请问",
    "吗",
    "呢",
    "吧",
    "的",
    "了",
    "是",
    "和",
    "与",
    "及",
    "或",
    "跟",
];

/// The longest group, in characters: longer runs are cut into groups of about the same length.
const GROUP: usize = 4;

/// The atoms in groups: a word, or up to [`GROUP`] neighbours of a script without spaces, without the words that only ask.
/// A lone character is a group where there is nothing else.
fn groups(folded: &Folded, atoms: &[Atom]) -> Vec<Vec<String>> {
    let mut groups = Vec::new();
    let mut run: Vec<&Atom> = Vec::new();
    let mut lone = Vec::new();
    let mut at = 0;
    let mut end = |run: &mut Vec<&Atom>, groups: &mut Vec<Vec<String>>| {
        if let [only] = run.as_slice() {
            lone.push(vec![written(folded, only)]);
        } else if !run.is_empty() {
            let size = run.len().div_ceil(run.len().div_ceil(GROUP));
            let cut = |group: &[&Atom]| -> Vec<String> {
                group.windows(2).filter_map(|two| pair(folded, two[0], two[1])).collect()
            };
            // Neighbouring groups share a character, so that the pair between them is looked for too.
            let starts = (0..run.len()).step_by(size);
            let cuts = starts.map(|start| cut(&run[start..(start + size + 1).min(run.len())]));
            groups.extend(cuts.filter(|group| !group.is_empty()));
        }
        run.clear();
    };
    while let Some(atom) = atoms.get(at) {
        let rest = &folded.chars[atom.chars.start..];
        let asking = ASKING.iter().map(|word| word.chars().count()).zip(ASKING);
        let asks =
            asking.into_iter().find(|(_, word)| word.chars().eq(rest.iter().take(word.chars().count()).copied()));
        if !atom.wide {
            end(&mut run, &mut groups);
            groups.push(vec![written(folded, atom)]);
            at += 1;
        } else if let Some((length, _)) = asks {
            end(&mut run, &mut groups);
            at += length;
        } else {
            if run.last().is_some_and(|last| last.place + 1 != atom.place) {
                end(&mut run, &mut groups);
            }
            run.push(atom);
            at += 1;
        }
    }
    end(&mut run, &mut groups);
    if groups.is_empty() { lone } else { groups }
}

/// The pieces of a query: what stands in quotation marks, and the rest cut at white space.
fn pieces(text: &str) -> Vec<(&str, bool)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let closing = |open: char| match open {
            '“' => '”',
            '「' => '」',
            '『' => '』',
            _ => '"',
        };
        let quoted =
            rest.char_indices().filter(|(_, c)| matches!(c, '"' | '＂' | '“' | '「' | '『')).find_map(|(at, c)| {
                let inside = &rest[at + c.len_utf8()..];
                let end = inside.find([closing(c), '"', '＂'])?;
                Some((at, &inside[..end], &inside[end..]))
            });
        let Some((at, inside, after)) = quoted else {
            pieces.extend(rest.split_whitespace().map(|piece| (piece, false)));
            return pieces;
        };
        pieces.extend(rest[..at].split_whitespace().map(|piece| (piece, false)));
        pieces.push((inside, true));
        let mut after = after.chars();
        after.next();
        rest = after.as_str();
    }
}

/// Terms hold letters, digits and Han only, but nothing else than this says so.
fn lexeme(field: &str, term: &str) -> String {
    format!("'{field}{}'", term.replace('\\', "\\\\").replace('\'', "''"))
}

fn all_of(field: &str, terms: &[String]) -> String {
    let each: Vec<_> = terms.iter().map(|term| lexeme(field, term)).collect();
    if each.len() == 1 { each.concat() } else { format!("({})", each.join(" & ")) }
}

fn any_of(terms: &[String]) -> String {
    let each: Vec<_> = terms.iter().flat_map(|term| [lexeme("", term), lexeme("t:", term)]).collect();
    format!("({})", each.join(" | "))
}

/// At least `count` of `groups`.
fn at_least(count: usize, groups: &[String]) -> String {
    if count >= groups.len() {
        return format!("({})", groups.join(" & "));
    }
    if count == 1 {
        return format!("({})", groups.join(" | "));
    }
    let (first, rest) = (&groups[0], &groups[1..]);
    format!("(({first} & {}) | {})", at_least(count - 1, rest), at_least(count, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<String> {
        Query::new(text).parts.iter().map(|part| part.terms.join(" ")).collect()
    }

    #[test]
    fn parts_and_their_terms() {
        assert_eq!(parts("干细胞"), ["干细 细胞"]);
        assert_eq!(parts("药"), ["药"]);
        assert_eq!(parts("1型糖尿病  CAR-T"), ["1 型糖 尿病 糖尿", "car t"]);
        assert_eq!(parts("T细胞"), ["t 细胞"]);
        assert_eq!(parts("干 细胞 干"), ["干", "细胞"]);
        assert_eq!(parts("🙂 ，。 !!! & | ( ) :*"), Vec::<String>::new());
        assert!(Query::new("").is_empty());
    }

    #[test]
    fn one_meaning_has_one_canonical_form() {
        for same in ["幹細胞 CAR-T", " 干细胞  car-t ", "干细胞\u{3000}ＣＡＲ－Ｔ 🙂", "干细胞 CAR-T 干细胞"]
        {
            assert_eq!(Query::new(same).canonical(), "干细胞 car-t", "{same}");
        }
        assert_eq!(Query::new("“干细胞”费用").canonical(), "\"干细胞\" 费用");
        let once = Query::new("“Stem  cell” 费用 x").canonical().to_owned();
        assert_eq!(Query::new(&once).canonical(), once);
    }

    #[test]
    fn quotation_marks() {
        let quoted = |text: &str| -> Vec<(String, bool)> {
            pieces(text).into_iter().map(|(piece, quoted)| (piece.to_owned(), quoted)).collect()
        };
        let expected = [("a", false), ("b c", true), ("d", false)].map(|(p, q)| (p.to_owned(), q));
        for text in ["a \"b c\" d", "a “b c” d", "a「b c」d", "a“b c\"d"] {
            assert_eq!(quoted(text), expected, "{text}");
        }
        assert_eq!(quoted("a \"b c"), [("a".into(), false), ("\"b".into(), false), ("c".into(), false)]);
        assert_eq!(quoted("\"\""), [(String::new(), true)]);
    }

    #[test]
    fn the_question_of_each_class() {
        let of = |text: &str, class: Class| of_class(&[Query::new(text)], class);
        assert_eq!(of("药", Class::Title).unwrap(), "('T:药')");
        assert_eq!(of("药", Class::Text).unwrap(), "('药') & !('T:药') & !('h:药')");
        let both = [Query::new("gxb"), Query::new("干细")];
        assert_eq!(of_class(&both, Class::Heading).unwrap(), "('h:gxb' | 'h:干细') & !('T:gxb' | 'T:干细')");
        assert_eq!(
            Query::new("干细胞 费用").condition(Class::Heading).unwrap(),
            "(('h:干细' & 'h:细胞') | ('t:干细' & 't:细胞')) & ('h:费用' | 't:费用') & (('h:干细' & 'h:细胞') | 'h:费用')"
        );
        assert_eq!(of("干细胞", Class::Groups), None);
        assert_eq!(of("", Class::Title), None);
        assert_eq!(of("“干细胞治疗糖尿病”", Class::Groups), None);
        assert_eq!(
            Query::new("a b c").condition(Class::MostGroups).unwrap(),
            "((('a' | 't:a') & (('b' | 't:b') | ('c' | 't:c'))) | (('b' | 't:b') & ('c' | 't:c')))"
        );
    }

    #[test]
    fn words_that_ask_are_no_groups() {
        let groups = |text: &str| -> Vec<String> {
            Query::new(text).parts.iter().flat_map(|part| &part.groups).map(|group| group.join("|")).collect()
        };
        assert_eq!(groups("干细胞治疗糖尿病的费用是多少"), ["干细|细胞|胞治|治疗", "疗糖|糖尿|尿病", "费用"]);
        assert_eq!(groups("CAR-T是什么"), ["car", "t"]);
        assert_eq!(groups("的"), Vec::<String>::new());
        assert_eq!(groups("药"), ["药"]);
    }
}

//! How a query is cut: into pieces by white space and quotation marks, and each into groups by what only asks.

use super::super::{
    atoms::{Atom, atoms},
    fold::Folded,
    terms::{pair, written},
};

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
/// A lone character, letter or digit is a group where there is nothing else.
pub(super) fn groups(folded: &Folded, atoms: &[Atom]) -> Vec<Vec<String>> {
    let mut groups = Vec::new();
    let mut run: Vec<&Atom> = Vec::new();
    let mut lone = Vec::new();
    let mut at = 0;
    let end = |run: &mut Vec<&Atom>, groups: &mut Vec<Vec<String>>, lone: &mut Vec<Vec<String>>| {
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
            end(&mut run, &mut groups, &mut lone);
            // A letter or a digit alone stands everywhere.
            let weak = atom.chars.len() == 1;
            if weak { &mut lone } else { &mut groups }.push(vec![written(folded, atom)]);
            at += 1;
        } else if let Some((length, _)) = asks {
            end(&mut run, &mut groups, &mut lone);
            at += length;
        } else {
            if run.last().is_some_and(|last| last.place + 1 != atom.place) {
                end(&mut run, &mut groups, &mut lone);
            }
            run.push(atom);
            at += 1;
        }
    }
    end(&mut run, &mut groups, &mut lone);
    if groups.is_empty() { lone } else { groups }
}

/// A piece, cut where punctuation parts its characters; as it is where it is quoted.
pub(super) fn clauses(piece: Folded, quoted: bool) -> Vec<Folded> {
    if quoted {
        return vec![piece];
    }
    let atoms = atoms(&piece);
    let together = |a: &Atom, b: &Atom| b.place == a.place + 1;
    let runs = atoms.chunk_by(together).filter_map(|run| Some(run.first()?.chars.start..run.last()?.chars.end));
    runs.map(|run| Folded { chars: piece.chars[run.clone()].to_vec(), spans: piece.spans[run].to_vec() }).collect()
}

/// The pieces of a query: what stands in quotation marks, and the rest cut at white space.
pub(super) fn pieces(text: &str) -> Vec<(&str, bool)> {
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

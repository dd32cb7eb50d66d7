//! Which section of a new revision is which of the old: the identity of sections across edits.
//!
//! What must hold:
//! - a section that was only edited, moved, renumbered, retitled or given another anchor keeps its id;
//! - an anchor that a section ever had is never given to another;
//! - every section comes out with an id and an anchor of its own;
//! - the outcome depends on nothing but the input.
//!
//! Sections are matched in this order, each old and each new one at most once:
//! 1. by an anchor that the author wrote;
//! 2. by title and text, unchanged, under the same parent, then anywhere;
//! 3. by title under the same parent, where only one old and one new section there still have it, and either their place
//!    there or a good part of their text is the same;
//! 4. by text alone, unchanged, where it is longer than a phrase and stands once;
//! 5. by likeness: Dice's coefficient over character bigrams of title and text, best pairs first, at least
//!    [`LIKENESS`];
//! 6. by the hash of a section that was removed earlier: what comes back unchanged is the same section.
//!
//! A title alone is no identity where it repeats (every part may end with 小结): the text decides then.

use std::collections::{HashMap, HashSet, VecDeque};

use uuid::Uuid;

use crate::content::{Anchor, Document, Section, outline, text};

/// The least likeness, from 0 to 1, at which two sections are taken for one.
pub const LIKENESS: f64 = 0.5;

/// The least likeness of text at which a section with the title of another, elsewhere under the same parent, is it.
const SOME_LIKENESS: f64 = 0.25;

/// The most characters of a text that says too little to know a section by.
const PHRASE: usize = 8;

/// The most pairs of unmatched sections that are compared by likeness; beyond it only neighbours in reading order are,
/// so that the time stays linear.
const MAX_PAIRS: usize = 40_000;

/// A section that the article has or had.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its identity.
    pub id: Uuid,
    /// The anchor that it has, or had last.
    pub anchor: Anchor,
    /// Every other anchor that it ever had.
    pub aliases: Vec<Anchor>,
    /// Its title.
    pub title: String,
    /// The hash of its content, as it is or was last.
    pub hash: String,
    /// What the latest revision says of it; `None` where it was removed.
    pub present: Option<Present>,
}

/// A section as it stands in the latest revision.
#[derive(Debug, Clone)]
pub struct Present {
    /// The section above it.
    pub parent: Option<Uuid>,
    /// Its number: its place among the sections under the same parent is the last part.
    pub number: String,
    /// Its own text.
    pub text: String,
}

/// The sections of `document` as the next revision will know them.
#[must_use]
pub fn present(document: &Document, ids: &[Uuid]) -> Vec<Known> {
    let entries = outline::entries(&document.sections);
    let known = entries.iter().zip(ids).filter_map(|(entry, id)| {
        Some(Known {
            id: *id,
            anchor: entry.section.anchor.clone()?,
            aliases: Vec::new(),
            title: entry.section.title.clone(),
            hash: outline::section_hash(entry.section),
            present: Some(Present {
                parent: entry.parent.and_then(|place| ids.get(place).copied()),
                number: entry.number.clone(),
                text: text::blocks(&entry.section.blocks),
            }),
        })
    });
    known.collect()
}

/// Gives every section of `document` its anchor, and returns their ids in reading order; or, where two sections of the
/// text claim anchors of one section, says so of each.
pub fn identify(document: &mut Document, known: &[Known]) -> Result<Vec<Uuid>, Vec<String>> {
    let entries = outline::entries(&document.sections);
    let sections: Vec<&Section> = entries.iter().map(|entry| entry.section).collect();
    let new: Vec<New> = entries.iter().map(New::from).collect();
    let mut matching = Matching { new: &new, known, old_of: vec![None; new.len()], taken: HashSet::new() };
    let faults = matching.by_anchor();
    if !faults.is_empty() {
        return Err(faults);
    }
    matching.by_title_and_text(true);
    matching.by_title_and_text(false);
    matching.by_lone_title();
    matching.by_text();
    matching.by_likeness();
    matching.by_hash(&sections);

    let old_of = matching.old_of;
    let ids = old_of.iter().map(|old| old.map_or_else(Uuid::now_v7, |old| known[old].id)).collect();
    let mut anchors = old_of.iter().map(|old| old.map(|old| known[old].anchor.clone()));
    keep_anchors(&mut document.sections, &mut anchors);
    let reserved: HashSet<&Anchor> = known.iter().flat_map(|old| old.aliases.iter().chain([&old.anchor])).collect();
    outline::fill_anchors(document, &|anchor| reserved.contains(anchor));
    Ok(ids)
}

fn keep_anchors(sections: &mut [Section], anchors: &mut dyn Iterator<Item = Option<Anchor>>) {
    for section in sections {
        let kept = anchors.next().flatten();
        if section.anchor.is_none() {
            section.anchor = kept;
        }
        keep_anchors(&mut section.children, anchors);
    }
}

struct New {
    number: String,
    anchor: Option<Anchor>,
    title: String,
    text: String,
    parent: Option<usize>,
}

impl From<&outline::Entry<'_>> for New {
    fn from(entry: &outline::Entry<'_>) -> New {
        New {
            number: entry.number.clone(),
            anchor: entry.section.anchor.clone(),
            title: entry.section.title.clone(),
            text: text::blocks(&entry.section.blocks),
            parent: entry.parent,
        }
    }
}

/// What stands above a section.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Above {
    /// Nothing: it is at the top.
    Article,
    /// A section that has its identity.
    Section(Uuid),
    /// A section that has none yet, under which no old section stood.
    NewSection,
}

impl From<Option<Uuid>> for Above {
    fn from(parent: Option<Uuid>) -> Above {
        parent.map_or(Above::Article, Above::Section)
    }
}

/// The old and the new sections of one title under one parent, by their places.
type Namesakes = (Vec<usize>, Vec<usize>);

struct Matching<'a> {
    new: &'a [New],
    known: &'a [Known],
    /// For each new section the place of its match in `known`.
    old_of: Vec<Option<usize>>,
    taken: HashSet<usize>,
}

impl Matching<'_> {
    fn join(&mut self, new: usize, old: usize) {
        self.old_of[new] = Some(old);
        self.taken.insert(old);
    }

    fn by_anchor(&mut self) -> Vec<String> {
        let mut owner = HashMap::new();
        for (place, old) in self.known.iter().enumerate() {
            for anchor in old.aliases.iter().chain([&old.anchor]) {
                owner.insert(anchor.clone(), place);
            }
        }
        let mut faults = Vec::new();
        for (place, new) in self.new.iter().enumerate() {
            let Some((anchor, old)) = new.anchor.as_ref().and_then(|anchor| Some((anchor, *owner.get(anchor)?))) else {
                continue;
            };
            if self.taken.contains(&old) {
                let owner = self.new.iter().zip(&self.old_of).find(|(_, matched)| **matched == Some(old));
                let owner = owner.map_or("", |(section, _)| section.title.as_str());
                faults.push(format!(
                    "the anchor `{anchor}` cannot be given to the section “{}”: it belongs to the section “{owner}”, \
                     which stands in this text under another of its anchors, and an anchor never goes to another section",
                    new.title
                ));
            } else {
                self.join(place, old);
            }
        }
        faults
    }

    /// What stands above a section, as far as that is known by now.
    fn above(&self, section: &New) -> Above {
        match section.parent.map(|above| self.old_of[above]) {
            None => Above::Article,
            Some(None) => Above::NewSection,
            Some(Some(old)) => Above::Section(self.known[old].id),
        }
    }

    /// Joins sections whose title and text are unchanged, in order, under the same parent or anywhere.
    fn by_title_and_text(&mut self, under_same_parent: bool) {
        let (new, known) = (self.new, self.known);
        let mut waiting: HashMap<(&str, &str, Above), VecDeque<usize>> = HashMap::new();
        for (place, old) in known.iter().enumerate().filter(|(place, _)| !self.taken.contains(place)) {
            if let Some(present) = &old.present {
                let parent = if under_same_parent { present.parent.into() } else { Above::Article };
                waiting.entry((&old.title, &present.text, parent)).or_default().push_back(place);
            }
        }
        for (place, section) in new.iter().enumerate() {
            if self.old_of[place].is_some() {
                continue;
            }
            let parent = if under_same_parent { self.above(section) } else { Above::Article };
            if let Some(old) = waiting.get_mut(&(&*section.title, &*section.text, parent)).and_then(VecDeque::pop_front)
            {
                self.join(place, old);
            }
        }
    }

    /// Joins sections of one title under one parent, where no other section there has it. A match may make the parent of
    /// the next one known, so it goes on level by level.
    fn by_lone_title(&mut self) {
        let (new, known) = (self.new, self.known);
        for _ in 0..outline::MAX_DEPTH {
            let mut pairs: HashMap<(&str, Above), Namesakes> = HashMap::new();
            for (place, old) in known.iter().enumerate().filter(|(place, _)| !self.taken.contains(place)) {
                if let Some(present) = &old.present {
                    pairs.entry((&old.title, present.parent.into())).or_default().0.push(place);
                }
            }
            for (place, section) in new.iter().enumerate().filter(|(place, _)| self.old_of[*place].is_none()) {
                pairs.entry((&section.title, self.above(section))).or_default().1.push(place);
            }
            let before = self.taken.len();
            for (old, new) in pairs.into_values() {
                if let ([old], [new]) = (old.as_slice(), new.as_slice())
                    && self.may_be_one(*old, *new)
                {
                    self.join(*new, *old);
                }
            }
            if self.taken.len() == before {
                break;
            }
        }
    }

    /// Whether sections of one title under one parent can be one: a rewritten section stays in its place, a moved one keeps
    /// part of its text; what does neither is another section with the title of a removed one.
    fn may_be_one(&self, old: usize, new: usize) -> bool {
        let (Some(old), new) = (&self.known[old].present, &self.new[new]) else { return false };
        let place = |number: &str| number.rsplit('.').next().map(str::to_owned);
        place(&old.number) == place(&new.number)
            || old.text.is_empty() && new.text.is_empty()
            || dice(&bigrams("", &old.text), &bigrams("", &new.text)) >= SOME_LIKENESS
    }

    /// Joins sections whose text is unchanged under another title.
    fn by_text(&mut self) {
        let (new, known) = (self.new, self.known);
        let mut pairs: HashMap<&str, Namesakes> = HashMap::new();
        for (place, old) in known.iter().enumerate().filter(|(place, _)| !self.taken.contains(place)) {
            if let Some(present) = &old.present {
                pairs.entry(&present.text).or_default().0.push(place);
            }
        }
        for (place, section) in new.iter().enumerate().filter(|(place, _)| self.old_of[*place].is_none()) {
            pairs.entry(&section.text).or_default().1.push(place);
        }
        for (text, (old, new)) in pairs {
            if let ([old], [new]) = (old.as_slice(), new.as_slice())
                && text.chars().count() > PHRASE
            {
                self.join(*new, *old);
            }
        }
    }

    /// Joins sections that were removed earlier and come back as they were.
    fn by_hash(&mut self, sections: &[&Section]) {
        let known = self.known;
        let mut removed: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, old) in known.iter().enumerate().filter(|(_, old)| old.present.is_none()) {
            removed.entry(&old.title).or_default().push(place);
        }
        for (place, section) in sections.iter().enumerate().filter(|(_, section)| section.anchor.is_none()) {
            if self.old_of[place].is_some() {
                continue;
            }
            // Of many removed sections of one title only the last few are looked at: the time stays linear.
            let candidates = removed.get(section.title.as_str()).into_iter().flatten().rev().take(8);
            let back = candidates.copied().find(|old| {
                let again = Section { anchor: Some(known[*old].anchor.clone()), ..Section::clone(section) };
                !self.taken.contains(old) && outline::section_hash(&again) == known[*old].hash
            });
            if let Some(old) = back {
                self.join(place, old);
            }
        }
    }

    fn by_likeness(&mut self) {
        let new: Vec<usize> = (0..self.new.len()).filter(|place| self.old_of[*place].is_none()).collect();
        let old: Vec<usize> = (0..self.known.len())
            .filter(|place| !self.taken.contains(place) && self.known[*place].present.is_some())
            .collect();
        let of_new: Vec<_> = new.iter().map(|n| bigrams(&self.new[*n].title, &self.new[*n].text)).collect();
        let of_old: Vec<_> = old
            .iter()
            .map(|o| bigrams(&self.known[*o].title, self.known[*o].present.as_ref().map_or("", |p| &p.text)))
            .collect();
        let near = if new.len() * old.len() > MAX_PAIRS { 8 } else { usize::MAX };
        let mut pairs = Vec::new();
        for (n, a) in of_new.iter().enumerate() {
            for (o, b) in of_old.iter().enumerate() {
                if n.abs_diff(o) <= near {
                    let likeness = dice(a, b);
                    if likeness >= LIKENESS {
                        pairs.push((likeness, n, o));
                    }
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        for (_, n, o) in pairs {
            if self.old_of[new[n]].is_none() && !self.taken.contains(&old[o]) {
                self.join(new[n], old[o]);
            }
        }
    }
}

/// The bigrams of title and text without white space, sorted.
fn bigrams(title: &str, text: &str) -> Vec<(char, char)> {
    let characters: Vec<char> = title.chars().chain(text.chars()).filter(|c| !c.is_whitespace()).collect();
    let mut pairs: Vec<_> = characters.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?))).collect();
    pairs.sort_unstable();
    pairs
}

/// Dice's coefficient of two sorted multisets: twice what they share over what they hold.
#[expect(clippy::cast_precision_loss, reason = "a text has far fewer than 2^52 bigrams")]
fn dice(a: &[(char, char)], b: &[(char, char)]) -> f64 {
    let (mut i, mut j, mut shared) = (0, 0, 0_usize);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                shared += 1;
                i += 1;
                j += 1;
            }
        }
    }
    if a.is_empty() && b.is_empty() { 0.0 } else { 2.0 * shared as f64 / (a.len() + b.len()) as f64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::content::markdown;

    fn document(body: &str) -> Document {
        markdown::read(&format!("---\nslug: a\ntitle: t\n---\n{body}"), None).unwrap().document
    }

    /// The sections of a first revision, as the second one knows them.
    fn first(body: &str) -> (Vec<Known>, Vec<Uuid>) {
        let mut document = document(body);
        let ids = identify(&mut document, &[]).unwrap();
        (known(&document, &ids, &[]), ids)
    }

    fn known(document: &Document, ids: &[Uuid], before: &[Known]) -> Vec<Known> {
        let mut now = present(document, ids);
        for section in &mut now {
            if let Some(old) = before.iter().find(|old| old.id == section.id) {
                section.aliases.extend(old.aliases.iter().chain([&old.anchor]).cloned());
            }
        }
        for old in before {
            if !ids.contains(&old.id) {
                now.push(Known { present: None, ..old.clone() });
            }
        }
        now
    }

    const BODY: &str = "## 原理\n\n干细胞能够自我更新。\n\n### 修复\n\n受损组织的修复。\n\n## 风险\n\n可能出现感染和免疫反应。\n\n### 修复\n\n修复不良。";

    #[test]
    fn moved_renumbered_and_edited_sections_keep_their_ids() {
        let (known, ids) = first(BODY);
        let mut next = document(
            "## 前言\n\n新写的话。\n\n## 风险\n\n可能出现感染、免疫反应等。\n\n### 修复\n\n修复不良。\n\n## 原理\n\n干细胞能够自我更新。\n\n### 修复\n\n受损组织的修复。",
        );
        let now = identify(&mut next, &known).unwrap();
        assert_eq!(now[1..], [ids[2], ids[3], ids[0], ids[1]]);
        assert!(!ids.contains(&now[0]));
    }

    #[test]
    fn a_retitled_section_is_known_by_its_text() {
        let (known, ids) = first(BODY);
        let mut next = document(
            "## 基本原理是什么\n\n干细胞能够自我更新。\n\n### 修复\n\n受损组织的修复。\n\n## 风险\n\n可能出现感染和免疫反应。\n\n### 修复\n\n修复不良。",
        );
        assert_eq!(identify(&mut next, &known).unwrap(), ids);
        assert_eq!(next.sections[0].anchor, Some(known[0].anchor.clone()), "its anchor stays");
    }

    #[test]
    fn of_a_split_section_the_greater_part_stays() {
        let (known, ids) = first("## 甲\n\n第一段讲的是来源与种类。第二段讲的是用途。");
        let mut next = document("## 来源与种类\n\n第一段讲的是来源与种类。\n\n## 用途\n\n第二段讲的是用途。");
        let now = identify(&mut next, &known).unwrap();
        assert_eq!(now.iter().filter(|id| ids.contains(id)).count(), 1);
        assert_eq!(now[0], ids[0]);
    }

    #[test]
    fn an_anchor_of_another_section_is_refused() {
        let (known, ids) = first("## 甲 {#a}\n\n甲。\n\n## 乙 {#b}\n\n乙。");
        let mut renamed = document("## 甲 {#new}\n\n甲。\n\n## 乙 {#b}\n\n乙。");
        let now = identify(&mut renamed, &known).unwrap();
        assert_eq!(now, ids);
        let known = super::tests::known(&renamed, &now, &known);
        let mut stolen = document("## 甲 {#new}\n\n甲。\n\n## 丙 {#a}\n\n丙。");
        let faults = identify(&mut stolen, &known).unwrap_err();
        assert!(faults[0].contains("`a`") && faults[0].contains("丙"), "{faults:?}");
    }

    #[test]
    fn a_section_that_comes_back_is_the_same() {
        let (known, ids) = first(BODY);
        let mut without = document("## 原理\n\n干细胞能够自我更新。\n\n### 修复\n\n受损组织的修复。");
        let now = identify(&mut without, &known).unwrap();
        let known = super::tests::known(&without, &now, &known);
        let mut back = document(BODY);
        assert_eq!(identify(&mut back, &known).unwrap(), ids);
        let mut other =
            document("## 原理\n\n干细胞能够自我更新。\n\n### 修复\n\n受损组织的修复。\n\n## 风险\n\n全新的写法。");
        assert!(
            !ids.contains(&identify(&mut other, &known).unwrap()[2]),
            "another text of that title is another section"
        );
        assert_eq!(other.sections[1].anchor, Some("feng-xian-2".parse().unwrap()));
    }

    #[test]
    fn a_title_that_repeats_is_no_identity() {
        let summary = |text: &str| format!("## 小结\n\n{text}\n\n");
        let (one, two, three) =
            (summary("第一章讲来源。"), summary("第二章谈用途与限度。"), summary("第三部分：怎样核实机构。"));
        let (known, ids) = first(&format!("{one}{two}{three}"));
        for (body, expected) in [
            (format!("{two}{three}"), vec![Some(1), Some(2)]),
            (format!("{three}{two}{one}"), vec![Some(2), Some(1), Some(0)]),
            (format!("{}{one}{two}{three}", summary("新写的开头。")), vec![None, Some(0), Some(1), Some(2)]),
        ] {
            let mut next = document(&body);
            let now = identify(&mut next, &known).unwrap();
            let places: Vec<_> = now.iter().map(|id| ids.iter().position(|old| old == id)).collect();
            assert_eq!(places, expected, "{body}");
        }
        // Of two, one is removed, and another of that title is written in front: it is neither.
        let (known, ids) = first(&format!("{one}{two}"));
        let mut next = document(&format!("{}{one}", summary("与前面都无关的一段新话，只是标题相同。")));
        let now = identify(&mut next, &known).unwrap();
        assert_eq!(now[1], ids[0]);
        assert!(!ids.contains(&now[0]));
        // Removed under one part, new under another: two sections.
        let (known, ids) = first("## 甲\n\n甲。\n\n### 风险\n\n感染与排斥反应。\n\n## 乙\n\n乙。");
        let mut next = document("## 甲\n\n甲。\n\n## 乙\n\n乙。\n\n## 丙\n\n丙。\n\n### 风险\n\n费用和时间上的负担。");
        let now = identify(&mut next, &known).unwrap();
        assert!(!now.contains(&ids[1]));
        assert_ne!(next.sections[2].children[0].anchor, Some(known[1].anchor.clone()));
    }

    /// However many sections there are, an unchanged text stays with its section.
    #[test]
    fn many_retitled_and_reordered_sections_keep_their_ids() {
        let part =
            |n: usize, title: &str| format!("## {title}{n}\n\n每日一次，每次{n}片，饭后用温水送服，不适请就医。\n\n");
        let (known, ids) = first(&(0..500).map(|n| part(n, "节")).collect::<String>());
        let mut next = document(&(0..500).rev().map(|n| part(n, "第")).collect::<String>());
        let mut now = identify(&mut next, &known).unwrap();
        now.reverse();
        assert_eq!(now, ids);
    }

    fn body() -> impl Strategy<Value = String> {
        let title = prop::sample::select(vec!["原理", "风险", "结语", "修复", "来源"]);
        let anchor = prop::sample::select(vec!["", "", "", " {#a}", " {#b}", " {#c}"]);
        let text = prop::sample::select(vec!["干细胞能够自我更新。", "可能出现感染。", "请咨询医生。", ""]);
        prop::collection::vec((2..4_usize, title, anchor, text), 0..8).prop_map(|sections| {
            let mut used = HashSet::new();
            let section = |(level, title, anchor, text): (usize, &str, &'static str, &str)| {
                let anchor = if used.insert(anchor) { anchor } else { "" };
                format!("{} {title}{anchor}\n\n{text}\n\n", "#".repeat(level))
            };
            sections.into_iter().map(section).collect()
        })
    }

    proptest! {
        /// Over any sequence of edits: ids and anchors are each section's own, and no anchor ever goes to another id.
        #[test]
        fn no_anchor_ever_goes_to_another_section(bodies in prop::collection::vec(body(), 1..6)) {
            let mut before: Vec<Known> = Vec::new();
            let mut owner: HashMap<Anchor, Uuid> = HashMap::new();
            for body in bodies {
                let mut next = document(&body);
                let Ok(ids) = identify(&mut next, &before) else { continue };
                prop_assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
                before = known(&next, &ids, &before);
                let mut anchors = HashSet::new();
                for section in present(&next, &ids) {
                    prop_assert!(anchors.insert(section.anchor.clone()), "{} stands twice", section.anchor);
                    prop_assert_eq!(*owner.entry(section.anchor).or_insert(section.id), section.id);
                }
                prop_assert_eq!(anchors.len(), ids.len());
            }
        }
    }
}

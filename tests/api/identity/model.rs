//! A document as an editor has it in mind: sections that stay themselves through every edit, told apart by a key that
//! the service never sees.

use std::{collections::HashSet, fmt::Write};

use fastrand::Rng;

/// The deepest level that an edit makes.
const MAX_LEVEL: usize = 4;

/// Titles that stand in many places.
const REPEATED: [&str; 3] = ["小结", "常见问题", "注意事项"];

/// A section at its place in reading order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Which section it is, whatever is done to it.
    pub key: u32,
    /// 1 at the top; at most one deeper than the section before it.
    pub level: usize,
    pub title: String,
    /// The anchor that the author wrote.
    pub anchor: Option<String>,
    /// The text: first the mark of the section, then a sentence each. Nothing for a heading without text.
    pub text: Vec<String>,
}

/// The sections in reading order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub sections: Vec<Section>,
    /// Whether the author prints numbers before the titles.
    pub labelled: bool,
    /// Whether texts and titles repeat without end, so that nobody could say which section is which.
    pub wild: bool,
    /// Which sections shared text: one was split from the other, or went up in it. Such a pair may be taken for one.
    pub kin: Vec<(u32, u32)>,
    next: u32,
}

/// The mark of a section, which stays in its text.
pub fn mark(key: u32) -> String {
    format!("〔{key}〕")
}

impl Model {
    /// A document of `count` sections.
    pub fn new(rng: &mut Rng, count: usize, wild: bool) -> Model {
        let mut model = Model { sections: Vec::new(), labelled: rng.bool(), wild, kin: Vec::new(), next: 0 };
        for _ in 0..count {
            model.insert(rng);
        }
        model
    }

    /// The file's body.
    pub fn body(&self) -> String {
        let mut out = String::from("引言。\n\n");
        let mut top = 0;
        for section in &self.sections {
            top += usize::from(section.level == 1);
            let label = if self.labelled && section.level == 1 { format!("（{top}）") } else { String::new() };
            let anchor = section.anchor.as_ref().map(|anchor| format!(" {{#{anchor}}}")).unwrap_or_default();
            let marks = "#".repeat(section.level + 1);
            let _ = write!(out, "{marks} {label}{}{anchor}\n\n{}\n\n", section.title, section.text.concat());
        }
        out
    }

    /// The section with `key`.
    pub fn section(&self, key: u32) -> Option<&Section> {
        self.sections.iter().find(|section| section.key == key)
    }

    /// One edit that a reader would understand; `touched` are the sections that were edited already. What it was.
    pub fn edit(&mut self, rng: &mut Rng, touched: &mut HashSet<u32>) -> &'static str {
        let Some(at) = self.pick(rng, touched) else { return self.insert(rng) };
        touched.insert(self.sections[at].key);
        let done = match rng.u8(0..14) {
            0 | 1 => self.rewrite(rng, at),
            2 => self.retitle(rng, at),
            3 | 4 => self.anchor(rng, at),
            5 | 6 => self.move_tree(rng, at),
            7 => self.shift(rng, at),
            8 => self.split(rng, at),
            9 => self.merge(rng, at, touched),
            10 => self.remove(rng, at),
            11 => self.reorder(rng),
            12 => {
                self.labelled = !self.labelled;
                "renumber"
            }
            _ => self.insert(rng),
        };
        self.settle();
        done
    }

    fn pick(&self, rng: &mut Rng, touched: &HashSet<u32>) -> Option<usize> {
        let free: Vec<usize> = (0..self.sections.len()).filter(|i| !touched.contains(&self.sections[*i].key)).collect();
        rng.choice(free)
    }

    /// The end of the section at `at` with all below it.
    fn end(&self, at: usize) -> usize {
        let level = self.sections[at].level;
        let below = self.sections[at + 1..].iter().take_while(|section| section.level > level);
        at + 1 + below.count()
    }

    /// Brings every level to at most one below the section before it, and every anchor to one section.
    fn settle(&mut self) {
        let (mut above, mut anchors) = (0, HashSet::new());
        for section in &mut self.sections {
            section.anchor.take_if(|anchor| !anchors.insert(anchor.clone()));
            section.level = section.level.clamp(1, (above + 1).min(MAX_LEVEL));
            above = section.level;
        }
    }

    fn insert(&mut self, rng: &mut Rng) -> &'static str {
        let key = self.key();
        let mut section =
            Section { key, level: rng.usize(1..=3), title: words(rng, 4), anchor: None, text: Vec::new() };
        if rng.u8(0..8) > 0 {
            section.text = (0..rng.usize(3..6)).map(|_| sentence(rng)).collect();
            section.text.insert(0, mark(key));
            if rng.u8(0..4) == 0 {
                section.title = rng.choice(REPEATED).map(str::to_owned).unwrap_or_default();
            }
        }
        if rng.u8(0..4) == 0 {
            section.anchor = Some(format!("anchor-{key}"));
        }
        if self.wild {
            section.title = rng.choice(REPEATED).map(str::to_owned).unwrap_or_default();
            section.text = (0..rng.usize(0..3)).map(|_| format!("第{}条，遵照医嘱。", rng.u8(0..4))).collect();
            section.anchor = rng.bool().then(|| format!("common-{}", rng.u8(0..5)));
        }
        let at = rng.usize(0..=self.sections.len());
        self.sections.insert(at, section);
        self.settle();
        "insert"
    }

    /// The same, whose keys come after those of `newest`.
    pub fn after(self, newest: &Model) -> Model {
        Model { next: newest.next, ..self }
    }

    fn key(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn rewrite(&mut self, rng: &mut Rng, at: usize) -> &'static str {
        let text = &mut self.sections[at].text;
        match text.len() {
            0 => return self.shift(rng, at),
            1..4 => text.push(sentence(rng)),
            n => text[rng.usize(1..n)] = sentence(rng),
        }
        "rewrite"
    }

    fn retitle(&mut self, rng: &mut Rng, at: usize) -> &'static str {
        // A heading without text is nothing but its title.
        if !self.sections[at].text.is_empty() || self.wild {
            self.sections[at].title = words(rng, 5);
        }
        "retitle"
    }

    fn anchor(&mut self, rng: &mut Rng, at: usize) -> &'static str {
        let new = self.key();
        let section = &mut self.sections[at];
        section.anchor = match rng.u8(0..4) {
            0 => None,
            // Back to an earlier one.
            1 => Some(format!("anchor-{}", section.key)),
            _ => Some(format!("renamed-{new}")),
        };
        "anchor"
    }

    fn move_tree(&mut self, rng: &mut Rng, at: usize) -> &'static str {
        let end = self.end(at);
        let mut tree: Vec<Section> = self.sections.drain(at..end).collect();
        let to = rng.usize(0..=self.sections.len());
        let above = to.checked_sub(1).map_or(0, |before| self.sections[before].level);
        let (old, new) = (tree[0].level, rng.usize(1..=above + 1));
        for section in &mut tree {
            section.level = section.level + new - old;
        }
        self.sections.splice(to..to, tree);
        "move"
    }

    fn shift(&mut self, rng: &mut Rng, at: usize) -> &'static str {
        let (end, deeper) = (self.end(at), rng.bool());
        for section in &mut self.sections[at..end] {
            section.level = if deeper { section.level + 1 } else { section.level.saturating_sub(1) };
        }
        if deeper { "nest" } else { "outdent" }
    }

    /// The end of a text becomes a section of its own, behind its section or below it.
    fn split(&mut self, rng: &mut Rng, at: usize) -> &'static str {
        let length = self.sections[at].text.len();
        if length > 4 {
            let key = self.key();
            self.kin.push((self.sections[at].key, key));
            let mut text = vec![mark(key)];
            text.extend(self.sections[at].text.split_off(length - (length - 1) * 2 / 5));
            let (to, level) = if rng.bool() { (at + 1, 1) } else { (self.end(at), 0) };
            let level = self.sections[at].level + level;
            self.sections.insert(to, Section { key, level, title: words(rng, 4), anchor: None, text });
        }
        "split"
    }

    /// A shorter section with another title goes up in this one.
    fn merge(&mut self, rng: &mut Rng, at: usize, touched: &mut HashSet<u32>) -> &'static str {
        let this = &self.sections[at];
        let fits = |other: &Section| (2..this.text.len()).contains(&other.text.len()) && other.title != this.title;
        let others: Vec<usize> = (0..self.sections.len()).filter(|i| fits(&self.sections[*i])).collect();
        if let Some(other) = rng.choice(others).filter(|other| touched.insert(self.sections[*other].key)) {
            let text = self.sections[other].text.split_off(1);
            self.sections[at].text.extend(text);
            self.kin.push((self.sections[at].key, self.sections[other].key));
            self.sections.remove(other);
        }
        "merge"
    }

    fn remove(&mut self, rng: &mut Rng, at: usize) -> &'static str {
        let end = if rng.bool() { self.end(at) } else { at + 1 };
        self.sections.drain(at..end);
        "remove"
    }

    fn reorder(&mut self, rng: &mut Rng) -> &'static str {
        let mut parts: Vec<Vec<Section>> = Vec::new();
        for section in self.sections.drain(..) {
            match parts.last_mut() {
                Some(part) if section.level > 1 => part.push(section),
                _ => parts.push(vec![section]),
            }
        }
        rng.shuffle(&mut parts);
        self.sections = parts.concat();
        "reorder"
    }
}

/// Han characters that say nothing.
fn words(rng: &mut Rng, count: usize) -> String {
    (0..count).filter_map(|_| char::from_u32(rng.u32(0x5400..0x8400))).collect()
}

fn sentence(rng: &mut Rng) -> String {
    let length = rng.usize(12..20);
    words(rng, length) + "。"
}

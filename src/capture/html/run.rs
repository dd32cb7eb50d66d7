//! Running text of one line.

use crate::{
    capture::lines::kept,
    content::{Href, Inline, Mark, label::blank, text::is_wide},
};

/// The target of the open link.
#[derive(Default, Clone)]
pub(super) enum Target {
    /// No link is open.
    #[default]
    None,
    /// Nowhere on the web.
    Nowhere,
    Web(Href),
}

/// Running text of one line in the making.
#[derive(Default)]
pub(super) struct Run {
    pub(super) content: Vec<Inline>,
    /// The node of its first text.
    pub(super) first: Option<usize>,
    pub(super) marks: Vec<Mark>,
    pub(super) link: Target,
    /// The characters that are not blank, those of them in links, and those in bold.
    pub(super) letters: usize,
    pub(super) linked: usize,
    pub(super) strong: usize,
    /// A space that is written before the next character.
    space: Option<bool>,
}

impl Run {
    /// Starts a new line with the marks and the link of this one.
    pub(super) fn take(&mut self) -> Run {
        let next = Run { marks: self.marks.clone(), link: self.link.clone(), ..Run::default() };
        std::mem::replace(self, next)
    }

    pub(super) fn space(&mut self) {
        self.space.get_or_insert(false);
    }

    pub(super) fn push(&mut self, at: usize, text: &str) {
        let mut words = String::new();
        let mut last = self.last();
        for c in text.chars().filter_map(kept) {
            if blank(c) {
                self.space = Some(self.space.unwrap_or(false) || c == '\n');
                continue;
            }
            // A source line break between Chinese characters is not part of the text.
            let space = self.space.take();
            if let (Some(line_break), Some(before)) = (space, last)
                && !(line_break && is_wide(before) && is_wide(c))
            {
                words.push(' ');
            }
            words.push(c);
            last = Some(c);
            self.letters += 1;
            self.linked += usize::from(!matches!(self.link, Target::None));
            self.strong += usize::from(self.marks.contains(&Mark::Strong));
        }
        if words.is_empty() {
            return;
        }
        self.first.get_or_insert(at);
        let target = match &self.link {
            Target::Web(href) => {
                let same = matches!(self.content.last(), Some(Inline::Link { href: open, .. }) if open == href);
                if !same {
                    self.content.push(Inline::Link { href: href.clone(), title: None, content: Vec::new() });
                }
                match self.content.last_mut() {
                    Some(Inline::Link { content, .. }) => content,
                    _ => return,
                }
            }
            _ => &mut self.content,
        };
        match target.last_mut() {
            Some(Inline::Text { text, marks }) if *marks == self.marks => text.push_str(&words),
            _ => target.push(Inline::Text { text: words, marks: self.marks.clone() }),
        }
    }

    /// Returns the last character.
    fn last(&self) -> Option<char> {
        let mut last = self.content.last()?;
        loop {
            match last {
                Inline::Text { text, .. } => return text.chars().next_back(),
                Inline::Link { content, .. } => last = content.last()?,
                _ => return None,
            }
        }
    }
}

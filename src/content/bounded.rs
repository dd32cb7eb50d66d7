//! A list of errors or warnings with a bound.

/// The largest number of errors or warnings that one file or body reports.
pub(super) const MAX_DIAGNOSTICS: usize = 200;

/// The first [`MAX_DIAGNOSTICS`] items and the number of those left out.
#[derive(Debug)]
pub(super) struct Bounded<T> {
    pub(super) items: Vec<T>,
    pub(super) omitted: usize,
}

impl<T> Default for Bounded<T> {
    fn default() -> Self {
        Bounded { items: Vec::new(), omitted: 0 }
    }
}

impl<T> Bounded<T> {
    /// Adds an item. `make` runs only if there is room, because finding a line or pointer takes time.
    pub(super) fn push(&mut self, make: impl FnOnce() -> T) {
        if self.items.len() < MAX_DIAGNOSTICS {
            self.items.push(make());
        } else {
            self.omitted += 1;
        }
    }

    pub(super) fn count(&self) -> usize {
        self.items.len() + self.omitted
    }

    /// Returns the items, followed by one that `make` builds from a message with the number of omitted items.
    pub(super) fn finish(mut self, make: impl FnOnce(String) -> T) -> Vec<T> {
        if self.omitted > 0 {
            self.items.push(make(format!("There are {} more.", self.omitted)));
        }
        self.items
    }
}

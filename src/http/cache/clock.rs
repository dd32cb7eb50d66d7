//! When the answers that carry a tag changed last, as far as that is known.
//!
//! What must hold: the time that is named is never earlier than the newest change of a tag that was told so far. Of tags
//! that no change told of yet, only an upper bound is known: the newest change of anything at the beginning.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::Tag;

/// The most tags that are remembered by themselves.
const MOST: usize = 65_536;

/// Times by tag.
#[derive(Debug, Default)]
pub(super) struct Clock {
    since: HashMap<Tag, DateTime<Utc>>,
    /// An upper bound for every tag that is not in `since`; `None` where nothing ever changed.
    others: Option<DateTime<Utc>>,
}

impl Clock {
    /// A clock that knows the newest change of anything, and nothing else.
    pub(super) fn beginning(newest: Option<DateTime<Utc>>) -> Clock {
        Clock { since: HashMap::new(), others: newest }
    }

    /// Notes a change.
    pub(super) fn strike(&mut self, tags: &[Tag], at: DateTime<Utc>) {
        if self.since.len() + tags.len() > MOST {
            let newest = self.since.drain().map(|(_, at)| at).max();
            self.others = self.others.max(newest);
        }
        for tag in tags {
            let newest = self.since.entry(*tag).or_insert(at);
            *newest = at.max(*newest);
        }
    }

    /// When an answer with these tags changed last, at the latest.
    pub(super) fn newest(&self, tags: &[Tag]) -> Option<DateTime<Utc>> {
        tags.iter().map(|tag| self.since.get(tag).copied().or(self.others)).max().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_newest_change_of_the_tags_and_no_earlier_time() {
        let at = |second: i64| DateTime::from_timestamp(second, 0).unwrap();
        let tag = |n: usize| Tag::new(&n.to_string());
        let mut clock = Clock::beginning(Some(at(10)));
        assert_eq!(clock.newest(&[tag(1)]), Some(at(10)));
        clock.strike(&[tag(1), tag(2)], at(20));
        clock.strike(&[tag(2)], at(30));
        assert_eq!(clock.newest(&[tag(1)]), Some(at(20)));
        assert_eq!(clock.newest(&[tag(1), tag(2)]), Some(at(30)));
        assert_eq!(clock.newest(&[tag(3)]), Some(at(10)), "what others did is not its concern");
        for n in 0..2 * MOST {
            clock.strike(&[tag(n)], at(40 + i64::try_from(n).unwrap()));
            assert!(clock.since.len() <= MOST);
        }
        assert!(clock.newest(&[tag(2)]) >= Some(at(42)));
        assert_eq!(Clock::default().newest(&[tag(1)]), None);
    }
}

//! The last change of each tag, for `Last-Modified`.
//!
//! Invariant: the time is never earlier than the newest change of the tag. For tags without a recorded change only an upper
//! bound is known: the newest change of anything at the start.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::entry::Tag;

/// The maximum number of tags with a time of their own.
const MAX_TAGS: usize = 65_536;

/// Times by tag.
#[derive(Debug, Default)]
pub(super) struct LastChanged {
    times: HashMap<Tag, DateTime<Utc>>,
    /// An upper bound for every tag that is not in `times`; `None` if nothing ever changed.
    others: Option<DateTime<Utc>>,
}

impl LastChanged {
    /// Knows the newest change of anything, and no tags.
    pub(super) fn starting(newest: Option<DateTime<Utc>>) -> LastChanged {
        LastChanged { times: HashMap::new(), others: newest }
    }

    /// Records a change.
    pub(super) fn record(&mut self, tags: &[Tag], at: DateTime<Utc>) {
        if self.times.len() + tags.len() > MAX_TAGS {
            let newest = self.times.drain().map(|(_, at)| at).max();
            self.others = self.others.max(newest);
        }
        for tag in tags {
            let newest = self.times.entry(*tag).or_insert(at);
            *newest = at.max(*newest);
        }
    }

    /// Returns the newest change of these tags, or an upper bound of it.
    pub(super) fn newest(&self, tags: &[Tag]) -> Option<DateTime<Utc>> {
        tags.iter().map(|tag| self.times.get(tag).copied().or(self.others)).max().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_change_of_tags_is_never_too_early() {
        let at = |second: i64| DateTime::from_timestamp(second, 0).unwrap();
        let tag = |n: usize| Tag::new(&n.to_string());
        let mut times = LastChanged::starting(Some(at(10)));
        assert_eq!(times.newest(&[tag(1)]), Some(at(10)));
        times.record(&[tag(1), tag(2)], at(20));
        times.record(&[tag(2)], at(30));
        assert_eq!(times.newest(&[tag(1)]), Some(at(20)));
        assert_eq!(times.newest(&[tag(1), tag(2)]), Some(at(30)));
        assert_eq!(times.newest(&[tag(3)]), Some(at(10)), "changes of other tags do not count");
        for n in 0..2 * MAX_TAGS {
            times.record(&[tag(n)], at(40 + i64::try_from(n).unwrap()));
            assert!(times.times.len() <= MAX_TAGS);
        }
        assert!(times.newest(&[tag(2)]) >= Some(at(42)));
        assert_eq!(LastChanged::default().newest(&[tag(1)]), None);
    }
}

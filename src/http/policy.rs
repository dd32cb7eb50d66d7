//! Route policies: the facts that the middleware needs before routing. Each group of routes declares its own.

use super::problem::Problem;
use crate::cache::Payload;

/// The maximum number of bytes of a request body where none is expected.
pub const BODY_LIMIT: usize = 64 * 1024;

/// The maximum number of bytes of a request body that changes content.
pub const MANAGED_BODY_LIMIT: usize = 8 * 1024 * 1024;

/// The policy of a group of routes, declared beside them.
#[derive(Debug)]
pub struct RoutePolicy {
    /// The paths: `/a` covers itself and all below it, `/` itself alone.
    pub paths: &'static [&'static str],
    /// The origins that may read responses in a browser.
    pub access: Access,
    /// The caches that may store responses.
    pub storage: Storage,
    /// The maximum number of bytes of a request body.
    pub body_limit: usize,
    /// True if requests count against the client's quota.
    pub is_rate_limited: bool,
    /// Renders an error for people, if the routes are pages.
    pub error_page: Option<fn(path: &str, problem: &Problem) -> Option<Payload>>,
}

/// The origins that may read responses in a browser (CORS, Fetch Standard).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Scripts of every origin.
    AnyOrigin,
    /// Scripts of the service itself.
    SameOrigin,
}

/// The caches that may store responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// Every cache.
    Shared,
    /// Every cache, and Postgres the default form of responses whose route has one of these patterns.
    Stored(&'static [&'static str]),
    /// None: every response is `no-store`.
    NoStore,
}

impl RoutePolicy {
    /// The policy of paths that no group covers, and the base of all others.
    pub const DEFAULT: RoutePolicy = RoutePolicy {
        paths: &[],
        access: Access::SameOrigin,
        storage: Storage::Shared,
        body_limit: BODY_LIMIT,
        is_rate_limited: true,
        error_page: None,
    };

    /// Returns whether scripts of every origin may read responses.
    #[must_use]
    pub fn is_cors_open(&self) -> bool {
        self.access == Access::AnyOrigin
    }

    /// Returns whether a path is of this group.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        self.paths.iter().any(|prefix| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || (rest.starts_with('/') && *prefix != "/"))
        })
    }

    /// Returns whether Postgres stores the default form of responses of the route with this pattern.
    #[must_use]
    pub fn is_stored(&self, pattern: &str) -> bool {
        matches!(self.storage, Storage::Stored(patterns) if patterns.contains(&pattern))
    }
}

/// Finds the policy of a request; called once for each.
#[derive(Debug, Clone, Copy)]
pub struct RoutePolicies(pub &'static [&'static RoutePolicy]);

impl RoutePolicies {
    /// Returns the policy of a path, its percent-encoding undone.
    #[must_use]
    pub fn resolve(self, path: &str) -> &'static RoutePolicy {
        static DEFAULT: RoutePolicy = RoutePolicy::DEFAULT;
        self.0.iter().find(|policy| policy.covers(path)).copied().unwrap_or(&DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_covers_whole_segments_and_root_itself_alone() {
        let policy = RoutePolicy { paths: &["/v1", "/"], ..RoutePolicy::DEFAULT };
        for path in ["/v1", "/v1/", "/v1/articles", "/"] {
            assert!(policy.covers(path), "{path}");
        }
        for path in ["/v2", "/v10", "", "//", "/read", "v1"] {
            assert!(!policy.covers(path), "{path}");
        }
    }
}

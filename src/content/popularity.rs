//! The formula of the hot list.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The fewest views in a window that are shown and ranked.
pub const MIN_VIEWS: i64 = 3;

const HOUR: i64 = 3600;

/// The period over which views count.
///
/// The score of an article at a time `t` is the sum of `count × 2^(−(t − middle) / half-life)` over its buckets with
/// `t − middle` up to the length of the window; `middle` is the middle of the bucket's hour or day. It is rounded to nine
/// decimals, so that it does not depend on the order of the additions. The half-life is a quarter of the window. The middle of
/// an hour that is not half over lies ahead, and its views count a little more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(description = "The period over which views count.")]
pub enum Window {
    /// 24 hours; the half-life is 6 hours.
    #[serde(rename = "24h")]
    Day,
    /// 7 days; the half-life is 42 hours.
    #[serde(rename = "7d")]
    Week,
    /// 30 days; the half-life is 7.5 days.
    #[serde(rename = "30d")]
    Month,
}

impl Window {
    /// Every window.
    pub const ALL: [Window; 3] = [Window::Day, Window::Week, Window::Month];

    /// Returns the name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Window::Day => "24h",
            Window::Week => "7d",
            Window::Month => "30d",
        }
    }

    /// Returns the length in seconds.
    #[must_use]
    pub fn seconds(self) -> i64 {
        HOUR * match self {
            Window::Day => 24,
            Window::Week => 7 * 24,
            Window::Month => 30 * 24,
        }
    }

    /// Returns the time in which a view loses half of its weight, in seconds.
    #[must_use]
    pub fn half_life(self) -> i64 {
        self.seconds() / 4
    }
}

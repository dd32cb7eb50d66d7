//! The filters that several lists share.

use crate::{
    content::{Locale, Slug},
    http::query::Parameters,
};

/// Reads `topic`.
pub fn topic(parameters: &mut Parameters) -> Option<Slug> {
    parameters.declare("topic", "Only articles of this topic.").example("stem-cells").value()
}

/// Reads `locale`.
pub fn locale(parameters: &mut Parameters) -> Option<Locale> {
    let declared = parameters.declare("locale", "Only articles in this language and script (RFC 5646).");
    declared.example("zh-Hans").value()
}

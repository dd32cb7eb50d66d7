//! An answer as a handler gives it. What HTTP adds to it, validators, codings and the rest, is the entry's business
//! ([`super::cache::entry`]).

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::header, web::Bytes};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::headers::safe;
use crate::error::Error;

/// A finished answer to a GET.
#[derive(Debug, Clone)]
pub struct Payload {
    pub(super) body: Bytes,
    pub(super) content_type: &'static str,
    pub(super) tags: Vec<String>,
    pub(super) links: Vec<String>,
    pub(super) policy: Option<&'static str>,
    pub(super) built_in: bool,
}

impl Payload {
    /// `value` as JSON.
    pub fn json<T: Serialize>(value: &T) -> Result<Payload, Error> {
        let body = serde_json::to_vec(value).map_err(|e| Error::internal("an answer cannot be written as JSON", e))?;
        Ok(Payload::bytes("application/json", body))
    }

    /// Bytes of a type.
    pub fn bytes(content_type: &'static str, body: impl Into<Bytes>) -> Payload {
        let (tags, links) = (Vec::new(), Vec::new());
        Payload { body: body.into(), content_type, tags, links, policy: None, built_in: false }
    }

    /// The tags that make the answer stale, for `Surrogate-Key`. An answer that a change could alter without one of its tags
    /// would be served for ever.
    #[must_use]
    pub fn tagged<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Payload {
        for tag in tags {
            let tag = tag.into();
            if !self.tags.contains(&tag) {
                self.tags.push(tag);
            }
        }
        self
    }

    /// The tags that it has so far.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Its bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// What a page may load (`Content-Security-Policy`).
    #[must_use]
    pub fn policy(mut self, policy: &'static str) -> Payload {
        self.policy = Some(policy);
        self
    }

    /// For what only changes with the program: it changed when the program was started, at the latest.
    #[must_use]
    pub fn built_in(mut self) -> Payload {
        self.built_in = true;
        self
    }

    /// The answer to the one who asked, for nobody to keep.
    #[must_use]
    pub fn no_store(self) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        response.content_type(self.content_type).insert_header((header::CACHE_CONTROL, "no-store"));
        for (name, value) in safe(self.policy) {
            response.insert_header((name, value));
        }
        response.body(self.body)
    }

    /// A `Link` header (RFC 8288): `target` is a path.
    #[must_use]
    pub fn link(mut self, target: &str, relation: &str) -> Payload {
        self.links.push(format!("<{target}>; rel=\"{relation}\""));
        self
    }

    /// The `Link` to the next page, where there is one.
    #[must_use]
    pub fn next_page(self, target: Option<&str>) -> Payload {
        match target {
            Some(target) => self.link(target, "next"),
            None => self,
        }
    }
}

/// When the program was started.
pub(super) fn started() -> DateTime<Utc> {
    static STARTED: LazyLock<DateTime<Utc>> = LazyLock::new(Utc::now);
    *STARTED
}

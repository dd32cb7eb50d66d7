//! The result of a loader. Validators, content encodings and headers are added when it is served.

use actix_web::web::Bytes;
use serde::Serialize;

use crate::error::Error;

/// The media type of JSON (RFC 8259).
pub const JSON: &str = "application/json";

/// A response body with its content type, and the tags that invalidate it.
#[derive(Debug, Clone)]
pub struct Payload {
    /// The body.
    pub body: Bytes,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The tags that invalidate it, as `Surrogate-Key` lists them.
    pub tags: Vec<String>,
    /// Values of `Link` (RFC 8288).
    pub links: Vec<String>,
    /// The value of `Content-Security-Policy`, for pages.
    pub policy: Option<&'static str>,
    /// True if it depends on the program only, so that it changed at the start of the process at the latest.
    pub immutable: bool,
}

impl Payload {
    /// Returns `value` as JSON.
    pub fn json<T: Serialize>(value: &T) -> Result<Payload, Error> {
        let body = serde_json::to_vec(value).map_err(|e| Error::internal("cannot serialize a response as JSON", e))?;
        Ok(Payload::bytes(JSON, body))
    }

    /// Returns `body` as a payload of this content type.
    pub fn bytes(content_type: &'static str, body: impl Into<Bytes>) -> Payload {
        let (tags, links) = (Vec::new(), Vec::new());
        Payload { body: body.into(), content_type, tags, links, policy: None, immutable: false }
    }

    /// Adds tags. A payload that a change could alter without one of its tags would never be invalidated.
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

    /// Sets the `Content-Security-Policy` of a page.
    #[must_use]
    pub fn policy(mut self, policy: &'static str) -> Payload {
        self.policy = Some(policy);
        self
    }

    /// Marks it as dependent on the program only.
    #[must_use]
    pub fn immutable(mut self) -> Payload {
        self.immutable = true;
        self
    }

    /// Adds a `Link` to the path `target`.
    #[must_use]
    pub fn link(mut self, target: &str, relation: &str) -> Payload {
        self.links.push(format!("<{target}>; rel=\"{relation}\""));
        self
    }

    /// Adds the `Link` to the next page, if there is one.
    #[must_use]
    pub fn next_page(self, target: Option<&str>) -> Payload {
        match target {
            Some(target) => self.link(target, "next"),
            None => self,
        }
    }
}

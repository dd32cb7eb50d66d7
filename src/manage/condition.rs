//! Validators and preconditions of resources without revisions: the site, topics, pins.

use actix_web::{HttpResponse, http::StatusCode};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{article_status, authorized::Authorized};
use crate::{error::Error, http::query::NoParameters, publishing::drafts::Precondition};

/// Returns the strong validator (RFC 9110 section 8.8.3) of `state`: a digest of its JSON.
fn etag<T: Serialize>(state: &T) -> Result<String, Error> {
    let json = serde_json::to_vec(state).map_err(|e| Error::internal("a state has no JSON", e))?;
    let digest = Sha256::digest(json);
    let half = digest.get(..16).unwrap_or_default();
    Ok(format!("\"{}\"", URL_SAFE_NO_PAD.encode(half)))
}

/// Returns `state` as JSON with its validator.
pub(super) fn state_response<T: Serialize>(status: StatusCode, state: &T) -> Result<HttpResponse, Error> {
    Ok(article_status::response_with_etag(status, &etag(state)?, state))
}

/// The precondition of a write that replaces a whole state. It is optional.
pub(super) struct Condition(Precondition);

impl Condition {
    /// Parses the precondition of a request. Errors: the request has query parameters.
    pub(super) fn of<S>(request: &Authorized<S>) -> Result<Condition, Error> {
        request.query::<NoParameters>()?;
        Ok(Condition(match request.precondition()? {
            Precondition::Unspecified => Precondition::Any,
            given => given,
        }))
    }

    /// Checks the precondition; `present` is the state in the transaction that changes it.
    pub(super) fn check<T: Serialize>(&self, present: Option<&T>) -> Result<(), Error> {
        self.0.check(present.map(etag).transpose()?.as_deref())
    }
}

//! What is described as a whole and put as a whole, without revisions: its validator, and what a request expects of it.

use actix_web::{HttpResponse, http::StatusCode};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{article_status, authorized::Authorized};
use crate::{error::Error, http::query::NoParameters, publishing::drafts::Precondition};

/// The strong validator (RFC 9110 section 8.8.3) of `state`: a digest of its JSON.
fn etag<T: Serialize>(state: &T) -> Result<String, Error> {
    let json = serde_json::to_vec(state).map_err(|e| Error::internal("a state has no JSON", e))?;
    let digest = Sha256::digest(json);
    let half = digest.get(..16).unwrap_or_default();
    Ok(format!("\"{}\"", URL_SAFE_NO_PAD.encode(half)))
}

/// `state` with its validator.
pub(super) fn answer<T: Serialize>(status: StatusCode, state: &T) -> Result<HttpResponse, Error> {
    Ok(article_status::answer(status, &etag(state)?, state))
}

/// What a request expects of the state that it changes. It need not say anything: who puts all of something knows what they
/// want it to be.
pub(super) struct Condition(Precondition);

impl Condition {
    /// The condition of a request that has no parameters. Errors: it has some.
    pub(super) fn of<S>(request: &Authorized<S>) -> Result<Condition, Error> {
        request.query::<NoParameters>()?;
        Ok(Condition(match request.precondition()? {
            Precondition::Unspecified => Precondition::Any,
            given => given,
        }))
    }

    /// Whether that is so of the present state. Must be asked in the transaction that changes it, with the publishing lock held.
    pub(super) fn check<T: Serialize>(&self, present: Option<&T>) -> Result<(), Error> {
        self.0.check(present.map(etag).transpose()?.as_deref())
    }
}

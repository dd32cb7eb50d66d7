//! Keyset pagination: a cursor is the position after which the next page begins, so that no item repeats or is skipped
//! while the list changes.
//!
//! A cursor contains the position and a digest over the position and the list. The digest detects mistakes and
//! tampering; it is no secret, since a forged cursor only leads to another position in a list that the client may read.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{
    cached_get::CanonicalUri,
    query::{FromQuery, Parameters, string},
};
use crate::error::Error;

/// Number of items of a page by default.
pub const DEFAULT_LIMIT: u32 = 20;

/// Greatest number of items of a page.
pub const MAX_LIMIT: u32 = 100;

/// Error text for a cursor that this list did not issue.
pub const INVALID_CURSOR: &str = "the cursor was changed or belongs to another list: start again without `cursor`";

const DIGEST_BYTES: usize = 9;

/// The position of a page in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page {
    /// The greatest number of items of the page.
    #[schema(example = 20, minimum = 1, maximum = 100)]
    pub limit: u32,
    /// The cursor of the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

/// The parameters `limit` and `cursor`.
#[derive(Debug, Clone)]
pub struct Pagination {
    /// The greatest number of items of the page.
    pub limit: u32,
    cursor: Option<String>,
}

impl Pagination {
    /// Reads `cursor` for pages of a fixed `limit`.
    pub fn read_cursor(parameters: &mut Parameters, limit: u32) -> Pagination {
        let declared = parameters.declare("cursor", "The `next_cursor` of the previous page.");
        let cursor = declared.text(string().pattern(Some("^[A-Za-z0-9_-]+$")));
        if let Some(cursor) = &cursor {
            parameters.set_canonical("cursor", cursor);
        }
        Pagination { limit, cursor }
    }

    /// Reads `limit`, by default `default`, and `cursor`.
    pub fn read(parameters: &mut Parameters, default: u32) -> Pagination {
        let limit = parameters.declare("limit", "Greatest number of items in a page.").number(1..=MAX_LIMIT, default);
        Pagination::read_cursor(parameters, limit)
    }

    /// Returns the number of rows to fetch: one more than the page has, to detect a next page.
    #[must_use]
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Returns the position after which the page begins; `None` for the first page.
    ///
    /// `scope` identifies the list: its path and every parameter that filters or orders its items.
    pub fn after<P: DeserializeOwned>(&self, scope: &str) -> Result<Option<P>, Error> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let invalid = || Error::parameter("cursor", INVALID_CURSOR);
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
        let (digest, position) = bytes.split_at_checked(DIGEST_BYTES).ok_or_else(invalid)?;
        if digest != digest_of(scope, position) {
            return Err(invalid());
        }
        let position: Value = serde_json::from_slice(position).map_err(|_| invalid())?;
        if !is_plain(&position) {
            return Err(invalid());
        }
        serde_json::from_value(position).map(Some).map_err(|_| invalid())
    }

    /// Truncates [`Pagination::fetch`] rows to the page, and returns the page with the cursor of the next one.
    pub fn cut<T, P: Serialize>(
        &self,
        scope: &str,
        rows: &mut Vec<T>,
        position: impl Fn(&T) -> P,
    ) -> Result<Page, Error> {
        let limit = self.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map(|last| cursor(scope, &position(last))).transpose()?;
        Ok(Page { limit: self.limit, next_cursor })
    }
}

impl FromQuery for Pagination {
    fn from_query(parameters: &mut Parameters) -> Self {
        Pagination::read(parameters, DEFAULT_LIMIT)
    }
}

/// Returns the cursor after `position` in the list `scope`.
pub fn cursor<P: Serialize>(scope: &str, position: &P) -> Result<String, Error> {
    let position = serde_json::to_vec(position).map_err(|e| Error::internal("a cursor cannot be serialised", e))?;
    let mut bytes = digest_of(scope, &position).to_vec();
    bytes.extend(position);
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Returns true if a position contains only values that the database accepts; a forged one may not.
fn is_plain(position: &Value) -> bool {
    match position {
        Value::Array(items) => items.iter().all(is_plain),
        Value::String(text) => text.len() <= 4096 && !text.contains('\0'),
        Value::Number(number) => number.as_f64().is_some_and(|n| n.abs() <= 1e16),
        Value::Null | Value::Bool(_) => true,
        Value::Object(_) => false,
    }
}

fn digest_of(scope: &str, position: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut hash = Sha256::new();
    hash.update(b"lectern cursor 1\0");
    hash.update(scope.as_bytes());
    hash.update(b"\0");
    hash.update(position);
    let mut digest = [0; DIGEST_BYTES];
    digest.copy_from_slice(&hash.finalize()[..DIGEST_BYTES]);
    digest
}

/// Returns the URI of the next page: `address` with its cursor.
#[must_use]
pub fn next_address(address: &CanonicalUri, page: &Page) -> Option<String> {
    let cursor = page.next_cursor.as_ref()?;
    Some(format!("{}{}", address.path, address.query.with("cursor", cursor.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paging(cursor: Option<String>) -> Pagination {
        Pagination { limit: 2, cursor }
    }

    #[test]
    fn last_page_has_no_cursor() {
        let mut rows = vec![1, 2];
        assert_eq!(paging(None).cut("q", &mut rows, |n| *n).unwrap().next_cursor, None);
        let mut rows = vec![1, 2, 3];
        let page = paging(None).cut("q", &mut rows, |n| *n).unwrap();
        assert_eq!(rows, [1, 2]);
        assert_eq!(paging(page.next_cursor).after::<i32>("q").unwrap(), Some(2));
    }

    #[test]
    fn changed_or_foreign_cursor_is_refused() {
        let good = cursor("list?a", &("2026-01-01", 7)).unwrap();
        assert!(paging(Some(good.clone())).after::<(String, i32)>("list?b").is_err());
        for place in 0..good.len() {
            let mut bad: Vec<char> = good.chars().collect();
            bad[place] = if bad[place] == 'A' { 'B' } else { 'A' };
            let bad: String = bad.into_iter().collect();
            assert!(paging(Some(bad.clone())).after::<(String, i32)>("list?a").is_err(), "{bad}");
        }
        for bad in ["", "x", "not base64!", "AAAAAAAAAAAAAAAA", &good[..good.len() - 1], &format!("{good}A")] {
            assert!(paging(Some(bad.to_owned())).after::<(String, i32)>("list?a").is_err(), "{bad}");
        }
    }
}

//! Signed links to what is not published yet.
//!
//! What must hold: a link opens one article and no other, until it expires; whoever has it needs no key; it never shows
//! the published text in place of a draft that is not there; and nobody makes one without the secret, which is in the
//! database and nowhere else, so that all instances take each other's.
//!
//! What it shows is what readers would see: the draft is published in a transaction, read as readers read, and the
//! transaction is rolled back.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, SecondsFormat, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::{
    Author,
    article::Article,
    audit::{self, AuditEntry},
    hold, publish, revisions,
};
use crate::{
    db::schema::{documents, secrets},
    error::Error,
};

/// The bytes of what is signed: an id, a number, a time.
const SIGNED: usize = 16 + 4 + 8;

/// What is signed besides, so that no signature means two things.
const PURPOSE: &[u8] = b"lectern preview 1\0";

/// What a link opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The article.
    pub article: Uuid,
    /// The revision; `None` for the draft, whichever that is by then.
    pub revision: Option<i32>,
    /// When it stops working; whole seconds.
    pub expires_at: DateTime<Utc>,
}

impl Link {
    fn bytes(&self) -> [u8; SIGNED] {
        let mut bytes = [0; SIGNED];
        bytes[..16].copy_from_slice(self.article.as_bytes());
        bytes[16..20].copy_from_slice(&self.revision.unwrap_or(0).to_be_bytes());
        bytes[20..].copy_from_slice(&self.expires_at.timestamp().to_be_bytes());
        bytes
    }

    fn token(&self, secret: &[u8]) -> String {
        let mut token = self.bytes().to_vec();
        token.extend(mac(secret, &token).finalize().into_bytes());
        URL_SAFE_NO_PAD.encode(token)
    }

    fn read(secret: &[u8], token: &str) -> Option<Link> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signed, signature) = bytes.split_at_checked(SIGNED)?;
        // In constant time.
        mac(secret, signed).verify_slice(signature).ok()?;
        let revision = i32::from_be_bytes(signed[16..20].try_into().ok()?);
        let expires_at = i64::from_be_bytes(signed[20..].try_into().ok()?);
        Some(Link {
            article: Uuid::from_slice(&signed[..16]).ok()?,
            revision: (revision > 0).then_some(revision),
            expires_at: DateTime::from_timestamp(expires_at, 0)?,
        })
    }
}

fn mac(secret: &[u8], signed: &[u8]) -> Hmac<Sha256> {
    // A key of any length will do (RFC 2104 section 2).
    let mut mac = Hmac::<Sha256>::new_from_slice(secret)
        .unwrap_or_else(|_| Hmac::new(&hmac::digest::Key::<Hmac<Sha256>>::default()));
    mac.update(PURPOSE);
    mac.update(signed);
    mac
}

/// The token of a link to an article's draft, or to one of its revisions. Must run in a transaction.
///
/// Errors: the article has no draft, or no such revision.
pub async fn link(
    connection: &mut AsyncPgConnection,
    article: &Article,
    revision: Option<i32>,
    expires_at: DateTime<Utc>,
    author: &Author,
) -> Result<String, Error> {
    hold(connection).await?;
    let shown = staged(connection, article.id, revision).await?;
    let link = Link { article: article.id, revision, expires_at };
    let act = AuditEntry {
        document: Some(article.id),
        subject: Some(article.slug.to_string()),
        revision: Some(shown),
        detail: Some(format!("until {}", expires_at.to_rfc3339_opts(SecondsFormat::Secs, true))),
        ..AuditEntry::new("preview")
    };
    audit::write(connection, author, act).await?;
    Ok(link.token(&secret(connection).await?))
}

/// What a token opens. Errors: it was changed, it has expired, or it is none of ours.
pub async fn open(connection: &mut AsyncPgConnection, token: &str) -> Result<Link, Error> {
    let now = Utc::now();
    let link = Link::read(&secret(connection).await?, token);
    let link =
        link.ok_or_else(|| Error::Forbidden("this preview link was changed, or is none of this service's".into()))?;
    if link.expires_at <= now {
        return Err(Error::Forbidden("this preview link has expired; ask for a new one".into()));
    }
    Ok(link)
}

/// Makes what a link opens what readers see, for as long as the transaction lasts, which must be rolled back.
///
/// Errors: the draft is not there any more; what would keep it from being published.
pub async fn stage(connection: &mut AsyncPgConnection, link: &Link) -> Result<(), Error> {
    hold(connection).await?;
    let deleted = documents::table.find(link.article).filter(documents::deleted_at.is_null()).select(documents::id);
    if deleted.first::<Uuid>(connection).await.optional()?.is_none() {
        return Err(Error::NotFound("the article was deleted".into()));
    }
    let number = staged(connection, link.article, link.revision).await?;
    publish::put(connection, link.article, number).await?;
    Ok(())
}

/// The number of the revision that a link opens now.
async fn staged(connection: &mut AsyncPgConnection, id: Uuid, revision: Option<i32>) -> Result<i32, Error> {
    match revision {
        Some(number) => Ok(revisions::read(connection, id, number).await?.summary.number),
        None => revisions::draft(connection, id)
            .await?
            .ok_or_else(|| Error::NotFound("the article has no draft: its latest revision was published".into())),
    }
}

/// What all instances sign with; made when it is first needed.
async fn secret(connection: &mut AsyncPgConnection) -> Result<Vec<u8>, Error> {
    let known = secrets::table.find("preview").select(secrets::value);
    if let Some(secret) = known.first(connection).await.optional()? {
        return Ok(secret);
    }
    let mut new = [0; 32];
    getrandom::fill(&mut new).map_err(|e| Error::internal("the system gives no random bytes", e))?;
    diesel::insert_into(secrets::table)
        .values((secrets::name.eq("preview"), secrets::value.eq(&new[..])))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    Ok(known.first(connection).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_what_was_signed_and_nothing_else() {
        let link = Link {
            article: Uuid::now_v7(),
            revision: Some(7),
            expires_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        };
        for link in [link, Link { revision: None, ..link }] {
            let token = link.token(&[1; 32]);
            assert_eq!(Link::read(&[1; 32], &token), Some(link));
            assert_eq!(Link::read(&[2; 32], &token), None, "another secret");
            let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
            for place in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[place] ^= 1;
                assert_eq!(Link::read(&[1; 32], &URL_SAFE_NO_PAD.encode(changed)), None, "byte {place}");
            }
            for length in 0..bytes.len() {
                assert_eq!(Link::read(&[1; 32], &URL_SAFE_NO_PAD.encode(&bytes[..length])), None, "{length} bytes");
            }
        }
        assert_eq!(Link::read(&[1; 32], "not a token"), None);
    }
}

//! Signed links to a draft.
//!
//! Invariants: a link opens one article until it expires, and needs no key; it never shows the published text in place of a
//! missing draft; it cannot be made without the secret, which all instances read from the database.
//!
//! A preview publishes the draft in a transaction, reads it as readers do, and rolls the transaction back.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, SecondsFormat, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::{
    PublishTx,
    article::Article,
    audit::{AuditAction, AuditEntry},
    revisions::{self, RevisionState},
};
use crate::{
    db::schema::{documents, secrets},
    error::Error,
};

/// The length of the signed bytes: an id, a number, a time.
const SIGNED: usize = 16 + 4 + 8;

/// The signed prefix, which separates these signatures from others with the same secret.
const PURPOSE: &[u8] = b"lectern preview 1\0";

/// The target of a preview link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviewLink {
    /// The id of the article.
    pub article: Uuid,
    /// The number of the revision; `None` for the draft at the time of opening.
    pub revision: Option<i32>,
    /// The time of expiry, in whole seconds.
    pub expires_at: DateTime<Utc>,
}

impl PreviewLink {
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

    fn verify(secret: &[u8], token: &str) -> Option<PreviewLink> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signed, signature) = bytes.split_at_checked(SIGNED)?;
        // `verify_slice` compares in constant time.
        mac(secret, signed).verify_slice(signature).ok()?;
        let revision = i32::from_be_bytes(signed[16..20].try_into().ok()?);
        let expires_at = i64::from_be_bytes(signed[20..].try_into().ok()?);
        Some(PreviewLink {
            article: Uuid::from_slice(&signed[..16]).ok()?,
            revision: (revision > 0).then_some(revision),
            expires_at: DateTime::from_timestamp(expires_at, 0)?,
        })
    }
}

fn mac(secret: &[u8], signed: &[u8]) -> Hmac<Sha256> {
    // HMAC takes a key of any length (RFC 2104 section 2), so the fallback is never used.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret)
        .unwrap_or_else(|_| Hmac::new(&hmac::digest::Key::<Hmac<Sha256>>::default()));
    mac.update(PURPOSE);
    mac.update(signed);
    mac
}

impl PublishTx {
    /// Makes a link to the draft of an article, or to one of its revisions, and returns its token.
    ///
    /// Errors: the article has no draft, or no such revision.
    pub async fn create_preview_link(
        &mut self,
        article: &Article,
        revision: Option<i32>,
        expires_at: DateTime<Utc>,
    ) -> Result<String, Error> {
        let shown = revision_to_show(self.connection(), article.id, revision).await?;
        let link = PreviewLink { article: article.id, revision, expires_at };
        let entry = AuditEntry::of_document(AuditAction::Preview, article.id);
        self.audit(AuditEntry {
            subject: Some(article.slug.to_string()),
            revision: Some(shown),
            detail: Some(format!("until {}", expires_at.to_rfc3339_opts(SecondsFormat::Secs, true))),
            ..entry
        })
        .await?;
        Ok(link.token(&secret(self.connection()).await?))
    }

    /// Publishes the target of a link. The transaction must be rolled back.
    ///
    /// Errors: the article was deleted; it has no draft any more; the draft cannot be published.
    pub async fn stage_preview(&mut self, link: &PreviewLink) -> Result<(), Error> {
        let present = documents::table.find(link.article).filter(documents::deleted_at.is_null());
        if present.select(documents::id).first::<Uuid>(self.connection()).await.optional()?.is_none() {
            return Err(Error::NotFound("the article was deleted".into()));
        }
        let number = revision_to_show(self.connection(), link.article, link.revision).await?;
        self.write_published(link.article, number).await?;
        Ok(())
    }
}

/// Returns the link that a token was made for. Errors: a signature that does not verify; an expired link.
pub async fn open(connection: &mut AsyncPgConnection, token: &str) -> Result<PreviewLink, Error> {
    let link = PreviewLink::verify(&secret(connection).await?, token);
    let link = link.ok_or_else(|| {
        Error::Forbidden("the preview link was changed, or another service made it; ask for a new one".into())
    })?;
    if link.expires_at <= Utc::now() {
        return Err(Error::Forbidden("the preview link has expired; ask for a new one".into()));
    }
    Ok(link)
}

/// Returns the number of the revision that a link shows now.
async fn revision_to_show(connection: &mut AsyncPgConnection, id: Uuid, revision: Option<i32>) -> Result<i32, Error> {
    match revision {
        Some(number) => revisions::slug_of(connection, id, number).await.map(|_| number),
        None => revisions::number_in_state(connection, id, RevisionState::Draft)
            .await?
            .ok_or_else(|| Error::NotFound("the article has no draft: its latest revision was published".into())),
    }
}

/// Reads the secret of all instances; the first call makes it.
async fn secret(connection: &mut AsyncPgConnection) -> Result<Vec<u8>, Error> {
    let stored = secrets::table.find("preview").select(secrets::value);
    if let Some(secret) = stored.first(connection).await.optional()? {
        return Ok(secret);
    }
    let mut new = [0; 32];
    getrandom::fill(&mut new).map_err(|e| Error::internal("the system has no random bytes", e))?;
    diesel::insert_into(secrets::table)
        .values((secrets::name.eq("preview"), secrets::value.eq(&new[..])))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    Ok(stored.first(connection).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_token_is_refused() {
        let link = PreviewLink {
            article: Uuid::now_v7(),
            revision: Some(7),
            expires_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        };
        for link in [link, PreviewLink { revision: None, ..link }] {
            let token = link.token(&[1; 32]);
            assert_eq!(PreviewLink::verify(&[1; 32], &token), Some(link));
            assert_eq!(PreviewLink::verify(&[2; 32], &token), None, "another secret");
            let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
            for place in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[place] ^= 1;
                assert_eq!(PreviewLink::verify(&[1; 32], &URL_SAFE_NO_PAD.encode(changed)), None, "byte {place}");
            }
            for length in 0..bytes.len() {
                assert_eq!(
                    PreviewLink::verify(&[1; 32], &URL_SAFE_NO_PAD.encode(&bytes[..length])),
                    None,
                    "{length} bytes"
                );
            }
        }
        assert_eq!(PreviewLink::verify(&[1; 32], "not a token"), None);
    }
}

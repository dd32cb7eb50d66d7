//! API keys.
//!
//! Invariants: a key is shown once and stored as a digest, which cannot be used as a key; a revoked or expired key is
//! refused by every instance from then on; a mistyped key is recognised by its checksum, without the database.
//!
//! A key is `lk_`, eight characters by which it is found, 32 characters of secret (160 random bits), and seven characters of
//! checksum (CRC-32 of the text before them). The digest is SHA-256: a secret of that length needs no slow hash.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    prelude::*,
    sql_types::{Bool, Double, Nullable},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{
    Author, PublishTx,
    audit::{AuditAction, AuditEntry},
    check_rfc3339,
    text_enum::text_enum,
    transaction::clock_timestamp,
};
use crate::{
    content::text::is_forbidden,
    db::{Db, schema::keys, statement::Scalar},
    error::Error,
};

/// The prefix of every key.
pub const MARK: &str = "lk_";

/// The topic of notifications on the change log's channel after a key was made or revoked.
pub const CHANGED: &str = "keys";

/// The maximum number of [`live`] keys, which bounds the memory of each instance.
const MAX_LIVE: i64 = 10_000;

/// A hundred years in seconds. An expiry beyond it counts as none, because clocks cannot represent every time.
const FAR_FUTURE: f64 = 100.0 * 366.0 * 86_400.0;

/// 32 letters and digits that are not mistaken for each other.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The lengths of the parts after the mark: lookup prefix, secret, checksum.
const PARTS: [usize; 3] = [8, 32, 7];

/// The greatest length of a name, in characters.
pub const MAX_NAME: usize = 100;

/// Holds for keys without expiry, and before it.
const NOT_EXPIRED: Scalar<Bool> = Scalar::new("(keys.expires_at is null or keys.expires_at > clock_timestamp())");

/// The time until a key expires, in seconds.
const SECONDS_LEFT: Scalar<Nullable<Double>> =
    Scalar::new("extract(epoch from keys.expires_at - clock_timestamp())::float8");

/// Holds for keys whose last use is at least a minute ago.
const NOT_USED_FOR_A_MINUTE: Scalar<Bool> =
    Scalar::new("(keys.last_used_at is null or keys.last_used_at < clock_timestamp() - interval '1 minute')");

text_enum! {
    /// A permission of an API key.
    Scope {
        /// Read drafts, revisions and their differences; make preview links.
        ReadDrafts = "read_drafts",
        /// Save drafts, and delete articles that readers do not see.
        Write = "write",
        /// Change what readers see.
        Publish = "publish",
        /// Make and revoke keys; read the audit.
        Admin = "admin",
    }
}

/// A key without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = keys)]
pub struct Key {
    /// The id.
    pub id: Uuid,
    /// The name, which says what the key is for.
    pub name: String,
    /// The first characters of the key.
    pub prefix: String,
    /// The permissions.
    pub scopes: Vec<Scope>,
    /// The name of the author.
    pub created_by: String,
    /// The time of creation.
    pub created_at: DateTime<Utc>,
    /// The time of expiry; `None` for none.
    pub expires_at: Option<DateTime<Utc>>,
    /// The time of the last use, accurate to a minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// The time of revocation.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Key {
    /// Returns whether the key has a permission.
    #[must_use]
    pub fn has_scope(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Returns the author of changes with this key.
    #[must_use]
    pub fn author(&self) -> Author {
        Author { key: Some(self.id), name: self.name.clone() }
    }
}

/// Parses the name of a key: 1 to [`MAX_NAME`] characters on one line, without the blanks around them.
pub fn parse_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() {
        Err("The name is empty. Say what the key is for.".to_owned())
    } else if name.chars().nth(MAX_NAME).is_some() {
        Err(format!("The name has more than {MAX_NAME} characters."))
    } else if name.chars().any(|c| is_forbidden(c) || matches!(c, '\n' | '\t' | '\u{2028}' | '\u{2029}')) {
        Err("The name has control characters or line breaks. Remove them.".to_owned())
    } else {
        Ok(name.to_owned())
    }
}

/// Parses the expiry of a key: a future time in RFC 3339.
pub fn parse_expiry(text: &str) -> Result<DateTime<Utc>, String> {
    let at = DateTime::parse_from_rfc3339(text)
        .map_err(|_| format!("`{text}` is not a time in RFC 3339. An example is 2030-01-31T08:00:00Z."))?
        .to_utc();
    if at > Utc::now() { check_rfc3339(at) } else { Err(format!("`{text}` has passed. Send a future time.")) }
}

impl PublishTx {
    /// Makes a key. Returns its text, which is not stored, and the stored part.
    ///
    /// The caller has checked the name with [`parse_name`], and that there is a scope.
    pub async fn create_key(
        &mut self,
        name: &str,
        scopes: &[Scope],
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<(String, Key), Error> {
        let token = new_token()?;
        let mut scopes: Vec<Scope> = scopes.to_vec();
        scopes.sort_unstable();
        scopes.dedup();
        let created_by = self.author.name.clone();
        let key = diesel::insert_into(keys::table)
            .values((
                keys::id.eq(Uuid::now_v7()),
                keys::name.eq(name),
                keys::prefix.eq(prefix(&token)),
                keys::digest.eq(Sha256::digest(&token).to_vec()),
                keys::scopes.eq(scopes),
                keys::created_by.eq(created_by),
                keys::expires_at.eq(expires_at),
            ))
            .returning(Key::as_returning())
            .get_result(self.connection())
            .await?;
        let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        let (subject, detail) = (Some(key.prefix.clone()), Some(format!("{name}: {}", scopes.join(", "))));
        self.audit(AuditEntry { subject, detail, ..AuditEntry::new(AuditAction::CreateKey) }).await?;
        self.notify(CHANGED).await?;
        Ok((token, key))
    }

    /// Revokes a key on every instance; `false` if it was revoked before. Errors: there is no such key.
    pub async fn revoke_key(&mut self, id: Uuid) -> Result<bool, Error> {
        let key = keys::table.find(id).select(Key::as_select()).first(self.connection()).await.optional()?;
        let key = key.ok_or_else(|| Error::NotFound(format!("there is no key with the id {id}")))?;
        if key.revoked_at.is_some() {
            return Ok(false);
        }
        let row = diesel::update(keys::table.find(id)).set(keys::revoked_at.eq(clock_timestamp().nullable()));
        row.execute(self.connection()).await?;
        let (subject, detail) = (Some(key.prefix), Some(key.name));
        self.audit(AuditEntry { subject, detail, ..AuditEntry::new(AuditAction::RevokeKey) }).await?;
        self.notify(CHANGED).await?;
        Ok(true)
    }
}

/// Lists keys with ids below `before`, the latest first, at most `limit`.
pub async fn list(connection: &mut AsyncPgConnection, before: Option<Uuid>, limit: i64) -> Result<Vec<Key>, Error> {
    let of = keys::table.filter(keys::id.lt(before.unwrap_or(Uuid::max())));
    Ok(of.order(keys::id.desc()).limit(limit).select(Key::as_select()).load(connection).await?)
}

/// Returns the digests of the newest keys that are neither revoked nor expired, each with the time until it expires.
pub async fn live(connection: &mut AsyncPgConnection) -> QueryResult<Vec<([u8; 32], Option<Duration>)>> {
    let live =
        keys::table.filter(keys::revoked_at.is_null()).filter(NOT_EXPIRED).order(keys::id.desc()).limit(MAX_LIVE);
    let rows: Vec<(Vec<u8>, Option<f64>)> = live.select((keys::digest, SECONDS_LEFT)).load(connection).await?;
    let live = rows.into_iter().filter_map(|(digest, seconds)| {
        let seconds = seconds.filter(|seconds| *seconds < FAR_FUTURE);
        let expires_in = seconds.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default());
        Some((digest.try_into().ok()?, expires_in))
    });
    Ok(live.collect())
}

/// Returns the key that a client sent. Errors: it is not a key, or not valid any more.
pub async fn authenticate(db: &Db, token: &str) -> Result<Key, Error> {
    let refuse = |why: &str| Error::Unauthenticated(why.to_owned());
    if !has_key_format(token) {
        return Err(refuse("the key is mistyped: its checksum does not match; copy it again"));
    }
    let connection = &mut *db.write().await?;
    let found: Option<(Key, Vec<u8>, bool)> = keys::table
        .filter(keys::prefix.eq(prefix(token)))
        .select((Key::as_select(), keys::digest, NOT_EXPIRED))
        .first(connection)
        .await
        .optional()?;
    let (key, digest, is_current) = found.ok_or_else(|| refuse("the key does not exist"))?;
    if !bool::from(Sha256::digest(token).as_slice().ct_eq(&digest)) {
        return Err(refuse("the key does not exist"));
    }
    if key.revoked_at.is_some() {
        return Err(refuse("the key was revoked; ask for a new one"));
    }
    if !is_current {
        return Err(refuse("the key has expired; ask for a new one"));
    }
    note_use(connection, &key).await?;
    Ok(key)
}

/// Stores the time of use once a minute: two requests with one key must not wait for each other.
async fn note_use(connection: &mut AsyncPgConnection, key: &Key) -> Result<(), Error> {
    if key.last_used_at.is_some_and(|at| at >= Utc::now() - TimeDelta::seconds(50)) {
        return Ok(());
    }
    let row = diesel::update(keys::table.find(key.id).filter(NOT_USED_FOR_A_MINUTE));
    row.set(keys::last_used_at.eq(clock_timestamp().nullable())).execute(connection).await?;
    Ok(())
}

fn prefix(token: &str) -> &str {
    token.get(..MARK.len() + PARTS[0]).unwrap_or_default()
}

fn new_token() -> Result<String, Error> {
    let mut random = [0; PARTS[0] + PARTS[1]];
    getrandom::fill(&mut random).map_err(|e| Error::internal("the system has no random bytes", e))?;
    let mut token = MARK.to_owned();
    token.extend(random.iter().map(|byte| letter(u32::from(*byte))));
    let checksum = checksum(&token);
    token.push_str(&checksum);
    Ok(token)
}

/// Returns the letter of the lowest five bits.
fn letter(bits: u32) -> char {
    char::from(ALPHABET[(bits % 32) as usize])
}

fn checksum(text: &str) -> String {
    let sum = crc32fast::hash(text.as_bytes());
    (0..PARTS[2]).map(|place| letter(sum >> (5 * place).min(31))).collect()
}

/// Returns whether a text has the length, the mark and the checksum of a key.
fn has_key_format(text: &str) -> bool {
    let length = MARK.len() + PARTS.iter().sum::<usize>();
    let Some((body, sum)) = text.split_at_checked(length.saturating_sub(PARTS[2])) else { return false };
    text.len() == length && text.starts_with(MARK) && checksum(body) == sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_key_is_recognised() {
        let token = new_token().unwrap();
        assert!(has_key_format(&token) && token.len() == 50, "{token}");
        assert_ne!(token, new_token().unwrap());
        for place in 0..token.len() {
            for other in ['a', 'b', '9', 'é'] {
                let mut changed: Vec<char> = token.chars().collect();
                if changed[place] != other {
                    changed[place] = other;
                    assert!(!has_key_format(&changed.iter().collect::<String>()), "{place} {other}");
                }
            }
        }
        for text in ["", "lk_", "bearer", &token[1..], &token[..49], &format!("{token}a"), &"汉".repeat(17)] {
            assert!(!has_key_format(text), "{text}");
        }
    }

    #[test]
    fn key_name_is_one_line_and_expiry_is_in_the_future() {
        assert_eq!(parse_name(" 编辑部 CMS "), Ok("编辑部 CMS".to_owned()));
        assert!(parse_name(&"名".repeat(MAX_NAME)).is_ok());
        let long = "名".repeat(MAX_NAME + 1);
        for bad in ["", " \n", &long, "a\nb", "a\tb", "a\0", "\u{202E}cba", "a\u{2028}b"] {
            assert!(parse_name(bad).is_err(), "{bad:?}");
        }
        let far = "9999-12-31T23:59:59+08:00";
        assert_eq!(parse_expiry(far), Ok("9999-12-31T15:59:59Z".parse().unwrap()));
        for bad in ["", "2020-01-01T00:00:00Z", "2999-01-01", "2999-01-01T00:00:00", "tomorrow"] {
            assert!(parse_expiry(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn scopes_are_parsed_by_name() {
        for scope in Scope::ALL.iter().copied() {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert!("everything".parse::<Scope>().unwrap_err().contains("read_drafts, write, publish, admin"));
    }
}

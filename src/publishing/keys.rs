//! Who may write: API keys.
//!
//! What must hold: a key is shown once and stored as a digest; what is stored lets nobody in; a key that was revoked or has
//! expired lets nobody in from then on, on any instance; a mistyped key is known as such without a look at the database.
//!
//! A key is `lk_`, eight characters by which it is found, 32 characters of secret (160 bits from the system), and seven
//! of checksum (CRC-32 of what stands before them). The digest is SHA-256: a secret of that length needs no slow hash.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types::Bool};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{
    Author,
    audit::{self, AuditEntry},
    clock_timestamp, hold, notify, writable,
};
use crate::{
    content::text::is_forbidden,
    db::{Db, change_log::KEYS, schema::keys},
    error::Error,
};

/// What every key begins with.
pub const MARK: &str = "lk_";

/// 32 letters and digits that are not taken for each other.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The characters after the mark: what it is found by, the secret, the checksum.
const PARTS: [usize; 3] = [8, 32, 7];

/// The greatest length of a key's name, in characters.
pub const MAX_NAME: usize = 100;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Read drafts, revisions and what changed between them; make links to previews.
    ReadDrafts,
    /// Save drafts, and delete what was never published.
    Write,
    /// Change what readers see.
    Publish,
    /// Make and revoke keys; read the audit.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 4] = [Scope::ReadDrafts, Scope::Write, Scope::Publish, Scope::Admin];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::ReadDrafts => "read_drafts",
            Scope::Write => "write",
            Scope::Publish => "publish",
            Scope::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Scope, String> {
        let known = Scope::ALL.map(Scope::as_str).join(", ");
        let found = Scope::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is no scope: expected one of {known}"))
    }
}

/// A key as it is listed: all but the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = keys)]
pub struct Key {
    /// Its id.
    pub id: Uuid,
    /// What it is for.
    pub name: String,
    /// The beginning of the key, by which its holder knows it.
    pub prefix: String,
    /// What it may do, by name.
    pub scopes: Vec<String>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// From when on it lets nobody in; `None` for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was used last, within a minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Key {
    /// Whether it may do that.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|name| name == scope.as_str())
    }

    /// Who writes with it.
    #[must_use]
    pub fn author(&self) -> Author {
        Author { key: Some(self.id), name: self.name.clone() }
    }
}

/// What a key can be called: 1 to [`MAX_NAME`] characters on one line, blanks around them aside.
pub fn parse_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() {
        Err("The name is empty; it says what the key is for.".to_owned())
    } else if name.chars().nth(MAX_NAME).is_some() {
        Err(format!("The name is longer than {MAX_NAME} characters."))
    } else if name.chars().any(|c| is_forbidden(c) || matches!(c, '\n' | '\t' | '\u{2028}' | '\u{2029}')) {
        Err("The name holds characters that may not stand in a line of text.".to_owned())
    } else {
        Ok(name.to_owned())
    }
}

/// When a key can expire: a time in RFC 3339 that is still to come.
pub fn parse_expiry(text: &str) -> Result<DateTime<Utc>, String> {
    let at = DateTime::parse_from_rfc3339(text)
        .map_err(|_| format!("`{text}` is not a time in RFC 3339, such as 2030-01-31T08:00:00Z."))?
        .to_utc();
    if at > Utc::now() { writable(at) } else { Err(format!("`{text}` has passed; the key would let nobody in.")) }
}

/// Makes a key; gives it, for the only time, and what is listed of it. Must run in a transaction.
///
/// The name is as [`parse_name`] gives it, and there is a scope: whoever asks has seen to it.
pub async fn create(
    connection: &mut AsyncPgConnection,
    name: &str,
    scopes: &[Scope],
    expires_at: Option<DateTime<Utc>>,
    author: &Author,
) -> Result<(String, Key), Error> {
    hold(connection).await?;
    let token = new_token()?;
    let prefix = prefix(&token);
    let mut scopes: Vec<Scope> = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    let key = diesel::insert_into(keys::table)
        .values((
            keys::id.eq(Uuid::now_v7()),
            keys::name.eq(name),
            keys::prefix.eq(prefix),
            keys::digest.eq(Sha256::digest(&token).to_vec()),
            keys::scopes.eq(scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>()),
            keys::created_by.eq(&author.name),
            keys::expires_at.eq(expires_at),
        ))
        .returning(Key::as_returning())
        .get_result(connection)
        .await?;
    let detail = Some(format!("{name}: {}", key.scopes.join(", ")));
    audit::write(
        connection,
        author,
        AuditEntry { subject: Some(key.prefix.clone()), detail, ..AuditEntry::new("create_key") },
    )
    .await?;
    notify(connection, KEYS).await?;
    Ok((token, key))
}

/// Every key, the latest first, from after `before` on, at most `limit`.
pub async fn list(connection: &mut AsyncPgConnection, before: Option<Uuid>, limit: i64) -> Result<Vec<Key>, Error> {
    let of = keys::table.filter(keys::id.lt(before.unwrap_or(Uuid::max())));
    Ok(of.order(keys::id.desc()).limit(limit).select(Key::as_select()).load(connection).await?)
}

/// Revokes a key; `false` where it was revoked before. Must run in a transaction.
///
/// Errors: there is no such key.
pub async fn revoke(connection: &mut AsyncPgConnection, id: Uuid, author: &Author) -> Result<bool, Error> {
    hold(connection).await?;
    let key = keys::table.find(id).select(Key::as_select()).first(connection).await.optional()?;
    let key = key.ok_or_else(|| Error::NotFound("there is no such key".into()))?;
    if key.revoked_at.is_some() {
        return Ok(false);
    }
    let row = diesel::update(keys::table.find(id)).set(keys::revoked_at.eq(clock_timestamp().nullable()));
    row.execute(connection).await?;
    let act = AuditEntry { subject: Some(key.prefix), detail: Some(key.name), ..AuditEntry::new("revoke_key") };
    audit::write(connection, author, act).await?;
    notify(connection, KEYS).await?;
    Ok(true)
}

/// The key that a client sent. Errors: it is none, or lets nobody in any more.
pub async fn authenticate(db: &Db, token: &str) -> Result<Key, Error> {
    let refuse = |why: &str| Error::Unauthenticated(why.to_owned());
    if !is_token(token) {
        return Err(refuse("this is no key of this service: its checksum does not hold"));
    }
    let connection = &mut *db.write().await?;
    let holds = diesel::dsl::sql::<Bool>("expires_at is null or expires_at > clock_timestamp()");
    let found: Option<(Key, Vec<u8>, bool)> = keys::table
        .filter(keys::prefix.eq(prefix(token)))
        .select((Key::as_select(), keys::digest, holds))
        .first(connection)
        .await
        .optional()?;
    let (key, digest, holds) = found.ok_or_else(|| refuse("this key is not known"))?;
    if !bool::from(Sha256::digest(token).as_slice().ct_eq(&digest)) {
        return Err(refuse("this key is not known"));
    }
    if key.revoked_at.is_some() {
        return Err(refuse("this key was revoked"));
    }
    if !holds {
        return Err(refuse("this key has expired"));
    }
    // Once a minute is enough, and keeps two requests of one key from waiting for each other.
    let old =
        diesel::dsl::sql::<Bool>("(last_used_at is null or last_used_at < clock_timestamp() - interval '1 minute')");
    if key.last_used_at.is_none_or(|at| at < Utc::now() - chrono::TimeDelta::seconds(50)) {
        let row = diesel::update(keys::table.find(key.id).filter(old));
        row.set(keys::last_used_at.eq(clock_timestamp().nullable())).execute(connection).await?;
    }
    Ok(key)
}

fn prefix(token: &str) -> &str {
    token.get(..MARK.len() + PARTS[0]).unwrap_or_default()
}

fn new_token() -> Result<String, Error> {
    let mut random = [0; PARTS[0] + PARTS[1]];
    getrandom::fill(&mut random).map_err(|e| Error::internal("the system gives no random bytes", e))?;
    let mut token = MARK.to_owned();
    token.extend(random.iter().map(|byte| letter(u32::from(*byte))));
    let checksum = checksum(&token);
    token.push_str(&checksum);
    Ok(token)
}

/// The letter of the lowest five bits.
fn letter(bits: u32) -> char {
    char::from(ALPHABET[(bits % 32) as usize])
}

fn checksum(text: &str) -> String {
    let sum = crc32fast::hash(text.as_bytes());
    (0..PARTS[2]).map(|place| letter(sum >> (5 * place).min(31))).collect()
}

/// Whether a text is written as keys are.
fn is_token(text: &str) -> bool {
    let length = MARK.len() + PARTS.iter().sum::<usize>();
    let Some((body, sum)) = text.split_at_checked(length.saturating_sub(PARTS[2])) else { return false };
    text.len() == length && text.starts_with(MARK) && checksum(body) == sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_key_is_known_as_such() {
        let token = new_token().unwrap();
        assert!(is_token(&token) && token.len() == 50, "{token}");
        assert_ne!(token, new_token().unwrap());
        for place in 0..token.len() {
            for other in ['a', 'b', '9', 'é'] {
                let mut changed: Vec<char> = token.chars().collect();
                if changed[place] != other {
                    changed[place] = other;
                    assert!(!is_token(&changed.iter().collect::<String>()), "{place} {other}");
                }
            }
        }
        for text in ["", "lk_", "bearer", &token[1..], &token[..49], &format!("{token}a"), &"汉".repeat(17)] {
            assert!(!is_token(text), "{text}");
        }
    }

    #[test]
    fn a_name_is_a_line_and_an_expiry_is_to_come() {
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
    fn scopes_are_read_by_their_names() {
        for scope in Scope::ALL {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert!("everything".parse::<Scope>().unwrap_err().contains("read_drafts, write, publish, admin"));
    }
}

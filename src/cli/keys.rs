//! `lectern keys`: the first key, and others without a key of the scope `admin`.

use std::io::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;
use uuid::Uuid;

use super::{Settings, database::with_database, print};
use crate::{
    db::Db,
    error::Error,
    publishing::{
        Author, PublishTx,
        keys::{self, Key, Scope, parse_expiry, parse_name},
    },
};

/// The number of keys read at once.
const BATCH: i64 = 500;

/// The subcommands of `keys`.
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Create a key and print it; it cannot be shown again
    Create {
        /// Its name, which history and audit record with every change
        #[arg(long, value_name = "NAME", value_parser = parse_name)]
        name: String,
        /// Its scopes, separated by commas: `read_drafts`, `write`, `publish`, `admin`
        #[arg(long = "scope", value_name = "SCOPES", required = true, value_delimiter = ',')]
        scopes: Vec<Scope>,
        /// Expiry time, such as 2030-01-31T08:00:00Z [default: never]
        #[arg(long, value_name = "TIME", value_parser = parse_expiry)]
        expires: Option<DateTime<Utc>>,
    },
    /// Print a line for each key, the newest first: id, prefix, name, scopes and status, separated by tabs
    List,
    /// Revoke a key
    Revoke {
        /// The id of the key, as `lectern keys list` prints it
        #[arg(value_name = "ID")]
        id: Uuid,
    },
}

impl Keys {
    pub(super) fn run(self, settings: &Settings) -> Result<bool, Error> {
        let author = Author::local("command line");
        with_database(settings, async |database| {
            let db = Db::for_command(database)?;
            match self {
                Keys::Create { name, scopes, expires } => {
                    let create = async |tx: &mut PublishTx| tx.create_key(&name, &scopes, expires).await;
                    let ((token, key), _) = PublishTx::run(&db, &author, create).await?;
                    // Without the output the key is lost, so the error names its id.
                    writeln!(std::io::stdout(), "{token}").map_err(|e| {
                        Error::internal(
                            "the key was created and could not be printed",
                            format!("revoke {}: {e}", key.id),
                        )
                    })?;
                }
                Keys::List => list(&db).await?,
                Keys::Revoke { id } => {
                    let revoke = async |tx: &mut PublishTx| tx.revoke_key(id).await;
                    let (revoked, _) = PublishTx::run(&db, &author, revoke).await?;
                    print(&format!("{id} {}\n", if revoked { "is revoked" } else { "was revoked before" }))?;
                }
            }
            Ok(true)
        })
    }
}

async fn list(db: &Db) -> Result<(), Error> {
    let connection = &mut *db.write().await?;
    let mut before = None;
    loop {
        let batch = keys::list(connection, before, BATCH).await?;
        for key in &batch {
            print(&line(key))?;
        }
        before = batch.last().map(|key| key.id);
        if before.is_none() {
            return Ok(());
        }
    }
}

/// Formats a key as a line.
fn line(key: &Key) -> String {
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let used = key.last_used_at.map_or("never used".to_owned(), |at| format!("last used {}", time(at)));
    let end = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", time(at)),
        (None, Some(at)) if at <= Utc::now() => format!("expired {}", time(at)),
        (None, Some(at)) => format!("expires {}", time(at)),
        (None, None) => "does not expire".to_owned(),
    };
    let Key { id, prefix, name, created_at, .. } = key;
    let scopes = key.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(",");
    format!("{id}\t{prefix}\t{name}\t{scopes}\tcreated {}\t{used}\t{end}\n", time(*created_at))
}

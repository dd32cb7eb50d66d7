//! Computing the hot list from the view counts.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName, dsl,
    prelude::*,
    sql_types::{Bool, Timestamptz},
};
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, TransactionManager};

use super::try_lock;
use crate::{
    content::popularity::{MIN_VIEWS, Window},
    db::{Db, Lease, schema::hot},
    error::Error,
    publishing::{
        Author, PublishTx,
        transaction::{Change, ChangeKind},
    },
};

/// Computes the hot list, unless an instance did within nearly `interval` or does now; returns whether it did.
pub async fn refresh(db: &Db, interval: Duration) -> Result<bool, Error> {
    let mut lease = db.lease().await?;
    AnsiTransactionManager::begin_transaction(&mut *lease).await?;
    match compute(&mut lease, interval).await? {
        Computed::ByOthers => commit(lease).await.map(|()| false),
        Computed::Same => commit(lease).await.map(|()| true),
        Computed::Changed => {
            // The lock is taken only now, so computing does not block publishing.
            let mut tx = PublishTx::lock(lease, &Author::local("hot list")).await?;
            tx.replace_hot_list().await?;
            tx.commit().await.map(|_| true)
        }
    }
}

async fn commit(mut lease: Lease) -> Result<(), Error> {
    AnsiTransactionManager::commit_transaction(&mut *lease).await?;
    lease.release();
    Ok(())
}

/// The result of a computation; the list itself is in the temporary table `fresh`.
enum Computed {
    ByOthers,
    Same,
    Changed,
}

async fn compute(connection: &mut AsyncPgConnection, interval: Duration) -> Result<Computed, Error> {
    if !try_lock(connection).await? {
        return Ok(Computed::ByOthers);
    }
    let last: Option<DateTime<Utc>> = hot::table.select(dsl::max(hot::computed_at)).first(connection).await?;
    let now: DateTime<Utc> = diesel::select(dsl::now.into_sql::<Timestamptz>()).get_result(connection).await?;
    // Two instances with one interval may be a little early.
    if last.is_some_and(|last| (now - last).to_std().unwrap_or_default() < interval.mul_f64(0.9)) {
        return Ok(Computed::ByOthers);
    }
    diesel::sql_query(with_windows(include_str!("fresh.sql"))).execute(connection).await?;
    let differs: Differs = diesel::sql_query(with_windows(include_str!("differs.sql"))).get_result(connection).await?;
    Ok(if differs.differs { Computed::Changed } else { Computed::Same })
}

impl PublishTx {
    async fn replace_hot_list(&mut self) -> Result<(), Error> {
        diesel::sql_query(include_str!("replace.sql")).execute(self.connection()).await?;
        self.record(Change::of_site(ChangeKind::Hot, ["hot".to_owned()])).await?;
        Ok(())
    }
}

#[derive(QueryableByName)]
struct Differs {
    #[diesel(sql_type = Bool)]
    differs: bool,
}

/// Returns a statement with the windows and the least number of views.
fn with_windows(sql: &str) -> String {
    let windows = || Window::ALL.into_iter();
    let spans: Vec<_> = windows()
        .map(|window| format!("('{}', {}, {}::float8)", window.name(), window.seconds(), window.half_life()))
        .collect();
    let longest = windows().map(Window::seconds).max().unwrap_or_default();
    sql.replace("{spans}", &spans.join(", "))
        .replace("{longest}", &longest.to_string())
        .replace("{min_views}", &MIN_VIEWS.to_string())
}

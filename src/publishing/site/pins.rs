//! The articles that lead the hot list.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::{
    content::site::Pin,
    db::schema::{addresses, articles, pins},
    error::{Error, FieldError},
    publishing::{
        Author, Change,
        audit::{self, AuditEntry},
        hold, record,
    },
};

/// The published articles that lead the hot list, in order.
pub async fn read_pins(connection: &mut AsyncPgConnection) -> Result<Vec<Pin>, Error> {
    let rows = pins::table
        .inner_join(articles::table.on(articles::id.eq(pins::article_id)))
        .order(pins::position)
        .select((articles::slug, pins::reason));
    let rows: Vec<(String, Option<String>)> = rows.load(connection).await?;
    let pin = |(slug, reason): (String, Option<String>)| {
        Ok(Pin { article: slug.parse().map_err(|e| Error::internal("a stored slug", e))?, reason })
    };
    rows.into_iter().map(pin).collect()
}

/// What is wrong with pins that have these places in a list of them.
pub async fn pin_faults(connection: &mut AsyncPgConnection, placed: &[(usize, Pin)]) -> Result<Vec<FieldError>, Error> {
    let placed: Vec<_> = placed.iter().map(|(place, pin)| (*place, pin)).collect();
    Ok(articles_of(connection, &placed).await?.1)
}

/// The articles of pins, and what is wrong with the others: each must be published, and pinned once, by whatever slug.
async fn articles_of(
    connection: &mut AsyncPgConnection,
    placed: &[(usize, &Pin)],
) -> Result<(Vec<Uuid>, Vec<FieldError>), Error> {
    let owners: HashMap<String, (Uuid, bool)> = addresses::table
        .left_join(articles::table.on(articles::id.eq(addresses::article_id)))
        .filter(addresses::slug.eq_any(placed.iter().map(|(_, pin)| pin.article.as_str())))
        .select((addresses::slug, addresses::article_id, articles::id.nullable().is_not_null()))
        .load::<(String, Uuid, bool)>(connection)
        .await?
        .into_iter()
        .map(|(slug, id, published)| (slug, (id, published)))
        .collect();
    let (mut ids, mut faults) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for (place, Pin { article, .. }) in placed {
        let fault = match owners.get(article.as_str()) {
            None => format!("no article was published as `{article}`"),
            Some((_, false)) => format!("`{article}` is not published any more"),
            Some((id, true)) if !seen.insert(id) => format!("`{article}` leads to an article that is pinned already"),
            Some((id, true)) => {
                ids.push(*id);
                continue;
            }
        };
        faults.push(FieldError::body(format!("/pins/{place}/article"), fault));
    }
    Ok((ids, faults))
}

/// Sets the articles that lead the hot list, and returns whether that changed anything. Must run in a transaction.
///
/// Errors: all of [`pin_faults`].
pub async fn put_pins(connection: &mut AsyncPgConnection, new: &[Pin], author: &Author) -> Result<bool, Error> {
    hold(connection).await?;
    let (ids, faults) = articles_of(connection, &new.iter().enumerate().collect::<Vec<_>>()).await?;
    if !faults.is_empty() {
        return Err(Error::InvalidContent(faults));
    }
    let rows: Vec<(i32, Uuid, Option<String>)> =
        (1..).zip(ids).zip(new).map(|((position, id), pin)| (position, id, pin.reason.clone())).collect();
    let old: Vec<(i32, Uuid, Option<String>)> = pins::table
        .order(pins::position)
        .select((pins::position, pins::article_id, pins::reason))
        .load(connection)
        .await?;
    if old == rows {
        return Ok(false);
    }
    diesel::delete(pins::table).execute(connection).await?;
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(position, id, reason)| (pins::position.eq(position), pins::article_id.eq(id), pins::reason.eq(reason)))
        .collect();
    diesel::insert_into(pins::table).values(rows).execute(connection).await?;
    let detail = new.iter().map(|pin| pin.article.as_str()).collect::<Vec<_>>().join(", ");
    audit::write(connection, author, AuditEntry { detail: Some(detail), ..AuditEntry::new("put_pins") }).await?;
    record(connection, Change { kind: "pins", article: None, tags: vec!["hot".into()] }).await?;
    Ok(true)
}

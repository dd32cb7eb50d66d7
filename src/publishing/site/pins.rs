//! The pins: articles at the top of the hot list.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::{
    content::site::Pin,
    db::schema::{addresses, articles, pins},
    error::{Error, FieldError},
    publishing::{
        PublishTx,
        audit::{AuditAction, AuditEntry},
        transaction::{Change, ChangeKind},
    },
};

/// Reads the pins that are published, in order.
pub async fn read_pins(connection: &mut AsyncPgConnection) -> Result<Vec<Pin>, Error> {
    let rows = pins::table
        .inner_join(articles::table.on(articles::id.eq(pins::article_id)))
        .order(pins::position)
        .select((articles::slug, pins::reason));
    let rows: Vec<(String, Option<String>)> = rows.load(connection).await?;
    let pin = |(slug, reason): (String, Option<String>)| {
        Ok(Pin { article: slug.parse().map_err(|e| Error::internal("a stored slug is not valid", e))?, reason })
    };
    rows.into_iter().map(pin).collect()
}

/// Returns the errors in pins, given with their indexes in the list.
pub async fn check_pins(connection: &mut AsyncPgConnection, pins: &[(usize, Pin)]) -> Result<Vec<FieldError>, Error> {
    let pins: Vec<_> = pins.iter().map(|(index, pin)| (*index, pin)).collect();
    Ok(resolve(connection, &pins).await?.1)
}

/// Returns the ids of the pinned articles, and the errors in the other pins: each article must be published and pinned
/// once, under any of its slugs.
async fn resolve(
    connection: &mut AsyncPgConnection,
    pins: &[(usize, &Pin)],
) -> Result<(Vec<Uuid>, Vec<FieldError>), Error> {
    let owners: HashMap<String, (Uuid, bool)> = addresses::table
        .left_join(articles::table.on(articles::id.eq(addresses::article_id)))
        .filter(addresses::slug.eq_any(pins.iter().map(|(_, pin)| pin.article.as_str())))
        .select((addresses::slug, addresses::article_id, articles::id.nullable().is_not_null()))
        .load::<(String, Uuid, bool)>(connection)
        .await?
        .into_iter()
        .map(|(slug, id, published)| (slug, (id, published)))
        .collect();
    let (mut ids, mut faults) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for (index, Pin { article, .. }) in pins {
        let fault = match owners.get(article.as_str()) {
            None => format!("There is no published article `{article}`. Publish it first, or remove the pin."),
            Some((_, false)) => format!("The article `{article}` is not published any more. Remove the pin."),
            Some((id, true)) if !seen.insert(id) => format!(
                "The article `{article}` is pinned already, maybe under another slug. Remove one of the two pins."
            ),
            Some((id, true)) => {
                ids.push(*id);
                continue;
            }
        };
        faults.push(FieldError::body(format!("/pins/{index}/article"), fault));
    }
    Ok((ids, faults))
}

impl PublishTx {
    /// Replaces the pins; returns whether they changed. Errors: those that [`check_pins`] returns.
    pub async fn set_pins(&mut self, new: &[Pin]) -> Result<bool, Error> {
        let (ids, faults) = resolve(self.connection(), &new.iter().enumerate().collect::<Vec<_>>()).await?;
        if !faults.is_empty() {
            return Err(Error::InvalidContent(faults));
        }
        let rows: Vec<(i32, Uuid, Option<String>)> =
            (1..).zip(ids).zip(new).map(|((position, id), pin)| (position, id, pin.reason.clone())).collect();
        let old: Vec<(i32, Uuid, Option<String>)> = pins::table
            .order(pins::position)
            .select((pins::position, pins::article_id, pins::reason))
            .load(self.connection())
            .await?;
        if old == rows {
            return Ok(false);
        }
        diesel::delete(pins::table).execute(self.connection()).await?;
        let rows: Vec<_> = rows
            .into_iter()
            .map(|(position, id, reason)| {
                (pins::position.eq(position), pins::article_id.eq(id), pins::reason.eq(reason))
            })
            .collect();
        diesel::insert_into(pins::table).values(rows).execute(self.connection()).await?;
        let detail = Some(new.iter().map(|pin| pin.article.as_str()).collect::<Vec<_>>().join(", "));
        self.audit(AuditEntry { detail, ..AuditEntry::new(AuditAction::PutPins) }).await?;
        self.record(Change::of_site(ChangeKind::Pins, ["hot".to_owned()])).await?;
        Ok(true)
    }
}

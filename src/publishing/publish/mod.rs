//! A revision becomes what readers see.
//!
//! What must hold: it is one transaction with one row in the log; a reader sees the revision before or the one after
//! and never parts of both; every address that was ever public answers as the contract says.
//!
//! - `rows`: what is written of a document · `passages`: what it is found by.

mod passages;
mod rows;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::{dsl, prelude::*};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use self::passages::Signature;
use super::{
    Author, Change, Changed,
    audit::{self, AuditEntry},
    hold, record,
    revisions::{self as history, Revision},
    schedule, sections,
};
use crate::{
    content::{
        Document,
        body::{Body, RENDERER},
        search::terms,
    },
    db::schema::{addresses, article_topics, articles, links, revisions, withdrawals},
    error::Error,
};

/// Publishes revision `number` of a document and returns the change's sequence; `None` where readers see it already. A
/// schedule of this revision or an earlier one has nothing left to do, and goes. Must run in a transaction.
///
/// Errors: a revision that is not there; a slug or an anchor that belongs to another article or section.
pub async fn publish(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    number: i32,
    author: &Author,
) -> Result<Option<i64>, Error> {
    hold(connection).await?;
    schedule::drop_until(connection, id, number).await?;
    let (sequence, slug) = put(connection, id, number).await?;
    if sequence.is_some() {
        let act = AuditEntry {
            document: Some(id),
            subject: Some(slug),
            revision: Some(number),
            ..AuditEntry::new("publish")
        };
        audit::write(connection, author, act).await?;
    }
    Ok(sequence)
}

/// Makes a revision what readers see; gives the sequence of the change, if it is one, and the slug.
pub(super) async fn put(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    number: i32,
) -> Result<(Option<i64>, String), Error> {
    let Revision { summary, document, section_ids } = history::read(connection, id, number).await?;
    let hash = summary.hash;
    let slug = document.slug.to_string();
    let before = articles::table
        .find(id)
        .select((articles::revision, articles::renderer, articles::hash, articles::updated_at))
        .first::<(i32, i32, String, DateTime<Utc>)>(connection)
        .await
        .optional()?;
    if before.as_ref().is_some_and(|(revision, renderer, ..)| (*revision, *renderer) == (number, RENDERER)) {
        return Ok((None, slug));
    }
    // What is only rendered anew was not updated.
    let updated_at = before.as_ref().filter(|(_, _, old, _)| *old == hash).map(|(.., at)| *at);
    spare_latest(connection, id, number, (&document, &section_ids)).await?;
    let body = Body::new(&document, &section_ids);
    let mut tags = tags_of(connection, id).await?;

    make_live(connection, id, number).await?;
    rows::ensure_topics(connection, &document.topics, &mut tags).await?;
    let indexed = terms::index(&document);
    let likeness = Signature(indexed.signature);
    let ordinal = rows::write_article(connection, id, (number, &document, &hash), &body, likeness).await?;
    passages::write_passages(connection, id, ordinal, indexed).await?;
    passages::write_completions(connection, id, &document).await?;
    if let Some(at) = updated_at {
        diesel::update(articles::table.find(id)).set(articles::updated_at.eq(at)).execute(connection).await?;
    }
    rows::write_links(connection, id, &document).await?;
    let (altered, removed) = rows::write_sections(connection, id, &body).await?;
    claim_address(connection, id, &slug).await?;
    diesel::delete(withdrawals::table.find(id)).execute(connection).await?;

    tags.extend(tags_of(connection, id).await?);
    let article = Changed { altered, removed, ..Changed::whole(id, slug.clone(), number, hash) };
    let kind = if before.is_some() { "updated" } else { "published" };
    let change = Change { kind, article: Some(article), tags: tags.into_iter().collect() };
    Ok((Some(record(connection, change).await?), slug))
}

/// Publishes again what an older renderer made, and returns how many articles that were.
pub async fn rebuild(connection: &mut AsyncPgConnection) -> Result<usize, Error> {
    let old = articles::table.filter(articles::renderer.ne(RENDERER)).select(articles::id);
    let old: Vec<Uuid> = old.load(connection).await?;
    let mut count = 0;
    for id in old {
        let rebuilt = connection.transaction(async |connection| {
            hold(connection).await?;
            // What is live may have changed since the list was read, or be gone.
            let live = articles::table.find(id).filter(articles::renderer.ne(RENDERER)).select(articles::revision);
            match live.first(connection).await.optional()? {
                Some(revision) => put(connection, id, revision).await.map(|(sequence, _)| sequence),
                None => Ok(None),
            }
        });
        count += usize::from(rebuilt.await?.is_some());
    }
    Ok(count)
}

/// Every published article with its revision, in the order of the slugs.
pub async fn live(connection: &mut AsyncPgConnection) -> Result<Vec<(Uuid, i32)>, Error> {
    Ok(articles::table.order(articles::slug).select((articles::id, articles::revision)).load(connection).await?)
}

/// Refuses an older revision that nobody saw yet where it would take an anchor for good that the latest revision gives to
/// another section: the latest could never be published then.
async fn spare_latest(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    number: i32,
    this: (&Document, &[Uuid]),
) -> Result<(), Error> {
    let newer = revisions::table.filter(revisions::document_id.eq(id)).filter(revisions::number.gt(number));
    let latest: Option<i32> = newer.select(dsl::max(revisions::number)).first(connection).await?;
    let Some(latest) = latest else { return Ok(()) };
    let Revision { document, section_ids, .. } = history::read(connection, id, latest).await?;
    match sections::find_contested_anchor(this, (&document, &section_ids)) {
        Some(anchor) => Err(Error::Conflict(format!(
            "the latest revision, {latest}, gives the anchor `{anchor}` to another section than the revision {number} does"
        ))),
        None => Ok(()),
    }
}

async fn make_live(connection: &mut AsyncPgConnection, id: Uuid, number: i32) -> Result<(), Error> {
    let live = revisions::table.filter(revisions::document_id.eq(id)).filter(revisions::state.eq("live"));
    diesel::update(live).set(revisions::state.eq("past")).execute(connection).await?;
    let this = revisions::table.filter(revisions::document_id.eq(id)).filter(revisions::number.eq(number));
    diesel::update(this).set(revisions::state.eq("live")).execute(connection).await?;
    Ok(())
}

pub(super) async fn claim_address(connection: &mut AsyncPgConnection, id: Uuid, slug: &str) -> Result<(), Error> {
    diesel::insert_into(addresses::table)
        .values((addresses::slug.eq(slug), addresses::article_id.eq(id)))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    let owner: Uuid = addresses::table.find(slug).select(addresses::article_id).first(connection).await?;
    if owner == id { Ok(()) } else { Err(Error::Conflict(format!("the slug `{slug}` belongs to another article"))) }
}

/// The tags of every answer that an article is in, as it stands: itself, the lists, its topics, and the articles that
/// link to it or that it links to, whose related reading it is in.
pub(super) async fn tags_of(connection: &mut AsyncPgConnection, id: Uuid) -> Result<BTreeSet<String>, Error> {
    let mut tags = BTreeSet::from(["articles".to_owned(), format!("article:{id}")]);
    let of = article_topics::table.filter(article_topics::article_id.eq(id)).select(article_topics::topic_slug);
    tags.extend(of.load::<String>(connection).await?.into_iter().map(|slug| format!("topic:{slug}")));
    let own = addresses::table.filter(addresses::article_id.eq(id)).select(addresses::slug);
    let pointing = links::table.filter(links::target_slug.eq_any(own.load::<String>(connection).await?));
    let pointing: Vec<Uuid> = pointing.select(links::article_id).distinct().load(connection).await?;
    let pointed: Vec<Uuid> = links::table
        .inner_join(addresses::table.on(links::target_slug.eq(addresses::slug.nullable())))
        .filter(links::article_id.eq(id))
        .select(addresses::article_id)
        .distinct()
        .load(connection)
        .await?;
    tags.extend(pointing.iter().chain(&pointed).map(|id| format!("article:{id}")));
    Ok(tags)
}

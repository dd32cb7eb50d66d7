//! A revision becomes what readers see.
//!
//! What must hold: it is one transaction with one row in the log; a reader sees the revision before or the one after
//! and never parts of both; every address that was ever public answers as the contract says.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use diesel::{dsl, prelude::*, upsert::excluded};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::json;
use uuid::Uuid;

use super::{
    Author, Change, Changed,
    audit::{self, Act},
    clock_timestamp, hold, record,
    revisions::{self as history, Revision},
    schedule, sections,
};
use crate::{
    content::{
        Document, Related, Slug,
        body::{self, Body, Format, Part, RENDERER},
        collation, text,
    },
    db::schema::{
        addresses, article_bodies, article_topics, articles, links, revisions, section_addresses,
        sections as section_rows, topics, withdrawals,
    },
    error::Error,
};

/// The longest summary that is taken from a text without one, in characters.
const EXCERPT: usize = 120;

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
        let act = Act { document: Some(id), subject: Some(slug), revision: Some(number), ..Act::new("publish") };
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
    ensure_topics(connection, &document.topics, &mut tags).await?;
    write_article(connection, id, number, &document, &hash, &body).await?;
    if let Some(at) = updated_at {
        diesel::update(articles::table.find(id)).set(articles::updated_at.eq(at)).execute(connection).await?;
    }
    write_links(connection, id, &document).await?;
    let (altered, removed) = write_sections(connection, id, &body).await?;
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
    match sections::contested(this, (&document, &section_ids)) {
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

/// A topic that nobody described yet is called by its slug until somebody does.
async fn ensure_topics(
    connection: &mut AsyncPgConnection,
    slugs: &[Slug],
    tags: &mut BTreeSet<String>,
) -> Result<(), Error> {
    let rows: Vec<_> = slugs
        .iter()
        .map(|slug| {
            (topics::slug.eq(slug.as_str()), topics::name.eq(slug.as_str()), topics::updated_at.eq(clock_timestamp()))
        })
        .collect();
    let made = diesel::insert_into(topics::table).values(rows).on_conflict_do_nothing().execute(connection).await?;
    if made > 0 {
        tags.insert("topics".into());
    }
    Ok(())
}

async fn write_article(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    number: i32,
    document: &Document,
    hash: &str,
    body: &Body,
) -> Result<(), Error> {
    let names: HashMap<String, String> = topics::table
        .filter(topics::slug.eq_any(document.topics.iter().map(Slug::as_str)))
        .select((topics::slug, topics::name))
        .load::<(String, String)>(connection)
        .await?
        .into_iter()
        .collect();
    let topic = |slug: &Slug| json!({"slug": slug.as_str(), "name": names.get(slug.as_str())});
    let characters = text::document_characters(document);
    let row = (
        articles::slug.eq(document.slug.as_str()),
        articles::locale.eq(document.locale.as_str()),
        articles::revision.eq(number),
        articles::title.eq(&document.title),
        articles::title_key.eq(collation::key(&document.title)),
        articles::questions.eq(&document.questions),
        articles::summary.eq(document.summary.clone().or_else(|| text::excerpt(&document.lead, EXCERPT))),
        articles::topics.eq(document.topics.iter().map(topic).collect::<serde_json::Value>()),
        articles::characters.eq(i32::try_from(characters).unwrap_or(i32::MAX)),
        articles::reading_minutes.eq(i32::try_from(text::reading_minutes(document)).unwrap_or(i32::MAX)),
        articles::updated_at.eq(clock_timestamp()),
        articles::hash.eq(hash),
        articles::source.eq(document.source.as_ref().map(|source| json!(source))),
        articles::renderer.eq(RENDERER),
    );
    let published_at: DateTime<Utc> = diesel::insert_into(articles::table)
        .values((articles::id.eq(id), articles::published_at.eq(clock_timestamp()), row.clone()))
        .on_conflict(articles::id)
        .do_update()
        .set(row)
        .returning(articles::published_at)
        .get_result(connection)
        .await?;

    let unwritable = |e| Error::internal("a body cannot be written as JSON", e);
    let body_row = (
        article_bodies::toc.eq(serde_json::to_string(&body.toc()).map_err(unwritable)?),
        article_bodies::lead_html.eq(serde_json::to_string(&body.lead(Format::Html)).map_err(unwritable)?),
        article_bodies::sections_html.eq(serde_json::to_string(&body.sections(Format::Html)).map_err(unwritable)?),
        article_bodies::content.eq(serde_json::to_string(body).map_err(unwritable)?),
    );
    diesel::insert_into(article_bodies::table)
        .values((article_bodies::article_id.eq(id), body_row.clone()))
        .on_conflict(article_bodies::article_id)
        .do_update()
        .set(body_row)
        .execute(connection)
        .await?;

    diesel::delete(article_topics::table.filter(article_topics::article_id.eq(id))).execute(connection).await?;
    let rows: Vec<_> = (1..)
        .zip(&document.topics)
        .map(|(position, slug)| {
            (
                article_topics::article_id.eq(id),
                article_topics::topic_slug.eq(slug.as_str()),
                article_topics::position.eq(position),
                article_topics::published_at.eq(published_at),
            )
        })
        .collect();
    diesel::insert_into(article_topics::table).values(rows).execute(connection).await?;
    Ok(())
}

#[derive(Clone, Insertable)]
#[diesel(table_name = links)]
struct NewLink {
    article_id: Uuid,
    kind: &'static str,
    position: i32,
    target_slug: Option<String>,
    target_fragment: Option<String>,
    url: Option<String>,
    title: Option<String>,
    reason: Option<String>,
}

async fn write_links(connection: &mut AsyncPgConnection, id: Uuid, document: &Document) -> Result<(), Error> {
    diesel::delete(links::table.filter(links::article_id.eq(id))).execute(connection).await?;
    let none = NewLink {
        article_id: id,
        kind: "editorial",
        position: 0,
        target_slug: None,
        target_fragment: None,
        url: None,
        title: None,
        reason: None,
    };
    let editorial = document.related.iter().cloned().map(|related| match related {
        Related::Article { article, reason } => NewLink { target_slug: Some(article.into()), reason, ..none.clone() },
        Related::External { url, title, reason } => {
            NewLink { url: Some(url), title: Some(title), reason, ..none.clone() }
        }
    });
    let linked = body::linked_articles(document).into_iter().map(|(slug, target_fragment)| NewLink {
        kind: "linked",
        target_slug: Some(slug.into()),
        target_fragment,
        ..none.clone()
    });
    let rows: Vec<_> =
        (1..).zip(editorial.chain(linked)).map(|(position, link)| NewLink { position, ..link }).collect();
    for chunk in rows.chunks(CHUNK) {
        diesel::insert_into(links::table).values(chunk).execute(connection).await?;
    }
    Ok(())
}

/// Brings the sections and their addresses up to date; returns the ids of those that changed and of those that went.
async fn write_sections(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    body: &Body,
) -> Result<(Vec<Uuid>, Vec<Uuid>), Error> {
    let before: HashMap<Uuid, String> = section_rows::table
        .filter(section_rows::article_id.eq(id))
        .filter(section_rows::removed_at.is_null())
        .select((section_rows::id, section_rows::hash))
        .load::<(Uuid, String)>(connection)
        .await?
        .into_iter()
        .collect();
    let mut parts = Vec::new();
    collect(&body.sections, &mut parts);
    // An anchor stays with the section that had it first.
    let mut owners: HashMap<String, Uuid> = section_addresses::table
        .filter(section_addresses::article_id.eq(id))
        .select((section_addresses::reference, section_addresses::section_id))
        .load::<(String, Uuid)>(connection)
        .await?
        .into_iter()
        .collect();
    let mut owner = |part: &&&Part| *owners.entry(part.heading.anchor.to_string()).or_insert(part.heading.id);
    if let Some(part) = parts.iter().find(|part| owner(part) != part.heading.id) {
        return Err(Error::Conflict(format!("the anchor `{}` belongs to another section", part.heading.anchor)));
    }
    let mut removed: Vec<Uuid> = before.keys().copied().collect();
    removed.retain(|id| !parts.iter().any(|part| part.heading.id == *id));
    removed.sort_unstable();
    let changed = parts.iter().filter(|part| before.get(&part.heading.id) != Some(&part.hash));
    let changed = changed.map(|part| part.heading.id).collect();

    diesel::update(section_rows::table.filter(section_rows::id.eq_any(&removed)))
        .set(section_rows::removed_at.eq(clock_timestamp().nullable()))
        .execute(connection)
        .await?;
    let rows: Vec<_> = parts
        .iter()
        .map(|part| {
            (
                section_rows::id.eq(part.heading.id),
                section_rows::article_id.eq(id),
                section_rows::anchor.eq(part.heading.anchor.as_str()),
                section_rows::title.eq(&part.heading.title),
                section_rows::hash.eq(&part.hash),
                section_rows::removed_at.eq(None::<DateTime<Utc>>),
            )
        })
        .collect();
    for chunk in rows.chunks(CHUNK) {
        diesel::insert_into(section_rows::table)
            .values(chunk)
            .on_conflict(section_rows::id)
            .do_update()
            .set((
                section_rows::anchor.eq(excluded(section_rows::anchor)),
                section_rows::title.eq(excluded(section_rows::title)),
                section_rows::hash.eq(excluded(section_rows::hash)),
                section_rows::removed_at.eq(excluded(section_rows::removed_at)),
            ))
            .execute(connection)
            .await?;
    }
    let address = |section: &Uuid, reference: &str| {
        (
            section_addresses::article_id.eq(id),
            section_addresses::reference.eq(reference.to_owned()),
            section_addresses::section_id.eq(*section),
        )
    };
    // A number names whoever stands there today.
    let numbers: Vec<_> = parts.iter().map(|part| address(&part.heading.id, &part.heading.number)).collect();
    for chunk in numbers.chunks(CHUNK) {
        diesel::insert_into(section_addresses::table)
            .values(chunk)
            .on_conflict((section_addresses::article_id, section_addresses::reference))
            .do_update()
            .set(section_addresses::section_id.eq(excluded(section_addresses::section_id)))
            .execute(connection)
            .await?;
    }
    let anchors: Vec<_> = parts.iter().map(|part| address(&part.heading.id, part.heading.anchor.as_str())).collect();
    for chunk in anchors.chunks(CHUNK) {
        diesel::insert_into(section_addresses::table)
            .values(chunk)
            .on_conflict_do_nothing()
            .execute(connection)
            .await?;
    }
    Ok((changed, removed))
}

/// The most rows of one insert: Postgres takes 65,535 parameters.
const CHUNK: usize = 5_000;

fn collect<'a>(parts: &'a [Part], into: &mut Vec<&'a Part>) {
    for part in parts {
        into.push(part);
        collect(&part.children, into);
    }
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

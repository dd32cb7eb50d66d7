//! What the articles are about.
//!
//! What must hold: a card shows the name that its topic has; a topic that an article shows is there.

use std::collections::BTreeSet;

use diesel::{dsl, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::{
    content::{Slug, site::Topic},
    db::schema::{article_topics, articles, topics},
    error::Error,
    publishing::{
        Author, Change,
        audit::{self, AuditEntry},
        clock_timestamp, hold, record,
    },
};

/// Every topic, by slug.
pub async fn read_topics(connection: &mut AsyncPgConnection) -> Result<Vec<Topic>, Error> {
    let rows = topics::table.select((topics::slug, topics::name, topics::description)).order(topics::slug);
    let rows: Vec<(String, String, Option<String>)> = rows.load(connection).await?;
    let topic = |(slug, name, description): (String, String, Option<String>)| {
        Ok(Topic { slug: slug.parse().map_err(|e| Error::internal("a stored slug", e))?, name, description })
    };
    rows.into_iter().map(topic).collect()
}

/// A topic, if there is one.
pub async fn read_topic(connection: &mut AsyncPgConnection, slug: &Slug) -> Result<Option<Topic>, Error> {
    let row = topics::table.find(slug.as_str()).select((topics::name, topics::description));
    let row: Option<(String, Option<String>)> = row.first(connection).await.optional()?;
    Ok(row.map(|(name, description)| Topic { slug: slug.clone(), name, description }))
}

/// Makes topics or describes them anew; cards that show their names follow. Returns whether that changed anything. Must
/// run in a transaction.
pub async fn put_topics(connection: &mut AsyncPgConnection, new: &[Topic], author: &Author) -> Result<bool, Error> {
    hold(connection).await?;
    let old = read_topics(connection).await?;
    let new: Vec<_> = new.iter().filter(|topic| !old.contains(topic)).collect();
    if new.is_empty() {
        return Ok(false);
    }
    // An article may show several of them.
    let mut tags = BTreeSet::from(["topics".to_owned()]);
    for topic in new {
        let slug = topic.slug.as_str();
        let row = (
            topics::name.eq(&topic.name),
            topics::description.eq(&topic.description),
            topics::updated_at.eq(clock_timestamp()),
        );
        diesel::insert_into(topics::table)
            .values((topics::slug.eq(slug), row))
            .on_conflict(topics::slug)
            .do_update()
            .set(row)
            .execute(connection)
            .await?;
        let act = AuditEntry {
            subject: Some(slug.to_owned()),
            detail: Some(topic.name.clone()),
            ..AuditEntry::new("put_topic")
        };
        audit::write(connection, author, act).await?;
        tags.insert(format!("topic:{slug}"));
        tags.extend(rename_on_cards(connection, slug, &topic.name).await?.iter().map(|id| format!("article:{id}")));
    }
    record(connection, Change { kind: "topics", article: None, tags: tags.into_iter().collect() }).await?;
    Ok(true)
}

/// Writes a topic's name into the cards of its articles, and returns those that showed another.
async fn rename_on_cards(connection: &mut AsyncPgConnection, slug: &str, name: &str) -> Result<Vec<Uuid>, Error> {
    let of = article_topics::table.filter(article_topics::topic_slug.eq(slug)).select(article_topics::article_id);
    let cards: Vec<(Uuid, serde_json::Value)> = articles::table
        .filter(articles::id.eq_any(of))
        .select((articles::id, articles::topics))
        .load(connection)
        .await?;
    let mut renamed = Vec::new();
    for (id, mut shown) in cards {
        let entries = shown.as_array_mut().into_iter().flatten().filter(|entry| entry["slug"] == slug);
        let stale: Vec<_> = entries.filter(|entry| entry["name"] != name).collect();
        if stale.is_empty() {
            continue;
        }
        for entry in stale {
            entry["name"] = name.into();
        }
        diesel::update(articles::table.find(id)).set(articles::topics.eq(shown)).execute(connection).await?;
        renamed.push(id);
    }
    Ok(renamed)
}

/// Deletes a topic. Must run in a transaction.
///
/// Errors: there is none; published articles have it. What is not published may have it: its publication makes the topic
/// anew, called by its slug.
pub async fn delete_topic(connection: &mut AsyncPgConnection, slug: &Slug, author: &Author) -> Result<(), Error> {
    hold(connection).await?;
    let of = article_topics::table.filter(article_topics::topic_slug.eq(slug.as_str()));
    let (count, first) = of
        .inner_join(articles::table)
        .select((dsl::count_star(), dsl::min(articles::slug)))
        .first::<(i64, Option<String>)>(connection)
        .await?;
    if let Some(first) = first {
        let articles = if count == 1 {
            format!("the article `{first}` has")
        } else {
            format!("{count} articles have, such as `{first}`")
        };
        return Err(Error::Conflict(format!("readers see the topic `{slug}`, which {articles}")));
    }
    let gone = diesel::delete(topics::table.find(slug.as_str())).returning(topics::name);
    let name: Option<String> = gone.get_result(connection).await.optional()?;
    let name = name.ok_or_else(|| Error::NotFound(format!("there is no topic `{slug}`")))?;
    let act = AuditEntry { subject: Some(slug.to_string()), detail: Some(name), ..AuditEntry::new("delete_topic") };
    audit::write(connection, author, act).await?;
    let tags = vec!["topics".to_owned(), format!("topic:{slug}")];
    record(connection, Change { kind: "topics", article: None, tags }).await?;
    Ok(())
}

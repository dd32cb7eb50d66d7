//! Topics.
//!
//! Invariants: a card shows the present name of its topic; the topics of published articles exist.

use std::collections::BTreeSet;

use diesel::{dsl, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::{
    content::{Slug, site::Topic},
    db::schema::{article_topics, articles, topics},
    error::Error,
    publishing::{
        PublishTx,
        audit::{AuditAction, AuditEntry},
        transaction::{Change, ChangeKind, clock_timestamp},
    },
};

/// Reads every topic, by slug.
pub async fn read_topics(connection: &mut AsyncPgConnection) -> Result<Vec<Topic>, Error> {
    let rows = topics::table.select((topics::slug, topics::name, topics::description)).order(topics::slug);
    let rows: Vec<(String, String, Option<String>)> = rows.load(connection).await?;
    let topic = |(slug, name, description): (String, String, Option<String>)| {
        Ok(Topic {
            slug: slug.parse().map_err(|e| Error::internal("a stored slug is not valid", e))?,
            name,
            description,
        })
    };
    rows.into_iter().map(topic).collect()
}

/// Reads a topic, if it exists.
pub async fn read_topic(connection: &mut AsyncPgConnection, slug: &Slug) -> Result<Option<Topic>, Error> {
    let row = topics::table.find(slug.as_str()).select((topics::name, topics::description));
    let row: Option<(String, Option<String>)> = row.first(connection).await.optional()?;
    Ok(row.map(|(name, description)| Topic { slug: slug.clone(), name, description }))
}

impl PublishTx {
    /// Creates or replaces topics, and renames them on cards; returns whether anything changed.
    pub async fn set_topics(&mut self, new: &[Topic]) -> Result<bool, Error> {
        let old = read_topics(self.connection()).await?;
        let new: Vec<_> = new.iter().filter(|topic| !old.contains(topic)).collect();
        if new.is_empty() {
            return Ok(false);
        }
        // A set: an article may show several of the topics.
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
                .execute(self.connection())
                .await?;
            let (subject, detail) = (Some(slug.to_owned()), Some(topic.name.clone()));
            self.audit(AuditEntry { subject, detail, ..AuditEntry::new(AuditAction::PutTopic) }).await?;
            tags.insert(format!("topic:{slug}"));
            tags.extend(self.rename_on_cards(slug, &topic.name).await?.iter().map(|id| format!("article:{id}")));
        }
        self.record(Change::of_site(ChangeKind::Topics, tags)).await?;
        Ok(true)
    }

    /// Renames a topic on the cards of its articles; returns the articles whose cards changed.
    async fn rename_on_cards(&mut self, slug: &str, name: &str) -> Result<Vec<Uuid>, Error> {
        let of = article_topics::table.filter(article_topics::topic_slug.eq(slug)).select(article_topics::article_id);
        let cards: Vec<(Uuid, serde_json::Value)> = articles::table
            .filter(articles::id.eq_any(of))
            .select((articles::id, articles::topics))
            .load(self.connection())
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
            diesel::update(articles::table.find(id)).set(articles::topics.eq(shown)).execute(self.connection()).await?;
            renamed.push(id);
        }
        Ok(renamed)
    }

    /// Deletes a topic. The publication of a draft that has it creates it again, named by its slug.
    ///
    /// Errors: there is no such topic; published articles have it.
    pub async fn delete_topic(&mut self, slug: &Slug) -> Result<(), Error> {
        let of = article_topics::table.filter(article_topics::topic_slug.eq(slug.as_str()));
        let (count, first) = of
            .inner_join(articles::table)
            .select((dsl::count_star(), dsl::min(articles::slug)))
            .first::<(i64, Option<String>)>(self.connection())
            .await?;
        if let Some(first) = first {
            let articles = if count == 1 {
                format!("the published article `{first}` has")
            } else {
                format!("{count} published articles, such as `{first}`, have")
            };
            return Err(Error::Conflict(format!("{articles} the topic `{slug}`; remove it there first")));
        }
        let gone = diesel::delete(topics::table.find(slug.as_str())).returning(topics::name);
        let name: Option<String> = gone.get_result(self.connection()).await.optional()?;
        let name = name.ok_or_else(|| Error::NotFound(format!("there is no topic `{slug}`")))?;
        let (subject, detail) = (Some(slug.to_string()), Some(name));
        self.audit(AuditEntry { subject, detail, ..AuditEntry::new(AuditAction::DeleteTopic) }).await?;
        let tags = ["topics".to_owned(), format!("topic:{slug}")];
        self.record(Change::of_site(ChangeKind::Topics, tags)).await?;
        Ok(())
    }
}

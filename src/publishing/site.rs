//! The site's own facts, topics, and the articles that lead the hot list.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Author, Change,
    audit::{self, Act},
    clock_timestamp, hold, record,
};
use crate::{
    content::{Locale, Slug},
    db::schema::{addresses, article_topics, articles, pins, site, topics},
    error::{Error, Fault},
};

/// What the service says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The name of the site.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// The language of the site itself.
    #[serde(default)]
    pub locale: Locale,
    /// What it invites its readers to do.
    pub call_to_action: Option<CallToAction>,
    /// The terms under which its texts may be used.
    pub license: Option<License>,
    /// How to credit it.
    pub attribution: Option<String>,
    /// What readers must know before they rely on it.
    pub disclaimer: Option<String>,
}

/// An invitation to readers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallToAction {
    /// Its text.
    pub label: String,
    /// Where it leads.
    pub url: Option<String>,
}

/// Terms of use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct License {
    /// Their name.
    pub name: String,
    /// Their text.
    pub url: Option<String>,
}

/// A topic as its editor describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Its address.
    pub slug: Slug,
    /// What it is called.
    pub name: String,
    /// What it covers.
    pub description: Option<String>,
}

/// An article that leads the hot list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Any slug of the article.
    pub article: Slug,
    /// Why.
    pub reason: Option<String>,
}

/// What the service says of itself, if anybody told it.
pub async fn read_site(connection: &mut AsyncPgConnection) -> Result<Option<Site>, Error> {
    type Columns = (
        (String, Option<String>, String),
        (Option<String>, Option<String>),
        (Option<String>, Option<String>),
        (Option<String>, Option<String>),
    );
    let row = site::table
        .select((
            (site::name, site::description, site::locale),
            (site::call_to_action_label, site::call_to_action_url),
            (site::license_name, site::license_url),
            (site::attribution, site::disclaimer),
        ))
        .first::<Columns>(connection)
        .await
        .optional()?;
    let Some(((name, description, locale), (label, url), (license, license_url), (attribution, disclaimer))) = row
    else {
        return Ok(None);
    };
    Ok(Some(Site {
        name,
        description,
        locale: locale.parse().map_err(|e| Error::internal("a stored locale", e))?,
        call_to_action: label.map(|label| CallToAction { label, url }),
        license: license.map(|name| License { name, url: license_url }),
        attribution,
        disclaimer,
    }))
}

/// Sets what the service says of itself, and returns whether that changed anything. Must run in a transaction.
pub async fn put_site(connection: &mut AsyncPgConnection, new: &Site, author: &Author) -> Result<bool, Error> {
    hold(connection).await?;
    if read_site(connection).await?.as_ref() == Some(new) {
        return Ok(false);
    }
    let cta = new.call_to_action.as_ref();
    let license = new.license.as_ref();
    let row = (
        site::name.eq(&new.name),
        site::description.eq(&new.description),
        site::locale.eq(new.locale.as_str()),
        site::call_to_action_label.eq(cta.map(|cta| &cta.label)),
        site::call_to_action_url.eq(cta.and_then(|cta| cta.url.as_ref())),
        site::license_name.eq(license.map(|license| &license.name)),
        site::license_url.eq(license.and_then(|license| license.url.as_ref())),
        site::attribution.eq(&new.attribution),
        site::disclaimer.eq(&new.disclaimer),
        site::updated_at.eq(clock_timestamp()),
    );
    diesel::insert_into(site::table)
        .values((site::id.eq(true), row))
        .on_conflict(site::id)
        .do_update()
        .set(row)
        .execute(connection)
        .await?;
    audit::write(connection, author, Act::new("put_site")).await?;
    record(connection, Change { kind: "site", article: None, tags: vec!["site".into()] }).await?;
    Ok(true)
}

/// Sets the name and call to action that a captured page shows, and leaves the rest as it is; returns whether that
/// changed anything. Must run in a transaction.
pub async fn put_captured(
    connection: &mut AsyncPgConnection,
    name: Option<&str>,
    call_to_action: Option<&str>,
    author: &Author,
) -> Result<bool, Error> {
    hold(connection).await?;
    let old = read_site(connection).await?;
    let Some(name) = name.map(str::to_owned).or_else(|| old.as_ref().map(|old| old.name.clone())) else {
        return Ok(false);
    };
    let mut new = old.unwrap_or(Site {
        name: String::new(),
        description: None,
        locale: Locale::default(),
        call_to_action: None,
        license: None,
        attribution: None,
        disclaimer: None,
    });
    new.name = name;
    if let Some(label) = call_to_action
        && new.call_to_action.as_ref().is_none_or(|old| old.label != label)
    {
        // The address belonged to the invitation that was there before; a captured page shows none.
        new.call_to_action = Some(CallToAction { label: label.to_owned(), url: None });
    }
    put_site(connection, &new, author).await
}

/// Every topic, by slug.
pub async fn read_topics(connection: &mut AsyncPgConnection) -> Result<Vec<Topic>, Error> {
    let rows = topics::table.select((topics::slug, topics::name, topics::description)).order(topics::slug);
    let rows: Vec<(String, String, Option<String>)> = rows.load(connection).await?;
    let topic = |(slug, name, description): (String, String, Option<String>)| {
        Ok(Topic { slug: slug.parse().map_err(|e| Error::internal("a stored slug", e))?, name, description })
    };
    rows.into_iter().map(topic).collect()
}

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

/// Makes topics or describes them anew; cards that show their names follow. Returns whether that changed anything. Must
/// run in a transaction.
pub async fn put_topics(connection: &mut AsyncPgConnection, new: &[Topic], author: &Author) -> Result<bool, Error> {
    hold(connection).await?;
    let old = read_topics(connection).await?;
    let new: Vec<_> = new.iter().filter(|topic| !old.contains(topic)).collect();
    if new.is_empty() {
        return Ok(false);
    }
    let mut tags = vec!["topics".to_owned()];
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
        let act = Act { subject: Some(slug.to_owned()), detail: Some(topic.name.clone()), ..Act::new("put_topic") };
        audit::write(connection, author, act).await?;
        tags.push(format!("topic:{slug}"));
        tags.extend(rename_on_cards(connection, slug, &topic.name).await?.iter().map(|id| format!("article:{id}")));
    }
    record(connection, Change { kind: "topics", article: None, tags }).await?;
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

/// Sets the articles that lead the hot list, and returns whether that changed anything. Must run in a transaction.
///
/// Errors: every pin of an article that is not there or that is pinned twice, by whatever slug.
pub async fn put_pins(connection: &mut AsyncPgConnection, new: &[Pin], author: &Author) -> Result<bool, Error> {
    hold(connection).await?;
    let slugs = new.iter().map(|pin| pin.article.as_str());
    let owners: HashMap<String, Uuid> = addresses::table
        .filter(addresses::slug.eq_any(slugs))
        .select((addresses::slug, addresses::article_id))
        .load::<(String, Uuid)>(connection)
        .await?
        .into_iter()
        .collect();
    let mut rows: Vec<(i32, Uuid, Option<String>)> = Vec::new();
    let mut faults = Vec::new();
    for (place, pin) in new.iter().enumerate() {
        let fault = match owners.get(pin.article.as_str()) {
            None => format!("no article was published as `{}`", pin.article),
            Some(id) if rows.iter().any(|(_, other, _)| other == id) => {
                format!("`{}` leads to an article that is pinned already", pin.article)
            }
            Some(id) => {
                rows.push((i32::try_from(rows.len() + 1).unwrap_or(i32::MAX), *id, pin.reason.clone()));
                continue;
            }
        };
        faults.push(Fault::body(format!("/{place}/article"), fault));
    }
    if !faults.is_empty() {
        return Err(Error::InvalidContent(faults));
    }
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
    audit::write(connection, author, Act { detail: Some(detail), ..Act::new("put_pins") }).await?;
    record(connection, Change { kind: "pins", article: None, tags: vec!["hot".into()] }).await?;
    Ok(true)
}

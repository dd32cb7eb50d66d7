//! Finding an article by its id, or by any slug that it has or had; its publication status.

use chrono::{DateTime, Utc};
use diesel::{dsl, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{
    revisions::{RevisionState, RevisionSummary},
    schedule::Schedule,
};
use crate::{
    content::{ArticleName, Slug},
    db::schema::{addresses, articles, documents, revisions, schedules, withdrawals},
    error::Error,
};

/// An article that was not deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    /// The id.
    pub id: Uuid,
    /// The present slug.
    pub slug: Slug,
}

/// The publication status of an article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicationStatus {
    /// The latest revision.
    pub latest: RevisionSummary,
    /// The number of the revision that readers see.
    pub live: Option<i32>,
    /// The planned publication.
    pub schedule: Option<Schedule>,
    /// The public reason of a withdrawal.
    pub withdrawn: Option<String>,
}

/// The result of a search for an article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// By its id or its present slug.
    Present(Article),
    /// By an earlier slug.
    Moved(Article),
}

/// Finds an article. Errors: it does not exist, or was deleted.
pub async fn find(connection: &mut AsyncPgConnection, name: &ArticleName) -> Result<Found, Error> {
    type Row = (Uuid, String, Option<DateTime<Utc>>);
    let columns = (documents::id, documents::slug, documents::deleted_at);
    let row: Option<Row> = match name {
        ArticleName::Slug(slug) => {
            documents::table.filter(documents::slug.eq(slug.as_str())).select(columns).first(connection).await
        }
        ArticleName::Id(id) => documents::table.find(id).select(columns).first(connection).await,
    }
    .optional()?;
    let (row, moved) = match (row, name) {
        (Some(row), _) => (Some(row), false),
        (None, ArticleName::Slug(slug)) => {
            let owner = addresses::table.find(slug.as_str()).select(addresses::article_id);
            let owner = documents::table.filter(documents::id.eq_any(owner)).select(columns);
            (owner.first(connection).await.optional()?, true)
        }
        (None, ArticleName::Id(_)) => (None, false),
    };
    match row {
        Some((id, slug, None)) => {
            let article = Article { id, slug: parse_slug(&slug)? };
            Ok(if moved { Found::Moved(article) } else { Found::Present(article) })
        }
        Some((id, ..)) => {
            let reason = withdrawals::table.find(id).select(withdrawals::reason).first(connection).await.optional()?;
            Err(Error::Withdrawn(reason.unwrap_or_default()))
        }
        None => Err(Error::NotFound("the article does not exist".into())),
    }
}

fn parse_slug(slug: &str) -> Result<Slug, Error> {
    slug.parse().map_err(|e| Error::internal("a stored slug is not valid", e))
}

/// Reads the publication status of an article.
pub async fn status(connection: &mut AsyncPgConnection, id: Uuid) -> Result<PublicationStatus, Error> {
    let mut rows = load(connection, Selection { id: Some(id), ..Selection::default() }, 1).await?;
    let (_, status) = rows.pop().ok_or_else(|| Error::NotFound("the article does not exist".into()))?;
    Ok(status)
}

/// Lists articles by the time of their latest revision, the newest first, at most `limit`; those in `state` if it is given,
/// those after `after` (a time and an id).
pub async fn list(
    connection: &mut AsyncPgConnection,
    state: Option<RevisionState>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<(Article, PublicationStatus)>, Error> {
    load(connection, Selection { id: None, state, after }, limit).await
}

#[derive(Default)]
struct Selection {
    id: Option<Uuid>,
    state: Option<RevisionState>,
    after: Option<(DateTime<Utc>, Uuid)>,
}

async fn load(
    connection: &mut AsyncPgConnection,
    selection: Selection,
    limit: i64,
) -> Result<Vec<(Article, PublicationStatus)>, Error> {
    type Row = ((Uuid, String), RevisionSummary, Option<Schedule>, Option<String>, Option<i32>);
    let newer = diesel::alias!(revisions as newer);
    let later = newer
        .filter(newer.field(revisions::document_id).eq(revisions::document_id))
        .filter(newer.field(revisions::number).gt(revisions::number))
        .select(newer.field(revisions::number));
    let mut latest = revisions::table
        .inner_join(documents::table)
        .left_join(schedules::table.on(schedules::document_id.eq(revisions::document_id)))
        .left_join(withdrawals::table.on(withdrawals::article_id.eq(revisions::document_id)))
        .left_join(articles::table.on(articles::id.eq(revisions::document_id)))
        .filter(documents::deleted_at.is_null())
        .filter(dsl::not(dsl::exists(later)))
        .order((revisions::created_at.desc(), revisions::document_id.desc()))
        .limit(limit)
        .select((
            (documents::id, documents::slug),
            RevisionSummary::as_select(),
            Option::<Schedule>::as_select(),
            withdrawals::reason.nullable(),
            articles::revision.nullable(),
        ))
        .into_boxed();
    if let Some(id) = selection.id {
        latest = latest.filter(revisions::document_id.eq(id));
    }
    if let Some(state) = selection.state {
        latest = latest.filter(revisions::state.eq(state));
    }
    if let Some((at, id)) = selection.after {
        let before = revisions::created_at.lt(at);
        latest = latest.filter(before.or(revisions::created_at.eq(at).and(revisions::document_id.lt(id))));
    }
    let rows: Vec<Row> = latest.load(connection).await?;
    let status = |((id, slug), latest, schedule, withdrawn, live): Row| {
        Ok((Article { id, slug: parse_slug(&slug)? }, PublicationStatus { latest, live, schedule, withdrawn }))
    };
    rows.into_iter().map(status).collect()
}

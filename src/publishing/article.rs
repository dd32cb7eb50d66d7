//! An article as its editors find it: by any slug that it has or had, or by its id.

use chrono::{DateTime, Utc};
use diesel::{dsl, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{
    revisions::{self as history, Summary},
    schedule::{self, Schedule},
};
use crate::{
    content::{ArticleName, Slug},
    db::schema::{addresses, articles, documents, revisions, schedules, withdrawals},
    error::Error,
};

/// An article that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    /// Its id.
    pub id: Uuid,
    /// The slug that it has.
    pub slug: Slug,
}

/// How it stands with an article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicationStatus {
    /// Its latest revision.
    pub latest: Summary,
    /// The number of the revision that readers see.
    pub live: Option<i32>,
    /// What is to be published later.
    pub schedule: Option<Schedule>,
    /// Why readers see it no more.
    pub withdrawn: Option<String>,
}

/// What looking for an article came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is there under this name.
    Here(Article),
    /// That is a slug that it had.
    Moved(Article),
}

/// Finds an article. Errors: there is none, or it was deleted.
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
            let slug = slug.parse().map_err(|e| Error::internal("a stored slug", e))?;
            let article = Article { id, slug };
            Ok(if moved { Found::Moved(article) } else { Found::Here(article) })
        }
        Some((id, ..)) => Err(Error::Withdrawn(withdrawn(connection, id).await?.unwrap_or_default())),
        None => Err(Error::NotFound("there is no such article".into())),
    }
}

/// How it stands with an article.
pub async fn standing(connection: &mut AsyncPgConnection, id: Uuid) -> Result<PublicationStatus, Error> {
    Ok(PublicationStatus {
        latest: history::latest(connection, id).await?.summary,
        live: history::live(connection, id).await?,
        schedule: schedule::read(connection, id).await?,
        withdrawn: withdrawn(connection, id).await?,
    })
}

async fn withdrawn(connection: &mut AsyncPgConnection, id: Uuid) -> Result<Option<String>, Error> {
    Ok(withdrawals::table.find(id).select(withdrawals::reason).first(connection).await.optional()?)
}

/// What the latest revision of an article is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not published yet.
    Draft,
    /// What readers see.
    Live,
    /// What readers saw.
    Past,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            State::Draft => "draft",
            State::Live => "live",
            State::Past => "past",
        }
    }
}

/// The articles of which the latest revision was saved before `after`, a time and an id, the newest first, at most `limit`;
/// those in one state if it is given.
pub async fn list(
    connection: &mut AsyncPgConnection,
    state: Option<State>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<(Article, PublicationStatus)>, Error> {
    type Row = ((Uuid, String), Summary, Option<Schedule>, Option<String>, Option<i32>);
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
            Summary::as_select(),
            Option::<Schedule>::as_select(),
            withdrawals::reason.nullable(),
            articles::revision.nullable(),
        ))
        .into_boxed();
    if let Some(state) = state {
        latest = latest.filter(revisions::state.eq(state.as_str()));
    }
    if let Some((at, id)) = after {
        let before = revisions::created_at.lt(at);
        latest = latest.filter(before.or(revisions::created_at.eq(at).and(revisions::document_id.lt(id))));
    }
    let rows: Vec<Row> = latest.load(connection).await?;
    let standing = |((id, slug), latest, schedule, withdrawn, live): Row| {
        let slug = slug.parse().map_err(|e| Error::internal("a stored slug", e))?;
        Ok((Article { id, slug }, PublicationStatus { latest, live, schedule, withdrawn }))
    };
    rows.into_iter().map(standing).collect()
}

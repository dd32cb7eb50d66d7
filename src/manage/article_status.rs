//! How it stands with an article, as nearly every answer here says it.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    db::PgConnection,
    error::Error,
    publishing::{
        article::{self, Article, PublicationStatus},
        revisions::{self, RevisionState},
    },
};

/// What the history says of a revision.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RevisionSummary {
    /// Its number: 1 for the first of an article.
    #[schema(example = 2, minimum = 1)]
    pub revision: i32,
    /// A `draft`, `live` (readers see it), or `past`.
    #[schema(example = "live")]
    pub state: RevisionState,
    /// The hash of its content.
    #[schema(example = "73f1959d3a2ec44a6d26775f5d6904c0")]
    pub hash: String,
    /// Who saved it: the name of the key, or what did it on the command line.
    #[schema(example = "editor")]
    pub saved_by: String,
    /// When.
    pub saved_at: DateTime<Utc>,
}

impl From<revisions::RevisionSummary> for RevisionSummary {
    fn from(summary: revisions::RevisionSummary) -> RevisionSummary {
        RevisionSummary {
            revision: summary.number,
            state: summary.state,
            hash: summary.hash,
            saved_by: summary.created_by,
            saved_at: summary.created_at,
        }
    }
}

/// How it stands with an article.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ArticleStatus {
    /// Its id; it never changes.
    pub id: Uuid,
    /// The slug that it has now.
    #[schema(example = "cord-blood")]
    pub slug: String,
    /// Its latest revision.
    #[serde(flatten)]
    pub latest: RevisionSummary,
    /// The number of the revision that readers see; `null` where they see none.
    #[schema(example = 2)]
    pub live_revision: Option<i32>,
    /// What is published later, and when.
    pub schedule: Option<PlannedPublication>,
    /// The reason that readers are told, where the article was published and is not any more.
    pub withdrawn: Option<String>,
}

/// A publication that is to come.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlannedPublication {
    /// The revision.
    #[schema(example = 3, minimum = 1)]
    pub revision: i32,
    /// When, by the clock of the database.
    pub at: DateTime<Utc>,
    /// Why it could not be published when its time had come; it is not tried again.
    pub failure: Option<String>,
}

impl ArticleStatus {
    pub(super) fn new(article: &Article, standing: PublicationStatus) -> ArticleStatus {
        ArticleStatus {
            id: article.id,
            slug: article.slug.to_string(),
            latest: standing.latest.into(),
            live_revision: standing.live,
            schedule: standing.schedule.map(|planned| PlannedPublication {
                revision: planned.revision,
                at: planned.publish_at,
                failure: planned.failure,
            }),
            withdrawn: standing.withdrawn,
        }
    }

    /// How it stands with an article now, and its validator.
    pub(super) async fn of(connection: &mut PgConnection, article: &Article) -> Result<(ArticleStatus, String), Error> {
        let standing = article::status(connection, article.id).await?;
        let etag = standing.latest.etag();
        Ok((ArticleStatus::new(article, standing), etag))
    }
}

/// `value` with a validator.
pub(super) fn answer<T: Serialize>(status: StatusCode, etag: &str, value: &T) -> HttpResponse {
    HttpResponseBuilder::new(status).insert_header((header::ETAG, etag)).json(value)
}

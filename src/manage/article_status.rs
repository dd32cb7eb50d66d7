//! The status of an article, which most responses have.

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

/// A revision without its content.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RevisionSummary {
    /// The number, counted from 1 in each article.
    #[schema(example = 2, minimum = 1)]
    pub revision: i32,
    /// The state: `draft`, `live` (readers see it) or `past`.
    #[schema(example = "live")]
    pub state: RevisionState,
    /// The hash of the content.
    #[schema(example = "73f1959d3a2ec44a6d26775f5d6904c0")]
    pub hash: String,
    /// The author: the name of the key, or of the command.
    #[schema(example = "editor")]
    pub saved_by: String,
    /// The time of the save.
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

/// The status of an article.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ArticleStatus {
    /// The id, which never changes.
    pub id: Uuid,
    /// The present slug.
    #[schema(example = "cord-blood")]
    pub slug: String,
    /// The latest revision.
    #[serde(flatten)]
    pub latest: RevisionSummary,
    /// The number of the revision that readers see; `null` if they see none.
    #[schema(example = 2)]
    pub live_revision: Option<i32>,
    /// The scheduled publication.
    pub schedule: Option<PlannedPublication>,
    /// The public reason, if the article was withdrawn.
    pub withdrawn: Option<String>,
}

/// A scheduled publication.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlannedPublication {
    /// The number of the revision.
    #[schema(example = 3, minimum = 1)]
    pub revision: i32,
    /// The time, by the clock of the database.
    pub at: DateTime<Utc>,
    /// The reason of its failure; it is not tried again.
    pub failure: Option<String>,
}

impl ArticleStatus {
    pub(super) fn new(article: &Article, status: PublicationStatus) -> ArticleStatus {
        ArticleStatus {
            id: article.id,
            slug: article.slug.to_string(),
            latest: status.latest.into(),
            live_revision: status.live,
            schedule: status.schedule.map(|planned| PlannedPublication {
                revision: planned.revision,
                at: planned.publish_at,
                failure: planned.failure,
            }),
            withdrawn: status.withdrawn,
        }
    }

    /// Reads the status of an article, and its validator.
    pub(super) async fn of(connection: &mut PgConnection, article: &Article) -> Result<(ArticleStatus, String), Error> {
        let status = article::status(connection, article.id).await?;
        let etag = status.latest.etag();
        Ok((ArticleStatus::new(article, status), etag))
    }
}

/// Returns `value` as JSON with a validator.
pub(super) fn response_with_etag<T: Serialize>(status: StatusCode, etag: &str, value: &T) -> HttpResponse {
    HttpResponseBuilder::new(status).insert_header((header::ETAG, etag)).json(value)
}

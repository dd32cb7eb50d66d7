//! `/v1/articles/{slug}/views`: counts a view of an article.
//!
//! Only this operation counts views: caches answer most GET requests. The request writes nothing: the
//! [`ViewSink`](crate::http::state::ViewSink) counts in memory and stores nothing about readers.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, post, web};
use tokio::time::timeout;

use super::{
    address::ArticlePath,
    articles::published::{BodyColumns, PublishedArticle},
};
use crate::{
    error::Error,
    http::{BODY_LIMIT, Query, cached_get::resolve_id, query::NoParameters, state::AppState},
};

/// Time limit for a body that is discarded.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Count a view
///
/// Returns no content and counts one view; made for `navigator.sendBeacon(url)`. The body is ignored. Views from the same
/// address and user agent within 10 to 20 minutes count once. Nothing about the reader is stored. A view by an earlier
/// slug counts for the article, without a redirect.
#[utoipa::path(
    tag = "Articles", params(ArticlePath),
    responses((status = 204, description = "The view was accepted.")),
)]
#[post("/v1/articles/{slug}/views")]
pub async fn count_view(
    path: web::Path<ArticlePath>,
    _: Query<NoParameters>,
    body: web::Payload,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let key = path.name()?;
    discard_body(body).await?;
    let article = resolve_id(&request, async move |connection| {
        let card = PublishedArticle::load(connection, &key, BodyColumns::NONE).await?.card;
        Ok((card.id, vec![format!("article:{}", card.id)]))
    })
    .await?;
    Ok(state.record_view(article, request.head()))
}

/// Reads a body to its end, so that the connection can be reused.
async fn discard_body(body: web::Payload) -> Result<(), Error> {
    match timeout(BODY_TIMEOUT, body.to_bytes_limited(BODY_LIMIT)).await {
        Ok(Ok(Ok(_))) => Ok(()),
        Ok(Ok(Err(error))) => Err(Error::MalformedRequest(error.to_string())),
        Ok(Err(_)) => Err(Error::ContentTooLarge { limit: BODY_LIMIT }),
        Err(_) => Err(Error::MalformedRequest("the body did not arrive within 5 seconds".into())),
    }
}

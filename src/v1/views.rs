//! `/v1/articles/{slug}/views`: an article is read.
//!
//! Only this counts a view, never a GET: caches answer most of those. A view is counted in memory, by the
//! [`ViewSink`](crate::http::state::ViewSink); nothing about the reader is stored.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, post, web};
use tokio::time::timeout;

use super::{
    address::named,
    articles::find::{Wanted, find},
};
use crate::{
    error::Error,
    http::{BODY_LIMIT, Query, cached_get::resolve_id, query::NoParameters, state::AppState},
};

/// How long a body may take that nobody needs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Count a view
///
/// Says that somebody reads the article; made for `navigator.sendBeacon(url)`. Whatever the body holds is ignored. A repeat
/// from the same address and user agent within 10 to 20 minutes counts once; nothing about the reader is stored. An earlier
/// slug counts for the article that it leads to.
#[utoipa::path(
    tag = "Articles",
    params(("slug" = String, Path, description = "The article's slug, present or earlier, or its id.", example = "stem-cell-infusion")),
    responses((status = 204, description = "It is noted.")),
)]
#[post("/v1/articles/{slug}/views")]
pub async fn count_view(
    path: web::Path<String>,
    _: Query<NoParameters>,
    body: web::Payload,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let key = named(&path)?;
    ignore(body).await?;
    let article = resolve_id(&request, async move |connection| {
        let card = find(connection, &key, Wanted::default()).await?.card;
        Ok((card.id, vec![format!("article:{}", card.id)]))
    })
    .await?;
    Ok(state.record_view(article, request.head()))
}

/// Reads a body to its end, so that the connection can go on to the next request.
async fn ignore(body: web::Payload) -> Result<(), Error> {
    match timeout(PATIENCE, body.to_bytes_limited(BODY_LIMIT)).await {
        Ok(Ok(Ok(_))) => Ok(()),
        Ok(Ok(Err(error))) => Err(Error::MalformedRequest(error.to_string())),
        Ok(Err(_)) => Err(Error::ContentTooLarge { limit: BODY_LIMIT }),
        Err(_) => Err(Error::MalformedRequest("the body did not come in time".into())),
    }
}

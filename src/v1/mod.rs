//! The public API: one file or folder for each feature, from the request to SQL. It reads published tables only.
//!
//! - [`site`], [`articles`], [`sections`], [`topics`], [`search`]: the content
//! - [`related`], [`adjacent`], [`hot`]: the next article to read; [`views`] counts views for the hot list
//! - [`address`], [`card`], [`fields`], [`filters`]: what several features share

pub mod address;
pub mod adjacent;
pub mod articles;
pub mod card;
pub mod fields;
pub mod filters;
pub mod hot;
pub mod related;
pub mod search;
pub mod sections;
pub mod site;
pub mod topics;
pub mod views;

use actix_web::{HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    error::Error,
    http::{
        CachedGet, Payload,
        policy::{Access, RoutePolicy, Storage},
        query::NoParameters,
    },
};

/// The policy of every route under `/v1`.
pub static POLICY: RoutePolicy = RoutePolicy {
    paths: &["/v1"],
    access: Access::AnyOrigin,
    storage: Storage::Stored(&["/v1/articles/{slug}"]),
    ..RoutePolicy::DEFAULT
};

/// Registers every operation under `/v1`.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(read_index)
        .service(site::read_site)
        .service(articles::list::list_articles)
        .service(articles::read::read_article)
        .service(sections::list_sections)
        .service(sections::read_section)
        .service(related::list_related)
        .service(adjacent::read_adjacent)
        .service(views::count_view)
        .service(hot::list_hot)
        .service(topics::list_topics)
        .service(topics::read_topic)
        .service(search::search)
        .service(search::suggest::suggest);
}

/// The paths of the API.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryPoints {
    /// The description of the site.
    #[schema(example = "/v1/site")]
    pub site: &'static str,
    /// The list of articles.
    #[schema(example = "/v1/articles")]
    pub articles: &'static str,
    /// The list of topics.
    #[schema(example = "/v1/topics")]
    pub topics: &'static str,
    /// The hot list.
    #[schema(example = "/v1/recommendations/hot")]
    pub hot: &'static str,
    /// The search.
    #[schema(example = "/v1/search")]
    pub search: &'static str,
    /// The OpenAPI document.
    #[schema(example = "/openapi.json")]
    pub openapi: &'static str,
    /// The API reference.
    #[schema(example = "/docs")]
    pub docs: &'static str,
}

/// List the entry points
///
/// Returns the paths of the lists, the search and the API reference.
#[utoipa::path(tag = "Site", responses((status = 200, description = "The entry points.", body = EntryPoints)))]
#[get("/v1")]
pub async fn read_index(read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    let index = EntryPoints {
        site: "/v1/site",
        articles: "/v1/articles",
        topics: "/v1/topics",
        hot: "/v1/recommendations/hot",
        search: "/v1/search",
        openapi: "/openapi.json",
        docs: "/docs",
    };
    read.respond_immutable(|_| Ok(Payload::json(&index)?.tagged(["index"]))).await
}

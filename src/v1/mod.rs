//! The public API: one file a feature, from request to SQL. Reads the public half of the database only.
//!
//! - [`site`] the site's own facts · [`articles`] lists and whole articles · [`sections`] one section and the tree
//! - [`related`] related reading · [`adjacent`] the articles beside one · [`views`] what is read · [`hot`] the hot list · [`topics`] · [`search`]
//! - [`card`] what every list shares · [`fields`] the `fields` parameter · [`address`] from a path to an article

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

/// Every operation under `/v1`.
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

/// Where everything is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Index {
    /// What the service says of itself.
    #[schema(example = "/v1/site")]
    pub site: &'static str,
    /// The articles.
    #[schema(example = "/v1/articles")]
    pub articles: &'static str,
    /// The topics.
    #[schema(example = "/v1/topics")]
    pub topics: &'static str,
    /// What is read most.
    #[schema(example = "/v1/recommendations/hot")]
    pub hot: &'static str,
    /// Search.
    #[schema(example = "/v1/search")]
    pub search: &'static str,
    /// This API, described for programs.
    #[schema(example = "/openapi.json")]
    pub openapi: &'static str,
    /// This API, described for people.
    #[schema(example = "/docs")]
    pub docs: &'static str,
}

/// List the entry points
///
/// Links to everything that the API has.
#[utoipa::path(tag = "Site", responses((status = 200, description = "The links.", body = Index)))]
#[get("/v1")]
pub async fn read_index(read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    let index = Index {
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

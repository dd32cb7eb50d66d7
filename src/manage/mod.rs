//! The API that changes things: reads the request, calls [`publishing`](crate::publishing), answers. No SQL.
//!
//! - [`call`] who asks, and what · [`json`] bodies · [`standing`] how it stands with an article, as most answers say it
//! - [`articles`] drafts · [`revisions`] their history · [`publication`] publish, schedule, withdraw, move · [`preview`]
//! - [`site`] · [`topics`] · [`pins`] what is around the articles; [`state`] what these three share
//! - [`keys`] who may write · [`audit`] who did what

pub mod articles;
pub mod audit;
pub mod call;
pub mod json;
pub mod keys;
pub mod pins;
pub mod preview;
pub mod publication;
pub mod revisions;
pub mod site;
pub mod standing;
pub mod state;
pub mod topics;

use utoipa_actix_web::service_config::ServiceConfig;

use crate::http::{
    MANAGED_BODY_LIMIT,
    policy::{RoutePolicy, Storage},
};

/// The policy of every route under `/manage`.
pub static POLICY: RoutePolicy = RoutePolicy {
    paths: &["/manage"],
    storage: Storage::NoStore,
    body_limit: MANAGED_BODY_LIMIT,
    ..RoutePolicy::DEFAULT
};

/// Every operation under `/manage/v1`, and the links to previews that they give.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(articles::list_drafts)
        .service(articles::read_draft)
        .service(articles::put_article)
        .service(articles::delete_article)
        .service(revisions::list_revisions)
        .service(revisions::read_revision)
        .service(revisions::restore_revision)
        .service(revisions::diff_revisions)
        .service(publication::publish_article)
        .service(publication::cancel_schedule)
        .service(publication::withdraw_article)
        .service(publication::move_article)
        .service(preview::create_preview)
        .service(preview::read_preview)
        .service(preview::read_preview_page)
        .service(site::read_managed_site)
        .service(site::put_site)
        .service(topics::read_managed_topic)
        .service(topics::put_topic)
        .service(topics::delete_topic)
        .service(pins::read_pins)
        .service(pins::put_pins)
        .service(keys::list_keys)
        .service(keys::create_key)
        .service(keys::revoke_key)
        .service(audit::list_audit);
}

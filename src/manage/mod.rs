//! The write API under `/manage/v1`: parses a request, calls [`publishing`](crate::publishing), responds. No SQL.
//!
//! - [`authorized`]: the request with its key; its transactions.
//! - [`json`]: JSON bodies.
//! - [`article_status`]: the status that most responses have.
//! - [`articles`]: drafts. [`revisions`]: their history. [`publication`]: publish, schedule, withdraw, move. [`preview`]:
//!   links to drafts.
//! - [`site`], [`topics`], [`pins`]: content around the articles; [`condition`]: their validators.
//! - [`keys`]: API keys. [`audit`]: the audit.

pub mod article_status;
pub mod articles;
pub mod audit;
pub mod authorized;
pub mod condition;
pub mod json;
pub mod keys;
pub mod pins;
pub mod preview;
pub mod publication;
pub mod revisions;
pub mod site;
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

//! The API that changes things: reads the request, calls [`publishing`](crate::publishing), answers. No SQL.
//!
//! - [`call`] who asks, and what

pub mod call;

use utoipa_actix_web::service_config::ServiceConfig;

/// Every operation under `/manage/v1`.
pub fn routes(_: &mut ServiceConfig<'_>) {}

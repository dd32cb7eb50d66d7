//! The state that all workers of a service share.

use std::{net::IpAddr, sync::Arc};

use actix_web::{
    HttpResponse,
    dev::RequestHead,
    http::header::{CACHE_CONTROL, USER_AGENT},
};
use uuid::Uuid;

use super::{cache_control::CacheControl, limit::Limiter, metrics::Metrics, page::Page, policy::RoutePolicies};
use crate::cache::Cache;

/// The maximum number of bytes of a user agent that are compared.
const MAX_AGENT_BYTES: usize = 512;

/// Receives fire-and-forget events of clients, such as views.
pub trait ViewSink: Send + Sync {
    /// Records an event of a client with a user agent about the resource `id`. It is called while the client waits, so it must
    /// not block.
    fn record(&self, id: Uuid, client: IpAddr, agent: &[u8]);
}

/// The state that all workers of a service share.
pub struct AppState {
    /// The cache.
    pub cache: Arc<Cache<Page>>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The rate limit.
    pub limiter: Arc<Limiter>,
    /// `Cache-Control` of responses that caches may store.
    pub cache_control: CacheControl,
    /// The receiver of views.
    pub views: Arc<dyn ViewSink>,
    /// The policies of all routes.
    pub policies: RoutePolicies,
}

impl AppState {
    /// Records a view of the resource `id`, and returns the response to it.
    pub fn record_view(&self, id: Uuid, head: &RequestHead) -> HttpResponse {
        // A peer without an address is on this machine, a proxy at best: its clients cannot be distinguished.
        if let Some(client) = self.limiter.client(head.peer_addr, &head.headers) {
            let agent = head.headers.get(USER_AGENT).map_or(&[][..], |agent| agent.as_bytes());
            self.views.record(id, client, &agent[..agent.len().min(MAX_AGENT_BYTES)]);
        }
        HttpResponse::NoContent().insert_header((CACHE_CONTROL, "no-store")).finish()
    }
}

//! A failure as its problem, or as a page for whoever reads pages.

use actix_web::{
    HttpRequest,
    body::BoxBody,
    dev::ServiceResponse,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};

use crate::{
    error::Error,
    http::{
        body_limit,
        headers::safe,
        problem::{MEDIA_TYPE, Problem},
        read::AppState,
    },
};

/// Whether a request comes from somebody who reads pages: browsers say so, programs do not.
fn asks_for_page(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).filter_map(|accepted| accepted.to_str().ok());
    accepted.flat_map(|list| list.split(',')).any(|kind| kind.trim().to_ascii_lowercase().starts_with("text/html"))
}

/// The same answer with a problem as its body, or with the page that explains it to a person. What comes without an error of ours (the framework's own refusals) is
/// known by its status.
pub(super) fn with_problem(
    response: ServiceResponse<BoxBody>,
    path: &str,
    id: &str,
    delivery: &AppState,
) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let cause = response.response().error();
    let own = cause.and_then(|cause| cause.as_error::<Error>());
    let foreign = || from_status(status, path, cause.map(ToString::to_string).unwrap_or_default());
    let problem = match own {
        Some(error) => Problem::new(error, path, id),
        None => Problem::new(&foreign(), path, id),
    };
    if status.is_server_error() {
        let inside = own.map_or_else(|| foreign().to_string(), ToString::to_string);
        log::error!("{} {path} {}: {inside} ({id})", response.request().method(), status.as_u16());
    }
    let reads_pages = asks_for_page(response.request());
    let page = problem.as_ref().filter(|_| reads_pages).and_then(|problem| (delivery.explain)(path, problem));
    let json = || problem.as_ref().and_then(|problem| serde_json::to_vec(problem).ok()).unwrap_or_default();
    let (kind, policy) = page.as_ref().map_or((MEDIA_TYPE, None), |page| (page.content_type, page.policy));
    let body = page.map_or_else(|| BoxBody::new(json()), |page| BoxBody::new(page.body));
    let mut response = response.map_body(|_, _| body);
    if policy.is_some() {
        safe(policy).for_each(|(name, value)| _ = response.headers_mut().insert(name, value));
    }
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn from_status(status: StatusCode, path: &str, text: String) -> Error {
    match status.as_u16() {
        404 => Error::NotFound("nothing is at this address".into()),
        405 => Error::MethodNotAllowed { allow: "GET, HEAD".into() },
        413 => Error::ContentTooLarge { limit: body_limit(path) },
        415 => Error::UnsupportedMediaType,
        400..=499 => Error::MalformedRequest(text),
        _ => Error::Internal(text),
    }
}

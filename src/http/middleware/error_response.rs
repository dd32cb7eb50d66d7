//! An error as its problem, or as a page for people.

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
        headers::safe,
        problem::{MEDIA_TYPE, Problem},
        request_context::RequestContext,
    },
};

/// Returns whether the client is a browser: those accept HTML, programs do not.
fn accepts_html(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).filter_map(|accepted| accepted.to_str().ok());
    accepted.flat_map(|list| list.split(',')).any(|kind| kind.trim().to_ascii_lowercase().starts_with("text/html"))
}

/// Replaces the body of an error response with its problem, or with the page of its route for people. Errors of the framework
/// are known by their status.
pub(super) fn with_problem(response: ServiceResponse<BoxBody>, context: &RequestContext) -> ServiceResponse<BoxBody> {
    let (status, path) = (response.status(), response.request().path());
    let cause = response.response().error();
    let own = cause.and_then(|cause| cause.as_error::<Error>()).cloned();
    let error = own.unwrap_or_else(|| {
        from_status(status, context.policy.body_limit, cause.map(ToString::to_string).unwrap_or_default())
    });
    let id = context.id.to_str().unwrap_or_default();
    if status.is_server_error() {
        log::error!("{} {path} {}: {error} ({id})", context.method, status.as_u16());
    }
    let problem = Problem::new(&error, path, id);
    let error_page = context.policy.error_page.filter(|_| accepts_html(response.request()));
    let page = error_page.zip(problem.as_ref()).and_then(|(error_page, problem)| error_page(path, problem));
    let (kind, policy, body) = if let Some(page) = page {
        (page.content_type, page.policy, BoxBody::new(page.body))
    } else {
        let json = problem.and_then(|problem| serde_json::to_vec(&problem).ok()).unwrap_or_default();
        (MEDIA_TYPE, None, BoxBody::new(json))
    };
    let mut response = response.map_body(|_, _| body);
    let headers = response.headers_mut();
    if policy.is_some() {
        safe(policy).for_each(|(name, value)| _ = headers.insert(name, value));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn from_status(status: StatusCode, body_limit: usize, text: String) -> Error {
    match status.as_u16() {
        404 => Error::NotFound("there is no resource at this address; /v1 lists what there is".into()),
        405 => Error::MethodNotAllowed { allow: "GET, HEAD".into() },
        413 => Error::ContentTooLarge { limit: body_limit },
        415 => Error::UnsupportedMediaType,
        400..=499 => Error::MalformedRequest(text),
        _ => Error::Internal(text),
    }
}

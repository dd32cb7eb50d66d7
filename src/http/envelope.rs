//! What is around every request: its id, readable addresses, HEAD as GET, CORS, problem bodies, and the line in the log.

use std::time::Instant;

use actix_web::{
    HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
};
use uuid::Uuid;

use super::{
    BODY_LIMIT,
    problem::{MEDIA_TYPE, Problem},
};
use crate::error::Error;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers that scripts of other origins may read.
const EXPOSED: &str = "ETag, Link, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id";

/// The middleware; the outermost of all.
pub async fn envelope(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.path().to_owned();
    let public = path == "/v1" || path.starts_with("/v1/");

    let mut response = if let Err(error) = readable(&request).and_then(|()| small(&request)) {
        // Not `into_response`, which would lose the error that the problem is made from.
        ServiceResponse::new(request.into_parts().0, HttpResponse::from_error(error))
    } else if public && is_preflight(&request) {
        request.into_response(preflight())
    } else {
        if method == Method::HEAD {
            // actix sends the length of the body and drops the body: the connection knows that it was HEAD.
            request.head_mut().method = Method::GET;
        }
        next.call(request).await?.map_into_boxed_body()
    };

    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        response = with_problem(response, &path, &id);
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if public {
        // Not only where an Origin was sent: a shared cache keeps one answer for all.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
    let micros = started.elapsed().as_micros();
    log::info!(target: "lectern::access", "{method} {path} {} {micros}us {id}", status.as_u16());
    Ok(response)
}

/// Whether the body that a request announces is one that could be taken.
fn small(request: &ServiceRequest) -> Result<(), Error> {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.unwrap_or(0_u64) > BODY_LIMIT as u64 {
        return Err(Error::ContentTooLarge { limit: BODY_LIMIT });
    }
    Ok(())
}

/// The client's own id where it can stand in a header and a log line, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let given = given.filter(|id| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    });
    given.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// Whether path and query are percent-encoded UTF-8 without NUL (RFC 3986 section 2.1).
fn readable(request: &ServiceRequest) -> Result<(), Error> {
    for (part, text) in [("path", request.uri().path()), ("query", request.query_string())] {
        let bytes = decode(text)
            .ok_or_else(|| Error::MalformedRequest(format!("the {part} has a % without two hexadecimal digits")))?;
        if bytes.contains(&0) {
            return Err(Error::MalformedRequest(format!("the {part} has a NUL character")));
        }
        if std::str::from_utf8(&bytes).is_err() {
            return Err(Error::MalformedRequest(format!(
                "the {part} is not UTF-8 when its percent-encoding is undone"
            )));
        }
    }
    Ok(())
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
            let value = digit()? * 16 + digit()?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}

fn is_preflight(request: &ServiceRequest) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, "*"))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "86400"))
        .finish()
}

/// The same answer with a problem as its body. What comes without an error of ours (the framework's own refusals) is
/// known by its status.
fn with_problem(response: ServiceResponse<BoxBody>, path: &str, id: &str) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let cause = response.response().error();
    let own = cause.and_then(|cause| cause.as_error::<Error>());
    let foreign = || from_status(status, cause.map(ToString::to_string).unwrap_or_default());
    let problem = match own {
        Some(error) => Problem::new(error, path, id),
        None => Problem::new(&foreign(), path, id),
    };
    if status.is_server_error() {
        let inside = own.map_or_else(|| foreign().to_string(), ToString::to_string);
        log::error!("{} {path} {}: {inside} ({id})", response.request().method(), status.as_u16());
    }
    let body = problem.and_then(|problem| serde_json::to_vec(&problem).ok()).unwrap_or_default();
    let mut response = response.map_body(|_, _| BoxBody::new(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn from_status(status: StatusCode, text: String) -> Error {
    match status.as_u16() {
        404 => Error::NotFound("nothing is at this address".into()),
        405 => Error::MethodNotAllowed { allow: "GET, HEAD".into() },
        413 => Error::ContentTooLarge { limit: BODY_LIMIT },
        415 => Error::UnsupportedMediaType,
        400..=499 => Error::MalformedRequest(text),
        _ => Error::Internal(text),
    }
}

//! Errors as RFC 9457 problems, and the pages that their `type` leads to.

use std::fmt::Write;

use actix_web::{
    HttpResponse, ResponseError, get,
    http::{StatusCode, header},
    web,
};
use serde::Serialize;
use utoipa::{
    ToResponse, ToSchema,
    openapi::{Ref, RefOr, Response},
};

use super::{CachedGet, Payload, headers::SURROGATE_KEY, query::NoParameters};
use crate::error::{Error, FieldError, Kind};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// After how many seconds a client may try again when the database cannot be reached.
const RETRY_AFTER_SECONDS: &str = "2";

/// What every failure answers (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// The kind of problem; GET on it is a page that explains it.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid-parameter")]
    pub kind: String,
    /// The kind of problem, in words.
    #[schema(example = "A parameter is not valid")]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 400, minimum = 400, maximum = 599)]
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
    /// The path that was asked for.
    #[schema(example = "/v1/articles")]
    pub instance: String,
    /// The request's id, as `X-Request-Id` says it and the log keeps it.
    pub request_id: String,
    /// Each fault with its place; empty where the whole request is at fault.
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// The problem that `error` is to a client; `None` for a redirect.
    #[must_use]
    pub fn new(error: &Error, instance: &str, request_id: &str) -> Option<Problem> {
        let kind = error.kind()?;
        Some(Problem {
            kind: format!("/problems/{}", kind.name),
            title: kind.title,
            status: kind.status,
            detail: error.detail(),
            instance: instance.to_owned(),
            request_id: request_id.to_owned(),
            errors: error.faults().to_vec(),
        })
    }
}

macro_rules! documented {
    ($($name:ident = $kind:ident;)*) => {
        $(
            #[doc = concat!("The shared answer of this kind in the description, for operations that can give it: `", stringify!($name), "`.")]
            pub struct $name;

            impl<'r> ToResponse<'r> for $name {
                fn response() -> (&'r str, RefOr<Response>) {
                    (Kind::$kind.name, RefOr::Ref(Ref::from_response_name(Kind::$kind.name)))
                }
            }
        )*
    };
}
documented! {
    NotFound = NOT_FOUND;
    Conflict = CONFLICT;
    PreconditionFailed = PRECONDITION_FAILED;
    PreconditionRequired = PRECONDITION_REQUIRED;
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        let status = self.kind().map_or(308, |kind| kind.status);
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Status and headers; the envelope writes the body, which needs the request's id.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        match self {
            Error::Moved { location, tags } => {
                response.insert_header((header::LOCATION, location.as_str()));
                if tags.is_empty() { &mut response } else { response.insert_header((SURROGATE_KEY, tags.join(" "))) }
            }
            Error::MethodNotAllowed { allow } => response.insert_header((header::ALLOW, allow.as_str())),
            // RFC 6750 section 3.
            Error::Unauthenticated(_) => response.insert_header((header::WWW_AUTHENTICATE, "Bearer")),
            Error::PreconditionFailed { etag: Some(etag) } | Error::PreconditionRequired { etag } => {
                response.insert_header((header::ETAG, etag.as_str()))
            }
            Error::RateLimited { seconds } => response.insert_header((header::RETRY_AFTER, *seconds)),
            Error::Unavailable(_) => response.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS)),
            _ => &mut response,
        };
        response.finish()
    }
}

/// List the kinds of problems
///
/// Every failure is `application/problem+json` (RFC 9457). This page lists the kinds there are, each with its status.
#[utoipa::path(tag = "Around", responses((status = 200, description = "The list, as a page for people.", body = String, content_type = "text/html")))]
#[get("/problems")]
pub async fn list_problems(read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    let mut items = String::new();
    for kind in Kind::ALL {
        let Kind { name, status, title, .. } = kind;
        let _ = write!(items, "<li><a href=\"/problems/{name}\">{name}</a> ({status}): {title}</li>");
    }
    let text = format!("<p>Every failure is an RFC 9457 problem of one of these kinds.</p><ul>{items}</ul>");
    read.built_in(|_| Ok(page("Problems", &text))).await
}

/// Explain a kind of problem
///
/// The page that a problem's `type` leads to: what happened and what a client does about it.
#[utoipa::path(
    tag = "Around",
    params(("name" = String, Path, description = "The last part of a problem's `type`.", example = "invalid-parameter")),
    responses((status = 200, description = "The explanation, as a page for people.", body = String, content_type = "text/html")),
)]
#[get("/problems/{name}")]
pub async fn read_problem(name: web::Path<String>, read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    let kind = Kind::ALL.iter().find(|kind| kind.name == name.as_str());
    let kind = kind.ok_or_else(|| Error::NotFound("there is no problem of this name; see /problems".into()))?;
    let text =
        format!("<p>Status {}.</p><p>{}</p><p><a href=\"/problems\">All problems</a></p>", kind.status, kind.help);
    read.built_in(|_| Ok(page(kind.title, &text))).await
}

fn page(title: &str, content: &str) -> Payload {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><main><h1>{title}</h1>{content}</main></html>\n"
    );
    Payload::bytes("text/html; charset=utf-8", html).tagged(["problems"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_when_to_come_again() {
        let response = Error::RateLimited { seconds: 7 }.error_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers().get(header::RETRY_AFTER).unwrap(), "7");
    }
}

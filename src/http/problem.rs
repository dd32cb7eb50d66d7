//! Errors as RFC 9457 problems.

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use serde::Serialize;
use utoipa::{
    ToResponse, ToSchema,
    openapi::{Ref, RefOr, Response},
};

use super::headers::SURROGATE_KEY;
use crate::error::{Error, FieldError, ProblemType};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The value of `Retry-After` while the database cannot be reached.
const RETRY_AFTER_SECONDS: &str = "2";

/// The body of every error response (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// The problem type; GET on it returns a page that explains it.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid-parameter")]
    pub kind: String,
    /// The problem type in words.
    #[schema(example = "Invalid parameter")]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 400, minimum = 400, maximum = 599)]
    pub status: u16,
    /// The fault of this request.
    pub detail: String,
    /// The requested path.
    #[schema(example = "/v1/articles")]
    pub instance: String,
    /// The request id, as in `X-Request-Id` and in the log.
    pub request_id: String,
    /// Each fault with its location; empty if the whole request is at fault.
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// Returns the problem of an error; `None` for a redirect.
    #[must_use]
    pub fn new(error: &Error, instance: &str, request_id: &str) -> Option<Problem> {
        let kind = error.problem_type()?;
        Some(Problem {
            kind: format!("/problems/{}", kind.name),
            title: kind.title,
            status: kind.status,
            detail: error.detail(),
            instance: instance.to_owned(),
            request_id: request_id.to_owned(),
            errors: error.field_errors().to_vec(),
        })
    }
}

macro_rules! documented {
    ($($name:ident = $kind:ident;)*) => {
        $(
            #[doc = concat!("The shared response of this problem type, for operations that document it: `", stringify!($name), "`.")]
            pub struct $name;

            impl<'r> ToResponse<'r> for $name {
                fn response() -> (&'r str, RefOr<Response>) {
                    (ProblemType::$kind.name, RefOr::Ref(Ref::from_response_name(ProblemType::$kind.name)))
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
        let status = self.problem_type().map_or(308, |problem_type| problem_type.status);
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Returns status and headers; the middleware writes the body, which needs the request id.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_limited_response_has_retry_after() {
        let response = Error::RateLimited { seconds: 7 }.error_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers().get(header::RETRY_AFTER).unwrap(), "7");
    }
}

//! The errors, and their one table: variant → status, problem type, title.
//!
//! Every error response is an RFC 9457 problem. The table has no wildcard, so a new variant needs a line in it. Internal causes
//! are logged under the request id and never sent.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

/// An error in one part of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The query or path parameter; absent if `pointer` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "sort", nullable = false)]
    pub parameter: Option<String>,
    /// The location in the body (JSON Pointer, RFC 6901); absent if `parameter` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pointer: Option<String>,
    /// The line in the text at `pointer`, counted from 1; absent if no single line is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, nullable = false)]
    pub line: Option<u32>,
    /// The column in that line, counted from 1 in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, nullable = false)]
    pub column: Option<u32>,
    /// The cause, in one sentence.
    #[schema(example = "unknown value `popular`: expected one of -published_at, published_at")]
    pub detail: String,
}

impl FieldError {
    /// Returns an error of a query or path parameter.
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> FieldError {
        FieldError { parameter: Some(name.into()), pointer: None, line: None, column: None, detail: detail.into() }
    }

    /// Returns an error of a part of the body, by JSON Pointer; the empty pointer is the complete body.
    pub fn body(pointer: impl Into<String>, detail: impl Into<String>) -> FieldError {
        FieldError { parameter: None, pointer: Some(pointer.into()), line: None, column: None, detail: detail.into() }
    }
}

/// The reasons for which an operation does not give the requested response.
#[derive(Debug, Clone)]
pub enum Error {
    /// The article or section has a new address.
    Moved {
        /// The new address, a path with its query.
        location: String,
        /// The tags that invalidate the redirect.
        tags: Vec<String>,
    },
    /// Invalid query or path parameters.
    InvalidParameter(Vec<FieldError>),
    /// A request that violates HTTP, percent-encoding or JSON.
    MalformedRequest(String),
    /// A missing or invalid key; the text says which.
    Unauthenticated(String),
    /// A key without the scope, or an invalid signed link.
    Forbidden(String),
    /// An address at which nothing is or was published.
    NotFound(String),
    /// A withdrawn article or a removed section; the text is the public reason.
    Withdrawn(String),
    /// A known path with another method.
    MethodNotAllowed {
        /// The value of `Allow`.
        allow: String,
    },
    /// A body above the limit.
    ContentTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A body of a media type that the operation does not accept.
    UnsupportedMediaType,
    /// A conflict with the present state, such as a slug of another article.
    Conflict(String),
    /// A false `If-Match` or `If-None-Match`.
    PreconditionFailed {
        /// The current `ETag`; `None` if there is no resource.
        etag: Option<String>,
    },
    /// An update without `If-Match`.
    PreconditionRequired {
        /// The current `ETag`.
        etag: String,
    },
    /// A well-formed body that is not valid, with all its errors.
    InvalidContent(Vec<FieldError>),
    /// A client above its rate limit; nothing of the request was done.
    RateLimited {
        /// The seconds until a request is accepted.
        seconds: u32,
    },
    /// The database cannot be reached; the text is for the log.
    Unavailable(String),
    /// Every other error; the text is for the log.
    Internal(String),
}

/// A problem type: one line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemType {
    /// The last segment of the problem's `type`.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The problem's `title`.
    pub title: &'static str,
    /// The advice to the client, for the page of the problem type.
    pub help: &'static str,
}

macro_rules! problem_types {
    ($($constant:ident = $status:literal, $name:literal, $title:literal, $help:literal;)*) => {
        impl ProblemType {
            $(#[doc = $title] pub const $constant: ProblemType =
                ProblemType { name: $name, status: $status, title: $title, help: $help };)*

            /// All problem types, by status.
            pub const ALL: &'static [ProblemType] = &[$(ProblemType::$constant),*];
        }
    };
}

problem_types! {
    INVALID_PARAMETER = 400, "invalid-parameter", "Invalid parameter",
        "`errors` names each invalid parameter and what is expected of it. Parameters and values that are not documented are refused rather than ignored, so that a misspelling is seen at once.";
    MALFORMED_REQUEST = 400, "malformed-request", "Malformed request",
        "The path, the query or the body violates HTTP, percent-encoding (RFC 3986) or JSON (RFC 8259). `detail` says where.";
    UNAUTHENTICATED = 401, "unauthenticated", "Authentication is required",
        "Send `Authorization: Bearer lk_…` with a key that is neither revoked nor expired. `lectern keys create` and `POST /manage/v1/keys` create one.";
    FORBIDDEN = 403, "forbidden", "Forbidden",
        "The key is valid, but lacks the scope that the operation needs; `detail` names it. For a preview: the link was changed or has expired; ask for a new one.";
    NOT_FOUND = 404, "not-found", "Not found",
        "Nothing is or was published at this address. A withdrawn article returns 410 instead, a moved one 308.";
    METHOD_NOT_ALLOWED = 405, "method-not-allowed", "Method not allowed",
        "The path exists, but not with this method. The `Allow` header lists its methods.";
    CONFLICT = 409, "conflict", "Conflict",
        "The request conflicts with the present state; `detail` says how. A slug that ever led to a published article is never given to another: choose another slug. Something that is in use cannot be deleted: remove its uses first.";
    WITHDRAWN = 410, "withdrawn", "Withdrawn",
        "The article was published and then withdrawn, or the section was removed. `detail` gives the public reason. If you have republished it, take it down.";
    PRECONDITION_FAILED = 412, "precondition-failed", "Precondition failed",
        "`If-Match` names another version than the current one, whose `ETag` comes with this response: somebody else saved in between. Read the current version, merge both changes, and send the result with the new `ETag`. With `If-None-Match: *`: the resource exists already.";
    CONTENT_TOO_LARGE = 413, "content-too-large", "Content too large",
        "The body is larger than this operation accepts. `detail` gives the limit.";
    UNSUPPORTED_MEDIA_TYPE = 415, "unsupported-media-type", "Unsupported media type",
        "Send the body in one of the media types that the operation documents, and name it in `Content-Type`.";
    INVALID_CONTENT = 422, "invalid-content", "Invalid content",
        "The body is well-formed, but not valid as content. `errors` lists every error with its location.";
    PRECONDITION_REQUIRED = 428, "precondition-required", "If-Match is required",
        "An update needs `If-Match` with the `ETag` that you have read, so that nobody overwrites a version that they have not seen. The current `ETag` comes with this response.";
    RATE_LIMITED = 429, "rate-limited", "Too many requests",
        "This client has sent more requests than it may. `RateLimit-Policy` gives its quota, `RateLimit` what is left of it. Try again after the number of seconds in `Retry-After`; earlier requests are refused too, and cost nothing.";
    INTERNAL = 500, "internal", "Internal server error",
        "The service failed; the request is not the cause. The log of the service has the cause under the `request_id`.";
    UNAVAILABLE = 503, "unavailable", "Service unavailable",
        "The database cannot be reached. Try again after the number of seconds in `Retry-After`.";
}

impl Error {
    /// Returns the problem type; `None` for a redirect, which is no problem.
    #[must_use]
    pub fn problem_type(&self) -> Option<ProblemType> {
        Some(match self {
            Error::Moved { .. } => return None,
            Error::InvalidParameter(_) => ProblemType::INVALID_PARAMETER,
            Error::MalformedRequest(_) => ProblemType::MALFORMED_REQUEST,
            Error::Unauthenticated(_) => ProblemType::UNAUTHENTICATED,
            Error::Forbidden(_) => ProblemType::FORBIDDEN,
            Error::NotFound(_) => ProblemType::NOT_FOUND,
            Error::Withdrawn(_) => ProblemType::WITHDRAWN,
            Error::MethodNotAllowed { .. } => ProblemType::METHOD_NOT_ALLOWED,
            Error::ContentTooLarge { .. } => ProblemType::CONTENT_TOO_LARGE,
            Error::UnsupportedMediaType => ProblemType::UNSUPPORTED_MEDIA_TYPE,
            Error::Conflict(_) => ProblemType::CONFLICT,
            Error::PreconditionFailed { .. } => ProblemType::PRECONDITION_FAILED,
            Error::PreconditionRequired { .. } => ProblemType::PRECONDITION_REQUIRED,
            Error::InvalidContent(_) => ProblemType::INVALID_CONTENT,
            Error::RateLimited { .. } => ProblemType::RATE_LIMITED,
            Error::Unavailable(_) => ProblemType::UNAVAILABLE,
            Error::Internal(_) => ProblemType::INTERNAL,
        })
    }

    /// Returns the `detail` of the problem, which is public.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Error::Moved { location, .. } => format!("the resource has moved to {location}"),
            Error::InvalidParameter(errors) | Error::InvalidContent(errors) => match errors.as_slice() {
                [error] => error.detail.clone(),
                errors => format!("{} errors; `errors` lists them", errors.len()),
            },
            Error::MalformedRequest(text)
            | Error::Unauthenticated(text)
            | Error::Forbidden(text)
            | Error::NotFound(text)
            | Error::Withdrawn(text)
            | Error::Conflict(text) => text.clone(),
            Error::PreconditionFailed { etag: Some(etag) } => format!("the current ETag is {etag}"),
            Error::PreconditionFailed { etag: None } => {
                "there is no resource here, so `If-Match` cannot be true".into()
            }
            Error::PreconditionRequired { etag } => format!("`If-Match` is missing; the current ETag is {etag}"),
            Error::MethodNotAllowed { allow } => format!("this path allows {allow}"),
            Error::ContentTooLarge { limit } => format!("the body may have at most {limit} bytes"),
            Error::UnsupportedMediaType => {
                "the documentation of this operation lists the media types that it accepts".into()
            }
            Error::RateLimited { seconds } => format!("the next request of this client is accepted after {seconds} s"),
            Error::Unavailable(_) => {
                "the database cannot be reached or does not answer in time; try again after `Retry-After`".into()
            }
            Error::Internal(_) => "the service failed; its log has the cause under this `request_id`".into(),
        }
    }

    /// Returns the tags that invalidate the error in the cache; `None` if it must not be cached.
    ///
    /// Any publication, topic or site description can end a 404, and any publication a 410.
    #[must_use]
    pub fn cache_tags(&self) -> Option<Vec<String>> {
        match self {
            Error::Moved { tags, .. } => Some(tags.clone()),
            Error::NotFound(_) => Some(["articles", "topics", "site"].map(str::to_owned).to_vec()),
            Error::Withdrawn(_) => Some(vec!["articles".to_owned()]),
            Error::InvalidParameter(_)
            | Error::MalformedRequest(_)
            | Error::MethodNotAllowed { .. }
            | Error::ContentTooLarge { .. }
            | Error::UnsupportedMediaType
            | Error::Unauthenticated(_)
            | Error::Forbidden(_)
            | Error::Conflict(_)
            | Error::PreconditionFailed { .. }
            | Error::PreconditionRequired { .. }
            | Error::InvalidContent(_)
            | Error::RateLimited { .. }
            | Error::Unavailable(_)
            | Error::Internal(_) => None,
        }
    }

    /// Returns the errors of the parts of the request.
    #[must_use]
    pub fn field_errors(&self) -> &[FieldError] {
        match self {
            Error::InvalidParameter(errors) | Error::InvalidContent(errors) => errors,
            _ => &[],
        }
    }

    /// Returns an internal error with the operation that failed.
    pub fn internal(doing: &str, cause: impl fmt::Display) -> Error {
        Error::Internal(format!("{doing}: {cause}"))
    }

    /// Returns the error of a failed migration.
    #[must_use]
    pub fn migration(cause: Box<dyn std::error::Error + Send + Sync>) -> Error {
        Error::internal("a migration failed", cause)
    }

    /// Returns the error of one parameter.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Error {
        Error::InvalidParameter(vec![FieldError::parameter(name, detail)])
    }
}

/// For the log and the command line, with internal causes.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unavailable(inside) => {
                write!(f, "the database cannot be reached or does not answer in time: {inside}")
            }
            Error::Internal(inside) => f.write_str(inside),
            Error::InvalidContent(errors) | Error::InvalidParameter(errors) => {
                let lines: Vec<_> = errors.iter().map(|error| error.detail.as_str()).collect();
                f.write_str(&lines.join("; "))
            }
            other => f.write_str(&other.detail()),
        }
    }
}

impl std::error::Error for Error {}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Error {
        use diesel::result::{DatabaseErrorKind as Db, Error as Diesel};
        match &error {
            Diesel::DatabaseError(Db::UnableToSendCommand | Db::ClosedConnection, _) => {
                Error::Unavailable(error.to_string())
            }
            // Diesel does not pass on the SQLSTATE; these are the texts of class 57 (operator intervention, the time limit of a
            // statement among it) and 53300.
            Diesel::DatabaseError(Db::Unknown, info)
                if [
                    "terminating connection",
                    "canceling statement due to",
                    "the database system is",
                    "too many clients",
                    "remaining connection slots",
                ]
                .iter()
                .any(|text| info.message().contains(text)) =>
            {
                Error::Unavailable(error.to_string())
            }
            _ => Error::Internal(error.to_string()),
        }
    }
}

impl From<diesel::ConnectionError> for Error {
    fn from(error: diesel::ConnectionError) -> Error {
        Error::Unavailable(error.to_string())
    }
}

impl From<diesel_async::pooled_connection::deadpool::PoolError> for Error {
    fn from(error: diesel_async::pooled_connection::deadpool::PoolError) -> Error {
        Error::Unavailable(error.to_string())
    }
}

//! What can go wrong, and its one table: variant → status, problem type, title.
//!
//! Every failure that a client meets is an RFC 9457 problem. A variant that is not listed cannot exist: the table has
//! no wildcard. What happened inside is logged under the request's id and never sent.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

/// One fault in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The query or path parameter that is at fault; absent where `pointer` says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "sort", nullable = false)]
    pub parameter: Option<String>,
    /// The place in the body that is at fault (RFC 6901); absent where `parameter` says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pointer: Option<String>,
    /// The line in the text that `pointer` names, counted from 1; absent where it concerns no line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, nullable = false)]
    pub line: Option<u32>,
    /// The column in that line, counted from 1 in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, nullable = false)]
    pub column: Option<u32>,
    /// What is wrong, in one sentence.
    #[schema(example = "unknown value `popular`: expected one of -published_at, published_at")]
    pub detail: String,
}

impl FieldError {
    /// A fault of a query or path parameter.
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> FieldError {
        FieldError { parameter: Some(name.into()), pointer: None, line: None, column: None, detail: detail.into() }
    }

    /// A fault of a place in the body: a pointer of RFC 6901, which is empty for the whole of it.
    pub fn body(pointer: impl Into<String>, detail: impl Into<String>) -> FieldError {
        FieldError { parameter: None, pointer: Some(pointer.into()), line: None, column: None, detail: detail.into() }
    }
}

/// Every way in which an operation ends without the answer that was asked for.
#[derive(Debug, Clone)]
pub enum Error {
    /// The article or section has a new address.
    Moved {
        /// The present address, a path with its query.
        location: String,
        /// The tags that make the redirect stale.
        tags: Vec<String>,
    },
    /// Query or path parameters that cannot be.
    InvalidParameter(Vec<FieldError>),
    /// A request that cannot be read.
    MalformedRequest(String),
    /// The request has no key, or one that does not hold; the text says which.
    Unauthenticated(String),
    /// The key does not reach as far, or a signed link does not hold.
    Forbidden(String),
    /// Nothing is here, and nothing was.
    NotFound(String),
    /// It was published and was withdrawn or removed; the text is public.
    Withdrawn(String),
    /// The path is known, but not with this method.
    MethodNotAllowed {
        /// The methods that the path knows, as `Allow` lists them.
        allow: String,
    },
    /// The body is larger than any that is taken.
    ContentTooLarge {
        /// The most bytes that are taken.
        limit: usize,
    },
    /// The body is of a type that is not taken here.
    UnsupportedMediaType,
    /// What is there does not allow it, such as a slug that belongs to another article.
    Conflict(String),
    /// What `If-Match` or `If-None-Match` says does not hold.
    PreconditionFailed {
        /// The validator that holds now; `None` where there is nothing.
        etag: Option<String>,
    },
    /// An update came without `If-Match`.
    PreconditionRequired {
        /// The validator that holds now.
        etag: String,
    },
    /// Well-formed, but not valid; all faults at once.
    InvalidContent(Vec<FieldError>),
    /// The client sent more than it may; nothing of the request was done.
    RateLimited {
        /// After how many seconds a request is let in.
        seconds: u32,
    },
    /// The database cannot be reached; the text is for the log.
    Unavailable(String),
    /// Anything else; the text is for the log.
    Internal(String),
}

/// One line of the table of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The last part of the problem's `type`.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The problem's `title`.
    pub title: &'static str,
    /// What a client does about it: the text of the problem's page.
    pub help: &'static str,
}

macro_rules! kinds {
    ($($constant:ident = $status:literal, $name:literal, $title:literal, $help:literal;)*) => {
        impl Kind {
            $(#[doc = $title] pub const $constant: Kind =
                Kind { name: $name, status: $status, title: $title, help: $help };)*

            /// Every kind of problem, by status.
            pub const ALL: &'static [Kind] = &[$(Kind::$constant),*];
        }
    };
}

kinds! {
    INVALID_PARAMETER = 400, "invalid-parameter", "A parameter is not valid",
        "`errors` names each parameter that is at fault and what is expected of it. Parameters and values that are not documented are refused rather than ignored, so that a misspelling is seen at once.";
    MALFORMED_REQUEST = 400, "malformed-request", "The request cannot be read",
        "The path, the query or the body is not what HTTP, percent-encoding (RFC 3986) or JSON (RFC 8259) allows. `detail` says where.";
    UNAUTHENTICATED = 401, "unauthenticated", "A key is needed",
        "Send `Authorization: Bearer lk_…` with a key that was neither revoked nor has expired. `lectern keys create` and `POST /manage/v1/keys` make one.";
    FORBIDDEN = 403, "forbidden", "This is not allowed",
        "The key is known, but lacks the scope that the operation needs; `detail` names it. For a preview: the link was changed or has expired; ask for a new one.";
    NOT_FOUND = 404, "not-found", "Nothing is here",
        "Nothing is published at this address and nothing was. What was published and is gone answers 410 instead; what moved answers 308.";
    METHOD_NOT_ALLOWED = 405, "method-not-allowed", "The method is not allowed here",
        "The path exists, but not with this method. The `Allow` header lists the methods that it knows.";
    CONFLICT = 409, "conflict", "It conflicts with what is there",
        "`detail` says with what. A slug that ever led to a published article is never given to another: choose another. What something else still needs cannot go: take it away there first.";
    WITHDRAWN = 410, "withdrawn", "This was withdrawn",
        "It was published and was withdrawn, or the section was removed. `detail` gives the public reason. Whoever republished it should take it down.";
    PRECONDITION_FAILED = 412, "precondition-failed", "It is not what it was",
        "`If-Match` names another state than the present one, whose `ETag` comes with this answer: somebody else saved it in between. Read it, bring both changes together, and send it again with the new `ETag`. With `If-None-Match: *`: it is there already.";
    CONTENT_TOO_LARGE = 413, "content-too-large", "The body is too large",
        "The body is larger than this service takes. `detail` gives the limit.";
    UNSUPPORTED_MEDIA_TYPE = 415, "unsupported-media-type", "The body's type is not supported",
        "Send the body in one of the types that the operation documents, and name it in `Content-Type`.";
    INVALID_CONTENT = 422, "invalid-content", "The content is not valid",
        "The body is well-formed but not valid as content. `errors` lists all faults at once, each with its place.";
    PRECONDITION_REQUIRED = 428, "precondition-required", "Say which state you change",
        "An update needs `If-Match` with the `ETag` that was read, so that nobody overwrites what they have not seen. The present one comes with this answer.";
    RATE_LIMITED = 429, "rate-limited", "Too many requests",
        "More requests came from this client than it may send. `RateLimit-Policy` says how many that is, `RateLimit` how many are left. Try again after the number of seconds in `Retry-After`; sooner is refused again, and costs nothing.";
    INTERNAL = 500, "internal", "Something went wrong inside",
        "This is a fault of the service, not of the request. The log has it under the `request_id`.";
    UNAVAILABLE = 503, "unavailable", "The service cannot answer now",
        "The database cannot be reached. Try again after the number of seconds in `Retry-After`.";
}

impl Error {
    /// The line of the table for this error; `None` for a redirect, which is no problem.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        Some(match self {
            Error::Moved { .. } => return None,
            Error::InvalidParameter(_) => Kind::INVALID_PARAMETER,
            Error::MalformedRequest(_) => Kind::MALFORMED_REQUEST,
            Error::Unauthenticated(_) => Kind::UNAUTHENTICATED,
            Error::Forbidden(_) => Kind::FORBIDDEN,
            Error::NotFound(_) => Kind::NOT_FOUND,
            Error::Withdrawn(_) => Kind::WITHDRAWN,
            Error::MethodNotAllowed { .. } => Kind::METHOD_NOT_ALLOWED,
            Error::ContentTooLarge { .. } => Kind::CONTENT_TOO_LARGE,
            Error::UnsupportedMediaType => Kind::UNSUPPORTED_MEDIA_TYPE,
            Error::Conflict(_) => Kind::CONFLICT,
            Error::PreconditionFailed { .. } => Kind::PRECONDITION_FAILED,
            Error::PreconditionRequired { .. } => Kind::PRECONDITION_REQUIRED,
            Error::InvalidContent(_) => Kind::INVALID_CONTENT,
            Error::RateLimited { .. } => Kind::RATE_LIMITED,
            Error::Unavailable(_) => Kind::UNAVAILABLE,
            Error::Internal(_) => Kind::INTERNAL,
        })
    }

    /// What a client is told beyond the kind.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Error::Moved { location, .. } => format!("it is now at {location}"),
            Error::InvalidParameter(faults) | Error::InvalidContent(faults) => match faults.as_slice() {
                [one] => one.detail.clone(),
                many => format!("{} faults; see errors", many.len()),
            },
            Error::MalformedRequest(text)
            | Error::Unauthenticated(text)
            | Error::Forbidden(text)
            | Error::NotFound(text)
            | Error::Withdrawn(text)
            | Error::Conflict(text) => text.clone(),
            Error::PreconditionFailed { etag: Some(etag) } => format!("the present ETag is {etag}"),
            Error::PreconditionFailed { etag: None } => "there is nothing here that `If-Match` could name".into(),
            Error::PreconditionRequired { etag } => format!("`If-Match` is missing; the present ETag is {etag}"),
            Error::MethodNotAllowed { allow } => format!("this path answers {allow}"),
            Error::ContentTooLarge { limit } => format!("at most {limit} bytes are taken"),
            Error::UnsupportedMediaType => "see the documentation of this operation for the types it takes".into(),
            Error::RateLimited { seconds } => format!("the next request of this client is let in after {seconds} s"),
            Error::Unavailable(_) => "the database cannot be reached, or does not answer in time".into(),
            Error::Internal(_) => "the service failed; its log has the cause under this request_id".into(),
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

    /// The faults, each with its place.
    #[must_use]
    pub fn faults(&self) -> &[FieldError] {
        match self {
            Error::InvalidParameter(faults) | Error::InvalidContent(faults) => faults,
            _ => &[],
        }
    }

    /// A failure inside, with what was being done.
    pub fn internal(doing: &str, cause: impl fmt::Display) -> Error {
        Error::Internal(format!("{doing}: {cause}"))
    }

    /// A migration that failed.
    #[must_use]
    pub fn migration(cause: Box<dyn std::error::Error + Send + Sync>) -> Error {
        Error::internal("a migration failed", cause)
    }

    /// One fault of a parameter.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Error {
        Error::InvalidParameter(vec![FieldError::parameter(name, detail)])
    }
}

/// For the log and the command line: the inside included.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unavailable(inside) => {
                write!(f, "the database cannot be reached, or does not answer in time: {inside}")
            }
            Error::Internal(inside) => f.write_str(inside),
            Error::InvalidContent(faults) | Error::InvalidParameter(faults) => {
                let lines: Vec<_> = faults.iter().map(|fault| fault.detail.as_str()).collect();
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

//! Checks before a request is routed.

use actix_web::{dev::ServiceRequest, http::header};

use crate::{
    error::Error,
    http::{limit::Decision, policy::RoutePolicy},
};

/// Returns 429 for a client that has used up its quota.
pub(super) fn check_quota(decision: Decision) -> Result<(), Error> {
    match decision {
        Decision::Refused(quota) => Err(Error::RateLimited { seconds: quota.retry_after() }),
        Decision::Free | Decision::Within(_) => Ok(()),
    }
}

/// Returns 413 for a body whose announced length is above the limit of its route.
pub(super) fn check_body_length(request: &ServiceRequest, policy: &RoutePolicy) -> Result<(), Error> {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.unwrap_or(0_u64) > policy.body_limit as u64 {
        return Err(Error::ContentTooLarge { limit: policy.body_limit });
    }
    Ok(())
}

/// Returns 400 unless path and query are percent-encoded UTF-8 without NUL (RFC 3986 section 2.1).
pub(super) fn check_encoding(request: &ServiceRequest) -> Result<(), Error> {
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

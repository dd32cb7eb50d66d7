//! `/problems` and `/problems/{name}`: the pages to which the `type` of a problem links.

use std::fmt::Write;

use actix_web::{HttpResponse, get, web};

use super::{CachedGet, Payload, policy::RoutePolicy, query::NoParameters};
use crate::error::{Error, ProblemType};

/// The policy of the pages that explain problems.
pub static POLICY: RoutePolicy = RoutePolicy { paths: &["/problems"], ..RoutePolicy::DEFAULT };

/// List problem types
///
/// A page that lists every problem type with its status. Error responses are `application/problem+json` (RFC 9457).
#[utoipa::path(tag = "Around", responses((status = 200, description = "The list, as HTML.", body = String, content_type = "text/html")))]
#[get("/problems")]
pub async fn list_problems(read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    let mut items = String::new();
    for kind in ProblemType::ALL {
        let ProblemType { name, status, title, .. } = kind;
        let _ = write!(items, "<li><a href=\"/problems/{name}\">{name}</a> ({status}): {title}</li>");
    }
    let text = format!("<p>Every error response is an RFC 9457 problem of one of these types.</p><ul>{items}</ul>");
    read.respond_immutable(|_| Ok(page("Problems", &text))).await
}

/// Read a problem type
///
/// The page to which the `type` of a problem links: the cause, and how to mend the request.
#[utoipa::path(
    tag = "Around",
    params(("name" = String, Path, description = "The last segment of a problem's `type`.", example = "invalid-parameter")),
    responses((status = 200, description = "The explanation, as HTML.", body = String, content_type = "text/html")),
)]
#[get("/problems/{name}")]
pub async fn read_problem(name: web::Path<String>, read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    let kind = ProblemType::ALL.iter().find(|kind| kind.name == name.as_str());
    let kind =
        kind.ok_or_else(|| Error::NotFound("there is no problem type of this name; /problems lists them".into()))?;
    let text =
        format!("<p>Status {}.</p><p>{}</p><p><a href=\"/problems\">All problems</a></p>", kind.status, kind.help);
    read.respond_immutable(|_| Ok(page(kind.title, &text))).await
}

fn page(title: &str, content: &str) -> Payload {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><main><h1>{title}</h1>{content}</main></html>\n"
    );
    Payload::bytes("text/html; charset=utf-8", html).tagged(["problems"])
}

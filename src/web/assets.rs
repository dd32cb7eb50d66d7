//! Style sheet, script and icon of the HTML pages.

use actix_web::{HttpResponse, get};

use crate::{
    error::Error,
    http::{CachedGet, Payload, query::NoParameters},
};

/// Read the style sheet
///
/// Returns the style sheet of the HTML pages.
#[utoipa::path(tag = "Reader", responses((status = 200, description = "The style sheet.", body = String, content_type = "text/css")))]
#[get("/reader.css")]
pub async fn read_style(read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    let style = Payload::bytes("text/css; charset=utf-8", include_str!("reader.css"));
    read.respond_immutable(|_| Ok(style.tagged(["reader"]))).await
}

/// Read the script
///
/// Returns the script of the HTML pages, which adds suggestions and loads lists in place.
#[utoipa::path(tag = "Reader", responses((status = 200, description = "The script.", body = String, content_type = "text/javascript")))]
#[get("/reader.js")]
pub async fn read_script(read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    let script = Payload::bytes("text/javascript; charset=utf-8", include_str!("reader.js"));
    read.respond_immutable(|_| Ok(script.tagged(["reader"]))).await
}

/// Read the icon
///
/// Returns the icon of the HTML pages.
#[utoipa::path(tag = "Reader", responses((status = 200, description = "The icon.", body = String, content_type = "image/svg+xml")))]
#[get("/reader.svg")]
pub async fn read_icon(read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    let icon = Payload::bytes("image/svg+xml", include_str!("reader.svg"));
    read.respond_immutable(|_| Ok(icon.tagged(["reader"]))).await
}

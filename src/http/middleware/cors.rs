//! Preflight requests of browsers (Fetch Standard, section 3.3).

use actix_web::{
    HttpRequest, HttpResponse,
    dev::ServiceRequest,
    http::{Method, header},
    web,
};

use crate::http::fallback::Methods;

pub(super) fn is_preflight(request: &ServiceRequest) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Returns the methods that scripts of other origins may send to a path.
pub(super) fn preflight(request: &HttpRequest) -> HttpResponse {
    let methods = request.app_data::<web::Data<Methods>>().and_then(|methods| methods.at(request));
    HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, methods.unwrap_or("GET, HEAD")))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, "*"))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "86400"))
        .finish()
}

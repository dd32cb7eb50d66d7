//! Responses where no operation matches: 405 with `Allow` on a known path, 404 elsewhere.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use crate::error::Error;

/// The methods of each path pattern, in the form of `Allow`.
#[derive(Debug, Clone, Default)]
pub struct Methods(BTreeMap<String, String>);

impl Methods {
    /// Collects the methods of an OpenAPI document; every GET implies HEAD.
    #[must_use]
    pub fn of(document: &Value) -> Methods {
        let paths = document["paths"].as_object().into_iter().flatten();
        let allow = |item: &Value| {
            let known = [("get", "GET, HEAD"), ("post", "POST"), ("put", "PUT"), ("delete", "DELETE")];
            let known = known.iter().filter(|(method, _)| item.get(method).is_some());
            known.map(|(_, allow)| *allow).collect::<Vec<_>>().join(", ")
        };
        Methods(paths.map(|(pattern, item)| (pattern.clone(), allow(item))).collect())
    }

    /// Returns the methods for the path of a request; `None` if no pattern matches.
    #[must_use]
    pub fn at(&self, request: &HttpRequest) -> Option<&str> {
        // The path as the router sees it, its percent-encoding undone.
        let pattern = request.resource_map().match_pattern(request.match_info().as_str())?;
        // actix keeps regular expressions in its patterns, OpenAPI does not.
        self.0.get(&pattern.replace(":.*}", "}")).map(String::as_str)
    }
}

/// Handles requests that no operation matches.
pub async fn fallback(request: HttpRequest, methods: web::Data<Methods>) -> Result<HttpResponse, Error> {
    match methods.at(&request) {
        Some(allow) => Err(Error::MethodNotAllowed { allow: allow.to_owned() }),
        None => Err(Error::NotFound("there is no resource at this address; /v1 lists what there is".into())),
    }
}

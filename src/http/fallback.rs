//! What is answered where no operation is: 405 with `Allow` on a path that is known, 404 elsewhere.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use crate::error::Error;

/// The methods of every path pattern, as `Allow` lists them.
#[derive(Debug, Clone, Default)]
pub struct Methods(BTreeMap<String, String>);

impl Methods {
    /// The methods that an OpenAPI document names; HEAD goes with every GET.
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
}

impl Methods {
    /// What the path of a request takes; `None` where nothing is.
    #[must_use]
    pub fn at(&self, request: &HttpRequest) -> Option<&str> {
        let pattern = request.resource_map().match_pattern(request.path())?;
        // actix names a pattern with its regular expressions, OpenAPI without.
        self.0.get(&pattern.replace(":.*}", "}")).map(String::as_str)
    }
}

/// The handler of everything that no operation took.
pub async fn fallback(request: HttpRequest, methods: web::Data<Methods>) -> Result<HttpResponse, Error> {
    match methods.at(&request) {
        Some(allow) => Err(Error::MethodNotAllowed { allow: allow.to_owned() }),
        None => Err(Error::NotFound("nothing is at this address; /v1 lists what there is".into())),
    }
}

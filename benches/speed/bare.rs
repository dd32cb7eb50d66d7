//! The bare actix server beside the service: one worker, no middleware, stored bytes from a map.

use std::{collections::HashMap, fs, path::Path};

use actix_web::{
    App, HttpResponse, HttpServer,
    web::{self, Bytes},
};

use crate::Failure;

/// The folders with the bytes. Each is a route whose last segment is a file's name.
pub const KINDS: [&str; 4] = ["v1/articles", "br", "sections", "list"];

type Bodies = HashMap<String, Bytes>;

/// Serves the files in the folder `bytes`.
pub fn serve(address: &str, bytes: &Path) -> Result<(), Failure> {
    let mut kinds = Vec::new();
    for kind in KINDS {
        let mut bodies = Bodies::new();
        for entry in fs::read_dir(bytes.join(kind))? {
            let entry = entry?;
            bodies.insert(entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?.into());
        }
        kinds.push((format!("/{kind}/{{name}}"), web::Data::new(bodies)));
    }
    let server = HttpServer::new(move || {
        let mut app = App::new()
            .route("/empty", web::get().to(async || HttpResponse::Ok().finish()))
            .route("/no-content", web::post().to(async || HttpResponse::NoContent().finish()))
            .route("/not-modified", web::get().to(async || HttpResponse::NotModified().finish()));
        for (pattern, bodies) in &kinds {
            app = app.service(web::resource(pattern).app_data(bodies.clone()).route(web::get().to(deliver)));
        }
        app
    });
    let server = server.workers(1).bind(address)?.run();
    actix_web::rt::System::new().block_on(server)?;
    Ok(())
}

async fn deliver(name: web::Path<String>, bodies: web::Data<Bodies>) -> HttpResponse {
    match bodies.get(name.as_str()) {
        Some(body) => HttpResponse::Ok().content_type("application/json").body(body.clone()),
        None => HttpResponse::NotFound().finish(),
    }
}

//! The bundled library, which an empty database is given on first start.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use include_dir::{Dir, include_dir};

use super::file::{self, Content};
use crate::{
    error::Error,
    publishing::{
        Author,
        draft::{self, Precondition},
        publish, site,
    },
};

static LIBRARY: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/library");

/// The article that leads the library: what a newcomer looks at first.
pub const FIRST_ARTICLE: &str = "stem-cell-infusion";

/// Publishes the bundled library if the database has no document at all, and returns how many articles that were. One
/// transaction, so that services that start together load it once and a start that is cut short leaves nothing.
pub async fn load(connection: &mut AsyncPgConnection) -> Result<usize, Error> {
    connection
        .transaction(async |connection| {
            if !draft::claim_empty(connection).await? {
                return Ok(0);
            }
            let author = Author::local("library");
            let mut pins = Vec::new();
            let mut articles = Vec::new();
            for file in files(&LIBRARY) {
                let unusable = |faults: Vec<_>| Error::internal("the bundled library", format!("{faults:?}"));
                match file::read(file.path(), file.contents(), None).map_err(unusable)? {
                    Content::Site(site_file) => {
                        site::put_site(connection, &site_file.site, &author).await?;
                        site::put_topics(connection, &site_file.topics, &author).await?;
                        pins = site_file.pins;
                    }
                    Content::Article { document, .. } => articles.push(*document),
                    Content::Page(_) => return Err(Error::internal("the bundled library", "it holds a captured page")),
                }
            }
            // The newest stands first in every list: the leading article is published last.
            articles.sort_by_key(|document| document.slug.as_str() == FIRST_ARTICLE);
            let count = articles.len();
            for document in articles {
                let saved = draft::save(connection, document, &author, &Precondition::Whatever).await?;
                publish::publish(connection, saved.id, saved.revision, &author).await?;
            }
            site::put_pins(connection, &pins, &author).await?;
            Ok(count)
        })
        .await
}

fn files<'a>(folder: &'a Dir<'a>) -> Vec<&'a include_dir::File<'a>> {
    let mut found: Vec<_> = folder.files().collect();
    found.extend(folder.dirs().flat_map(files));
    found
}

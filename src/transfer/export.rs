//! Published articles → files that `import` turns into the same articles, hash for hash.

use std::{fs, io, path::Path};

use super::file::{SITE_FILE, SiteFile};
use crate::{
    content::markdown,
    db::Db,
    error::Error,
    publishing::{drafts, publish, revisions, site},
};

/// The result of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// The number of exported articles.
    pub articles: usize,
    /// The number of documents that were left out, because they are not published.
    pub unpublished: usize,
}

/// Writes every published article to `folder`/articles, and the site to `folder`/site.yaml. It creates a missing folder, and
/// replaces files of the same names.
///
/// Errors: the database, or the folder.
pub async fn run(db: &Db, folder: &Path) -> Result<Exported, Error> {
    let connection = &mut *db.write().await?;
    let articles = folder.join("articles");
    fs::create_dir_all(&articles).map_err(|e| unwritable(&articles, &e))?;
    if let Some(described) = site::read_site(connection).await? {
        let topics = site::read_topics(connection).await?;
        let file = SiteFile { site: described, topics, pins: site::read_pins(connection).await? };
        let text = yaml_serde::to_string(&file).map_err(|e| Error::internal("the site has no YAML", e))?;
        write(&folder.join(SITE_FILE), &text)?;
    }
    let mut exported = Exported { unpublished: drafts::count_unpublished(connection).await?, ..Exported::default() };
    // One article at a time: memory does not grow with the library.
    for (id, revision) in publish::published(connection).await? {
        let document = revisions::read(connection, id, revision).await?.document;
        write(&articles.join(format!("{}.md", document.slug)), &markdown::write(&document))?;
        exported.articles += 1;
    }
    Ok(exported)
}

/// Replaces a file atomically: a reader, or a crash, never leaves half of it.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let part = path.with_extension("part");
    fs::write(&part, text).and_then(|()| fs::rename(&part, path)).map_err(|e| unwritable(path, &e))
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::internal("the export cannot be written", format!("{}: {error}", path.display()))
}

//! The bundled library, which the first start on an empty database publishes.

use include_dir::{Dir, include_dir};

use super::file::{self, Content, SiteFile};
use crate::{
    content::Document,
    db::Db,
    error::Error,
    publishing::{Author, PublishTx, drafts::Precondition},
};

static LIBRARY: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/library");

/// The slug of the article that lists show first.
pub const FIRST_ARTICLE: &str = "stem-cell-infusion";

/// Publishes the bundled library if the database has no document, and returns the number of articles. It is one transaction:
/// services that start together load the library once, and an interrupted start leaves nothing.
pub async fn load(db: &Db) -> Result<usize, Error> {
    let (count, _) = PublishTx::run(db, &Author::local("library"), async |tx| {
        if !tx.is_library_empty().await? {
            return Ok(0);
        }
        let (site, articles) = read()?;
        tx.set_site(&site.site).await?;
        tx.set_topics(&site.topics).await?;
        let count = articles.len();
        for document in articles {
            let saved = tx.save_draft(document, &Precondition::Any).await?;
            tx.publish(saved.id, saved.revision).await?;
        }
        tx.set_pins(&site.pins).await?;
        Ok(count)
    })
    .await?;
    Ok(count)
}

/// Reads the bundled files: the site, and the articles in the order of their publication.
fn read() -> Result<(SiteFile, Vec<Document>), Error> {
    let unusable = |why: String| Error::internal("the bundled library cannot be used", why);
    let (mut site, mut articles) = (None, Vec::new());
    for file in files(&LIBRARY) {
        match file::read(file.path(), file.contents(), None).map_err(|faults| unusable(format!("{faults:?}")))? {
            Content::Site(file) => site = Some(*file),
            Content::Article { document, .. } => articles.push(*document),
            Content::Page(_) => return Err(unusable("it has a captured page".to_owned())),
        }
    }
    // Lists begin with the newest article, so the first one is published last.
    articles.sort_by_key(|document| document.slug.as_str() == FIRST_ARTICLE);
    Ok((site.ok_or_else(|| unusable("it has no site file".to_owned()))?, articles))
}

fn files<'a>(folder: &'a Dir<'a>) -> Vec<&'a include_dir::File<'a>> {
    let mut found: Vec<_> = folder.files().collect();
    found.extend(folder.dirs().flat_map(files));
    found
}

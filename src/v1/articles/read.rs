//! One article, with the parts that are asked for.

use actix_web::{HttpResponse, get, web};
use diesel_async::AsyncPgConnection;
use futures_util::future::OptionFuture;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::try_join;
use utoipa::ToSchema;

use super::find::{Found, Wanted, find, raw, written};
use crate::{
    content::{
        ArticleName,
        body::{Format, RenderedText, Section, TocEntry},
    },
    error::Error,
    http::{
        CachedGet, CanonicalUri, Payload,
        query::{FromQuery, Parameters, Query},
    },
    v1::{
        address::{MOUNT, check, named},
        card::Card,
        fields::{self, Fields, filtered},
        hot,
        related::{self, Recommendations},
    },
};

/// A part of an article.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Part {
    Toc,
    Sections,
    Related,
    Hot,
}

impl Part {
    /// Returns the fields of the response that belong to the part.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Part::Toc => &["toc"],
            Part::Sections => &["lead", "sections"],
            Part::Related => &["related"],
            Part::Hot => &["hot"],
        }
    }
}

/// The parameters of an article.
pub struct ArticleQuery {
    parts: Vec<Part>,
    format: Format,
    fields: Option<Fields>,
}

impl FromQuery for ArticleQuery {
    fn from_query(p: &mut Parameters) -> Self {
        let parts = "Parts to return: `toc`, `sections` (with the lead), `related`, `hot`. Empty for none.";
        ArticleQuery {
            parts: p.declare("include", parts).choices(&[Part::Toc, Part::Sections, Part::Related]),
            format: p.declare("format", "Form of the text.").choice(Format::Html),
            fields: Fields::read(p, fields::ARTICLE),
        }
    }
}

impl ArticleQuery {
    fn includes(&self, part: Part) -> bool {
        let selected = |fields: &Fields| part.fields().iter().any(|name| fields.selects(name));
        self.parts.contains(&part) && self.fields.as_ref().is_none_or(selected)
    }
}

/// A whole article. Parts that were not asked for are absent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Article {
    /// The card.
    #[serde(flatten)]
    pub card: Card,
    /// The text before the first heading; `null` where there is none. Comes with `sections`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RenderedText>, required = false)]
    pub lead: Option<Box<RawValue>>,
    /// The table of contents.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<TocEntry>, required = false)]
    pub toc: Option<Box<RawValue>>,
    /// The sections with their text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<Section>, required = false)]
    pub sections: Option<Box<RawValue>>,
    /// Related reading, the first of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub related: Option<Recommendations>,
    /// What is read most on the whole site, the first of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hot: Option<Recommendations>,
}

/// Read an article
///
/// One request for a whole page: the card, the table of contents, the sections with their text, and related reading.
#[utoipa::path(
    tag = "Articles",
    params(("slug" = String, Path, description = "The article's slug or id; an earlier slug redirects.", example = "stem-cell-infusion"), Query<ArticleQuery>),
    responses((status = 200, description = "The article.", body = Article)),
)]
#[get("/v1/articles/{slug}")]
pub async fn read_article(path: web::Path<String>, read: CachedGet<ArticleQuery>) -> Result<HttpResponse, Error> {
    let key = named(&path)?;
    // An id has several spellings in hexadecimal.
    let read = read.with_path(format!("{MOUNT}{key}"));
    read.respond(async move |connection, query, address| one(connection, &key, &query, &address).await).await
}

/// Returns one article.
pub(crate) async fn one(
    connection: &AsyncPgConnection,
    key: &ArticleName,
    query: &ArticleQuery,
    address: &CanonicalUri,
) -> Result<Payload, Error> {
    let (found, related, hot) =
        whole(connection, key, Wanted::from(query), query.includes(Part::Related), query.includes(Part::Hot)).await?;
    check(key, MOUNT, found.card.address(), "", address)?;

    let mut tags = found.card.tags();
    tags.extend(related.iter().flat_map(|related| related.tags.clone()));
    if hot.is_some() {
        tags.extend(["hot".to_owned(), "articles".to_owned()]);
    }
    let article = found.into_article(query, related.map(|related| related.shown), hot)?;
    let answer =
        filtered(&article, |value| query.fields.iter().for_each(|fields| fields.apply(value)), query.fields.as_ref())?;
    Ok(answer.tagged(tags))
}

/// How often an article is read again when a publication falls between its statements.
pub(crate) const ATTEMPTS: usize = 10;

pub(crate) type Whole = (Found, Option<related::First>, Option<Recommendations>);

/// An article with the parts that were asked for, all of one revision. The statements are sent together; each sees the
/// database as it is when it begins, so related reading says which revision it belongs to.
pub(crate) async fn whole(
    connection: &AsyncPgConnection,
    key: &ArticleName,
    wanted: Wanted,
    with_related: bool,
    with_hot: bool,
) -> Result<Whole, Error> {
    for _ in 0..ATTEMPTS {
        let related = async {
            let related = with_related.then(|| related::first(connection, key));
            OptionFuture::from(related).await.transpose()
        };
        let hot = async {
            let hot = with_hot.then(|| hot::first(connection));
            OptionFuture::from(hot).await.transpose()
        };
        let (found, related, hot) = try_join!(find(connection, key, wanted), related, hot)?;
        let same = |of: &Option<(String, i32)>| {
            of.as_ref().is_some_and(|(slug, revision)| (slug, *revision) == (&found.card.slug, found.card.revision))
        };
        if related.as_ref().is_none_or(|related| same(&related.of)) {
            return Ok((found, related, hot));
        }
    }
    Err(overtaken())
}

/// What is told where none of the [`ATTEMPTS`] was of one revision.
pub(crate) fn overtaken() -> Error {
    Error::Unavailable("an article was published anew during every attempt to read it".into())
}

impl From<&ArticleQuery> for Wanted {
    fn from(query: &ArticleQuery) -> Self {
        let sections = query.includes(Part::Sections);
        Wanted {
            toc: query.includes(Part::Toc),
            html: sections && query.format == Format::Html,
            content: sections && query.format != Format::Html,
        }
    }
}

impl Found {
    fn into_article(
        self,
        query: &ArticleQuery,
        related: Option<Recommendations>,
        hot: Option<Recommendations>,
    ) -> Result<Article, Error> {
        let (mut lead, mut sections) = (None, None);
        if let (Some(stored_lead), Some(stored_sections)) = (&self.lead_html, &self.sections_html) {
            lead = Some(raw(self.resolve(stored_lead))?);
            sections = Some(raw(self.resolve(stored_sections))?);
        } else if self.content.is_some() {
            let body = self.body()?;
            lead = Some(raw(self.resolve(&written(&body.lead(query.format))?))?);
            sections = Some(raw(self.resolve(&written(&body.sections(query.format))?))?);
        }
        let toc = self.toc.map(raw).transpose()?;
        Ok(Article { card: self.card, lead, toc, sections, related, hot })
    }
}

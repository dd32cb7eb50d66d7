//! `/v1/articles/{slug}`: one article with the included parts.

use actix_web::{HttpResponse, get, web};
use diesel_async::AsyncPgConnection;
use futures_util::future::OptionFuture;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::try_join;
use utoipa::ToSchema;

use super::published::{BodyColumns, MAX_ATTEMPTS, PublishedArticle, attempts_exhausted, to_json, to_raw};
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
        address::{ARTICLES_PATH, ArticlePath, require_current_slug},
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

/// An article with the included parts; other parts are absent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Article {
    /// The article's card.
    #[serde(flatten)]
    pub card: Card,
    /// The text before the first heading; `null` if there is none. Included with `sections`.
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
    /// The first items of related reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub related: Option<Recommendations>,
    /// The first items of the hot list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hot: Option<Recommendations>,
}

/// Read an article
///
/// Returns everything that a page needs: the card, the table of contents, the sections with their text, and related
/// reading.
#[utoipa::path(
    tag = "Articles", params(ArticlePath, Query<ArticleQuery>),
    responses((status = 200, description = "The article.", body = Article)),
)]
#[get("/v1/articles/{slug}")]
pub async fn read_article(path: web::Path<ArticlePath>, read: CachedGet<ArticleQuery>) -> Result<HttpResponse, Error> {
    let key = path.name()?;
    // An id has several spellings in hexadecimal.
    let read = read.with_path(format!("{ARTICLES_PATH}{key}"));
    read.respond(async move |connection, query, address| article_payload(connection, &key, &query, &address).await)
        .await
}

/// Returns the response for an article.
pub(crate) async fn article_payload(
    connection: &AsyncPgConnection,
    key: &ArticleName,
    query: &ArticleQuery,
    address: &CanonicalUri,
) -> Result<Payload, Error> {
    let (related, hot) = (query.includes(Part::Related), query.includes(Part::Hot));
    let (article, related, hot) = load_parts(connection, key, query.into(), related, hot).await?;
    require_current_slug(key, ARTICLES_PATH, article.card.address(), "", address)?;

    let mut tags = article.card.tags();
    tags.extend(related.iter().flat_map(|related| related.tags.clone()));
    if hot.is_some() {
        tags.extend(["hot".to_owned(), "articles".to_owned()]);
    }
    let article = article.into_response(query, related.map(|related| related.list), hot)?;
    Ok(filtered(&article, Fields::apply, query.fields.as_ref())?.tagged(tags))
}

/// An article with its related reading and the hot list, if they were requested.
pub(crate) type ArticleParts = (PublishedArticle, Option<related::FirstPage>, Option<Recommendations>);

/// Loads an article with the requested parts, all of one revision. The statements are pipelined, and each has its own
/// snapshot, so related reading carries the revision that it belongs to.
pub(crate) async fn load_parts(
    connection: &AsyncPgConnection,
    key: &ArticleName,
    columns: BodyColumns,
    with_related: bool,
    with_hot: bool,
) -> Result<ArticleParts, Error> {
    for _ in 0..MAX_ATTEMPTS {
        let related = async {
            let related = with_related.then(|| related::first_page(connection, key));
            OptionFuture::from(related).await.transpose()
        };
        let hot = async {
            let hot = with_hot.then(|| hot::first_page(connection));
            OptionFuture::from(hot).await.transpose()
        };
        let (article, related, hot) = try_join!(PublishedArticle::load(connection, key, columns), related, hot)?;
        let revision = Some((article.card.slug.clone(), article.card.revision));
        if related.as_ref().is_none_or(|related| related.revision == revision) {
            return Ok((article, related, hot));
        }
    }
    Err(attempts_exhausted())
}

impl From<&ArticleQuery> for BodyColumns {
    fn from(query: &ArticleQuery) -> Self {
        let sections = query.includes(Part::Sections);
        BodyColumns {
            toc: query.includes(Part::Toc),
            html: sections && query.format == Format::Html,
            content: sections && query.format != Format::Html,
        }
    }
}

impl PublishedArticle {
    fn into_response(
        self,
        query: &ArticleQuery,
        related: Option<Recommendations>,
        hot: Option<Recommendations>,
    ) -> Result<Article, Error> {
        let (mut lead, mut sections) = (None, None);
        if let (Some(stored_lead), Some(stored_sections)) = (&self.lead_html, &self.sections_html) {
            lead = Some(to_raw(self.update_links(stored_lead))?);
            sections = Some(to_raw(self.update_links(stored_sections))?);
        } else if self.content.is_some() {
            let body = self.body()?;
            lead = Some(to_raw(self.update_links(&to_json(&body.lead(query.format))?))?);
            sections = Some(to_raw(self.update_links(&to_json(&body.sections(query.format))?))?);
        }
        let toc = self.toc.map(to_raw).transpose()?;
        Ok(Article { card: self.card, lead, toc, sections, related, hot })
    }
}

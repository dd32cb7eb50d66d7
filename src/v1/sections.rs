//! `/v1/articles/{slug}/sections` and `…/{ref}`: the section tree, and one section with its context.
//!
//! An id, an anchor or a number that was ever served returns 200, 308 or 410, and never the text of another section. A
//! number refers to the current order; an outdated number redirects to the section that had it last.

use std::collections::HashMap;

use actix_web::{HttpResponse, get, web};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    address::{ARTICLES_PATH, ArticlePath, moved, require_current_slug},
    articles::published::{BodyColumns, MAX_ATTEMPTS, PublishedArticle, attempts_exhausted, to_json},
    card::Card,
};
use crate::{
    content::{
        ArticleName,
        body::{Format, Heading, Part, Section},
    },
    db::{
        Connection,
        schema::{articles, section_addresses, sections},
    },
    error::Error,
    http::{
        CachedGet, CanonicalUri, Payload,
        query::{Canonical, FromQuery, Parameters, Query},
    },
};

/// The parameters of the sections of an article.
pub struct SectionsQuery {
    depth: u32,
    flat: bool,
    format: Format,
}

impl FromQuery for SectionsQuery {
    fn from_query(p: &mut Parameters) -> Self {
        let flat = "`true` for a flat list in reading order, in which `children` are empty.";
        SectionsQuery {
            depth: p.declare("depth", "Levels to return; 1 for the top sections only.").example(2).number(1..=6, 6),
            flat: p.declare("flat", flat).flag(),
            format: p.declare("format", "Form of the text.").choice(Format::Html),
        }
    }
}

/// The parameters of a section.
pub struct SectionQuery(Format);

impl FromQuery for SectionQuery {
    fn from_query(p: &mut Parameters) -> Self {
        SectionQuery(p.declare("format", "Form of the text.").choice(Format::Html))
    }
}

/// The sections of an article.
#[derive(Debug, Serialize, ToSchema)]
pub struct SectionList {
    /// The sections: a tree, or a flat list in reading order.
    pub data: Vec<Section>,
}

/// A section with its context.
#[derive(Debug, Serialize, ToSchema)]
pub struct SectionInContext {
    /// The section with its children.
    #[serde(flatten)]
    pub section: Section,
    /// The article of the section.
    pub article: Card,
    /// The ancestors of the section, from the top.
    pub breadcrumbs: Vec<Heading>,
    /// The parent section; `null` for a top section.
    pub parent: Option<Heading>,
    /// The previous section in reading order; `null` for the first.
    pub previous: Option<Heading>,
    /// The next section in reading order; `null` for the last.
    pub next: Option<Heading>,
}

/// List the sections of an article
///
/// Returns the tree of sections with their text, or a flat list in reading order.
#[utoipa::path(
    tag = "Sections", params(ArticlePath, Query<SectionsQuery>),
    responses((status = 200, description = "The sections.", body = SectionList)),
)]
#[get("/v1/articles/{slug}/sections")]
pub async fn list_sections(
    path: web::Path<ArticlePath>,
    read: CachedGet<SectionsQuery>,
) -> Result<HttpResponse, Error> {
    let key = path.name()?;
    read.respond(async move |connection, query, address| sections_payload(connection, &key, &query, &address).await)
        .await
}

async fn sections_payload(
    connection: &Connection,
    key: &ArticleName,
    query: &SectionsQuery,
    address: &CanonicalUri,
) -> Result<Payload, Error> {
    let article = PublishedArticle::load(connection, key, BodyColumns::CONTENT).await?;
    require_current_slug(key, ARTICLES_PATH, article.card.address(), "/sections", address)?;
    let mut parts = article.body()?.sections;
    if query.flat {
        let mut flat = Vec::new();
        flatten(parts, &mut flat);
        flat.retain(|part| part.level <= query.depth);
        parts = flat;
    } else {
        limit_depth(&mut parts, query.depth);
    }
    let data = parts.iter().map(|part| part.render(query.format)).collect();
    payload(&article, &SectionList { data })
}

/// Serialises a response about sections, with current links.
fn payload<T: Serialize>(article: &PublishedArticle, value: &T) -> Result<Payload, Error> {
    let body = article.update_links(&to_json(value)?);
    let tags = [format!("article:{}", article.card.id)];
    Ok(Payload::bytes("application/json", body).tagged(tags))
}

fn flatten(parts: Vec<Part>, into: &mut Vec<Part>) {
    for mut part in parts {
        let children = std::mem::take(&mut part.children);
        into.push(part);
        flatten(children, into);
    }
}

fn limit_depth(parts: &mut Vec<Part>, depth: u32) {
    parts.retain(|part| part.level <= depth);
    for part in parts {
        limit_depth(&mut part.children, depth);
    }
}

/// The path parameters of one section.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct SectionPath {
    /// The section's number, anchor or id.
    #[serde(rename = "ref")]
    #[param(example = "principles")]
    reference: String,
}

/// Read a section
///
/// Returns the section with its children, its article's card, and its neighbours. `ref` is the section's current number
/// (`2.1`), its anchor or its id. An earlier anchor or number redirects; a removed section returns 410.
#[utoipa::path(
    tag = "Sections", params(ArticlePath, SectionPath, Query<SectionQuery>),
    responses((status = 200, description = "The section.", body = SectionInContext)),
)]
#[get("/v1/articles/{slug}/sections/{ref}")]
pub async fn read_section(
    article: web::Path<ArticlePath>,
    section: web::Path<SectionPath>,
    read: CachedGet<SectionQuery>,
) -> Result<HttpResponse, Error> {
    let (key, reference) = (article.name()?, section.into_inner().reference);
    // An impossible reference must not appear in a `Location`.
    if !reference.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)) {
        return Err(section_not_found(&key.to_string(), &reference));
    }
    read.respond(async move |connection, SectionQuery(format), address| {
        section_payload(connection, &key, &reference, format, &address).await
    })
    .await
}

async fn section_payload(
    connection: &Connection,
    key: &ArticleName,
    reference: &str,
    format: Format,
    address: &CanonicalUri,
) -> Result<Payload, Error> {
    for _ in 0..MAX_ATTEMPTS {
        let article = PublishedArticle::load(connection, key, BodyColumns::CONTENT).await?;
        let tail = format!("/sections/{reference}");
        require_current_slug(key, ARTICLES_PATH, article.card.address(), &tail, address)?;
        let body = article.body()?;
        if let Some(section) = find_section(&article.card, &body.sections, reference, format) {
            return payload(&article, &section);
        }
        if let Some(error) = missing_section(connection, &article, &body.sections, reference, &address.query).await? {
            return Err(error);
        }
    }
    Err(attempts_exhausted())
}

/// Returns the section that `reference` names in the tree, with its context.
fn find_section(card: &Card, sections: &[Part], reference: &str, format: Format) -> Option<SectionInContext> {
    let (mut order, mut breadcrumbs) = (Vec::new(), Vec::new());
    walk(sections, &mut Vec::new(), &mut |part, ancestors| {
        order.push(part);
        if has_reference(&part.heading, reference) {
            breadcrumbs = ancestors.iter().map(|part| part.heading.clone()).collect();
        }
    });
    let index = order.iter().position(|part| has_reference(&part.heading, reference))?;
    let heading = |index: Option<usize>| Some(order.get(index?)?.heading.clone());
    Some(SectionInContext {
        section: order[index].render(format),
        article: card.clone(),
        parent: breadcrumbs.last().cloned(),
        breadcrumbs,
        previous: heading(index.checked_sub(1)),
        next: heading(Some(index + 1)),
    })
}

/// Visits every section in reading order, with its ancestors.
fn walk<'a>(parts: &'a [Part], ancestors: &mut Vec<&'a Part>, visit: &mut dyn FnMut(&'a Part, &[&'a Part])) {
    for part in parts {
        visit(part, ancestors);
        ancestors.push(part);
        walk(&part.children, ancestors, visit);
        ancestors.pop();
    }
}

fn has_reference(heading: &Heading, reference: &str) -> bool {
    heading.number == reference || heading.anchor.as_str() == reference || heading.id.to_string() == reference
}

/// Returns the error for a reference that is not in the tree: 308, 410 or 404; `None` if the section was published after
/// the article was loaded.
async fn missing_section(
    mut connection: &AsyncPgConnection,
    article: &PublishedArticle,
    current: &[Part],
    reference: &str,
    query: &Canonical,
) -> Result<Option<Error>, Error> {
    let Card { id: article_id, slug, .. } = &article.card;
    let columns = (sections::id, sections::removed_at.is_not_null());
    let row: Option<(Uuid, bool)> = match Uuid::try_parse(reference) {
        Ok(id) if reference.len() == 36 => {
            let section = sections::table.find(id).filter(sections::article_id.eq(article_id));
            section.select(columns).first(&mut connection).await.optional()?
        }
        _ => {
            let address = section_addresses::table
                .inner_join(sections::table)
                .filter(section_addresses::article_id.eq(article_id))
                .filter(section_addresses::reference.eq(reference));
            address.select(columns).first(&mut connection).await.optional()?
        }
    };
    let Some((id, is_removed)) = row else { return Ok(Some(section_not_found(slug, reference))) };
    let mut anchor = None;
    walk(current, &mut Vec::new(), &mut |part, _| {
        if part.heading.id == id {
            anchor = Some(part.heading.anchor.clone());
        }
    });
    Ok(match anchor {
        Some(anchor) => {
            let path = format!("{ARTICLES_PATH}{slug}/sections/{anchor}");
            Some(moved(&path, *article_id, query))
        }
        None if is_removed => Some(Error::Withdrawn(format!("the section `{reference}` was removed from `{slug}`"))),
        None => None,
    })
}

fn section_not_found(slug: &str, reference: &str) -> Error {
    Error::NotFound(format!("`{slug}` has no section `{reference}`"))
}

/// Every reference that a section had, by its id.
pub(crate) type References = HashMap<Uuid, Vec<String>>;

/// Loads the references of an article's sections and the revision of the article; `None` if it is not published.
pub(crate) async fn load_references(
    mut connection: &AsyncPgConnection,
    id: Uuid,
) -> Result<Option<(i32, References)>, Error> {
    let rows: Vec<(i32, Option<(String, Uuid)>)> = articles::table
        .left_join(section_addresses::table.on(section_addresses::article_id.eq(articles::id)))
        .filter(articles::id.eq(id))
        .order(section_addresses::reference)
        .select((articles::revision, (section_addresses::reference, section_addresses::section_id).nullable()))
        .load(&mut connection)
        .await?;
    let Some((revision, _)) = rows.as_slice().first() else { return Ok(None) };
    let revision = *revision;
    let mut references = References::new();
    for (reference, section) in rows.into_iter().filter_map(|(_, address)| address) {
        references.entry(section).or_default().push(reference);
    }
    Ok(Some((revision, references)))
}

//! `/v1/articles/{slug}/sections` and `…/{ref}`: the tree, and one section with its surroundings.
//!
//! What must hold: an id, an anchor or a number that was ever served answers 200, 308 or 410, and never the text of
//! another section. A number names the place today; one that no place has any more leads to the section that held it
//! last.

use std::collections::HashMap;

use actix_web::{HttpResponse, get, web};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    address::{MOUNT, check, moved, named},
    articles::{
        find::{CONTENT, Found, find, written},
        read::ATTEMPTS,
    },
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

/// A section with its surroundings.
#[derive(Debug, Serialize, ToSchema)]
pub struct SectionInContext {
    /// The section itself, with those below it.
    #[serde(flatten)]
    pub section: Section,
    /// The article that it belongs to.
    pub article: Card,
    /// The sections above it, from the top.
    pub breadcrumbs: Vec<Heading>,
    /// The section right above it; `null` at the top.
    pub parent: Option<Heading>,
    /// The section before it in reading order; `null` for the first.
    pub previous: Option<Heading>,
    /// The section after it in reading order; `null` for the last.
    pub next: Option<Heading>,
}

/// List the sections of an article
///
/// The tree of sections with their text, or a flat list in reading order.
#[utoipa::path(
    tag = "Sections",
    params(("slug" = String, Path, description = "The article's slug or id; an earlier slug redirects.", example = "stem-cell-infusion"), Query<SectionsQuery>),
    responses((status = 200, description = "The sections.", body = SectionList)),
)]
#[get("/v1/articles/{slug}/sections")]
pub async fn list_sections(path: web::Path<String>, read: CachedGet<SectionsQuery>) -> Result<HttpResponse, Error> {
    let key = named(&path)?;
    read.respond(async move |connection, query, address| tree(connection, &key, &query, &address).await).await
}

async fn tree(
    connection: &Connection,
    key: &ArticleName,
    query: &SectionsQuery,
    address: &CanonicalUri,
) -> Result<Payload, Error> {
    let found = find(connection, key, CONTENT).await?;
    check(key, MOUNT, found.card.address(), "/sections", address)?;
    let mut parts = found.body()?.sections;
    if query.flat {
        let mut flat = Vec::new();
        flatten(parts, &mut flat);
        flat.retain(|part| part.level <= query.depth);
        parts = flat;
    } else {
        cut(&mut parts, query.depth);
    }
    let data = parts.iter().map(|part| part.render(query.format)).collect();
    answer(&found, &SectionList { data })
}

fn answer<T: Serialize>(found: &Found, value: &T) -> Result<Payload, Error> {
    let body = found.resolve(&written(value)?);
    let tags = [format!("article:{}", found.card.id)];
    Ok(Payload::bytes("application/json", body).tagged(tags))
}

fn flatten(parts: Vec<Part>, into: &mut Vec<Part>) {
    for mut part in parts {
        let children = std::mem::take(&mut part.children);
        into.push(part);
        flatten(children, into);
    }
}

fn cut(parts: &mut Vec<Part>, depth: u32) {
    parts.retain(|part| part.level <= depth);
    for part in parts {
        cut(&mut part.children, depth);
    }
}

/// Read a section
///
/// One section, with those below it, its article's card and its place in the article. `ref` is the section's number
/// today (`2.1`), its anchor or its id. An earlier anchor, or a number that no section has any more, redirects; a
/// removed section is 410.
#[utoipa::path(
    tag = "Sections",
    params(
        ("slug" = String, Path, description = "The article's slug or id; an earlier slug redirects.", example = "stem-cell-infusion"),
        ("ref" = String, Path, description = "The section's number, anchor or id.", example = "principles"),
        Query<SectionQuery>,
    ),
    responses((status = 200, description = "The section.", body = SectionInContext)),
)]
#[get("/v1/articles/{slug}/sections/{ref}")]
pub async fn read_section(
    path: web::Path<(String, String)>,
    read: CachedGet<SectionQuery>,
) -> Result<HttpResponse, Error> {
    let (slug, reference) = path.into_inner();
    let key = named(&slug)?;
    // What can be no reference names nothing, and must not come back in a `Location`.
    if !reference.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)) {
        return Err(unknown_section(&slug, &reference));
    }
    read.respond(async move |connection, SectionQuery(format), address| {
        one(connection, &key, &reference, format, &address).await
    })
    .await
}

async fn one(
    connection: &Connection,
    key: &ArticleName,
    reference: &str,
    format: Format,
    address: &CanonicalUri,
) -> Result<Payload, Error> {
    for _ in 0..ATTEMPTS {
        let found = find(connection, key, CONTENT).await?;
        check(key, MOUNT, found.card.address(), &format!("/sections/{reference}"), address)?;
        if let Some(answer) = within(connection, &found, reference, format, address).await? {
            return Ok(answer);
        }
    }
    Err(Error::Unavailable("an article was published anew during every attempt to read a section of it".into()))
}

/// The section in an article that was found; `None` where it came with a publication after that, so that the article has
/// to be read again.
async fn within(
    connection: &Connection,
    found: &Found,
    reference: &str,
    format: Format,
    address: &CanonicalUri,
) -> Result<Option<Payload>, Error> {
    let body = found.body()?;
    let mut trail = Vec::new();
    let mut order = Vec::new();
    walk(&body.sections, &mut Vec::new(), &mut |part, above| {
        order.push(part);
        if names(&part.heading, reference) {
            trail = above.iter().map(|part| part.heading.clone()).collect();
        }
    });
    let Some(place) = order.iter().position(|part| names(&part.heading, reference)) else {
        return match elsewhere(connection, found, &order, reference, &address.query).await? {
            Some(error) => Err(error),
            None => Ok(None),
        };
    };
    let heading = |place: Option<usize>| Some(order.get(place?)?.heading.clone());
    let answer = answer(
        found,
        &SectionInContext {
            section: order[place].render(format),
            article: found.card.clone(),
            parent: trail.last().cloned(),
            breadcrumbs: trail,
            previous: heading(place.checked_sub(1)),
            next: heading(Some(place + 1)),
        },
    );
    answer.map(Some)
}

fn walk<'a>(parts: &'a [Part], above: &mut Vec<&'a Part>, visit: &mut dyn FnMut(&'a Part, &[&'a Part])) {
    for part in parts {
        visit(part, above);
        above.push(part);
        walk(&part.children, above, visit);
        above.pop();
    }
}

fn names(heading: &Heading, reference: &str) -> bool {
    heading.number == reference || heading.anchor.as_str() == reference || heading.id.to_string() == reference
}

/// What a reference that no section of the article has comes to; `None` where it names a section that is there by now.
async fn elsewhere(
    mut connection: &AsyncPgConnection,
    found: &Found,
    present: &[&Part],
    reference: &str,
    query: &Canonical,
) -> Result<Option<Error>, Error> {
    let article = found.card.id;
    let known: Option<(Uuid, bool)> = match Uuid::try_parse(reference) {
        Ok(id) if reference.len() == 36 => {
            let known = sections::table.find(id).filter(sections::article_id.eq(article));
            let known = known.select((sections::id, sections::removed_at.is_not_null()));
            known.first(&mut connection).await.optional()?
        }
        _ => {
            let known = section_addresses::table
                .inner_join(sections::table)
                .filter(section_addresses::article_id.eq(article))
                .filter(section_addresses::reference.eq(reference));
            let known = known.select((sections::id, sections::removed_at.is_not_null()));
            known.first(&mut connection).await.optional()?
        }
    };
    let slug = &found.card.slug;
    let Some((id, removed)) = known else { return Ok(Some(unknown_section(slug, reference))) };
    Ok(match present.iter().find(|part| part.heading.id == id) {
        Some(part) => {
            let path = format!("{MOUNT}{slug}/sections/{}", part.heading.anchor);
            Some(moved(&path, found.card.id, query))
        }
        None if removed => Some(Error::Withdrawn(format!("the section `{reference}` was removed from `{slug}`"))),
        None => None,
    })
}

fn unknown_section(slug: &str, reference: &str) -> Error {
    Error::NotFound(format!("`{slug}` has no section `{reference}`"))
}

/// Every reference by which a section was ever found, by its id.
pub(crate) type References = HashMap<Uuid, Vec<String>>;

/// The references of an article's sections, and the revision that they belong to; `None` where it is not published.
pub(crate) async fn references(
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

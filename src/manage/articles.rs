//! `/manage/v1/articles`: drafts.

use actix_web::{
    HttpResponse, delete, get,
    http::{StatusCode, header},
    put, web,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    article_status::{ArticleStatus, response_with_etag},
    authorized::{Authorized, MOUNT, ReadDrafts, Write, page_response, parse_article_name},
    json::{fault, refused},
};
use crate::{
    capture,
    content::{
        ArticleName, Document, Slug,
        json::{self, ArticleJson, TextLayout},
        markdown,
    },
    error::{Error, FieldError},
    http::{
        MANAGED_BODY_LIMIT,
        pagination::{DEFAULT_LIMIT, Page, Pagination},
        problem::{Conflict, PreconditionFailed, PreconditionRequired},
        query::{FromQuery, NoParameters, Parameters, Query},
    },
    publishing::{
        article::{self, Article, Found},
        drafts::{Outcome, Saved},
        keys::Scope,
        revisions::{self, Revision, RevisionState},
    },
};

/// A page of articles with their status.
#[derive(Debug, Serialize, ToSchema)]
pub struct DraftList {
    /// The articles.
    pub data: Vec<ArticleStatus>,
    /// The position of the page.
    pub page: Page,
}

/// An article with its latest revision.
#[derive(Debug, Serialize, ToSchema)]
pub struct Draft {
    /// The status of the article.
    #[serde(flatten)]
    pub status: ArticleStatus,
    /// The content, in the form that `PUT` accepts.
    #[schema(value_type = ArticleJson)]
    pub content: Box<RawValue>,
}

/// The result of a save.
#[derive(Debug, Serialize, ToSchema)]
pub struct SavedArticle {
    /// The status of the article after the save.
    #[serde(flatten)]
    pub status: ArticleStatus,
    /// `created` (a new article), `updated` (a new revision) or `unchanged` (the latest revision has the same content).
    #[schema(example = "updated", pattern = "^(created|updated|unchanged)$")]
    pub outcome: &'static str,
    /// Warnings: parts of the text that were changed or dropped.
    pub remarks: Vec<FieldError>,
}

/// A filter by the state of the latest revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StateFilter {
    All,
    Draft,
    Live,
    Past,
}

impl From<StateFilter> for Option<RevisionState> {
    fn from(filter: StateFilter) -> Self {
        match filter {
            StateFilter::All => None,
            StateFilter::Draft => Some(RevisionState::Draft),
            StateFilter::Live => Some(RevisionState::Live),
            StateFilter::Past => Some(RevisionState::Past),
        }
    }
}

/// The parameters of a list of drafts.
pub struct DraftListQuery {
    state: Option<RevisionState>,
    paging: Pagination,
}

impl FromQuery for DraftListQuery {
    fn from_query(parameters: &mut Parameters) -> Self {
        let state = parameters.declare("state", "Only articles whose latest revision has this state.");
        let state = state.choice(StateFilter::All).into();
        DraftListQuery { state, paging: Pagination::read(parameters, DEFAULT_LIMIT) }
    }
}

/// The form of `content` in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ContentFormat {
    Whole,
    Markdown,
    Blocks,
    File,
}

/// The parameters of a response with content; `None` for the article file.
#[derive(Debug, Clone, Copy)]
pub struct ContentForm(Option<TextLayout>);

impl FromQuery for ContentForm {
    fn from_query(parameters: &mut Parameters) -> Self {
        let description = "Form of `content`: `whole` (one Markdown text), `markdown` (a Markdown text for each \
                           section) or `blocks` (typed trees). With `file` the response is the article file itself, as \
                           `text/markdown`.";
        ContentForm(match parameters.declare("format", description).choice(ContentFormat::Whole) {
            ContentFormat::Whole => Some(TextLayout::Single),
            ContentFormat::Markdown => Some(TextLayout::Markdown),
            ContentFormat::Blocks => Some(TextLayout::Blocks),
            ContentFormat::File => None,
        })
    }
}

impl ContentForm {
    /// Returns a response with a document in this form; `with` makes the value that is sent as JSON.
    pub(super) fn respond<T: Serialize>(
        self,
        document: &Document,
        etag: &str,
        with: impl FnOnce(Box<RawValue>) -> T,
    ) -> Result<HttpResponse, Error> {
        let mut response = HttpResponse::Ok();
        response.insert_header((header::ETAG, etag));
        match self.0 {
            None => Ok(response.content_type("text/markdown; charset=utf-8").body(markdown::write(document))),
            Some(form) => {
                let content = RawValue::from_string(json::write(document, form));
                let content = content.map_err(|e| Error::internal("a document has no JSON", e))?;
                Ok(response.json(with(content)))
            }
        }
    }
}

/// List drafts
///
/// Returns every article, published or not, by the time of its latest revision, the newest first.
#[utoipa::path(
    tag = "Management", security(("key" = ["read_drafts"])), params(Query<DraftListQuery>),
    responses((status = 200, description = "A page of articles.", body = DraftList)),
)]
#[get("/manage/v1/articles")]
pub async fn list_drafts(request: Authorized<ReadDrafts>) -> Result<HttpResponse, Error> {
    let (DraftListQuery { state, paging }, address) = request.list()?;
    let list = format!("{MOUNT}?state={state:?}");
    let after = paging.after::<(DateTime<Utc>, Uuid)>(&list)?;
    let mut rows = request.read(async |c| article::list(c, state, after, paging.fetch()).await).await?;
    let page = paging.cut(&list, &mut rows, |(article, status)| (status.latest.created_at, article.id))?;
    let data = rows.into_iter().map(|(article, status)| ArticleStatus::new(&article, status)).collect();
    let list = DraftList { data, page };
    Ok(page_response(&list, &list.page, &address))
}

/// Read a draft
///
/// Returns the latest revision of an article, published or not, with the `ETag` for `If-Match`. You can send `content` back
/// with `PUT`.
#[utoipa::path(
    tag = "Management", security(("key" = ["read_drafts"])),
    params(("slug" = String, Path, description = "Slug or id of the article; an earlier slug redirects.", example = "cord-blood"), Query<ContentForm>),
    responses((
        status = 200, description = "The article with its latest revision.", headers(("ETag")),
        content((Draft = "application/json"), (String = "text/markdown", example = "---\nslug: cord-blood\nlocale: zh-Hans\ntitle: 脐带血是什么？\n---\n\n脐带血是分娩后留在脐带和胎盘里的血。\n")),
    )),
)]
#[get("/manage/v1/articles/{slug}")]
pub async fn read_draft(path: web::Path<String>, request: Authorized<ReadDrafts>) -> Result<HttpResponse, Error> {
    let form: ContentForm = request.query()?;
    let (status, etag, Revision { document, .. }) = request
        .read(async |connection| {
            let article = request.article(connection, &path, "").await?;
            let (status, etag) = ArticleStatus::of(connection, &article).await?;
            Ok((status, etag, revisions::latest(connection, article.id).await?))
        })
        .await?;
    form.respond(&document, &etag, |content| Draft { status, content })
}

/// Save a draft
///
/// Saves an article file (`text/markdown`) or JSON as a new revision, and creates the article if it does not exist. A captured
/// page (`text/html`) is converted as by `lectern convert`; `remarks` lists what was guessed. Readers see the article after its
/// publication. The same content makes no new revision. An update needs `If-Match` with the `ETag` that you read;
/// `If-None-Match: *` allows only the creation.
#[utoipa::path(
    tag = "Management", security(("key" = ["write"])),
    params(("slug" = String, Path, description = "Present or future slug of the article, or its id.", example = "cord-blood")),
    request_body(description = "Article.", content(
        (ArticleJson = "application/json"),
        (String = "text/markdown", example = "---\ntitle: 脐带血是什么？\n---\n脐带血是分娩后留在脐带和胎盘里的血。\n\n## 一、来源 {#origin}\n\n采集不伤母婴。\n"),
    )),
    responses(
        (status = 201, description = "The article was created.", body = SavedArticle, headers(("ETag"), ("Location"))),
        (status = 200, description = "The article has a new revision, or has this content already.", body = SavedArticle, headers(("ETag"))),
        (status = 409, response = Conflict), (status = 412, response = PreconditionFailed), (status = 428, response = PreconditionRequired),
    ),
)]
#[put("/manage/v1/articles/{slug}")]
pub async fn put_article(path: web::Path<String>, mut request: Authorized<Write>) -> Result<HttpResponse, Error> {
    let NoParameters = request.query()?;
    let expected = request.precondition()?;
    let (slug, id) = slug_and_id(&request, &path).await?;
    let (document, warnings) = parse_content(&mut request, slug).await?;
    let slug = document.slug.clone();
    let (saved, status, etag) = request
        .write(async |tx| {
            let saved = tx.save_draft(document, &expected).await?;
            if id.is_some_and(|id| id != saved.id) {
                return Err(Error::Conflict("the article was moved during the save; send the request again".into()));
            }
            let article = Article { id: saved.id, slug };
            let (status, etag) = ArticleStatus::of(tx.connection(), &article).await?;
            Ok((saved, status, etag))
        })
        .await?;
    Ok(saved_response(&saved, status, &etag, warnings))
}

/// Returns the slug of a path, and the id where the path has an id.
async fn slug_and_id(request: &Authorized<Write>, path: &str) -> Result<(Slug, Option<Uuid>), Error> {
    match parse_article_name(path)? {
        ArticleName::Slug(slug) => Ok((slug, None)),
        name @ ArticleName::Id(id) => {
            match request.read(async |connection| article::find(connection, &name).await).await? {
                Found::Present(article) | Found::Moved(article) => Ok((article.slug, Some(id))),
            }
        }
    }
}

/// Returns the response to a save.
pub(super) fn saved_response(
    saved: &Saved,
    status: ArticleStatus,
    etag: &str,
    warnings: Vec<FieldError>,
) -> HttpResponse {
    let (code, outcome) = match saved.outcome {
        Outcome::Created => (StatusCode::CREATED, "created"),
        Outcome::Updated => (StatusCode::OK, "updated"),
        Outcome::Unchanged => (StatusCode::OK, "unchanged"),
    };
    let location = format!("{MOUNT}{}", status.slug);
    let mut response = response_with_etag(code, etag, &SavedArticle { status, outcome, remarks: warnings });
    if code == StatusCode::CREATED
        && let Ok(location) = location.parse()
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Parses the article in the body; also returns warnings.
async fn parse_content(request: &mut Authorized<Write>, slug: Slug) -> Result<(Document, Vec<FieldError>), Error> {
    let media_type = request.media_type();
    let parse = match media_type.as_str() {
        "text/markdown" => from_file,
        "application/json" => from_json,
        "text/html" => from_page,
        _ => return Err(Error::UnsupportedMediaType),
    };
    let limit = match media_type.as_str() {
        "text/markdown" => markdown::MAX_BYTES,
        "text/html" => capture::MAX_BYTES,
        _ => MANAGED_BODY_LIMIT,
    };
    let body = request.body(limit).await?;
    // A hostile text of this size takes a second to parse.
    let parsed = web::block(move || parse(&body, &slug)).await;
    parsed.map_err(|e| Error::internal("the body was not parsed", e))?
}

fn from_file(body: &[u8], slug: &Slug) -> Result<(Document, Vec<FieldError>), Error> {
    let fault = |warning: crate::content::Warning| FieldError {
        line: warning.line,
        column: warning.column,
        ..FieldError::body("", warning.message)
    };
    let text = std::str::from_utf8(body).map_err(|e| {
        let line = body[..e.valid_up_to()].split(|byte| *byte == b'\n').count();
        let fault = FieldError {
            line: u32::try_from(line).ok(),
            ..FieldError::body("", "The article file is not UTF-8. Save it as UTF-8.")
        };
        Error::InvalidContent(vec![fault])
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let read = markdown::read(text, Some(slug.as_str()));
    let read = read.map_err(|faults| Error::InvalidContent(faults.into_iter().map(fault).collect()))?;
    if read.document.slug != *slug {
        let named = &read.document.slug;
        let detail = format!(
            "The URL has the slug `{slug}`, the front matter `{named}`. Use one slug; `POST …/move` changes it."
        );
        return Err(Error::InvalidContent(vec![FieldError::body("", detail)]));
    }
    Ok((read.document, read.warnings.into_iter().map(fault).collect()))
}

/// Reads a captured page, and returns its guesses and signs of damage as field errors.
fn from_page(body: &[u8], slug: &Slug) -> Result<(Document, Vec<FieldError>), Error> {
    let invalid = |detail: String| Error::InvalidContent(vec![FieldError::body("", detail)]);
    let mut page = capture::read_html(body).map_err(|e| invalid(e.to_string()))?;
    let untitled = || invalid("The page has no title; add a <title> or an <h1>.".into());
    let document = page.take_document(slug.clone()).ok_or_else(untitled)?;
    let guesses =
        page.guesses.iter().map(|guess| FieldError { line: guess.line, ..FieldError::body("", guess.to_string()) });
    let damage = page.damage.iter().map(|warning| FieldError {
        line: warning.line,
        column: warning.column,
        ..FieldError::body("", warning.message.clone())
    });
    Ok((document, guesses.chain(damage).collect()))
}

fn from_json(body: &[u8], slug: &Slug) -> Result<(Document, Vec<FieldError>), Error> {
    let read = json::read(body, slug).map_err(refused)?;
    Ok((read.document, read.warnings.into_iter().map(fault).collect()))
}

/// Delete an article
///
/// Removes an article that was never published, with its history; its slug is free then. An article that was published
/// returns 410, and its slugs stay reserved; saving a draft under its slug restores it with its history. Deleting an article
/// that readers see needs the scope `publish` too.
#[utoipa::path(
    tag = "Management", security(("key" = ["write"])),
    params(("slug" = String, Path, description = "Slug or id of the article.", example = "cord-blood")),
    responses((status = 204, description = "The article was deleted."), (status = 412, response = PreconditionFailed)),
)]
#[delete("/manage/v1/articles/{slug}")]
pub async fn delete_article(path: web::Path<String>, request: Authorized<Write>) -> Result<HttpResponse, Error> {
    let NoParameters = request.query()?;
    request
        .write(async |tx| {
            let article = request.article(tx.connection(), &path, "").await?;
            let live = revisions::number_in_state(tx.connection(), article.id, RevisionState::Live).await?;
            if live.is_some() && !request.key.has_scope(Scope::Publish) {
                let why = "readers see the article; deleting it needs a key with the scope `publish` too";
                return Err(Error::Forbidden(why.into()));
            }
            tx.delete_article(article.id).await
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

//! `/manage/v1/articles`: what editors write. A save makes a draft; readers see none of it.

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
    article_status::{ArticleStatus, answer},
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

/// A page of articles as they stand.
#[derive(Debug, Serialize, ToSchema)]
pub struct DraftList {
    /// The articles.
    pub data: Vec<ArticleStatus>,
    /// Where this page is.
    pub page: Page,
}

/// An article with its latest revision.
#[derive(Debug, Serialize, ToSchema)]
pub struct Draft {
    /// How it stands with the article.
    #[serde(flatten)]
    pub standing: ArticleStatus,
    /// The content, as `PUT` takes it.
    #[schema(value_type = ArticleJson)]
    pub content: Box<RawValue>,
}

/// What a save came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct SavedArticle {
    /// How it stands with the article now.
    #[serde(flatten)]
    pub standing: ArticleStatus,
    /// Whether it made the article, a revision of it, or nothing, because that is its latest content.
    #[schema(example = "updated", pattern = "^(created|updated|unchanged)$")]
    pub outcome: &'static str,
    /// What the editor should look at: what could not be kept as it was written.
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
    /// A document in this form; `with` puts JSON together.
    pub(super) fn answer<T: Serialize>(
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

/// List the drafts
///
/// Every article that editors have, published or not, by when its latest revision was saved, the newest first.
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
    let page = paging.cut(&list, &mut rows, |(article, standing)| (standing.latest.created_at, article.id))?;
    let data = rows.into_iter().map(|(article, standing)| ArticleStatus::new(&article, standing)).collect();
    let list = DraftList { data, page };
    Ok(page_response(&list, &list.page, &address))
}

/// Read a draft
///
/// The latest revision of an article, whether it is published or not, with its `ETag` for `If-Match`. What `content` holds
/// can be put back.
#[utoipa::path(
    tag = "Management", security(("key" = ["read_drafts"])),
    params(("slug" = String, Path, description = "The article's slug or id; an earlier slug redirects.", example = "cord-blood"), Query<ContentForm>),
    responses((
        status = 200, description = "The article with its latest revision.", headers(("ETag")),
        content((Draft = "application/json"), (String = "text/markdown", example = "---\nslug: cord-blood\nlocale: zh-Hans\ntitle: 脐带血是什么？\n---\n\n脐带血是分娩后留在脐带和胎盘里的血。\n")),
    )),
)]
#[get("/manage/v1/articles/{slug}")]
pub async fn read_draft(path: web::Path<String>, request: Authorized<ReadDrafts>) -> Result<HttpResponse, Error> {
    let form: ContentForm = request.query()?;
    let (standing, etag, Revision { document, .. }) = request
        .read(async |connection| {
            let article = request.article(connection, &path, "").await?;
            let (standing, etag) = ArticleStatus::of(connection, &article).await?;
            Ok((standing, etag, revisions::latest(connection, article.id).await?))
        })
        .await?;
    form.answer(&document, &etag, |content| Draft { standing, content })
}

/// Save a draft
///
/// Makes a revision of the article, or the article where there is none. An article file (`text/markdown`) or JSON; a captured
/// page (`text/html`) is read as `lectern convert` reads it, and `remarks` names what was guessed. Readers see nothing of it
/// until it is published. What is saved already makes no revision. An update needs `If-Match` with the `ETag` that was read;
/// `If-None-Match: *` makes sure that it is new.
#[utoipa::path(
    tag = "Management", security(("key" = ["write"])),
    params(("slug" = String, Path, description = "The slug that the article has or is to have; or its id.", example = "cord-blood")),
    request_body(description = "The article.", content(
        (ArticleJson = "application/json"),
        (String = "text/markdown", example = "---\ntitle: 脐带血是什么？\n---\n脐带血是分娩后留在脐带和胎盘里的血。\n\n## 一、来源 {#origin}\n\n采集不伤母婴。\n"),
    )),
    responses(
        (status = 201, description = "The article was made.", body = SavedArticle, headers(("ETag"), ("Location"))),
        (status = 200, description = "The article has a new revision, or had this content already.", body = SavedArticle, headers(("ETag"))),
        (status = 409, response = Conflict), (status = 412, response = PreconditionFailed), (status = 428, response = PreconditionRequired),
    ),
)]
#[put("/manage/v1/articles/{slug}")]
pub async fn put_article(path: web::Path<String>, mut request: Authorized<Write>) -> Result<HttpResponse, Error> {
    let NoParameters = request.query()?;
    let expected = request.precondition()?;
    let (slug, id) = slug_and_id(&request, &path).await?;
    let (document, remarks) = content(&mut request, slug).await?;
    let slug = document.slug.clone();
    let (saved, standing, etag) = request
        .write(async |tx| {
            let saved = tx.save_draft(document, &expected).await?;
            if id.is_some_and(|id| id != saved.id) {
                return Err(Error::Conflict("the article was moved during the save; send the request again".into()));
            }
            let article = Article { id: saved.id, slug };
            let (standing, etag) = ArticleStatus::of(tx.connection(), &article).await?;
            Ok((saved, standing, etag))
        })
        .await?;
    Ok(saved_answer(&saved, standing, &etag, remarks))
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

/// What is answered to a save.
pub(super) fn saved_answer(
    saved: &Saved,
    standing: ArticleStatus,
    etag: &str,
    remarks: Vec<FieldError>,
) -> HttpResponse {
    let (status, outcome) = match saved.outcome {
        Outcome::Created => (StatusCode::CREATED, "created"),
        Outcome::Updated => (StatusCode::OK, "updated"),
        Outcome::Unchanged => (StatusCode::OK, "unchanged"),
    };
    let location = format!("{MOUNT}{}", standing.slug);
    let mut response = answer(status, etag, &SavedArticle { standing, outcome, remarks });
    if status == StatusCode::CREATED
        && let Ok(location) = location.parse()
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// The article that a body holds, and what its editor should look at.
async fn content(request: &mut Authorized<Write>, slug: Slug) -> Result<(Document, Vec<FieldError>), Error> {
    let media_type = request.media_type();
    let read = match media_type.as_str() {
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
    // A hostile text of this size takes a second to read.
    let read = web::block(move || read(&body, &slug)).await;
    read.map_err(|e| Error::internal("a body was not read", e))?
}

fn from_file(body: &[u8], slug: &Slug) -> Result<(Document, Vec<FieldError>), Error> {
    let fault = |remark: crate::content::Warning| FieldError {
        line: remark.line,
        column: remark.column,
        ..FieldError::body("", remark.message)
    };
    let text = std::str::from_utf8(body).map_err(|e| {
        let line = body[..e.valid_up_to()].split(|byte| *byte == b'\n').count();
        let place =
            FieldError { line: u32::try_from(line).ok(), ..FieldError::body("", "An article file must be UTF-8.") };
        Error::InvalidContent(vec![place])
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let read = markdown::read(text, Some(slug.as_str()));
    let read = read.map_err(|faults| Error::InvalidContent(faults.into_iter().map(fault).collect()))?;
    if read.document.slug != *slug {
        let named = &read.document.slug;
        let detail = format!("The address says `{slug}`, the front matter `{named}`; a move is `POST …/move`.");
        return Err(Error::InvalidContent(vec![FieldError::body("", detail)]));
    }
    Ok((read.document, read.warnings.into_iter().map(fault).collect()))
}

/// Reads a captured page; what was guessed and what looks damaged are remarks.
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
/// What was never published is gone with its history, and its slug is free. What was published answers 410 from then on, as
/// if it were withdrawn, and its slugs stay its own; saving a draft under its slug brings it back with its history. That
/// needs the scope `publish` too where readers see it now.
#[utoipa::path(
    tag = "Management", security(("key" = ["write"])),
    params(("slug" = String, Path, description = "The article's slug or id.", example = "cord-blood")),
    responses((status = 204, description = "It is gone."), (status = 412, response = PreconditionFailed)),
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

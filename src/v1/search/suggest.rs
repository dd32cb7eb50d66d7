//! `/v1/search/suggest`: titles and questions that complete a query.
//!
//! Each title or question appears once, for the first rule that it meets: it begins with the text; a clause of it does;
//! the pinyin of it or of a clause does; its pinyin initials do; it contains the text. Results of a rule are in the order
//! of their keys, those of the last rule the newest article first.

use actix_web::{HttpResponse, get};
use diesel::sql_types::{Array, Integer, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    candidates::{Progress, load_portion, load_top},
    read_required_text,
};
use crate::{
    content::search::{Matcher, PassageFields, Query, completion, pinyin, query::completion_tsquery, score},
    db::{
        Connection,
        statement::{Bind, Statement},
    },
    error::Error,
    http::{
        self, CachedGet, CanonicalUri, Payload,
        query::{FromQuery, Parameters},
    },
};

/// Number of suggestions by default.
const DEFAULT_LIMIT: u32 = 10;

/// Greatest number of suggestions.
const MAX_LIMIT: u32 = 20;

/// The parameters of suggestions.
pub struct SuggestQuery {
    typed: String,
    query: Query,
    limit: usize,
}

impl FromQuery for SuggestQuery {
    fn from_query(p: &mut Parameters) -> Self {
        let description = "Text typed so far: characters, pinyin, or the initials of pinyin.";
        let text = read_required_text(p, description, "干细");
        let typed = completion::key_prefix(&text);
        if !typed.is_empty() {
            p.set_canonical("q", &typed);
        }
        let limit = p.declare("limit", "Greatest number of suggestions.").number(1..=MAX_LIMIT, DEFAULT_LIMIT);
        SuggestQuery { query: Query::new(&typed), typed, limit: limit as usize }
    }
}

/// A title or question that completes what was typed.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Suggestion {
    /// The title or question.
    #[schema(example = "干细胞回输是什么原理？")]
    pub text: String,
    /// The kind of its text.
    pub kind: SuggestionKind,
    /// The article's slug.
    #[schema(example = "stem-cell-infusion")]
    pub slug: String,
    /// The path of the article.
    #[schema(example = "/v1/articles/stem-cell-infusion")]
    pub url: String,
}

/// The kind of a suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuggestionKind {
    /// The title of an article.
    Title,
    /// A question that an article answers.
    Question,
}

/// A list of suggestions.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suggestions {
    /// The suggestions, the best first.
    pub data: Vec<Suggestion>,
}

/// Complete a query
///
/// Returns titles and questions that begin with the text or have a clause that does, then those whose pinyin does, then
/// those that contain it.
#[utoipa::path(
    tag = "Search", params(http::Query<SuggestQuery>),
    responses((status = 200, description = "The suggestions.", body = Suggestions)),
)]
#[get("/v1/search/suggest")]
pub async fn suggest(read: CachedGet<SuggestQuery>) -> Result<HttpResponse, Error> {
    read.respond(suggestions_payload).await
}

async fn suggestions_payload(connection: &Connection, query: SuggestQuery, _: CanonicalUri) -> Result<Payload, Error> {
    let mut data: Vec<Suggestion> = Vec::new();
    if !query.typed.is_empty() {
        for (text, kind, slug) in load_completions(connection, &query).await? {
            add(&mut data, text, kind, slug);
        }
        if data.len() < query.limit {
            for (text, kind, slug) in load_containing(connection, &query.query).await? {
                add(&mut data, text, kind, slug);
            }
        }
        data.truncate(query.limit);
    }
    Ok(Payload::json(&Suggestions { data })?.tagged(["articles"]))
}

fn add(data: &mut Vec<Suggestion>, text: String, kind: SuggestionKind, slug: String) {
    let url = format!("/v1/articles/{slug}");
    let suggestion = Suggestion { text, kind, slug, url };
    if !data.contains(&suggestion) {
        data.push(suggestion);
    }
}

type Line = (String, SuggestionKind, String);
type Columns = (Integer, Text, SqlUuid, SmallInt, Text, Text, Array<Text>);
type Row = (i32, String, Uuid, i16, String, String, Vec<String>);

/// Loads titles and questions by prefix.
async fn load_completions(mut connection: &AsyncPgConnection, query: &SuggestQuery) -> Result<Vec<Line>, Error> {
    let binds = vec![
        ("typed", Bind::Text(Some(query.typed.clone()))),
        ("pinyin", Bind::Text(pinyin::letters(&query.typed))),
        // Several clauses may match one title or question.
        ("fetch", Bind::Integer(i64::try_from(query.limit * 4).ok())),
    ];
    let rows: Vec<Row> = Statement::<Columns>::new(include_str!("suggest.sql"), binds).load(&mut connection).await?;
    let lines =
        rows.into_iter().filter_map(|(_, _, _, line, slug, title, questions)| match usize::try_from(line).ok()? {
            0 => Some((title, SuggestionKind::Title, slug)),
            line => Some((questions.into_iter().nth(line - 1)?, SuggestionKind::Question, slug)),
        });
    Ok(lines.collect())
}

/// Loads titles and questions that contain the text, of the newest articles.
async fn load_containing(connection: &AsyncPgConnection, query: &Query) -> Result<Vec<Line>, Error> {
    let Some(condition) = completion_tsquery(query) else { return Ok(Vec::new()) };
    let top = load_top(connection).await?;
    let portion = load_portion(connection, &condition, top, None, Progress::default()).await?;
    let matcher = Matcher::new(query);
    let mut lines = Vec::new();
    for candidate in &portion.candidates {
        let PassageFields { title, questions, .. } = candidate.fields();
        let titles = std::iter::once((title, SuggestionKind::Title));
        for (text, kind) in titles.chain(questions.iter().map(|question| (question.as_str(), SuggestionKind::Question)))
        {
            if score::contains_all(&matcher, text) {
                lines.push((text.to_owned(), kind, candidate.slug.clone()));
            }
        }
    }
    Ok(lines)
}

//! `/v1/search/suggest`: titles and questions that a reader may be about to type.
//!
//! The rule, each title or question once, for the first that holds: it begins with what is typed; a clause of it does; it or a
//! clause of it sounds like it (pinyin); its initials are it; it holds it anywhere. Within each in the order of its
//! characters, within the last the newest article first.

use actix_web::{HttpResponse, get};
use diesel::sql_types::{Array, Integer, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    candidates::{Seen, portion, top},
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
    /// Which of the two it is.
    pub kind: SuggestionKind,
    /// The article's slug.
    #[schema(example = "stem-cell-infusion")]
    pub slug: String,
    /// Where the article is.
    #[schema(example = "/v1/articles/stem-cell-infusion")]
    pub url: String,
}

/// What a suggestion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuggestionKind {
    /// The title of an article.
    Title,
    /// A question that an article answers.
    Question,
}

/// Suggestions.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suggestions {
    /// The suggestions, the best first.
    pub data: Vec<Suggestion>,
}

/// Complete a query
///
/// Titles and questions that begin with what was typed, or have a clause that does; that sound like it; or that hold it.
#[utoipa::path(tag = "Search", params(http::Query<SuggestQuery>), responses((status = 200, description = "The suggestions.", body = Suggestions)))]
#[get("/v1/search/suggest")]
pub async fn suggest(read: CachedGet<SuggestQuery>) -> Result<HttpResponse, Error> {
    read.respond(suggestions).await
}

async fn suggestions(connection: &Connection, asked: SuggestQuery, _: CanonicalUri) -> Result<Payload, Error> {
    let mut data: Vec<Suggestion> = Vec::new();
    if !asked.typed.is_empty() {
        for (text, kind, slug) in completions(connection, &asked).await? {
            add(&mut data, text, kind, slug);
        }
        if data.len() < asked.limit {
            for (text, kind, slug) in holding(connection, &asked.query).await? {
                add(&mut data, text, kind, slug);
            }
        }
        data.truncate(asked.limit);
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

/// Those that begin with what was typed, in some way.
async fn completions(mut connection: &AsyncPgConnection, asked: &SuggestQuery) -> Result<Vec<Line>, Error> {
    let given = vec![
        ("typed", Bind::Text(Some(asked.typed.clone()))),
        ("sound", Bind::Text(pinyin::letters(&asked.typed))),
        // One line may be found by several of its clauses.
        ("fetch", Bind::Integer(i64::try_from(asked.limit * 4).ok())),
    ];
    let rows: Vec<Row> = Statement::<Columns>::new(include_str!("suggest.sql"), given).load(&mut connection).await?;
    let lines =
        rows.into_iter().filter_map(|(_, _, _, line, slug, title, questions)| match usize::try_from(line).ok()? {
            0 => Some((title, SuggestionKind::Title, slug)),
            line => Some((questions.into_iter().nth(line - 1)?, SuggestionKind::Question, slug)),
        });
    Ok(lines.collect())
}

/// Those that hold what was typed anywhere, of the newest articles.
async fn holding(connection: &AsyncPgConnection, query: &Query) -> Result<Vec<Line>, Error> {
    let Some(condition) = completion_tsquery(query) else { return Ok(Vec::new()) };
    let found = portion(connection, &condition, top(connection).await?, None, Seen::default()).await?;
    let matcher = Matcher::new(query);
    let mut lines = Vec::new();
    for candidate in &found.candidates {
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

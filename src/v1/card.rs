//! The card: an article without its text, as lists show it.

use chrono::{DateTime, Utc};
use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    pg::{Pg, PgValue},
    prelude::*,
    sql_types::Jsonb,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{content::Source, db::schema::articles, http::pagination::Page};

/// An article without its text.
#[derive(Debug, Clone, Queryable, Selectable, Serialize, ToSchema)]
#[diesel(table_name = articles)]
pub struct Card {
    /// The article's id; it never changes.
    pub id: Uuid,
    /// Its current slug; earlier slugs redirect to it.
    #[schema(example = "stem-cell-infusion", pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
    pub slug: String,
    /// The language and script of its text (RFC 5646).
    #[schema(example = "zh-Hans")]
    pub locale: String,
    /// Its revision number; grows with every publication of new content.
    #[schema(example = 3, minimum = 1)]
    pub revision: i32,
    /// Its title.
    #[schema(example = "干细胞回输：原理、真实效果与就医选择")]
    pub title: String,
    /// The questions that it answers.
    #[schema(example = json!(["干细胞回输是什么原理？"]))]
    pub questions: Vec<String>,
    /// The editor's summary, else the beginning of the text; `null` if there is neither.
    pub summary: Option<String>,
    /// Its topics, in the editor's order.
    #[diesel(deserialize_as = Json<Vec<TopicName>>)]
    pub topics: Vec<TopicName>,
    /// The number of characters in its text, without white space.
    #[schema(example = 2311, minimum = 0)]
    pub characters: i32,
    /// The reading time in minutes: 400 Han characters or 200 other words a minute, rounded up.
    #[schema(example = 6, minimum = 1)]
    pub reading_minutes: i32,
    /// The time of its publication; after a withdrawal, of the next one.
    pub published_at: DateTime<Utc>,
    /// The time of the last change of the published content.
    pub updated_at: DateTime<Utc>,
    /// A digest of its content: equal hashes mean equal content.
    pub hash: String,
    /// The source of its text; `null` if it is unknown.
    #[diesel(deserialize_as = NullableJson<Source>)]
    pub source: Option<Source>,
}

impl Card {
    /// Returns the id and the current slug.
    #[must_use]
    pub fn address(&self) -> (Uuid, &str) {
        (self.id, &self.slug)
    }

    /// Returns the tags of every response about this article.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        let topics = self.topics.iter().map(|topic| format!("topic:{}", topic.slug));
        std::iter::once(format!("article:{}", self.id)).chain(topics).collect()
    }
}

/// A topic of a card.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TopicName {
    /// The topic's slug.
    #[schema(example = "stem-cells")]
    pub slug: String,
    /// Its name.
    #[schema(example = "干细胞")]
    pub name: String,
}

/// A page of cards.
#[derive(Debug, Serialize, ToSchema)]
pub struct CardList {
    /// The cards.
    pub data: Vec<Card>,
    /// The position of this page in the list.
    pub page: Page,
}

/// A `jsonb` value, parsed as `T`.
#[derive(Debug, FromSqlRow)]
pub struct Json<T>(T);

impl<T: DeserializeOwned> FromSql<Jsonb, Pg> for Json<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        // The binary form of `jsonb` is a version, 1, and the text.
        match value.as_bytes() {
            [1, text @ ..] => Ok(Json(serde_json::from_slice(text)?)),
            _ => Err("unknown version of jsonb: expected 1".into()),
        }
    }
}

impl<T> From<Json<Vec<T>>> for Vec<T> {
    fn from(json: Json<Vec<T>>) -> Self {
        json.0
    }
}

/// A nullable `jsonb` value, parsed as `T`.
#[derive(Debug)]
pub struct NullableJson<T>(Option<T>);

impl<T: DeserializeOwned> Queryable<diesel::sql_types::Nullable<Jsonb>, Pg> for NullableJson<T> {
    type Row = Option<Json<T>>;

    fn build(row: Self::Row) -> deserialize::Result<Self> {
        Ok(NullableJson(row.map(|json| json.0)))
    }
}

impl<T> From<NullableJson<T>> for Option<T> {
    fn from(json: NullableJson<T>) -> Self {
        json.0
    }
}

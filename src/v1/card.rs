//! What every list shares: an article without its text.

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
    /// The article's identity; survives every edit and move.
    pub id: Uuid,
    /// Its address; earlier ones redirect to it.
    #[schema(example = "stem-cell-infusion", pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
    pub slug: String,
    /// The language and script of its text (RFC 5646).
    #[schema(example = "zh-Hans")]
    pub locale: String,
    /// How often it was revised; grows with every publication of new content.
    #[schema(example = 3, minimum = 1)]
    pub revision: i32,
    /// Its title.
    #[schema(example = "干细胞回输：原理、真实效果与就医选择")]
    pub title: String,
    /// The questions that it answers.
    #[schema(example = json!(["干细胞回输是什么原理？"]))]
    pub questions: Vec<String>,
    /// A summary: the editor's own, else the beginning of the text; `null` where there is neither.
    pub summary: Option<String>,
    /// What it is about, in the editor's order.
    #[diesel(deserialize_as = Json<Vec<TopicName>>)]
    pub topics: Vec<TopicName>,
    /// The characters of its text that are not white space.
    #[schema(example = 2311, minimum = 0)]
    pub characters: i32,
    /// How long an adult reads, in minutes: 400 Han characters or 200 other words a minute, rounded up.
    #[schema(example = 6, minimum = 1)]
    pub reading_minutes: i32,
    /// When it was published; again, if it was withdrawn in between.
    pub published_at: DateTime<Utc>,
    /// When what is published changed last.
    pub updated_at: DateTime<Utc>,
    /// A digest of its content: equal hashes, equal content.
    pub hash: String,
    /// Where the text comes from; `null` where that is not known.
    #[diesel(deserialize_as = NullableJson<Source>)]
    pub source: Option<Source>,
}

impl Card {
    /// Its id and its present slug.
    #[must_use]
    pub fn address(&self) -> (Uuid, &str) {
        (self.id, &self.slug)
    }

    /// The tags of every answer about this article.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        let topics = self.topics.iter().map(|topic| format!("topic:{}", topic.slug));
        std::iter::once(format!("article:{}", self.id)).chain(topics).collect()
    }
}

/// A topic as cards show it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TopicName {
    /// The topic's address.
    #[schema(example = "stem-cells")]
    pub slug: String,
    /// What it is called.
    #[schema(example = "干细胞")]
    pub name: String,
}

/// A page of cards.
#[derive(Debug, Serialize, ToSchema)]
pub struct CardList {
    /// The cards.
    pub data: Vec<Card>,
    /// Where this page is.
    pub page: Page,
}

/// A `jsonb` that holds a `T`.
#[derive(Debug, FromSqlRow)]
pub struct Json<T>(T);

impl<T: DeserializeOwned> FromSql<Jsonb, Pg> for Json<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        // The binary form of `jsonb` is a version, 1, and the text.
        match value.as_bytes() {
            [1, text @ ..] => Ok(Json(serde_json::from_slice(text)?)),
            _ => Err("this version of jsonb is not known".into()),
        }
    }
}

impl<T> From<Json<Vec<T>>> for Vec<T> {
    fn from(json: Json<Vec<T>>) -> Self {
        json.0
    }
}

/// A `jsonb` that holds a `T` or is null.
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

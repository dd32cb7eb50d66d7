//! Whole articles that were assembled before, for [`super::read`]; what must hold is said at [`crate::finished`].

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::{
    content::ArticleName,
    db::statement::{Bind, Statement},
    error::Error,
    finished::{BUILD, Place},
    http::Payload,
};

type Row = (i64, DateTime<Utc>, Option<Vec<String>>, Option<String>);

/// The end of the log, and the answer to a request for the whole article that `key` names, where there is one that holds.
/// One statement.
pub(super) async fn find(
    mut connection: &AsyncPgConnection,
    key: &ArticleName,
) -> Result<(Option<Place>, Option<Payload>), Error> {
    let (slug, id) = match key {
        ArticleName::Slug(slug) => (Some(slug.to_string()), None),
        ArticleName::Id(id) => (None, Some(*id)),
    };
    let given = vec![("slug", Bind::Text(slug)), ("id", Bind::Uuid(id)), ("build", Bind::Text(Some(BUILD.to_owned())))];
    let statement = Statement::<(BigInt, Timestamptz, Nullable<Array<Text>>, Nullable<Text>)>::new(
        include_str!("finished.sql"),
        given,
    );
    let rows: Vec<Row> = statement.load(&mut connection).await?;
    let Some((sequence, at, tags, body)) = rows.into_iter().next() else { return Ok((None, None)) };
    let answer = body.map(|body| Payload::bytes("application/json", body).tagged(tags.unwrap_or_default()));
    Ok((Some(Place { sequence, at }), answer))
}

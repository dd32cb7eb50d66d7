//! `/v1/site`: the description of the site.

use actix_web::{HttpResponse, get};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    content::site::{CallToAction, License},
    db::schema::site,
    error::Error,
    http::{CachedGet, Payload, query::NoParameters},
};

/// The description of the site.
#[derive(Debug, Serialize, ToSchema)]
pub struct Site {
    /// The name of the site.
    #[schema(example = "Lectern 健康文库")]
    pub name: String,
    /// Its subject.
    pub description: Option<String>,
    /// The language of the site's own texts.
    #[schema(example = "zh-Hans")]
    pub locale: String,
    /// An invitation to the readers, such as a consultation; `null` if there is none.
    pub call_to_action: Option<CallToAction>,
    /// The licence of its texts.
    pub license: Option<License>,
    /// The credit line for its texts.
    pub attribution: Option<String>,
    /// The medical disclaimer.
    pub disclaimer: Option<String>,
    /// The time of the last change of this description.
    pub updated_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = site)]
struct Row {
    name: String,
    description: Option<String>,
    locale: String,
    call_to_action_label: Option<String>,
    call_to_action_url: Option<String>,
    license_name: Option<String>,
    license_url: Option<String>,
    attribution: Option<String>,
    disclaimer: Option<String>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Site {
    fn from(row: Row) -> Site {
        let url = row.call_to_action_url;
        let license_url = row.license_url;
        Site {
            name: row.name,
            description: row.description,
            locale: row.locale,
            call_to_action: row.call_to_action_label.map(|label| CallToAction { label, url }),
            license: row.license_name.map(|name| License { name, url: license_url }),
            attribution: row.attribution,
            disclaimer: row.disclaimer,
            updated_at: row.updated_at,
        }
    }
}

/// Read the site
///
/// Returns the name, the call to action, the licence and the medical disclaimer, which a front end shows around every
/// article.
#[utoipa::path(tag = "Site", responses((status = 200, description = "The site.", body = Site)))]
#[get("/v1/site")]
pub async fn read_site(read: CachedGet<NoParameters>) -> Result<HttpResponse, Error> {
    read.respond(async |connection, _, _| {
        let site = load(connection).await?;
        let site = site.ok_or_else(|| Error::NotFound("the site has not been described yet".into()))?;
        Ok(Payload::json(&site)?.tagged(["site"]))
    })
    .await
}

/// Loads the description of the site; `None` before the first one.
pub(crate) async fn load(mut connection: &AsyncPgConnection) -> Result<Option<Site>, Error> {
    let row: Option<Row> = site::table.select(Row::as_select()).first(&mut connection).await.optional()?;
    Ok(row.map(Site::from))
}

//! The site's own facts, topics, and the articles that lead the hot list.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{
    Author, Change,
    audit::{self, AuditEntry},
    clock_timestamp, hold, record,
};
use crate::{
    content::{
        Locale,
        site::{CallToAction, License, Site},
    },
    db::schema::site,
    error::Error,
};

mod pins;
mod topics;

pub use pins::{pin_faults, put_pins, read_pins};
pub use topics::{delete_topic, put_topics, read_topic, read_topics};

/// What the service says of itself, if anybody told it.
pub async fn read_site(connection: &mut AsyncPgConnection) -> Result<Option<Site>, Error> {
    type Columns = (
        (String, Option<String>, String),
        (Option<String>, Option<String>),
        (Option<String>, Option<String>),
        (Option<String>, Option<String>),
    );
    let row = site::table
        .select((
            (site::name, site::description, site::locale),
            (site::call_to_action_label, site::call_to_action_url),
            (site::license_name, site::license_url),
            (site::attribution, site::disclaimer),
        ))
        .first::<Columns>(connection)
        .await
        .optional()?;
    let Some(((name, description, locale), (label, url), (license, license_url), (attribution, disclaimer))) = row
    else {
        return Ok(None);
    };
    Ok(Some(Site {
        name,
        description,
        locale: locale.parse().map_err(|e| Error::internal("a stored locale", e))?,
        call_to_action: label.map(|label| CallToAction { label, url }),
        license: license.map(|name| License { name, url: license_url }),
        attribution,
        disclaimer,
    }))
}

/// Sets what the service says of itself, and returns whether that changed anything. Must run in a transaction.
pub async fn put_site(connection: &mut AsyncPgConnection, new: &Site, author: &Author) -> Result<bool, Error> {
    hold(connection).await?;
    if read_site(connection).await?.as_ref() == Some(new) {
        return Ok(false);
    }
    let cta = new.call_to_action.as_ref();
    let license = new.license.as_ref();
    let row = (
        site::name.eq(&new.name),
        site::description.eq(&new.description),
        site::locale.eq(new.locale.as_str()),
        site::call_to_action_label.eq(cta.map(|cta| &cta.label)),
        site::call_to_action_url.eq(cta.and_then(|cta| cta.url.as_ref())),
        site::license_name.eq(license.map(|license| &license.name)),
        site::license_url.eq(license.and_then(|license| license.url.as_ref())),
        site::attribution.eq(&new.attribution),
        site::disclaimer.eq(&new.disclaimer),
        site::updated_at.eq(clock_timestamp()),
    );
    diesel::insert_into(site::table)
        .values((site::id.eq(true), row))
        .on_conflict(site::id)
        .do_update()
        .set(row)
        .execute(connection)
        .await?;
    audit::write(connection, author, AuditEntry::new("put_site")).await?;
    record(connection, Change { kind: "site", article: None, tags: vec!["site".into()] }).await?;
    Ok(true)
}

/// Sets the name and call to action that a captured page shows, and leaves the rest as it is; returns whether that
/// changed anything. Must run in a transaction.
pub async fn put_captured(
    connection: &mut AsyncPgConnection,
    name: Option<&str>,
    call_to_action: Option<&str>,
    author: &Author,
) -> Result<bool, Error> {
    hold(connection).await?;
    let old = read_site(connection).await?;
    let Some(name) = name.map(str::to_owned).or_else(|| old.as_ref().map(|old| old.name.clone())) else {
        return Ok(false);
    };
    let mut new = old.unwrap_or(Site {
        name: String::new(),
        description: None,
        locale: Locale::default(),
        call_to_action: None,
        license: None,
        attribution: None,
        disclaimer: None,
    });
    new.name = name;
    if let Some(label) = call_to_action
        && new.call_to_action.as_ref().is_none_or(|old| old.label != label)
    {
        // The address belonged to the invitation that was there before; a captured page shows none.
        new.call_to_action = Some(CallToAction { label: label.to_owned(), url: None });
    }
    put_site(connection, &new, author).await
}

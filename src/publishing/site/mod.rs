//! The description of the site, topics, and the pins of the hot list.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{
    PublishTx,
    audit::{AuditAction, AuditEntry},
    transaction::{Change, ChangeKind, clock_timestamp},
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

pub use pins::{check_pins, read_pins};
pub use topics::{read_topic, read_topics};

/// Reads the description of the site; `None` before the first.
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
        locale: locale.parse().map_err(|e| Error::internal("a stored locale is not valid", e))?,
        call_to_action: label.map(|label| CallToAction { label, url }),
        license: license.map(|name| License { name, url: license_url }),
        attribution,
        disclaimer,
    }))
}

impl PublishTx {
    /// Replaces the description of the site; returns whether it changed.
    pub async fn set_site(&mut self, new: &Site) -> Result<bool, Error> {
        if read_site(self.connection()).await?.as_ref() == Some(new) {
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
            .execute(self.connection())
            .await?;
        self.audit(AuditEntry::new(AuditAction::PutSite)).await?;
        self.record(Change::of_site(ChangeKind::Site, ["site".to_owned()])).await?;
        Ok(true)
    }

    /// Sets the name and the call to action from a captured page, and leaves the rest; returns whether anything changed.
    pub async fn set_captured_site(&mut self, name: Option<&str>, call_to_action: Option<&str>) -> Result<bool, Error> {
        let old = read_site(self.connection()).await?;
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
            // The old address belongs to the old label; a captured page shows no address.
            new.call_to_action = Some(CallToAction { label: label.to_owned(), url: None });
        }
        self.set_site(&new).await
    }
}

//! The bodies → what they say, or all their faults.

use std::{collections::HashSet, fmt::Display, str::FromStr};

use super::{CallToAction, License, MAX_NAME, MAX_PINS, MAX_TEXT, Pin, Placed, Site, Topic};
use crate::content::{
    Href, Slug,
    json::{self, Refused, Warning},
    value::{At, Check, Members, Value},
};

const SITE: [&str; 7] = ["name", "description", "locale", "call_to_action", "license", "attribution", "disclaimer"];
const TOPIC: [&str; 3] = ["slug", "name", "description"];

impl Site {
    /// Reads the site. The body may have `updated_at`, as the public API answers it; it means nothing.
    ///
    /// Errors: that it is not JSON, or all faults at once.
    pub fn read(body: &[u8]) -> Result<Site, Refused> {
        whole(body, |value, check| {
            let known = [&SITE[..], &["updated_at"]].concat();
            let map = check.map(value, &At::Root, &known)?;
            Reader { check }.site(map)
        })
    }
}

impl Topic {
    /// Reads the topic at the address `slug`, which the body may name. The body may have `articles`, as the public API answers
    /// it; it means nothing.
    ///
    /// Errors: that it is not JSON, or all faults at once.
    pub fn read(body: &[u8], slug: &Slug) -> Result<Topic, Refused> {
        whole(body, |value, check| {
            let known = [&TOPIC[..], &["articles"]].concat();
            let map = check.map(value, &At::Root, &known)?;
            let mut reader = Reader { check };
            let at = At::Name(&At::Root, "slug");
            let named = map.given("slug").and_then(|value| reader.parse::<Slug>(value, &at));
            if let Some(named) = named.filter(|named| named != slug) {
                reader.check.fault(&at, format!("The address says `{slug}`, the body `{named}`."));
            }
            reader.topic(map, &At::Root, Some(slug.clone()))
        })
    }
}

/// Reads pins, each with its place in the body, which are those without fault; and the faults of the others. Whoever looks
/// further can tell what is found there with them.
///
/// Errors: that it is not JSON.
pub fn read_pins(body: &[u8]) -> Result<(Placed, Vec<Warning>), Refused> {
    let (pins, faults) = json::read_form(body, |value, check| {
        let map = check.map(value, &At::Root, &["pins"])?;
        Some(Reader { check }.pins(map))
    })?;
    Ok((pins.unwrap_or_default(), faults))
}

/// Reads a site with its `topics` and `pins`: `site.yaml` as JSON.
///
/// Errors: that it is not JSON, or all faults at once.
pub fn read_file(json: &[u8]) -> Result<(Site, Vec<Topic>, Vec<Pin>), Refused> {
    whole(json, |value, check| {
        let known = [&SITE[..], &["topics", "pins"]].concat();
        let map = check.map(value, &At::Root, &known)?;
        let mut reader = Reader { check };
        let site = reader.site(map);
        let topics = reader.topics(map);
        let pins = reader.pins(map).into_iter().map(|(_, pin)| pin).collect();
        Some((site?, topics, pins))
    })
}

fn whole<T>(body: &[u8], form: impl FnOnce(&Value<'_>, &mut Check<'_>) -> Option<T>) -> Result<T, Refused> {
    match json::read_form(body, form)? {
        (Some(value), faults) if faults.is_empty() => Ok(value),
        (_, faults) => Err(Refused::Content(faults)),
    }
}

struct Reader<'c, 'f> {
    check: &'c mut Check<'f>,
}

impl Reader<'_, '_> {
    fn site(&mut self, map: Members<'_, '_>) -> Option<Site> {
        let name = self.name(map, &At::Root, "name");
        let description = self.text(map, &At::Root, "description");
        let locale = map.given("locale").and_then(|value| self.parse(value, &At::Name(&At::Root, "locale")));
        let call_to_action = self.call_to_action(map);
        let license = self.license(map);
        let attribution = self.text(map, &At::Root, "attribution");
        let disclaimer = self.text(map, &At::Root, "disclaimer");
        let locale = locale.unwrap_or_default();
        Some(Site { name: name?, description, locale, call_to_action, license, attribution, disclaimer })
    }

    fn call_to_action(&mut self, map: Members<'_, '_>) -> Option<CallToAction> {
        let at = At::Name(&At::Root, "call_to_action");
        let map = self.check.map(map.given("call_to_action")?, &at, &["label", "url"])?;
        let label = self.name(map, &at, "label");
        let url = self.address(map, &at, false);
        Some(CallToAction { label: label?, url })
    }

    fn license(&mut self, map: Members<'_, '_>) -> Option<License> {
        let at = At::Name(&At::Root, "license");
        let map = self.check.map(map.given("license")?, &at, &["name", "url"])?;
        let name = self.name(map, &at, "name");
        let url = self.address(map, &at, true);
        Some(License { name: name?, url })
    }

    fn topics(&mut self, map: Members<'_, '_>) -> Vec<Topic> {
        let list = At::Name(&At::Root, "topics");
        let mut topics = Vec::new();
        let mut seen = HashSet::new();
        let items = map.given("topics").and_then(|value| self.check.list(value, &list)).unwrap_or_default();
        for (place, item) in items.iter().enumerate() {
            let at = At::Item(&list, place);
            let Some(map) = self.check.map(item, &at, &TOPIC) else { continue };
            let slug: Option<Slug> = self.slug(map, &at, "slug");
            let topic = self.topic(map, &at, slug.clone());
            if let Some(slug) = slug
                && let Err(slug) = first(&mut seen, slug)
            {
                self.check.fault(&At::Name(&at, "slug"), format!("The topic `{slug}` stands twice in `topics`."));
            }
            topics.extend(topic);
        }
        topics
    }

    /// What is said of the topic `slug`; nothing where there is none.
    fn topic(&mut self, map: Members<'_, '_>, at: &At<'_>, slug: Option<Slug>) -> Option<Topic> {
        let name = self.name(map, at, "name");
        let description = self.text(map, at, "description");
        Some(Topic { slug: slug?, name: name?, description })
    }

    fn pins(&mut self, map: Members<'_, '_>) -> Placed {
        let list = At::Name(&At::Root, "pins");
        let Some(value) = self.required(map, &At::Root, "pins") else { return Vec::new() };
        let items = self.check.list(value, &list).unwrap_or_default();
        if items.len() > MAX_PINS {
            self.check.fault(&list, format!("`pins` has more than {MAX_PINS} items."));
            return Vec::new();
        }
        let mut pins = Vec::new();
        let mut seen = HashSet::new();
        for (place, item) in items.iter().enumerate() {
            let at = At::Item(&list, place);
            let Some(map) = self.check.map(item, &at, &["article", "reason"]) else { continue };
            let article: Option<Slug> = self.slug(map, &at, "article");
            let reason = self.text(map, &at, "reason");
            match article.map(|article| first(&mut seen, article)) {
                Some(Ok(article)) => pins.push((place, Pin { article, reason })),
                Some(Err(article)) => {
                    let message = format!("The article `{article}` stands twice in `pins`.");
                    self.check.fault(&At::Name(&at, "article"), message);
                }
                None => {}
            }
        }
        pins
    }

    /// A member that must be there.
    fn required<'v, 'a>(&mut self, map: Members<'v, 'a>, at: &At<'_>, name: &str) -> Option<&'v Value<'a>> {
        let value = map.given(name);
        if value.is_none() {
            let at = At::Name(at, name);
            self.check.fault(&at, format!("`{}` is missing.", at.words()));
        }
        value
    }

    fn slug(&mut self, map: Members<'_, '_>, at: &At<'_>, name: &str) -> Option<Slug> {
        let value = self.required(map, at, name)?;
        self.parse(value, &At::Name(at, name))
    }

    fn parse<T: FromStr<Err: Display>>(&mut self, value: &Value<'_>, at: &At<'_>) -> Option<T> {
        let Value::Text(text) = value else {
            self.check.text(value, at);
            return None;
        };
        text.parse().map_err(|why| self.check.fault(at, format!("`{}` is not valid: {why}.", at.words()))).ok()
    }

    /// A name or label, which must be there and to be seen.
    fn name(&mut self, map: Members<'_, '_>, at: &At<'_>, name: &str) -> Option<String> {
        let value = self.required(map, at, name)?;
        let at = At::Name(at, name);
        let text = self.characters(value, &at, MAX_NAME)?;
        let unseen = |c: char| c.is_whitespace() || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}');
        if text.chars().all(unseen) {
            self.check.fault(&at, format!("`{}` is empty.", at.words()));
            return None;
        }
        Some(text)
    }

    fn text(&mut self, map: Members<'_, '_>, at: &At<'_>, name: &str) -> Option<String> {
        self.characters(map.given(name)?, &At::Name(at, name), MAX_TEXT)
    }

    /// A text of at most `max` characters, all of which may stand in one.
    fn characters(&mut self, value: &Value<'_>, at: &At<'_>, max: usize) -> Option<String> {
        let told = self.check.told;
        let text = self.check.text(value, at)?;
        if text.chars().nth(max).is_some() {
            self.check.fault(at, format!("`{}` is longer than {max} characters.", at.words()));
        }
        (self.check.told == told).then(|| text.into_owned())
    }

    /// An address that may be followed; `absolute` where it must be one of a page elsewhere.
    fn address(&mut self, map: Members<'_, '_>, at: &At<'_>, absolute: bool) -> Option<String> {
        let at = At::Name(at, "url");
        // The private mark of links to articles may not stand in a text, and only a parser of stored links may meet it.
        let text = self.characters(map.given("url")?, &at, Href::MAX)?;
        let message = match text.parse::<Href>() {
            Ok(href) if absolute && !href.is_external() => "must be an absolute http or https address.".to_owned(),
            Ok(Href::Address(address)) => return Some(address),
            // A place in the page or an article, as it is written: safe without a change.
            Ok(_) => return Some(text),
            Err(why) => format!("is no address: {why}."),
        };
        self.check.fault(&at, format!("`{}` {message}", at.words()));
        None
    }
}

/// A name, if it is not among those before it.
fn first(seen: &mut HashSet<Slug>, slug: Slug) -> Result<Slug, Slug> {
    if seen.insert(slug.clone()) { Ok(slug) } else { Err(slug) }
}

//! Reads the site, topics and pins from JSON.

use std::{collections::HashSet, fmt::Display, str::FromStr};

use super::{CallToAction, IndexedPin, License, MAX_NAME, MAX_PINS, MAX_TEXT, Pin, Site, Topic};
use crate::content::{
    Href, Slug,
    json::{self, Diagnostic, InvalidBody},
    node::Node,
};

const SITE: [&str; 7] = ["name", "description", "locale", "call_to_action", "license", "attribution", "disclaimer"];
const TOPIC: [&str; 3] = ["slug", "name", "description"];

impl Site {
    /// Reads a site. The body may contain `updated_at`, as the public API returns it, which is ignored.
    ///
    /// Errors: a syntax error, or all errors of the content.
    pub fn read(body: &[u8]) -> Result<Site, InvalidBody> {
        read_valid(body, |root| read_site(root.map(&[&SITE[..], &["updated_at"]].concat())?))
    }
}

impl Topic {
    /// Reads the topic at the address `slug`, which the body may repeat. The body may contain `articles`, as the public API
    /// returns it, which is ignored.
    ///
    /// Errors: a syntax error, or all errors of the content.
    pub fn read(body: &[u8], slug: &Slug) -> Result<Topic, InvalidBody> {
        read_valid(body, |root| {
            let map = root.map(&[&TOPIC[..], &["articles"]].concat())?;
            let member = map.member("slug");
            let sent: Option<Slug> = member.given().and_then(|member| read_parsed(&member));
            if let Some(sent) = sent.filter(|sent| sent != slug) {
                member.error(format!("The URL is for `{slug}`, but the body has `{sent}`; make them equal."));
            }
            read_topic(map, Some(slug.clone()))
        })
    }
}

/// Reads pins; returns the valid ones and the errors of the others, so that a caller can add errors of its own.
///
/// Errors: a syntax error.
pub fn read_pins(body: &[u8]) -> Result<(Vec<IndexedPin>, Vec<Diagnostic>), InvalidBody> {
    let (pins, errors) = json::read_with(body, |root| Some(read_pin_list(root.map(&["pins"])?)))?;
    Ok((pins.unwrap_or_default(), errors))
}

/// Reads a site with its `topics` and `pins`: the JSON form of `site.yaml`.
///
/// Errors: a syntax error, or all errors of the content.
pub fn read_file(json: &[u8]) -> Result<(Site, Vec<Topic>, Vec<Pin>), InvalidBody> {
    read_valid(json, |root| {
        let map = root.map(&[&SITE[..], &["topics", "pins"]].concat())?;
        let site = read_site(map);
        let topics = read_topics(&map.member("topics"));
        let pins = read_pin_list(map).into_iter().map(|(_, pin)| pin).collect();
        Some((site?, topics, pins))
    })
}

fn read_valid<T>(body: &[u8], read: impl FnOnce(&Node<'_>) -> Option<T>) -> Result<T, InvalidBody> {
    match json::read_with(body, read)? {
        (Some(value), errors) if errors.is_empty() => Ok(value),
        (_, errors) => Err(InvalidBody::Content(errors)),
    }
}

fn read_site(map: &Node<'_>) -> Option<Site> {
    let name = read_name(&map.member("name"));
    let description = read_text(&map.member("description"), MAX_TEXT);
    let locale = map.member("locale").given().and_then(|locale| read_parsed(&locale)).unwrap_or_default();
    let call_to_action = map.member("call_to_action").given().and_then(|node| read_call_to_action(&node));
    let license = map.member("license").given().and_then(|node| read_license(&node));
    let attribution = read_text(&map.member("attribution"), MAX_TEXT);
    let disclaimer = read_text(&map.member("disclaimer"), MAX_TEXT);
    Some(Site { name: name?, description, locale, call_to_action, license, attribution, disclaimer })
}

fn read_call_to_action(node: &Node<'_>) -> Option<CallToAction> {
    let map = node.map(&["label", "url"])?;
    let (label, url) = (read_name(&map.member("label")), read_url(&map.member("url"), false));
    Some(CallToAction { label: label?, url })
}

fn read_license(node: &Node<'_>) -> Option<License> {
    let map = node.map(&["name", "url"])?;
    let (name, url) = (read_name(&map.member("name")), read_url(&map.member("url"), true));
    Some(License { name: name?, url })
}

fn read_topics(list: &Node<'_>) -> Vec<Topic> {
    let mut seen = HashSet::new();
    let read = |item: Node<'_>| {
        let map = item.map(&TOPIC)?;
        let slug = read_parsed::<Slug>(&map.member("slug"));
        let topic = read_topic(map, slug.clone());
        let slug = slug?;
        if !seen.insert(slug.clone()) {
            map.member("slug").error(format!("The topic `{slug}` is in `topics` twice; remove one of them."));
        }
        topic
    };
    list.optional_items().into_iter().flatten().filter_map(read).collect()
}

/// Reads the other fields of the topic `slug`; `None` without one.
fn read_topic(map: &Node<'_>, slug: Option<Slug>) -> Option<Topic> {
    let name = read_name(&map.member("name"));
    let description = read_text(&map.member("description"), MAX_TEXT);
    Some(Topic { slug: slug?, name: name?, description })
}

fn read_pin_list(map: &Node<'_>) -> Vec<IndexedPin> {
    let list = map.member("pins");
    let Some(items) = list.items() else { return Vec::new() };
    if items.len() > MAX_PINS {
        list.error(format!("`pins` has more than {MAX_PINS} items."));
        return Vec::new();
    }
    let mut seen = HashSet::new();
    let read = |(index, item): (usize, Node<'_>)| {
        let map = item.map(&["article", "reason"])?;
        let article = read_parsed::<Slug>(&map.member("article"));
        let reason = read_text(&map.member("reason"), MAX_TEXT);
        let article = article?;
        if !seen.insert(article.clone()) {
            map.member("article").error(format!("The article `{article}` is in `pins` twice; remove one of them."));
            return None;
        }
        Some((index, Pin { article, reason }))
    };
    items.enumerate().filter_map(read).collect()
}

fn read_parsed<T: FromStr<Err: Display>>(node: &Node<'_>) -> Option<T> {
    node.parse(node.raw_text()?)
}

/// Reads a required name or label with at least one visible character.
fn read_name(node: &Node<'_>) -> Option<String> {
    let text = read_required_text(node, MAX_NAME)?;
    let is_invisible = |c: char| c.is_whitespace() || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}');
    if text.chars().all(is_invisible) {
        node.error(format!("`{}` is empty.", node.path()));
        return None;
    }
    Some(text)
}

/// Reads an optional text of at most `max_chars` characters.
fn read_text(node: &Node<'_>, max_chars: usize) -> Option<String> {
    read_required_text(&node.given()?, max_chars)
}

fn read_required_text(node: &Node<'_>, max_chars: usize) -> Option<String> {
    let errors = node.errors.count();
    let text = node.text()?;
    if text.chars().nth(max_chars).is_some() {
        node.error(format!("`{}` is longer than {max_chars} characters.", node.path()));
    }
    (node.errors.count() == errors).then(|| text.into_owned())
}

/// Reads an optional safe address, which must be external if `is_absolute`.
fn read_url(node: &Node<'_>, is_absolute: bool) -> Option<String> {
    // Refuses the mark of stored article links, which `Href` would parse.
    let text = read_text(node, Href::MAX)?;
    let message = match text.parse::<Href>() {
        Ok(href) if is_absolute && !href.is_external() => "must be an absolute http or https address".to_owned(),
        Ok(Href::Address(address)) => return Some(address),
        Ok(_) => return Some(text),
        Err(why) => format!("is not a valid address: {why}"),
    };
    node.error(format!("`{}` {message}.", node.path()));
    None
}

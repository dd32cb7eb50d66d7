//! `site.yaml`: the site's own facts, its topics, and the articles that lead the hot list.

use std::{collections::HashSet, fmt::Display, str::FromStr};

use serde::{Deserialize, Serialize};

use super::fault;
use crate::{
    content::{Href, Remark, Slug, text},
    publishing::site::{CallToAction, License, Pin, Site, Topic},
};

/// The greatest length of a name or label, in characters.
const MAX_NAME: usize = 300;
/// The greatest length of a longer text, in characters.
const MAX_TEXT: usize = 5_000;

/// What `site.yaml` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiteFile {
    /// The site's own facts.
    #[serde(flatten)]
    pub site: Site,
    /// The topics.
    pub topics: Vec<Topic>,
    /// The articles that lead the hot list, in order.
    pub pins: Vec<Pin>,
}

/// The same before its values are checked: of these, the parser tells the first fault only, and not always its key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    description: Option<String>,
    locale: Option<String>,
    call_to_action: Option<CallToAction>,
    license: Option<License>,
    attribution: Option<String>,
    disclaimer: Option<String>,
    #[serde(default)]
    topics: Vec<WrittenTopic>,
    #[serde(default)]
    pins: Vec<WrittenPin>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTopic {
    slug: String,
    name: String,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPin {
    article: String,
    reason: Option<String>,
}

impl SiteFile {
    /// Reads the file. Addresses are percent-encoded where they have to be; everything else stays as it is written.
    ///
    /// Errors: all faults at once; one where the file has not the form of a site file at all.
    pub(super) fn read(bytes: &[u8]) -> Result<SiteFile, Vec<Remark>> {
        let written: Written = yaml_serde::from_slice(bytes).map_err(|e| vec![unreadable(&e)])?;
        let mut faults = Faults::default();
        let site = faults.site(&written);
        let topics = faults.topics(written.topics);
        let pins = faults.pins(written.pins);
        if faults.0.is_empty() { Ok(SiteFile { site, topics, pins }) } else { Err(faults.0) }
    }
}

fn unreadable(error: &yaml_serde::Error) -> Remark {
    let mut message = format!("The file does not have the form of a site file: {error}.");
    let place = error.location().map(|place| (place.line(), place.column()));
    if let Some((line, column)) = place {
        message = message.replace(&format!(" at line {line} column {column}"), "");
    }
    Remark {
        line: place.and_then(|(line, _)| u32::try_from(line).ok()),
        column: place.and_then(|(_, column)| u32::try_from(column).ok()),
        message,
    }
}

#[derive(Default)]
struct Faults(Vec<Remark>);

impl Faults {
    fn add(&mut self, message: String) {
        self.0.push(fault(message));
    }

    fn site(&mut self, written: &Written) -> Site {
        self.name("name", &written.name);
        self.text("description", written.description.as_deref());
        let locale = written.locale.as_deref().and_then(|locale| self.parse("locale", locale));
        let mut call_to_action = written.call_to_action.clone();
        if let Some(CallToAction { label, url }) = &mut call_to_action {
            self.name("call_to_action: label", label);
            self.address("call_to_action: url", url.as_mut(), false);
        }
        let mut license = written.license.clone();
        if let Some(License { name, url }) = &mut license {
            self.name("license: name", name);
            self.address("license: url", url.as_mut(), true);
        }
        self.text("attribution", written.attribution.as_deref());
        self.text("disclaimer", written.disclaimer.as_deref());
        Site {
            name: written.name.clone(),
            description: written.description.clone(),
            locale: locale.unwrap_or_default(),
            call_to_action,
            license,
            attribution: written.attribution.clone(),
            disclaimer: written.disclaimer.clone(),
        }
    }

    fn topics(&mut self, written: Vec<WrittenTopic>) -> Vec<Topic> {
        let mut topics: Vec<Topic> = Vec::new();
        let mut seen = HashSet::new();
        for (place, WrittenTopic { slug, name, description }) in (1..).zip(written) {
            let key = |field| format!("topics, item {place}: {field}");
            let slug: Option<Slug> = self.parse(&key("slug"), &slug);
            self.name(&key("name"), &name);
            self.text(&key("description"), description.as_deref());
            let Some(slug) = slug else { continue };
            if !seen.insert(slug.clone()) {
                self.add(format!("The topic `{slug}` stands twice in `topics`."));
            }
            topics.push(Topic { slug, name, description });
        }
        topics
    }

    fn pins(&mut self, written: Vec<WrittenPin>) -> Vec<Pin> {
        let mut pins: Vec<Pin> = Vec::new();
        let mut seen = HashSet::new();
        for (place, WrittenPin { article, reason }) in (1..).zip(written) {
            let key = |field| format!("pins, item {place}: {field}");
            let article: Option<Slug> = self.parse(&key("article"), &article);
            self.text(&key("reason"), reason.as_deref());
            let Some(article) = article else { continue };
            if !seen.insert(article.clone()) {
                self.add(format!("The article `{article}` stands twice in `pins`."));
            }
            pins.push(Pin { article, reason });
        }
        pins
    }

    fn parse<T: FromStr<Err: Display>>(&mut self, key: &str, text: &str) -> Option<T> {
        text.parse().map_err(|why| self.add(format!("`{key}` is not valid: {why}."))).ok()
    }

    fn name(&mut self, key: &str, name: &str) {
        let unseen = |c: char| c.is_whitespace() || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}');
        if name.chars().all(unseen) {
            self.add(format!("`{key}` is empty."));
        }
        self.characters(key, name, MAX_NAME);
    }

    fn text(&mut self, key: &str, text: Option<&str>) {
        self.characters(key, text.unwrap_or_default(), MAX_TEXT);
    }

    fn characters(&mut self, key: &str, text: &str, max: usize) {
        if text.chars().nth(max).is_some() {
            self.add(format!("`{key}` is longer than {max} characters."));
        }
        let forbidden = text.chars().filter(|c| text::is_forbidden(*c)).count();
        if forbidden > 0 {
            self.add(format!("`{key}` holds {forbidden} characters that may not stand in a text."));
        }
    }

    /// An address that may be followed; `absolute` where it must be one of a page elsewhere.
    fn address(&mut self, key: &str, url: Option<&mut String>, absolute: bool) {
        let Some(url) = url else { return };
        // The private mark of links to articles is one of these, and only a parser of stored links may meet it.
        if url.chars().any(text::is_forbidden) {
            return self.characters(key, url, Href::MAX);
        }
        match url.parse::<Href>() {
            Ok(href) if absolute && !href.is_external() => {
                self.add(format!("`{key}` must be an absolute http or https address."));
            }
            Ok(Href::Address(address)) => *url = address,
            // A place in the page or an article, as it is written: safe without a change.
            Ok(_) => {}
            Err(why) => self.add(format!("`{key}` is no address: {why}.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(yaml: &str) -> Vec<String> {
        let faults = SiteFile::read(yaml.as_bytes()).expect_err(yaml);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_fault_of_the_values_is_told_at_once() {
        let long = "长".repeat(5_001);
        let yaml = format!(
            "name: \"\u{3000} \\u200b\"\ndescription: {long}\nlocale: '?'\ncall_to_action: {{ label: {label}, url: 'javascript:alert(1)' }}\n\
             license: {{ name: '', url: /terms }}\nattribution: \"a\\0b\\uFDD0\"\ndisclaimer: {long}\n\
             topics:\n- {{ slug: a, name: '' }}\n- {{ slug: b, name: {label} }}\n- {{ slug: a, name: \"\\e\" , description: {long} }}\n\
             pins:\n- {{ article: x, reason: {long} }}\n- {{ article: x }}\n- {{ article: X Y }}\n",
            label = "字".repeat(301)
        );
        assert_eq!(
            faults(&yaml),
            [
                "`name` is empty.",
                "`description` is longer than 5000 characters.",
                "`locale` is not valid: it must be a language tag such as zh-Hans, zh-Hant-TW or en.",
                "`call_to_action: label` is longer than 300 characters.",
                "`call_to_action: url` is no address: only http, https, mailto, tel and relative addresses are links.",
                "`license: name` is empty.",
                "`license: url` must be an absolute http or https address.",
                "`attribution` holds 2 characters that may not stand in a text.",
                "`disclaimer` is longer than 5000 characters.",
                "`topics, item 1: name` is empty.",
                "`topics, item 2: name` is longer than 300 characters.",
                "`topics, item 3: name` holds 1 characters that may not stand in a text.",
                "`topics, item 3: description` is longer than 5000 characters.",
                "The topic `a` stands twice in `topics`.",
                "`pins, item 1: reason` is longer than 5000 characters.",
                "The article `x` stands twice in `pins`.",
                "`pins, item 3: article` is not valid: only a-z, 0-9 and hyphens can stand in it.",
            ]
        );
    }

    #[test]
    fn a_fault_of_the_form_has_its_line() {
        for (yaml, line, what) in [
            ("name: a\ncolour: b\n", 2, "colour"),
            ("locale: en\nname: a\nname: b\n", 1, "name"),
            ("name: a\ntopics:\n- slug: a\n  name: [b]\n", 4, "topics[0].name"),
            ("name: a\nlocale: []\n", 2, "locale"),
            ("name: [a\n", 1, "name"),
            ("name: a\n}\n", 2, "expected"),
            ("name: a\npins: 3\n", 2, "pins"),
        ] {
            let found = SiteFile::read(yaml.as_bytes()).expect_err(yaml);
            let [fault] = found.as_slice() else { panic!("{found:?}") };
            assert!(fault.line == Some(line) && fault.message.contains(what), "{fault:?}");
            assert!(!fault.message.contains(&format!("at line {line} ")), "told once: {fault}");
        }
        for yaml in ["", "a", "name: a\ntopics: [{ slug: a, name: b, colour: c }]", "- name: a", "description: no name"]
        {
            assert_eq!(faults(yaml).len(), 1, "{yaml}");
        }
        assert!(SiteFile::read(b"name: \xFF").is_err());
    }

    #[test]
    fn addresses_are_safe_to_follow() {
        let read = |url: &str, license: &str| {
            let (url, license) = (serde_json::json!(url), serde_json::json!(license));
            let yaml = format!(
                "name: a\ncall_to_action: {{ label: b, url: {url} }}\nlicense: {{ name: c, url: {license} }}\n"
            );
            SiteFile::read(yaml.as_bytes())
                .map(|file| (file.site.call_to_action.unwrap().url, file.site.license.unwrap().url))
        };
        let refused = |url: &str, license: &str, key: &str| {
            let faults = read(url, license).unwrap_err();
            assert!(faults.len() == 1 && faults[0].message.contains(key), "{url:?} {license:?}: {faults:?}");
        };
        let licence = "https://example.org/l";
        for (written, kept) in [
            ("/read/check-registration", "/read/check-registration"),
            ("check.md#a", "check.md#a"),
            ("#top", "#top"),
            ("tel:+86-10-1234", "tel:+86-10-1234"),
            ("mailto:a@example.org", "mailto:a@example.org"),
            ("https://example.org/\"><x", "https://example.org/%22%3E%3Cx"),
        ] {
            assert_eq!(read(written, licence), Ok((Some(kept.to_owned()), Some(licence.to_owned()))));
        }
        for url in ["javascript:x", "java\tscript:x", "data:text/html,x", "//host/x", "", "\u{FDD0}article"] {
            refused(url, licence, "`call_to_action: url`");
        }
        for license in ["mailto:a@example.org", "a.md", "/a", "#a", "ftp://example.org/", "javascript:x"] {
            refused("/a", license, "`license: url`");
        }
    }
}

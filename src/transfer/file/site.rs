//! `site.yaml`: the site's own facts, its topics, and the articles that lead the hot list.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::fault;
use crate::{
    content::{Href, Locale, Remark, text},
    publishing::site::{CallToAction, License, Pin, Site, Topic},
};

/// The greatest length of a name or label, in characters.
const MAX_NAME: usize = 300;
/// The greatest length of a longer text, in characters.
const MAX_TEXT: usize = 5_000;

/// What `site.yaml` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteFile {
    name: String,
    description: Option<String>,
    #[serde(default)]
    locale: Locale,
    call_to_action: Option<CallToAction>,
    license: Option<License>,
    attribution: Option<String>,
    disclaimer: Option<String>,
    /// The topics.
    #[serde(default)]
    pub topics: Vec<Topic>,
    /// The articles that lead the hot list, in order.
    #[serde(default)]
    pub pins: Vec<Pin>,
}

impl SiteFile {
    /// The file of a site.
    #[must_use]
    pub fn new(site: Site, topics: Vec<Topic>, pins: Vec<Pin>) -> SiteFile {
        let Site { name, description, locale, call_to_action, license, attribution, disclaimer } = site;
        SiteFile { name, description, locale, call_to_action, license, attribution, disclaimer, topics, pins }
    }

    /// The site's own facts.
    #[must_use]
    pub fn site(&self) -> Site {
        let SiteFile { name, description, locale, call_to_action, license, attribution, disclaimer, .. } = self.clone();
        Site { name, description, locale, call_to_action, license, attribution, disclaimer }
    }

    /// Reads the file. Addresses are percent-encoded where they have to be; everything else stays as it is written.
    ///
    /// Errors: all faults at once; one where the file has not the form of a site file at all.
    pub(super) fn read(bytes: &[u8]) -> Result<SiteFile, Vec<Remark>> {
        let mut file: SiteFile = yaml_serde::from_slice(bytes).map_err(|e| vec![unreadable(&e)])?;
        let mut faults = Faults::default();
        faults.name("name", &file.name);
        faults.text("description", file.description.as_deref());
        if let Some(CallToAction { label, url }) = &mut file.call_to_action {
            faults.name("call_to_action: label", label);
            faults.address("call_to_action: url", url.as_mut(), false);
        }
        if let Some(License { name, url }) = &mut file.license {
            faults.name("license: name", name);
            faults.address("license: url", url.as_mut(), true);
        }
        faults.text("attribution", file.attribution.as_deref());
        faults.text("disclaimer", file.disclaimer.as_deref());
        let mut seen = HashSet::new();
        for (place, topic) in (1..).zip(&file.topics) {
            faults.name(&format!("topics, item {place}: name"), &topic.name);
            faults.text(&format!("topics, item {place}: description"), topic.description.as_deref());
            if !seen.insert(&topic.slug) {
                faults.add(format!("The topic `{}` stands twice in `topics`.", topic.slug));
            }
        }
        let mut seen = HashSet::new();
        for (place, pin) in (1..).zip(&file.pins) {
            faults.text(&format!("pins, item {place}: reason"), pin.reason.as_deref());
            if !seen.insert(&pin.article) {
                faults.add(format!("The article `{}` stands twice in `pins`.", pin.article));
            }
        }
        if faults.0.is_empty() { Ok(file) } else { Err(faults.0) }
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
            "name: \"\u{3000} \\u200b\"\ndescription: {long}\ncall_to_action: {{ label: {label}, url: 'javascript:alert(1)' }}\n\
             license: {{ name: '', url: /terms }}\nattribution: \"a\\0b\\uFDD0\"\ndisclaimer: {long}\n\
             topics:\n- {{ slug: a, name: '' }}\n- {{ slug: b, name: {label} }}\n- {{ slug: a, name: \"\\e\" , description: {long} }}\n\
             pins:\n- {{ article: x, reason: {long} }}\n- {{ article: x }}\n",
            label = "字".repeat(301)
        );
        assert_eq!(
            faults(&yaml),
            [
                "`name` is empty.",
                "`description` is longer than 5000 characters.",
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
            ]
        );
    }

    #[test]
    fn a_fault_of_the_form_has_its_line() {
        for (yaml, line, what) in [
            ("name: a\ncolour: b\n", 2, "colour"),
            ("locale: en\nname: a\nname: b\n", 1, "name"),
            ("name: a\ntopics:\n- slug: Not A Slug\n  name: b\n", 3, "slug"),
            ("name: a\nlocale: '?'\n", 2, "locale"),
            ("name: [a\n", 2, "expected"),
            ("name: a\npins: 3\n", 2, "pins"),
        ] {
            let found = SiteFile::read(yaml.as_bytes()).expect_err(yaml);
            let [fault] = found.as_slice() else { panic!("{found:?}") };
            assert!(fault.line == Some(line) && fault.message.contains(what), "{fault:?}");
            assert!(!fault.message.contains(&format!("at line {line} ")), "told once: {fault}");
        }
        for yaml in ["", "a", "- name: a", "description: no name"] {
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
            SiteFile::read(yaml.as_bytes()).map(|file| (file.call_to_action.unwrap().url, file.license.unwrap().url))
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

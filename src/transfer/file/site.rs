//! `site.yaml`: the description of the site, topics and pins.

use serde::{Deserialize, Serialize};

use super::fault;
use crate::content::{
    Warning,
    json::InvalidBody,
    site::{self, Pin, Site, Topic},
};

/// The content of `site.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiteFile {
    /// The description of the site.
    #[serde(flatten)]
    pub site: Site,
    /// The topics.
    pub topics: Vec<Topic>,
    /// The pins of the hot list, in order.
    pub pins: Vec<Pin>,
}

/// The format of the file. The parser of the API's bodies checks the values.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    description: Option<String>,
    locale: Option<String>,
    call_to_action: Option<RawCallToAction>,
    license: Option<RawLicense>,
    attribution: Option<String>,
    disclaimer: Option<String>,
    #[serde(default)]
    topics: Vec<RawTopic>,
    #[serde(default)]
    pins: Vec<RawPin>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCallToAction {
    label: String,
    url: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLicense {
    name: String,
    url: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTopic {
    slug: String,
    name: String,
    description: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPin {
    article: String,
    reason: Option<String>,
}

impl SiteFile {
    /// Reads the file.
    ///
    /// Errors: all invalid values at once, or one syntax error with its line.
    pub(super) fn read(bytes: &[u8]) -> Result<SiteFile, Vec<Warning>> {
        let raw: Raw = yaml_serde::from_slice(bytes).map_err(|e| vec![unreadable(&e)])?;
        let json = serde_json::to_vec(&raw).map_err(|e| vec![fault(e.to_string())])?;
        match site::read_file(&json) {
            Ok((site, topics, pins)) => Ok(SiteFile { site, topics, pins }),
            // The message of an error names its field.
            Err(InvalidBody::Content(faults)) => Err(faults.into_iter().map(|found| fault(found.message)).collect()),
            Err(InvalidBody::Syntax { message, .. }) => Err(vec![fault(message)]),
        }
    }
}

fn unreadable(error: &yaml_serde::Error) -> Warning {
    let mut message = format!("The file is not a site file: {error}.");
    let place = error.location().map(|place| (place.line(), place.column()));
    if let Some((line, column)) = place {
        message = message.replace(&format!(" at line {line} column {column}"), "");
    }
    Warning {
        line: place.and_then(|(line, _)| u32::try_from(line).ok()),
        column: place.and_then(|(_, column)| u32::try_from(column).ok()),
        message,
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
    fn all_faults_of_values_are_reported_at_once() {
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
                "`locale` cannot be `?`: it must be a language tag such as zh-Hans, zh-Hant-TW or en.",
                "`call_to_action: label` is longer than 300 characters.",
                "`call_to_action: url` is not a valid address: only http, https, mailto, tel and relative addresses are allowed.",
                "`license: name` is empty.",
                "`license: url` must be an absolute http or https address.",
                "`attribution` contains 2 control or other forbidden characters; remove them.",
                "`disclaimer` is longer than 5000 characters.",
                "`topics, item 1: name` is empty.",
                "`topics, item 2: name` is longer than 300 characters.",
                "`topics, item 3: name` contains 1 control or other forbidden characters; remove them.",
                "`topics, item 3: description` is longer than 5000 characters.",
                "The topic `a` is in `topics` twice; remove one of them.",
                "`pins, item 1: reason` is longer than 5000 characters.",
                "The article `x` is in `pins` twice; remove one of them.",
                "`pins, item 3: article` cannot be `X Y`: only a-z, 0-9 and hyphens are allowed.",
            ]
        );
    }

    #[test]
    fn fault_of_the_format_has_its_line() {
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
            assert!(!fault.message.contains(&format!("at line {line} ")), "the line twice: {fault}");
        }
        for yaml in ["", "a", "name: a\ntopics: [{ slug: a, name: b, colour: c }]", "- name: a", "description: no name"]
        {
            assert_eq!(faults(yaml).len(), 1, "{yaml}");
        }
        assert!(SiteFile::read(b"name: \xFF").is_err());
    }

    #[test]
    fn only_safe_addresses_are_accepted() {
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
        for (written, stored) in [
            ("/read/check-registration", "/read/check-registration"),
            ("check.md#a", "check.md#a"),
            ("#top", "#top"),
            ("tel:+86-10-1234", "tel:+86-10-1234"),
            ("mailto:a@example.org", "mailto:a@example.org"),
            ("https://example.org/\"><x", "https://example.org/%22%3E%3Cx"),
        ] {
            assert_eq!(read(written, licence), Ok((Some(stored.to_owned()), Some(licence.to_owned()))));
        }
        for url in ["javascript:x", "java\tscript:x", "data:text/html,x", "//host/x", "", "\u{FDD0}article"] {
            refused(url, licence, "`call_to_action: url`");
        }
        for license in ["mailto:a@example.org", "a.md", "/a", "#a", "ftp://example.org/", "javascript:x"] {
            refused("/a", license, "`license: url`");
        }
    }
}

//! The fields of an article beside its text, with one set of checks for the front matter of a file and for JSON.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::{
    Href, Locale, Related, Slug, Source,
    value::{At, Check, Members, Value},
};

const MAX_LOCALE: usize = 35;
const MAX_TITLE: usize = 300;
const MAX_SUMMARY: usize = 2000;
const MAX_REASON: usize = 500;
const MAX_TIME: usize = 40;
const MAX_ITEMS: usize = 100;

/// The names of the fields.
pub(super) const NAMES: [&str; 8] = ["slug", "locale", "title", "questions", "summary", "topics", "source", "related"];

/// What the fields say; what they do not say is `None` or empty.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) slug: Option<Slug>,
    pub(super) locale: Locale,
    pub(super) title: Option<String>,
    pub(super) questions: Vec<String>,
    pub(super) summary: Option<String>,
    pub(super) topics: Vec<Slug>,
    pub(super) source: Option<Source>,
    pub(super) related: Vec<Related>,
}

/// Reads the fields of an article; other members were looked at by whoever made `map`.
pub(super) fn read(map: Members<'_, '_>, check: &mut Check<'_>) -> Fields {
    let mut reader = Reader { check };
    let locale = reader.field(map, &At::Root, "locale", MAX_LOCALE);
    let locale = locale.and_then(|text| reader.check.parse(&text, &At::Name(&At::Root, "locale")));
    let slug = reader.field(map, &At::Root, "slug", MAX_TITLE);
    Fields {
        slug: slug.and_then(|text| reader.check.parse(&text, &At::Name(&At::Root, "slug"))),
        locale: locale.unwrap_or_default(),
        title: reader.field(map, &At::Root, "title", MAX_TITLE),
        questions: reader.lines(map, "questions").into_iter().map(|(_, question)| question).collect(),
        summary: reader.field(map, &At::Root, "summary", MAX_SUMMARY),
        topics: reader.topics(map),
        source: reader.source(map),
        related: reader.related(map),
    }
}

struct Reader<'c, 'f> {
    check: &'c mut Check<'f>,
}

impl Reader<'_, '_> {
    fn field(&mut self, map: Members<'_, '_>, at: &At<'_>, name: &str, max: usize) -> Option<String> {
        self.check.line(map.get(name)?, &At::Name(at, name), max)
    }

    fn items<'v, 'a>(&mut self, map: Members<'v, 'a>, name: &str) -> &'v [Value<'a>] {
        let at = At::Name(&At::Root, name);
        let items = map.given(name).and_then(|value| self.check.list(value, &at)).unwrap_or_default();
        if items.len() > MAX_ITEMS {
            self.check.fault(&at, format!("`{name}` has more than {MAX_ITEMS} items."));
            return &[];
        }
        items
    }

    /// The lines of a list, with their places in it.
    fn lines(&mut self, map: Members<'_, '_>, name: &str) -> Vec<(usize, String)> {
        let list = At::Name(&At::Root, name);
        let mut out = Vec::new();
        for (place, item) in self.items(map, name).iter().enumerate() {
            let at = At::Item(&list, place);
            if *item == Value::Null {
                self.check.fault(&at, format!("`{}` is empty.", at.words()));
            }
            out.extend(self.check.line(item, &at, MAX_TITLE).map(|line| (place, line)));
        }
        out
    }

    fn topics(&mut self, map: Members<'_, '_>) -> Vec<Slug> {
        let list = At::Name(&At::Root, "topics");
        let mut seen = HashSet::new();
        let mut out = Vec::new();
        for (place, text) in self.lines(map, "topics") {
            let at = At::Item(&list, place);
            if let Some(slug) = self.check.parse::<Slug>(&text, &at) {
                if seen.insert(slug.clone()) {
                    out.push(slug);
                } else {
                    self.check.fault(&at, format!("The topic `{slug}` is named twice."));
                }
            }
        }
        out
    }

    fn external(&mut self, text: &str, at: &At<'_>) -> Option<String> {
        match text.parse::<Href>() {
            Ok(href) if href.is_external() => Some(href.to_string()),
            Ok(_) => {
                self.check.fault(at, format!("`{}` must be an absolute http or https address.", at.words()));
                None
            }
            Err(why) => {
                self.check.fault(at, format!("`{}` is no address: {why}.", at.words()));
                None
            }
        }
    }

    fn source(&mut self, map: Members<'_, '_>) -> Option<Source> {
        let at = At::Name(&At::Root, "source");
        let map = self.check.map(map.given("source")?, &at, &["name", "url", "captured_at"])?;
        let name = self.field(map, &at, "name", MAX_TITLE);
        let url = self.field(map, &at, "url", Href::MAX);
        let url = url.and_then(|url| self.external(&url, &At::Name(&at, "url")));
        let captured_at = self.field(map, &at, "captured_at", MAX_TIME).and_then(|text| {
            let time = time(&text);
            if time.is_none() {
                let at = At::Name(&at, "captured_at");
                let message = "must be a date or time such as 2024-05-01 or 2024-05-01T08:00:00Z.";
                self.check.fault(&at, format!("`{}` {message}", at.words()));
            }
            time
        });
        if map.given("name").is_none() {
            self.check.fault(&at, "`source` needs a `name`.");
        }
        Some(Source { name: name?, url, captured_at })
    }

    fn related(&mut self, map: Members<'_, '_>) -> Vec<Related> {
        let list = At::Name(&At::Root, "related");
        let mut out = Vec::new();
        for (place, item) in self.items(map, "related").iter().enumerate() {
            let at = At::Item(&list, place);
            let Some(map) = self.check.map(item, &at, &["article", "url", "title", "reason"]) else {
                continue;
            };
            let article = self.field(map, &at, "article", MAX_TITLE);
            let url = self.field(map, &at, "url", Href::MAX);
            let title = self.field(map, &at, "title", MAX_TITLE);
            let reason = self.field(map, &at, "reason", MAX_REASON);
            match (article, url, title) {
                (Some(article), None, None) => {
                    let article = self.check.parse(&article, &At::Name(&at, "article"));
                    out.extend(article.map(|article| Related::Article { article, reason }));
                }
                (None, Some(url), Some(title)) => {
                    let url = self.external(&url, &At::Name(&at, "url"));
                    out.extend(url.map(|url| Related::External { url, title, reason }));
                }
                _ => self.check.fault(&at, format!("`{}` needs either `article`, or `url` and `title`.", at.words())),
            }
        }
        out
    }
}

/// A time in RFC 3339, or a date, which means its first moment in UTC.
fn time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc())
}

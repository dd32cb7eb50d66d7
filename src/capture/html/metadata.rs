//! The metadata of a page: JSON-LD, Open Graph, other `<meta>` elements, `<time>`, `<title>`.

use super::dom::Dom;
use crate::content::text;

/// The facts of a page's metadata.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    /// Titles, the most reliable first.
    pub(super) titles: Vec<String>,
    /// The text of `<title>`, with the names of the site.
    pub(super) page_title: Option<String>,
    pub(super) site_name: Option<String>,
    pub(super) author: Option<String>,
    pub(super) published: Option<String>,
    pub(super) url: Option<String>,
    pub(super) base: Option<String>,
    pub(super) language: Option<String>,
    pub(super) description: Option<String>,
    /// The text of the article as JSON-LD gives it.
    pub(super) body: Option<String>,
}

/// Reads the metadata of a page.
pub(super) fn read(dom: &Dom) -> Metadata {
    let mut found = Metadata::default();
    let mut meta: Vec<(String, String)> = Vec::new();
    let (mut canonical, mut time) = (None, None);
    for (node, element) in dom.elements(0..dom.nodes.len()) {
        match element.name {
            "meta" => {
                let name = ["property", "name", "itemprop"].iter().find_map(|name| element.given(name));
                if let (Some(name), Some(content)) = (name, element.given("content")) {
                    meta.push((name.to_ascii_lowercase(), line(content)));
                }
            }
            "link" if element.get("rel").is_some_and(|rel| rel.eq_ignore_ascii_case("canonical")) => {
                canonical = canonical.or_else(|| element.given("href").map(str::to_owned));
            }
            "base" => found.base = element.given("href").map(str::to_owned).or(found.base),
            "title" if found.page_title.is_none() => found.page_title = some(&dom.text(node)),
            "time" => time = time.or_else(|| element.given("datetime").map(str::to_owned)),
            "script" => linked_data(&dom.text(node), &mut found),
            _ => {}
        }
    }
    let first = |names: &[&str]| {
        names.iter().find_map(|name| {
            meta.iter().find(|(own, content)| own == name && !content.is_empty()).map(|(_, content)| content.clone())
        })
    };
    found.titles.extend(first(&["og:title"]));
    found.titles.extend(first(&["twitter:title", "dc.title", "articletitle"]));
    found.site_name = found.site_name.or_else(|| first(&["og:site_name", "sitename", "application-name"]));
    found.author = found
        .author
        .or_else(|| first(&["article:author", "author", "dc.creator"]).filter(|name| !name.contains("://")));
    let dates =
        ["article:published_time", "og:published_time", "pubdate", "publishdate", "datepublished", "dc.date", "date"];
    found.published = found.published.or_else(|| first(&dates)).or(time);
    found.url = found.url.or(canonical).or_else(|| first(&["og:url"])).filter(|url| url.contains("://"));
    found.language = found.language.or_else(|| first(&["og:locale", "content-language"]));
    found.description = found.description.or_else(|| first(&["og:description", "description"]));
    found
}

/// Reads the metadata of an article from JSON-LD.
fn linked_data(script: &str, found: &mut Metadata) {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(script) else { return };
    let mut open = vec![&json];
    let mut seen = 0;
    while let Some(value) = open.pop() {
        seen += 1;
        if seen > 10_000 {
            return;
        }
        let map = match value {
            serde_json::Value::Array(items) => {
                open.extend(items.iter().rev());
                continue;
            }
            serde_json::Value::Object(map) => map,
            _ => continue,
        };
        open.extend(map.get("@graph"));
        let words = |name: &str| map.get(name).and_then(|value| some(&line(value.as_str()?)));
        let name = |name: &str| {
            let value = map.get(name)?;
            let value = value.as_array().and_then(|list| list.first()).unwrap_or(value);
            some(&line(value.as_str().or_else(|| value.get("name")?.as_str())?))
        };
        let kind = map.get("@type").map(ToString::to_string).unwrap_or_default();
        let is_article = ["Article", "Posting", "MedicalWebPage", "Report"].iter().any(|word| kind.contains(word));
        // Baidu's Cambrian form has no type.
        let has_form_of_baidu = kind.is_empty() && map.contains_key("pubDate");
        if !is_article && !has_form_of_baidu {
            continue;
        }
        found.titles.extend(words("headline").or_else(|| words("title")));
        found.author = found.author.take().or_else(|| name("author"));
        found.site_name = found.site_name.take().or_else(|| name("publisher"));
        found.published = found.published.take().or_else(|| words("datePublished")).or_else(|| words("pubDate"));
        found.description = found.description.take().or_else(|| words("description"));
        found.language = found.language.take().or_else(|| words("inLanguage"));
        found.body = found.body.take().or_else(|| words("articleBody")).filter(|body| body.chars().nth(100).is_some());
    }
}

fn line(words: &str) -> String {
    text::line(words).trim().to_owned()
}

fn some(words: &str) -> Option<String> {
    (!words.trim().is_empty()).then(|| words.trim().to_owned())
}

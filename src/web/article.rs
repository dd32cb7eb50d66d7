//! The page of an article.

use std::{collections::HashSet, fmt::Write};

use serde_json::{Value, json};

use super::{
    Shown,
    frame::{Frame, own_id, put},
    parts,
};
use crate::{
    content::{
        body::{Body, Heading, Part},
        html::{self, escaped},
    },
    v1::{adjacent::Adjacent, card::Card, related::Recommendations, sections::References, site::Site},
};

/// What the page is made of.
pub(super) struct Parts<'a> {
    pub site: Option<&'a Site>,
    pub card: &'a Card,
    pub body: &'a Body,
    pub references: &'a References,
    pub related: &'a Recommendations,
    pub hot: &'a Recommendations,
    pub beside: &'a Adjacent,
    pub shown: Shown,
}

/// The page.
pub(super) fn page(parts: &Parts<'_>) -> String {
    let Parts { site, card, body, .. } = parts;
    let published = parts.shown == Shown::Published;
    let slug = if published { card.slug.as_str() } else { "" };
    let mut main = String::new();
    // The script counts a view of the article that is named here.
    put!(main, "<article class=\"reading\" data-article=\"{slug}\" lang=\"{}\">\n", escaped(&card.locale));
    put!(main, "<div class=\"opening\">\n<h1>{}</h1>\n{}", escaped(&card.title), parts::facts(card));
    if !card.questions.is_empty() {
        main += "<ul class=\"questions\">\n";
        card.questions.iter().for_each(|question| put!(main, "<li>{}</li>\n", escaped(question)));
        main += "</ul>\n";
    }
    main += "</div>\n";
    if headings(&body.sections).len() > 1 {
        main += "<nav class=\"toc\" aria-label=\"目录\">\n<details>\n<summary>目录</summary>\n";
        contents(&body.sections, 0, &mut main);
        main += "</details>\n</nav>\n";
    }
    main += "<div class=\"text\">\n";
    gone(parts, &mut main);
    put!(main, "<div class=\"lead\">\n{}</div>\n", html::blocks(&body.lead));
    sections(&body.sections, parts.references, &mut main);
    if let Some(source) = &card.source {
        let name = escaped(&source.name);
        match &source.url {
            Some(url) => {
                put!(main, "<p class=\"source\">来源：<a rel=\"noopener\" href=\"{}\">{name}</a></p>\n", escaped(url));
            }
            None => put!(main, "<p class=\"source\">来源：{name}</p>\n"),
        }
    }
    main += "</div>\n</article>\n";
    main += "<div class=\"after\">\n";
    adjacent(parts.beside, &mut main);
    let related = parts::rest(&format!("/read/{}/related", card.slug), parts.related);
    let taken = ids(parts);
    main += &parts::recommendations(&own_id("related", &taken), "相关阅读", parts.related, &related);
    main +=
        &parts::recommendations(&own_id("hot", &taken), "热门推荐", parts.hot, &parts::rest("/?list=hot", parts.hot));
    main += "</div>\n";

    let canonical = format!("/read/{}", card.slug);
    let head = head(site.map(|site| site.name.as_str()), card);
    let head = if published { head + &data(parts) } else { head };
    Frame {
        site: *site,
        title: &card.title,
        locale: &card.locale,
        description: card.summary.as_deref(),
        canonical: published.then_some(&canonical),
        head: &head,
        main: &main,
        taken: &taken,
        ..Frame::default()
    }
    .page()
}

/// Everything by which a section is found.
fn ids(parts: &Parts<'_>) -> Vec<String> {
    let anchors = headings(&parts.body.sections).into_iter().map(|heading| heading.anchor.to_string());
    parts.references.values().flatten().cloned().chain(anchors).collect()
}

fn headings(parts: &[Part]) -> Vec<&Heading> {
    parts.iter().flat_map(|part| std::iter::once(&part.heading).chain(headings(&part.children))).collect()
}

/// What is told to those who come for a section that is no longer there; the style sheet shows it to nobody else.
fn gone(parts: &Parts<'_>, out: &mut String) {
    let there: HashSet<_> = headings(&parts.body.sections).into_iter().map(|heading| heading.id).collect();
    let removed = parts.references.iter().filter(|(id, _)| !there.contains(id));
    let mut removed: Vec<_> = removed.flat_map(|(_, references)| references).collect();
    if removed.is_empty() {
        return;
    }
    // The same page has the same bytes.
    removed.sort_unstable();
    *out += "<p class=\"gone\">";
    for reference in removed {
        put!(out, "<span id=\"{}\"></span>", escaped(reference));
    }
    *out += "要找的这一节已不在本文中。</p>\n";
}

/// The title of a section as it is printed: behind the label of its source, if that had one.
fn titled(part: &Part) -> String {
    let heading = &part.heading;
    let label = heading.label.as_deref().unwrap_or_default();
    // "1. 标题", but "一、标题".
    let space = if label.ends_with(|c: char| c.is_ascii()) { " " } else { "" };
    format!("{}{space}{}", escaped(label), escaped(&heading.title))
}

fn sections(parts: &[Part], references: &References, out: &mut String) {
    for part in parts {
        let (level, anchor, number) = ((part.level + 1).min(6), &part.heading.anchor, &part.heading.number);
        *out += "<section>\n";
        // Wherever links from before lead, it is here.
        for old in references.get(&part.heading.id).into_iter().flatten().filter(|old| *old != anchor.as_str()) {
            put!(out, "<span id=\"{}\"></span>", escaped(old));
        }
        put!(
            out,
            "<div class=\"heading level-{level}\">\n<h{level} id=\"{anchor}\">{}</h{level}>\n\
             <a class=\"anchor\" href=\"#{anchor}\" aria-label=\"本节链接：第 {number} 节\">#</a>\n</div>\n",
            titled(part)
        );
        *out += &html::blocks(&part.blocks);
        sections(&part.children, references, out);
        *out += "</section>\n";
    }
}

/// The table of contents: two levels of it.
fn contents(parts: &[Part], depth: u32, out: &mut String) {
    *out += "<ol>\n";
    for part in parts {
        put!(out, "<li><a href=\"#{}\">{}</a>", part.heading.anchor, titled(part));
        if depth == 0 && !part.children.is_empty() {
            *out += "\n";
            contents(&part.children, depth + 1, out);
        }
        *out += "</li>\n";
    }
    *out += "</ol>\n";
}

fn adjacent(beside: &Adjacent, out: &mut String) {
    let Some(topic) = &beside.topic else { return };
    if beside.previous.is_none() && beside.next.is_none() {
        return;
    }
    put!(out, "<nav class=\"adjacent\" aria-label=\"同主题文章\">\n<p>主题：{}</p>\n", escaped(&topic.name));
    for (card, rel, text) in [(&beside.previous, "prev", "上一篇"), (&beside.next, "next", "下一篇")] {
        if let Some(card) = card {
            let (slug, title) = (&card.slug, escaped(&card.title));
            put!(out, "<a rel=\"{rel}\" href=\"/read/{slug}\"><small>{text}</small> {title}</a>\n");
        }
    }
    *out += "</nav>\n";
}

/// What others show of the article (Open Graph).
fn head(site: Option<&str>, card: &Card) -> String {
    let mut out = String::new();
    let mut property =
        |name: &str, value: &str| put!(out, "<meta property=\"og:{name}\" content=\"{}\">\n", escaped(value));
    property("type", "article");
    property("title", &card.title);
    property("description", card.summary.as_deref().unwrap_or_default());
    property("site_name", site.unwrap_or("Lectern"));
    // Of a language and a territory; only for Chinese is the territory known from the script.
    let locale = match card.locale.split('-').next().unwrap_or_default() {
        "zh" if card.locale.contains("Hant") => "zh_TW",
        "zh" => "zh_CN",
        other => other,
    };
    property("locale", locale);
    out
}

/// What search engines read (schema.org `MedicalWebPage`). A block of data, not run; no `<` in it can end it.
fn data(parts: &Parts<'_>) -> String {
    let Parts { site, card, body, .. } = parts;
    let url = format!("/read/{}", card.slug);
    let section = |part: &Part| json!({"@type": "WebPageElement", "name": part.heading.title, "url": format!("{url}#{}", part.heading.anchor)});
    let mut data = json!({
        "@context": "https://schema.org",
        "@type": "MedicalWebPage",
        "headline": card.title,
        "description": card.summary,
        "inLanguage": card.locale,
        "url": url,
        "identifier": card.id,
        "datePublished": card.published_at,
        "dateModified": card.updated_at,
        "about": card.topics.iter().map(|topic| json!({"@type": "Thing", "name": topic.name})).collect::<Vec<_>>(),
        "hasPart": body.sections.iter().map(section).collect::<Vec<_>>(),
    });
    if let Some(site) = site {
        data["isPartOf"] = json!({"@type": "WebSite", "name": site.name, "url": "/"});
        if let Some(license) = &site.license {
            data["license"] = json!(license.url.as_deref().unwrap_or(&license.name));
        }
    }
    if let Value::Object(fields) = &mut data {
        fields.retain(|_, value| !value.is_null());
    }
    format!("<script type=\"application/ld+json\">{}</script>\n", data.to_string().replace('<', "\\u003c"))
}

//! HTML of the article page.

use std::{collections::HashSet, fmt::Write};

use serde_json::{Value, json};

use super::{
    Audience, components,
    layout::{Layout, push, unique_id},
};
use crate::{
    content::{
        body::{Body, Heading, Part},
        html::{self, escaped},
    },
    v1::{adjacent::Adjacent, card::Card, related::Recommendations, sections::References, site::Site},
};

/// Data of the article page.
pub(super) struct ArticlePage<'a> {
    pub site: Option<&'a Site>,
    pub card: &'a Card,
    pub body: &'a Body,
    pub references: &'a References,
    pub related: &'a Recommendations,
    pub hot: &'a Recommendations,
    pub neighbours: &'a Adjacent,
    pub audience: Audience,
}

/// Renders the page.
pub(super) fn render(page: &ArticlePage<'_>) -> String {
    let ArticlePage { site, card, body, .. } = page;
    let published = page.audience == Audience::Readers;
    let slug = if published { card.slug.as_str() } else { "" };
    let mut main = String::new();
    // The script counts a view of the article in `data-article`.
    push!(main, "<article class=\"reading\" data-article=\"{slug}\" lang=\"{}\">\n", escaped(&card.locale));
    push!(main, "<div class=\"opening\">\n<h1>{}</h1>\n{}", escaped(&card.title), components::facts(card));
    if !card.questions.is_empty() {
        main += "<ul class=\"questions\">\n";
        card.questions.iter().for_each(|question| push!(main, "<li>{}</li>\n", escaped(question)));
        main += "</ul>\n";
    }
    main += "</div>\n";
    if headings(&body.sections).len() > 1 {
        main += "<nav class=\"toc\" aria-label=\"目录\">\n<details>\n<summary>目录</summary>\n";
        table_of_contents(&body.sections, 0, &mut main);
        main += "</details>\n</nav>\n";
    }
    main += "<div class=\"text\">\n";
    removed_sections(page, &mut main);
    push!(main, "<div class=\"lead\">\n{}</div>\n", html::blocks(&body.lead));
    sections(&body.sections, page.references, &mut main);
    if let Some(source) = &card.source {
        let name = escaped(&source.name);
        match &source.url {
            Some(url) => {
                push!(main, "<p class=\"source\">来源：<a rel=\"noopener\" href=\"{}\">{name}</a></p>\n", escaped(url));
            }
            None => push!(main, "<p class=\"source\">来源：{name}</p>\n"),
        }
    }
    main += "</div>\n</article>\n";
    main += "<div class=\"after\">\n";
    neighbours(page.neighbours, &mut main);
    let related = components::next_page(&format!("/read/{}/related", card.slug), page.related);
    let used_ids = section_ids(page);
    main += &components::recommendations(&unique_id("related", &used_ids), "相关阅读", page.related, &related);
    main += &components::recommendations(
        &unique_id("hot", &used_ids),
        "热门推荐",
        page.hot,
        &components::next_page("/?list=hot", page.hot),
    );
    main += "</div>\n";

    let canonical = format!("/read/{}", card.slug);
    let head = open_graph(site.map(|site| site.name.as_str()), card);
    let head = if published { head + &structured_data(page) } else { head };
    Layout {
        site: *site,
        title: &card.title,
        locale: &card.locale,
        description: card.summary.as_deref(),
        canonical: published.then_some(&canonical),
        head: &head,
        main: &main,
        used_ids: &used_ids,
        ..Layout::default()
    }
    .render()
}

/// Returns every current and former address of the sections, which are ids in the HTML.
fn section_ids(page: &ArticlePage<'_>) -> Vec<String> {
    let anchors = headings(&page.body.sections).into_iter().map(|heading| heading.anchor.to_string());
    page.references.values().flatten().cloned().chain(anchors).collect()
}

fn headings(parts: &[Part]) -> Vec<&Heading> {
    parts.iter().flat_map(|part| std::iter::once(&part.heading).chain(headings(&part.children))).collect()
}

/// Writes a notice with the former addresses of removed sections. The style sheet shows it only if one is the target.
fn removed_sections(page: &ArticlePage<'_>, out: &mut String) {
    let present: HashSet<_> = headings(&page.body.sections).into_iter().map(|heading| heading.id).collect();
    let removed = page.references.iter().filter(|(id, _)| !present.contains(id));
    let mut removed: Vec<_> = removed.flat_map(|(_, references)| references).collect();
    if removed.is_empty() {
        return;
    }
    // Sorted, so that equal pages have equal bytes.
    removed.sort_unstable();
    *out += "<p class=\"gone\">";
    for reference in removed {
        push!(out, "<span id=\"{}\"></span>", escaped(reference));
    }
    *out += "要找的这一节已不在本文中。</p>\n";
}

/// Returns the title of a section with its printed label.
fn section_title(part: &Part) -> String {
    let heading = &part.heading;
    let label = heading.label.as_deref().unwrap_or_default();
    // "1. 标题" has a space, "一、标题" does not.
    let space = if label.ends_with(|c: char| c.is_ascii()) { " " } else { "" };
    format!("{}{space}{}", escaped(label), escaped(&heading.title))
}

fn sections(parts: &[Part], references: &References, out: &mut String) {
    for part in parts {
        let (level, anchor, number) = ((part.level + 1).min(6), &part.heading.anchor, &part.heading.number);
        *out += "<section>\n";
        // Former anchors and numbers of the section lead here.
        for old in references.get(&part.heading.id).into_iter().flatten().filter(|old| *old != anchor.as_str()) {
            push!(out, "<span id=\"{}\"></span>", escaped(old));
        }
        push!(
            out,
            "<div class=\"heading level-{level}\">\n<h{level} id=\"{anchor}\">{}</h{level}>\n\
             <a class=\"anchor\" href=\"#{anchor}\" aria-label=\"本节链接：第 {number} 节\">#</a>\n</div>\n",
            section_title(part)
        );
        *out += &html::blocks(&part.blocks);
        sections(&part.children, references, out);
        *out += "</section>\n";
    }
}

/// Writes the table of contents, two levels deep.
fn table_of_contents(parts: &[Part], depth: u32, out: &mut String) {
    *out += "<ol>\n";
    for part in parts {
        push!(out, "<li><a href=\"#{}\">{}</a>", part.heading.anchor, section_title(part));
        if depth == 0 && !part.children.is_empty() {
            *out += "\n";
            table_of_contents(&part.children, depth + 1, out);
        }
        *out += "</li>\n";
    }
    *out += "</ol>\n";
}

fn neighbours(neighbours: &Adjacent, out: &mut String) {
    let Some(topic) = &neighbours.topic else { return };
    if neighbours.previous.is_none() && neighbours.next.is_none() {
        return;
    }
    push!(out, "<nav class=\"adjacent\" aria-label=\"同主题文章\">\n<p>主题：{}</p>\n", escaped(&topic.name));
    for (card, rel, text) in [(&neighbours.previous, "prev", "上一篇"), (&neighbours.next, "next", "下一篇")] {
        if let Some(card) = card {
            let (slug, title) = (&card.slug, escaped(&card.title));
            push!(out, "<a rel=\"{rel}\" href=\"/read/{slug}\"><small>{text}</small> {title}</a>\n");
        }
    }
    *out += "</nav>\n";
}

/// Returns the Open Graph metadata for link previews.
fn open_graph(site: Option<&str>, card: &Card) -> String {
    let mut out = String::new();
    let mut property =
        |name: &str, value: &str| push!(out, "<meta property=\"og:{name}\" content=\"{}\">\n", escaped(value));
    property("type", "article");
    property("title", &card.title);
    property("description", card.summary.as_deref().unwrap_or_default());
    property("site_name", site.unwrap_or("Lectern"));
    // Open Graph wants language and territory; the script implies the territory only for Chinese.
    let locale = match card.locale.split('-').next().unwrap_or_default() {
        "zh" if card.locale.contains("Hant") => "zh_TW",
        "zh" => "zh_CN",
        other => other,
    };
    property("locale", locale);
    out
}

/// Returns the structured data for search engines (schema.org `MedicalWebPage`), a data block with `<` escaped.
fn structured_data(page: &ArticlePage<'_>) -> String {
    let ArticlePage { site, card, body, .. } = page;
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

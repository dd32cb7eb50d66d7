//! The pages as HTML. Everything that is not ours is escaped here or was made safe by [`content::html`].

use std::fmt::Write;

use crate::{
    content::{
        Href,
        body::{Body, Part},
        html,
    },
    v1::{
        card::Card,
        related::{Recommendation, Rule},
        site::Site,
    },
};

/// Writes into a string, which cannot fail.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {{ let _ = write!($out, $($text)*); }};
}

fn frame(site: Option<&Site>, title: &str, locale: &str, main: &str) -> String {
    let escape = html::escaped;
    let name = site.map_or("Lectern", |site| site.name.as_str());
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <link rel=\"stylesheet\" href=\"/reader.css\">\n</head>\n<body>\n<header><a href=\"/\">{}</a>",
        escape(locale),
        escape(title),
        escape(name),
    );
    if let Some(action) = site.and_then(|site| site.call_to_action.as_ref()) {
        match action.url.as_deref().filter(|url| url.parse::<Href>().is_ok()) {
            Some(url) => put!(out, "<a href=\"{}\">{}</a>", escape(url), escape(&action.label)),
            None => put!(out, "<span>{}</span>", escape(&action.label)),
        }
    }
    put!(out, "</header>\n<main>\n{main}</main>\n<footer>");
    if let Some(disclaimer) = site.and_then(|site| site.disclaimer.as_ref()) {
        put!(out, "<p>{}</p>", escape(disclaimer));
    }
    put!(out, "<nav><a href=\"/docs\">API</a></nav></footer>\n</body>\n</html>\n");
    out
}

/// The first page.
pub(super) fn library(site: Option<&Site>, cards: &[Card]) -> String {
    let name = site.map_or("Lectern", |site| site.name.as_str());
    let mut main = format!("<h1>{}</h1>\n", html::escaped(name));
    if let Some(description) = site.and_then(|site| site.description.as_ref()) {
        put!(main, "<p>{}</p>\n", html::escaped(description));
    }
    if cards.is_empty() {
        put!(main, "<p>还没有文章。</p>\n");
    }
    put!(main, "<ol class=\"cards\">\n");
    for card in cards {
        put!(main, "<li><h2><a href=\"/read/{}\">{}</a></h2>", card.slug, html::escaped(&card.title));
        if let Some(summary) = &card.summary {
            put!(main, "<p>{}</p>", html::escaped(summary));
        }
        put!(main, "<p class=\"facts\">{}</p></li>\n", facts(card));
    }
    put!(main, "</ol>\n");
    frame(site, name, site.map_or("zh-Hans", |site| site.locale.as_str()), &main)
}

fn facts(card: &Card) -> String {
    let mut facts = vec![format!("约{}分钟", card.reading_minutes), format!("{}字", card.characters)];
    facts.extend(card.topics.iter().map(|topic| html::escaped(&topic.name)));
    facts.push(card.updated_at.format("更新于%Y-%m-%d").to_string());
    facts.join(" · ")
}

/// The page of an article.
pub(super) fn article(site: Option<&Site>, card: &Card, body: &Body, related: &[Recommendation]) -> String {
    let mut main =
        format!("<article>\n<h1>{}</h1>\n<p class=\"facts\">{}</p>\n", html::escaped(&card.title), facts(card));
    if !card.questions.is_empty() {
        put!(main, "<ul class=\"questions\">");
        card.questions.iter().for_each(|question| put!(main, "<li>{}</li>", html::escaped(question)));
        put!(main, "</ul>\n");
    }
    main += &html::blocks(&body.lead);
    if body.sections.len() > 1 {
        put!(main, "<nav aria-label=\"目录\"><ol>");
        for part in &body.sections {
            put!(main, "<li><a href=\"#{}\">{}</a></li>", part.heading.anchor, html::escaped(&part.heading.title));
        }
        put!(main, "</ol></nav>\n");
    }
    sections(&body.sections, &mut main);
    put!(main, "</article>\n");
    if !related.is_empty() {
        put!(main, "<section aria-labelledby=\"related\"><h2 id=\"related\">相关阅读</h2>\n<ul class=\"next\">");
        for item in related {
            recommendation(item, &mut main);
        }
        put!(main, "</ul></section>\n");
    }
    frame(site, &card.title, &card.locale, &main)
}

fn sections(parts: &[Part], out: &mut String) {
    for part in parts {
        let level = (part.level + 1).min(6);
        let heading = &part.heading;
        let label = heading.label.as_deref().unwrap_or_default();
        let space = if label.ends_with(|c: char| c.is_ascii()) { " " } else { "" };
        let title = format!("{}{space}{}", html::escaped(label), html::escaped(&heading.title));
        put!(out, "<section>\n<h{level} id=\"{}\">{title}</h{level}>\n", heading.anchor);
        *out += &html::blocks(&part.blocks);
        sections(&part.children, out);
        put!(out, "</section>\n");
    }
}

fn recommendation(item: &Recommendation, out: &mut String) {
    let url = item.slug.as_ref().map_or_else(|| item.url.clone(), |slug| format!("/read/{slug}"));
    let why = match (&item.why.reason, item.why.source) {
        (Some(reason), Rule::SharedTopics) => format!("同属：{reason}"),
        (Some(reason), _) => reason.clone(),
        (None, Rule::Linked) => "文中提到".to_owned(),
        (None, Rule::LinkedFrom) => "提到了本文".to_owned(),
        (None, _) => String::new(),
    };
    let (url, title, why) = (html::escaped(&url), html::escaped(&item.title), html::escaped(&why));
    put!(out, "<li><a href=\"{url}\">{title}</a> <span class=\"why\">{why}</span></li>");
}

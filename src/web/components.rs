//! HTML that several pages share: facts of an article, cards, topics, recommendations, and links to more items.

use std::fmt::Write;

use chrono::TimeDelta;

use super::layout::push;
use crate::{
    content::html::escaped,
    v1::{
        card::Card,
        related::{Recommendation, RecommendationRule, Recommendations},
        topics::Topic,
    },
};

/// China's offset from UTC; dates are shown in this time zone to all readers.
const CHINA: TimeDelta = TimeDelta::hours(8);

/// Renders reading time, length, date and topics of an article.
pub(super) fn facts(card: &Card) -> String {
    let mut out = format!(
        "<p class=\"facts\"><span>约 {} 分钟</span> <span>{} 字</span> <span>更新于 <time datetime=\"{}\">{}</time></span>",
        card.reading_minutes,
        card.characters,
        card.updated_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        (card.updated_at + CHINA).format("%Y-%m-%d"),
    );
    for topic in &card.topics {
        push!(out, " <a class=\"topic\" href=\"/?topic={}\">{}</a>", topic.slug, escaped(&topic.name));
    }
    out += "</p>\n";
    out
}

/// Renders an article in a list.
pub(super) fn card(card: &Card) -> String {
    let mut out = format!("<li>\n<h2><a href=\"/read/{}\">{}</a></h2>\n", card.slug, escaped(&card.title));
    if let Some(summary) = &card.summary {
        push!(out, "<p class=\"summary\">{}</p>\n", escaped(summary));
    }
    out += &facts(card);
    out += "</li>\n";
    out
}

/// Renders the topics, with the chosen one marked.
pub(super) fn topics(topics: &[Topic], chosen: Option<&str>) -> String {
    let mut out = String::new();
    let mark = |here: bool| if here { " aria-current=\"page\"" } else { "" };
    for topic in topics {
        let (slug, name) = (&topic.slug, escaped(&topic.name));
        let here = mark(chosen == Some(slug));
        push!(out, "<li><a href=\"/?topic={slug}\"{here}>{name} <small>{}</small></a></li>\n", topic.articles);
    }
    if out.is_empty() {
        return out;
    }
    let all = mark(chosen.is_none());
    format!(
        "<nav class=\"topics\" aria-label=\"主题\">\n<ul>\n<li><a href=\"/\"{all}>全部</a></li>\n{out}</ul>\n</nav>\n"
    )
}

/// Renders the link to the next items of a list: `page` for a browser without JavaScript, `api` for the script, which loads
/// them in place.
pub(super) fn more_link(page: &str, api: &str) -> String {
    format!("<p><a class=\"more\" href=\"{}\" data-next=\"{}\">更多</a></p>\n", escaped(page), escaped(api))
}

/// Renders a list of recommendations under a heading, or nothing for an empty list. `page` has the next items.
pub(super) fn recommendations(id: &str, heading: &str, list: &Recommendations, page: &str) -> String {
    let Some(first) = list.data.first() else { return String::new() };
    let mut out = format!(
        "<section class=\"next\" id=\"{id}\" aria-labelledby=\"{id}_heading\">\n<h2 id=\"{id}_heading\">{heading}</h2>\n\
         <ol class=\"recommendations\" start=\"{}\">\n",
        first.position
    );
    for item in &list.data {
        recommendation(id, item, &mut out);
    }
    out += "</ol>\n";
    if let Some(api) = &list.more {
        out += &more_link(page, api);
    }
    out += "</section>\n";
    out
}

/// Returns the path of the next items of a list at `page`.
pub(super) fn next_page(page: &str, list: &Recommendations) -> String {
    let cursor = list.more.as_deref().and_then(|more| more.split_once("cursor=")).map(|(_, cursor)| cursor);
    cursor.map_or_else(|| page.to_owned(), |cursor| with_cursor(page, cursor))
}

/// Appends a cursor to the path of a list.
pub(super) fn with_cursor(address: &str, cursor: &str) -> String {
    let separator = if address.contains('?') { '&' } else { '?' };
    format!("{address}{separator}cursor={cursor}")
}

fn recommendation(list: &str, item: &Recommendation, out: &mut String) {
    let (url, rel) = match &item.slug {
        Some(slug) => (format!("/read/{slug}"), ""),
        None => (escaped(&item.url), " rel=\"noopener\""),
    };
    let id = format!("{list}_why_{}", item.position);
    let (title, why) = (escaped(&item.title), escaped(&reason_text(item)));
    push!(out, "<li><a href=\"{url}\"{rel} aria-describedby=\"{id}\">{title}</a>");
    push!(out, "<span class=\"why\" id=\"{id}\">{why}</span></li>\n");
}

/// Returns the reason of a recommendation in words; `reader.js` has the same words.
fn reason_text(item: &Recommendation) -> String {
    let reason = item.why.reason.as_deref();
    match (item.why.source, reason) {
        (RecommendationRule::SharedTopics, Some(topics)) => format!("同属：{topics}"),
        (RecommendationRule::Views, _) => format!("近期阅读 {} 次", item.why.views.unwrap_or_default()),
        (_, Some(reason)) => reason.to_owned(),
        (RecommendationRule::Editorial | RecommendationRule::Pinned, None) => "编辑推荐".to_owned(),
        (RecommendationRule::Linked, None) => "文中提到".to_owned(),
        (RecommendationRule::LinkedFrom, None) => "提到了本文".to_owned(),
        (RecommendationRule::SharedTopics, None) => "主题相同".to_owned(),
        (RecommendationRule::Recent, None) => "最近发布".to_owned(),
    }
}

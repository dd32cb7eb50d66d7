//! What several pages have: the facts of an article, topics, recommendations with their reasons, and what leads on.

use std::fmt::Write;

use chrono::TimeDelta;

use super::frame::put;
use crate::{
    content::html::escaped,
    v1::{
        card::Card,
        related::{Recommendation, Recommendations, Rule},
        topics::Topic,
    },
};

/// The distance of China's time from UTC; the day of an article is told in it, wherever the reader is.
const CHINA: TimeDelta = TimeDelta::hours(8);

/// What is to be known of an article before it is read.
pub(super) fn facts(card: &Card) -> String {
    let mut out = format!(
        "<p class=\"facts\"><span>约 {} 分钟</span> <span>{} 字</span> <span>更新于 <time datetime=\"{}\">{}</time></span>",
        card.reading_minutes,
        card.characters,
        card.updated_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        (card.updated_at + CHINA).format("%Y-%m-%d"),
    );
    for topic in &card.topics {
        put!(out, " <a class=\"topic\" href=\"/?topic={}\">{}</a>", topic.slug, escaped(&topic.name));
    }
    out += "</p>\n";
    out
}

/// An article in a list.
pub(super) fn card(card: &Card) -> String {
    let mut out = format!("<li>\n<h2><a href=\"/read/{}\">{}</a></h2>\n", card.slug, escaped(&card.title));
    if let Some(summary) = &card.summary {
        put!(out, "<p class=\"summary\">{}</p>\n", escaped(summary));
    }
    out += &facts(card);
    out += "</li>\n";
    out
}

/// The topics, the chosen one marked.
pub(super) fn topics(topics: &[Topic], chosen: Option<&str>) -> String {
    let mut out = String::new();
    let mark = |here: bool| if here { " aria-current=\"page\"" } else { "" };
    for topic in topics {
        let (slug, name) = (&topic.slug, escaped(&topic.name));
        let here = mark(chosen == Some(slug));
        put!(out, "<li><a href=\"/?topic={slug}\"{here}>{name} <small>{}</small></a></li>\n", topic.articles);
    }
    if out.is_empty() {
        return out;
    }
    let all = mark(chosen.is_none());
    format!(
        "<nav class=\"topics\" aria-label=\"主题\">\n<ul>\n<li><a href=\"/\"{all}>全部</a></li>\n{out}</ul>\n</nav>\n"
    )
}

/// What leads to the rest of a list: `page` is a page for people that goes on, `rest` the address in the API from which the
/// script loads it in place.
pub(super) fn more(page: &str, rest: &str) -> String {
    format!("<p><a class=\"more\" href=\"{}\" data-rest=\"{}\">更多</a></p>\n", escaped(page), escaped(rest))
}

/// A list of recommendations under a heading; nothing where there are none. `page` is where the rest is, for people.
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
    if let Some(rest) = &list.more {
        out += &more(page, rest);
    }
    out += "</section>\n";
    out
}

/// Where a list goes on for people, who find all of it at `page`.
pub(super) fn rest(page: &str, list: &Recommendations) -> String {
    let cursor = list.more.as_deref().and_then(|more| more.split_once("cursor=")).map(|(_, cursor)| cursor);
    cursor.map_or_else(|| page.to_owned(), |cursor| from(page, cursor))
}

/// An address of a list, from a cursor on.
pub(super) fn from(address: &str, cursor: &str) -> String {
    let before = if address.contains('?') { '&' } else { '?' };
    format!("{address}{before}cursor={cursor}")
}

fn recommendation(list: &str, item: &Recommendation, out: &mut String) {
    let (url, rel) = match &item.slug {
        Some(slug) => (format!("/read/{slug}"), ""),
        None => (escaped(&item.url), " rel=\"noopener\""),
    };
    let id = format!("{list}_why_{}", item.position);
    let (title, why) = (escaped(&item.title), escaped(&why(item)));
    put!(out, "<li><a href=\"{url}\"{rel} aria-describedby=\"{id}\">{title}</a>");
    put!(out, "<span class=\"why\" id=\"{id}\">{why}</span></li>\n");
}

/// Why an item is recommended, in words. The script has the same.
fn why(item: &Recommendation) -> String {
    let reason = item.why.reason.as_deref();
    match (item.why.source, reason) {
        (Rule::SharedTopics, Some(topics)) => format!("同属：{topics}"),
        (Rule::Views, _) => format!("近期阅读 {} 次", item.why.views.unwrap_or_default()),
        (_, Some(reason)) => reason.to_owned(),
        (Rule::Editorial | Rule::Pinned, None) => "编辑推荐".to_owned(),
        (Rule::Linked, None) => "文中提到".to_owned(),
        (Rule::LinkedFrom, None) => "提到了本文".to_owned(),
        (Rule::SharedTopics, None) => "主题相同".to_owned(),
        (Rule::Recent, None) => "最近发布".to_owned(),
    }
}

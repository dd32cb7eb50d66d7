//! The first page: the newest articles, or those of a topic, and what leads the site.

use std::fmt::Write;

use super::{
    frame::{Frame, put},
    parts,
};
use crate::{
    content::html::escaped,
    v1::{
        card::{Card, CardList},
        related::{RecommendationList, Recommendations},
        site::Site,
        topics::Topic,
    },
};

/// The page.
pub(super) fn page(
    site: Option<&Site>,
    topics: &[Topic],
    topic: Option<&Topic>,
    cards: &CardList,
    hot: &Recommendations,
) -> String {
    let name = site.map_or("Lectern", |site| &site.name);
    let title = topic.map_or(name, |topic| &topic.name);
    let description = match topic {
        Some(topic) => topic.description.as_deref(),
        None => site.and_then(|site| site.description.as_deref()),
    };
    let mut main = format!("<div class=\"opening\">\n<h1>{}</h1>\n", escaped(title));
    if let Some(description) = description {
        put!(main, "<p class=\"about\">{}</p>\n", escaped(description));
    }
    main += "</div>\n";
    main += &parts::topics(topics, topic.map(|topic| topic.slug.as_str()));
    main += "<div class=\"columns\">\n<div>\n";
    if cards.data.is_empty() {
        let text = if topic.is_some() { "这个主题下还没有文章。" } else { "还没有文章。" };
        put!(main, "<p class=\"empty\">{text}</p>\n");
    } else {
        main += "<ol class=\"cards\">\n";
        cards.data.iter().for_each(|card| main += &parts::card(card));
        main += "</ol>\n";
    }
    let of = topic.map(|topic| format!("topic={}&", topic.slug)).unwrap_or_default();
    if let Some(cursor) = &cards.page.next_cursor {
        main += &parts::more(&format!("/?{of}cursor={cursor}"), &format!("/v1/articles?{of}cursor={cursor}"));
    }
    main += "</div>\n";
    main += &parts::recommendations("hot", "热门推荐", hot, &parts::rest("/?list=hot", hot));
    main += "</div>\n";
    let canonical = topic.map_or_else(|| "/".to_owned(), |topic| format!("/?topic={}", topic.slug));
    let locale = site.map_or("zh-Hans", |site| &site.locale);
    let canonical = Some(canonical.as_str());
    Frame { site, title, locale, description, canonical, main: &main, ..Frame::default() }.page()
}

/// All that leads the site, or a topic, as a page.
pub(super) fn hot(site: Option<&Site>, topic: Option<&Topic>, list: RecommendationList) -> String {
    let title = topic.map_or_else(|| "热门推荐".to_owned(), |topic| format!("热门推荐：{}", topic.name));
    let of = |address: &str, before: char| {
        topic.map_or_else(|| address.to_owned(), |topic| format!("{address}{before}topic={}", topic.slug))
    };
    whole(
        site,
        list,
        &Whole {
            id: "hot",
            opening: format!("<h1>{}</h1>\n", escaped(&title)),
            title,
            heading: "编辑推荐，以及近期读得最多的文章",
            page: of("/?list=hot", '&'),
            api: of("/v1/recommendations/hot", '?'),
        },
    )
}

/// All of an article's related reading, as a page.
pub(super) fn related(site: Option<&Site>, card: &Card, list: RecommendationList) -> String {
    let (slug, title) = (&card.slug, escaped(&card.title));
    whole(
        site,
        list,
        &Whole {
            id: "related",
            opening: format!("<h1>相关阅读</h1>\n<p class=\"about\">来自：<a href=\"/read/{slug}\">{title}</a></p>\n"),
            title: format!("相关阅读：{}", card.title),
            heading: "编辑推荐、文中提到，以及主题相近的文章",
            page: format!("/read/{slug}/related"),
            api: format!("/v1/articles/{slug}/related"),
        },
    )
}

/// A whole list of recommendations: what it is called, its opening (finished), and where it is, for people and in the API.
struct Whole {
    id: &'static str,
    opening: String,
    title: String,
    heading: &'static str,
    page: String,
    api: String,
}

fn whole(site: Option<&Site>, list: RecommendationList, of: &Whole) -> String {
    let more = list.page.next_cursor.map(|cursor| parts::from(&of.api, &cursor));
    let list = Recommendations { data: list.data, more };
    let mut main = format!("<div class=\"opening\">\n{}</div>\n", of.opening);
    if list.data.is_empty() {
        main += "<p class=\"empty\">还没有可以推荐的文章。</p>\n";
    }
    main += &parts::recommendations(of.id, of.heading, &list, &parts::rest(&of.page, &list));
    let locale = site.map_or("zh-Hans", |site| &site.locale);
    Frame { site, title: &of.title, locale, canonical: Some(&of.page), main: &main, ..Frame::default() }.page()
}

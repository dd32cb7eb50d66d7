//! The first page: the newest articles, or those of a topic, and what leads the site.

use super::{
    frame::{Frame, put},
    parts,
};
use crate::{
    content::{Slug, html::escaped},
    v1::{
        card::CardList,
        related::{RecommendationList, Recommendations},
        site::Site,
        topics::Topic,
    },
};
use std::fmt::Write;

/// The page.
pub(super) fn page(
    site: Option<&Site>,
    topics: &[Topic],
    topic: Option<&Slug>,
    cards: &CardList,
    hot: &Recommendations,
) -> String {
    let name = site.map_or("Lectern", |site| &site.name);
    let chosen = topic.and_then(|slug| topics.iter().find(|topic| topic.slug == slug.as_str()));
    let title = match (topic, chosen) {
        (_, Some(topic)) => &topic.name,
        (Some(slug), None) => slug.as_str(),
        (None, None) => name,
    };
    let description = match topic {
        Some(_) => chosen.and_then(|topic| topic.description.as_deref()),
        None => site.and_then(|site| site.description.as_deref()),
    };
    let mut main = format!("<div class=\"opening\">\n<h1>{}</h1>\n", escaped(title));
    if let Some(description) = description {
        put!(main, "<p class=\"about\">{}</p>\n", escaped(description));
    }
    main += "</div>\n";
    main += &parts::topics(topics, topic.map(Slug::as_str));
    main += "<div class=\"columns\">\n<div>\n";
    if cards.data.is_empty() {
        let text = if topic.is_some() { "这个主题下还没有文章。" } else { "还没有文章。" };
        put!(main, "<p class=\"empty\">{text}</p>\n");
    } else {
        main += "<ol class=\"cards\">\n";
        cards.data.iter().for_each(|card| main += &parts::card(card));
        main += "</ol>\n";
    }
    let of = topic.map(|topic| format!("topic={topic}&")).unwrap_or_default();
    if let Some(cursor) = &cards.page.next_cursor {
        main += &parts::more(&format!("/?{of}cursor={cursor}"), &format!("/v1/articles?{of}cursor={cursor}"));
    }
    main += "</div>\n";
    main += &parts::recommendations("hot", "热门推荐", hot, &parts::all_hot(hot));
    main += "</div>\n";
    let canonical = topic.map_or_else(|| "/".to_owned(), |topic| format!("/?topic={topic}"));
    let locale = site.map_or("zh-Hans", |site| &site.locale);
    let canonical = Some(canonical.as_str());
    Frame { site, title, locale, description, canonical, main: &main, ..Frame::default() }.page()
}

/// All that leads the site, as a page.
pub(super) fn hot(site: Option<&Site>, list: RecommendationList) -> String {
    let title = "热门推荐";
    let more = list.page.next_cursor.map(|cursor| format!("/v1/recommendations/hot?cursor={cursor}"));
    let list = Recommendations { data: list.data, more };
    let mut main = "<div class=\"opening\">\n<h1>热门推荐</h1>\n</div>\n".to_owned();
    main += &parts::recommendations("hot", "编辑推荐，以及近期读得最多的文章", &list, &parts::all_hot(&list));
    let (locale, canonical) = (site.map_or("zh-Hans", |site| &site.locale), Some("/?list=hot"));
    Frame { site, title, locale, canonical, main: &main, ..Frame::default() }.page()
}

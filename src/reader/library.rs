//! The first page: the newest articles, or those of a topic, and what leads the site.

use std::fmt::Write;

use super::{
    frame::{Frame, put},
    parts,
};
use crate::{
    content::html::escaped,
    v1::{
        card::CardList,
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
    main += &parts::recommendations("hot", "热门推荐", hot, &parts::all_hot(hot));
    main += "</div>\n";
    let canonical = topic.map_or_else(|| "/".to_owned(), |topic| format!("/?topic={}", topic.slug));
    let locale = site.map_or("zh-Hans", |site| &site.locale);
    let canonical = Some(canonical.as_str());
    Frame { site, title, locale, description, canonical, main: &main, ..Frame::default() }.page()
}

/// All that leads the site, or a topic, as a page.
pub(super) fn hot(site: Option<&Site>, topic: Option<&Topic>, list: RecommendationList) -> String {
    let title = topic.map_or_else(|| "热门推荐".to_owned(), |topic| format!("热门推荐：{}", topic.name));
    let of = topic.map(|topic| format!("topic={}&", topic.slug)).unwrap_or_default();
    let next = list.page.next_cursor.map(|cursor| format!("{of}cursor={cursor}"));
    let page = next.as_ref().map(|next| format!("/?list=hot&{next}")).unwrap_or_default();
    let more = next.map(|next| format!("/v1/recommendations/hot?{next}"));
    let list = Recommendations { data: list.data, more };
    let mut main = format!("<div class=\"opening\">\n<h1>{}</h1>\n</div>\n", escaped(&title));
    main += &parts::recommendations("hot", "编辑推荐，以及近期读得最多的文章", &list, &page);
    let locale = site.map_or("zh-Hans", |site| &site.locale);
    let canonical = topic.map_or_else(|| "/?list=hot".to_owned(), |topic| format!("/?topic={}&list=hot", topic.slug));
    Frame { site, title: &title, locale, canonical: Some(&canonical), main: &main, ..Frame::default() }.page()
}

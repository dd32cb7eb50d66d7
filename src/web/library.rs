//! HTML of the library page (newest articles, all or of a topic) and of the complete lists of recommendations.

use std::fmt::Write;

use super::{
    components,
    layout::{Layout, push},
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

/// Renders the library page.
pub(super) fn render(
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
        push!(main, "<p class=\"about\">{}</p>\n", escaped(description));
    }
    main += "</div>\n";
    main += &components::topics(topics, topic.map(|topic| topic.slug.as_str()));
    main += "<div class=\"columns\">\n<div>\n";
    if cards.data.is_empty() {
        let text = if topic.is_some() { "这个主题下还没有文章。" } else { "还没有文章。" };
        push!(main, "<p class=\"empty\">{text}</p>\n");
    } else {
        main += "<ol class=\"cards\">\n";
        cards.data.iter().for_each(|card| main += &components::card(card));
        main += "</ol>\n";
    }
    let filter = topic.map(|topic| format!("topic={}&", topic.slug)).unwrap_or_default();
    if let Some(cursor) = &cards.page.next_cursor {
        main += &components::more_link(
            &format!("/?{filter}cursor={cursor}"),
            &format!("/v1/articles?{filter}cursor={cursor}"),
        );
    }
    main += "</div>\n";
    main += &components::recommendations("hot", "热门推荐", hot, &components::next_page("/?list=hot", hot));
    main += "</div>\n";
    let canonical = topic.map_or_else(|| "/".to_owned(), |topic| format!("/?topic={}", topic.slug));
    let locale = site.map_or("zh-Hans", |site| &site.locale);
    let canonical = Some(canonical.as_str());
    Layout { site, title, locale, description, canonical, main: &main, ..Layout::default() }.render()
}

/// Renders the complete hot list, of all articles or of a topic.
pub(super) fn render_hot(site: Option<&Site>, topic: Option<&Topic>, list: RecommendationList) -> String {
    let title = topic.map_or_else(|| "热门推荐".to_owned(), |topic| format!("热门推荐：{}", topic.name));
    let with_topic = |address: &str, separator: char| {
        topic.map_or_else(|| address.to_owned(), |topic| format!("{address}{separator}topic={}", topic.slug))
    };
    render_list(
        site,
        list,
        &ListPage {
            id: "hot",
            opening: format!("<h1>{}</h1>\n", escaped(&title)),
            title,
            heading: "编辑推荐，以及近期读得最多的文章",
            path: with_topic("/?list=hot", '&'),
            api: with_topic("/v1/recommendations/hot", '?'),
        },
    )
}

/// Renders the complete related reading of an article.
pub(super) fn render_related(site: Option<&Site>, card: &Card, list: RecommendationList) -> String {
    let (slug, title) = (&card.slug, escaped(&card.title));
    render_list(
        site,
        list,
        &ListPage {
            id: "related",
            opening: format!("<h1>相关阅读</h1>\n<p class=\"about\">来自：<a href=\"/read/{slug}\">{title}</a></p>\n"),
            title: format!("相关阅读：{}", card.title),
            heading: "编辑推荐、文中提到，以及主题相近的文章",
            path: format!("/read/{slug}/related"),
            api: format!("/v1/articles/{slug}/related"),
        },
    )
}

/// Texts and addresses of a page with one complete list of recommendations.
struct ListPage {
    id: &'static str,
    opening: String,
    title: String,
    heading: &'static str,
    path: String,
    api: String,
}

fn render_list(site: Option<&Site>, list: RecommendationList, page: &ListPage) -> String {
    let more = list.page.next_cursor.map(|cursor| components::with_cursor(&page.api, &cursor));
    let list = Recommendations { data: list.data, more };
    let mut main = format!("<div class=\"opening\">\n{}</div>\n", page.opening);
    if list.data.is_empty() {
        main += "<p class=\"empty\">还没有可以推荐的文章。</p>\n";
    }
    main += &components::recommendations(page.id, page.heading, &list, &components::next_page(&page.path, &list));
    let locale = site.map_or("zh-Hans", |site| &site.locale);
    Layout { site, title: &page.title, locale, canonical: Some(&page.path), main: &main, ..Layout::default() }.render()
}

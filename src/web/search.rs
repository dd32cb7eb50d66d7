//! HTML of search results.

use std::fmt::Write;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    components,
    layout::{Layout, push},
};
use crate::{
    content::html::escaped,
    v1::{
        search::{Hit, HitList},
        site::Site,
        topics::Topic,
    },
};

/// Renders the search page.
pub(super) fn render(site: Option<&Site>, topics: &[Topic], q: &str, topic: Option<&Topic>, hits: &HitList) -> String {
    // Bidirectional control characters would affect the text around them (Unicode Standard Annex 9, section 2).
    let shown = q.replace(|c| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'), "");
    let title = format!("搜索“{shown}”");
    let mut main = format!("<div class=\"opening\">\n<h1>搜索“<bdi>{}</bdi>”</h1>\n", escaped(&shown));
    let encoded = utf8_percent_encode(q, NON_ALPHANUMERIC).to_string();
    if let Some(topic) = topic {
        push!(
            main,
            "<p class=\"about\">在主题“{}”中。<a href=\"/?q={encoded}\">搜索全部</a></p>\n",
            escaped(&topic.name)
        );
    }
    main += "</div>\n";
    let next = hits.page.next_cursor.as_ref();
    if hits.data.is_empty() && next.is_none() {
        main += "<div class=\"empty\">\n<p>没有找到相关内容。</p>\n\
                 <p>可以换一个说法，少写几个字，或输入标题的拼音（如 ganxibao）；也可以从下面的主题里找。</p>\n</div>\n";
        main += &components::topics(topics, None);
    } else {
        if hits.data.is_empty() {
            main += "<p class=\"empty\">在较新的文章里没有找到，可以接着在更早的文章里找。</p>\n";
        }
        main += "<ol class=\"hits\">\n";
        hits.data.iter().for_each(|found| hit(found, &mut main));
        main += "</ol>\n";
        if let Some(cursor) = next {
            let filter = topic.map(|topic| format!("&topic={}", topic.slug)).unwrap_or_default();
            let query = format!("?q={encoded}{filter}&cursor={cursor}");
            main += &components::more_link(&format!("/{query}"), &format!("/v1/search{query}"));
        }
    }
    let locale = site.map_or("zh-Hans", |site| &site.locale);
    Layout { site, title: &title, locale, query: q, main: &main, ..Layout::default() }.render()
}

fn hit(hit: &Hit, out: &mut String) {
    let (slug, title) = (&hit.article.slug, escaped(&hit.article.title));
    match &hit.section {
        Some(section) => {
            let (anchor, number, heading) = (&section.anchor, escaped(&section.number), escaped(&section.title));
            push!(out, "<li>\n<h2><a href=\"/read/{slug}#{anchor}\">{heading}</a></h2>\n");
            push!(out, "<p class=\"location\">{title} · 第 {number} 节</p>\n");
        }
        None => push!(out, "<li>\n<h2><a href=\"/read/{slug}\">{title}</a></h2>\n"),
    }
    *out += "<p class=\"snippet\">";
    for part in &hit.snippet {
        let text = escaped(&part.text);
        if part.matched { push!(out, "<mark>{text}</mark>") } else { *out += &text }
    }
    *out += "</p>\n</li>\n";
}

//! Reads a saved HTML page: its blocks, the blocks of the article, and the metadata.

mod blocks;
mod dom;
mod metadata;
mod run;
mod select;
mod table;

pub(super) use dom::MAX_NODES;

use super::{
    Confidence, Format, LinkLine, MAX_LINES, Page, PageError, PageMetadata, Role, account, boilerplate,
    decode::Decoded,
    guess, head,
    lines::{Line, Shape},
    links, region, tree,
};
use crate::content::Inline;
use metadata::Metadata;

/// The maximum number of related links that are taken from a page.
const MAX_RELATED: usize = 50;
/// The percentage of the page's text above which the choice of the main content is certain.
const SURE_SHARE: u32 = 60;

/// Returns whether a file begins like HTML.
pub(super) fn is_html(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(16 * 1024)).unwrap_or_default();
    // UTF-16 has a NUL in every second byte of ASCII.
    let head: Vec<u8> = head.iter().filter(|byte| **byte != 0).map(u8::to_ascii_lowercase).collect();
    let text = String::from_utf8_lossy(&head);
    let mut text = text.trim_start_matches(|c: char| !c.is_ascii_graphic()).trim_start();
    while let Some(comment) = text.strip_prefix("<!--") {
        text = comment.split_once("-->").map_or("", |(_, rest)| rest).trim_start();
    }
    if let Some(declaration) = text.strip_prefix("<?xml") {
        text = declaration.split_once("?>").map_or("", |(_, rest)| rest).trim_start();
    }
    let starts = ["<!doctype html", "<html", "<head", "<body", "<meta", "<title", "<script", "<link", "<style"];
    let fragments = ["<div", "<p", "<article", "<section", "<main", "<h1", "<h2", "<table"];
    let starts_with = |tags: &[&str]| {
        tags.iter()
            .any(|tag| text.strip_prefix(tag).is_some_and(|rest| rest.starts_with(['>', ' ', '\n', '\r', '\t', '/'])))
    };
    starts_with(&starts) || (starts_with(&fragments) && text.contains("</"))
}

/// Reads a page; `url` is its address, if the caller knows it.
pub(super) fn read(decoded: &Decoded, url: Option<String>) -> Result<Page, PageError> {
    let dom = dom::Dom::parse(&decoded.text).ok_or(PageError::TooManyElements)?;
    let metadata = metadata::read(&dom);
    let url = metadata.url.clone().or(url);
    let address = url.as_deref().and_then(|url| url::Url::parse(url).ok());
    let base = match (&address, metadata.base.as_deref()) {
        (Some(address), Some(base)) => address.join(base).ok(),
        (None, Some(base)) => url::Url::parse(base).ok(),
        (address, None) => address.clone(),
    };
    let lines = blocks::read(&dom, &base, MAX_LINES).ok_or(PageError::TooManyLines)?;
    let (title, titles) = title(&metadata, &lines);
    let printed = titles.first().and_then(|at| lines.get(*at)?.markup.as_ref()).map(|markup| markup.node);
    let selection = select::select(&dom, &lines, printed);
    let mut roles: Vec<Option<Role>> =
        selection.reasons.iter().map(|reason| reason.map(|why| Role::NotUsed { why })).collect();
    for (place, at) in titles.iter().enumerate() {
        if let Some(role) = roles.get_mut(*at) {
            *role = Some(if place == 0 { Role::Title } else { Role::NotUsed { why: "the title again" } });
        }
    }
    let mut lists = links::read(&lines, titles.first().map_or(0, |at| at + 1), &mut roles);
    related(&lines, &mut roles, &mut lists);
    region::edges(&lines, &mut roles);
    boilerplate::contents(&lines, 0, &mut roles);
    let tree = tree::build(&lines, &mut roles);
    let mut damage = decoded.warnings();
    let uses = account(lines, roles, &mut damage);
    let mut guesses = guess::of_lines(&uses, &tree.unsure);
    if selection.share < SURE_SHARE {
        let reading = format!("the main content has {} % of the text of the page", selection.share);
        guesses.insert(0, guess::of_page(reading, "more of the page belongs to it", Confidence::Low));
    }
    Ok(Page {
        format: Format::Html,
        encoding: decoded.encoding,
        site_name: metadata.site_name,
        call_to_action: None,
        questions: title.as_deref().map(head::questions).unwrap_or_default(),
        title,
        metadata: PageMetadata {
            author: metadata.author,
            origin: None,
            published: metadata.published,
            url,
            language: metadata.language,
        },
        lead: tree.lead,
        sections: tree.sections,
        related: lists.related,
        hot: lists.hot,
        lines: uses,
        guesses,
        damage,
    })
}

/// Adds the related links of the page, with their addresses.
fn related(lines: &[Line<'_>], roles: &mut [Option<Role>], lists: &mut links::LinkLists) {
    let target = |line: &Line<'_>| {
        let content = &line.markup.as_ref()?.content;
        content
            .iter()
            .find_map(|inline| if let Inline::Link { href, .. } = inline { Some(href.to_string()) } else { None })
    };
    for link in lists.related.iter_mut().chain(&mut lists.hot) {
        link.url = link.url.take().or_else(|| target(lines.iter().find(|line| line.number == link.line)?));
    }
    let is_related = |role: &Option<Role>| matches!(role, Some(Role::NotUsed { why }) if *why == select::RELATED);
    for (line, role) in lines.iter().zip(roles).filter(|(_, role)| is_related(role)) {
        let is_title = line.text.chars().count() >= 4 && lists.related.len() < MAX_RELATED;
        if let Some(url) = target(line).filter(|_| is_title) {
            *role = Some(Role::RelatedLink);
            lists.related.push(LinkLine { line: line.number, title: line.text.clone(), url: Some(url) });
        }
    }
}

/// Returns the title, and the lines that contain it.
fn title(metadata: &Metadata, lines: &[Line<'_>]) -> (Option<String>, Vec<usize>) {
    let bare = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let claims: Vec<String> = metadata.titles.iter().chain(&metadata.page_title).map(|title| bare(title)).collect();
    let is_title = |text: &str| {
        let text = bare(text);
        text.chars().count() >= 2 && claims.iter().any(|claim| claim.contains(&text))
    };
    let headings = || {
        lines.iter().filter_map(|line| match line.shape() {
            Shape::Heading(level) => Some((*level, &line.text)),
            _ => None,
        })
    };
    let printed = headings()
        .filter(|(_, text)| is_title(text))
        .min_by_key(|(level, text)| (*level, usize::MAX - text.chars().count()))
        .map(|(_, text)| text.clone());
    let begins = |text: &str| metadata.page_title.as_deref().is_some_and(|title| bare(title).starts_with(text));
    let claimed =
        metadata.titles.first().or(metadata.page_title.as_ref()).map(|title| head::without_site(title).to_owned());
    let title = match (printed, claimed) {
        // A short heading may be a word of the title only, unless the page's title begins with it.
        (Some(printed), Some(claimed))
            if bare(&printed).chars().count() * 3 < bare(&claimed).chars().count() && !begins(&bare(&printed)) =>
        {
            Some(claimed)
        }
        (printed, claimed) => printed.or(claimed),
    };
    let title = title.or_else(|| headings().min_by_key(|(level, _)| *level).map(|(_, text)| text.clone()));
    let own = title.as_deref().map(bare).unwrap_or_default();
    let mut at: Vec<usize> =
        (0..lines.len()).filter(|at| lines.get(*at).is_some_and(|line| bare(&line.text) == own)).collect();
    // The heading is the title; the same words above it belong to a breadcrumb trail or a menu.
    at.sort_by_key(|at| !lines.get(*at).is_some_and(|line| matches!(line.shape(), Shape::Heading(_))));
    (title, at)
}

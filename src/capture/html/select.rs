//! Chooses the blocks of a page that are its article.
//!
//! The value of a block is the number of its characters outside links, minus those in links and a fixed cost. Blocks in
//! elements whose names mean navigation, comments, related links and the like have no value. The article is the deepest
//! element that has nearly all of the page's value.

use super::dom::{Dom, Element};
use crate::capture::{
    boilerplate,
    lines::{Line, Markup, Shape},
};

pub(super) const NAVIGATION: &str = "site navigation";
pub(super) const RELATED: &str = "links to related pages";
pub(super) const OUTSIDE: &str = "outside the main content";
pub(super) const LINKS: &str = "a list of links";

/// A choice of blocks.
pub(super) struct Selection {
    /// The reason why a block is not content; `None` for content.
    pub(super) reasons: Vec<Option<&'static str>>,
    /// The article's share of the page's value, in percent.
    pub(super) share: u32,
}

/// Chooses the blocks of the article; `title` is the node of its printed title.
pub(super) fn select(dom: &Dom, lines: &[Line<'_>], title: Option<usize>) -> Selection {
    let nodes: Vec<usize> = lines.iter().map(|line| line.markup.as_ref().map_or(0, |markup| markup.node)).collect();
    let plain: Vec<i64> = lines.iter().map(value).collect();
    let all = Sums::new(&nodes, &plain, dom.nodes.len());
    let hints = hints(dom, &all, lines, &nodes, title);

    let mut reasons: Vec<Option<&'static str>> = vec![None; lines.len()];
    let mut hinted = hints.iter().peekable();
    let mut open: Vec<(usize, &'static str)> = Vec::new();
    for (node, reason) in nodes.iter().zip(&mut reasons) {
        while let Some((from, to, why)) = hinted.peek()
            && from <= node
        {
            open.push((*to, why));
            hinted.next();
        }
        open.retain(|(to, _)| to > node);
        *reason = open.first().map(|(_, why)| *why);
    }
    let judged: Vec<i64> = plain
        .iter()
        .zip(&reasons)
        .map(|(value, reason)| if reason.is_some() { -(value.abs().min(40)) } else { *value })
        .collect();
    let good = Sums::new(&nodes, &judged.iter().map(|value| (*value).max(0)).collect::<Vec<_>>(), dom.nodes.len());
    let net = Sums::new(&nodes, &judged, dom.nodes.len());

    let root = marked(dom, &good, title).unwrap_or_else(|| main(dom, &good, 0..dom.nodes.len()));
    for ((line, node), reason) in lines.iter().zip(&nodes).zip(&mut reasons) {
        // A summary may be between the title and the text.
        let is_summary = title.is_some_and(|title| title < *node) && *node < root.start && value(line) > 8;
        if reason.is_none() && !root.contains(node) && !is_summary {
            *reason = Some(OUTSIDE);
        }
    }
    prune(dom, root.clone(), &net, &nodes, lines, &mut reasons);
    let total = good.of(&(0..dom.nodes.len())).max(1);
    Selection { reasons, share: u32::try_from(good.of(&root) * 100 / total).unwrap_or(0) }
}

/// Returns the value of a block as content.
fn value(line: &Line<'_>) -> i64 {
    let Some(markup) = &line.markup else { return 0 };
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX / 4);
    // A Latin word has about five letters and carries as much information as two Han characters.
    let han = line.text.chars().filter(|c| crate::content::text::is_wide(*c)).count();
    let weight = |letters: usize| if han * 3 > markup.letters { number(letters) } else { number(letters) * 2 / 5 };
    let (letters, linked) = (weight(markup.letters), weight(markup.linked));
    let marks = number(line.text.chars().filter(|c| "。，；！？,.;!?、：".contains(*c)).take(200).count());
    match &markup.shape {
        Shape::Block(_) if markup.letters == 0 => 0,
        _ if boilerplate::is_notice(&line.text) => -letters.min(40),
        _ => letters + marks * 2 - linked * 3 - 12,
    }
}

/// Sums of values over ranges of nodes.
struct Sums(Vec<i64>);

impl Sums {
    fn new(nodes: &[usize], values: &[i64], length: usize) -> Sums {
        let mut sums = vec![0; length + 1];
        for (node, value) in nodes.iter().zip(values) {
            if let Some(slot) = sums.get_mut(node + 1) {
                *slot += value;
            }
        }
        let mut total = 0;
        for slot in &mut sums {
            total += *slot;
            *slot = total;
        }
        Sums(sums)
    }

    fn of(&self, range: &std::ops::Range<usize>) -> i64 {
        let at = |place: usize| self.0.get(place).copied().unwrap_or_default();
        at(range.end) - at(range.start)
    }
}

/// Returns the elements whose names mean that they are not content: their nodes and the reason.
fn hints(
    dom: &Dom,
    all: &Sums,
    lines: &[Line<'_>],
    nodes: &[usize],
    title: Option<usize>,
) -> Vec<(usize, usize, &'static str)> {
    let letters = Letters::new(dom, lines, nodes);
    let main: Vec<usize> = dom
        .elements(0..dom.nodes.len())
        .filter(|(_, element)| element.name == "main" || element.get("itemprop") == Some("articleBody"))
        .map(|(node, _)| node)
        .chain(title)
        .collect();
    let mut found = Vec::new();
    for (node, element) in dom.elements(0..dom.nodes.len()) {
        let range = dom.range(node);
        let Some((why, is_strong)) = hint(element) else { continue };
        if main.iter().any(|main| range.contains(main)) {
            continue;
        }
        let (all_letters, linked) = letters.of(&range);
        let is_text = all_letters > 80 && linked * 4 < all_letters && all.of(&range) > 0;
        if is_strong || !is_text {
            found.push((range.start, range.end, why));
        }
    }
    found
}

/// The characters of a range of nodes, and those of them in links.
struct Letters {
    all: Sums,
    linked: Sums,
}

impl Letters {
    fn new(dom: &Dom, lines: &[Line<'_>], nodes: &[usize]) -> Letters {
        let count = |of: fn(&Markup) -> usize| {
            let number = |line: &Line<'_>| {
                line.markup.as_ref().map_or(0, |markup| i64::try_from(of(markup)).unwrap_or_default())
            };
            Sums::new(nodes, &lines.iter().map(number).collect::<Vec<_>>(), dom.nodes.len())
        };
        Letters { all: count(|markup| markup.letters), linked: count(|markup| markup.linked) }
    }

    fn of(&self, range: &std::ops::Range<usize>) -> (i64, i64) {
        (self.all.of(range), self.linked.of(range))
    }
}

/// Returns the element that the page marks as its article, if it has text.
fn marked(dom: &Dom, good: &Sums, title: Option<usize>) -> Option<std::ops::Range<usize>> {
    let largest = |is: &dyn Fn(&Element) -> bool| {
        let found =
            dom.elements(0..dom.nodes.len()).filter(|(_, element)| is(element)).map(|(node, _)| dom.range(node));
        found.filter(|range| good.of(range) >= 60).max_by_key(|range| good.of(range))
    };
    if let Some(body) = largest(&|element| element.get("itemprop") == Some("articleBody")) {
        let around = main(dom, good, 0..dom.nodes.len());
        // A page may mark one part of a longer article.
        let is_part = body.start >= around.start && body.end <= around.end && good.of(&body) * 2 < good.of(&around);
        return Some(if is_part { around } else { body });
    }
    let title = title?;
    let mut articles = dom
        .elements(0..dom.nodes.len())
        .filter(|(_, element)| element.name == "article")
        .map(|(node, _)| dom.range(node));
    let own = articles.find(|range| range.contains(&title) && good.of(range) >= 60)?;
    Some(main(dom, good, own))
}

/// Returns the kind of an element by its names, if that kind is not content.
fn hint(element: &Element) -> Option<(&'static str, bool)> {
    match element.name {
        "nav" | "menu" => return Some((NAVIGATION, true)),
        "footer" => return Some(("the foot of the page", true)),
        "aside" => return Some(("an aside", false)),
        "form" | "fieldset" | "label" => return Some(("a form", false)),
        _ => {}
    }
    match element.get("role") {
        Some("navigation" | "menu" | "menubar" | "search" | "toolbar") => return Some((NAVIGATION, true)),
        Some("contentinfo" | "banner") => return Some(("the frame of the page", true)),
        Some("complementary") => return Some(("an aside", false)),
        Some("dialog" | "alert" | "alertdialog") => return Some(("a notice of the site", true)),
        _ => {}
    }
    if matches!(element.get("itemprop"), Some("articleBody" | "text")) {
        return None;
    }
    ["class", "id"].into_iter().filter_map(|name| element.get(name)).find_map(words_hint)
}

/// Words in names of elements that mean other content, and whether they override running text inside the element.
const HINTS: [(&str, bool, &[&str]); 12] = [
    ("comments", true, &["comment", "comments", "commentlist", "disqus", "reply", "replies", "pinglun"]),
    (
        RELATED,
        true,
        &[
            "related",
            "relate",
            "relevant",
            "recommend",
            "recommended",
            "recommendation",
            "recommendations",
            "recirc",
            "tuijian",
            "prevnext",
            "prenext",
        ],
    ),
    ("a notice of the site", true, &["cookie", "cookies", "consent", "paywall", "qrcode", "erweima"]),
    ("a box beside the text", true, &["infobox", "navbox", "ambox", "toc"]),
    ("the popular pages of the site", true, &["hotlist", "ranking", "paihang", "trending", "popular"]),
    ("the foot of the page", false, &["footer", "foot", "copyright", "footnav", "bottombar"]),
    ("an aside", false, &["sidebar", "aside", "sidenav", "rightbar", "leftbar"]),
    (
        NAVIGATION,
        false,
        &[
            "nav",
            "navbar",
            "navi",
            "navigation",
            "menu",
            "breadcrumb",
            "breadcrumbs",
            "crumb",
            "crumbs",
            "topbar",
            "toolbar",
            "pagination",
            "pager",
            "location",
            "weizhi",
        ],
    ),
    ("a share bar", false, &["share", "sharing", "social", "bdsharebuttonbox", "bshare", "fenxiang", "socials"]),
    (
        "an advertisement",
        false,
        &[
            "ad",
            "ads",
            "adv",
            "advert",
            "advertisement",
            "advertising",
            "sponsor",
            "sponsored",
            "promo",
            "promotion",
            "guanggao",
            "adsense",
            "adbox",
        ],
    ),
    (
        "a notice of the site",
        false,
        &[
            "popup",
            "modal",
            "newsletter",
            "subscribe",
            "subscription",
            "login",
            "signup",
            "register",
            "disclaimer",
            "toast",
        ],
    ),
    ("the byline", false, &["tags", "tag", "taglist", "keywords", "byline", "authorbio", "bio", "editor", "zebian"]),
];

fn words_hint(names: &str) -> Option<(&'static str, bool)> {
    let words = words(names);
    // An element named `has-sidebar` is the text beside the sidebar.
    let beside = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| words.get(before)).map_or("", String::as_str);
        ["has", "with", "no", "without", "hide", "not"].contains(&before)
    };
    let known =
        |known: &[&str]| words.iter().enumerate().any(|(at, word)| known.contains(&word.as_str()) && !beside(at));
    HINTS.iter().find(|(_, _, list)| known(list)).map(|(why, is_strong, _)| (*why, *is_strong))
}

/// Splits class names and ids into lower-case words: `artRelated`, `art_related` and `art-related` give two words each.
fn words(names: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut lower = false;
    for c in names.chars().take(400).chain([' ']) {
        let ends = !c.is_ascii_alphabetic() || (c.is_ascii_uppercase() && lower);
        if ends && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        lower = c.is_ascii_lowercase();
        if c.is_ascii_alphabetic() {
            word.push(c.to_ascii_lowercase());
        }
    }
    words
}

/// Returns the deepest element within a range that has nearly all of its value.
fn main(dom: &Dom, good: &Sums, whole: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let mut root = whole;
    let total = good.of(&root);
    loop {
        let mut child = root.start;
        let mut best: Option<std::ops::Range<usize>> = None;
        // The page itself is not an element; its first child begins at the same index.
        if root != (0..dom.nodes.len()) {
            child += 1;
        }
        while child < root.end {
            let range = dom.range(child);
            if dom.element(child).is_some() && best.as_ref().is_none_or(|best| good.of(&range) > good.of(best)) {
                best = Some(range.clone());
            }
            child = range.end.max(child + 1);
        }
        match best {
            Some(best) if best != root && good.of(&best) * 100 >= good.of(&root) * 75 && good.of(&best) * 2 > total => {
                root = best;
            }
            _ => return root,
        }
    }
}

/// Excludes the elements of the article that have a negative value.
fn prune(
    dom: &Dom,
    root: std::ops::Range<usize>,
    net: &Sums,
    nodes: &[usize],
    lines: &[Line<'_>],
    reasons: &mut [Option<&'static str>],
) {
    let letters = Letters::new(dom, lines, nodes);
    let mut drop: Vec<std::ops::Range<usize>> = Vec::new();
    let mut at = root.start;
    while at < root.end {
        let range = dom.range(at);
        let first = nodes.partition_point(|node| *node < range.start);
        let last = nodes.partition_point(|node| *node < range.end);
        let (letters, linked) = letters.of(&range);
        let count = i64::try_from(last - first).unwrap_or(i64::MAX).max(1);
        // Text with many links is not a link list.
        let is_links = linked * 4 > letters * 3 || (linked * 2 > letters && letters < count * 25);
        let is_element = dom.element(at).is_some_and(|element| super::dom::BLOCKS.contains(&element.name));
        if range != root && is_element && is_links && net.of(&range) < -20 && last > first + 1 {
            drop.push(range.clone());
            at = range.end;
        } else {
            at += 1;
        }
    }
    for range in drop {
        let first = nodes.partition_point(|node| *node < range.start);
        let last = nodes.partition_point(|node| *node < range.end);
        for reason in reasons.get_mut(first..last).unwrap_or_default() {
            reason.get_or_insert(LINKS);
        }
    }
}

//! What is around every page: the head of the document, the site's name, search, the call to action, and at the end what
//! readers must know. Everything that is not ours is escaped here or where it is put in.

use std::fmt::Write;

use crate::{
    content::{Href, html::escaped},
    v1::site::Site,
};

/// Writes into a string, which cannot fail.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {{ let _ = write!($out, $($text)*); }};
}
pub(super) use put;

/// A page, but for its frame.
#[derive(Debug, Default)]
pub(super) struct Frame<'a> {
    pub site: Option<&'a Site>,
    /// What it is called; the site's name follows.
    pub title: &'a str,
    /// The language of its text.
    pub locale: &'a str,
    /// What it is about, for search engines.
    pub description: Option<&'a str>,
    /// Its path; `None` for one that is to be found by nobody.
    pub canonical: Option<&'a str>,
    /// More of the head, finished.
    pub head: &'a str,
    /// What was looked for.
    pub query: &'a str,
    /// Its content, finished.
    pub main: &'a str,
    /// The ids that its content has.
    pub taken: &'a [String],
}

/// The id of a part of the page itself: its name, unless a section is found by that. No anchor has a `_` in it.
pub(super) fn own_id(name: &str, taken: &[String]) -> String {
    if taken.iter().any(|id| id == name) { format!("{name}_") } else { name.to_owned() }
}

/// Where a link of the site leads, the same from every page; `None` where no browser may go.
fn address(url: &str) -> Option<String> {
    Some(match url.parse().ok()? {
        Href::Article { slug, fragment } => {
            let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
            format!("/read/{slug}{fragment}")
        }
        href @ Href::Section(_) => format!("/{href}"),
        href if href.is_relative() => format!("/{href}"),
        href => href.to_string(),
    })
}

impl Frame<'_> {
    /// The name of the site.
    fn name(&self) -> &str {
        self.site.map_or("Lectern", |site| &site.name)
    }

    /// The whole page.
    pub fn page(&self) -> String {
        let mut out = String::with_capacity(self.main.len() + 4096);
        self.put_head(&mut out);
        let (main, status) = (own_id("main", self.taken), own_id("status", self.taken));
        put!(out, "<body>\n<a class=\"skip\" href=\"#{main}\">跳到正文</a>\n");
        self.put_header(&mut out);
        put!(out, "<main id=\"{main}\" tabindex=\"-1\">\n{}", self.main);
        put!(out, "<p id=\"{status}\" role=\"status\"></p>\n</main>\n");
        self.put_footer(&mut out);
        out += "</body>\n</html>\n";
        out
    }

    fn put_head(&self, out: &mut String) {
        let name = self.name();
        let locale = if self.locale.is_empty() { "zh-Hans" } else { self.locale };
        let title = if self.title == name { name.to_owned() } else { format!("{} - {name}", self.title) };
        put!(out, "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n", escaped(locale));
        out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        put!(out, "<title>{}</title>\n", escaped(&title));
        if let Some(description) = self.description {
            put!(out, "<meta name=\"description\" content=\"{}\">\n", escaped(description));
        }
        match self.canonical {
            Some(path) => put!(out, "<link rel=\"canonical\" href=\"{}\">\n", escaped(path)),
            None => out.push_str("<meta name=\"robots\" content=\"noindex\">\n"),
        }
        out.push_str(self.head);
        out.push_str(
            "<meta name=\"color-scheme\" content=\"light dark\">\n\
             <link rel=\"icon\" href=\"/reader.svg\" type=\"image/svg+xml\">\n\
             <link rel=\"stylesheet\" href=\"/reader.css\">\n",
        );
        out.push_str("<script type=\"module\" src=\"/reader.js\"></script>\n</head>\n");
    }

    fn put_header(&self, out: &mut String) {
        put!(out, "<header class=\"top\">\n<a class=\"site\" href=\"/\">{}</a>\n", escaped(self.name()));
        put!(
            out,
            "<form class=\"search\" role=\"search\" action=\"/\">\n\
             <input type=\"search\" name=\"q\" value=\"{}\" maxlength=\"200\" placeholder=\"搜索文章、问题，或拼音\" \
             aria-label=\"搜索\" autocomplete=\"off\" enterkeyhint=\"search\">\n<button>搜索</button>\n</form>\n",
            escaped(self.query)
        );
        if let Some(action) = self.site.and_then(|site| site.call_to_action.as_ref()) {
            match action.url.as_deref().and_then(address) {
                Some(url) => put!(out, "<a class=\"cta\" href=\"{}\">{}</a>\n", escaped(&url), escaped(&action.label)),
                None => put!(out, "<span class=\"cta\">{}</span>\n", escaped(&action.label)),
            }
        }
        out.push_str("</header>\n");
    }

    fn put_footer(&self, out: &mut String) {
        out.push_str("<footer class=\"bottom\">\n");
        if let Some(site) = self.site {
            if let Some(disclaimer) = &site.disclaimer {
                put!(out, "<p class=\"disclaimer\">{}</p>\n", escaped(disclaimer));
            }
            if let Some(license) = &site.license {
                let name = escaped(&license.name);
                match license.url.as_deref().and_then(address) {
                    Some(url) => {
                        put!(out, "<p>许可：<a rel=\"license noopener\" href=\"{}\">{name}</a></p>\n", escaped(&url));
                    }
                    None => put!(out, "<p>许可：{name}</p>\n"),
                }
            }
            if let Some(attribution) = &site.attribution {
                put!(out, "<p>{}</p>\n", escaped(attribution));
            }
        }
        out.push_str("<p><a href=\"/docs\">开发接口（API）</a></p>\n</footer>\n");
    }
}

//! Layout of every page: document head, site name, search form, call to action, main content, footer with disclaimer and
//! licence. Text that comes from the database or the request is escaped at the `push!` that writes it.

use std::fmt::Write;

use crate::{
    content::{Href, html::escaped},
    v1::site::Site,
};

/// Appends formatted text to a string; that cannot fail.
macro_rules! push {
    ($out:expr, $($text:tt)*) => {{ let _ = write!($out, $($text)*); }};
}
pub(super) use push;

/// A page to be rendered.
#[derive(Debug, Default)]
pub(super) struct Layout<'a> {
    pub site: Option<&'a Site>,
    /// The title, without the site's name.
    pub title: &'a str,
    /// The language of the page.
    pub locale: &'a str,
    /// The description for search engines.
    pub description: Option<&'a str>,
    /// The canonical path; `None` for a page that search engines must not index.
    pub canonical: Option<&'a str>,
    /// Additional HTML in the document head.
    pub head: &'a str,
    /// The query in the search form.
    pub query: &'a str,
    /// HTML of the main content.
    pub main: &'a str,
    /// Ids used in the main content.
    pub used_ids: &'a [String],
}

/// Returns an id for a part of the layout that no section uses. Anchors never contain `_`.
pub(super) fn unique_id(name: &str, used_ids: &[String]) -> String {
    if used_ids.iter().any(|id| id == name) { format!("{name}_") } else { name.to_owned() }
}

/// Returns the target of a configured link, independent of the page; `None` if a browser cannot follow it.
fn link_target(url: &str) -> Option<String> {
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

impl Layout<'_> {
    /// Returns the name of the site.
    fn name(&self) -> &str {
        self.site.map_or("Lectern", |site| &site.name)
    }

    /// Renders the complete document.
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(self.main.len() + 4096);
        self.push_head(&mut out);
        let (main, status) = (unique_id("main", self.used_ids), unique_id("status", self.used_ids));
        push!(out, "<body>\n<a class=\"skip\" href=\"#{main}\">跳到正文</a>\n");
        self.push_header(&mut out);
        push!(out, "<main id=\"{main}\" tabindex=\"-1\">\n{}", self.main);
        push!(out, "<p id=\"{status}\" role=\"status\"></p>\n</main>\n");
        self.push_footer(&mut out);
        out += "</body>\n</html>\n";
        out
    }

    fn push_head(&self, out: &mut String) {
        let name = self.name();
        let locale = if self.locale.is_empty() { "zh-Hans" } else { self.locale };
        let title = if self.title == name { name.to_owned() } else { format!("{} - {name}", self.title) };
        push!(out, "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n", escaped(locale));
        out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        push!(out, "<title>{}</title>\n", escaped(&title));
        if let Some(description) = self.description {
            push!(out, "<meta name=\"description\" content=\"{}\">\n", escaped(description));
        }
        match self.canonical {
            Some(path) => push!(out, "<link rel=\"canonical\" href=\"{}\">\n", escaped(path)),
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

    fn push_header(&self, out: &mut String) {
        push!(out, "<header class=\"top\">\n<a class=\"site\" href=\"/\">{}</a>\n", escaped(self.name()));
        push!(
            out,
            "<form class=\"search\" role=\"search\" action=\"/\">\n\
             <input type=\"search\" name=\"q\" value=\"{}\" maxlength=\"200\" placeholder=\"搜索文章、问题，或拼音\" \
             aria-label=\"搜索\" autocomplete=\"off\" enterkeyhint=\"search\">\n<button>搜索</button>\n</form>\n",
            escaped(self.query)
        );
        if let Some(action) = self.site.and_then(|site| site.call_to_action.as_ref()) {
            match action.url.as_deref().and_then(link_target) {
                Some(url) => push!(out, "<a class=\"cta\" href=\"{}\">{}</a>\n", escaped(&url), escaped(&action.label)),
                None => push!(out, "<span class=\"cta\">{}</span>\n", escaped(&action.label)),
            }
        }
        out.push_str("</header>\n");
    }

    fn push_footer(&self, out: &mut String) {
        out.push_str("<footer class=\"bottom\">\n");
        if let Some(site) = self.site {
            if let Some(disclaimer) = &site.disclaimer {
                push!(out, "<p class=\"disclaimer\">{}</p>\n", escaped(disclaimer));
            }
            if let Some(license) = &site.license {
                let name = escaped(&license.name);
                match license.url.as_deref().and_then(link_target) {
                    Some(url) => {
                        push!(out, "<p>许可：<a rel=\"license noopener\" href=\"{}\">{name}</a></p>\n", escaped(&url));
                    }
                    None => push!(out, "<p>许可：{name}</p>\n"),
                }
            }
            if let Some(attribution) = &site.attribution {
                push!(out, "<p>{}</p>\n", escaped(attribution));
            }
        }
        out.push_str("<p><a href=\"/docs\">开发接口（API）</a></p>\n</footer>\n");
    }
}

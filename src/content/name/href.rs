//! The targets of links.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{InvalidName, Slug};

/// The target of a link. Unsafe schemes, such as `javascript`, cannot be represented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Href {
    /// An `http`, `https`, `mailto`, `tel` or relative address as written, percent-encoded where necessary.
    Address(String),
    /// A section of the same article.
    Section(String),
    /// An article of this library, by a current or former slug.
    Article {
        /// The slug as written.
        slug: Slug,
        /// The fragment, if any.
        fragment: Option<String>,
    },
}

/// The prefix of the slug in a stored link to an article. It is a noncharacter (Unicode 23.7), which
/// [`text::clean`](crate::content::text::clean) removes from every document, so that it marks nothing else in a stored body.
pub const ARTICLE_LINK_MARK: char = '\u{FDD0}';

/// Replaces every stored article link with the result of `address` for its `slug`, or `slug#fragment` with a fragment of
/// letters, digits, `-`, `.` and `_`.
#[must_use]
pub fn replace_article_links(stored: &str, address: impl Fn(&str) -> String) -> String {
    let mut pieces = stored.split(ARTICLE_LINK_MARK);
    let mut out = String::with_capacity(stored.len() + 256);
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let is_slug = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
        let slug = piece.find(|c| !is_slug(c)).unwrap_or(piece.len());
        let fragment = piece[slug..].strip_prefix('#').unwrap_or_default();
        let fragment =
            fragment.find(|c: char| !(c.is_ascii_alphanumeric() || "-._".contains(c))).unwrap_or(fragment.len());
        let end = if fragment > 0 { slug + 1 + fragment } else { slug };
        let (link, rest) = piece.split_at(end);
        out.push_str(&address(link));
        out.push_str(rest);
    }
    out
}

impl Href {
    /// The largest length of an address, in bytes.
    pub const MAX: usize = 2048;

    /// Returns the address in an article file. Files are in one folder, so the address of an article is `slug.md`.
    #[must_use]
    pub fn markdown_target(&self) -> String {
        match self {
            Href::Address(address) => address.clone(),
            Href::Section(fragment) => format!("#{fragment}"),
            Href::Article { slug, fragment: None } => format!("{slug}.md"),
            Href::Article { slug, fragment: Some(fragment) } => format!("{slug}.md#{fragment}"),
        }
    }

    /// Parses the address of an image: `http`, `https` or relative, percent-encoded as in [`Href::Address`].
    pub fn image_source(text: &str) -> Result<String, InvalidName> {
        let address = address(text)?;
        if address.starts_with('#') {
            return Err(InvalidName("it must be the address of an image, not of a section".into()));
        }
        match scheme(&address) {
            None | Some("http" | "https") => Ok(address),
            Some(_) => Err(InvalidName("only http, https and relative addresses are allowed for images".into())),
        }
    }

    /// Returns true for an address that is relative to the path of its page (RFC 3986 section 4.2).
    #[must_use]
    pub fn is_relative(&self) -> bool {
        matches!(self, Href::Address(address) if scheme(address).is_none() && !address.starts_with('/'))
    }

    /// Returns true for an absolute `http` or `https` address.
    #[must_use]
    pub fn is_external(&self) -> bool {
        matches!(self, Href::Address(address) if matches!(scheme(address), Some("http" | "https")))
    }
}

impl fmt::Display for Href {
    /// Writes the stored form: an address unchanged, `#fragment`, or [`ARTICLE_LINK_MARK`] and `slug` or `slug#fragment`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Href::Address(address) => f.write_str(address),
            Href::Section(fragment) => write!(f, "#{fragment}"),
            Href::Article { slug, fragment: None } => write!(f, "{ARTICLE_LINK_MARK}{slug}"),
            Href::Article { slug, fragment: Some(fragment) } => write!(f, "{ARTICLE_LINK_MARK}{slug}#{fragment}"),
        }
    }
}

impl FromStr for Href {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if let Some(stored) = text.strip_prefix(ARTICLE_LINK_MARK) {
            let (slug, fragment) = split_fragment(stored);
            return Ok(Href::Article { slug: slug.parse()?, fragment: fragment.map(encode) });
        }
        let address = address(text)?;
        if let Some(fragment) = address.strip_prefix('#') {
            return Ok(Href::Section(fragment.to_owned()));
        }
        Ok(article_link(&address).unwrap_or(Href::Address(address)))
    }
}

impl TryFrom<String> for Href {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<Href> for String {
    fn from(href: Href) -> String {
        href.to_string()
    }
}

/// Splits an address at the first `#`; an empty fragment gives `None`.
fn split_fragment(address: &str) -> (&str, Option<&str>) {
    match address.split_once('#') {
        Some((path, fragment)) => (path, Some(fragment).filter(|fragment| !fragment.is_empty())),
        None => (address, None),
    }
}

/// Parses the address of an article of this library in the forms of files, the API and the reader pages.
fn article_link(address: &str) -> Option<Href> {
    let (path, fragment) = split_fragment(address);
    let article = |slug: &str, fragment: Option<&str>| {
        Some(Href::Article { slug: slug.parse().ok()?, fragment: fragment.map(str::to_owned) })
    };
    if let Some(rest) = path.strip_prefix("/v1/articles/") {
        return match rest.split_once("/sections/") {
            None => article(rest, fragment),
            Some((slug, section)) if !section.is_empty() && !section.contains(['/', '?']) => {
                article(slug, Some(section))
            }
            Some(_) => None,
        };
    }
    if let Some(slug) = path.strip_prefix("/read/") {
        return article(slug, fragment);
    }
    article(path.strip_prefix("./").unwrap_or(path).strip_suffix(".md")?, fragment)
}

/// Parses a safe address and percent-encodes it where necessary.
///
/// A browser removes white space and control characters before it parses the scheme (WHATWG URL, "basic URL parser"), so an
/// address with a control character is refused.
fn address(text: &str) -> Result<String, InvalidName> {
    let refuse = |why: &str| Err(InvalidName(why.to_owned()));
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return refuse("it contains a control character");
    }
    if text.is_empty() || text == "#" {
        return refuse("it has no target");
    }
    if text.starts_with("//") {
        return refuse("it must begin with a scheme, such as https://");
    }
    let encoded = encode(text);
    if encoded.len() > Href::MAX {
        return Err(InvalidName(format!("it is longer than {} bytes", Href::MAX)));
    }
    let Some(name) = scheme(&encoded) else {
        // A colon before the first slash ends a scheme (RFC 3986 section 4.2), here one that is not allowed.
        let first = encoded.split(['/', '?', '#']).next().unwrap_or_default();
        if first.contains(':') {
            return refuse("only http, https, mailto, tel and relative addresses are allowed");
        }
        return Ok(encoded);
    };
    let rest = encoded.get(name.len() + 1..).unwrap_or_default();
    if rest.is_empty() {
        return refuse("it has no target");
    }
    let is_page = matches!(name, "http" | "https");
    let host = rest.strip_prefix("//").unwrap_or_default();
    if is_page && (host.is_empty() || host.starts_with(['/', '?', '#'])) {
        return refuse("a host must follow http:// or https://");
    }
    Ok(encoded)
}

/// Returns the scheme of an absolute address, if links may have it.
fn scheme(address: &str) -> Option<&'static str> {
    let (name, _) = address.split_once(':')?;
    ["http", "https", "mailto", "tel"].into_iter().find(|known| name.eq_ignore_ascii_case(known))
}

/// Percent-encodes characters that are invalid in an address (RFC 3986 section 2) or special in quotes, angle brackets and
/// tables. Letters outside ASCII stay readable (RFC 3987).
fn encode(text: &str) -> String {
    use fmt::Write;

    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let is_plain = match c {
            ' ' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => false,
            _ => !c.is_whitespace() && !crate::content::text::is_forbidden(c),
        };
        if is_plain {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn href(text: &str) -> Href {
        text.parse().unwrap()
    }

    #[test]
    fn unsafe_and_empty_addresses_are_refused() {
        for text in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            " javascript:alert(1)",
            "\u{1}javascript:alert(1)",
            "java\tscript:alert(1)",
            "java\nscript:alert(1)",
            "\u{a0}javascript:x",
            "vbscript:x",
            "data:text/html,x",
            "file:///etc/passwd",
            "//host/path",
            "https:",
            "https://",
            "http:relative",
            "https:///x",
            "mailto:",
            "unknown:x",
            "1:x",
            ":x",
            "",
            "  ",
            "#",
            "a\0b",
        ] {
            assert!(text.parse::<Href>().is_err(), "{text:?} became {:?}", text.parse::<Href>());
        }
        assert!("h".repeat(Href::MAX + 1).parse::<Href>().is_err());
    }

    #[test]
    fn valid_addresses_are_kept_and_others_percent_encoded() {
        for text in [
            "https://example.org/a?b=c&d=e#f",
            "HTTPS://EXAMPLE.ORG",
            "mailto:a@example.org",
            "tel:+86-10-1234",
            "/v1/site",
            "../x.html",
            "?a:b",
            "a/b:c",
            "./a:b",
            "100%",
            "/细胞",
            "/v1/articles/a/revisions",
            "/v1/articles/A",
            "/v1/articles/a/sections/",
            "/v1/articles/a/sections/b/c",
            "/read/a/b",
            "x/a.md",
            "a.md?x",
        ] {
            assert_eq!(href(text), Href::Address(text.into()));
        }
        assert_eq!(href(r#" a b"<>\|`{}^"#), Href::Address("a%20b%22%3C%3E%5C%7C%60%7B%7D%5E".into()));
        assert_eq!(href("\\\\host"), Href::Address("%5C%5Chost".into()));
        assert_eq!(href("/\u{202E}\u{FDD0}x"), Href::Address("/%E2%80%AE%EF%B7%90x".into()));
    }

    #[test]
    fn article_links_are_recognised() {
        let article = |fragment: Option<&str>| Href::Article {
            slug: "stem-cells".parse().unwrap(),
            fragment: fragment.map(str::to_owned),
        };
        for text in
            ["stem-cells.md", "./stem-cells.md", "/v1/articles/stem-cells", "/read/stem-cells#", "\u{FDD0}stem-cells"]
        {
            assert_eq!(href(text), article(None));
        }
        for text in [
            "stem-cells.md#risks",
            "./stem-cells.md#risks",
            "/v1/articles/stem-cells#risks",
            "/v1/articles/stem-cells/sections/risks",
            "/read/stem-cells#risks",
            "\u{FDD0}stem-cells#risks",
        ] {
            assert_eq!(href(text), article(Some("risks")));
        }
        assert_eq!(href("#risks"), Href::Section("risks".into()));
        assert_eq!(article(Some("risks")).markdown_target(), "stem-cells.md#risks");
        assert_eq!(article(None).to_string(), "\u{FDD0}stem-cells");
        assert!("\u{FDD0}No Slug".parse::<Href>().is_err());
    }

    #[test]
    fn image_addresses_are_http_or_relative() {
        assert_eq!(Href::image_source("a b.png").unwrap(), "a%20b.png");
        assert_eq!(Href::image_source("https://example.org/a.png").unwrap(), "https://example.org/a.png");
        for text in ["mailto:a@b", "tel:1", "data:image/png,x", "#a", "//host/a.png", ""] {
            assert!(Href::image_source(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_form_of_an_address_parses_to_the_same_value(text in "\\PC{0,30}|[#./:?a-z%-]{0,20}|(/v1/articles/|/read/|\\./|\u{FDD0})?[a-z]{1,3}(\\.md)?(#.{0,4})?") {
            if let Ok(href) = text.parse::<Href>() {
                prop_assert_eq!(href.to_string().parse::<Href>(), Ok(href.clone()));
                prop_assert_eq!(href.markdown_target().parse::<Href>(), Ok(href));
            }
        }
    }
}

//! Where a link may lead.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{InvalidName, Slug};

/// Where a link leads, as far as it may: what no browser may run cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Href {
    /// `http`, `https`, `mailto`, `tel`, or relative to the page; kept as it was written, percent-encoded where a
    /// character could not stand in an address.
    Address(String),
    /// A section of the same article.
    Section(String),
    /// An article of this library, by any slug that it has or had.
    Article {
        /// The slug as written.
        slug: Slug,
        /// What follows the `#`, if anything.
        fragment: Option<String>,
    },
}

/// Stands before the slug in a stored link to an article. It is a noncharacter (Unicode 23.7), which no document can
/// hold ([`text::clean`](crate::content::text::clean) takes it out), so that a delivered body can be searched for
/// such links and nothing else is found.
pub const ARTICLE_LINK_MARK: char = '\u{FDD0}';

/// `stored` with every stored link to an article replaced by what `address` gives for it: for `slug`, or `slug#fragment`
/// where a fragment of letters, digits, `-`, `.` and `_` follows.
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
    /// The greatest length of an address, in bytes.
    pub const MAX: usize = 2048;

    /// The address as an article file writes it: files lie side by side, so a link to an article is `slug.md`.
    #[must_use]
    pub fn markdown_target(&self) -> String {
        match self {
            Href::Address(address) => address.clone(),
            Href::Section(fragment) => format!("#{fragment}"),
            Href::Article { slug, fragment: None } => format!("{slug}.md"),
            Href::Article { slug, fragment: Some(fragment) } => format!("{slug}.md#{fragment}"),
        }
    }

    /// The address of an image: `http`, `https` or relative, percent-encoded as [`Href::Address`] is.
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

    /// Whether where it leads depends on the path of the page that it stands in (RFC 3986 section 4.2).
    #[must_use]
    pub fn is_relative(&self) -> bool {
        matches!(self, Href::Address(address) if scheme(address).is_none() && !address.starts_with('/'))
    }

    /// Whether the address is absolute and leads to a page: `http` or `https`.
    #[must_use]
    pub fn is_external(&self) -> bool {
        matches!(self, Href::Address(address) if matches!(scheme(address), Some("http" | "https")))
    }
}

impl fmt::Display for Href {
    /// The form in which a link is stored: an address as it is, `#fragment`, and for an article
    /// [`ARTICLE_LINK_MARK`] before `slug` or `slug#fragment`.
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

/// The parts before and after the first `#`; an empty fragment is none.
fn split_fragment(address: &str) -> (&str, Option<&str>) {
    match address.split_once('#') {
        Some((path, fragment)) => (path, Some(fragment).filter(|fragment| !fragment.is_empty())),
        None => (address, None),
    }
}

/// An article of this library, as files, the API and the reader page address it.
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

/// An address that a browser may follow, percent-encoded where it has to be.
///
/// A browser takes white space and control characters out of an address before it looks at the scheme (WHATWG URL,
/// "basic URL parser"), so an address that holds a control character is refused rather than mended.
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
        // A colon before the first slash ends a scheme (RFC 3986 section 4.2), and this one is not known.
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
    let page = matches!(name, "http" | "https");
    let host = rest.strip_prefix("//").unwrap_or_default();
    if page && (host.is_empty() || host.starts_with(['/', '?', '#'])) {
        return refuse("a host must follow http:// or https://");
    }
    Ok(encoded)
}

/// The scheme of an absolute address, if it is one of those that links may have.
fn scheme(address: &str) -> Option<&'static str> {
    let (name, _) = address.split_once(':')?;
    ["http", "https", "mailto", "tel"].into_iter().find(|known| name.eq_ignore_ascii_case(known))
}

/// Percent-encodes what cannot stand in an address (RFC 3986 section 2), so that it can be set between quotes or
/// pointed brackets and in a table; letters outside ASCII stay as they are, for the reader's sake (RFC 3987).
fn encode(text: &str) -> String {
    use fmt::Write;

    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let plain = match c {
            ' ' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => false,
            _ => !c.is_whitespace() && !crate::content::text::is_forbidden(c),
        };
        if plain {
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
    fn addresses_that_a_browser_could_run_are_refused() {
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
    fn addresses_stay_as_written_but_for_what_cannot_stand() {
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
    fn links_to_articles_are_recognised() {
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
    fn images_are_pages_or_relative() {
        assert_eq!(Href::image_source("a b.png").unwrap(), "a%20b.png");
        assert_eq!(Href::image_source("https://example.org/a.png").unwrap(), "https://example.org/a.png");
        for text in ["mailto:a@b", "tel:1", "data:image/png,x", "#a", "//host/a.png", ""] {
            assert!(Href::image_source(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_address_means_the_same_in_every_form(text in "\\PC{0,30}|[#./:?a-z%-]{0,20}|(/v1/articles/|/read/|\\./|\u{FDD0})?[a-z]{1,3}(\\.md)?(#.{0,4})?") {
            if let Ok(href) = text.parse::<Href>() {
                prop_assert_eq!(href.to_string().parse::<Href>(), Ok(href.clone()));
                prop_assert_eq!(href.markdown_target().parse::<Href>(), Ok(href));
            }
        }
    }
}

//! Names that are parsed once from input and never validated again.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};
use uuid::Uuid;

mod href;

pub use href::{ARTICLE_LINK_MARK, Href, replace_article_links};

/// The reason why a name is invalid, worded as the end of a sentence: "`X` is not a slug: …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidName(pub String);

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidName {}

/// Implements the conversions of a name that wraps a string.
macro_rules! string_name {
    ($name:ident) => {
        impl $name {
            /// Returns the name as a string.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

/// The slug of an article or topic: 1 to 96 of `a-z`, `0-9` and single hyphens between them. It never has the form of a UUID,
/// because a path accepts either.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);
string_name!(Slug);

impl Slug {
    /// The largest length, in bytes.
    pub const MAX: usize = 96;

    /// Derives a slug from any text: pinyin for Han characters, ASCII letters and digits unchanged, cut at a word; `None` if
    /// nothing remains.
    #[must_use]
    pub fn derive(text: &str) -> Option<Slug> {
        derive(text, 64).parse().ok()
    }
}

impl PartialSchema for Slug {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::String).max_length(Some(Slug::MAX));
        schema.pattern(Some("^[a-z0-9]+(-[a-z0-9]+)*$")).into()
    }
}

impl FromStr for Slug {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        check_name(text, Self::MAX, false)?;
        if Uuid::try_parse(text).is_ok() {
            return Err(InvalidName("it must not have the form of an id".into()));
        }
        Ok(Slug(text.to_owned()))
    }
}

/// The name of an article in a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArticleName {
    /// A current or former slug.
    Slug(Slug),
    /// The id.
    Id(Uuid),
}

impl FromStr for ArticleName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        // Only the hyphenated form, so that an id has one address.
        if text.len() == 36
            && let Ok(id) = Uuid::try_parse(text)
        {
            return Ok(ArticleName::Id(id));
        }
        text.parse().map(ArticleName::Slug)
    }
}

impl fmt::Display for ArticleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArticleName::Slug(slug) => slug.fmt(f),
            ArticleName::Id(id) => id.fmt(f),
        }
    }
}

/// The anchor of a section in its article: 1 to 96 of `a-z`, `0-9` and single hyphens. It begins with a letter, unlike a section
/// number ("2.1"), and never has the form of a UUID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Anchor(String);
string_name!(Anchor);

impl Anchor {
    /// The largest length, in bytes.
    pub const MAX: usize = 96;

    /// Derives an anchor from a title as [`Slug::derive`] does; `section` if nothing remains, and with the prefix `s-` before a
    /// digit.
    #[must_use]
    pub fn derive(title: &str) -> Anchor {
        let stem = derive(title, 48);
        let text = match stem.chars().next() {
            None => "section".to_owned(),
            Some(first) if first.is_ascii_digit() => format!("s-{stem}"),
            Some(_) => stem,
        };
        // Only the form of a UUID can be invalid here, and a prefix changes it.
        Anchor::from_str(&text).unwrap_or_else(|_| Anchor(format!("s-{text}")))
    }

    /// Returns the anchor with a number as suffix, for further sections with the same title; cut to [`Anchor::MAX`].
    #[must_use]
    pub fn numbered(&self, n: u32) -> Anchor {
        let number = n.to_string();
        let room = Self::MAX.saturating_sub(number.len() + 1);
        let stem: String = self.0.chars().take(room).collect();
        Anchor(format!("{}-{number}", stem.trim_end_matches('-')))
    }
}

impl FromStr for Anchor {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        check_name(text, Self::MAX, true)?;
        if Uuid::try_parse(text).is_ok() {
            return Err(InvalidName("it must not have the form of an id".into()));
        }
        Ok(Anchor(text.to_owned()))
    }
}

fn check_name(text: &str, max: usize, letter_first: bool) -> Result<(), InvalidName> {
    let refuse = |why: &str| Err(InvalidName(why.to_owned()));
    let Some(first) = text.bytes().next() else {
        return refuse("it must not be empty");
    };
    if text.len() > max {
        return Err(InvalidName(format!("it is longer than {max} characters")));
    }
    if !text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
        return refuse("only a-z, 0-9 and hyphens are allowed");
    }
    if letter_first && !first.is_ascii_lowercase() {
        return refuse("it must begin with a letter a-z");
    }
    if text.starts_with('-') || text.ends_with('-') || text.contains("--") {
        return refuse("a hyphen must be between two letters or digits");
    }
    Ok(())
}

/// Returns lower-case words joined by hyphens, up to `max` bytes: pinyin for Han characters, and runs of ASCII letters and
/// digits. Only a first word that is too long is cut.
fn derive(text: &str, max: usize) -> String {
    use pinyin::ToPinyin;

    let mut words: Vec<String> = Vec::new();
    let mut in_word = false;
    for c in text.chars().take(4 * max) {
        if let Some(syllable) = c.to_pinyin() {
            let plain: String = syllable.plain().chars().map(|c| if c == 'ü' { 'v' } else { c }).collect();
            words.push(plain);
            in_word = false;
        } else if c.is_ascii_alphanumeric() {
            if !in_word {
                words.push(String::new());
                in_word = true;
            }
            if let Some(word) = words.last_mut() {
                word.push(c.to_ascii_lowercase());
            }
        } else {
            in_word = false;
        }
    }
    let mut out = String::new();
    for word in words {
        if out.is_empty() {
            out.extend(word.chars().filter(char::is_ascii).take(max));
        } else if out.len() + 1 + word.len() <= max {
            out.push('-');
            out.push_str(&word);
        } else {
            break;
        }
    }
    out
}

/// A language tag (RFC 5646) of a language and optionally a script and a region: `zh-Hans`, `zh-Hant-TW`, `en`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locale(String);
string_name!(Locale);

impl Default for Locale {
    fn default() -> Self {
        Locale("zh-Hans".to_owned())
    }
}

impl PartialSchema for Locale {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::String);
        schema.pattern(Some("^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$")).into()
    }
}

impl FromStr for Locale {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let refuse = || Err(InvalidName("it must be a language tag such as zh-Hans, zh-Hant-TW or en".into()));
        let mut parts = text.split('-');
        let language = parts.next().unwrap_or_default();
        if !(2..=3).contains(&language.len()) || !language.bytes().all(|b| b.is_ascii_lowercase()) {
            return refuse();
        }
        let mut has_region = false;
        for (index, part) in parts.enumerate() {
            let is_script = index == 0
                && part.len() == 4
                && part.bytes().enumerate().all(
                    |(i, b)| {
                        if i == 0 { b.is_ascii_uppercase() } else { b.is_ascii_lowercase() }
                    },
                );
            let is_region = part.len() == 2 && part.bytes().all(|b| b.is_ascii_uppercase());
            if has_region || !(is_script || is_region) {
                return refuse();
            }
            has_region = is_region;
        }
        Ok(Locale(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_derived_from_text() {
        let slug = |text: &str| Slug::derive(text).map(String::from);
        assert_eq!(slug("干细胞回输 2.0：What's new?").as_deref(), Some("gan-xi-bao-hui-shu-2-0-what-s-new"));
        assert_eq!(slug("绿色").as_deref(), Some("lv-se"));
        assert_eq!(slug("——"), None);
        assert_eq!(slug("01981234-89ab-7def-8123-456789abcdef"), None);
        assert_eq!(Anchor::derive("概念").as_str(), "gai-nian");
        assert_eq!(Anchor::derive("1 型糖尿病").as_str(), "s-1-xing-tang-niao-bing");
        assert_eq!(Anchor::derive("？").as_str(), "section");
        assert_eq!(
            Anchor::derive("a1981234-89ab-7def-8123-456789abcdef").as_str(),
            "s-a1981234-89ab-7def-8123-456789abcdef"
        );
    }

    #[test]
    fn numbered_anchor_is_cut_to_the_limit() {
        let long: Anchor = format!("{}-{}", "a".repeat(85), "b".repeat(10)).parse().unwrap();
        assert_eq!(long.numbered(2).as_str().len(), Anchor::MAX);
        // A cut after a hyphen removes the hyphen.
        assert_eq!(long.numbered(u32::MAX).as_str(), format!("{}-4294967295", "a".repeat(85)));
    }

    proptest! {
        #[test]
        fn derived_names_are_valid(text in "\\PC{0,80}|[a-z0-9 -]{0,120}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", n in any::<u32>()) {
            let anchor = Anchor::derive(&text);
            prop_assert_eq!(anchor.as_str().parse::<Anchor>(), Ok(anchor.clone()));
            let numbered = anchor.numbered(n);
            prop_assert_eq!(numbered.as_str().parse::<Anchor>(), Ok(numbered.clone()));
            if let Some(slug) = Slug::derive(&text) {
                prop_assert_eq!(slug.as_str().parse::<Slug>(), Ok(slug.clone()));
            }
        }
    }
}

//! The site's own facts, its topics, and the articles that lead the hot list, as their editors write them.
//!
//! What must hold: one set of checks, whatever they are written in: `site.yaml`, once it has the form of a site file, is read
//! as the JSON that it stands for ([`read_file`]), and so is every body ([`Site::read`], [`Topic::read`], [`read_pins`]). All
//! faults are told at once, each with its place, and none that only follows from another. What is accepted stays as it was
//! written, but for the ends of lines, which become `\n`, and for addresses, which are percent-encoded where they have to be.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Locale, Slug};

mod read;
#[cfg(test)]
mod tests;

pub use read::{read_file, read_pins};

/// The greatest length of a name or label, in characters.
pub const MAX_NAME: usize = 300;
/// The greatest length of a longer text, in characters.
pub const MAX_TEXT: usize = 5_000;
/// The greatest number of articles that lead the hot list.
pub const MAX_PINS: usize = 100;

/// What the service says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SiteDescription, example = json!({
    "name": "Lectern 健康文库",
    "description": "面向普通读者的中文健康长文。",
    "locale": "zh-Hans",
    "call_to_action": {"label": "免费在线咨询", "url": "/read/check-registration"},
    "license": {"name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/deed.zh-hans"},
    "attribution": "转载时请注明文章标题和原文链接。",
    "disclaimer": "本站文章仅用于健康知识普及，不能代替医生的面诊。"
}))]
pub struct Site {
    /// The name of the site: 1 to 300 characters.
    #[schema(example = "Lectern 健康文库", min_length = 1, max_length = 300)]
    pub name: String,
    /// What it is about.
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// The language of the site itself; `zh-Hans` unless given.
    #[schema(value_type = String, example = "zh-Hans", default = "zh-Hans", required = false)]
    pub locale: Locale,
    /// What it invites its readers to do; `null` where it invites to nothing.
    pub call_to_action: Option<CallToAction>,
    /// The terms under which its texts may be used.
    pub license: Option<License>,
    /// How to credit it.
    #[schema(max_length = 5000)]
    pub attribution: Option<String>,
    /// What readers must know before they rely on it.
    #[schema(max_length = 5000)]
    pub disclaimer: Option<String>,
}

/// An invitation to readers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallToAction {
    /// Its text.
    #[schema(example = "免费在线咨询", min_length = 1, max_length = 300)]
    pub label: String,
    /// Where it leads: an `http`, `https`, `mailto`, `tel` or relative address.
    #[schema(max_length = 2048)]
    pub url: Option<String>,
}

/// Terms of use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct License {
    /// Their name.
    #[schema(example = "CC BY 4.0", min_length = 1, max_length = 300)]
    pub name: String,
    /// Their text: an absolute `http` or `https` address.
    #[schema(max_length = 2048)]
    pub url: Option<String>,
}

/// A topic as its editor describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = TopicDescription, example = json!({
    "slug": "stem-cells",
    "name": "干细胞",
    "description": "干细胞有哪些种类，各有什么能力与限度。"
}))]
pub struct Topic {
    /// Its address; that of the path, if a body has it.
    #[schema(
        value_type = String, example = "stem-cells", pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 96,
        required = false
    )]
    pub slug: Slug,
    /// What it is called: 1 to 300 characters.
    #[schema(example = "干细胞", min_length = 1, max_length = 300)]
    pub name: String,
    /// What it covers.
    #[schema(max_length = 5000)]
    pub description: Option<String>,
}

/// An article that leads the hot list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pin {
    /// Any slug of the article that it has or had; answers have the present one.
    #[schema(value_type = String, example = "stem-cell-infusion", pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 96)]
    pub article: Slug,
    /// Why, for readers.
    #[schema(example = "先读这一篇。", max_length = 5000)]
    pub reason: Option<String>,
}

/// A pin with its index in the body.
pub type IndexedPin = (usize, Pin);

//! The description of the site, its topics, and the articles pinned to the hot list, as editors write them.
//!
//! `site.yaml`, converted to JSON ([`read_file`]), and request bodies ([`Site::read`], [`Topic::read`], [`read_pins`]) pass the
//! same checks. All errors are reported at once with their pointers, without consequential ones. Accepted texts stay
//! unchanged, except that line ends become `\n` and addresses are percent-encoded.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Locale, Slug};

mod read;
#[cfg(test)]
mod tests;

pub use read::{read_file, read_pins};

/// The largest length of a name or label, in characters.
pub const MAX_NAME: usize = 300;
/// The largest length of a description or another long text, in characters.
pub const MAX_TEXT: usize = 5_000;
/// The largest number of pins.
pub const MAX_PINS: usize = 100;

/// The description of the site.
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
    /// The subject of the site.
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// The language of the site; `zh-Hans` by default.
    #[schema(value_type = String, example = "zh-Hans", default = "zh-Hans", required = false)]
    pub locale: Locale,
    /// The call to action for readers; `null` for none.
    pub call_to_action: Option<CallToAction>,
    /// The licence of the texts.
    pub license: Option<License>,
    /// The credit that republishers must give.
    #[schema(max_length = 5000)]
    pub attribution: Option<String>,
    /// The disclaimer for readers.
    #[schema(max_length = 5000)]
    pub disclaimer: Option<String>,
}

/// A call to action for readers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallToAction {
    /// The text of the link.
    #[schema(example = "免费在线咨询", min_length = 1, max_length = 300)]
    pub label: String,
    /// The target: an `http`, `https`, `mailto`, `tel` or relative address.
    #[schema(max_length = 2048)]
    pub url: Option<String>,
}

/// The licence of the texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct License {
    /// The name of the licence.
    #[schema(example = "CC BY 4.0", min_length = 1, max_length = 300)]
    pub name: String,
    /// The absolute `http` or `https` URL of the licence.
    #[schema(max_length = 2048)]
    pub url: Option<String>,
}

/// A topic, as an editor describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = TopicDescription, example = json!({
    "slug": "stem-cells",
    "name": "干细胞",
    "description": "干细胞有哪些种类，各有什么能力与限度。"
}))]
pub struct Topic {
    /// The slug; in a request, the same as in the URL.
    #[schema(
        value_type = String, example = "stem-cells", pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 96,
        required = false
    )]
    pub slug: Slug,
    /// The name: 1 to 300 characters.
    #[schema(example = "干细胞", min_length = 1, max_length = 300)]
    pub name: String,
    /// The subject of the topic.
    #[schema(max_length = 5000)]
    pub description: Option<String>,
}

/// An article pinned to the top of the hot list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pin {
    /// The current or a former slug of the article; responses contain the current one.
    #[schema(value_type = String, example = "stem-cell-infusion", pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 96)]
    pub article: Slug,
    /// The reason for the pin, for readers.
    #[schema(example = "先读这一篇。", max_length = 5000)]
    pub reason: Option<String>,
}

/// A pin with its index in the body.
pub type IndexedPin = (usize, Pin);

//! Any text is read or refused. A document round-trips, and its HTML has only the tags of the renderer.
#![no_main]

use lectern::content::{Section, html, markdown};
use libfuzzer_sys::fuzz_target;

const TAGS: [&str; 23] = [
    "p",
    "ul",
    "ol",
    "li",
    "blockquote",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "figure",
    "img",
    "pre",
    "code",
    "aside",
    "hr",
    "sup",
    "a",
    "strong",
    "em",
    "del",
    "br",
];

fn check(html: &str) {
    for rest in html.split('<').skip(1) {
        let tag = rest.split('>').next().unwrap_or_default();
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
        assert!(TAGS.contains(&name), "<{tag}>");
        let lower = tag.to_ascii_lowercase();
        assert!(
            !lower.contains("=\"javascript:") && !lower.contains("=\"data:") && !lower.contains("=\"vbscript:"),
            "<{tag}>"
        );
    }
}

fn check_sections(sections: &[Section]) {
    for section in sections {
        check(&html::blocks(&section.blocks));
        check_sections(&section.children);
    }
}

fuzz_target!(|text: &str| {
    // Most inputs have no front matter, so each is also tried after valid front matter.
    for file in [text.to_owned(), format!("---\nslug: a\ntitle: T\n---\n{text}")] {
        let Ok(read) = markdown::read(&file, Some("a")) else {
            continue;
        };
        check(&html::blocks(&read.document.lead));
        check_sections(&read.document.sections);
        let written = markdown::write(&read.document);
        let again = markdown::read(&written, None).expect("a written file is valid");
        assert_eq!(again.document, read.document, "{written}");
    }
});

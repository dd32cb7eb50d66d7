//! Pages in HTML: metadata, main content, headings, and what hostile markup may not do.

use super::{account, section};
use crate::{
    capture::{Encoding, Format, MAX_LINES, Page, PageError, Role, read, read_html},
    content::{Block, Inline, Related},
};

const ARTICLE: &str = include_str!("../../../tests/fixtures/pages/article.html");

fn page(html: &str) -> Page {
    read_html(html.as_bytes()).expect("HTML")
}

/// Returns the text of the lines that are in the article.
fn used(page: &Page) -> Vec<&str> {
    let lines = page.lines.iter().filter(|line| !matches!(line.role, Role::NotUsed { .. } | Role::Title));
    lines.map(|line| line.text.as_str()).collect()
}

#[test]
fn saved_page_becomes_an_article_with_its_metadata() {
    let mut page = read(ARTICLE.as_bytes()).expect("HTML");
    assert_eq!((page.format, page.encoding), (Format::Html, Encoding::Utf8));
    assert_eq!(page.title.as_deref(), Some("脐带血有什么用？"));
    assert_eq!(page.questions, ["脐带血有什么用？"]);
    assert_eq!(page.site_name.as_deref(), Some("示例健康网"));
    assert_eq!(page.metadata.author.as_deref(), Some("李医生"));
    assert_eq!(page.metadata.published.as_deref(), Some("2024-05-01T08:00:00+08:00"));
    assert_eq!(page.metadata.url.as_deref(), Some("https://example.org/articles/cord-blood.html"));
    let reasons: Vec<(&str, &str)> = page
        .lines
        .iter()
        .filter_map(|line| if let Role::NotUsed { why } = line.role { Some((line.text.as_str(), why)) } else { None })
        .collect();
    for (text, why) in [
        ("问医生", "site navigation"),
        ("微信 微博", "a share bar"),
        ("（责任编辑：张三）", "it closes the article"),
        ("楼主说得很好，我家孩子当时就存了脐带血，现在想起来还是值得的。", "comments"),
        ("什么是免疫", "an aside"),
        ("版权所有 © 示例健康网", "the foot of the page"),
    ] {
        assert!(reasons.contains(&(text, why)), "{text}: {reasons:#?}");
    }
    assert!(
        !account(&page).contains("脚本")
            && !used(&page).iter().any(|text| text.contains("看不见") || text.contains("注释"))
    );
    assert_eq!(page.damage, []);

    let titles: Vec<(Option<&str>, &str)> =
        page.sections.iter().map(|section| (section.label.as_deref(), section.title.as_str())).collect();
    assert_eq!(titles, [(Some("一、"), "脐带血从哪里来"), (Some("二、"), "脐带血能治什么"), (Some("三、"), "结语")]);
    assert!(matches!(page.lead.as_slice(), [Block::Paragraph { .. }]), "{:?}", page.lead);
    let [Block::Paragraph { content }, Block::Image { src, alt, title }] = section(&page, "1").blocks.as_slice() else {
        panic!("{:?}", section(&page, "1").blocks)
    };
    assert!(content.iter().any(|inline| matches!(inline, Inline::Link { href, .. } if href.to_string() == "https://example.org/articles/collection.html")));
    assert_eq!(
        (src.as_str(), alt.as_str(), title.as_deref()),
        ("https://example.org/images/bag.jpg", "血袋", Some("采集用的血袋。"))
    );
    let [_, Block::List { ordered: false, items, .. }, Block::Table { head, rows, .. }, Block::Quote { .. }] =
        section(&page, "2").blocks.as_slice()
    else {
        panic!("{:?}", section(&page, "2").blocks)
    };
    assert_eq!((items.len(), head.len(), rows.len()), (3, 2, 2));

    let document = page.take_document("cord-blood".parse().expect("a slug")).expect("a title");
    let urls: Vec<&str> = document
        .related
        .iter()
        .filter_map(|link| if let Related::External { url, .. } = link { Some(url.as_str()) } else { None })
        .collect();
    assert_eq!(urls, ["https://example.org/articles/marrow.html", "https://example.org/articles/match.html"]);
}

#[test]
fn encodings_are_declared_or_detected() {
    let html = |declared: &str| {
        format!(
            "<html><head>{declared}<title>骨髓移植</title></head><body><p>骨髓移植之前，要做全面检查，检查的项目很多，也要花一些时间。</p></body></html>"
        )
    };
    for (encoding, declared) in [
        (encoding_rs::GBK, "<meta charset=gb2312>"),
        (encoding_rs::GBK, "<meta http-equiv='Content-Type' content='text/html; charset=gbk'>"),
        (encoding_rs::BIG5, "<meta charset=\"big5\">"),
        (encoding_rs::GBK, ""),
        // Browsers save pages as UTF-8 and leave the declaration.
        (encoding_rs::UTF_8, "<meta charset=gb2312>"),
    ] {
        let html = html(declared);
        let (bytes, _, _) = encoding.encode(&html);
        let page = read(&bytes).expect("HTML");
        assert_eq!(page.title.as_deref(), Some("骨髓移植"), "{declared} {}", encoding.name());
        assert_eq!(used(&page).len(), 1, "{:?}", page.lines);
    }
}

#[test]
fn web_archive_is_read_as_its_page() {
    let body = "<html><head><meta charset=3D\"utf-8\"><title>=E8=84=90=E5=B8=A6=E8=A1=80</title></head><body><p>=E8=84=90=E5=B8=A6=E8=A1=80=E6=9C=89=E7=94=A8=\r\n=E3=80=82</p></body></html>";
    let archive = format!(
        "From: <Saved by Blink>\r\nSnapshot-Content-Location: https://example.org/a\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related;\r\n\ttype=\"text/html\";\r\n\tboundary=\"----border\"\r\n\r\n\r\n------border\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Location: https://example.org/a\r\n\r\n{body}\r\n------border\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n------border--\r\n"
    );
    let page = read(archive.as_bytes()).expect("an archive");
    assert_eq!(page.title.as_deref(), Some("脐带血"));
    assert_eq!(page.metadata.url.as_deref(), Some("https://example.org/a"));
    assert_eq!(used(&page), ["脐带血有用。"]);
}

#[test]
fn hostile_markup_is_bounded() {
    let deep = "<div>".repeat(20_000) + "深处的正文也要读到，一个字也不少。";
    assert_eq!(used(&page(&format!("<h1>标题在这里</h1>{deep}"))).len(), 1);
    // Each would cost quadratic time in a tree of the standard.
    for part in [
        "<b><p>",
        "<a href=x><p>",
        "<table><tr><td>",
        "</p></div>",
        "<ul><li>",
        "<font size=1><div>",
        "&",
        "<!--",
        "<![CDATA[",
    ] {
        let html = format!("<title>标题</title>{}", part.repeat(4_000));
        assert!(read_html(html.as_bytes()).is_ok(), "{part}");
    }
    assert_eq!(read_html("<i>".repeat(100_000).as_bytes()).map(|_| ()), Ok(()));
    assert_eq!(read_html("<br>".repeat(300_001).as_bytes()), Err(PageError::TooManyElements));
    assert_eq!(read_html("<p>a".repeat(MAX_LINES + 2).as_bytes()), Err(PageError::TooManyLines));
}

#[test]
fn headings_keep_the_levels_of_their_tags() {
    let text = "这里是一段足够长的正文，用来说明上面的小标题讲的是什么。";
    let html = format!(
        "<title>文章的标题</title><h1>文章的标题</h1><p>{text}</p><h2>甲</h2><p>{text}</p><h3>乙</h3><p>{text}</p><h2>丙</h2><p>{text}</p>"
    );
    let numbers: Vec<String> = page(&html)
        .lines
        .iter()
        .filter_map(|line| if let Role::Heading { number, .. } = &line.role { Some(number.clone()) } else { None })
        .collect();
    assert_eq!(numbers, ["1", "1.1", "2"]);
}

#[test]
fn layout_tables_are_not_tables() {
    let text = "这里是一段足够长的正文，写在排版用的表格里，读的人并不知道。";
    let html = format!(
        "<title>标题</title><table><tr><td><a href=/>首页</a></td></tr><tr><td><p>{text}</p><p>{text}二</p></td></tr></table>"
    );
    assert!(
        matches!(page(&html).lead.as_slice(), [Block::Paragraph { .. }, Block::Paragraph { .. }]),
        "{:?}",
        page(&html).lead
    );
}

#[test]
fn repeated_buttons_are_not_text() {
    let part = "<p>这里是一段足够长的正文，下面有一个放大图片的按钮，每段都有。</p><p>放大图片</p>";
    let page = page(&format!("<title>标题</title>{part}{part}{part}<p>最后一段也是正文，下面没有按钮了。</p>"));
    assert!(!used(&page).contains(&"放大图片"), "{:?}", page.lines);
}

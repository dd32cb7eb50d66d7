//! HTML pages as the server renders them; `tests/browser` tests them in a browser.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{App, Body, Reply, article},
    manage::desk::Desk,
};

const TRAPS: &[&str] = &["<img src=x", "javascript:\"", "href=\"http://", "<script>alert", "onerror=\""];

#[tokio::test(flavor = "multi_thread")]
async fn pages_escape_text_and_have_a_strict_policy() {
    let app = App::library().await;
    let trap = "title: '<script>alert(1)</script>\"onerror=\"'\nquestions: ['</script><script>alert(2)</script>']\nsummary: '<img src=x onerror=alert(3)>'";
    app.publish(&article("trap", trap, "<img src=x onerror=alert(1)>\n\n## <b>x</b> {#a}\n\n[x](javascript:alert(1))"))
        .await;
    let search = "/?q=%3Cscript%3Ealert(1)%3C/script%3E%22onerror=%22";
    for (path, text) in [
        ("/", "干细胞回输"),
        ("/?topic=stem-cells", "干细胞基础"),
        ("/?q=alert", "<mark>alert</mark>"),
        (search, "&lt;script&gt;"),
        ("/read/stem-cell-infusion", "组织修复与再生"),
        ("/read/trap", "&lt;script&gt;"),
    ] {
        let page = app.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let policy = page.header("content-security-policy").to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let html = page.text();
        assert!(html.contains(text), "{path}");
        for trap in TRAPS {
            assert!(!html.contains(trap), "{path}: {trap}");
        }
        // One external script, and at most one data block.
        let scripts: Vec<_> = html.match_indices("<script").map(|(at, _)| &html[at..at + 40]).collect();
        assert!(scripts.iter().all(|s| s.contains("src=\"/reader.js\"") || s.contains("ld+json")), "{scripts:?}");
        for other in ["//cdn", "url(", "@import", " style="] {
            assert!(!html.contains(other), "{path}: {other}");
        }
    }
    // Links lead to pages; only the script uses URLs of the API.
    let html = app.get("/read/stem-cell-infusion").await.text();
    assert!(html.contains("href=\"/read/check-registration") && !html.contains("href=\"/v1/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_assets_are_small() {
    let app = App::library().await;
    let mut sum = 0;
    for (path, kind) in [("/reader.css", "text/css; charset=utf-8"), ("/reader.js", "text/javascript; charset=utf-8")] {
        let file = app.get(path).await;
        assert_eq!(file.header("content-type"), kind);
        assert!(!file.text().contains("http://") && !file.text().contains("@import"), "{path}");
        sum += file.body.len();
    }
    let frame = app.get("/?q=%F0%9F%99%82").await.body.len();
    assert!(sum + frame <= 60 * 1024, "{sum} + {frame}");
    let article = app.send_encoded("/read/stem-cell-infusion", "br", None).await.body.len();
    assert!(article <= 60 * 1024, "{article}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_at_urls_of_pages_are_pages_for_browsers() {
    let desk = Desk::empty().await;
    let app = &desk.app;
    assert!(app.get("/").await.text().contains("还没有文章。"));
    desk.save("a", "文。").await;
    desk.publish("a").await;
    desk.post("a/withdraw", &json!({"reason": "资料已过时，<b>修订</b>中"})).await.ok();
    for (path, status, text) in [
        ("/read/nothing", 404, "没有这篇文章"),
        ("/read/no%20slug", 404, "没有这篇文章"),
        ("/read/a", 410, "资料已过时，&lt;b&gt;修订&lt;/b&gt;中"),
        ("/?topic=none", 404, "没有这个主题"),
        ("/?list=blue", 400, "这个地址不对"),
        ("/preview/0198c0de-0000-7000-8000-000000000000/page?token=x", 403, "不能预览"),
        ("/?cursor=x", 400, "这个地址不对"),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let problem = app.send(method.clone(), path, &[]).await;
            assert_eq!(
                (problem.status.as_u16(), problem.header("content-type")),
                (status, "application/problem+json"),
                "{path}"
            );
            let accepted = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
            let page = app.send(method.clone(), path, &[("accept", accepted)]).await;
            assert_eq!(page.status, status, "{path}");
            assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
            assert!(page.header("content-security-policy").contains("style-src 'self'"), "{path}");
            assert!(method == Method::HEAD || page.text().contains(text), "{path}: {}", page.text());
        }
    }
    let wrong = app.send(Method::POST, "/read/a", &[]).await;
    assert_eq!((wrong.status.as_u16(), wrong.header("allow")), (405, "GET, HEAD"));
    // URLs of the API always return problems.
    assert_eq!(app.get("/v1/articles/nothing").await.header("content-type"), "application/problem+json");
    assert_eq!(app.get("/nowhere").await.header("content-type"), "application/problem+json");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_parameters_of_shared_urls_are_ignored() {
    let app = App::library().await;
    let plain = app.get("/read/heart-disease").await;
    let shared = app.get("/read/heart-disease?utm_source=x&from=timeline&isappinstalled=0").await;
    assert_eq!((shared.status.as_u16(), shared.header("etag")), (200, plain.header("etag")));
    assert_eq!(shared.header("server-timing"), "cache;desc=hit", "one cache entry");
    let library = app.get("/?topic=stem-cells").await;
    assert_eq!(app.get("/?fbclid=x&topic=stem-cells").await.header("etag"), library.header("etag"));
    assert_eq!(app.get("/v1/articles/heart-disease?utm_source=x").await.status, 400, "the API refuses them");
}

async fn put_site(desk: &Desk, site: &Value) -> Reply {
    desk.app.call(Method::PUT, "/manage/v1/site", Some(&desk.key), &[], Some(Body::json(site))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn call_to_action_leads_to_the_same_page_from_everywhere() {
    let desk = Desk::empty().await;
    desk.save("a", "文。").await;
    desk.publish("a").await;
    for (url, href) in [
        ("a.md#x", Some("/read/a#x")),
        ("/v1/articles/a", Some("/read/a")),
        ("contact?x=1", Some("/contact?x=1")),
        ("#x", Some("/#x")),
        ("/contact", Some("/contact")),
        ("mailto:a@example.org", Some("mailto:a@example.org")),
        ("https://example.org/", Some("https://example.org/")),
    ] {
        let site = json!({"name": "站", "description": null, "locale": "zh-Hans", "license": null, "attribution": null,
            "disclaimer": null, "call_to_action": {"label": "咨询", "url": url}});
        let put = put_site(&desk, &site).await;
        assert_eq!(put.status, 200, "{url}");
        for path in ["/", "/read/a"] {
            let html = desk.app.get(path).await.text();
            let written = html.split("class=\"cta\"").nth(1).unwrap().split('>').next().unwrap().to_owned();
            assert_eq!(written.split('"').nth(1), href, "{url} in {path}: {written}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn next_links_of_the_library_reach_every_article() {
    let app = App::empty().await;
    for n in 0..45 {
        app.publish(&article(&format!("a{n}"), "topics: [x]", "文，康复。")).await;
    }
    for first in ["/", "/?topic=x", "/?q=%E5%BA%B7%E5%A4%8D"] {
        let mut found = Vec::new();
        let mut path = first.to_owned();
        loop {
            let html = app.get(&path).await.text();
            let list =
                html.split("<ol class=\"").find(|part| part.starts_with("cards") || part.starts_with("hits")).unwrap();
            let list = list.split("</ol>").next().unwrap();
            found.extend(
                list.split("<h2><a href=\"/read/").skip(1).map(|part| part.split('"').next().unwrap().to_owned()),
            );
            let main = html.split("id=\"hot\"").next().unwrap();
            let Some((_, more)) = main.split_once("class=\"more\" href=\"") else { break };
            path = more.split('"').next().unwrap().replace("&amp;", "&");
        }
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 45, "{first}");
    }
    assert_eq!(app.get("/?topic=none").await.status, 404);
    assert!(app.get("/?q=zzzz").await.text().contains("没有找到"));
    let hot = app.get("/?list=hot").await.text();
    let more = hot.split("class=\"more\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    assert!(app.get(&more).await.text().contains("href=\"/read/a20\""), "{more}");
    // Bidirectional control characters are removed from the page.
    let turned = app.get("/?q=%E2%80%AEabc").await.text();
    assert!(!turned.split("<input").next().unwrap().contains('\u{202e}') && turned.contains("“<bdi>abc</bdi>”"));
    // White space alone is not a search.
    assert!(app.get("/?q=+").await.text().contains("class=\"cards\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn next_links_of_related_reading_reach_every_item_once() {
    let app = App::empty().await;
    for n in 0..45 {
        app.publish(&article(&format!("a{n}"), "topics: [x]", "文。")).await;
    }
    let (mut path, mut found, mut starts) = ("/read/a7".to_owned(), Vec::new(), Vec::new());
    loop {
        let html = app.get(&path).await.text();
        let list =
            html.split("<section class=\"next\" id=\"related\"").nth(1).unwrap().split("</section>").next().unwrap();
        starts.push(list.split("start=\"").nth(1).unwrap().split('"').next().unwrap().to_owned());
        found.extend(list.split("<li><a href=\"/read/").skip(1).map(|item| item.split('"').next().unwrap().to_owned()));
        let Some((_, more)) = list.split_once("class=\"more\" href=\"") else { break };
        path = more.split('"').next().unwrap().replace("&amp;", "&");
        assert!(path.starts_with("/read/a7/related?cursor="), "{path}");
    }
    assert_eq!(starts, ["1", "7", "27"]);
    found.sort();
    found.dedup();
    assert_eq!((found.len(), found.contains(&"a7".to_owned())), (44, false));
    assert!(app.get("/read/a7/related").await.text().contains("href=\"/read/a7\""), "the page links to its article");
    assert_eq!(app.get("/read/none/related").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_beyond_the_listed_ones_has_pages() {
    let app = App::empty().await;
    for n in 0..102 {
        app.publish(&article(&format!("a{n}"), &format!("topics: [t{n:03}]"), "文，康复。")).await;
    }
    for path in ["/?topic=t101", "/?topic=t101&list=hot", "/?topic=t101&q=%E5%BA%B7%E5%A4%8D"] {
        let html = app.get(path).await.text();
        let main = html.split("id=\"hot\"").next().unwrap();
        assert!(html.contains("href=\"/read/a101\""), "{path}");
        assert!(!main.contains("href=\"/read/a100\""), "{path}");
        assert_eq!(app.get(&path.replace("t101", "none")).await.status, 404, "{path}");
    }
    let hot = app.get("/?topic=t101&list=hot").await.text();
    assert!(!hot.contains("/read/a100"), "only articles of the topic");
}

#[tokio::test(flavor = "multi_thread")]
async fn former_anchors_numbers_and_slugs_keep_working() {
    let desk = Desk::empty().await;
    desk.save("a", "## 甲 {#one}\n\n甲的文字，够长，足以认出来。\n\n## 乙 {#two}\n\n乙的文字，也够长，足以认出来。")
        .await;
    desk.publish("a").await;
    desk.save(
        "a",
        "## 甲乙 {#first}\n\n甲的文字，够长，足以认出来。\n\n## 乙 {#two}\n\n乙的文字，也够长，足以认出来。",
    )
    .await;
    desk.publish("a").await;
    let html = desk.app.get("/read/a").await.text();
    let section = html.split("<section>").nth(1).unwrap();
    for id in ["id=\"one\"", "id=\"1\"", "id=\"first\""] {
        assert!(section.contains(id), "{id}: {section}");
    }
    let ids: Vec<_> = html.match_indices(" id=\"").map(|(at, _)| html[at + 5..].split('"').next().unwrap()).collect();
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), ids.len(), "{ids:?}");
    // An anchor may equal an id of the layout.
    let names = ["main", "status", "hot", "related", "suggestions", "related-heading"];
    let sections: String =
        names.iter().map(|name| format!("## {name} {{#{name}}}\n\n文。\n\n")).collect::<Vec<_>>().concat();
    desk.save("names", &sections).await;
    desk.publish("names").await;
    let html = desk.app.get("/read/names").await.text();
    for name in names {
        assert_eq!(html.matches(&format!(" id=\"{name}\"")).count(), 1, "{name}");
        assert!(html.contains(&format!("<h2 id=\"{name}\">")), "{name}");
    }
    // An earlier slug redirects.
    desk.post("a/move", &json!({"slug": "b"})).await.ok();
    let moved = desk.app.get("/read/a").await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (308, "/read/b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn link_to_a_removed_section_shows_a_notice() {
    let desk = Desk::empty().await;
    let first = "## 甲 {#one}\n\n甲的文字，够长，足以认出来。";
    desk.save("a", &format!("{first}\n\n## 乙 {{#two}}\n\n完全不同的另外一段话，说的是别的事情。")).await;
    desk.publish("a").await;
    assert!(!desk.app.get("/read/a").await.text().contains("class=\"gone\""));
    desk.save("a", first).await;
    desk.publish("a").await;
    assert_eq!(desk.app.get("/v1/articles/a/sections/two").await.status, 410);
    let html = desk.app.get("/read/a").await.text();
    let gone = html.split("<p class=\"gone\">").nth(1).unwrap().split("</p>").next().unwrap();
    assert!(gone.contains("id=\"two\"") && gone.contains("id=\"2\"") && gone.contains("已不在本文中"), "{gone}");
    assert!(!gone.contains("one"), "{gone}");
    // A number leads to the section that has it now.
    let third = "## 丙 {#three}\n\n第三段话又说了别的，同样够长，认得出来。";
    desk.save("b", &format!("{first}\n\n## 乙 {{#two}}\n\n完全不同的另外一段话，说的是别的事情。\n\n{third}")).await;
    desk.publish("b").await;
    desk.save("b", &format!("{first}\n\n{third}")).await;
    desk.publish("b").await;
    let html = desk.app.get("/read/b").await.text();
    let gone = html.split("<p class=\"gone\">").nth(1).unwrap().split("</p>").next().unwrap();
    assert!(gone.contains("id=\"two\"") && !gone.contains("id=\"2\""), "{gone}");
    let section = html.split("<section>").nth(2).unwrap();
    assert!(section.contains("id=\"2\"") && section.contains("id=\"three\""), "{section}");
}

#[tokio::test(flavor = "multi_thread")]
async fn article_page_has_structured_data() {
    let app = App::library().await;
    let html = app.get("/read/heart-disease").await.text();
    let article = app.get("/v1/articles/heart-disease").await.ok();
    let data = html.split("<script type=\"application/ld+json\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["@type"], "MedicalWebPage");
    assert_eq!((&data["headline"], &data["inLanguage"]), (&article["title"], &article["locale"]));
    assert_eq!((&data["datePublished"], &data["dateModified"]), (&article["published_at"], &article["updated_at"]));
    let names = |list: &Value, field: &str| -> Vec<String> {
        list.as_array().unwrap().iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&data["hasPart"], "name"), names(&article["sections"], "title"));
    assert_eq!(names(&data["about"], "name"), names(&article["topics"], "name"));
    for text in
        ["<link rel=\"canonical\" href=\"/read/heart-disease\">", "property=\"og:title\"", "<meta name=\"description\""]
    {
        assert!(html.contains(text), "{text}");
    }
    // Search results are not indexed.
    assert!(app.get("/?q=%E5%BF%83").await.text().contains("content=\"noindex\""));
    assert!(html.contains("data-article=\"heart-disease\""));
}

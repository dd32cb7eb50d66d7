//! Whole libraries in and out, by the real command.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use crate::house::{App, article, empty_database, scratch};

fn lectern(database: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lectern"))
        .env("DATABASE_URL", database)
        .args(arguments)
        .output()
        .unwrap()
}

/// What a command printed to stdout; it must have ended well.
fn good(output: &Output) -> String {
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(
        output.status.success(),
        "{printed}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    printed
}

/// Every article with its hash.
async fn hashes(app: &App) -> BTreeMap<String, Value> {
    let mut hashes = BTreeMap::new();
    let mut path = "/v1/articles?limit=100".to_owned();
    loop {
        let list = app.get(&path).await.ok();
        for card in list["data"].as_array().unwrap() {
            hashes.insert(card["slug"].as_str().unwrap().to_owned(), card["hash"].clone());
        }
        let Some(cursor) = list["page"]["next_cursor"].as_str() else {
            return hashes;
        };
        path = format!("/v1/articles?limit=100&cursor={cursor}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captured_page_becomes_an_article_line_by_line() {
    let app = App::empty().await;
    let page = "tests/fixtures/pages/standard.txt";
    let report = good(&lectern(
        &app.database,
        &["import", page, "--publish", "--site", "--slug", "captured"],
    ));
    let article = app.get("/v1/articles/captured?format=text").await.ok();
    assert!(article["questions"].as_array().unwrap().len() >= 2);
    let raw = article.to_string();
    let mut lines = 0;
    for (number, line) in (1..).zip(fs::read_to_string(page).unwrap().lines()) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        lines += 1;
        assert!(
            report.contains(&format!("  line {number}: ")),
            "line {number} is not accounted for:\n{report}"
        );
        let role = report
            .lines()
            .find(|l| l.trim_start().starts_with(&format!("line {number}: ")))
            .unwrap();
        if role.contains(": paragraph of") || role.contains(": lead:") || role.contains(": title:") {
            let text = line.replace('"', "\\\"");
            assert!(raw.contains(&text), "line {number} is not in the article: {line}");
        }
    }
    assert!(lines > 10 && report.contains(&format!("{lines} lines are not blank")));
    assert!(report.contains("1 created, 0 updated, 0 unchanged, 0 failed"));
    let site = app.get("/v1/site").await.ok();
    assert!(!site["name"].as_str().unwrap().is_empty() && site["call_to_action"]["label"].is_string());

    let again = good(&lectern(
        &app.database,
        &["import", page, "--publish", "--site", "--slug", "captured"],
    ));
    assert!(
        again.contains("0 created, 0 updated, 1 unchanged, 0 failed: nothing changed"),
        "{again}"
    );
    assert_eq!(app.get("/v1/articles/captured?format=text").await.ok(), article);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_is_imported_hash_for_hash() {
    let app = App::library().await;
    app.publish(&article("traps", "title: '1. 型 # *糖* [x]'", "**干细胞（MSC）**是\\*。[^n]\n\n1. 一\n2. 二\n\n> [!NOTE]\n> 注意\n\n| a | b |\n|---|:-:|\n| `x|y` | 2 |\n\n## 一、甲 {#first}\n\n[乙](heart-disease.md#x) ~~删~~\n\n#### 1. 深\n\n```rust\nlet x = \"<b>\";\n```\n\n[^n]: 脚注。")).await;
    let folder = scratch("export");
    let printed = good(&lectern(&app.database, &["export", folder.to_str().unwrap()]));
    assert!(printed.contains("14 articles exported"), "{printed}");

    let other = App::on(empty_database().await);
    let report = good(&lectern(
        &other.database,
        &["import", folder.to_str().unwrap(), "--publish"],
    ));
    assert!(report.contains("14 created"), "{report}");
    assert_eq!(hashes(&other).await, hashes(&app).await);
    assert_eq!(other.get("/v1/topics").await.ok(), app.get("/v1/topics").await.ok());
    let (ours, theirs) = (
        app.get("/v1/recommendations/hot").await.ok(),
        other.get("/v1/recommendations/hot").await.ok(),
    );
    assert_eq!(ours["data"][0], theirs["data"][0], "the pins came along");
    let text = "/v1/articles/traps?format=blocks&fields=lead,sections.blocks,sections.anchor,sections.number";
    assert_eq!(other.get(text).await.ok(), app.get(text).await.ok());
    // And nothing changes any more, in either.
    for database in [&other.database, &app.database] {
        let again = good(&lectern(database, &["import", folder.to_str().unwrap(), "--publish"]));
        assert!(again.contains("14 unchanged, 0 failed: nothing changed"), "{again}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_in_one_file_keeps_no_other_out() {
    let app = App::empty().await;
    let folder = scratch("faults");
    fs::write(folder.join("a-good.md"), article("good", "", "文。")).unwrap();
    fs::write(
        folder.join("b-bad.md"),
        "---\nslug: Bad Slug\ncolour: blue\n---\n## 甲 {#x}\n\n## 乙 {#x}\n",
    )
    .unwrap();
    fs::write(folder.join("c-good.md"), article("also-good", "", "文。")).unwrap();
    let output = lectern(&app.database, &["import", folder.to_str().unwrap(), "--publish"]);
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(
        report.contains("2 created, 0 updated, 0 unchanged, 1 failed"),
        "{report}"
    );
    for fault in ["b-bad.md: not imported", "slug", "colour", "line 7"] {
        assert!(report.contains(fault), "{fault}: {report}");
    }
    assert_eq!(
        hashes(&app).await.into_keys().collect::<Vec<_>>(),
        ["also-good", "good"]
    );

    let check = lectern("postgres://nowhere", &["check", folder.to_str().unwrap()]);
    assert_eq!(check.status.code(), Some(1), "check needs no database");
    assert!(
        String::from_utf8(check.stdout)
            .unwrap()
            .contains("2 good, 1 with faults")
    );
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_and_a_draft_show_nothing_to_readers() {
    let app = App::empty().await;
    let folder = scratch("trial");
    fs::write(folder.join("a.md"), article("a", "", "文。")).unwrap();
    let path = folder.to_str().unwrap();
    let trial = good(&lectern(&app.database, &["import", path, "--publish", "--dry-run"]));
    assert!(trial.contains("1 created") && trial.contains("dry run"), "{trial}");
    assert!(hashes(&app).await.is_empty());
    let draft = good(&lectern(&app.database, &["import", path]));
    assert!(
        draft.contains("created a, revision 1") && !draft.contains("published"),
        "{draft}"
    );
    assert!(hashes(&app).await.is_empty());
    let published = good(&lectern(&app.database, &["import", path, "--publish"]));
    assert!(
        published.contains("unchanged a, revision 1") && published.contains("published"),
        "{published}"
    );
    assert_eq!(hashes(&app).await.len(), 1);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn misuse_is_told_apart_from_failure() {
    for arguments in [
        &["import"][..],
        &["unknown"],
        &["serve", "--listen"],
        &["import", "x", "--slug", "Not A Slug"],
        &["openapi", "--check", "--write"],
    ] {
        assert_eq!(
            lectern("postgres://nowhere", arguments).status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
    assert_eq!(
        lectern("postgres://nowhere", &["import", "/no/such/file"])
            .status
            .code(),
        Some(1)
    );
    for command in ["serve", "import", "export", "check", "migrate", "openapi"] {
        let help = lectern("postgres://nowhere", &[command, "--help"]);
        assert!(
            help.status.success() && String::from_utf8(help.stdout).unwrap().contains("Usage:"),
            "{command}"
        );
    }
    assert!(Path::new("openapi/openapi.json").exists());
    assert!(lectern("postgres://nowhere", &["openapi", "--check"]).status.success());
}

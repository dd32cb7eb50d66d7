//! Whole libraries in and out, by the real command.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use crate::harness::{App, article, empty_database, scratch};

fn lectern(database: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lectern")).env("DATABASE_URL", database).args(arguments).output().unwrap()
}

/// What a command printed to stdout; it must have ended well.
fn good(output: &Output) -> String {
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
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
    let report = good(&lectern(&app.database, &["import", page, "--publish", "--site", "--slug", "captured"]));
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
        assert!(report.contains(&format!("  line {number}: ")), "line {number} is not accounted for:\n{report}");
        let role = report.lines().find(|l| l.trim_start().starts_with(&format!("line {number}: "))).unwrap();
        if role.contains(": paragraph of") || role.contains(": lead:") || role.contains(": title:") {
            let text = line.replace('"', "\\\"");
            assert!(raw.contains(&text), "line {number} is not in the article: {line}");
        }
    }
    assert!(lines > 10 && report.contains(&format!("{lines} lines are not blank; not used: 3")));
    assert!(report.contains("1 created, 0 updated, 0 unchanged, 0 failed"));
    let site = app.get("/v1/site").await.ok();
    assert!(!site["name"].as_str().unwrap().is_empty() && site["call_to_action"]["label"].is_string());

    let again = good(&lectern(&app.database, &["import", page, "--publish", "--site", "--slug", "captured"]));
    assert!(again.contains("0 created, 0 updated, 1 unchanged, 0 failed: nothing changed"), "{again}");
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
    let report = good(&lectern(&other.database, &["import", folder.to_str().unwrap(), "--publish"]));
    assert!(report.contains("14 created"), "{report}");
    assert_eq!(hashes(&other).await, hashes(&app).await);
    assert_eq!(other.get("/v1/topics").await.ok(), app.get("/v1/topics").await.ok());
    let (ours, theirs) =
        (app.get("/v1/recommendations/hot").await.ok(), other.get("/v1/recommendations/hot").await.ok());
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
    fs::write(folder.join("b-bad.md"), "---\nslug: Bad Slug\ncolour: blue\n---\n## 甲 {#x}\n\n## 乙 {#x}\n").unwrap();
    fs::write(folder.join("c-good.md"), article("also-good", "", "文。")).unwrap();
    let output = lectern(&app.database, &["import", folder.to_str().unwrap(), "--publish"]);
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("2 created, 0 updated, 0 unchanged, 1 failed"), "{report}");
    for fault in ["b-bad.md: not imported", "slug", "colour", "line 7"] {
        assert!(report.contains(fault), "{fault}: {report}");
    }
    assert_eq!(hashes(&app).await.into_keys().collect::<Vec<_>>(), ["also-good", "good"]);

    let check = lectern("postgres://nowhere", &["check", folder.to_str().unwrap()]);
    assert_eq!(check.status.code(), Some(1), "check needs no database");
    assert!(String::from_utf8(check.stdout).unwrap().contains("2 good, 1 with faults"));
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
    assert!(draft.contains("created a, revision 1") && !draft.contains("published"), "{draft}");
    assert!(hashes(&app).await.is_empty());
    let published = good(&lectern(&app.database, &["import", path, "--publish"]));
    assert!(published.contains("unchanged a, revision 1") && published.contains("published"), "{published}");
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
        assert_eq!(lectern("postgres://nowhere", arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(lectern("postgres://nowhere", &["import", "/no/such/file"]).status.code(), Some(1));
    for command in ["serve", "import", "export", "check", "migrate", "openapi"] {
        let help = lectern("postgres://nowhere", &[command, "--help"]);
        assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("Usage:"), "{command}");
    }
    assert!(Path::new("openapi/openapi.json").exists());
    assert!(lectern("postgres://nowhere", &["openapi", "--check"]).status.success());
}

/// What a command printed to stdout; it must have found fault.
fn faulty(output: &Output) -> String {
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_site_file_is_refused_alone() {
    let app = App::empty().await;
    let folder = scratch("faulty-site");
    fs::write(folder.join("a.md"), article("a", "", "文。")).unwrap();
    let site = "name: ' '\ncall_to_action: { label: 问, url: 'javascript:alert(1)' }\n\
        topics: [{ slug: t, name: '' }, { slug: t, name: 题 }]\npins: [{ article: a }, { article: a }]\n";
    fs::write(folder.join("site.yaml"), site).unwrap();
    let path = folder.to_str().unwrap();
    let report = faulty(&lectern(&app.database, &["import", path, "--publish"]));
    let check = faulty(&lectern("postgres://nowhere", &["check", path]));
    for fault in [
        "`name` is empty.",
        "`call_to_action: url` is not a valid address",
        "`topics, item 1: name` is empty.",
        "The topic `t` is in `topics` twice",
        "The article `a` is in `pins` twice",
    ] {
        assert!(report.contains(fault) && check.contains(fault), "{fault}: {report}{check}");
    }
    assert!(report.contains("site.yaml: not imported") && report.contains("1 created"), "{report}");
    assert!(check.contains("1 good, 1 with faults"), "{check}");
    assert_eq!(hashes(&app).await.len(), 1);
    assert_eq!(app.get("/v1/topics").await.ok()["data"], serde_json::json!([]));
    assert!(!app.get("/v1/site").await.text().contains("javascript"));
    fs::remove_dir_all(folder).unwrap();
}

/// The slugs of the articles that lead the hot list.
async fn pinned(app: &App) -> Vec<String> {
    let hot = app.get("/v1/recommendations/hot").await.ok();
    let pinned = hot["data"].as_array().unwrap().iter().filter(|item| item["why"]["source"] == "pinned");
    pinned.map(|item| item["slug"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_are_set_with_publishing_and_their_faults_are_told() {
    let app = App::empty().await;
    let folder = scratch("pins");
    let path = folder.to_str().unwrap();
    let pin = |pins: &str| fs::write(folder.join("site.yaml"), format!("name: 站\npins: {pins}\n")).unwrap();
    for slug in ["a", "b"] {
        fs::write(folder.join(format!("{slug}.md")), article(slug, "", "文。")).unwrap();
    }
    pin("[{ article: a }]");
    good(&lectern(&app.database, &["import", folder.join("a.md").to_str().unwrap(), "--publish"]));

    // A draft import and a trial leave them, although the article is published.
    for arguments in [&["import", path][..], &["import", path, "--publish", "--dry-run"]] {
        let report = good(&lectern(&app.database, arguments));
        assert!(report.contains("its pins, left as they are"), "{report}");
        assert!(pinned(&app).await.is_empty(), "{arguments:?}");
    }
    let import = || lectern(&app.database, &["import", path, "--publish"]);
    let set = good(&import());
    assert!(set.contains("site.yaml: the site, unchanged; its pins, changed\n"), "{set}");
    assert_eq!(pinned(&app).await, ["a"]);
    let again = good(&import());
    assert!(again.contains("its pins, unchanged\n") && again.contains("0 failed: nothing changed"), "{again}");

    // Nothing but the pins is changed, and that is no "nothing".
    pin("[{ article: b }, { article: a }]");
    let changed = good(&import());
    assert!(changed.contains("2 unchanged, 0 failed\n"), "{changed}");
    assert_eq!(pinned(&app).await, ["b", "a"]);

    // An unknown pin is a fault of the file; its name and its topics stand, and so do the pins that were.
    let site = "name: 新站\ntopics: [{ slug: t, name: 题 }]\npins: [{ article: a }, { article: nowhere }]\n";
    fs::write(folder.join("site.yaml"), site).unwrap();
    for state in ["changed", "unchanged"] {
        let report = faulty(&import());
        assert!(report.contains(&format!("{path}/site.yaml: the site, {state}; its pins, not set:\n")), "{report}");
        assert!(report.contains("`nowhere`") && report.contains("2 unchanged, 1 failed\n"), "{report}");
        assert_eq!(pinned(&app).await, ["b", "a"]);
        assert_eq!(app.get("/v1/site").await.ok()["name"], "新站");
        assert_eq!(app.get("/v1/topics/t").await.ok()["name"], "题");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_files_of_one_slug_do_not_overwrite_each_other() {
    let app = App::empty().await;
    let folder = scratch("twice");
    let path = folder.to_str().unwrap();
    // More than a batch stands between the two.
    let files = ["a".to_owned()].into_iter().chain((10..50).map(|n| format!("m{n}"))).chain(["z".to_owned()]);
    for name in files {
        let slug = if name == "z" { "a" } else { &name };
        fs::write(folder.join(format!("{name}.md")), article(slug, "", &format!("文 {name}。"))).unwrap();
    }
    fs::create_dir(folder.join("n")).unwrap();
    for site in ["site.yaml", "n/site.yaml"] {
        fs::write(folder.join(site), format!("name: {site}\n")).unwrap();
    }
    let told = [
        format!("z.md: not imported\n  The slug `a` is that of {path}/a.md too.\n"),
        format!("n/site.yaml: not imported\n  The site is described by {path}/site.yaml too.\n"),
    ];
    let first = faulty(&lectern(&app.database, &["import", path, "--publish"]));
    assert!(first.contains("41 created, 0 updated, 0 unchanged, 2 failed"), "{first}");
    let again = faulty(&lectern(&app.database, &["import", path, "--publish"]));
    assert!(again.contains("0 created, 0 updated, 41 unchanged, 2 failed"), "{again}");
    let check = faulty(&lectern("postgres://nowhere", &["check", path]));
    assert!(check.contains("42 good, 2 with faults"), "{check}");
    assert!(told.iter().all(|fault| first.contains(fault) && again.contains(fault)), "{told:?}: {first}");
    assert!(check.contains(&format!("The slug `a` is that of {path}/a.md too.")), "{check}");

    // The same file twice is one file.
    let file = format!("{path}/a.md");
    let once = good(&lectern(&app.database, &["import", &file, &file, "--publish"]));
    assert!(once.contains("1 unchanged, 0 failed"), "{once}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn only_regular_files_are_read() {
    let folder = scratch("pipes");
    let elsewhere = scratch("pipes-elsewhere");
    fs::write(folder.join("a.md"), article("a", "", "文。")).unwrap();
    fs::write(elsewhere.join("b.md"), article("b", "", "文。")).unwrap();
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(elsewhere.join(to), folder.join(name)).unwrap();
    link("b.md", "link.md");
    link("nothing", "nothing.md");
    link("", "folder.md");
    for name in ["pipe.md", "pipe.txt", "site.yaml"] {
        assert!(Command::new("mkfifo").arg(folder.join(name)).status().unwrap().success());
    }
    link("../../dev/zero", "endless.txt");
    let check = |path: &Path| {
        // A pipe that is opened waits for a writer for ever.
        Command::new("timeout").arg("20").arg(env!("CARGO_BIN_EXE_lectern")).arg("check").arg(path).output().unwrap()
    };
    let checked = good(&check(&folder));
    assert!(checked.contains("a.md: good") && checked.contains("link.md: good, b"), "{checked}");
    assert!(checked.contains("2 good, 0 with faults"), "{checked}");
    for path in [&folder.join("pipe.md"), Path::new("/dev/null")] {
        let refused = check(path);
        assert_eq!(refused.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("neither a file nor a folder"), "{refused:?}");
    }
    fs::remove_dir_all(folder).unwrap();
    fs::remove_dir_all(elsewhere).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_told_in_the_same_words_by_import_and_check() {
    let app = App::empty().await;
    let folder = scratch("damage");
    let file = folder.join("page.txt");
    fs::write(&file, "干细胞是什么？\n一、概念\n正\u{0}文在这里，，没有说完。\n").unwrap();
    let path = file.to_str().unwrap();
    let import = good(&lectern(&app.database, &["import", path, "--slug", "damaged"]));
    let check = good(&lectern("postgres://nowhere", &["check", path]));
    let told = |report: &str| -> Vec<String> {
        report.lines().filter(|line| line.starts_with("  looks damaged: ")).map(str::to_owned).collect()
    };
    assert_eq!(told(&import), told(&check));
    assert!(told(&import).iter().any(|line| line.contains("U+0000") && line.ends_with("taken out")), "{import}");
    assert!(!import.contains("kept as it is"), "{import}");
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_side_by_side_do_not_wait_for_each_other_for_ever() {
    let app = App::empty().await;
    let folder = scratch("side-by-side");
    let slugs = ["a", "b", "c", "d", "e", "f"];
    let files: Vec<String> = slugs.iter().map(|slug| format!("{}/{slug}.md", folder.display())).collect();
    for round in 0..6 {
        for (slug, file) in slugs.iter().zip(&files) {
            fs::write(file, article(slug, "", &format!("第 {round} 次。"))).unwrap();
        }
        let import = |files: Vec<&String>| {
            Command::new(env!("CARGO_BIN_EXE_lectern"))
                .env("DATABASE_URL", &app.database)
                .args(["import", "--publish"])
                .args(files)
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        };
        let both = [import(files.iter().collect()), import(files.iter().rev().collect())];
        let reports = both.map(|child| good(&child.wait_with_output().unwrap()));
        // Each change was made once, by whoever came first.
        let unchanged = |report: &&String| report.contains("0 created, 0 updated, 6 unchanged, 0 failed");
        assert_eq!(reports.iter().filter(unchanged).count(), 1, "{reports:?}");
    }
    assert_eq!(hashes(&app).await.len(), slugs.len());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn convert_writes_an_article_file_or_json_and_its_report() {
    let convert = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lectern"));
        command.arg("convert").args(arguments).output().unwrap()
    };
    let page = "tests/fixtures/pages/article.html";
    let markdown = convert(&[page, "--slug", "cord-blood"]);
    let (file, report) = (good(&markdown), String::from_utf8(markdown.stderr).unwrap());
    assert!(file.starts_with("---\nslug: cord-blood\n") && file.contains("## 二、脐带血能治什么"), "{file}");
    assert!(report.contains("not used: comments: 楼主说得很好"), "{report}");
    let json = convert(&[page, "--to", "json", "--json"]);
    let article: serde_json::Value = serde_json::from_str(&good(&json)).unwrap();
    assert_eq!(article["sections"][0]["label"], "一、");
    assert_eq!(article["sections"][0]["level"], 1);
    assert_eq!(article["report"]["site_name"], "示例健康网");
    let report: serde_json::Value = serde_json::from_slice(&json.stderr).unwrap();
    assert_eq!(report, article["report"]);
    // The extension decides, also for a page that begins with an unknown element.
    let folder = scratch("extension");
    let centred = folder.join("page.html");
    fs::write(&centred, "<center><h1>脐带血</h1><p>脐带血是分娩后留在脐带和胎盘里的血，可以用于移植。</p></center>")
        .unwrap();
    assert!(good(&convert(&[centred.to_str().unwrap()])).contains("title: 脐带血"));
    let archive = folder.join("page.mhtml");
    fs::write(&archive, "MIME-Version: 1.0\n\n!!!!\n").unwrap();
    assert_eq!(convert(&[archive.to_str().unwrap()]).status.code(), Some(1), "headers are not an article");
    fs::remove_dir_all(folder).unwrap();
    // An article that cannot be written is not a success.
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    if let Ok(full) = full {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lectern"));
        assert_eq!(command.args(["convert", page]).stdout(full).status().unwrap().code(), Some(1));
    }
    let untitled = scratch("untitled").join("page.html");
    fs::write(&untitled, "<p></p>").unwrap();
    assert_eq!(convert(&[untitled.to_str().unwrap()]).status.code(), Some(1));
    fs::remove_dir_all(untitled.parent().unwrap()).unwrap();
}

//! Who may use whom: the table of the harness, held against the `use` lines and paths of the source.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Every room and what it may use: rooms of ours, and crates that matter. What is not in a row is refused.
const MAY_USE: &[(&str, &[&str])] = &[
    ("content", &[]),
    ("error", &["diesel", "diesel_async"]),
    ("logging", &[]),
    ("views", &[]),
    ("finished", &["tokio"]),
    ("db", &["error", "diesel", "diesel_async", "diesel_migrations", "tokio"]),
    ("publishing", &["content", "db", "error", "finished", "views", "diesel", "diesel_async", "tokio"]),
    ("capture", &["content"]),
    ("transfer", &["publishing", "capture", "content", "db", "error"]),
    ("http", &["db", "error", "logging", "actix_web", "content", "diesel_async", "tokio"]),
    ("v1", &["db", "error", "http", "content", "finished", "views", "actix_web", "diesel", "diesel_async", "tokio"]),
    ("web", &["db", "error", "http", "content", "v1", "actix_web", "diesel_async", "tokio"]),
    ("manage", &["publishing", "content", "db", "error", "http", "v1", "web", "actix_web", "tokio"]),
    ("openapi", &["error", "http", "app", "actix_web"]),
    (
        "app",
        &[
            "db",
            "error",
            "finished",
            "http",
            "manage",
            "openapi",
            "publishing",
            "web",
            "v1",
            "views",
            "actix_web",
            "tokio",
        ],
    ),
    ("cli", &["content", "db", "error", "http", "logging", "openapi", "publishing", "app", "transfer", "tokio"]),
];

/// The crates that the table speaks of; others are free for all.
const CRATES: &[&str] = &["actix_web", "diesel", "diesel_async", "diesel_migrations", "tokio"];

/// The tables of editors, which the public API must not name.
const EDITING_TABLES: &[&str] = &["documents", "revisions"];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The names in front of a `::` or right behind `crate::`, comments and tests aside.
fn used(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code: String =
        code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut names = BTreeSet::new();
    for (place, _) in code.match_indices("crate::") {
        let rest = code[place + "crate::".len()..].trim_start();
        let list = rest.strip_prefix('{').map_or(rest, |list| list);
        if rest.starts_with('{') {
            let mut depth = 0;
            let mut name = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => name.clear(),
                    c if depth == 0 && (c.is_alphanumeric() || c == '_') => {
                        name.push(c);
                        continue;
                    }
                    _ => {}
                }
                if !name.is_empty() && depth <= 1 {
                    names.insert(name.clone());
                    if c != ':' {
                        name.clear();
                    }
                }
            }
            names.extend((!name.is_empty()).then_some(name));
        } else {
            names.insert(list.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    for name in CRATES {
        if code
            .match_indices(&format!("{name}::"))
            .any(|(place, _)| !code[..place].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
        {
            names.insert((*name).to_owned());
        }
    }
    names
}

#[test]
fn every_room_keeps_to_the_table() {
    let rooms: BTreeSet<&str> = MAY_USE.iter().map(|(room, _)| *room).collect();
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files {
        let inner = file.strip_prefix("src").unwrap();
        let room = inner.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
        if room == "lib" || room == "main" {
            continue;
        }
        let (_, may) =
            MAY_USE.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("{room} is not in the table"));
        for name in used(&fs::read_to_string(&file).unwrap()) {
            let known = rooms.contains(name.as_str()) || CRATES.contains(&name.as_str());
            if known && name != room && !may.contains(&name.as_str()) {
                faults.push(format!("{} uses {name}", file.display()));
            }
            seen.insert(name);
        }
    }
    assert_eq!(faults, Vec::<String>::new());
    // The reader of `use` lines sees what is surely there.
    for name in ["content", "db", "error", "diesel", "actix_web"] {
        assert!(seen.contains(name), "{name} was never seen: {seen:?}");
    }
}

#[test]
fn the_public_api_does_not_name_the_editors_tables() {
    let mut files = Vec::new();
    sources(Path::new("src/v1"), &mut files);
    sources(Path::new("src/web"), &mut files);
    assert!(files.len() > 8);
    files.extend(
        fs::read_dir("src/v1")
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "sql")),
    );
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        let words: BTreeSet<&str> = source.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        for table in EDITING_TABLES {
            assert!(!words.contains(table), "{} names {table}", file.display());
        }
    }
}

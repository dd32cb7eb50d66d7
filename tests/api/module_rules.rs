//! Module rules: which module may use which, held against the paths of the whole source, tests included.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Each module with the modules and crates that it may use. Everything else of ours, and of `CRATES`, is refused.
const MAY_USE: &[(&str, &[&str])] = &[
    ("content", &[]),
    ("error", &["diesel", "diesel_async"]),
    ("logging", &[]),
    ("capture", &["content"]),
    ("db", &["error", "diesel", "diesel_async", "diesel_migrations", "tokio"]),
    ("cache", &["db", "error", "actix_web", "diesel", "diesel_async", "tokio"]),
    ("publishing", &["content", "db", "error", "diesel", "diesel_async", "tokio"]),
    ("transfer", &["publishing", "capture", "content", "db", "error"]),
    ("http", &["cache", "content", "db", "error", "logging", "actix_web", "diesel_async", "tokio"]),
    ("v1", &["content", "db", "error", "http", "actix_web", "diesel", "diesel_async", "tokio"]),
    ("web", &["content", "db", "error", "http", "v1", "actix_web", "diesel_async", "tokio"]),
    ("manage", &["capture", "content", "db", "error", "http", "publishing", "v1", "web", "actix_web", "tokio"]),
    ("openapi", &["error", "http", "actix_web"]),
    ("app", &["cache", "db", "error", "http", "manage", "openapi", "publishing", "v1", "web", "actix_web", "tokio"]),
    (
        "cli",
        &["app", "capture", "content", "db", "error", "http", "logging", "openapi", "publishing", "transfer", "tokio"],
    ),
    ("main", &[]),
];

/// The crates that the table names; all others are free.
const CRATES: &[&str] = &["actix_web", "diesel", "diesel_async", "diesel_migrations", "tokio"];

/// The tables that readers' modules may read.
const PUBLISHED_TABLES: &[&str] = &[
    "addresses",
    "article_bodies",
    "article_topics",
    "articles",
    "completions",
    "hot",
    "links",
    "passages",
    "pins",
    "section_addresses",
    "sections",
    "site",
    "topics",
    "views",
    "withdrawals",
];

/// The modules that read for readers.
const READERS: &[&str] = &["v1", "web"];

/// Uses that close a circle and are yet to be removed. The list may only shrink.
const CIRCLES: &[(&str, &str)] = &[
    ("content::json::inlines", "content::json::blocks"),
    ("content::node", "content::json"),
    ("content::text", "content::markdown"),
    ("logging::line", "logging::access"),
    ("publishing::sections::matching", "publishing::sections::titles"),
];

/// A module of one file: its path in the crate, and its code without comments.
type Modules = BTreeMap<Vec<String>, String>;

/// Reads every file of the source whole.
fn modules() -> Modules {
    fn read(folder: &Path, into: &mut Modules) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inner = path.strip_prefix("src").unwrap().with_extension("");
                let mut module: Vec<_> = inner.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
                module.pop_if(|last| last == "mod");
                into.insert(module, without_comments(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut modules = Modules::new();
    read(Path::new("src"), &mut modules);
    modules.remove(&["lib".to_owned()][..]);
    modules
}

fn without_comments(source: &str) -> String {
    source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Returns the positions in `code` at which the path segment `name` begins a path.
fn path_starts<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = usize> {
    let begins = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
    let goes_on = |at: usize| code[at + name.len()..].trim_start().starts_with("::");
    code.match_indices(name).map(|(at, _)| at).filter(move |at| begins(*at) && goes_on(*at))
}

/// Parses a path or use tree, adds every path in it, and returns the rest of the code.
fn parse_tree<'a>(code: &'a str, prefix: &[String], paths: &mut Vec<Vec<String>>) -> &'a str {
    let code = code.trim_start();
    if let Some(mut rest) = code.strip_prefix('{') {
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            if let Some(rest) = rest.strip_prefix('}') {
                return rest;
            }
            let next = parse_tree(rest, prefix, paths);
            if next.len() == rest.len() {
                return next;
            }
            rest = next;
        }
    }
    let length = code.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(code.len());
    let mut path = prefix.to_vec();
    path.extend((length > 0).then(|| code[..length].to_owned()));
    let rest = &code[length..];
    match rest.trim_start().strip_prefix("::") {
        Some(below) if length > 0 => parse_tree(below, &path, paths),
        _ => {
            paths.push(path);
            let alias = rest.trim_start().strip_prefix("as ").map(str::trim_start);
            alias.map_or(rest, |alias| alias.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'))
        }
    }
}

/// Returns the modules that a module uses.
fn uses(module: &[String], code: &str, modules: &Modules) -> BTreeSet<Vec<String>> {
    let mut paths = Vec::new();
    for start in ["crate", "super", "self"] {
        for at in path_starts(code, start) {
            parse_tree(&code[at..], &[], &mut paths);
        }
    }
    let resolve = |path: Vec<String>| {
        let ups = path.iter().take_while(|part| *part == "super").count();
        let mut base = match path[0].as_str() {
            "crate" => Vec::new(),
            _ => module[..module.len().saturating_sub(ups)].to_vec(),
        };
        base.extend(path.into_iter().skip(ups.max(1)));
        while !base.is_empty() && !modules.contains_key(&base) {
            base.pop();
        }
        base
    };
    let used = paths.into_iter().map(resolve);
    // A parent and its child belong together.
    used.filter(|used| !used.is_empty() && !used.starts_with(module) && !module.starts_with(used)).collect()
}

#[test]
fn every_module_keeps_to_the_table() {
    let modules = modules();
    let (mut faults, mut seen) = (Vec::new(), BTreeSet::new());
    for (module, code) in &modules {
        let room = module[0].as_str();
        let (_, allowed) =
            MAY_USE.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("{room} is not in the table"));
        let crates = CRATES.iter().filter(|name| path_starts(code, name).next().is_some());
        let used = uses(module, code, &modules).into_iter().map(|used| used[0].clone());
        for name in used.chain(crates.map(|name| (*name).to_owned())).filter(|name| name != room) {
            if !allowed.contains(&name.as_str()) {
                faults.push(format!("{} uses {name}", module.join("::")));
            }
            seen.insert(format!("{room} {name}"));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
    // The parser of paths sees what is surely there.
    for usage in ["http cache", "cache db", "cache diesel", "v1 http", "v1 actix_web", "cli app"] {
        assert!(seen.contains(usage), "{usage} was not found");
    }
}

#[test]
fn no_modules_use_each_other_in_a_circle() {
    let modules = modules();
    let mut graph: BTreeMap<&[String], BTreeSet<Vec<String>>> =
        modules.iter().map(|(module, code)| (&module[..], uses(module, code, &modules))).collect();
    assert!(graph.values().map(BTreeSet::len).sum::<usize>() > 300);
    for (module, used) in &mut graph {
        let module = module.join("::");
        used.retain(|used| !CIRCLES.contains(&(module.as_str(), used.join("::").as_str())));
    }
    // Removes modules that use nothing that is left; in a circle, each uses another.
    loop {
        let left: BTreeSet<Vec<String>> = graph.keys().map(|module| module.to_vec()).collect();
        for used in graph.values_mut() {
            used.retain(|used| left.contains(used));
        }
        graph.retain(|_, used| !used.is_empty());
        if graph.len() == left.len() {
            break;
        }
    }
    assert!(graph.is_empty(), "{graph:#?}");
}

/// Returns the words of code, strings included.
fn words(code: &str) -> BTreeSet<&str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect()
}

#[test]
fn readers_read_published_tables_only() {
    let schema = fs::read_to_string("src/db/schema.rs").unwrap();
    let tables = schema.match_indices("table! {").map(|(at, _)| {
        let rest = schema[at + "table! {".len()..].trim_start();
        &rest[..rest.find(' ').unwrap()]
    });
    let private: BTreeSet<&str> = tables.filter(|table| !PUBLISHED_TABLES.contains(table)).collect();
    assert!(private.contains("revisions") && private.len() > 5);
    for (module, code) in modules().iter().filter(|(module, _)| READERS.contains(&module[0].as_str())) {
        let mut paths = Vec::new();
        for at in path_starts(code, "schema").chain(path_starts(code, "crate")) {
            parse_tree(&code[at..], &[], &mut paths);
        }
        for path in paths.iter().filter(|path| path.iter().any(|part| part == "schema")) {
            let table = path.iter().skip_while(|part| *part != "schema").nth(1);
            let table = table.unwrap_or_else(|| panic!("{} imports the whole schema", module.join("::")));
            assert!(PUBLISHED_TABLES.contains(&table.as_str()), "{} reads {table}", module.join("::"));
        }
    }
    let mut count = 0;
    for room in READERS {
        let mut folders = vec![Path::new("src").join(room)];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "sql") {
                    let sql = fs::read_to_string(&path).unwrap();
                    let code: String = sql.lines().filter_map(|line| line.split("--").next()).collect();
                    let named = words(&code).into_iter().filter(|word| private.contains(word)).collect::<Vec<_>>();
                    assert!(named.is_empty(), "{} reads {named:?}", path.display());
                    count += 1;
                }
            }
        }
    }
    assert!(count > 3);
}

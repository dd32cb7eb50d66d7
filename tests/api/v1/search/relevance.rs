//! How good the order is, on queries that were judged by hand over the bundled library.
//!
//! `fixtures/search/judged.json`: a query, its kind, and for each article that answers it a grade: 3 it is about this, 2 a
//! section treats it, 1 it speaks of it. The judges did not see what search found. Hits are taken article by article, at
//! their first section.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write as _,
};

use serde::Deserialize;

use super::{address, all};
use crate::harness::App;

#[derive(Deserialize)]
struct Judged {
    query: String,
    kind: String,
    relevant: HashMap<String, i32>,
}

/// nDCG@10 (K. Järvelin and J. Kekäläinen, TOIS 2002) with the gain 2^grade − 1.
fn ndcg(found: &[String], relevant: &HashMap<String, i32>) -> f64 {
    let gain = |grade: i32| f64::from((1 << grade) - 1);
    let sum = |grades: &mut dyn Iterator<Item = i32>| -> f64 {
        (2_i32..).zip(grades.take(10)).map(|(place, grade)| gain(grade) / f64::from(place).log2()).sum()
    };
    let mut best: Vec<i32> = relevant.values().copied().collect();
    best.sort_unstable_by(|a, b| b.cmp(a));
    let got = sum(&mut found.iter().map(|slug| relevant.get(slug).copied().unwrap_or(0)));
    got / sum(&mut best.into_iter())
}

/// The articles of a query's hits, the first ten.
async fn articles(app: &App, query: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for hit in all(app, query, "&limit=100").await {
        let slug = hit["article"]["slug"].as_str().unwrap().to_owned();
        if !found.contains(&slug) {
            found.push(slug);
        }
    }
    found.truncate(10);
    found
}

fn mean(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let numbers: Vec<f64> = numbers.into_iter().collect();
    #[expect(clippy::cast_precision_loss, reason = "some hundred queries")]
    let count = numbers.len().max(1) as f64;
    numbers.iter().sum::<f64>() / count
}

#[tokio::test(flavor = "multi_thread")]
async fn judged_queries_are_answered_well() {
    let app = App::library().await;
    let judged: Vec<Judged> = serde_json::from_str(include_str!("../../../fixtures/search/judged.json")).unwrap();
    assert!(judged.len() >= 60);
    let mut kinds: BTreeMap<&str, Vec<(f64, Option<f64>)>> = BTreeMap::new();
    for Judged { query, kind, relevant } in &judged {
        let found = articles(&app, query).await;
        let wanted: Vec<&String> = relevant.iter().filter(|(_, grade)| **grade == 3).map(|(slug, _)| slug).collect();
        let recalls = wanted.iter().map(|slug| f64::from(u8::from(found.contains(slug))));
        let recall = (!wanted.is_empty()).then(|| mean(recalls));
        kinds.entry(kind).or_default().push((ndcg(&found, relevant), recall));
    }
    let mut report = String::new();
    for (kind, results) in &kinds {
        let (good, recall) = (mean(results.iter().map(|r| r.0)), mean(results.iter().filter_map(|r| r.1)));
        let _ = writeln!(
            report,
            "{kind:12} {:3} queries, nDCG@10 {good:.3}, recall of the best {recall:.3}",
            results.len()
        );
    }
    let every = || kinds.values().flatten();
    let (good, recall) = (mean(every().map(|r| r.0)), mean(every().filter_map(|r| r.1)));
    println!("{report}all: nDCG@10 {good:.3}, recall of the best {recall:.3}");
    // What is missing are synonyms: an abbreviation that an article does not use, another word for the same.
    assert!(good >= 0.93 && recall >= 0.98, "{good:.3} {recall:.3}\n{report}");
    for (kind, results) in &kinds {
        let floor = if ["question", "latin", "full_width", "one"].contains(kind) { 0.8 } else { 0.92 };
        assert!(mean(results.iter().map(|r| r.0)) >= floor, "{kind}\n{report}");
    }
}

/// Any word of a title or heading finds it: every part of one, two, three and more characters, as it is written, in traditional
/// characters, in full width.
#[tokio::test(flavor = "multi_thread")]
async fn every_part_of_a_title_or_heading_finds_it() {
    let app = App::library().await;
    let cards = app.get("/v1/articles?limit=100").await.ok();
    let mut wanted: Vec<(String, String, Option<String>)> = Vec::new();
    for card in cards["data"].as_array().unwrap() {
        let slug = card["slug"].as_str().unwrap();
        wanted.push((card["title"].as_str().unwrap().to_owned(), slug.to_owned(), None));
        let sections = app.get(&format!("/v1/articles/{slug}/sections?flat=true")).await.ok();
        for section in sections["data"].as_array().unwrap() {
            let anchor = section["anchor"].as_str().unwrap().to_owned();
            wanted.push((section["title"].as_str().unwrap().to_owned(), slug.to_owned(), Some(anchor)));
        }
    }
    assert!(wanted.len() > 100);
    let mut found: HashMap<String, HashSet<(String, String)>> = HashMap::new();
    let mut asked = 0;
    for (nth, (text, slug, anchor)) in wanted.iter().enumerate() {
        let chars: Vec<char> = text.chars().collect();
        for length in [1, 2, 3, 5, chars.len()] {
            // Not all of the parts of all of the headings: another one for each heading and length.
            let starts: Vec<usize> = (0..=chars.len().saturating_sub(length)).collect();
            let start = starts[(nth * 7 + length) % starts.len()];
            let part: String = chars[start..(start + length).min(chars.len())].iter().collect();
            let wide: String = part.chars().map(|c| if c.is_ascii_alphanumeric() { wide(c) } else { c }).collect();
            if !part.chars().any(char::is_alphanumeric) {
                continue;
            }
            asked += 1;
            for query in [part, wide] {
                if !found.contains_key(&query) {
                    let hits = all(&app, &query, "&limit=100").await;
                    let places = hits.iter().map(|hit| {
                        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                        (text(&hit["article"]["slug"]), text(&hit["section"]["anchor"]))
                    });
                    found.insert(query.clone(), places.collect());
                }
                let holds = |(s, a): &(String, String)| s == slug && anchor.as_ref().is_none_or(|anchor| anchor == a);
                assert!(found[&query].iter().any(holds), "`{query}` does not find {slug} {anchor:?}: {text}");
            }
        }
    }
    assert!(asked > 400, "{asked}");
}

fn wide(c: char) -> char {
    char::from_u32(u32::from(c) + 0xFEE0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_of_the_same_query_do_not_change() {
    let app = App::library().await;
    let first = app.get(&address("免疫 细胞", "")).await;
    let other = App::library().await;
    let places = |reply: &crate::harness::Reply| -> Vec<(String, String)> {
        let list = reply.json();
        let hits = list["data"].as_array().unwrap();
        hits.iter().map(|hit| (super::place(hit), hit["score"].to_string())).collect()
    };
    assert_eq!(places(&first), places(&other.get(&address("免疫 细胞", "")).await));
}

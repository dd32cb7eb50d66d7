//! What is asked: plain addresses, the same in every run.

use serde::Serialize;

use super::generator::{Generator, TOPICS, topic};
use crate::{
    Failure,
    answer::{Client, request},
    delivery::targets,
    load::Target,
    servers::Server,
    settings::Settings,
    store::Library,
};

/// What a kind of work is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Search that has to be fast in a large library.
    SearchWithGoal,
    /// Other search.
    Search,
    /// Suggestions.
    Suggest,
    /// What may not grow with the library.
    Steady,
}

pub struct Work {
    pub name: &'static str,
    pub kind: Kind,
    pub targets: Vec<Target>,
}

/// How many different rare words are asked for.
const WORDS: u64 = 20;

/// The length of the step between them: a prime, so that they are spread over all there are.
const STEP: u64 = 7919;

/// The work of all parts that are wanted.
pub fn works(
    settings: &Settings,
    lectern: &Server,
    library: &Library,
    generator: &Generator,
) -> Result<Vec<Work>, Failure> {
    let mut works = Vec::new();
    let mut add = |name, kind, paths: Vec<String>| {
        let requests = paths.iter().map(|path| request("GET", path, "")).collect();
        works.push(Work { name, kind, targets: targets(lectern, 200, requests)? });
        Ok::<_, Failure>(())
    };
    if settings.wants("search") {
        use Kind::{Search, SearchWithGoal};
        let rare: Vec<String> = (0..WORDS).map(|n| generator.rare(n * STEP)).collect();
        let unique: Vec<String> = (0..WORDS).map(|n| generator.unique(n * STEP)).collect();
        add("common character", SearchWithGoal, searches(["的", "药"], ""))?;
        add("common word", SearchWithGoal, searches(["干细胞", "治疗"], ""))?;
        add("word in 20 articles", SearchWithGoal, searches(&rare, ""))?;
        add("word in 1 article", SearchWithGoal, searches(&unique, ""))?;
        add("two common words", SearchWithGoal, searches(["干细胞 治疗", "患者 移植"], ""))?;
        let met = rare.iter().map(|rare| format!("治疗 {rare}"));
        add("common and rare word", SearchWithGoal, searches(met, ""))?;
        add("words seldom together", Search, searches(["肿瘤 登记 心肌", "心肌 糖尿病 狼疮"], ""))?;
        add("quoted phrase", Search, searches(["“造血干细胞移植”", "“治疗效果”"], ""))?;
        add("traditional", Search, searches(["幹細胞", "治療"], ""))?;
        add("pinyin", Search, searches(["ganxibao", "zhiliao"], ""))?;
        add("long question", Search, searches(["干细胞治疗糖尿病有效吗", "造血干细胞移植的风险有哪些"], ""))?;
        add("nothing found", Search, searches(["鑫焱淼", "xqzvw"], ""))?;
        add("second page", Search, second_pages(lectern, searches(["干细胞", "治疗"], ""))?)?;
        add("in a large topic", Search, searches(["干细胞", "治疗"], &format!("&topic={}", topic(1))))?;
        add("in a small topic", Search, searches(["干细胞", "治疗"], &format!("&topic={}", topic(TOPICS))))?;
        add("rare word in a topic", Search, searches(&rare, &format!("&topic={}", topic(TOPICS))))?;
    }
    if settings.wants("suggest") {
        let of = |typed: &[&str]| typed.iter().map(|typed| path("/v1/search/suggest", typed)).collect();
        add("suggest: a character", Kind::Suggest, of(&["干", "移"]))?;
        add("suggest: three", Kind::Suggest, of(&["干细胞", "免疫调"]))?;
        add("suggest: pinyin", Kind::Suggest, of(&["ganxi", "mianyi", "gxb"]))?;
        add("suggest: inside", Kind::Suggest, of(&["胞治疗", "疫细胞", "充质"]))?;
        add("suggest: nothing", Kind::Suggest, of(&["鑫焱淼", "xqzvw"]))?;
    }
    if settings.wants("articles") {
        let of = |tail: &str| library.slugs.iter().map(|slug| format!("/v1/articles/{slug}{tail}")).collect();
        add("article", Kind::Steady, of(""))?;
        add("related", Kind::Steady, of("/related"))?;
    }
    Ok(works)
}

fn searches(queries: impl IntoIterator<Item = impl AsRef<str>>, more: &str) -> Vec<String> {
    queries.into_iter().map(|query| path("/v1/search", query.as_ref()) + more).collect()
}

fn path(stem: &str, query: &str) -> String {
    format!("{stem}?q={}", form_urlencoded::byte_serialize(query.as_bytes()).collect::<String>())
}

/// The pages that follow these.
fn second_pages(lectern: &Server, paths: Vec<String>) -> Result<Vec<String>, Failure> {
    let mut client = Client::new(lectern.address)?;
    let after = |path: String| {
        let list: serde_json::Value = serde_json::from_slice(&client.get(&path)?.body)?;
        let cursor = list["page"]["next_cursor"].as_str().ok_or_else(|| format!("{path} leads no further"))?;
        Ok(format!("{path}&cursor={cursor}"))
    };
    paths.into_iter().map(after).collect()
}

//! The requests of discovery, the same in every run.

use super::generator::{Generator, TOPICS, topic};
use crate::{
    Failure,
    http::{Client, Target, request, targets},
    library::Library,
    servers::Server,
    settings::Settings,
};

/// The requests of one line of the report.
pub struct Work {
    pub name: &'static str,
    /// Searches must be fast in a large library, except for unusual ones.
    pub has_goal: bool,
    pub targets: Vec<Target>,
}

/// The number of different rare words.
const WORDS: u64 = 20;

/// The distance between them; a prime spreads them over all words.
const STEP: u64 = 7919;

/// Returns the work of the wanted parts.
pub fn works(
    settings: &Settings,
    lectern: &Server,
    library: &Library,
    generator: &Generator,
) -> Result<Vec<Work>, Failure> {
    let mut works = Vec::new();
    let mut add_work = |name, has_goal, paths: Vec<String>| {
        let requests = paths.iter().map(|path| request("GET", path, ""));
        works.push(Work { name, has_goal, targets: targets(lectern, 200, requests)? });
        Ok::<_, Failure>(())
    };
    if settings.wants("search") {
        let rare: Vec<String> = (0..WORDS).map(|n| generator.rare(n * STEP)).collect();
        let unique: Vec<String> = (0..WORDS).map(|n| generator.unique(n * STEP)).collect();
        add_work("common character", true, searches(["的", "药"], ""))?;
        add_work("common word", true, searches(["干细胞", "治疗"], ""))?;
        add_work("word in 20 articles", true, searches(&rare, ""))?;
        add_work("word in 1 article", true, searches(&unique, ""))?;
        add_work("two common words", true, searches(["干细胞 治疗", "患者 移植"], ""))?;
        let both = rare.iter().map(|rare| format!("治疗 {rare}"));
        add_work("common and rare word", true, searches(both, ""))?;
        add_work("words seldom together", false, searches(["肿瘤 登记 心肌", "心肌 糖尿病 狼疮"], ""))?;
        add_work("quoted phrase", false, searches(["“造血干细胞移植”", "“治疗效果”"], ""))?;
        add_work("traditional", false, searches(["幹細胞", "治療"], ""))?;
        add_work("pinyin", false, searches(["ganxibao", "zhiliao"], ""))?;
        add_work("long question", false, searches(["干细胞治疗糖尿病有效吗", "造血干细胞移植的风险有哪些"], ""))?;
        add_work("nothing found", false, searches(["鑫焱淼", "xqzvw"], ""))?;
        add_work("second page", false, second_pages(lectern, searches(["干细胞", "治疗"], ""))?)?;
        add_work("in a large topic", false, searches(["干细胞", "治疗"], &format!("&topic={}", topic(1))))?;
        add_work("in a small topic", false, searches(["干细胞", "治疗"], &format!("&topic={}", topic(TOPICS))))?;
        add_work("rare word in a topic", false, searches(&rare, &format!("&topic={}", topic(TOPICS))))?;
    }
    let mut add = |name, paths| add_work(name, false, paths);
    if settings.wants("suggest") {
        let of = |typed: &[&str]| typed.iter().map(|typed| path("/v1/search/suggest", typed)).collect();
        add("suggest: a character", of(&["干", "移"]))?;
        add("suggest: three", of(&["干细胞", "免疫调"]))?;
        add("suggest: pinyin", of(&["ganxi", "mianyi", "gxb"]))?;
        add("suggest: inside", of(&["胞治疗", "疫细胞", "充质"]))?;
        add("suggest: nothing", of(&["鑫焱淼", "xqzvw"]))?;
    }
    if settings.wants("articles") {
        let of = |tail: &str| library.slugs.iter().map(|slug| format!("/v1/articles/{slug}{tail}")).collect();
        add("article", of(""))?;
        add("related", of("/related"))?;
    }
    Ok(works)
}

fn searches(queries: impl IntoIterator<Item = impl AsRef<str>>, more: &str) -> Vec<String> {
    queries.into_iter().map(|query| path("/v1/search", query.as_ref()) + more).collect()
}

fn path(stem: &str, query: &str) -> String {
    format!("{stem}?q={}", form_urlencoded::byte_serialize(query.as_bytes()).collect::<String>())
}

/// Returns the paths of the next pages.
fn second_pages(lectern: &Server, paths: Vec<String>) -> Result<Vec<String>, Failure> {
    let mut client = Client::new(lectern.address)?;
    let next = |path: String| {
        let list: serde_json::Value = serde_json::from_slice(&client.get(&path)?.body)?;
        let cursor = list["page"]["next_cursor"].as_str().ok_or_else(|| format!("{path} has no next page"))?;
        Ok(format!("{path}&cursor={cursor}"))
    };
    paths.into_iter().map(next).collect()
}

//! What can be chosen about a run: variables that begin with `BENCH_`.

use std::{env, path::PathBuf, str::FromStr, time::Duration};

use crate::Failure;

/// How many slugs a walk goes through, where there are that many articles.
pub const SLUGS: u64 = 1_000;

/// Of how many articles the memory is measured.
pub const MEMORY_ARTICLES: u64 = 10_000;

/// The fewest articles: the bundled ones and some more.
const FEWEST: u64 = 50;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    Delivery,
    Discovery,
}

pub struct Settings {
    pub suite: Suite,
    /// How many articles the library has; everything is measured with each.
    pub sizes: Vec<u64>,
    /// How often each case is measured.
    pub rounds: usize,
    /// For how long each time.
    pub time: Duration,
    pub connections: usize,
    pub publications: usize,
    pub starts: usize,
    /// The core of the servers that are measured.
    pub server_core: usize,
    /// The core of the load and of Postgres.
    pub load_core: usize,
    /// The service.
    pub lectern: PathBuf,
    /// Where the libraries of discovery are kept between runs; they take minutes to make.
    pub data: Option<PathBuf>,
    parts: Vec<String>,
    works: Vec<String>,
}

impl Settings {
    pub fn read() -> Result<Settings, Failure> {
        let suite = env::var("BENCH_SUITE").unwrap_or_default();
        let (suite, sizes, rounds, parts) = match suite.as_str() {
            "" | "delivery" => (Suite::Delivery, "1000", 7, "delivery,cold,start,publication,memory"),
            "discovery" => (Suite::Discovery, "1000,10000,100000", 3, "search,suggest,articles"),
            _ => return Err("BENCH_SUITE: delivery or discovery".into()),
        };
        let sizes = list::<u64>("BENCH_SIZES", sizes)?;
        if sizes.is_empty() || sizes.iter().any(|size| !(FEWEST..=1_000_000).contains(size)) {
            return Err(format!("BENCH_SIZES: numbers from {FEWEST} to 1000000, separated by commas").into());
        }
        let cores = list("BENCH_CORES", "0,1")?;
        let [server_core, load_core] = cores[..] else { return Err("BENCH_CORES: two numbers, such as 0,1".into()) };
        let parts = list::<String>("BENCH_PARTS", parts)?;
        let between = |name: &str, unless: usize, most: usize| {
            let number = number(name, unless)?;
            if (1..=most).contains(&number) {
                Ok::<_, Failure>(number)
            } else {
                Err(format!("{name}: a number from 1 to {most}").into())
            }
        };
        Ok(Settings {
            suite,
            sizes,
            rounds: between("BENCH_ROUNDS", rounds, 100)?,
            time: Duration::from_secs(between("BENCH_SECONDS", 2, 60)? as u64),
            connections: between("BENCH_CONNECTIONS", 64, 512)?,
            publications: between("BENCH_PUBLICATIONS", 200, 100_000)?,
            starts: between("BENCH_STARTS", 9, 100)?,
            server_core,
            load_core,
            lectern: env::var_os("BENCH_LECTERN").map_or_else(|| env!("CARGO_BIN_EXE_lectern").into(), PathBuf::from),
            data: env::var_os("BENCH_DATA").filter(|path| !path.is_empty()).map(PathBuf::from),
            parts,
            works: list("BENCH_WORKS", "")?,
        })
    }

    /// Whether a kind of work is wanted: all are, unless some are named.
    pub fn wants_work(&self, name: &str) -> bool {
        self.works.is_empty() || self.works.iter().any(|wanted| wanted == name)
    }

    /// Whether a part of the run is wanted.
    pub fn wants(&self, part: &str) -> bool {
        self.parts.iter().any(|wanted| wanted == part)
    }
}

fn number(name: &str, unless: usize) -> Result<usize, Failure> {
    match env::var(name) {
        Ok(text) if !text.is_empty() => text.parse().map_err(|_| format!("{name}: `{text}` is not a number").into()),
        _ => Ok(unless),
    }
}

fn list<T: FromStr>(name: &str, unless: &str) -> Result<Vec<T>, Failure> {
    let text = env::var(name).ok().filter(|text| !text.is_empty()).unwrap_or_else(|| unless.to_owned());
    let item = |item: &str| item.trim().parse().map_err(|_| format!("{name}: `{item}` is not understood").into());
    text.split(',').filter(|text| !text.trim().is_empty()).map(item).collect()
}

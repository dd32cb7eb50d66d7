//! The settings of a run: environment variables that begin with `BENCH_`.

use std::{env, path::PathBuf, str::FromStr, time::Duration};

use crate::Failure;

/// The number of slugs to request, in libraries that have as many.
pub const SLUGS: u64 = 1_000;

/// The library whose memory is measured.
pub const MEMORY_ARTICLES: u64 = 10_000;

/// The smallest library: more than the bundled articles.
const SMALLEST: u64 = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    Delivery,
    Discovery,
}

pub struct Settings {
    pub suite: Suite,
    /// The library sizes, in articles.
    pub sizes: Vec<u64>,
    pub rounds: usize,
    /// The length of one measurement.
    pub time: Duration,
    pub connections: usize,
    pub publications: usize,
    pub starts: usize,
    /// The core of the servers under test.
    pub server_core: usize,
    /// The core of the load and of Postgres.
    pub load_core: usize,
    /// The service's program.
    pub lectern: PathBuf,
    /// The folder in which discovery keeps its libraries between runs.
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
            _ => return Err("BENCH_SUITE: expected delivery or discovery".into()),
        };
        let sizes = list::<u64>("BENCH_SIZES", sizes)?;
        if sizes.is_empty() || sizes.iter().any(|size| !(SMALLEST..=1_000_000).contains(size)) {
            return Err(format!("BENCH_SIZES: expected numbers from {SMALLEST} to 1000000, separated by commas").into());
        }
        let cores = list("BENCH_CORES", "0,1")?;
        let [server_core, load_core] = cores[..] else {
            return Err("BENCH_CORES: expected two numbers, such as 0,1".into());
        };
        let parts = list::<String>("BENCH_PARTS", parts)?;
        Ok(Settings {
            suite,
            sizes,
            rounds: number("BENCH_ROUNDS", rounds, 100)?,
            time: Duration::from_secs(number("BENCH_SECONDS", 2, 60)? as u64),
            connections: number("BENCH_CONNECTIONS", 64, 512)?,
            publications: number("BENCH_PUBLICATIONS", 200, 100_000)?,
            starts: number("BENCH_STARTS", 9, 100)?,
            server_core,
            load_core,
            lectern: env::var_os("BENCH_LECTERN").map_or_else(|| env!("CARGO_BIN_EXE_lectern").into(), PathBuf::from),
            data: env::var_os("BENCH_DATA").filter(|path| !path.is_empty()).map(PathBuf::from),
            parts,
            works: list("BENCH_WORKS", "")?,
        })
    }

    /// Tests whether `BENCH_WORKS` is empty or names this line of the report.
    pub fn wants_work(&self, name: &str) -> bool {
        self.works.is_empty() || self.works.iter().any(|work| work == name)
    }

    /// Tests whether `BENCH_PARTS` names a part of the run.
    pub fn wants(&self, part: &str) -> bool {
        self.parts.iter().any(|wanted| wanted == part)
    }
}

/// Parses a number from 1 to `most`.
fn number(name: &str, default: usize, most: usize) -> Result<usize, Failure> {
    let text = env::var(name).ok().filter(|text| !text.is_empty());
    let number = text.map_or(Ok(default), |text| text.parse()).ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{name}: expected a number from 1 to {most}").into())
}

/// Parses values separated by commas.
fn list<T: FromStr>(name: &str, default: &str) -> Result<Vec<T>, Failure> {
    let text = env::var(name).ok().filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_owned());
    let item = |item: &str| item.trim().parse().map_err(|_| format!("{name}: `{item}` is not valid").into());
    text.split(',').filter(|text| !text.trim().is_empty()).map(item).collect()
}

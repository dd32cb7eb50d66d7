//! One measurement, and the summary of several.

use std::time::Instant;

use serde::Serialize;

use crate::{
    Failure,
    http::Target,
    load::{Load, Until, Walk},
    machine::cpu_time,
    servers::Server,
    settings::{SLUGS, Settings},
};

/// The figures of one measurement.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Requests per second.
    pub rate: f64,
    /// The latencies and core shares; `None` for pgbench.
    pub details: Option<Details>,
}

#[derive(Debug, Clone, Copy)]
pub struct Details {
    p50_us: u32,
    p99_us: u32,
    /// The shares of its core that the server used, and the load.
    server_core: f64,
    load_core: f64,
}

/// Measures a server under load, after an unmeasured walk through `targets`.
pub fn measure(settings: &Settings, server: &Server, targets: &[Target]) -> Result<Sample, Failure> {
    measure_over(settings, server, targets, settings.connections, SLUGS.max(targets.len() as u64))
}

/// Measures over a number of connections, after this many unmeasured responses.
pub fn measure_over(
    settings: &Settings,
    server: &Server,
    targets: &[Target],
    connections: usize,
    warm_up: u64,
) -> Result<Sample, Failure> {
    let mut load = Load::new(&vec![server.address; connections])?;
    let mut walk = Walk::new(targets, connections);
    load.run(&mut walk, Until::Responses(warm_up))?;
    // The service writes its log as usual; without this it would fill the disk.
    server.process.truncate_log()?;
    let before = (server.process.cpu_time(), cpu_time("self"), Instant::now());
    let measured = load.run(&mut walk, Until::Time(settings.time))?;
    // Includes the wait for outstanding responses, as the processor times do.
    let elapsed = before.2.elapsed().as_secs_f64();
    let details = Details {
        p50_us: measured.percentile(50),
        p99_us: measured.percentile(99),
        server_core: server.process.cpu_time().saturating_sub(before.0).as_secs_f64() / elapsed,
        load_core: cpu_time("self").saturating_sub(before.1).as_secs_f64() / elapsed,
    };
    server.process.truncate_log()?;
    Ok(Sample { rate: measured.responses_per_second(), details: Some(details) })
}

/// The median of several values, and their range.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Some(Spread { median, min, max })
    }
}

/// The figures of one server with one kind of work, over all rounds.
#[derive(Debug, Serialize)]
pub struct Row {
    pub work: String,
    pub server: String,
    pub requests_per_second: Spread,
    pub p50_us: Option<f64>,
    pub p99_us: Option<f64>,
    pub server_core_percent: Option<f64>,
    pub load_core_percent: Option<f64>,
    /// The rate divided by that of each peer in the same round.
    pub ratios: Vec<Ratio>,
}

#[derive(Debug, Serialize)]
pub struct Ratio {
    pub beside: String,
    pub ratio: Spread,
}

impl Row {
    /// Summarises samples; `None` if there are none.
    pub fn new(work: &str, server: &str, samples: &[Sample]) -> Option<Row> {
        let median = |value: fn(Details) -> f64| {
            Spread::of(samples.iter().filter_map(|sample| sample.details.map(value))).map(|spread| spread.median)
        };
        Some(Row {
            work: work.to_owned(),
            server: server.to_owned(),
            requests_per_second: Spread::of(samples.iter().map(|sample| sample.rate))?,
            p50_us: median(|details| details.p50_us.into()),
            p99_us: median(|details| details.p99_us.into()),
            server_core_percent: median(|details| details.server_core * 100.0),
            load_core_percent: median(|details| details.load_core * 100.0),
            ratios: Vec::new(),
        })
    }

    /// Adds the ratio to a peer's samples of the same rounds.
    pub fn beside(mut self, name: &str, own: &[Sample], peer: &[Sample]) -> Row {
        let ratio = Spread::of(own.iter().zip(peer).map(|(own, peer)| own.rate / peer.rate));
        self.ratios.extend(ratio.map(|ratio| Ratio { beside: name.to_owned(), ratio }));
        self
    }
}

//! One measurement, and what many of them come to.

use std::time::Instant;

use serde::Serialize;

use crate::{
    Failure,
    load::{Load, Target, Until, Walk},
    process::{self, core_busy},
    servers::Server,
    settings::{SLUGS, Settings},
};

/// What one measurement showed.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Requests a second.
    pub rate: f64,
    /// Latencies in microseconds; `None` where they were not looked at.
    pub latency: Option<(u64, u64)>,
    /// Which share of its core the server had, and the load of its own.
    pub busy: Option<(f64, f64)>,
    /// Which share of the two cores others had.
    pub others: f64,
}

/// Puts load on a server with a walk through `targets`, which first goes through all of them once unmeasured.
pub fn measure(settings: &Settings, server: &Server, targets: &[Target]) -> Result<Sample, Failure> {
    measure_over(settings, server, targets, settings.connections, SLUGS.max(targets.len() as u64))
}

/// The same over so many connections, after so many answers that do not count.
pub fn measure_over(
    settings: &Settings,
    server: &Server,
    targets: &[Target],
    connections: usize,
    before: u64,
) -> Result<Sample, Failure> {
    let mut load = Load::new(&vec![server.address; connections])?;
    let mut walk = Walk::new(targets, connections);
    load.run(&mut walk, Until::Answers(before))?;
    // Its log is written like any other time; the disk must not be filled by it.
    server.process.forget_log()?;
    let all = || core_busy(settings.server_core) + core_busy(settings.load_core);
    let before = (server.process.busy(), process::busy("self"), all());
    let start = Instant::now();
    let measured = load.run(&mut walk, Until::Time(settings.time))?;
    // Longer than what is counted: what was under way at the end was waited for.
    let elapsed = start.elapsed().as_secs_f64();
    let theirs = server.process.busy().saturating_sub(before.0).as_secs_f64() / elapsed;
    let ours = process::busy("self").saturating_sub(before.1).as_secs_f64() / elapsed;
    let others = all().saturating_sub(before.2).as_secs_f64() / elapsed - theirs - ours;
    server.process.forget_log()?;
    Ok(Sample {
        rate: count(measured.answers) / measured.elapsed.as_secs_f64(),
        latency: Some((measured.latency.percentile(50), measured.latency.percentile(99))),
        busy: Some((theirs, ours)),
        others: others.max(0.0) / 2.0,
    })
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

/// What a server did with one kind of work.
#[derive(Debug, Serialize)]
pub struct Row {
    pub work: String,
    pub server: String,
    pub requests_per_second: Spread,
    pub p50_us: Option<f64>,
    pub p99_us: Option<f64>,
    pub server_core_percent: Option<f64>,
    pub load_core_percent: Option<f64>,
    pub others_percent: f64,
    /// Its rate over that of each peer in the same round.
    pub ratios: Vec<Ratio>,
}

#[derive(Debug, Serialize)]
pub struct Ratio {
    pub beside: String,
    pub ratio: Spread,
}

impl Row {
    pub fn of(work: &str, server: &str, samples: &[Sample]) -> Option<Row> {
        let median = |value: &dyn Fn(&Sample) -> Option<f64>| {
            Spread::of(samples.iter().filter_map(value)).map(|spread| spread.median)
        };
        Some(Row {
            work: work.to_owned(),
            server: server.to_owned(),
            requests_per_second: Spread::of(samples.iter().map(|sample| sample.rate))?,
            p50_us: median(&|sample| sample.latency.map(|(p50, _)| count(p50))),
            p99_us: median(&|sample| sample.latency.map(|(_, p99)| count(p99))),
            server_core_percent: median(&|sample| sample.busy.map(|(theirs, _)| theirs * 100.0)),
            load_core_percent: median(&|sample| sample.busy.map(|(_, ours)| ours * 100.0)),
            others_percent: median(&|sample| Some(sample.others * 100.0)).unwrap_or_default(),
            ratios: Vec::new(),
        })
    }

    /// The same row with its ratio to another's samples of the same rounds.
    pub fn beside(mut self, name: &str, own: &[Sample], other: &[Sample]) -> Row {
        let ratio = Spread::of(own.iter().zip(other).map(|(own, other)| own.rate / other.rate));
        self.ratios.extend(ratio.map(|ratio| Ratio { beside: name.to_owned(), ratio }));
        self
    }
}

/// A count as a number to calculate with.
pub fn count(count: u64) -> f64 {
    // Exact up to 2^32, and far more than is ever counted here.
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

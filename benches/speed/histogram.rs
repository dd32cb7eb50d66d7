//! How long answers took: a fixed number of buckets, each less than 1 % wide.

use std::time::Duration;

/// Values below this have a bucket each; above, every doubling has half as many.
const FINE: u64 = 256;

#[derive(Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

impl Histogram {
    pub fn new() -> Histogram {
        Histogram { buckets: vec![0; bucket(u64::from(u32::MAX)) + 1], count: 0 }
    }

    pub fn record(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).min(u64::from(u32::MAX));
        self.buckets[bucket(micros)] += 1;
        self.count += 1;
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The time within which `share` percent of the answers came, in microseconds.
    pub fn percentile(&self, share: u64) -> u64 {
        let wanted = (self.count * share).div_ceil(100);
        let mut seen = 0;
        let found = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        end(found.unwrap_or_default())
    }
}

fn bucket(micros: u64) -> usize {
    let shift = u64::from((micros | (FINE - 1)).ilog2() - (FINE - 1).ilog2());
    usize::try_from(shift * (FINE / 2) + (micros >> shift)).unwrap_or(usize::MAX)
}

/// The largest value of a bucket.
fn end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < FINE {
        return bucket;
    }
    let shift = bucket / (FINE / 2) - 1;
    ((bucket - shift * (FINE / 2) + 1) << shift) - 1
}

//! Durations in buckets, without a lock.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

/// How many durations fell into which of `N` buckets and beyond. The bounds, in nanoseconds and rising, are the
/// caller's, and always the same.
#[derive(Debug)]
pub(super) struct Histogram<const N: usize> {
    nanos: AtomicU64,
    buckets: [AtomicU64; N],
    beyond: AtomicU64,
}

impl<const N: usize> Histogram<N> {
    pub(super) const fn new() -> Self {
        let buckets = [const { AtomicU64::new(0) }; N];
        Histogram { nanos: AtomicU64::new(0), buckets, beyond: AtomicU64::new(0) }
    }

    pub(super) fn observe(&self, bounds: &[u64; N], duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = bounds.iter().position(|bound| nanos <= *bound);
        bucket.map_or(&self.beyond, |bucket| &self.buckets[bucket]).fetch_add(1, Relaxed);
        self.nanos.fetch_add(nanos, Relaxed);
    }
}

/// What histograms of the same bounds have together.
#[derive(Debug)]
pub(super) struct Totals<const N: usize> {
    nanos: u64,
    buckets: [u64; N],
    beyond: u64,
}

impl<const N: usize> Default for Totals<N> {
    fn default() -> Self {
        Totals { nanos: 0, buckets: [0; N], beyond: 0 }
    }
}

impl<const N: usize> Totals<N> {
    pub(super) fn add(&mut self, histogram: &Histogram<N>) {
        self.nanos = self.nanos.wrapping_add(histogram.nanos.load(Relaxed));
        self.beyond += histogram.beyond.load(Relaxed);
        for (total, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *total += bucket.load(Relaxed);
        }
    }

    /// Counted from the buckets, so that the two never contradict each other.
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum::<u64>() + self.beyond
    }

    pub(super) fn encode(&self, bounds: &[u64; N], mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let seconds = |nanos| Duration::from_nanos(nanos).as_secs_f64();
        let mut buckets: Vec<_> = bounds.iter().map(|bound| seconds(*bound)).zip(self.buckets).collect();
        buckets.push((f64::INFINITY, self.beyond));
        encoder.encode_histogram::<NoLabelSet>(seconds(self.nanos), self.count(), &buckets, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_bucket_whose_bound_it_does_not_exceed() {
        let bounds = [10, 20, 40];
        let histogram = Histogram::new();
        for nanos in [0, 10, 11, 20, 40, 41, 1_000] {
            histogram.observe(&bounds, Duration::from_nanos(nanos));
        }
        let mut totals = Totals::default();
        totals.add(&histogram);
        totals.add(&histogram);
        assert_eq!((totals.buckets, totals.beyond), ([4, 4, 2], 4));
        assert_eq!((totals.nanos, totals.count()), (2 * 1_122, 14));
    }
}

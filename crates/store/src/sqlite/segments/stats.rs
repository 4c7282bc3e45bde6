//! What the writer has done since the log was opened, for metrics and for tests that count.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) commits: AtomicU64,
    pub(super) transactions: AtomicU64,
    pub(super) events: AtomicU64,
    pub(super) outcomes: AtomicU64,
    pub(super) nanos: AtomicU64,
    pub(super) segments_begun: AtomicU64,
}

/// Sums since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Batches that were applied.
    pub commits: u64,
    /// Durable transactions, with those that ended waiting deliveries or began a segment.
    pub transactions: u64,
    pub events: u64,
    /// Records, parks and targets of later slices.
    pub outcomes: u64,
    /// Time spent in commits.
    pub commit_time: Duration,
    pub segments_begun: u64,
}

impl Counters {
    pub(super) fn read(&self) -> LogStats {
        LogStats {
            commits: self.commits.load(Relaxed),
            transactions: self.transactions.load(Relaxed),
            events: self.events.load(Relaxed),
            outcomes: self.outcomes.load(Relaxed),
            commit_time: Duration::from_nanos(self.nanos.load(Relaxed)),
            segments_begun: self.segments_begun.load(Relaxed),
        }
    }
}

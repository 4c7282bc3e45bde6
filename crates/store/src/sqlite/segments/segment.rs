//! The segments as everybody sees them: which file holds which events, and what waits in each.
//!
//! The counts of waiting deliveries are memory only. They are taken from the files when the log is opened
//! and moved by the writer after each commit, before the caller hears of it; they say where to look, never
//! whether a row may change.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{EventSeq, SubscriptionNo};
use parking_lot::{Mutex, RwLock};

/// How the numbers of waiting rows changed in a transaction.
pub(super) type Deltas = HashMap<SubscriptionNo, i64>;

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) first: EventSeq,
    pub(super) path: PathBuf,
    pub(super) accepted: Span,
    pending: Mutex<HashMap<SubscriptionNo, u64>>,
}

/// The earliest and the latest acceptance in a segment.
#[derive(Debug)]
pub(super) struct Span {
    from: AtomicI64,
    to: AtomicI64,
}

impl Default for Span {
    fn default() -> Self {
        Self { from: AtomicI64::new(i64::MAX), to: AtomicI64::new(i64::MIN) }
    }
}

impl Span {
    pub(super) fn include(&self, at: WallTime) {
        self.from.fetch_min(at.0, Ordering::Relaxed);
        self.to.fetch_max(at.0, Ordering::Relaxed);
    }

    pub(super) fn from(&self) -> WallTime {
        WallTime(self.from.load(Ordering::Relaxed))
    }

    pub(super) fn to(&self) -> WallTime {
        WallTime(self.to.load(Ordering::Relaxed))
    }
}

impl Segment {
    pub(super) fn new(first: EventSeq, path: PathBuf) -> Self {
        Self { first, path, accepted: Span::default(), pending: Mutex::default() }
    }

    /// Rows of one subscription that wait here.
    pub(super) fn pending(&self, subscription: SubscriptionNo) -> u64 {
        self.pending.lock().get(&subscription).copied().unwrap_or(0)
    }

    /// Whether anything at all waits here.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.lock().is_empty()
    }

    pub(super) fn set_pending(&self, pending: HashMap<SubscriptionNo, u64>) {
        *self.pending.lock() = pending;
    }

    pub(super) fn move_pending(&self, deltas: &Deltas) {
        if deltas.is_empty() {
            return;
        }
        let mut pending = self.pending.lock();
        for (subscription, delta) in deltas {
            let count = pending.entry(*subscription).or_default();
            *count = count.saturating_add_signed(*delta);
            if *count == 0 {
                pending.remove(subscription);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn all_pending(&self) -> HashMap<SubscriptionNo, u64> {
        self.pending.lock().clone()
    }
}

/// A segment with the number of its last event; `last < first` while it has none.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) segment: Arc<Segment>,
    pub(super) last: EventSeq,
}

/// All segments, oldest first; the last is the one that takes events.
#[derive(Debug, Default)]
pub(super) struct Segments {
    list: RwLock<Arc<Vec<Arc<Segment>>>>,
    last_seq: AtomicI64,
}

impl Segments {
    pub(super) fn all(&self) -> Arc<Vec<Arc<Segment>>> {
        Arc::clone(&self.list.read())
    }

    pub(super) fn push(&self, segment: Arc<Segment>) {
        let mut list = self.list.write();
        *list = Arc::new(list.iter().cloned().chain([segment]).collect());
    }

    pub(super) fn remove(&self, first: EventSeq) {
        let mut list = self.list.write();
        *list = Arc::new(list.iter().filter(|segment| segment.first != first).cloned().collect());
    }

    /// The newest event that is durable.
    pub(super) fn last_seq(&self) -> EventSeq {
        EventSeq(self.last_seq.load(Ordering::Acquire))
    }

    pub(super) fn set_last_seq(&self, seq: EventSeq) {
        self.last_seq.store(seq.0, Ordering::Release);
    }

    /// Oldest first, as of now.
    pub(super) fn stretches(&self) -> Vec<Stretch> {
        // In this order: a segment that is added in between begins after this last number.
        let last = self.last_seq();
        let all = self.all();
        let ends = all.iter().skip(1).map(|next| EventSeq(next.first.0 - 1).min(last)).chain([last]);
        all.iter().cloned().zip(ends).map(|(segment, last)| Stretch { segment, last }).collect()
    }

    /// The segment that holds an event; `None` if it was dropped or is not accepted.
    pub(super) fn find(&self, seq: EventSeq) -> Option<Arc<Segment>> {
        if seq > self.last_seq() {
            return None;
        }
        let all = self.all();
        let after = all.partition_point(|segment| segment.first <= seq);
        after.checked_sub(1).map(|index| Arc::clone(&all[index]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(firsts: &[i64], last: i64) -> Segments {
        let segments = Segments::default();
        firsts
            .iter()
            .for_each(|first| segments.push(Arc::new(Segment::new(EventSeq(*first), PathBuf::new()))));
        segments.set_last_seq(EventSeq(last));
        segments
    }

    #[test]
    fn an_event_is_in_the_segment_whose_stretch_holds_it() {
        let segments = segments(&[10, 20, 30], 35);
        let first_of = |seq| segments.find(EventSeq(seq)).map(|segment| segment.first.0);
        assert_eq!(
            [9, 10, 19, 20, 35, 36].map(first_of),
            [None, Some(10), Some(10), Some(20), Some(30), None]
        );
        let stretches = segments.stretches();
        let ends: Vec<i64> = stretches.iter().map(|stretch| stretch.last.0).collect();
        assert_eq!(ends, [19, 29, 35]);
    }

    #[test]
    fn a_count_that_falls_to_nothing_is_forgotten() {
        let segment = Segment::new(EventSeq(1), PathBuf::new());
        segment.move_pending(&Deltas::from([(SubscriptionNo(1), 2), (SubscriptionNo(2), 1)]));
        segment.move_pending(&Deltas::from([(SubscriptionNo(1), -1), (SubscriptionNo(2), -1)]));
        assert_eq!(segment.all_pending(), HashMap::from([(SubscriptionNo(1), 1)]));
    }
}

//! What accounts use: events, the deliveries they are matched to, bytes of their bodies. Counted where
//! they became durable, by account and day, until somebody takes the counts away to keep them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use hookswitch_core::id::AccountId;
use parking_lot::Mutex;
use tokio::sync::Notify;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub events: u64,
    pub deliveries: u64,
    pub bytes: u64,
}

impl Counts {
    pub fn add(&mut self, more: Self) {
        self.events += more.events;
        self.deliveries += more.deliveries;
        self.bytes += more.bytes;
    }

    pub fn remove(&mut self, less: Self) {
        self.events = self.events.saturating_sub(less.events);
        self.deliveries = self.deliveries.saturating_sub(less.deliveries);
        self.bytes = self.bytes.saturating_sub(less.bytes);
    }
}

/// An account on a day (`WallTime::utc_day`).
pub type AccountDay = (AccountId, i64);

/// Cheap to clone; all clones are the same counts.
#[derive(Clone, Default)]
pub struct Usage(Arc<Parts>);

#[derive(Default)]
struct Parts {
    counts: Mutex<HashMap<AccountDay, Counts>>,
    counted: Notify,
}

impl Usage {
    pub(crate) fn count(&self, of: AccountDay, counts: Counts) {
        let mut all = self.0.counts.lock();
        if all.is_empty() {
            self.0.counted.notify_one();
        }
        match all.entry(of) {
            Entry::Occupied(present) => present.into_mut().add(counts),
            Entry::Vacant(place) => {
                place.insert(counts);
            }
        }
    }

    /// Resolves once there is something to take.
    pub async fn counted(&self) {
        self.0.counted.notified().await;
    }

    /// What was counted since the last time.
    pub fn take(&self) -> HashMap<AccountDay, Counts> {
        std::mem::take(&mut *self.0.counts.lock())
    }

    /// What was taken and could not be kept.
    pub fn put_back(&self, counts: HashMap<AccountDay, Counts>) {
        counts.into_iter().for_each(|(of, counts)| self.count(of, counts));
    }

    /// What is not taken yet.
    pub fn waiting(&self, of: AccountDay) -> Counts {
        self.0.counts.lock().get(&of).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_until_they_are_taken_and_can_be_put_back() {
        let usage = Usage::default();
        let one = Counts { events: 1, deliveries: 2, bytes: 30 };
        let of = (AccountId(7), 20_000);
        usage.count(of, one);
        usage.count(of, one);
        assert_eq!(usage.waiting(of), Counts { events: 2, deliveries: 4, bytes: 60 });
        let taken = usage.take();
        assert_eq!((taken.len(), usage.waiting(of)), (1, Counts::default()));
        usage.count(of, one);
        usage.put_back(taken);
        assert_eq!(usage.waiting(of).events, 3);
    }
}

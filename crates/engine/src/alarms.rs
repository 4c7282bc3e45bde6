//! When to look at which lane again: one timer for all of them.
//!
//! An alarm is a hint; the lane decides when it is looked at. Each lane has at most one alarm, the
//! earliest asked for.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use hookswitch_core::clock::{Handles, MonoTime, WallTime};
use hookswitch_core::id::SubscriptionNo;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The longest sleep, so that a step of the wall clock delays nothing for longer than this.
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(crate) struct Alarms {
    set: Mutex<Set>,
    earlier: Notify,
}

#[derive(Default)]
struct Set {
    by_time: BTreeSet<(MonoTime, SubscriptionNo)>,
    by_lane: HashMap<SubscriptionNo, MonoTime>,
}

impl Alarms {
    pub(crate) fn at_wall(&self, lane: SubscriptionNo, due: WallTime, handles: &Handles) {
        let wait = due.since(handles.now()).min(LONGEST);
        self.at(lane, handles.monotonic().plus(wait));
    }

    pub(crate) fn at(&self, lane: SubscriptionNo, when: MonoTime) {
        let mut set = self.set.lock();
        let first = set.by_time.first().copied();
        match set.by_lane.get(&lane).copied() {
            Some(before) if before <= when => return,
            Some(before) => {
                set.by_time.remove(&(before, lane));
            }
            None => {}
        }
        set.by_lane.insert(lane, when);
        set.by_time.insert((when, lane));
        let is_first = first.is_none_or(|(first, _)| when < first);
        drop(set);
        if is_first {
            self.earlier.notify_one();
        }
    }

    pub(crate) fn earliest(&self) -> Option<MonoTime> {
        self.set.lock().by_time.first().map(|(when, _)| *when)
    }

    /// Waits until some lanes are to be looked at, and takes them.
    pub(crate) async fn next(&self, handles: &Handles) -> Vec<SubscriptionNo> {
        loop {
            let earliest = {
                let mut set = self.set.lock();
                let rung = set.take_until(handles.monotonic());
                if !rung.is_empty() {
                    return rung;
                }
                set.by_time.first().map(|(when, _)| *when)
            };
            match earliest {
                None => self.earlier.notified().await,
                Some(when) => {
                    tokio::select! {
                        () = self.earlier.notified() => {}
                        () = handles.clock.sleep_until(when) => {}
                    }
                }
            }
        }
    }
}

impl Set {
    fn take_until(&mut self, now: MonoTime) -> Vec<SubscriptionNo> {
        let mut rung = Vec::new();
        while let Some((when, lane)) = self.by_time.first().copied()
            && when <= now
        {
            self.by_time.pop_first();
            self.by_lane.remove(&lane);
            rung.push(lane);
        }
        rung
    }
}

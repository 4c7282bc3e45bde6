//! How many attempts an endpoint gets at once, and pauses it asked for. A value; it waits for nothing.
//!
//! Starts low, grows while work waits and the endpoint answers about as fast as it ever does, shrinks when
//! it fails or is late, and stops altogether while a `Retry-After` runs. Answers that take longer than
//! need be tell that requests already queue somewhere: more of them at once would only queue too.

use std::time::Duration;

use hookswitch_core::clock::MonoTime;
use hookswitch_core::delivery::Outcome;
use hookswitch_core::limits;

/// Attempts at once for one endpoint.
#[derive(Clone, Copy, Debug)]
pub struct InFlight {
    pub at_first: u32,
    pub at_most: u32,
}

impl Default for InFlight {
    fn default() -> Self {
        Self { at_first: limits::IN_FLIGHT_AT_FIRST, at_most: limits::IN_FLIGHT_AT_MOST }
    }
}

#[derive(Debug)]
pub(crate) struct Pace {
    most: f64,
    limit: f64,
    paused_until: MonoTime,
    /// Shrink at most once for all attempts that were under way together.
    shrunk_at: MonoTime,
    fastest: Fastest,
}

/// The fastest answer of late: of this span of time and of the one before.
#[derive(Clone, Copy, Debug)]
struct Fastest {
    now: Duration,
    before: Duration,
    until: MonoTime,
}

/// An endpoint that has become slower for good is known as such after twice this.
const FASTEST_OF: Duration = Duration::from_secs(10);
/// Answers this much slower than the fastest are no sign of a queue.
const SLACK: Duration = Duration::from_millis(1);

impl Fastest {
    fn note(&mut self, latency: Duration, now: MonoTime) -> Duration {
        if now >= self.until {
            (self.before, self.now) = (self.now, latency);
            self.until = now.plus(FASTEST_OF);
        }
        self.now = self.now.min(latency);
        self.now.min(self.before)
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(InFlight::default(), MonoTime::default())
    }
}

impl Pace {
    pub(crate) fn new(bounds: InFlight, now: MonoTime) -> Self {
        let most = f64::from(bounds.at_most.max(1));
        let limit = f64::from(bounds.at_first.max(1)).min(most);
        let fastest = Fastest { now: Duration::MAX, before: Duration::MAX, until: now };
        Self { most, limit, paused_until: now, shrunk_at: now, fastest }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit as usize
    }

    pub(crate) fn paused_until(&self, now: MonoTime) -> Option<MonoTime> {
        (self.paused_until > now).then_some(self.paused_until)
    }

    /// An attempt ended after `latency`; `busy` says whether more work waits.
    pub(crate) fn note(&mut self, outcome: Outcome, latency: Duration, busy: bool, now: MonoTime) {
        match outcome {
            Outcome::Delivered => {
                let fastest = self.fastest.note(latency, now);
                if busy && latency <= fastest.saturating_mul(2).saturating_add(SLACK) {
                    self.limit = (self.limit + 1.0 / self.limit).min(self.most);
                }
            }
            Outcome::OurFault => {}
            Outcome::Refused => {}
            Outcome::Retry { hint } => {
                if let Some(hint) = hint {
                    self.paused_until = self.paused_until.max(now.plus(hint));
                }
                if now.since(self.shrunk_at) >= latency {
                    self.limit = (self.limit / 2.0).max(1.0);
                    self.shrunk_at = now;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: InFlight = InFlight { at_first: 4, at_most: 32 };
    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> MonoTime {
        MonoTime::default().plus(Duration::from_millis(millis))
    }

    #[test]
    fn it_grows_while_work_waits_and_not_beyond_the_most() {
        let mut pace = Pace::new(BOUNDS, at(0));
        for n in 0..10_000 {
            pace.note(Outcome::Delivered, Duration::from_millis(1), true, at(n));
        }
        assert_eq!(pace.limit(), 32);
        let before = pace.limit();
        pace.note(Outcome::Delivered, Duration::from_millis(1), false, at(10_001));
        assert_eq!(pace.limit(), before);
    }

    #[test]
    fn it_does_not_grow_while_answers_queue_and_learns_when_the_endpoint_is_slower_for_good() {
        let mut pace = Pace::new(BOUNDS, at(0));
        let mut deliver = |millis, latency| {
            pace.note(Outcome::Delivered, Duration::from_millis(latency), true, at(millis));
            pace.limit()
        };
        assert_eq!(deliver(0, 50), 4);
        for millis in 1..5000 {
            assert_eq!(deliver(millis, 102), 4, "twice as slow as need be");
        }
        assert_eq!(deliver(10_001, 102), 4, "it was faster within the last twenty seconds");
        let grown = (20_002..25_000).map(|millis| deliver(millis, 102)).last();
        assert_eq!(grown, Some(32), "102 ms is what it takes by now");
    }

    #[test]
    fn attempts_that_fail_together_shrink_it_once() {
        let mut pace = Pace::new(BOUNDS, at(0));
        for _ in 0..4 {
            pace.note(Outcome::Retry { hint: None }, SECOND, true, at(1000));
        }
        assert_eq!(pace.limit(), 2);
        for millis in [2000, 3000, 4000] {
            pace.note(Outcome::Retry { hint: None }, SECOND, true, at(millis));
        }
        assert_eq!(pace.limit(), 1);
    }

    #[test]
    fn a_hint_pauses_the_whole_endpoint() {
        let mut pace = Pace::new(BOUNDS, at(0));
        pace.note(Outcome::Retry { hint: Some(SECOND * 30) }, SECOND, true, at(1000));
        assert_eq!(pace.paused_until(at(1000)), Some(at(31_000)));
        assert_eq!(pace.paused_until(at(31_000)), None);
    }
}

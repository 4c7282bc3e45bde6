//! How many attempts an endpoint gets at once, and pauses it asked for. A value; it waits for nothing.
//!
//! Starts at 4 (design.md, delivery policy), grows while the endpoint answers and work waits, shrinks
//! when it fails or is late, and stops altogether while a `Retry-After` runs.

use std::time::Duration;

use hookswitch_core::clock::MonoTime;
use hookswitch_core::delivery::Outcome;
use hookswitch_core::limits::{IN_FLIGHT_AT_FIRST, IN_FLIGHT_AT_MOST};

#[derive(Debug)]
pub(crate) struct Pace {
    limit: f64,
    paused_until: MonoTime,
    /// Shrink at most once for all attempts that were under way together.
    shrunk_at: MonoTime,
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(MonoTime::default())
    }
}

impl Pace {
    pub(crate) fn new(now: MonoTime) -> Self {
        Self { limit: f64::from(IN_FLIGHT_AT_FIRST), paused_until: now, shrunk_at: now }
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
            Outcome::Delivered if busy => {
                self.limit = (self.limit + 1.0 / self.limit).min(f64::from(IN_FLIGHT_AT_MOST))
            }
            Outcome::Delivered | Outcome::OurFault => {}
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

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> MonoTime {
        MonoTime::default().plus(Duration::from_millis(millis))
    }

    #[test]
    fn it_grows_while_work_waits_and_not_beyond_the_most() {
        let mut pace = Pace::new(at(0));
        for n in 0..10_000 {
            pace.note(Outcome::Delivered, Duration::from_millis(1), true, at(n));
        }
        assert_eq!(pace.limit(), IN_FLIGHT_AT_MOST as usize);
        let before = pace.limit();
        pace.note(Outcome::Delivered, Duration::from_millis(1), false, at(10_001));
        assert_eq!(pace.limit(), before);
    }

    #[test]
    fn attempts_that_fail_together_shrink_it_once() {
        let mut pace = Pace::new(at(0));
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
        let mut pace = Pace::new(at(0));
        pace.note(Outcome::Retry { hint: Some(SECOND * 30) }, SECOND, true, at(1000));
        assert_eq!(pace.paused_until(at(1000)), Some(at(31_000)));
        assert_eq!(pace.paused_until(at(31_000)), None);
    }
}

//! Reminders: a subscription that is about to expire can say so to its owner (contract.md §4.4).
//!
//! Here are the bounds of what a reminder filter may ask for (D7). Reading the filter's text is
//! `filter`'s business, sending reminders the engine's.

use std::fmt;
use std::time::Duration;

/// How often the reminder job runs; nothing shorter can be asked for (D7).
pub const JOB_PERIOD: Duration = Duration::from_secs(1);

/// What `/restapi/v1.0/subscription/~?threshold=T&interval=I` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reminder {
    /// The first reminder comes when this much of the lifetime is left.
    pub threshold: Duration,
    /// Further ones follow at this distance, until it is renewed or expires.
    pub interval: Duration,
}

/// A bound that a reminder filter oversteps. The answer is SUB-516 and names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBounds {
    pub parameter: &'static str,
    pub value: Duration,
    pub bound: Duration,
    pub side: Side,
    /// Where the bound comes from.
    pub reason: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Least,
    Most,
}

impl fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Least => "at least",
            Side::Most => "at most",
        };
        let (parameter, bound, reason) = (self.parameter, seconds(self.bound), self.reason);
        write!(f, "{parameter} is {}, it must be {side} {bound}, {reason}", seconds(self.value))
    }
}

impl std::error::Error for OutOfBounds {}

impl Reminder {
    /// Whether a subscription of this lifetime may have this reminder (seed 001, D7).
    pub fn check(self, lifetime: Duration) -> Result<(), OutOfBounds> {
        const PERIOD: &str = "the period of the reminder job";
        let Self { threshold, interval } = self;
        least("threshold", threshold, JOB_PERIOD, PERIOD)?;
        least("interval", interval, JOB_PERIOD, PERIOD)?;
        most("threshold", threshold, lifetime / 2, "half the lifetime of the subscription")?;
        most("interval", interval, threshold / 2, "half the threshold")
    }
}

fn least(
    parameter: &'static str,
    value: Duration,
    bound: Duration,
    reason: &'static str,
) -> Result<(), OutOfBounds> {
    if value < bound {
        return Err(OutOfBounds { parameter, value, bound, side: Side::Least, reason });
    }
    Ok(())
}

fn most(
    parameter: &'static str,
    value: Duration,
    bound: Duration,
    reason: &'static str,
) -> Result<(), OutOfBounds> {
    if value > bound {
        return Err(OutOfBounds { parameter, value, bound, side: Side::Most, reason });
    }
    Ok(())
}

/// `1 s`, `302400.5 s`: halves of odd numbers are named as they are.
fn seconds(span: Duration) -> String {
    if span.subsec_millis() == 0 {
        format!("{} s", span.as_secs())
    } else {
        format!("{:.1} s", span.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(threshold: u64, interval: u64, lifetime: u64) -> Result<(), String> {
        let reminder =
            Reminder { threshold: Duration::from_secs(threshold), interval: Duration::from_secs(interval) };
        reminder.check(Duration::from_secs(lifetime)).map_err(|bound| bound.to_string())
    }

    #[test]
    fn the_pairs_that_real_clients_use_are_taken() {
        for (threshold, interval) in
            [(60, 15), (59, 15), (120, 35), (86_400, 43_200), (259_200, 43_200), (302_400, 151_200)]
        {
            assert_eq!(check(threshold, interval, 604_800), Ok(()), "{threshold}/{interval}");
        }
        assert_eq!(check(450, 225, 900), Ok(()));
    }

    #[test]
    fn a_pair_outside_the_bounds_is_refused_and_the_bound_is_named() {
        for (threshold, interval, lifetime, words) in [
            (
                302_401,
                1,
                604_800,
                "threshold is 302401 s, it must be at most 302400 s, half the lifetime of the subscription",
            ),
            (
                451,
                15,
                901,
                "threshold is 451 s, it must be at most 450.5 s, half the lifetime of the subscription",
            ),
            (60, 31, 604_800, "interval is 31 s, it must be at most 30 s, half the threshold"),
            (0, 0, 604_800, "threshold is 0 s, it must be at least 1 s, the period of the reminder job"),
            (60, 0, 604_800, "interval is 0 s, it must be at least 1 s, the period of the reminder job"),
        ] {
            assert_eq!(check(threshold, interval, lifetime).unwrap_err(), words);
        }
    }

    proptest! {
        #[test]
        fn a_reminder_that_is_taken_comes_at_least_twice_before_the_end(
            threshold in 0u64..2_000, interval in 0u64..2_000, lifetime in 0u64..4_000,
        ) {
            if check(threshold, interval, lifetime).is_ok() {
                prop_assert!(lifetime - threshold >= threshold);
                prop_assert!(interval >= 1 && threshold / interval >= 2);
            }
        }
    }
}

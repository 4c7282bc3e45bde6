//! Reminders: a subscription that is about to expire can say so to its owner (contract.md §4.4).
//!
//! Here are the bounds of what a reminder filter may ask for (D7), and when reminders are due. Reading
//! the filter's text is `filter`'s business, sending reminders the engine's.

use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use crate::clock::WallTime;
use crate::id::SubscriptionId;

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

    /// The moment of the reminder that a subscription with this end should have had last; `None` before
    /// the first. There is none at the end itself.
    pub fn latest_due(self, expires_at: WallTime, now: WallTime) -> Option<WallTime> {
        let (first, interval) = (self.first_due(expires_at), self.interval_millis());
        let last_moment = now.0.min(expires_at.0.saturating_sub(1));
        (last_moment >= first.0).then(|| WallTime(first.0 + (last_moment - first.0) / interval * interval))
    }

    /// The moment of the first reminder later than `after`; `None` if the end comes before.
    pub fn next_due(self, expires_at: WallTime, after: WallTime) -> Option<WallTime> {
        let first = self.first_due(expires_at);
        let next = match self.latest_due(expires_at, after) {
            None => first,
            Some(latest) => WallTime(latest.0.saturating_add(self.interval_millis())),
        };
        (next < expires_at && next > after).then_some(next)
    }

    /// Whether the subscription was renewed since a reminder was made: it would not be due any more.
    pub fn is_answered(self, made_at: WallTime, expires_at: WallTime) -> bool {
        made_at < self.first_due(expires_at)
    }

    fn first_due(self, expires_at: WallTime) -> WallTime {
        expires_at.minus(self.threshold)
    }

    fn interval_millis(self) -> i64 {
        i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX).max(1)
    }
}

/// The uuid of the reminder that is due then. Always the same, so that a restart repeats none.
pub fn event_uuid(subscription: SubscriptionId, due: WallTime) -> Uuid {
    Uuid::new_v5(&subscription.0, format!("reminder/{}", due.0).as_bytes())
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

    const END: WallTime = WallTime(1_000_000);

    fn reminder(threshold: u64, interval: u64) -> Reminder {
        Reminder { threshold: Duration::from_secs(threshold), interval: Duration::from_secs(interval) }
    }

    #[test]
    fn reminders_begin_at_the_threshold_and_end_before_the_end() {
        let reminder = reminder(60, 15);
        let due: Vec<i64> =
            std::iter::successors(reminder.next_due(END, WallTime(0)), |due| reminder.next_due(END, *due))
                .map(|due| due.0)
                .collect();
        assert_eq!(due, [940_000, 955_000, 970_000, 985_000]);
        for (now, latest) in [
            (939_999, None),
            (940_000, Some(940_000)),
            (954_999, Some(940_000)),
            (999_999, Some(985_000)),
            (5_000_000, Some(985_000)),
        ] {
            assert_eq!(reminder.latest_due(END, WallTime(now)), latest.map(WallTime), "{now}");
        }
        assert_eq!(reminder.next_due(END, WallTime(5_000_000)), None);
    }

    #[test]
    fn a_renewal_answers_what_was_made_before_it() {
        let reminder = reminder(60, 15);
        assert!(!reminder.is_answered(WallTime(955_000), END));
        assert!(reminder.is_answered(WallTime(955_000), END.plus(Duration::from_secs(16))));
    }

    #[test]
    fn a_reminder_has_one_uuid_by_subscription_and_moment() {
        let (one, other) = (SubscriptionId(Uuid::from_u128(1)), SubscriptionId(Uuid::from_u128(2)));
        assert_eq!(event_uuid(one, END), event_uuid(one, END));
        assert_ne!(event_uuid(one, END), event_uuid(other, END));
        assert_ne!(event_uuid(one, END), event_uuid(one, WallTime(1)));
        assert_eq!(event_uuid(one, END).get_version_num(), 5);
    }

    proptest! {
        #[test]
        fn the_latest_and_the_next_have_one_interval_between_them(
            threshold in 2u64..10_000, interval in 1u64..5_000, now in 0i64..20_000_000,
        ) {
            let reminder = reminder(threshold, interval);
            let (end, now) = (WallTime(10_000_000), WallTime(now));
            let (latest, next) = (reminder.latest_due(end, now), reminder.next_due(end, now));
            prop_assert!(latest.is_none_or(|due| due <= now && due < end));
            prop_assert!(next.is_none_or(|due| due > now && due < end));
            if let (Some(latest), Some(next)) = (latest, next) {
                prop_assert_eq!(next.since(latest), reminder.interval);
            }
        }

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

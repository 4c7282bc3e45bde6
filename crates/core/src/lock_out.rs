//! What failed logins cost: after a few, each further one delays the next attempt for twice as long, and
//! after many nobody may try for a good while. A success forgets them; so does a day without a failure.
//!
//! Pure: the store keeps the failures of a user, the server those of an address and of names that nobody
//! has, and both ask here what follows from one more.

use std::time::Duration;

use crate::clock::WallTime;

/// Failures are forgotten this long after the last of them stopped blocking.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// What is known of past failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    pub count: u32,
    /// No attempt is judged before this. `None` without failures.
    pub blocked_until: Option<WallTime>,
}

/// What follows from how many failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockOut {
    /// Failures that cost nothing.
    pub free: u32,
    /// The delay after the first that does.
    pub first_delay: Duration,
    /// With this many failures everybody is locked out.
    pub lock_after: u32,
    pub lock_for: Duration,
}

impl Failures {
    /// How long no attempt is judged, if that is so.
    pub fn blocked_for(&self, now: WallTime) -> Option<Duration> {
        self.blocked_until.filter(|until| now < *until).map(|until| until.since(now))
    }

    pub fn are_forgotten(&self, now: WallTime) -> bool {
        self.blocked_until.is_none_or(|until| now >= until.plus(FORGOTTEN_AFTER))
    }
}

impl LockOut {
    pub fn after_failure(&self, before: Failures, now: WallTime) -> Failures {
        let count = if before.are_forgotten(now) { 1 } else { before.count.saturating_add(1) };
        Failures { count, blocked_until: Some(now.plus(self.delay(count))) }
    }

    fn delay(&self, count: u32) -> Duration {
        if count >= self.lock_after {
            return self.lock_for;
        }
        match count.checked_sub(self.free.saturating_add(1)) {
            None => Duration::ZERO,
            Some(doublings) => {
                let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
                self.first_delay.saturating_mul(factor).min(self.lock_for)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: LockOut = LockOut {
        free: 3,
        first_delay: Duration::from_secs(1),
        lock_after: 8,
        lock_for: Duration::from_secs(900),
    };
    const NOON: WallTime = WallTime(1_767_700_000_000);

    #[test]
    fn delays_begin_after_the_free_failures_double_and_end_in_a_lock_out() {
        let mut failures = Failures::default();
        let mut delays = Vec::new();
        for _ in 0..10 {
            failures = RULE.after_failure(failures, NOON);
            delays.push(failures.blocked_for(NOON).map_or(0, |span| span.as_secs()));
        }
        assert_eq!(delays, [0, 0, 0, 1, 2, 4, 8, 900, 900, 900]);
    }

    #[test]
    fn a_day_without_a_failure_forgets_them_all_and_a_moment_less_does_not() {
        let locked = Failures { count: 8, blocked_until: Some(NOON) };
        let day = Duration::from_secs(24 * 3600);
        assert_eq!(RULE.after_failure(locked, NOON.plus(day)).count, 1);
        let almost = NOON.plus(day - Duration::from_millis(1));
        assert_eq!(RULE.after_failure(locked, almost).count, 9);
        assert_eq!(locked.blocked_for(NOON), None, "the moment itself is free");
    }

    #[test]
    fn no_number_of_failures_delays_for_longer_than_the_lock_out() {
        let rule = LockOut { lock_after: u32::MAX, ..RULE };
        let many = Failures { count: 4_000_000, blocked_until: Some(NOON) };
        assert_eq!(rule.after_failure(many, NOON).blocked_for(NOON), Some(rule.lock_for));
    }
}

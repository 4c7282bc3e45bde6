//! When to try again: a schedule of delays with jitter, clamped hints, and each class's time-to-live.
//!
//! Everything here is a value; nothing waits and nothing reads a clock. Defaults are D11 of the wire
//! contract.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A list of delays; the last repeats until the event's time-to-live ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    delays: Vec<Duration>,
    /// Each delay is spread over ±this part of itself, in percent.
    jitter_percent: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let seconds = [1, 5, 15, 60, 5 * 60, 15 * 60, 60 * 60];
        Self { delays: seconds.into_iter().map(Duration::from_secs).collect(), jitter_percent: 20 }
    }
}

impl RetryPolicy {
    /// `None` if there is no delay at all or the jitter could make one negative.
    pub fn new(delays: Vec<Duration>, jitter_percent: u32) -> Option<Self> {
        (!delays.is_empty() && jitter_percent <= 100).then_some(Self { delays, jitter_percent })
    }

    /// The delay after `step` earlier steps, spread by `seed`.
    pub fn delay(&self, step: u32, seed: u64) -> Duration {
        let last = self.delays.len() - 1; // never empty, by construction
        let base = self.delays[usize::try_from(step).map_or(last, |step| step.min(last))];
        let spread = f64::from(self.jitter_percent) / 100.0;
        // 53 bits of the seed as a fraction in [0, 1)
        let fraction = (mix(seed) >> 11) as f64 / (1u64 << 53) as f64;
        base.mul_f64(1.0 - spread + 2.0 * spread * fraction)
    }

    /// The bounds of `delay(step, _)`, for tests and for the reference.
    pub fn bounds(&self, step: u32) -> (Duration, Duration) {
        let last = self.delays.len() - 1;
        let base = self.delays[usize::try_from(step).map_or(last, |step| step.min(last))];
        let spread = f64::from(self.jitter_percent) / 100.0;
        (base.mul_f64(1.0 - spread), base.mul_f64(1.0 + spread))
    }
}

/// One round of splitmix64: neighbouring seeds give unrelated delays.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How long an event of a class is worth delivering (D11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventClass {
    /// Presence and telephony: a stale one is worse than none.
    Realtime,
    /// Messages, fax, voicemail, team messaging.
    Message,
    Other,
}

impl EventClass {
    pub fn time_to_live(self) -> Duration {
        match self {
            Self::Realtime => Duration::from_secs(10 * 60),
            Self::Message => Duration::from_secs(3 * 24 * 3600),
            Self::Other => Duration::from_secs(24 * 3600),
        }
    }
}

/// Reads a `Retry-After` value, in seconds or as an HTTP date, however long; how much of it is obeyed is the caller's choice.
pub fn parse_retry_after(value: &str, now: crate::clock::WallTime) -> Option<Duration> {
    let value = value.trim();
    let wait = match value.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => Duration::from_secs_f64(seconds.min(1e9)),
        Ok(_) => return None,
        Err(_) => {
            let at = httpdate::parse_http_date(value).ok()?;
            let at = at.duration_since(std::time::UNIX_EPOCH).ok()?;
            crate::clock::WallTime(i64::try_from(at.as_millis()).ok()?).since(now)
        }
    };
    Some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::WallTime;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_delay_stays_within_its_bounds(step in 0u32..1000, seed: u64) {
            let policy = RetryPolicy::default();
            let (low, high) = policy.bounds(step);
            let delay = policy.delay(step, seed);
            prop_assert!(delay >= low && delay <= high, "{delay:?} outside {low:?}..{high:?}");
        }
    }

    #[test]
    fn the_default_schedule_is_that_of_d11() {
        let policy = RetryPolicy::new(RetryPolicy::default().delays, 0).unwrap();
        let seconds: Vec<u64> = (0..9).map(|step| policy.delay(step, 0).as_secs()).collect();
        assert_eq!(seconds, [1, 5, 15, 60, 300, 900, 3600, 3600, 3600]);
    }

    #[test]
    fn retry_after_takes_seconds_and_dates() {
        let now = WallTime(1_700_000_000_000);
        assert_eq!(parse_retry_after("30", now), Some(Duration::from_secs(30)));
        assert_eq!(parse_retry_after("0.5", now), Some(Duration::from_millis(500)));
        assert_eq!(parse_retry_after("999999", now), Some(Duration::from_secs(999_999)));
        assert_eq!(parse_retry_after("Tue, 14 Nov 2023 22:13:50 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(parse_retry_after("Tue, 14 Nov 2023 22:13:10 GMT", now), Some(Duration::ZERO));
        for bad in ["", "soon", "-1", "NaN", "inf"] {
            assert_eq!(parse_retry_after(bad, now), None, "{bad}");
        }
    }
}

//! Time, waiting and randomness as handles that a test can own.
//!
//! Nothing in this tree reads a clock or a random generator by itself: it asks one of these handles.
//! The real ones live in the server crate (`server::clock`), the steered ones in the testkit.
//! The clock has two sides. The wall side says what a person's clock says and may step; the monotonic
//! side only grows and is what waiting and latency are measured with.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(pub i64);

const DAY_MS: i64 = 86_400_000;

impl WallTime {
    /// ISO 8601 with milliseconds and `Z`, the only form we emit.
    pub fn iso8601(self) -> String {
        let whole = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        format!("{whole:.3}")
    }

    /// Takes every ISO 8601 form that clients send: `Z`, `+00:00` and the older `+0000`.
    pub fn parse_iso8601(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(parsed) = text.parse::<jiff::Timestamp>() {
            return Some(Self(parsed.as_millisecond()));
        }
        let parsed = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()?.to_timestamp().ok()?;
        Some(Self(parsed.as_millisecond()))
    }

    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The span from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Days since 1970, UTC.
    pub fn utc_day(self) -> i64 {
        self.0.div_euclid(DAY_MS)
    }

    /// The first moment of a day.
    pub fn midnight(utc_day: i64) -> Self {
        Self(utc_day.saturating_mul(DAY_MS))
    }
}

impl fmt::Debug for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso8601())
    }
}

/// Nanoseconds since some fixed moment of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MonoTime(pub u64);

impl MonoTime {
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> WallTime;
    fn monotonic(&self) -> MonoTime;
    /// Resolves once `monotonic() >= deadline`; at once if it already is.
    fn sleep_until(&self, deadline: MonoTime) -> Sleep;
}

pub trait Entropy: Send + Sync + 'static {
    /// Fills with bytes fit for secrets.
    fn fill(&self, bytes: &mut [u8]);

    /// For jitter and spreading, not for secrets.
    fn seed(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// The two handles, as they are passed around.
#[derive(Clone)]
pub struct Handles {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl Handles {
    pub fn now(&self) -> WallTime {
        self.clock.now()
    }

    pub fn monotonic(&self) -> MonoTime {
        self.clock.monotonic()
    }

    pub fn sleep(&self, span: Duration) -> Sleep {
        self.clock.sleep_until(self.clock.monotonic().plus(span))
    }

    /// A version-7 uuid: sortable by time, so that indexes over it stay cheap (D16).
    pub fn uuid_v7(&self) -> uuid::Uuid {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        let millis = u64::try_from(self.now().0).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// A version-4 uuid, for ids that must not be guessable.
    pub fn uuid_v4(&self) -> uuid::Uuid {
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        uuid::Builder::from_random_bytes(random).into_uuid()
    }

    /// `bytes` random bytes as URL-safe base64 without padding.
    pub fn token(&self, bytes: usize) -> String {
        use base64::Engine as _;
        let mut random = vec![0; bytes];
        self.entropy.fill(&mut random);
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_iso8601_form_of_the_clients_is_read_and_ours_is_written() {
        let expected = WallTime(1_459_336_583_162);
        for text in
            ["2016-03-30T11:16:23.162Z", "2016-03-30T11:16:23.162+00:00", "2016-03-30T11:16:23.162+0000"]
        {
            assert_eq!(WallTime::parse_iso8601(text), Some(expected), "{text}");
        }
        assert_eq!(expected.iso8601(), "2016-03-30T11:16:23.162Z");
        assert_eq!(WallTime(1_459_336_583_000).iso8601(), "2016-03-30T11:16:23.000Z");
        assert_eq!(WallTime::parse_iso8601("yesterday"), None);
    }
}

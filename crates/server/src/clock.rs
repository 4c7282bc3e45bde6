//! The real clock and the real randomness: the only file of the tree that reads the wall clock, sets a
//! timer of the runtime or asks the operating system for random bytes. Everything else gets `Handles`.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hookswitch_core::clock::{Clock, Entropy, Handles, MonoTime, Sleep, WallTime};
use ring::rand::{SecureRandom, SystemRandom};

/// The handles of a process that runs in the real world.
pub fn system_handles() -> Handles {
    Handles { clock: Arc::new(SystemClock::default()), entropy: Arc::new(SystemEntropy::default()) }
}

pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> WallTime {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        WallTime(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> MonoTime {
        MonoTime::default().plus(self.start.elapsed())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn sleep_until(&self, deadline: MonoTime) -> Sleep {
        let at = self.start.checked_add(Duration::from_nanos(deadline.0));
        Box::pin(async move {
            match at {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                // Further away than the operating system can count.
                None => std::future::pending().await,
            }
        })
    }
}

pub struct SystemEntropy {
    random: SystemRandom,
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self { random: SystemRandom::new() }
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        if self.random.fill(bytes).is_err() {
            // Without randomness every secret we would make is guessable: there is no way on.
            tracing::error!("the operating system gives no random bytes");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleep_resolves_no_earlier_than_its_deadline_and_at_once_if_it_is_past() {
        let handles = system_handles();
        let deadline = handles.monotonic().plus(Duration::from_millis(5));
        handles.clock.sleep_until(deadline).await;
        assert!(handles.monotonic() >= deadline);
        handles.clock.sleep_until(MonoTime(0)).await;
    }

    #[test]
    fn two_draws_of_randomness_differ() {
        let handles = system_handles();
        assert_ne!(handles.token(16), handles.token(16));
    }
}

//! The real clock and the real randomness: the only file of the tree that reads the wall clock, sets a
//! timer of the runtime or asks the operating system for random bytes. Everything else gets `Handles`.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hookswitch_core::clock::{Clock, Entropy, Handles, MonoTime, Sleep, WallTime};
use parking_lot::Mutex;
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

/// The operating system's random bytes, fetched a page at a time: several draws for each event would
/// otherwise be as many system calls.
pub struct SystemEntropy {
    random: SystemRandom,
    ahead: Mutex<Ahead>,
}

struct Ahead {
    bytes: [u8; AHEAD_BYTES],
    /// Those before it are handed out.
    used: usize,
}

const AHEAD_BYTES: usize = 4096;

impl Default for SystemEntropy {
    fn default() -> Self {
        let ahead = Ahead { bytes: [0; AHEAD_BYTES], used: AHEAD_BYTES };
        Self { random: SystemRandom::new(), ahead: Mutex::new(ahead) }
    }
}

impl SystemEntropy {
    fn fetch(&self, bytes: &mut [u8]) {
        if self.random.fill(bytes).is_err() {
            // Without randomness every secret we would make is guessable: there is no way on.
            tracing::error!("the operating system gives no random bytes");
            std::process::abort();
        }
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() > AHEAD_BYTES {
            return self.fetch(bytes);
        }
        let mut ahead = self.ahead.lock();
        if ahead.used + bytes.len() > AHEAD_BYTES {
            self.fetch(&mut ahead.bytes);
            ahead.used = 0;
        }
        let drawn = ahead.used..ahead.used + bytes.len();
        bytes.copy_from_slice(&ahead.bytes[drawn.clone()]);
        // What was handed out may be a secret: it does not stay behind here.
        ahead.bytes[drawn.clone()].fill(0);
        ahead.used = drawn.end;
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
    fn no_draw_of_randomness_comes_twice_whatever_their_sizes() {
        let handles = system_handles();
        let mut drawn = std::collections::HashSet::new();
        for size in [16, 32, 1000, AHEAD_BYTES - 1, AHEAD_BYTES, AHEAD_BYTES + 1, 24].repeat(20) {
            assert!(drawn.insert(handles.token(size)));
        }
        assert!(!drawn.contains(&"A".repeat(22)), "nothing is handed out before it is filled");
    }
}

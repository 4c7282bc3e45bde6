//! Development mode's clock: the real one, ahead by as much as was asked for (`POST …/dev/clock`).
//!
//! Both sides move together, so that what waits by either comes due. How far it is ahead is kept in the
//! data folder, so that time does not go back there when the server starts again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hookswitch_core::clock::{Clock, MonoTime, Sleep, WallTime};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::private_file;

const FILE: &str = "dev.clock";
/// Beyond, dates no longer have four digits for the year soon.
const FARTHEST: Duration = Duration::from_secs(1_000 * 365 * 86_400);

#[derive(Clone)]
pub struct MovingClock {
    shared: Arc<Shared>,
}

struct Shared {
    real: Arc<dyn Clock>,
    /// Milliseconds.
    ahead: AtomicU64,
    moved: Notify,
    /// Where `ahead` is kept, once the folder is ours.
    kept: Mutex<Option<PathBuf>>,
}

#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("the clock may be ahead by at most {} days", FARTHEST.as_secs() / 86_400)]
    TooFar,
    #[error("{path} cannot be used")]
    File { path: PathBuf, source: io::Error },
}

impl MovingClock {
    pub fn over(real: Arc<dyn Clock>) -> Self {
        let shared = Shared { real, ahead: AtomicU64::new(0), moved: Notify::new(), kept: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Goes on where the folder's last server ended. To be called while nobody uses the clock yet, by
    /// whoever has the folder's lock.
    pub fn resume(&self, folder: &Path) -> Result<(), MoveError> {
        let path = folder.join(FILE);
        let file = |source| MoveError::File { path: path.clone(), source };
        if let Some(text) = private_file::read(&path).map_err(file)? {
            let ahead: u64 = text.trim().parse().map_err(|error| file(io::Error::other(error)))?;
            self.shared.ahead.store(ahead.min(millis(FARTHEST)), Ordering::SeqCst);
        }
        *self.shared.kept.lock() = Some(path);
        Ok(())
    }

    /// How far it is ahead of the real one.
    pub fn ahead(&self) -> Duration {
        Duration::from_millis(self.shared.ahead.load(Ordering::SeqCst))
    }

    /// Whether it can go on by `span`.
    pub fn check(&self, span: Duration) -> Result<(), MoveError> {
        if self.ahead().saturating_add(span) > FARTHEST { Err(MoveError::TooFar) } else { Ok(()) }
    }

    /// Writes down that it will be ahead by so much more, before anything is told a time from then. Blocks.
    pub fn promise(&self, span: Duration) -> Result<(), MoveError> {
        let Some(path) = self.shared.kept.lock().clone() else { return Ok(()) };
        let ahead = millis(self.ahead().saturating_add(span));
        private_file::write(&path, &ahead.to_string()).map_err(|source| MoveError::File { path, source })
    }

    /// Goes on by `span`; whoever is due wakes.
    pub fn advance(&self, span: Duration) {
        self.shared.ahead.fetch_add(millis(span), Ordering::SeqCst);
        self.shared.moved.notify_waiters();
    }

    /// The clock below, for what must take real time.
    pub fn real(&self) -> &Arc<dyn Clock> {
        &self.shared.real
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Clock for MovingClock {
    fn now(&self) -> WallTime {
        self.shared.real.now().plus(self.ahead())
    }

    fn monotonic(&self) -> MonoTime {
        self.shared.real.monotonic().plus(self.ahead())
    }

    fn sleep_until(&self, deadline: MonoTime) -> Sleep {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            loop {
                let moved = shared.moved.notified();
                tokio::pin!(moved);
                // Before the look, so that no move is missed.
                moved.as_mut().enable();
                let ahead = shared.ahead.load(Ordering::SeqCst).saturating_mul(1_000_000);
                let deadline = MonoTime(deadline.0.saturating_sub(ahead));
                tokio::select! {
                    biased;
                    () = shared.real.sleep_until(deadline) => return,
                    () = moved => {}
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use hookswitch_testkit::SteeredClock;
    use hookswitch_testkit::folder::TempFolder;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn who_sleeps_wakes_when_the_clock_moves_as_when_time_passes() {
        let real = Arc::new(SteeredClock::new());
        let clock = MovingClock::over(Arc::clone(&real) as _);
        let (wall, began) = (clock.now(), clock.monotonic());
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(began.plus(3 * HOUR)).await;
                clock.monotonic()
            }
        });
        real.until_sleeping(1).await;
        clock.advance(HOUR);
        real.advance(HOUR);
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        real.until_sleeping_towards(HOUR, HOUR).await;
        clock.advance(HOUR);
        assert_eq!(sleeper.await.unwrap(), began.plus(3 * HOUR));
        assert_eq!(clock.now(), wall.plus(3 * HOUR));
    }

    #[test]
    fn it_goes_on_where_the_folders_last_server_ended() {
        let folder = TempFolder::new();
        let real: Arc<dyn Clock> = Arc::new(SteeredClock::new());
        let first = MovingClock::over(Arc::clone(&real));
        first.resume(folder.path()).unwrap();
        first.promise(HOUR).unwrap();
        first.advance(HOUR);
        let second = MovingClock::over(Arc::clone(&real));
        second.resume(folder.path()).unwrap();
        assert_eq!(second.now(), first.now());
        assert!(second.check(FARTHEST - HOUR).is_ok());
        assert!(matches!(second.check(FARTHEST), Err(MoveError::TooFar)));
        std::fs::write(folder.path().join(FILE), "soon").unwrap();
        assert!(MovingClock::over(real).resume(folder.path()).is_err());
    }
}

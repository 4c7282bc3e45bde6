//! hyper's timer, made of our clock: the time-out of a request's head follows the same handle as all other waiting.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hookswitch_core::clock::{Clock, MonoTime, Sleep};
use parking_lot::Mutex;

#[derive(Clone)]
pub(crate) struct ClockTimer {
    clock: Arc<dyn Clock>,
    /// What the clock's zero is called where times are `Instant`s; any moment would do.
    zero: Instant,
}

impl ClockTimer {
    #[expect(
        clippy::disallowed_methods,
        reason = "a name for the zero of our clock; nothing is measured by it"
    )]
    pub(crate) fn over(clock: Arc<dyn Clock>) -> Self {
        Self { clock, zero: Instant::now() }
    }

    fn waiting(&self, until: MonoTime) -> Waiting {
        let sleep = Mutex::new(self.clock.sleep_until(until));
        Waiting { clock: Arc::clone(&self.clock), until, sleep, over: false }
    }

    fn named(&self, instant: Instant) -> MonoTime {
        MonoTime::default().plus(instant.saturating_duration_since(self.zero))
    }
}

impl hyper::rt::Timer for ClockTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(self.waiting(self.clock.monotonic().plus(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(self.waiting(self.named(deadline)))
    }

    fn now(&self) -> Instant {
        self.zero + self.clock.monotonic().since(MonoTime::default())
    }

    /// A kept connection asks for this with each request: a deadline that only moves away is noted, and looked at
    /// again when the present one has come.
    fn reset(&self, sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>, deadline: Instant) {
        let until = self.named(deadline);
        match sleep.as_mut().downcast_mut_pin::<Waiting>().map(Pin::get_mut) {
            Some(waiting) if !waiting.over && until >= waiting.until => waiting.until = until,
            _ => *sleep = Box::pin(self.waiting(until)),
        }
    }
}

struct Waiting {
    clock: Arc<dyn Clock>,
    until: MonoTime,
    /// Ends at `until` or earlier. hyper wants its sleeps shareable between threads, ours are not; nobody ever shares
    /// one.
    sleep: Mutex<Sleep>,
    over: bool,
}

impl hyper::rt::Sleep for Waiting {}

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let waiting = self.get_mut();
        loop {
            ready!(waiting.sleep.get_mut().as_mut().poll(context));
            if waiting.clock.monotonic() >= waiting.until {
                waiting.over = true;
                return Poll::Ready(());
            }
            *waiting.sleep.get_mut() = waiting.clock.sleep_until(waiting.until);
        }
    }
}

#[cfg(test)]
mod tests {
    use hookswitch_testkit::SteeredClock;
    use hyper::rt::Timer as _;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn a_sleep_follows_the_clock_and_its_deadline_may_move_either_way() {
        let clock = Arc::new(SteeredClock::new());
        let timer = ClockTimer::over(Arc::clone(&clock) as _);
        let is_over = async |sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>| {
            std::future::poll_fn(|context| Poll::Ready(sleep.as_mut().poll(context).is_ready())).await
        };
        let began = timer.now();
        let mut sleep = timer.sleep_until(began + 10 * SECOND);
        timer.reset(&mut sleep, began + 15 * SECOND);
        clock.advance(10 * SECOND);
        assert_eq!(timer.now(), began + 10 * SECOND);
        assert!(!is_over(&mut sleep).await, "it was put off");
        clock.advance(5 * SECOND);
        assert!(is_over(&mut sleep).await);
        timer.reset(&mut sleep, began + 30 * SECOND);
        assert!(!is_over(&mut sleep).await);
        timer.reset(&mut sleep, began + 16 * SECOND);
        clock.advance(SECOND);
        assert!(is_over(&mut sleep).await, "it was brought forward");
    }
}

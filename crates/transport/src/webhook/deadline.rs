//! One timer that serves many deadlines, one after another.
//!
//! Most attempts end long before their time is up. A timer of its own for each would be made and thrown
//! away tens of thousands of times a second, so a connection keeps one: a later deadline leaves it as
//! it is, and only when it rings too early is it set anew.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hookswitch_core::clock::{Clock, MonoTime, Sleep};

pub(crate) struct Timer {
    clock: Arc<dyn Clock>,
    /// Rings at the noted time, which is never after the deadline it last served.
    sleep: Option<(MonoTime, Sleep)>,
}

/// The time was up before the future was ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
    /// How long after the deadline we noticed: our own lateness.
    pub(crate) noticed_after: Duration,
}

impl Timer {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, sleep: None }
    }

    /// Runs `future` until `deadline`. What is ready when both are wins.
    pub(crate) async fn race<F: Future>(&mut self, deadline: MonoTime, future: F) -> Result<F::Output, Late> {
        let mut future = pin!(future);
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            self.poll_past(deadline, context)
                .map(|()| Err(Late { noticed_after: self.clock.monotonic().since(deadline) }))
        })
        .await
    }

    fn poll_past(&mut self, deadline: MonoTime, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let (rings_at, sleep) = match &mut self.sleep {
                Some(kept) if kept.0 <= deadline => kept,
                stale => stale.insert((deadline, self.clock.sleep_until(deadline))),
            };
            ready!(sleep.as_mut().poll(context));
            let rang_at = *rings_at;
            self.sleep = None;
            if rang_at >= deadline {
                return Poll::Ready(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use hookswitch_testkit::SteeredClock;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn timer() -> (Timer, Arc<SteeredClock>) {
        let clock = Arc::new(SteeredClock::new());
        (Timer::new(clock.clone()), clock)
    }

    #[tokio::test]
    async fn what_is_ready_wins_even_when_the_time_is_up() {
        let (mut timer, clock) = timer();
        assert_eq!(timer.race(clock.monotonic(), ready(7)).await.unwrap(), 7);
        timer.race(clock.monotonic(), pending::<()>()).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_later_deadline_reuses_the_timer_and_still_rings_on_time() {
        let (mut timer, clock) = timer();
        let start = clock.monotonic();
        for after in 1..=3 {
            let deadline = start.plus(SECOND * after);
            tokio::select! {
                biased;
                _ = timer.race(deadline, pending::<()>()) => panic!("time stands still"),
                () = ready(()) => {}
            }
        }
        assert_eq!(clock.deadlines(), [start.plus(SECOND)], "one timer, set once");
        let last = tokio::spawn(async move { timer.race(start.plus(SECOND * 3), pending::<()>()).await });
        clock.advance(SECOND);
        clock.until_sleeping_towards(SECOND * 2, SECOND * 2).await;
        clock.advance(SECOND * 2);
        assert_eq!(last.await.unwrap().unwrap_err().noticed_after, Duration::ZERO);
    }

    #[tokio::test]
    async fn an_earlier_deadline_is_kept() {
        let (mut timer, clock) = timer();
        let start = clock.monotonic();
        tokio::select! {
            biased;
            _ = timer.race(start.plus(SECOND * 9), pending::<()>()) => panic!("time stands still"),
            () = ready(()) => {}
        }
        let earlier = tokio::spawn(async move { timer.race(start.plus(SECOND), pending::<()>()).await });
        clock.until_sleeping_towards(SECOND, SECOND).await;
        clock.advance(SECOND + Duration::from_millis(250));
        assert_eq!(earlier.await.unwrap().unwrap_err().noticed_after, Duration::from_millis(250));
    }
}

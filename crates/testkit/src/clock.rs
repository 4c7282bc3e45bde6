//! A clock that stands still until a test moves it, and the machine's own for tests that need real time.
//!
//! `SteeredClock` knows every task that sleeps on it, so a test can wait until the tasks it cares about
//! have gone to sleep (`until_sleeping`) and then move time exactly as far as it wants.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hookswitch_core::clock::{Clock, MonoTime, Sleep, WallTime};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::patience;

/// 2026-01-05T09:00:00Z, a Monday; any fixed moment would do.
pub const START: WallTime = WallTime(1_767_603_600_000);

/// Both sides stand still between calls of `advance`, `advance_to_next` and `step_wall`.
pub struct SteeredClock {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Told whenever the set of sleepers changes.
    changed: Notify,
}

struct State {
    wall: WallTime,
    monotonic: MonoTime,
    next_sleeper: u64,
    sleepers: BTreeMap<(MonoTime, u64), Waker>,
}

impl Default for SteeredClock {
    fn default() -> Self {
        Self::new()
    }
}

impl SteeredClock {
    pub fn new() -> Self {
        Self::starting_at(START)
    }

    pub fn starting_at(wall: WallTime) -> Self {
        // Not zero, so that code which subtracts from "now" is tested as it runs in production.
        let monotonic = MonoTime(3_600_000_000_000);
        let state = State { wall, monotonic, next_sleeper: 0, sleepers: BTreeMap::new() };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }) }
    }

    /// Moves both sides forward and wakes everyone who is due. A sleeper whose deadline lies well inside
    /// `span` wakes late, as on a machine that was suspended; use `advance_to_next` to wake each on time.
    pub fn advance(&self, span: Duration) {
        let to = self.shared.state.lock().monotonic.plus(span);
        self.advance_to(to);
    }

    /// Moves both sides forward to `deadline`; does nothing if that is past.
    pub fn advance_to(&self, deadline: MonoTime) {
        let due = {
            let mut state = self.shared.state.lock();
            if deadline > state.monotonic {
                let span = deadline.since(state.monotonic);
                state.wall = state.wall.plus(span);
                state.monotonic = deadline;
            }
            let not_due = (MonoTime(state.monotonic.0.saturating_add(1)), 0);
            let later = state.sleepers.split_off(&not_due);
            std::mem::replace(&mut state.sleepers, later)
        };
        if !due.is_empty() {
            self.shared.changed.notify_waiters();
        }
        due.into_values().for_each(Waker::wake);
    }

    /// Jumps to the earliest deadline anyone sleeps towards, wakes those who are due, and returns it.
    /// `None`, and time stays, if nobody sleeps.
    pub fn advance_to_next(&self) -> Option<MonoTime> {
        let deadline = self.next_deadline()?;
        self.advance_to(deadline);
        Some(deadline)
    }

    /// A person or a time service sets the wall clock by so many milliseconds; nobody wakes.
    pub fn step_wall(&self, by_millis: i64) {
        let mut state = self.shared.state.lock();
        state.wall = WallTime(state.wall.0.saturating_add(by_millis));
    }

    pub fn next_deadline(&self) -> Option<MonoTime> {
        self.shared.state.lock().sleepers.keys().next().map(|(deadline, _)| *deadline)
    }

    /// The deadlines of everyone who sleeps, earliest first.
    pub fn deadlines(&self) -> Vec<MonoTime> {
        self.shared.state.lock().sleepers.keys().map(|(deadline, _)| *deadline).collect()
    }

    /// How many tasks are asleep: have polled a sleep whose deadline has not come.
    pub fn sleepers(&self) -> usize {
        self.shared.state.lock().sleepers.len()
    }

    /// Waits until at least `count` tasks are asleep.
    pub async fn until_sleeping(&self, count: usize) {
        self.until_deadlines(&format!("{count} sleepers"), |deadlines| deadlines.len() >= count).await;
    }

    /// Waits until someone sleeps towards a deadline `from` to `to` away from now, and returns it: the way
    /// to know that a retry was scheduled where it belongs before time is moved there.
    pub async fn until_sleeping_towards(&self, from: Duration, to: Duration) -> MonoTime {
        let now = self.monotonic();
        let (low, high) = (now.plus(from), now.plus(to));
        let inside = |deadline: &MonoTime| (low..=high).contains(deadline);
        let what = format!("a sleeper with a deadline in {from:?} to {to:?}");
        self.until_deadlines(&what, |deadlines| deadlines.iter().any(inside)).await;
        self.deadlines().into_iter().find(inside).expect("seen a moment ago, and only the test moves time")
    }

    async fn until_deadlines(&self, what: &str, enough: impl Fn(&[MonoTime]) -> bool) {
        let wait = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if enough(&self.deadlines()) {
                    return;
                }
                changed.await;
            }
        };
        let seen = || {
            let now = self.monotonic();
            let away: Vec<_> = self.deadlines().iter().map(|deadline| deadline.since(now)).collect();
            format!("asleep for another {away:?}")
        };
        patience::within(what, wait, seen).await;
    }
}

impl Clock for SteeredClock {
    fn now(&self) -> WallTime {
        self.shared.state.lock().wall
    }

    fn monotonic(&self) -> MonoTime {
        self.shared.state.lock().monotonic
    }

    fn sleep_until(&self, deadline: MonoTime) -> Sleep {
        Box::pin(SteeredSleep { shared: Arc::downgrade(&self.shared), deadline, place: None })
    }
}

/// Holds the clock weakly: a sleep on a clock that is gone never ends, it does not keep the clock.
struct SteeredSleep {
    shared: Weak<Shared>,
    deadline: MonoTime,
    place: Option<u64>,
}

impl Future for SteeredSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(shared) = self.shared.upgrade() else {
            return Poll::Pending;
        };
        let mut state = shared.state.lock();
        if state.monotonic >= self.deadline {
            return Poll::Ready(());
        }
        let first = self.place.is_none();
        let place = self.place.unwrap_or(state.next_sleeper);
        if first {
            state.next_sleeper += 1;
            self.place = Some(place);
        }
        state.sleepers.insert((self.deadline, place), context.waker().clone());
        drop(state);
        if first {
            shared.changed.notify_waiters();
        }
        Poll::Pending
    }
}

impl Drop for SteeredSleep {
    fn drop(&mut self) {
        let (Some(place), Some(shared)) = (self.place, self.shared.upgrade()) else {
            return;
        };
        if shared.state.lock().sleepers.remove(&(self.deadline, place)).is_some() {
            shared.changed.notify_waiters();
        }
    }
}

/// The machine's clock, for measuring and for tests against another process.
pub struct MachineClock {
    origin: std::time::Instant,
}

impl Default for MachineClock {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(clippy::disallowed_methods, reason = "the test kit's one real clock")]
impl MachineClock {
    pub fn new() -> Self {
        Self { origin: std::time::Instant::now() }
    }
}

#[expect(clippy::disallowed_methods, reason = "the test kit's one real clock")]
impl Clock for MachineClock {
    fn now(&self) -> WallTime {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        WallTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> MonoTime {
        MonoTime(0).plus(self.origin.elapsed())
    }

    fn sleep_until(&self, deadline: MonoTime) -> Sleep {
        let at = self.origin + Duration::from_nanos(deadline.0);
        Box::pin(async move { tokio::time::sleep_until(at.into()).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[tokio::test]
    async fn a_sleeper_wakes_at_its_deadline_and_not_before() {
        let clock = Arc::new(SteeredClock::new());
        let start = clock.monotonic();
        let task = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(start.plus(second(10))).await;
                clock.monotonic()
            }
        });
        clock.until_sleeping(1).await;
        clock.advance(second(9));
        tokio::task::yield_now().await;
        assert_eq!(clock.sleepers(), 1);
        clock.advance(second(1));
        assert_eq!(task.await.expect("no panic"), start.plus(second(10)));
        assert_eq!(clock.sleepers(), 0);
        assert_eq!(clock.now(), START.plus(second(10)));
    }

    #[tokio::test]
    async fn jumping_to_the_next_deadline_wakes_one_after_another_in_order() {
        let clock = Arc::new(SteeredClock::new());
        let start = clock.monotonic();
        let (woken, mut order) = tokio::sync::mpsc::channel(8);
        for delay in [3_u64, 1, 2] {
            let (clock, woken) = (clock.clone(), woken.clone());
            tokio::spawn(async move {
                clock.sleep_until(start.plus(second(delay))).await;
                woken.send(delay).await.expect("the test listens");
            });
        }
        clock.until_sleeping(3).await;
        for expected in [1, 2, 3] {
            assert_eq!(clock.advance_to_next(), Some(start.plus(second(expected))));
            assert_eq!(order.recv().await, Some(expected));
        }
        assert_eq!(clock.advance_to_next(), None);
    }

    #[tokio::test]
    async fn a_dropped_sleep_is_no_sleeper_and_a_past_deadline_is_due_at_once() {
        let clock = SteeredClock::new();
        clock.sleep_until(clock.monotonic()).await;
        let mut sleep = clock.sleep_until(clock.monotonic().plus(second(5)));
        tokio::select! { biased; () = &mut sleep => panic!("time stands still"), () = clock.until_sleeping(1) => {} }
        drop(sleep);
        assert_eq!(clock.sleepers(), 0);
    }

    #[tokio::test]
    async fn the_wall_side_steps_alone() {
        let clock = SteeredClock::new();
        let before = clock.monotonic();
        clock.step_wall(-90_000);
        assert_eq!(clock.now(), START.minus(second(90)));
        assert_eq!(clock.monotonic(), before);
    }

    #[tokio::test]
    async fn a_test_can_wait_for_a_deadline_in_a_range() {
        let clock = Arc::new(SteeredClock::new());
        let at = clock.monotonic().plus(second(5));
        let far = clock.sleep_until(clock.monotonic().plus(second(900)));
        let near = clock.sleep_until(at);
        let both = tokio::spawn(async move { tokio::join!(far, near) });
        assert_eq!(clock.until_sleeping_towards(second(4), second(6)).await, at);
        both.abort();
    }
}

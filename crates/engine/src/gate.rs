//! The bound on attempts under way over all endpoints, shared out lane by lane in turn.
//!
//! A lane waits here only while no permit is free: whoever gives one back goes on offering it until somebody
//! takes it, because a lane may want nothing any more when its turn comes.

use std::collections::{HashSet, VecDeque};

use hookswitch_core::id::SubscriptionNo;
use parking_lot::Mutex;

pub(crate) struct Gate {
    state: Mutex<State>,
}

struct State {
    free: usize,
    /// Lanes that found no permit, each at most once, in the order of asking.
    waiting: VecDeque<SubscriptionNo>,
    /// The same lanes.
    known: HashSet<SubscriptionNo>,
}

impl Gate {
    pub(crate) fn new(permits: usize) -> Self {
        let state = State { free: permits, waiting: VecDeque::new(), known: HashSet::new() };
        Self { state: Mutex::new(state) }
    }

    /// Takes a permit, if there is one.
    pub(crate) fn enter(&self) -> bool {
        let mut state = self.state.lock();
        let free = state.free > 0;
        state.free -= usize::from(free);
        free
    }

    /// Notes a lane that found no permit, once it has put back what it wanted to send. False if one came
    /// free meanwhile: it should try again.
    pub(crate) fn wait(&self, lane: SubscriptionNo) -> bool {
        let mut state = self.state.lock();
        if state.free > 0 {
            return false;
        }
        if state.known.insert(lane) {
            state.waiting.push_back(lane);
        }
        true
    }

    /// Whether somebody else waits, so that a worker should give its permit back rather than go on.
    pub(crate) fn is_contended(&self) -> bool {
        !self.state.lock().waiting.is_empty()
    }

    /// Gives a permit back and offers it to those who wait, in turn, until one has taken it.
    pub(crate) fn leave(&self, mut offer: impl FnMut(SubscriptionNo)) {
        self.state.lock().free += 1;
        while let Some(lane) = self.next_in_turn() {
            offer(lane);
        }
    }

    /// Whose turn it is, if there is a permit to take.
    fn next_in_turn(&self) -> Option<SubscriptionNo> {
        let mut state = self.state.lock();
        if state.free == 0 {
            return None;
        }
        let lane = state.waiting.pop_front()?;
        state.known.remove(&lane);
        Some(lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: SubscriptionNo = SubscriptionNo(1);
    const GONE: SubscriptionNo = SubscriptionNo(2);
    const BUSY: SubscriptionNo = SubscriptionNo(3);
    const LAST: SubscriptionNo = SubscriptionNo(4);

    /// A gate whose only permit is taken, and who waits for it.
    fn contended(waiting: &[SubscriptionNo]) -> Gate {
        let gate = Gate::new(1);
        assert!(gate.enter());
        for lane in waiting {
            assert!(!gate.enter());
            assert!(gate.wait(*lane));
        }
        gate
    }

    #[test]
    fn a_permit_goes_past_lanes_that_want_nothing_any_more() {
        let gate = contended(&[IDLE, GONE, BUSY, LAST]);
        let mut offered = Vec::new();
        gate.leave(|lane| {
            offered.push(lane);
            assert!(lane != BUSY || gate.enter(), "there is one to take");
        });
        assert_eq!(offered, [IDLE, GONE, BUSY], "who waits behind waits for the next one");
        assert!(gate.is_contended());
    }

    #[test]
    fn a_lane_that_wants_more_than_it_gets_waits_behind_the_others() {
        let gate = contended(&[BUSY, LAST]);
        let mut sends = |lane| {
            assert!(gate.enter());
            assert!(!gate.enter());
            assert!(gate.wait(lane));
        };
        gate.leave(&mut sends);
        gate.leave(&mut sends);
        let mut offered = Vec::new();
        gate.leave(|lane| offered.push(lane));
        assert_eq!(offered, [BUSY, LAST], "in turn, each once");
        assert!(!gate.is_contended());
    }

    #[test]
    fn nobody_waits_while_a_permit_is_free() {
        let gate = contended(&[]);
        assert!(!gate.enter());
        gate.leave(|_| unreachable!("nobody waits"));
        assert!(!gate.wait(BUSY), "it came free between asking and waiting");
        assert!(gate.enter());
    }
}

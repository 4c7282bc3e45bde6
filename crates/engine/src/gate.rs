//! The bound on attempts under way over all endpoints, shared out lane by lane in turn.

use std::collections::VecDeque;
use std::sync::Arc;

use hookswitch_core::id::SubscriptionNo;
use parking_lot::Mutex;

use crate::lane::Lane;

pub(crate) struct Gate {
    state: Mutex<State>,
}

struct State {
    free: usize,
    /// Lanes that found no permit, each at most once, in the order of asking.
    waiting: VecDeque<(SubscriptionNo, Arc<Lane>)>,
}

impl Gate {
    pub(crate) fn new(permits: usize) -> Self {
        Self { state: Mutex::new(State { free: permits, waiting: VecDeque::new() }) }
    }

    /// Takes a permit, or notes the lane for later.
    pub(crate) fn enter(&self, lane: &Arc<Lane>) -> bool {
        let mut state = self.state.lock();
        if state.free > 0 {
            state.free -= 1;
            return true;
        }
        if !state.waiting.iter().any(|(no, _)| *no == lane.no) {
            state.waiting.push_back((lane.no, Arc::clone(lane)));
        }
        false
    }

    /// Whether somebody else waits, so that a worker should give its permit back rather than go on.
    pub(crate) fn is_contended(&self) -> bool {
        !self.state.lock().waiting.is_empty()
    }

    /// Gives a permit back; the lane returned, if any, should try again.
    pub(crate) fn leave(&self) -> Option<Arc<Lane>> {
        let mut state = self.state.lock();
        state.free += 1;
        state.waiting.pop_front().map(|(_, lane)| lane)
    }
}

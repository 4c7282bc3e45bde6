//! Steps of the wall clock, noticed by its distance from the monotonic one. What to do about one is for
//! whoever looks: `sweeper` holds expiry, `reminding` plans anew.

use std::time::Duration;

use hookswitch_core::clock::Handles;

/// What is less is drift.
const NOTICED: Duration = Duration::from_secs(30);

pub(crate) struct ClockSteps {
    offset: i128,
}

impl ClockSteps {
    pub(crate) fn new(handles: &Handles) -> Self {
        Self { offset: offset(handles) }
    }

    /// The step in milliseconds, if there was one since the last look.
    pub(crate) fn look(&mut self, handles: &Handles) -> Option<i128> {
        let offset = offset(handles);
        let step = offset - std::mem::replace(&mut self.offset, offset);
        (step.unsigned_abs() > NOTICED.as_millis()).then_some(step)
    }
}

/// Milliseconds between the two sides of the clock.
fn offset(handles: &Handles) -> i128 {
    i128::from(handles.now().0) - i128::from(handles.monotonic().0 / 1_000_000)
}

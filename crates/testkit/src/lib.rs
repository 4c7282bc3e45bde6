//! What tests own instead of the world: time, randomness, receivers, folders, and the running program.
//!
//! A dev-dependency only; nothing of it is in the product. Nothing here sleeps to synchronise. Where a
//! test waits for something that must come, it waits for a signal, with a generous deadline of real time
//! (`patience`) that fails loudly and tells what was seen instead.

pub mod certificates;
pub mod clock;
pub mod entropy;
pub mod folder;
pub mod http_client;
pub mod patience;
pub mod receiver;
pub mod running;

pub use clock::SteeredClock;
pub use entropy::SeededEntropy;
pub use folder::TempFolder;
pub use http_client::{HttpClient, Reply};
pub use receiver::{Answer, Gate, Received, ScriptedReceiver};
pub use running::{Caller, Program, RunningProgram, RunningServer};

use std::sync::Arc;

use hookswitch_core::clock::Handles;

/// Handles over a fresh steered clock and seeded entropy; the clock comes along to be moved.
pub fn steered_handles(seed: u64) -> (Handles, Arc<SteeredClock>) {
    let clock = Arc::new(SteeredClock::new());
    let handles = Handles { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(seed)) };
    (handles, clock)
}

/// Handles over the machine's own clock, for tests that measure or that talk to another process.
pub fn real_handles(seed: u64) -> Handles {
    Handles { clock: Arc::new(clock::MachineClock::new()), entropy: Arc::new(SeededEntropy::new(seed)) }
}

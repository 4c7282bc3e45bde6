//! What may be chosen when the log is opened.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::limits;

/// Where commits run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriterMode {
    /// On a thread of its own: one message there and one back for each commit. Reads go to the blocking
    /// pool of the runtime.
    Threaded,
    /// In the poll of the caller, which stands still for the sync: for machines where the hop costs more
    /// than the wait. Reads go to the blocking pool all the same; they may take long.
    Caller,
    /// As `Caller`, and reads too: for tests and simulation.
    Inline,
}

/// Says how many bytes are free where the folder is.
pub type FreeSpace = Arc<dyn Fn(&Path) -> std::io::Result<u64> + Send + Sync>;

#[derive(Clone)]
pub struct LogOptions {
    pub writer: WriterMode,
    /// A segment that has grown to this is followed by a new one.
    pub segment_bytes: u64,
    /// So is one that is this old.
    pub segment_age: Duration,
    /// How long a uuid is unique within its account (D16).
    pub idempotency_window: Duration,
    /// Memory for finding a publisher's uuid among those of the window: two bytes an event. Beyond it the
    /// filters of the oldest segments are read from their files at each look-up.
    pub uuid_filter_bytes: usize,
    /// Events are refused while less is free, so that outcomes can still be written.
    pub disk_reserve_bytes: u64,
    pub free_space: FreeSpace,
    /// Whether each commit is synced to the disk. Without it a commit survives the death of the process,
    /// not that of the machine: for tests and simulation only.
    pub sync: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            writer: WriterMode::Threaded,
            segment_bytes: 256 * 1024 * 1024,
            segment_age: Duration::from_secs(3600),
            idempotency_window: limits::IDEMPOTENCY_WINDOW,
            uuid_filter_bytes: 64 * 1024 * 1024,
            disk_reserve_bytes: limits::DISK_RESERVE_BYTES,
            free_space: Arc::new(free_space),
            sync: true,
        }
    }
}

fn free_space(path: &Path) -> std::io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

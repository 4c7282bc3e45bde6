//! Connections for reading: a few are kept for the segments that were read last.
//!
//! Every read is one transaction on one file, and none lasts longer than two seconds: a reader holds back
//! the checkpoint, and with it the size of the write-ahead log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hookswitch_core::clock::Clock;
use hookswitch_core::id::EventSeq;
use parking_lot::Mutex;
use rusqlite::Connection;

use super::fault::Fault;
use super::schema::{self, Purpose};
use super::segment::Segment;
use crate::StoreError;

const IDLE: usize = 8;
pub(super) const AT_MOST: Duration = Duration::from_secs(2);
/// Steps of SQLite's machine between two looks at the clock: some tens of microseconds.
const STEPS: i32 = 10_000;

pub(super) struct Readers {
    clock: Arc<dyn Clock>,
    /// The one used last is at the back.
    idle: Mutex<VecDeque<Reader>>,
}

struct Reader {
    first: EventSeq,
    connection: Connection,
    /// In nanoseconds of the monotonic clock.
    deadline: Arc<AtomicU64>,
}

impl Readers {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, idle: Mutex::default() }
    }

    /// Runs `work` in a read transaction on a segment.
    pub(super) fn read<T>(
        &self,
        segment: &Segment,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let in_file = |fault: Fault| fault.in_file(&segment.path);
        let reader = self.take(segment).map_err(in_file)?;
        reader.deadline.store(self.clock.monotonic().plus(AT_MOST).0, Ordering::Relaxed);
        let result = in_snapshot(&reader.connection, work).map_err(in_file)?;
        self.give_back(reader);
        Ok(result)
    }

    fn take(&self, segment: &Segment) -> Result<Reader, Fault> {
        let mut idle = self.idle.lock();
        let place = idle.iter().rposition(|reader| reader.first == segment.first);
        if let Some(reader) = place.and_then(|place| idle.remove(place)) {
            return Ok(reader);
        }
        drop(idle);
        let connection = schema::connect(&segment.path, Purpose::Read)?;
        let deadline = Arc::new(AtomicU64::new(u64::MAX));
        let (clock, until) = (Arc::clone(&self.clock), Arc::clone(&deadline));
        let is_over = move || clock.monotonic().0 > until.load(Ordering::Relaxed);
        connection.progress_handler(STEPS, Some(is_over));
        Ok(Reader { first: segment.first, connection, deadline })
    }

    /// Closes what is open for a segment and not in use.
    pub(super) fn close(&self, first: EventSeq) {
        self.idle.lock().retain(|reader| reader.first != first);
    }

    fn give_back(&self, reader: Reader) {
        let mut idle = self.idle.lock();
        idle.push_back(reader);
        let surplus = (idle.len() > IDLE).then(|| idle.pop_front());
        drop(idle);
        drop(surplus); // closing may carry pages over; nobody else waits for that
    }
}

/// After an error the connection is not used again, so nothing needs to be undone on it.
fn in_snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    connection.prepare_cached("BEGIN")?.raw_execute()?;
    let value = work(connection)?;
    connection.prepare_cached("COMMIT")?.raw_execute()?;
    Ok(value)
}

//! What waits for the next commit: publish requests, outcomes and parks, gathered under one lock.
//!
//! The committer takes everything at once; what arrives during a commit is the next group. Bounded:
//! publish requests by number and bytes (beyond, the publisher is told to come back), outcomes by the
//! attempts in flight, which have a limit of their own.

use std::collections::VecDeque;
use std::sync::Arc;

use hookswitch_core::clock::MonoTime;
use hookswitch_store::StoreError;
use hookswitch_store::log::{AcceptError, Acceptance, Extension, NewEvent, Park, Record};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::lane::Lane;

/// Publish requests that may wait for a commit.
const REQUESTS_WAITING: usize = 8_192;
/// Bytes of event bodies that may wait for a commit.
const BYTES_WAITING: usize = 64 * 1024 * 1024;
/// Entries of publish requests that go into one commit, so that none takes long. A single larger request
/// is still one commit: it is all or nothing.
const ENTRIES_A_COMMIT: usize = 512;
/// Outcomes and parks that go into one commit.
const RECORDS_A_COMMIT: usize = 512;

pub(crate) struct Request {
    pub(crate) events: Vec<NewEvent>,
    /// For each event, where its deliveries go, in the order of its matched subscriptions.
    pub(crate) rooms: Vec<Vec<Room>>,
    /// What did not fit into the accept commit, for each event with `more_to_dispatch`.
    pub(crate) rest: Vec<(usize, Vec<hookswitch_store::log::Matched>)>,
    pub(crate) bytes: usize,
    pub(crate) reply: oneshot::Sender<Result<Vec<Acceptance>, AcceptError>>,
}

/// A lane, and whether it promised room; if not, the delivery is parked.
pub(crate) struct Room {
    pub(crate) lane: Arc<Lane>,
    pub(crate) reserved: bool,
}

/// A record on its way to the store, with what must hear of it once it is written.
pub(crate) struct PendingRecord {
    pub(crate) record: Record,
    pub(crate) lane: Option<Arc<Lane>>,
    /// The delivery had no row before, so the watermark waits for it.
    pub(crate) rowless: bool,
}

pub(crate) struct PendingPark {
    pub(crate) park: Park,
    pub(crate) lane: Arc<Lane>,
    /// The delivery stays in memory (it is being attempted); otherwise the lane reads it back later.
    pub(crate) held: bool,
}

#[derive(Default)]
pub(crate) struct Group {
    pub(crate) requests: Vec<Request>,
    pub(crate) records: Vec<PendingRecord>,
    pub(crate) parks: Vec<PendingPark>,
    pub(crate) extensions: Vec<Extension>,
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<Request>,
    bytes: usize,
    records: VecDeque<PendingRecord>,
    parks: VecDeque<PendingPark>,
    extensions: VecDeque<Extension>,
    oldest_record: Option<MonoTime>,
    closed: bool,
}

#[derive(Default)]
pub(crate) struct Intake {
    waiting: Mutex<Waiting>,
    /// Told when a request arrives, or the first record after a commit, or at the end.
    pub(crate) arrived: Notify,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
}

/// What the committer should do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    CommitNow,
    /// Only outcomes wait, the oldest since then.
    RecordsSince(MonoTime),
    Idle,
    Done,
}

impl Intake {
    pub(crate) fn request(&self, request: Request) -> Result<(), (Refused, Request)> {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err((Refused::Closed, request));
        }
        if waiting.requests.len() >= REQUESTS_WAITING || waiting.bytes + request.bytes > BYTES_WAITING {
            return Err((Refused::Full, request));
        }
        waiting.bytes += request.bytes;
        waiting.requests.push_back(request);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    pub(crate) fn record(&self, record: PendingRecord, now: MonoTime) {
        let mut waiting = self.waiting.lock();
        waiting.records.push_back(record);
        self.note(waiting, now);
    }

    pub(crate) fn park(&self, parks: impl IntoIterator<Item = PendingPark>, now: MonoTime) {
        let mut waiting = self.waiting.lock();
        waiting.parks.extend(parks);
        self.note(waiting, now);
    }

    pub(crate) fn extend(&self, extensions: impl IntoIterator<Item = Extension>, now: MonoTime) {
        let mut waiting = self.waiting.lock();
        waiting.extensions.extend(extensions);
        self.note(waiting, now);
    }

    fn note(&self, mut waiting: parking_lot::MutexGuard<'_, Waiting>, now: MonoTime) {
        let first = waiting.oldest_record.is_none();
        if first {
            waiting.oldest_record = Some(now);
        }
        let full = waiting.records.len() == RECORDS_A_COMMIT;
        drop(waiting);
        if first || full {
            self.arrived.notify_one();
        }
    }

    pub(crate) fn oldest_record(&self) -> Option<MonoTime> {
        self.waiting.lock().oldest_record
    }

    pub(crate) fn has_requests(&self) -> bool {
        !self.waiting.lock().requests.is_empty()
    }

    pub(crate) fn next(&self) -> Next {
        let waiting = self.waiting.lock();
        if !waiting.requests.is_empty() || waiting.records.len() >= RECORDS_A_COMMIT {
            return Next::CommitNow;
        }
        match waiting.oldest_record {
            Some(_) if waiting.closed => Next::CommitNow,
            Some(since) => Next::RecordsSince(since),
            None if waiting.closed => Next::Done,
            None => Next::Idle,
        }
    }

    /// Takes what the next commit carries; at most one slice of a large fan-out.
    pub(crate) fn take(&self) -> Group {
        let mut waiting = self.waiting.lock();
        let mut group = Group::default();
        let mut entries = 0;
        while let Some(request) = waiting.requests.front() {
            entries += request.events.len();
            if entries > ENTRIES_A_COMMIT && !group.requests.is_empty() {
                break;
            }
            waiting.bytes -= request.bytes;
            group.requests.extend(waiting.requests.pop_front());
        }
        let records = waiting.records.len().min(RECORDS_A_COMMIT);
        group.records = waiting.records.drain(..records).collect();
        let parks = waiting.parks.len().min(RECORDS_A_COMMIT);
        group.parks = waiting.parks.drain(..parks).collect();
        group.extensions.extend(waiting.extensions.pop_front());
        let empty = waiting.records.is_empty() && waiting.parks.is_empty() && waiting.extensions.is_empty();
        if empty {
            waiting.oldest_record = None;
        }
        group
    }

    /// Puts back, in front, what a failed commit did not write. Publish requests are answered instead.
    pub(crate) fn put_back(&self, group: Group, now: MonoTime) {
        let mut waiting = self.waiting.lock();
        for record in group.records.into_iter().rev() {
            waiting.records.push_front(record);
        }
        for park in group.parks.into_iter().rev() {
            waiting.parks.push_front(park);
        }
        for extension in group.extensions.into_iter().rev() {
            waiting.extensions.push_front(extension);
        }
        waiting.oldest_record.get_or_insert(now);
    }

    /// No more requests; what waits is still committed.
    pub(crate) fn close(&self) {
        self.waiting.lock().closed = true;
        self.arrived.notify_one();
    }
}

impl Request {
    /// Gives back the room that was promised.
    pub(crate) fn release(&self) {
        let reserved = self.rooms.iter().flatten().filter(|room| room.reserved);
        reserved.for_each(|room| room.lane.release_reservation());
    }

    pub(crate) fn refuse(self, error: StoreError) {
        self.release();
        // The publisher may have gone.
        let _ = self.reply.send(Err(AcceptError::Store(error)));
    }
}

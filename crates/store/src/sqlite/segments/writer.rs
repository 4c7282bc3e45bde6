//! The one writer: a batch is one transaction in the segment that takes events; what concerns older events
//! goes to their files first, each in a transaction of its own.
//!
//! If the batch fails after that, records of older events have been applied although the caller hears that
//! nothing was. Handed in again they are stale, which is what they should be: their rows say what they say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hookswitch_core::clock::WallTime;
use hookswitch_core::delivery::DeliveryState;
use hookswitch_core::event::Event;
use hookswitch_core::id::{AccountId, DeliveryKey, EventSeq, SubscriptionNo};
use rusqlite::Connection;
use uuid::Uuid;

use super::accept::{self, Accepted, Verdict};
use super::block::{Block, fingerprint};
use super::current::Current;
use super::fault::{Fault, Gravity};
use super::older::Older;
use super::open;
use super::record::{self, Part, Written};
use super::retain::Doomed;
use super::schema::in_transaction;
use super::segment::{Deltas, Segment};
use super::shared::Shared;
use super::uuids::{self, Filters};
use crate::StoreError;
use crate::log::{AcceptError, Batch, Committed, NewEvent};

/// Events by which the watermark in the file may lag: it costs a page in each commit that moves it, and a
/// lower one only means that a start looks at some more events.
const WATERMARK_LAG: i64 = 1024;
/// After a segment could not be begun, the next try.
const ROLL_AGAIN: Duration = Duration::from_secs(1);
/// A segment takes no more events than this, so that what is kept in memory about it stays small.
const SEGMENT_EVENTS: u64 = 500_000;

pub(super) struct Writer {
    shared: Arc<Shared>,
    current: Current,
    older: Older,
    filters: Filters,
    next: EventSeq,
    roll_not_before: WallTime,
    doomed: Doomed,
    /// Set once it is unknown what the disk holds.
    broken: Option<String>,
}

/// What one transaction in the current segment did.
struct Applied<'b> {
    accepted: Accepted<'b>,
    written: Written,
    blocks: Vec<Block>,
    watermark: Option<EventSeq>,
}

impl Writer {
    pub(super) fn open(shared: Arc<Shared>) -> Result<Self, StoreError> {
        let current = open::open(&shared)?;
        let next = EventSeq(shared.segments.last_seq().0 + 1);
        let older = Older::new(shared.options.sync);
        let filters = Filters::new(shared.options.uuid_filter_bytes);
        Ok(Self {
            shared,
            current,
            older,
            filters,
            next,
            roll_not_before: WallTime::default(),
            doomed: Doomed::default(),
            broken: None,
        })
    }

    pub(super) fn commit(&mut self, batch: Batch) -> Result<Committed, StoreError> {
        self.check()?;
        let began = self.shared.handles.monotonic();
        let committed = self.apply(&batch)?;
        let counters = &self.shared.counters;
        let took = self.shared.handles.monotonic().since(began);
        counters.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        counters.commits.fetch_add(1, Relaxed);
        counters.transactions.fetch_add(committed.transactions.into(), Relaxed);
        let targets: usize = batch.extensions.iter().map(|extension| extension.matched.len()).sum();
        counters.outcomes.fetch_add((batch.records.len() + batch.parks.len() + targets) as u64, Relaxed);
        Ok(committed)
    }

    /// Ends waiting deliveries, all of them in one segment.
    pub(super) fn end(
        &mut self,
        segment: &Arc<Segment>,
        keys: &[DeliveryKey],
        state: DeliveryState,
    ) -> Result<usize, StoreError> {
        self.check()?;
        let mut pending = Deltas::new();
        let connection = self.connection(segment)?;
        let ended =
            in_transaction(connection, |connection| record::end(connection, keys, state, &mut pending));
        let ended = ended.map_err(|fault| self.failed(fault, segment))?;
        segment.move_pending(&pending);
        self.shared.counters.transactions.fetch_add(1, Relaxed);
        Ok(ended)
    }

    pub(super) fn watermark(&self) -> EventSeq {
        self.current.watermark
    }

    #[cfg(test)]
    pub(super) fn current_connection(&self) -> &Connection {
        &self.current.connection
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(super) fn doomed(&mut self) -> &mut Doomed {
        &mut self.doomed
    }

    /// Closes what is open for writing to a segment that goes.
    pub(super) fn close_older(&mut self, first: EventSeq) {
        self.older.close(first);
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        match &self.broken {
            None => Ok(()),
            Some(why) => {
                Err(StoreError::Unavailable(format!("the event log is closed after a failure: {why}")))
            }
        }
    }

    fn apply(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        let takes_events = batch.requests.iter().any(|request| !request.is_empty());
        let room = !takes_events || self.shared.has_room();
        if takes_events && room {
            self.roll_if_due(batch.now)?;
        }
        let mut committed = Committed::default();
        let (part, older) = self.parts(batch, &mut committed);
        for (segment, part) in older.into_values() {
            let written = self.write_older(&segment, &part, batch.now)?;
            segment.move_pending(&written.pending);
            committed.stale_records.extend(written.stale);
            committed.transactions += 1;
        }
        let verdicts = if room { Some(self.judge(batch)?) } else { None };
        let empty = part.is_empty()
            && !takes_events
            && batch.watermark.is_none_or(|mark| mark <= self.current.watermark);
        if empty {
            committed.requests = batch.requests.iter().map(|_| Ok(Vec::new())).collect();
            return Ok(committed);
        }
        let applied = match self.write_current(batch, &part, verdicts) {
            // Outcomes must find room as long as there is any; the events can come again.
            Err(fault) if fault.gravity() == Gravity::Full && takes_events && room => {
                tracing::warn!("the disk is full: events are refused");
                self.write_current(batch, &part, None)
            }
            result => result,
        };
        let segment = Arc::clone(&self.current.segment);
        let applied = applied.map_err(|fault| self.failed(fault, &segment))?;
        self.adopt(applied, !part.is_empty(), &mut committed);
        Ok(committed)
    }

    /// Sorts what concerns events into what the current segment holds and what older ones do, and drops
    /// what no segment holds.
    fn parts<'b>(
        &self,
        batch: &'b Batch,
        committed: &mut Committed,
    ) -> (Part<'b>, BTreeMap<EventSeq, (Arc<Segment>, Part<'b>)>) {
        let mut sorted = Sorted { writer: self, current: Part::default(), older: BTreeMap::new() };
        for extension in &batch.extensions {
            if let Some(part) = sorted.part_of(extension.event) {
                part.extensions.push(extension);
            }
        }
        for record in &batch.records {
            match sorted.part_of(record.key.event) {
                Some(part) => part.records.push(record),
                None => committed.stale_records.push(record.key),
            }
        }
        for park in &batch.parks {
            if let Some(part) = sorted.part_of(park.key.event) {
                part.parks.push(park);
            }
        }
        (sorted.current, sorted.older)
    }

    fn write_older(
        &mut self,
        segment: &Arc<Segment>,
        part: &Part<'_>,
        now: WallTime,
    ) -> Result<Written, StoreError> {
        let connection = self.connection(segment)?;
        in_transaction(connection, |connection| record::write(connection, part, now))
            .map_err(|fault| self.failed(fault, segment))
    }

    /// One transaction; without verdicts the requests are refused for want of room.
    fn write_current<'b>(
        &self,
        batch: &'b Batch,
        part: &Part<'_>,
        verdicts: Option<Vec<Verdict>>,
    ) -> Result<Applied<'b>, Fault> {
        let watermark = batch.watermark.filter(|mark| self.is_worth_writing(*mark, batch));
        in_transaction(&self.current.connection, |connection| {
            let accepted = match verdicts {
                Some(verdicts) => {
                    accept::insert(connection, &batch.requests, verdicts, self.next, batch.now)?
                }
                None => Accepted {
                    answers: batch.requests.iter().map(|_| Err(no_room())).collect(),
                    ..Accepted::default()
                },
            };
            let written = record::write(connection, part, batch.now)?;
            let blocks = self.current.write_blocks(false)?;
            if let Some(mark) = watermark {
                connection
                    .prepare_cached("UPDATE segment SET watermark = ? WHERE id = 0")?
                    .execute([mark.0])?;
            }
            Ok(Applied { accepted, written, blocks, watermark })
        })
    }

    /// While events come in, the watermark is written now and then; when they stop, exactly.
    fn is_worth_writing(&self, mark: EventSeq, batch: &Batch) -> bool {
        let ahead = mark.0 - self.current.watermark.0;
        ahead >= WATERMARK_LAG || (ahead > 0 && batch.requests.is_empty())
    }

    /// The transaction is durable: memory follows, then everybody may see it.
    fn adopt(&mut self, applied: Applied<'_>, part_has_rows: bool, committed: &mut Committed) {
        let Applied { accepted, written, blocks, watermark } = applied;
        let wrote = !accepted.stored.is_empty() || part_has_rows || !blocks.is_empty() || watermark.is_some();
        let segment = &self.current.segment;
        segment.move_pending(&accepted.pending);
        segment.move_pending(&written.pending);
        self.current.watermark = watermark.unwrap_or(self.current.watermark);
        self.current.blocks_written(&blocks);
        self.current.stored(&accepted.stored);
        let stored: &[&NewEvent] = &accepted.stored;
        self.shared.counters.events.fetch_add(stored.len() as u64, Relaxed);
        self.next = EventSeq(self.next.0 + stored.len() as i64);
        self.shared.segments.set_last_seq(EventSeq(self.next.0 - 1));
        committed.requests = accepted.answers;
        committed.stale_records.extend(written.stale);
        committed.transactions += u32::from(wrote);
    }

    fn judge(&mut self, batch: &Batch) -> Result<Vec<Verdict>, StoreError> {
        let since = batch.now.minus(self.shared.options.idempotency_window);
        accept::judge(&batch.requests, |account, uuid| self.find(account, uuid, since))
    }

    /// The accepted event of this account with this uuid, if it was accepted after `since`.
    fn find(&mut self, account: AccountId, uuid: Uuid, since: WallTime) -> Result<Option<Event>, StoreError> {
        let current = &self.current;
        let found =
            current.find(account, uuid, since).map_err(|fault| fault.in_file(&current.segment.path))?;
        if found.is_some() {
            return Ok(found);
        }
        let (all, wanted) = (self.shared.segments.all(), fingerprint(&uuid));
        let sealed = all.iter().rev().skip(1).filter(|segment| segment.accepted.to() > since);
        for segment in sealed {
            if !self.may_contain(segment, wanted)? {
                continue;
            }
            let connection = self.connection(segment)?;
            let found = uuids::find_in_blocks(connection, account, uuid, since);
            if let Some(event) = found.map_err(|fault| fault.in_file(&segment.path))? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn may_contain(&mut self, segment: &Segment, wanted: u32) -> Result<bool, StoreError> {
        if let Some(known) = self.filters.may_contain(segment.first, wanted) {
            return Ok(known);
        }
        let filter =
            uuids::read_filter(self.connection(segment)?).map_err(|fault| fault.in_file(&segment.path))?;
        let answer = filter.may_contain(wanted);
        self.filters.keep(segment.first, filter);
        Ok(answer)
    }

    /// Begins a new segment if the current one is full or old.
    fn roll_if_due(&mut self, now: WallTime) -> Result<(), StoreError> {
        let (options, current) = (&self.shared.options, &self.current);
        let bytes = current.bytes().map_err(|fault| fault.in_file(&current.segment.path))?;
        let due = bytes >= options.segment_bytes
            || current.events >= SEGMENT_EVENTS
            || now.since(current.created_at) >= options.segment_age;
        if !due || current.events == 0 || now < self.roll_not_before {
            return Ok(());
        }
        match self.roll(now) {
            Ok(()) => Ok(()),
            Err((fault, segment)) if fault.gravity() == Gravity::Fatal => Err(self.failed(fault, &segment)),
            // The old one goes on taking events as long as it can.
            Err((fault, segment)) => {
                let error = fault.in_file(&segment.path);
                tracing::warn!(error = &error as &dyn std::error::Error, "no new segment could be begun");
                self.roll_not_before = now.plus(ROLL_AGAIN);
                Ok(())
            }
        }
    }

    fn roll(&mut self, now: WallTime) -> Result<(), (Fault, Arc<Segment>)> {
        let segment = Arc::new(Segment::new(self.next, self.shared.path_of(self.next)));
        let created =
            Current::create(Arc::clone(&segment), self.shared.options.sync, now, self.current.watermark);
        let sealed = created.and_then(|next| self.current.seal().map(|()| next));
        let next = sealed.map_err(|fault| {
            let _ = open::remove(&segment.path); // else it is found, empty, at the next start
            (fault, Arc::clone(&segment))
        })?;
        let old = std::mem::replace(&mut self.current, next);
        self.older.keep(old.segment.first, old.connection);
        self.shared.segments.push(segment);
        self.shared.counters.segments_begun.fetch_add(1, Relaxed);
        self.shared.counters.transactions.fetch_add(3, Relaxed);
        let since = now.minus(self.shared.options.idempotency_window);
        let all = self.shared.segments.all();
        let window: Vec<_> = all.iter().filter(|segment| segment.accepted.to() > since).cloned().collect();
        self.filters.keep_only(&window);
        Ok(())
    }

    /// A connection for writing to any segment.
    fn connection(&mut self, segment: &Segment) -> Result<&Connection, StoreError> {
        if segment.first == self.current.segment.first {
            return Ok(&self.current.connection);
        }
        self.older.connection(segment)
    }

    fn failed(&mut self, fault: Fault, segment: &Segment) -> StoreError {
        let fatal = fault.gravity() == Gravity::Fatal;
        let error = fault.in_file(&segment.path);
        if fatal {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the event log is closed: a write may not have reached the disk"
            );
            self.broken = Some(error.to_string());
        }
        error
    }
}

struct Sorted<'w, 'b> {
    writer: &'w Writer,
    current: Part<'b>,
    older: BTreeMap<EventSeq, (Arc<Segment>, Part<'b>)>,
}

impl<'b> Sorted<'_, 'b> {
    fn part_of(&mut self, event: EventSeq) -> Option<&mut Part<'b>> {
        if event >= self.writer.current.segment.first {
            return (event < self.writer.next).then_some(&mut self.current);
        }
        let segment = self.writer.shared.segments.find(event)?;
        Some(&mut self.older.entry(segment.first).or_insert_with(|| (segment, Part::default())).1)
    }
}

fn no_room() -> AcceptError {
    AcceptError::Store(StoreError::Unavailable(
        "the disk is nearly full: no events are taken until there is room".into(),
    ))
}

/// Waiting deliveries of one subscription count in no more segments than hold some.
pub(super) fn holding(shared: &Shared, subscription: SubscriptionNo) -> Vec<(Arc<Segment>, u64)> {
    let all = shared.segments.all();
    let counted = all.iter().map(|segment| (Arc::clone(segment), segment.pending(subscription)));
    counted.filter(|(_, pending)| *pending > 0).collect()
}

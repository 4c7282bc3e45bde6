//! A segment file with all that its writer keeps about it in memory: the one that takes events now, or one
//! that is being sealed.

use std::collections::HashSet;
use std::sync::Arc;

use hookswitch_core::clock::WallTime;
use hookswitch_core::event::Event;
use hookswitch_core::id::{AccountId, EventSeq};
use rusqlite::Connection;
use uuid::Uuid;

use super::block::{self, Block, Tail, fingerprint};
use super::fault::Fault;
use super::filter::Filter;
use super::pack::Targets;
use super::rows::{blob, uuid_of};
use super::schema::{self, Purpose};
use super::segment::Segment;
use super::uuids;
use crate::log::NewEvent;

#[derive(Debug)]
pub(super) struct Current {
    pub(super) segment: Arc<Segment>,
    pub(super) connection: Connection,
    pub(super) created_at: WallTime,
    /// The watermark as the file has it.
    pub(super) watermark: EventSeq,
    /// Events after the last block.
    tail: Tail,
    /// Fingerprints of the uuids in all blocks.
    blocked: HashSet<u32>,
    pub(super) events: u64,
}

impl Current {
    /// Makes the file of a segment that begins with the event `first`.
    pub(super) fn create(
        segment: Arc<Segment>,
        sync: bool,
        now: WallTime,
        watermark: EventSeq,
    ) -> Result<Self, Fault> {
        let connection = schema::create(&segment.path, Purpose::WriteCurrent { sync }, now.0, watermark.0)?;
        let tail = Tail::starting_at(segment.first.0);
        Ok(Self { segment, connection, created_at: now, watermark, tail, blocked: HashSet::new(), events: 0 })
    }

    /// Takes an existing file up again. Returns the number of its last event, if it has any.
    pub(super) fn load(
        segment: Arc<Segment>,
        connection: Connection,
    ) -> Result<(Self, Option<EventSeq>), Fault> {
        let (created_at, watermark) =
            connection.query_row("SELECT created_at, watermark FROM segment WHERE id = 0", [], |row| {
                Ok((WallTime(row.get(0)?), EventSeq(row.get(1)?)))
            })?;
        let (first, mut blocked) = (segment.first.0, HashSet::new());
        let mut next = first;
        {
            let mut statement = connection.prepare("SELECT last, uuids FROM block ORDER BY first")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                next = row.get::<_, i64>(0)? + 1;
                blocked.extend(block::fingerprints(blob(row.get_ref(1)?)?));
            }
        }
        let (tail, last) = load_tail(&connection, next)?;
        let last = last.or((next > first).then_some(EventSeq(next - 1)));
        let events = last.map_or(0, |last| u64::try_from(last.0 - first + 1).unwrap_or(0));
        let (earliest, latest) = schema::accepted_span(&connection)?;
        earliest.into_iter().chain(latest).for_each(|at| segment.accepted.include(at));
        Ok((Self { segment, connection, created_at, watermark, tail, blocked, events }, last))
    }

    /// The events are durable: what the directories need of them is kept until the next block.
    pub(super) fn stored(&mut self, events: &[&NewEvent]) {
        self.events += events.len() as u64;
        for new in events {
            self.segment.accepted.include(new.event.accepted_at);
            self.tail.push(&new.event.uuid, new.matched.iter().map(|matched| matched.subscription));
        }
    }

    /// Writes the blocks that are due, inside a transaction; `blocks_written` follows once it is durable.
    pub(super) fn write_blocks(&self, all: bool) -> Result<Vec<Block>, Fault> {
        let blocks = self.tail.blocks(all);
        blocks.iter().try_for_each(|block| block.write(&self.connection))?;
        Ok(blocks)
    }

    pub(super) fn blocks_written(&mut self, blocks: &[Block]) {
        for block in blocks {
            self.blocked.extend(block.fingerprints());
            self.tail.discard(block);
        }
    }

    pub(super) fn bytes(&self) -> Result<u64, Fault> {
        let pages: u64 =
            self.connection.prepare_cached("PRAGMA page_count")?.query_row([], |row| row.get(0))?;
        Ok(pages * schema::PAGE_BYTES)
    }

    /// The accepted event of this account with this uuid, if it was accepted after `since`.
    pub(super) fn find(
        &self,
        account: AccountId,
        uuid: Uuid,
        since: WallTime,
    ) -> Result<Option<Event>, Fault> {
        let wanted = fingerprint(&uuid);
        for seq in self.tail.candidates(wanted) {
            if let Some(event) = uuids::read(&self.connection, EventSeq(seq), account, uuid, since)? {
                return Ok(Some(event));
            }
        }
        if !self.blocked.contains(&wanted) {
            return Ok(None);
        }
        uuids::find_in_blocks(&self.connection, account, uuid, since)
    }

    /// Writes the remaining directories and the seal. No event follows in this segment.
    pub(super) fn seal(&mut self) -> Result<(), Fault> {
        let blocks = schema::in_transaction(&self.connection, |_| self.write_blocks(true))?;
        self.blocks_written(&blocks);
        let filter = Filter::of(self.blocked.iter().copied());
        let span = &self.segment.accepted;
        schema::in_transaction(&self.connection, |connection| {
            let sql = "INSERT INTO seal (id, accepted_from, accepted_to, filter) VALUES (0, ?, ?, ?)
                ON CONFLICT DO UPDATE SET accepted_from = excluded.accepted_from,
                    accepted_to = excluded.accepted_to, filter = excluded.filter";
            connection.execute(sql, (span.from().0, span.to().0, filter.to_bytes()))?;
            Ok(())
        })
    }
}

/// The directories' part of the events from `next` on, and the number of the last of them.
fn load_tail(connection: &Connection, next: i64) -> Result<(Tail, Option<EventSeq>), Fault> {
    let mut tail = Tail::starting_at(next);
    let mut last = None;
    let mut statement =
        connection.prepare("SELECT seq, uuid, matched FROM event WHERE seq >= ? ORDER BY seq")?;
    let mut rows = statement.query([next])?;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        if seq != last.map_or(next, |last: EventSeq| last.0 + 1) {
            return Err(Fault::Damaged("an event is missing"));
        }
        let targets = Targets(blob(row.get_ref(2)?)?).collect::<Result<Vec<_>, _>>()?;
        tail.push(&uuid_of(row.get_ref(1)?)?, targets.into_iter().map(|matched| matched.subscription));
        last = Some(EventSeq(seq));
    }
    Ok((tail, last))
}

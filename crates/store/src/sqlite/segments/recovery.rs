//! What a starting engine must know: the watermark, what waits, and what above the watermark has no row.

use std::collections::HashSet;

use hookswitch_core::id::{EventSeq, SubscriptionNo};
use rusqlite::Connection;

use super::fault::Fault;
use super::record;
use super::rows::{event_columns, event_of, matched_of};
use super::shared::Shared;
use crate::StoreError;
use crate::log::{Backlog, Recovery, Unrecorded};

/// Events that one call of `unrecorded` looks at, and bytes of bodies that it brings into memory, about.
const LOOKED_AT: usize = 4096;
const BODIES: usize = 16 * 1024 * 1024;

pub(super) fn recover(shared: &Shared, watermark: EventSeq) -> Result<Recovery, StoreError> {
    let mut recovery = Recovery { watermark, last_seq: shared.segments.last_seq(), ..Recovery::default() };
    for segment in shared.segments.all().iter() {
        let (half, waiting) = shared
            .readers
            .read(segment, |connection| Ok((half_dispatched(connection)?, record::waiting(connection)?)))?;
        recovery.half_dispatched.extend(half);
        for (subscription, deliveries, earliest) in waiting {
            let backlog = recovery.backlogs.entry(subscription).or_default();
            let earliest_due = backlog.earliest_due.into_iter().chain([earliest]).min();
            *backlog = Backlog { deliveries: backlog.deliveries + deliveries, earliest_due };
        }
    }
    Ok(recovery)
}

fn half_dispatched(connection: &Connection) -> Result<Vec<(EventSeq, SubscriptionNo)>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT seq, last_sub FROM half_dispatched ORDER BY seq")?;
    let found = statement.query_map([], |row| Ok((EventSeq(row.get(0)?), SubscriptionNo(row.get(1)?))))?;
    found.map(|row| row.map_err(Fault::from)).collect()
}

pub(super) fn unrecorded(
    shared: &Shared,
    from: EventSeq,
    limit: usize,
) -> Result<(Vec<Unrecorded>, Option<EventSeq>), StoreError> {
    let mut found = Found { events: Vec::new(), next: from, looked_at: 0, bytes: 0, limit: limit.max(1) };
    for stretch in shared.segments.stretches() {
        if stretch.last < found.next {
            continue;
        }
        found.next = found.next.max(stretch.segment.first);
        shared.readers.read(&stretch.segment, |connection| found.look(connection, stretch.last))?;
        if found.is_full() {
            break;
        }
    }
    let more = found.next <= shared.segments.last_seq();
    Ok((found.events, more.then_some(found.next)))
}

struct Found {
    events: Vec<Unrecorded>,
    next: EventSeq,
    looked_at: usize,
    bytes: usize,
    limit: usize,
}

impl Found {
    fn is_full(&self) -> bool {
        self.events.len() >= self.limit || self.looked_at >= LOOKED_AT || self.bytes >= BODIES
    }

    fn look(&mut self, connection: &Connection, last: EventSeq) -> Result<(), Fault> {
        let sql = concat!("SELECT ", event_columns!(), " FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq");
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([self.next.0, last.0])?;
        while !self.is_full() {
            let Some(row) = rows.next()? else { break };
            let seq = EventSeq(row.get(0)?);
            self.looked_at += 1;
            self.next = EventSeq(seq.0 + 1);
            let mut matched = matched_of(row)?;
            if !matched.is_empty() {
                let recorded = recorded(connection, seq)?;
                matched.retain(|target| !recorded.contains(&target.subscription));
            }
            if !matched.is_empty() {
                let event = event_of(row)?;
                self.bytes += event.event.body.len();
                self.events.push(Unrecorded { event, matched });
            }
        }
        Ok(())
    }
}

/// The subscriptions for which the event's own delivery has a row.
fn recorded(connection: &Connection, seq: EventSeq) -> Result<HashSet<SubscriptionNo>, Fault> {
    let mut statement = connection.prepare_cached("SELECT sub FROM delivery WHERE seq = ? AND n = 0")?;
    let found = statement.query_map([seq.0], |row| row.get(0).map(SubscriptionNo))?;
    found.map(|row| row.map_err(Fault::from)).collect()
}

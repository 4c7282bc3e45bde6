//! Single things by name: an event by number or uuid, a delivery with its attempts.

use hookswitch_core::delivery::Attempt;
use hookswitch_core::event::StoredEvent;
use hookswitch_core::id::{DeliveryKey, EventSeq};
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::block::fingerprint;
use super::fault::Fault;
use super::filter::Filter;
use super::history::{Head, view_of};
use super::rows::{DeliveryRow, delivery_columns, find_delivery, find_event};
use super::shared::Shared;
use super::uuids;
use crate::StoreError;
use crate::log::{DeliveryView, Matched, Scope};

/// Targets of one event that a look-up names at most.
const TARGETS: i64 = 10_000;

pub(super) fn event(shared: &Shared, seq: EventSeq) -> Result<Option<StoredEvent>, StoreError> {
    let Some(segment) = shared.segments.find(seq) else { return Ok(None) };
    let found = shared.readers.read(&segment, |connection| find_event(connection, Scope::Operator, seq))?;
    Ok(found.map(|(event, _)| event))
}

/// Oldest first; accounts share no uuids by design, but may by chance.
pub(super) fn event_by_uuid(
    shared: &Shared,
    scope: Scope,
    uuid: Uuid,
) -> Result<Vec<(StoredEvent, Vec<Matched>)>, StoreError> {
    let mut found = Vec::new();
    for segment in shared.segments.all().iter() {
        found.extend(shared.readers.read(segment, |connection| in_segment(connection, scope, uuid))?);
    }
    Ok(found)
}

fn in_segment(
    connection: &Connection,
    scope: Scope,
    uuid: Uuid,
) -> Result<Vec<(StoredEvent, Vec<Matched>)>, Fault> {
    let seal = "SELECT filter FROM seal WHERE id = 0";
    let filter = connection.prepare_cached(seal)?.query_row([], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    if let Some(filter) = filter
        && !Filter::from_bytes(&filter)?.may_contain(fingerprint(&uuid))
    {
        return Ok(Vec::new());
    }
    let mut seqs = uuids::in_blocks(connection, uuid)?;
    // What no block holds yet is little enough to be looked through.
    let tail = "SELECT seq FROM event WHERE seq > ifnull((SELECT max(last) FROM block), 0) AND uuid = ? ORDER BY seq";
    let mut statement = connection.prepare_cached(tail)?;
    for seq in statement.query_map([&uuid.as_bytes()[..]], |row| row.get(0).map(EventSeq))? {
        seqs.push(seq?);
    }
    let mut found = Vec::new();
    for seq in seqs {
        if let Some((event, matched)) = find_event(connection, scope, seq)?
            && event.event.uuid == uuid
        {
            found.push((event, all_targets(connection, seq, matched)?));
        }
    }
    Ok(found)
}

/// The targets in the event's row, and those of later slices, which are rows.
fn all_targets(
    connection: &Connection,
    seq: EventSeq,
    mut matched: Vec<Matched>,
) -> Result<Vec<Matched>, Fault> {
    let sql = concat!(
        "SELECT ",
        delivery_columns!(),
        " FROM delivery WHERE seq = ? AND n = 0 ORDER BY sub LIMIT ?"
    );
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([seq.0, TARGETS])?;
    let known: std::collections::HashSet<_> = matched.iter().map(|target| target.subscription).collect();
    while let Some(row) = rows.next()? {
        let target = DeliveryRow::read(row)?.matched;
        if !known.contains(&target.subscription) {
            matched.push(target);
        }
    }
    Ok(matched)
}

pub(super) fn delivery(
    shared: &Shared,
    scope: Scope,
    key: DeliveryKey,
) -> Result<Option<(DeliveryView, Vec<Attempt>)>, StoreError> {
    let Some(segment) = shared.segments.find(key.event) else { return Ok(None) };
    shared.readers.read(&segment, |connection| {
        let Some((event, matched)) = find_event(connection, scope, key.event)? else { return Ok(None) };
        let target =
            matched.iter().find(|target| target.subscription == key.subscription && key.ordinal == 0);
        let not_tried =
            target.map(|target| DeliveryRow::not_tried(key.event, event.event.accepted_at, *target));
        let Some(row) = find_delivery(connection, key)?.or(not_tried) else { return Ok(None) };
        let attempts = row.attempts(connection)?;
        Ok(Some((view_of(connection, &Head::from(&event), row)?, attempts)))
    })
}

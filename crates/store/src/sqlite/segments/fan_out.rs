//! Targets beyond those that an event names in its own row: they come in slices, and all of them wait.

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{DeliveryKey, EventSeq, SubscriptionNo};
use rusqlite::{Connection, OptionalExtension};

use super::fault::Fault;
use super::record::wait;
use super::segment::Deltas;
use crate::log::{Extension, Park};

/// One more slice of a fan-out. A slice that comes again after the fan-out is complete changes nothing.
pub(super) fn extend(
    connection: &Connection,
    extension: &Extension,
    now: WallTime,
    pending: &mut Deltas,
) -> Result<(), Fault> {
    let seq = extension.event;
    let known = "SELECT 1 FROM half_dispatched WHERE seq = ?";
    if connection.prepare_cached(known)?.query_row([seq.0], |_| Ok(())).optional()?.is_none() {
        return Ok(());
    }
    let key = |subscription| DeliveryKey { event: seq, subscription, ordinal: 0 };
    let targets = extension.matched.iter();
    let parks: Vec<Park> =
        targets.map(|target| Park { key: key(target.subscription), matched: *target, due: now }).collect();
    wait(connection, &parks, pending)?;
    let numbers = || extension.matched.iter().map(|matched| matched.subscription.0);
    if let (Some(first), Some(last)) = (numbers().min(), numbers().max()) {
        let sql = "INSERT INTO slice (seq, first_sub, last_sub) VALUES (?, ?, ?)
            ON CONFLICT DO UPDATE SET last_sub = max(last_sub, excluded.last_sub)";
        connection.prepare_cached(sql)?.execute([seq.0, first, last])?;
    }
    match extension.matched.last() {
        _ if extension.complete => {
            connection.prepare_cached("DELETE FROM half_dispatched WHERE seq = ?")?.execute([seq.0])?;
        }
        Some(last) => leave_half_dispatched(connection, seq, last.subscription)?,
        None => {}
    }
    Ok(())
}

/// Notes that more targets of an event are to come after this one.
pub(super) fn leave_half_dispatched(
    connection: &Connection,
    seq: EventSeq,
    last: SubscriptionNo,
) -> Result<(), Fault> {
    let sql = "INSERT INTO half_dispatched (seq, last_sub) VALUES (?1, ?2)
        ON CONFLICT DO UPDATE SET last_sub = ?2";
    connection.prepare_cached(sql)?.execute([seq.0, last.0])?;
    Ok(())
}

//! What waits: reading it back when it is due, and choosing what is to end.
//!
//! The segments' counts say where to look; rows are found through the partial index, earliest due first,
//! so that a million of them cost no more than the few that are asked for.

use std::collections::HashSet;
use std::sync::Arc;

use hookswitch_core::clock::WallTime;
use hookswitch_core::delivery::{Delivery, DeliveryState, EndReason};
use hookswitch_core::id::{DeliveryKey, EventSeq, SubscriptionNo};
use rusqlite::Connection;

use super::fault::Fault;
use super::rows::{find_delivery, find_event, is_pending};
use super::segment::Segment;
use super::shared::Shared;
use super::writer::holding;
use crate::StoreError;
use crate::log::{Backlog, Scope, Waiting};

/// Bodies that one read brings into memory, about.
const BODIES: usize = 8 * 1024 * 1024;
/// Rows that one call ends at most, so that the writer is free again within milliseconds.
const ENDED_AT_ONCE: usize = 1000;

/// A waiting row, by what orders it.
type Candidate = (WallTime, EventSeq, u32);

pub(super) fn due(
    shared: &Shared,
    subscription: SubscriptionNo,
    now: WallTime,
    held: &[DeliveryKey],
    limit: usize,
) -> Result<(Vec<Waiting>, Backlog), StoreError> {
    // Counted first: a commit that ends in between makes the count too high or goes uncounted here, and
    // its caller knows of it.
    let segments = holding(shared, subscription);
    let counted: u64 = segments.iter().map(|(_, count)| count).sum();
    let held_keys: HashSet<DeliveryKey> = held.iter().copied().collect();
    let (mut candidates, mut held_waiting) = (Vec::new(), 0);
    for (segment, _) in &segments {
        let (found, held_here) = shared.readers.read(segment, |connection| {
            let found = earliest(connection, subscription, &held_keys, limit.saturating_add(1))?;
            Ok((found, count_held(connection, segment, held)?))
        })?;
        candidates.extend(found.into_iter().map(|candidate| (candidate, &**segment)));
        held_waiting += held_here;
    }
    candidates.sort_by_key(|(candidate, _)| *candidate);
    let chosen = candidates.iter().take(limit).take_while(|((due, ..), _)| *due <= now).count();
    let mut given = Given { waiting: Vec::with_capacity(chosen), bytes: 0, passed: 0 };
    for run in candidates[..chosen].chunk_by(|(_, one), (_, next)| one.first == next.first) {
        let keys = run.iter().map(|((_, event, ordinal), _)| DeliveryKey {
            event: *event,
            subscription,
            ordinal: *ordinal,
        });
        shared.readers.read(run[0].1, |connection| given.take(connection, keys))?;
    }
    let left = counted.saturating_sub(held_waiting + given.waiting.len() as u64);
    let earliest_due = candidates.get(given.passed).map(|((due, ..), _)| *due);
    let deliveries = if earliest_due.is_some() { left.max(1) } else { 0 };
    Ok((given.waiting, Backlog { deliveries, earliest_due }))
}

/// What is given out, until there are enough bytes of it.
struct Given {
    waiting: Vec<Waiting>,
    bytes: usize,
    /// Candidates that were looked at.
    passed: usize,
}

impl Given {
    fn take(
        &mut self,
        connection: &Connection,
        keys: impl Iterator<Item = DeliveryKey>,
    ) -> Result<(), Fault> {
        for key in keys {
            if self.bytes >= BODIES {
                break;
            }
            self.passed += 1;
            // It may have ended since it was found: then it is nobody's business here.
            if let Some(found) = read(connection, key)? {
                self.bytes += found.event.event.body.len();
                self.waiting.push(found);
            }
        }
        Ok(())
    }
}

fn earliest(
    connection: &Connection,
    subscription: SubscriptionNo,
    held: &HashSet<DeliveryKey>,
    limit: usize,
) -> Result<Vec<Candidate>, Fault> {
    let sql = "SELECT moment, seq, n FROM delivery INDEXED BY delivery_due
               WHERE sub = ? AND state = 0 ORDER BY moment, seq, n";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([subscription.0])?;
    let mut found = Vec::new();
    while found.len() < limit {
        let Some(row) = rows.next()? else { break };
        let (due, event, ordinal) = (WallTime(row.get(0)?), EventSeq(row.get(1)?), row.get(2)?);
        if !held.contains(&DeliveryKey { event, subscription, ordinal }) {
            found.push((due, event, ordinal));
        }
    }
    Ok(found)
}

/// How many of the held deliveries have a row here that waits.
fn count_held(connection: &Connection, segment: &Segment, held: &[DeliveryKey]) -> Result<u64, Fault> {
    let mut count = 0;
    for key in held.iter().filter(|key| key.event >= segment.first) {
        count += u64::from(is_pending(connection, *key)?);
    }
    Ok(count)
}

fn read(connection: &Connection, key: DeliveryKey) -> Result<Option<Waiting>, Fault> {
    let Some(row) = find_delivery(connection, key)? else { return Ok(None) };
    let DeliveryState::Pending { due } = row.state else { return Ok(None) };
    let (event, _) =
        find_event(connection, Scope::Operator, key.event)?.ok_or(Fault::Damaged("an event is missing"))?;
    Ok(Some(Waiting {
        key,
        matched: row.matched,
        attempts: row.attempts,
        step: row.step,
        due,
        trigger: row.trigger,
        event,
    }))
}

/// The state of a delivery that ends for this reason without another attempt.
pub(super) fn ended_state(reason: EndReason, now: WallTime) -> DeliveryState {
    Delivery::new(now, std::time::Duration::ZERO).ended(reason, now).state
}

/// Rows of one segment.
pub(super) type Chosen = (Arc<Segment>, Vec<DeliveryKey>);

/// The next waiting deliveries to end, all in one segment, the oldest that has any.
///
/// Where only some are to end (the backlog limit), they are the oldest by acceptance; where all are, the
/// order says nothing, and the index gives them for less.
pub(super) fn oldest(
    shared: &Shared,
    subscription: SubscriptionNo,
    reason: EndReason,
    held: &[DeliveryKey],
    limit: usize,
) -> Result<Option<Chosen>, StoreError> {
    let held: HashSet<DeliveryKey> = held.iter().copied().collect();
    let limit = limit.min(ENDED_AT_ONCE);
    for (segment, _) in holding(shared, subscription) {
        let keys = shared.readers.read(&segment, |connection| match reason {
            EndReason::BacklogLimit => first_accepted(connection, subscription, &held, limit),
            _ => Ok(keys(subscription, &earliest(connection, subscription, &held, limit)?)),
        })?;
        if !keys.is_empty() {
            return Ok(Some((segment, keys)));
        }
    }
    Ok(None)
}

fn keys(subscription: SubscriptionNo, candidates: &[Candidate]) -> Vec<DeliveryKey> {
    let key = |&(_, event, ordinal): &Candidate| DeliveryKey { event, subscription, ordinal };
    candidates.iter().map(key).collect()
}

/// Looks at every waiting row of the subscription in this segment and keeps the oldest.
fn first_accepted(
    connection: &Connection,
    subscription: SubscriptionNo,
    held: &HashSet<DeliveryKey>,
    limit: usize,
) -> Result<Vec<DeliveryKey>, Fault> {
    let sql = "SELECT seq, n FROM delivery INDEXED BY delivery_due
               WHERE sub = ? AND state = 0 ORDER BY seq, n LIMIT ?";
    let mut statement = connection.prepare_cached(sql)?;
    let asked = i64::try_from(limit + held.len()).unwrap_or(i64::MAX);
    let mut rows = statement.query([subscription.0, asked])?;
    let mut found = Vec::new();
    while found.len() < limit {
        let Some(row) = rows.next()? else { break };
        let key = DeliveryKey { event: EventSeq(row.get(0)?), subscription, ordinal: row.get(1)? };
        if !held.contains(&key) {
            found.push(key);
        }
    }
    Ok(found)
}

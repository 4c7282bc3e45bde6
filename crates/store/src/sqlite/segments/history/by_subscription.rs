//! History of one subscription: its events are found through the blocks' postings, newest block first.

use hookswitch_core::id::{EventSeq, SubscriptionNo};
use rusqlite::{Connection, OptionalExtension};

use super::{Head, Page, floor_of, rows_of};
use crate::log::Matched;
use crate::sqlite::segments::block;
use crate::sqlite::segments::fault::Fault;
use crate::sqlite::segments::pack::Targets;
use crate::sqlite::segments::rows::{DeliveryRow, blob, scope_column};
use crate::sqlite::segments::segment::Stretch;

/// What a block costs, in things looked at: it is read and decoded even if the subscription is not in it.
const BLOCK_COST: usize = 20;

pub(super) fn look(
    connection: &Connection,
    stretch: &Stretch,
    subscription: SubscriptionNo,
    page: &mut Page<'_>,
) -> Result<(), Fault> {
    let mut top = stretch.last.min(page.below.event);
    let blocked: Option<i64> =
        connection.prepare_cached("SELECT max(last) FROM block")?.query_row([], |row| row.get(0))?;
    let tail_from = EventSeq(blocked.map_or(stretch.segment.first.0, |last| last + 1));
    if top >= tail_from {
        let seqs = in_tail(connection, tail_from, top, subscription)?;
        if !take_all(connection, seqs, (tail_from, top), subscription, page)? {
            return Ok(());
        }
        top = EventSeq(tail_from.0 - 1);
    }
    while top >= stretch.segment.first {
        let Some((first, seqs)) = in_block(connection, top, subscription)? else {
            return Err(Fault::Damaged("a block is missing"));
        };
        if !take_all(connection, seqs, (first, top), subscription, page)? {
            return Ok(());
        }
        top = EventSeq(first.0 - 1);
        page.budget = page.budget.saturating_sub(BLOCK_COST);
        if page.budget == 0 {
            page.next = Some(floor_of(first));
            return Ok(());
        }
    }
    Ok(())
}

/// Events after the last block that name the subscription as a target.
fn in_tail(
    connection: &Connection,
    from: EventSeq,
    to: EventSeq,
    subscription: SubscriptionNo,
) -> Result<Vec<EventSeq>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT seq, matched FROM event WHERE seq BETWEEN ? AND ?")?;
    let mut rows = statement.query([from.0, to.0])?;
    let mut seqs = Vec::new();
    while let Some(row) = rows.next()? {
        for target in Targets(blob(row.get_ref(1)?)?) {
            if target?.subscription == subscription {
                seqs.push(EventSeq(row.get(0)?));
                break;
            }
        }
    }
    Ok(seqs)
}

/// The block that holds `seq`: its first event, and those of its events that name the subscription.
fn in_block(
    connection: &Connection,
    seq: EventSeq,
    subscription: SubscriptionNo,
) -> Result<Option<(EventSeq, Vec<EventSeq>)>, Fault> {
    let sql = "SELECT first, postings FROM block WHERE first <= ? ORDER BY first DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([seq.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let first = row.get(0)?;
    let seqs = block::posted(first, blob(row.get_ref(1)?)?, subscription)?;
    Ok(Some((EventSeq(first), seqs.into_iter().map(EventSeq).collect())))
}

/// Takes the deliveries of these events and of those whose rows say more than their lists of targets:
/// later slices and replays. False when the page is done.
fn take_all(
    connection: &Connection,
    mut seqs: Vec<EventSeq>,
    (from, to): (EventSeq, EventSeq),
    subscription: SubscriptionNo,
    page: &mut Page<'_>,
) -> Result<bool, Fault> {
    let sql = "SELECT seq FROM slice WHERE seq BETWEEN ?1 AND ?2 AND first_sub <= ?3 AND last_sub >= ?3
               UNION SELECT seq FROM delivery INDEXED BY delivery_again WHERE sub = ?3 AND n > 0 AND seq BETWEEN ?1 AND ?2";
    let mut statement = connection.prepare_cached(sql)?;
    for seq in statement.query_map([from.0, to.0, subscription.0], |row| row.get(0).map(EventSeq))? {
        seqs.push(seq?);
    }
    seqs.sort_unstable();
    seqs.dedup();
    let below = page.below.event;
    for seq in seqs.into_iter().rev().filter(|seq| *seq <= below) {
        if !take_event(connection, seq, subscription, page)? || !page.spend(floor_of(seq)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn take_event(
    connection: &Connection,
    seq: EventSeq,
    subscription: SubscriptionNo,
    page: &mut Page<'_>,
) -> Result<bool, Fault> {
    let Some((head, matched)) = head(connection, seq, page)? else { return Ok(true) };
    if !page.wants_event(&head) {
        return Ok(true);
    }
    let mut rows = rows_of(connection, seq, Some(subscription), page.below, usize::MAX)?;
    let first = "SELECT 1 FROM delivery WHERE seq = ? AND sub = ? AND n = 0";
    let recorded =
        connection.prepare_cached(first)?.query_row([seq.0, subscription.0], |_| Ok(())).optional()?;
    let target = matched.iter().find(|target| target.subscription == subscription);
    if let (None, Some(target)) = (recorded, target) {
        rows.push(DeliveryRow::not_tried(seq, head.accepted_at, *target));
    }
    page.take(connection, &head, rows)
}

/// The event, if it is within the scope of the query.
fn head(
    connection: &Connection,
    seq: EventSeq,
    page: &Page<'_>,
) -> Result<Option<(Head, Vec<Matched>)>, Fault> {
    let sql = "SELECT seq, account, accepted_at, uuid, name, matched FROM event
               WHERE seq = ?1 AND (?2 IS NULL OR account = ?2)";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((seq.0, scope_column(page.query.scope)))?;
    rows.next()?.map(Head::read).transpose()
}

//! History without a subscription: events from the newest down, and all deliveries of each.

use std::collections::HashSet;

use hookswitch_core::id::EventSeq;
use rusqlite::Connection;

use super::{Head, LOOKED_AT, Page, floor_of, rows_of};
use crate::log::Matched;
use crate::sqlite::segments::fault::Fault;
use crate::sqlite::segments::rows::{DeliveryRow, scope_column};
use crate::sqlite::segments::segment::Stretch;

pub(super) fn look(connection: &Connection, stretch: &Stretch, page: &mut Page<'_>) -> Result<(), Fault> {
    let top = stretch.last.min(page.below.event);
    // Events of other accounts cost as much as ours, so the bound is on numbers, not on what is found.
    let reach = i64::try_from(page.budget).unwrap_or(i64::MAX);
    let bottom = stretch.segment.first.max(EventSeq(top.0.saturating_sub(reach - 1)));
    let sql = "SELECT seq, account, accepted_at, uuid, name, matched FROM event
               WHERE seq BETWEEN ?1 AND ?2 AND (?3 IS NULL OR account = ?3) ORDER BY seq DESC";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((bottom.0, top.0, scope_column(page.query.scope)))?;
    while let Some(row) = rows.next()? {
        let (head, matched) = Head::read(row)?;
        if page.wants_event(&head) && !take_event(connection, &head, &matched, page)? {
            return Ok(());
        }
    }
    let passed = usize::try_from(top.0 - bottom.0 + 1).unwrap_or(LOOKED_AT);
    page.budget = page.budget.saturating_sub(passed);
    if page.budget == 0 {
        page.next = Some(floor_of(bottom));
    }
    Ok(())
}

/// The deliveries of one event: its rows, and its targets without one. False when the page is done.
fn take_event(
    connection: &Connection,
    head: &Head,
    matched: &[Matched],
    page: &mut Page<'_>,
) -> Result<bool, Fault> {
    let many = LOOKED_AT;
    let rows = rows_of(connection, head.seq, None, page.below, many)?;
    // Of an event with more rows than are read at once, the rest is the next page's.
    let cut = (rows.len() == many).then(|| rows.last().map(|row| row.key)).flatten();
    // A row above the cursor is a row all the same: targets are only those that have none at all.
    let recorded = recorded(connection, head.seq, matched)?;
    let without = matched.iter().filter(|target| !recorded.contains(&target.subscription.0));
    let without = without.map(|target| DeliveryRow::not_tried(head.seq, head.accepted_at, *target));
    let mut all: Vec<DeliveryRow> = rows.into_iter().chain(without).collect();
    all.retain(|row| cut.is_none_or(|cut| row.key >= cut));
    all.sort_by_key(|row| std::cmp::Reverse(row.key));
    if !page.take(connection, head, all)? {
        return Ok(false);
    }
    page.next = cut;
    Ok(cut.is_none())
}

/// Those of the targets that have a row.
fn recorded(connection: &Connection, seq: EventSeq, matched: &[Matched]) -> Result<HashSet<i64>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM delivery WHERE seq = ? AND sub = ? AND n = 0")?;
    let mut found = HashSet::new();
    for target in matched {
        if statement.exists([seq.0, target.subscription.0])? {
            found.insert(target.subscription.0);
        }
    }
    Ok(found)
}

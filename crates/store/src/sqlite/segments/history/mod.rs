//! Pages of history, newest first: by event, or by subscription.
//!
//! Rows are ordered by key, from the highest down: an event's number never changes and new events only come
//! before what was seen, so a cursor neither skips nor repeats. Every filter but the subscription's is a
//! scan, and every scan has a bound; a page that reaches it is handed out as it is, with the cursor from
//! which to go on. A target without a row is shown as waiting.

mod by_event;
mod by_subscription;

use hookswitch_core::clock::WallTime;
use hookswitch_core::delivery::DeliveryState;
use hookswitch_core::event::StoredEvent;
use hookswitch_core::id::{AccountId, DeliveryKey, EventSeq, SubscriptionNo};
use rusqlite::{Connection, Row};
use uuid::Uuid;

use super::fault::Fault;
use super::pack;
use super::rows::{DeliveryRow, blob, delivery_columns, uuid_of};
use super::segment::Stretch;
use super::shared::Shared;
use crate::StoreError;
use crate::log::{DeliveryView, HistoryPage, HistoryQuery, Matched, StatusFilter};

/// Records of a page at most, whatever is asked for.
const PAGE: usize = 1000;

pub(super) fn page(shared: &Shared, query: &HistoryQuery) -> Result<HistoryPage, StoreError> {
    let mut page = Page::new(query);
    for stretch in shared.segments.stretches().into_iter().rev() {
        if page.is_over(&stretch) {
            continue;
        }
        shared.readers.read(&stretch.segment, |connection| match query.subscription {
            Some(subscription) => by_subscription::look(connection, &stretch, subscription, &mut page),
            None => by_event::look(connection, &stretch, &mut page),
        })?;
        if page.next.is_some() {
            break;
        }
    }
    Ok(HistoryPage { records: page.records, next: page.next })
}

/// The page as it grows.
struct Page<'q> {
    query: &'q HistoryQuery,
    limit: usize,
    /// Only what is below belongs to this page.
    below: DeliveryKey,
    records: Vec<DeliveryView>,
    /// Set when the page is full or the scan has reached its bound.
    next: Option<DeliveryKey>,
    /// Events and rows that may still be looked at.
    budget: usize,
}

/// Events and rows that one page looks at, about: a hundredth of a second.
const LOOKED_AT: usize = 4_000;

impl<'q> Page<'q> {
    fn new(query: &'q HistoryQuery) -> Self {
        let top = DeliveryKey {
            event: EventSeq(i64::MAX),
            subscription: SubscriptionNo(i64::MAX),
            ordinal: u32::MAX,
        };
        Self {
            query,
            limit: query.limit.clamp(1, PAGE),
            below: query.after.unwrap_or(top),
            records: Vec::new(),
            next: None,
            budget: LOOKED_AT,
        }
    }

    /// Whether nothing in the segment can be on this page.
    fn is_over(&self, stretch: &Stretch) -> bool {
        let accepted = &stretch.segment.accepted;
        stretch.last < stretch.segment.first
            || stretch.segment.first > self.below.event
            || self.query.from.is_some_and(|from| accepted.to() < from)
            || self.query.to.is_some_and(|to| accepted.from() > to)
    }

    /// Counts something that was looked at, at `key`. False if that was enough for one page.
    fn spend(&mut self, key: DeliveryKey) -> bool {
        self.budget = self.budget.saturating_sub(1);
        if self.budget == 0 && self.next.is_none() {
            self.next = Some(key);
        }
        self.next.is_none()
    }

    fn wants_event(&self, head: &Head) -> bool {
        let query = self.query;
        let name = query.event.as_deref().is_none_or(|wanted| match wanted.strip_suffix('*') {
            Some(prefix) => head.name.starts_with(prefix),
            None => head.name == wanted,
        });
        name && query.from.is_none_or(|from| head.accepted_at >= from)
            && query.to.is_none_or(|to| head.accepted_at <= to)
    }

    fn wants_row(&self, row: &DeliveryRow) -> bool {
        let ended_badly =
            matches!(row.state, DeliveryState::Exhausted { .. } | DeliveryState::Cancelled { .. });
        match self.query.status {
            None => true,
            Some(StatusFilter::Pending) => !row.state.is_terminal(),
            Some(StatusFilter::Delivered) => matches!(row.state, DeliveryState::Delivered { .. }),
            Some(StatusFilter::Exhausted) => matches!(row.state, DeliveryState::Exhausted { .. }),
            Some(StatusFilter::Cancelled) => matches!(row.state, DeliveryState::Cancelled { .. }),
            Some(StatusFilter::Undelivered) => ended_badly || (!row.state.is_terminal() && row.attempts > 0),
        }
    }

    /// Takes the deliveries of one event, highest key first. False when the page is done.
    fn take(
        &mut self,
        connection: &Connection,
        head: &Head,
        deliveries: Vec<DeliveryRow>,
    ) -> Result<bool, Fault> {
        for row in deliveries {
            let key = row.key;
            if key >= self.below {
                continue;
            }
            if self.wants_row(&row) {
                if self.records.len() == self.limit {
                    self.next = self.records.last().map(|last| last.key);
                    return Ok(false);
                }
                self.records.push(view_of(connection, head, row)?);
            }
            if !self.spend(key) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What every delivery of an event shows of it.
pub(super) struct Head {
    seq: EventSeq,
    account: AccountId,
    accepted_at: WallTime,
    uuid: Uuid,
    name: String,
}

impl From<&StoredEvent> for Head {
    fn from(stored: &StoredEvent) -> Self {
        let event = &stored.event;
        Self {
            seq: stored.seq,
            account: event.account,
            accepted_at: event.accepted_at,
            uuid: event.uuid,
            name: event.name.clone(),
        }
    }
}

/// The columns of `Head::read`: seq, account, accepted_at, uuid, name, matched.
impl Head {
    fn read(row: &Row<'_>) -> Result<(Self, Vec<Matched>), Fault> {
        let head = Self {
            seq: EventSeq(row.get(0)?),
            account: AccountId(row.get::<_, i64>(1)?.cast_unsigned()),
            accepted_at: WallTime(row.get(2)?),
            uuid: uuid_of(row.get_ref(3)?)?,
            name: row.get(4)?,
        };
        Ok((head, pack::unpack_matched(blob(row.get_ref(5)?)?)?))
    }
}

pub(super) fn view_of(connection: &Connection, head: &Head, row: DeliveryRow) -> Result<DeliveryView, Fault> {
    Ok(DeliveryView {
        key: row.key,
        matched: row.matched,
        account: head.account,
        event_uuid: head.uuid,
        event_name: head.name.clone(),
        accepted_at: head.accepted_at,
        state: row.state,
        attempts: row.attempts,
        trigger: row.trigger,
        last_attempt: row.last_attempt(connection)?,
    })
}

/// Below every delivery of an event: what is lower still belongs to earlier events.
fn floor_of(seq: EventSeq) -> DeliveryKey {
    DeliveryKey { event: seq, subscription: SubscriptionNo(0), ordinal: 0 }
}

/// Rows of one event below a key, at most `limit`, highest first; `only` narrows them to a subscription.
fn rows_of(
    connection: &Connection,
    seq: EventSeq,
    only: Option<SubscriptionNo>,
    below: DeliveryKey,
    limit: usize,
) -> Result<Vec<DeliveryRow>, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (sub, n) =
        if below.event == seq { (below.subscription.0, below.ordinal) } else { (i64::MAX, u32::MAX) };
    let mut found = Vec::new();
    let mut collect = |mut rows: rusqlite::Rows<'_>| -> Result<(), Fault> {
        while let Some(row) = rows.next()? {
            found.push(DeliveryRow::read(row)?);
        }
        Ok(())
    };
    match only {
        Some(only) => {
            let sql = concat!(
                "SELECT ",
                delivery_columns!(),
                " FROM delivery WHERE seq = ?1 AND sub = ?2 AND (sub, n) < (?3, ?4) ORDER BY n DESC LIMIT ?5"
            );
            collect(connection.prepare_cached(sql)?.query((seq.0, only.0, sub, n, limit))?)?;
        }
        None => {
            let sql = concat!(
                "SELECT ",
                delivery_columns!(),
                " FROM delivery WHERE seq = ?1 AND (sub, n) < (?2, ?3) ORDER BY sub DESC, n DESC LIMIT ?4"
            );
            collect(connection.prepare_cached(sql)?.query((seq.0, sub, n, limit))?)?;
        }
    }
    Ok(found)
}

//! How events, deliveries and attempts look as rows, and back. The numbers here are on disks: none is ever
//! given another meaning.

use std::time::Duration;

use bytes::Bytes;
use hookswitch_core::clock::WallTime;
use hookswitch_core::delivery::{
    Attempt, AttemptReport, DeliveryState, EndReason, FailureClass, Outcome, Trigger,
};
use hookswitch_core::event::{Event, StoredEvent};
use hookswitch_core::id::{AccountId, DeliveryKey, EventSeq, FilterNo, SubscriptionNo};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

use super::fault::Fault;
use super::pack;
use crate::log::{Matched, Scope};

pub(super) const PENDING: i64 = 0;
const DELIVERED: i64 = 1;
const EXHAUSTED: i64 = 2;
const CANCELLED: i64 = 3;

/// State, moment and reason, as the columns hold them.
pub(super) fn state_columns(state: DeliveryState) -> (i64, i64, Option<i64>) {
    match state {
        DeliveryState::Pending { due } => (PENDING, due.0, None),
        DeliveryState::Delivered { at } => (DELIVERED, at.0, None),
        DeliveryState::Exhausted { at, reason } => (EXHAUSTED, at.0, Some(reason_column(reason))),
        DeliveryState::Cancelled { at, reason } => (CANCELLED, at.0, Some(reason_column(reason))),
    }
}

fn state_of(state: i64, moment: i64, reason: Option<i64>) -> Result<DeliveryState, Fault> {
    let at = WallTime(moment);
    Ok(match state {
        PENDING => DeliveryState::Pending { due: at },
        DELIVERED => DeliveryState::Delivered { at },
        EXHAUSTED => DeliveryState::Exhausted { at, reason: reason_of(reason)? },
        CANCELLED => DeliveryState::Cancelled { at, reason: reason_of(reason)? },
        _ => return Err(Fault::Damaged("a delivery has an unknown state")),
    })
}

fn reason_column(reason: EndReason) -> i64 {
    match reason {
        EndReason::TimeToLive => 1,
        EndReason::BacklogLimit => 2,
        EndReason::SubscriptionDeleted => 3,
        EndReason::SubscriptionExpired => 4,
        EndReason::OwnerDisabled => 5,
        EndReason::SubscriptionRenewed => 6,
    }
}

fn reason_of(column: Option<i64>) -> Result<EndReason, Fault> {
    Ok(match column {
        Some(1) => EndReason::TimeToLive,
        Some(2) => EndReason::BacklogLimit,
        Some(3) => EndReason::SubscriptionDeleted,
        Some(4) => EndReason::SubscriptionExpired,
        Some(5) => EndReason::OwnerDisabled,
        Some(6) => EndReason::SubscriptionRenewed,
        _ => return Err(Fault::Damaged("a delivery has ended for an unknown reason")),
    })
}

pub(super) fn trigger_column(trigger: Trigger) -> i64 {
    match trigger {
        Trigger::Scheduled => 0,
        Trigger::Manual => 1,
        Trigger::Replay => 2,
    }
}

fn trigger_of(column: i64) -> Result<Trigger, Fault> {
    Ok(match column {
        0 => Trigger::Scheduled,
        1 => Trigger::Manual,
        2 => Trigger::Replay,
        _ => return Err(Fault::Damaged("a delivery has an unknown trigger")),
    })
}

/// The outcome and the hint in milliseconds.
pub(super) fn outcome_columns(outcome: Outcome) -> (i64, Option<i64>) {
    match outcome {
        Outcome::Delivered => (1, None),
        Outcome::Retry { hint } => (2, hint.map(|hint| i64::try_from(hint.as_millis()).unwrap_or(i64::MAX))),
        Outcome::Refused => (3, None),
        Outcome::OurFault => (4, None),
    }
}

fn outcome_of(outcome: i64, hint: Option<i64>) -> Result<Outcome, Fault> {
    Ok(match outcome {
        1 => Outcome::Delivered,
        2 => Outcome::Retry { hint: hint.map(|hint| Duration::from_millis(hint.unsigned_abs())) },
        3 => Outcome::Refused,
        4 => Outcome::OurFault,
        _ => return Err(Fault::Damaged("an attempt has an unknown outcome")),
    })
}

pub(super) fn latency_column(latency: Duration) -> i64 {
    i64::try_from(latency.as_micros()).unwrap_or(i64::MAX)
}

/// Whether the delivery's own row says all there is to say: a success at the first word, with an empty
/// answer. Everything else gets a row in `attempt`.
pub(super) fn fits_delivery_row(attempt: &Attempt, attempts: u32) -> bool {
    attempt.report.outcome == Outcome::Delivered
        && attempt.report.response.is_empty()
        && attempt.report.failure.is_none()
        && attempt.trigger == Trigger::Scheduled
        && attempt.number == attempts
}

/// An account as a parameter of a query: `None` stands for all of them.
pub(super) fn scope_column(scope: Scope) -> Option<i64> {
    match scope {
        Scope::Account(account) => Some(account.0.cast_signed()),
        Scope::Operator => None,
    }
}

/// A delivery as its row says it.
#[derive(Debug)]
pub(super) struct DeliveryRow {
    pub(super) key: DeliveryKey,
    pub(super) matched: Matched,
    pub(super) state: DeliveryState,
    pub(super) attempts: u32,
    pub(super) step: u32,
    pub(super) trigger: Trigger,
    /// The last attempt, if it needed no row of its own.
    own: Option<Attempt>,
}

/// The columns that `DeliveryRow::read` expects.
macro_rules! delivery_columns {
    () => {
        "seq, sub, n, filter, shape, state, moment, attempts, step, trigger, reason, at, status, latency"
    };
}
pub(super) use delivery_columns;

impl DeliveryRow {
    pub(super) fn read(row: &Row<'_>) -> Result<Self, Fault> {
        let key = DeliveryKey {
            event: EventSeq(row.get(0)?),
            subscription: SubscriptionNo(row.get(1)?),
            ordinal: row.get(2)?,
        };
        let attempts = row.get(7)?;
        let own = match row.get::<_, Option<i64>>(11)? {
            None => None,
            Some(at) => Some(Attempt {
                number: attempts,
                at: WallTime(at),
                trigger: Trigger::Scheduled,
                report: AttemptReport {
                    outcome: Outcome::Delivered,
                    status: row.get(12)?,
                    latency: micros(row.get(13)?),
                    response: Bytes::new(),
                    failure: None,
                },
            }),
        };
        Ok(Self {
            key,
            matched: Matched {
                subscription: key.subscription,
                filter: FilterNo(row.get(3)?),
                shape: row.get(4)?,
            },
            state: state_of(row.get(5)?, row.get(6)?, row.get(10)?)?,
            attempts,
            step: row.get(8)?,
            trigger: trigger_of(row.get(9)?)?,
            own,
        })
    }

    /// The delivery of a target that has no row yet: it waits for its first attempt.
    pub(super) fn not_tried(event: EventSeq, accepted_at: WallTime, matched: Matched) -> Self {
        Self {
            key: DeliveryKey { event, subscription: matched.subscription, ordinal: 0 },
            matched,
            state: DeliveryState::Pending { due: accepted_at },
            attempts: 0,
            step: 0,
            trigger: Trigger::Scheduled,
            own: None,
        }
    }

    pub(super) fn last_attempt(&self, connection: &Connection) -> Result<Option<Attempt>, Fault> {
        if self.own.is_some() {
            return Ok(self.own.clone());
        }
        let sql = "SELECT number, at, trigger, outcome, hint, status, latency, class, message, response
                   FROM attempt WHERE seq = ? AND sub = ? AND n = ? ORDER BY id DESC LIMIT 1";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query((self.key.event.0, self.key.subscription.0, self.key.ordinal))?;
        rows.next()?.map(attempt_of).transpose()
    }

    /// All attempts, oldest first.
    pub(super) fn attempts(&self, connection: &Connection) -> Result<Vec<Attempt>, Fault> {
        let sql = "SELECT number, at, trigger, outcome, hint, status, latency, class, message, response
                   FROM attempt WHERE seq = ? AND sub = ? AND n = ? ORDER BY id";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query((self.key.event.0, self.key.subscription.0, self.key.ordinal))?;
        let mut attempts = Vec::new();
        while let Some(row) = rows.next()? {
            attempts.push(attempt_of(row)?);
        }
        attempts.extend(self.own.clone());
        Ok(attempts)
    }
}

fn attempt_of(row: &Row<'_>) -> Result<Attempt, Fault> {
    let class: Option<String> = row.get(7)?;
    let message: Option<String> = row.get(8)?;
    let failure = match class {
        None => None,
        Some(name) => {
            let class = FailureClass::ALL.into_iter().find(|class| class.name() == name);
            let class = class.ok_or(Fault::Damaged("an attempt failed in an unknown way"))?;
            Some((class, message.unwrap_or_default()))
        }
    };
    Ok(Attempt {
        number: row.get(0)?,
        at: WallTime(row.get(1)?),
        trigger: trigger_of(row.get(2)?)?,
        report: AttemptReport {
            outcome: outcome_of(row.get(3)?, row.get(4)?)?,
            status: row.get(5)?,
            latency: micros(row.get(6)?),
            response: Bytes::from(row.get::<_, Vec<u8>>(9)?),
            failure,
        },
    })
}

fn micros(latency: i64) -> Duration {
    Duration::from_micros(latency.unsigned_abs())
}

/// The columns that `event_of` expects, and after them `matched`.
macro_rules! event_columns {
    () => {
        "seq, account, accepted_at, uuid, at, name, recipients, body, matched"
    };
}
pub(super) use event_columns;

pub(super) fn event_of(row: &Row<'_>) -> Result<StoredEvent, Fault> {
    let recipients = match row.get_ref(6)? {
        ValueRef::Null => None,
        packed => Some(pack::unpack_recipients(blob(packed)?)?),
    };
    Ok(StoredEvent {
        seq: EventSeq(row.get(0)?),
        event: Event {
            uuid: uuid_of(row.get_ref(3)?)?,
            account: AccountId(row.get::<_, i64>(1)?.cast_unsigned()),
            name: row.get(5)?,
            timestamp: WallTime(row.get(4)?),
            accepted_at: WallTime(row.get(2)?),
            body: Bytes::copy_from_slice(blob(row.get_ref(7)?)?),
            recipients,
        },
    })
}

pub(super) fn matched_of(row: &Row<'_>) -> Result<Vec<Matched>, Fault> {
    pack::unpack_matched(blob(row.get_ref(8)?)?)
}

pub(super) fn blob(value: ValueRef<'_>) -> Result<&[u8], Fault> {
    value.as_blob().map_err(|_| Fault::Damaged("a column of bytes holds something else"))
}

pub(super) fn uuid_of(value: ValueRef<'_>) -> Result<Uuid, Fault> {
    Uuid::from_slice(blob(value)?).map_err(|_| Fault::Damaged("a uuid is not sixteen bytes"))
}

/// An event and the targets in its row, if it is in this file and within the scope.
pub(super) fn find_event(
    connection: &Connection,
    scope: Scope,
    seq: EventSeq,
) -> Result<Option<(StoredEvent, Vec<Matched>)>, Fault> {
    let sql =
        concat!("SELECT ", event_columns!(), " FROM event WHERE seq = ?1 AND (?2 IS NULL OR account = ?2)");
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((seq.0, scope_column(scope)))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some((event_of(row)?, matched_of(row)?)))
}

pub(super) fn find_delivery(connection: &Connection, key: DeliveryKey) -> Result<Option<DeliveryRow>, Fault> {
    let sql = concat!("SELECT ", delivery_columns!(), " FROM delivery WHERE seq = ? AND sub = ? AND n = ?");
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((key.event.0, key.subscription.0, key.ordinal))?;
    rows.next()?.map(DeliveryRow::read).transpose()
}

/// Whether this delivery has a row that waits.
pub(super) fn is_pending(connection: &Connection, key: DeliveryKey) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM delivery WHERE seq = ? AND sub = ? AND n = ? AND state = 0";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row((key.event.0, key.subscription.0, key.ordinal), |_| Ok(())).optional()?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_reason_trigger_and_outcome_comes_back() {
        let at = WallTime(5);
        let reasons = [
            EndReason::TimeToLive,
            EndReason::BacklogLimit,
            EndReason::SubscriptionDeleted,
            EndReason::SubscriptionExpired,
            EndReason::OwnerDisabled,
            EndReason::SubscriptionRenewed,
        ];
        let ended = reasons.iter().flat_map(|&reason| {
            [DeliveryState::Exhausted { at, reason }, DeliveryState::Cancelled { at, reason }]
        });
        for state in ended.chain([DeliveryState::Pending { due: at }, DeliveryState::Delivered { at }]) {
            let (code, moment, reason) = state_columns(state);
            assert_eq!(state_of(code, moment, reason).unwrap(), state);
        }
        for trigger in [Trigger::Scheduled, Trigger::Manual, Trigger::Replay] {
            assert_eq!(trigger_of(trigger_column(trigger)).unwrap(), trigger);
        }
        let hint = Some(Duration::from_millis(1500));
        let outcomes = [
            Outcome::Delivered,
            Outcome::Retry { hint },
            Outcome::Retry { hint: None },
            Outcome::Refused,
            Outcome::OurFault,
        ];
        for outcome in outcomes {
            let (code, hint) = outcome_columns(outcome);
            assert_eq!(outcome_of(code, hint).unwrap(), outcome);
        }
    }
}

//! Writing what became of deliveries: records, parks, later slices of a fan-out, ends without an attempt.
//!
//! Everything here runs inside a transaction of the writer and touches one segment.

use std::borrow::Borrow;

use hookswitch_core::clock::WallTime;
use hookswitch_core::delivery::{Attempt, DeliveryState};
use hookswitch_core::id::{DeliveryKey, SubscriptionNo};
use rusqlite::{CachedStatement, Connection, params};

use super::fan_out;
use super::fault::Fault;
use super::insert::{self, Inserts, inserts};
use super::rows::{self, fits_delivery_row, latency_column, outcome_columns, state_columns, trigger_column};
use super::segment::Deltas;
use crate::log::{Extension, Park, Record};

/// What a batch has for one segment.
#[derive(Debug, Default)]
pub(super) struct Part<'b> {
    pub(super) extensions: Vec<&'b Extension>,
    pub(super) records: Vec<&'b Record>,
    pub(super) parks: Vec<&'b Park>,
}

impl Part<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.extensions.is_empty() && self.records.is_empty() && self.parks.is_empty()
    }
}

/// What writing a part did.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) stale: Vec<DeliveryKey>,
    pub(super) pending: Deltas,
}

pub(super) fn write(connection: &Connection, part: &Part<'_>, now: WallTime) -> Result<Written, Fault> {
    let mut written = Written::default();
    for extension in &part.extensions {
        fan_out::extend(connection, extension, now, &mut written.pending)?;
    }
    if !part.records.is_empty() {
        Recorder::new(connection)?.apply_all(&part.records, &mut written)?;
    }
    if !part.parks.is_empty() {
        wait(connection, &part.parks, &mut written.pending)?;
    }
    Ok(written)
}

/// Ends these deliveries, those that still wait, and says how many that was.
pub(super) fn end(
    connection: &Connection,
    keys: &[DeliveryKey],
    state: DeliveryState,
    pending: &mut Deltas,
) -> Result<usize, Fault> {
    let sql = "UPDATE delivery SET state = ?4, moment = ?5, reason = ?6
               WHERE seq = ?1 AND sub = ?2 AND n = ?3 AND state = 0";
    let mut statement = connection.prepare_cached(sql)?;
    let (code, moment, reason) = state_columns(state);
    let mut ended = 0;
    for key in keys {
        let changed =
            statement.execute(params![key.event.0, key.subscription.0, key.ordinal, code, moment, reason])?;
        if changed == 1 {
            *pending.entry(key.subscription).or_default() -= 1;
            ended += 1;
        }
    }
    Ok(ended)
}

struct Recorder<'c> {
    connection: &'c Connection,
    insert: CachedStatement<'c>,
    update: CachedStatement<'c>,
}

impl<'c> Recorder<'c> {
    fn new(connection: &'c Connection) -> Result<Self, Fault> {
        let insert = "INSERT INTO delivery
            (seq, sub, n, state, moment, attempts, step, reason, at, status, latency, filter, shape, trigger)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT DO NOTHING";
        let update = "UPDATE delivery SET state = ?4, moment = ?5, attempts = ?6, step = ?7, reason = ?8,
            at = ?9, status = ?10, latency = ?11
            WHERE seq = ?1 AND sub = ?2 AND n = ?3 AND state = 0 AND attempts = ?12";
        Ok(Self {
            connection,
            insert: connection.prepare_cached(insert)?,
            update: connection.prepare_cached(update)?,
        })
    }

    /// In order; runs of first-try successes, most of a good day's records, are written together.
    fn apply_all(&mut self, records: &[&Record], written: &mut Written) -> Result<(), Fault> {
        const TOGETHER: Inserts = inserts!(
            "INSERT INTO delivery
                (seq, sub, n, filter, shape, moment, attempts, step, at, status, latency, state, trigger)",
            "(?,?,?,?,?,?,?,?,?,?,?,1,0)"
        );
        let connection = self.connection;
        for run in records.chunk_by(|one, next| is_plain(one) == is_plain(next)) {
            if !is_plain(run[0]) {
                run.iter().try_for_each(|record| self.apply(record, written))?;
                continue;
            }
            insert::rows(connection, &TOGETHER, run, plain_values, |record, done| {
                if done { Ok(()) } else { self.apply(record, written) }
            })?;
        }
        Ok(())
    }

    fn apply(&mut self, record: &Record, written: &mut Written) -> Result<(), Fault> {
        // A first attempt most often finds no row, a later one always finds one.
        let was_pending = if record.attempts_before == 0 {
            if self.insert(record)? { Some(false) } else { self.update(record)?.then_some(true) }
        } else if self.update(record)? {
            Some(true)
        } else {
            self.insert(record)?.then_some(false)
        };
        let Some(was_pending) = was_pending else {
            written.stale.push(record.key);
            return Ok(());
        };
        let delta = i64::from(!record.state.is_terminal()) - i64::from(was_pending);
        if delta != 0 {
            *written.pending.entry(record.key.subscription).or_default() += delta;
        }
        match &record.attempt {
            Some(attempt) if !fits_delivery_row(attempt, record.attempts) => self.append(record.key, attempt),
            _ => Ok(()),
        }
    }

    fn insert(&mut self, record: &Record) -> Result<bool, Fault> {
        let (state, moment, reason) = state_columns(record.state);
        let (at, status, latency) = own_attempt(record);
        let trigger = record.attempt.as_ref().map_or(0, |attempt| trigger_column(attempt.trigger));
        let key = &record.key;
        let changed = self.insert.execute(params![
            key.event.0,
            key.subscription.0,
            key.ordinal,
            state,
            moment,
            record.attempts,
            record.step,
            reason,
            at,
            status,
            latency,
            record.matched.filter.0,
            record.matched.shape,
            trigger,
        ])?;
        Ok(changed == 1)
    }

    fn update(&mut self, record: &Record) -> Result<bool, Fault> {
        let (state, moment, reason) = state_columns(record.state);
        let (at, status, latency) = own_attempt(record);
        let key = &record.key;
        let changed = self.update.execute(params![
            key.event.0,
            key.subscription.0,
            key.ordinal,
            state,
            moment,
            record.attempts,
            record.step,
            reason,
            at,
            status,
            latency,
            record.attempts_before,
        ])?;
        Ok(changed == 1)
    }

    fn append(&self, key: DeliveryKey, attempt: &Attempt) -> Result<(), Fault> {
        let sql = "INSERT INTO attempt
            (seq, sub, n, number, at, trigger, outcome, hint, status, latency, class, message, response)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let report = &attempt.report;
        let (outcome, hint) = outcome_columns(report.outcome);
        let failure = report.failure.as_ref();
        self.connection.prepare_cached(sql)?.execute(params![
            key.event.0,
            key.subscription.0,
            key.ordinal,
            attempt.number,
            attempt.at.0,
            trigger_column(attempt.trigger),
            outcome,
            hint,
            report.status,
            latency_column(report.latency),
            failure.map(|(class, _)| class.name()),
            failure.map(|(_, message)| message),
            &*report.response,
        ])?;
        Ok(())
    }
}

/// A success of the first attempt that needs no row of its own.
fn is_plain(record: &Record) -> bool {
    record.attempts_before == 0
        && matches!(record.state, DeliveryState::Delivered { .. })
        && record.attempt.as_ref().is_some_and(|attempt| fits_delivery_row(attempt, record.attempts))
}

fn plain_values(record: &&Record) -> [Option<i64>; 11] {
    let (key, matched) = (&record.key, &record.matched);
    let (_, moment, _) = state_columns(record.state);
    let (at, status, latency) = own_attempt(record);
    let row =
        [key.event.0, key.subscription.0, key.ordinal.into(), matched.filter.0, matched.shape.into(), moment];
    let [event, subscription, n, filter, shape, moment] = row.map(Some);
    let (attempts, step) = (Some(record.attempts.into()), Some(record.step.into()));
    [event, subscription, n, filter, shape, moment, attempts, step, at, status.map(i64::from), latency]
}

/// Time, status and latency of an attempt that the delivery's row can hold.
fn own_attempt(record: &Record) -> (Option<i64>, Option<u16>, Option<i64>) {
    match &record.attempt {
        Some(attempt) if fits_delivery_row(attempt, record.attempts) => {
            (Some(attempt.at.0), attempt.report.status, Some(latency_column(attempt.report.latency)))
        }
        _ => (None, None, None),
    }
}

/// Writes rows for deliveries that have to wait. One that is there already stays as it is.
pub(super) fn wait<P: Borrow<Park>>(
    connection: &Connection,
    parks: &[P],
    pending: &mut Deltas,
) -> Result<(), Fault> {
    const TOGETHER: Inserts = inserts!(
        "INSERT INTO delivery (seq, sub, n, filter, shape, moment, state, attempts, step, trigger)",
        "(?,?,?,?,?,?,0,0,0,0)"
    );
    let single = "INSERT INTO delivery (seq, sub, n, filter, shape, moment, state, attempts, step, trigger)
        VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, 0) ON CONFLICT DO NOTHING";
    let mut single = connection.prepare_cached(single)?;
    let values = |park: &P| {
        let Park { key, matched, due } = park.borrow();
        let (event, subscription) = (key.event.0, key.subscription.0);
        [event, subscription, key.ordinal.into(), matched.filter.0, matched.shape.into(), due.0].map(Some)
    };
    insert::rows(connection, &TOGETHER, parks, values, |park, written| {
        if written || single.execute(values(park))? == 1 {
            *pending.entry(park.borrow().key.subscription).or_default() += 1;
        }
        Ok(())
    })
}

/// How many rows of each subscription wait in this file, and when the first of them is due.
pub(super) fn waiting(connection: &Connection) -> Result<Vec<(SubscriptionNo, u64, WallTime)>, Fault> {
    let sql = "SELECT sub, count(*), min(moment) FROM delivery INDEXED BY delivery_due WHERE state = 0 GROUP BY sub";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement
        .query_map([], |row| Ok((SubscriptionNo(row.get(0)?), row.get(1)?, WallTime(row.get(2)?))))?;
    found.map(|row| row.map_err(Fault::from)).collect()
}

const _: () = assert!(rows::PENDING == 0); // as the statements and the partial index have it

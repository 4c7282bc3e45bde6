//! What accounts used, a row for each account and day.

use hookswitch_core::id::AccountId;
use rusqlite::{Connection, Row, params};

use super::at_most;
use crate::StoreError;
use crate::provisioning::{UsageQuery, UsageRow};

pub(super) fn add(db: &Connection, rows: &[UsageRow]) -> Result<(), StoreError> {
    let mut upsert = db.prepare_cached(
        "INSERT INTO daily_usage (day, account, events, deliveries, bytes) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT DO UPDATE SET events = events + excluded.events, \
         deliveries = deliveries + excluded.deliveries, bytes = bytes + excluded.bytes",
    )?;
    for row in rows {
        upsert.execute(params![
            row.day,
            row.account.0.cast_signed(),
            row.events.cast_signed(),
            row.deliveries.cast_signed(),
            row.bytes.cast_signed(),
        ])?;
    }
    Ok(())
}

pub(super) fn list(db: &Connection, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
    const COLUMNS: &str = "SELECT day, account, events, deliveries, bytes FROM daily_usage";
    let limit = at_most(query.limit);
    let mut select;
    let rows = match query.account {
        Some(account) => {
            let sql = format!("{COLUMNS} WHERE account = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY day LIMIT ?4");
            select = db.prepare_cached(&sql)?;
            let from = query.after.map_or(query.from, |(day, _)| query.from.max(day + 1));
            select.query_map(params![account.0.cast_signed(), from, query.to, limit], read)?
        }
        None => {
            let sql = format!(
                "{COLUMNS} WHERE day BETWEEN ?1 AND ?2 AND (day, account) > (?3, ?4) ORDER BY day, account LIMIT ?5"
            );
            select = db.prepare_cached(&sql)?;
            let (day, account) =
                query.after.map_or((query.from, 0), |(day, account)| (day, account.0.cast_signed()));
            select.query_map(params![query.from.max(day), query.to, day, account, limit], read)?
        }
    };
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn forget(db: &Connection, day: i64, limit: usize) -> Result<(), StoreError> {
    db.prepare_cached(
        "DELETE FROM daily_usage WHERE (day, account) IN (SELECT day, account FROM daily_usage WHERE day < ?1 LIMIT ?2)",
    )?
    .execute(params![day, at_most(limit)])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<UsageRow> {
    let count = |place: usize| row.get::<_, i64>(place).map(i64::cast_unsigned);
    Ok(UsageRow {
        day: row.get(0)?,
        account: AccountId(count(1)?),
        events: count(2)?,
        deliveries: count(3)?,
        bytes: count(4)?,
    })
}

//! Sets of filters: written ahead in slices, adopted by a subscription in the last transaction, and
//! dropped once unused for long enough.
//!
//! The numbers of a set are consecutive, so that it is a range of the table's own key.

use std::collections::HashMap;
use std::sync::Arc;

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::FilterNo;
use hookswitch_core::subscription::SubscribedFilter;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::control::ControlDb;
use crate::StoreError;
use crate::subscriptions::FilterTexts;

/// Filters that one transaction inserts or deletes: about 2 ms of the writer.
const SLICE: usize = 1_000;

/// The row of a set.
#[derive(Clone, Copy, Debug)]
pub(super) struct FilterSet {
    pub(super) no: i64,
    pub(super) first: i64,
}

/// Writes a set that is too large for one transaction, and `None` for one that is not.
pub(super) async fn write_ahead(
    db: &ControlDb,
    filters: &Arc<FilterTexts>,
    now: WallTime,
) -> Result<Option<FilterSet>, StoreError> {
    let count = filters.granted.len();
    if count <= SLICE {
        return Ok(None);
    }
    let texts = Arc::clone(filters);
    let set = db
        .write(move |transaction| {
            let set = reserve(transaction, &texts, now)?;
            insert_slice(transaction, set, &texts, 0)?;
            Ok(set)
        })
        .await?;
    for start in (SLICE..count).step_by(SLICE) {
        let texts = Arc::clone(filters);
        db.write(move |transaction| insert_slice(transaction, set, &texts, start)).await?;
    }
    Ok(Some(set))
}

/// Marks a set as used, in the transaction that makes its subscription point to it. Writes it first if
/// it was not written ahead.
pub(super) fn adopt(
    connection: &Connection,
    written: Option<FilterSet>,
    filters: &FilterTexts,
    now: WallTime,
) -> Result<FilterSet, StoreError> {
    let set = match written {
        Some(set) => set,
        None => {
            let set = reserve(connection, filters, now)?;
            insert_slice(connection, set, filters, 0)?;
            set
        }
    };
    let adopted = connection
        .prepare_cached("UPDATE filter_sets SET unused_since = NULL WHERE no = ?1")?
        .execute([set.no])?;
    if adopted == 0 {
        return Err(StoreError::Conflict("the set of filters"));
    }
    Ok(set)
}

pub(super) fn release(connection: &Connection, set: i64, now: WallTime) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE filter_sets SET unused_since = ?2 WHERE no = ?1")?
        .execute(params![set, now.0])?;
    Ok(())
}

/// Gives the set its row and its range of numbers, unused for now.
fn reserve(connection: &Connection, filters: &FilterTexts, now: WallTime) -> Result<FilterSet, StoreError> {
    let count = i64::try_from(filters.granted.len()).map_err(|error| StoreError::Failed(Box::new(error)))?;
    let last: i64 = connection
        .prepare_cached(
            "UPDATE subscription_counters SET last = last + ?1 WHERE name = 'filter' RETURNING last",
        )?
        .query_row([count], |row| row.get(0))?;
    let disabled =
        serde_json::to_string(&filters.disabled).map_err(|error| StoreError::Failed(Box::new(error)))?;
    let first = last - count + 1;
    connection
        .prepare_cached(
            "INSERT INTO filter_sets (first_filter, last_filter, disabled, unused_since) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![first, last, disabled, now.0])?;
    Ok(FilterSet { no: connection.last_insert_rowid(), first })
}

fn insert_slice(
    connection: &Connection,
    set: FilterSet,
    filters: &FilterTexts,
    start: usize,
) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached("INSERT INTO filters (no, text) VALUES (?1, ?2)")?;
    for (no, text) in numbered(set, &filters.granted).skip(start).take(SLICE) {
        insert.execute(params![no.0, text])?;
    }
    Ok(())
}

/// The texts of a set with their numbers.
pub(super) fn numbered(set: FilterSet, texts: &[String]) -> impl Iterator<Item = (FilterNo, &str)> {
    (set.first..).map(FilterNo).zip(texts.iter().map(String::as_str))
}

pub(super) fn load_range(
    connection: &Connection,
    first: i64,
    last: i64,
) -> Result<Vec<SubscribedFilter>, StoreError> {
    let mut select =
        connection.prepare_cached("SELECT no, text FROM filters WHERE no BETWEEN ?1 AND ?2 ORDER BY no")?;
    let rows = select.query_map([first, last], |row| {
        Ok(SubscribedFilter { no: FilterNo(row.get(0)?), text: row.get(1)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn texts(
    connection: &Connection,
    filters: &[FilterNo],
) -> Result<HashMap<FilterNo, String>, StoreError> {
    let mut select = connection.prepare_cached("SELECT text FROM filters WHERE no = ?1")?;
    let mut texts = HashMap::with_capacity(filters.len());
    for filter in filters {
        if let Some(text) = select.query_row([filter.0], |row| row.get(0)).optional()? {
            texts.insert(*filter, text);
        }
    }
    Ok(texts)
}

/// Deletes up to a slice of the filters of the set that is unused longest, and its row with the last of
/// them. `None` if no set is unused since before then.
pub(super) fn forget_slice(connection: &Connection, before: WallTime) -> Result<Option<usize>, StoreError> {
    let oldest = connection
        .prepare_cached(
            "SELECT no, first_filter, last_filter FROM filter_sets
             WHERE unused_since < ?1 ORDER BY unused_since LIMIT 1",
        )?
        .query_row([before.0], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })
        .optional()?;
    let Some((no, first, last)) = oldest else {
        return Ok(None);
    };
    let end = last.min(first.saturating_add(SLICE as i64 - 1));
    let deleted =
        connection.prepare_cached("DELETE FROM filters WHERE no BETWEEN ?1 AND ?2")?.execute([first, end])?;
    if end == last {
        connection.prepare_cached("DELETE FROM filter_sets WHERE no = ?1")?.execute([no])?;
    } else {
        connection
            .prepare_cached("UPDATE filter_sets SET first_filter = ?2 WHERE no = ?1")?
            .execute([no, end + 1])?;
    }
    Ok(Some(deleted + 1))
}

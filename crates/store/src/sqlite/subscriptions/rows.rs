//! Between rows and nouns. A `Header` is the row of a subscription with its set of filters, before the
//! texts are read and the secrets opened.

use std::time::Duration;

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, AppNo, ExtensionId, SubscriptionId, SubscriptionNo};
use hookswitch_core::subscription::{BlacklistedData, Owner, Status};
use rusqlite::{Connection, OptionalExtension as _, Params, Row};
use uuid::Uuid;

use crate::StoreError;
use crate::subscriptions::Known;

/// A query for `Header`s.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT s.no, s.id, s.door, s.account, s.extension, s.app, s.ended_at, s.end_reason, s.status, ",
            "s.blacklisted_at, s.blacklisted_reason, s.created_at, s.expires_at, s.lifetime, s.transport, ",
            "s.address, s.verification_token, f.no, f.first_filter, f.last_filter, f.disabled, s.signing_secret ",
            "FROM subscriptions s JOIN filter_sets f ON f.no = s.filter_set ",
            $rest
        )
    };
}
pub(super) use select;

/// The columns that `known` reads, which are the first of a `Header`.
pub(super) const KNOWN: &str =
    "SELECT no, id, door, account, extension, app, ended_at, end_reason FROM subscriptions";

#[derive(Debug)]
pub(super) struct Header {
    pub(super) known: Known,
    pub(super) status: Status,
    pub(super) blacklisted: Option<BlacklistedData>,
    pub(super) created_at: WallTime,
    pub(super) expires_at: WallTime,
    pub(super) lifetime: Duration,
    pub(super) transport: String,
    pub(super) address: Option<String>,
    pub(super) sealed_token: Option<Vec<u8>>,
    pub(super) sealed_secret: Option<Vec<u8>>,
    pub(super) set: i64,
    pub(super) first_filter: i64,
    pub(super) last_filter: i64,
    /// JSON, as it is stored.
    pub(super) disabled: String,
}

pub(super) fn known(row: &Row<'_>) -> Result<Known, StoreError> {
    let ended = match row.get::<_, Option<i64>>(6)? {
        Some(at) => Some((WallTime(at), word(row, 7)?)),
        None => None,
    };
    Ok(Known {
        no: SubscriptionNo(row.get(0)?),
        id: SubscriptionId(Uuid::from_bytes(row.get(1)?)),
        door: word(row, 2)?,
        owner: Owner {
            account: AccountId(row.get::<_, i64>(3)?.cast_unsigned()),
            extension: ExtensionId(row.get::<_, i64>(4)?.cast_unsigned()),
            app: AppNo(row.get(5)?),
        },
        ended,
    })
}

fn header(row: &Row<'_>) -> Result<Header, StoreError> {
    let blacklisted = match row.get::<_, Option<i64>>(9)? {
        Some(at) => Some(BlacklistedData { at: WallTime(at), reason: row.get(10)? }),
        None => None,
    };
    Ok(Header {
        known: known(row)?,
        status: word(row, 8)?,
        blacklisted,
        created_at: WallTime(row.get(11)?),
        expires_at: WallTime(row.get(12)?),
        lifetime: Duration::from_millis(row.get::<_, i64>(13)?.unsigned_abs()),
        transport: row.get(14)?,
        address: row.get(15)?,
        sealed_token: row.get(16)?,
        set: row.get(17)?,
        first_filter: row.get(18)?,
        last_filter: row.get(19)?,
        disabled: row.get(20)?,
        sealed_secret: row.get(21)?,
    })
}

pub(super) fn one(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Option<Header>, StoreError> {
    let mut select = connection.prepare_cached(sql)?;
    let found = select.query_row(params, |row| Ok(header(row))).optional()?;
    found.transpose()
}

pub(super) fn many(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<Header>, StoreError> {
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map(params, |row| Ok(header(row)))?;
    rows.map(|row| row?).collect()
}

/// A word of one of the nouns' enumerations, as their serde form names it.
fn word<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, StoreError> {
    let text: String = row.get(column)?;
    serde_json::from_value(serde_json::Value::String(text))
        .map_err(|error| StoreError::Corrupt(format!("control.db, subscriptions: {error}")))
}

pub(super) fn to_word<T: serde::Serialize>(value: T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => Ok(text),
        other => Err(StoreError::Failed(format!("not a word: {other:?}").into())),
    }
}

pub(super) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

//! Queries that are not for one owner: the engine's, the history's, the operator's.

use std::collections::HashMap;

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, SubscriptionId, SubscriptionNo};
use hookswitch_core::vault::Vault;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::complete;
use super::rows::{self, Header, KNOWN, select};
use crate::StoreError;
use crate::log::Scope;
use crate::subscriptions::{Belonging, Known, Page};

/// Headers that `load` reads at once.
const HEADERS: i64 = 500;

pub(super) fn load(
    connection: &Connection,
    vault: &Vault,
    from: SubscriptionNo,
    filters: usize,
) -> Result<Page, StoreError> {
    let headers = rows::many(
        connection,
        select!("WHERE s.no >= ?1 AND s.ended_at IS NULL ORDER BY s.no LIMIT ?2"),
        params![from.0, HEADERS],
    )?;
    let full = headers.len() as i64 == HEADERS;
    let mut page = Page::default();
    let mut read = 0;
    for header in headers {
        if read >= filters {
            page.next = Some(header.known.no);
            return Ok(page);
        }
        let subscription = complete(connection, vault, header)?;
        read += subscription.filters.len();
        page.records.push(subscription);
    }
    if full {
        page.next = page.records.last().map(|last| SubscriptionNo(last.no.0 + 1));
    }
    Ok(page)
}

pub(super) fn expired_before(
    connection: &Connection,
    now: WallTime,
    limit: usize,
) -> Result<Vec<SubscriptionNo>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT no FROM subscriptions WHERE expires_at <= ?1 AND ended_at IS NULL ORDER BY expires_at LIMIT ?2",
    )?;
    let rows =
        select.query_map(params![now.0, i64::try_from(limit).unwrap_or(i64::MAX)], |row| row.get(0))?;
    Ok(rows.map(|no| no.map(SubscriptionNo)).collect::<Result<_, _>>()?)
}

pub(super) fn by_id(
    connection: &Connection,
    scope: Scope,
    id: SubscriptionId,
) -> Result<Option<Known>, StoreError> {
    let sql = format!("{KNOWN} WHERE id = ?1 AND (?2 IS NULL OR account = ?2)");
    let mut select = connection.prepare_cached(&sql)?;
    let found =
        select.query_row(params![id.0.as_bytes(), account(scope)], |row| Ok(rows::known(row))).optional()?;
    found.transpose()
}

pub(super) fn by_number(
    connection: &Connection,
    scope: Scope,
    numbers: &[SubscriptionNo],
) -> Result<HashMap<SubscriptionNo, Known>, StoreError> {
    let sql = format!("{KNOWN} WHERE no = ?1 AND (?2 IS NULL OR account = ?2)");
    let mut select = connection.prepare_cached(&sql)?;
    let account = account(scope);
    let mut found = HashMap::with_capacity(numbers.len());
    for no in numbers {
        if let Some(known) =
            select.query_row(params![no.0, account], |row| Ok(rows::known(row))).optional()?
        {
            found.insert(*no, known?);
        }
    }
    Ok(found)
}

pub(super) fn page(
    connection: &Connection,
    scope: Scope,
    from: SubscriptionNo,
    limit: usize,
    now: WallTime,
) -> Result<Vec<Header>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // Two texts, because each has its own index: one account's, or the key.
    match scope {
        Scope::Account(account) => rows::many(
            connection,
            select!(
                "WHERE s.account = ?1 AND s.no >= ?2 AND s.ended_at IS NULL AND s.expires_at > ?3
                 ORDER BY s.no LIMIT ?4"
            ),
            params![account.0.cast_signed(), from.0, now.0, limit],
        ),
        Scope::Operator => rows::many(
            connection,
            select!("WHERE s.no >= ?1 AND s.ended_at IS NULL AND s.expires_at > ?2 ORDER BY s.no LIMIT ?3"),
            params![from.0, now.0, limit],
        ),
    }
}

pub(super) fn conference_endpoints(
    connection: &Connection,
    account: Option<AccountId>,
    from: SubscriptionNo,
    limit: usize,
    now: WallTime,
) -> Result<Vec<Header>, StoreError> {
    rows::many(
        connection,
        select!(
            "WHERE s.door = 'conference' AND (?1 IS NULL OR s.account = ?1) AND s.no >= ?2
               AND s.ended_at IS NULL AND s.expires_at > ?3
             ORDER BY s.no LIMIT ?4"
        ),
        params![
            account.map(|account| account.0.cast_signed()),
            from.0,
            now.0,
            i64::try_from(limit).unwrap_or(i64::MAX)
        ],
    )
}

pub(super) fn belonging(
    connection: &Connection,
    to: Belonging,
    limit: usize,
) -> Result<Vec<Known>, StoreError> {
    let (condition, of, extensions) = match to {
        Belonging::Account(account) => ("account = ?1 AND ?2 = 0", account.0.cast_signed(), vec![0]),
        Belonging::Extensions(account, extensions) => {
            let extensions = extensions.iter().map(|extension| extension.0.cast_signed()).collect();
            ("account = ?1 AND extension = ?2", account.0.cast_signed(), extensions)
        }
        Belonging::App(app) => ("app = ?1 AND ?2 = 0", app.0, vec![0]),
    };
    let sql = format!("{KNOWN} WHERE {condition} AND ended_at IS NULL LIMIT ?3");
    let mut select = connection.prepare_cached(&sql)?;
    let mut found = Vec::new();
    for extension in extensions {
        let left = i64::try_from(limit - found.len()).unwrap_or(i64::MAX);
        let rows = select.query_map(params![of, extension, left], |row| Ok(rows::known(row)))?;
        for row in rows {
            found.push(row??);
        }
    }
    Ok(found)
}

fn account(scope: Scope) -> Option<i64> {
    match scope {
        Scope::Account(account) => Some(account.0.cast_signed()),
        Scope::Operator => None,
    }
}

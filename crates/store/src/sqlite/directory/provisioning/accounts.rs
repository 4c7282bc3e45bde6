//! Accounts: made, changed, emptied in parts, dropped.

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, ExtensionId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::{Secrets, foundation, people};
use super::audit::{self, Line};
use super::{at_most, hashes, known, signed};
use crate::StoreError;
use crate::directory::{Account, AccountStatus, NewAccount};
use crate::provisioning::{AccountEntry, Actor, Cut, Quotas, Written};

const COLUMNS: &str = "SELECT id, name, main_number, status, operator, company, created_at, \
     events_per_day, deliveries_per_day, bytes_per_day FROM accounts";

/// What hangs on an account and may be much: what is dropped in parts before the account itself. Rows that
/// hang on these, but never many on one, go with them.
const PARTS: &[&str] = &[
    "DELETE FROM messaging_events WHERE no IN (SELECT no FROM messaging_events WHERE account = ?1 LIMIT ?2)",
    "DELETE FROM incoming_webhooks WHERE id_hash IN (SELECT id_hash FROM incoming_webhooks WHERE account = ?1 LIMIT ?2)",
    "DELETE FROM posts WHERE no IN (SELECT p.no FROM chats c JOIN posts p ON p.chat = c.no WHERE c.account = ?1 LIMIT ?2)",
    "DELETE FROM chat_members WHERE (chat, extension) IN \
     (SELECT m.chat, m.extension FROM chats c JOIN chat_members m ON m.chat = c.no WHERE c.account = ?1 LIMIT ?2)",
    "DELETE FROM chats WHERE no IN (SELECT no FROM chats WHERE account = ?1 LIMIT ?2)",
    "DELETE FROM jwt_credentials WHERE jti IN \
     (SELECT j.jti FROM extensions e JOIN jwt_credentials j ON j.extension = e.id WHERE e.account = ?1 LIMIT ?2)",
    "DELETE FROM extensions WHERE id IN (SELECT id FROM extensions WHERE account = ?1 LIMIT ?2)",
];

pub(super) fn list(
    db: &Connection,
    after: Option<AccountId>,
    limit: usize,
) -> Result<Vec<AccountEntry>, StoreError> {
    let Some(after) = known(after.map_or(0, |after| after.0)) else { return Ok(Vec::new()) };
    let mut select = db.prepare_cached(&format!("{COLUMNS} WHERE id > ?1 ORDER BY id LIMIT ?2"))?;
    let rows = select.query_map(params![after, at_most(limit)], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

pub(super) fn one(db: &Connection, account: AccountId) -> Result<Option<AccountEntry>, StoreError> {
    let Some(id) = known(account.0) else { return Ok(None) };
    let mut select = db.prepare_cached(&format!("{COLUMNS} WHERE id = ?1"))?;
    select.query_row([id], |row| Ok(read(row))).optional()?.transpose()
}

fn read(row: &Row<'_>) -> Result<AccountEntry, StoreError> {
    let status: AccountStatus = people::account_status(&row.get::<_, String>(3)?)?;
    Ok(AccountEntry {
        account: Account {
            id: AccountId(row.get(0)?),
            name: row.get(1)?,
            main_number: row.get(2)?,
            status,
            operator: row.get::<_, Option<u64>>(4)?.map(ExtensionId),
            company: row.get(5)?,
            created_at: WallTime(row.get(6)?),
        },
        quotas: Quotas { events: row.get(7)?, deliveries: row.get(8)?, bytes: row.get(9)? },
    })
}

pub(super) fn create(
    db: &Connection,
    secrets: &Secrets,
    entry: AccountEntry,
    conference_token: String,
    by: &Actor,
) -> Result<Written, StoreError> {
    let account = &entry.account;
    if one(db, account.id)?.is_some() {
        return Ok(Written::Taken("id"));
    }
    if let Some(taken) = taken(db, account)? {
        return Ok(taken);
    }
    let id = account.id;
    foundation::insert_account(db, secrets, &NewAccount { account: account.clone(), conference_token })?;
    set_quotas(db, &entry)?;
    let after = Some(audit::of_account(&entry));
    audit::add(
        db,
        by,
        &Line { action: "account.create", account: Some(id), target: path(id), before: None, after },
    )?;
    Ok(Written::Done)
}

pub(super) fn change(db: &Connection, entry: &AccountEntry, by: &Actor) -> Result<Written, StoreError> {
    let account = &entry.account;
    let Some(before) = one(db, account.id)? else { return Ok(Written::Missing) };
    if let Some(taken) = taken(db, account)? {
        return Ok(taken);
    }
    let id = signed(account.id.0)?;
    db.prepare_cached(
        "UPDATE accounts SET name = ?2, main_number = ?3, status = ?4, operator = ?5, company = ?6 WHERE id = ?1",
    )?
    .execute(params![
        id,
        account.name,
        account.main_number,
        account.status.name(),
        account.operator.map(|operator| signed(operator.0)).transpose()?,
        signed(account.company)?,
    ])?;
    set_quotas(db, entry)?;
    if account.main_number != before.account.main_number {
        db.prepare_cached("DELETE FROM phone_numbers WHERE account = ?1 AND extension IS NULL")?
            .execute([id])?;
        foundation::insert_number(db, &account.main_number, id, None)?;
    }
    let line = Line {
        action: "account.update",
        account: Some(account.id),
        target: path(account.id),
        before: Some(audit::of_account(&before)),
        after: Some(audit::of_account(entry)),
    };
    audit::add(db, by, &line)?;
    Ok(Written::Done)
}

fn set_quotas(db: &Connection, entry: &AccountEntry) -> Result<(), StoreError> {
    let quotas = &entry.quotas;
    let number = |quota: Option<u64>| quota.map(|quota| i64::try_from(quota).unwrap_or(i64::MAX));
    db.prepare_cached(
        "UPDATE accounts SET events_per_day = ?2, deliveries_per_day = ?3, bytes_per_day = ?4 WHERE id = ?1",
    )?
    .execute(params![
        signed(entry.account.id.0)?,
        number(quotas.events),
        number(quotas.deliveries),
        number(quotas.bytes)
    ])?;
    Ok(())
}

/// Which value of the account is another's.
fn taken(db: &Connection, account: &Account) -> Result<Option<Written>, StoreError> {
    let other = |found: Option<AccountId>| found.is_some_and(|found| found != account.id);
    if other(people::account_of_company(db, account.company)?) {
        return Ok(Some(Written::Taken("companyId")));
    }
    let digits: String = account.main_number.chars().filter(char::is_ascii_digit).collect();
    if let Some((owner, extension)) = number_owner(db, &digits)?
        && (owner != account.id || extension.is_some())
    {
        return Ok(Some(Written::Taken("mainNumber")));
    }
    Ok(None)
}

pub(super) fn number_owner(
    db: &Connection,
    digits: &str,
) -> Result<Option<(AccountId, Option<ExtensionId>)>, StoreError> {
    let mut select = db.prepare_cached("SELECT account, extension FROM phone_numbers WHERE number = ?1")?;
    let row = select.query_row([digits], |row| {
        Ok((AccountId(row.get(0)?), row.get::<_, Option<u64>>(1)?.map(ExtensionId)))
    });
    Ok(row.optional()?)
}

pub(super) fn empty(db: &Connection, account: AccountId, limit: usize) -> Result<Cut, StoreError> {
    const TOKENS: &[&str] = &[
        "DELETE FROM sessions WHERE no IN (SELECT no FROM sessions WHERE account = ?1 LIMIT ?2) RETURNING access_hash",
        "DELETE FROM service_tokens WHERE no IN (SELECT no FROM service_tokens WHERE account = ?1 LIMIT ?2) \
         RETURNING token_hash",
    ];
    let Some(id) = known(account.0) else { return Ok(Cut::default()) };
    let given = params![id, at_most(limit)];
    let mut tokens = Vec::new();
    for part in TOKENS {
        let some = hashes(db, part, given)?;
        let full = some.len() >= limit;
        tokens.extend(some);
        if full {
            return Ok(Cut { tokens, more: true });
        }
    }
    for part in PARTS {
        if db.prepare_cached(part)?.execute(given)? >= limit {
            return Ok(Cut { tokens, more: true });
        }
    }
    Ok(Cut { tokens, more: false })
}

pub(super) fn drop(db: &Connection, account: AccountId, by: &Actor) -> Result<Written, StoreError> {
    let Some(before) = one(db, account)? else { return Ok(Written::Missing) };
    db.prepare_cached("DELETE FROM accounts WHERE id = ?1")?.execute([signed(account.0)?])?;
    let line = Line {
        action: "account.delete",
        account: Some(account),
        target: path(account),
        before: Some(audit::of_account(&before)),
        after: None,
    };
    audit::add(db, by, &line)?;
    Ok(Written::Done)
}

fn path(account: AccountId) -> String {
    format!("accounts/{account}")
}

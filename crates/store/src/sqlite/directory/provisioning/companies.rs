//! The x-signing-tokens of companies, sealed, and what the audit log says about conference endpoints. The
//! endpoints themselves are subscriptions.

use std::time::Duration;

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::AccountId;
use hookswitch_core::signing_token::{Rotation, SigningToken};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::{Value, json};

use super::super::{Secrets, conference_token_place};
use super::audit::{self, Line};
use super::known;
use crate::StoreError;
use crate::provisioning::{Actor, EndpointChange, Written};

/// As the row of a company has it.
struct Sealed {
    current: Vec<u8>,
    next: Option<Vec<u8>>,
    changes_at: Option<i64>,
    overlap: Option<i64>,
}

impl Sealed {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { current: row.get(0)?, next: row.get(1)?, changes_at: row.get(2)?, overlap: row.get(3)? })
    }
}

pub(super) fn token(
    db: &Connection,
    secrets: &Secrets,
    account: AccountId,
) -> Result<Option<SigningToken>, StoreError> {
    let Some(id) = known(account.0) else { return Ok(None) };
    let sql =
        "SELECT sealed_current, sealed_next, changes_at, overlap FROM company_tokens WHERE account = ?1";
    let Some(row) = db.prepare_cached(sql)?.query_row([id], Sealed::read).optional()? else {
        return Ok(None);
    };
    let token = secrets.open(&conference_token_place(account), &row.current)?;
    let rotation = match (row.next, row.changes_at, row.overlap) {
        (Some(next), Some(changes_at), Some(overlap)) => Some(Rotation {
            next: secrets.open(&next_place(account), &next)?,
            changes_at: WallTime(changes_at),
            overlap: Duration::from_millis(overlap.unsigned_abs()),
        }),
        _ => None,
    };
    Ok(Some(SigningToken { token, rotation }))
}

pub(super) fn set_token(
    db: &Connection,
    secrets: &Secrets,
    account: AccountId,
    token: &SigningToken,
    action: &'static str,
    by: &Actor,
) -> Result<Written, StoreError> {
    let Some(before) = self::token(db, secrets, account)? else { return Ok(Written::Missing) };
    let rotation = token.rotation.as_ref();
    let overlap = rotation.map(|rotation| i64::try_from(rotation.overlap.as_millis()).unwrap_or(i64::MAX));
    db.prepare_cached(
        "UPDATE company_tokens SET sealed_current = ?2, sealed_next = ?3, changes_at = ?4, overlap = ?5 \
         WHERE account = ?1",
    )?
    .execute(params![
        known(account.0),
        secrets.seal(&conference_token_place(account), &token.token),
        rotation.map(|rotation| secrets.seal(&next_place(account), &rotation.next)),
        rotation.map(|rotation| rotation.changes_at.0),
        overlap,
    ])?;
    let line = Line {
        action,
        account: Some(account),
        target: format!("accounts/{account}/signing-token"),
        before: Some(of_token(&before, by.at)),
        after: Some(of_token(token, by.at)),
    };
    audit::add(db, by, &line)?;
    Ok(Written::Done)
}

pub(super) fn record_endpoint(db: &Connection, change: EndpointChange, by: &Actor) -> Result<(), StoreError> {
    let EndpointChange { action, account, endpoint, before, after } = change;
    let target = format!("conference-endpoints/{endpoint}");
    audit::add(db, by, &Line { action, account: Some(account), target, before, after })
}

/// Which half of a rotation holds, without any token.
fn of_token(token: &SigningToken, now: WallTime) -> Value {
    let now = token.at(now);
    json!({
        "hasNext": now.next.is_some(),
        "hasPrevious": now.previous.is_some(),
        "changesAt": now.changes_at.map(WallTime::iso8601),
    })
}

fn next_place(account: AccountId) -> String {
    format!("{}/next", conference_token_place(account))
}

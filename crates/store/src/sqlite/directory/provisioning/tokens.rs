//! Tokens of operators and publishers, and users' credentials for the jwt-bearer grant.

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, AppNo, ExtensionId};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};

use super::super::{Secrets, apps, foundation, signed};
use super::audit::{self, Line};
use super::{accounts, at_most, known};
use crate::StoreError;
use crate::directory::{JwtCredential, NewServiceToken, SigningKey, TokenHash};
use crate::provisioning::{Actor, TokenDropped, TokenEntry, Written};

const COLUMNS: &str = "SELECT no, kind, account, name, created_at FROM service_tokens";

pub(super) fn list(db: &Connection, after: Option<i64>, limit: usize) -> Result<Vec<TokenEntry>, StoreError> {
    let mut select = db.prepare_cached(&format!("{COLUMNS} WHERE no > ?1 ORDER BY no LIMIT ?2"))?;
    let rows = select.query_map(params![after.unwrap_or(0), at_most(limit)], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn one(db: &Connection, no: i64) -> Result<Option<TokenEntry>, StoreError> {
    find(db, "no = ?1", [no])
}

pub(super) fn by_hash(db: &Connection, token: TokenHash) -> Result<Option<TokenEntry>, StoreError> {
    find(db, "token_hash = ?1", [token.0])
}

fn find(db: &Connection, condition: &str, given: impl Params) -> Result<Option<TokenEntry>, StoreError> {
    let mut select = db.prepare_cached(&format!("{COLUMNS} WHERE {condition}"))?;
    Ok(select.query_row(given, read).optional()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<TokenEntry> {
    let (kind, account): (String, Option<u64>) = (row.get(1)?, row.get(2)?);
    Ok(TokenEntry {
        no: row.get(0)?,
        publish: (kind == "publish").then_some(account.map(AccountId)),
        name: row.get(3)?,
        created_at: WallTime(row.get(4)?),
    })
}

pub(super) fn admins(db: &Connection) -> Result<u64, StoreError> {
    let mut select = db.prepare_cached("SELECT count(*) FROM service_tokens WHERE kind = 'admin'")?;
    Ok(select.query_row([], |row| row.get(0))?)
}

pub(super) fn create(
    db: &Connection,
    token: &NewServiceToken,
    by: &Actor,
) -> Result<Option<i64>, StoreError> {
    let account = token.publish.flatten();
    if let Some(account) = account
        && accounts::one(db, account)?.is_none()
    {
        return Ok(None);
    }
    foundation::insert_service_token(db, token)?;
    let no = db.last_insert_rowid();
    let after = one(db, no)?.as_ref().map(audit::of_token);
    audit::add(db, by, &Line { action: "token.create", account, target: path(no), before: None, after })?;
    Ok(Some(no))
}

pub(super) fn rename(db: &Connection, no: i64, name: &str, by: &Actor) -> Result<Written, StoreError> {
    let Some(before) = one(db, no)? else { return Ok(Written::Missing) };
    db.prepare_cached("UPDATE service_tokens SET name = ?2 WHERE no = ?1")?.execute(params![no, name])?;
    let after = TokenEntry { name: name.to_owned(), ..before.clone() };
    let line = Line {
        action: "token.update",
        account: before.publish.flatten(),
        target: path(no),
        before: Some(audit::of_token(&before)),
        after: Some(audit::of_token(&after)),
    };
    audit::add(db, by, &line)?;
    Ok(Written::Done)
}

pub(super) fn drop(db: &Connection, no: i64, by: &Actor) -> Result<TokenDropped, StoreError> {
    let Some(before) = one(db, no)? else { return Ok(TokenDropped::Missing) };
    if before.publish.is_none() && admins(db)? <= 1 {
        return Ok(TokenDropped::LastAdmin);
    }
    let mut delete = db.prepare_cached("DELETE FROM service_tokens WHERE no = ?1 RETURNING token_hash")?;
    let hash = TokenHash(delete.query_row([no], |row| row.get(0))?);
    let account = before.publish.flatten();
    let before = Some(audit::of_token(&before));
    audit::add(db, by, &Line { action: "token.delete", account, target: path(no), before, after: None })?;
    Ok(TokenDropped::Done(hash))
}

pub(super) fn credentials(
    db: &Connection,
    account: AccountId,
    extension: ExtensionId,
) -> Result<Vec<JwtCredential>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT jti, app, created_at, expires_at FROM jwt_credentials WHERE account = ?1 AND extension = ?2 \
         ORDER BY created_at, jti",
    )?;
    let rows = select.query_map(params![known(account.0), known(extension.0)], |row| {
        Ok(JwtCredential {
            jti: row.get(0)?,
            account,
            extension,
            app: row.get::<_, Option<i64>>(1)?.map(AppNo),
            created_at: WallTime(row.get(2)?),
            expires_at: row.get::<_, Option<i64>>(3)?.map(WallTime),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn create_credential(
    db: &Connection,
    credential: &JwtCredential,
    by: &Actor,
) -> Result<(), StoreError> {
    foundation::insert_credential(db, credential)?;
    let line = Line {
        action: "credential.create",
        account: Some(credential.account),
        target: credential_path(credential.account, credential.extension, &credential.jti),
        before: None,
        after: Some(audit::of_credential(credential)),
    };
    audit::add(db, by, &line)
}

pub(super) fn drop_credential(
    db: &Connection,
    account: AccountId,
    extension: ExtensionId,
    jti: &str,
    by: &Actor,
) -> Result<bool, StoreError> {
    let given = params![jti, signed(account.0)?, signed(extension.0)?];
    let gone = db
        .prepare_cached("DELETE FROM jwt_credentials WHERE jti = ?1 AND account = ?2 AND extension = ?3")?
        .execute(given)?;
    if gone == 0 {
        return Ok(false);
    }
    let line = Line {
        action: "credential.delete",
        account: Some(account),
        target: credential_path(account, extension, jti),
        before: None,
        after: None,
    };
    audit::add(db, by, &line)?;
    Ok(true)
}

pub(super) fn newest_signing_key(
    db: &Connection,
    secrets: &Secrets,
) -> Result<Option<SigningKey>, StoreError> {
    let mut select =
        db.prepare_cached("SELECT kid FROM signing_keys ORDER BY created_at DESC, kid LIMIT 1")?;
    let kid: Option<String> = select.query_row([], |row| row.get(0)).optional()?;
    kid.map_or(Ok(None), |kid| apps::signing_key(db, secrets, &kid))
}

fn path(no: i64) -> String {
    format!("tokens/{no}")
}

fn credential_path(account: AccountId, extension: ExtensionId, jti: &str) -> String {
    format!("accounts/{account}/extensions/{extension}/credentials/{jti}")
}

//! The audit log: lines are added with the change they tell of, and read newest first. The schema refuses
//! everything else. What a line shows of a thing is written here, so that no secret gets in.

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::AccountId;
use rusqlite::{Connection, Row, params};
use serde_json::{Value, json};

use super::at_most;
use crate::StoreError;
use crate::directory::JwtCredential;
use crate::provisioning::{AccountEntry, Actor, AppEntry, AuditLine, ExtensionEntry, TokenEntry};

/// A line that is to be.
pub(super) struct Line<'a> {
    pub(super) action: &'a str,
    pub(super) account: Option<AccountId>,
    pub(super) target: String,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

pub(super) fn add(db: &Connection, by: &Actor, line: &Line<'_>) -> Result<(), StoreError> {
    let text = |value: &Option<Value>| value.as_ref().map(Value::to_string);
    db.prepare_cached(
        "INSERT INTO audit_log (at, token, actor, action, account, target, before, after) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        by.at.0,
        by.token,
        by.name,
        line.action,
        line.account.map(|account| account.0.cast_signed()),
        line.target,
        text(&line.before),
        text(&line.after),
    ])?;
    Ok(())
}

pub(super) fn list(
    db: &Connection,
    account: Option<AccountId>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<AuditLine>, StoreError> {
    const COLUMNS: &str = "no, at, token, actor, action, account, target, before, after FROM audit_log";
    let (before, limit) = (before.unwrap_or(i64::MAX), at_most(limit));
    // Two texts, because each has its own index.
    let mut select;
    let mut rows = match account {
        None => {
            select =
                db.prepare_cached(&format!("SELECT {COLUMNS} WHERE no < ?1 ORDER BY no DESC LIMIT ?2"))?;
            select.query(params![before, limit])?
        }
        Some(account) => {
            let sql = format!("SELECT {COLUMNS} WHERE account = ?1 AND no < ?2 ORDER BY no DESC LIMIT ?3");
            select = db.prepare_cached(&sql)?;
            select.query(params![account.0.cast_signed(), before, limit])?
        }
    };
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        lines.push(read(row)?);
    }
    Ok(lines)
}

fn read(row: &Row<'_>) -> Result<AuditLine, StoreError> {
    let value = |place: usize| -> Result<Option<Value>, StoreError> {
        let text: Option<String> = row.get(place)?;
        let parsed = text.map(|text| serde_json::from_str(&text)).transpose();
        parsed.map_err(|error| StoreError::Corrupt(format!("a line of the audit log: {error}")))
    };
    Ok(AuditLine {
        no: row.get(0)?,
        actor: Actor { at: WallTime(row.get(1)?), token: row.get(2)?, name: row.get(3)? },
        action: row.get(4)?,
        account: row.get::<_, Option<i64>>(5)?.map(|account| AccountId(account.cast_unsigned())),
        target: row.get(6)?,
        before: value(7)?,
        after: value(8)?,
    })
}

pub(super) fn of_account(entry: &AccountEntry) -> Value {
    let account = &entry.account;
    json!({
        "id": account.id.to_string(),
        "name": account.name,
        "mainNumber": account.main_number,
        "status": account.status.name(),
        "operatorId": account.operator.map(|operator| operator.to_string()),
        "companyId": account.company.to_string(),
        "quotas": {
            "eventsPerDay": entry.quotas.events,
            "deliveriesPerDay": entry.quotas.deliveries,
            "bytesPerDay": entry.quotas.bytes,
        },
    })
}

pub(super) fn of_extension(entry: &ExtensionEntry) -> Value {
    let extension = &entry.extension;
    let contact = &extension.contact;
    json!({
        "id": extension.id.to_string(),
        "extensionNumber": extension.number,
        "name": extension.name,
        "type": extension.kind.name(),
        "status": extension.status.name(),
        "contact": {
            "firstName": contact.first_name,
            "lastName": contact.last_name,
            "email": contact.email,
            "businessPhone": contact.business_phone,
            "company": contact.company,
            "department": contact.department,
        },
        "administrator": extension.administrator,
        "permissions": extension.permissions,
        "allowSeeMyPresence": extension.sharing.presence,
        "allowPickUpMyCalls": extension.sharing.call_pickup,
        "directNumber": entry.direct_number,
        "hasPassword": entry.has_password,
    })
}

pub(super) fn of_app(entry: &AppEntry) -> Value {
    let grants: Vec<&str> = entry.grants.iter().map(|grant| grant.name()).collect();
    json!({
        "id": entry.no.to_string(),
        "clientId": entry.client_id,
        "name": entry.name,
        "public": entry.public,
        "scopes": entry.scopes,
        "grants": grants,
        "redirectUris": entry.redirect_uris,
    })
}

pub(super) fn of_token(entry: &TokenEntry) -> Value {
    json!({
        "id": entry.no.to_string(),
        "kind": if entry.publish.is_some() { "publish" } else { "admin" },
        "accountId": entry.publish.flatten().map(|account| account.to_string()),
        "name": entry.name,
    })
}

pub(super) fn of_credential(credential: &JwtCredential) -> Value {
    json!({
        "id": credential.jti,
        "extensionId": credential.extension.to_string(),
        "appId": credential.app.map(|app| app.to_string()),
        "expirationTime": credential.expires_at.map(WallTime::iso8601),
    })
}

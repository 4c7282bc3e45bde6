//! What comes into being in one step: accounts with their people, apps, tokens and credentials.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Secrets, apps, json_list, signed};
use crate::StoreError;
use crate::directory::{Foundation, JwtCredential, NewAccount, NewExtension, NewServiceToken};

pub(super) fn establish(
    db: &Connection,
    secrets: &Secrets,
    foundation: &Foundation,
) -> Result<(), StoreError> {
    insert_all(db, secrets, foundation).map_err(|error| match error {
        StoreError::Failed(cause) if is_duplicate(cause.as_ref()) => StoreError::Conflict("the directory"),
        error => error,
    })
}

pub(super) fn note(db: &Connection, secrets: &Secrets, name: &str) -> Result<Option<String>, StoreError> {
    let mut select = db.prepare_cached("SELECT sealed_note FROM sealed_notes WHERE name = ?1")?;
    let sealed: Option<Vec<u8>> = select.query_row([name], |row| row.get(0)).optional()?;
    sealed.map(|sealed| secrets.open(&note_place(name), &sealed)).transpose()
}

fn insert_all(db: &Connection, secrets: &Secrets, foundation: &Foundation) -> Result<(), StoreError> {
    for new in &foundation.accounts {
        insert_account(db, secrets, new)?;
    }
    for new in &foundation.extensions {
        insert_extension(db, new)?;
    }
    for new in &foundation.apps {
        apps::insert(db, secrets, new)?;
    }
    for new in &foundation.service_tokens {
        insert_service_token(db, new)?;
    }
    for key in &foundation.signing_keys {
        apps::insert_signing_key(db, secrets, key)?;
    }
    for credential in &foundation.jwt_credentials {
        insert_credential(db, credential)?;
    }
    for (name, text) in &foundation.notes {
        let sealed = secrets.seal(&note_place(name), text);
        db.prepare_cached("INSERT INTO sealed_notes (name, sealed_note) VALUES (?1, ?2)")?
            .execute(params![name, sealed])?;
    }
    Ok(())
}

pub(super) fn insert_account(db: &Connection, secrets: &Secrets, new: &NewAccount) -> Result<(), StoreError> {
    let account = &new.account;
    let id = signed(account.id.0)?;
    db.prepare_cached(
        "INSERT INTO accounts (id, name, main_number, status, operator, company, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        id,
        account.name,
        account.main_number,
        account.status.name(),
        account.operator.map(|operator| signed(operator.0)).transpose()?,
        signed(account.company)?,
        account.created_at.0,
    ])?;
    let sealed = secrets.seal(&super::conference_token_place(account.id), &new.conference_token);
    db.prepare_cached("INSERT INTO company_tokens (account, sealed_current) VALUES (?1, ?2)")?
        .execute(params![id, sealed])?;
    insert_number(db, &account.main_number, id, None)
}

pub(super) fn insert_extension(db: &Connection, new: &NewExtension) -> Result<(), StoreError> {
    let extension = &new.extension;
    let (id, account) = (signed(extension.id.0)?, signed(extension.account.0)?);
    db.prepare_cached(
        "INSERT INTO extensions (id, account, number, name, kind, status, first_name, last_name, email, \
         business_phone, company, department, administrator, permissions, password, created_at, \
         shares_presence, shares_call_pickup) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    )?
    .execute(params![
        id,
        account,
        extension.number,
        extension.name,
        extension.kind.name(),
        extension.status.name(),
        extension.contact.first_name,
        extension.contact.last_name,
        extension.contact.email.to_lowercase(),
        extension.contact.business_phone,
        extension.contact.company,
        extension.contact.department,
        extension.administrator,
        json_list(&extension.permissions)?,
        new.password.as_ref().map(|password| &password.0),
        extension.created_at.0,
        extension.sharing.presence,
        extension.sharing.call_pickup,
    ])?;
    match &new.direct_number {
        Some(number) => insert_number(db, number, account, Some(id)),
        None => Ok(()),
    }
}

/// A number without digits is none.
pub(super) fn insert_number(
    db: &Connection,
    number: &str,
    account: i64,
    extension: Option<i64>,
) -> Result<(), StoreError> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return Ok(());
    }
    db.prepare_cached("INSERT INTO phone_numbers (number, account, extension) VALUES (?1, ?2, ?3)")?
        .execute(params![digits, account, extension])?;
    Ok(())
}

pub(super) fn insert_service_token(db: &Connection, new: &NewServiceToken) -> Result<(), StoreError> {
    let (kind, account) = match new.publish {
        None => ("admin", None),
        Some(account) => ("publish", account.map(|account| signed(account.0)).transpose()?),
    };
    db.prepare_cached(
        "INSERT INTO service_tokens (token_hash, kind, account, name, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![new.token.0, kind, account, new.name, new.created_at.0])?;
    Ok(())
}

pub(super) fn insert_credential(db: &Connection, credential: &JwtCredential) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO jwt_credentials (jti, account, extension, app, created_at, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        credential.jti,
        signed(credential.account.0)?,
        signed(credential.extension.0)?,
        credential.app.map(|app| app.0),
        credential.created_at.0,
        credential.expires_at.map(|end| end.0),
    ])?;
    Ok(())
}

fn is_duplicate(error: &(dyn std::error::Error + 'static)) -> bool {
    error
        .downcast_ref::<rusqlite::Error>()
        .and_then(rusqlite::Error::sqlite_error_code)
        .is_some_and(|code| code == rusqlite::ErrorCode::ConstraintViolation)
}

fn note_place(name: &str) -> String {
    format!("note/{name}")
}

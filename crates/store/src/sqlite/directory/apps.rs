//! Registered apps with their secrets, and the keys that sign login credentials.

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::AppNo;
use rusqlite::{Connection, Params, params};

use super::{Secrets, from_json_list, json_list, unknown_name, words};
use crate::StoreError;
use crate::directory::{Grant, NewApp, RegisteredApp, SigningKey, TokenHash};

macro_rules! select_app {
    ($condition:literal) => {
        concat!(
            "SELECT no, client_id, name, secret_hash, scopes, grants, redirect_uris, \
             sealed_verification_token, sealed_signing_secret FROM apps WHERE ",
            $condition
        )
    };
}

pub(super) fn by_number(
    db: &Connection,
    secrets: &Secrets,
    app: AppNo,
) -> Result<Option<RegisteredApp>, StoreError> {
    read(db, secrets, select_app!("no = ?1"), [app.0])
}

pub(super) fn by_client_id(
    db: &Connection,
    secrets: &Secrets,
    client_id: &str,
) -> Result<Option<RegisteredApp>, StoreError> {
    read(db, secrets, select_app!("client_id = ?1"), [client_id])
}

pub(super) fn insert(db: &Connection, secrets: &Secrets, app: &NewApp) -> Result<AppNo, StoreError> {
    let grants: Vec<String> = app.grants.iter().map(|grant| grant.name().to_owned()).collect();
    db.prepare_cached(
        "INSERT INTO apps (client_id, name, secret_hash, scopes, grants, redirect_uris, \
         sealed_verification_token, sealed_signing_secret, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        app.client_id,
        app.name,
        app.secret.map(|secret| secret.0),
        app.scopes.join(" "),
        grants.join(" "),
        json_list(&app.redirect_uris)?,
        secrets.seal(&verification_token(&app.client_id), &app.verification_token),
        secrets.seal(&signing_secret(&app.client_id), &app.signing_secret),
        app.created_at.0,
    ])?;
    Ok(AppNo(db.last_insert_rowid()))
}

pub(super) fn signing_key(
    db: &Connection,
    secrets: &Secrets,
    kid: &str,
) -> Result<Option<SigningKey>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT algorithm, public_key, sealed_private_key, created_at FROM signing_keys WHERE kid = ?1",
    )?;
    let mut rows = select.query([kid])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(SigningKey {
        kid: kid.to_owned(),
        algorithm: row.get(0)?,
        public_key: row.get(1)?,
        private_key: secrets.open_bytes(&signing_key_place(kid), &row.get::<_, Vec<u8>>(2)?)?,
        created_at: WallTime(row.get(3)?),
    }))
}

pub(super) fn insert_signing_key(
    db: &Connection,
    secrets: &Secrets,
    key: &SigningKey,
) -> Result<(), StoreError> {
    let sealed = secrets.seal_bytes(&signing_key_place(&key.kid), &key.private_key);
    db.prepare_cached(
        "INSERT INTO signing_keys (kid, algorithm, public_key, sealed_private_key, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![key.kid, key.algorithm, key.public_key, sealed, key.created_at.0])?;
    Ok(())
}

fn read(
    db: &Connection,
    secrets: &Secrets,
    select: &str,
    given: impl Params,
) -> Result<Option<RegisteredApp>, StoreError> {
    let mut select = db.prepare_cached(select)?;
    let mut rows = select.query(given)?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let client_id: String = row.get(1)?;
    let grants = words(&row.get::<_, String>(5)?);
    let grants = grants.iter().map(|name| Grant::from_name(name).ok_or_else(|| unknown_name("grant", name)));
    Ok(Some(RegisteredApp {
        no: AppNo(row.get(0)?),
        name: row.get(2)?,
        secret: row.get::<_, Option<[u8; 32]>>(3)?.map(TokenHash),
        scopes: words(&row.get::<_, String>(4)?),
        grants: grants.collect::<Result<_, _>>()?,
        redirect_uris: from_json_list(&row.get::<_, String>(6)?)?,
        verification_token: secrets.open(&verification_token(&client_id), &row.get::<_, Vec<u8>>(7)?)?,
        signing_secret: secrets.open(&signing_secret(&client_id), &row.get::<_, Vec<u8>>(8)?)?,
        client_id,
    }))
}

fn verification_token(client_id: &str) -> String {
    format!("app/{client_id}/verification-token")
}

fn signing_secret(client_id: &str) -> String {
    format!("app/{client_id}/signing-secret")
}

fn signing_key_place(kid: &str) -> String {
    format!("signing-key/{kid}")
}

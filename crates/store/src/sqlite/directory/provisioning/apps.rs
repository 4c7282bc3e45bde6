//! Apps as operators see them: without their secrets, which only `super::super::apps` reads.

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::AppNo;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::{Secrets, apps, from_json_list, json_list, unknown_name, words};
use super::at_most;
use super::audit::{self, Line};
use crate::StoreError;
use crate::directory::{Grant, NewApp};
use crate::provisioning::{Actor, AppEntry, Written};

const COLUMNS: &str =
    "SELECT no, client_id, name, secret_hash IS NULL, scopes, grants, redirect_uris, created_at FROM apps";

pub(super) fn list(db: &Connection, after: Option<AppNo>, limit: usize) -> Result<Vec<AppEntry>, StoreError> {
    let mut select = db.prepare_cached(&format!("{COLUMNS} WHERE no > ?1 ORDER BY no LIMIT ?2"))?;
    let after = after.map_or(0, |after| after.0);
    let rows = select.query_map(params![after, at_most(limit)], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

pub(super) fn one(db: &Connection, app: AppNo) -> Result<Option<AppEntry>, StoreError> {
    let mut select = db.prepare_cached(&format!("{COLUMNS} WHERE no = ?1"))?;
    select.query_row([app.0], |row| Ok(read(row))).optional()?.transpose()
}

fn read(row: &Row<'_>) -> Result<AppEntry, StoreError> {
    let grants = words(&row.get::<_, String>(5)?);
    let grants = grants.iter().map(|name| Grant::from_name(name).ok_or_else(|| unknown_name("grant", name)));
    Ok(AppEntry {
        no: AppNo(row.get(0)?),
        client_id: row.get(1)?,
        name: row.get(2)?,
        public: row.get(3)?,
        scopes: words(&row.get::<_, String>(4)?),
        grants: grants.collect::<Result<_, _>>()?,
        redirect_uris: from_json_list(&row.get::<_, String>(6)?)?,
        created_at: WallTime(row.get(7)?),
    })
}

pub(super) fn create(
    db: &Connection,
    secrets: &Secrets,
    app: &NewApp,
    by: &Actor,
) -> Result<Option<AppNo>, StoreError> {
    if db.prepare_cached("SELECT 1 FROM apps WHERE client_id = ?1")?.exists([&app.client_id])? {
        return Ok(None);
    }
    let no = apps::insert(db, secrets, app)?;
    let after = one(db, no)?.as_ref().map(audit::of_app);
    audit::add(db, by, &Line { action: "app.create", account: None, target: path(no), before: None, after })?;
    Ok(Some(no))
}

pub(super) fn change(db: &Connection, entry: &AppEntry, by: &Actor) -> Result<Written, StoreError> {
    let Some(before) = one(db, entry.no)? else { return Ok(Written::Missing) };
    let grants: Vec<&str> = entry.grants.iter().map(|grant| grant.name()).collect();
    db.prepare_cached(
        "UPDATE apps SET name = ?2, scopes = ?3, grants = ?4, redirect_uris = ?5 WHERE no = ?1",
    )?
    .execute(params![
        entry.no.0,
        entry.name,
        entry.scopes.join(" "),
        grants.join(" "),
        json_list(&entry.redirect_uris)?,
    ])?;
    let line = Line {
        action: "app.update",
        account: None,
        target: path(entry.no),
        before: Some(audit::of_app(&before)),
        after: Some(audit::of_app(entry)),
    };
    audit::add(db, by, &line)?;
    Ok(Written::Done)
}

pub(super) fn drop(db: &Connection, app: AppNo, by: &Actor) -> Result<Written, StoreError> {
    let Some(before) = one(db, app)? else { return Ok(Written::Missing) };
    db.prepare_cached("DELETE FROM apps WHERE no = ?1")?.execute([app.0])?;
    let before = Some(audit::of_app(&before));
    audit::add(
        db,
        by,
        &Line { action: "app.delete", account: None, target: path(app), before, after: None },
    )?;
    Ok(Written::Done)
}

fn path(app: AppNo) -> String {
    format!("apps/{app}")
}

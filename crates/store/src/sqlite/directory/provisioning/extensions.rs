//! Extensions: listed, looked up for an import, written and dropped in slices, their sessions ended.

use hookswitch_core::id::{AccountId, ExtensionId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::{foundation, json_list, people};
use super::accounts::number_owner;
use super::audit::{self, Line};
use super::{at_most, hashes, known, signed};
use crate::StoreError;
use crate::directory::{NewExtension, StoredPassword, TokenHash};
use crate::provisioning::{
    Cut, ExtensionEntry, ExtensionWrite, Looked, Lookup, NewPassword, Record, Whose, Written,
};

const ENTRY: &str = concat!(
    "SELECT ",
    people::extension_columns!(),
    ", e.password IS NOT NULL, (SELECT p.number FROM phone_numbers p WHERE p.extension = e.id) FROM extensions e "
);

pub(super) fn list(
    db: &Connection,
    account: AccountId,
    after: Option<ExtensionId>,
    limit: usize,
) -> Result<Vec<ExtensionEntry>, StoreError> {
    let (Some(account), Some(after)) = (known(account.0), known(after.map_or(0, |after| after.0))) else {
        return Ok(Vec::new());
    };
    let mut select =
        db.prepare_cached(&format!("{ENTRY} WHERE e.account = ?1 AND e.id > ?2 ORDER BY e.id LIMIT ?3"))?;
    let rows = select.query_map(params![account, after, at_most(limit)], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

pub(super) fn ids(
    db: &Connection,
    account: AccountId,
    after: Option<ExtensionId>,
    limit: usize,
) -> Result<Vec<ExtensionId>, StoreError> {
    let (Some(account), Some(after)) = (known(account.0), known(after.map_or(0, |after| after.0))) else {
        return Ok(Vec::new());
    };
    let mut select =
        db.prepare_cached("SELECT id FROM extensions WHERE account = ?1 AND id > ?2 ORDER BY id LIMIT ?3")?;
    let rows =
        select.query_map(params![account, after, at_most(limit)], |row| row.get(0).map(ExtensionId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn look_up(db: &Connection, account: AccountId, lookup: &Lookup) -> Result<Looked, StoreError> {
    let mut looked = Looked::default();
    if let Some(id) = lookup.id.and_then(|id| known(id.0)) {
        let found = one(db, "WHERE e.id = ?1", &[&id])?;
        looked.id_elsewhere = found.as_ref().is_some_and(|found| found.extension.account != account);
        looked.by_id = found.filter(|found| found.extension.account == account);
    }
    if let Some(number) = &lookup.number {
        looked.by_number =
            one(db, "WHERE e.account = ?1 AND e.number = ?2", params![signed(account.0)?, number])?;
    }
    if let Some(digits) = &lookup.direct_number {
        looked.direct_owner = number_owner(db, digits)?;
    }
    Ok(looked)
}

fn one(
    db: &Connection,
    condition: &str,
    given: &[&dyn rusqlite::ToSql],
) -> Result<Option<ExtensionEntry>, StoreError> {
    let mut select = db.prepare_cached(&format!("{ENTRY} {condition}"))?;
    select.query_row(given, |row| Ok(read(row))).optional()?.transpose()
}

fn read(row: &Row<'_>) -> Result<ExtensionEntry, StoreError> {
    Ok(ExtensionEntry {
        extension: people::read_extension(row)?,
        has_password: row.get(people::EXTENSION_COLUMNS)?,
        direct_number: row.get(people::EXTENSION_COLUMNS + 1)?,
    })
}

pub(super) fn write(
    db: &Connection,
    account: AccountId,
    writes: &[ExtensionWrite],
    record: &Record,
) -> Result<Written, StoreError> {
    if let Record::Once(by, action, words) = record {
        once(db, account, by, action, words)?;
    }
    for (index, write) in writes.iter().enumerate() {
        let written = write_one(db, account, write, record)?;
        if written != Written::Done {
            // What was written before goes back with the transaction.
            return if index == 0 { Ok(written) } else { Err(StoreError::Conflict("an extension")) };
        }
    }
    Ok(Written::Done)
}

fn write_one(
    db: &Connection,
    account: AccountId,
    write: &ExtensionWrite,
    record: &Record,
) -> Result<Written, StoreError> {
    let extension = &write.extension;
    let lookup = Lookup {
        id: Some(extension.id),
        number: Some(extension.number.clone()),
        direct_number: write.direct_number.clone(),
    };
    let looked = look_up(db, account, &lookup)?;
    if looked.id_elsewhere || (write.is_new && looked.by_id.is_some()) {
        return Ok(Written::Taken("id"));
    }
    if looked.by_number.is_some_and(|other| other.extension.id != extension.id) {
        return Ok(Written::Taken("extensionNumber"));
    }
    if looked.direct_owner.is_some_and(|owner| owner != (account, Some(extension.id))) {
        return Ok(Written::Taken("directNumber"));
    }
    match (&looked.by_id, write.is_new) {
        (None, false) => return Ok(Written::Missing),
        (Some(before), _) => update(db, before, write)?,
        (None, true) => insert(db, write)?,
    }
    if let Record::Each(by) = record {
        let mut after = audit::of_extension(&after_of(write, looked.by_id.as_ref()));
        if !matches!(write.password, NewPassword::Unchanged) {
            after["password"] = "changed".into();
        }
        let line = Line {
            action: if write.is_new { "extension.create" } else { "extension.update" },
            account: Some(account),
            target: path(account, extension.id),
            before: looked.by_id.as_ref().map(audit::of_extension),
            after: Some(after),
        };
        audit::add(db, by, &line)?;
    }
    Ok(Written::Done)
}

fn after_of(write: &ExtensionWrite, before: Option<&ExtensionEntry>) -> ExtensionEntry {
    ExtensionEntry {
        extension: write.extension.clone(),
        direct_number: write.direct_number.clone(),
        has_password: match write.password {
            NewPassword::Set(_) => true,
            NewPassword::Removed => false,
            NewPassword::Unchanged => before.is_some_and(|before| before.has_password),
        },
    }
}

fn insert(db: &Connection, write: &ExtensionWrite) -> Result<(), StoreError> {
    let password = match &write.password {
        NewPassword::Set(password) => Some(password.clone()),
        NewPassword::Unchanged | NewPassword::Removed => None,
    };
    let (extension, direct_number) = (write.extension.clone(), write.direct_number.clone());
    foundation::insert_extension(db, &NewExtension { extension, password, direct_number })
}

fn update(db: &Connection, before: &ExtensionEntry, write: &ExtensionWrite) -> Result<(), StoreError> {
    let extension = &write.extension;
    let id = signed(extension.id.0)?;
    db.prepare_cached(
        "UPDATE extensions SET number = ?2, name = ?3, kind = ?4, status = ?5, first_name = ?6, last_name = ?7, \
         email = ?8, business_phone = ?9, company = ?10, department = ?11, administrator = ?12, permissions = ?13, \
         shares_presence = ?14, shares_call_pickup = ?15 \
         WHERE id = ?1",
    )?
    .execute(params![
        id,
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
        extension.sharing.presence,
        extension.sharing.call_pickup,
    ])?;
    let password = match &write.password {
        NewPassword::Unchanged => None,
        NewPassword::Removed => Some(None),
        NewPassword::Set(StoredPassword(text)) => Some(Some(text)),
    };
    if let Some(password) = password {
        db.prepare_cached("UPDATE extensions SET password = ?2 WHERE id = ?1")?
            .execute(params![id, password])?;
    }
    if write.direct_number != before.direct_number {
        db.prepare_cached("DELETE FROM phone_numbers WHERE extension = ?1")?.execute([id])?;
        if let Some(number) = &write.direct_number {
            foundation::insert_number(db, number, signed(extension.account.0)?, Some(id))?;
        }
    }
    Ok(())
}

pub(super) fn drop(
    db: &Connection,
    account: AccountId,
    ids: &[ExtensionId],
    record: &Record,
) -> Result<(usize, Cut), StoreError> {
    if let Record::Once(by, action, words) = record {
        once(db, account, by, action, words)?;
    }
    let (mut dropped, mut cut) = (0, Cut::default());
    for id in ids {
        let lookup = Lookup { id: Some(*id), ..Lookup::default() };
        let Some(before) = look_up(db, account, &lookup)?.by_id else { continue };
        let id = signed(id.0)?;
        cut.tokens.extend(hashes(
            db,
            "DELETE FROM sessions WHERE extension = ?1 RETURNING access_hash",
            [id],
        )?);
        db.prepare_cached("UPDATE accounts SET operator = NULL WHERE id = ?1 AND operator = ?2")?
            .execute(params![signed(account.0)?, id])?;
        db.prepare_cached("DELETE FROM extensions WHERE id = ?1")?.execute([id])?;
        dropped += 1;
        if let Record::Each(by) = record {
            let line = Line {
                action: "extension.delete",
                account: Some(account),
                target: path(account, before.extension.id),
                before: Some(audit::of_extension(&before)),
                after: None,
            };
            audit::add(db, by, &line)?;
        }
    }
    Ok((dropped, cut))
}

fn once(
    db: &Connection,
    account: AccountId,
    by: &crate::provisioning::Actor,
    action: &str,
    words: &serde_json::Value,
) -> Result<(), StoreError> {
    let target = format!("accounts/{account}/extensions");
    audit::add(
        db,
        by,
        &Line { action, account: Some(account), target, before: None, after: Some(words.clone()) },
    )
}

pub(super) fn access_tokens(
    db: &Connection,
    extensions: &[ExtensionId],
) -> Result<Vec<TokenHash>, StoreError> {
    let mut tokens = Vec::new();
    for id in extensions.iter().filter_map(|id| known(id.0)) {
        tokens.extend(hashes(db, "SELECT access_hash FROM sessions WHERE extension = ?1", [id])?);
    }
    Ok(tokens)
}

pub(super) fn end_sessions(db: &Connection, whose: &Whose, limit: usize) -> Result<Cut, StoreError> {
    macro_rules! ending {
        ($condition:literal) => {
            concat!(
                "DELETE FROM sessions WHERE no IN (SELECT no FROM sessions WHERE ",
                $condition,
                " LIMIT ?2) RETURNING access_hash"
            )
        };
    }
    let mut tokens = Vec::new();
    let left = |tokens: &Vec<TokenHash>| at_most(limit.saturating_sub(tokens.len()));
    match whose {
        Whose::Account(account) => {
            tokens = hashes(db, ending!("account = ?1"), params![known(account.0), left(&tokens)])?;
        }
        Whose::App(app) => {
            tokens = hashes(db, ending!("app = ?1"), params![app.0, left(&tokens)])?;
            let without_user = "DELETE FROM app_sessions WHERE no IN \
                 (SELECT no FROM app_sessions WHERE app = ?1 LIMIT ?2) RETURNING token_hash";
            tokens.extend(hashes(db, without_user, params![app.0, left(&tokens)])?);
        }
        Whose::Extensions(ids) => {
            for id in ids {
                tokens.extend(hashes(db, ending!("extension = ?1"), params![known(id.0), left(&tokens)])?);
            }
        }
    }
    let more = tokens.len() >= limit;
    Ok(Cut { tokens, more })
}

fn path(account: AccountId, extension: ExtensionId) -> String {
    format!("accounts/{account}/extensions/{extension}")
}

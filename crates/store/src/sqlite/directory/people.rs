//! Accounts, extensions, and whom a login name means.

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, AppNo, ExtensionId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{from_json_list, json_list, sign_in, signed, unknown_name};
use crate::StoreError;
use crate::directory::{
    Account, AccountStatus, Contact, Extension, ExtensionFilter, ExtensionPage, ExtensionStatus,
    ExtensionType, JwtCredential, LoginName, LoginRecord, PageOf, Sharing, StoredPassword, WatchedExtension,
};

macro_rules! extension_columns {
    () => {
        "e.id, e.account, e.number, e.name, e.kind, e.status, e.first_name, e.last_name, e.email, \
         e.business_phone, e.company, e.department, e.administrator, e.permissions, e.created_at, \
         e.shares_presence, e.shares_call_pickup"
    };
}

pub(super) use extension_columns;

/// How many columns that is.
pub(super) const EXTENSION_COLUMNS: usize = 17;

const EXTENSION: &str =
    concat!("SELECT ", extension_columns!(), " FROM extensions e WHERE e.account = ?1 AND e.id = ?2");

const SELECTION: &str = "e.account = ?1 \
     AND (?2 IS NULL OR e.number IN (SELECT value FROM json_each(?2))) \
     AND (?3 IS NULL OR e.email IN (SELECT value FROM json_each(?3))) \
     AND (?4 IS NULL OR e.status IN (SELECT value FROM json_each(?4))) \
     AND (?5 IS NULL OR e.kind IN (SELECT value FROM json_each(?5)))";

macro_rules! login_select {
    ($from:literal) => {
        concat!(
            "SELECT ",
            extension_columns!(),
            ", e.password, a.status, e.failed_logins, e.locked_until FROM ",
            $from
        )
    };
}

const BY_ID: &str =
    login_select!("extensions e JOIN accounts a ON a.id = e.account WHERE e.account = ?1 AND e.id = ?2");
const BY_ID_ALONE: &str = login_select!("extensions e JOIN accounts a ON a.id = e.account WHERE e.id = ?1");
const BY_NUMBER: &str =
    login_select!("extensions e JOIN accounts a ON a.id = e.account WHERE e.account = ?1 AND e.number = ?2");
/// Two rows are enough to see that the address is not unique.
const BY_EMAIL: &str = login_select!(
    "extensions e JOIN accounts a ON a.id = e.account \
     WHERE e.email = ?1 AND e.email <> '' AND (?2 IS NULL OR e.number = ?2) LIMIT 2"
);

pub(super) fn account(db: &Connection, account: AccountId) -> Result<Option<Account>, StoreError> {
    // An id beyond SQLite's numbers is nobody's.
    let Ok(id) = i64::try_from(account.0) else {
        return Ok(None);
    };
    let mut select = db.prepare_cached(
        "SELECT id, name, main_number, status, operator, company, created_at FROM accounts WHERE id = ?1",
    )?;
    let row = select.query_row([id], |row| {
        let status: String = row.get(3)?;
        let account = Account {
            id: AccountId(row.get(0)?),
            name: row.get(1)?,
            main_number: row.get(2)?,
            status: AccountStatus::Disabled,
            operator: row.get::<_, Option<u64>>(4)?.map(ExtensionId),
            company: row.get(5)?,
            created_at: WallTime(row.get(6)?),
        };
        Ok((account, status))
    });
    match row.optional()? {
        None => Ok(None),
        Some((account, status)) => Ok(Some(Account { status: account_status(&status)?, ..account })),
    }
}

pub(super) fn account_of_company(db: &Connection, company: u64) -> Result<Option<AccountId>, StoreError> {
    let Ok(company) = i64::try_from(company) else {
        return Ok(None);
    };
    let mut select = db.prepare_cached("SELECT id FROM accounts WHERE company = ?1")?;
    Ok(select.query_row([company], |row| row.get(0).map(AccountId)).optional()?)
}

pub(super) fn extension(
    db: &Connection,
    account: AccountId,
    id: ExtensionId,
) -> Result<Option<Extension>, StoreError> {
    let (Ok(account), Ok(id)) = (i64::try_from(account.0), i64::try_from(id.0)) else {
        return Ok(None);
    };
    let mut select = db.prepare_cached(EXTENSION)?;
    let row = select.query_row(params![account, id], |row| Ok(read_extension(row)));
    row.optional()?.transpose()
}

pub(super) fn extensions(
    db: &Connection,
    account: AccountId,
    filter: &ExtensionFilter,
    page: PageOf,
) -> Result<ExtensionPage, StoreError> {
    let account = signed(account.0)?;
    let numbers = condition(filter.numbers.iter().cloned())?;
    let emails = condition(filter.emails.iter().map(|email| email.to_lowercase()))?;
    let statuses = condition(filter.statuses.iter().map(|status| status.name().to_owned()))?;
    let kinds = condition(filter.kinds.iter().map(|kind| kind.name().to_owned()))?;

    let count = format!("SELECT count(*) FROM extensions e WHERE {SELECTION}");
    let given = params![account, numbers, emails, statuses, kinds];
    let total = db.prepare_cached(&count)?.query_row(given, |row| row.get(0))?;

    let select = format!(
        "SELECT {} FROM extensions e WHERE {SELECTION} ORDER BY e.id LIMIT ?6 OFFSET ?7",
        extension_columns!()
    );
    let offset = signed(page.page.saturating_sub(1).saturating_mul(page.per_page).min(u64::from(u32::MAX)))?;
    let mut select = db.prepare_cached(&select)?;
    let mut rows =
        select.query(params![account, numbers, emails, statuses, kinds, signed(page.per_page)?, offset])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(read_extension(row)?);
    }
    Ok(ExtensionPage { records, total })
}

pub(super) fn existing_extensions(
    db: &Connection,
    account: AccountId,
    ids: &[ExtensionId],
) -> Result<Vec<WatchedExtension>, StoreError> {
    let account = signed(account.0)?;
    let mut select = db.prepare_cached(
        "SELECT kind, shares_presence, shares_call_pickup FROM extensions WHERE account = ?1 AND id = ?2",
    )?;
    let mut existing = Vec::with_capacity(ids.len());
    for id in ids {
        let Ok(number) = i64::try_from(id.0) else { continue };
        let found = select.query_row(params![account, number], |row| {
            let sharing = Sharing { presence: row.get(1)?, call_pickup: row.get(2)? };
            Ok((row.get::<_, String>(0)?, sharing))
        });
        if let Some((kind, sharing)) = found.optional()? {
            existing.push(WatchedExtension { id: *id, kind: extension_type(&kind)?, sharing });
        }
    }
    Ok(existing)
}

pub(super) fn login(db: &Connection, name: &LoginName) -> Result<Option<LoginRecord>, StoreError> {
    match name {
        LoginName::Id(id) => match i64::try_from(id.0) {
            Ok(id) => read_one_login(db, BY_ID_ALONE, params![id]),
            Err(_) => Ok(None),
        },
        LoginName::Email { address, extension } => {
            let mut select = db.prepare_cached(BY_EMAIL)?;
            let mut rows = select.query(params![address.to_lowercase(), extension])?;
            let found = rows.next()?.map(read_login).transpose()?;
            let ambiguous = rows.next()?.is_some();
            Ok(found.filter(|_| !ambiguous))
        }
        LoginName::Phone { digits, extension } => {
            let Some((account, owner)) = phone_number(db, digits)? else {
                return Ok(None);
            };
            match (extension, owner) {
                (Some(number), _) => read_one_login(db, BY_NUMBER, params![account, number]),
                (None, Some(owner)) => read_one_login(db, BY_ID, params![account, owner]),
                (None, None) => Ok(None),
            }
        }
    }
}

pub(super) fn login_by_credential(
    db: &Connection,
    jti: &str,
) -> Result<Option<(JwtCredential, LoginRecord)>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT account, extension, app, created_at, expires_at FROM jwt_credentials WHERE jti = ?1",
    )?;
    let credential = select.query_row([jti], |row| {
        Ok(JwtCredential {
            jti: jti.to_owned(),
            account: AccountId(row.get(0)?),
            extension: ExtensionId(row.get(1)?),
            app: row.get::<_, Option<i64>>(2)?.map(AppNo),
            created_at: WallTime(row.get(3)?),
            expires_at: row.get::<_, Option<i64>>(4)?.map(WallTime),
        })
    });
    let Some(credential) = credential.optional()? else {
        return Ok(None);
    };
    let ids = params![signed(credential.account.0)?, signed(credential.extension.0)?];
    Ok(read_one_login(db, BY_ID, ids)?.map(|login| (credential, login)))
}

/// The account of a number, and whom it means when no extension is named.
fn phone_number(db: &Connection, digits: &str) -> Result<Option<(i64, Option<i64>)>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT p.account, coalesce(p.extension, a.operator) \
         FROM phone_numbers p JOIN accounts a ON a.id = p.account WHERE p.number = ?1",
    )?;
    Ok(select.query_row([digits], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

fn read_one_login(
    db: &Connection,
    select: &str,
    given: &[&dyn rusqlite::ToSql],
) -> Result<Option<LoginRecord>, StoreError> {
    let mut select = db.prepare_cached(select)?;
    select.query_row(given, |row| Ok(read_login(row))).optional()?.transpose()
}

fn read_login(row: &Row<'_>) -> Result<LoginRecord, StoreError> {
    Ok(LoginRecord {
        extension: read_extension(row)?,
        password: row.get::<_, Option<String>>(EXTENSION_COLUMNS)?.map(StoredPassword),
        account_status: account_status(&row.get::<_, String>(EXTENSION_COLUMNS + 1)?)?,
        failures: sign_in::failures(row, EXTENSION_COLUMNS + 2)?,
    })
}

pub(super) fn read_extension(row: &Row<'_>) -> Result<Extension, StoreError> {
    let (kind, status): (String, String) = (row.get(4)?, row.get(5)?);
    Ok(Extension {
        id: ExtensionId(row.get(0)?),
        account: AccountId(row.get(1)?),
        number: row.get(2)?,
        name: row.get(3)?,
        kind: extension_type(&kind)?,
        status: ExtensionStatus::from_name(&status)
            .ok_or_else(|| unknown_name("extension status", &status))?,
        contact: Contact {
            first_name: row.get(6)?,
            last_name: row.get(7)?,
            email: row.get(8)?,
            business_phone: row.get(9)?,
            company: row.get(10)?,
            department: row.get(11)?,
        },
        administrator: row.get(12)?,
        permissions: from_json_list(&row.get::<_, String>(13)?)?,
        created_at: WallTime(row.get(14)?),
        sharing: Sharing { presence: row.get(15)?, call_pickup: row.get(16)? },
    })
}

fn extension_type(name: &str) -> Result<ExtensionType, StoreError> {
    ExtensionType::from_name(name).ok_or_else(|| unknown_name("extension type", name))
}

pub(super) fn account_status(name: &str) -> Result<AccountStatus, StoreError> {
    AccountStatus::from_name(name).ok_or_else(|| unknown_name("account status", name))
}

/// `NULL` lets all through.
fn condition(values: impl Iterator<Item = String>) -> Result<Option<String>, StoreError> {
    let values: Vec<String> = values.collect();
    if values.is_empty() { Ok(None) } else { json_list(&values).map(Some) }
}

//! Sessions and what tokens stand for. The rules of a refresh (contract.md §1.2) are in `refresh`.

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, AppNo, ExtensionId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::people::account_status;
use super::{from_json_list, sign_in, signed, words};
use crate::StoreError;
use crate::directory::{
    AccessRecord, AccountStatus, Ended, ExtensionStatus, NewSession, OpenedSession, Refresh, Refreshed,
    Session, TokenHash, TokenPair, TokenRecord,
};

/// Rows of long-ended sessions that a login clears away, so that they do not pile up.
const CLEARED_AT_ONCE: i64 = 16;
/// An ended session stays this long, so that its tokens are known to be expired and not just unknown.
const KEPT_AFTER_END_MS: i64 = 24 * 3600 * 1000;

const COLUMNS: &str = "s.no, s.account, s.extension, s.app, s.scopes, s.endpoint_id, s.access_expires_at, \
     s.refresh_expires_at, s.access_hash, s.pair_seed, s.refreshed_at, s.first_used_at, \
     e.administrator, e.permissions, e.status, a.status";
const TABLES: &str = "sessions s JOIN accounts a ON a.id = s.account JOIN extensions e ON e.id = s.extension";

/// A session with what a refresh and an access need to know besides.
struct SessionRow {
    session: Session,
    access: TokenHash,
    is_previous: bool,
    seed: Option<[u8; 16]>,
    refreshed_at: Option<WallTime>,
    first_used_at: Option<WallTime>,
    administrator: bool,
    permissions: Vec<String>,
    owner_enabled: bool,
}

pub(super) fn open(db: &Connection, new: &NewSession) -> Result<OpenedSession, StoreError> {
    db.prepare_cached(
        "DELETE FROM sessions WHERE no IN (SELECT no FROM sessions WHERE ends_at < ?1 ORDER BY ends_at LIMIT ?2)",
    )?
    .execute(params![new.created_at.0 - KEPT_AFTER_END_MS, CLEARED_AT_ONCE])?;
    let ended = make_room(db, new)?;
    let pair = &new.tokens;
    db.prepare_cached(
        "INSERT INTO sessions (account, extension, app, scopes, endpoint_id, created_at, access_hash, \
         access_expires_at, refresh_hash, refresh_expires_at, ends_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        signed(new.account.0)?,
        signed(new.extension.0)?,
        new.app.0,
        new.scopes.join(" "),
        new.endpoint_id,
        new.created_at.0,
        pair.access.0,
        pair.access_expires_at.0,
        pair.refresh.map(|(hash, _)| hash.0),
        pair.refresh.map(|(_, expires_at)| expires_at.0),
        end_of(pair).0,
    ])?;
    Ok(OpenedSession { session: db.last_insert_rowid(), ended })
}

/// Ends the oldest sessions of the user with the app, until there is room for one more.
fn make_room(db: &Connection, new: &NewSession) -> Result<Vec<TokenHash>, StoreError> {
    let mut delete = db.prepare_cached(
        "DELETE FROM sessions WHERE no IN (SELECT no FROM sessions WHERE extension = ?1 AND app = ?2 \
         ORDER BY no DESC LIMIT -1 OFFSET ?3) RETURNING access_hash",
    )?;
    let others = i64::try_from(new.keep.max(1) - 1).unwrap_or(i64::MAX);
    let rows = delete.query_map(params![signed(new.extension.0)?, new.app.0, others], |row| row.get(0))?;
    Ok(rows.map(|hash| hash.map(TokenHash)).collect::<Result<_, _>>()?)
}

pub(super) fn refresh(db: &Connection, refresh: &Refresh) -> Result<Refreshed, StoreError> {
    let select = format!(
        "SELECT {COLUMNS}, s.previous_hash IS ?1 FROM {TABLES} WHERE (s.refresh_hash = ?1 OR s.previous_hash = ?1) AND s.app = ?2"
    );
    let mut select = db.prepare_cached(&select)?;
    let row =
        select.query_row(params![refresh.presented.0, refresh.app.0], |row| Ok(read(row, row.get(16)?)));
    let Some(row) = row.optional()?.transpose()? else {
        return Ok(Refreshed::Unknown);
    };
    let expired = row.session.refresh_expires_at.is_none_or(|end| end <= refresh.now);
    if expired && !row.is_previous {
        return Ok(Refreshed::Unknown);
    }
    if !row.owner_enabled {
        return Ok(Refreshed::OwnerDisabled);
    }
    if row.is_previous { Ok(repeat(row, refresh)) } else { rotate(db, row, refresh) }
}

/// The answer may have been lost: the same pair again, long while nobody used it, shortly afterwards.
fn repeat(row: SessionRow, refresh: &Refresh) -> Refreshed {
    let until = match (row.first_used_at, row.refreshed_at) {
        (Some(used), _) => used.plus(refresh.grace_used),
        (None, Some(refreshed)) => refreshed.plus(refresh.grace_unused),
        (None, None) => return Refreshed::Unknown,
    };
    match row.seed {
        Some(seed) if refresh.now <= until => Refreshed::Repeated { session: row.session, seed },
        _ => Refreshed::Unknown,
    }
}

fn rotate(db: &Connection, row: SessionRow, refresh: &Refresh) -> Result<Refreshed, StoreError> {
    let pair = &refresh.next;
    db.prepare_cached(
        "UPDATE sessions SET access_hash = ?2, access_expires_at = ?3, refresh_hash = ?4, refresh_expires_at = ?5, \
         previous_hash = ?6, pair_seed = ?7, refreshed_at = ?8, first_used_at = NULL, ends_at = ?9 WHERE no = ?1",
    )?
    .execute(params![
        row.session.no,
        pair.access.0,
        pair.access_expires_at.0,
        pair.refresh.map(|(hash, _)| hash.0),
        pair.refresh.map(|(_, expires_at)| expires_at.0),
        refresh.presented.0,
        refresh.seed,
        refresh.now.0,
        end_of(pair).0,
    ])?;
    let session = Session {
        access_expires_at: pair.access_expires_at,
        refresh_expires_at: pair.refresh.map(|(_, expires_at)| expires_at),
        ..row.session
    };
    Ok(Refreshed::Rotated { session, dead: row.access })
}

pub(super) fn end(db: &Connection, token: TokenHash, app: AppNo) -> Result<Ended, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT no, app, access_hash FROM sessions WHERE access_hash = ?1 OR refresh_hash = ?1 OR previous_hash = ?1",
    )?;
    let row = select.query_row([token.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let Some((session, owner, access)) = row.optional()? else {
        return end_without_user(db, token, app);
    };
    if AppNo(owner) != app {
        return Ok(Ended::OtherApp);
    }
    db.prepare_cached("DELETE FROM sessions WHERE no = ?1")?.execute([session])?;
    Ok(Ended::Session { session, dead: TokenHash(access) })
}

fn end_without_user(db: &Connection, token: TokenHash, app: AppNo) -> Result<Ended, StoreError> {
    let Some(found) = sign_in::app_session(db, token)? else {
        return Ok(Ended::Unknown);
    };
    if found.app != app {
        return Ok(Ended::OtherApp);
    }
    sign_in::end_app_session(db, found.no)?;
    Ok(Ended::Session { session: found.no, dead: token })
}

pub(super) fn token(db: &Connection, token: TokenHash) -> Result<Option<TokenRecord>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM {TABLES} WHERE s.access_hash = ?1");
    let mut select = db.prepare_cached(&select)?;
    let row = select.query_row([token.0], |row| Ok(read(row, false))).optional()?.transpose()?;
    let Some(row) = row else {
        return match service_token(db, token)? {
            None => Ok(sign_in::app_session(db, token)?
                .map(|found| TokenRecord::App { app: found.app, expires_at: found.expires_at })),
            service => Ok(service),
        };
    };
    Ok(Some(TokenRecord::Access(AccessRecord {
        first_use: row.refreshed_at.is_some() && row.first_used_at.is_none(),
        session: row.session,
        administrator: row.administrator,
        permissions: row.permissions,
        owner_enabled: row.owner_enabled,
    })))
}

pub(super) fn mark_used(db: &Connection, session: i64, now: WallTime) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE sessions SET first_used_at = ?2 WHERE no = ?1 AND first_used_at IS NULL")?
        .execute(params![session, now.0])?;
    Ok(())
}

fn service_token(db: &Connection, token: TokenHash) -> Result<Option<TokenRecord>, StoreError> {
    let mut select = db.prepare_cached("SELECT kind, account FROM service_tokens WHERE token_hash = ?1")?;
    let row =
        select.query_row([token.0], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<u64>>(1)?)));
    Ok(row.optional()?.map(|(kind, account)| match kind.as_str() {
        "admin" => TokenRecord::Admin,
        _ => TokenRecord::Publish { account: account.map(AccountId) },
    }))
}

fn read(row: &Row<'_>, is_previous: bool) -> Result<SessionRow, StoreError> {
    let (owner, account): (String, String) = (row.get(14)?, row.get(15)?);
    Ok(SessionRow {
        session: Session {
            no: row.get(0)?,
            account: AccountId(row.get(1)?),
            extension: ExtensionId(row.get(2)?),
            app: AppNo(row.get(3)?),
            scopes: words(&row.get::<_, String>(4)?),
            endpoint_id: row.get(5)?,
            access_expires_at: WallTime(row.get(6)?),
            refresh_expires_at: row.get::<_, Option<i64>>(7)?.map(WallTime),
        },
        access: TokenHash(row.get(8)?),
        is_previous,
        seed: row.get(9)?,
        refreshed_at: row.get::<_, Option<i64>>(10)?.map(WallTime),
        first_used_at: row.get::<_, Option<i64>>(11)?.map(WallTime),
        administrator: row.get(12)?,
        permissions: from_json_list(&row.get::<_, String>(13)?)?,
        owner_enabled: owner == ExtensionStatus::Enabled.name()
            && account_status(&account)? != AccountStatus::Disabled,
    })
}

fn end_of(pair: &TokenPair) -> WallTime {
    pair.refresh.map_or(pair.access_expires_at, |(_, expires_at)| expires_at.max(pair.access_expires_at))
}

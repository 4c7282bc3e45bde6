//! Events that wait to be published, and what deleted teams and webhooks left behind.

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, ExtensionId};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::rows::{self, count};
use crate::StoreError;
use crate::team_messaging::WaitingEvent;

pub(super) fn oldest(db: &Connection, limit: usize) -> Result<Vec<WaitingEvent>, StoreError> {
    let sql = "SELECT no, uuid, account, name, occurred_at, body, recipients FROM messaging_events
               ORDER BY no LIMIT ?1";
    rows::many(db, sql, [count(limit)], |row| {
        Ok(WaitingEvent {
            no: row.get(0)?,
            uuid: Uuid::from_bytes(row.get(1)?),
            account: AccountId(rows::unsigned(row, 2)?),
            name: row.get(3)?,
            timestamp: WallTime(row.get(4)?),
            body: row.get(5)?,
            recipients: rows::json::<Vec<ExtensionId>>(row, 6)?.unwrap_or_default(),
        })
    })
}

pub(super) fn forget(db: &Connection, nos: &[i64]) -> Result<(), StoreError> {
    for no in nos {
        rows::execute(db, "DELETE FROM messaging_events WHERE no = ?1", [no])?;
    }
    Ok(())
}

/// One slice: posts of deleted teams first, then the teams themselves, then webhooks. Says how many rows
/// it dropped.
pub(super) fn purge(db: &Connection, before: WallTime, limit: usize) -> Result<usize, StoreError> {
    let limit = count(limit);
    let posts = rows::execute(
        db,
        "DELETE FROM posts WHERE no IN
           (SELECT p.no FROM chats c JOIN posts p ON p.chat = c.no WHERE c.deleted_at IS NOT NULL LIMIT ?1)",
        [limit],
    )?;
    if posts > 0 {
        return Ok(posts);
    }
    let teams = rows::execute(
        db,
        "DELETE FROM chats WHERE no IN (SELECT no FROM chats WHERE deleted_at < ?1 LIMIT ?2)",
        params![before.0, limit],
    )?;
    if teams > 0 {
        return Ok(teams);
    }
    rows::execute(
        db,
        "DELETE FROM incoming_webhooks WHERE no IN
           (SELECT no FROM incoming_webhooks WHERE status = 'Deleted' AND modified_at < ?1 LIMIT ?2)",
        params![before.0, limit],
    )
}

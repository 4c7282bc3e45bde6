//! Between rows and nouns.

use hookswitch_core::chat::{Chat, ChatKind, Look, Post, PostKind};
use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, ChatId, ExtensionId, PostId};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;

/// The columns that `chat` reads, of a table or alias `c`.
macro_rules! chat_columns {
    () => {
        "c.no, c.account, c.kind, c.name, c.description, c.public, c.archived, c.creator, c.created_at, c.modified_at"
    };
}
pub(super) use chat_columns;

/// The columns that `post` reads.
macro_rules! post_columns {
    () => {
        "no, chat, kind, text, creator, added, removed, created_at, modified_at, attachments, mentions, \
         activity, title, icon_uri, icon_emoji, parent, thread"
    };
}
pub(super) use post_columns;

/// A chat without its members.
pub(super) fn chat(row: &Row<'_>) -> rusqlite::Result<Chat> {
    Ok(Chat {
        id: ChatId(unsigned(row, 0)?),
        account: AccountId(unsigned(row, 1)?),
        kind: row.get::<_, Word<ChatKind>>(2)?.0,
        name: row.get(3)?,
        description: row.get(4)?,
        public: row.get(5)?,
        archived: row.get(6)?,
        creator: row.get::<_, Option<i64>>(7)?.map(|id| ExtensionId(id.cast_unsigned())),
        members: Vec::new(),
        created_at: WallTime(row.get(8)?),
        modified_at: WallTime(row.get(9)?),
    })
}

pub(super) fn post(row: &Row<'_>) -> rusqlite::Result<Post> {
    Ok(Post {
        id: PostId(unsigned(row, 0)?),
        chat: ChatId(unsigned(row, 1)?),
        kind: row.get::<_, Word<PostKind>>(2)?.0,
        text: row.get(3)?,
        creator: ExtensionId(unsigned(row, 4)?),
        added: json(row, 5)?,
        removed: json(row, 6)?,
        created_at: WallTime(row.get(7)?),
        modified_at: WallTime(row.get(8)?),
        attachments: json(row, 9)?,
        mentions: json(row, 10)?,
        look: Look {
            activity: row.get(11)?,
            title: row.get(12)?,
            icon_uri: row.get(13)?,
            icon_emoji: row.get(14)?,
        },
        parent: row.get::<_, Option<i64>>(15)?.map(|no| PostId(no.cast_unsigned())),
        thread: row.get::<_, Option<i64>>(16)?.map(|no| PostId(no.cast_unsigned())),
    })
}

pub(super) fn one<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    Ok(db.prepare_cached(sql)?.query_row(params, read).optional()?)
}

pub(super) fn many<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut select = db.prepare_cached(sql)?;
    let rows = select.query_map(params, read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Runs one statement; says how many rows it changed.
pub(super) fn execute(db: &Connection, sql: &str, params: impl Params) -> Result<usize, StoreError> {
    Ok(db.prepare_cached(sql)?.execute(params)?)
}

/// Those in the chat, ascending, at most `limit`. In the chat of everyone that is everybody.
pub(super) fn members(db: &Connection, chat: &Chat, limit: usize) -> Result<Vec<ExtensionId>, StoreError> {
    let limit = count(limit);
    let read = |row: &Row<'_>| Ok(ExtensionId(unsigned(row, 0)?));
    if chat.kind == ChatKind::Everyone {
        let sql = "SELECT id FROM extensions WHERE account = ?1 ORDER BY id LIMIT ?2";
        return many(db, sql, params![key(chat.account.0), limit], read);
    }
    let sql = "SELECT extension FROM chat_members WHERE chat = ?1 ORDER BY extension LIMIT ?2";
    many(db, sql, params![key(chat.id.0), limit], read)
}

pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

/// An id as its column holds it.
pub(super) fn key(id: u64) -> i64 {
    id.cast_signed()
}

pub(super) fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else { return Ok(None) };
    let failed = |error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    };
    serde_json::from_str(text).map(Some).map_err(failed)
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Failed(Box::new(error)))
}

/// One of a noun's names, as it is stored.
pub(super) struct Word<T>(pub(super) T);

impl<T: DeserializeOwned> FromSql for Word<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = serde_json::Value::from(value.as_str()?);
        serde_json::from_value(name).map(Self).map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

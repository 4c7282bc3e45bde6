//! The tables of a segment file, and how a connection to one is set up.
//!
//! What is written once for each event or delivery goes to the end of a tree, never to a random place in
//! one: an event's row is next to its neighbours', and its deliveries' rows (seq first) are together too.
//! What is found by uuid or by subscription is found through `block`, written once for some two thousand
//! events. The one index that a delivery may enter is that of what waits.

use std::path::Path;
use std::time::Duration;

use hookswitch_core::clock::WallTime;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::fault::{Fault, Gravity, gravity};

/// Raised with every change of the tables below; a file with a higher one was written by a newer program.
pub(super) const VERSION: i64 = 1;

/// Pages of the write-ahead log after which they are carried into the file: more make the commit that does
/// it visibly slow, fewer write pages again and again.
const CHECKPOINT_PAGES: i32 = 1000;
pub(super) const PAGE_BYTES: u64 = 8192;
const BUSY: Duration = Duration::from_secs(5);
/// Every statement of this room, so that none is prepared twice.
const STATEMENTS: usize = 64;

const TABLES: &str = "
-- What was accepted. The body comes last: reading the rest of a row does not touch its pages.
CREATE TABLE event (
    seq         INTEGER PRIMARY KEY,
    account     INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    uuid        BLOB NOT NULL,
    at          INTEGER NOT NULL,
    name        TEXT NOT NULL,
    recipients  BLOB,            -- packed extension ids; null: everybody
    matched     BLOB NOT NULL,   -- packed targets, as chosen at acceptance
    body        BLOB NOT NULL
) STRICT;

-- What became of it, from the first outcome on or from when it had to wait.
CREATE TABLE delivery (
    seq      INTEGER NOT NULL,
    sub      INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    filter   INTEGER NOT NULL,
    shape    INTEGER NOT NULL,
    state    INTEGER NOT NULL,   -- 0 pending, 1 delivered, 2 exhausted, 3 cancelled
    moment   INTEGER NOT NULL,   -- pending: when it is due; else when it ended
    attempts INTEGER NOT NULL,
    step     INTEGER NOT NULL,
    trigger  INTEGER NOT NULL,
    reason   INTEGER,            -- exhausted, cancelled: why
    at       INTEGER,            -- these three: a last attempt that needs no row of its own
    status   INTEGER,
    latency  INTEGER,            -- microseconds
    PRIMARY KEY (seq, sub, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (sub, moment) WHERE state = 0;
-- Replays: the events' own lists of targets do not name them.
CREATE INDEX delivery_again ON delivery (sub, seq) WHERE n > 0;

-- Attempts that say more than `delivery` can hold: failures, and answers with a body.
CREATE TABLE attempt (
    id       INTEGER PRIMARY KEY,
    seq      INTEGER NOT NULL,
    sub      INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    trigger  INTEGER NOT NULL,
    outcome  INTEGER NOT NULL,
    hint     INTEGER,            -- milliseconds that the receiver asked us to wait
    status   INTEGER,
    latency  INTEGER NOT NULL,   -- microseconds
    class    TEXT,
    message  TEXT,
    response BLOB NOT NULL
) STRICT;
CREATE INDEX attempt_delivery ON attempt (seq, sub, n);

-- Events whose targets are not all written yet, with the last subscription that is.
CREATE TABLE half_dispatched (
    seq      INTEGER PRIMARY KEY,
    last_sub INTEGER NOT NULL
) STRICT;

-- The later targets of large fan-outs, which `event.matched` does not name; they all have rows.
CREATE TABLE slice (
    seq       INTEGER NOT NULL,
    first_sub INTEGER NOT NULL,
    last_sub  INTEGER NOT NULL,
    PRIMARY KEY (seq, first_sub)
) STRICT, WITHOUT ROWID;

-- Directories of neighbouring events, by uuid and by subscription (see `block.rs`).
CREATE TABLE block (
    first    INTEGER PRIMARY KEY,
    last     INTEGER NOT NULL,
    uuids    BLOB NOT NULL,
    postings BLOB NOT NULL
) STRICT;

CREATE TABLE segment (
    id         INTEGER PRIMARY KEY CHECK (id = 0),
    created_at INTEGER NOT NULL,
    watermark  INTEGER NOT NULL
) STRICT;

-- Written when the next segment begins: the span of acceptance, and the filter over all uuids.
CREATE TABLE seal (
    id            INTEGER PRIMARY KEY CHECK (id = 0),
    accepted_from INTEGER NOT NULL,
    accepted_to   INTEGER NOT NULL,
    filter        BLOB NOT NULL
) STRICT;
";

/// What a connection is for; it decides how much it may keep in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    WriteCurrent { sync: bool },
    WriteOlder { sync: bool },
    Read,
}

impl Purpose {
    fn cache_kib(self) -> i64 {
        match self {
            Self::WriteCurrent { .. } => 4096,
            Self::WriteOlder { .. } => 512,
            Self::Read => 1024,
        }
    }
}

/// Opens an existing segment file.
pub(super) fn connect(path: &Path, purpose: Purpose) -> Result<Connection, Fault> {
    // A reader, too, may find a write-ahead log that it has to recover, so it may write; `query_only`
    // keeps it from more.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection, purpose)?;
    Ok(connection)
}

/// Makes a new segment file. Its name is durable afterwards: SQLite syncs the directory with the first
/// commit into a new write-ahead log.
pub(super) fn create(
    path: &Path,
    purpose: Purpose,
    created_at: i64,
    watermark: i64,
) -> Result<Connection, Fault> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    configure(&connection, purpose)?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    connection.execute_batch(TABLES)?;
    connection.execute(
        "INSERT INTO segment (id, created_at, watermark) VALUES (0, ?, ?)",
        [created_at, watermark],
    )?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch("COMMIT")?;
    Ok(connection)
}

/// The version of the tables; 0 in a file whose making was cut short.
pub(super) fn version(connection: &Connection) -> Result<i64, Fault> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn configure(connection: &Connection, purpose: Purpose) -> Result<(), Fault> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    limit_cache(connection, purpose)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    match purpose {
        Purpose::Read => connection.pragma_update(None, "query_only", true)?,
        Purpose::WriteCurrent { sync } | Purpose::WriteOlder { sync } => {
            connection.pragma_update(None, "synchronous", if sync { "FULL" } else { "OFF" })?;
            connection.wal_hook(Some(checkpoint));
        }
    }
    Ok(())
}

pub(super) fn limit_cache(connection: &Connection, purpose: Purpose) -> Result<(), Fault> {
    Ok(connection.pragma_update(None, "cache_size", -purpose.cache_kib())?)
}

/// SQLite's own automatic checkpoint hides that a sync of the file failed; this one reports it, as the
/// error of the commit that ran into it.
fn checkpoint(wal: &Wal, pages: i32) -> rusqlite::Result<()> {
    if pages < CHECKPOINT_PAGES {
        return Ok(());
    }
    match wal.checkpoint() {
        Err(error) if gravity(&error) == Gravity::Fatal => Err(error),
        // Readers are in the way, or there is no room: the next commit tries again.
        _ => Ok(()),
    }
}

/// When the first and the last event of a file were accepted.
pub(super) fn accepted_span(connection: &Connection) -> Result<(Option<WallTime>, Option<WallTime>), Fault> {
    let one = |sql| -> Result<Option<WallTime>, Fault> {
        Ok(connection.query_row(sql, [], |row| row.get(0).map(WallTime)).optional()?)
    };
    Ok((
        one("SELECT accepted_at FROM event ORDER BY seq LIMIT 1")?,
        one("SELECT accepted_at FROM event ORDER BY seq DESC LIMIT 1")?,
    ))
}

/// Runs `work` in one durable transaction; after an error nothing of it is left.
pub(super) fn in_transaction<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.raw_execute()?;
    let result = work(connection).and_then(|value| {
        connection.prepare_cached("COMMIT")?.raw_execute()?;
        Ok(value)
    });
    // SQLite ends the transaction by itself after some errors, and after none of ours.
    if result.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    result
}

/// The span of acceptance that the seal names; `None` if the segment has none yet.
pub(super) fn sealed_span(connection: &Connection) -> Result<Option<(WallTime, WallTime)>, Fault> {
    let sql = "SELECT accepted_from, accepted_to FROM seal WHERE id = 0";
    let span = connection.query_row(sql, [], |row| Ok((WallTime(row.get(0)?), WallTime(row.get(1)?))));
    Ok(span.optional()?)
}

//! Opening the log: which files there are, what waits in them, and the segment that takes events.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hookswitch_core::id::EventSeq;
use rusqlite::Connection;

use super::current::Current;
use super::fault::Fault;
use super::record;
use super::schema::{self, Purpose};
use super::segment::Segment;
use super::shared::Shared;
use crate::StoreError;

/// Registers all segments with `shared` and returns the one that takes events.
pub(super) fn open(shared: &Shared) -> Result<Current, StoreError> {
    let mut files = files(&shared.directory)?;
    let current = loop {
        let Some((first, path)) = files.pop() else { break None };
        if let Some(current) = open_last(first, &path, shared.options.sync)? {
            break Some(current);
        }
        // The process died while it made this file; nothing was promised on it.
        remove(&path)?;
    };
    for (first, path) in files {
        let segment =
            open_older(first, &path, shared.options.sync).map_err(|fault| fault.in_file(&path))??;
        shared.segments.push(segment);
    }
    let (current, last) = match current {
        Some(found) => found,
        None => (begin_first(shared)?, None),
    };
    shared.segments.push(Arc::clone(&current.segment));
    shared.segments.set_last_seq(last.unwrap_or(EventSeq(current.segment.first.0 - 1)));
    Ok(current)
}

fn begin_first(shared: &Shared) -> Result<Current, StoreError> {
    let first = EventSeq(1);
    let path = shared.path_of(first);
    let segment = Arc::new(Segment::new(first, path.clone()));
    Current::create(segment, shared.options.sync, shared.handles.now(), first)
        .map_err(|fault| fault.in_file(&path))
}

/// The segment files by the number of their first event, oldest first.
fn files(directory: &Path) -> Result<Vec<(EventSeq, PathBuf)>, StoreError> {
    let failed = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", directory.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_none_or(|extension| extension != "db") {
            continue; // write-ahead logs and shared memory belong to their databases
        }
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        let first = number.ok_or_else(|| StoreError::Corrupt(format!("{} is no segment", path.display())))?;
        files.push((EventSeq(first), path));
    }
    files.sort();
    Ok(files)
}

/// `None` if the file was never completed.
fn open_last(
    first: EventSeq,
    path: &Path,
    sync: bool,
) -> Result<Option<(Current, Option<EventSeq>)>, StoreError> {
    let open = || -> Result<_, Fault> {
        let connection = schema::connect(path, Purpose::WriteCurrent { sync })?;
        let version = schema::version(&connection)?;
        if version == 0 {
            return Ok(Ok(None));
        }
        if let Err(newer) = check_version(version, path) {
            return Ok(Err(newer));
        }
        let segment = Segment::new(first, path.to_owned());
        load_pending(&connection, &segment)?;
        Current::load(Arc::new(segment), connection).map(|loaded| Ok(Some(loaded)))
    };
    open().map_err(|fault| fault.in_file(path))?
}

fn open_older(first: EventSeq, path: &Path, sync: bool) -> Result<Result<Arc<Segment>, StoreError>, Fault> {
    let connection = schema::connect(path, Purpose::WriteOlder { sync })?;
    if let Err(newer) = check_version(schema::version(&connection)?, path) {
        return Ok(Err(newer));
    }
    let segment = Segment::new(first, path.to_owned());
    load_pending(&connection, &segment)?;
    if let Some((from, to)) = schema::sealed_span(&connection)? {
        segment.accepted.include(from);
        segment.accepted.include(to);
        return Ok(Ok(Arc::new(segment)));
    }
    // The process died between this segment and the next.
    let (mut unsealed, _) = Current::load(Arc::new(segment), connection)?;
    unsealed.seal()?;
    Ok(Ok(unsealed.segment))
}

fn check_version(version: i64, path: &Path) -> Result<(), StoreError> {
    let file = path.display();
    match version {
        schema::VERSION => Ok(()),
        0 => Err(StoreError::Corrupt(format!("{file} has no tables"))),
        newer => Err(StoreError::Corrupt(format!(
            "{file} has tables of version {newer}, this program knows {}: it was written by a newer one",
            schema::VERSION
        ))),
    }
}

fn load_pending(connection: &Connection, segment: &Segment) -> Result<(), Fault> {
    let waiting = record::waiting(connection)?;
    let counts: HashMap<_, _> =
        waiting.into_iter().map(|(subscription, count, _)| (subscription, count)).collect();
    segment.set_pending(counts);
    Ok(())
}

/// Removes a segment file with what SQLite keeps beside it.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(&name) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::Unavailable(format!("{}: {error}", path.display()))),
        }
    }
    Ok(())
}

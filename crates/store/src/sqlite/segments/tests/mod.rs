//! The suite that every log passes, and what only files can suffer.

mod damage;
mod files;
mod full;
mod killed;
mod suite;

use std::sync::Arc;

use hookswitch_core::clock::Handles;
use hookswitch_testkit::TempFolder;

use super::{LogOptions, SqliteLog, WriterMode};
use crate::sqlite::folder::Folder;

/// A file without events has about 100 KiB; this is full after some hundred of them.
const SMALL: u64 = 160 * 1024;

fn handles() -> Handles {
    hookswitch_testkit::steered_handles(1).0
}

fn options(writer: WriterMode) -> LogOptions {
    // What is free on the machine that runs the tests is no part of them.
    LogOptions { writer, free_space: Arc::new(|_| Ok(u64::MAX)), sync: false, ..LogOptions::default() }
}

fn small(writer: WriterMode) -> LogOptions {
    LogOptions { segment_bytes: SMALL, ..options(writer) }
}

fn open(place: &TempFolder, options: LogOptions) -> SqliteLog {
    let folder = Folder::open(place.path()).unwrap();
    SqliteLog::open(&folder, handles(), options).unwrap()
}

//! The suite that every log passes, and what only files can suffer.

mod child;
mod damage;
mod files;
mod full;
mod killed;
mod retained;
mod suite;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hookswitch_core::clock::Handles;
use hookswitch_core::id::EventSeq;
use hookswitch_testkit::TempFolder;

use super::{LogOptions, SqliteLog, WriterMode};
use crate::conformance::draft;
use crate::log::{EventLog, NewEvent};
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

/// The segment files, oldest first.
fn files(place: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place.join("segments")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "db")).collect();
    files.sort();
    files
}

/// What a crash leaves: the files as they are in this moment, copied elsewhere.
fn crash_image(place: &Path) -> TempFolder {
    let image = TempFolder::new();
    std::fs::create_dir(image.join("segments")).unwrap();
    for entry in std::fs::read_dir(place.join("segments")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        // Shared memory does not survive a machine; what is in it is made again.
        if !name.to_str().unwrap().ends_with("-shm") {
            std::fs::copy(&path, image.join("segments").join(name)).unwrap();
        }
    }
    image
}

/// Events for subscription 1, numbered as given, one request for all.
fn events(numbers: std::ops::Range<u64>) -> Vec<NewEvent> {
    numbers.map(|number| draft::published(number, &[1])).collect()
}

async fn accept(log: &SqliteLog, numbers: std::ops::Range<u64>) -> Vec<EventSeq> {
    let committed = draft::commit(log, draft::requests(vec![events(numbers)])).await;
    committed.requests.into_iter().flat_map(|answer| answer.unwrap()).map(draft::stored).collect()
}

async fn assert_holds(log: &SqliteLog, seqs: &[EventSeq], numbers: std::ops::Range<u64>) {
    assert_eq!(seqs.len() as u64, numbers.end - numbers.start);
    for (seq, number) in seqs.iter().zip(numbers) {
        let found = log.event(*seq).await.unwrap().expect("the event was accepted");
        assert_eq!(found.event, draft::event(number, &[]).event);
    }
}

//! Files that a crash has torn, and files that are broken.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use hookswitch_core::id::{EventSeq, SubscriptionNo};
use hookswitch_testkit::TempFolder;

use super::{SqliteLog, accept, assert_holds, crash_image, files, handles, open, options, small};
use crate::StoreError;
use crate::conformance::draft::{self, all, commit, delivered, key, records, uuid};
use crate::log::{EventLog, HistoryQuery, Scope};
use crate::sqlite::folder::Folder;
use crate::sqlite::segments::WriterMode;

fn wal_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn length(file: &Path) -> u64 {
    std::fs::metadata(file).unwrap().len()
}

#[tokio::test]
async fn a_torn_write_ahead_log_loses_only_what_was_not_acknowledged() {
    let place = TempFolder::new();
    let log = open(&place, options(WriterMode::Inline));
    let seqs = accept(&log, 0..100).await;
    let before = length(&wal_of(&files(place.path())[0]));
    accept(&log, 100..200).await;
    let image = crash_image(place.path());
    let wal = wal_of(&files(image.path())[0]);
    let after = length(&wal);
    assert!(after > before + 2, "the second commit is in the write-ahead log");
    // The second commit was under way when the machine died.
    let torn = OpenOptions::new().write(true).open(&wal).unwrap();
    torn.set_len(before + (after - before) / 2 + 1).unwrap();
    let survivor = open(&image, options(WriterMode::Inline));
    assert_holds(&survivor, &seqs, 0..100).await;
    assert_eq!(survivor.event(EventSeq(101)).await.unwrap(), None);
    assert_eq!(accept(&survivor, 100..101).await, [EventSeq(101)]);
}

#[tokio::test]
async fn a_crash_at_any_moment_leaves_every_acknowledged_step() {
    let place = TempFolder::new();
    let log = open(&place, small(WriterMode::Threaded));
    let mut seqs = Vec::new();
    for round in 0..24 {
        seqs.extend(accept(&log, round * 50..(round + 1) * 50).await);
        commit(&log, records(vec![delivered(key(seqs[round as usize * 25], 1), 0)])).await;
        if round % 6 != 5 {
            continue;
        }
        let image = crash_image(place.path());
        let survivor = open(&image, small(WriterMode::Inline));
        assert_holds(&survivor, &seqs, 0..(round + 1) * 50).await;
        let recovery = survivor.recover().await.unwrap();
        assert_eq!(Some(&recovery.last_seq), seqs.last());
        let delivered = HistoryQuery { status: Some(crate::log::StatusFilter::Delivered), ..all() };
        let page = survivor.history(delivered).await.unwrap();
        assert_eq!((page.records.len() as u64, page.next), (round + 1, None));
        // Directories and counts were made again from what was there.
        let found = survivor.event_by_uuid(Scope::Operator, uuid(round * 50 + 7)).await.unwrap();
        assert_eq!(found.len(), 1);
    }
    assert!(files(place.path()).len() > 2);
}

/// Overwrites bytes of a file.
fn spoil(file: &Path, at: u64, bytes: &[u8]) {
    let mut opened = OpenOptions::new().write(true).open(file).unwrap();
    opened.seek(SeekFrom::Start(at)).unwrap();
    opened.write_all(bytes).unwrap();
}

async fn filled() -> TempFolder {
    let place = TempFolder::new();
    let log = open(&place, options(WriterMode::Inline));
    accept(&log, 0..1500).await;
    drop(log);
    place
}

fn names_the_file(error: &StoreError, file: &Path) {
    let StoreError::Corrupt(what) = error else { panic!("{error:?}") };
    assert!(what.contains(file.file_name().unwrap().to_str().unwrap()), "{what}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let place = filled().await;
    let file = files(place.path()).remove(0);
    spoil(&file, 0, &[0x55; 100]);
    let refused =
        SqliteLog::open(&Folder::open(place.path()).unwrap(), handles(), options(WriterMode::Inline));
    names_the_file(&refused.err().unwrap(), &file);
}

#[tokio::test]
async fn a_broken_page_is_reported_with_its_file_and_the_rest_can_be_read() {
    let place = filled().await;
    let file = files(place.path()).remove(0);
    // Events lie in the order of acceptance: this hits some of the first ones.
    let pages = length(&file) / 8192;
    let victim = pages / 4;
    spoil(&file, victim * 8192, &[0xff; 64]);
    let folder = Folder::open(place.path()).unwrap();
    let log = match SqliteLog::open(&folder, handles(), options(WriterMode::Inline)) {
        // Where the start has to read the page, it says so.
        Err(error) => return names_the_file(&error, &file),
        Ok(log) => log,
    };
    let mut broken = 0;
    for seq in 1..=1500 {
        match log.event(EventSeq(seq)).await {
            Ok(found) => assert!(found.is_some()),
            Err(error) => {
                names_the_file(&error, &file);
                broken += 1;
            }
        }
    }
    assert!(broken > 0 && broken < 100, "{broken} events are lost");
    assert_eq!(draft::due(&log, 1, draft::NOW).await, []);
    assert!(log.due(SubscriptionNo(1), draft::NOW, vec![], 1).await.is_ok());
}

//! Disks that are full, and disks that fail.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hookswitch_core::delivery::DeliveryState;
use hookswitch_core::id::EventSeq;
use hookswitch_core::limits::DISK_RESERVE_BYTES;
use hookswitch_testkit::TempFolder;

use super::{SqliteLog, accept, assert_holds, child, files, open, options};
use crate::StoreError;
use crate::conformance::draft::{
    self, NOW, after, commit, delivered, failed, key, park, parks, records, state,
};
use crate::log::{AcceptError, Batch, EventLog, NewEvent};
use crate::sqlite::folder::Folder;
use crate::sqlite::segments::{LogOptions, WriterMode};

fn is_refused<T: std::fmt::Debug>(answer: &Result<T, AcceptError>) -> bool {
    matches!(answer, Err(AcceptError::Store(StoreError::Unavailable(_))))
}

fn large(number: u64) -> NewEvent {
    let mut new = draft::published(number, &[1]);
    new.event.body = Bytes::from(vec![b'x'; 100_000]);
    new
}

#[tokio::test]
async fn events_are_refused_below_the_reserve_and_outcomes_are_not() {
    let place = TempFolder::new();
    let free = Arc::new(AtomicU64::new(DISK_RESERVE_BYTES));
    let known = Arc::clone(&free);
    let free_space: crate::sqlite::segments::FreeSpace = Arc::new(move |_| Ok(known.load(Ordering::Relaxed)));
    let log = open(&place, LogOptions { free_space, ..options(WriterMode::Inline) });
    let seq = accept(&log, 0..1).await[0];
    free.store(DISK_RESERVE_BYTES - 1, Ordering::Relaxed);
    let mut batch = draft::requests(vec![super::events(1..3), super::events(3..4)]);
    batch.records = vec![delivered(key(seq, 1), 0)];
    let committed = commit(&log, batch).await;
    assert!(committed.requests.iter().all(is_refused), "{:?}", committed.requests);
    assert_eq!(committed.requests.len(), 2);
    assert_eq!(state(&log, key(seq, 1)).await, DeliveryState::Delivered { at: NOW });
    free.store(DISK_RESERVE_BYTES, Ordering::Relaxed);
    let seqs = accept(&log, 1..4).await;
    assert_eq!(seqs[0], EventSeq(seq.0 + 1), "what was refused used no number");
}

/// The file may not grow beyond what it has, and `more` pages.
async fn limit(log: &SqliteLog, more: Option<u32>) {
    let set = move |writer: &mut crate::sqlite::segments::writer::Writer| {
        let connection = writer.current_connection();
        let pages: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let most = more.map_or(1 << 30, |more| pages + more);
        connection.query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(())).unwrap();
    };
    log.worker.run(set).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_events_takes_outcomes_while_it_can_and_recovers() {
    for mode in [WriterMode::Inline, WriterMode::Threaded] {
        let place = TempFolder::new();
        let log = open(&place, options(mode));
        let seqs = accept(&log, 0..400).await;
        limit(&log, Some(3)).await;
        // Two requests of which neither fits, and outcomes that do.
        let batch = Batch { records: vec![failed(key(seqs[0], 1), 0, after(9))], ..Batch::default() };
        let committed = commit(
            &log,
            Batch { requests: draft::requests(vec![vec![large(900)], vec![large(901)]]).requests, ..batch },
        )
        .await;
        assert!(committed.requests.iter().all(is_refused), "{:?}", committed.requests);
        assert_eq!(state(&log, key(seqs[0], 1)).await, DeliveryState::Pending { due: after(9) });
        // More outcomes than fit: nothing of the batch is kept.
        let waits = seqs[1..].iter().map(|seq| park(key(*seq, 1), after(1)));
        let many: Vec<_> = waits
            .clone()
            .chain((2..20).flat_map(|of| seqs.iter().map(move |seq| park(key(*seq, of), NOW))))
            .collect();
        assert!(matches!(log.commit(parks(many)).await, Err(StoreError::Unavailable(_))));
        let (_, left) = log.due(key(seqs[0], 1).subscription, NOW, vec![], 0).await.unwrap();
        assert_eq!((left.deliveries, left.earliest_due), (1, Some(after(9))));
        // There is room again.
        limit(&log, None).await;
        assert_eq!(commit(&log, draft::requests(vec![vec![large(900)]])).await.requests.len(), 1);
        assert!(commit(&log, records(vec![delivered(key(seqs[0], 1), 1)])).await.stale_records.is_empty());
        assert_holds(&log, &seqs, 0..400).await;
    }
}

/// The child: accepts until a file reaches the limit of the process, then says what the log says.
#[tokio::test]
async fn write_until_the_disk_fails() {
    let Some(folder) = child::folder() else { return };
    let log = SqliteLog::open(
        &Folder::open(&folder).unwrap(),
        super::handles(),
        LogOptions { sync: true, ..options(WriterMode::Threaded) },
    )
    .unwrap();
    let mut out = std::io::stdout();
    for number in 0..10_000 {
        let batch = || draft::requests(vec![super::events(number..number + 1)]);
        match log.commit(batch()).await {
            Ok(_) => writeln!(out, "\naccepted {number}").unwrap(),
            Err(error) => {
                writeln!(out, "failed {error}").unwrap();
                let again = log.commit(batch()).await.unwrap_err();
                writeln!(out, "closed {again}").unwrap();
                let read = log.event(EventSeq(1)).await.unwrap().is_some();
                writeln!(out, "reads {read}").unwrap();
                return;
            }
        }
    }
}

#[tokio::test]
async fn after_a_failed_write_the_log_takes_nothing_more_and_keeps_what_it_acknowledged() {
    let place = TempFolder::new();
    let mut child = child::command("full::write_until_the_disk_fails", place.path(), Some(1024));
    let told = String::from_utf8(child.output().unwrap().stdout).unwrap();
    let lines = |start: &str| {
        told.lines().filter_map(|line| line.strip_prefix(start)).map(str::to_owned).collect::<Vec<_>>()
    };
    let accepted = lines("accepted ");
    assert!(accepted.len() > 20, "{told}");
    assert_eq!(lines("failed ").len(), 1, "{told}");
    assert!(lines("closed ")[0].contains("closed after a failure"), "{told}");
    assert_eq!(lines("reads "), ["true"], "{told}");

    let log = open(&place, options(WriterMode::Inline));
    let seqs: Vec<_> = (1..).map(EventSeq).take(accepted.len()).collect();
    assert_holds(&log, &seqs, 0..accepted.len() as u64).await;
    let next = accept(&log, 20_000..20_001).await;
    assert!(next[0].0 > accepted.len() as i64);
    assert_eq!(files(place.path()).len(), 1);
}

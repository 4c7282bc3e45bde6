//! The files themselves: how they follow each other, and what is taken up from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hookswitch_core::clock::{Clock, Handles, MonoTime, Sleep, WallTime};
use hookswitch_core::id::{EventSeq, SubscriptionNo};
use hookswitch_testkit::TempFolder;
use rusqlite::Connection;

use super::suite::InFolder;
use super::{SqliteLog, accept, assert_holds, events, files, handles, open, options, small};
use crate::StoreError;
use crate::conformance::draft::{self, NOW, after, all, commit, delivered, key, records, uuid};
use crate::conformance::{acceptance, run};
use crate::log::{Batch, EventLog, HistoryQuery, Scope};
use crate::sqlite::folder::Folder;
use crate::sqlite::segments::{LogOptions, WriterMode};

#[tokio::test]
async fn a_segment_that_is_full_or_old_is_followed_by_another() {
    let place = TempFolder::new();
    let log = open(&place, LogOptions { segment_age: Duration::from_secs(60), ..small(WriterMode::Inline) });
    let mut seqs = Vec::new();
    let mut next = 0;
    while files(place.path()).len() == 1 {
        seqs.extend(accept(&log, next..next + 50).await);
        next += 50;
    }
    assert!((100..2000).contains(&next), "{next} events");
    let name = format!("{:016}.db", next - 49);
    assert_eq!(files(place.path())[1].file_name().unwrap().to_str(), Some(name.as_str()));
    // Old, but outcomes alone begin nothing.
    let start = handles().now();
    let later = |seconds: u64| start.plus(Duration::from_secs(seconds));
    commit(&log, Batch { now: later(100), ..records(vec![delivered(key(seqs[0], 1), 0)]) }).await;
    assert_eq!(files(place.path()).len(), 2);
    let at = |seconds, numbers| Batch { now: later(seconds), ..draft::requests(vec![events(numbers)]) };
    for (seconds, expected) in [(59, 2), (3600, 3), (3659, 3), (3660, 4)] {
        let committed = commit(&log, at(seconds, next..next + 1)).await;
        seqs.extend(committed.requests.into_iter().flat_map(|answer| answer.unwrap()).map(draft::stored));
        next += 1;
        assert_eq!(files(place.path()).len(), expected, "after {seconds} s");
    }
    assert_holds(&log, &seqs, 0..next).await;
    assert_eq!(log.stats().segments_begun, 3);
}

#[tokio::test]
async fn directories_are_written_as_events_come_in_and_find_them_all() {
    let place = TempFolder::new();
    let mut log = open(&place, options(WriterMode::Inline));
    let wide = |number: u64| draft::published(number, &[1, 2 + (number % 50).cast_signed()]);
    for round in 0..25 {
        let request = (round * 200..(round + 1) * 200).map(wide).collect();
        commit(&log, draft::requests(vec![request])).await;
    }
    for reopened in [false, true] {
        if reopened {
            drop(log);
            log = open(&place, options(WriterMode::Inline));
        }
        let connection = Connection::open(&files(place.path())[0]).unwrap();
        let blocks: (i64, i64) = connection
            .query_row("SELECT count(*), max(last) FROM block", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(blocks, (2, 4096));
        for number in [0, 2047, 2048, 4095, 4096, 4999] {
            let found = log.event_by_uuid(Scope::Operator, uuid(number)).await.unwrap();
            assert_eq!(
                found.iter().map(|(event, _)| event.seq.0).collect::<Vec<_>>(),
                [number.cast_signed() + 1]
            );
            let again = commit(&log, draft::requests(vec![vec![wide(number)]])).await;
            assert!(
                matches!(again.requests[0].as_deref(), Ok([crate::log::Acceptance::Duplicate])),
                "event {number}"
            );
        }
        let query = HistoryQuery { subscription: Some(SubscriptionNo(9)), limit: 1000, ..all() };
        let page = log.history(query).await.unwrap();
        let expected: Vec<_> =
            (0..5000).filter(|number| number % 50 == 7).map(|number| number + 1).rev().collect();
        assert_eq!(page.records.iter().map(|view| view.key.event.0).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn a_file_whose_making_was_cut_short_is_made_again() {
    let place = TempFolder::new();
    let log = open(&place, options(WriterMode::Inline));
    let seqs = accept(&log, 0..10).await;
    drop(log);
    std::fs::write(place.join("segments").join("0000000000000011.db"), b"").unwrap();
    let log = open(&place, options(WriterMode::Inline));
    assert_eq!(files(place.path()).len(), 1);
    assert_holds(&log, &seqs, 0..10).await;
    assert_eq!(accept(&log, 10..11).await, [EventSeq(11)]);
}

#[tokio::test]
async fn a_segment_that_was_not_sealed_is_sealed_at_the_next_start() {
    let place = TempFolder::new();
    let log = open(&place, small(WriterMode::Inline));
    for round in 0..6 {
        accept(&log, round * 200..(round + 1) * 200).await;
    }
    drop(log);
    let old = &files(place.path())[0];
    let connection = Connection::open(old).unwrap();
    // As if the process had died between making the next file and sealing this one.
    connection.execute_batch("DELETE FROM seal; DELETE FROM block").unwrap();
    drop(connection);
    let log = open(&place, small(WriterMode::Inline));
    let seals: i64 =
        Connection::open(old).unwrap().query_row("SELECT count(*) FROM seal", [], |row| row.get(0)).unwrap();
    assert_eq!(seals, 1);
    let committed = commit(&log, draft::requests(vec![events(3..4)])).await;
    assert!(matches!(committed.requests[0].as_deref(), Ok([crate::log::Acceptance::Duplicate])));
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_refused() {
    let place = TempFolder::new();
    let log = open(&place, small(WriterMode::Inline));
    for round in 0..6 {
        accept(&log, round * 200..(round + 1) * 200).await;
    }
    drop(log);
    for file in [files(place.path()).remove(0), files(place.path()).pop().unwrap()] {
        let set = |version: i64| {
            Connection::open(&file).unwrap().pragma_update(None, "user_version", version).unwrap()
        };
        set(99);
        let refused =
            SqliteLog::open(&Folder::open(place.path()).unwrap(), handles(), small(WriterMode::Inline));
        let Err(StoreError::Corrupt(why)) = refused else { panic!("a newer file was opened") };
        assert!(why.contains("newer") && why.contains(file.to_str().unwrap()), "{why}");
        set(1);
    }
    open(&place, small(WriterMode::Inline));
}

#[test]
fn uuids_are_found_even_without_memory_for_filters() {
    let options = LogOptions { uuid_filter_bytes: 0, ..small(WriterMode::Inline) };
    run(acceptance::many_uuids_are_remembered_and_others_are_new, InFolder::new(options));
}

#[tokio::test]
async fn work_that_nobody_waits_for_any_more_is_done_all_the_same() {
    let place = TempFolder::new();
    let log = open(&place, options(WriterMode::Threaded));
    {
        let mut given_up = Box::pin(log.commit(draft::requests(vec![events(0..5)])));
        assert!(futures_poll(given_up.as_mut()).is_pending());
    }
    assert_eq!(accept(&log, 5..6).await, [EventSeq(6)]);
    assert_holds(&log, &(1..=6).map(EventSeq).collect::<Vec<_>>(), 0..6).await;
}

fn futures_poll<F: Future + ?Sized>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

/// A clock on which every look takes a second.
struct Hasty(AtomicU64);

impl Clock for Hasty {
    fn now(&self) -> WallTime {
        NOW
    }

    fn monotonic(&self) -> MonoTime {
        MonoTime(self.0.fetch_add(1_000_000_000, Ordering::Relaxed))
    }

    fn sleep_until(&self, _: MonoTime) -> Sleep {
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test]
async fn a_read_that_takes_too_long_is_stopped() {
    let place = TempFolder::new();
    let log = open(&place, options(WriterMode::Inline));
    for round in 0..10 {
        accept(&log, round * 500..(round + 1) * 500).await;
    }
    drop(log);
    let hasty = Handles { clock: Arc::new(Hasty(AtomicU64::new(0))), ..handles() };
    let log =
        SqliteLog::open(&Folder::open(place.path()).unwrap(), hasty, options(WriterMode::Inline)).unwrap();
    let long = log.history(HistoryQuery { from: Some(after(1_000_000)), ..all() }).await;
    assert_eq!(long.map(|page| page.records.len()).unwrap_or(0), 0);
    let long = log.history(HistoryQuery { event: Some("/none".into()), ..all() }).await;
    let Err(StoreError::Unavailable(why)) = long else { panic!("{long:?}") };
    assert!(why.contains("too long"), "{why}");
    // The connection was not kept; a short read works.
    assert!(log.event(EventSeq(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn transactions_are_counted() {
    let place = TempFolder::new();
    let log = open(&place, options(WriterMode::Threaded));
    let seqs = accept(&log, 0..1000).await;
    for some in seqs.chunks(100) {
        commit(&log, records(some.iter().map(|seq| delivered(key(*seq, 1), 0)).collect())).await;
    }
    let stats = log.stats();
    assert_eq!((stats.commits, stats.transactions, stats.events, stats.outcomes), (11, 11, 1000, 1000));
}

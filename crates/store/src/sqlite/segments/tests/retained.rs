//! What retention drops, and what it never does.

use std::time::Duration;

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::EventSeq;
use hookswitch_testkit::{SteeredClock, TempFolder, steered_handles};

use super::{accept, files, small};
use crate::conformance::draft::{self, NOW, commit, delivered, key, records};
use crate::log::{Batch, EventLog, Retained, Retention};
use crate::sqlite::folder::Folder;
use crate::sqlite::segments::{LogOptions, SqliteLog, WriterMode};

const DAY: Duration = Duration::from_secs(24 * 3600);

struct Place {
    folder: TempFolder,
    log: SqliteLog,
    clock: std::sync::Arc<SteeredClock>,
    seqs: Vec<EventSeq>,
}

/// Four segments, all of whose deliveries were made but that of one event in the second.
async fn with_one_waiting() -> (Place, EventSeq) {
    let folder = TempFolder::new();
    let (handles, clock) = steered_handles(1);
    let options = LogOptions { idempotency_window: DAY, ..small(WriterMode::Inline) };
    let log = SqliteLog::open(&Folder::open(folder.path()).unwrap(), handles, options).unwrap();
    let (mut seqs, mut firsts) = (Vec::new(), vec![0]);
    while firsts.len() < 4 {
        let before = files(folder.path()).len();
        let next = seqs.len() as u64;
        seqs.extend(accept(&log, next..next + 50).await);
        if files(folder.path()).len() > before {
            firsts.push(seqs.len() - 50);
        }
    }
    let waiting = seqs[firsts[1] + 3];
    let outcomes = seqs.iter().filter(|seq| **seq != waiting).map(|seq| delivered(key(*seq, 1), 0));
    commit(&log, records(outcomes.collect())).await;
    let park = draft::park(key(waiting, 1), NOW);
    let above_all = EventSeq(seqs.len() as i64 + 1);
    commit(&log, Batch { parks: vec![park], watermark: Some(above_all), ..records(Vec::new()) }).await;
    (Place { folder, log, clock, seqs }, waiting)
}

impl Place {
    async fn drop_all(&self, accepted_before: WallTime, bytes_at_most: u64, now: WallTime) -> Retained {
        let retention = Retention { accepted_before, bytes_at_most, now };
        loop {
            let retained = self.log.drop_oldest(retention).await.unwrap();
            if retained.dropped.is_none() {
                return retained;
            }
        }
    }

    async fn held(&self) -> usize {
        let mut held = 0;
        for seq in &self.seqs {
            held += usize::from(self.log.event(*seq).await.unwrap().is_some());
        }
        held
    }
}

#[tokio::test]
async fn what_is_over_and_old_goes_and_what_waits_stays_until_it_is_delivered() {
    let (place, waiting) = with_one_waiting().await;
    let later = NOW.plus(DAY * 3);
    place.drop_all(NOW, u64::MAX, later).await;
    assert_eq!(place.held().await, place.seqs.len(), "nothing is as old as that");

    place.drop_all(NOW.plus(DAY), u64::MAX, later).await;
    assert!(place.log.event(waiting).await.unwrap().is_some());
    let last = *place.seqs.last().unwrap();
    assert!(place.log.event(last).await.unwrap().is_some(), "the segment that takes events stays");
    let held = place.held().await;
    assert!(held < place.seqs.len() / 4 * 3, "{held} of {}", place.seqs.len());

    commit(&place.log, records(vec![delivered(key(waiting, 1), 0)])).await;
    let retained = place.drop_all(NOW.plus(DAY), u64::MAX, later).await;
    assert!(place.log.event(waiting).await.unwrap().is_none());
    assert_eq!(retained.oldest, Some(NOW), "of the segment that is left");

    // The files go once no read can be under way in them; new events come in as ever.
    assert_eq!(files(place.folder.path()).len(), 4);
    place.clock.advance(Duration::from_secs(5));
    place.drop_all(NOW, u64::MAX, later).await;
    assert_eq!(files(place.folder.path()).len(), 1);
    let next = place.seqs.len() as u64;
    assert_eq!(accept(&place.log, next..next + 1).await, [EventSeq(last.0 + 1)]);
}

#[tokio::test]
async fn too_many_bytes_drop_the_oldest_whatever_their_age_but_never_a_remembered_uuid() {
    let (place, _) = with_one_waiting().await;
    place.drop_all(WallTime(0), 1, NOW.plus(DAY / 2)).await;
    assert_eq!(place.held().await, place.seqs.len(), "their uuids are remembered for a day");
    let retained = place.log.drop_oldest(Retention {
        accepted_before: WallTime(0),
        bytes_at_most: 1,
        now: NOW.plus(DAY * 2),
    });
    let dropped = retained.await.unwrap().dropped.expect("the first segment is over");
    assert_eq!(dropped.first, EventSeq(1));
    assert!(dropped.bytes > 100_000);
}

#[tokio::test]
async fn what_was_dropped_is_gone_after_a_restart_too() {
    let (mut place, waiting) = with_one_waiting().await;
    place.drop_all(NOW.plus(DAY), u64::MAX, NOW.plus(DAY * 3)).await;
    place.clock.advance(Duration::from_secs(5));
    place.drop_all(WallTime(0), u64::MAX, NOW).await;
    let held = place.held().await;
    let (handles, _) = steered_handles(1);
    drop(place.log);
    let folder = Folder::open(place.folder.path()).unwrap();
    place.log = SqliteLog::open(&folder, handles, small(WriterMode::Inline)).unwrap();
    assert_eq!(place.held().await, held);
    assert_eq!(place.log.recover().await.unwrap().backlogs.len(), 1);
    assert!(place.log.event(waiting).await.unwrap().is_some());
}

//! A process that is killed while it writes loses nothing that it had acknowledged.

use std::io::{BufRead, BufReader, Write};

use hookswitch_core::delivery::DeliveryState;
use hookswitch_core::id::{EventSeq, SubscriptionNo};
use hookswitch_testkit::TempFolder;

use super::{accept, assert_holds, child, files, open, small};
use crate::conformance::draft::{NOW, commit, delivered, key, records, state};
use crate::sqlite::segments::{LogOptions, WriterMode};

const A_BATCH: u64 = 20;

fn synced() -> LogOptions {
    LogOptions { sync: true, ..small(WriterMode::Threaded) }
}

/// The child: accepts twenty events, records the first delivery of them, says so, and so on for ever.
#[tokio::test]
async fn write_until_killed() {
    let Some(folder) = child::folder() else { return };
    let folder = crate::sqlite::folder::Folder::open(&folder).unwrap();
    let log = super::SqliteLog::open(&folder, super::handles(), synced()).unwrap();
    for round in 0.. {
        let seqs = accept(&log, round * A_BATCH..(round + 1) * A_BATCH).await;
        commit(&log, records(vec![delivered(key(seqs[0], 1), 0)])).await;
        // The first line is the harness's.
        writeln!(std::io::stdout(), "\nacknowledged {}", seqs[0].0).unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    for rounds in [1, 7, 40] {
        let place = TempFolder::new();
        let mut child = child::command("killed::write_until_killed", place.path(), None).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let acknowledged =
            lines.filter_map(|line| line.strip_prefix("acknowledged ").map(|seq| seq.parse().unwrap()));
        let firsts: Vec<i64> = acknowledged.take(rounds).collect();
        child.kill().unwrap();
        child.wait().unwrap();

        assert_eq!(firsts.len(), rounds);
        let log = open(&place, synced());
        for (round, first) in (0..).zip(&firsts) {
            let seqs: Vec<_> = (*first..*first + A_BATCH.cast_signed()).map(EventSeq).collect();
            assert_holds(&log, &seqs, round * A_BATCH..(round + 1) * A_BATCH).await;
            assert_eq!(state(&log, key(seqs[0], 1)).await, DeliveryState::Delivered { at: NOW });
        }
        assert!(rounds < 40 || files(place.path()).len() > 1, "the last child has filled a segment");
        // And the log goes on.
        let seqs = accept(&log, 1_000_000..1_000_003).await;
        assert!(seqs[0].0 >= firsts[rounds - 1] + A_BATCH.cast_signed());
        assert_holds(&log, &seqs, 1_000_000..1_000_003).await;
        assert_eq!(
            crate::log::EventLog::due(&log, SubscriptionNo(1), NOW, vec![], 1).await.unwrap().0.len(),
            0
        );
    }
}

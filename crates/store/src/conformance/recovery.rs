//! Starting again: what a new process learns from what the last one left.

use std::collections::HashMap;

use hookswitch_core::id::{EventSeq, SubscriptionNo};

use super::Subject;
use super::draft::{
    NOW, accept, after, batch, commit, delivered, due, event, failed, key, matched, park, parks, records,
};
use crate::log::{Backlog, Batch, EventLog, Extension, Scope, Unrecorded};

/// Everything from `from` on that has targets without a row, read in small pages.
async fn unrecorded(log: &dyn EventLog, from: EventSeq) -> Vec<Unrecorded> {
    let (mut all, mut next) = (Vec::new(), Some(from));
    while let Some(start) = next {
        let (found, then) = log.unrecorded(start, 3).await.unwrap();
        assert!(found.len() <= 3);
        assert!(then.is_none_or(|then| then > start), "every page goes on");
        all.extend(found);
        next = then;
    }
    all
}

pub async fn a_new_log_has_nothing_to_recover(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let recovery = log.recover().await.unwrap();
    assert_eq!((recovery.half_dispatched.len(), recovery.backlogs.len()), (0, 0));
    assert!(recovery.watermark.0 <= recovery.last_seq.0 + 1);
    assert!(unrecorded(&*log, recovery.watermark).await.is_empty());
    let seq = accept(&*log, vec![event(1, &[])]).await[0];
    assert!(seq > recovery.last_seq && seq >= recovery.watermark);
}

pub async fn targets_without_a_row_are_free_after_a_restart(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let mut wide = event(3, &[4, 5, 6]);
    wide.parked = vec![1];
    let news =
        vec![event(0, &[1, 2, 3]), event(1, &[]), event(2, &[1]), wide, event(4, &[1]), event(5, &[2])];
    let seqs = accept(&*log, news).await;
    commit(&*log, records(vec![delivered(key(seqs[0], 2), 0), failed(key(seqs[2], 1), 0, after(9))])).await;
    commit(&*log, parks(vec![park(key(seqs[4], 1), NOW)])).await;
    drop(log);
    let log = subject.open().await;
    let recovery = log.recover().await.unwrap();
    assert_eq!(recovery.last_seq, seqs[5]);
    let free = unrecorded(&*log, recovery.watermark).await;
    let free: Vec<_> = free.into_iter().map(|one| (one.event.seq, one.matched)).collect();
    let expected = [
        (seqs[0], vec![matched(1), matched(3)]),
        (seqs[3], vec![matched(4), matched(6)]),
        (seqs[5], vec![matched(2)]),
    ];
    assert_eq!(free, expected);
    let (later, next) = log.unrecorded(seqs[1], 1).await.unwrap();
    assert_eq!((later[0].event.seq, later[0].event.event.clone()), (seqs[3], event(3, &[]).event));
    assert_eq!(next.map(|next| next > seqs[3]), Some(true));
}

pub async fn waiting_deliveries_are_counted_after_a_restart(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let mut expected = HashMap::new();
    for round in 0..40 {
        let seqs =
            accept(&*log, (0..10).map(|number| event(round * 10 + number, &[1, 2, 3])).collect()).await;
        let dues = |subscription: i64, offset: i64| {
            seqs.iter().map(move |seq| park(key(*seq, subscription), after(offset + seq.0))).collect()
        };
        commit(&*log, parks(dues(1, 0))).await;
        commit(&*log, parks(dues(2, 5000))).await;
        commit(&*log, records(seqs.iter().map(|seq| delivered(key(*seq, 3), 0)).collect())).await;
        // Every second one of subscription 2 arrives after all.
        let arrived = seqs.iter().step_by(2).map(|seq| delivered(key(*seq, 2), 0)).collect();
        commit(&*log, records(arrived)).await;
        let first = expected.entry(1).or_insert((0, after(seqs[0].0)));
        first.0 += 10;
        let second = expected.entry(2).or_insert((0, after(5000 + seqs[1].0)));
        second.0 += 5;
    }
    let expected: HashMap<_, _> = expected
        .into_iter()
        .map(|(number, (deliveries, due))| {
            (SubscriptionNo(number), Backlog { deliveries, earliest_due: Some(due) })
        })
        .collect();
    assert_eq!(log.recover().await.unwrap().backlogs, expected);
    drop(log);
    let log = subject.open().await;
    assert_eq!(log.recover().await.unwrap().backlogs, expected);
    for (subscription, backlog) in expected {
        assert_eq!(log.due(subscription, NOW, vec![], 0).await.unwrap().1, backlog);
    }
}

pub async fn the_watermark_never_runs_ahead_and_settles_when_events_stop(subject: &mut dyn Subject) {
    let mut log = subject.open().await;
    let mut last = log.recover().await.unwrap().watermark;
    for round in 0..30 {
        let seqs = accept(&*log, (0..50).map(|number| event(round * 100 + number, &[1])).collect()).await;
        let mut batch = records(seqs.iter().map(|seq| delivered(key(*seq, 1), 0)).collect());
        batch.requests = vec![vec![event(round * 100 + 99, &[])].into()];
        let given = EventSeq(seqs[49].0 + 1);
        batch.watermark = Some(given);
        commit(&*log, batch).await;
        if round % 7 == 0 {
            drop(log);
            log = subject.open().await;
        }
        let recovery = log.recover().await.unwrap();
        assert!(recovery.watermark >= last && recovery.watermark <= given, "{:?}", recovery.watermark);
        assert!(unrecorded(&*log, recovery.watermark).await.is_empty());
        last = recovery.watermark;
    }
    let settled = EventSeq(log.recover().await.unwrap().last_seq.0 + 1);
    commit(&*log, Batch { watermark: Some(settled), ..batch() }).await;
    drop(log);
    let log = subject.open().await;
    assert_eq!(log.recover().await.unwrap().watermark, settled);
}

pub async fn a_large_fan_out_is_resumed_where_it_was_cut_short(subject: &mut dyn Subject) {
    let mut log = subject.open().await;
    let mut new = event(1, &(1..=256).collect::<Vec<_>>());
    new.more_to_dispatch = true;
    let seq = accept(&*log, vec![new, event(2, &[1])]).await[0];
    let slice = |numbers: std::ops::RangeInclusive<i64>, complete| Batch {
        extensions: vec![Extension { event: seq, matched: numbers.map(matched).collect(), complete }],
        now: after(3),
        ..batch()
    };
    let cut_short = |last| vec![(seq, SubscriptionNo(last))];
    let nothing = std::ops::RangeInclusive::new(1, 0);
    for (numbers, complete, expected) in
        [(nothing, false, cut_short(256)), (257..=1256, false, cut_short(1256)), (1257..=1300, true, vec![])]
    {
        drop(log);
        log = subject.open().await;
        commit(&*log, slice(numbers, complete)).await;
        assert_eq!(log.recover().await.unwrap().half_dispatched, expected);
    }
    // All of them wait, once; a slice that comes again changes nothing.
    commit(&*log, slice(1257..=1301, true)).await;
    assert_eq!(due(&*log, 257, after(3)).await, [key(seq, 257)]);
    assert_eq!(due(&*log, 1300, after(3)).await, [key(seq, 1300)]);
    assert!(due(&*log, 1301, after(3)).await.is_empty());
    let recovery = log.recover().await.unwrap();
    assert_eq!(recovery.backlogs.len(), 1300 - 256);
    let free = unrecorded(&*log, EventSeq(0)).await;
    assert_eq!(free[0].matched.len(), 256);
    let found = log.event_by_uuid(Scope::Operator, event(1, &[]).event.uuid).await.unwrap();
    let mut targets: Vec<_> = found[0].1.iter().map(|target| target.subscription.0).collect();
    targets.sort_unstable();
    assert_eq!(targets, (1..=1300).collect::<Vec<_>>());
}

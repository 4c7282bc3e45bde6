//! Outcomes: when a record is applied, when it is stale, and what is kept of it.

use std::time::Duration;

use bytes::Bytes;
use hookswitch_core::delivery::{AttemptReport, DeliveryState, EndReason, FailureClass, Outcome, Trigger};
use hookswitch_core::id::EventSeq;

use super::Subject;
use super::draft::{
    NOW, accept, after, batch, commit, delivered, due, ended, event, failed, failure, key, matched, park,
    parks, published, records, requests, state, success,
};
use crate::log::{Batch, Extension, Record, Scope};

pub async fn the_first_outcome_makes_the_row_and_the_same_again_is_stale(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let seq = accept(&*log, vec![event(1, &[1, 2])]).await[0];
    let committed =
        commit(&*log, records(vec![delivered(key(seq, 1), 0), failed(key(seq, 2), 0, after(60))])).await;
    assert_eq!((committed.stale_records, committed.transactions), (vec![], 1));
    assert_eq!(state(&*log, key(seq, 1)).await, DeliveryState::Delivered { at: NOW });
    assert_eq!(state(&*log, key(seq, 2)).await, DeliveryState::Pending { due: after(60) });
    let again = records(vec![delivered(key(seq, 1), 0), failed(key(seq, 2), 0, after(90))]);
    assert_eq!(commit(&*log, again).await.stale_records, [key(seq, 1), key(seq, 2)]);
    assert_eq!(state(&*log, key(seq, 2)).await, DeliveryState::Pending { due: after(60) });
    // Twice in one batch is no different.
    let next = accept(&*log, vec![event(2, &[1])]).await[0];
    let twice = records(vec![delivered(key(next, 1), 0), delivered(key(next, 1), 0)]);
    assert_eq!(commit(&*log, twice).await.stale_records, [key(next, 1)]);
}

pub async fn a_stale_record_among_many_stops_no_other(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let seqs = accept(&*log, (0..60).map(|number| event(number, &[1])).collect()).await;
    let keys: Vec<_> = seqs.iter().map(|seq| key(*seq, 1)).collect();
    let at = |places: &[usize]| places.iter().map(|place| keys[*place]).collect::<Vec<_>>();
    let (done, parked, failing) = (at(&[0, 17, 18, 33, 59]), at(&[5, 19, 40]), at(&[16, 21]));
    commit(&*log, records(done.iter().map(|key| delivered(*key, 0)).collect())).await;
    commit(&*log, parks(parked.iter().map(|key| park(*key, after(1))).collect())).await;
    commit(&*log, records(failing.iter().map(|key| failed(*key, 0, after(1))).collect())).await;
    // All at once, and two of them twice.
    let mut all: Vec<_> = keys.iter().map(|key| delivered(*key, 0)).collect();
    all.push(delivered(keys[1], 0));
    all.insert(30, delivered(keys[29], 0));
    let mut stale = commit(&*log, records(all)).await.stale_records;
    let mut expected: Vec<_> = done.iter().chain(&failing).chain(&[keys[1], keys[29]]).copied().collect();
    stale.sort_unstable();
    expected.sort_unstable();
    assert_eq!(stale, expected);
    for key in &keys {
        let is_failing = failing.contains(key);
        let expected = if is_failing {
            DeliveryState::Pending { due: after(1) }
        } else {
            DeliveryState::Delivered { at: NOW }
        };
        assert_eq!(state(&*log, *key).await, expected, "{key}");
    }
    assert_eq!(due(&*log, 1, after(1)).await, failing);
    let (_, left) = log.due(keys[0].subscription, NOW, vec![], 0).await.unwrap();
    assert_eq!(left.deliveries, 2);
}

pub async fn a_record_that_expects_other_attempts_is_stale(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let seq = accept(&*log, vec![event(1, &[1])]).await[0];
    let key = key(seq, 1);
    commit(&*log, records(vec![failed(key, 0, after(1))])).await;
    commit(&*log, records(vec![failed(key, 1, after(5))])).await;
    for before in [0, 1, 3] {
        let committed = commit(&*log, records(vec![delivered(key, before)])).await;
        assert_eq!(committed.stale_records, [key], "expecting {before}");
        assert_eq!(state(&*log, key).await, DeliveryState::Pending { due: after(5) });
    }
    assert!(commit(&*log, records(vec![delivered(key, 2)])).await.stale_records.is_empty());
    let (view, attempts) = log.delivery(Scope::Operator, key).await.unwrap().unwrap();
    assert_eq!((view.state, view.attempts, attempts.len()), (DeliveryState::Delivered { at: NOW }, 3, 3));
}

pub async fn a_record_of_an_event_that_never_was_is_stale(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let seq = accept(&*log, vec![event(1, &[1])]).await[0];
    let (next, before) = (EventSeq(seq.0 + 1), EventSeq(seq.0 - 1));
    let mut batch = records(vec![delivered(key(next, 1), 0), delivered(key(before, 1), 0)]);
    // Not even one that is accepted in the same batch: its outcome cannot be known yet.
    batch.requests = requests(vec![vec![event(2, &[1])]]).requests;
    batch.parks = parks(vec![park(key(EventSeq(seq.0 + 9), 1), NOW)]).parks;
    let committed = commit(&*log, batch).await;
    assert_eq!(committed.stale_records.len(), 2);
    assert_eq!(state(&*log, key(next, 1)).await, DeliveryState::Pending { due: NOW });
    assert!(due(&*log, 1, after(1_000_000)).await.is_empty());
}

pub async fn terminal_deliveries_never_change(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let at = NOW;
    let ends = [
        DeliveryState::Delivered { at },
        DeliveryState::Exhausted { at, reason: EndReason::TimeToLive },
        DeliveryState::Exhausted { at, reason: EndReason::BacklogLimit },
        DeliveryState::Cancelled { at, reason: EndReason::SubscriptionDeleted },
        DeliveryState::Cancelled { at, reason: EndReason::SubscriptionExpired },
        DeliveryState::Cancelled { at, reason: EndReason::OwnerDisabled },
    ];
    for (number, end) in (0..).zip(ends) {
        let mut new = event(number, &[1]);
        new.more_to_dispatch = true;
        let seq = accept(&*log, vec![new]).await[0];
        let key = key(seq, 1);
        assert!(commit(&*log, records(vec![ended(key, 0, end)])).await.stale_records.is_empty());
        let mut attack = records(vec![failed(key, 0, after(9)), delivered(key, 0), ended(key, 0, ends[2])]);
        attack.parks.push(park(key, after(9)));
        attack.extensions.push(Extension { event: seq, matched: vec![matched(1)], complete: true });
        attack.now = after(9);
        assert_eq!(commit(&*log, attack).await.stale_records, [key; 3]);
        let spared = log.end_pending(key.subscription, EndReason::OwnerDisabled, after(9), vec![], 10).await;
        assert_eq!(spared.unwrap(), 0);
        let (view, attempts) = log.delivery(Scope::Operator, key).await.unwrap().unwrap();
        assert_eq!((view.state, attempts), (end, vec![]));
    }
}

pub async fn every_attempt_is_kept_in_order(subject: &mut dyn Subject) {
    let mut log = subject.open().await;
    let seq = accept(&*log, vec![event(1, &[1, 2])]).await[0];
    let mut refused = failure(1, after(1));
    refused.report = AttemptReport {
        outcome: Outcome::Refused,
        status: Some(404),
        latency: Duration::from_micros(7),
        response: Bytes::from(vec![0xff; 4096]),
        failure: Some((FailureClass::Refused, "answered 404".into())),
    };
    let mut ours = failure(2, after(2));
    ours.trigger = Trigger::Manual;
    ours.report = AttemptReport {
        outcome: Outcome::OurFault,
        status: None,
        latency: Duration::ZERO,
        response: Bytes::new(),
        failure: Some((FailureClass::Internal, String::new())),
    };
    let mut hintless = failure(3, after(3));
    hintless.report.outcome = Outcome::Retry { hint: None };
    let mut talkative = success(4, after(4));
    talkative.report.response = Bytes::from_static(b"thanks");
    let all = [refused, ours, hintless, talkative];
    for (before, attempt) in (0..).zip(&all) {
        let mut record = failed(key(seq, 1), before, after(10));
        if before == 3 {
            record.state = DeliveryState::Delivered { at: after(4) };
        }
        record.attempt = Some(attempt.clone());
        assert!(commit(&*log, records(vec![record])).await.stale_records.is_empty());
    }
    commit(&*log, records(vec![delivered(key(seq, 2), 0)])).await;
    for reopened in [false, true] {
        if reopened {
            drop(log);
            log = subject.open().await;
        }
        let (view, attempts) = log.delivery(Scope::Operator, key(seq, 1)).await.unwrap().unwrap();
        assert_eq!(attempts, all);
        assert_eq!((view.attempts, view.last_attempt.as_ref()), (4, all.last()));
        let (view, attempts) = log.delivery(Scope::Operator, key(seq, 2)).await.unwrap().unwrap();
        assert_eq!(attempts, [success(1, NOW)]);
        assert_eq!(view.last_attempt, Some(success(1, NOW)));
    }
}

pub async fn a_state_may_move_without_an_attempt(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let seq = accept(&*log, vec![event(1, &[1, 2])]).await[0];
    commit(&*log, records(vec![failed(key(seq, 1), 0, after(60))])).await;
    let end = DeliveryState::Cancelled { at: after(2), reason: EndReason::SubscriptionDeleted };
    let both: Vec<Record> = vec![ended(key(seq, 1), 1, end), ended(key(seq, 2), 0, end)];
    assert!(commit(&*log, records(both)).await.stale_records.is_empty());
    let (view, attempts) = log.delivery(Scope::Operator, key(seq, 1)).await.unwrap().unwrap();
    assert_eq!((view.state, view.attempts, attempts), (end, 1, vec![failure(1, NOW)]));
    let (view, attempts) = log.delivery(Scope::Operator, key(seq, 2)).await.unwrap().unwrap();
    assert_eq!((view.state, view.attempts, view.last_attempt, attempts), (end, 0, None, vec![]));
    assert!(due(&*log, 1, after(1000)).await.is_empty());
}

pub async fn an_empty_batch_takes_no_transaction(subject: &mut dyn Subject) {
    let log = subject.open().await;
    assert_eq!(commit(&*log, batch()).await.transactions, 0);
    let mut nothing: Batch = requests(vec![vec![]]);
    nothing.watermark = Some(EventSeq(0));
    let committed = commit(&*log, nothing).await;
    assert_eq!((committed.requests.len(), committed.transactions), (1, 0));
    let refused = requests(vec![vec![published(1, &[])], vec![published(1, &[])]]);
    assert_eq!(commit(&*log, refused).await.transactions, 1);
    let duplicate = requests(vec![vec![published(1, &[])]]);
    assert_eq!(commit(&*log, duplicate).await.transactions, 0);
}

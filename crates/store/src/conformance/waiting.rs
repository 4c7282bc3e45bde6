//! Deliveries that wait: when they are due, who holds them, how they end.

use hookswitch_core::delivery::{DeliveryState, EndReason};
use hookswitch_core::event::StoredEvent;
use hookswitch_core::id::{DeliveryKey, SubscriptionNo};

use super::Subject;
use super::draft::{
    NOW, accept, after, commit, delivered, due, event, failed, key, keys, matched, park, parks, records,
    requests, state, stored,
};
use crate::log::{Backlog, Batch, EventLog};

const ONE: SubscriptionNo = SubscriptionNo(1);

/// Ten events for subscriptions 1 and 2; the delivery of the n-th to 1 waits until `dues[n]`.
async fn waiting(log: &dyn EventLog, dues: [i64; 10]) -> Vec<DeliveryKey> {
    let seqs = accept(log, (0..10).map(|number| event(number, &[1, 2])).collect()).await;
    let keys: Vec<_> = seqs.iter().map(|seq| key(*seq, 1)).collect();
    let waits = keys.iter().zip(dues).map(|(key, due)| park(*key, after(due))).collect();
    commit(log, parks(waits)).await;
    keys
}

pub async fn the_earliest_due_come_first_and_the_rest_is_counted(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let waits = waiting(&*log, [50, 10, 40, 30, 20, 20, 900, 800, 25, 0]).await;
    let (given, left) = log.due(ONE, after(60), vec![], 3).await.unwrap();
    assert_eq!(keys(&given), [waits[9], waits[1], waits[4]]);
    assert_eq!(left, Backlog { deliveries: 7, earliest_due: Some(after(20)) });
    let (given, left) = log.due(ONE, after(60), vec![], 100).await.unwrap();
    assert_eq!(keys(&given), [9, 1, 4, 5, 8, 3, 2, 0].map(|place| waits[place]));
    assert_eq!(left, Backlog { deliveries: 2, earliest_due: Some(after(800)) });
    let (given, left) = log.due(ONE, after(60), vec![], 0).await.unwrap();
    assert_eq!((given.len(), left), (0, Backlog { deliveries: 10, earliest_due: Some(after(0)) }));
    let (given, left) = log.due(SubscriptionNo(2), after(60), vec![], 10).await.unwrap();
    assert_eq!((given.len(), left), (0, Backlog::default()));

    commit(&*log, records(vec![failed(waits[9], 0, after(70))])).await;
    let (given, _) = log.due(ONE, after(70), vec![], 100).await.unwrap();
    let last = given.last().unwrap();
    assert_eq!((last.key, last.attempts, last.step, last.due), (waits[9], 1, 1, after(70)));
    assert_eq!(last.matched, matched(1));
    let expected = StoredEvent { seq: waits[9].event, event: event(9, &[]).event };
    assert_eq!(last.event, expected);
}

pub async fn held_deliveries_are_neither_given_nor_counted(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let waits = waiting(&*log, [1, 2, 3, 4, 5, 6, 7, 8, 9, 900]).await;
    // The last has ended, and the first of subscription 2 never had a row: neither is part of the count.
    commit(&*log, records(vec![delivered(waits[8], 0)])).await;
    let held = vec![waits[0], waits[2], waits[9], waits[8], key(waits[0].event, 2)];
    let (given, left) = log.due(ONE, after(60), held.clone(), 2).await.unwrap();
    assert_eq!(keys(&given), [waits[1], waits[3]]);
    assert_eq!(left, Backlog { deliveries: 4, earliest_due: Some(after(5)) });
    let (given, left) = log.due(ONE, after(60), held, 10).await.unwrap();
    assert_eq!(keys(&given), [1, 3, 4, 5, 6, 7].map(|place| waits[place]));
    assert_eq!(left, Backlog::default());
}

pub async fn targets_without_room_wait_from_acceptance_on(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let mut new = event(1, &[1, 2, 3]);
    new.parked = vec![0, 2];
    let batch = Batch { now: after(5), ..requests(vec![vec![event(0, &[]), new]]) };
    let answers = commit(&*log, batch).await.requests.remove(0).unwrap();
    let seq = stored(answers[1]);
    for (subscription, expected) in [(1, vec![key(seq, 1)]), (2, vec![]), (3, vec![key(seq, 3)])] {
        assert!(due(&*log, subscription, after(4)).await.is_empty());
        assert_eq!(due(&*log, subscription, after(5)).await, expected);
    }
    let (found, _) = log.unrecorded(seq, 10).await.unwrap();
    assert_eq!(found[0].matched, [matched(2)]);
}

pub async fn a_park_leaves_a_row_that_is_there_alone(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let waits = waiting(&*log, [5; 10]).await;
    commit(&*log, records(vec![failed(waits[0], 0, after(50)), delivered(waits[1], 0)])).await;
    commit(&*log, parks(waits[..3].iter().map(|key| park(*key, after(1))).collect())).await;
    let expected = [
        (0, DeliveryState::Pending { due: after(50) }),
        (1, DeliveryState::Delivered { at: NOW }),
        (2, DeliveryState::Pending { due: after(5) }),
    ];
    for (place, expected) in expected {
        assert_eq!(state(&*log, waits[place]).await, expected);
    }
    let (_, left) = log.due(ONE, NOW, vec![], 0).await.unwrap();
    assert_eq!(left.deliveries, 9);
}

pub async fn many_may_be_parked_at_once_whatever_is_there_already(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let seqs = accept(&*log, (0..60).map(|number| event(number, &[1, 2])).collect()).await;
    let some = [3, 16, 17, 44].map(|place| key(seqs[place], 1));
    commit(&*log, parks(some.iter().map(|key| park(*key, after(5))).collect())).await;
    let many = seqs.iter().flat_map(|seq| [park(key(*seq, 1), after(1)), park(key(*seq, 2), after(2))]);
    commit(&*log, parks(many.collect())).await;
    let (first, left) = log.due(ONE, after(1), vec![], 100).await.unwrap();
    assert_eq!((first.len(), left), (56, Backlog { deliveries: 4, earliest_due: Some(after(5)) }));
    assert_eq!(due(&*log, 1, after(5)).await[56..], some);
    assert_eq!(due(&*log, 2, after(2)).await, seqs.iter().map(|seq| key(*seq, 2)).collect::<Vec<_>>());
}

pub async fn ends_come_in_slices_and_spare_what_is_held(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let waits = waiting(&*log, [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]).await;
    let end = |held: Vec<DeliveryKey>, limit| {
        log.end_pending(ONE, EndReason::SubscriptionDeleted, after(100), held, limit)
    };
    let held = vec![waits[4], waits[1]];
    let mut ended = Vec::new();
    loop {
        match end(held.clone(), 3).await.unwrap() {
            0 => break,
            some => ended.push(some),
        }
    }
    assert_eq!(ended.iter().sum::<usize>(), 8);
    assert!(ended.iter().all(|slice| *slice <= 3));
    assert_eq!(due(&*log, 1, after(1000)).await, [waits[1], waits[4]]);
    let cancelled = DeliveryState::Cancelled { at: after(100), reason: EndReason::SubscriptionDeleted };
    assert_eq!(state(&*log, waits[0]).await, cancelled);
    assert_eq!(end(vec![], 10).await.unwrap() + end(vec![], 10).await.unwrap(), 2);
    let (_, left) = log.due(ONE, after(1000), vec![], 0).await.unwrap();
    assert_eq!(left, Backlog::default());
}

pub async fn the_backlog_limit_ends_the_oldest_first(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let waits = waiting(&*log, [90, 80, 70, 60, 50, 40, 30, 20, 10, 0]).await;
    let mut ended = 0;
    while ended < 4 {
        let held = vec![waits[1]];
        let now = log.end_pending(ONE, EndReason::BacklogLimit, NOW, held, 4 - ended).await.unwrap();
        assert!(now > 0, "there are more to end");
        ended += now;
    }
    let exhausted = DeliveryState::Exhausted { at: NOW, reason: EndReason::BacklogLimit };
    for (place, key) in waits.iter().enumerate() {
        let is_over = state(&*log, *key).await == exhausted;
        assert_eq!(is_over, [0, 2, 3, 4].contains(&place), "delivery {place}");
    }
}

pub async fn retries_of_old_events_go_on_beside_new_ones(subject: &mut dyn Subject) {
    let mut log = subject.open().await;
    let old = waiting(&*log, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]).await;
    let mut newer = Vec::new();
    for round in 0..20 {
        let news = (0..50).map(|number| event(1000 + round * 50 + number, &[1])).collect();
        newer.extend(accept(&*log, news).await);
    }
    // Old and new waiting ones are one queue, across a restart too.
    let waits = [(0, 15), (500, 35), (999, 55)].map(|(place, due)| park(key(newer[place], 1), after(due)));
    commit(&*log, parks(waits.to_vec())).await;
    let mixed = [old[0], waits[0].key, old[1], old[2], waits[1].key, old[3], old[4], waits[2].key, old[5]];
    for reopened in [false, true] {
        if reopened {
            drop(log);
            log = subject.open().await;
        }
        let (given, left) = log.due(ONE, after(60), vec![], 100).await.unwrap();
        assert_eq!(keys(&given), mixed);
        assert_eq!(left, Backlog { deliveries: 4, earliest_due: Some(after(70)) });
    }
    // One batch for old events, for new ones, and with events of its own.
    let mut batch = requests(vec![vec![event(9000, &[1])]]);
    batch.records = vec![
        delivered(old[0], 0),
        failed(old[1], 0, after(500)),
        delivered(waits[2].key, 0),
        delivered(old[0], 0),
    ];
    batch.parks = vec![park(key(old[0].event, 2), after(1))];
    let committed = commit(&*log, batch).await;
    assert_eq!((committed.requests.len(), committed.stale_records), (1, vec![old[0]]));
    assert_eq!(state(&*log, old[0]).await, DeliveryState::Delivered { at: NOW });
    assert_eq!(due(&*log, 2, after(1)).await, [key(old[0].event, 2)]);
    let (given, left) = log.due(ONE, after(500), vec![], 100).await.unwrap();
    assert_eq!((given.len(), given.last().unwrap().key, left), (11, old[1], Backlog::default()));
}

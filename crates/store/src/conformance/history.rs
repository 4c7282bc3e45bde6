//! History: what is shown, to whom, and in what order.

use std::collections::BTreeSet;

use hookswitch_core::delivery::{DeliveryState, EndReason, Trigger};
use hookswitch_core::id::{AccountId, DeliveryKey, EventSeq, SubscriptionNo};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::Subject;
use super::draft::{
    ACCOUNT, NOW, accept, after, all, batch, commit, delivered, ended, event, failed, failure, key, matched,
    park, parks, records, success, uuid,
};
use crate::log::{Batch, DeliveryView, EventLog, Extension, HistoryQuery, NewEvent, Scope, StatusFilter};

/// All pages of a query, one after the other.
async fn pages(log: &dyn EventLog, mut query: HistoryQuery) -> Vec<DeliveryView> {
    let mut records = Vec::new();
    loop {
        let page = log.history(query.clone()).await.expect("the log can be read");
        assert!(page.records.len() <= query.limit);
        records.extend(page.records);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return records,
        }
    }
}

async fn keys(log: &dyn EventLog, query: HistoryQuery) -> Vec<DeliveryKey> {
    pages(log, query).await.iter().map(|view| view.key).collect()
}

/// Six events for subscriptions 1 and 2, of which something has become:
/// 0 delivered, 1 failed once, 2 exhausted, 3 cancelled, 4 parked, 5 nothing yet.
async fn six(log: &dyn EventLog) -> Vec<EventSeq> {
    let at = |seconds: i64, name: &str, number: u64| {
        let mut new = event(number, &[2, 1]);
        new.event.name = name.into();
        new.event.accepted_at = after(seconds);
        new
    };
    let names = ["/a/1", "/a/2", "/b/1", "/b/2", "/b/2/c", "/c"];
    let news = names.iter().zip(0..).map(|(name, number)| at(number, name, number.unsigned_abs())).collect();
    let seqs = accept(log, news).await;
    let made = records(vec![
        delivered(key(seqs[0], 1), 0),
        failed(key(seqs[1], 1), 0, after(60)),
        ended(key(seqs[2], 1), 0, DeliveryState::Exhausted { at: NOW, reason: EndReason::TimeToLive }),
        ended(key(seqs[3], 1), 0, DeliveryState::Cancelled { at: NOW, reason: EndReason::OwnerDisabled }),
    ]);
    commit(log, Batch { parks: parks(vec![park(key(seqs[4], 1), after(8))]).parks, ..made }).await;
    seqs
}

pub async fn deliveries_come_newest_first_with_their_states(subject: &mut dyn Subject) {
    let mut log = subject.open().await;
    let seqs = six(&*log).await;
    for reopened in [false, true] {
        if reopened {
            drop(log);
            log = subject.open().await;
        }
        let views = pages(&*log, HistoryQuery { limit: 5, ..all() }).await;
        let expected: Vec<_> = seqs.iter().rev().flat_map(|seq| [key(*seq, 2), key(*seq, 1)]).collect();
        assert_eq!(views.iter().map(|view| view.key).collect::<Vec<_>>(), expected);
        let of = |place: usize| views.iter().find(|view| view.key == key(seqs[place], 1)).unwrap();
        assert_eq!(
            (of(0).state, &of(0).last_attempt),
            (DeliveryState::Delivered { at: NOW }, &Some(success(1, NOW)))
        );
        assert_eq!(
            (of(1).state, &of(1).last_attempt),
            (DeliveryState::Pending { due: after(60) }, &Some(failure(1, NOW)))
        );
        assert_eq!((of(4).state, of(4).attempts), (DeliveryState::Pending { due: after(8) }, 0));
        // Without a row it waits since it was accepted.
        let rowless = of(5);
        assert_eq!(
            (rowless.state, rowless.trigger),
            (DeliveryState::Pending { due: after(5) }, Trigger::Scheduled)
        );
        assert_eq!((rowless.matched, rowless.account, rowless.event_uuid), (matched(1), ACCOUNT, uuid(5)));
        assert_eq!((rowless.event_name.as_str(), rowless.accepted_at), ("/c", after(5)));
    }
}

pub async fn filters_choose_by_status_name_and_time(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let seqs = six(&*log).await;
    let subscription = Some(SubscriptionNo(1));
    let places = async |query: HistoryQuery| -> Vec<usize> {
        let with = keys(&*log, HistoryQuery { subscription, ..query.clone() }).await;
        let without = keys(&*log, query).await;
        let without: Vec<_> = without.into_iter().filter(|key| key.subscription.0 == 1).collect();
        assert_eq!(with, without, "a subscription's own list is a part of the whole");
        with.iter().map(|key| seqs.iter().position(|seq| *seq == key.event).unwrap()).collect()
    };
    use StatusFilter::{Cancelled, Delivered, Exhausted, Pending, Undelivered};
    let by_status: [(_, &[usize]); 5] = [
        (Pending, &[5, 4, 1]),
        (Delivered, &[0]),
        (Exhausted, &[2]),
        (Cancelled, &[3]),
        (Undelivered, &[3, 2, 1]),
    ];
    for (status, expected) in by_status {
        assert_eq!(places(HistoryQuery { status: Some(status), ..all() }).await, expected, "{status:?}");
    }
    let by_name: [(_, &[usize]); 5] =
        [("/b/2", &[3]), ("/b/2*", &[4, 3]), ("/a/*", &[1, 0]), ("*", &[5, 4, 3, 2, 1, 0]), ("/d", &[])];
    for (name, expected) in by_name {
        assert_eq!(places(HistoryQuery { event: Some(name.into()), ..all() }).await, expected, "{name}");
    }
    let query = HistoryQuery { from: Some(after(2)), to: Some(after(4)), ..all() };
    assert_eq!(places(query.clone()).await, [4, 3, 2]);
    let query = HistoryQuery { status: Some(Undelivered), event: Some("/b/*".into()), limit: 1, ..query };
    assert_eq!(places(query).await, [3, 2]);
}

pub async fn an_account_sees_nothing_of_another(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let other = AccountId(2);
    let of = |account, number| {
        let mut new = event(number, &[1]);
        new.event.account = account;
        new
    };
    let seqs = accept(&*log, vec![of(ACCOUNT, 1), of(other, 2), of(ACCOUNT, 3), of(other, 3)]).await;
    commit(&*log, records(seqs.iter().map(|seq| delivered(key(*seq, 1), 0)).collect())).await;
    let scoped =
        |account, subscription| HistoryQuery { scope: Scope::Account(account), subscription, ..all() };
    for subscription in [None, Some(SubscriptionNo(1))] {
        assert_eq!(keys(&*log, scoped(ACCOUNT, subscription)).await, [key(seqs[2], 1), key(seqs[0], 1)]);
        assert_eq!(keys(&*log, scoped(other, subscription)).await, [key(seqs[3], 1), key(seqs[1], 1)]);
        assert!(keys(&*log, scoped(AccountId(3), subscription)).await.is_empty());
    }
    for (place, account) in [(0, ACCOUNT), (1, other)] {
        let foreign = if account == other { ACCOUNT } else { other };
        let key = key(seqs[place], 1);
        let found = log.delivery(Scope::Account(account), key).await.unwrap();
        assert_eq!(found.map(|(view, _)| view.account), Some(account));
        assert!(log.delivery(Scope::Account(foreign), key).await.unwrap().is_none());
        let by_uuid = log.event_by_uuid(Scope::Account(account), uuid(3)).await.unwrap();
        assert_eq!(by_uuid.iter().map(|(stored, _)| stored.event.account).collect::<Vec<_>>(), [account]);
    }
    assert!(log.event_by_uuid(Scope::Account(other), uuid(1)).await.unwrap().is_empty());
    assert_eq!(log.event_by_uuid(Scope::Operator, uuid(3)).await.unwrap().len(), 2);
}

/// Many events over several subscriptions, one with a large fan-out, one that is replayed.
pub async fn a_subscription_sees_all_its_deliveries(subject: &mut dyn Subject) {
    let mut log = subject.open().await;
    let mut expected: Vec<DeliveryKey> = Vec::new();
    let mut seqs = Vec::new();
    for round in 0..20 {
        let targets = |number: i64| if number % 3 == 0 { vec![1, 5, 9] } else { vec![1, 9] };
        let news =
            (0..40_i64).map(|number| event(round * 40 + number.unsigned_abs(), &targets(number))).collect();
        let accepted = accept(&*log, news).await;
        expected.extend(accepted.iter().step_by(3).map(|seq| key(*seq, 5)));
        let done = accepted.iter().step_by(6).map(|seq| delivered(key(*seq, 5), 0)).collect();
        commit(&*log, records(done)).await;
        seqs.extend(accepted);
    }
    let mut wide = event(5000, &[1, 2]);
    wide.more_to_dispatch = true;
    let wide = accept(&*log, vec![wide]).await[0];
    let extension =
        Extension { event: wide, matched: vec![matched(4), matched(5), matched(8)], complete: true };
    commit(&*log, Batch { extensions: vec![extension], ..batch() }).await;
    expected.push(key(wide, 5));
    // Replayed: one that it had, and one that was not for it.
    for seq in [seqs[3], seqs[4]] {
        let again = DeliveryKey { ordinal: 1, ..key(seq, 5) };
        commit(&*log, parks(vec![park(again, after(1))])).await;
        expected.push(again);
    }
    expected.sort_unstable_by_key(|key| std::cmp::Reverse(*key));
    for reopened in [false, true] {
        if reopened {
            drop(log);
            log = subject.open().await;
        }
        for limit in [7, 1000] {
            let query = HistoryQuery { subscription: Some(SubscriptionNo(5)), limit, ..all() };
            assert_eq!(keys(&*log, query).await, expected);
        }
        let foreign = HistoryQuery { subscription: Some(SubscriptionNo(6)), ..all() };
        assert!(keys(&*log, foreign).await.is_empty());
        let whole = keys(&*log, HistoryQuery { limit: 100, ..all() }).await;
        let own: Vec<_> = whole.into_iter().filter(|key| key.subscription.0 == 5).collect();
        assert_eq!(own, expected);
    }
}

pub async fn a_delivery_shows_its_attempts(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let seqs = six(&*log).await;
    let (view, attempts) = log.delivery(Scope::Operator, key(seqs[1], 1)).await.unwrap().unwrap();
    assert_eq!((view.attempts, attempts), (1, vec![failure(1, NOW)]));
    let (view, attempts) = log.delivery(Scope::Operator, key(seqs[5], 2)).await.unwrap().unwrap();
    assert_eq!((view.state, attempts), (DeliveryState::Pending { due: after(5) }, vec![]));
    for unknown in
        [key(seqs[5], 3), key(EventSeq(seqs[5].0 + 1), 1), DeliveryKey { ordinal: 1, ..key(seqs[5], 1) }]
    {
        assert!(log.delivery(Scope::Operator, unknown).await.unwrap().is_none(), "{unknown}");
    }
}

pub async fn an_event_is_found_by_its_uuid(subject: &mut dyn Subject) {
    let mut log = subject.open().await;
    let mut seqs = Vec::new();
    for round in 0..10 {
        seqs.extend(accept(&*log, (0..60).map(|number| event(round * 60 + number, &[1])).collect()).await);
    }
    for reopened in [false, true] {
        if reopened {
            drop(log);
            log = subject.open().await;
        }
        for number in [0_u64, 1, 59, 60, 300, 599] {
            let found = log.event_by_uuid(Scope::Account(ACCOUNT), uuid(number)).await.unwrap();
            let place = usize::try_from(number).unwrap();
            assert_eq!(found.iter().map(|(stored, _)| stored.seq).collect::<Vec<_>>(), [seqs[place]]);
        }
        assert!(log.event_by_uuid(Scope::Operator, uuid(600)).await.unwrap().is_empty());
    }
}

/// What happens between two pages.
#[derive(Clone, Debug)]
enum Between {
    Accept(Vec<Vec<i64>>),
    Deliver(prop::sample::Index, i64),
    Restart,
}

fn between() -> impl Strategy<Value = Between> {
    let targets = prop::collection::vec(prop::collection::btree_set(1i64..5, 0..4), 1..30);
    prop_oneof![
        4 => targets.prop_map(|events| Between::Accept(events.into_iter().map(|of| of.into_iter().collect()).collect())),
        4 => (any::<prop::sample::Index>(), 1i64..5).prop_map(|(event, of)| Between::Deliver(event, of)),
        1 => Just(Between::Restart),
    ]
}

pub async fn a_cursor_neither_skips_nor_repeats_while_events_come_in(subject: &mut dyn Subject) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let strategy = (prop::collection::vec(between(), 1..40), 1usize..6, prop::option::of(1i64..5));
    for case in 0..8 {
        let (steps, limit, only) = strategy.new_tree(&mut runner).expect("steps can be drawn").current();
        let context = format!("case {case}: {limit} a page of {only:?} during {steps:?}");
        walk(subject, steps, limit, only, &context).await;
    }
}

async fn walk(
    subject: &mut dyn Subject,
    steps: Vec<Between>,
    limit: usize,
    only: Option<i64>,
    context: &str,
) {
    let mut log = subject.open().await;
    let first: Vec<NewEvent> =
        (0..40).map(|number| event(number, &[1 + (number % 4).cast_signed()])).collect();
    let mut seqs = accept(&*log, first).await;
    let whole = HistoryQuery { subscription: only.map(SubscriptionNo), ..all() };
    let at_first: BTreeSet<_> = keys(&*log, whole.clone()).await.into_iter().collect();
    let (mut seen, mut after) = (Vec::new(), None);
    let mut steps = steps.into_iter();
    loop {
        let page = log.history(HistoryQuery { limit, after, ..whole.clone() }).await.unwrap();
        seen.extend(page.records.iter().map(|view| view.key));
        after = page.next;
        if after.is_none() {
            break;
        }
        match steps.next() {
            None => {}
            Some(Between::Accept(events)) => {
                let news = events.iter().map(|targets| event(seqs.len() as u64, targets)).collect();
                seqs.extend(accept(&*log, news).await);
            }
            Some(Between::Deliver(place, of)) => {
                let key = key(*place.get(&seqs), of);
                if log.delivery(Scope::Operator, key).await.unwrap().is_some() {
                    commit(&*log, records(vec![delivered(key, 0)])).await;
                }
            }
            Some(Between::Restart) => {
                drop(log);
                log = subject.open().await;
            }
        }
    }
    assert!(seen.is_sorted_by(|one, next| one > next), "a key came twice or out of order; {context}");
    let seen: BTreeSet<_> = seen.into_iter().collect();
    assert!(seen.is_superset(&at_first), "a delivery was skipped; {context}");
}

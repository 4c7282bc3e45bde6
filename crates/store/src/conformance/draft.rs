//! Events, records and batches as the rules need them: everything has a sensible value that a rule may
//! then change.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookswitch_core::clock::WallTime;
use hookswitch_core::delivery::{Attempt, AttemptReport, DeliveryState, FailureClass, Outcome, Trigger};
use hookswitch_core::event::Event;
use hookswitch_core::id::{AccountId, DeliveryKey, EventSeq, FilterNo, SubscriptionNo};
use uuid::Uuid;

use crate::log::{
    Acceptance, Batch, Committed, EventLog, HistoryQuery, Matched, NewEvent, Park, Record, Scope, Waiting,
};

pub(crate) const NOW: WallTime = WallTime(1_767_603_600_000);
pub(crate) const ACCOUNT: AccountId = AccountId(400_131_000);
pub(crate) const PATH: &str = "/restapi/v1.0/account/400131000/extension/400132000/presence";

pub(crate) fn after(seconds: i64) -> WallTime {
    WallTime(NOW.0 + seconds * 1000)
}

pub(crate) fn uuid(number: u64) -> Uuid {
    Uuid::from_u64_pair(0x0190_0000_0000_7000, number)
}

pub(crate) fn matched(subscription: i64) -> Matched {
    Matched {
        subscription: SubscriptionNo(subscription),
        filter: FilterNo(subscription * 10),
        shape: u8::try_from(subscription % 5).unwrap_or(0),
    }
}

/// An event whose uuid is ours, for these subscriptions.
pub(crate) fn event(number: u64, subscriptions: &[i64]) -> NewEvent {
    NewEvent {
        event: Event {
            uuid: uuid(number),
            account: ACCOUNT,
            name: PATH.into(),
            timestamp: NOW,
            accepted_at: NOW,
            body: Bytes::from(format!("{{\"number\":{number}}}")),
            recipients: None,
        },
        matched: subscriptions.iter().copied().map(matched).collect(),
        more_to_dispatch: false,
        parked: Vec::new(),
        uuid_is_publishers: false,
        timestamp_is_publishers: false,
    }
}

/// The same with a uuid that the publisher chose.
pub(crate) fn published(number: u64, subscriptions: &[i64]) -> NewEvent {
    NewEvent { uuid_is_publishers: true, ..event(number, subscriptions) }
}

pub(crate) fn batch() -> Batch {
    Batch { now: NOW, ..Batch::default() }
}

pub(crate) fn requests(requests: Vec<Vec<NewEvent>>) -> Batch {
    Batch { requests: requests.into_iter().map(Arc::new).collect(), ..batch() }
}

pub(crate) fn records(records: Vec<Record>) -> Batch {
    Batch { records, ..batch() }
}

pub(crate) fn parks(parks: Vec<Park>) -> Batch {
    Batch { parks, ..batch() }
}

pub(crate) async fn commit(log: &dyn EventLog, batch: Batch) -> Committed {
    log.commit(batch).await.expect("nothing stands in the way of the commit")
}

/// Commits events, one request each, and returns their numbers.
pub(crate) async fn accept(log: &dyn EventLog, events: Vec<NewEvent>) -> Vec<EventSeq> {
    let committed = commit(log, requests(events.into_iter().map(|event| vec![event]).collect())).await;
    let answers = committed.requests.into_iter().map(|answer| answer.expect("the event is accepted"));
    answers.flatten().map(stored).collect()
}

pub(crate) fn stored(acceptance: Acceptance) -> EventSeq {
    match acceptance {
        Acceptance::Stored(seq) => seq,
        Acceptance::Duplicate => panic!("the event is new"),
    }
}

pub(crate) fn key(event: EventSeq, subscription: i64) -> DeliveryKey {
    DeliveryKey { event, subscription: SubscriptionNo(subscription), ordinal: 0 }
}

pub(crate) fn park(key: DeliveryKey, due: WallTime) -> Park {
    Park { key, matched: matched(key.subscription.0), due }
}

/// What the transport says of a success.
pub(crate) fn success(number: u32, at: WallTime) -> Attempt {
    Attempt {
        number,
        at,
        trigger: Trigger::Scheduled,
        report: AttemptReport {
            outcome: Outcome::Delivered,
            status: Some(200),
            latency: Duration::from_micros(1234),
            response: Bytes::new(),
            failure: None,
        },
    }
}

pub(crate) fn failure(number: u32, at: WallTime) -> Attempt {
    let mut attempt = success(number, at);
    attempt.report.outcome = Outcome::Retry { hint: Some(Duration::from_secs(30)) };
    attempt.report.status = Some(503);
    attempt.report.response = Bytes::from_static(b"busy");
    attempt.report.failure = Some((FailureClass::Throttled, "answered 503 and asked for 30 s".into()));
    attempt
}

/// Delivered at `NOW`, by the attempt after `before` others.
pub(crate) fn delivered(key: DeliveryKey, before: u32) -> Record {
    Record {
        key,
        matched: matched(key.subscription.0),
        attempts_before: before,
        attempts: before + 1,
        step: before,
        state: DeliveryState::Delivered { at: NOW },
        attempt: Some(success(before + 1, NOW)),
    }
}

/// Failed, to be tried again at `due`.
pub(crate) fn failed(key: DeliveryKey, before: u32, due: WallTime) -> Record {
    Record {
        step: before + 1,
        state: DeliveryState::Pending { due },
        attempt: Some(failure(before + 1, NOW)),
        ..delivered(key, before)
    }
}

/// Ends without an attempt.
pub(crate) fn ended(key: DeliveryKey, before: u32, state: DeliveryState) -> Record {
    Record { attempts: before, step: before, state, attempt: None, ..delivered(key, before) }
}

pub(crate) async fn state(log: &dyn EventLog, key: DeliveryKey) -> DeliveryState {
    let found = log.delivery(Scope::Operator, key).await.expect("the log can be read");
    found.expect("the delivery is known").0.state
}

/// All that is due for a subscription, with nothing held, as keys.
pub(crate) async fn due(log: &dyn EventLog, subscription: i64, now: WallTime) -> Vec<DeliveryKey> {
    let found =
        log.due(SubscriptionNo(subscription), now, Vec::new(), 1000).await.expect("the log can be read");
    keys(&found.0)
}

pub(crate) fn keys(waiting: &[Waiting]) -> Vec<DeliveryKey> {
    waiting.iter().map(|waiting| waiting.key).collect()
}

/// Everything, for whoever may see everything.
pub(crate) fn all() -> HistoryQuery {
    HistoryQuery {
        scope: Scope::Operator,
        subscription: None,
        status: None,
        event: None,
        from: None,
        to: None,
        after: None,
        limit: 100,
    }
}

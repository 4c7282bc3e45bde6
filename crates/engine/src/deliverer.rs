//! One delivery from a lane's queue to a recorded attempt.
//!
//! `pump` starts as many workers as a lane has room for; a worker sends one delivery after another until
//! its lane has none left, and writes each outcome into the intake. The next state comes from
//! `Delivery::after` and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::clock::{MonoTime, WallTime};
use hookswitch_core::delivery::{
    Attempt, AttemptReport, Delivery, DeliveryState, EndReason, FailureClass, Outcome,
};
use hookswitch_core::envelope::Envelope;
use hookswitch_core::signature::Signer;
use hookswitch_core::subscription::Door;
use hookswitch_store::log::Record;
use hookswitch_transport::Message;
use hookswitch_transport::header_lines::HeaderLines;
use http::HeaderName;

use crate::conference;
use crate::dispatched::Dispatched;
use crate::intake::PendingRecord;
use crate::lane::{Item, Lane, Live, READ_BACK, Wish};
use crate::shared::Shared;

const VERIFICATION_TOKEN: HeaderName = HeaderName::from_static("verification-token");
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const HOOKSWITCH_ATTEMPT: HeaderName = HeaderName::from_static("hookswitch-attempt");

/// Bytes of the headers that differ from message to message.
pub(crate) const HEADERS_OF_ITS_OWN: usize = 448;
/// After a store error, a lane's read is tried again after this.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// Starts whatever the lane may start now. Called whenever something about it changed.
pub(crate) fn pump(shared: &Arc<Shared>, lane: &Arc<Lane>) {
    if shared.draining.is_cancelled() {
        return;
    }
    let handles = &shared.deps.handles;
    loop {
        match lane.next(handles.now(), handles.monotonic()) {
            Wish::Send(item) => {
                if !shared.gate.enter() {
                    lane.put_back(*item);
                    if shared.gate.wait(lane.no) {
                        return;
                    }
                    continue;
                }
                shared.deps.metrics.in_flight.inc();
                shared.tasks.spawn(work(Arc::clone(shared), Arc::clone(lane), *item));
            }
            Wish::Read => return read_back(shared, lane),
            Wish::WaitUntil(due) => return shared.alarms.at_wall(lane.no, due, handles),
            Wish::PausedUntil(until) => return shared.alarms.at(lane.no, until),
            Wish::Nothing => return,
        }
    }
}

/// Looks at each lane again when its alarm rings, until the server stops.
pub(crate) async fn ring(shared: Arc<Shared>) {
    loop {
        let rung = tokio::select! {
            () = shared.draining.cancelled() => return,
            rung = shared.alarms.next(&shared.deps.handles) => rung,
        };
        for lane in rung.into_iter().filter_map(|no| shared.lane(no)) {
            pump(&shared, &lane);
        }
    }
}

async fn work(shared: Arc<Shared>, lane: Arc<Lane>, first: Item) {
    let mut next = Some(first);
    while let Some(item) = next.take() {
        let handles = &shared.deps.handles;
        if let Some(delivery) = outlived(&lane, &item, handles.now()) {
            lane.finished(item.key, Outcome::OurFault, Duration::ZERO, handles.monotonic());
            write_down(&shared, Some(&lane), &item, delivery, None, item.has_row);
        } else {
            let report = tokio::select! {
                biased;
                report = attempt(&shared, &lane, &item) => report,
                // An interrupted attempt is no failure of the receiver: it is not recorded at all, and the
                // next start finds the delivery as it was.
                () = shared.abandoned.cancelled() => break,
            };
            finish(&shared, &lane, &item, report);
        }
        if shared.draining.is_cancelled() || shared.gate.is_contended() {
            break;
        }
        match lane.next(handles.now(), handles.monotonic()) {
            Wish::Send(item) => next = Some(*item),
            _ => break,
        }
    }
    shared.deps.metrics.in_flight.dec();
    shared.gate.leave(|other| {
        if let Some(other) = shared.lane(other) {
            pump(&shared, &other);
        }
    });
    pump(&shared, &lane);
}

/// The delivery as it ends if there is no point in an attempt any more.
fn outlived(lane: &Lane, item: &Item, now: WallTime) -> Option<Delivery> {
    let delivery = item.delivery();
    if delivery.has_outlived(now) {
        return Some(delivery.ended(EndReason::TimeToLive, now));
    }
    lane.live().is_answered(item).then(|| delivery.ended(EndReason::SubscriptionRenewed, now))
}

async fn attempt(shared: &Shared, lane: &Lane, item: &Item) -> AttemptReport {
    let live = lane.live();
    match message(shared, &live, item).await {
        Ok(message) => live.endpoint.send(message).await,
        Err(why) => AttemptReport {
            outcome: Outcome::OurFault,
            status: None,
            latency: Duration::ZERO,
            response: bytes::Bytes::new(),
            failure: Some((FailureClass::Internal, why)),
        },
    }
}

async fn message(shared: &Shared, live: &Live, item: &Item) -> Result<Message, String> {
    if live.subscription.door == Door::Conference {
        return conference::message(shared, live, item).await;
    }
    let body = match live.filter_text(item.matched.filter) {
        Some(text) => envelope(shared, live, item, text),
        None => {
            // The filter was replaced since: the delivery goes on with the text it matched (D15).
            let no = item.matched.filter;
            let texts =
                shared.deps.subscriptions.filter_texts(vec![no]).await.map_err(|error| error.to_string())?;
            envelope(shared, live, item, texts.get(&no).ok_or("the text of the matched filter is gone")?)
        }
    };
    let app = live.subscription.app;
    let secrets = match shared.deps.secrets.at_hand(app) {
        Some(secrets) => secrets,
        None => shared.deps.secrets.fetch(app).await.map_err(|error| error.to_string())?,
    };
    let mut headers = shared.deps.settings.headers.with_room(HEADERS_OF_ITS_OWN);
    if let Some(token) = live.verification_token.as_ref().or(secrets.verification_token.as_ref()) {
        headers.push(&VERIFICATION_TOKEN, token);
    }
    add_own_headers(&mut headers, shared, item, &body, live.signer.as_ref().or(secrets.signer.as_ref()))?;
    Ok(Message { headers, body, within: shared.deps.settings.notification_within })
}

/// The headers that every delivery has, whatever its envelope: id, time and signature, trace, attempt.
pub(crate) fn add_own_headers(
    headers: &mut HeaderLines,
    shared: &Shared,
    item: &Item,
    body: &[bytes::Bytes; 3],
    signer: Option<&Signer>,
) -> Result<(), String> {
    let at = shared.deps.handles.now().unix_seconds();
    let mut push =
        |name: &HeaderName, text: &str| headers.push_text(name, text).map_err(|error| error.to_string());
    push(&WEBHOOK_ID, &item.event.uuid_text)?;
    push(&WEBHOOK_TIMESTAMP, &at.to_string())?;
    if let Some(signer) = signer {
        let signature = signer.sign(&item.event.uuid_text, at, &[&body[0], &body[1], &body[2]]);
        push(&WEBHOOK_SIGNATURE, &signature)?;
    }
    push(&TRACEPARENT, &traceparent(shared, &item.event))?;
    if item.attempts > 0 {
        push(&HOOKSWITCH_ATTEMPT, &(item.attempts + 1).to_string())?;
    }
    Ok(())
}

fn envelope(shared: &Shared, live: &Live, item: &Item, event: &str) -> [bytes::Bytes; 3] {
    let body = item.event.body(item.matched.shape, &shared.deps.catalogue);
    Envelope {
        uuid: &item.event.uuid_text,
        event,
        timestamp: &item.event.timestamp_text,
        subscription_id: &live.subscription_id,
        owner_id: &live.owner_id,
    }
    .parts(body)
}

/// W3C trace context: the trace is the event, so that all its deliveries stand together.
fn traceparent(shared: &Shared, event: &Dispatched) -> String {
    format!("00-{}-{:016x}-01", event.stored.event.uuid.simple(), shared.deps.handles.entropy.seed() | 1)
}

fn finish(shared: &Arc<Shared>, lane: &Arc<Lane>, item: &Item, mut report: AttemptReport) {
    if let Outcome::Retry { hint: Some(asked) } = &mut report.outcome {
        *asked = (*asked).min(shared.deps.settings.retry_after_obeyed);
    }
    let handles = &shared.deps.handles;
    let now = handles.now();
    count(shared, item, &report);
    let has_row = lane.finished(item.key, report.outcome, report.latency, handles.monotonic());
    let mut delivery =
        item.delivery().after(report.outcome, &shared.deps.settings.retry, now, handles.entropy.seed());
    if let Some(reason) = lane.ended() {
        delivery = delivery.ended(reason, now);
    }
    let attempt =
        Attempt { number: item.attempts + 1, at: now.minus(report.latency), trigger: item.trigger, report };
    write_down(shared, Some(lane), item, delivery, Some(attempt), has_row || item.has_row);
}

fn count(shared: &Shared, item: &Item, report: &AttemptReport) {
    let metrics = &shared.deps.metrics;
    metrics.attempts.inc();
    metrics.attempt_seconds.observe(report.latency.as_secs_f64());
    if item.attempts > 0 {
        metrics.retries.inc();
    }
    if let Some((class, _)) = &report.failure {
        metrics.failure(*class);
    }
}

/// Puts the delivery's next state on its way to the store. `lane` is `None` if its subscription is gone.
pub(crate) fn write_down(
    shared: &Arc<Shared>,
    lane: Option<&Arc<Lane>>,
    item: &Item,
    after: Delivery,
    attempt: Option<Attempt>,
    has_row: bool,
) {
    let metrics = &shared.deps.metrics;
    match after.state {
        DeliveryState::Delivered { .. } => metrics.delivered.inc(),
        DeliveryState::Exhausted { .. } => metrics.exhausted.inc(),
        DeliveryState::Cancelled { .. } => metrics.cancelled.inc(),
        DeliveryState::Pending { .. } => 0,
    };
    let record = Record {
        key: item.key,
        matched: item.matched,
        attempts_before: item.attempts,
        attempts: after.attempts,
        step: after.step,
        state: after.state,
        attempt,
    };
    let pending = PendingRecord { record, lane: lane.cloned(), rowless: !has_row };
    shared.intake.record(pending, shared.deps.handles.monotonic());
}

fn read_back(shared: &Arc<Shared>, lane: &Arc<Lane>) {
    let Some(held) = lane.begin_read() else { return };
    let (shared_then, lane) = (Arc::clone(shared), Arc::clone(lane));
    shared.tasks.spawn(async move {
        let shared = shared_then;
        let handles = &shared.deps.handles;
        let _at_work = shared.at_work();
        match shared.deps.log.due(lane.no, handles.now(), held, READ_BACK).await {
            Ok((waiting, left)) => {
                let since = handles.monotonic();
                let items = waiting.into_iter().map(|waiting| revived(&shared, waiting, since)).collect();
                lane.end_read(items, left);
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, lane = %lane.no, "reading back due deliveries failed");
                lane.read_failed();
                shared.alarms.at(lane.no, handles.monotonic().plus(READ_AGAIN));
                return;
            }
        }
        pump(&shared, &lane);
    });
}

fn revived(shared: &Shared, waiting: hookswitch_store::log::Waiting, since: MonoTime) -> Item {
    let event = Dispatched::new(waiting.event.clone(), &shared.deps.catalogue);
    Item::from((waiting, event, since))
}

/// Asks the store what still waits for a lane.
pub(crate) async fn recount(shared: &Arc<Shared>, lane: &Arc<Lane>) {
    let Some(held) = lane.begin_read() else { return };
    match shared.deps.log.due(lane.no, shared.deps.handles.now(), held, 0).await {
        Ok((_, left)) => lane.end_read(Vec::new(), left),
        Err(_) => lane.read_failed(),
    }
    pump(shared, lane);
}

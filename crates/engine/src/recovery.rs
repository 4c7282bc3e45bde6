//! What a starting engine does before it takes anything new: find what is not delivered yet.
//!
//! Rows that wait are only counted; their lanes read them when they are due. Events above the watermark
//! are read once, and targets without a row are queued as if the event had just been accepted. A large
//! fan-out that was cut short is matched again, from the last subscription that was written.

use std::sync::Arc;

use hookswitch_core::delivery::{EndReason, Trigger};
use hookswitch_core::id::{DeliveryKey, EventSeq, SubscriptionNo};
use hookswitch_store::StoreError;
use hookswitch_store::log::{Matched, Park, Recovery, Scope, Unrecorded};

use crate::deliverer;
use crate::dispatched::Dispatched;
use crate::intake::PendingPark;
use crate::lane::{Item, Lane};
use crate::shared::Shared;
use crate::window::Window;

/// Events read at once.
const PAGE: usize = 256;

pub(crate) async fn run(shared: &Arc<Shared>, recovery: Recovery) -> Result<(), StoreError> {
    *shared.window.lock() = Window::starting_at(recovery.watermark);
    adopt_backlogs(shared, &recovery).await?;
    let mut from = Some(recovery.watermark);
    let mut found = 0;
    while let Some(start) = from {
        let (events, next) = shared.deps.log.unrecorded(start, PAGE).await?;
        found += events.iter().map(|event| event.matched.len()).sum::<usize>();
        for event in events {
            queue(shared, event).await?;
        }
        from = next;
    }
    shared.window.lock().accepted(recovery.last_seq, 0);
    for (event, last) in &recovery.half_dispatched {
        complete_fan_out(shared, *event, *last).await?;
    }
    let waiting: u64 = recovery.backlogs.values().map(|backlog| backlog.deliveries).sum();
    tracing::info!(
        rowless = found,
        waiting,
        half_dispatched = recovery.half_dispatched.len(),
        "recovered what was not delivered"
    );
    shared.accepted.notify_one();
    let lanes: Vec<Arc<Lane>> = shared.lanes.read().values().cloned().collect();
    for lane in &lanes {
        deliverer::pump(shared, lane);
    }
    Ok(())
}

async fn adopt_backlogs(shared: &Arc<Shared>, recovery: &Recovery) -> Result<(), StoreError> {
    for (no, backlog) in &recovery.backlogs {
        match shared.lane(*no) {
            Some(lane) => lane.set_stored(*backlog),
            None => end_orphans(shared, *no).await?,
        }
    }
    Ok(())
}

/// Rows whose subscription ended while they waited and the server stopped before they were ended.
async fn end_orphans(shared: &Arc<Shared>, no: SubscriptionNo) -> Result<(), StoreError> {
    let now = shared.deps.handles.now();
    let reason = end_reason(shared, no).await?;
    let shared = Arc::clone(shared);
    let tasks = shared.tasks.clone();
    tasks.spawn(async move {
        while !shared.draining.is_cancelled() {
            match shared.deps.log.end_pending(no, reason, now, Vec::new(), PAGE).await {
                Ok(0) => return,
                Ok(ended) => {
                    shared.deps.metrics.cancelled.inc_by(ended as u64);
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, subscription = %no, "ending orphaned deliveries failed");
                    return;
                }
            }
        }
    });
    Ok(())
}

async fn end_reason(shared: &Shared, no: SubscriptionNo) -> Result<EndReason, StoreError> {
    let known = shared.deps.subscriptions.by_number(Scope::Operator, vec![no]).await?;
    let ended = known.get(&no).and_then(|known| known.ended);
    Ok(ended.map_or(EndReason::SubscriptionDeleted, |(_, reason)| reason))
}

async fn queue(shared: &Arc<Shared>, unrecorded: Unrecorded) -> Result<(), StoreError> {
    let seq = unrecorded.event.seq;
    let count = u32::try_from(unrecorded.matched.len()).unwrap_or(u32::MAX);
    shared.window.lock().accepted(seq, count);
    let due = unrecorded.event.event.accepted_at;
    let event = Dispatched::new(unrecorded.event, &shared.deps.catalogue);
    for matched in unrecorded.matched {
        let item = item(matched, &event, seq, shared);
        match shared.lane(matched.subscription) {
            Some(lane) if lane.reserve(due) => lane.enqueue(item),
            Some(lane) => {
                let park = Park { key: item.key, matched, due };
                let pending = PendingPark { park, lane, held: false };
                shared.intake.park([pending], shared.deps.handles.monotonic());
            }
            None => cancel(shared, item).await?,
        }
    }
    Ok(())
}

fn item(matched: Matched, event: &Arc<Dispatched>, seq: EventSeq, shared: &Shared) -> Item {
    Item {
        key: DeliveryKey { event: seq, subscription: matched.subscription, ordinal: 0 },
        matched,
        event: Arc::clone(event),
        attempts: 0,
        step: 0,
        due: event.stored.event.accepted_at,
        trigger: Trigger::Scheduled,
        has_row: false,
        since: shared.deps.handles.monotonic(),
    }
}

/// The subscription ended before the delivery had a row.
async fn cancel(shared: &Arc<Shared>, item: Item) -> Result<(), StoreError> {
    let no = item.key.subscription;
    let reason = end_reason(shared, no).await?;
    let after = item.delivery().ended(reason, shared.deps.handles.now());
    deliverer::write_down(shared, None, &item, after, None, false);
    Ok(())
}

async fn complete_fan_out(
    shared: &Arc<Shared>,
    seq: EventSeq,
    last: SubscriptionNo,
) -> Result<(), StoreError> {
    let Some(stored) = shared.deps.log.event(seq).await? else { return Ok(()) };
    let rest = crate::publish::rematch(shared, &stored.event, last);
    shared.intake.extend(crate::committer::slices(seq, &rest), shared.deps.handles.monotonic());
    Ok(())
}

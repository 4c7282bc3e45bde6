//! The one loop that writes: takes what waits, commits it in one go, then hands accepted events to their
//! lanes and answers the publishers.
//!
//! What arrives during a commit is the next group, so groups are as large as the load asks for and
//! nobody waits to fill one (measured: waiting does not pay). Outcomes alone wait at most half of
//! `limits::RECORD_WITHIN`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hookswitch_core::delivery::{DeliveryState, Trigger};
use hookswitch_core::event::StoredEvent;
use hookswitch_core::id::{DeliveryKey, EventSeq};
use hookswitch_core::limits::{FAN_OUT_SLICE, RECORD_WITHIN};
use hookswitch_store::StoreError;
use hookswitch_store::log::{Acceptance, Batch, Committed, Extension, Matched, NewEvent};

use crate::deliverer;
use crate::dispatched::Dispatched;
use crate::intake::{Group, Next, Request, Room};
use crate::lane::{Item, Lane};
use crate::shared::Shared;
use crate::sweeper;
use crate::usage::Counts;

/// How long outcomes may wait for company.
pub(crate) const COMPANY: Duration = Duration::from_millis(RECORD_WITHIN.as_millis() as u64 / 2);
/// After a commit that failed, outcomes are tried again after this.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Runs until the intake is closed and empty.
pub(crate) async fn run(shared: Arc<Shared>) {
    let handles = shared.deps.handles.clone();
    loop {
        match shared.intake.next() {
            Next::Done => return,
            Next::Idle => shared.intake.arrived.notified().await,
            Next::RecordsSince(since) => {
                let company_until = since.plus(COMPANY);
                if handles.monotonic() < company_until {
                    tokio::select! {
                        biased;
                        () = shared.intake.arrived.notified() => {}
                        () = handles.clock.sleep_until(company_until) => {}
                    }
                } else {
                    commit(&shared).await;
                }
            }
            Next::CommitNow => {
                // Let publishers that are ready in this very moment join the group.
                tokio::task::yield_now().await;
                commit(&shared).await;
            }
        }
    }
}

async fn commit(shared: &Arc<Shared>) {
    let _at_work = shared.at_work();
    let mut group = shared.intake.take();
    let batch = batch_of(shared, &mut group);
    let size = batch.requests.iter().map(|events| events.len()).sum::<usize>()
        + batch.records.len()
        + batch.parks.len();
    let kept = batch.requests.clone();
    let began = shared.deps.handles.monotonic();
    let result = shared.deps.log.commit(batch).await;
    let took = shared.deps.handles.monotonic().since(began);
    match result {
        Ok(committed) => {
            let metrics = &shared.deps.metrics;
            metrics.commit_seconds.observe(took.as_secs_f64());
            metrics.commit_size.observe(size as f64);
            metrics.transactions.inc_by(committed.transactions.into());
            shared.store_fails.store(false, Ordering::Relaxed);
            shared.last_commit.store(shared.deps.handles.now().0, Ordering::Relaxed);
            apply(shared, group, kept, committed);
        }
        Err(error) => failed(shared, group, &error).await,
    }
}

fn batch_of(shared: &Arc<Shared>, group: &mut Group) -> Batch {
    Batch {
        requests: group
            .requests
            .iter_mut()
            .map(|request| Arc::new(std::mem::take(&mut request.events)))
            .collect(),
        extensions: group.extensions.clone(),
        records: group.records.iter().map(|pending| pending.record.clone()).collect(),
        parks: group.parks.iter().map(|pending| pending.park).collect(),
        watermark: Some(shared.window.lock().watermark()),
        now: shared.deps.handles.now(),
    }
}

async fn failed(shared: &Arc<Shared>, mut group: Group, error: &StoreError) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "a commit failed; outcomes are held and tried again"
    );
    shared.store_fails.store(true, Ordering::Relaxed);
    for request in std::mem::take(&mut group.requests) {
        request.refuse(StoreError::Unavailable(error.to_string()));
    }
    let outcomes = !(group.records.is_empty() && group.parks.is_empty() && group.extensions.is_empty());
    if outcomes {
        let handles = &shared.deps.handles;
        shared.intake.put_back(group, handles.monotonic());
        tokio::select! {
            () = handles.sleep(AFTER_FAILURE) => {}
            () = shared.abandoned.cancelled() => {}
        }
    }
}

/// Everything in the group is durable now.
fn apply(shared: &Arc<Shared>, group: Group, events: Vec<Arc<Vec<NewEvent>>>, committed: Committed) {
    shared.deps.metrics.stale_records.inc_by(committed.stale_records.len() as u64);
    records_written(shared, &group);
    parks_written(shared, &group);
    extensions_written(shared, &group);
    for ((request, events), result) in group.requests.into_iter().zip(events).zip(committed.requests) {
        match &result {
            Ok(acceptances) => accepted(shared, &request, Arc::unwrap_or_clone(events), acceptances),
            Err(_) => request.release(),
        }
        // The publisher may have gone; the event is accepted all the same.
        let _ = request.reply.send(result);
    }
}

fn records_written(shared: &Arc<Shared>, group: &Group) {
    for pending in &group.records {
        let record = &pending.record;
        if pending.rowless {
            shared.window.lock().written(record.key.event);
        }
        match (&pending.lane, record.state) {
            (Some(lane), DeliveryState::Pending { due }) => {
                lane.row_waits(Some(record.key), due, 1);
                offer(shared, lane);
            }
            (Some(lane), _) => lane.row_ended(record.key),
            (None, _) => {}
        }
    }
}

/// A row of this lane waits. If its subscription ended while the row was on its way to the store, whoever
/// wound the lane up could not see it: it is ended now.
fn offer(shared: &Arc<Shared>, lane: &Arc<Lane>) {
    match lane.ended() {
        Some(reason) => {
            shared.tasks.spawn(sweeper::wind_up(Arc::clone(shared), Arc::clone(lane), reason));
        }
        None => deliverer::pump(shared, lane),
    }
}

fn parks_written(shared: &Arc<Shared>, group: &Group) {
    for pending in &group.parks {
        shared.window.lock().written(pending.park.key.event);
        shared.deps.metrics.parked.inc();
        if !pending.held {
            pending.lane.row_waits(None, pending.park.due, 1);
            offer(shared, &pending.lane);
        }
    }
}

fn extensions_written(shared: &Arc<Shared>, group: &Group) {
    let now = shared.deps.handles.now();
    for matched in group.extensions.iter().flat_map(|extension| &extension.matched) {
        if let Some(lane) = shared.lane(matched.subscription) {
            lane.row_waits(None, now, 1);
            offer(shared, &lane);
        }
    }
}

fn accepted(shared: &Arc<Shared>, request: &Request, events: Vec<NewEvent>, acceptances: &[Acceptance]) {
    let mut seqs = Vec::with_capacity(request.rest.len());
    for (index, (new, acceptance)) in events.into_iter().zip(acceptances).enumerate() {
        let rooms = &request.rooms[index];
        match acceptance {
            Acceptance::Duplicate => {
                shared.deps.metrics.duplicates.inc();
                rooms.iter().filter(|room| room.reserved).for_each(|room| room.lane.release_reservation());
            }
            Acceptance::Stored(seq) => {
                shared.deps.metrics.published.inc();
                shared.deps.metrics.matched.inc_by(new.matched.len() as u64);
                let of = (new.event.account, new.event.accepted_at.utc_day());
                let (deliveries, bytes) = (new.matched.len() as u64, new.event.body.len() as u64);
                shared.usage.count(of, Counts { events: 1, deliveries, bytes });
                seqs.push((index, *seq, of));
                dispatch(shared, *seq, new, rooms);
            }
        }
    }
    for (index, rest) in &request.rest {
        if let Some((_, seq, of)) = seqs.iter().find(|(stored, ..)| stored == index) {
            shared.deps.metrics.matched.inc_by(rest.len() as u64);
            shared.usage.count(*of, Counts { deliveries: rest.len() as u64, ..Counts::default() });
            shared.intake.extend(slices(*seq, rest), shared.deps.handles.monotonic());
        }
    }
}

/// The rest of a large fan-out, in slices that each take the writer only for a moment.
pub(crate) fn slices(event: EventSeq, rest: &[Matched]) -> Vec<Extension> {
    let count = rest.len().div_ceil(FAN_OUT_SLICE).max(1);
    let mut chunks = rest.chunks(FAN_OUT_SLICE);
    (1..=count)
        .map(|part| Extension {
            event,
            matched: chunks.next().unwrap_or_default().to_vec(),
            complete: part == count,
        })
        .collect()
}

fn dispatch(shared: &Arc<Shared>, seq: EventSeq, new: NewEvent, rooms: &[Room]) {
    let rowless = new.matched.len() - new.parked.len();
    shared.window.lock().accepted(seq, u32::try_from(rowless).unwrap_or(u32::MAX));
    if new.matched.is_empty() {
        return;
    }
    shared.accepted.notify_one();
    let since = shared.deps.handles.monotonic();
    let due = new.event.accepted_at;
    for Room { lane, .. } in rooms.iter().filter(|room| !room.reserved) {
        shared.deps.metrics.parked.inc();
        lane.row_waits(None, due, 1);
        deliverer::pump(shared, lane);
    }
    if rowless == 0 {
        return;
    }
    let event = Dispatched::new(StoredEvent { seq, event: new.event }, &shared.deps.catalogue);
    for (matched, room) in new.matched.iter().zip(rooms).filter(|(_, room)| room.reserved) {
        room.lane.enqueue(Item {
            key: DeliveryKey { event: seq, subscription: matched.subscription, ordinal: 0 },
            matched: *matched,
            event: Arc::clone(&event),
            attempts: 0,
            step: 0,
            due,
            trigger: Trigger::Scheduled,
            has_row: false,
            since,
        });
        deliverer::pump(shared, &room.lane);
    }
}

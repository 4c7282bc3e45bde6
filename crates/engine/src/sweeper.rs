//! What happens by the clock: subscriptions expire, rowless deliveries that wait get rows, backlogs stay
//! within their cap, rows of ended subscriptions are ended.
//!
//! A step of the wall clock of more than 30 s holds expiry for five minutes and is logged: a wrong clock
//! must not end anybody's subscription.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::clock::{Handles, MonoTime, WallTime};
use hookswitch_core::delivery::EndReason;
use hookswitch_core::id::{DeliveryKey, SubscriptionNo};
use hookswitch_store::log::Park;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::clock_steps::ClockSteps;
use crate::deliverer;
use crate::intake::PendingPark;
use crate::lane::Lane;
use crate::shared::Shared;

const PERIOD: Duration = Duration::from_secs(1);
/// A delivery without a row gets one when it is older than this, so that the watermark goes on and a start
/// reads little.
const ROWLESS_AT_MOST: Duration = Duration::from_secs(5);
/// Rows ended at once; each such step takes the writer only for a moment.
const ENDED_AT_ONCE: usize = 200;
const HOLD_AFTER_STEP: Duration = Duration::from_secs(5 * 60);
/// The longest sleep, so that a step of the wall clock is noticed within this.
pub(crate) const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// When which subscription expires.
#[derive(Default)]
pub(crate) struct Expiries {
    by_time: Mutex<BTreeSet<(WallTime, SubscriptionNo)>>,
    changed: Notify,
}

impl Expiries {
    pub(crate) fn add(&self, at: WallTime, no: SubscriptionNo) {
        self.by_time.lock().insert((at, no));
        self.changed.notify_one();
    }

    pub(crate) fn remove(&self, at: WallTime, no: SubscriptionNo) {
        self.by_time.lock().remove(&(at, no));
    }

    pub(crate) fn earliest(&self) -> Option<WallTime> {
        self.by_time.lock().first().map(|(at, _)| *at)
    }

    fn take_until(&self, now: WallTime) -> Vec<SubscriptionNo> {
        let mut by_time = self.by_time.lock();
        let mut expired = Vec::new();
        while let Some((at, no)) = by_time.first().copied()
            && at <= now
        {
            by_time.pop_first();
            expired.push(no);
        }
        expired
    }
}

/// Holds expiry for a while after a step of the wall clock.
pub(crate) struct Hold {
    steps: ClockSteps,
    until: MonoTime,
}

impl Hold {
    pub(crate) fn new(handles: &Handles) -> Self {
        Self { steps: ClockSteps::new(handles), until: MonoTime::default() }
    }

    /// Until when what goes by the wall clock must still be held.
    pub(crate) fn look(&mut self, handles: &Handles) -> Option<MonoTime> {
        if let Some(step) = self.steps.look(handles) {
            let hold = HOLD_AFTER_STEP;
            tracing::warn!(step_ms = %step, hold_s = hold.as_secs(), "the wall clock was stepped; expiry and retention are held");
            self.until = handles.monotonic().plus(hold);
        }
        (handles.monotonic() < self.until).then_some(self.until)
    }
}

/// Ends subscriptions when their time has come.
pub(crate) async fn expire(shared: Arc<Shared>) {
    let handles = shared.deps.handles.clone();
    let mut hold = Hold::new(&handles);
    loop {
        let held = hold.look(&handles);
        if held.is_none() {
            for no in shared.expiries.take_until(handles.now()) {
                expire_one(&shared, no).await;
            }
        }
        let wait =
            shared.expiries.earliest().map_or(LONGEST_SLEEP, |at| at.since(handles.now()).min(LONGEST_SLEEP));
        let until = handles.monotonic().plus(wait);
        tokio::select! {
            () = shared.draining.cancelled() => return,
            () = shared.expiries.changed.notified() => {}
            () = handles.clock.sleep_until(held.map_or(until, |held| held.max(until))) => {}
        }
    }
}

async fn expire_one(shared: &Arc<Shared>, no: SubscriptionNo) {
    let _at_work = shared.at_work();
    match shared.deps.subscriptions.end_expired(no, shared.deps.handles.now()).await {
        Ok(true) => crate::remove(shared, no, EndReason::SubscriptionExpired),
        Ok(false) => {}
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, subscription = %no, "writing down an expiry failed");
            shared.expiries.add(shared.deps.handles.now().plus(PERIOD), no);
        }
    }
}

/// Looks at every lane, a period after something was accepted; again as long as something is rowless.
pub(crate) async fn tend(shared: Arc<Shared>) {
    let handles = shared.deps.handles.clone();
    loop {
        let period = async {
            shared.accepted.notified().await;
            handles.sleep(PERIOD).await;
        };
        tokio::select! {
            () = shared.draining.cancelled() => return,
            () = period => {}
        }
        let lanes: Vec<Arc<Lane>> = shared.lanes.read().values().cloned().collect();
        for lane in &lanes {
            park_overdue(&shared, lane, handles.monotonic());
            if lane.counts().stored > shared.deps.settings.backlog_deliveries {
                cap_backlog(&shared, lane).await;
            }
        }
        if !shared.window.lock().is_clear() {
            shared.accepted.notify_one();
        }
    }
}

fn park_overdue(shared: &Arc<Shared>, lane: &Arc<Lane>, now: MonoTime) {
    let before =
        MonoTime(now.0.saturating_sub(u64::try_from(ROWLESS_AT_MOST.as_nanos()).unwrap_or(u64::MAX)));
    let overdue = lane.overdue(before);
    if overdue.is_empty() {
        return;
    }
    let parks = overdue.into_iter().map(|(key, matched, due, held)| PendingPark {
        park: Park { key, matched, due },
        lane: Arc::clone(lane),
        held,
    });
    shared.intake.park(parks, now);
}

/// The oldest beyond the cap become exhausted; they stay in the log and can be replayed.
async fn cap_backlog(shared: &Arc<Shared>, lane: &Arc<Lane>) {
    let stored = lane.counts().stored;
    let beyond = stored.saturating_sub(shared.deps.settings.backlog_deliveries);
    let mut left = usize::try_from(beyond).unwrap_or(usize::MAX);
    while left > 0 {
        let slice = left.min(ENDED_AT_ONCE);
        match end_some(shared, lane, EndReason::BacklogLimit, slice).await {
            0 => break,
            ended => left = left.saturating_sub(ended),
        }
    }
    deliverer::recount(shared, lane).await;
}

/// Ends all rows of a lane whose subscription is gone, then forgets the lane.
pub(crate) async fn wind_up(shared: Arc<Shared>, lane: Arc<Lane>, reason: EndReason) {
    loop {
        let ended = end_some(&shared, &lane, reason, ENDED_AT_ONCE).await;
        if ended == 0 && lane.held().is_empty() && lane.counts().in_flight == 0 {
            break;
        }
        if ended < ENDED_AT_ONCE {
            tokio::select! {
                () = shared.draining.cancelled() => return,
                () = shared.deps.handles.sleep(PERIOD) => {}
            }
        }
    }
    let mut lanes = shared.lanes.write();
    if lanes.get(&lane.no).is_some_and(|present| Arc::ptr_eq(present, &lane)) {
        lanes.remove(&lane.no);
    }
}

async fn end_some(shared: &Arc<Shared>, lane: &Lane, reason: EndReason, limit: usize) -> usize {
    let held: Vec<DeliveryKey> = lane.held();
    match shared.deps.log.end_pending(lane.no, reason, shared.deps.handles.now(), held, limit).await {
        Ok(ended) => {
            let metrics = &shared.deps.metrics;
            let counter = match reason {
                EndReason::BacklogLimit | EndReason::TimeToLive => &metrics.exhausted,
                _ => &metrics.cancelled,
            };
            counter.inc_by(ended as u64);
            ended
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, lane = %lane.no, "ending waiting deliveries failed");
            0
        }
    }
}

//! Reminders: subscriptions that asked for it are told that they are about to expire (contract.md §4.4).
//!
//! When one is due follows from the subscription's end alone (`core::reminder`), and so does its uuid:
//! whether it was made already is looked up in the event log. So a restart or a step of the clock neither
//! repeats nor loses one. Of several that were missed only the latest is made. A reminder is an event like
//! any other from there on, with one target.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::clock::WallTime;
use hookswitch_core::envelope::reminder_body;
use hookswitch_core::event::Event;
use hookswitch_core::id::{FilterNo, SubscriptionNo};
use hookswitch_core::reminder;
use hookswitch_store::StoreError;
use hookswitch_store::log::{AcceptError, Acceptance, Scope};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::clock_steps::ClockSteps;
use crate::lane::{Lane, Live};
use crate::publish;
use crate::shared::Shared;
use crate::sweeper::LONGEST_SLEEP;

/// Reminders made together.
const AT_ONCE: usize = 256;
/// After an error of the store, a reminder is tried again after this.
const AGAIN: Duration = Duration::from_secs(1);

/// When to look at which subscription. One that asks for no reminders is not here.
#[derive(Default)]
pub(crate) struct Plan {
    set: Mutex<Set>,
    changed: Notify,
}

#[derive(Default)]
struct Set {
    by_time: BTreeSet<(WallTime, SubscriptionNo)>,
    by_subscription: HashMap<SubscriptionNo, WallTime>,
}

impl Plan {
    /// Plans for the subscription as it is now: the reminder that it should have had last, else the next.
    pub(crate) fn put(&self, live: &Live, now: WallTime) {
        let look = live.latest_reminder(now).map(|(due, _)| due).or_else(|| live.next_reminder(now));
        self.set(live.subscription.no, look);
    }

    pub(crate) fn remove(&self, no: SubscriptionNo) {
        self.set(no, None);
    }

    pub(crate) fn earliest(&self) -> Option<WallTime> {
        self.set.lock().by_time.first().map(|(at, _)| *at)
    }

    fn set(&self, no: SubscriptionNo, at: Option<WallTime>) {
        let mut set = self.set.lock();
        if let Some(before) = set.by_subscription.remove(&no) {
            set.by_time.remove(&(before, no));
        }
        let Some(at) = at else { return };
        set.by_subscription.insert(no, at);
        set.by_time.insert((at, no));
        drop(set);
        self.changed.notify_one();
    }

    /// Leaves what a change of the subscription has planned meanwhile.
    fn set_if_absent(&self, no: SubscriptionNo, at: Option<WallTime>) {
        let mut set = self.set.lock();
        if let Some(at) = at
            && !set.by_subscription.contains_key(&no)
        {
            set.by_subscription.insert(no, at);
            set.by_time.insert((at, no));
        }
    }

    fn take_due(&self, now: WallTime) -> Vec<SubscriptionNo> {
        let mut set = self.set.lock();
        let mut due = Vec::new();
        while due.len() < AT_ONCE
            && let Some((at, no)) = set.by_time.first().copied()
            && at <= now
        {
            set.by_time.pop_first();
            set.by_subscription.remove(&no);
            due.push(no);
        }
        due
    }
}

impl Live {
    /// The reminder that is due by now, with the filter that asked for it; of several filters the first.
    fn latest_reminder(&self, now: WallTime) -> Option<(WallTime, FilterNo)> {
        let expires_at = self.subscription.expires_at;
        let due = |(no, reminder): &(FilterNo, reminder::Reminder)| {
            reminder.latest_due(expires_at, now).map(|due| (due, *no))
        };
        self.reminders
            .iter()
            .filter_map(due)
            .reduce(|best, other| if other.0 > best.0 { other } else { best })
    }

    fn next_reminder(&self, after: WallTime) -> Option<WallTime> {
        let expires_at = self.subscription.expires_at;
        self.reminders.iter().filter_map(|(_, reminder)| reminder.next_due(expires_at, after)).min()
    }
}

/// Makes reminders when they are due, until the server stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let handles = shared.deps.handles.clone();
    let mut steps = ClockSteps::new(&handles);
    loop {
        if steps.look(&handles).is_some() {
            plan_anew(&shared);
        }
        let due = shared.reminders.take_due(handles.now());
        if !due.is_empty() {
            make(&shared, due).await;
            continue;
        }
        let wait = shared
            .reminders
            .earliest()
            .map_or(LONGEST_SLEEP, |at| at.since(handles.now()).min(LONGEST_SLEEP));
        tokio::select! {
            () = shared.draining.cancelled() => return,
            () = shared.reminders.changed.notified() => {}
            () = handles.sleep(wait) => {}
        }
    }
}

/// After a step back, what was due may be due again, and what was passed over may be due for the first time.
fn plan_anew(shared: &Shared) {
    let now = shared.deps.handles.now();
    for lane in shared.lanes.read().values() {
        shared.reminders.put(&lane.live(), now);
    }
}

async fn make(shared: &Arc<Shared>, due: Vec<SubscriptionNo>) {
    let _at_work = shared.at_work();
    let mut accepting = Vec::with_capacity(due.len());
    for lane in due.into_iter().filter_map(|no| shared.lane(no)) {
        match begin(shared, &lane).await {
            Ok(Some(answer)) => accepting.push((lane, answer)),
            Ok(None) => go_on(shared, &lane),
            Err(error) => put_off(shared, &lane, &error),
        }
    }
    for (lane, answer) in accepting {
        match answer.await {
            Ok(Ok(_) | Err(AcceptError::UuidTaken { .. })) => go_on(shared, &lane),
            Ok(Err(AcceptError::Store(error))) => put_off(shared, &lane, &error),
            // The server is closing down; the next start finds what was not made.
            Err(_) => return,
        }
    }
}

type Answer = oneshot::Receiver<Result<Vec<Acceptance>, AcceptError>>;

/// Hands the reminder that is due to the committer; `None` if there is none, or it was made before.
async fn begin(shared: &Shared, lane: &Arc<Lane>) -> Result<Option<Answer>, StoreError> {
    let live = lane.live();
    let subscription = &live.subscription;
    let now = shared.deps.handles.now();
    if lane.ended().is_some() || subscription.is_expired(now) {
        return Ok(None);
    }
    let Some((due, filter)) = live.latest_reminder(now) else { return Ok(None) };
    let uuid = reminder::event_uuid(subscription.id, due);
    let scope = Scope::Account(subscription.account);
    if !shared.deps.log.event_by_uuid(scope, uuid).await?.is_empty() {
        return Ok(None);
    }
    let text = live.filter_text(filter).unwrap_or_default();
    let event = Event {
        uuid,
        account: subscription.account,
        name: text.split('?').next().unwrap_or_default().to_owned(),
        timestamp: now,
        accepted_at: now,
        body: reminder_body(subscription.expires_in(now)),
        recipients: None,
    };
    publish::to_one(shared, event, lane, filter).map(Some)
}

fn go_on(shared: &Shared, lane: &Lane) {
    let (live, now) = (lane.live(), shared.deps.handles.now());
    if lane.ended().is_none() && !live.subscription.is_expired(now) {
        shared.reminders.set_if_absent(lane.no, live.next_reminder(now));
    }
}

fn put_off(shared: &Shared, lane: &Lane, error: &StoreError) {
    tracing::error!(error = error as &dyn std::error::Error, subscription = %lane.no, "a reminder could not be made; it is tried again");
    shared.reminders.set_if_absent(lane.no, Some(shared.deps.handles.now().plus(AGAIN)));
}

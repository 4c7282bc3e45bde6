//! The engine: the loops that take an event from its acceptance to recorded outcomes.
//!
//! It knows the store and the transports as traits only, and nothing of HTTP requests or SQL.
//!
//! - `publish` matches and asks for room; `intake` gathers what waits; `committer` writes it.
//! - `lane` decides what goes next to one endpoint, `pace` how much at once, `gate` how much over all.
//! - `conference` makes what conference endpoints get;
//!   `deliverer` all else: it sends and writes outcomes down; `alarms` says when to look at a lane again.
//! - `sweeper`, `reminding` and `retention` do what happens by the clock (`clock_steps`: when it is set);
//!   `recovery` what a start has to find out.
//! - `usage` counts what accounts use.
//! - `window` keeps the watermark; see the store's `log` for what it means.

mod alarms;
mod clock_steps;
mod committer;
mod conference;
mod deliverer;
mod dispatched;
mod gate;
mod intake;
mod lane;
pub mod metrics;
pub mod pace;
mod publish;
mod recovery;
mod reminding;
pub mod retention;
mod shared;
mod sweeper;
pub mod usage;
mod window;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use hookswitch_core::clock::{MonoTime, WallTime};
use hookswitch_core::delivery::EndReason;
use hookswitch_core::filter::ParsedFilter;
use hookswitch_core::id::{EventSeq, FilterNo, SubscriptionNo};
use hookswitch_core::matching::{Index, Subscriber};
use hookswitch_core::reminder::Reminder;
use hookswitch_core::subscription::{Status, Subscription, SubscriptionChanges, Target};
use hookswitch_store::StoreError;
use hookswitch_store::log::Acceptance;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use publish::{Publication, PublishError};
pub use shared::{AppSecrets, Deps, Secrets, Settings};

use crate::lane::{Lane, Live};
use crate::shared::Shared;
use crate::window::Window;

/// Filters loaded at once when starting.
const FILTERS_A_PAGE: usize = 10_000;
/// Filters that come into the index or leave it while everybody else waits for it: a few milliseconds.
const FILTERS_AT_ONCE: usize = 256;

/// A running engine. Cheap to clone; `stop` ends it for all.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    committing: TaskTracker,
}

/// What health and metrics ask about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vitals {
    pub waiting: u64,
    pub in_flight: u64,
    /// How long the oldest delivery that is due has waited.
    pub oldest_due_age: Duration,
    /// Whether the last commit failed.
    pub store_fails: bool,
    pub subscriptions: usize,
    pub filters: usize,
}

impl Engine {
    /// Loads the subscriptions, finds what is not delivered yet and starts the loops. When it returns,
    /// the engine takes events.
    pub async fn start(deps: Deps) -> Result<Self, StoreError> {
        let in_flight = deps.settings.in_flight;
        let shared = Arc::new(Shared {
            deps,
            index: RwLock::new(Index::default()),
            lanes: RwLock::new(HashMap::new()),
            expiries: sweeper::Expiries::default(),
            reminders: reminding::Plan::default(),
            intake: intake::Intake::default(),
            window: Mutex::new(Window::starting_at(EventSeq(1))),
            accepted: Notify::new(),
            alarms: alarms::Alarms::default(),
            gate: gate::Gate::new(in_flight),
            draining: CancellationToken::new(),
            abandoned: CancellationToken::new(),
            tasks: TaskTracker::new(),
            at_work: AtomicUsize::new(0),
            usage: usage::Usage::default(),
            store_fails: AtomicBool::new(false),
            last_commit: AtomicI64::new(0),
        });
        let engine = Self { shared, committing: TaskTracker::new() };
        load(&engine.shared).await?;
        let recovery = engine.shared.deps.log.recover().await?;
        engine.committing.spawn(committer::run(Arc::clone(&engine.shared)));
        recovery::run(&engine.shared, recovery).await?;
        let tasks = &engine.shared.tasks;
        tasks.spawn(deliverer::ring(Arc::clone(&engine.shared)));
        tasks.spawn(sweeper::expire(Arc::clone(&engine.shared)));
        tasks.spawn(sweeper::tend(Arc::clone(&engine.shared)));
        tasks.spawn(reminding::run(Arc::clone(&engine.shared)));
        tasks.spawn(retention::run(Arc::clone(&engine.shared)));
        Ok(engine)
    }

    /// Accepts events durably, all of the request or nothing. Returns once they survive power loss.
    pub async fn publish(&self, publications: Vec<Publication>) -> Result<Vec<Acceptance>, PublishError> {
        publish::publish(&self.shared, publications).await
    }

    pub fn vitals(&self) -> Vitals {
        let now = self.shared.deps.handles.now();
        let mut vitals = Vitals {
            store_fails: self.shared.store_fails.load(Ordering::Relaxed),
            filters: self.shared.index.read().len(),
            ..Vitals::default()
        };
        let mut oldest: Option<WallTime> = None;
        for lane in self.shared.lanes.read().values() {
            let counts = lane.counts();
            vitals.subscriptions += 1;
            vitals.waiting += counts.waiting;
            vitals.in_flight += counts.in_flight;
            oldest = oldest.into_iter().chain(counts.oldest_due).min();
        }
        vitals.oldest_due_age = oldest.map_or(Duration::ZERO, |due| now.since(due));
        vitals
    }

    /// The next moment at which the engine has something to do by the clock. For whoever moves the clock.
    pub fn next_moment(&self) -> Option<WallTime> {
        let shared = &self.shared;
        let handles = &shared.deps.handles;
        let on_the_wall = |at: MonoTime| handles.now().plus(at.since(handles.monotonic()));
        let alarm = shared.alarms.earliest().map(on_the_wall);
        let commit = shared.intake.oldest_record().map(|since| on_the_wall(since.plus(committer::COMPANY)));
        let moments = [shared.expiries.earliest(), shared.reminders.earliest(), alarm, commit];
        moments.into_iter().flatten().min()
    }

    /// Whether nothing is under way that could go on without time passing, but for the outcomes that wait
    /// for company.
    pub fn is_idle(&self) -> bool {
        let shared = &self.shared;
        shared.at_work.load(Ordering::Relaxed) == 0
            && shared.deps.metrics.in_flight.get() == 0
            && !shared.intake.has_requests()
    }

    /// Those that get nothing for now.
    pub fn blacklisted(&self) -> Vec<Arc<Subscription>> {
        let lanes = self.shared.lanes.read();
        let all = lanes.values().map(|lane| Arc::clone(&lane.live().subscription));
        all.filter(|subscription| subscription.status == Status::Blacklisted).collect()
    }

    /// What accounts use, as it is counted.
    pub fn usage(&self) -> &usage::Usage {
        &self.shared.usage
    }

    /// Brings the gauges up to date; call it before they are read.
    pub fn refresh_gauges(&self) {
        let vitals = self.vitals();
        let metrics = &self.shared.deps.metrics;
        metrics.waiting.set(i64::try_from(vitals.waiting).unwrap_or(i64::MAX));
        metrics.oldest_due_age.set(vitals.oldest_due_age.as_secs_f64());
    }

    /// Stops in two stages: no new work and attempts under way may end; then they are abandoned. Returns
    /// when everything known is written.
    pub async fn stop(&self) {
        let shared = &self.shared;
        shared.draining.cancel();
        shared.tasks.close();
        tokio::select! {
            () = shared.tasks.wait() => {}
            () = shared.deps.handles.sleep(shared.deps.settings.drain_within) => {
                shared.abandoned.cancel();
                shared.tasks.wait().await;
            }
        }
        shared.intake.close();
        self.committing.close();
        self.committing.wait().await;
    }
}

impl SubscriptionChanges for Engine {
    fn added(&self, subscription: Arc<Subscription>) {
        insert(&self.shared, subscription);
    }

    fn replaced(&self, subscription: Arc<Subscription>) {
        let Some(lane) = self.shared.lane(subscription.no) else { return };
        let before = lane.live();
        self.shared.expiries.remove(before.subscription.expires_at, subscription.no);
        self.shared.expiries.add(subscription.expires_at, subscription.no);
        let reminders = if before.subscription.filters == subscription.filters {
            before.reminders.clone()
        } else {
            let parsed = parsed_filters(&self.shared, &subscription);
            // The old ones go after the new ones came: no event slips through between them.
            let added = insert_filters(&self.shared, &subscription, &parsed);
            while self.shared.index.write().retire(subscription.no, added, FILTERS_AT_ONCE) {}
            reminders_of(&parsed)
        };
        let endpoint = match before.subscription.target == subscription.target {
            true => Arc::clone(&before.endpoint),
            false => open(&self.shared, &subscription),
        };
        lane.replace(Live::new(subscription, endpoint, reminders));
        self.shared.reminders.put(&lane.live(), self.shared.deps.handles.now());
        // It may have been blacklisted.
        deliverer::pump(&self.shared, &lane);
    }

    fn removed(&self, subscription: SubscriptionNo, reason: EndReason) {
        remove(&self.shared, subscription, reason);
    }
}

async fn load(shared: &Arc<Shared>) -> Result<(), StoreError> {
    let mut from = Some(SubscriptionNo(0));
    while let Some(start) = from {
        let page = shared.deps.subscriptions.load(start, FILTERS_A_PAGE).await?;
        for subscription in page.records {
            insert(shared, Arc::new(subscription));
        }
        from = page.next;
    }
    Ok(())
}

fn insert(shared: &Arc<Shared>, subscription: Arc<Subscription>) {
    let endpoint = open(shared, &subscription);
    let parsed = parsed_filters(shared, &subscription);
    let live = Live::new(Arc::clone(&subscription), endpoint, reminders_of(&parsed));
    shared.reminders.put(&live, shared.deps.handles.now());
    let lane =
        Arc::new(Lane::new(live, shared.deps.settings.in_flight_of_one, shared.deps.handles.monotonic()));
    shared.expiries.add(subscription.expires_at, subscription.no);
    shared.lanes.write().insert(subscription.no, lane);
    insert_filters(shared, &subscription, &parsed);
}

/// A few at a time, so that nobody waits long for the index. Returns how many there were to match.
fn insert_filters(
    shared: &Shared,
    subscription: &Subscription,
    parsed: &[(FilterNo, ParsedFilter)],
) -> usize {
    let insert = |slice| {
        let mut index = shared.index.write();
        index.insert(&shared.deps.catalogue, subscriber(subscription), slice)
    };
    parsed.chunks(FILTERS_AT_ONCE).map(insert).sum()
}

fn subscriber(subscription: &Subscription) -> Subscriber {
    Subscriber { no: subscription.no, account: subscription.account, owner: subscription.owner }
}

fn parsed_filters(shared: &Shared, subscription: &Subscription) -> Vec<(FilterNo, ParsedFilter)> {
    let parse = |text: &str| ParsedFilter::parse_resolved(&shared.deps.catalogue, text);
    let mut parsed = Vec::with_capacity(subscription.filters.len());
    for filter in &subscription.filters {
        match parse(&filter.text) {
            Ok(one) => parsed.push((filter.no, one)),
            // Its type has left the catalogue since: it matches nothing.
            Err(error) => {
                tracing::warn!(subscription = %subscription.id, filter = filter.text, %error, "a stored filter no longer parses");
            }
        }
    }
    parsed
}

fn reminders_of(parsed: &[(FilterNo, ParsedFilter)]) -> Vec<(FilterNo, Reminder)> {
    parsed.iter().filter_map(|(no, filter)| Some((*no, filter.reminder()?))).collect()
}

pub(crate) fn remove(shared: &Arc<Shared>, no: SubscriptionNo, reason: EndReason) {
    while shared.index.write().retire(no, 0, FILTERS_AT_ONCE) {}
    shared.index.write().remove(no);
    let Some(lane) = shared.lane(no) else { return };
    shared.expiries.remove(lane.live().subscription.expires_at, no);
    shared.reminders.remove(no);
    let now = shared.deps.handles.now();
    for item in lane.end(reason) {
        let after = item.delivery().ended(reason, now);
        deliverer::write_down(shared, Some(&lane), &item, after, None, item.has_row);
    }
    shared.tasks.spawn(sweeper::wind_up(Arc::clone(shared), lane, reason));
}

fn open(shared: &Shared, subscription: &Subscription) -> Arc<dyn hookswitch_transport::Endpoint> {
    let Target::Webhook { address, .. } = &subscription.target;
    shared.deps.transport.open_for(subscription.account, address)
}

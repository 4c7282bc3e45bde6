//! The engine: the loops that take an event from its acceptance to recorded outcomes.
//!
//! It knows the store and the transports as traits only, and nothing of HTTP requests or SQL.
//!
//! - `publish` matches and asks for room; `intake` gathers what waits; `committer` writes it.
//! - `lane` decides what goes next to one endpoint, `pace` how much at once, `gate` how much over all.
//! - `conference` makes what conference endpoints get;
//!   `deliverer` all else: it sends and writes outcomes down; `alarms` says when to look at a lane again.
//! - `sweeper` does what happens by the clock; `recovery` what a start has to find out.
//! - `usage` counts what accounts use.
//! - `window` keeps the watermark; see the store's `log` for what it means.

mod alarms;
mod committer;
mod conference;
mod deliverer;
mod dispatched;
mod gate;
mod intake;
mod lane;
pub mod metrics;
mod pace;
mod publish;
mod recovery;
mod shared;
mod sweeper;
pub mod usage;
mod window;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use hookswitch_core::clock::WallTime;
use hookswitch_core::delivery::EndReason;
use hookswitch_core::filter::ParsedFilter;
use hookswitch_core::id::{EventSeq, FilterNo, SubscriptionNo};
use hookswitch_core::matching::{Index, Subscriber};
use hookswitch_core::subscription::{Subscription, SubscriptionChanges, Target};
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
            intake: intake::Intake::default(),
            window: Mutex::new(Window::starting_at(EventSeq(1))),
            accepted: Notify::new(),
            alarms: alarms::Alarms::default(),
            gate: gate::Gate::new(in_flight),
            draining: CancellationToken::new(),
            abandoned: CancellationToken::new(),
            tasks: TaskTracker::new(),
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
        if before.subscription.filters != subscription.filters {
            let parsed = parsed_filters(&self.shared, &subscription);
            let mut index = self.shared.index.write();
            index.remove(subscription.no);
            index.insert(&self.shared.deps.catalogue, subscriber(&subscription), &parsed);
        }
        let endpoint = match before.subscription.target == subscription.target {
            true => Arc::clone(&before.endpoint),
            false => open(&self.shared, &subscription),
        };
        lane.replace(Live::new(subscription, endpoint));
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
    let live = Live::new(Arc::clone(&subscription), endpoint);
    let lane = Arc::new(Lane::new(live, shared.deps.handles.monotonic()));
    shared.expiries.add(subscription.expires_at, subscription.no);
    shared.lanes.write().insert(subscription.no, lane);
    shared.index.write().insert(&shared.deps.catalogue, subscriber(&subscription), &parsed);
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

pub(crate) fn remove(shared: &Arc<Shared>, no: SubscriptionNo, reason: EndReason) {
    shared.index.write().remove(no);
    let Some(lane) = shared.lane(no) else { return };
    shared.expiries.remove(lane.live().subscription.expires_at, no);
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

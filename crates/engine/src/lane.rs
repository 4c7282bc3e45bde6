//! A lane: the deliveries of one subscription on their way to its endpoint.
//!
//! A lane holds a bounded number of deliveries in memory; whatever is beyond waits in the store as rows
//! and is read back when there is room and it is due. Nothing here sends, stores or waits: the lane only
//! decides what goes next, under one short lock. `deliverer` acts on it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::clock::{MonoTime, WallTime};
use hookswitch_core::delivery::{Delivery, EndReason, Outcome, Trigger};
use hookswitch_core::id::{DeliveryKey, FilterNo, SubscriptionNo};
use hookswitch_core::signature::Signer;
use hookswitch_core::subscription::{Subscription, Target};
use hookswitch_store::log::{Backlog, Matched, Waiting};
use hookswitch_transport::Endpoint;
use http::HeaderValue;
use parking_lot::{Mutex, RwLock};

use crate::dispatched::Dispatched;
use crate::pace::Pace;

/// Deliveries that a lane holds in memory, about a kilobyte each with their share of the event. A burst
/// within this needs no second write; what is beyond is parked, which costs a row, a read and an update.
const HELD_IN_MEMORY: usize = 8192;
/// Deliveries read back from the store at once.
pub(crate) const READ_BACK: usize = 512;
/// A lane reads on when it holds fewer than this.
const READ_BACK_BELOW: usize = 128;

/// A delivery in memory.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) key: DeliveryKey,
    pub(crate) matched: Matched,
    pub(crate) event: Arc<Dispatched>,
    pub(crate) attempts: u32,
    pub(crate) step: u32,
    pub(crate) due: WallTime,
    pub(crate) trigger: Trigger,
    /// Whether the store has a row for it.
    pub(crate) has_row: bool,
    pub(crate) since: MonoTime,
}

impl Item {
    pub(crate) fn delivery(&self) -> Delivery {
        let mut delivery = Delivery::new(self.event.stored.event.accepted_at, self.event.time_to_live);
        delivery.state = hookswitch_core::delivery::DeliveryState::Pending { due: self.due };
        delivery.attempts = self.attempts;
        delivery.step = self.step;
        delivery
    }
}

/// The subscription as it is now, with what sending needs.
pub(crate) struct Live {
    pub(crate) subscription: Arc<Subscription>,
    pub(crate) subscription_id: String,
    pub(crate) owner_id: String,
    /// The subscription's own token and key; the app's are asked for at each attempt.
    pub(crate) verification_token: Option<HeaderValue>,
    pub(crate) signer: Option<Signer>,
    pub(crate) endpoint: Arc<dyn Endpoint>,
}

impl Live {
    pub(crate) fn new(subscription: Arc<Subscription>, endpoint: Arc<dyn Endpoint>) -> Self {
        let Target::Webhook { verification_token, signing_secret, .. } = &subscription.target;
        let verification_token =
            verification_token.as_deref().and_then(|token| HeaderValue::from_str(token).ok());
        let signer = signing_secret.as_deref().and_then(|secret| Signer::new([secret]).ok());
        Self {
            subscription_id: subscription.id.to_string(),
            owner_id: subscription.owner.to_string(),
            verification_token,
            signer,
            endpoint,
            subscription,
        }
    }

    pub(crate) fn filter_text(&self, no: FilterNo) -> Option<&str> {
        let filters = &self.subscription.filters;
        // Filters of one subscription are numbered in order of their making.
        let index = filters.binary_search_by_key(&no, |filter| filter.no).ok();
        let found =
            index.map(|index| &filters[index]).or_else(|| filters.iter().find(|filter| filter.no == no));
        found.map(|filter| filter.text.as_str())
    }
}

pub(crate) struct Lane {
    pub(crate) no: SubscriptionNo,
    live: RwLock<Arc<Live>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Item>,
    /// Room promised to publish requests whose commit is under way.
    reserved: usize,
    in_flight: Vec<InFlight>,
    /// Keys with a row that must not be read back now: queued, in flight, or their outcome unwritten.
    held: HashSet<DeliveryKey>,
    /// Rows that wait in the store and are not held.
    stored: Backlog,
    reading: bool,
    /// Rows that were committed while a read was under way, which may not have seen them.
    during_read: Backlog,
    pace: Pace,
    ended: Option<EndReason>,
}

struct InFlight {
    key: DeliveryKey,
    matched: Matched,
    due: WallTime,
    since: MonoTime,
    has_row: bool,
}

/// What a lane wants done.
pub(crate) enum Wish {
    Send(Box<Item>),
    /// Rows are due and there is room: read them.
    Read,
    /// Nothing before this moment, when stored rows become due.
    WaitUntil(WallTime),
    /// The endpoint asked for a pause.
    PausedUntil(MonoTime),
    Nothing,
}

impl Lane {
    pub(crate) fn new(live: Live, now: MonoTime) -> Self {
        Self {
            no: live.subscription.no,
            live: RwLock::new(Arc::new(live)),
            state: Mutex::new(State { pace: Pace::new(now), ..State::default() }),
        }
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read())
    }

    pub(crate) fn replace(&self, live: Live) {
        *self.live.write() = Arc::new(live);
    }

    /// Promises room for one more delivery; false means that it must be parked in the store. While rows
    /// wait there, newer ones queue behind them, to keep about the order of acceptance.
    pub(crate) fn reserve(&self, now: WallTime) -> bool {
        let mut state = self.state.lock();
        let due_rows = state.stored.earliest_due.is_some_and(|due| due <= now);
        if state.reading || due_rows || state.queue.len() + state.reserved >= HELD_IN_MEMORY {
            return false;
        }
        state.reserved += 1;
        true
    }

    pub(crate) fn release_reservation(&self) {
        let mut state = self.state.lock();
        state.reserved = state.reserved.saturating_sub(1);
    }

    /// Takes a delivery for which room was reserved.
    pub(crate) fn enqueue(&self, item: Item) {
        let mut state = self.state.lock();
        state.reserved = state.reserved.saturating_sub(1);
        state.queue.push_back(item);
    }

    /// A row for this lane was committed, to be attempted when it is due.
    pub(crate) fn row_waits(&self, key: Option<DeliveryKey>, due: WallTime, rows: u64) {
        let mut state = self.state.lock();
        if let Some(key) = key {
            state.held.remove(&key);
        }
        let more = Backlog { deliveries: rows, earliest_due: Some(due) };
        state.stored = joined(state.stored, more);
        if state.reading {
            state.during_read = joined(state.during_read, more);
        }
    }

    pub(crate) fn row_ended(&self, key: DeliveryKey) {
        self.state.lock().held.remove(&key);
    }

    pub(crate) fn set_stored(&self, backlog: Backlog) {
        self.state.lock().stored = backlog;
    }

    /// What to do next, if anything; a `Send` counts as in flight from here on.
    pub(crate) fn next(&self, wall: WallTime, now: MonoTime) -> Wish {
        let mut state = self.state.lock();
        if state.ended.is_some() {
            return Wish::Nothing;
        }
        if let Some(until) = state.pace.paused_until(now) {
            return Wish::PausedUntil(until);
        }
        let has_room = state.in_flight.len() < state.pace.limit();
        if has_room && let Some(item) = state.queue.pop_front() {
            state.in_flight.push(InFlight {
                key: item.key,
                matched: item.matched,
                due: item.due,
                since: item.since,
                has_row: item.has_row,
            });
            return Wish::Send(Box::new(item));
        }
        state.wish_to_read(wall)
    }

    /// Called after `Wish::Read`, once. False if somebody else is reading.
    pub(crate) fn begin_read(&self) -> Option<Vec<DeliveryKey>> {
        let mut state = self.state.lock();
        if state.reading || state.ended.is_some() {
            return None;
        }
        state.reading = true;
        Some(state.held.iter().copied().collect())
    }

    /// What a read gave. Items whose outcome meanwhile became known were excluded by `held`.
    pub(crate) fn end_read(&self, items: Vec<Item>, left: Backlog) {
        let mut state = self.state.lock();
        state.reading = false;
        for item in items {
            if state.held.insert(item.key) {
                state.queue.push_back(item);
            }
        }
        // Counts a row twice rather than forget one: the next read puts it right.
        state.stored = joined(left, std::mem::take(&mut state.during_read));
    }

    pub(crate) fn read_failed(&self) {
        let mut state = self.state.lock();
        state.reading = false;
        state.during_read = Backlog::default();
    }

    /// The attempt of `key` ended. Returns whether the delivery has a row by now.
    pub(crate) fn finished(
        &self,
        key: DeliveryKey,
        outcome: Outcome,
        latency: Duration,
        now: MonoTime,
    ) -> bool {
        let mut state = self.state.lock();
        let index = state.in_flight.iter().position(|flight| flight.key == key);
        let flight = index.map(|index| state.in_flight.swap_remove(index));
        let busy = !state.queue.is_empty();
        state.pace.note(outcome, latency, busy, now);
        flight.is_some_and(|flight| flight.has_row)
    }

    /// Gives back a delivery that was not attempted after all (the server is stopping).
    pub(crate) fn put_back(&self, item: Item) {
        let mut state = self.state.lock();
        state.in_flight.retain(|flight| flight.key != item.key);
        state.queue.push_front(item);
    }

    /// Rowless deliveries older than `before`: queued ones leave memory, those in flight stay but get a
    /// row, so that no slow endpoint holds the watermark.
    pub(crate) fn overdue(&self, before: MonoTime) -> Vec<(DeliveryKey, Matched, WallTime, bool)> {
        let mut state = self.state.lock();
        let mut overdue = Vec::new();
        while let Some(item) = state.queue.pop_front_if(|item| !item.has_row && item.since < before) {
            overdue.push((item.key, item.matched, item.due, false));
        }
        let mut rowless = Vec::new();
        for flight in &mut state.in_flight {
            if !flight.has_row && flight.since < before {
                flight.has_row = true;
                rowless.push(flight.key);
                overdue.push((flight.key, flight.matched, flight.due, true));
            }
        }
        state.held.extend(rowless);
        overdue
    }

    /// No more attempts. Returns what was queued; those in flight may end.
    pub(crate) fn end(&self, reason: EndReason) -> Vec<Item> {
        let mut state = self.state.lock();
        state.ended = Some(reason);
        state.queue.drain(..).collect()
    }

    pub(crate) fn ended(&self) -> Option<EndReason> {
        self.state.lock().ended
    }

    pub(crate) fn held(&self) -> Vec<DeliveryKey> {
        self.state.lock().held.iter().copied().collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        let state = self.state.lock();
        Counts {
            waiting: state.stored.deliveries + state.queue.len() as u64,
            in_flight: state.in_flight.len() as u64,
            stored: state.stored.deliveries,
            oldest_due: state
                .queue
                .iter()
                .map(|item| item.due)
                .take(1)
                .chain(state.stored.earliest_due)
                .chain(state.in_flight.iter().map(|flight| flight.due))
                .min(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) waiting: u64,
    pub(crate) in_flight: u64,
    pub(crate) stored: u64,
    pub(crate) oldest_due: Option<WallTime>,
}

impl State {
    fn wish_to_read(&self, wall: WallTime) -> Wish {
        if self.reading || self.queue.len() >= READ_BACK_BELOW || self.stored.deliveries == 0 {
            return Wish::Nothing;
        }
        match self.stored.earliest_due {
            Some(due) if due > wall => Wish::WaitUntil(due),
            _ => Wish::Read,
        }
    }
}

fn joined(one: Backlog, other: Backlog) -> Backlog {
    Backlog {
        deliveries: one.deliveries + other.deliveries,
        earliest_due: one.earliest_due.into_iter().chain(other.earliest_due).min(),
    }
}

impl From<(Waiting, Arc<Dispatched>, MonoTime)> for Item {
    fn from((waiting, event, since): (Waiting, Arc<Dispatched>, MonoTime)) -> Self {
        Self {
            key: waiting.key,
            matched: waiting.matched,
            event,
            attempts: waiting.attempts,
            step: waiting.step,
            due: waiting.due,
            trigger: waiting.trigger,
            has_row: true,
            since,
        }
    }
}

//! The event log: what was accepted, for whom, and what became of it.
//!
//! The whole write side is one call, [`EventLog::commit`], which takes everything that waited while the
//! last one was under way: publish requests and outcomes together, one durable commit. An event carries
//! its matched targets inside its own row, so that acceptance costs one row whatever the fan-out; a row
//! for a delivery comes into being with its first outcome, or when the delivery is *parked* because its
//! lane has no room or it has waited too long. Below the *watermark* every target has its row; at start
//! the few events above it are read again and what has no row is free to be attempted.
//!
//! Contract for every implementation:
//! 1. When `commit` returns an acceptance, that event survives kill -9 and power loss.
//! 2. A publish request is all or nothing; requests in one batch do not affect each other.
//! 3. `EventSeq` grows in the order of the requests in the batches and of the entries in a request.
//! 4. A record is applied only if the row, if there is one, is pending with `attempts_before` attempts.
//!    Otherwise it is dropped and reported in `Committed::stale_records`.
//! 5. Terminal deliveries never change.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use hookswitch_core::clock::WallTime;
use hookswitch_core::delivery::{Attempt, DeliveryState, EndReason, Trigger};
use hookswitch_core::event::{Event, StoredEvent};
use hookswitch_core::id::{AccountId, DeliveryKey, EventSeq, FilterNo, SubscriptionNo};
use uuid::Uuid;

use crate::StoreError;

/// One subscription that an event is for, as chosen by the index at acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Matched {
    pub subscription: SubscriptionNo,
    /// The filter whose text becomes the notification's `event` (D6).
    pub filter: FilterNo,
    /// The union of the shaping parameters of all filters that matched (D6, D13).
    pub shape: u8,
}

#[derive(Clone, Debug)]
pub struct NewEvent {
    pub event: Event,
    /// At most `limits::FAN_OUT_AT_ACCEPT`; if there are more, `more_to_dispatch` is set and the rest
    /// follows by `Batch::extensions`.
    pub matched: Vec<Matched>,
    pub more_to_dispatch: bool,
    /// Those of `matched` (by index) whose lane has no room: they get a row at once, due now.
    pub parked: Vec<u16>,
    /// False for a uuid that we made just now, which needs no look-up.
    pub uuid_is_publishers: bool,
    /// Whether the publisher named the timestamp; if not it is no part of "same content" (D16).
    pub timestamp_is_publishers: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    Stored(EventSeq),
    /// The same uuid with the same content was accepted within the idempotency window.
    Duplicate,
}

#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// Entry `index` has the uuid of an accepted event with other content.
    #[error("entry {index} has the uuid of another event")]
    UuidTaken { index: usize },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The next slice of targets of an event with a large fan-out. They all get rows, due now.
#[derive(Clone, Debug)]
pub struct Extension {
    pub event: EventSeq,
    pub matched: Vec<Matched>,
    /// True with the last slice.
    pub complete: bool,
}

/// The result of one attempt, with the delivery's next state.
#[derive(Clone, Debug)]
pub struct Record {
    pub key: DeliveryKey,
    pub matched: Matched,
    pub attempts_before: u32,
    pub attempts: u32,
    pub step: u32,
    pub state: DeliveryState,
    /// `None` when the state moves without an attempt (cancelled, backlog limit).
    pub attempt: Option<Attempt>,
}

/// A delivery that gets its row without an outcome, because it waits (design.md, lanes).
#[derive(Clone, Copy, Debug)]
pub struct Park {
    pub key: DeliveryKey,
    pub matched: Matched,
    pub due: WallTime,
}

#[derive(Default, Debug)]
pub struct Batch {
    /// Shared with the caller, who hands the events on once they are durable; a store drops its share
    /// before it returns.
    pub requests: Vec<Arc<Vec<NewEvent>>>,
    pub extensions: Vec<Extension>,
    pub records: Vec<Record>,
    pub parks: Vec<Park>,
    /// Every target of every event below has its row once this batch is applied. A store may remember a
    /// lower one while events come in.
    pub watermark: Option<EventSeq>,
    pub now: WallTime,
}

#[derive(Debug, Default)]
pub struct Committed {
    /// One for each of `Batch::requests`, in order.
    pub requests: Vec<Result<Vec<Acceptance>, AcceptError>>,
    pub stale_records: Vec<DeliveryKey>,
    /// Durable transactions that this batch took; usually one.
    pub transactions: u32,
}

/// A delivery that waits in the store, with all that an attempt needs.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub key: DeliveryKey,
    pub matched: Matched,
    pub attempts: u32,
    pub step: u32,
    pub due: WallTime,
    pub trigger: Trigger,
    pub event: StoredEvent,
}

/// What waits for one subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    pub deliveries: u64,
    pub earliest_due: Option<WallTime>,
}

/// What a starting engine must know.
#[derive(Debug, Default)]
pub struct Recovery {
    pub watermark: EventSeq,
    pub last_seq: EventSeq,
    /// Events whose fan-out was cut short, with the last subscription that is written.
    pub half_dispatched: Vec<(EventSeq, SubscriptionNo)>,
    pub backlogs: HashMap<SubscriptionNo, Backlog>,
}

/// An accepted event with those of its targets that have no row yet.
#[derive(Clone, Debug)]
pub struct Unrecorded {
    pub event: StoredEvent,
    pub matched: Vec<Matched>,
}

/// Whose data a history query may see. There is no third case and no default (design.md, rule 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Account(AccountId),
    /// Only for the admin token.
    Operator,
}

/// A row of the history: a delivery with its latest attempt.
#[derive(Clone, Debug)]
pub struct DeliveryView {
    pub key: DeliveryKey,
    pub matched: Matched,
    pub account: AccountId,
    pub event_uuid: Uuid,
    pub event_name: String,
    pub accepted_at: WallTime,
    pub state: DeliveryState,
    pub attempts: u32,
    pub trigger: Trigger,
    pub last_attempt: Option<Attempt>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    Pending,
    Delivered,
    Exhausted,
    Cancelled,
    /// Pending after a failure, exhausted, or cancelled.
    Undelivered,
}

/// Newest first. `after` is the cursor: the key of the last row already seen.
#[derive(Clone, Debug)]
pub struct HistoryQuery {
    pub scope: Scope,
    pub subscription: Option<SubscriptionNo>,
    pub status: Option<StatusFilter>,
    /// Exact event name, or a prefix ending in `*`.
    pub event: Option<String>,
    pub from: Option<WallTime>,
    pub to: Option<WallTime>,
    pub after: Option<DeliveryKey>,
    pub limit: usize,
}

#[derive(Clone, Debug, Default)]
pub struct HistoryPage {
    pub records: Vec<DeliveryView>,
    /// `None` at the end. May be present with few or no records: the scan was bounded, go on from here.
    pub next: Option<DeliveryKey>,
}

/// What may go from the log. Nothing that is still to be delivered goes, and nothing whose uuid must be
/// remembered.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Events that were accepted earlier may go.
    pub accepted_before: WallTime,
    /// If the log takes more than this on the disk, the oldest may go whatever their age.
    pub bytes_at_most: u64,
    pub now: WallTime,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// There may be more to drop if this is something.
    pub dropped: Option<Dropped>,
    /// When the oldest event that is left was accepted; `None` if there is none, or it is not known yet.
    pub oldest: Option<WallTime>,
}

/// A stretch of events that is gone, with all that was known about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    pub first: EventSeq,
    pub last: EventSeq,
    pub bytes: u64,
}

#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Applies everything in the batch durably. An `Err` means that nothing of it was applied, except that
    /// a store of several files may have applied records of older events; handed in again they are stale.
    /// Dropping the future does not undo a commit under way.
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError>;

    /// What a starting engine must know. Also frees what older epochs held.
    async fn recover(&self) -> Result<Recovery, StoreError>;

    /// Events from `from` on (at most `limit`, in order) that have targets without a row.
    /// The second value is where to go on; `None` at the end of the log.
    async fn unrecorded(
        &self,
        from: EventSeq,
        limit: usize,
    ) -> Result<(Vec<Unrecorded>, Option<EventSeq>), StoreError>;

    /// Pending rows of one subscription due at or before `now`, earliest due first, without those in
    /// `held` (which are in flight already), and what is left beyond both, due or not. May give fewer than
    /// `limit` if their bodies are large. Commits that end during the call may be missed.
    async fn due(
        &self,
        subscription: SubscriptionNo,
        now: WallTime,
        held: Vec<DeliveryKey>,
        limit: usize,
    ) -> Result<(Vec<Waiting>, Backlog), StoreError>;

    /// Ends at most `limit` pending rows of a subscription and says how many that was; 0 only if there are
    /// no more. `held` ones are left to their attempt. For `EndReason::BacklogLimit` the oldest events go
    /// first; where all rows are to end, the order is the store's.
    async fn end_pending(
        &self,
        subscription: SubscriptionNo,
        reason: EndReason,
        now: WallTime,
        held: Vec<DeliveryKey>,
        limit: usize,
    ) -> Result<usize, StoreError>;

    /// Drops one old stretch of events, if there is any that may go: a short step, to be repeated.
    async fn drop_oldest(&self, retention: Retention) -> Result<Retained, StoreError>;

    /// Oldest first, with all targets (of a very large fan-out, the first ten thousand).
    async fn event_by_uuid(
        &self,
        scope: Scope,
        uuid: Uuid,
    ) -> Result<Vec<(StoredEvent, Vec<Matched>)>, StoreError>;

    async fn event(&self, seq: EventSeq) -> Result<Option<StoredEvent>, StoreError>;

    /// One delivery with all its attempts, oldest first.
    async fn delivery(
        &self,
        scope: Scope,
        key: DeliveryKey,
    ) -> Result<Option<(DeliveryView, Vec<Attempt>)>, StoreError>;

    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError>;
}

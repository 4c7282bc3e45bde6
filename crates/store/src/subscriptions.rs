//! Subscriptions and the texts of their filters, as operations on storage.
//!
//! Two callers, two ways in. What a user may do takes an [`Owner`] and a [`Door`]: another user's, app's
//! or door's subscription does not exist for it. What the engine and the operator do takes the number
//! of a subscription, or a [`Scope`].
//!
//! Contract for every implementation:
//! 1. What a call returns is durable.
//! 2. An expired subscription does not exist for an owner, whether or not a sweep has ended it, and
//!    does not count for the limit.
//! 3. A subscription that ended is kept as a *tombstone*, and replaced filters are kept as texts, until
//!    `forget` drops them: the history names subscriptions and filters that are gone.
//! 4. `SubscriptionNo` and `FilterNo` grow and are never reused.
//! 5. A change is seen as a whole or not at all, also one of 20 000 filters; yet no single transaction
//!    of it holds the writer longer than `limits::WRITER_UNIT` on usual hardware. What a crash leaves
//!    of an unfinished change is never seen, and `forget` drops it.
//! 6. Secrets are encrypted at rest.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use hookswitch_core::clock::WallTime;
use hookswitch_core::delivery::EndReason;
use hookswitch_core::id::{AccountId, AppNo, ExtensionId, FilterNo, SubscriptionId, SubscriptionNo};
use hookswitch_core::subscription::{
    BlacklistedData, DisabledFilter, Door, Owner, Status, Subscription, Target,
};

use crate::StoreError;
use crate::log::Scope;

/// A subscription that is to be.
#[derive(Clone, Debug)]
pub struct NewSubscription {
    pub id: SubscriptionId,
    pub door: Door,
    pub owner: Owner,
    pub created_at: WallTime,
    /// It expires this long after its creation.
    pub lifetime: Duration,
    pub filters: FilterTexts,
    pub target: Target,
}

/// A set of filters: in order, resolved, without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterTexts {
    pub granted: Vec<String>,
    pub disabled: Vec<DisabledFilter>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    Created(Box<Subscription>),
    /// The user has as many live subscriptions with this app as are allowed (D8), over all doors.
    LimitReached,
}

/// What becomes of a subscription by a PUT or a renewal.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub filters: Option<FilterTexts>,
    /// The lifetime becomes this and starts anew.
    pub renewed_for: Option<Duration>,
    /// A webhook's other address; nothing else of a target can be changed.
    pub address: Option<String>,
}

/// Who a subscription is, live or ended, without what it wants: all that the history needs of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub no: SubscriptionNo,
    pub id: SubscriptionId,
    pub door: Door,
    pub owner: Owner,
    /// `Some` for a tombstone.
    pub ended: Option<(WallTime, EndReason)>,
}

/// Whose subscriptions are to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belonging {
    Account(AccountId),
    /// Any of these.
    Extensions(AccountId, Vec<ExtensionId>),
    App(AppNo),
}

/// One page of a listing, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub records: Vec<Subscription>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<SubscriptionNo>,
}

#[async_trait]
pub trait Subscriptions: Send + Sync + 'static {
    // For an owner.

    /// Makes a subscription, unless the owner has `limit` live ones already.
    async fn create(&self, new: NewSubscription, limit: usize) -> Result<Creation, StoreError>;

    /// How many live ones the owner has, over all doors.
    async fn count(&self, owner: Owner, now: WallTime) -> Result<usize, StoreError>;

    async fn get(
        &self,
        owner: Owner,
        door: Door,
        id: SubscriptionId,
        now: WallTime,
    ) -> Result<Option<Subscription>, StoreError>;

    /// In the order of creation.
    async fn list(&self, owner: Owner, door: Door, now: WallTime) -> Result<Vec<Subscription>, StoreError>;

    /// Applies a change and returns the subscription as it is then; `None` if there is none.
    async fn change(
        &self,
        owner: Owner,
        door: Door,
        id: SubscriptionId,
        change: Change,
        now: WallTime,
    ) -> Result<Option<Subscription>, StoreError>;

    /// Ends it with `EndReason::SubscriptionDeleted`. `None` if there is none.
    async fn delete(
        &self,
        owner: Owner,
        door: Door,
        id: SubscriptionId,
        now: WallTime,
    ) -> Result<Option<SubscriptionNo>, StoreError>;

    // For the engine.

    /// Subscriptions that have not ended, from `from` on, for a starting engine. An expired one is
    /// among them until a sweep ends it. A page holds about `filters` filters and at least one
    /// subscription.
    async fn load(&self, from: SubscriptionNo, filters: usize) -> Result<Page, StoreError>;

    /// Those that expired by `now` and have not ended, longest expired first.
    async fn expired_before(&self, now: WallTime, limit: usize) -> Result<Vec<SubscriptionNo>, StoreError>;

    /// Ends an expired one with `EndReason::SubscriptionExpired`; false if it was renewed or has ended
    /// meanwhile.
    async fn end_expired(&self, no: SubscriptionNo, now: WallTime) -> Result<bool, StoreError>;

    /// Ends it whatever its expiry; false if it has ended already.
    async fn end(&self, no: SubscriptionNo, reason: EndReason, now: WallTime) -> Result<bool, StoreError>;

    /// Sets the status; `None` if it has ended meanwhile.
    async fn set_status(
        &self,
        no: SubscriptionNo,
        status: Status,
        blacklisted: Option<BlacklistedData>,
    ) -> Result<Option<Subscription>, StoreError>;

    /// The texts of these filters, replaced ones included. One that is unknown is left out.
    async fn filter_texts(&self, filters: Vec<FilterNo>) -> Result<HashMap<FilterNo, String>, StoreError>;

    /// Drops tombstones and replaced filters that ended before then, in small transactions, at most
    /// about `limit` rows. Says whether there may be more.
    async fn forget(&self, ended_before: WallTime, limit: usize) -> Result<bool, StoreError>;

    // For the history and the operator.

    /// At most `limit` that have not ended, expired or not.
    async fn belonging(&self, to: Belonging, limit: usize) -> Result<Vec<Known>, StoreError>;

    /// By the name that the outside knows, ended or not.
    async fn known(&self, scope: Scope, id: SubscriptionId) -> Result<Option<Known>, StoreError>;

    /// These, ended or not. One that is unknown, or outside the scope, is left out. The history checks
    /// with it who owns a delivery, a starting engine why a subscription is no more.
    async fn by_number(
        &self,
        scope: Scope,
        numbers: Vec<SubscriptionNo>,
    ) -> Result<HashMap<SubscriptionNo, Known>, StoreError>;

    /// Live ones that were made at the door for conference endpoints, of one account or of all, from `from`
    /// on, at most `limit`.
    async fn conference_endpoints(
        &self,
        account: Option<AccountId>,
        from: SubscriptionNo,
        limit: usize,
        now: WallTime,
    ) -> Result<Page, StoreError>;

    /// Live ones of the scope from `from` on, at most `limit`.
    async fn page(
        &self,
        scope: Scope,
        from: SubscriptionNo,
        limit: usize,
        now: WallTime,
    ) -> Result<Page, StoreError>;
}

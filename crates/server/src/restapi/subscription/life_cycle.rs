//! The life of a subscription, from its creation to its end, behind every door.
//!
//! A change is durable before the engine hears of it, and the engine has heard of it before the call
//! returns (D15). The changes of one subscription come one after another, in the order of the store, and
//! are carried through even when the caller has hung up: otherwise a stored subscription could be
//! missing in the index. The handshake comes before all that and holds nothing.

use std::sync::Arc;

use bytes::Bytes;
use hookswitch_core::catalogue::Catalogue;
use hookswitch_core::clock::{Handles, WallTime};
use hookswitch_core::delivery::EndReason;
use hookswitch_core::filter::{ParsedFilter, same_filters};
use hookswitch_core::id::SubscriptionId;
use hookswitch_core::lifetime::{Lifetimes, PutEffect, PutFilters, PutSemantics, effect_of_put};
use hookswitch_core::subscription::{Door, Owner, Subscription, SubscriptionChanges, Target};
use hookswitch_store::directory::{AccountStatus, Directory, ExtensionStatus};
use hookswitch_store::log::Scope;
use hookswitch_store::subscriptions::{Change, Creation, Known, NewSubscription, Subscriptions};
use tokio::sync::{Mutex, MutexGuard};

use super::filters::{self, Grant};
use super::handshake::Handshakes;
use super::refusal::Refusal;
use super::request::{Bounds, CreateRequest, Delivery, UpdateRequest};
use crate::dev::{Allowance, SeededIds};
use crate::principal::User;

/// The app scope that webhook subscriptions need.
const WEBHOOK_SCOPE: &str = "SubscriptionWebhook";
/// Locks that keep the changes of one subscription in order; two subscriptions may share one.
const LOCKS: usize = 64;
/// Lists with more filters are read off the I/O thread: parsing thousands would delay deliveries.
const FILTERS_INLINE: usize = 100;
/// The same for the text of a request.
const BYTES_INLINE: usize = 64 * 1024;

/// Whether its lifetime starts anew.
type Renewed = bool;

#[derive(Clone)]
pub struct Subscribing {
    shared: Arc<Shared>,
}

/// What it is made of.
pub struct Parts {
    pub store: Arc<dyn Subscriptions>,
    pub directory: Arc<dyn Directory>,
    pub catalogue: Arc<Catalogue>,
    pub changes: Arc<dyn SubscriptionChanges>,
    pub handshakes: Handshakes,
    pub handles: Handles,
    /// The base of every absolute URL that is handed out; filters may begin with it.
    pub base_url: String,
    pub bounds: Bounds,
    pub subscriptions_per_user_and_app: Allowance,
    pub put_semantics: PutSemantics,
    pub webhook_lifetimes: Lifetimes,
    /// Where ids are to be the same on every machine; random otherwise.
    pub seeded_ids: Option<SeededIds>,
}

impl Parts {
    fn lifetimes(&self, target: &Target) -> Lifetimes {
        match target {
            Target::Webhook { .. } => self.webhook_lifetimes,
        }
    }
}

struct Shared {
    parts: Parts,
    in_order: [Mutex<()>; LOCKS],
}

impl Subscribing {
    pub fn new(parts: Parts) -> Self {
        Self { shared: Arc::new(Shared { parts, in_order: std::array::from_fn(|_| Mutex::new(())) }) }
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.shared.parts
    }

    pub fn base_url(&self) -> &str {
        &self.parts().base_url
    }

    pub fn now(&self) -> WallTime {
        self.parts().handles.now()
    }

    pub async fn create(&self, user: &User, door: Door, body: Bytes) -> Result<Arc<Subscription>, Refusal> {
        check_scope(user)?;
        let parts = self.parts();
        let bounds = parts.bounds;
        let request =
            off_thread(body.len() > BYTES_INLINE, move || CreateRequest::read(&body, bounds)).await??;
        let CreateRequest { event_filters, expires_in, delivery } = request;
        let Delivery::Webhook { address, verification_token } = delivery;
        let checked = parts.handshakes.check(&address, user.account)?;
        let target = Target::Webhook { address, verification_token, signing_secret: None };
        let lifetime = parts.lifetimes(&target).grant(expires_in);
        let grant = self.grant(user, door, event_filters).await?;
        filters::check_reminders(&grant.granted, lifetime)?;
        let limit = parts.subscriptions_per_user_and_app.with(user.app);
        if parts.store.count(owner(user), parts.handles.now()).await? >= limit {
            return Err(Refusal::TooManySubscriptions { limit });
        }
        let Target::Webhook { verification_token, .. } = &target;
        parts.handshakes.make(user.account, &checked, verification_token.as_deref()).await?;
        let new = NewSubscription {
            id: self.new_id().await?,
            door,
            owner: owner(user),
            created_at: parts.handles.now(),
            lifetime,
            filters: grant.into_texts(),
            target,
        };
        self.carry_through(|this| async move { this.store_new(new, limit).await }).await
    }

    pub async fn get(&self, user: &User, door: Door, id: &str) -> Result<Subscription, Refusal> {
        check_scope(user)?;
        self.present(owner(user), door, parse_id(id)?).await
    }

    pub async fn list(&self, user: &User, door: Door) -> Result<Vec<Subscription>, Refusal> {
        check_scope(user)?;
        let parts = self.parts();
        Ok(parts.store.list(owner(user), door, parts.handles.now()).await?)
    }

    /// A PUT (D1).
    pub async fn update(
        &self,
        user: &User,
        door: Door,
        id: &str,
        body: Bytes,
    ) -> Result<Arc<Subscription>, Refusal> {
        check_scope(user)?;
        let id = parse_id(id)?;
        let bounds = self.parts().bounds;
        let request =
            off_thread(body.len() > BYTES_INLINE, move || UpdateRequest::read(&body, bounds)).await??;
        let user = user.clone();
        self.carry_through(move |this| async move {
            let (changed, renewed) = this.change(&user, door, id, request).await?;
            if renewed { this.recover(changed).await } else { Ok(changed) }
        })
        .await
    }

    /// What it was asked for when it was made, anew.
    pub async fn renew(&self, user: &User, door: Door, id: &str) -> Result<Arc<Subscription>, Refusal> {
        check_scope(user)?;
        let id = parse_id(id)?;
        let user = user.clone();
        let request = UpdateRequest::default();
        self.carry_through(move |this| async move {
            let (changed, _) = this.change(&user, door, id, request).await?;
            this.recover(changed).await
        })
        .await
    }

    pub async fn delete(&self, user: &User, door: Door, id: &str) -> Result<(), Refusal> {
        check_scope(user)?;
        let id = parse_id(id)?;
        let owner = owner(user);
        self.carry_through(move |this| async move {
            let parts = this.parts();
            let _in_order = this.in_order(id).await;
            let ended = parts.store.delete(owner, door, id, parts.handles.now()).await?;
            let no = ended.ok_or_else(|| missing(id))?;
            parts.changes.removed(no, EndReason::SubscriptionDeleted);
            Ok(())
        })
        .await
    }

    /// Ends a subscription whoever owns it, for what is ended from outside: its owner was disabled, its
    /// account deleted. False if it has ended already.
    pub async fn end(&self, known: Known, reason: EndReason) -> Result<bool, Refusal> {
        self.carry_through(move |this| async move {
            let parts = this.parts();
            let _in_order = this.in_order(known.id).await;
            let ended = parts.store.end(known.no, reason, parts.handles.now()).await?;
            if ended {
                parts.changes.removed(known.no, reason);
            }
            Ok(ended)
        })
        .await
    }

    async fn new_id(&self) -> Result<SubscriptionId, Refusal> {
        let parts = self.parts();
        let Some(ids) = &parts.seeded_ids else { return Ok(SubscriptionId(parts.handles.uuid_v7())) };
        loop {
            let id = ids.next();
            if parts.store.known(Scope::Operator, id).await?.is_none() {
                return Ok(id);
            }
        }
    }

    pub(super) async fn store_new(
        &self,
        new: NewSubscription,
        limit: usize,
    ) -> Result<Arc<Subscription>, Refusal> {
        let parts = self.parts();
        let _in_order = self.in_order(new.id).await;
        match parts.store.create(new, limit).await? {
            Creation::LimitReached => Err(Refusal::TooManySubscriptions { limit }),
            Creation::Created(subscription) => {
                let subscription = Arc::new(*subscription);
                self.tell(&subscription, |changes, subscription| changes.added(subscription)).await?;
                self.check_owner(&subscription).await?;
                Ok(subscription)
            }
        }
    }

    /// Whoever disables an owner ends the subscriptions that there are; one whose making was under way then
    /// is ended here. To be asked after it was made.
    async fn check_owner(&self, made: &Subscription) -> Result<(), Refusal> {
        let parts = self.parts();
        let Some(refusal) = self.owner_lost(made).await? else { return Ok(()) };
        if parts.store.end(made.no, EndReason::OwnerDisabled, parts.handles.now()).await? {
            parts.changes.removed(made.no, EndReason::OwnerDisabled);
        }
        Err(refusal)
    }

    /// Why nobody may have it any more, if that is so.
    async fn owner_lost(&self, made: &Subscription) -> Result<Option<Refusal>, Refusal> {
        let directory = &self.parts().directory;
        if made.door != Door::Conference {
            let Some(extension) = directory.extension(made.account, made.owner).await? else {
                return Ok(Some(Refusal::OwnerGone));
            };
            if extension.status != ExtensionStatus::Enabled || directory.app(made.app).await?.is_none() {
                return Ok(Some(Refusal::OwnerDisabled));
            }
        }
        let account = directory.account(made.account).await?;
        let enabled = account.is_some_and(|account| account.status != AccountStatus::Disabled);
        Ok((!enabled).then_some(Refusal::OwnerDisabled))
    }

    async fn change(
        &self,
        user: &User,
        door: Door,
        id: SubscriptionId,
        request: UpdateRequest,
    ) -> Result<(Arc<Subscription>, Renewed), Refusal> {
        let parts = self.parts();
        let _in_order = self.in_order(id).await;
        let present = self.present(owner(user), door, id).await?;
        let asked = request.expires_in.map(|asked| parts.lifetimes(&present.target).grant(Some(asked)));
        let grant = match request.event_filters {
            Some(texts) => Some(self.grant(user, door, texts).await?),
            None => None,
        };
        // A plain renewal compares nothing.
        let parsed = match grant.is_some() || asked.is_some() {
            true => self.parse_present(&present).await?,
            false => Vec::new(),
        };
        let filters = match &grant {
            None => PutFilters::Absent,
            Some(grant) if same_filters(&grant.granted, &parsed) => PutFilters::Same,
            Some(_) => PutFilters::Other,
        };
        let effect = effect_of_put(filters, asked, present.lifetime, parts.put_semantics);
        let replacement = grant.filter(|_| effect.replaces_filters);
        check_reminders(&replacement, &parsed, &present, effect)?;
        let change = Change {
            filters: replacement.map(Grant::into_texts),
            renewed_for: effect.renewed_for,
            ..Change::default()
        };
        let changed = parts.store.change(owner(user), door, id, change, parts.handles.now()).await?;
        let changed = Arc::new(changed.ok_or_else(|| missing(id))?);
        self.tell(&changed, |changes, subscription| changes.replaced(subscription)).await?;
        Ok((changed, effect.renewed_for.is_some()))
    }

    async fn present(&self, owner: Owner, door: Door, id: SubscriptionId) -> Result<Subscription, Refusal> {
        let parts = self.parts();
        let found = parts.store.get(owner, door, id, parts.handles.now()).await?;
        found.ok_or_else(|| missing(id))
    }

    /// Which of these filters the user gets, resolved and without repeats.
    async fn grant(&self, user: &User, door: Door, texts: Vec<String>) -> Result<Grant, Refusal> {
        let (shared, caller) = (Arc::clone(&self.shared), user.clone());
        let filters = off_thread(texts.len() > FILTERS_INLINE, move || {
            let Parts { catalogue, base_url, .. } = &shared.parts;
            filters::parse(catalogue, &texts, &caller, door, base_url)
        })
        .await??;
        let named = filters::other_extensions(&filters, user);
        let existing = match named.is_empty() {
            true => Vec::new(),
            false => self.parts().directory.existing_extensions(user.account, named).await?,
        };
        let existing = existing.into_iter().map(|extension| (extension.id, extension)).collect();
        filters::grant(&self.parts().catalogue, filters, user, &existing)
    }

    /// The filters that a subscription has. One whose type has left the catalogue is equal to none.
    async fn parse_present(&self, present: &Subscription) -> Result<Vec<ParsedFilter>, Refusal> {
        let texts: Vec<String> = present.filters.iter().map(|filter| filter.text.clone()).collect();
        let shared = Arc::clone(&self.shared);
        off_thread(texts.len() > FILTERS_INLINE, move || {
            let parse = |text: &String| ParsedFilter::parse_resolved(&shared.parts.catalogue, text).ok();
            texts.iter().filter_map(parse).collect()
        })
        .await
    }

    pub(super) async fn tell(
        &self,
        subscription: &Arc<Subscription>,
        call: impl FnOnce(&dyn SubscriptionChanges, Arc<Subscription>) + Send + 'static,
    ) -> Result<(), Refusal> {
        let (changes, subscription) = (Arc::clone(&self.parts().changes), Arc::clone(subscription));
        off_thread(subscription.filters.len() > FILTERS_INLINE, move || call(changes.as_ref(), subscription))
            .await
    }

    pub(super) async fn in_order(&self, id: SubscriptionId) -> MutexGuard<'_, ()> {
        // The last bytes of an id are random.
        let [.., last] = *id.0.as_bytes();
        self.shared.in_order[usize::from(last) % LOCKS].lock().await
    }

    /// Runs `work` to its end, also if the caller is dropped because its client has hung up.
    pub(super) async fn carry_through<T, F>(&self, work: impl FnOnce(Self) -> F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        tokio::spawn(work(self.clone())).await.unwrap_or(Err(Refusal::Internal))
    }
}

fn owner(user: &User) -> Owner {
    Owner { account: user.account, extension: user.extension, app: user.app }
}

fn check_scope(user: &User) -> Result<(), Refusal> {
    if user.has_scope(WEBHOOK_SCOPE) { Ok(()) } else { Err(Refusal::AppScope(WEBHOOK_SCOPE.into())) }
}

/// The reminders that it will have, against the lifetime that it will have; nothing to check if both stay.
fn check_reminders(
    replacement: &Option<Grant>,
    parsed: &[ParsedFilter],
    present: &Subscription,
    effect: PutEffect,
) -> Result<(), Refusal> {
    let lifetime = effect.renewed_for.unwrap_or(present.lifetime);
    match replacement {
        Some(grant) => filters::check_reminders(&grant.granted, lifetime),
        None if lifetime != present.lifetime => filters::check_reminders(parsed, lifetime),
        None => Ok(()),
    }
}

fn parse_id(text: &str) -> Result<SubscriptionId, Refusal> {
    let parsed = uuid::Uuid::parse_str(text).map(SubscriptionId);
    parsed.map_err(|_| Refusal::NoSuchSubscription { id: text.to_owned() })
}

pub(super) fn missing(id: SubscriptionId) -> Refusal {
    Refusal::NoSuchSubscription { id: id.to_string() }
}

/// Runs work here, or on a thread of its own if it is large.
pub(super) async fn off_thread<T: Send + 'static>(
    is_large: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    if !is_large {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::Internal)
}

//! The life of conference endpoints: subscriptions of a company that operators make, without an end.
//!
//! Their paths and wire forms are in `crate::conference`.

use std::sync::Arc;

use hookswitch_core::delivery::EndReason;
use hookswitch_core::id::{AccountId, SubscriptionId};
use hookswitch_core::lifetime;
use hookswitch_core::subscription::{Door, Owner, Subscription, Target};
use hookswitch_store::log::Scope;
use hookswitch_store::subscriptions::{Change, FilterTexts, NewSubscription};

use super::life_cycle::Subscribing;
use super::refusal::Refusal;

/// An endpoint that is to be.
pub(crate) struct NewEndpoint {
    pub(crate) account: AccountId,
    pub(crate) url: String,
    /// As the catalogue reads them.
    pub(crate) events: Vec<String>,
    /// Whether the receiver is asked first.
    pub(crate) handshake: bool,
    pub(crate) signing_secret: String,
}

/// What is named changes.
#[derive(Default)]
pub(crate) struct EndpointUpdate {
    pub(crate) url: Option<String>,
    pub(crate) events: Option<Vec<String>>,
    pub(crate) handshake: bool,
}

impl Subscribing {
    /// `limit` is how many a company may have.
    pub(crate) async fn create_endpoint(
        &self,
        new: NewEndpoint,
        limit: usize,
    ) -> Result<Arc<Subscription>, Refusal> {
        self.check_address(new.account, &new.url, new.handshake).await?;
        let parts = self.parts();
        let new = NewSubscription {
            id: SubscriptionId(parts.handles.uuid_v7()),
            door: Door::Conference,
            owner: Owner::company(new.account),
            created_at: parts.handles.now(),
            lifetime: lifetime::OF_A_CONFERENCE_ENDPOINT,
            filters: FilterTexts { granted: new.events, disabled: Vec::new() },
            target: Target::Webhook {
                address: new.url,
                verification_token: None,
                signing_secret: Some(new.signing_secret),
            },
        };
        self.carry_through(move |this| async move { this.store_new(new, limit).await }).await
    }

    /// Whosever it is: only operators ask.
    pub(crate) async fn endpoint(&self, id: SubscriptionId) -> Result<Option<Subscription>, Refusal> {
        let parts = self.parts();
        let known = parts.store.known(Scope::Operator, id).await?;
        match known.filter(|known| known.door == Door::Conference) {
            Some(known) => Ok(parts.store.get(known.owner, Door::Conference, id, self.now()).await?),
            None => Ok(None),
        }
    }

    /// `None` if it has ended.
    pub(crate) async fn change_endpoint(
        &self,
        present: &Subscription,
        update: EndpointUpdate,
    ) -> Result<Option<Arc<Subscription>>, Refusal> {
        let Target::Webhook { address, .. } = &present.target;
        let url = update.url.as_ref().unwrap_or(address);
        if update.url.is_some() || update.handshake {
            self.check_address(present.account, url, update.handshake).await?;
        }
        let (account, id) = (present.account, present.id);
        let filters = update.events.map(|granted| FilterTexts { granted, disabled: Vec::new() });
        let change = Change { filters, address: update.url, renewed_for: None };
        self.carry_through(move |this| async move {
            let parts = this.parts();
            let _in_order = this.in_order(id).await;
            let owner = Owner::company(account);
            let changed = parts.store.change(owner, Door::Conference, id, change, this.now()).await?;
            let Some(changed) = changed.map(Arc::new) else { return Ok(None) };
            this.tell(&changed, |changes, subscription| changes.replaced(subscription)).await?;
            Ok(Some(changed))
        })
        .await
    }

    /// False if it has ended already.
    pub(crate) async fn delete_endpoint(&self, present: &Subscription) -> Result<bool, Refusal> {
        let (account, id) = (present.account, present.id);
        self.carry_through(move |this| async move {
            let parts = this.parts();
            let _in_order = this.in_order(id).await;
            let owner = Owner::company(account);
            let ended = parts.store.delete(owner, Door::Conference, id, this.now()).await?;
            if let Some(no) = ended {
                parts.changes.removed(no, EndReason::SubscriptionDeleted);
            }
            Ok(ended.is_some())
        })
        .await
    }

    /// Nothing is locked meanwhile: a receiver may be the very program that waits for our answer.
    async fn check_address(&self, account: AccountId, url: &str, handshake: bool) -> Result<(), Refusal> {
        let handshakes = &self.parts().handshakes;
        let address = handshakes.check(url, account)?;
        if handshake { handshakes.make(account, &address, None).await } else { Ok(()) }
    }
}

//! Blacklisted subscriptions: how one becomes so, and how it comes back, by a handshake that a renewal
//! repeats and that is tried every quarter of an hour (D4).
//!
//! Which are blacklisted the engine knows; who was asked when is remembered here, and a restart begins to
//! count at the time when each was blacklisted. That nothing is sent to them is the engine's work.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::clock::{Handles, WallTime};
use hookswitch_core::id::{SubscriptionId, SubscriptionNo};
use hookswitch_core::subscription::{BlacklistedData, Status, Subscription, Target};
use hookswitch_engine::Engine;
use hookswitch_store::subscriptions::Known;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::life_cycle::{Subscribing, missing};
use super::refusal::Refusal;

/// How often it is looked who is due.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Handshakes under way at once; each may take a while.
const AT_ONCE: usize = 16;

impl Subscribing {
    /// Stops deliveries to a subscription whoever owns it; `None` if it has ended.
    pub async fn blacklist(
        &self,
        known: Known,
        reason: String,
    ) -> Result<Option<Arc<Subscription>>, Refusal> {
        self.carry_through(move |this| async move {
            let data = BlacklistedData { at: this.now(), reason };
            this.set_status(known.no, known.id, Status::Blacklisted, Some(data)).await
        })
        .await
    }

    /// If it is blacklisted, asks its webhook for a handshake, and delivers again if that succeeds (D4). It
    /// is returned as it is then.
    pub async fn recover(&self, subscription: Arc<Subscription>) -> Result<Arc<Subscription>, Refusal> {
        if subscription.status != Status::Blacklisted {
            return Ok(subscription);
        }
        let Target::Webhook { address, verification_token, .. } = &subscription.target;
        let handshakes = &self.parts().handshakes;
        let shaken = async {
            let checked = handshakes.check(address, subscription.account)?;
            handshakes.make(subscription.account, &checked, verification_token.as_deref()).await
        };
        if let Err(refusal) = shaken.await {
            tracing::info!(subscription = %subscription.id, ?refusal, "a blacklisted webhook is not back yet");
            return Ok(subscription);
        }
        let (no, id) = (subscription.no, subscription.id);
        self.set_status(no, id, Status::Active, None).await?.ok_or_else(|| missing(id))
    }

    async fn set_status(
        &self,
        no: SubscriptionNo,
        id: SubscriptionId,
        status: Status,
        data: Option<BlacklistedData>,
    ) -> Result<Option<Arc<Subscription>>, Refusal> {
        let parts = self.parts();
        let _in_order = self.in_order(id).await;
        let changed = parts.store.set_status(no, status, data).await?.map(Arc::new);
        if let Some(changed) = &changed {
            self.tell(changed, |changes, subscription| changes.replaced(subscription)).await?;
        }
        Ok(changed)
    }
}

/// Asks those that are blacklisted, until the server stops. Nothing to do if `every` is zero: then only a renewal asks.
pub async fn reconcile(
    subscribing: Subscribing,
    engine: Engine,
    every: Duration,
    handles: Handles,
    stopping: CancellationToken,
) {
    if every.is_zero() {
        return;
    }
    let mut asked = HashMap::new();
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            () = handles.sleep(LOOK_EVERY) => {}
        }
        let due = due(engine.blacklisted(), &mut asked, every, handles.now());
        tokio::select! {
            () = stopping.cancelled() => return,
            () = ask(&subscribing, due) => {}
        }
    }
}

/// Those whose turn it is, from whom nothing was heard since they were blacklisted or asked.
fn due(
    blacklisted: Vec<Arc<Subscription>>,
    asked: &mut HashMap<SubscriptionNo, WallTime>,
    every: Duration,
    now: WallTime,
) -> Vec<Arc<Subscription>> {
    let since = |subscription: &Subscription, asked: &HashMap<SubscriptionNo, WallTime>| {
        let blacklisted = subscription.blacklisted.as_ref().map_or(now, |data| data.at);
        asked.get(&subscription.no).copied().unwrap_or(blacklisted).max(blacklisted)
    };
    let before = std::mem::take(asked);
    let mut due = Vec::new();
    for subscription in blacklisted {
        let since = since(&subscription, &before);
        let is_due = now.since(since) >= every;
        asked.insert(subscription.no, if is_due { now } else { since });
        if is_due {
            due.push(subscription);
        }
    }
    due
}

async fn ask(subscribing: &Subscribing, due: Vec<Arc<Subscription>>) {
    let mut asking = JoinSet::new();
    for subscription in due {
        if asking.len() == AT_ONCE {
            asking.join_next().await;
        }
        let subscribing = subscribing.clone();
        asking.spawn(async move {
            let id = subscription.id;
            if let Err(refusal) = subscribing.recover(subscription).await {
                tracing::warn!(subscription = %id, ?refusal, "asking a blacklisted webhook failed");
            }
        });
    }
    while asking.join_next().await.is_some() {}
}

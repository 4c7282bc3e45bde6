//! Asking the webhooks of blacklisted subscriptions, every quarter of an hour, whether they are back (D4).
//!
//! Which are blacklisted the engine knows; who was asked when is remembered here, and a restart begins to
//! count at the time when each was blacklisted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::clock::{Handles, WallTime};
use hookswitch_core::id::SubscriptionNo;
use hookswitch_core::subscription::Subscription;
use hookswitch_engine::Engine;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::life_cycle::Subscribing;

/// How often it is looked who is due.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Handshakes under way at once; each may take a while.
const AT_ONCE: usize = 16;

/// Until the server stops. Nothing to do if `every` is zero: then only a renewal asks.
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

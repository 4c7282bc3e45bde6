//! From the store to the event log: the loop that publishes what changes have raised.
//!
//! A change and its events are one transaction; publishing them is a second step, repeated after a crash.
//! The uuid was made with the event, so that an event which the log already has becomes no second one
//! (D16). Events are published in the order of the changes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hookswitch_store::StoreError;
use hookswitch_store::team_messaging::WaitingEvent;
use tokio_util::sync::CancellationToken;

use super::Messaging;

/// Events published at once.
const AT_ONCE: usize = 64;
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How often what deleted teams and webhooks left behind is dropped.
const PURGE_EVERY: Duration = Duration::from_secs(3600);
const PURGED_AT_ONCE: usize = 5_000;
const DELETED_ARE_REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);

/// Where the events of team messaging go.
#[async_trait]
pub trait EventSink: Send + Sync + 'static {
    /// Makes all of them durable, in order, or none. An event whose uuid was published before is done.
    async fn publish(&self, events: &[WaitingEvent]) -> Result<(), SinkError>;
}

#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("events cannot be taken now: {0}")]
    Later(String),
    /// It would be refused again.
    #[error("event {index} is refused: {why}")]
    Refused { index: usize, why: String },
}

/// Publishes what waits, and what comes to wait, until it is told to stop.
pub async fn publish_waiting(messaging: Messaging, sink: Arc<dyn EventSink>, stopping: CancellationToken) {
    let mut purge_at = messaging.handles.monotonic().plus(PURGE_EVERY);
    loop {
        // Interest first, then the look, so that no change is missed.
        let changed = messaging.changed.notified();
        let pause = match drain(&messaging, sink.as_ref()).await {
            Ok(()) => None,
            Err(why) => {
                tracing::warn!(%why, "events of team messaging wait");
                Some(AGAIN_AFTER)
            }
        };
        let now = messaging.handles.monotonic();
        if now >= purge_at {
            purge(&messaging).await;
            purge_at = now.plus(PURGE_EVERY);
        }
        let wake_at = pause.map_or(purge_at, |pause| now.plus(pause));
        tokio::select! {
            () = stopping.cancelled() => return,
            // After a failure a change is no reason to try earlier.
            () = changed, if pause.is_none() => {}
            () = messaging.handles.clock.sleep_until(wake_at) => {}
        }
    }
}

pub(super) async fn drain(messaging: &Messaging, sink: &dyn EventSink) -> Result<(), String> {
    loop {
        let events = messaging.store.waiting_events(AT_ONCE).await.map_err(|error| error.to_string())?;
        if events.is_empty() {
            return Ok(());
        }
        let done = publish(sink, &events).await?;
        let nos = events[..done].iter().map(|event| event.no).collect();
        messaging.store.forget_events(nos).await.map_err(|error| error.to_string())?;
    }
}

/// How many from the front need not wait any more. A refused event must not hold up those behind it.
async fn publish(sink: &dyn EventSink, events: &[WaitingEvent]) -> Result<usize, String> {
    match sink.publish(events).await {
        Ok(()) => Ok(events.len()),
        Err(SinkError::Later(why)) => Err(why),
        Err(SinkError::Refused { index, why }) => {
            let ahead = index.min(events.len() - 1);
            if ahead > 0 {
                return match sink.publish(&events[..ahead]).await {
                    Ok(()) => Ok(ahead),
                    Err(error) => Err(error.to_string()),
                };
            }
            let event = &events[0];
            tracing::error!(uuid = %event.uuid, event = event.name, account = %event.account, %why, "an event of team messaging is dropped");
            Ok(1)
        }
    }
}

async fn purge(messaging: &Messaging) {
    let before = messaging.now().minus(DELETED_ARE_REMEMBERED);
    match messaging.store.purge(before, PURGED_AT_ONCE).await {
        Ok(_) => {}
        Err(error @ StoreError::Unavailable(_)) => tracing::debug!(%error, "nothing is purged"),
        Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "nothing is purged"),
    }
}

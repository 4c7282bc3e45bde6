//! Retention: once a minute, what is older than it need be leaves the log, and whatever only the history of
//! such events needed leaves the subscriptions' store.
//!
//! A step of the wall clock holds it back, as it does expiry: a wrong clock must not delete anything.

use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::clock::WallTime;
use hookswitch_core::limits;
use hookswitch_store::StoreError;
use hookswitch_store::log::Retention;

use crate::shared::Shared;
use crate::sweeper::Hold;

const PERIOD: Duration = Duration::from_secs(60);
/// Rows of ended subscriptions dropped in one step.
const FORGOTTEN_AT_ONCE: usize = 500;

/// How much of the past is kept.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    pub age: Duration,
    /// On the disk, of the event log.
    pub bytes: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Self { age: limits::RETENTION_AGE, bytes: limits::RETENTION_BYTES }
    }
}

pub(crate) async fn run(shared: Arc<Shared>) {
    let mut hold = Hold::new(&shared.deps.handles);
    loop {
        tokio::select! {
            () = shared.draining.cancelled() => return,
            () = shared.deps.handles.sleep(PERIOD) => {}
        }
        if hold.look(&shared.deps.handles).is_some() {
            continue;
        }
        if let Err(error) = tidy(&shared).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "dropping old events failed; it is tried again in a minute"
            );
        }
    }
}

async fn tidy(shared: &Shared) -> Result<(), StoreError> {
    let (now, keep) = (shared.deps.handles.now(), shared.deps.settings.keep);
    let accepted_before = now.minus(keep.age);
    let retention = Retention { accepted_before, bytes_at_most: keep.bytes, now };
    loop {
        let retained = shared.deps.log.drop_oldest(retention).await?;
        let Some(dropped) = retained.dropped else {
            return forget(shared, retained.oldest.unwrap_or(accepted_before)).await;
        };
        tracing::info!(first = %dropped.first, last = %dropped.last, bytes = dropped.bytes, "old events were dropped");
        if shared.draining.is_cancelled() {
            return Ok(());
        }
    }
}

/// No event that is left was matched by a subscription that had ended before the oldest of them came.
async fn forget(shared: &Shared, oldest: WallTime) -> Result<(), StoreError> {
    while !shared.draining.is_cancelled()
        && shared.deps.subscriptions.forget(oldest, FORGOTTEN_AT_ONCE).await?
    {}
    Ok(())
}

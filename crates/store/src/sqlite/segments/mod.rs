//! The embedded event log: segment files of 256 MiB or an hour, one writer, readers apart.
//!
//! - `open`, `schema`, `segment`, `current`: the files, and what memory keeps about them;
//! - `writer`, with `accept`, `record`, `fan_out`, `insert`, `uuids`: one batch, one transaction; `worker`
//!   says on which thread; `retain` drops what is over;
//! - `block`, `filter`, `pack`, `rows`: how things look on disk;
//! - `waiting`, `recovery`, `lookup`, `history`: reading, through `readers`.
//!
//! Segments keep small what random places cost, make the rate independent of what is stored, and let
//! retention unlink files. Old ones stay writable for retries.

mod accept;
mod block;
mod current;
mod fan_out;
mod fault;
mod filter;
mod history;
mod insert;
mod lookup;
mod older;
mod open;
mod options;
mod pack;
mod readers;
mod record;
mod recovery;
mod retain;
mod rows;
mod schema;
mod segment;
mod shared;
mod stats;
#[cfg(test)]
mod tests;
mod uuids;
mod waiting;
mod worker;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use hookswitch_core::clock::{Handles, WallTime};
use hookswitch_core::delivery::{Attempt, EndReason};
use hookswitch_core::event::StoredEvent;
use hookswitch_core::id::{DeliveryKey, EventSeq, SubscriptionNo};
use uuid::Uuid;

pub use self::options::{FreeSpace, LogOptions, WriterMode};
use self::shared::Shared;
pub use self::stats::LogStats;
use self::worker::Worker;
use self::writer::Writer;
use super::folder::Folder;
use crate::StoreError;
use crate::log::{
    Backlog, Batch, Committed, DeliveryView, EventLog, HistoryPage, HistoryQuery, Matched, Recovery,
    Retained, Retention, Scope, Unrecorded, Waiting,
};

/// Dropping it waits for the commit under way, if there is one, and closes the files.
pub struct SqliteLog {
    // Before `shared`: the writer's connections close while the folder is still locked.
    worker: Worker,
    shared: Arc<Shared>,
}

impl SqliteLog {
    /// Opens the log in `folder`, or begins one. Reads what waits: a million rows take some tenths of a
    /// second.
    pub fn open(folder: &Folder, handles: Handles, options: LogOptions) -> Result<Self, StoreError> {
        let mode = options.writer;
        let shared = Arc::new(Shared::new(folder, handles, options)?);
        let writer = Writer::open(Arc::clone(&shared))?;
        Ok(Self { worker: Worker::start(writer, mode)?, shared })
    }

    pub fn stats(&self) -> LogStats {
        self.shared.counters.read()
    }

    /// Runs `work` where reads run.
    async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    {
        if self.shared.options.writer == WriterMode::Inline {
            return work(&self.shared);
        }
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || work(&shared)).await;
        done.map_err(|error| StoreError::Failed(Box::new(error)))?
    }
}

#[async_trait]
impl EventLog for SqliteLog {
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.worker.run(move |writer| writer.commit(batch)).await?
    }

    async fn recover(&self) -> Result<Recovery, StoreError> {
        let watermark = self.worker.run(|writer| writer.watermark()).await?;
        self.read(move |shared| recovery::recover(shared, watermark)).await
    }

    async fn unrecorded(
        &self,
        from: EventSeq,
        limit: usize,
    ) -> Result<(Vec<Unrecorded>, Option<EventSeq>), StoreError> {
        self.read(move |shared| recovery::unrecorded(shared, from, limit)).await
    }

    async fn due(
        &self,
        subscription: SubscriptionNo,
        now: WallTime,
        held: Vec<DeliveryKey>,
        limit: usize,
    ) -> Result<(Vec<Waiting>, Backlog), StoreError> {
        self.read(move |shared| waiting::due(shared, subscription, now, &held, limit)).await
    }

    async fn end_pending(
        &self,
        subscription: SubscriptionNo,
        reason: EndReason,
        now: WallTime,
        held: Vec<DeliveryKey>,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let state = waiting::ended_state(reason, now);
        loop {
            let held = held.clone();
            let chosen =
                self.read(move |shared| waiting::oldest(shared, subscription, reason, &held, limit)).await?;
            let Some((segment, keys)) = chosen else { return Ok(0) };
            let ended = self.worker.run(move |writer| writer.end(&segment, &keys, state)).await??;
            if ended > 0 {
                return Ok(ended);
            }
            // All of them ended by themselves in between: others may be left.
        }
    }

    async fn drop_oldest(&self, retention: Retention) -> Result<Retained, StoreError> {
        self.worker.run(move |writer| writer.drop_oldest(&retention)).await?
    }

    async fn event_by_uuid(
        &self,
        scope: Scope,
        uuid: Uuid,
    ) -> Result<Vec<(StoredEvent, Vec<Matched>)>, StoreError> {
        self.read(move |shared| lookup::event_by_uuid(shared, scope, uuid)).await
    }

    async fn event(&self, seq: EventSeq) -> Result<Option<StoredEvent>, StoreError> {
        self.read(move |shared| lookup::event(shared, seq)).await
    }

    async fn delivery(
        &self,
        scope: Scope,
        key: DeliveryKey,
    ) -> Result<Option<(DeliveryView, Vec<Attempt>)>, StoreError> {
        self.read(move |shared| lookup::delivery(shared, scope, key)).await
    }

    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        self.read(move |shared| history::page(shared, &query)).await
    }
}

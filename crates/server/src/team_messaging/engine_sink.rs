//! The events of team messaging into the engine's log.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use hookswitch_core::catalogue::Catalogue;
use hookswitch_core::clock::Handles;
use hookswitch_core::event::Event;
use hookswitch_engine::{Engine, Publication, PublishError};
use hookswitch_store::StoreError;
use hookswitch_store::team_messaging::WaitingEvent;

use super::publisher::{EventSink, SinkError};

pub struct EngineSink {
    pub engine: Engine,
    pub catalogue: Arc<Catalogue>,
    pub handles: Handles,
}

impl EngineSink {
    fn publication(&self, index: usize, event: &WaitingEvent) -> Result<Publication, SinkError> {
        let refused = |why: String| SinkError::Refused { index, why };
        let resolved = self.catalogue.resolve(&event.name).map_err(|error| refused(error.to_string()))?;
        Ok(Publication {
            event: Event {
                uuid: event.uuid,
                account: event.account,
                name: event.name.clone(),
                timestamp: event.timestamp,
                accepted_at: self.handles.now(),
                body: Bytes::from(event.body.clone()),
                recipients: Some(event.recipients.clone()),
            },
            resolved,
            // Both were fixed when the event came to wait.
            uuid_is_publishers: true,
            timestamp_is_publishers: true,
        })
    }
}

#[async_trait]
impl EventSink for EngineSink {
    async fn publish(&self, events: &[WaitingEvent]) -> Result<(), SinkError> {
        let publications = events.iter().enumerate().map(|(index, event)| self.publication(index, event));
        let publications = publications.collect::<Result<Vec<_>, _>>()?;
        match self.engine.publish(publications).await {
            Ok(_) => Ok(()),
            Err(PublishError::UuidTaken { index }) => {
                Err(SinkError::Refused { index, why: "its uuid belongs to another event".into() })
            }
            Err(PublishError::Overloaded) => Err(SinkError::Later("too many requests wait".into())),
            Err(PublishError::Store(error @ StoreError::Unavailable(_))) => {
                Err(SinkError::Later(error.to_string()))
            }
            Err(PublishError::Store(error)) => Err(SinkError::Later(format!("{error}: {error:?}"))),
        }
    }
}

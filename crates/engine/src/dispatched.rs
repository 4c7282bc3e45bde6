//! An accepted event on its way to its subscribers: what all of its deliveries share.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use hookswitch_core::catalogue::{Catalogue, EntryNo};
use hookswitch_core::conference;
use hookswitch_core::event::StoredEvent;
use hookswitch_core::retry::EventClass;
use parking_lot::Mutex;
use smallvec::SmallVec;

pub(crate) struct Dispatched {
    pub(crate) stored: StoredEvent,
    /// `None` for an event whose type has left the catalogue since.
    pub(crate) entry: Option<EntryNo>,
    pub(crate) time_to_live: Duration,
    pub(crate) uuid_text: String,
    pub(crate) timestamp_text: String,
    /// The body as each combination of shaping parameters sees it (D13), made when first needed.
    shaped: Mutex<SmallVec<[(u8, Bytes); 1]>>,
    /// The body as conference endpoints get it, made when first needed.
    conference_payload: OnceLock<Bytes>,
}

impl Dispatched {
    pub(crate) fn new(stored: StoredEvent, catalogue: &Catalogue) -> Arc<Self> {
        let entry = catalogue.resolve(&stored.event.name).ok().map(|resolved| resolved.entry);
        Self::resolved(stored, entry, catalogue)
    }

    pub(crate) fn resolved(stored: StoredEvent, entry: Option<EntryNo>, catalogue: &Catalogue) -> Arc<Self> {
        let class = entry.map_or(EventClass::Other, |entry| catalogue.entry(entry).class);
        Arc::new(Self {
            entry,
            time_to_live: class.time_to_live(),
            uuid_text: stored.event.uuid.to_string(),
            timestamp_text: stored.event.timestamp.iso8601(),
            shaped: Mutex::new(SmallVec::new()),
            conference_payload: OnceLock::new(),
            stored,
        })
    }

    pub(crate) fn conference_payload(&self, omit_company_id: bool) -> Bytes {
        let made = || conference::payload(&self.stored.event.body, omit_company_id);
        self.conference_payload.get_or_init(made).clone()
    }

    pub(crate) fn body(&self, shape: u8, catalogue: &Catalogue) -> Bytes {
        let Some(entry) = self.entry else { return self.stored.event.body.clone() };
        let mut shaped = self.shaped.lock();
        if let Some((_, body)) = shaped.iter().find(|(known, _)| *known == shape) {
            return body.clone();
        }
        let body = catalogue.shape_body(entry, shape, &self.stored.event.body);
        shaped.push((shape, body.clone()));
        body
    }
}

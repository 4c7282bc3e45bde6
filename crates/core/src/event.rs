//! An event: an immutable fact that a service of the platform published.

use bytes::Bytes;
use uuid::Uuid;

use crate::clock::WallTime;
use crate::id::{AccountId, EventSeq, ExtensionId};

/// An event as it was accepted. `name` is the resource path (with numeric ids and without a query) or
/// a conference event name; `body` is the published body, minified once (D22).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub uuid: Uuid,
    pub account: AccountId,
    pub name: String,
    /// When the fact happened, by the publisher's word or ours.
    pub timestamp: WallTime,
    /// When it was accepted; its time-to-live counts from here (D11).
    pub accepted_at: WallTime,
    pub body: Bytes,
    /// `Some` narrows delivery to subscriptions owned by these extensions (D24).
    pub recipients: Option<Vec<ExtensionId>>,
}

/// An event together with its place in the order of acceptance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    pub seq: EventSeq,
    pub event: Event,
}

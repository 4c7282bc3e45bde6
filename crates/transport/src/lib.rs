//! How bytes reach a subscriber. One folder for each transport.
//!
//! A transport gets a finished message and says what came of it; it never sees the store, a
//! subscription or a retry schedule. Today: `webhook` (sender, guard, handshake).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookswitch_core::delivery::AttemptReport;

/// One notification, ready to send.
#[derive(Clone, Debug)]
pub struct Message {
    /// In the order to send them. The transport adds what belongs to the wire (host, content-length).
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// The body in parts, so that what many messages share is never copied.
    pub body: [Bytes; 3],
    /// From the moment the request is handed to a connection, connecting included (D3).
    pub within: Duration,
}

/// One subscriber's address, opened; it keeps its own connections. Cheap to clone by `Arc`.
#[async_trait]
pub trait Endpoint: Send + Sync + 'static {
    /// One attempt. Dropping the future abandons it.
    async fn send(&self, message: Message) -> AttemptReport;
}

/// Opens endpoints. `address` was validated when the subscription was made.
pub trait Transport: Send + Sync + 'static {
    fn open(&self, address: &str) -> Arc<dyn Endpoint>;
}

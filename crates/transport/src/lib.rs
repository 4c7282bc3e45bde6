//! How bytes reach a subscriber. One folder for each transport.
//!
//! A transport gets a finished message and says what came of it; it never sees the store, a
//! subscription or a retry schedule. Today: `webhook` (sender, guard, handshake).

pub mod header_lines;
pub mod webhook;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookswitch_core::delivery::AttemptReport;
use hookswitch_core::id::AccountId;

use self::header_lines::HeaderLines;

/// One notification, ready to send.
#[derive(Clone, Debug)]
pub struct Message {
    /// In the order to send them. The transport adds what belongs to the wire (host, content-length).
    pub headers: HeaderLines,
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

    /// As `open`, for a subscription of this account: an operator may have opened subnets to it alone.
    fn open_for(&self, account: AccountId, address: &str) -> Arc<dyn Endpoint> {
        let _ = account;
        self.open(address)
    }
}

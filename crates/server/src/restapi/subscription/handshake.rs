//! The handshakes under way, bounded: each holds a connection, and a receiver may take its time.

use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::clock::Handles;
use hookswitch_core::id::AccountId;
use hookswitch_transport::webhook::Webhook;
use hookswitch_transport::webhook::address::Address;
use http::HeaderValue;
use tokio::sync::Semaphore;

use super::refusal::Refusal;

/// Handshakes under way at once, over all accounts.
const AT_ONCE: usize = 64;
/// How long one waits for its turn; a create that has to wait longer is told to come back.
const TURN_WITHIN: Duration = Duration::from_secs(5);

pub struct Handshakes {
    webhook: Arc<Webhook>,
    turns: Semaphore,
    handles: Handles,
}

impl Handshakes {
    pub fn new(webhook: Arc<Webhook>, handles: Handles) -> Self {
        Self { webhook, turns: Semaphore::new(AT_ONCE), handles }
    }

    /// Asks the address whether it wants to be subscribed. Nothing may be locked meanwhile: the receiver
    /// may be the very program that waits for our answer.
    pub async fn make(&self, address: &Address, verification_token: Option<&str>) -> Result<(), Refusal> {
        let _turn = tokio::select! {
            turn = self.turns.acquire() => turn.map_err(|_| Refusal::Busy)?,
            () = self.handles.sleep(TURN_WITHIN) => return Err(Refusal::Busy),
        };
        let token = match verification_token {
            // Checked when the request was read.
            Some(token) => Some(HeaderValue::from_str(token).map_err(|_| Refusal::Internal)?),
            None => None,
        };
        self.webhook.handshake(address, token.as_ref()).await.map_err(Refusal::Handshake)
    }

    pub fn check(&self, address: &str, account: AccountId) -> Result<Address, Refusal> {
        self.webhook.check(address, Some(account)).map_err(Refusal::Address)
    }
}

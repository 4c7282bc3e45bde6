//! The handshakes under way, bounded: each holds a connection, and a receiver may take its time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::clock::Handles;
use hookswitch_core::id::AccountId;
use hookswitch_transport::webhook::Webhook;
use hookswitch_transport::webhook::address::Address;
use http::HeaderValue;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::refusal::Refusal;

/// Handshakes under way at once, over all accounts.
const AT_ONCE: usize = 64;
/// Those of one account, so that its silent receivers do not stop the others from subscribing.
const AT_ONCE_OF_AN_ACCOUNT: usize = 16;
/// How long one waits for its turn; a create that has to wait longer is told to come back.
const TURN_WITHIN: Duration = Duration::from_secs(5);

/// How many creations of an account make or await a handshake.
type Users = usize;

pub struct Handshakes {
    webhook: Arc<Webhook>,
    handles: Handles,
    turns: Semaphore,
    /// Of the accounts that make or await a handshake now.
    turns_of: Mutex<HashMap<AccountId, (Arc<Semaphore>, Users)>>,
}

impl Handshakes {
    pub fn new(webhook: Arc<Webhook>, handles: Handles) -> Self {
        Self { webhook, handles, turns: Semaphore::new(AT_ONCE), turns_of: Mutex::default() }
    }

    /// Whether the account may have a subscription with this address at all.
    pub fn check(&self, address: &str, account: AccountId) -> Result<Address, Refusal> {
        self.webhook.check(address, Some(account)).map_err(Refusal::Address)
    }

    #[cfg(test)]
    pub(super) fn accounts(&self) -> usize {
        self.turns_of.lock().len()
    }

    /// Asks the address whether it wants to be subscribed. Nothing may be locked meanwhile: the receiver
    /// may be the very program that waits for our answer.
    pub async fn make(
        &self,
        account: AccountId,
        address: &Address,
        verification_token: Option<&str>,
    ) -> Result<(), Refusal> {
        let token = match verification_token {
            // Checked when the request was read.
            Some(token) => Some(HeaderValue::from_str(token).map_err(|_| Refusal::Internal)?),
            None => None,
        };
        let share = Share::of(self, account);
        let turn = async {
            let of_account = share.turns.acquire().await;
            (of_account, self.turns.acquire().await)
        };
        let _turn = tokio::select! {
            biased;
            () = self.handles.sleep(TURN_WITHIN) => return Err(Refusal::Busy),
            turn = turn => turn,
        };
        self.webhook.handshake(address, token.as_ref()).await.map_err(Refusal::Handshake)
    }
}

/// An account's share of the turns, kept while somebody uses it.
struct Share<'a> {
    among: &'a Handshakes,
    account: AccountId,
    turns: Arc<Semaphore>,
}

impl<'a> Share<'a> {
    fn of(among: &'a Handshakes, account: AccountId) -> Self {
        let mut turns_of = among.turns_of.lock();
        let fresh = || (Arc::new(Semaphore::new(AT_ONCE_OF_AN_ACCOUNT)), 0);
        let (turns, users) = turns_of.entry(account).or_insert_with(fresh);
        *users += 1;
        let turns = Arc::clone(turns);
        Self { among, account, turns }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.among.turns_of.lock().entry(self.account) {
            entry.get_mut().1 -= 1;
            if entry.get().1 == 0 {
                entry.remove();
            }
        }
    }
}

//! A subscription: who wants which events, by which transport, until when.
//!
//! The nouns live here. How long one lives and what a PUT means is in `lifetime`, what reminders it may
//! have in `reminder`; storing it is the store's work, speaking the wire format the server's.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::WallTime;
use crate::delivery::EndReason;
use crate::id::{AccountId, AppNo, ExtensionId, FilterNo, SubscriptionId, SubscriptionNo};
use crate::lifetime::Lifetimes;

/// Through which door it was made; ids are not shared between the doors (contract.md §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    Core,
    Webinar,
    /// Operator-made conference endpoints (seed 002).
    Conference,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    Active,
    Suspended,
    Blacklisted,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlacklistedData {
    pub at: WallTime,
    /// In words that a person can act on.
    pub reason: String,
}

/// How and where to deliver. It is made with the subscription and never changes, for a PUT has no way to
/// name another one; only an operator may give a conference endpoint another address.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    Webhook {
        /// Byte for byte as it was given: bots find their subscriptions by it.
        address: String,
        /// Sent as `Verification-Token`; `None` falls back to the app's generated one.
        verification_token: Option<String>,
        /// The key of its signatures, `whsec_…`; `None` falls back to the app's.
        signing_secret: Option<String>,
    },
}

impl Target {
    /// As it is written in `transportType`, and in the store.
    pub fn transport_name(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "WebHook",
        }
    }

    /// Those of the product; an operator's settings may say otherwise.
    pub fn lifetimes(&self) -> Lifetimes {
        match self {
            Self::Webhook { .. } => Lifetimes::WEBHOOK,
        }
    }
}

/// Without the secrets, so that a log line cannot give them away.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook { address, verification_token, signing_secret } => f
                .debug_struct("Webhook")
                .field("address", address)
                .field("has_verification_token", &verification_token.is_some())
                .field("has_signing_secret", &signing_secret.is_some())
                .finish(),
        }
    }
}

/// One event filter of a subscription, as resolved: `~` replaced, query verbatim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscribedFilter {
    pub no: FilterNo,
    pub text: String,
}

/// A filter that was asked for together with others and not granted (contract.md §3.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisabledFilter {
    /// As resolved: `~` replaced.
    pub text: String,
    /// A code, e.g. `SUB-412`.
    pub reason: String,
    pub message: String,
}

/// Whose subscriptions: those of one user, made with one app. Another user or app does not see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    pub account: AccountId,
    pub extension: ExtensionId,
    pub app: AppNo,
}

impl Owner {
    /// Whose the conference endpoints of a company are: the account's, and no user's or app's. Nobody has
    /// these numbers.
    pub const fn company(account: AccountId) -> Self {
        Self { account, extension: ExtensionId(0), app: AppNo(0) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub no: SubscriptionNo,
    pub id: SubscriptionId,
    pub door: Door,
    pub account: AccountId,
    pub owner: ExtensionId,
    pub app: AppNo,
    pub status: Status,
    pub blacklisted: Option<BlacklistedData>,
    pub created_at: WallTime,
    pub expires_at: WallTime,
    /// What was asked for, clamped; a renewal gives it again.
    pub lifetime: Duration,
    /// In the order given, without duplicates; never empty.
    pub filters: Vec<SubscribedFilter>,
    pub disabled: Vec<DisabledFilter>,
    pub target: Target,
}

impl Subscription {
    /// Whole seconds that are still full: 604799 right after a creation with 604800, as the hosted
    /// platform answers.
    pub fn expires_in(&self, now: WallTime) -> i64 {
        (self.expires_at.0 - now.0 - 1).max(0) / 1000
    }

    pub fn is_expired(&self, now: WallTime) -> bool {
        self.expires_at <= now
    }
}

/// Who must hear of every change at once: the matching index and the lanes.
///
/// A call comes after the change is durable and before its request is answered, so that a create
/// answered before a publish is matched, and a delete answered before is not (D15). The calls about one
/// subscription come in the order of its changes. They must not block.
pub trait SubscriptionChanges: Send + Sync + 'static {
    fn added(&self, subscription: Arc<Subscription>);
    /// Its filters, expiry or status are now these.
    fn replaced(&self, subscription: Arc<Subscription>);
    fn removed(&self, subscription: SubscriptionNo, reason: EndReason);
}

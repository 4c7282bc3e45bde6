//! A subscription: who wants which events, by which transport, until when.
//!
//! The nouns and the pure rules (lifetimes, what a PUT means) live here; storing them is the store's
//! work, speaking the wire format the server's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::WallTime;
use crate::id::{AccountId, AppNo, ExtensionId, FilterNo, SubscriptionId, SubscriptionNo};

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

/// How and where to deliver. Immutable after creation, but for the webhook's secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Target {
    Webhook {
        /// Byte for byte as it was given: bots find their subscriptions by it.
        address: String,
        /// Sent as `Verification-Token`; `None` falls back to the app's generated one.
        verification_token: Option<String>,
    },
}

impl Target {
    pub fn transport_name(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "WebHook",
        }
    }

    pub fn default_lifetime(&self) -> Duration {
        match self {
            Self::Webhook { .. } => Duration::from_secs(604_800),
        }
    }

    pub fn longest_lifetime(&self) -> Duration {
        match self {
            Self::Webhook { .. } => Duration::from_secs(315_360_000),
        }
    }
}

/// One event filter of a subscription, as resolved: `~` replaced, query verbatim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscribedFilter {
    pub no: FilterNo,
    pub text: String,
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
    pub filters: Vec<SubscribedFilter>,
    pub target: Target,
}

impl Subscription {
    /// Whole seconds left, floored: 604799 right after a creation with 604800.
    pub fn expires_in(&self, now: WallTime) -> i64 {
        (self.expires_at.0 - now.0).max(0) / 1000
    }

    pub fn is_expired(&self, now: WallTime) -> bool {
        self.expires_at <= now
    }
}

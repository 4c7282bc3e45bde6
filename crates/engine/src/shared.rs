//! What the loops of one engine share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};

use async_trait::async_trait;
use hookswitch_core::catalogue::Catalogue;
use hookswitch_core::clock::Handles;
use hookswitch_core::id::{AccountId, AppNo, SubscriptionNo};
use hookswitch_core::matching::Index;
use hookswitch_core::retry::RetryPolicy;
use hookswitch_core::signature::Signer;
use hookswitch_core::signing_token::SigningToken;
use hookswitch_store::StoreError;
use hookswitch_store::log::EventLog;
use hookswitch_store::subscriptions::Subscriptions;
use hookswitch_transport::Transport;
use http::HeaderValue;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alarms::Alarms;
use crate::gate::Gate;
use crate::intake::Intake;
use crate::lane::Lane;
use crate::metrics::Metrics;
use crate::usage::Usage;
use crate::window::Window;

/// What an app signs and identifies its deliveries with. Asked for at each attempt, so that a rotation
/// takes effect at once.
pub struct AppSecrets {
    /// For subscriptions that have no token of their own.
    pub verification_token: Option<HeaderValue>,
    pub signer: Option<Signer>,
}

#[async_trait]
pub trait Secrets: Send + Sync + 'static {
    /// Those of an app, if they are at hand.
    fn at_hand(&self, app: AppNo) -> Option<Arc<AppSecrets>>;
    /// Fetches them, to be at hand from then on.
    async fn fetch(&self, app: AppNo) -> Result<Arc<AppSecrets>, StoreError>;
    /// The token that the conference endpoints of an account's company know, if it is at hand.
    fn signing_token_at_hand(&self, account: AccountId) -> Option<Arc<SigningToken>>;
    /// Fetches it, to be at hand from then on.
    async fn fetch_signing_token(&self, account: AccountId) -> Result<Arc<SigningToken>, StoreError>;
}

/// What an engine is made of.
#[derive(Clone)]
pub struct Deps {
    pub log: Arc<dyn EventLog>,
    pub subscriptions: Arc<dyn Subscriptions>,
    pub transport: Arc<dyn Transport>,
    pub secrets: Arc<dyn Secrets>,
    pub catalogue: Arc<Catalogue>,
    pub handles: Handles,
    pub settings: Settings,
    pub metrics: Metrics,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub retry: RetryPolicy,
    pub notification_within: std::time::Duration,
    /// The same for conference endpoints.
    pub conference_notification_within: std::time::Duration,
    /// Conference payloads go out without their `company_id` (D9).
    pub omit_company_id: bool,
    /// Sent with every notification, in this order, before what belongs to the subscription.
    pub headers: Vec<(http::HeaderName, HeaderValue)>,
    pub backlog_deliveries: u64,
    /// Attempts under way at once, over all endpoints.
    pub in_flight: usize,
    /// How long a stopping server waits for attempts under way.
    pub drain_within: std::time::Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            notification_within: hookswitch_core::limits::NOTIFICATION_WITHIN,
            conference_notification_within: hookswitch_core::limits::CONFERENCE_NOTIFICATION_WITHIN,
            omit_company_id: false,
            headers: Vec::new(),
            backlog_deliveries: hookswitch_core::limits::BACKLOG_DELIVERIES,
            in_flight: 1024,
            drain_within: std::time::Duration::from_secs(10),
        }
    }
}

pub(crate) struct Shared {
    pub(crate) deps: Deps,
    pub(crate) index: RwLock<Index>,
    pub(crate) lanes: RwLock<HashMap<SubscriptionNo, Arc<Lane>>>,
    pub(crate) expiries: crate::sweeper::Expiries,
    pub(crate) intake: Intake,
    pub(crate) window: Mutex<Window>,
    /// Told when events were handed to lanes.
    pub(crate) accepted: Notify,
    pub(crate) alarms: Alarms,
    pub(crate) gate: Gate,
    /// No new attempts from here on; those under way may end.
    pub(crate) draining: CancellationToken,
    /// Attempts under way are abandoned.
    pub(crate) abandoned: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) usage: Usage,
    pub(crate) store_fails: AtomicBool,
    /// Wall milliseconds of the last commit that ended, for health.
    pub(crate) last_commit: AtomicI64,
}

impl Shared {
    pub(crate) fn lane(&self, no: SubscriptionNo) -> Option<Arc<Lane>> {
        self.lanes.read().get(&no).cloned()
    }
}

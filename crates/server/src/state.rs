//! What handlers can reach: the parts of a running server, made once at start and shared as axum's state.
//! Nothing here is global, so two servers fit in one process.
//!
//! `App` is everything (`State<Arc<App>>`). `Front` is the part that knows who calls and who is there;
//! extractors and the directory's handlers need no more, and can be tested with it alone.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRef;
use bytes::Bytes;
use hookswitch_core::catalogue::Catalogue;
use hookswitch_core::clock::Handles;
use hookswitch_core::id::{AccountId, AppNo};
use hookswitch_core::limits;
use hookswitch_core::vault::Vault;
use hookswitch_engine::Engine;
use hookswitch_store::StoreError;
use hookswitch_store::directory::Directory;
use hookswitch_store::log::EventLog;
use hookswitch_store::provisioning::Provisioning;
use hookswitch_store::subscriptions::Subscriptions;
use hookswitch_transport::webhook::subnet::Subnet;
use parking_lot::RwLock;
use prometheus_client::registry::Registry;
use tokio::sync::{Mutex, Semaphore};

use crate::app_secrets::KeptSecrets;
use crate::config::Settings;
use crate::dev::faults::Faults;
use crate::dev::{Allowance, MovingClock};
use crate::headers::rates::Rates;
use crate::hookswitch::{Turns, Violations};
use crate::metering::Metering;
use crate::oauth::{Browsers, FailedLogins, IdentityProvider};
use crate::restapi::subscription::Subscribing;
use crate::team_messaging::Messaging;
use crate::token_cache::TokenCache;

/// Accounts whose existence is remembered.
const KNOWN_ACCOUNTS: usize = 10_000;
/// Passwords that are hashed at once; each costs a core for a good while.
const HASHED_AT_ONCE: usize = 2;

pub struct App {
    pub front: Front,
    pub settings: Arc<Settings>,
    pub handles: Handles,
    pub vault: Arc<Vault>,
    pub directory: Arc<dyn Directory>,
    pub provisioning: Arc<dyn Provisioning>,
    pub(crate) secrets: Arc<KeptSecrets>,
    /// Writers of the directory, one after another.
    pub turns: Turns,
    pub metering: Arc<Metering>,
    pub subscriptions: Arc<dyn Subscriptions>,
    pub subscribing: Subscribing,
    pub messaging: Messaging,
    pub log: Arc<dyn EventLog>,
    pub catalogue: Arc<Catalogue>,
    /// What is served of it at `/asyncapi.json`.
    pub asyncapi: Bytes,
    /// Bodies that were taken although they break their schema.
    pub violations: Violations,
    pub engine: Engine,
    /// The one that is in `handles`, in development mode.
    pub(crate) clock: Option<MovingClock>,
    /// Who moves it does so alone.
    pub(crate) advancing: Mutex<()>,
    /// What the figures of `/metrics` are gathered in.
    pub registry: Registry,
}

impl App {
    /// See `Front::knows_account`.
    pub async fn knows_account(&self, account: AccountId) -> Result<bool, StoreError> {
        self.front.knows_account(account).await
    }
}

impl FromRef<Arc<App>> for Subscribing {
    fn from_ref(app: &Arc<App>) -> Self {
        app.subscribing.clone()
    }
}

impl FromRef<Arc<App>> for Front {
    fn from_ref(app: &Arc<App>) -> Self {
        app.front.clone()
    }
}

#[derive(Default)]
struct KnownAccounts {
    accounts: HashSet<AccountId>,
    /// Grows with each account that is forgotten.
    round: u64,
}

/// Who calls and who is there. Cheap to clone.
#[derive(Clone)]
pub struct Front(Arc<FrontParts>);

pub struct FrontParts {
    pub settings: Arc<Settings>,
    pub handles: Handles,
    pub directory: Arc<dyn Directory>,
    /// Base of every URL that is handed out, without a slash at the end.
    pub base_url: String,
    pub(crate) tokens: TokenCache,
    pub(crate) hashing: Semaphore,
    pub(crate) failed_logins: FailedLogins,
    pub(crate) browsers: Browsers,
    pub(crate) rates: Rates,
    /// The operator's own identity provider.
    pub(crate) identity: Option<IdentityProvider>,
    /// Asked for in development mode; none elsewhere.
    pub(crate) faults: Arc<Faults>,
    /// In development mode, once it is there.
    pub(crate) demo_app: OnceLock<AppNo>,
    /// Whose X-Forwarded-For is believed.
    pub(crate) proxies: Vec<Subnet>,
    known_accounts: RwLock<KnownAccounts>,
}

impl Front {
    /// `base_url` is `Settings::base_url` of the address the listener got.
    pub fn new(
        settings: Arc<Settings>,
        handles: Handles,
        directory: Arc<dyn Directory>,
        base_url: String,
    ) -> Self {
        Self(Arc::new(FrontParts {
            failed_logins: FailedLogins::default(),
            browsers: Browsers::new(&handles),
            rates: Rates::default(),
            identity: IdentityProvider::of(&settings.identity),
            faults: Arc::default(),
            demo_app: OnceLock::new(),
            // Checked when the settings were read.
            proxies: settings.trusted_proxies.iter().filter_map(|subnet| subnet.parse().ok()).collect(),
            settings,
            handles,
            directory,
            base_url,
            tokens: TokenCache::default(),
            hashing: Semaphore::new(HASHED_AT_ONCE),
            known_accounts: RwLock::default(),
        }))
    }

    /// Subscriptions of one user with one app.
    pub(crate) fn subscriptions_allowed(&self) -> Allowance {
        Allowance::new(
            self.settings.limits.subscriptions_per_user_and_app,
            limits::SUBSCRIPTIONS_PER_USER_AND_APP,
            limits::SUBSCRIPTIONS_PER_USER_AND_DEMO_APP,
            self.demo_app.get().copied(),
        )
    }

    /// Sessions of one user with one app.
    pub(crate) fn sessions_allowed(&self) -> Allowance {
        Allowance::new(
            self.settings.sessions.per_user_and_app,
            limits::SESSIONS_PER_USER_AND_APP,
            limits::SESSIONS_PER_USER_AND_DEMO_APP,
            self.demo_app.get().copied(),
        )
    }

    /// Whether there is such an account. Asked for every published event, so a yes is remembered;
    /// accounts that are deleted have to be forgotten with `forget_account`.
    pub async fn knows_account(&self, account: AccountId) -> Result<bool, StoreError> {
        let round = {
            let known = self.known_accounts.read();
            if known.accounts.contains(&account) {
                return Ok(true);
            }
            known.round
        };
        let exists = self.directory.account(account).await?.is_some();
        let mut known = self.known_accounts.write();
        // One that was forgotten meanwhile may not come back.
        if exists && known.round == round {
            if known.accounts.len() >= KNOWN_ACCOUNTS {
                known.accounts.clear();
            }
            known.accounts.insert(account);
        }
        Ok(exists)
    }

    pub fn forget_account(&self, account: AccountId) {
        let mut known = self.known_accounts.write();
        known.round += 1;
        known.accounts.remove(&account);
    }
}

impl Deref for Front {
    type Target = FrontParts;

    fn deref(&self) -> &FrontParts {
        &self.0
    }
}

//! The webhook transport: events as HTTP POSTs to an address the subscriber named.
//!
//! `address` reads such an address, `guard` and `resolver` decide where it may lead, `dial` opens connections
//! (`tls`, `wire`), `pool` keeps them, `sender` makes one attempt (`http1`), `verdict` says what came of it, and
//! `handshake` asks a new address whether it wants to be subscribed. What a notification says, when to send
//! it and when to try again is decided elsewhere.

pub mod address;
mod body;
mod deadline;
mod dial;
pub mod guard;
pub mod handshake;
mod http1;
mod pool;
pub mod resolver;
mod sender;
pub mod settings;
pub mod subnet;
pub mod tls;
pub mod verdict;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hookswitch_core::clock::Handles;
use hookswitch_core::id::AccountId;
use http::{HeaderValue, header};
use tokio_rustls::TlsConnector;

use self::address::{Address, AddressError};
use self::dial::Dialer;
use self::guard::Guard;
use self::handshake::{Handshake, HandshakeFailure};
use self::pool::PoolRules;
use self::resolver::{Resolver, SystemResolver};
use self::sender::WebhookEndpoint;
pub use self::settings::{AllowHttp, Settings};
use self::tls::TlsSetupError;
use crate::header_lines::HeaderLines;
use crate::{Endpoint, Transport};

/// The transport. Make one for a server; it must be used inside a tokio runtime.
pub struct Webhook {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    handles: Handles,
    dialer: Dialer,
    pools: Arc<PoolRules>,
}

impl Webhook {
    /// Resolves names as the operating system does.
    pub fn new(settings: Settings, handles: Handles) -> Result<Self, TlsSetupError> {
        Self::with_resolver(settings, handles, Arc::new(SystemResolver::default()))
    }

    pub fn with_resolver(
        settings: Settings,
        handles: Handles,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, TlsSetupError> {
        let tls = tls::client_config(&settings.extra_ca_files, Arc::clone(&handles.clock))?;
        let dialer = Dialer {
            guard: Guard::new(settings.allow.clone(), settings.allow_loopback),
            resolver,
            tls: TlsConnector::from(Arc::new(tls)),
            clock: Arc::clone(&handles.clock),
        };
        let pools = PoolRules {
            clock: Arc::clone(&handles.clock),
            idle_for: settings.idle_for,
            connection_age: settings.connection_age,
            idle_at_most: settings.idle_connections,
            idle: AtomicUsize::new(0),
        };
        Ok(Self { shared: Arc::new(Shared { settings, handles, dialer, pools: Arc::new(pools) }) })
    }

    /// Whether a subscription of this account may have this address. Names are judged when dialled.
    pub fn check(&self, address: &str, account: Option<AccountId>) -> Result<Address, AddressError> {
        Address::parse(address, &self.shared.dialer.guard, self.shared.settings.allow_http, account)
    }

    /// Asks the address whether it wants to be subscribed. Takes up to `handshake_within` and, to tell how
    /// late an answer is, `handshake_watched_for`: hold no lock meanwhile.
    pub async fn handshake(
        &self,
        address: &Address,
        verification_token: Option<&HeaderValue>,
    ) -> Result<(), HandshakeFailure> {
        let Shared { settings, handles, dialer, .. } = self.shared.as_ref();
        Handshake { handles, dialer, settings }.run(address, verification_token).await
    }

    /// Open connections that wait for their next request, over all endpoints.
    pub fn idle_connections(&self) -> usize {
        self.shared.pools.idle.load(Ordering::Relaxed)
    }

    fn open_checked(&self, address: &str, account: Option<AccountId>) -> Arc<dyn Endpoint> {
        Arc::new(WebhookEndpoint::new(Arc::clone(&self.shared), self.check(address, account)))
    }
}

impl Transport for Webhook {
    fn open(&self, address: &str) -> Arc<dyn Endpoint> {
        self.open_checked(address, None)
    }

    fn open_for(&self, account: AccountId, address: &str) -> Arc<dyn Endpoint> {
        self.open_checked(address, Some(account))
    }
}

/// What every notification carries (contract §4.2), to go before what differs: the tokens and signatures.
pub fn notification_headers(user_agent: HeaderValue) -> HeaderLines {
    let headers = [
        (header::ACCEPT, HeaderValue::from_static("application/json")),
        (header::ACCEPT_ENCODING, HeaderValue::from_static("UTF-8")),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8")),
        (header::USER_AGENT, user_agent),
    ];
    headers.into_iter().collect()
}

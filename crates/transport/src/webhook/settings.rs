//! Every knob of the webhook transport, as plain data with its default.

use std::path::PathBuf;
use std::time::Duration;

use hookswitch_core::limits;
use serde::{Deserialize, Serialize};

use super::guard::Allowed;

/// When a subscription's address may be plain http.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AllowHttp {
    Never,
    /// To loopback, and only where loopback may be dialled at all.
    #[default]
    Loopback,
    Always,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub user_agent: String,
    pub allow_http: AllowHttp,
    /// Whether loopback may be dialled (D5: `--dev` does this and nothing else).
    pub allow_loopback: bool,
    /// Subnets that may be dialled although the guard forbids them.
    pub allow: Vec<Allowed>,
    /// PEM files of certificate authorities trusted beside the public ones.
    pub extra_ca_files: Vec<PathBuf>,
    /// For connecting and the complete answer to a handshake.
    pub handshake_within: Duration,
    /// For so long after its time is up, a handshake's answer is waited for, only to tell how late it came.
    pub handshake_watched_for: Duration,
    /// An unused connection is closed after this.
    pub idle_for: Duration,
    /// A connection is not used again after this, so that a name that moved is followed.
    pub connection_age: Duration,
    /// Unused connections kept over all endpoints.
    pub idle_connections: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            user_agent: "RingCentral-Webhook/8.3".to_owned(),
            allow_http: AllowHttp::default(),
            allow_loopback: false,
            allow: Vec::new(),
            extra_ca_files: Vec::new(),
            handshake_within: limits::HANDSHAKE_WITHIN,
            handshake_watched_for: Duration::from_secs(2),
            idle_for: Duration::from_secs(30),
            connection_age: Duration::from_secs(600),
            idle_connections: 512,
        }
    }
}

impl Settings {
    /// As `--dev` runs: loopback, and plain http to it, are allowed; nothing else is loosened.
    pub fn dev() -> Self {
        Self { allow_loopback: true, ..Self::default() }
    }
}

//! What apps and companies sign and identify their deliveries with, kept at hand for the deliverer.
//!
//! Few of them, asked for at every attempt: they are read once and kept.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookswitch_core::clock::Handles;
use hookswitch_core::id::{AccountId, AppNo};
use hookswitch_core::signature::Signer;
use hookswitch_core::signing_token::SigningToken;
use hookswitch_engine::{AppSecrets, Secrets};
use hookswitch_store::StoreError;
use hookswitch_store::directory::{Directory, RegisteredApp};
use hookswitch_store::provisioning::Provisioning;
use parking_lot::RwLock;

/// Companies whose tokens are remembered.
const KEPT_TOKENS: usize = 10_000;

pub(crate) struct KeptSecrets {
    directory: Arc<dyn Directory>,
    provisioning: Arc<dyn Provisioning>,
    kept: RwLock<HashMap<AppNo, Arc<AppSecrets>>>,
    tokens: RwLock<HashMap<AccountId, Arc<SigningToken>>>,
}

impl KeptSecrets {
    pub(crate) fn new(directory: Arc<dyn Directory>, provisioning: Arc<dyn Provisioning>) -> Self {
        Self { directory, provisioning, kept: RwLock::default(), tokens: RwLock::default() }
    }

    /// A token that has changed, for whatever is sent from now on.
    pub(crate) fn keep_signing_token(&self, account: AccountId, token: SigningToken) {
        self.tokens.write().insert(account, Arc::new(token));
    }
}

#[async_trait]
impl Secrets for KeptSecrets {
    fn at_hand(&self, app: AppNo) -> Option<Arc<AppSecrets>> {
        self.kept.read().get(&app).cloned()
    }

    async fn fetch(&self, app: AppNo) -> Result<Arc<AppSecrets>, StoreError> {
        let registered = self.directory.app(app).await?;
        let secrets = Arc::new(registered.map_or_else(none, |registered| of(&registered)));
        self.kept.write().insert(app, Arc::clone(&secrets));
        Ok(secrets)
    }

    fn signing_token_at_hand(&self, account: AccountId) -> Option<Arc<SigningToken>> {
        self.tokens.read().get(&account).cloned()
    }

    async fn fetch_signing_token(&self, account: AccountId) -> Result<Arc<SigningToken>, StoreError> {
        let token = self.provisioning.signing_token(account).await?;
        let token = Arc::new(token.ok_or(StoreError::Conflict("the account of a conference endpoint"))?);
        let mut tokens = self.tokens.write();
        if tokens.len() >= KEPT_TOKENS {
            tokens.clear();
        }
        // One that was rotated while this was read is newer.
        Ok(Arc::clone(tokens.entry(account).or_insert(token)))
    }
}

/// A key for Standard Webhooks signatures.
pub(crate) fn new_signing_secret(handles: &Handles) -> String {
    let mut key = [0; 24];
    handles.entropy.fill(&mut key);
    format!("whsec_{}", STANDARD.encode(key))
}

/// An app that is no more: its deliveries go on, unsigned.
fn none() -> AppSecrets {
    AppSecrets { verification_token: None, signer: None }
}

fn of(app: &RegisteredApp) -> AppSecrets {
    let signer = Signer::new([app.signing_secret.as_str()]);
    if let Err(error) = &signer {
        tracing::error!(app = %app.no, %error, "an app's signing secret is unusable; its deliveries go unsigned");
    }
    let verification_token = Some(&app.verification_token).filter(|token| !token.is_empty());
    AppSecrets {
        verification_token: verification_token.and_then(|token| HeaderValue::from_str(token).ok()),
        signer: signer.ok(),
    }
}

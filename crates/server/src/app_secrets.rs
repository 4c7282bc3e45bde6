//! What apps sign and identify their deliveries with, kept at hand for the deliverer.
//!
//! Few apps, asked for at every attempt: they are read once and kept.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookswitch_core::clock::Handles;
use hookswitch_core::id::AppNo;
use hookswitch_core::signature::Signer;
use hookswitch_engine::{AppSecrets, Secrets};
use hookswitch_store::StoreError;
use hookswitch_store::directory::{Directory, RegisteredApp};
use parking_lot::RwLock;

pub(crate) struct KeptSecrets {
    directory: Arc<dyn Directory>,
    kept: RwLock<HashMap<AppNo, Arc<AppSecrets>>>,
}

impl KeptSecrets {
    pub(crate) fn new(directory: Arc<dyn Directory>) -> Self {
        Self { directory, kept: RwLock::default() }
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

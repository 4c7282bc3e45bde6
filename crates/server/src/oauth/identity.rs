//! An identity provider of the operator's own: its signed assertions log users in by the jwt-bearer grant.
//!
//! The provider's keys come from a JWKS file or URL. An assertion counts if one of them signed it, issuer
//! and audience are those of the settings, and it is neither expired nor of the future; then one claim
//! names the user, by extension id or e-mail. Keys are read when they are needed and too old, so nothing
//! runs while nobody logs in.

mod fetch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookswitch_core::clock::{MonoTime, WallTime};
use hookswitch_store::directory::LoginName;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use url::Url;

use super::problem::OAuthError;
use crate::config::{Identity, IdentityNames};
use crate::problem::ApiError;
use crate::state::Front;

/// Signatures with a key that the provider alone has. No HMAC: whoever checks could also sign.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// An unknown key makes us look again, but not more often than this.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// Clocks of two machines differ a little.
const LEEWAY_SECONDS: i64 = 60;
const JWKS_BYTES: usize = 256 * 1024;

pub(crate) struct IdentityProvider {
    source: Source,
    issuer: String,
    audience: String,
    claim: String,
    names: IdentityNames,
    refresh_every: Duration,
    keys: Mutex<Keys>,
}

enum Source {
    File(PathBuf),
    Url(Url),
}

#[derive(Default)]
struct Keys {
    known: Arc<Vec<Jwk>>,
    read_at: Option<MonoTime>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    #[error("the file {path} cannot be read")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{url} cannot be fetched: {why}")]
    Url { url: Url, why: String },
    #[error("it is no JWKS")]
    Form(#[source] serde_json::Error),
    #[error("there is no key in it that can be used")]
    NoKeys,
}

impl IdentityProvider {
    /// `None` where the operator has none.
    pub(crate) fn of(settings: &Identity) -> Option<Self> {
        let jwks = settings.jwks.as_ref()?;
        let source = match Url::parse(jwks) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Source::Url(url),
            _ => Source::File(PathBuf::from(jwks)),
        };
        Some(Self {
            source,
            issuer: settings.issuer.clone()?,
            audience: settings.audience.clone()?,
            claim: settings.claim.clone(),
            names: settings.names,
            refresh_every: settings.refresh_every,
            keys: Mutex::default(),
        })
    }

    /// Whether an assertion says that it is from this provider.
    pub(super) fn issued(&self, assertion: &str) -> bool {
        let payload = assertion.split('.').nth(1).unwrap_or_default();
        let claims = URL_SAFE_NO_PAD.decode(payload).ok();
        let claims: Option<Value> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
        claims.is_some_and(|claims| claims["iss"] == self.issuer.as_str())
    }

    /// Whom an assertion means, if it holds.
    pub(super) async fn user(&self, front: &Front, assertion: &str) -> Result<LoginName, OAuthError> {
        let header = jsonwebtoken::decode_header(assertion).map_err(|_| {
            OAuthError::invalid_grant("OAU-149", "The assertion is not a JWT").naming("assertion")
        })?;
        if !ALGORITHMS.contains(&header.alg) {
            let description = format!("JWT signing algorithm {:?} is not supported", header.alg);
            return Err(OAuthError::invalid_grant("OAU-347", description));
        }
        let keys = self.keys_for(front, &header).await?;
        let claims = keys.iter().filter(|key| may_have_signed(key, &header));
        let claims = claims.filter_map(|key| self.verified(assertion, header.alg, key)).next();
        let claims = claims.ok_or_else(|| refused("no key of the identity provider has signed it for us"))?;
        check_times(&claims, front.handles.now())?;
        self.named(&claims).ok_or_else(|| refused(&format!("its claim [{}] names nobody", self.claim)))
    }

    fn verified(&self, assertion: &str, algorithm: Algorithm, key: &Jwk) -> Option<Map<String, Value>> {
        let key = DecodingKey::from_jwk(key).ok()?;
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["iss", "aud"]);
        // The clock is ours to ask: `check_times` wants an `exp` too.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        jsonwebtoken::decode(assertion, &key, &validation).ok().map(|decoded| decoded.claims)
    }

    fn named(&self, claims: &Map<String, Value>) -> Option<LoginName> {
        let value = claims.get(&self.claim)?;
        match self.names {
            IdentityNames::ExtensionId => {
                let id = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
                Some(LoginName::Id(hookswitch_core::id::ExtensionId(id)))
            }
            IdentityNames::Email => {
                let address = value.as_str().filter(|address| address.contains('@'))?.to_owned();
                Some(LoginName::Email { address, extension: None })
            }
        }
    }

    /// The provider's keys, read again if they are too old or do not have the one that is wanted.
    async fn keys_for(&self, front: &Front, header: &Header) -> Result<Arc<Vec<Jwk>>, OAuthError> {
        let mut keys = self.keys.lock().await;
        let now = front.handles.monotonic();
        let age = keys.read_at.map(|read_at| now.since(read_at));
        let has_it = keys.known.iter().any(|key| may_have_signed(key, header));
        let fresh_enough = if has_it { self.refresh_every } else { LOOK_AGAIN_AFTER.min(self.refresh_every) };
        if age.is_some_and(|age| age < fresh_enough) {
            return Ok(Arc::clone(&keys.known));
        }
        // A failure counts as a look too, so that a provider that is down is not asked for every login.
        keys.read_at = Some(now);
        match self.read(front).await {
            Ok(known) => keys.known = Arc::new(known),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the identity provider's keys are not to be had"
                );
                if keys.known.is_empty() {
                    let message = "The keys of the identity provider are not to be had, please try again";
                    return Err(ApiError::unavailable(message).into());
                }
            }
        }
        Ok(Arc::clone(&keys.known))
    }

    async fn read(&self, front: &Front) -> Result<Vec<Jwk>, KeysError> {
        let text = match &self.source {
            Source::Url(url) => fetch::fetch(front, url, JWKS_BYTES).await?,
            Source::File(path) => {
                let failed = |source| KeysError::File { path: path.clone(), source };
                let file = path.clone();
                let read = tokio::task::spawn_blocking(move || std::fs::read(file)).await;
                read.map_err(std::io::Error::other).and_then(|read| read).map_err(failed)?.into()
            }
        };
        key_set(&text)
    }
}

/// Keys of kinds that we do not know are passed over: a set may have some for other purposes.
fn key_set(text: &[u8]) -> Result<Vec<Jwk>, KeysError> {
    #[derive(serde::Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = serde_json::from_slice(text).map_err(KeysError::Form)?;
    let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    let keys: Vec<_> =
        keys.filter(|key| !matches!(key.algorithm, AlgorithmParameters::OctetKey(_))).collect();
    if keys.is_empty() { Err(KeysError::NoKeys) } else { Ok(keys) }
}

/// A header without a key id leaves it to us to try.
fn may_have_signed(key: &Jwk, header: &Header) -> bool {
    let named = header.kid.as_ref().is_none_or(|kid| key.common.key_id.as_ref() == Some(kid));
    let for_this = key
        .common
        .key_algorithm
        .is_none_or(|algorithm| algorithm.to_string().eq_ignore_ascii_case(&format!("{:?}", header.alg)));
    named && for_this
}

fn check_times(claims: &Map<String, Value>, now: WallTime) -> Result<(), OAuthError> {
    let now = now.unix_seconds();
    let at = |name: &str| claims.get(name).and_then(Value::as_f64);
    // Claims may have fractions; seconds since 1970 are exact in this type.
    let (early, late) = ((now - LEEWAY_SECONDS) as f64, (now + LEEWAY_SECONDS) as f64);
    if at("exp").is_none_or(|end| end <= early) {
        return Err(OAuthError::invalid_grant("OAU-128", "The assertion is expired"));
    }
    if at("nbf").is_some_and(|begin| begin > late) {
        return Err(refused("it is not valid yet"));
    }
    Ok(())
}

fn refused(why: &str) -> OAuthError {
    OAuthError::invalid_grant("OAU-140", format!("The assertion does not hold: {why}"))
}

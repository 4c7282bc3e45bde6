//! The jwt-bearer grant: credentials that a user was given once and that stand for their password.
//!
//! We sign them with a key of our own (Ed25519), which the store keeps sealed. A credential is known
//! by its `jti`, so it can be withdrawn; where the server listens is no part of it. Assertions of an
//! identity provider that the operator trusts are judged in `identity`.

use hookswitch_core::clock::{Handles, WallTime};
use hookswitch_store::directory::{JwtCredential, LoginRecord, RegisteredApp, SigningKey};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};

use super::issue::{TokenInfo, granted, open_session};
use super::problem::OAuthError;
use super::token::{Call, may_log_in};
use crate::state::Front;

const ISSUER: &str = "hookswitch";
const ALGORITHM: Algorithm = Algorithm::EdDSA;
const ALGORITHM_NAME: &str = "EdDSA";
/// What stands before the 32 bytes of an Ed25519 key in PKCS#8.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    /// Id of the extension.
    sub: String,
    jti: String,
    iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

#[derive(Debug, thiserror::Error)]
#[error("a credential could not be signed: {0}")]
pub struct SigningError(String);

pub(super) async fn grant(call: &Call<'_>) -> Result<TokenInfo, OAuthError> {
    let Call { front, app, form, .. } = *call;
    let assertion = form.required("assertion")?;
    let login = match front.identity.as_ref().filter(|provider| provider.issued(assertion)) {
        Some(provider) => {
            let name = provider.user(front, assertion).await?;
            let login = front.directory.login(name).await?;
            login.ok_or_else(|| OAuthError::invalid_grant("OAU-136", "The extension is not found"))?
        }
        None => of_credential(front, app, assertion).await?,
    };
    may_log_in(&login)?;
    open_session(call, &login, granted(app, form)?).await
}

/// The user of a credential of ours.
async fn of_credential(
    front: &Front,
    app: &RegisteredApp,
    assertion: &str,
) -> Result<LoginRecord, OAuthError> {
    let claims = verified(front, assertion).await?;
    let now = front.handles.now();
    if claims.exp.is_some_and(|exp| exp <= now.unix_seconds()) {
        return Err(expired());
    }
    let Some((credential, login)) = front.directory.login_by_credential(&claims.jti).await? else {
        return Err(OAuthError::invalid_grant("OAU-213", "The credential was withdrawn"));
    };
    if credential.extension.to_string() != claims.sub {
        return Err(bad_signature());
    }
    if credential.expires_at.is_some_and(|end| end <= now) {
        return Err(expired());
    }
    if credential.app.is_some_and(|bound| bound != app.no) {
        return Err(OAuthError::invalid_grant("OAU-110", "The credential is for another application"));
    }
    Ok(login)
}

/// What the assertion says, if one of our keys signed it.
async fn verified(front: &Front, assertion: &str) -> Result<Claims, OAuthError> {
    let header = jsonwebtoken::decode_header(assertion).map_err(unreadable)?;
    if header.alg != ALGORITHM {
        let description = format!("JWT signing algorithm {:?} is not supported", header.alg);
        return Err(OAuthError::invalid_grant("OAU-347", description));
    }
    let key = match header.kid {
        Some(kid) => front.directory.signing_key(&kid).await?,
        None => None,
    };
    let key = key.ok_or_else(bad_signature)?;
    let mut validation = Validation::new(ALGORITHM);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["iss", "sub"]);
    // The clock is ours to ask; the audience names a host and a port, which may change.
    validation.validate_exp = false;
    validation.validate_aud = false;
    let decoded =
        jsonwebtoken::decode::<Claims>(assertion, &DecodingKey::from_ed_der(&key.public_key), &validation);
    decoded.map(|decoded| decoded.claims).map_err(|_| bad_signature())
}

/// A new key for signing credentials.
pub fn new_key(handles: &Handles) -> Result<SigningKey, SigningError> {
    let mut private_key = vec![0; 32];
    handles.entropy.fill(&mut private_key);
    let pair =
        Ed25519KeyPair::from_seed_unchecked(&private_key).map_err(|error| SigningError(error.to_string()))?;
    Ok(SigningKey {
        kid: handles.token(9),
        algorithm: ALGORITHM_NAME.to_owned(),
        public_key: pair.public_key().as_ref().to_vec(),
        private_key,
        created_at: handles.now(),
    })
}

/// The JWT of a credential.
pub fn sign(key: &SigningKey, credential: &JwtCredential) -> Result<String, SigningError> {
    let header = Header { kid: Some(key.kid.clone()), ..Header::new(ALGORITHM) };
    let claims = Claims {
        iss: ISSUER.to_owned(),
        sub: credential.extension.to_string(),
        jti: credential.jti.clone(),
        iat: credential.created_at.unix_seconds(),
        exp: credential.expires_at.map(WallTime::unix_seconds),
    };
    let document = [PKCS8_PREFIX.as_slice(), &key.private_key].concat();
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&document))
        .map_err(|error| SigningError(error.to_string()))
}

/// A header that does not even name a known algorithm is about the algorithm too.
fn unreadable(error: jsonwebtoken::errors::Error) -> OAuthError {
    match error.kind() {
        jsonwebtoken::errors::ErrorKind::Json(_) | jsonwebtoken::errors::ErrorKind::InvalidAlgorithmName => {
            OAuthError::invalid_grant("OAU-347", "JWT signing algorithm is not supported")
        }
        _ => OAuthError::invalid_grant("OAU-149", "The assertion is not a JWT").naming("assertion"),
    }
}

fn bad_signature() -> OAuthError {
    OAuthError::invalid_grant("OAU-140", "The assertion is not a credential of this server")
}

fn expired() -> OAuthError {
    OAuthError::invalid_grant("OAU-128", "The credential is expired")
}

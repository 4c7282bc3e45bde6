//! Which app calls: by `Authorization: Basic`, or, for a public app, by `client_id` alone.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hookswitch_store::directory::{Directory, RegisteredApp};
use subtle::ConstantTimeEq;

use super::form::Form;
use super::problem::OAuthError;
use crate::authenticate::hash_token;

/// Who the request says it is from.
struct Claim {
    client_id: String,
    /// `None`: nothing to show for it.
    secret: Option<String>,
}

pub(super) async fn authenticate(
    directory: &dyn Directory,
    headers: &HeaderMap,
    form: &Form,
) -> Result<RegisteredApp, OAuthError> {
    let claim = claim(headers, form)?;
    let app = directory.app_by_client_id(&claim.client_id).await?;
    let Some(app) = app else {
        return Err(OAuthError::invalid_client("OAU-120", "Client application is not found"));
    };
    let good = match (&app.secret, &claim.secret) {
        (Some(kept), Some(shown)) => bool::from(kept.0.ct_eq(&hash_token(shown).0)),
        (Some(_), None) => false,
        // Public: some SDKs send Basic with an empty secret.
        (None, shown) => shown.as_deref().is_none_or(str::is_empty),
    };
    if good { Ok(app) } else { Err(OAuthError::invalid_client("OAU-146", "Client credentials are wrong")) }
}

fn claim(headers: &HeaderMap, form: &Form) -> Result<Claim, OAuthError> {
    let in_body = form.get("client_id");
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let claim = value.to_str().ok().and_then(basic).ok_or_else(|| {
            OAuthError::invalid_client(
                "OAU-134",
                "Authorization header must have the form: Basic <credentials>",
            )
        })?;
        if in_body.is_some_and(|client_id| client_id != claim.client_id) {
            let description =
                "Parameter [client_id] and the Authorization header name different applications";
            return Err(OAuthError::new("invalid_request", "OAU-150", description).naming("client_id"));
        }
        return Ok(claim);
    }
    if form.get("client_assertion_type").is_some() || form.get("client_assertion").is_some() {
        return Err(OAuthError::invalid_client("OAU-151", "Client assertions are not supported, use Basic"));
    }
    match in_body {
        Some(client_id) => Ok(Claim { client_id: client_id.to_owned(), secret: None }),
        None => Err(OAuthError::invalid_client("OAU-123", "Authorization header is not specified")),
    }
}

fn basic(value: &str) -> Option<Claim> {
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = credentials.trim();
    let bytes = STANDARD.decode(credentials).or_else(|_| STANDARD_NO_PAD.decode(credentials)).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (client_id, secret) = text.split_once(':')?;
    Some(Claim { client_id: client_id.to_owned(), secret: Some(secret.to_owned()) })
}

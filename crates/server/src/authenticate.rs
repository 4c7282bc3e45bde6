//! From a request to its caller. `Principal` is the extractor for paths that several kinds of token may
//! use; `Caller` is the one of the REST trees, where only a user will do.
//!
//! A token comes in `Authorization: Bearer` (the front door moves `?access_token=` there). Missing,
//! unknown, expired: 401, with the codes that clients read. The wrong kind: 403.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use hookswitch_core::clock::WallTime;
use hookswitch_store::directory::{AccessRecord, TokenHash, TokenRecord};
use ring::digest::{SHA256, digest};

use crate::principal::{Principal, User};
use crate::problem::ApiError;
use crate::state::Front;

/// Longer than any token that we make.
const LONGEST_TOKEN: usize = 4096;

/// A user of the REST trees.
pub struct Caller(pub Arc<User>);

impl<S> FromRequestParts<S> for Principal
where
    Front: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers)?;
        of_token(&Front::from_ref(state), token).await
    }
}

impl<S> FromRequestParts<S> for Caller
where
    Front: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Principal::from_request_parts(parts, state).await? {
            Principal::User(user) => Ok(Self(user)),
            Principal::Admin | Principal::Publish { .. } => Err(ApiError::permission("UserToken")),
            Principal::App(_) => Err(unauthorized(
                "CMN-405",
                None,
                "Login to extension is required: the token is of an application alone",
            )),
        }
    }
}

impl Caller {
    /// 403 CMN-401 unless the app has `scope`.
    pub fn require_scope(&self, scope: &str) -> Result<(), ApiError> {
        if self.0.has_scope(scope) { Ok(()) } else { Err(ApiError::permission(scope)) }
    }

    /// 403 CMN-408 unless the user has `permission`.
    pub fn require_permission(&self, permission: &str) -> Result<(), ApiError> {
        if self.0.has_permission(permission) { Ok(()) } else { Err(ApiError::user_permission(permission)) }
    }
}

/// The SHA-256 by which a token is known.
pub fn hash_token(token: &str) -> TokenHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    TokenHash(hash)
}

/// Whom `token` stands for now.
pub async fn of_token(front: &Front, token: &str) -> Result<Principal, ApiError> {
    let hash = hash_token(token);
    let now = front.handles.now();
    if let Some(principal) = front.tokens.get(&hash, now) {
        return Ok(principal);
    }
    let round = front.tokens.round();
    let Some(record) = front.directory.token(hash).await? else {
        return Err(unauthorized("OAU-213", Some("TokenInvalid"), "Token is not found"));
    };
    let (principal, expires_at) = match record {
        TokenRecord::Admin => (Principal::Admin, WallTime(i64::MAX)),
        TokenRecord::Publish { account } => (Principal::Publish { account }, WallTime(i64::MAX)),
        TokenRecord::App { expires_at, .. } if now >= expires_at => return Err(expired()),
        TokenRecord::App { app, expires_at } => (Principal::App(app), expires_at),
        TokenRecord::Access(access) => {
            let expires_at = access.session.access_expires_at;
            (user(front, access, now).await?, expires_at)
        }
    };
    front.tokens.note(round, hash, principal.clone(), expires_at);
    Ok(principal)
}

async fn user(front: &Front, access: AccessRecord, now: WallTime) -> Result<Principal, ApiError> {
    if now >= access.session.access_expires_at {
        return Err(expired());
    }
    if !access.owner_enabled {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "OAU-236",
            "The owner's extension is disabled or frozen",
        ));
    }
    if access.first_use {
        front.directory.mark_used(access.session.no, now).await?;
    }
    let session = access.session;
    Ok(Principal::User(Arc::new(User {
        account: session.account,
        extension: session.extension,
        app: session.app,
        session: session.no,
        scopes: session.scopes,
        administrator: access.administrator,
        permissions: access.permissions,
    })))
}

fn expired() -> ApiError {
    unauthorized("OAU-128", Some("TokenExpired"), "Access token is expired")
}

/// The token of `Authorization: Bearer`, the scheme in any case.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Err(unauthorized("OAU-123", None, "Authorization header is not specified"));
    };
    let malformed =
        || unauthorized("OAU-134", None, "Authorization header must have the form: Bearer <token>");
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(malformed());
    }
    let token = token.trim();
    if token.is_empty() || token.len() > LONGEST_TOKEN || token.contains(char::is_whitespace) {
        return Err(unauthorized("OAU-149", Some("TokenInvalid"), "Token cannot be parsed"));
    }
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if !token.bytes().all(is_legal) {
        return Err(unauthorized("OAU-129", Some("TokenInvalid"), "Token has characters that no token has"));
    }
    Ok(token)
}

fn unauthorized(code: &'static str, symbolic: Option<&'static str>, message: &str) -> ApiError {
    let mut error = ApiError::new(StatusCode::UNAUTHORIZED, code, message);
    error.symbolic = symbolic;
    error
}

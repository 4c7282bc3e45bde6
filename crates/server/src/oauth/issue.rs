//! Making token pairs, and the answer that carries one.
//!
//! A login's tokens are random. Those of a refresh are made from the refresh token that was presented and
//! a random seed that the session keeps: whoever presents the same token again can be given the same
//! pair, although nothing but hashes and the seed is stored (contract.md §1.2, lost answers).

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookswitch_core::clock::{Handles, WallTime};
use hookswitch_store::directory::{
    Grant, LoginRecord, NewSession, OpenedSession, RegisteredApp, Session, TokenPair,
};
use ring::hmac;
use serde::Serialize;

use super::form::Form;
use super::lifetime;
use super::problem::OAuthError;
use super::token::Call;
use crate::authenticate::hash_token;
use crate::state::Front;

const TOKEN_BYTES: usize = 32;

/// What the client is given, besides their hashes for the store.
pub(super) struct Pair {
    pub(super) access: String,
    pub(super) refresh: Option<String>,
    pub(super) hashes: TokenPair,
}

/// The answer to a token request.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct TokenInfo {
    access_token: String,
    /// Always `bearer`.
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token_expires_in: Option<u64>,
    /// Separated by spaces.
    scope: String,
    /// Id of the user's extension; absent for an app alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_id: Option<String>,
    session_id: String,
}

/// How long the tokens of a request live.
#[derive(Clone, Copy)]
pub(super) struct Lives {
    access: Duration,
    refresh: Option<Duration>,
}

impl Lives {
    pub(super) fn asked(front: &Front, app: &RegisteredApp, form: &Form) -> Self {
        let settings = &front.settings.sessions;
        let may_refresh = app.grants.contains(&Grant::RefreshToken);
        let refresh = lifetime::refresh(form, settings).filter(|_| may_refresh);
        Self { access: lifetime::access(form, settings), refresh }
    }
}

impl Lives {
    /// As a pair made earlier had it, whatever is asked for now.
    pub(super) fn with_refresh(self, refresh: Option<Duration>) -> Self {
        Self { refresh, ..self }
    }
}

impl Pair {
    pub(super) fn random(handles: &Handles, lives: Lives) -> Self {
        let refresh = lives.refresh.map(|_| handles.token(TOKEN_BYTES));
        Self::of(handles.token(TOKEN_BYTES), refresh, handles.now(), lives)
    }

    /// The pair that follows `presented`: the same for the same seed.
    pub(super) fn following(presented: &str, seed: &[u8; 16], now: WallTime, lives: Lives) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, presented.as_bytes());
        let token = |label: &[u8]| {
            let mut context = hmac::Context::with_key(&key);
            context.update(seed);
            context.update(label);
            URL_SAFE_NO_PAD.encode(context.sign())
        };
        Self::of(token(b"access"), lives.refresh.map(|_| token(b"refresh")), now, lives)
    }

    fn of(access: String, refresh: Option<String>, now: WallTime, lives: Lives) -> Self {
        let refresh_hash = refresh.as_deref().map(hash_token).zip(lives.refresh.map(|span| now.plus(span)));
        let hashes = TokenPair {
            access: hash_token(&access),
            access_expires_at: now.plus(lives.access),
            refresh: refresh_hash,
        };
        Self { access, refresh, hashes }
    }
}

impl TokenInfo {
    pub(super) fn new(session: &Session, pair: Pair, now: WallTime) -> Self {
        let left = |end: WallTime| end.since(now).as_secs();
        Self {
            access_token: pair.access,
            token_type: "bearer",
            expires_in: left(session.access_expires_at),
            refresh_token_expires_in: pair
                .refresh
                .is_some()
                .then(|| session.refresh_expires_at.map(left))
                .flatten(),
            refresh_token: pair.refresh,
            scope: session.scopes.join(" "),
            owner_id: Some(session.extension.to_string()),
            endpoint_id: session.endpoint_id.clone(),
            session_id: session.no.to_string(),
        }
    }

    /// Of an app alone.
    pub(super) fn of_app(session: i64, access: String, expires_in: Duration, scopes: &[String]) -> Self {
        Self {
            access_token: access,
            token_type: "bearer",
            expires_in: expires_in.as_secs(),
            refresh_token: None,
            refresh_token_expires_in: None,
            scope: scopes.join(" "),
            owner_id: None,
            endpoint_id: None,
            session_id: session.to_string(),
        }
    }
}

impl IntoResponse for TokenInfo {
    fn into_response(self) -> Response {
        let mut response = Json(self).into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// A session that is to be, and what its client will be told.
pub(super) struct Draft {
    pub(super) session: NewSession,
    pair: Pair,
}

impl Draft {
    /// For a user who has shown who they are. Charges them for it.
    pub(super) fn new(call: &Call<'_>, login: &LoginRecord, scopes: Vec<String>) -> Result<Self, OAuthError> {
        let Call { front, app, form, .. } = *call;
        call.charge(Some(login.extension.id))?;
        let pair = Pair::random(&front.handles, Lives::asked(front, app, form));
        let session = NewSession {
            account: login.extension.account,
            extension: login.extension.id,
            app: app.no,
            scopes,
            endpoint_id: form.get("endpoint_id").map(str::to_owned),
            created_at: front.handles.now(),
            tokens: pair.hashes,
            keep: front.sessions_allowed().with(app.no),
        };
        Ok(Self { session, pair })
    }

    /// The store has opened it, and perhaps ended others for it.
    pub(super) fn opened(self, front: &Front, opened: &OpenedSession) -> TokenInfo {
        if !opened.ended.is_empty() {
            front.tokens.forget(&opened.ended);
        }
        let Self { session, pair } = self;
        let now = session.created_at;
        let session = Session {
            no: opened.session,
            account: session.account,
            extension: session.extension,
            app: session.app,
            scopes: session.scopes,
            endpoint_id: session.endpoint_id,
            access_expires_at: pair.hashes.access_expires_at,
            refresh_expires_at: pair.hashes.refresh.map(|(_, end)| end),
        };
        TokenInfo::new(&session, pair, now)
    }
}

/// Opens a session for a user who has shown who they are.
pub(super) async fn open_session(
    call: &Call<'_>,
    login: &LoginRecord,
    scopes: Vec<String>,
) -> Result<TokenInfo, OAuthError> {
    let draft = Draft::new(call, login, scopes)?;
    let opened = call.front.directory.open_session(draft.session.clone()).await?;
    Ok(draft.opened(call.front, &opened))
}

/// Of the scopes that are asked for, those the app has; all of them where nothing is asked.
pub(super) fn granted(app: &RegisteredApp, form: &Form) -> Result<Vec<String>, OAuthError> {
    let Some(asked) = form.get("scope") else { return Ok(app.scopes.clone()) };
    let asked: Vec<_> = asked.split([' ', ',']).collect();
    let granted: Vec<_> =
        app.scopes.iter().filter(|scope| asked.contains(&scope.as_str())).cloned().collect();
    if granted.is_empty() {
        let description = "The application has none of the scopes asked for";
        return Err(OAuthError::new("invalid_scope", "OAU-117", description).naming("scope"));
    }
    Ok(granted)
}

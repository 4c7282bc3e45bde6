//! The client_credentials grant: a token of an app alone, without a user and without a refresh token.
//! What needs to know an extension (`~`) answers it with 401 CMN-405.

use hookswitch_store::sign_in::NewAppSession;

use super::issue::{TokenInfo, granted};
use super::lifetime;
use super::problem::OAuthError;
use super::token::Call;
use crate::authenticate::hash_token;

const TOKEN_BYTES: usize = 32;

pub(super) async fn grant(call: &Call<'_>) -> Result<TokenInfo, OAuthError> {
    let front = call.front;
    if call.app.secret.is_none() {
        let description = "A public application has no credentials to show";
        return Err(OAuthError::new("unauthorized_client", "OAU-125", description));
    }
    let scopes = granted(call.app, call.form)?;
    call.charge(None)?;
    let now = front.handles.now();
    let lifetime = lifetime::access(call.form, &front.settings.sessions);
    let access = front.handles.token(TOKEN_BYTES);
    let session = NewAppSession {
        app: call.app.no,
        scopes: scopes.clone(),
        token: hash_token(&access),
        created_at: now,
        expires_at: now.plus(lifetime),
        keep: front.sessions_allowed().with(call.app.no),
    };
    let opened = front.directory.open_app_session(session).await?;
    if !opened.ended.is_empty() {
        front.tokens.forget(&opened.ended);
    }
    Ok(TokenInfo::of_app(opened.session, access, lifetime, &scopes))
}

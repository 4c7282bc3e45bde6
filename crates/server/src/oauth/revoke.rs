//! `POST /restapi/oauth/revoke`: ends the session that a token belongs to. Subscriptions by webhook stay.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use hookswitch_store::directory::Ended;
use serde_json::{Value, json};

use super::client;
use super::form::Form;
use super::problem::OAuthError;
use super::token::Call;
use crate::authenticate::hash_token;
use crate::headers::ClientAddress;
use crate::headers::rates::Left;
use crate::state::Front;

/// Ends the session of an access or refresh token. A token that is not known is as good as revoked.
#[utoipa::path(
    post,
    path = "/restapi/oauth/revoke",
    tag = "oauth",
    operation_id = "revokeToken",
    security(("client" = [])),
    request_body(content = RevokeRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token is not valid any more", body = Object),
        (status = 400, description = "No token, or one of another app", body = crate::oauth::problem::OAuthErrorBody),
        (status = 401, description = "The app could not be authenticated", body = crate::oauth::problem::OAuthErrorBody),
        (status = 429, description = "Too many logins in a minute", body = crate::oauth::problem::OAuthErrorBody),
    )
)]
pub(super) async fn revoke(
    State(front): State<Front>,
    from: ClientAddress,
    left: Left,
    headers: HeaderMap,
    form: Form,
) -> Result<Json<Value>, OAuthError> {
    let app = client::authenticate(front.directory.as_ref(), &headers, &form).await?;
    let call = Call { front: &front, app: &app, form: &form, from, left: &left };
    let token = form.required("token")?;
    call.charge_owner_of(token).await?;
    let token = hash_token(token);
    match front.directory.end_session(token, app.no).await? {
        Ended::Session { dead, .. } => front.tokens.forget(&[dead]),
        Ended::Unknown => {}
        Ended::OtherApp => {
            return Err(OAuthError::new(
                "invalid_client",
                "OAU-164",
                "The token belongs to another application",
            ));
        }
    }
    Ok(Json(json!({})))
}

/// The form of a revocation.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the form, which `Form` reads")]
pub(super) struct RevokeRequest {
    /// An access or a refresh token.
    token: String,
}

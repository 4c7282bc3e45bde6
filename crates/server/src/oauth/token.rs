//! `POST /restapi/oauth/token`: from a form to a session.

use axum::extract::State;
use axum::http::HeaderMap;
use hookswitch_core::id::ExtensionId;
use hookswitch_store::directory::{
    AccountStatus, ExtensionStatus, ExtensionType, Grant, LoginRecord, RegisteredApp,
};

use super::form::Form;
use super::issue::TokenInfo;
use super::problem::OAuthError;
use super::{authorization_code, client, client_credentials, jwt_bearer, password, refresh};
use crate::authenticate::hash_token;
use crate::headers::ClientAddress;
use crate::headers::rates::{self, Left, Spender};
use crate::state::Front;

/// A request of an app that has shown who it is.
pub(super) struct Call<'a> {
    pub(super) front: &'a Front,
    pub(super) app: &'a RegisteredApp,
    pub(super) form: &'a Form,
    pub(super) from: ClientAddress,
    pub(super) left: &'a Left,
}

impl Call<'_> {
    /// Charges the budget of this user with this app, or of the app alone.
    pub(super) fn charge(&self, extension: Option<ExtensionId>) -> Result<(), OAuthError> {
        let spender = Spender { extension, app: self.app.no };
        rates::charge_auth(self.front, spender, self.left).map_err(OAuthError::from)
    }

    /// The same for whoever a token belongs to.
    pub(super) async fn charge_owner_of(&self, token: &str) -> Result<(), OAuthError> {
        if !self.front.settings.rate_limits.enforce {
            return Ok(());
        }
        match self.front.directory.owner_of_token(hash_token(token)).await? {
            Some((extension, app)) if app == self.app.no => self.charge(Some(extension)),
            _ => self.charge(None),
        }
    }
}

/// Gives an access token for a password, a JWT credential, an authorization code, a refresh token, or to
/// an app alone.
#[utoipa::path(
    post,
    path = "/restapi/oauth/token",
    tag = "oauth",
    operation_id = "getToken",
    security(("client" = [])),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A token pair", body = TokenInfo),
        (status = 400, description = "The grant is refused", body = crate::oauth::problem::OAuthErrorBody),
        (status = 401, description = "The app could not be authenticated", body = crate::oauth::problem::OAuthErrorBody),
        (status = 415, description = "Not a form"),
        (status = 429, description = "Too many logins in a minute", body = crate::oauth::problem::OAuthErrorBody),
    )
)]
pub(super) async fn token(
    State(front): State<Front>,
    from: ClientAddress,
    left: Left,
    headers: HeaderMap,
    form: Form,
) -> Result<TokenInfo, OAuthError> {
    let app = client::authenticate(front.directory.as_ref(), &headers, &form).await?;
    let call = Call { front: &front, app: &app, form: &form, from, left: &left };
    match grant(&app, form.required("grant_type")?)? {
        Grant::Password => password::grant(&call).await,
        Grant::JwtBearer => jwt_bearer::grant(&call).await,
        Grant::AuthorizationCode => authorization_code::grant(&call).await,
        Grant::RefreshToken => refresh::grant(&call).await,
        Grant::ClientCredentials => client_credentials::grant(&call).await,
    }
}

/// The form of a token request.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the form, which `Form` reads")]
pub(super) struct TokenRequest {
    /// `password`, `urn:ietf:params:oauth:grant-type:jwt-bearer`, `authorization_code`, `refresh_token` or
    /// `client_credentials`.
    grant_type: String,
    /// Phone number or e-mail; `number*extension` names an extension too.
    username: Option<String>,
    password: Option<String>,
    /// Extension number; without it the one the user name means.
    extension: Option<String>,
    /// A JWT credential, or an assertion of the operator's identity provider.
    assertion: Option<String>,
    /// An authorization code.
    code: Option<String>,
    /// Where the code was sent to.
    redirect_uri: Option<String>,
    /// What the challenge of the code was made of (PKCE).
    code_verifier: Option<String>,
    refresh_token: Option<String>,
    /// Scopes separated by spaces; without it all that the app has.
    scope: Option<String>,
    /// Of a public app, instead of Basic.
    client_id: Option<String>,
    /// Seconds; clamped to what is allowed.
    access_token_ttl: Option<i64>,
    /// Seconds; clamped; zero or less: no refresh token.
    refresh_token_ttl: Option<i64>,
    /// Echoed in the answer.
    endpoint_id: Option<String>,
}

fn grant(app: &RegisteredApp, name: &str) -> Result<Grant, OAuthError> {
    let grant = match name {
        "password" => Grant::Password,
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => Grant::JwtBearer,
        "authorization_code" => Grant::AuthorizationCode,
        "refresh_token" => Grant::RefreshToken,
        "client_credentials" => Grant::ClientCredentials,
        _ => {
            let error =
                OAuthError::new("unsupported_grant_type", "OAU-151", "The grant type is not supported");
            return Err(error.naming("grant_type"));
        }
    };
    if app.grants.contains(&grant) {
        Ok(grant)
    } else {
        Err(OAuthError::new(
            "unauthorized_client",
            "OAU-112",
            format!("The application may not use the grant [{name}]"),
        ))
    }
}

/// Whether this extension of this account may log in at all. To be asked after the credentials: who
/// cannot show them learns nothing.
pub(super) fn may_log_in(login: &LoginRecord) -> Result<(), OAuthError> {
    let extension = &login.extension;
    if extension.kind == ExtensionType::Department {
        return Err(OAuthError::new("access_denied", "OAU-163", "A call queue may not log in"));
    }
    if !extension.kind.may_log_in() {
        let description = format!("An extension of type {} may not log in", extension.kind.name());
        return Err(OAuthError::new("access_denied", "OAU-105", description));
    }
    if login.account_status == AccountStatus::Disabled {
        return Err(OAuthError::invalid_grant("OAU-142", "The account is disabled"));
    }
    if extension.status != ExtensionStatus::Enabled {
        let description = format!("The extension is {}", extension.status.name());
        return Err(OAuthError::invalid_grant("OAU-141", description));
    }
    Ok(())
}

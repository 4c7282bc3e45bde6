//! OAuth 2.0: `/restapi/oauth/token`, `/revoke` and `/authorize` (contract.md §1).
//!
//! `token` reads a request and leads it to its grant (`password`, `jwt_bearer`, `authorization_code`,
//! `refresh`, `client_credentials`), `client` says which app calls, `form` reads parameters, `lifetime`
//! clamps what clients ask for, `issue` makes token pairs, `problem` is the form of failures.
//! `authorize` is the sign-in page, `failed_logins` what wrong passwords cost, `identity` an operator's own
//! identity provider.

mod authorization_code;
mod authorize;
pub mod client;
mod client_credentials;
mod failed_logins;
mod form;
mod identity;
mod issue;
pub mod jwt_bearer;
mod lifetime;
pub mod password;
mod problem;
mod refresh;
mod revoke;
mod token;

use axum::extract::FromRef;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Front;

pub(crate) use authorize::{Browsers, is_safe};
pub(crate) use failed_logins::FailedLogins;
pub(crate) use identity::IdentityProvider;
pub use problem::OAuthError;

pub fn routes<S>() -> OpenApiRouter<S>
where
    Front: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    OpenApiRouter::new()
        .routes(routes!(token::token))
        .routes(routes!(revoke::revoke))
        .routes(routes!(authorize::show, authorize::submit))
}

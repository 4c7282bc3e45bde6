//! OAuth 2.0: `/restapi/oauth/token` and `/revoke` (contract.md §1).
//!
//! `token` reads a request and leads it to its grant (`password`, `jwt_bearer`, `refresh`), `client` says
//! which app calls, `form` reads parameters, `lifetime` clamps what clients ask for, `issue` makes token
//! pairs, `problem` is the form of failures.

pub mod client;
mod form;
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

pub use problem::OAuthError;

pub fn routes<S>() -> OpenApiRouter<S>
where
    Front: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    OpenApiRouter::new().routes(routes!(token::token)).routes(routes!(revoke::revoke))
}

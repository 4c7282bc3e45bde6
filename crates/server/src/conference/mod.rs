//! Conference webhooks (seed 002): endpoints that operators make for a company, and the company's
//! `x-signing-token`.
//!
//! An endpoint is a subscription in every other respect: its life is in `restapi::subscription`, what it
//! is sent in `engine::conference`. Here are its paths and wire forms. For admin tokens only.

mod endpoints;
mod events;
mod signing_token;

use std::sync::Arc;

use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::ApiError;
use crate::restapi::subscription::Refusal;
use crate::state::App;

pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(endpoints::create, endpoints::list))
        .routes(routes!(endpoints::get, endpoints::update, endpoints::delete))
        .routes(routes!(signing_token::get))
        .routes(routes!(signing_token::rotate))
        .routes(routes!(signing_token::finish))
}

/// A refusal in the words of this API, which has a `url` where the other one has an address.
fn refused(refusal: Refusal) -> ApiError {
    const ADDRESS: &str = "deliveryMode.address";
    match refusal {
        Refusal::TooManySubscriptions { limit } => {
            let message = format!("The limit of {limit} conference endpoints of one company is reached");
            ApiError::new(StatusCode::FORBIDDEN, "SUB-505", message).with("limit", limit)
        }
        Refusal::OwnerDisabled => {
            ApiError::parameter("companyId", "Parameter [companyId] is invalid: its account is disabled")
        }
        other => {
            let mut error = ApiError::from(other);
            if error.members.get("parameterName").is_some_and(|name| name == ADDRESS) {
                error.message = error.message.replace(ADDRESS, "url");
                error = error.with("parameterName", "url");
            }
            error
        }
    }
}

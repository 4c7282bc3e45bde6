//! `/restapi/v1.0/subscription`: subscriptions to the platform's events (contract.md §3).
//!
//! The handlers here name the paths; `webinar` is a second door to the same. `answers` turns a call into
//! its answer, `request` and `info` are the wire forms, `life_cycle` does it, `filters` judges the event
//! filters, `handshake` bounds the handshakes, `refusal` has every way to be refused.
//! `endpoints` is the same life cycle for conference endpoints, which operators make. What a PUT means is
//! `core::lifetime`'s to say, what the handshake checks `transport::webhook`'s.

pub(crate) mod answers;
mod endpoints;
mod filters;
mod handshake;
mod info;
mod life_cycle;
mod refusal;
mod request;
#[cfg(test)]
mod tests;

use axum::extract::{FromRef, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use hookswitch_core::subscription::Door;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use self::endpoints::{EndpointUpdate, NewEndpoint};
pub use self::handshake::Handshakes;
pub use self::info::{SubscriptionInfo, SubscriptionList};
pub use self::life_cycle::{Parts, Subscribing};
pub use self::refusal::Refusal;
pub use self::request::{Bounds, SubscriptionRequest, SubscriptionUpdate};

use crate::authenticate::Caller;
use crate::body::Payload;
use crate::problem::ApiError;
use crate::state::Front;

pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Subscribing: FromRef<S>,
    Front: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, update, delete))
        .routes(routes!(renew))
}

/// Makes a subscription, once its webhook has answered the handshake.
#[utoipa::path(post, path = "/restapi/v1.0/subscription", tag = "subscriptions", operation_id = "createSubscription",
    request_body = SubscriptionRequest,
    responses(
        (status = 200, description = "It is made", body = SubscriptionInfo),
        (status = 400, description = "The request is bad, or the handshake failed; nothing is made"),
        (status = 403, description = "Not permitted, or the limit of subscriptions is reached"),
        (status = 413, description = "The request is too large"),
        (status = 503, description = "Too many handshakes are under way, or the store cannot take more")))]
async fn create(
    State(subscribing): State<Subscribing>,
    caller: Caller,
    Payload(body): Payload,
) -> Result<Response, ApiError> {
    answers::create(&subscribing, &caller, Door::Core, body, StatusCode::OK).await
}

/// The caller's subscriptions with this app.
#[utoipa::path(get, path = "/restapi/v1.0/subscription", tag = "subscriptions", operation_id = "listSubscriptions",
    responses((status = 200, description = "In the order of creation", body = SubscriptionList)))]
async fn list(State(subscribing): State<Subscribing>, caller: Caller) -> Result<Response, ApiError> {
    answers::list(&subscribing, &caller, Door::Core).await
}

#[utoipa::path(get, path = "/restapi/v1.0/subscription/{subscriptionId}", tag = "subscriptions",
    operation_id = "readSubscription", params(("subscriptionId" = String, Path)),
    responses(
        (status = 200, description = "As it is now", body = SubscriptionInfo),
        (status = 404, description = "Unknown, expired, or not the caller's")))]
async fn get(
    State(subscribing): State<Subscribing>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    answers::get(&subscribing, &caller, Door::Core, &id).await
}

/// Without a body, or with the present filters: renews. With other filters: replaces them. `expiresIn`
/// sets the lifetime.
#[utoipa::path(put, path = "/restapi/v1.0/subscription/{subscriptionId}", tag = "subscriptions",
    operation_id = "updateSubscription", params(("subscriptionId" = String, Path)),
    request_body = Option<SubscriptionUpdate>,
    responses(
        (status = 200, description = "It is changed", body = SubscriptionInfo),
        (status = 400, description = "The request is bad; nothing is changed"),
        (status = 403, description = "Not permitted; nothing is changed"),
        (status = 404, description = "Unknown, expired, or not the caller's"),
        (status = 413, description = "The request is too large")))]
async fn update(
    State(subscribing): State<Subscribing>,
    caller: Caller,
    Path(id): Path<String>,
    Payload(body): Payload,
) -> Result<Response, ApiError> {
    answers::update(&subscribing, &caller, Door::Core, &id, body).await
}

#[utoipa::path(delete, path = "/restapi/v1.0/subscription/{subscriptionId}", tag = "subscriptions",
    operation_id = "deleteSubscription", params(("subscriptionId" = String, Path)),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "Unknown, expired, or not the caller's")))]
async fn delete(
    State(subscribing): State<Subscribing>,
    caller: Caller,
    Path(id): Path<String>,
    _: Payload,
) -> Result<StatusCode, ApiError> {
    answers::delete(&subscribing, &caller, Door::Core, &id).await
}

/// Starts its lifetime anew.
#[utoipa::path(post, path = "/restapi/v1.0/subscription/{subscriptionId}/renew", tag = "subscriptions",
    operation_id = "renewSubscription", params(("subscriptionId" = String, Path)),
    responses(
        (status = 200, description = "It is renewed", body = SubscriptionInfo),
        (status = 404, description = "Unknown, expired, or not the caller's")))]
async fn renew(
    State(subscribing): State<Subscribing>,
    caller: Caller,
    Path(id): Path<String>,
    _: Payload,
) -> Result<Response, ApiError> {
    answers::renew(&subscribing, &caller, Door::Core, &id).await
}

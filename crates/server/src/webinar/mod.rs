//! `/webinar/notifications/v1/subscriptions`: the door for webinar events (seed 000).
//!
//! The same life cycle as `restapi::subscription`, with webinar filters only and ids of its own; a create
//! is answered with 201.

use axum::extract::{FromRef, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use hookswitch_core::subscription::Door;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authenticate::Caller;
use crate::body::Payload;
use crate::problem::ApiError;
use crate::restapi::subscription::answers;
use crate::restapi::subscription::{
    Subscribing, SubscriptionInfo, SubscriptionList, SubscriptionRequest, SubscriptionUpdate,
};
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
#[utoipa::path(post, path = "/webinar/notifications/v1/subscriptions", tag = "subscriptions", operation_id = "createWebinarSubscription",
    request_body = SubscriptionRequest,
    responses(
        (status = 201, description = "It is made", body = SubscriptionInfo),
        (status = 400, description = "The request is bad, or the handshake failed; nothing is made"),
        (status = 403, description = "Not permitted, or the limit of subscriptions is reached"),
        (status = 413, description = "The request is too large"),
        (status = 503, description = "Too many handshakes are under way, or the store cannot take more")))]
async fn create(
    State(subscribing): State<Subscribing>,
    caller: Caller,
    Payload(body): Payload,
) -> Result<Response, ApiError> {
    answers::create(&subscribing, &caller, Door::Webinar, body, StatusCode::CREATED).await
}

/// The caller's subscriptions with this app.
#[utoipa::path(get, path = "/webinar/notifications/v1/subscriptions", tag = "subscriptions", operation_id = "listWebinarSubscriptions",
    responses((status = 200, description = "In the order of creation", body = SubscriptionList)))]
async fn list(State(subscribing): State<Subscribing>, caller: Caller) -> Result<Response, ApiError> {
    answers::list(&subscribing, &caller, Door::Webinar).await
}

#[utoipa::path(get, path = "/webinar/notifications/v1/subscriptions/{subscriptionId}", tag = "subscriptions",
    operation_id = "readWebinarSubscription", params(("subscriptionId" = String, Path)),
    responses(
        (status = 200, description = "As it is now", body = SubscriptionInfo),
        (status = 404, description = "Unknown, expired, or not the caller's")))]
async fn get(
    State(subscribing): State<Subscribing>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    answers::get(&subscribing, &caller, Door::Webinar, &id).await
}

/// Without a body, or with the present filters: renews. With other filters: replaces them. `expiresIn`
/// sets the lifetime.
#[utoipa::path(put, path = "/webinar/notifications/v1/subscriptions/{subscriptionId}", tag = "subscriptions",
    operation_id = "updateWebinarSubscription", params(("subscriptionId" = String, Path)),
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
    answers::update(&subscribing, &caller, Door::Webinar, &id, body).await
}

#[utoipa::path(delete, path = "/webinar/notifications/v1/subscriptions/{subscriptionId}", tag = "subscriptions",
    operation_id = "deleteWebinarSubscription", params(("subscriptionId" = String, Path)),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "Unknown, expired, or not the caller's")))]
async fn delete(
    State(subscribing): State<Subscribing>,
    caller: Caller,
    Path(id): Path<String>,
    _: Payload,
) -> Result<StatusCode, ApiError> {
    answers::delete(&subscribing, &caller, Door::Webinar, &id).await
}

/// Starts its lifetime anew.
#[utoipa::path(post, path = "/webinar/notifications/v1/subscriptions/{subscriptionId}/renew", tag = "subscriptions",
    operation_id = "renewWebinarSubscription", params(("subscriptionId" = String, Path)),
    responses(
        (status = 200, description = "It is renewed", body = SubscriptionInfo),
        (status = 404, description = "Unknown, expired, or not the caller's")))]
async fn renew(
    State(subscribing): State<Subscribing>,
    caller: Caller,
    Path(id): Path<String>,
    _: Payload,
) -> Result<Response, ApiError> {
    answers::renew(&subscribing, &caller, Door::Webinar, &id).await
}

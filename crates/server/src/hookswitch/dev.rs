//! `/hookswitch/v1/dev`: the controls of development mode, which make this server a test double of the
//! hosted platform, bad days included. Outside development mode there are no such paths.
//!
//! Here are their wire forms and what each sets off; the clock and the faults themselves are in
//! `crate::dev`.

mod advancing;
mod faults;

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use hookswitch_core::delivery::EndReason;
use hookswitch_core::id::SubscriptionId;
use hookswitch_store::log::Scope;
use hookswitch_store::subscriptions::Known;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::provisioning::Operator;
use super::subscriptions::{OwnedSubscription, owned};
use crate::body::RequiredJson;
use crate::headers;
use crate::problem::ApiError;
use crate::state::App;

const REASON: &str = "blacklisted by a control of development mode";
const REASON_CHARS: usize = 500;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(advancing::read, advancing::advance))
        .routes(routes!(expire))
        .routes(routes!(blacklist))
        .routes(routes!(faults::add, faults::list, faults::clear))
}

/// An operator of a server in development mode. Elsewhere the path does not exist, for nobody.
struct Controller;

impl FromRequestParts<Arc<App>> for Controller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        if !app.settings.dev {
            return Err(headers::unknown_path(parts.method.clone(), parts.uri.clone()).await);
        }
        Operator::from_request_parts(parts, app).await?;
        Ok(Self)
    }
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExpireRequest {
    subscription_id: String,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BlacklistRequest {
    subscription_id: String,
    /// What `blacklistedData` is to say.
    #[serde(default)]
    reason: Option<String>,
}

/// Ends a subscription as if its time had come.
#[utoipa::path(post, path = "/hookswitch/v1/dev/expire", tag = "development", operation_id = "expireSubscription",
    request_body = ExpireRequest,
    responses((status = 204, description = "It has expired"),
        (status = 404, description = "No such subscription, or not in development mode")))]
async fn expire(
    State(app): State<Arc<App>>,
    _controller: Controller,
    RequiredJson(request): RequiredJson<ExpireRequest>,
) -> Result<StatusCode, ApiError> {
    let known = standing(&app, &request.subscription_id).await?;
    let ended = app.subscribing.end(known, EndReason::SubscriptionExpired).await?;
    if ended { Ok(StatusCode::NO_CONTENT) } else { Err(missing(&request.subscription_id)) }
}

/// Blacklists a subscription as if its webhook had failed for too long. It gets nothing until it is renewed
/// and its webhook answers the handshake, which is also tried every 15 minutes; what matches it waits.
#[utoipa::path(post, path = "/hookswitch/v1/dev/blacklist", tag = "development", operation_id = "blacklistSubscription",
    request_body = BlacklistRequest,
    responses((status = 200, body = OwnedSubscription), (status = 400, description = "A member is wrong"),
        (status = 404, description = "No such subscription, or not in development mode")))]
async fn blacklist(
    State(app): State<Arc<App>>,
    _controller: Controller,
    RequiredJson(request): RequiredJson<BlacklistRequest>,
) -> Result<Json<OwnedSubscription>, ApiError> {
    let reason = request.reason.unwrap_or_else(|| REASON.to_owned());
    if reason.is_empty() || reason.chars().count() > REASON_CHARS {
        let message =
            format!("Parameter [reason] is invalid: it is empty or longer than {REASON_CHARS} characters");
        return Err(ApiError::parameter("reason", message));
    }
    let known = standing(&app, &request.subscription_id).await?;
    let blacklisted = app.subscribing.blacklist(known, reason).await?;
    let blacklisted = blacklisted.ok_or_else(|| missing(&request.subscription_id))?;
    Ok(Json(owned(&blacklisted, &app, app.handles.now())))
}

/// A subscription of any account that has not ended. One that has expired is still there until it is ended.
async fn standing(app: &App, id: &str) -> Result<Known, ApiError> {
    let Ok(uuid) = uuid::Uuid::parse_str(id) else { return Err(missing(id)) };
    let known = app.subscriptions.known(Scope::Operator, SubscriptionId(uuid)).await?;
    known.filter(|known| known.ended.is_none()).ok_or_else(|| missing(id))
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found("subscriptionId", id)
}

//! `/hookswitch/v1/dev/faults`: which calls and deliveries are to go wrong, and how.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use hookswitch_core::subscription::Target;
use serde::{Deserialize, Serialize};

use super::{Controller, missing, standing};
use crate::body::RequiredJson;
use crate::dev::faults::{AT_MOST, Action, Fault, Victim};
use crate::problem::ApiError;
use crate::state::App;

const TIMES_AT_MOST: u32 = 1_000_000;
const LONGEST_DELAY: Duration = Duration::from_secs(3600);
const LONGEST_RETRY_AFTER: u64 = 86_400;

/// What is to happen, to what, and how often.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FaultRequest {
    /// `api` or `delivery`.
    target: String,
    /// `fail`: a call is answered with `status` and not carried out; a delivery is not sent, as if its receiver had
    /// answered so. `delay`: later by `delayMs`. `drop`: a call's connection is closed without an answer and the call
    /// not carried out; a delivery gets lost and counts as delivered. `repeat`: twice.
    action: String,
    /// 1 if absent.
    #[serde(default)]
    times: Option<u32>,
    /// For `fail`: 400 to 599; 503 for a call, 500 for a delivery if absent.
    #[serde(default)]
    status: Option<u16>,
    /// For `fail`: the Retry-After that comes with it, in seconds.
    #[serde(default)]
    retry_after: Option<u64>,
    /// For `delay`: milliseconds.
    #[serde(default)]
    delay_ms: Option<u64>,
    /// Calls with this method; any if absent.
    #[serde(default)]
    method: Option<String>,
    /// Calls of this path, or with a `*` at the end of those that begin so; any if absent. Never the controls.
    #[serde(default)]
    path: Option<String>,
    /// Deliveries to the address of this subscription; any if absent.
    #[serde(default)]
    subscription_id: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FaultInfo {
    id: String,
    target: &'static str,
    action: &'static str,
    /// How often it is still to happen.
    times: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Where the deliveries go.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct FaultList {
    /// In the order they were asked for. Of several that fit, the first happens.
    records: Vec<FaultInfo>,
}

/// Asks for a fault.
#[utoipa::path(post, path = "/hookswitch/v1/dev/faults", tag = "development", operation_id = "addFault",
    request_body = FaultRequest,
    responses((status = 201, body = FaultInfo), (status = 400, description = "A member is wrong; nothing will happen"),
        (status = 404, description = "No such subscription, or not in development mode")))]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    _controller: Controller,
    RequiredJson(request): RequiredJson<FaultRequest>,
) -> Result<(StatusCode, Json<FaultInfo>), ApiError> {
    let action = action(&request)?;
    let times = request.times.unwrap_or(1);
    in_bounds("times", times.into(), 1, TIMES_AT_MOST.into())?;
    let victim = victim(&app, &request).await?;
    let fault = app.front.faults.add(victim, action, times);
    let fault = fault.ok_or_else(|| {
        let message = format!("More than {AT_MOST} faults wait; DELETE takes them back");
        ApiError::new(StatusCode::BAD_REQUEST, "CMN-106", message).with("limit", AT_MOST)
    })?;
    Ok((StatusCode::CREATED, Json(info(fault))))
}

/// The faults that are still to happen.
#[utoipa::path(get, path = "/hookswitch/v1/dev/faults", tag = "development", operation_id = "listFaults",
    responses((status = 200, body = FaultList), (status = 404, description = "Not in development mode")))]
pub(super) async fn list(State(app): State<Arc<App>>, _controller: Controller) -> Json<FaultList> {
    Json(FaultList { records: app.front.faults.list().into_iter().map(info).collect() })
}

/// Takes all faults back.
#[utoipa::path(delete, path = "/hookswitch/v1/dev/faults", tag = "development", operation_id = "clearFaults",
    responses((status = 204), (status = 404, description = "Not in development mode")))]
pub(super) async fn clear(State(app): State<Arc<App>>, _controller: Controller) -> StatusCode {
    app.front.faults.clear();
    StatusCode::NO_CONTENT
}

fn action(request: &FaultRequest) -> Result<Action, ApiError> {
    let is = |name: &str| request.action == name;
    let foreign = [
        ("status", request.status.is_some() && !is("fail")),
        ("retryAfter", request.retry_after.is_some() && !is("fail")),
        ("delayMs", request.delay_ms.is_some() && !is("delay")),
    ];
    if let Some((name, _)) = foreign.into_iter().find(|(_, foreign)| *foreign) {
        return Err(bad(name, format!("it says nothing about [{}]", request.action)));
    }
    Ok(match request.action.as_str() {
        "fail" => {
            let usual = if request.target == "api" { 503 } else { 500 };
            let status = request.status.unwrap_or(usual);
            in_bounds("status", status.into(), 400, 599)?;
            in_bounds("retryAfter", request.retry_after.unwrap_or(0), 0, LONGEST_RETRY_AFTER)?;
            let status = StatusCode::from_u16(status).map_err(|error| bad("status", error.to_string()))?;
            Action::Fail { status, retry_after: request.retry_after }
        }
        "delay" => {
            let delay = request.delay_ms.ok_or_else(|| bad("delayMs", "it is missing".into()))?;
            in_bounds("delayMs", delay, 1, LONGEST_DELAY.as_millis() as u64)?;
            Action::Delay(Duration::from_millis(delay))
        }
        "drop" => Action::Drop,
        "repeat" => Action::Repeat,
        _ => return Err(bad("action", "it is not one of fail, delay, drop, repeat".into())),
    })
}

async fn victim(app: &App, request: &FaultRequest) -> Result<Victim, ApiError> {
    let of_calls = [("method", request.method.is_some()), ("path", request.path.is_some())];
    match request.target.as_str() {
        "api" if request.subscription_id.is_some() => {
            Err(bad("subscriptionId", "it says nothing about calls".into()))
        }
        "api" => {
            let method = request.method.as_deref().map(method).transpose()?;
            if request.path.as_deref().is_some_and(|path| !path.starts_with('/')) {
                return Err(bad("path", "it does not begin with /".into()));
            }
            Ok(Victim::Call { method, path: request.path.clone() })
        }
        "delivery" => match of_calls.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(bad(name, "it says nothing about deliveries".into())),
            None => Ok(Victim::Delivery { to: address(app, request.subscription_id.as_deref()).await? }),
        },
        _ => Err(bad("target", "it is not one of api, delivery".into())),
    }
}

fn method(text: &str) -> Result<Method, ApiError> {
    let all = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH];
    let found = all.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| bad("method", "it is not one of GET, POST, PUT, DELETE, PATCH".into()))
}

async fn address(
    app: &App,
    subscription: Option<&str>,
) -> Result<Option<(hookswitch_core::id::AccountId, String)>, ApiError> {
    let Some(id) = subscription else { return Ok(None) };
    let known = standing(app, id).await?;
    let found = app.subscriptions.get(known.owner, known.door, known.id, app.handles.now()).await?;
    let found = found.ok_or_else(|| missing(id))?;
    let Target::Webhook { address, .. } = found.target;
    Ok(Some((known.owner.account, address)))
}

fn in_bounds(name: &'static str, value: u64, least: u64, most: u64) -> Result<(), ApiError> {
    let good = (least..=most).contains(&value);
    if good { Ok(()) } else { Err(bad(name, format!("it is {value}, and must be {least} to {most}"))) }
}

fn bad(name: &'static str, why: String) -> ApiError {
    ApiError::parameter(name, format!("Parameter [{name}] is invalid: {why}"))
}

fn info(fault: Fault) -> FaultInfo {
    let (action, status, retry_after, delay_ms) = match fault.action {
        Action::Fail { status, retry_after } => ("fail", Some(status.as_u16()), retry_after, None),
        Action::Delay(delay) => ("delay", None, None, u64::try_from(delay.as_millis()).ok()),
        Action::Drop => ("drop", None, None, None),
        Action::Repeat => ("repeat", None, None, None),
    };
    let (target, method, path, address) = match fault.victim {
        Victim::Call { method, path } => ("api", method.map(|method| method.to_string()), path, None),
        Victim::Delivery { to } => ("delivery", None, None, to.map(|(_, address)| address)),
    };
    FaultInfo {
        id: fault.id.to_string(),
        target,
        action,
        times: fault.left,
        status,
        retry_after,
        delay_ms,
        method,
        path,
        address,
    }
}

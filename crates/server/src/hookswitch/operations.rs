//! `/healthz`, `/readyz`, `/metrics`: whether the loops make progress, whether events can be taken, and
//! the figures.
//!
//! A receiver that fails never makes a node unready or unhealthy.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::principal::Principal;
use crate::problem::ApiError;
use crate::state::App;

/// Every loop makes progress while it has work.
#[utoipa::path(get, path = "/healthz", tag = "operations", operation_id = "health", security(()),
    responses((status = 200, description = "Every check passes"), (status = 503, description = "A check fails; the body names it")))]
pub async fn healthz(State(app): State<Arc<App>>) -> Response {
    let vitals = app.engine.vitals();
    let committing = !vitals.store_fails;
    let checks = json!({
        "committer": { "ok": committing, "why": if committing { "the last commit succeeded" } else { "the last commit failed" } },
        "deliveries": {
            "ok": true, "waiting": vitals.waiting, "inFlight": vitals.in_flight,
            "oldestDueAgeSeconds": vitals.oldest_due_age.as_secs_f64(),
        },
    });
    answer(committing, checks)
}

/// Events can be accepted and stored.
#[utoipa::path(get, path = "/readyz", tag = "operations", operation_id = "ready", security(()),
    responses((status = 200, description = "Ready"), (status = 503, description = "Not ready; the body says why")))]
pub async fn readyz(State(app): State<Arc<App>>) -> Response {
    let vitals = app.engine.vitals();
    let store = if vitals.store_fails { "the last commit failed" } else { "accepts" };
    let checks = json!({
        "store": { "ok": !vitals.store_fails, "why": store, "durability": "every accepted event is synced to disk before its 202" },
        "index": { "ok": true, "subscriptions": vitals.subscriptions, "filters": vitals.filters },
    });
    answer(!vitals.store_fails, checks)
}

fn answer(ok: bool, checks: serde_json::Value) -> Response {
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "status": if ok { "ok" } else { "failing" }, "checks": checks }))).into_response()
}

/// The figures in the Prometheus text form. Needs the admin token, but not on `metrics_listen`.
#[utoipa::path(get, path = "/metrics", tag = "operations", operation_id = "metrics",
    responses((status = 200, description = "OpenMetrics text", content_type = "application/openmetrics-text")))]
pub async fn metrics(State(app): State<Arc<App>>, principal: Principal) -> Result<Response, ApiError> {
    if principal != Principal::Admin {
        return Err(ApiError::permission("Admin"));
    }
    figures(&app)
}

/// `/metrics` of a listener that only those reach who may see it.
pub(crate) fn open_metrics(app: Arc<App>) -> Router {
    let open = async |State(app): State<Arc<App>>| figures(&app);
    Router::new().route("/metrics", get(open)).with_state(app)
}

fn figures(app: &App) -> Result<Response, ApiError> {
    app.engine.refresh_gauges();
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &app.registry).map_err(|_| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "CMN-203", "The figures could not be written")
    })?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}

//! `GET /hookswitch/v1/event-types`: the catalogue, for people and programs.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;

use crate::principal::Principal;
use crate::problem::ApiError;
use crate::state::App;

#[derive(Serialize, utoipa::ToSchema)]
pub struct EventTypes {
    /// Each with name, patterns, parameters, schema and sample.
    #[schema(value_type = Vec<Object>)]
    pub records: Vec<Value>,
}

/// Every event type of the catalogue.
#[utoipa::path(get, path = "/hookswitch/v1/event-types", tag = "catalogue", operation_id = "listEventTypes",
    responses((status = 200, body = EventTypes)))]
pub async fn list(State(app): State<Arc<App>>, principal: Principal) -> Result<Json<EventTypes>, ApiError> {
    match principal {
        Principal::Admin | Principal::Publish { .. } | Principal::User(_) => {}
    }
    Ok(Json(EventTypes { records: app.catalogue.describe() }))
}

//! `GET /hookswitch/v1/event-types`: the catalogue, for people and programs; `GET /asyncapi.json`: the same as
//! an AsyncAPI document.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use hookswitch_core::catalogue::{Catalogue, Entry, OnViolation, Parameter, ParameterKind, Scope};
use hookswitch_core::retry::EventClass;
use hookswitch_core::subscription::Door;
use serde::Serialize;
use serde_json::Value;

use crate::principal::Principal;
use crate::problem::ApiError;
use crate::state::App;

#[derive(Serialize, utoipa::ToSchema)]
pub struct EventTypes {
    pub records: Vec<EventType>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventType {
    /// Short and unique.
    pub name: String,
    pub summary: String,
    /// The path, or name, by which it is usually published and subscribed to: the first of the patterns.
    pub pattern: String,
    /// All the paths by which it is published and subscribed to.
    pub patterns: Vec<Pattern>,
    /// Where it is subscribed to: `core`, `webinar` or `conference`.
    #[schema(value_type = String)]
    pub door: Door,
    /// `realtime`, `message` or `other`: how long a delivery is worth retrying.
    #[schema(value_type = String)]
    pub class: EventClass,
    pub time_to_live_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_scope: Option<String>,
    pub parameters: Vec<FilterParameter>,
    /// What becomes of a body that breaks the schema: `reject` or `warn`.
    #[schema(value_type = String)]
    pub on_violation: OnViolation,
    /// JSON Schema of the body.
    pub schema: Value,
    pub sample: Value,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct Pattern {
    pub path: String,
    #[schema(value_type = String)]
    pub scope: Scope,
    /// The user needs one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct FilterParameter {
    pub name: String,
    pub summary: String,
    /// `refines` (narrows), `shapes` (selects a richer body), `constant` (must be given) or `seconds`.
    pub kind: &'static str,
    /// The only legal values, if not any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// Every event type of the catalogue.
#[utoipa::path(get, path = "/hookswitch/v1/event-types", tag = "catalogue", operation_id = "listEventTypes",
    responses((status = 200, body = EventTypes)))]
pub async fn list(State(app): State<Arc<App>>, _any: Principal) -> Result<Json<EventTypes>, ApiError> {
    let catalogue = &app.catalogue;
    Ok(Json(EventTypes {
        records: catalogue.entries().map(|(_, entry)| described(catalogue, entry)).collect(),
    }))
}

/// Everything that this server can deliver, its operator's event types included.
#[utoipa::path(get, path = "/asyncapi.json", tag = "catalogue", operation_id = "readAsyncApi", security(()),
    responses((status = 200, description = "An AsyncAPI 3.0 document", content_type = "application/json")))]
pub async fn asyncapi(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], app.asyncapi.clone()).into_response()
}

fn described(catalogue: &Catalogue, entry: &Entry) -> EventType {
    let pattern = |form: &_| {
        let form = catalogue.form(*form);
        Pattern { path: form.pattern.clone(), scope: form.scope, permissions: form.permissions.clone() }
    };
    let patterns: Vec<Pattern> = entry.forms.iter().map(pattern).collect();
    EventType {
        name: entry.name.clone(),
        summary: entry.summary.clone(),
        pattern: patterns.first().map(|usual| usual.path.clone()).unwrap_or_default(),
        patterns,
        door: entry.door,
        class: entry.class,
        time_to_live_seconds: entry.class.time_to_live().as_secs(),
        app_scope: entry.app_scope.clone(),
        parameters: entry.parameters.iter().map(parameter).collect(),
        on_violation: entry.on_violation,
        schema: entry.schema_source.clone(),
        sample: entry.sample.clone(),
    }
}

fn parameter(parameter: &Parameter) -> FilterParameter {
    let (kind, values) = match &parameter.kind {
        ParameterKind::Refine(refine) => ("refines", refine.values.clone()),
        ParameterKind::Constant { value, .. } => ("constant", vec![value.clone()]),
        ParameterKind::Shape(_) => ("shapes", vec!["true".to_owned(), "false".to_owned()]),
        ParameterKind::Seconds => ("seconds", Vec::new()),
    };
    FilterParameter { name: parameter.name.clone(), summary: parameter.summary.clone(), kind, values }
}

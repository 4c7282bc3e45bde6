//! `POST /hookswitch/v1/event-types/{name}/trigger`: publishes the sample of an event type, about a real
//! account and with members of the caller's choice. It gets in as anything else that is published.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hookswitch_core::catalogue::Entry;
use hookswitch_core::catalogue::sample::{self, Protagonist};
use hookswitch_core::id::{AccountId, ExtensionId};
use hookswitch_store::StoreError;
use hookswitch_store::directory::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::publish::{self, BrokenSchema, PublishedEvent};
use crate::body::OptionalJson;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::state::App;

/// What shall be different from the sample; every member may be left out.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TriggerRequest {
    /// Whose event it is. Without it: the account that the token is bound to, or the server's only one.
    #[schema(value_type = Option<String>)]
    account_id: Option<Value>,
    /// Whom it is about. Without it: the account's operator, or its first extension.
    #[schema(value_type = Option<String>)]
    extension_id: Option<Value>,
    /// Members that take the place of the sample's.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    body: Map<String, Value>,
    /// Values by their places: `{"parties.0.status.code": "Gone"}`; a place may be a JSON pointer.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    set: Map<String, Value>,
    /// For whom it is, where that is not everybody. Without it, and without a chat's `groupId` that was set: the
    /// extension, where the event type is for members only.
    #[schema(value_type = Option<Vec<String>>)]
    recipients: Option<Value>,
    uuid: Option<Uuid>,
    /// ISO 8601; now, if absent.
    timestamp: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct Triggered {
    /// The one event.
    pub events: Vec<PublishedEvent>,
    /// If its body breaks the schema; absent otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<BrokenSchema>,
    /// The name by which it was published.
    pub event: String,
    #[schema(value_type = Object)]
    pub body: Value,
}

/// Publishes the sample of an event type.
#[utoipa::path(post, path = "/hookswitch/v1/event-types/{name}/trigger", tag = "catalogue", operation_id = "triggerEvent",
    params(("name" = String, Path, description = "As the list of event types has it")),
    request_body = Option<TriggerRequest>,
    responses((status = 202, description = "The event is durable", body = Triggered),
        (status = 400, description = "A member is wrong; nothing is stored"),
        (status = 404, description = "There is no such event type")))]
pub async fn trigger(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    OptionalJson(request): OptionalJson<TriggerRequest>,
) -> Result<Response, ApiError> {
    let bound = publish::bound_to(&principal)?;
    let (_, entry) = app.catalogue.named(&name).ok_or_else(|| ApiError::not_found("name", &name))?;
    let request = request.unwrap_or_default();
    let who = protagonist(&app, bound, &request).await?;
    let body = body(entry, who, &request)?;
    let form = entry.forms.first().ok_or_else(|| ApiError::not_found("name", &name))?;
    let event = app.catalogue.sample_path(*form, who.account, who.extension);
    let publication = json!({
        "event": event,
        "accountId": who.account.to_string(),
        "recipients": recipients(entry, who, &request),
        "uuid": request.uuid,
        "timestamp": request.timestamp,
        "body": body,
    });
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let published = publish::accept(&app, &principal, &headers, publication.to_string().as_bytes()).await?;
    let publish::Published { events, violations } = published;
    Ok((StatusCode::ACCEPTED, Json(Triggered { events, violations, event, body })).into_response())
}

fn body(entry: &Entry, who: Protagonist, request: &TriggerRequest) -> Result<Value, ApiError> {
    let mut body = entry.sample_about(who);
    for (name, value) in &request.body {
        body[name] = value.clone();
    }
    for (key, value) in &request.set {
        sample::set(&mut body, key, value.clone()).map_err(|error| bad("set", &error))?;
    }
    Ok(body)
}

/// Events for members only need somebody to be for; a chat that was named has its members (D24).
fn recipients(entry: &Entry, who: Protagonist, request: &TriggerRequest) -> Value {
    let names_chat = request.set.contains_key("groupId") || request.body.contains_key("groupId");
    match &request.recipients {
        Some(recipients) => recipients.clone(),
        None if entry.members_only && !names_chat => json!([who.extension.to_string()]),
        None => Value::Null,
    }
}

async fn protagonist(
    app: &App,
    bound: Option<AccountId>,
    request: &TriggerRequest,
) -> Result<Protagonist, ApiError> {
    let named = id("accountId", request.account_id.as_ref())?.map(AccountId);
    let id_of_account = match named.or(bound) {
        Some(account) => account,
        None => only_account(app).await?,
    };
    let account = app.directory.account(id_of_account).await?;
    let account =
        account.ok_or_else(|| bad("accountId", &format!("account {id_of_account} is not known")))?;
    let extension = match id("extensionId", request.extension_id.as_ref())? {
        Some(extension) => ExtensionId(extension),
        None => first_extension(app, &account).await?,
    };
    Ok(Protagonist { account: account.id, extension, company: account.company })
}

async fn only_account(app: &App) -> Result<AccountId, ApiError> {
    match app.provisioning.accounts(None, 2).await?.as_slice() {
        [only] => Ok(only.account.id),
        _ => Err(bad("accountId", &"it is required, as this server does not have exactly one account")),
    }
}

/// Where there is nobody, the event is about nobody in particular.
async fn first_extension(app: &App, account: &Account) -> Result<ExtensionId, StoreError> {
    if let Some(operator) = account.operator {
        return Ok(operator);
    }
    let first = app.provisioning.extension_ids(account.id, None, 1).await?;
    Ok(first.first().copied().unwrap_or(sample::SAMPLE_EXTENSION))
}

/// An id as text or as a number.
fn id(name: &'static str, value: Option<&Value>) -> Result<Option<u64>, ApiError> {
    let Some(value) = value else { return Ok(None) };
    let id = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    id.map(Some).ok_or_else(|| bad(name, &"it is no id"))
}

fn bad(name: &'static str, why: &dyn std::fmt::Display) -> ApiError {
    ApiError::parameter(name, format!("Parameter [{name}] is invalid: {why}"))
}

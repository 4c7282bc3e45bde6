//! `/hookswitch/v1/conference-endpoints`.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookswitch_core::id::{AccountId, SubscriptionId, SubscriptionNo};
use hookswitch_core::subscription::{Status, Subscription, Target};
use hookswitch_store::provisioning::{Actor, EndpointChange};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{events, refused};
use crate::app_secrets::new_signing_secret;
use crate::body::RequiredJson;
use crate::hookswitch::{Id, Listing, Operator, Wrong, carried_through};
use crate::problem::ApiError;
use crate::query::QueryOf;
use crate::restapi::subscription::{EndpointUpdate, NewEndpoint};
use crate::state::App;

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointInfo {
    id: String,
    url: String,
    /// Names of conference events, or `*` alone.
    events: Vec<String>,
    company_id: String,
    /// `Active`, or `Blacklisted` after it has failed for long.
    status: &'static str,
    creation_time: String,
}

/// A new endpoint with its secret, which is shown only here.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedEndpoint {
    #[serde(flatten)]
    endpoint: EndpointInfo,
    /// Signs its deliveries (Standard Webhooks), beside the company's x-signing-token.
    signing_secret: String,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct EndpointPage {
    /// In the order of their making.
    records: Vec<EndpointInfo>,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// An endpoint as it is made or changed; of one that is changed, what is absent stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EndpointRequest {
    url: Option<String>,
    /// Names of conference events, or `["*"]` for all.
    events: Option<Vec<String>>,
    /// A string of digits or an integer; cannot be changed.
    #[schema(value_type = Option<String>)]
    company_id: Option<Id>,
    /// Whether the receiver must first answer a request with a `Validation-Token`; it is not asked otherwise.
    handshake: Option<bool>,
    /// These three are ignored, so that what a GET answered can be sent back.
    #[schema(value_type = Option<String>)]
    #[expect(dead_code, reason = "read to be ignored")]
    id: Option<IgnoredAny>,
    #[schema(value_type = Option<String>)]
    #[expect(dead_code, reason = "read to be ignored")]
    status: Option<IgnoredAny>,
    #[schema(value_type = Option<String>)]
    #[expect(dead_code, reason = "read to be ignored")]
    creation_time: Option<IgnoredAny>,
}

/// Makes an endpoint for a company's conference events. Its secret is shown only here.
#[utoipa::path(post, path = "/hookswitch/v1/conference-endpoints", tag = "conference", operation_id = "createConferenceEndpoint",
    request_body = EndpointRequest,
    responses((status = 201, body = CreatedEndpoint),
        (status = 400, description = "A member is wrong, or the handshake failed; nothing is made"),
        (status = 403, description = "The company has as many endpoints as it may have"),
        (status = 503, description = "Too many handshakes are under way")))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    operator: Operator,
    RequiredJson(request): RequiredJson<EndpointRequest>,
) -> Result<(StatusCode, Json<CreatedEndpoint>), ApiError> {
    let by = operator.acts(&app);
    let Id(company) = request.company_id.ok_or_else(|| Wrong::new("companyId", "is missing"))?;
    let url = request.url.ok_or_else(|| Wrong::new("url", "is missing"))?;
    let names = request.events.ok_or_else(|| Wrong::new("events", "is missing"))?;
    let events = events::read(&app.catalogue, &names)?;
    let account = app.directory.account_of_company(company).await?;
    let account = account.ok_or_else(|| Wrong::new("companyId", "is no company that is known"))?;
    let signing_secret = new_signing_secret(&app.handles);
    let handshake = request.handshake.unwrap_or(false);
    let new = NewEndpoint { account, url, events, handshake, signing_secret: signing_secret.clone() };
    carried_through(async move {
        let limit = app.settings.limits.conference_endpoints_per_company;
        let made = app.subscribing.create_endpoint(new, limit).await.map_err(refused)?;
        let endpoint = info(&made, company);
        record(&app, "conference-endpoint.create", &made, None, Some(shown(&endpoint)), by).await?;
        Ok((StatusCode::CREATED, Json(CreatedEndpoint { endpoint, signing_secret })))
    })
    .await
}

/// The part of the list that is asked for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct EndpointsQuery {
    /// Only those of this company.
    company_id: Option<String>,
    /// From the page before; absent for the first.
    cursor: Option<String>,
    /// At most 1000; 100 if absent.
    limit: Option<String>,
}

/// Endpoints of all companies or of one, page by page, without their secrets.
#[utoipa::path(get, path = "/hookswitch/v1/conference-endpoints", tag = "conference", operation_id = "listConferenceEndpoints",
    params(EndpointsQuery), responses((status = 200, body = EndpointPage), (status = 400, description = "A parameter is bad")))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    _operator: Operator,
    QueryOf(query): QueryOf<EndpointsQuery>,
) -> Result<Json<EndpointPage>, ApiError> {
    let listing = Listing { cursor: query.cursor, limit: query.limit };
    let from = listing.after()?.and_then(|from| i64::try_from(from).ok()).unwrap_or_default();
    let limit = listing.limit()?;
    let account = match query.company_id {
        Some(text) => {
            let company = Id::parse(&text).ok_or_else(|| Wrong::new("companyId", "is no id of digits"))?;
            let Some(account) = app.directory.account_of_company(company).await? else {
                return Ok(Json(EndpointPage { records: Vec::new(), cursor: None }));
            };
            Some(account)
        }
        None => None,
    };
    let now = app.handles.now();
    let page = app.subscriptions.conference_endpoints(account, SubscriptionNo(from), limit, now).await?;
    let mut companies: HashMap<AccountId, u64> = HashMap::new();
    let mut records = Vec::with_capacity(page.records.len());
    for endpoint in &page.records {
        let company = match companies.get(&endpoint.account) {
            Some(company) => *company,
            // An account that goes this moment takes its endpoints along.
            None => match company_of(&app, endpoint.account).await? {
                Some(company) => company,
                None => continue,
            },
        };
        companies.insert(endpoint.account, company);
        records.push(info(endpoint, company));
    }
    Ok(Json(EndpointPage { records, cursor: page.next.map(|next| next.to_string()) }))
}

/// One endpoint, without its secret.
#[utoipa::path(get, path = "/hookswitch/v1/conference-endpoints/{endpointId}", tag = "conference", operation_id = "readConferenceEndpoint",
    params(("endpointId" = String, Path)), responses((status = 200, body = EndpointInfo), (status = 404, description = "No such endpoint")))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(id): Path<String>,
) -> Result<Json<EndpointInfo>, ApiError> {
    let (endpoint, company) = present(&app, &id).await?;
    Ok(Json(info(&endpoint, company)))
}

/// Changes the members that are named. Deliveries that wait go to the new URL.
#[utoipa::path(put, path = "/hookswitch/v1/conference-endpoints/{endpointId}", tag = "conference", operation_id = "updateConferenceEndpoint",
    params(("endpointId" = String, Path)), request_body = EndpointRequest,
    responses((status = 200, body = EndpointInfo), (status = 400, description = "A member is wrong, or the handshake failed; nothing is changed"),
        (status = 404, description = "No such endpoint")))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
    RequiredJson(request): RequiredJson<EndpointRequest>,
) -> Result<Json<EndpointInfo>, ApiError> {
    let by = operator.acts(&app);
    let (before, company) = present(&app, &id).await?;
    if request.company_id.is_some_and(|Id(named)| named != company) {
        return Err(Wrong::new("companyId", "cannot be changed").into());
    }
    let events = request.events.map(|names| events::read(&app.catalogue, &names)).transpose()?;
    let update = EndpointUpdate { url: request.url, events, handshake: request.handshake.unwrap_or(false) };
    carried_through(async move {
        let changed = app.subscribing.change_endpoint(&before, update).await.map_err(refused)?;
        let changed = changed.ok_or_else(|| missing(&id))?;
        let (was, is) = (info(&before, company), info(&changed, company));
        let action = "conference-endpoint.update";
        record(&app, action, &changed, Some(shown(&was)), Some(shown(&is)), by).await?;
        Ok(Json(is))
    })
    .await
}

/// Removes an endpoint; what waits for it is cancelled.
#[utoipa::path(delete, path = "/hookswitch/v1/conference-endpoints/{endpointId}", tag = "conference", operation_id = "deleteConferenceEndpoint",
    params(("endpointId" = String, Path)), responses((status = 204), (status = 404, description = "No such endpoint")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let by = operator.acts(&app);
    let (before, company) = present(&app, &id).await?;
    carried_through(async move {
        if !app.subscribing.delete_endpoint(&before).await.map_err(refused)? {
            return Err(missing(&id));
        }
        let was = shown(&info(&before, company));
        record(&app, "conference-endpoint.delete", &before, Some(was), None, by).await?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

async fn present(app: &App, id: &str) -> Result<(Subscription, u64), ApiError> {
    let parsed = uuid::Uuid::parse_str(id).map(SubscriptionId).map_err(|_| missing(id))?;
    let endpoint = app.subscribing.endpoint(parsed).await.map_err(refused)?.ok_or_else(|| missing(id))?;
    let company = company_of(app, endpoint.account).await?.ok_or_else(|| missing(id))?;
    Ok((endpoint, company))
}

async fn company_of(app: &App, account: AccountId) -> Result<Option<u64>, ApiError> {
    Ok(app.directory.account(account).await?.map(|account| account.company))
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found("endpointId", id)
}

fn info(endpoint: &Subscription, company: u64) -> EndpointInfo {
    let Target::Webhook { address, .. } = &endpoint.target;
    EndpointInfo {
        id: endpoint.id.to_string(),
        url: address.clone(),
        events: endpoint.filters.iter().map(|filter| filter.text.clone()).collect(),
        company_id: company.to_string(),
        status: match endpoint.status {
            Status::Active | Status::Suspended => "Active",
            Status::Blacklisted => "Blacklisted",
        },
        creation_time: endpoint.created_at.iso8601(),
    }
}

/// What the audit log keeps of an endpoint. Its URL may be a secret, so only the origin is kept.
fn shown(endpoint: &EndpointInfo) -> Value {
    let url = url::Url::parse(&endpoint.url);
    json!({
        "origin": url.map(|url| url.origin().ascii_serialization()).unwrap_or_default(),
        "events": endpoint.events,
        "companyId": endpoint.company_id,
    })
}

async fn record(
    app: &App,
    action: &'static str,
    endpoint: &Subscription,
    before: Option<Value>,
    after: Option<Value>,
    by: Actor,
) -> Result<(), ApiError> {
    let change = EndpointChange { action, account: endpoint.account, endpoint: endpoint.id, before, after };
    Ok(app.provisioning.record_endpoint(change, by).await?)
}

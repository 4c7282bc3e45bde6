//! Reading the history: one event, one delivery with its attempts, deliveries newest first.
//!
//! An admin sees everything; an account's administrator the whole account; any other user what belongs
//! to subscriptions of the same extension and app. What is not the caller's does not exist for it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use hookswitch_core::catalogue::Catalogue;
use hookswitch_core::clock::WallTime;
use hookswitch_core::delivery::{Attempt, DeliveryState, EndReason, Trigger};
use hookswitch_core::event::StoredEvent;
use hookswitch_core::id::{AppNo, DeliveryKey, ExtensionId, SubscriptionId, SubscriptionNo};
use hookswitch_store::log::{DeliveryView, HistoryQuery, Matched, Scope, StatusFilter};
use hookswitch_store::subscriptions::Known;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::publication::violation_of;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::state::App;

const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 1000;
/// What the list can be narrowed to, for whoever asked for something else.
const STATUSES: &str = "is not one of pending, delivered, exhausted, cancelled and undelivered";

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    pub uuid: Uuid,
    pub event: String,
    pub account_id: String,
    pub timestamp: String,
    pub accepted_at: String,
    #[schema(value_type = Object)]
    pub body: Box<RawValue>,
    /// How the body breaks the schema that its event type has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violation: Option<String>,
    /// For whom it is, as far as the caller may see.
    pub deliveries: Vec<EventDelivery>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventDelivery {
    pub id: String,
    pub subscription_id: String,
}

/// A delivery with its latest attempt.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryInfo {
    pub id: String,
    pub subscription_id: String,
    pub event_uuid: Uuid,
    pub event: String,
    pub account_id: String,
    /// `pending`, `delivered`, `exhausted` or `cancelled`.
    pub status: &'static str,
    /// Why it ended without arriving.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub reason: Option<EndReason>,
    pub accepted_at: String,
    /// When the next attempt is due, while pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    pub attempt_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempt: Option<AttemptInfo>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptInfo {
    /// 1 for the first.
    pub number: u32,
    pub time: String,
    #[schema(value_type = String)]
    pub trigger: Trigger,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    pub latency_ms: u64,
    /// The failure in words that a person can act on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The class under which metrics count it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_class: Option<&'static str>,
    /// The start of the answer's body, at most 4 KiB.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub response: String,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct DeliveryDetail {
    #[serde(flatten)]
    pub delivery: DeliveryInfo,
    /// Oldest first.
    pub attempts: Vec<AttemptInfo>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct DeliveryList {
    pub records: Vec<DeliveryInfo>,
    /// Where to go on; absent at the end. A page may be short and still have one: searches are bounded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The query of the list; every member is optional.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Needed unless the caller is an admin or administers the account.
    pub subscription_id: Option<String>,
    /// pending, delivered, exhausted, cancelled, or undelivered (pending after a failure, exhausted, cancelled).
    pub status: Option<String>,
    /// An event name, or the beginning of one followed by `*`.
    pub event: Option<String>,
    /// Accepted at or after this time (ISO 8601).
    pub from: Option<String>,
    /// Accepted before this time (ISO 8601).
    pub to: Option<String>,
    pub cursor: Option<String>,
    /// At most 1000; 100 if absent.
    pub limit: Option<String>,
}

/// Who asks, as far as subscriptions and the history are concerned.
pub(super) struct Viewer<'a> {
    principal: &'a Principal,
    pub(super) scope: Scope,
}

impl<'a> Viewer<'a> {
    pub(super) fn new(principal: &'a Principal) -> Result<Self, ApiError> {
        let scope = match principal {
            Principal::Admin => Scope::Operator,
            Principal::User(user) => Scope::Account(user.account),
            Principal::Publish { .. } | Principal::App(_) => return Err(ApiError::permission("ReadHistory")),
        };
        Ok(Self { principal, scope })
    }

    fn sees_all(&self) -> bool {
        match self.principal {
            Principal::Admin => true,
            Principal::User(user) => user.administrator,
            Principal::Publish { .. } | Principal::App(_) => false,
        }
    }

    fn sees(&self, known: &Known) -> bool {
        self.sees_subscription_of(known.owner.extension, known.owner.app)
    }

    /// A subscription of this extension and app, inside the scope.
    pub(super) fn sees_subscription_of(&self, extension: ExtensionId, app: AppNo) -> bool {
        self.sees_all()
            || matches!(self.principal, Principal::User(user) if user.extension == extension && user.app == app)
    }
}

/// One event with its deliveries.
#[utoipa::path(get, path = "/hookswitch/v1/events/{uuid}", tag = "history", operation_id = "readEvent",
    params(("uuid" = String, Path, description = "The event's uuid")),
    responses((status = 200, body = EventView), (status = 404, description = "No such event, or not the caller's")))]
pub async fn event(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(uuid): Path<String>,
) -> Result<Json<EventView>, ApiError> {
    let viewer = Viewer::new(&principal)?;
    let missing = || ApiError::not_found("uuid", &uuid);
    let parsed = Uuid::parse_str(&uuid).map_err(|_| missing())?;
    let mut found = app.log.event_by_uuid(viewer.scope, parsed).await?;
    // One account uses a uuid once; an admin who asks for one that two accounts use sees the latest.
    let (stored, matched) = found.pop().ok_or_else(missing)?;
    let known = owners(&app, &viewer, matched.iter().map(|matched| matched.subscription)).await?;
    let visible: Vec<Matched> =
        matched.into_iter().filter(|matched| known.contains_key(&matched.subscription)).collect();
    if visible.is_empty() && !viewer.sees_all() {
        return Err(missing());
    }
    event_view(stored, &visible, &known, &app.catalogue).map(Json)
}

fn event_view(
    stored: StoredEvent,
    visible: &[Matched],
    known: &HashMap<SubscriptionNo, Known>,
    catalogue: &Catalogue,
) -> Result<EventView, ApiError> {
    let delivery = |matched: &Matched| {
        let known = known.get(&matched.subscription)?;
        let key = DeliveryKey { event: stored.seq, subscription: matched.subscription, ordinal: 0 };
        Some(EventDelivery { id: key.to_string(), subscription_id: known.id.to_string() })
    };
    let deliveries = visible.iter().filter_map(delivery).collect();
    // A type that a later catalogue does not have any more says nothing.
    let resolved = catalogue.resolve(&stored.event.name).ok();
    let violation =
        resolved.and_then(|found| violation_of(&catalogue.entry(found.entry).schema, &stored.event.body));
    let body =
        String::from_utf8(stored.event.body.to_vec()).ok().and_then(|body| RawValue::from_string(body).ok());
    Ok(EventView {
        uuid: stored.event.uuid,
        account_id: stored.event.account.to_string(),
        timestamp: stored.event.timestamp.iso8601(),
        accepted_at: stored.event.accepted_at.iso8601(),
        body: body
            .ok_or_else(|| hookswitch_store::StoreError::Corrupt("an event body is not JSON".into()))?,
        event: stored.event.name,
        violation: violation.map(|violation| violation.to_string()),
        deliveries,
    })
}

/// One delivery with all its attempts.
#[utoipa::path(get, path = "/hookswitch/v1/deliveries/{id}", tag = "history", operation_id = "readDelivery",
    params(("id" = String, Path, description = "The delivery's id")),
    responses((status = 200, body = DeliveryDetail), (status = 404, description = "No such delivery, or not the caller's")))]
pub async fn delivery(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<DeliveryDetail>, ApiError> {
    let viewer = Viewer::new(&principal)?;
    let missing = || ApiError::not_found("deliveryId", &id);
    let key: DeliveryKey = id.parse().map_err(|_| missing())?;
    let (view, attempts) = app.log.delivery(viewer.scope, key).await?.ok_or_else(missing)?;
    let known = owners(&app, &viewer, [key.subscription]).await?;
    let delivery = info(view, &known).ok_or_else(missing)?;
    Ok(Json(DeliveryDetail { delivery, attempts: attempts.iter().map(attempt_info).collect() }))
}

/// Deliveries, newest first.
#[utoipa::path(get, path = "/hookswitch/v1/deliveries", tag = "history", operation_id = "listDeliveries",
    params(ListQuery), responses((status = 200, body = DeliveryList), (status = 400, description = "A parameter is bad")))]
pub async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<DeliveryList>, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::parameter("query", error.body_text()))?;
    let viewer = Viewer::new(&principal)?;
    let subscription = match &query.subscription_id {
        Some(id) => Some(visible_subscription(&app, &viewer, id).await?.no),
        None if viewer.sees_all() => None,
        None => {
            let message =
                "Parameter [subscriptionId] is needed: only an administrator sees the whole account";
            return Err(ApiError::parameter("subscriptionId", message));
        }
    };
    let page = app.log.history(history_query(&query, viewer.scope, subscription)?).await?;
    let known = owners(&app, &viewer, page.records.iter().map(|view| view.key.subscription)).await?;
    let records = page.records.into_iter().filter_map(|view| info(view, &known)).collect();
    Ok(Json(DeliveryList { records, cursor: page.next.map(|key| key.to_string()) }))
}

fn history_query(
    query: &ListQuery,
    scope: Scope,
    subscription: Option<SubscriptionNo>,
) -> Result<HistoryQuery, ApiError> {
    let bad = |name: &'static str, value: &str, why: &str| {
        ApiError::parameter(name, format!("Parameter [{name}] is invalid: [{value}] {why}"))
            .with("parameterValue", value)
    };
    let time = |name, value: &Option<String>| {
        let parse = |text: &String| {
            WallTime::parse_iso8601(text).ok_or_else(|| bad(name, text, "is not an ISO 8601 time"))
        };
        value.as_ref().map(parse).transpose()
    };
    let limit = match &query.limit {
        None => DEFAULT_LIMIT,
        Some(text) => {
            let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
            limit.ok_or_else(|| bad("limit", text, &format!("is not a whole number from 1 to {MOST}")))?
        }
    };
    let status = |text: &String| {
        Ok(match text.as_str() {
            "pending" => StatusFilter::Pending,
            "delivered" => StatusFilter::Delivered,
            "exhausted" => StatusFilter::Exhausted,
            "cancelled" => StatusFilter::Cancelled,
            "undelivered" => StatusFilter::Undelivered,
            _ => return Err(bad("status", text, STATUSES)),
        })
    };
    let cursor =
        |text: &String| text.parse().map_err(|_| bad("cursor", text, "is not a cursor of an earlier answer"));
    Ok(HistoryQuery {
        scope,
        subscription,
        status: query.status.as_ref().map(status).transpose()?,
        event: query.event.clone(),
        from: time("from", &query.from)?,
        to: time("to", &query.to)?,
        after: query.cursor.as_ref().map(cursor).transpose()?,
        limit,
    })
}

async fn visible_subscription(app: &App, viewer: &Viewer<'_>, id: &str) -> Result<Known, ApiError> {
    let missing = || ApiError::not_found("subscriptionId", id);
    let parsed = Uuid::parse_str(id).map(SubscriptionId).map_err(|_| missing())?;
    let known = app.subscriptions.known(viewer.scope, parsed).await?;
    known.filter(|known| viewer.sees(known)).ok_or_else(missing)
}

/// The subscriptions among these that the viewer may see.
async fn owners(
    app: &App,
    viewer: &Viewer<'_>,
    numbers: impl IntoIterator<Item = SubscriptionNo>,
) -> Result<HashMap<SubscriptionNo, Known>, ApiError> {
    let mut numbers: Vec<SubscriptionNo> = numbers.into_iter().collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut known = app.subscriptions.by_number(viewer.scope, numbers).await?;
    known.retain(|_, known| viewer.sees(known));
    Ok(known)
}

fn info(view: DeliveryView, known: &HashMap<SubscriptionNo, Known>) -> Option<DeliveryInfo> {
    let subscription = known.get(&view.key.subscription)?;
    let (status, reason, next, finished) = match view.state {
        DeliveryState::Pending { due } => ("pending", None, Some(due), None),
        DeliveryState::Delivered { at } => ("delivered", None, None, Some(at)),
        DeliveryState::Exhausted { at, reason } => ("exhausted", Some(reason), None, Some(at)),
        DeliveryState::Cancelled { at, reason } => ("cancelled", Some(reason), None, Some(at)),
    };
    Some(DeliveryInfo {
        id: view.key.to_string(),
        subscription_id: subscription.id.to_string(),
        event_uuid: view.event_uuid,
        event: view.event_name,
        account_id: view.account.to_string(),
        status,
        reason,
        accepted_at: view.accepted_at.iso8601(),
        next_attempt_at: next.map(WallTime::iso8601),
        finished_at: finished.map(WallTime::iso8601),
        attempt_count: view.attempts,
        last_attempt: view.last_attempt.as_ref().map(attempt_info),
    })
}

fn attempt_info(attempt: &Attempt) -> AttemptInfo {
    let report = &attempt.report;
    AttemptInfo {
        number: attempt.number,
        time: attempt.at.iso8601(),
        trigger: attempt.trigger,
        status_code: report.status,
        latency_ms: u64::try_from(report.latency.as_millis()).unwrap_or(u64::MAX),
        error: report.failure.as_ref().map(|(_, words)| words.clone()),
        error_class: report.failure.as_ref().map(|(class, _)| class.name()),
        response: String::from_utf8_lossy(&report.response).into_owned(),
    }
}

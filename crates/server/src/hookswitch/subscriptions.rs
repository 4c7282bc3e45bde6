//! `GET /hookswitch/v1/subscriptions`: who is subscribed to what, for operators and administrators.
//!
//! An admin sees every account's, an account's administrator the whole account, any other user those of
//! the same extension and app. The REST trees, where a user manages its own, are in `restapi`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use hookswitch_core::clock::WallTime;
use hookswitch_core::id::SubscriptionNo;
use hookswitch_core::subscription::{Door, Subscription};
use serde::{Deserialize, Serialize};

use super::history::Viewer;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::restapi::subscription::SubscriptionInfo;
use crate::state::App;

const DEFAULT_LIMIT: usize = 100;
/// A subscription can have 20 000 filters, so pages are small.
const MOST: usize = 200;

/// A subscription with whose it is.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnedSubscription {
    #[serde(flatten)]
    pub subscription: SubscriptionInfo,
    pub account_id: String,
    /// The extension that made it; a conference endpoint is made by an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct OwnedSubscriptions {
    /// In the order of creation.
    pub records: Vec<OwnedSubscription>,
    /// Where to go on; absent at the end. A page may be short and still have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    pub cursor: Option<String>,
    /// At most 200; 100 if absent.
    pub limit: Option<String>,
}

/// Live subscriptions of every door, oldest first.
#[utoipa::path(get, path = "/hookswitch/v1/subscriptions", tag = "subscriptions", operation_id = "listAllSubscriptions",
    params(ListQuery), responses((status = 200, body = OwnedSubscriptions), (status = 400, description = "A parameter is bad")))]
pub async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<OwnedSubscriptions>, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::parameter("query", error.body_text()))?;
    let viewer = Viewer::new(&principal)?;
    let from = SubscriptionNo(number("cursor", query.cursor.as_deref())?.unwrap_or_default());
    let limit = match number("limit", query.limit.as_deref())? {
        None => DEFAULT_LIMIT,
        Some(limit) => in_bounds(limit)?,
    };
    let now = app.handles.now();
    let page = app.subscriptions.page(viewer.scope, from, limit, now).await?;
    let visible = page.records.iter().filter(|one| viewer.sees_subscription_of(one.owner, one.app));
    let records = visible.map(|one| owned(one, &app, now)).collect();
    Ok(Json(OwnedSubscriptions { records, cursor: page.next.map(|next| next.0.to_string()) }))
}

fn owned(subscription: &Subscription, app: &App, now: WallTime) -> OwnedSubscription {
    OwnedSubscription {
        subscription: SubscriptionInfo::of(subscription, &app.front.base_url, now),
        account_id: subscription.account.to_string(),
        owner_id: (subscription.door != Door::Conference).then(|| subscription.owner.to_string()),
    }
}

fn number<N: std::str::FromStr>(name: &'static str, text: Option<&str>) -> Result<Option<N>, ApiError> {
    text.map(|text| text.parse().map_err(|_| bad(name, text))).transpose()
}

fn in_bounds(limit: usize) -> Result<usize, ApiError> {
    if (1..=MOST).contains(&limit) { Ok(limit) } else { Err(bad("limit", &limit.to_string())) }
}

fn bad(name: &'static str, value: &str) -> ApiError {
    ApiError::parameter(name, format!("Parameter [{name}] value [{value}] is invalid"))
        .with("parameterValue", value)
}

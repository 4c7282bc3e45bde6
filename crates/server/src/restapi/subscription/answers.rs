//! From a call to its answer, the same behind every door: make it, write the subscription down as JSON.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hookswitch_core::subscription::{Door, Subscription};

use super::info::{SubscriptionInfo, SubscriptionList, collection_path};
use super::life_cycle::{Subscribing, off_thread};
use crate::authenticate::Caller;
use crate::problem::ApiError;

/// Answers with more filters are written off the I/O thread.
const FILTERS_INLINE: usize = 1_000;

pub(crate) async fn create(
    subscribing: &Subscribing,
    caller: &Caller,
    door: Door,
    body: Bytes,
    created: StatusCode,
) -> Result<Response, ApiError> {
    let subscription = subscribing.create(&caller.0, door, body).await?;
    one(subscribing, created, subscription).await
}

pub(crate) async fn list(
    subscribing: &Subscribing,
    caller: &Caller,
    door: Door,
) -> Result<Response, ApiError> {
    let subscriptions = subscribing.list(&caller.0, door).await?;
    let filters = subscriptions.iter().map(|subscription| subscription.filters.len()).sum::<usize>();
    let (subscribing, now) = (subscribing.clone(), subscribing.now());
    let write = move || {
        let base_url = subscribing.base_url();
        let info = |subscription| SubscriptionInfo::of(subscription, base_url, now);
        let list = SubscriptionList {
            uri: format!("{base_url}{}", collection_path(door)),
            records: subscriptions.iter().map(info).collect(),
        };
        Json(list).into_response()
    };
    Ok(off_thread(filters > FILTERS_INLINE, write).await?)
}

pub(crate) async fn get(
    subscribing: &Subscribing,
    caller: &Caller,
    door: Door,
    id: &str,
) -> Result<Response, ApiError> {
    let subscription = subscribing.get(&caller.0, door, id).await?;
    one(subscribing, StatusCode::OK, Arc::new(subscription)).await
}

pub(crate) async fn update(
    subscribing: &Subscribing,
    caller: &Caller,
    door: Door,
    id: &str,
    body: Bytes,
) -> Result<Response, ApiError> {
    let subscription = subscribing.update(&caller.0, door, id, body).await?;
    one(subscribing, StatusCode::OK, subscription).await
}

pub(crate) async fn renew(
    subscribing: &Subscribing,
    caller: &Caller,
    door: Door,
    id: &str,
) -> Result<Response, ApiError> {
    let subscription = subscribing.renew(&caller.0, door, id).await?;
    one(subscribing, StatusCode::OK, subscription).await
}

pub(crate) async fn delete(
    subscribing: &Subscribing,
    caller: &Caller,
    door: Door,
    id: &str,
) -> Result<StatusCode, ApiError> {
    subscribing.delete(&caller.0, door, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn one(
    subscribing: &Subscribing,
    status: StatusCode,
    subscription: Arc<Subscription>,
) -> Result<Response, ApiError> {
    let is_large = subscription.filters.len() > FILTERS_INLINE;
    let (subscribing, now) = (subscribing.clone(), subscribing.now());
    let write = move || {
        let info = SubscriptionInfo::of(&subscription, subscribing.base_url(), now);
        (status, Json(info)).into_response()
    };
    Ok(off_thread(is_large, write).await?)
}

//! `POST /hookswitch/v1/events`: durable before 202, all of a request or nothing of it. `accept` is also
//! how a triggered sample gets in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hookswitch_core::id::AccountId;
use hookswitch_engine::{Publication, PublishError};
use hookswitch_store::log::Acceptance;
use serde::Serialize;
use serde_json::json;

use super::company;
use super::publication::{BadEntry, Reader, Unreadable, bad};
use crate::body::Payload;
use crate::config::Limits;
use crate::metering::Exceeded;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::state::App;

/// What became of one entry.
#[derive(Serialize, utoipa::ToSchema)]
pub struct PublishedEvent {
    /// The event's uuid, the publisher's or ours.
    pub uuid: uuid::Uuid,
    /// True if the same uuid with the same content was accepted before; nothing is stored then.
    pub duplicate: bool,
}

/// A body that breaks the schema of its event type; it is taken and delivered nevertheless.
#[derive(Serialize, utoipa::ToSchema)]
pub struct BrokenSchema {
    /// Of the entry.
    pub index: usize,
    pub uuid: uuid::Uuid,
    pub reason: String,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct Published {
    pub events: Vec<PublishedEvent>,
    /// Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<BrokenSchema>,
}

/// Publishes one event or many. Answers once all of them are durable.
#[utoipa::path(
    post,
    path = "/hookswitch/v1/events",
    tag = "publish",
    operation_id = "publishEvents",
    request_body(content = serde_json::Value, description = "One event object, an array of them, NDJSON, or CloudEvents (structured, binary, batch)"),
    responses(
        (status = 202, description = "All events are durable", body = Published),
        (status = 400, description = "Some entries are bad; nothing is stored"),
        (status = 409, description = "A uuid belongs to another event; nothing is stored"),
        (status = 413, description = "The request or an event body is too large"),
        (status = 415, description = "The content type is not one of those that are read"),
        (status = 429, description = "Too many requests wait, or the account's quota of the day is used up; come back after Retry-After"),
        (status = 503, description = "The store cannot take more"),
    )
)]
pub async fn publish(
    State(app): State<Arc<App>>,
    principal: Principal,
    headers: HeaderMap,
    Payload(bytes): Payload,
) -> Result<Response, ApiError> {
    let published = accept(&app, &principal, &headers, &bytes).await?;
    Ok((StatusCode::ACCEPTED, Json(published)).into_response())
}

/// Takes a publish request of whoever may publish. What it returns is durable.
pub(super) async fn accept(
    app: &App,
    principal: &Principal,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Result<Published, ApiError> {
    let bound = bound_to(principal)?;
    let limits = &app.settings.limits;
    let reader = Reader {
        body_limit: limits.event_body.0,
        entries_limit: limits.publish_entries,
        catalogue: &app.catalogue,
        handles: &app.handles,
        now: app.handles.now(),
    };
    let mut entries = reader.read(headers, bytes).map_err(|error| unreadable(error, limits))?;
    let violations = std::mem::take(&mut entries.violations);
    let settled = company::settle(app, entries).await?;
    let mut publications = settled.map_err(|wrong| bad_entries(&wrong, limits))?;
    let wrong = address(app, bound, &mut publications).await?;
    if !wrong.is_empty() {
        return Err(bad_entries(&wrong, limits));
    }
    let asked = publications
        .iter()
        .map(|publication| (publication.event.account, publication.event.body.len() as u64));
    let admission = app.metering.admit(asked).map_err(over_quota)?;
    let uuids: Vec<_> = publications.iter().map(|publication| publication.event.uuid).collect();
    let entries: Vec<_> = publications.iter().map(|publication| publication.resolved.entry).collect();
    let published = app.engine.publish(publications).await;
    let stored =
        |index: usize| matches!(&published, Ok(all) if matches!(all.get(index), Some(Acceptance::Stored(_))));
    app.metering.settle(&admission, stored);
    let acceptances = published.map_err(|error| refused(&error, &uuids))?;
    let outcome = |(uuid, acceptance): (&uuid::Uuid, &Acceptance)| PublishedEvent {
        uuid: *uuid,
        duplicate: *acceptance == Acceptance::Duplicate,
    };
    let events: Vec<PublishedEvent> = uuids.iter().zip(&acceptances).map(outcome).collect();
    let mut broken = Vec::new();
    for (index, reason) in violations {
        if !events[index].duplicate {
            app.violations.count(&app.catalogue.entry(entries[index]).name);
        }
        broken.push(BrokenSchema { index, uuid: events[index].uuid, reason });
    }
    Ok(Published { events, violations: broken })
}

/// Checks whose the events are and says for whom they are (D24). What is wrong is named for each entry once.
async fn address(
    app: &App,
    bound: Option<AccountId>,
    publications: &mut [Publication],
) -> Result<Vec<BadEntry>, ApiError> {
    let mut wrong = Vec::new();
    for (index, publication) in publications.iter().enumerate() {
        let account = publication.event.account;
        if bound.is_some_and(|bound| bound != account) {
            return Err(ApiError::permission("Publish").with("index", index));
        }
        if !app.knows_account(account).await? {
            wrong.push(bad(index, "accountId", format!("is {account}, which is no account that is known")));
        }
    }
    for index in app.messaging.name_recipients(&app.catalogue, publications).await? {
        wrong.push(bad(index, "recipients", "is missing, and groupId of the body is no chat of this server"));
    }
    wrong.sort_by_key(|bad| bad.index);
    wrong.dedup_by_key(|bad| bad.index);
    Ok(wrong)
}

/// The one account that a publisher may publish for, if it is bound to one; an error for everybody else.
pub(super) fn bound_to(principal: &Principal) -> Result<Option<AccountId>, ApiError> {
    match principal {
        Principal::Admin => Ok(None),
        Principal::Publish { account } => Ok(*account),
        Principal::User(_) | Principal::App(_) => Err(ApiError::permission("Publish")),
    }
}

/// 429 that names the quota; tomorrow there is a new one. Where it is nothing, tomorrow is no better.
fn over_quota(exceeded: Exceeded) -> ApiError {
    let Exceeded { account, quota, limit, used, retry_after } = exceeded;
    let message =
        format!("Account {account} would exceed its quota [{quota}] of {limit} today; {used} are used");
    let code = if limit == 0 { "CMN-303" } else { "CMN-302" };
    let mut error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, code, message)
        .with("quota", quota)
        .with("limit", limit)
        .with("used", used)
        .with("accountId", account.to_string());
    error.retry_after_seconds = Some(retry_after.as_millis().div_ceil(1000) as u64);
    error
}

fn unreadable(error: Unreadable, limits: &Limits) -> ApiError {
    match error {
        Unreadable::MediaType(media) => ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "CMN-407",
            format!(
                "Content type [{media}] is not read; send application/json, application/x-ndjson, \
                 application/cloudevents+json or application/cloudevents-batch+json"
            ),
        ),
        Unreadable::Malformed(why) => ApiError::malformed(format!("The request is not JSON: {why}")),
        Unreadable::TooManyEntries(limit) => ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "CMN-106",
            format!("The request has more entries than the limit of {limit}"),
        )
        .with("limit", limit),
        Unreadable::Bad(bad) => bad_entries(&bad, limits),
    }
}

fn bad_entries(bad: &[BadEntry], limits: &Limits) -> ApiError {
    let sentence = |bad: &BadEntry| match bad.field.as_ref() {
        "" => format!("Entry {}: {}", bad.index, bad.reason),
        field => format!("Entry {}: [{field}] {}", bad.index, bad.reason),
    };
    let too_large = bad.iter().any(|bad| bad.too_large);
    let status = if too_large { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
    let Some(first) = bad.first() else { return ApiError::malformed("The request has no entries") };
    let mut error = ApiError::new(status, "CMN-101", sentence(first))
        .with("index", first.index)
        .with("field", first.field.as_ref())
        .with("parameterName", first.field.as_ref())
        .with("reason", first.reason.clone());
    error.symbolic = (!too_large).then_some("InvalidParameter");
    if too_large {
        error = error.with("limit", limits.event_body.0);
    }
    error.more = bad[1..]
        .iter()
        .map(|bad| {
            json!({
                "errorCode": "CMN-101", "message": sentence(bad), "index": bad.index,
                "field": bad.field, "parameterName": bad.field, "reason": bad.reason,
            })
        })
        .collect();
    error
}

fn refused(error: &PublishError, uuids: &[uuid::Uuid]) -> ApiError {
    match error {
        PublishError::Overloaded => {
            let mut error = ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "CMN-310",
                "Too many publish requests wait for the store",
            );
            error.retry_after_seconds = Some(1);
            error
        }
        PublishError::UuidTaken { index } => {
            let uuid = uuids.get(*index).map(ToString::to_string).unwrap_or_default();
            let message = format!("Entry {index}: [uuid] {uuid} belongs to an event with other content");
            ApiError::new(StatusCode::CONFLICT, "CMN-406", message)
                .with("index", *index)
                .with("field", "uuid")
                .with("parameterName", "uuid")
                .with("parameterValue", uuid)
        }
        PublishError::Store(error) => ApiError::unavailable(format!("The store cannot take more: {error}")),
    }
}

//! Where third parties post: `/webhook/{id}`, `/webhook/v2/{id}` and their misprints `/webhooks/…`. No
//! token: the id is the secret. Most failures are told in a 200, because that is what integrations read.

use axum::Json;
use axum::extract::{FromRef, Path, State};
use axum::response::{IntoResponse, Response};
use hookswitch_core::chat::incoming::{self, Rejected};
use hookswitch_store::team_messaging::Refusal;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Messaging;
use crate::body::{Payload, from_json};
use crate::problem::{ApiError, ErrorBody};
use crate::state::Front;

const NO_POST: &str = "Your request was accepted, however a post was not generated";
const NO_WEBHOOK: &str = "Webhook not found!";

pub(super) fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Messaging: FromRef<S>,
    Front: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(post))
        .routes(routes!(post_newer))
        .route("/webhooks/{webhookId}", axum::routing::post(post))
        .route("/webhooks/v2/{webhookId}", axum::routing::post(post_newer))
}

/// What became of a post.
#[derive(Serialize, ToSchema)]
struct Posted {
    /// OK or error.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What is wrong with attached cards.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    validation: Vec<String>,
}

impl Posted {
    const OK: Self = Self { status: "OK", message: None, error: None, validation: Vec::new() };

    fn not_made(rejected: Rejected) -> Self {
        Self {
            status: "error",
            message: Some(NO_POST),
            error: Some(rejected.error),
            validation: rejected.validation,
        }
    }

    fn because(error: &str) -> Self {
        Self::not_made(Rejected { error: error.to_owned(), validation: Vec::new() })
    }
}

/// Posts into the chat of an incoming webhook.
#[utoipa::path(post, path = "/webhook/{webhookId}", tag = "incoming webhooks", operation_id = "postByWebhook", security(()),
    params(("webhookId" = String, Path)),
    request_body(content = Value, description = "text or body, title, activity, icon, attachments: cards of any form"),
    responses((status = 200, description = "Posted, or not: the body says so", body = Posted),
        (status = 400, description = "The body is no JSON object", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 429, description = "This webhook posts too often; come back after Retry-After", body = ErrorBody)))]
async fn post(
    State(messaging): State<Messaging>,
    Path(id): Path<String>,
    Payload(body): Payload,
) -> Result<Response, ApiError> {
    take(&messaging, &id, &body).await
}

/// The same in the newer dialect; both take either.
#[utoipa::path(post, path = "/webhook/v2/{webhookId}", tag = "incoming webhooks", operation_id = "postByWebhookV2", security(()),
    params(("webhookId" = String, Path)),
    request_body(content = Value, description = "text, title, activity, iconUri or iconEmoji, attachments: cards of any form"),
    responses((status = 200, description = "Posted, or not: the body says so", body = Posted),
        (status = 400, description = "The body is no JSON object", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 429, description = "This webhook posts too often; come back after Retry-After", body = ErrorBody)))]
async fn post_newer(
    State(messaging): State<Messaging>,
    Path(id): Path<String>,
    Payload(body): Payload,
) -> Result<Response, ApiError> {
    take(&messaging, &id, &body).await
}

async fn take(messaging: &Messaging, id: &str, body: &[u8]) -> Result<Response, ApiError> {
    let body: serde_json::Map<String, Value> = from_json(body)?;
    let Some(hook) = messaging.store.active_hook(id).await? else {
        return answer(Posted::because(NO_WEBHOOK));
    };
    if let Err(wait) = messaging.pace.count(hook, messaging.handles.monotonic()) {
        let mut error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "CMN-301", "Request rate exceeded");
        error.retry_after_seconds = Some(wait.as_millis().div_ceil(1000).try_into().unwrap_or(60));
        return Err(error);
    }
    let content = match incoming::read(&body) {
        Ok(content) => content,
        Err(rejected) => return answer(Posted::not_made(rejected)),
    };
    let posted = messaging.store.post_by_hook(hook, content, messaging.now()).await?;
    messaging.changed.notify_one();
    answer(match posted {
        Ok(_) => Posted::OK,
        Err(Refusal::NotFound) => Posted::because(NO_WEBHOOK),
        Err(refusal) => Posted::because(&refusal.to_string()),
    })
}

fn answer(posted: Posted) -> Result<Response, ApiError> {
    Ok(Json(posted).into_response())
}

//! Incoming webhooks as their makers see them: `/groups/{groupId}/webhooks`, `/webhooks`.

use axum::Json;
use axum::extract::{FromRef, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hookswitch_core::chat::{Asker, Hook, HookStatus};
use hookswitch_core::id::ChatId;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Messaging;
use super::answers::{self, Records, WebhookInfo};
use super::asking::Asking;
use super::refusal;
use crate::body::Payload;
use crate::problem::{ApiError, ErrorBody};
use crate::state::Front;

pub(super) fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Messaging: FromRef<S>,
    Front: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(list_of_group, create))
        .routes(routes!(list_of_chat, create_in_chat))
        .routes(routes!(list))
        .routes(routes!(get, delete))
        .routes(routes!(activate))
        .routes(routes!(suspend))
}

/// Makes an incoming webhook of a chat. Its id is a secret.
#[utoipa::path(post, path = "/groups/{groupId}/webhooks", operation_id = "createWebhook", params(("groupId" = String, Path)),
    responses((status = 200, description = "It is made", body = WebhookInfo), (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn create(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    _: Payload,
) -> Result<Json<Value>, ApiError> {
    make(&messaging, asker, "groupId", &id).await
}

/// The same under the newer word.
#[utoipa::path(post, path = "/chats/{chatId}/incoming-webhooks", operation_id = "createIncomingWebhook",
    params(("chatId" = String, Path)),
    responses((status = 200, description = "It is made", body = WebhookInfo), (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn create_in_chat(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    _: Payload,
) -> Result<Json<Value>, ApiError> {
    make(&messaging, asker, "chatId", &id).await
}

async fn make(
    messaging: &Messaging,
    asker: Asker,
    parameter: &'static str,
    id: &str,
) -> Result<Json<Value>, ApiError> {
    let chat = ChatId(refusal::id(parameter, id)?);
    let secret = messaging.handles.uuid_v4().to_string();
    let addresses = messaging.addresses.clone();
    let made = messaging.store.create_hook(asker, chat, secret, addresses, messaging.now()).await?;
    messaging.changed.notify_one();
    let hook = made.map_err(|refusal| refusal::answer(refusal, parameter, id))?;
    Ok(Json(answers::hook(&hook, &messaging.addresses)))
}

/// The webhooks of a chat that the caller is in.
#[utoipa::path(get, path = "/groups/{groupId}/webhooks", operation_id = "listGroupWebhooks", params(("groupId" = String, Path)),
    responses((status = 200, body = Records<WebhookInfo>), (status = 404, body = ErrorBody)))]
async fn list_of_group(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
) -> Result<Json<Records<Value>>, ApiError> {
    of_chat(&messaging, asker, "groupId", &id).await
}

/// The same under the newer word.
#[utoipa::path(get, path = "/chats/{chatId}/incoming-webhooks", operation_id = "listIncomingWebhooks",
    params(("chatId" = String, Path)),
    responses((status = 200, body = Records<WebhookInfo>), (status = 404, body = ErrorBody)))]
async fn list_of_chat(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
) -> Result<Json<Records<Value>>, ApiError> {
    of_chat(&messaging, asker, "chatId", &id).await
}

async fn of_chat(
    messaging: &Messaging,
    asker: Asker,
    parameter: &'static str,
    id: &str,
) -> Result<Json<Records<Value>>, ApiError> {
    let hooks = messaging.store.hooks_of_chat(asker, ChatId(refusal::id(parameter, id)?)).await?;
    let hooks = hooks.ok_or_else(|| ApiError::not_found(parameter, id))?;
    Ok(records(messaging, &hooks))
}

/// The webhooks that the caller made.
#[utoipa::path(get, path = "/webhooks", operation_id = "listWebhooks",
    responses((status = 200, body = Records<WebhookInfo>)))]
async fn list(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
) -> Result<Json<Records<Value>>, ApiError> {
    let hooks = messaging.store.own_hooks(asker).await?;
    Ok(records(&messaging, &hooks))
}

fn records(messaging: &Messaging, hooks: &[Hook]) -> Json<Records<Value>> {
    Json(Records { records: hooks.iter().map(|hook| answers::hook(hook, &messaging.addresses)).collect() })
}

/// One webhook, or several by ids with commas; a list in either case.
#[utoipa::path(get, path = "/webhooks/{webhookId}", operation_id = "readWebhook", params(("webhookId" = String, Path)),
    responses((status = 200, body = Records<WebhookInfo>), (status = 400, body = ErrorBody),
        (status = 404, description = "None of them is known", body = ErrorBody)))]
async fn get(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(ids): Path<String>,
) -> Result<Json<Records<Value>>, ApiError> {
    let mut hooks = Vec::new();
    for id in answers::several(&ids, "webhookId")? {
        hooks.extend(messaging.store.hook(asker, id).await?);
    }
    if hooks.is_empty() {
        return Err(ApiError::not_found("webhookId", &ids));
    }
    Ok(records(&messaging, &hooks))
}

/// Deletes a webhook. Answers 200, not 204.
#[utoipa::path(delete, path = "/webhooks/{webhookId}", operation_id = "deleteWebhook", params(("webhookId" = String, Path)),
    responses((status = 200, description = "It is gone"), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn delete(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    _: Payload,
) -> Result<Response, ApiError> {
    set_status(&messaging, asker, &id, HookStatus::Deleted).await
}

#[utoipa::path(post, path = "/webhooks/{webhookId}/activate", operation_id = "activateWebhook",
    params(("webhookId" = String, Path)),
    responses((status = 200, description = "It posts again"), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn activate(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    _: Payload,
) -> Result<Response, ApiError> {
    set_status(&messaging, asker, &id, HookStatus::Active).await
}

#[utoipa::path(post, path = "/webhooks/{webhookId}/suspend", operation_id = "suspendWebhook",
    params(("webhookId" = String, Path)),
    responses((status = 200, description = "It posts nothing until it is activated"), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn suspend(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    _: Payload,
) -> Result<Response, ApiError> {
    set_status(&messaging, asker, &id, HookStatus::Suspended).await
}

async fn set_status(
    messaging: &Messaging,
    asker: Asker,
    id: &str,
    status: HookStatus,
) -> Result<Response, ApiError> {
    let addresses = messaging.addresses.clone();
    let set = messaging.store.set_hook_status(asker, id, status, addresses, messaging.now()).await?;
    messaging.changed.notify_one();
    set.map_err(|refusal| refusal::answer(refusal, "webhookId", id))?;
    Ok(answers::empty(StatusCode::OK).into_response())
}

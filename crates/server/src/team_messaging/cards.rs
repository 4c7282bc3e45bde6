//! Adaptive cards: `/chats/{chatId}/adaptive-cards`, `/adaptive-cards/{cardId}`.

use axum::Json;
use axum::extract::{FromRef, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hookswitch_core::id::{CardId, ChatId};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Messaging;
use super::answers::{self, CardInfo, PartOfMany};
use super::asking::Asking;
use super::refusal;
use super::requests;
use crate::body::{Payload, RequiredJson};
use crate::problem::{ApiError, ErrorBody};
use crate::state::Front;

pub(super) fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Messaging: FromRef<S>,
    Front: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(get, change, delete))
}

/// Posts an adaptive card.
#[utoipa::path(post, path = "/chats/{chatId}/adaptive-cards", operation_id = "createAdaptiveCard",
    params(("chatId" = String, Path)), request_body(content = Value, description = "An adaptive card, version 1.0 to 1.6"),
    responses((status = 201, description = "It is posted; without its content", body = CardInfo),
        (status = 400, description = "It is no adaptive card; each fault is named by its place", body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn create(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    RequiredJson(card): RequiredJson<Value>,
) -> Result<Response, ApiError> {
    let chat = ChatId(refusal::id("chatId", &id)?);
    let card = requests::card(card)?;
    let created = messaging.store.create_card(asker, chat, card, messaging.now()).await?;
    messaging.changed.notify_one();
    let card = created.map_err(|refusal| refusal::answer(refusal, "chatId", &id))?;
    Ok((StatusCode::CREATED, Json(answers::card_in_short(&card))).into_response())
}

/// A card, or several by ids with commas.
#[utoipa::path(get, path = "/adaptive-cards/{cardId}", operation_id = "readAdaptiveCard",
    params(("cardId" = String, Path)),
    responses((status = 200, body = CardInfo), (status = 207, description = "Several were named", body = Vec<PartOfMany>),
        (status = 404, body = ErrorBody)))]
async fn get(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(ids): Path<String>,
) -> Result<Response, ApiError> {
    let read = async |id| {
        let found = messaging.store.card(asker, CardId(refusal::id("cardId", id)?)).await?;
        found.map(answers::card).ok_or_else(|| ApiError::not_found("cardId", id))
    };
    answers::one_or_many(&ids, "cardId", read).await
}

/// Puts another card in the place of this one. Only who posted it may.
#[utoipa::path(put, path = "/adaptive-cards/{cardId}", operation_id = "replaceAdaptiveCard",
    params(("cardId" = String, Path)), request_body(content = Value, description = "An adaptive card"),
    responses((status = 200, body = CardInfo), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn change(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    RequiredJson(card): RequiredJson<Value>,
) -> Result<Json<Value>, ApiError> {
    let number = CardId(refusal::id("cardId", &id)?);
    let card = requests::card(card)?;
    let changed = messaging.store.change_card(asker, number, card, messaging.now()).await?;
    messaging.changed.notify_one();
    let changed = changed.map_err(|refusal| refusal::answer(refusal, "cardId", &id))?;
    Ok(Json(answers::card_in_short(&changed)))
}

/// Deletes a card. Only who posted it may.
#[utoipa::path(delete, path = "/adaptive-cards/{cardId}", operation_id = "deleteAdaptiveCard",
    params(("cardId" = String, Path)),
    responses((status = 204, description = "It is gone"), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn delete(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    _: Payload,
) -> Result<StatusCode, ApiError> {
    let number = CardId(refusal::id("cardId", &id)?);
    let deleted = messaging.store.delete_card(asker, number, messaging.now()).await?;
    messaging.changed.notify_one();
    deleted.map_err(|refusal| refusal::answer(refusal, "cardId", &id))?;
    Ok(StatusCode::NO_CONTENT)
}

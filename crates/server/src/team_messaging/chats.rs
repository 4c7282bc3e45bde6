//! Chats and conversations: `/chats`, `/recent/chats`, `/favorites`, `/conversations`, `/everyone`.

use axum::Json;
use axum::extract::{FromRef, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hookswitch_core::chat::ChatKind;
use hookswitch_core::id::ChatId;
use hookswitch_store::team_messaging::Opened;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Messaging;
use super::answers::{ChatInfo, PageOfRecords, Records};
use super::asking::Asking;
use super::paging::Paging;
use super::refusal;
use super::requests::{ChatChangeRequest, MembersRequest};
use crate::body::{OptionalJson, Payload};
use crate::problem::{ApiError, ErrorBody};
use crate::state::Front;

pub(super) fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Messaging: FromRef<S>,
    Front: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(recent))
        .routes(routes!(favorites))
        .routes(routes!(add_favorite))
        .routes(routes!(remove_favorite))
        .routes(routes!(conversations, open_conversation))
        .routes(routes!(conversation))
        .routes(routes!(everyone, change_everyone))
}

/// The caller's chats, oldest first.
#[utoipa::path(get, path = "/chats", operation_id = "listChats",
    params(
        ("type" = Option<Vec<String>>, Query, description = "Personal, Direct, Group, Team, Everyone; repeatable"),
        ("recordCount" = Option<usize>, Query, description = "1 to 250; 30 where nothing is said"),
        ("pageToken" = Option<String>, Query, description = "Of an earlier answer's navigation")),
    responses((status = 200, body = PageOfRecords<ChatInfo>), (status = 400, body = ErrorBody)))]
async fn list(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    paging: Paging,
) -> Result<Json<PageOfRecords<ChatInfo>>, ApiError> {
    page(&messaging, asker, paging).await
}

async fn page(
    messaging: &Messaging,
    asker: hookswitch_core::chat::Asker,
    paging: Paging,
) -> Result<Json<PageOfRecords<ChatInfo>>, ApiError> {
    let page =
        messaging.store.chats(asker, paging.kinds.clone(), paging.ascending(), messaging.now()).await?;
    let navigation = paging.navigation(&page, |chat| chat.id.0);
    Ok(Json(PageOfRecords { records: page.records.into_iter().map(ChatInfo::of).collect(), navigation }))
}

/// A chat that the caller is in.
#[utoipa::path(get, path = "/chats/{chatId}", operation_id = "readChat", params(("chatId" = String, Path)),
    responses((status = 200, body = ChatInfo), (status = 404, body = ErrorBody)))]
async fn get(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
) -> Result<Json<ChatInfo>, ApiError> {
    let chat = messaging.store.chat(asker, ChatId(refusal::id("chatId", &id)?)).await?;
    chat.map(|chat| Json(ChatInfo::of(chat))).ok_or_else(|| ApiError::not_found("chatId", &id))
}

/// The caller's chats, those with the latest post first.
#[utoipa::path(get, path = "/recent/chats", operation_id = "listRecentChats",
    params(("type" = Option<Vec<String>>, Query,), ("recordCount" = Option<usize>, Query,)),
    responses((status = 200, body = Records<ChatInfo>), (status = 400, body = ErrorBody)))]
async fn recent(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    paging: Paging,
) -> Result<Json<Records<ChatInfo>>, ApiError> {
    let chats = messaging.store.recent_chats(asker, paging.kinds, paging.count, messaging.now()).await?;
    Ok(Json(Records { records: chats.into_iter().map(ChatInfo::of).collect() }))
}

/// The caller's favorite chats.
#[utoipa::path(get, path = "/favorites", operation_id = "listFavoriteChats",
    params(("recordCount" = Option<usize>, Query,)),
    responses((status = 200, body = Records<ChatInfo>), (status = 400, body = ErrorBody)))]
async fn favorites(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    paging: Paging,
) -> Result<Json<Records<ChatInfo>>, ApiError> {
    let chats = messaging.store.favorite_chats(asker, paging.count).await?;
    Ok(Json(Records { records: chats.into_iter().map(ChatInfo::of).collect() }))
}

#[utoipa::path(post, path = "/chats/{chatId}/favorite", operation_id = "favoriteChat",
    params(("chatId" = String, Path)),
    responses((status = 204, description = "It is a favorite"), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn add_favorite(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    _: Payload,
) -> Result<StatusCode, ApiError> {
    set_favorite(&messaging, asker, &id, true).await
}

#[utoipa::path(post, path = "/chats/{chatId}/unfavorite", operation_id = "unfavoriteChat",
    params(("chatId" = String, Path)),
    responses((status = 204, description = "It is no favorite"), (status = 404, body = ErrorBody)))]
async fn remove_favorite(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    _: Payload,
) -> Result<StatusCode, ApiError> {
    set_favorite(&messaging, asker, &id, false).await
}

async fn set_favorite(
    messaging: &Messaging,
    asker: hookswitch_core::chat::Asker,
    id: &str,
    favorite: bool,
) -> Result<StatusCode, ApiError> {
    let chat = ChatId(refusal::id("chatId", id)?);
    let set = messaging.store.set_favorite(asker, chat, favorite, messaging.now()).await?;
    set.map_err(|refusal| refusal::answer(refusal, "chatId", id))?;
    Ok(StatusCode::NO_CONTENT)
}

/// The caller's conversations, oldest first.
#[utoipa::path(get, path = "/conversations", operation_id = "listConversations",
    params(("recordCount" = Option<usize>, Query,), ("pageToken" = Option<String>, Query,)),
    responses((status = 200, body = PageOfRecords<ChatInfo>), (status = 400, body = ErrorBody)))]
async fn conversations(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    paging: Paging,
) -> Result<Json<PageOfRecords<ChatInfo>>, ApiError> {
    let kinds = ChatKind::ALL.iter().copied().filter(|kind| kind.is_conversation()).collect();
    page(&messaging, asker, Paging { kinds, ..paging }).await
}

/// Opens the conversation of the caller and these people; without members, the personal chat.
#[utoipa::path(post, path = "/conversations", operation_id = "openConversation", request_body = Option<MembersRequest>,
    responses(
        (status = 201, description = "It is made", body = ChatInfo),
        (status = 200, description = "It was there", body = ChatInfo),
        (status = 400, description = "The members are not known or too many", body = ErrorBody)))]
async fn open_conversation(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    OptionalJson(request): OptionalJson<MembersRequest>,
) -> Result<Response, ApiError> {
    let with = request.unwrap_or_default().read()?;
    let opened = messaging.store.open_conversation(asker, with, messaging.now()).await?;
    messaging.changed.notify_one();
    let (status, chat) = match opened.map_err(|refusal| refusal::answer(refusal, "members", ""))? {
        // Everybody has one, so none is made for anybody to see.
        Opened::Created(chat) if chat.kind == ChatKind::PersonalChat => (StatusCode::OK, chat),
        Opened::Created(chat) => (StatusCode::CREATED, chat),
        Opened::Existing(chat) => (StatusCode::OK, chat),
    };
    Ok((status, Json(ChatInfo::of(chat))).into_response())
}

#[utoipa::path(get, path = "/conversations/{chatId}", operation_id = "readConversation",
    params(("chatId" = String, Path)),
    responses((status = 200, body = ChatInfo), (status = 404, body = ErrorBody)))]
async fn conversation(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
) -> Result<Json<ChatInfo>, ApiError> {
    let chat = messaging.store.chat(asker, ChatId(refusal::id("chatId", &id)?)).await?;
    let chat = chat.filter(|chat| chat.kind.is_conversation());
    chat.map(|chat| Json(ChatInfo::of(chat))).ok_or_else(|| ApiError::not_found("chatId", &id))
}

/// The chat of everyone of the account.
#[utoipa::path(get, path = "/everyone", operation_id = "readEveryone", responses((status = 200, body = ChatInfo)))]
async fn everyone(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
) -> Result<Json<ChatInfo>, ApiError> {
    let chat = messaging.store.everyone(asker, messaging.now()).await?;
    Ok(Json(ChatInfo::without_members(chat)))
}

/// Gives the chat of everyone another name or description. Administrators only.
#[utoipa::path(patch, path = "/everyone", operation_id = "changeEveryone", request_body = ChatChangeRequest,
    responses((status = 200, body = ChatInfo), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn change_everyone(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    OptionalJson(request): OptionalJson<ChatChangeRequest>,
) -> Result<Json<ChatInfo>, ApiError> {
    let change = request.unwrap_or_default().read()?;
    let changed = messaging.store.change_everyone(asker, change, messaging.now()).await?;
    messaging.changed.notify_one();
    let chat = changed.map_err(|refusal| refusal::answer(refusal, "chatId", ""))?;
    Ok(Json(ChatInfo::without_members(chat)))
}

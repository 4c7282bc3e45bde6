//! Posts of a chat: `/chats/{chatId}/posts`.

use axum::Json;
use axum::extract::{FromRef, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hookswitch_core::chat::{Asker, Post};
use hookswitch_core::id::{ChatId, PostId};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Messaging;
use super::answers::{self, PageOfRecords, PostInfo};
use super::asking::Asking;
use super::paging::Paging;
use super::refusal;
use super::requests::{PostRequest, TextRequest};
use crate::body::{OptionalJson, Payload};
use crate::problem::{ApiError, ErrorBody};
use crate::state::Front;

pub(super) fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Messaging: FromRef<S>,
    Front: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, change, delete))
}

/// The posts of a chat, newest first.
#[utoipa::path(get, path = "/chats/{chatId}/posts", operation_id = "listPosts",
    params(("chatId" = String, Path), ("recordCount" = Option<usize>, Query,), ("pageToken" = Option<String>, Query,)),
    responses((status = 200, description = "`nextPageToken` leads to older posts", body = PageOfRecords<PostInfo>),
        (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn list(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    paging: Paging,
) -> Result<Json<PageOfRecords<Value>>, ApiError> {
    page(&messaging, asker, "chatId", &id, &paging).await
}

/// `parameter` is what the path calls the chat.
pub(super) async fn page(
    messaging: &Messaging,
    asker: Asker,
    parameter: &'static str,
    id: &str,
    paging: &Paging,
) -> Result<Json<PageOfRecords<Value>>, ApiError> {
    let chat = ChatId(refusal::id(parameter, id)?);
    let page = messaging.store.posts(asker, chat, paging.descending()).await?;
    let page = page.ok_or_else(|| ApiError::not_found(parameter, id))?;
    let navigation = paging.navigation_descending(&page, |post| post.id.0);
    Ok(Json(PageOfRecords { records: page.records.iter().rev().map(answers::post).collect(), navigation }))
}

/// Posts a text, attachments, or both.
#[utoipa::path(post, path = "/chats/{chatId}/posts", operation_id = "createPost", params(("chatId" = String, Path)),
    request_body = PostRequest,
    responses((status = 201, description = "It is posted", body = PostInfo), (status = 400, body = ErrorBody),
        (status = 403, description = "The team is archived", body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn create(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    OptionalJson(request): OptionalJson<PostRequest>,
) -> Result<Response, ApiError> {
    let post = post_to(&messaging, asker, "chatId", &id, request.unwrap_or_default()).await?;
    Ok((StatusCode::CREATED, Json(answers::post(&post))).into_response())
}

pub(super) async fn post_to(
    messaging: &Messaging,
    asker: Asker,
    parameter: &'static str,
    id: &str,
    request: PostRequest,
) -> Result<Post, ApiError> {
    let chat = ChatId(refusal::id(parameter, id)?);
    let (content, in_reply_to) = request.read()?;
    let created = messaging.store.create_post(asker, chat, content, in_reply_to, messaging.now()).await?;
    messaging.changed.notify_one();
    created.map_err(|refusal| refusal::answer(refusal, parameter, id))
}

#[utoipa::path(get, path = "/chats/{chatId}/posts/{postId}", operation_id = "readPost",
    params(("chatId" = String, Path), ("postId" = String, Path)),
    responses((status = 200, body = PostInfo), (status = 404, body = ErrorBody)))]
async fn get(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path((chat, post)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let (chat, id) = named(&chat, &post)?;
    let found = messaging.store.post(asker, chat, id).await?;
    found.map(|post| Json(answers::post(&post))).ok_or_else(|| ApiError::not_found("postId", &post))
}

/// Changes the text. Only the author may.
#[utoipa::path(patch, path = "/chats/{chatId}/posts/{postId}", operation_id = "changePost",
    params(("chatId" = String, Path), ("postId" = String, Path)), request_body = TextRequest,
    responses((status = 200, body = PostInfo), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn change(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path((chat, post)): Path<(String, String)>,
    OptionalJson(request): OptionalJson<TextRequest>,
) -> Result<Json<Value>, ApiError> {
    let (chat, id) = named(&chat, &post)?;
    let text = request.unwrap_or_default().read()?;
    let changed = messaging.store.change_post(asker, chat, id, text, messaging.now()).await?;
    messaging.changed.notify_one();
    let changed = changed.map_err(|refusal| refusal::answer(refusal, "postId", &post))?;
    Ok(Json(answers::post(&changed)))
}

/// Deletes a post. Only the author may.
#[utoipa::path(delete, path = "/chats/{chatId}/posts/{postId}", operation_id = "deletePost",
    params(("chatId" = String, Path), ("postId" = String, Path)),
    responses((status = 204, description = "It is gone"), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn delete(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path((chat, post)): Path<(String, String)>,
    _: Payload,
) -> Result<StatusCode, ApiError> {
    let (chat, id) = named(&chat, &post)?;
    let deleted = messaging.store.delete_post(asker, chat, id, messaging.now()).await?;
    messaging.changed.notify_one();
    deleted.map_err(|refusal| refusal::answer(refusal, "postId", &post))?;
    Ok(StatusCode::NO_CONTENT)
}

fn named(chat: &str, post: &str) -> Result<(ChatId, PostId), ApiError> {
    Ok((ChatId(refusal::id("chatId", chat)?), PostId(refusal::id("postId", post)?)))
}

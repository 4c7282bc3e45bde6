//! The older form of chats and their posts, which bots still call: `/groups`.

use axum::Json;
use axum::extract::{FromRef, Path, State};
use axum::response::Response;
use hookswitch_core::id::ChatId;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Messaging;
use super::answers::{self, GroupInfo, PageOfRecords, PartOfMany, PostInfo};
use super::asking::Asking;
use super::paging::Paging;
use super::requests::PostRequest;
use super::{posts, refusal};
use crate::body::OptionalJson;
use crate::problem::{ApiError, ErrorBody};
use crate::state::Front;

pub(super) fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Messaging: FromRef<S>,
    Front: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get)).routes(routes!(list_posts, create_post))
}

/// The caller's chats in the older form, oldest first.
#[utoipa::path(get, path = "/groups", operation_id = "listGroups",
    params(
        ("type" = Option<Vec<String>>, Query, description = "PrivateChat, Group, Team, PersonalChat; repeatable"),
        ("recordCount" = Option<usize>, Query,), ("pageToken" = Option<String>, Query,)),
    responses((status = 200, body = PageOfRecords<GroupInfo>), (status = 400, body = ErrorBody)))]
async fn list(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    paging: Paging,
) -> Result<Json<PageOfRecords<Value>>, ApiError> {
    let page =
        messaging.store.chats(asker, paging.kinds.clone(), paging.ascending(), messaging.now()).await?;
    let navigation = paging.navigation(&page, |chat| chat.id.0);
    Ok(Json(PageOfRecords { records: page.records.iter().map(answers::group).collect(), navigation }))
}

/// A chat that the caller is in, in the older form; several by ids with commas.
#[utoipa::path(get, path = "/groups/{groupId}", operation_id = "readGroup", params(("groupId" = String, Path)),
    responses((status = 200, body = GroupInfo), (status = 207, description = "Several were named", body = Vec<PartOfMany>),
        (status = 404, body = ErrorBody)))]
async fn get(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(ids): Path<String>,
) -> Result<Response, ApiError> {
    let read = async |id| {
        let found = messaging.store.chat(asker, ChatId(refusal::id("groupId", id)?)).await?;
        found.map(|chat| answers::group(&chat)).ok_or_else(|| ApiError::not_found("groupId", id))
    };
    answers::one_or_many(&ids, "groupId", read).await
}

/// The posts of a chat, newest first.
#[utoipa::path(get, path = "/groups/{groupId}/posts", operation_id = "listGroupPosts",
    params(("groupId" = String, Path), ("recordCount" = Option<usize>, Query,), ("pageToken" = Option<String>, Query,)),
    responses((status = 200, body = PageOfRecords<PostInfo>), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn list_posts(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    paging: Paging,
) -> Result<Json<PageOfRecords<Value>>, ApiError> {
    posts::page(&messaging, asker, "groupId", &id, &paging).await
}

/// Posts a text. Unlike the newer resource this one answers 200.
#[utoipa::path(post, path = "/groups/{groupId}/posts", operation_id = "createGroupPost", params(("groupId" = String, Path)),
    request_body = PostRequest,
    responses((status = 200, description = "It is posted", body = PostInfo), (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn create_post(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    OptionalJson(request): OptionalJson<PostRequest>,
) -> Result<Json<Value>, ApiError> {
    let post = posts::post_to(&messaging, asker, "groupId", &id, request.unwrap_or_default()).await?;
    Ok(Json(answers::post(&post)))
}

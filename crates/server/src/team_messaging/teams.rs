//! Teams: `/teams`.

use axum::Json;
use axum::extract::{FromRef, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hookswitch_core::chat::Asker;
use hookswitch_core::id::ChatId;
use hookswitch_store::team_messaging::{Answer, Effect};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Messaging;
use super::answers::{self, ChatInfo, PageOfRecords};
use super::asking::Asking;
use super::paging::Paging;
use super::refusal;
use super::requests::{ChatChangeRequest, MembersRequest, TeamRequest};
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
        .routes(routes!(list, create))
        .routes(routes!(get, change, delete))
        .routes(routes!(add))
        .routes(routes!(remove))
        .routes(routes!(join))
        .routes(routes!(leave))
        .routes(routes!(archive))
        .routes(routes!(unarchive))
}

/// Teams that the caller is in or may join, oldest first.
#[utoipa::path(get, path = "/teams", operation_id = "listTeams",
    params(("recordCount" = Option<usize>, Query,), ("pageToken" = Option<String>, Query,)),
    responses((status = 200, body = PageOfRecords<ChatInfo>), (status = 400, body = ErrorBody)))]
async fn list(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    paging: Paging,
) -> Result<Json<PageOfRecords<ChatInfo>>, ApiError> {
    let page = messaging.store.teams(asker, paging.ascending()).await?;
    let navigation = paging.navigation(&page, |team| team.id.0);
    let records = page.records.into_iter().map(ChatInfo::without_members).collect();
    Ok(Json(PageOfRecords { records, navigation }))
}

/// Makes a team of the caller and these people.
#[utoipa::path(post, path = "/teams", operation_id = "createTeam", request_body = TeamRequest,
    responses((status = 201, description = "It is made", body = ChatInfo), (status = 400, body = ErrorBody)))]
async fn create(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    OptionalJson(request): OptionalJson<TeamRequest>,
) -> Result<Response, ApiError> {
    let team = request.unwrap_or_default().read()?;
    let created = messaging.store.create_team(asker, team, messaging.now()).await?;
    messaging.changed.notify_one();
    let team = created.map_err(|refusal| refusal::answer(refusal, "members", ""))?;
    Ok((StatusCode::CREATED, Json(ChatInfo::without_members(team))).into_response())
}

#[utoipa::path(get, path = "/teams/{chatId}", operation_id = "readTeam", params(("chatId" = String, Path)),
    responses((status = 200, body = ChatInfo), (status = 404, body = ErrorBody)))]
async fn get(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
) -> Result<Json<ChatInfo>, ApiError> {
    let team = messaging.store.team(asker, ChatId(refusal::id("chatId", &id)?)).await?;
    team.map(|team| Json(ChatInfo::without_members(team))).ok_or_else(|| ApiError::not_found("chatId", &id))
}

/// Changes name, description or who may join.
#[utoipa::path(patch, path = "/teams/{chatId}", operation_id = "changeTeam", params(("chatId" = String, Path)),
    request_body = ChatChangeRequest,
    responses((status = 200, body = ChatInfo), (status = 400, body = ErrorBody),
        (status = 403, description = "The caller does not run the team, or it is archived", body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn change(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    OptionalJson(request): OptionalJson<ChatChangeRequest>,
) -> Result<Json<ChatInfo>, ApiError> {
    let team = ChatId(refusal::id("chatId", &id)?);
    let change = request.unwrap_or_default().read()?;
    let changed =
        done(&messaging, &id, messaging.store.change_team(asker, team, change, messaging.now()).await)?;
    Ok(Json(ChatInfo::without_members(changed)))
}

#[utoipa::path(delete, path = "/teams/{chatId}", operation_id = "deleteTeam", params(("chatId" = String, Path)),
    responses((status = 204, description = "It is gone"), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn delete(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    _: Payload,
) -> Result<StatusCode, ApiError> {
    let team = ChatId(refusal::id("chatId", &id)?);
    let addresses = messaging.addresses.clone();
    done(&messaging, &id, messaging.store.delete_team(asker, team, addresses, messaging.now()).await)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Adds people; who is in it already stays.
#[utoipa::path(post, path = "/teams/{chatId}/add", operation_id = "addTeamMembers", params(("chatId" = String, Path)),
    request_body = MembersRequest,
    responses((status = 204, description = "They are in it"), (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn add(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    OptionalJson(request): OptionalJson<MembersRequest>,
) -> Result<StatusCode, ApiError> {
    let team = ChatId(refusal::id("chatId", &id)?);
    let people = request.unwrap_or_default().read_some()?;
    done(&messaging, &id, messaging.store.add_members(asker, team, people, messaging.now()).await)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes people out of the team.
#[utoipa::path(post, path = "/teams/{chatId}/remove", operation_id = "removeTeamMembers", params(("chatId" = String, Path)),
    request_body = MembersRequest,
    responses((status = 204, description = "They are not in it"), (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn remove(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    OptionalJson(request): OptionalJson<MembersRequest>,
) -> Result<StatusCode, ApiError> {
    let team = ChatId(refusal::id("chatId", &id)?);
    let people = request.unwrap_or_default().read_some()?;
    done(&messaging, &id, messaging.store.remove_members(asker, team, people, messaging.now()).await)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The caller joins a public team.
#[utoipa::path(post, path = "/teams/{chatId}/join", operation_id = "joinTeam", params(("chatId" = String, Path)),
    responses((status = 204, description = "Joined"), (status = 205, description = "Was in it"),
        (status = 403, description = "The team is archived", body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn join(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    _: Payload,
) -> Result<Response, ApiError> {
    let team = ChatId(refusal::id("chatId", &id)?);
    effect(done(&messaging, &id, messaging.store.join_team(asker, team, messaging.now()).await)?)
}

/// The caller leaves a team.
#[utoipa::path(post, path = "/teams/{chatId}/leave", operation_id = "leaveTeam", params(("chatId" = String, Path)),
    responses((status = 204, description = "Left"), (status = 205, description = "Was not in it"),
        (status = 403, description = "The team is archived", body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn leave(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    _: Payload,
) -> Result<Response, ApiError> {
    let team = ChatId(refusal::id("chatId", &id)?);
    effect(done(&messaging, &id, messaging.store.leave_team(asker, team, messaging.now()).await)?)
}

#[utoipa::path(post, path = "/teams/{chatId}/archive", operation_id = "archiveTeam", params(("chatId" = String, Path)),
    responses((status = 204, description = "Archived"), (status = 205, description = "Was archived"),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn archive(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    _: Payload,
) -> Result<Response, ApiError> {
    set_archived(&messaging, asker, &id, true).await
}

#[utoipa::path(post, path = "/teams/{chatId}/unarchive", operation_id = "unarchiveTeam", params(("chatId" = String, Path)),
    responses((status = 204, description = "Active again"), (status = 205, description = "Was active"),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn unarchive(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(id): Path<String>,
    _: Payload,
) -> Result<Response, ApiError> {
    set_archived(&messaging, asker, &id, false).await
}

async fn set_archived(
    messaging: &Messaging,
    asker: Asker,
    id: &str,
    archived: bool,
) -> Result<Response, ApiError> {
    let team = ChatId(refusal::id("chatId", id)?);
    effect(done(messaging, id, messaging.store.set_archived(asker, team, archived, messaging.now()).await)?)
}

fn effect(effect: Effect) -> Result<Response, ApiError> {
    Ok(answers::empty(match effect {
        Effect::Changed => StatusCode::NO_CONTENT,
        Effect::AlreadySo => StatusCode::RESET_CONTENT,
    }))
}

/// What the store did to the team `id`, or why not.
fn done<T>(messaging: &Messaging, id: &str, answer: Answer<T>) -> Result<T, ApiError> {
    messaging.changed.notify_one();
    answer?.map_err(|refusal| refusal::answer(refusal, "chatId", id))
}

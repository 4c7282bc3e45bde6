//! The forms of answers. Posts, groups and webhooks are written by `core::chat::happening`, which also
//! writes them into events; the structs that describe those here are for the document alone.

use axum::Json;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hookswitch_core::chat::happening::{chat_members, hook_members, post_members};
use hookswitch_core::chat::{Chat, ChatKind, Hook, HookAddresses, Post, PostedCard};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::paging::Navigation;
use crate::problem::ApiError;

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct PageOfRecords<T> {
    pub(super) records: Vec<T>,
    pub(super) navigation: Navigation,
}

/// A list that has no pages.
#[derive(Serialize, ToSchema)]
pub(super) struct Records<T> {
    pub(super) records: Vec<T>,
}

/// A chat: the members that its type has.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChatInfo {
    id: String,
    /// Everyone, Team, Group, Direct or Personal.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Teams only.
    #[serde(skip_serializing_if = "Option::is_none")]
    public: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Active or Archived. Teams only.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    creation_time: String,
    last_modified_time: String,
    /// Absent where a team or the chat of everyone is asked for as such.
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<MemberInfo>>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct MemberInfo {
    id: String,
}

impl ChatInfo {
    pub(super) fn of(chat: Chat) -> Self {
        let members = chat.members.iter().map(|member| MemberInfo { id: member.to_string() }).collect();
        Self { members: Some(members), ..Self::without_members(chat) }
    }

    pub(super) fn without_members(chat: Chat) -> Self {
        let status = (chat.kind == ChatKind::Team).then(|| chat.status_name());
        Self {
            id: chat.id.to_string(),
            kind: chat.kind.newer_name(),
            public: chat.public,
            name: chat.name,
            description: chat.description,
            status,
            creation_time: chat.created_at.iso8601(),
            last_modified_time: chat.modified_at.iso8601(),
            members: None,
        }
    }
}

/// A chat in the older form; every member is there, unset ones null.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `group` writes")]
pub(super) struct GroupInfo {
    id: String,
    name: Option<String>,
    description: Option<String>,
    /// PrivateChat, Group, Team or PersonalChat.
    #[schema(rename = "type")]
    kind: String,
    status: String,
    members: Vec<String>,
    is_public: Option<bool>,
    creation_time: String,
    last_modified_time: String,
}

pub(super) fn group(chat: &Chat) -> Value {
    Value::Object(chat_members(chat))
}

/// A post; every member is there, unset ones null.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `post` writes")]
pub(super) struct PostInfo {
    id: String,
    group_id: String,
    /// TextMessage, PersonJoined, PersonsAdded, PersonsRemoved or Card.
    #[schema(rename = "type")]
    kind: String,
    text: Option<String>,
    creator_id: String,
    parent_post_id: Option<String>,
    thread_id: Option<String>,
    added_person_ids: Option<Vec<String>>,
    removed_person_ids: Option<Vec<String>>,
    creation_time: String,
    last_modified_time: String,
    #[schema(value_type = Option<Vec<Object>>)]
    attachments: Option<Vec<Value>>,
    activity: Option<String>,
    title: Option<String>,
    icon_uri: Option<String>,
    icon_emoji: Option<String>,
    /// Each with id, type and name.
    #[schema(value_type = Option<Vec<Object>>)]
    mentions: Option<Vec<Value>>,
}

pub(super) fn post(post: &Post) -> Value {
    Value::Object(post_members(post))
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `hook` writes")]
pub(super) struct WebhookInfo {
    /// Who knows it may post.
    id: String,
    creator_id: String,
    group_ids: Vec<String>,
    creation_time: String,
    last_modified_time: String,
    /// Where to post.
    uri: String,
    /// Active, Suspended or Deleted.
    status: String,
}

pub(super) fn hook(hook: &Hook, addresses: &HookAddresses) -> Value {
    Value::Object(hook_members(hook, addresses))
}

/// An adaptive card with what is known of it beside its own members.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `card` writes")]
pub(super) struct CardInfo {
    id: String,
    creation_time: String,
    last_modified_time: String,
    #[schema(value_type = Object)]
    creator: Value,
    chat_ids: Vec<String>,
    #[schema(rename = "type")]
    kind: String,
    version: String,
}

/// The whole card.
pub(super) fn card(posted: PostedCard) -> Value {
    let mut info = known_of_card(&posted);
    if let Value::Object(members) = posted.card {
        for (name, value) in members {
            info.entry(name).or_insert(value);
        }
    }
    Value::Object(info)
}

/// The card without its content.
pub(super) fn card_in_short(posted: &PostedCard) -> Value {
    let mut info = known_of_card(posted);
    for name in ["$schema", "type", "version"] {
        if let Some(value) = posted.card.get(name) {
            info.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(info)
}

fn known_of_card(posted: &PostedCard) -> Map<String, Value> {
    let known = json!({
        "id": posted.id.to_string(),
        "creationTime": posted.created_at.iso8601(),
        "lastModifiedTime": posted.modified_at.iso8601(),
        "creator": { "id": posted.creator.to_string() },
        "chatIds": [posted.chat.to_string()],
    });
    match known {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// One part of an answer about several things.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartOfMany {
    resource_id: String,
    status: u16,
    #[schema(value_type = Object)]
    body: Value,
}

/// The most things that one request may name.
const MANY: usize = 30;

/// Answers for one thing, or 207 with one part for each if the path names several with commas.
pub(super) async fn one_or_many<'a, F>(
    ids: &'a str,
    parameter: &'static str,
    read: impl Fn(&'a str) -> F,
) -> Result<Response, ApiError>
where
    F: Future<Output = Result<Value, ApiError>>,
{
    if !ids.contains(',') {
        return Ok(Json(read(ids).await?).into_response());
    }
    let ids = several(ids, parameter)?;
    let mut parts = Vec::with_capacity(ids.len());
    for id in ids {
        let (status, body) = match read(id).await {
            Ok(body) => (StatusCode::OK, body),
            Err(error) if error.status.is_server_error() => return Err(error),
            Err(error) => (error.status, error.body()),
        };
        parts.push(PartOfMany { resource_id: id.to_owned(), status: status.as_u16(), body });
    }
    Ok((StatusCode::MULTI_STATUS, Json(parts)).into_response())
}

/// The ids of a list with commas.
pub(super) fn several<'a>(ids: &'a str, parameter: &'static str) -> Result<Vec<&'a str>, ApiError> {
    let ids: Vec<&str> = ids.split(',').filter(|id| !id.is_empty()).collect();
    if ids.is_empty() || ids.len() > MANY {
        let why = format!("Parameter [{parameter}] value is invalid: one to {MANY} ids may be named");
        return Err(ApiError::parameter(parameter, why));
    }
    Ok(ids)
}

/// A status and nothing else.
pub(super) fn empty(status: StatusCode) -> Response {
    (status, Body::empty()).into_response()
}

//! The forms of requests, and what must be true of them before the store is asked.

use hookswitch_core::card::check_adaptive;
use hookswitch_core::chat::Content;
use hookswitch_core::id::{ExtensionId, PostId};
use hookswitch_core::limits::{
    CHAT_DESCRIPTION_CHARS, CHAT_NAME_CHARS, INVITEES_PER_REQUEST, POST_ATTACHMENTS, POST_ATTACHMENTS_BYTES,
    POST_TEXT_CHARS,
};
use hookswitch_store::team_messaging::{ChatChange, InReplyTo, Invitee, NewTeam};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::problem::ApiError;

/// What may be attached by its id. Cards are not: they are posted by resources of their own.
const ATTACHABLE: [&str; 4] = ["File", "Note", "Event", "Task"];

/// An id, as text or as a number.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected an id, as a string or a number")]
pub(super) enum IdText {
    Text(String),
    Number(u64),
}

impl IdText {
    fn number(&self) -> Option<u64> {
        match self {
            Self::Text(text) => text.parse().ok(),
            Self::Number(number) => Some(*number),
        }
    }

    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostRequest {
    /// At most 10 000 characters; `![:Person](id)` and `![:Team](id)` mention.
    text: Option<String>,
    attachments: Option<Vec<AttachmentRequest>>,
    parent_post_id: Option<IdText>,
    thread_id: Option<IdText>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct AttachmentRequest {
    id: Option<IdText>,
    /// File, Note, Event or Task.
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl PostRequest {
    pub(super) fn read(self) -> Result<(Content, InReplyTo), ApiError> {
        let text = self.text.filter(|text| !text.is_empty());
        if let Some(text) = &text {
            check_text(text)?;
        }
        let attachments = attachments(self.attachments.unwrap_or_default())?;
        if text.is_none() && attachments.is_empty() {
            return Err(bad("text", "a post needs text or attachments"));
        }
        let reply = |name: &str, id: Option<IdText>| match id {
            None => Ok(None),
            Some(id) => match id.number() {
                Some(number) => Ok(Some(PostId(number))),
                None => Err(bad(name, "it is no id of a post")),
            },
        };
        let in_reply_to = InReplyTo {
            parent: reply("parentPostId", self.parent_post_id)?,
            thread: reply("threadId", self.thread_id)?,
        };
        Ok((Content { text, attachments, ..Content::default() }, in_reply_to))
    }
}

fn attachments(asked: Vec<AttachmentRequest>) -> Result<Vec<Value>, ApiError> {
    if asked.len() > POST_ATTACHMENTS {
        return Err(bad("attachments", format!("there may be {POST_ATTACHMENTS} attachments")));
    }
    let read = |(index, attachment): (usize, AttachmentRequest)| {
        let kind = attachment.kind.filter(|kind| ATTACHABLE.contains(&kind.as_str()));
        // In the words of the platform, which its documents quote.
        let name = format!("attachments[{index}].type");
        let kind =
            kind.ok_or_else(|| ApiError::parameter(&name, format!("Parameter [{name}] value is invalid.")))?;
        let name = format!("attachments[{index}].id");
        let id = attachment.id.ok_or_else(|| bad(&name, "it is required"))?.into_text();
        if id.is_empty() || id.len() > 64 {
            return Err(bad(&name, "it must have 1 to 64 characters"));
        }
        Ok(json!({ "id": id, "type": kind }))
    };
    asked.into_iter().enumerate().map(read).collect()
}

fn check_text(text: &str) -> Result<(), ApiError> {
    if text.chars().count() > POST_TEXT_CHARS {
        return Err(bad("text", format!("it is longer than {POST_TEXT_CHARS} characters")));
    }
    Ok(())
}

#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct TextRequest {
    text: Option<String>,
}

impl TextRequest {
    pub(super) fn read(self) -> Result<String, ApiError> {
        let text = self.text.filter(|text| !text.is_empty()).ok_or_else(|| bad("text", "it is required"))?;
        check_text(&text)?;
        Ok(text)
    }
}

/// A person, by id or email.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct PersonRequest {
    id: Option<IdText>,
    email: Option<String>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct MembersRequest {
    members: Option<Vec<PersonRequest>>,
}

impl MembersRequest {
    /// Nobody at all is fine for a conversation, which then is with oneself.
    pub(super) fn read(self) -> Result<Vec<Invitee>, ApiError> {
        invitees(self.members.unwrap_or_default())
    }

    pub(super) fn read_some(self) -> Result<Vec<Invitee>, ApiError> {
        let people = self.read()?;
        if people.is_empty() { Err(bad("members", "it is required")) } else { Ok(people) }
    }
}

fn invitees(people: Vec<PersonRequest>) -> Result<Vec<Invitee>, ApiError> {
    if people.len() > INVITEES_PER_REQUEST {
        return Err(bad("members", format!("a request may name {INVITEES_PER_REQUEST} people")));
    }
    let read = |(index, person): (usize, PersonRequest)| match (person.id, person.email) {
        (Some(id), _) => match id.number() {
            Some(number) => Ok(Invitee::Extension(ExtensionId(number))),
            None => Err(bad(&format!("members[{index}].id"), "it is no id of a person")),
        },
        (None, Some(email)) if !email.is_empty() => Ok(Invitee::Email(email)),
        (None, _) => Err(bad(&format!("members[{index}].id"), "an id or an email is required")),
    };
    people.into_iter().enumerate().map(read).collect()
}

#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct TeamRequest {
    name: Option<String>,
    description: Option<String>,
    /// Whether anybody of the account may join; not if nothing is said.
    public: Option<bool>,
    /// Beside the caller.
    members: Option<Vec<PersonRequest>>,
}

impl TeamRequest {
    pub(super) fn read(self) -> Result<NewTeam, ApiError> {
        let name = self.name.ok_or_else(|| bad("name", "it is required"))?;
        Ok(NewTeam {
            name: checked_name(name)?,
            description: checked_description(self.description)?,
            public: self.public.unwrap_or(false),
            members: invitees(self.members.unwrap_or_default())?,
        })
    }
}

#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct ChatChangeRequest {
    name: Option<String>,
    /// null takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// Teams only.
    public: Option<bool>,
}

/// Tells null from absent.
fn present<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(reader).map(Some)
}

impl ChatChangeRequest {
    pub(super) fn read(self) -> Result<ChatChange, ApiError> {
        Ok(ChatChange {
            name: self.name.map(checked_name).transpose()?,
            description: self.description.map(checked_description).transpose()?,
            public: self.public,
        })
    }
}

fn checked_name(name: String) -> Result<String, ApiError> {
    if name.trim().is_empty() {
        return Err(bad("name", "it must not be empty"));
    }
    if name.chars().count() > CHAT_NAME_CHARS {
        return Err(bad("name", format!("it is longer than {CHAT_NAME_CHARS} characters")));
    }
    Ok(name)
}

fn checked_description(description: Option<String>) -> Result<Option<String>, ApiError> {
    let description = description.filter(|description| !description.is_empty());
    if description.as_ref().is_some_and(|text| text.chars().count() > CHAT_DESCRIPTION_CHARS) {
        return Err(bad("description", format!("it is longer than {CHAT_DESCRIPTION_CHARS} characters")));
    }
    Ok(description)
}

/// An adaptive card that may be posted; its faults are named by their place in it.
pub(super) fn card(card: Value) -> Result<Value, ApiError> {
    if card.to_string().len() > POST_ATTACHMENTS_BYTES {
        return Err(bad("body", format!("the card is larger than {POST_ATTACHMENTS_BYTES} bytes")));
    }
    let Err(faults) = check_adaptive(&card) else { return Ok(card) };
    let name = |path: &str| match path.trim_start_matches('.') {
        "" => "body".to_owned(),
        path => path.to_owned(),
    };
    let mut faults = faults.into_iter().map(|fault| bad(&name(&fault.path), fault.reason));
    let Some(mut error) = faults.next() else { return Ok(card) };
    error.more = faults.map(|fault| fault.body()["errors"][0].take()).collect();
    Err(error)
}

fn bad(name: &str, why: impl std::fmt::Display) -> ApiError {
    ApiError::parameter(name, format!("Parameter [{name}] value is invalid: {why}"))
}

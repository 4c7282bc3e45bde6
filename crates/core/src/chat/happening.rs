//! What happened in team messaging, and the event that tells of it: its name and its body.
//!
//! Bodies carry every member of their form, unset ones as null, because clients compare with null.
//! Whom an event goes to is known where the change was made.

use serde_json::{Map, Value, json};

use super::{Chat, Hook, HookAddresses, HookStatus, Post};
use crate::id::{ChatId, ExtensionId, PostId};
use crate::limits::EVENT_BODY_BYTES;

pub const POSTS: &str = "/team-messaging/v1/posts";
pub const CHATS: &str = "/team-messaging/v1/chats";
pub const WEBHOOKS: &str = "/team-messaging/v1/webhooks";

/// A change, as it is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Happening<'a> {
    PostAdded(&'a Post),
    PostChanged(&'a Post),
    PostRemoved { chat: ChatId, post: PostId },
    GroupJoined(&'a Chat),
    GroupLeft(&'a Chat),
    GroupRenamed(&'a Chat),
    GroupChanged(&'a Chat),
    WebhookCreated(&'a Hook, &'a HookAddresses),
    WebhookUpdated { hook: &'a Hook, before: HookStatus, addresses: &'a HookAddresses },
    WebhookDeleted(&'a Hook, &'a HookAddresses),
}

impl Happening<'_> {
    /// As `eventType` says it.
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::PostAdded(_) => "PostAdded",
            Self::PostChanged(_) => "PostChanged",
            Self::PostRemoved { .. } => "PostRemoved",
            Self::GroupJoined(_) => "GroupJoined",
            Self::GroupLeft(_) => "GroupLeft",
            Self::GroupRenamed(_) => "GroupRenamed",
            Self::GroupChanged(_) => "GroupChanged",
            Self::WebhookCreated(..) => "WebhookCreated",
            Self::WebhookUpdated { .. } => "WebhookUpdated",
            Self::WebhookDeleted(..) => "WebhookDeleted",
        }
    }

    /// The name under which it is published.
    pub fn event_name(&self) -> &'static str {
        match self {
            Self::PostAdded(_) | Self::PostChanged(_) | Self::PostRemoved { .. } => POSTS,
            Self::GroupJoined(_) | Self::GroupLeft(_) | Self::GroupRenamed(_) | Self::GroupChanged(_) => {
                CHATS
            }
            Self::WebhookCreated(..) | Self::WebhookUpdated { .. } | Self::WebhookDeleted(..) => WEBHOOKS,
        }
    }

    /// The event's body, compact, no larger than an event's body may be.
    pub fn body(&self) -> String {
        let mut members = match self {
            Self::PostAdded(post) | Self::PostChanged(post) => post_members(post),
            Self::PostRemoved { chat, post } => {
                object(json!({ "id": post.to_string(), "groupId": chat.to_string() }))
            }
            Self::GroupJoined(chat)
            | Self::GroupLeft(chat)
            | Self::GroupRenamed(chat)
            | Self::GroupChanged(chat) => chat_members(chat),
            Self::WebhookCreated(hook, addresses) | Self::WebhookDeleted(hook, addresses) => {
                hook_members(hook, addresses)
            }
            Self::WebhookUpdated { hook, before, addresses } => {
                let mut members = hook_members(hook, addresses);
                members.insert("before".into(), json!({ "status": before.name() }));
                members.insert("after".into(), json!({ "status": hook.status.name() }));
                members
            }
        };
        members.insert("eventType".into(), self.event_type().into());
        let body = Value::Object(members);
        let text = body.to_string();
        if text.len() <= EVENT_BODY_BYTES { text } else { without_large_attachments(body).to_string() }
    }
}

/// A post may carry more than an event: then the event's attachments are cut down to what they are, and
/// the whole is read with the post.
fn without_large_attachments(mut body: Value) -> Value {
    if let Some(attachments) = body.get_mut("attachments").and_then(Value::as_array_mut) {
        for attachment in attachments {
            if let Value::Object(members) = attachment {
                members.retain(|name, value| {
                    matches!(name.as_str(), "id" | "type" | "fallback" | "fallbackText" | "title")
                        && value.as_str().is_none_or(|text| text.len() <= crate::limits::SHORT_TEXT_BYTES)
                });
            }
        }
    }
    body
}

/// A post with every member of its form; also how the older resources answer it.
pub fn post_members(post: &Post) -> Map<String, Value> {
    object(json!({
        "id": post.id.to_string(),
        "groupId": post.chat.to_string(),
        "type": post.kind.name(),
        "text": post.text,
        "creatorId": post.creator.to_string(),
        "parentPostId": post.parent.map(|id| id.to_string()),
        "threadId": post.thread.map(|id| id.to_string()),
        "addedPersonIds": post.added.as_deref().map(ids),
        "removedPersonIds": post.removed.as_deref().map(ids),
        "creationTime": post.created_at.iso8601(),
        "lastModifiedTime": post.modified_at.iso8601(),
        "attachments": post.attachments,
        "activity": post.look.activity,
        "title": post.look.title,
        "iconUri": post.look.icon_uri,
        "iconEmoji": post.look.icon_emoji,
        "mentions": post.mentions,
    }))
}

/// A chat in the older form, with every member of it.
pub fn chat_members(chat: &Chat) -> Map<String, Value> {
    object(json!({
        "id": chat.id.to_string(),
        "name": chat.name,
        "description": chat.description,
        "type": chat.kind.older_name(),
        "status": chat.status_name(),
        "members": ids(&chat.members),
        "isPublic": chat.public,
        "creationTime": chat.created_at.iso8601(),
        "lastModifiedTime": chat.modified_at.iso8601(),
    }))
}

pub fn hook_members(hook: &Hook, addresses: &HookAddresses) -> Map<String, Value> {
    object(json!({
        "id": hook.id,
        "creatorId": hook.creator.to_string(),
        "groupIds": [hook.chat.to_string()],
        "creationTime": hook.created_at.iso8601(),
        "lastModifiedTime": hook.modified_at.iso8601(),
        "uri": addresses.uri(&hook.id),
        "status": hook.status.name(),
    }))
}

fn ids(extensions: &[ExtensionId]) -> Vec<String> {
    extensions.iter().map(ToString::to_string).collect()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{ChatKind, Look, Mention, MentionKind, PostKind};
    use crate::clock::WallTime;
    use crate::id::{AccountId, HookNo};

    const CREATED: WallTime = WallTime(1_616_750_321_105);

    fn post() -> Post {
        Post {
            id: PostId(26_848_769_679_364),
            chat: ChatId(995_723_345_922),
            kind: PostKind::TextMessage,
            text: Some("Hello, World!".into()),
            creator: ExtensionId(62_534_323),
            added: None,
            removed: None,
            created_at: CREATED,
            modified_at: CREATED,
            attachments: None,
            mentions: None,
            look: Look::default(),
            parent: None,
            thread: None,
        }
    }

    fn chat() -> Chat {
        Chat {
            id: ChatId(1_055_879_168_002),
            account: AccountId(1),
            kind: ChatKind::Group,
            name: None,
            description: None,
            public: None,
            archived: false,
            creator: Some(ExtensionId(1)),
            members: vec![ExtensionId(62_534_323), ExtensionId(2_093_617_004)],
            created_at: CREATED,
            modified_at: CREATED,
        }
    }

    fn body(happening: Happening<'_>) -> Value {
        serde_json::from_str(&happening.body()).expect("JSON")
    }

    #[test]
    fn a_posts_event_names_every_member_and_unset_ones_are_null() {
        let expected = json!({
            "id": "26848769679364", "groupId": "995723345922", "type": "TextMessage", "text": "Hello, World!",
            "creatorId": "62534323", "parentPostId": null, "threadId": null, "addedPersonIds": null,
            "removedPersonIds": null, "creationTime": "2021-03-26T09:18:41.105Z",
            "lastModifiedTime": "2021-03-26T09:18:41.105Z", "attachments": null, "activity": null, "title": null,
            "iconUri": null, "iconEmoji": null, "mentions": null, "eventType": "PostAdded",
        });
        let post = post();
        assert_eq!(body(Happening::PostAdded(&post)), expected);
        assert_eq!(body(Happening::PostChanged(&post))["eventType"], "PostChanged");
        assert_eq!(Happening::PostAdded(&post).event_name(), "/team-messaging/v1/posts");
        let removed = Happening::PostRemoved { chat: post.chat, post: post.id };
        let expected =
            json!({ "id": "26848769679364", "groupId": "995723345922", "eventType": "PostRemoved" });
        assert_eq!(body(removed), expected);
    }

    #[test]
    fn mentions_and_people_are_told_by_their_ids_as_text() {
        let mention = Mention { id: "7".into(), kind: MentionKind::Person, name: None };
        let post = Post { mentions: Some(vec![mention]), added: Some(vec![ExtensionId(8)]), ..post() };
        let body = body(Happening::PostAdded(&post));
        assert_eq!(body["mentions"], json!([{ "id": "7", "type": "Person" }]));
        assert_eq!(body["addedPersonIds"], json!(["8"]));
    }

    #[test]
    fn a_chats_event_has_the_older_form() {
        let expected = json!({
            "id": "1055879168002", "name": null, "description": null, "type": "Group", "status": "Active",
            "members": ["62534323", "2093617004"], "isPublic": null, "creationTime": "2021-03-26T09:18:41.105Z",
            "lastModifiedTime": "2021-03-26T09:18:41.105Z", "eventType": "GroupJoined",
        });
        let chat = chat();
        assert_eq!(body(Happening::GroupJoined(&chat)), expected);
        assert_eq!(Happening::GroupLeft(&chat).event_name(), "/team-messaging/v1/chats");
        let team = Chat { kind: ChatKind::Team, archived: true, public: Some(false), ..chat };
        let body = body(Happening::GroupChanged(&team));
        assert_eq!(
            (&body["type"], &body["status"], &body["isPublic"]),
            (&json!("Team"), &json!("Archived"), &json!(false))
        );
    }

    #[test]
    fn a_webhooks_event_surrounds_its_description_and_a_change_tells_before_and_after() {
        let hook = Hook {
            no: HookNo(1),
            id: "3053f6cf".into(),
            account: AccountId(1),
            chat: ChatId(2),
            creator: ExtensionId(3),
            status: HookStatus::Suspended,
            created_at: CREATED,
            modified_at: CREATED,
        };
        let addresses = HookAddresses { base: "https://hooks.example.com".into() };
        let expected = json!({
            "id": "3053f6cf", "creatorId": "3", "groupIds": ["2"], "creationTime": "2021-03-26T09:18:41.105Z",
            "lastModifiedTime": "2021-03-26T09:18:41.105Z", "uri": "https://hooks.example.com/webhook/v2/3053f6cf",
            "status": "Suspended", "before": { "status": "Active" }, "after": { "status": "Suspended" },
            "eventType": "WebhookUpdated",
        });
        let updated =
            Happening::WebhookUpdated { hook: &hook, before: HookStatus::Active, addresses: &addresses };
        assert_eq!(body(updated), expected);
        assert_eq!(updated.event_name(), "/team-messaging/v1/webhooks");
        let created = body(Happening::WebhookCreated(&hook, &addresses));
        assert_eq!((&created["eventType"], created.get("before")), (&json!("WebhookCreated"), None));
        assert!(!format!("{hook:?}").contains("3053f6cf"), "the id is a secret");
    }

    #[test]
    fn attachments_that_no_event_can_carry_are_cut_down_to_what_they_are() {
        let large = json!({ "id": "5", "type": "AdaptiveCard", "fallbackText": "f", "body": ["x".repeat(EVENT_BODY_BYTES)] });
        let post = Post { attachments: Some(vec![large]), ..post() };
        let text = Happening::PostAdded(&post).body();
        assert!(text.len() <= EVENT_BODY_BYTES);
        let body: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(body["attachments"], json!([{ "id": "5", "type": "AdaptiveCard", "fallbackText": "f" }]));
    }
}

//! The demo's team messaging: a chat that is made, fed by an incoming webhook and closed through the public
//! API. Its events are the server's own, so they are told apart by what they say and not by a uuid that the
//! demo gave them.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::connection::Api;
use crate::failure::Failure;

const FAMILY: &str = "/team-messaging/v1";

/// What a scene does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    MakeTeam,
    MakeWebhook,
    Post,
    Suspend,
    DeleteWebhook,
    DeleteTeam,
}

impl Deed {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "make-team" => Self::MakeTeam,
            "make-webhook" => Self::MakeWebhook,
            "post" => Self::Post,
            "suspend" => Self::Suspend,
            "delete-webhook" => Self::DeleteWebhook,
            "delete-team" => Self::DeleteTeam,
            _ => return None,
        })
    }

    /// The event that it raises.
    fn event_type(self) -> &'static str {
        match self {
            Self::MakeTeam => "GroupJoined",
            Self::MakeWebhook => "WebhookCreated",
            Self::Post => "PostAdded",
            Self::Suspend => "WebhookUpdated",
            Self::DeleteWebhook => "WebhookDeleted",
            Self::DeleteTeam => "GroupLeft",
        }
    }
}

/// By what an event of a chat is known again: what happened, and to what. A post is known by its text, as
/// nobody is told its id who posts by a webhook.
pub fn key(event: &str, body: &Value) -> Option<String> {
    let happened = body["eventType"].as_str().filter(|_| event.starts_with(FAMILY))?;
    let what = if happened == Deed::Post.event_type() { &body["text"] } else { &body["id"] };
    Some(format!("{happened} {}", what.as_str()?))
}

/// The chat on the stage, while there is one.
#[derive(Default)]
pub struct Room {
    team: Option<String>,
    webhook: Option<String>,
}

impl Room {
    /// Does it, and says by what its event will be known.
    pub async fn act(&mut self, user: &Api, deed: Deed, body: &Value) -> Result<String, Failure> {
        let team = self.team.clone().unwrap_or_default();
        let webhook = self.webhook.clone().unwrap_or_default();
        let what = match deed {
            Deed::MakeTeam => {
                let made = id_of(&post(user, &format!("{FAMILY}/teams"), body).await?)?;
                self.team.insert(made).clone()
            }
            Deed::MakeWebhook => {
                let made = id_of(&post(user, &format!("{FAMILY}/groups/{team}/webhooks"), body).await?)?;
                self.webhook.insert(made).clone()
            }
            Deed::Post => {
                let answer = post(user, &format!("/webhook/v2/{webhook}"), body).await?;
                if answer != json!({ "status": "OK" }) {
                    return Err(Failure::Failed(format!("the incoming webhook answers {answer}")));
                }
                body["text"].as_str().unwrap_or_default().to_owned()
            }
            Deed::Suspend => {
                let path = format!("{FAMILY}/webhooks/{webhook}/suspend");
                user.call(Method::POST, &path, None).await?.success()?;
                webhook
            }
            Deed::DeleteWebhook => {
                user.call(Method::DELETE, &format!("{FAMILY}/webhooks/{webhook}"), None).await?.success()?;
                webhook
            }
            Deed::DeleteTeam => {
                user.call(Method::DELETE, &format!("{FAMILY}/teams/{team}"), None).await?.success()?;
                self.team = None;
                team
            }
        };
        Ok(format!("{} {what}", deed.event_type()))
    }

    /// Leaves no chat behind.
    pub async fn close(&mut self, user: &Api) -> Result<(), Failure> {
        if let Some(team) = self.team.take() {
            user.call(Method::DELETE, &format!("{FAMILY}/teams/{team}"), None).await?.success()?;
        }
        Ok(())
    }
}

fn id_of(made: &Value) -> Result<String, Failure> {
    let id = made["id"].as_str().map(str::to_owned);
    id.ok_or_else(|| Failure::Failed("the server's answer has no id".to_owned()))
}

async fn post(api: &Api, path: &str, body: &Value) -> Result<Value, Failure> {
    let body = Some(("application/json", Bytes::from(body.to_string())));
    api.call(Method::POST, path, body).await?.success()?.json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_a_chat_is_known_by_what_it_says_and_others_are_not() {
        let posts = "/team-messaging/v1/posts";
        let body = json!({ "id": "7", "text": "failed", "eventType": "PostAdded" });
        assert_eq!(key(posts, &body).as_deref(), Some("PostAdded failed"));
        let body = json!({ "id": "7", "eventType": "GroupLeft" });
        assert_eq!(key("/team-messaging/v1/chats", &body).as_deref(), Some("GroupLeft 7"));
        assert_eq!(key("/restapi/v1.0/account/1/extension/2", &body), None);
    }
}

//! Team messaging: chats, teams, posts, adaptive cards and incoming webhooks (contract.md §8).
//!
//! The newer and the older resources, `/team-messaging/v1` and `/restapi/v1.0/glip`, are the same handlers
//! (D10). A handler reads the request, calls the store once and writes the answer: `asking` says who calls,
//! `paging` which part of a list is meant, `requests` reads bodies, `answers` writes them, `refusal` has
//! every way to be refused. `incoming` is where third parties post, with `pace` to hold them to their rate.
//!
//! What a change raises waits in the store beside it until `publisher` has handed it to an `EventSink`;
//! no answer waits for that. `engine_sink` is the sink of a whole server. `recipients` says whom an event
//! is for that somebody else published.

mod answers;
mod asking;
mod cards;
mod chats;
mod engine_sink;
mod groups;
mod hooks;
mod incoming;
mod pace;
mod paging;
mod people;
mod posts;
mod publisher;
mod recipients;
mod refusal;
mod requests;
mod teams;
#[cfg(test)]
mod tests;

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use hookswitch_core::chat::HookAddresses;
use hookswitch_core::clock::{Handles, WallTime};
use hookswitch_core::id::{AccountId, ChatId, ExtensionId};
use hookswitch_store::StoreError;
use hookswitch_store::directory::Directory;
use hookswitch_store::team_messaging::TeamMessaging;
use tokio::sync::Notify;
use utoipa_axum::router::OpenApiRouter;

pub use self::engine_sink::EngineSink;
use self::pace::Pace;
pub use self::publisher::{EventSink, SinkError, publish_waiting};
use crate::state::{App, Front};

const NEWER: &str = "/team-messaging/v1";
const OLDER: &str = "/restapi/v1.0/glip";

/// What the handlers need. Cheap to clone.
#[derive(Clone)]
pub struct Messaging(Arc<MessagingParts>);

pub struct MessagingParts {
    store: Arc<dyn TeamMessaging>,
    directory: Arc<dyn Directory>,
    handles: Handles,
    addresses: HookAddresses,
    pace: Pace,
    /// Told after every change that may have raised events.
    changed: Notify,
}

impl Messaging {
    /// `posts_per_minute` is for each incoming webhook; `None`: as many as come.
    pub fn new(
        store: Arc<dyn TeamMessaging>,
        directory: Arc<dyn Directory>,
        handles: Handles,
        base_url: String,
        posts_per_minute: Option<u32>,
    ) -> Self {
        Self(Arc::new(MessagingParts {
            store,
            directory,
            handles,
            addresses: HookAddresses { base: base_url },
            pace: Pace::new(posts_per_minute),
            changed: Notify::new(),
        }))
    }

    /// Whom an event about a chat is for (D24); `None` if we do not hold that chat. `chat` is as the
    /// event's `groupId` has it.
    pub async fn members_of(
        &self,
        account: AccountId,
        chat: &str,
    ) -> Result<Option<Vec<ExtensionId>>, StoreError> {
        match chat.parse() {
            Ok(chat) => self.store.members_of(account, ChatId(chat)).await,
            Err(_) => Ok(None),
        }
    }

    fn now(&self) -> WallTime {
        self.handles.now()
    }
}

impl Deref for Messaging {
    type Target = MessagingParts;

    fn deref(&self) -> &MessagingParts {
        &self.0
    }
}

impl FromRef<Arc<App>> for Messaging {
    fn from_ref(app: &Arc<App>) -> Self {
        app.messaging.clone()
    }
}

/// Both path families and the doors of incoming webhooks.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Messaging: FromRef<S>,
    Front: FromRef<S>,
{
    OpenApiRouter::new()
        .nest(NEWER, family("", "team messaging"))
        .nest(OLDER, family("glip", "team messaging, older paths"))
        .merge(incoming::routes())
}

/// The resources below one of the two prefixes. Operation ids must differ between the two.
fn family<S>(operation_prefix: &str, tag: &str) -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Messaging: FromRef<S>,
    Front: FromRef<S>,
{
    let mut family = OpenApiRouter::new()
        .merge(chats::routes())
        .merge(teams::routes())
        .merge(posts::routes())
        .merge(cards::routes())
        .merge(people::routes())
        .merge(groups::routes())
        .merge(hooks::routes());
    for item in family.get_openapi_mut().paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            operation.tags = Some(vec![tag.to_owned()]);
            if let Some(id) = operation.operation_id.as_mut().filter(|_| !operation_prefix.is_empty()) {
                let mut letters = id.chars();
                let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
                *id = format!("{operation_prefix}{first}{}", letters.as_str());
            }
        }
    }
    family
}

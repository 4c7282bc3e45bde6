//! Team messaging as operations on storage: chats and their members, posts, adaptive cards, incoming
//! webhooks, and the events that changes raise.
//!
//! Nearly everything takes an [`Asker`]. Nothing of another account is ever found by one, and of their own
//! account only what they may see: chats they are in, and public teams as far as one must know them to
//! join. What they may not see is `NotFound`, as if it did not exist. The few operations without an asker
//! are for incoming webhooks, whose id is the secret, and for the server's own loops.
//!
//! Contract for every implementation:
//! 1. What a call returns is durable.
//! 2. A change and the events that it raises are one step: after a crash both are there or neither. The
//!    events wait, in the order of the changes, until `forget_events`; their uuids do not change.
//! 3. An event goes to those who are members after the change, its author too. `GroupJoined` goes only to
//!    those who came, `GroupLeft` only to those who went.
//! 4. A call that changes nothing raises no event, one that is refused stores nothing.
//! 5. `ChatId`, `PostId` and `CardId` grow in the order of creation and are never reused.
//! 6. The id of an incoming webhook is sealed at rest and found by its hash.
//! 7. While `limits::MESSAGING_EVENTS_WAITING` events wait, changes are `Unavailable`.
//!
//! Nothing here publishes events, reads requests or limits rates.

use async_trait::async_trait;
use hookswitch_core::chat::{
    Asker, Chat, ChatKind, Content, Hook, HookAddresses, HookStatus, Post, PostedCard,
};
use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, CardId, ChatId, ExtensionId, HookNo, PostId};
use serde_json::Value;
use uuid::Uuid;

use crate::StoreError;

/// Members that a chat shows in a list; alone it shows all.
pub const MEMBERS_IN_LISTS: usize = 100;

/// Why something was not done. Nothing of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is none that the asker may see")]
    NotFound,
    #[error("only who runs the team may do this")]
    NotRunByAsker,
    #[error("only the author may do this")]
    NotByAsker,
    #[error("the team is archived")]
    Archived,
    /// Events such as "a person joined" cannot be edited.
    #[error("only text can be changed")]
    NotEditable,
    /// By place in the request.
    #[error("person {0} is not known")]
    UnknownPerson(usize),
    #[error("there are more members than the limit of {0}")]
    TooManyMembers(usize),
    #[error("the post to be answered is not in this chat")]
    UnknownParent,
    #[error("the thread is not in this chat")]
    UnknownThread,
    #[error("there are as many favourites as the limit of {0}")]
    TooManyFavorites(usize),
    #[error("the chat has as many webhooks as the limit of {0}")]
    TooManyHooks(usize),
}

/// An answer that the asker gets, or the reason why not.
pub type Answer<T> = Result<Result<T, Refusal>, StoreError>;

/// A person as a request names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invitee {
    Extension(ExtensionId),
    Email(String),
}

/// Which part of a list, in the order of creation. The records of a page are always ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Start,
    /// The first so many behind this one.
    After(u64),
    /// The last so many ahead of this one.
    Before(u64),
    /// The last so many.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageOf {
    pub place: Place,
    pub limit: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Ascending.
    pub records: Vec<T>,
    pub has_earlier: bool,
    pub has_later: bool,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { records: Vec::new(), has_earlier: false, has_later: false }
    }
}

#[derive(Clone, Debug)]
pub struct NewTeam {
    pub name: String,
    pub description: Option<String>,
    pub public: bool,
    /// Beside the asker.
    pub members: Vec<Invitee>,
}

/// What shall be different. `Some(None)` takes a description away.
#[derive(Clone, Debug, Default)]
pub struct ChatChange {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    /// Teams only.
    pub public: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    Created(Chat),
    /// There was one of exactly these people.
    Existing(Chat),
}

/// Whether it is different now; the answers differ (contract.md §8.3, 204 or 205).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Changed,
    AlreadySo,
}

/// A reply names the post that it answers, or only the thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InReplyTo {
    pub parent: Option<PostId>,
    pub thread: Option<PostId>,
}

/// An event that waits to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingEvent {
    pub no: i64,
    /// Made with the event, so that publishing it twice is publishing it once (D16).
    pub uuid: Uuid,
    pub account: AccountId,
    pub name: String,
    pub timestamp: WallTime,
    /// Compact JSON.
    pub body: String,
    /// Never none: an event of team messaging without recipients is for nobody.
    pub recipients: Vec<ExtensionId>,
}

#[async_trait]
pub trait TeamMessaging: Send + Sync + 'static {
    // Chats. Everybody has a personal chat and the chat of everyone; they come into being when first
    // asked for, which raises no event.

    /// One chat that the asker is in, with all its members.
    async fn chat(&self, asker: Asker, chat: ChatId) -> Result<Option<Chat>, StoreError>;

    /// Chats of these kinds that the asker is in; of all kinds if none is named.
    async fn chats(
        &self,
        asker: Asker,
        kinds: Vec<ChatKind>,
        page: PageOf,
        now: WallTime,
    ) -> Result<Page<Chat>, StoreError>;

    /// The same, those with the latest post first.
    async fn recent_chats(
        &self,
        asker: Asker,
        kinds: Vec<ChatKind>,
        limit: usize,
        now: WallTime,
    ) -> Result<Vec<Chat>, StoreError>;

    /// In the order in which they became favourites.
    async fn favorite_chats(&self, asker: Asker, limit: usize) -> Result<Vec<Chat>, StoreError>;

    async fn set_favorite(&self, asker: Asker, chat: ChatId, favorite: bool, now: WallTime) -> Answer<()>;

    async fn everyone(&self, asker: Asker, now: WallTime) -> Result<Chat, StoreError>;

    /// Only for an administrator of the account.
    async fn change_everyone(&self, asker: Asker, change: ChatChange, now: WallTime) -> Answer<Chat>;

    /// The conversation of the asker and these people, made if there is none.
    async fn open_conversation(&self, asker: Asker, with: Vec<Invitee>, now: WallTime) -> Answer<Opened>;

    // Teams.

    /// A team that the asker is in or may join.
    async fn team(&self, asker: Asker, team: ChatId) -> Result<Option<Chat>, StoreError>;

    /// Teams that the asker is in or may join.
    async fn teams(&self, asker: Asker, page: PageOf) -> Result<Page<Chat>, StoreError>;

    async fn create_team(&self, asker: Asker, team: NewTeam, now: WallTime) -> Answer<Chat>;

    async fn change_team(
        &self,
        asker: Asker,
        team: ChatId,
        change: ChatChange,
        now: WallTime,
    ) -> Answer<Chat>;

    /// Everybody leaves; its webhooks are deleted, its posts gone.
    async fn delete_team(
        &self,
        asker: Asker,
        team: ChatId,
        addresses: HookAddresses,
        now: WallTime,
    ) -> Answer<()>;

    /// Who is in it already stays.
    async fn add_members(
        &self,
        asker: Asker,
        team: ChatId,
        people: Vec<Invitee>,
        now: WallTime,
    ) -> Answer<()>;

    /// Who is not in it is no fault.
    async fn remove_members(
        &self,
        asker: Asker,
        team: ChatId,
        people: Vec<Invitee>,
        now: WallTime,
    ) -> Answer<()>;

    /// Only public teams can be joined.
    async fn join_team(&self, asker: Asker, team: ChatId, now: WallTime) -> Answer<Effect>;

    async fn leave_team(&self, asker: Asker, team: ChatId, now: WallTime) -> Answer<Effect>;

    async fn set_archived(&self, asker: Asker, team: ChatId, archived: bool, now: WallTime)
    -> Answer<Effect>;

    /// Who an event about this chat is for (D24), ascending; `None` if we do not hold it.
    async fn members_of(
        &self,
        account: AccountId,
        chat: ChatId,
    ) -> Result<Option<Vec<ExtensionId>>, StoreError>;

    // Posts and cards.

    async fn post(&self, asker: Asker, chat: ChatId, post: PostId) -> Result<Option<Post>, StoreError>;

    /// `None` if the asker is not in the chat.
    async fn posts(&self, asker: Asker, chat: ChatId, page: PageOf)
    -> Result<Option<Page<Post>>, StoreError>;

    async fn create_post(
        &self,
        asker: Asker,
        chat: ChatId,
        content: Content,
        in_reply_to: InReplyTo,
        now: WallTime,
    ) -> Answer<Post>;

    async fn change_post(
        &self,
        asker: Asker,
        chat: ChatId,
        post: PostId,
        text: String,
        now: WallTime,
    ) -> Answer<Post>;

    async fn delete_post(&self, asker: Asker, chat: ChatId, post: PostId, now: WallTime) -> Answer<()>;

    /// Posts an adaptive card, an object that was checked.
    async fn create_card(&self, asker: Asker, chat: ChatId, card: Value, now: WallTime)
    -> Answer<PostedCard>;

    async fn card(&self, asker: Asker, card: CardId) -> Result<Option<PostedCard>, StoreError>;

    async fn change_card(&self, asker: Asker, card: CardId, to: Value, now: WallTime) -> Answer<PostedCard>;

    /// Deletes it with its post, if the post has nothing else.
    async fn delete_card(&self, asker: Asker, card: CardId, now: WallTime) -> Answer<()>;

    // Incoming webhooks.

    /// `id` is fresh and cannot be guessed.
    async fn create_hook(
        &self,
        asker: Asker,
        chat: ChatId,
        id: String,
        addresses: HookAddresses,
        now: WallTime,
    ) -> Answer<Hook>;

    /// Those of a chat that are not deleted, oldest first; `None` if the asker is not in the chat.
    async fn hooks_of_chat(&self, asker: Asker, chat: ChatId) -> Result<Option<Vec<Hook>>, StoreError>;

    /// Those the asker made that are not deleted, oldest first.
    async fn own_hooks(&self, asker: Asker) -> Result<Vec<Hook>, StoreError>;

    /// One that the asker made or whose chat the asker is in; a deleted one too while it is remembered.
    async fn hook(&self, asker: Asker, id: &str) -> Result<Option<Hook>, StoreError>;

    /// By who made it or who runs its team. Also how a webhook is deleted.
    async fn set_hook_status(
        &self,
        asker: Asker,
        id: &str,
        status: HookStatus,
        addresses: HookAddresses,
        now: WallTime,
    ) -> Answer<()>;

    /// An active webhook, for whoever knows its id.
    async fn active_hook(&self, id: &str) -> Result<Option<HookNo>, StoreError>;

    /// `NotFound` if the webhook is not active any more.
    async fn post_by_hook(&self, hook: HookNo, content: Content, now: WallTime) -> Answer<Post>;

    // For the server's loops.

    /// The events that wait, oldest first.
    async fn waiting_events(&self, limit: usize) -> Result<Vec<WaitingEvent>, StoreError>;

    /// Forgets events that were published.
    async fn forget_events(&self, nos: Vec<i64>) -> Result<(), StoreError>;

    /// Drops what deleted teams left, and webhooks that were deleted before then; at most about `limit`
    /// rows. Says whether there may be more.
    async fn purge(&self, deleted_before: WallTime, limit: usize) -> Result<bool, StoreError>;
}

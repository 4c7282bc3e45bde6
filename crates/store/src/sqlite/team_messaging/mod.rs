//! Team messaging in `control.db`.
//!
//! `chats` reads chats, `teams` changes them and who is in them; `posts`, `cards` and `hooks` are what
//! their names say; `people` finds who is meant. `change` is what every write has at hand, `waiting` the
//! list of events that a loop of the server publishes. Here all that is joined to the trait.

mod cards;
mod change;
mod chats;
mod hooks;
mod people;
mod posts;
mod rows;
mod teams;
#[cfg(test)]
mod tests;
mod waiting;

use std::sync::Arc;

use async_trait::async_trait;
use hookswitch_core::chat::{
    Asker, Chat, ChatKind, Content, Hook, HookAddresses, HookStatus, Post, PostedCard,
};
use hookswitch_core::clock::{Entropy, WallTime};
use hookswitch_core::id::{AccountId, CardId, ChatId, ExtensionId, HookNo, PostId};
use hookswitch_core::vault::Vault;
use serde_json::Value;

use self::change::{Change, Secrets};
use super::control::ControlDb;
use crate::StoreError;
use crate::team_messaging::{
    Answer, ChatChange, Effect, InReplyTo, Invitee, NewTeam, Opened, Page, PageOf, TeamMessaging,
    WaitingEvent,
};

/// Rows that one transaction of `purge` drops.
const PURGED_AT_ONCE: usize = 200;

#[derive(Clone)]
pub struct SqliteTeamMessaging {
    db: ControlDb,
    secrets: Secrets,
}

impl SqliteTeamMessaging {
    pub fn new(db: ControlDb, vault: Arc<Vault>, entropy: Arc<dyn Entropy>) -> Self {
        Self { db, secrets: Secrets { vault, entropy } }
    }

    /// Runs a change in one transaction. What it refuses it has not begun to write.
    async fn change<T, W>(&self, now: WallTime, work: W) -> Answer<T>
    where
        T: Send + 'static,
        W: FnOnce(&Change<'_>) -> Answer<T> + Send + 'static,
    {
        let secrets = self.secrets.clone();
        self.db
            .write(move |transaction| {
                let change = Change { db: transaction, secrets: &secrets, now };
                change.check_room()?;
                work(&change)
            })
            .await
    }

    /// Makes the two chats that everybody has, if the asker has not got them.
    async fn with_standing_chats(&self, asker: Asker, now: WallTime) -> Result<(), StoreError> {
        if self.db.read(move |db| chats::has_standing_chats(db, asker)).await? {
            return Ok(());
        }
        self.db.write(move |db| chats::make_standing_chats(db, asker, now)).await
    }
}

#[async_trait]
impl TeamMessaging for SqliteTeamMessaging {
    async fn chat(&self, asker: Asker, chat: ChatId) -> Result<Option<Chat>, StoreError> {
        self.db.read(move |db| chats::chat(db, asker, chat)).await
    }

    async fn chats(
        &self,
        asker: Asker,
        kinds: Vec<ChatKind>,
        page: PageOf,
        now: WallTime,
    ) -> Result<Page<Chat>, StoreError> {
        self.with_standing_chats(asker, now).await?;
        self.db.read(move |db| chats::own(db, asker, kinds, page)).await
    }

    async fn recent_chats(
        &self,
        asker: Asker,
        kinds: Vec<ChatKind>,
        limit: usize,
        now: WallTime,
    ) -> Result<Vec<Chat>, StoreError> {
        self.with_standing_chats(asker, now).await?;
        self.db.read(move |db| chats::recent(db, asker, &kinds, limit)).await
    }

    async fn favorite_chats(&self, asker: Asker, limit: usize) -> Result<Vec<Chat>, StoreError> {
        self.db.read(move |db| chats::favorites(db, asker, limit)).await
    }

    async fn set_favorite(&self, asker: Asker, chat: ChatId, favorite: bool, now: WallTime) -> Answer<()> {
        self.change(now, move |change| teams::set_favorite(change, asker, chat, favorite)).await
    }

    async fn everyone(&self, asker: Asker, now: WallTime) -> Result<Chat, StoreError> {
        self.with_standing_chats(asker, now).await?;
        self.db.read(move |db| teams::everyone(db, asker)).await
    }

    async fn change_everyone(&self, asker: Asker, to: ChatChange, now: WallTime) -> Answer<Chat> {
        self.change(now, move |change| teams::change_everyone(change, asker, to)).await
    }

    async fn open_conversation(&self, asker: Asker, with: Vec<Invitee>, now: WallTime) -> Answer<Opened> {
        self.change(now, move |change| teams::open_conversation(change, asker, &with)).await
    }

    async fn team(&self, asker: Asker, team: ChatId) -> Result<Option<Chat>, StoreError> {
        self.db.read(move |db| chats::team(db, asker, team)).await
    }

    async fn teams(&self, asker: Asker, page: PageOf) -> Result<Page<Chat>, StoreError> {
        self.db.read(move |db| chats::teams(db, asker, page)).await
    }

    async fn create_team(&self, asker: Asker, team: NewTeam, now: WallTime) -> Answer<Chat> {
        self.change(now, move |change| teams::create(change, asker, &team)).await
    }

    async fn change_team(&self, asker: Asker, team: ChatId, to: ChatChange, now: WallTime) -> Answer<Chat> {
        self.change(now, move |change| teams::change_team(change, asker, team, to)).await
    }

    async fn delete_team(
        &self,
        asker: Asker,
        team: ChatId,
        addresses: HookAddresses,
        now: WallTime,
    ) -> Answer<()> {
        self.change(now, move |change| teams::delete(change, asker, team, &addresses)).await
    }

    async fn add_members(
        &self,
        asker: Asker,
        team: ChatId,
        people: Vec<Invitee>,
        now: WallTime,
    ) -> Answer<()> {
        self.change(now, move |change| teams::add(change, asker, team, &people)).await
    }

    async fn remove_members(
        &self,
        asker: Asker,
        team: ChatId,
        people: Vec<Invitee>,
        now: WallTime,
    ) -> Answer<()> {
        self.change(now, move |change| teams::remove(change, asker, team, &people)).await
    }

    async fn join_team(&self, asker: Asker, team: ChatId, now: WallTime) -> Answer<Effect> {
        self.change(now, move |change| teams::join(change, asker, team)).await
    }

    async fn leave_team(&self, asker: Asker, team: ChatId, now: WallTime) -> Answer<Effect> {
        self.change(now, move |change| teams::leave(change, asker, team)).await
    }

    async fn set_archived(
        &self,
        asker: Asker,
        team: ChatId,
        archived: bool,
        now: WallTime,
    ) -> Answer<Effect> {
        self.change(now, move |change| teams::set_archived(change, asker, team, archived)).await
    }

    async fn members_of(
        &self,
        account: AccountId,
        chat: ChatId,
    ) -> Result<Option<Vec<ExtensionId>>, StoreError> {
        self.db.read(move |db| chats::members_of(db, account, chat)).await
    }

    async fn post(&self, asker: Asker, chat: ChatId, post: PostId) -> Result<Option<Post>, StoreError> {
        self.db.read(move |db| posts::post(db, asker, chat, post)).await
    }

    async fn posts(
        &self,
        asker: Asker,
        chat: ChatId,
        page: PageOf,
    ) -> Result<Option<Page<Post>>, StoreError> {
        self.db.read(move |db| posts::page(db, asker, chat, page)).await
    }

    async fn create_post(
        &self,
        asker: Asker,
        chat: ChatId,
        content: Content,
        in_reply_to: InReplyTo,
        now: WallTime,
    ) -> Answer<Post> {
        self.change(now, move |change| posts::create(change, asker, chat, content, in_reply_to)).await
    }

    async fn change_post(
        &self,
        asker: Asker,
        chat: ChatId,
        post: PostId,
        text: String,
        now: WallTime,
    ) -> Answer<Post> {
        self.change(now, move |change| posts::change_text(change, asker, chat, post, text)).await
    }

    async fn delete_post(&self, asker: Asker, chat: ChatId, post: PostId, now: WallTime) -> Answer<()> {
        self.change(now, move |change| posts::delete(change, asker, chat, post)).await
    }

    async fn create_card(
        &self,
        asker: Asker,
        chat: ChatId,
        card: Value,
        now: WallTime,
    ) -> Answer<PostedCard> {
        self.change(now, move |change| cards::create(change, asker, chat, card)).await
    }

    async fn card(&self, asker: Asker, card: CardId) -> Result<Option<PostedCard>, StoreError> {
        self.db.read(move |db| cards::present(db, asker, card)).await
    }

    async fn change_card(&self, asker: Asker, card: CardId, to: Value, now: WallTime) -> Answer<PostedCard> {
        self.change(now, move |change| cards::replace(change, asker, card, to)).await
    }

    async fn delete_card(&self, asker: Asker, card: CardId, now: WallTime) -> Answer<()> {
        self.change(now, move |change| cards::delete(change, asker, card)).await
    }

    async fn create_hook(
        &self,
        asker: Asker,
        chat: ChatId,
        id: String,
        addresses: HookAddresses,
        now: WallTime,
    ) -> Answer<Hook> {
        self.change(now, move |change| hooks::create(change, asker, chat, &id, &addresses)).await
    }

    async fn hooks_of_chat(&self, asker: Asker, chat: ChatId) -> Result<Option<Vec<Hook>>, StoreError> {
        let secrets = self.secrets.clone();
        self.db.read(move |db| hooks::of_chat(db, &secrets, asker, chat)).await
    }

    async fn own_hooks(&self, asker: Asker) -> Result<Vec<Hook>, StoreError> {
        let secrets = self.secrets.clone();
        self.db.read(move |db| hooks::own(db, &secrets, asker)).await
    }

    async fn hook(&self, asker: Asker, id: &str) -> Result<Option<Hook>, StoreError> {
        let (secrets, id) = (self.secrets.clone(), id.to_owned());
        self.db.read(move |db| hooks::visible(db, &secrets, asker, &id)).await
    }

    async fn set_hook_status(
        &self,
        asker: Asker,
        id: &str,
        status: HookStatus,
        addresses: HookAddresses,
        now: WallTime,
    ) -> Answer<()> {
        let id = id.to_owned();
        self.change(now, move |change| hooks::set_status(change, asker, &id, status, &addresses)).await
    }

    async fn active_hook(&self, id: &str) -> Result<Option<HookNo>, StoreError> {
        let id = id.to_owned();
        self.db.read(move |db| hooks::active(db, &id)).await
    }

    async fn post_by_hook(&self, hook: HookNo, content: Content, now: WallTime) -> Answer<Post> {
        self.change(now, move |change| hooks::post(change, hook, content)).await
    }

    async fn waiting_events(&self, limit: usize) -> Result<Vec<WaitingEvent>, StoreError> {
        self.db.read(move |db| waiting::oldest(db, limit)).await
    }

    async fn forget_events(&self, nos: Vec<i64>) -> Result<(), StoreError> {
        self.db.write(move |db| waiting::forget(db, &nos)).await
    }

    async fn purge(&self, deleted_before: WallTime, limit: usize) -> Result<bool, StoreError> {
        let mut left = limit;
        while left > 0 {
            let slice = left.min(PURGED_AT_ONCE);
            let dropped = self.db.write(move |db| waiting::purge(db, deleted_before, slice)).await?;
            if dropped == 0 {
                return Ok(false);
            }
            left -= dropped.min(left);
        }
        Ok(true)
    }
}

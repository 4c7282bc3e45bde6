//! Changes of chats and of who is in them. Each function is one step inside a transaction: it checks
//! first and writes afterwards, so that a refusal leaves nothing behind.

use hookswitch_core::chat::happening::Happening;
use hookswitch_core::chat::{Asker, Chat, ChatKind, HookAddresses, PostKind};
use hookswitch_core::id::{ChatId, ExtensionId};
use hookswitch_core::limits::{CONVERSATION_MEMBERS, FAVORITE_CHATS, TEAM_MEMBERS};
use rusqlite::params;

use super::change::Change;
use super::rows::{self, key};
use super::{chats, hooks, people, posts};
use crate::StoreError;
use crate::team_messaging::{Answer, ChatChange, Effect, Invitee, NewTeam, Opened, Refusal};

/// Unwraps an answer, or returns the refusal.
macro_rules! granted {
    ($answer:expr) => {
        match $answer {
            Ok(value) => value,
            Err(refusal) => return Ok(Err(refusal)),
        }
    };
}
pub(super) use granted;

pub(super) fn open_conversation(change: &Change<'_>, asker: Asker, with: &[Invitee]) -> Answer<Opened> {
    let mut people = granted!(people::resolve(change.db, asker, with)?);
    if let Err(place) = people.binary_search(&asker.extension) {
        people.insert(place, asker.extension);
    }
    if people.len() > CONVERSATION_MEMBERS {
        return Ok(Err(Refusal::TooManyMembers(CONVERSATION_MEMBERS)));
    }
    let identity = chats::identity(&people);
    if let Some(chat) = chats::by_identity(change.db, asker.account, &identity)? {
        return Ok(Ok(Opened::Existing(chat)));
    }
    let kind = ChatKind::of_conversation(people.len());
    let creator = (kind != ChatKind::PersonalChat).then_some(asker.extension);
    let id = chats::insert(change.db, asker.account, kind, &identity, creator, change.now)?;
    for person in &people {
        chats::add_member(change.db, id, *person)?;
    }
    let chat = present(change, asker, id)?;
    if kind != ChatKind::PersonalChat {
        change.tell_members(&chat, Happening::GroupJoined(&chat))?;
    }
    Ok(Ok(Opened::Created(chat)))
}

pub(super) fn create(change: &Change<'_>, asker: Asker, team: &NewTeam) -> Answer<Chat> {
    let people = granted!(people::resolve(change.db, asker, &team.members)?);
    if people.len() >= TEAM_MEMBERS {
        return Ok(Err(Refusal::TooManyMembers(TEAM_MEMBERS)));
    }
    rows::execute(
        change.db,
        "INSERT INTO chats (account, kind, name, description, public, creator, created_at, modified_at, last_post_at)
         VALUES (?1, 'Team', ?2, ?3, ?4, ?5, ?6, ?6, ?6)",
        params![
            key(asker.account.0),
            team.name,
            team.description,
            team.public,
            key(asker.extension.0),
            change.now.0
        ],
    )?;
    let id = ChatId(change.db.last_insert_rowid().cast_unsigned());
    for person in people.into_iter().chain([asker.extension]) {
        chats::add_member(change.db, id, person)?;
    }
    let chat = present(change, asker, id)?;
    change.tell_members(&chat, Happening::GroupJoined(&chat))?;
    Ok(Ok(chat))
}

pub(super) fn change_team(change: &Change<'_>, asker: Asker, id: ChatId, to: ChatChange) -> Answer<Chat> {
    let team = granted!(run_by(change, asker, id)?);
    if team.archived {
        return Ok(Err(Refusal::Archived));
    }
    alter(change, asker, team, to)
}

pub(super) fn change_everyone(change: &Change<'_>, asker: Asker, to: ChatChange) -> Answer<Chat> {
    chats::make_standing_chats(change.db, asker, change.now)?;
    if !asker.administrator {
        return Ok(Err(Refusal::NotRunByAsker));
    }
    let everyone = everyone(change.db, asker)?;
    alter(change, asker, everyone, ChatChange { public: None, ..to })
}

pub(super) fn everyone(db: &rusqlite::Connection, asker: Asker) -> Result<Chat, StoreError> {
    let missing = || {
        StoreError::Corrupt(format!("control.db, chats: account {} has no chat of everyone", asker.account))
    };
    chats::by_identity(db, asker.account, chats::EVERYONE)?.ok_or_else(missing)
}

/// Writes what is different and tells of it, by what it is.
fn alter(change: &Change<'_>, asker: Asker, chat: Chat, to: ChatChange) -> Answer<Chat> {
    let name = to.name.map_or_else(|| chat.name.clone(), Some);
    let description = to.description.unwrap_or_else(|| chat.description.clone());
    let public = to.public.or(chat.public);
    let is_renamed = name != chat.name;
    let is_changed = description != chat.description || public != chat.public;
    if !is_renamed && !is_changed {
        return Ok(Ok(chat));
    }
    rows::execute(
        change.db,
        "UPDATE chats SET name = ?2, description = ?3, public = ?4, modified_at = ?5 WHERE no = ?1",
        params![key(chat.id.0), name, description, public, change.now.0],
    )?;
    let chat = present(change, asker, chat.id)?;
    if is_renamed {
        change.tell_members(&chat, Happening::GroupRenamed(&chat))?;
    }
    if is_changed {
        change.tell_members(&chat, Happening::GroupChanged(&chat))?;
    }
    Ok(Ok(chat))
}

pub(super) fn set_archived(change: &Change<'_>, asker: Asker, id: ChatId, archived: bool) -> Answer<Effect> {
    let team = granted!(run_by(change, asker, id)?);
    if team.archived == archived {
        return Ok(Ok(Effect::AlreadySo));
    }
    rows::execute(
        change.db,
        "UPDATE chats SET archived = ?2, modified_at = ?3 WHERE no = ?1",
        params![key(id.0), archived, change.now.0],
    )?;
    let team = present(change, asker, id)?;
    change.tell_members(&team, Happening::GroupChanged(&team))?;
    Ok(Ok(Effect::Changed))
}

pub(super) fn add(change: &Change<'_>, asker: Asker, id: ChatId, people: &[Invitee]) -> Answer<()> {
    let team = granted!(run_by(change, asker, id)?);
    if team.archived {
        return Ok(Err(Refusal::Archived));
    }
    let mut people = granted!(people::resolve(change.db, asker, people)?);
    people.retain(|person| !team.has_member(*person));
    if team.members.len() + people.len() > TEAM_MEMBERS {
        return Ok(Err(Refusal::TooManyMembers(TEAM_MEMBERS)));
    }
    if people.is_empty() {
        return Ok(Ok(()));
    }
    for person in &people {
        chats::add_member(change.db, id, *person)?;
    }
    let team = came(change, asker, id, &people)?;
    posts::insert_notice(change, &team, asker.extension, PostKind::PersonsAdded, &people)?;
    Ok(Ok(()))
}

pub(super) fn join(change: &Change<'_>, asker: Asker, id: ChatId) -> Answer<Effect> {
    let Some(team) = chats::team(change.db, asker, id)? else { return Ok(Err(Refusal::NotFound)) };
    if team.has_member(asker.extension) {
        return Ok(Ok(Effect::AlreadySo));
    }
    if team.archived {
        return Ok(Err(Refusal::Archived));
    }
    if team.members.len() >= TEAM_MEMBERS {
        return Ok(Err(Refusal::TooManyMembers(TEAM_MEMBERS)));
    }
    chats::add_member(change.db, id, asker.extension)?;
    let team = came(change, asker, id, &[asker.extension])?;
    posts::insert_notice(change, &team, asker.extension, PostKind::PersonJoined, &[])?;
    Ok(Ok(Effect::Changed))
}

/// Tells those who came that they did; the team as it is now.
fn came(change: &Change<'_>, asker: Asker, id: ChatId, people: &[ExtensionId]) -> Result<Chat, StoreError> {
    touch(change, id)?;
    let team = present(change, asker, id)?;
    change.tell(&team, Happening::GroupJoined(&team), people)?;
    Ok(team)
}

pub(super) fn remove(change: &Change<'_>, asker: Asker, id: ChatId, people: &[Invitee]) -> Answer<()> {
    let team = granted!(run_by(change, asker, id)?);
    if team.archived {
        return Ok(Err(Refusal::Archived));
    }
    let mut people = granted!(people::resolve(change.db, asker, people)?);
    people.retain(|person| team.has_member(*person));
    if people.is_empty() {
        return Ok(Ok(()));
    }
    let team = gone(change, id, asker, &people)?;
    if !team.members.is_empty() {
        posts::insert_notice(change, &team, asker.extension, PostKind::PersonsRemoved, &people)?;
    }
    Ok(Ok(()))
}

pub(super) fn leave(change: &Change<'_>, asker: Asker, id: ChatId) -> Answer<Effect> {
    let Some(team) = chats::team(change.db, asker, id)? else { return Ok(Err(Refusal::NotFound)) };
    if !team.has_member(asker.extension) {
        return Ok(Ok(Effect::AlreadySo));
    }
    if team.archived {
        return Ok(Err(Refusal::Archived));
    }
    gone(change, id, asker, &[asker.extension])?;
    Ok(Ok(Effect::Changed))
}

/// Takes people out and tells them; the team as it is now.
fn gone(change: &Change<'_>, id: ChatId, asker: Asker, people: &[ExtensionId]) -> Result<Chat, StoreError> {
    for person in people {
        let ids = params![key(id.0), key(person.0)];
        rows::execute(change.db, "DELETE FROM chat_members WHERE chat = ?1 AND extension = ?2", ids)?;
        rows::execute(change.db, "DELETE FROM favorite_chats WHERE chat = ?1 AND extension = ?2", ids)?;
    }
    touch(change, id)?;
    let team = present(change, asker, id)?;
    change.tell(&team, Happening::GroupLeft(&team), people)?;
    Ok(team)
}

pub(super) fn delete(change: &Change<'_>, asker: Asker, id: ChatId, addresses: &HookAddresses) -> Answer<()> {
    let team = granted!(run_by(change, asker, id)?);
    hooks::delete_all_of(change, &team, addresses)?;
    rows::execute(
        change.db,
        "UPDATE chats SET deleted_at = ?2, modified_at = ?2 WHERE no = ?1",
        params![key(id.0), change.now.0],
    )?;
    rows::execute(change.db, "DELETE FROM chat_members WHERE chat = ?1", [key(id.0)])?;
    rows::execute(change.db, "DELETE FROM favorite_chats WHERE chat = ?1", [key(id.0)])?;
    let left = team.members.clone();
    let team = Chat { members: Vec::new(), modified_at: change.now, ..team };
    change.tell(&team, Happening::GroupLeft(&team), &left)?;
    Ok(Ok(()))
}

pub(super) fn set_favorite(change: &Change<'_>, asker: Asker, id: ChatId, favorite: bool) -> Answer<()> {
    if chats::chat(change.db, asker, id)?.is_none() {
        return Ok(Err(Refusal::NotFound));
    }
    let ids = [key(asker.extension.0), key(id.0)];
    if !favorite {
        rows::execute(change.db, "DELETE FROM favorite_chats WHERE extension = ?1 AND chat = ?2", ids)?;
        return Ok(Ok(()));
    }
    let sql = "SELECT count(*) FROM favorite_chats WHERE extension = ?1 AND chat <> ?2";
    let others: i64 = change.db.prepare_cached(sql)?.query_row(ids, |row| row.get(0))?;
    if others >= rows::count(FAVORITE_CHATS) {
        return Ok(Err(Refusal::TooManyFavorites(FAVORITE_CHATS)));
    }
    rows::execute(
        change.db,
        "INSERT OR IGNORE INTO favorite_chats (extension, chat, since) VALUES (?1, ?2, ?3)",
        params![ids[0], ids[1], change.now.0],
    )?;
    Ok(Ok(()))
}

/// A team that the asker is in and runs.
fn run_by(change: &Change<'_>, asker: Asker, id: ChatId) -> Answer<Chat> {
    let Some(team) = chats::team(change.db, asker, id)? else { return Ok(Err(Refusal::NotFound)) };
    if !team.has_member(asker.extension) {
        return Ok(Err(Refusal::NotFound));
    }
    Ok(if team.is_run_by(asker) { Ok(team) } else { Err(Refusal::NotRunByAsker) })
}

fn touch(change: &Change<'_>, id: ChatId) -> Result<(), StoreError> {
    let values = params![key(id.0), change.now.0];
    rows::execute(change.db, "UPDATE chats SET modified_at = ?2 WHERE no = ?1", values)?;
    Ok(())
}

/// A chat that this transaction has just seen or made, as it is now.
fn present(change: &Change<'_>, asker: Asker, id: ChatId) -> Result<Chat, StoreError> {
    chats::standing(change.db, asker.account, id)?.ok_or(StoreError::Conflict("the chat"))
}

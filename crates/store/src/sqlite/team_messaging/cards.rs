//! Adaptive cards. A card's content is the attachment with its id; the row says whose it is and since
//! when, so that nothing is kept twice.

use hookswitch_core::chat::happening::Happening;
use hookswitch_core::chat::{Asker, Chat, Content, Post, PostKind, PostedCard};
use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{CardId, ChatId, ExtensionId, PostId};
use rusqlite::{Connection, params};
use serde_json::Value;

use super::change::Change;
use super::rows::{self, key};
use super::teams::granted;
use super::{chats, posts};
use crate::StoreError;
use crate::team_messaging::{Answer, InReplyTo, Refusal};

/// A card's row.
struct Row {
    post: PostId,
    chat: ChatId,
    creator: ExtensionId,
    created_at: WallTime,
    modified_at: WallTime,
}

pub(super) fn create(change: &Change<'_>, asker: Asker, chat: ChatId, card: Value) -> Answer<PostedCard> {
    let Some(chat) = chats::chat(change.db, asker, chat)? else { return Ok(Err(Refusal::NotFound)) };
    let content = Content { attachments: vec![card], ..Content::default() };
    let post = granted!(posts::insert(change, asker, &chat, PostKind::Card, content, InReplyTo::default())?);
    let sql = "SELECT no FROM adaptive_cards WHERE post = ?1";
    let id = change.db.prepare_cached(sql)?.query_row([key(post.id.0)], |row| row.get::<_, i64>(0))?;
    let id = CardId(id.cast_unsigned());
    Ok(present(change.db, asker, id)?.ok_or(Refusal::NotFound))
}

/// A card in a chat that the asker is in.
pub(super) fn present(db: &Connection, asker: Asker, id: CardId) -> Result<Option<PostedCard>, StoreError> {
    let Some(row) = find(db, id)? else { return Ok(None) };
    let Some(post) = posts::post(db, asker, row.chat, row.post)? else { return Ok(None) };
    let Some(place) = place(&post, id) else { return Ok(None) };
    let card = post.attachments.map(|mut attachments| attachments.swap_remove(place));
    Ok(card.map(|card| posted(id, &row, card)))
}

fn posted(id: CardId, row: &Row, mut card: Value) -> PostedCard {
    if let Value::Object(members) = &mut card {
        members.shift_remove("id");
    }
    PostedCard {
        id,
        chat: row.chat,
        creator: row.creator,
        created_at: row.created_at,
        modified_at: row.modified_at,
        card,
    }
}

fn find(db: &Connection, id: CardId) -> Result<Option<Row>, StoreError> {
    let sql = "SELECT p.no, p.chat, c.creator, c.created_at, c.modified_at
               FROM adaptive_cards c JOIN posts p ON p.no = c.post WHERE c.no = ?1";
    rows::one(db, sql, [key(id.0)], |row| {
        Ok(Row {
            post: PostId(rows::unsigned(row, 0)?),
            chat: ChatId(rows::unsigned(row, 1)?),
            creator: ExtensionId(rows::unsigned(row, 2)?),
            created_at: WallTime(row.get(3)?),
            modified_at: WallTime(row.get(4)?),
        })
    })
}

/// Which of a post's attachments the card is.
fn place(post: &Post, id: CardId) -> Option<usize> {
    let id = id.to_string();
    let attachments = post.attachments.as_deref()?;
    attachments.iter().position(|attachment| attachment.get("id").and_then(Value::as_str) == Some(&id))
}

pub(super) fn replace(change: &Change<'_>, asker: Asker, id: CardId, card: Value) -> Answer<PostedCard> {
    let (chat, row, mut post) = granted!(own(change, asker, id)?);
    let Some(place) = place(&post, id) else { return Ok(Err(Refusal::NotFound)) };
    let before = post.attachments.as_ref().map(|attachments| attachments[place].clone());
    let after = posts::numbered(key(id.0), card);
    if before.as_ref() == Some(&after) {
        return Ok(Ok(posted(id, &row, after)));
    }
    if let Some(attachments) = &mut post.attachments {
        attachments[place] = after.clone();
    }
    post.modified_at = change.now;
    posts::store_attachments(change, &post)?;
    let values = params![key(id.0), change.now.0];
    rows::execute(change.db, "UPDATE adaptive_cards SET modified_at = ?2 WHERE no = ?1", values)?;
    change.tell_members(&chat, Happening::PostChanged(&post))?;
    Ok(Ok(posted(id, &Row { modified_at: change.now, ..row }, after)))
}

pub(super) fn delete(change: &Change<'_>, asker: Asker, id: CardId) -> Answer<()> {
    let (chat, _, mut post) = granted!(own(change, asker, id)?);
    let Some(place) = place(&post, id) else { return Ok(Err(Refusal::NotFound)) };
    let others = post.attachments.as_ref().map_or(0, Vec::len) - 1;
    if others == 0 && post.text.is_none() && post.look.title.is_none() {
        posts::remove(change, &chat, post.id)?;
        return Ok(Ok(()));
    }
    rows::execute(change.db, "DELETE FROM adaptive_cards WHERE no = ?1", [key(id.0)])?;
    let mut attachments = post.attachments.take().unwrap_or_default();
    attachments.remove(place);
    post.attachments = (!attachments.is_empty()).then_some(attachments);
    post.modified_at = change.now;
    posts::store_attachments(change, &post)?;
    change.tell_members(&chat, Happening::PostChanged(&post))?;
    Ok(Ok(()))
}

/// A card that the asker posted, with its chat, which the asker is in.
fn own(change: &Change<'_>, asker: Asker, id: CardId) -> Answer<(Chat, Row, Post)> {
    let Some(row) = find(change.db, id)? else { return Ok(Err(Refusal::NotFound)) };
    let Some(chat) = chats::chat(change.db, asker, row.chat)? else { return Ok(Err(Refusal::NotFound)) };
    let Some(post) = posts::of_chat(change.db, chat.id, row.post)? else { return Ok(Err(Refusal::NotFound)) };
    if row.creator != asker.extension {
        return Ok(Err(Refusal::NotByAsker));
    }
    Ok(if chat.archived { Err(Refusal::Archived) } else { Ok((chat, row, post)) })
}

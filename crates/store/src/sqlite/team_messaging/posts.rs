//! Posts: reading, writing, and the notices that membership leaves behind.

use hookswitch_core::card::ADAPTIVE;
use hookswitch_core::chat::happening::Happening;
use hookswitch_core::chat::{Asker, Chat, Content, Look, Post, PostKind};
use hookswitch_core::id::{ChatId, ExtensionId, PostId};
use rusqlite::{Connection, params};
use serde_json::{Map, Value};

use super::change::Change;
use super::rows::{self, count, key, post_columns};
use super::{chats, people};
use crate::StoreError;
use crate::team_messaging::{Answer, InReplyTo, Page, PageOf, Place, Refusal};

/// A post of a chat that the asker is known to be in.
pub(super) fn of_chat(db: &Connection, chat: ChatId, post: PostId) -> Result<Option<Post>, StoreError> {
    let sql = concat!("SELECT ", post_columns!(), " FROM posts WHERE no = ?2 AND chat = ?1");
    rows::one(db, sql, params![key(chat.0), key(post.0)], rows::post)
}

pub(super) fn post(
    db: &Connection,
    asker: Asker,
    chat: ChatId,
    post: PostId,
) -> Result<Option<Post>, StoreError> {
    match is_in(db, asker, chat)? {
        true => of_chat(db, chat, post),
        false => Ok(None),
    }
}

/// Whether the asker is in the chat, without reading who else is.
pub(super) fn is_in(db: &Connection, asker: Asker, chat: ChatId) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM chats c WHERE c.no = ?1 AND c.account = ?2 AND (c.kind = 'Everyone' OR EXISTS
                 (SELECT 1 FROM chat_members WHERE chat = ?1 AND extension = ?3))";
    let ids = params![key(chat.0), key(asker.account.0), key(asker.extension.0)];
    Ok(rows::one(db, sql, ids, |_| Ok(()))?.is_some())
}

pub(super) fn page(
    db: &Connection,
    asker: Asker,
    chat: ChatId,
    page: PageOf,
) -> Result<Option<Page<Post>>, StoreError> {
    if !is_in(db, asker, chat)? {
        return Ok(None);
    }
    const LATER: &str =
        concat!("SELECT ", post_columns!(), " FROM posts WHERE chat = ?1 AND no > ?2 ORDER BY no LIMIT ?3");
    const EARLIER: &str = concat!(
        "SELECT ",
        post_columns!(),
        " FROM posts WHERE chat = ?1 AND no < ?2 ORDER BY no DESC LIMIT ?3"
    );
    let (sql, from) = match page.place {
        Place::Start => (LATER, 0),
        Place::After(no) => (LATER, key(no)),
        Place::Before(no) => (EARLIER, key(no)),
        Place::End => (EARLIER, i64::MAX),
    };
    let mut records = rows::many(db, sql, params![key(chat.0), from, count(page.limit + 1)], rows::post)?;
    let has_more = records.len() > page.limit;
    records.truncate(page.limit);
    let has_behind = matches!(page.place, Place::After(_) | Place::Before(_));
    if matches!(page.place, Place::Before(_) | Place::End) {
        records.reverse();
        return Ok(Some(Page { records, has_earlier: has_more, has_later: has_behind }));
    }
    Ok(Some(Page { records, has_earlier: has_behind, has_later: has_more }))
}

/// A post by the asker in a chat that they are in.
pub(super) fn create(
    change: &Change<'_>,
    asker: Asker,
    chat: ChatId,
    content: Content,
    in_reply_to: InReplyTo,
) -> Answer<Post> {
    match chats::chat(change.db, asker, chat)? {
        None => Ok(Err(Refusal::NotFound)),
        Some(chat) => insert(change, asker, &chat, PostKind::TextMessage, content, in_reply_to),
    }
}

/// Stores a post in a chat whose members are read, and tells them.
pub(super) fn insert(
    change: &Change<'_>,
    author: Asker,
    chat: &Chat,
    kind: PostKind,
    content: Content,
    in_reply_to: InReplyTo,
) -> Answer<Post> {
    if chat.archived {
        return Ok(Err(Refusal::Archived));
    }
    let in_reply_to = match place_of_reply(change.db, chat.id, in_reply_to)? {
        Ok(in_reply_to) => in_reply_to,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mentions = people::mentioned(change.db, author, content.text.as_deref())?;
    let has_attachments = !content.attachments.is_empty();
    let mut post = Post {
        id: PostId(0),
        chat: chat.id,
        kind,
        text: content.text,
        creator: author.extension,
        added: None,
        removed: None,
        created_at: change.now,
        modified_at: change.now,
        attachments: has_attachments.then_some(content.attachments),
        mentions,
        look: content.look,
        parent: in_reply_to.parent,
        thread: in_reply_to.thread,
    };
    store(change, &mut post)?;
    change.tell_members(chat, Happening::PostAdded(&post))?;
    Ok(Ok(post))
}

/// Notes in a team that people came or went, `by` the one who did it.
pub(super) fn insert_notice(
    change: &Change<'_>,
    team: &Chat,
    by: ExtensionId,
    kind: PostKind,
    people: &[ExtensionId],
) -> Result<(), StoreError> {
    let mut post = Post {
        id: PostId(0),
        chat: team.id,
        kind,
        text: None,
        creator: by,
        added: (kind == PostKind::PersonsAdded).then(|| people.to_vec()),
        removed: (kind == PostKind::PersonsRemoved).then(|| people.to_vec()),
        created_at: change.now,
        modified_at: change.now,
        attachments: None,
        mentions: None,
        look: Look::default(),
        parent: None,
        thread: None,
    };
    store(change, &mut post)?;
    change.tell_members(team, Happening::PostAdded(&post))
}

/// Writes the row, gives the post its id and its adaptive cards theirs.
fn store(change: &Change<'_>, post: &mut Post) -> Result<(), StoreError> {
    let list = |people: &Option<Vec<ExtensionId>>| people.as_ref().map(rows::to_json).transpose();
    rows::execute(
        change.db,
        "INSERT INTO posts (chat, kind, text, creator, added, removed, created_at, modified_at, attachments,
           mentions, activity, title, icon_uri, icon_emoji, parent, thread)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        params![
            key(post.chat.0),
            post.kind.name(),
            post.text,
            key(post.creator.0),
            list(&post.added)?,
            list(&post.removed)?,
            post.created_at.0,
            post.attachments.as_ref().map(rows::to_json).transpose()?,
            post.mentions.as_ref().map(rows::to_json).transpose()?,
            post.look.activity,
            post.look.title,
            post.look.icon_uri,
            post.look.icon_emoji,
            post.parent.map(|id| key(id.0)),
            post.thread.map(|id| key(id.0)),
        ],
    )?;
    post.id = PostId(change.db.last_insert_rowid().cast_unsigned());
    if number_cards(change, post)? {
        store_attachments(change, post)?;
    }
    let values = params![key(post.chat.0), change.now.0];
    rows::execute(change.db, "UPDATE chats SET last_post_at = ?2 WHERE no = ?1", values)?;
    Ok(())
}

/// Whether there were adaptive cards among the attachments.
fn number_cards(change: &Change<'_>, post: &mut Post) -> Result<bool, StoreError> {
    let mut any = false;
    for attachment in post.attachments.iter_mut().flatten() {
        if attachment.get("type").and_then(Value::as_str) != Some(ADAPTIVE) {
            continue;
        }
        rows::execute(
            change.db,
            "INSERT INTO adaptive_cards (post, creator, created_at, modified_at) VALUES (?1, ?2, ?3, ?3)",
            params![key(post.id.0), key(post.creator.0), change.now.0],
        )?;
        *attachment = numbered(change.db.last_insert_rowid(), attachment.take());
        any = true;
    }
    Ok(any)
}

/// A card as the attachment of a post: with its id, first.
pub(super) fn numbered(no: i64, card: Value) -> Value {
    let mut attachment = Map::new();
    attachment.insert("id".into(), no.to_string().into());
    if let Value::Object(members) = card {
        attachment.extend(members.into_iter().filter(|(name, _)| name != "id"));
    }
    Value::Object(attachment)
}

pub(super) fn store_attachments(change: &Change<'_>, post: &Post) -> Result<(), StoreError> {
    let attachments = post.attachments.as_ref().map(rows::to_json).transpose()?;
    let values = params![key(post.id.0), attachments, post.modified_at.0];
    rows::execute(change.db, "UPDATE posts SET attachments = ?2, modified_at = ?3 WHERE no = ?1", values)?;
    Ok(())
}

/// Where a reply hangs: on the post that it names, or on the one that began the thread.
fn place_of_reply(
    db: &Connection,
    chat: ChatId,
    reply: InReplyTo,
) -> Result<Result<InReplyTo, Refusal>, StoreError> {
    let began_at = |post: PostId| -> Result<Option<PostId>, StoreError> {
        Ok(of_chat(db, chat, post)?.map(|post| post.thread.unwrap_or(post.id)))
    };
    let (parent, thread) = match (reply.parent, reply.thread) {
        (None, None) => return Ok(Ok(reply)),
        (Some(parent), named) => match began_at(parent)? {
            None => return Ok(Err(Refusal::UnknownParent)),
            Some(thread) if named.is_some_and(|named| named != thread) => {
                return Ok(Err(Refusal::UnknownThread));
            }
            Some(thread) => (parent, thread),
        },
        (None, Some(thread)) => match began_at(thread)? {
            Some(beginning) if beginning == thread => (thread, thread),
            _ => return Ok(Err(Refusal::UnknownThread)),
        },
    };
    Ok(Ok(InReplyTo { parent: Some(parent), thread: Some(thread) }))
}

pub(super) fn change_text(
    change: &Change<'_>,
    asker: Asker,
    chat: ChatId,
    post: PostId,
    text: String,
) -> Answer<Post> {
    let (chat, mut post) = super::teams::granted!(own(change, asker, chat, post)?);
    if post.kind != PostKind::TextMessage {
        return Ok(Err(Refusal::NotEditable));
    }
    if post.text.as_ref() == Some(&text) {
        return Ok(Ok(post));
    }
    post.mentions = people::mentioned(change.db, asker, Some(&text))?;
    post.text = Some(text);
    post.modified_at = change.now;
    rows::execute(
        change.db,
        "UPDATE posts SET text = ?2, mentions = ?3, modified_at = ?4 WHERE no = ?1",
        params![
            key(post.id.0),
            post.text,
            post.mentions.as_ref().map(rows::to_json).transpose()?,
            change.now.0
        ],
    )?;
    change.tell_members(&chat, Happening::PostChanged(&post))?;
    Ok(Ok(post))
}

pub(super) fn delete(change: &Change<'_>, asker: Asker, chat: ChatId, post: PostId) -> Answer<()> {
    let (chat, post) = super::teams::granted!(own(change, asker, chat, post)?);
    remove(change, &chat, post.id)?;
    Ok(Ok(()))
}

/// Deletes a post, its cards with it, and tells the members.
pub(super) fn remove(change: &Change<'_>, chat: &Chat, post: PostId) -> Result<(), StoreError> {
    rows::execute(change.db, "DELETE FROM posts WHERE no = ?1", [key(post.0)])?;
    change.tell_members(chat, Happening::PostRemoved { chat: chat.id, post })
}

/// A post that the asker wrote, with its chat, which the asker is in.
fn own(change: &Change<'_>, asker: Asker, chat: ChatId, post: PostId) -> Answer<(Chat, Post)> {
    let Some(chat) = chats::chat(change.db, asker, chat)? else { return Ok(Err(Refusal::NotFound)) };
    let Some(post) = of_chat(change.db, chat.id, post)? else { return Ok(Err(Refusal::NotFound)) };
    if post.creator != asker.extension {
        return Ok(Err(Refusal::NotByAsker));
    }
    Ok(if chat.archived { Err(Refusal::Archived) } else { Ok((chat, post)) })
}

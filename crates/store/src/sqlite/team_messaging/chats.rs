//! Reading chats, and the two that everybody has.

use hookswitch_core::chat::{Asker, Chat, ChatKind};
use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, ChatId, ExtensionId};
use rusqlite::{Connection, params};

use super::rows::{self, chat_columns, count, key};
use crate::StoreError;
use crate::team_messaging::{MEMBERS_IN_LISTS, Page, PageOf, Place};

/// Numbers of chats that the asker is in, in the order given, on the given side of a number.
macro_rules! own_sql {
    ($side:literal, $order:literal) => {
        concat!(
            "SELECT c.no FROM (SELECT chat FROM chat_members WHERE extension = ?2 AND chat ",
            $side,
            " ?3 UNION ALL SELECT no FROM chats WHERE account = ?1 AND identity = 'everyone' AND no ",
            $side,
            " ?3) AS own JOIN chats c ON c.no = own.chat
              WHERE c.account = ?1 AND (?4 = '[]' OR c.kind IN (SELECT value FROM json_each(?4)))
              ORDER BY c.no ",
            $order,
            " LIMIT ?5"
        )
    };
}

/// The same for teams that the asker is in or may join.
macro_rules! teams_sql {
    ($side:literal, $order:literal) => {
        concat!(
            "SELECT no FROM (
               SELECT no FROM chats WHERE account = ?1 AND public = 1 AND deleted_at IS NULL AND no ",
            $side,
            " ?3 UNION SELECT c.no FROM chat_members m JOIN chats c ON c.no = m.chat
                 WHERE m.extension = ?2 AND c.account = ?1 AND c.kind = 'Team' AND m.chat ",
            $side,
            " ?3) WHERE ?4 = '[]' ORDER BY no ",
            $order,
            " LIMIT ?5"
        )
    };
}

/// The identity of the one chat of everyone.
pub(super) const EVERYONE: &str = "everyone";

/// One chat that the asker is in, with all its members.
pub(super) fn chat(db: &Connection, asker: Asker, chat: ChatId) -> Result<Option<Chat>, StoreError> {
    let sql = concat!(
        "SELECT ",
        chat_columns!(),
        " FROM chats c WHERE c.no = ?1 AND c.account = ?2 AND (c.kind = 'Everyone' OR EXISTS
          (SELECT 1 FROM chat_members WHERE chat = ?1 AND extension = ?3))"
    );
    let ids = params![key(chat.0), key(asker.account.0), key(asker.extension.0)];
    with_members(db, rows::one(db, sql, ids, rows::chat)?)
}

/// A team that the asker is in or may join.
pub(super) fn team(db: &Connection, asker: Asker, team: ChatId) -> Result<Option<Chat>, StoreError> {
    let sql = concat!(
        "SELECT ",
        chat_columns!(),
        " FROM chats c WHERE c.no = ?1 AND c.account = ?2 AND c.kind = 'Team' AND c.deleted_at IS NULL
          AND (c.public = 1 OR EXISTS (SELECT 1 FROM chat_members WHERE chat = ?1 AND extension = ?3))"
    );
    let ids = params![key(team.0), key(asker.account.0), key(asker.extension.0)];
    with_members(db, rows::one(db, sql, ids, rows::chat)?)
}

/// For those who have no asker: an incoming webhook's chat.
pub(super) fn standing(
    db: &Connection,
    account: AccountId,
    chat: ChatId,
) -> Result<Option<Chat>, StoreError> {
    let sql = concat!(
        "SELECT ",
        chat_columns!(),
        " FROM chats c WHERE c.no = ?1 AND c.account = ?2 AND c.deleted_at IS NULL"
    );
    with_members(db, rows::one(db, sql, params![key(chat.0), key(account.0)], rows::chat)?)
}

pub(super) fn by_identity(
    db: &Connection,
    account: AccountId,
    identity: &str,
) -> Result<Option<Chat>, StoreError> {
    let sql = concat!("SELECT ", chat_columns!(), " FROM chats c WHERE c.account = ?1 AND c.identity = ?2");
    with_members(db, rows::one(db, sql, params![key(account.0), identity], rows::chat)?)
}

pub(super) fn with_members(db: &Connection, chat: Option<Chat>) -> Result<Option<Chat>, StoreError> {
    let Some(mut chat) = chat else { return Ok(None) };
    chat.members = rows::members(db, &chat, usize::MAX)?;
    Ok(Some(chat))
}

pub(super) fn members_of(
    db: &Connection,
    account: AccountId,
    chat: ChatId,
) -> Result<Option<Vec<ExtensionId>>, StoreError> {
    Ok(standing(db, account, chat)?.map(|chat| chat.members))
}

/// Which chats a page is about.
enum Whose {
    /// Those that the asker is in, of these kinds.
    OwnOfKinds(Vec<ChatKind>),
    /// Teams that the asker is in or may join.
    Teams,
}

pub(super) fn own(
    db: &Connection,
    asker: Asker,
    kinds: Vec<ChatKind>,
    page: PageOf,
) -> Result<Page<Chat>, StoreError> {
    self::page(db, asker, &Whose::OwnOfKinds(kinds), page)
}

pub(super) fn teams(db: &Connection, asker: Asker, page: PageOf) -> Result<Page<Chat>, StoreError> {
    self::page(db, asker, &Whose::Teams, page)
}

fn page(db: &Connection, asker: Asker, whose: &Whose, page: PageOf) -> Result<Page<Chat>, StoreError> {
    let (backwards, from) = match page.place {
        Place::Start => (false, 0),
        Place::After(no) => (false, no),
        Place::Before(no) => (true, no),
        Place::End => (true, u64::MAX >> 1),
    };
    // One more than asked for says whether there is more.
    let numbers = numbers(db, asker, whose, backwards, from, page.limit + 1)?;
    let has_more = numbers.len() > page.limit;
    let mut records = Vec::with_capacity(page.limit);
    for no in numbers.into_iter().take(page.limit) {
        records.extend(listed(db, no)?);
    }
    let has_behind = matches!(page.place, Place::After(_) | Place::Before(_));
    if backwards {
        records.reverse();
        return Ok(Page { records, has_earlier: has_more, has_later: has_behind });
    }
    Ok(Page { records, has_earlier: has_behind, has_later: has_more })
}

fn numbers(
    db: &Connection,
    asker: Asker,
    whose: &Whose,
    backwards: bool,
    from: u64,
    limit: usize,
) -> Result<Vec<i64>, StoreError> {
    let kinds = match whose {
        Whose::OwnOfKinds(kinds) => kind_list(kinds)?,
        Whose::Teams => "[]".to_owned(),
    };
    let sql = match (whose, backwards) {
        (Whose::OwnOfKinds(_), false) => own_sql!(">", "ASC"),
        (Whose::OwnOfKinds(_), true) => own_sql!("<", "DESC"),
        (Whose::Teams, false) => teams_sql!(">", "ASC"),
        (Whose::Teams, true) => teams_sql!("<", "DESC"),
    };
    let values = params![key(asker.account.0), key(asker.extension.0), key(from), kinds, count(limit)];
    rows::many(db, sql, values, |row| row.get(0))
}

/// Kinds as JSON for a query; an empty list lets all pass.
fn kind_list(kinds: &[ChatKind]) -> Result<String, StoreError> {
    rows::to_json(&kinds)
}

/// Chats that the asker is in, those with the latest post first.
pub(super) fn recent(
    db: &Connection,
    asker: Asker,
    kinds: &[ChatKind],
    limit: usize,
) -> Result<Vec<Chat>, StoreError> {
    let sql = "SELECT no FROM chats
               WHERE account = ?1
                 AND no IN (SELECT chat FROM chat_members WHERE extension = ?2
                            UNION ALL SELECT no FROM chats WHERE account = ?1 AND identity = 'everyone')
                 AND (?3 = '[]' OR kind IN (SELECT value FROM json_each(?3)))
               ORDER BY last_post_at DESC, no DESC LIMIT ?4";
    let values = params![key(asker.account.0), key(asker.extension.0), kind_list(kinds)?, count(limit)];
    listed_all(db, rows::many(db, sql, values, |row| row.get(0))?)
}

pub(super) fn favorites(db: &Connection, asker: Asker, limit: usize) -> Result<Vec<Chat>, StoreError> {
    let sql = "SELECT c.no FROM favorite_chats f JOIN chats c ON c.no = f.chat
               WHERE f.extension = ?2 AND c.account = ?1 AND (c.kind = 'Everyone'
                 OR EXISTS (SELECT 1 FROM chat_members m WHERE m.chat = c.no AND m.extension = ?2))
               ORDER BY f.since, f.chat LIMIT ?3";
    let values = params![key(asker.account.0), key(asker.extension.0), count(limit)];
    listed_all(db, rows::many(db, sql, values, |row| row.get(0))?)
}

fn listed_all(db: &Connection, numbers: Vec<i64>) -> Result<Vec<Chat>, StoreError> {
    let mut chats = Vec::with_capacity(numbers.len());
    for no in numbers {
        chats.extend(listed(db, no)?);
    }
    Ok(chats)
}

/// A chat as lists show it.
fn listed(db: &Connection, no: i64) -> Result<Option<Chat>, StoreError> {
    let sql = concat!("SELECT ", chat_columns!(), " FROM chats c WHERE c.no = ?1");
    let Some(mut chat) = rows::one(db, sql, [no], rows::chat)? else { return Ok(None) };
    chat.members = rows::members(db, &chat, MEMBERS_IN_LISTS)?;
    Ok(Some(chat))
}

/// Whether the two chats that everybody has are there already.
pub(super) fn has_standing_chats(db: &Connection, asker: Asker) -> Result<bool, StoreError> {
    let personal = identity(&[asker.extension]);
    Ok(by_identity_exists(db, asker.account, &personal)? && by_identity_exists(db, asker.account, EVERYONE)?)
}

fn by_identity_exists(db: &Connection, account: AccountId, identity: &str) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM chats WHERE account = ?1 AND identity = ?2";
    Ok(rows::one(db, sql, params![key(account.0), identity], |_| Ok(()))?.is_some())
}

/// Makes the two chats that everybody has, where they are not there.
pub(super) fn make_standing_chats(db: &Connection, asker: Asker, now: WallTime) -> Result<(), StoreError> {
    if !by_identity_exists(db, asker.account, EVERYONE)? {
        insert(db, asker.account, ChatKind::Everyone, EVERYONE, None, now)?;
    }
    let personal = identity(&[asker.extension]);
    if !by_identity_exists(db, asker.account, &personal)? {
        let chat = insert(db, asker.account, ChatKind::PersonalChat, &personal, None, now)?;
        add_member(db, chat, asker.extension)?;
    }
    Ok(())
}

/// What there is only one conversation of.
pub(super) fn identity(people: &[ExtensionId]) -> String {
    let people: Vec<String> = people.iter().map(ToString::to_string).collect();
    people.join(",")
}

/// A chat other than a team.
pub(super) fn insert(
    db: &Connection,
    account: AccountId,
    kind: ChatKind,
    identity: &str,
    creator: Option<ExtensionId>,
    now: WallTime,
) -> Result<ChatId, StoreError> {
    let name = (kind == ChatKind::Everyone).then_some("Everyone");
    rows::execute(
        db,
        "INSERT INTO chats (account, kind, identity, name, creator, created_at, modified_at, last_post_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?6)",
        params![key(account.0), kind.name(), identity, name, creator.map(|id| key(id.0)), now.0],
    )?;
    Ok(ChatId(db.last_insert_rowid().cast_unsigned()))
}

/// Whether they were not in it before.
pub(super) fn add_member(db: &Connection, chat: ChatId, person: ExtensionId) -> Result<bool, StoreError> {
    let sql = "INSERT OR IGNORE INTO chat_members (chat, extension) VALUES (?1, ?2)";
    Ok(rows::execute(db, sql, params![key(chat.0), key(person.0)])? > 0)
}

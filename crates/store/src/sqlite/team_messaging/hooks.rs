//! Incoming webhooks. The id is the secret that posting takes: it is found by its hash and sealed in its
//! own row.

use hookswitch_core::chat::happening::Happening;
use hookswitch_core::chat::{Asker, Chat, Content, Hook, HookAddresses, HookStatus, Post, PostKind};
use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, ChatId, ExtensionId, HookNo};
use hookswitch_core::limits::WEBHOOKS_PER_CHAT;
use ring::digest::{SHA256, digest};
use rusqlite::{Connection, Params, params};

use super::change::{Change, Secrets};
use super::rows::{self, Word, key};
use super::{chats, posts};
use crate::StoreError;
use crate::team_messaging::{Answer, InReplyTo, Refusal};

const COLUMNS: &str = "SELECT no, id_hash, sealed_id, account, chat, creator, status, created_at, modified_at FROM incoming_webhooks";

fn hash(id: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, id.as_bytes()).as_ref());
    hash
}

/// Where an id is sealed, so that it opens in its own row only.
fn place(hash: &[u8; 32]) -> String {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("incoming-webhook/{hex}/id")
}

fn select(
    db: &Connection,
    secrets: &Secrets,
    condition: &str,
    params: impl Params,
) -> Result<Vec<Hook>, StoreError> {
    let sealed = rows::many(db, &format!("{COLUMNS} WHERE {condition}"), params, |row| {
        let hook = Hook {
            no: HookNo(row.get(0)?),
            id: String::new(),
            account: AccountId(rows::unsigned(row, 3)?),
            chat: ChatId(rows::unsigned(row, 4)?),
            creator: ExtensionId(rows::unsigned(row, 5)?),
            status: row.get::<_, Word<HookStatus>>(6)?.0,
            created_at: WallTime(row.get(7)?),
            modified_at: WallTime(row.get(8)?),
        };
        Ok((hook, row.get::<_, [u8; 32]>(1)?, row.get::<_, Vec<u8>>(2)?))
    })?;
    let open = |(hook, hash, sealed): (Hook, [u8; 32], Vec<u8>)| {
        Ok(Hook { id: secrets.open(&place(&hash), &sealed)?, ..hook })
    };
    sealed.into_iter().map(open).collect()
}

pub(super) fn create(
    change: &Change<'_>,
    asker: Asker,
    chat: ChatId,
    id: &str,
    addresses: &HookAddresses,
) -> Answer<Hook> {
    let Some(chat) = chats::chat(change.db, asker, chat)? else { return Ok(Err(Refusal::NotFound)) };
    if chat.archived {
        return Ok(Err(Refusal::Archived));
    }
    let sql = "SELECT count(*) FROM incoming_webhooks WHERE chat = ?1 AND status <> 'Deleted'";
    let present: i64 = change.db.prepare_cached(sql)?.query_row([key(chat.id.0)], |row| row.get(0))?;
    if present >= rows::count(WEBHOOKS_PER_CHAT) {
        return Ok(Err(Refusal::TooManyHooks(WEBHOOKS_PER_CHAT)));
    }
    let hash = hash(id);
    rows::execute(
        change.db,
        "INSERT INTO incoming_webhooks (id_hash, sealed_id, account, chat, creator, status, created_at, modified_at)
         VALUES (?1, ?2, ?3, ?4, ?5, 'Active', ?6, ?6)",
        params![
            hash,
            change.secrets.seal(&place(&hash), id),
            key(asker.account.0),
            key(chat.id.0),
            key(asker.extension.0),
            change.now.0
        ],
    )?;
    let hook = Hook {
        no: HookNo(change.db.last_insert_rowid()),
        id: id.to_owned(),
        account: asker.account,
        chat: chat.id,
        creator: asker.extension,
        status: HookStatus::Active,
        created_at: change.now,
        modified_at: change.now,
    };
    change.tell_members(&chat, Happening::WebhookCreated(&hook, addresses))?;
    Ok(Ok(hook))
}

pub(super) fn of_chat(
    db: &Connection,
    secrets: &Secrets,
    asker: Asker,
    chat: ChatId,
) -> Result<Option<Vec<Hook>>, StoreError> {
    if !posts::is_in(db, asker, chat)? {
        return Ok(None);
    }
    select(db, secrets, "chat = ?1 AND status <> 'Deleted' ORDER BY no", [key(chat.0)]).map(Some)
}

pub(super) fn own(db: &Connection, secrets: &Secrets, asker: Asker) -> Result<Vec<Hook>, StoreError> {
    let ids = [key(asker.account.0), key(asker.extension.0)];
    select(db, secrets, "account = ?1 AND creator = ?2 AND status <> 'Deleted' ORDER BY no", ids)
}

/// One that the asker made or whose chat the asker is in.
pub(super) fn visible(
    db: &Connection,
    secrets: &Secrets,
    asker: Asker,
    id: &str,
) -> Result<Option<Hook>, StoreError> {
    let found =
        select(db, secrets, "id_hash = ?1 AND account = ?2", params![hash(id), key(asker.account.0)])?;
    let Some(hook) = found.into_iter().next() else { return Ok(None) };
    let is_visible = hook.creator == asker.extension || posts::is_in(db, asker, hook.chat)?;
    Ok(is_visible.then_some(hook))
}

pub(super) fn set_status(
    change: &Change<'_>,
    asker: Asker,
    id: &str,
    status: HookStatus,
    addresses: &HookAddresses,
) -> Answer<()> {
    let hook = visible(change.db, change.secrets, asker, id)?;
    let Some(hook) = hook.filter(|hook| hook.status != HookStatus::Deleted) else {
        return Ok(Err(Refusal::NotFound));
    };
    let Some(chat) = chats::standing(change.db, hook.account, hook.chat)? else {
        return Ok(Err(Refusal::NotFound));
    };
    let runs_the_team = chat.kind == hookswitch_core::chat::ChatKind::Team && chat.is_run_by(asker);
    if hook.creator != asker.extension && !runs_the_team && !asker.administrator {
        return Ok(Err(Refusal::NotByAsker));
    }
    if hook.status != status {
        put(change, &chat, hook, status, addresses)?;
    }
    Ok(Ok(()))
}

fn put(
    change: &Change<'_>,
    chat: &Chat,
    hook: Hook,
    status: HookStatus,
    addresses: &HookAddresses,
) -> Result<(), StoreError> {
    let before = hook.status;
    let hook = Hook { status, modified_at: change.now, ..hook };
    let values = params![hook.no.0, status.name(), change.now.0];
    rows::execute(
        change.db,
        "UPDATE incoming_webhooks SET status = ?2, modified_at = ?3 WHERE no = ?1",
        values,
    )?;
    let happening = match status {
        HookStatus::Deleted => Happening::WebhookDeleted(&hook, addresses),
        _ => Happening::WebhookUpdated { hook: &hook, before, addresses },
    };
    change.tell_members(chat, happening)
}

/// With the team that they post into.
pub(super) fn delete_all_of(
    change: &Change<'_>,
    team: &Chat,
    addresses: &HookAddresses,
) -> Result<(), StoreError> {
    let condition = "chat = ?1 AND status <> 'Deleted' ORDER BY no";
    for hook in select(change.db, change.secrets, condition, [key(team.id.0)])? {
        put(change, team, hook, HookStatus::Deleted, addresses)?;
    }
    Ok(())
}

pub(super) fn active(db: &Connection, id: &str) -> Result<Option<HookNo>, StoreError> {
    let sql = "SELECT no FROM incoming_webhooks WHERE id_hash = ?1 AND status = 'Active'";
    rows::one(db, sql, [hash(id)], |row| row.get(0).map(HookNo))
}

/// A post in the name of who made the webhook.
pub(super) fn post(change: &Change<'_>, hook: HookNo, content: Content) -> Answer<Post> {
    let sql = "SELECT account, chat, creator FROM incoming_webhooks WHERE no = ?1 AND status = 'Active'";
    let found = rows::one(change.db, sql, [hook.0], |row| {
        let author = Asker {
            account: AccountId(rows::unsigned(row, 0)?),
            extension: ExtensionId(rows::unsigned(row, 2)?),
            administrator: false,
        };
        Ok((author, ChatId(rows::unsigned(row, 1)?)))
    })?;
    let Some((author, chat)) = found else { return Ok(Err(Refusal::NotFound)) };
    match chats::standing(change.db, author.account, chat)? {
        None => Ok(Err(Refusal::NotFound)),
        Some(chat) => {
            posts::insert(change, author, &chat, PostKind::TextMessage, content, InReplyTo::default())
        }
    }
}

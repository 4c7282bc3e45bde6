//! Who is meant: people as a request names them, and what a text calls them.

use hookswitch_core::chat::{Asker, Mention, MentionKind, mentions};
use hookswitch_core::id::{ChatId, ExtensionId};
use rusqlite::{Connection, params};

use super::{chats, rows};
use crate::StoreError;
use crate::team_messaging::{Invitee, Refusal};

/// Their ids, ascending and each once, or which of them is nobody of the account.
pub(super) fn resolve(
    db: &Connection,
    asker: Asker,
    people: &[Invitee],
) -> Result<Result<Vec<ExtensionId>, Refusal>, StoreError> {
    let mut found = Vec::with_capacity(people.len());
    for (index, person) in people.iter().enumerate() {
        match find(db, asker, person)? {
            Some(id) => found.push(id),
            None => return Ok(Err(Refusal::UnknownPerson(index))),
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(Ok(found))
}

fn find(db: &Connection, asker: Asker, person: &Invitee) -> Result<Option<ExtensionId>, StoreError> {
    let account = rows::key(asker.account.0);
    let read = |row: &rusqlite::Row<'_>| Ok(ExtensionId(rows::unsigned(row, 0)?));
    match person {
        Invitee::Extension(id) => {
            let sql = "SELECT id FROM extensions WHERE account = ?1 AND id = ?2";
            rows::one(db, sql, params![account, rows::key(id.0)], read)
        }
        Invitee::Email(email) => {
            let sql = "SELECT id FROM extensions WHERE email = lower(?2) AND email <> '' AND account = ?1
                       ORDER BY id LIMIT 1";
            rows::one(db, sql, params![account, email], read)
        }
    }
}

/// What the text mentions, with the names that the author may see; `None` if nothing.
pub(super) fn mentioned(
    db: &Connection,
    author: Asker,
    text: Option<&str>,
) -> Result<Option<Vec<Mention>>, StoreError> {
    let mut found = Vec::new();
    for (kind, id) in text.map(mentions::find).unwrap_or_default() {
        let name = match kind {
            MentionKind::Person => name_of_person(db, author, id)?,
            MentionKind::Team => name_of_team(db, author, id)?,
            _ => None,
        };
        found.push(Mention { id: id.to_owned(), kind, name });
    }
    Ok((!found.is_empty()).then_some(found))
}

fn name_of_person(db: &Connection, author: Asker, id: &str) -> Result<Option<String>, StoreError> {
    let Ok(id) = id.parse::<u64>() else { return Ok(None) };
    let sql = "SELECT name FROM extensions WHERE account = ?1 AND id = ?2";
    rows::one(db, sql, params![rows::key(author.account.0), rows::key(id)], |row| row.get(0))
}

fn name_of_team(db: &Connection, author: Asker, id: &str) -> Result<Option<String>, StoreError> {
    let Ok(id) = id.parse::<u64>() else { return Ok(None) };
    Ok(chats::team(db, author, ChatId(id))?.and_then(|team| team.name))
}

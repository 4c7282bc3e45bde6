//! What every change has at hand inside its transaction: the connection, the time, fresh uuids, the seal
//! of webhooks' ids, and the list of waiting events.

use std::sync::Arc;

use hookswitch_core::chat::Chat;
use hookswitch_core::chat::happening::Happening;
use hookswitch_core::clock::{Entropy, WallTime};
use hookswitch_core::id::ExtensionId;
use hookswitch_core::limits::MESSAGING_EVENTS_WAITING;
use hookswitch_core::vault::{NONCE_BYTES, Vault, VaultError};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::rows;
use crate::StoreError;

/// The vault with a source of nonces.
#[derive(Clone)]
pub(super) struct Secrets {
    pub(super) vault: Arc<Vault>,
    pub(super) entropy: Arc<dyn Entropy>,
}

impl Secrets {
    pub(super) fn seal(&self, place: &str, secret: &str) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        self.entropy.fill(&mut nonce);
        self.vault.seal(nonce, place, secret.as_bytes())
    }

    pub(super) fn open(&self, place: &str, sealed: &[u8]) -> Result<String, StoreError> {
        let damaged =
            |error: VaultError| StoreError::Corrupt(format!("control.db, incoming_webhooks: {error}"));
        self.vault.open_text(place, sealed).map_err(damaged)
    }
}

pub(super) struct Change<'a> {
    pub(super) db: &'a Connection,
    pub(super) secrets: &'a Secrets,
    pub(super) now: WallTime,
}

impl Change<'_> {
    /// Version 7, so that the event log's index over uuids stays cheap.
    fn uuid(&self) -> Uuid {
        let mut random = [0; 10];
        self.secrets.entropy.fill(&mut random);
        let millis = u64::try_from(self.now.0).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// Tells all in the chat, its members being read.
    pub(super) fn tell_members(&self, chat: &Chat, happening: Happening<'_>) -> Result<(), StoreError> {
        self.tell(chat, happening, &chat.members)
    }

    pub(super) fn tell(
        &self,
        chat: &Chat,
        happening: Happening<'_>,
        recipients: &[ExtensionId],
    ) -> Result<(), StoreError> {
        if recipients.is_empty() {
            return Ok(());
        }
        rows::execute(
            self.db,
            "INSERT INTO messaging_events (uuid, account, name, occurred_at, body, recipients)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                self.uuid().as_bytes(),
                rows::key(chat.account.0),
                happening.event_name(),
                self.now.0,
                happening.body(),
                rows::to_json(&recipients)?
            ],
        )?;
        Ok(())
    }

    /// Refuses a change while too many events wait.
    pub(super) fn check_room(&self) -> Result<(), StoreError> {
        let (first, last) = self
            .db
            .prepare_cached(
                "SELECT coalesce((SELECT min(no) FROM messaging_events), 0),
                        coalesce((SELECT max(no) FROM messaging_events), 0)",
            )?
            .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        if last - first >= MESSAGING_EVENTS_WAITING {
            return Err(StoreError::Unavailable(
                "too many events of team messaging wait to be published".into(),
            ));
        }
        Ok(())
    }
}

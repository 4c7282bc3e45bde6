//! The directory on `control.db`. This file joins the operations to the trait; the SQL is in
//! `people` (accounts, extensions, logins), `apps`, `sessions` (sessions and tokens), `sign_in` and `foundation`;
//! making and removing all of them is in `provisioning`.

mod apps;
mod foundation;
mod people;
mod provisioning;
mod sessions;
mod sign_in;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use hookswitch_core::clock::Entropy;
use hookswitch_core::id::{AccountId, AppNo, ExtensionId};
use hookswitch_core::vault::{NONCE_BYTES, Vault, VaultError};

use super::control::ControlDb;
use crate::StoreError;
use crate::directory::{
    Account, Directory, Ended, Extension, ExtensionFilter, ExtensionPage, Foundation, JwtCredential,
    LoginName, LoginRecord, NewSession, OpenedSession, PageOf, Refresh, Refreshed, RegisteredApp, SigningKey,
    TokenHash, TokenRecord, WatchedExtension,
};

/// The note by which a master key is recognised.
const TOUCHSTONE: &str = "touchstone";

#[derive(Clone)]
pub struct SqliteDirectory {
    db: ControlDb,
    secrets: Secrets,
}

/// Where the x-signing-token of an account's company is sealed.
fn conference_token_place(account: AccountId) -> String {
    format!("account/{account}/conference-token")
}

/// Seals with fresh nonces.
#[derive(Clone)]
struct Secrets {
    vault: Arc<Vault>,
    entropy: Arc<dyn Entropy>,
}

impl Secrets {
    fn seal(&self, place: &str, secret: &str) -> Vec<u8> {
        self.seal_bytes(place, secret.as_bytes())
    }

    fn seal_bytes(&self, place: &str, secret: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        self.entropy.fill(&mut nonce);
        self.vault.seal(nonce, place, secret)
    }

    fn open(&self, place: &str, sealed: &[u8]) -> Result<String, StoreError> {
        self.vault.open_text(place, sealed).map_err(unreadable)
    }

    fn open_bytes(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.vault.open(place, sealed).map_err(unreadable)
    }
}

impl SqliteDirectory {
    /// Takes the directory of `db` into use. Refuses a vault that cannot open what is in it.
    pub async fn open(
        db: ControlDb,
        vault: Arc<Vault>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, StoreError> {
        let directory = Self { db, secrets: Secrets { vault, entropy } };
        if directory.note(TOUCHSTONE).await?.is_none() {
            let notes = vec![(TOUCHSTONE.to_owned(), TOUCHSTONE.to_owned())];
            directory.establish(Foundation { notes, ..Foundation::default() }).await?;
        }
        Ok(directory)
    }
}

#[async_trait]
impl Directory for SqliteDirectory {
    async fn account(&self, account: AccountId) -> Result<Option<Account>, StoreError> {
        self.db.read(move |db| people::account(db, account)).await
    }

    async fn account_of_company(&self, company: u64) -> Result<Option<AccountId>, StoreError> {
        self.db.read(move |db| people::account_of_company(db, company)).await
    }

    async fn extension(&self, account: AccountId, id: ExtensionId) -> Result<Option<Extension>, StoreError> {
        self.db.read(move |db| people::extension(db, account, id)).await
    }

    async fn extensions(
        &self,
        account: AccountId,
        filter: ExtensionFilter,
        page: PageOf,
    ) -> Result<ExtensionPage, StoreError> {
        self.db.read(move |db| people::extensions(db, account, &filter, page)).await
    }

    async fn existing_extensions(
        &self,
        account: AccountId,
        ids: Vec<ExtensionId>,
    ) -> Result<Vec<WatchedExtension>, StoreError> {
        self.db.read(move |db| people::existing_extensions(db, account, &ids)).await
    }

    async fn app(&self, app: AppNo) -> Result<Option<RegisteredApp>, StoreError> {
        let secrets = self.secrets.clone();
        self.db.read(move |db| apps::by_number(db, &secrets, app)).await
    }

    async fn app_by_client_id(&self, client_id: &str) -> Result<Option<RegisteredApp>, StoreError> {
        let (secrets, client_id) = (self.secrets.clone(), client_id.to_owned());
        self.db.read(move |db| apps::by_client_id(db, &secrets, &client_id)).await
    }

    async fn login(&self, name: LoginName) -> Result<Option<LoginRecord>, StoreError> {
        self.db.read(move |db| people::login(db, &name)).await
    }

    async fn login_by_credential(
        &self,
        jti: &str,
    ) -> Result<Option<(JwtCredential, LoginRecord)>, StoreError> {
        let jti = jti.to_owned();
        self.db.read(move |db| people::login_by_credential(db, &jti)).await
    }

    async fn signing_key(&self, kid: &str) -> Result<Option<SigningKey>, StoreError> {
        let (secrets, kid) = (self.secrets.clone(), kid.to_owned());
        self.db.read(move |db| apps::signing_key(db, &secrets, &kid)).await
    }

    async fn open_session(&self, session: NewSession) -> Result<OpenedSession, StoreError> {
        self.db.write(move |db| sessions::open(db, &session)).await
    }

    async fn refresh_session(&self, refresh: Refresh) -> Result<Refreshed, StoreError> {
        self.db.write(move |db| sessions::refresh(db, &refresh)).await
    }

    async fn end_session(&self, token: TokenHash, app: AppNo) -> Result<Ended, StoreError> {
        self.db.write(move |db| sessions::end(db, token, app)).await
    }

    async fn token(&self, token: TokenHash) -> Result<Option<TokenRecord>, StoreError> {
        self.db.read(move |db| sessions::token(db, token)).await
    }

    async fn mark_used(&self, session: i64, now: hookswitch_core::clock::WallTime) -> Result<(), StoreError> {
        self.db.write(move |db| sessions::mark_used(db, session, now)).await
    }

    async fn establish(&self, foundation: Foundation) -> Result<(), StoreError> {
        let secrets = self.secrets.clone();
        self.db.write(move |db| foundation::establish(db, &secrets, &foundation)).await
    }

    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        let (secrets, name) = (self.secrets.clone(), name.to_owned());
        self.db.read(move |db| foundation::note(db, &secrets, &name)).await
    }
}

fn unreadable(error: VaultError) -> StoreError {
    StoreError::Corrupt(format!(
        "a secret cannot be read, is this the master key of this data folder? {error}"
    ))
}

fn unknown_name(what: &'static str, name: &str) -> StoreError {
    StoreError::Corrupt(format!("control.db holds the {what} `{name}`, which this program does not know"))
}

/// SQLite counts with a sign; the ids that we give fit.
fn signed(id: u64) -> Result<i64, StoreError> {
    i64::try_from(id).map_err(|error| StoreError::Failed(Box::new(error)))
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn json_list(items: &[String]) -> Result<String, StoreError> {
    serde_json::to_string(items).map_err(|error| StoreError::Failed(Box::new(error)))
}

fn from_json_list(text: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(format!("a list in control.db: {error}")))
}

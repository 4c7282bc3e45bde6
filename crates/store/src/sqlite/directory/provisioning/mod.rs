//! Provisioning on `control.db`. This file joins the operations to the trait; the SQL is in `accounts`,
//! `extensions`, `apps`, `tokens` (tokens and credentials), `companies`, `audit` and `usage`.

mod accounts;
mod apps;
mod audit;
mod companies;
mod extensions;
#[cfg(test)]
mod tests;
mod tokens;
mod usage;

use async_trait::async_trait;
use hookswitch_core::id::{AccountId, AppNo, ExtensionId};
use hookswitch_core::signing_token::SigningToken;
use rusqlite::{Connection, Params};

use super::{SqliteDirectory, signed};
use crate::StoreError;
use crate::directory::{JwtCredential, NewApp, NewServiceToken, SigningKey, TokenHash};
use crate::provisioning::{
    AccountEntry, Actor, AppEntry, AuditLine, Cut, EndpointChange, ExtensionEntry, ExtensionWrite, Looked,
    Lookup, Provisioning, Record, TokenDropped, TokenEntry, UsageQuery, UsageRow, Whose, Written,
};

#[async_trait]
impl Provisioning for SqliteDirectory {
    async fn accounts(
        &self,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<AccountEntry>, StoreError> {
        self.db.read(move |db| accounts::list(db, after, limit)).await
    }

    async fn account_entry(&self, account: AccountId) -> Result<Option<AccountEntry>, StoreError> {
        self.db.read(move |db| accounts::one(db, account)).await
    }

    async fn create_account(
        &self,
        entry: AccountEntry,
        conference_token: String,
        by: Actor,
    ) -> Result<Written, StoreError> {
        let secrets = self.secrets.clone();
        self.db.write(move |db| accounts::create(db, &secrets, entry, conference_token, &by)).await
    }

    async fn change_account(&self, entry: AccountEntry, by: Actor) -> Result<Written, StoreError> {
        self.db.write(move |db| accounts::change(db, &entry, &by)).await
    }

    async fn empty_account(&self, account: AccountId, limit: usize) -> Result<Cut, StoreError> {
        self.db.write(move |db| accounts::empty(db, account, limit)).await
    }

    async fn drop_account(&self, account: AccountId, by: Actor) -> Result<Written, StoreError> {
        self.db.write(move |db| accounts::drop(db, account, &by)).await
    }

    async fn extensions_after(
        &self,
        account: AccountId,
        after: Option<ExtensionId>,
        limit: usize,
    ) -> Result<Vec<ExtensionEntry>, StoreError> {
        self.db.read(move |db| extensions::list(db, account, after, limit)).await
    }

    async fn extension_ids(
        &self,
        account: AccountId,
        after: Option<ExtensionId>,
        limit: usize,
    ) -> Result<Vec<ExtensionId>, StoreError> {
        self.db.read(move |db| extensions::ids(db, account, after, limit)).await
    }

    async fn look_up(&self, account: AccountId, lookups: Vec<Lookup>) -> Result<Vec<Looked>, StoreError> {
        self.db
            .read(move |db| lookups.iter().map(|one| extensions::look_up(db, account, one)).collect())
            .await
    }

    async fn write_extensions(
        &self,
        account: AccountId,
        writes: Vec<ExtensionWrite>,
        record: Record,
    ) -> Result<Written, StoreError> {
        self.db.write(move |db| extensions::write(db, account, &writes, &record)).await
    }

    async fn drop_extensions(
        &self,
        account: AccountId,
        ids: Vec<ExtensionId>,
        record: Record,
    ) -> Result<(usize, Cut), StoreError> {
        self.db.write(move |db| extensions::drop(db, account, &ids, &record)).await
    }

    async fn access_tokens(&self, extensions: Vec<ExtensionId>) -> Result<Vec<TokenHash>, StoreError> {
        self.db.read(move |db| extensions::access_tokens(db, &extensions)).await
    }

    async fn end_sessions(&self, whose: Whose, limit: usize) -> Result<Cut, StoreError> {
        self.db.write(move |db| extensions::end_sessions(db, &whose, limit)).await
    }

    async fn apps(&self, after: Option<AppNo>, limit: usize) -> Result<Vec<AppEntry>, StoreError> {
        self.db.read(move |db| apps::list(db, after, limit)).await
    }

    async fn app_entry(&self, app: AppNo) -> Result<Option<AppEntry>, StoreError> {
        self.db.read(move |db| apps::one(db, app)).await
    }

    async fn create_app(&self, app: NewApp, by: Actor) -> Result<Option<AppNo>, StoreError> {
        let secrets = self.secrets.clone();
        self.db.write(move |db| apps::create(db, &secrets, &app, &by)).await
    }

    async fn change_app(&self, entry: AppEntry, by: Actor) -> Result<Written, StoreError> {
        self.db.write(move |db| apps::change(db, &entry, &by)).await
    }

    async fn drop_app(&self, app: AppNo, by: Actor) -> Result<Written, StoreError> {
        self.db.write(move |db| apps::drop(db, app, &by)).await
    }

    async fn service_tokens(&self, after: Option<i64>, limit: usize) -> Result<Vec<TokenEntry>, StoreError> {
        self.db.read(move |db| tokens::list(db, after, limit)).await
    }

    async fn service_token(&self, no: i64) -> Result<Option<TokenEntry>, StoreError> {
        self.db.read(move |db| tokens::one(db, no)).await
    }

    async fn service_token_by_hash(&self, token: TokenHash) -> Result<Option<TokenEntry>, StoreError> {
        self.db.read(move |db| tokens::by_hash(db, token)).await
    }

    async fn has_admin_token(&self) -> Result<bool, StoreError> {
        self.db.read(|db| Ok(tokens::admins(db)? > 0)).await
    }

    async fn create_service_token(
        &self,
        token: NewServiceToken,
        by: Actor,
    ) -> Result<Option<i64>, StoreError> {
        self.db.write(move |db| tokens::create(db, &token, &by)).await
    }

    async fn rename_service_token(&self, no: i64, name: String, by: Actor) -> Result<Written, StoreError> {
        self.db.write(move |db| tokens::rename(db, no, &name, &by)).await
    }

    async fn drop_service_token(&self, no: i64, by: Actor) -> Result<TokenDropped, StoreError> {
        self.db.write(move |db| tokens::drop(db, no, &by)).await
    }

    async fn credentials(
        &self,
        account: AccountId,
        extension: ExtensionId,
    ) -> Result<Vec<JwtCredential>, StoreError> {
        self.db.read(move |db| tokens::credentials(db, account, extension)).await
    }

    async fn create_credential(&self, credential: JwtCredential, by: Actor) -> Result<(), StoreError> {
        self.db.write(move |db| tokens::create_credential(db, &credential, &by)).await
    }

    async fn drop_credential(
        &self,
        account: AccountId,
        extension: ExtensionId,
        jti: String,
        by: Actor,
    ) -> Result<bool, StoreError> {
        self.db.write(move |db| tokens::drop_credential(db, account, extension, &jti, &by)).await
    }

    async fn newest_signing_key(&self) -> Result<Option<SigningKey>, StoreError> {
        let secrets = self.secrets.clone();
        self.db.read(move |db| tokens::newest_signing_key(db, &secrets)).await
    }

    async fn signing_token(&self, account: AccountId) -> Result<Option<SigningToken>, StoreError> {
        let secrets = self.secrets.clone();
        self.db.read(move |db| companies::token(db, &secrets, account)).await
    }

    async fn set_signing_token(
        &self,
        account: AccountId,
        token: SigningToken,
        action: &'static str,
        by: Actor,
    ) -> Result<Written, StoreError> {
        let secrets = self.secrets.clone();
        self.db.write(move |db| companies::set_token(db, &secrets, account, &token, action, &by)).await
    }

    async fn record_endpoint(&self, change: EndpointChange, by: Actor) -> Result<(), StoreError> {
        self.db.write(move |db| companies::record_endpoint(db, change, &by)).await
    }

    async fn audit(
        &self,
        account: Option<AccountId>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditLine>, StoreError> {
        self.db.read(move |db| audit::list(db, account, before, limit)).await
    }

    async fn add_usage(&self, rows: Vec<UsageRow>) -> Result<(), StoreError> {
        self.db.write(move |db| usage::add(db, &rows)).await
    }

    async fn usage(&self, query: UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        self.db.read(move |db| usage::list(db, &query)).await
    }

    async fn forget_usage(&self, day: i64, limit: usize) -> Result<(), StoreError> {
        self.db.write(move |db| usage::forget(db, day, limit)).await
    }
}

/// A limit as SQLite counts.
fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// An id beyond SQLite's numbers is nobody's.
fn known(id: u64) -> Option<i64> {
    i64::try_from(id).ok()
}

/// The hashes that a statement with `RETURNING access_hash` gives, or a `SELECT` of them.
fn hashes(db: &Connection, statement: &str, given: impl Params) -> Result<Vec<TokenHash>, StoreError> {
    let mut statement = db.prepare_cached(statement)?;
    let rows = statement.query_map(given, |row| row.get(0).map(TokenHash))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

//! Making, changing and removing accounts, extensions, apps, tokens and credentials; the log of who did
//! it; what each account used in a day.
//!
//! The reading side that requests need is `directory`. Contract for every implementation:
//! 1. A change and its line in the audit log are one transaction. The log has no way to change or drop a line.
//! 2. No call holds the writer longer than `limits::WRITER_UNIT` on usual hardware; what is larger is done
//!    in several calls, each of a bounded size.
//! 3. A change says which access tokens it ended, so that caches can forget them.
//! 4. Lists are in the order of ids, which are given once: a list that is read page by page has no gap and
//!    no repeat, whatever changes meanwhile.
//!
//! Writers are expected to come one at a time: what a caller checked still holds when it writes.

use async_trait::async_trait;
use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, AppNo, ExtensionId, SubscriptionId};
use hookswitch_core::signing_token::SigningToken;
use serde_json::Value;

use crate::StoreError;
use crate::directory::{
    Account, Extension, Grant, JwtCredential, NewApp, NewServiceToken, SigningKey, StoredPassword, TokenHash,
};

/// What an account may use in a day; `None`: as much as the settings say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    pub events: Option<u64>,
    pub deliveries: Option<u64>,
    pub bytes: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEntry {
    pub account: Account,
    pub quotas: Quotas,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionEntry {
    pub extension: Extension,
    /// Digits of a number of its own to log in with.
    pub direct_number: Option<String>,
    pub has_password: bool,
}

/// An app without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppEntry {
    pub no: AppNo,
    pub client_id: String,
    pub name: String,
    /// It has no secret.
    pub public: bool,
    pub scopes: Vec<String>,
    pub grants: Vec<Grant>,
    pub redirect_uris: Vec<String>,
    pub created_at: WallTime,
}

/// A token of an operator or publisher, without itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEntry {
    pub no: i64,
    /// `None`: an admin token. `Some(None)`: a publish token for all accounts.
    pub publish: Option<Option<AccountId>>,
    pub name: String,
    pub created_at: WallTime,
}

/// Who changes something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The token, by its number; `None`: the program itself.
    pub token: Option<i64>,
    /// The token's name at that time.
    pub name: String,
    pub at: WallTime,
}

/// A line of the audit log.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditLine {
    pub no: i64,
    pub actor: Actor,
    /// `account.create`, `extension.update`, ….
    pub action: String,
    pub account: Option<AccountId>,
    /// `accounts/7/extensions/9`, as in the path of the API.
    pub target: String,
    /// Never with secrets.
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// How a change of many things is put on record.
#[derive(Clone, Debug)]
pub enum Record {
    /// A line for each, with what it was and is.
    Each(Actor),
    /// One line for all: its actor, action and the words about it.
    Once(Actor, &'static str, Value),
    /// It belongs to a line that is written already.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Done,
    /// The value of this member belongs to something else; nothing was written.
    Taken(&'static str),
    Missing,
}

/// A password that is to be.
#[derive(Clone, Debug, Default)]
pub enum NewPassword {
    #[default]
    Unchanged,
    Set(StoredPassword),
    Removed,
}

/// An extension as it is to be.
#[derive(Clone, Debug)]
pub struct ExtensionWrite {
    pub extension: Extension,
    pub direct_number: Option<String>,
    pub password: NewPassword,
    pub is_new: bool,
}

/// By what a line of an import names an extension, and the number that it claims.
#[derive(Clone, Debug, Default)]
pub struct Lookup {
    pub id: Option<ExtensionId>,
    pub number: Option<String>,
    pub direct_number: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Looked {
    pub by_id: Option<ExtensionEntry>,
    /// Another account has the id.
    pub id_elsewhere: bool,
    pub by_number: Option<ExtensionEntry>,
    /// Whose the direct number is; without an extension it is an account's main number.
    pub direct_owner: Option<(AccountId, Option<ExtensionId>)>,
}

/// Whose sessions.
#[derive(Clone, Debug)]
pub enum Whose {
    Account(AccountId),
    Extensions(Vec<ExtensionId>),
    App(AppNo),
}

/// A part of what was to be ended.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    /// Access tokens that are valid no more.
    pub tokens: Vec<TokenHash>,
    pub more: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenDropped {
    Done(TokenHash),
    Missing,
    /// Nobody could call the server any more; nothing was written.
    LastAdmin,
}

/// What an account used on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageRow {
    pub account: AccountId,
    /// Days since 1970, UTC.
    pub day: i64,
    pub events: u64,
    pub deliveries: u64,
    /// Of event bodies.
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct UsageQuery {
    pub account: Option<AccountId>,
    /// Both days included.
    pub from: i64,
    pub to: i64,
    /// The last row already seen.
    pub after: Option<(i64, AccountId)>,
    pub limit: usize,
}

/// What became of a conference endpoint.
#[derive(Clone, Debug)]
pub struct EndpointChange {
    /// `conference-endpoint.create`, ….
    pub action: &'static str,
    pub account: AccountId,
    pub endpoint: SubscriptionId,
    /// Never with secrets.
    pub before: Option<Value>,
    pub after: Option<Value>,
}

#[async_trait]
pub trait Provisioning: Send + Sync + 'static {
    async fn accounts(&self, after: Option<AccountId>, limit: usize)
    -> Result<Vec<AccountEntry>, StoreError>;

    async fn account_entry(&self, account: AccountId) -> Result<Option<AccountEntry>, StoreError>;

    /// `conference_token` is the x-signing-token of its company.
    async fn create_account(
        &self,
        entry: AccountEntry,
        conference_token: String,
        by: Actor,
    ) -> Result<Written, StoreError>;

    /// All but the id and the time of creation.
    async fn change_account(&self, entry: AccountEntry, by: Actor) -> Result<Written, StoreError>;

    /// Drops a part of what an account has; to be repeated until there is no more.
    async fn empty_account(&self, account: AccountId, limit: usize) -> Result<Cut, StoreError>;

    /// Drops the account itself, which should be empty.
    async fn drop_account(&self, account: AccountId, by: Actor) -> Result<Written, StoreError>;

    async fn extensions_after(
        &self,
        account: AccountId,
        after: Option<ExtensionId>,
        limit: usize,
    ) -> Result<Vec<ExtensionEntry>, StoreError>;

    async fn extension_ids(
        &self,
        account: AccountId,
        after: Option<ExtensionId>,
        limit: usize,
    ) -> Result<Vec<ExtensionId>, StoreError>;

    async fn look_up(&self, account: AccountId, lookups: Vec<Lookup>) -> Result<Vec<Looked>, StoreError>;

    /// Writes all of them or, where a value of one is taken, none.
    async fn write_extensions(
        &self,
        account: AccountId,
        writes: Vec<ExtensionWrite>,
        record: Record,
    ) -> Result<Written, StoreError>;

    /// Drops those of `ids` that are the account's, and says how many that was.
    async fn drop_extensions(
        &self,
        account: AccountId,
        ids: Vec<ExtensionId>,
        record: Record,
    ) -> Result<(usize, Cut), StoreError>;

    /// Access tokens of users whose rights changed, to be looked up anew.
    async fn access_tokens(&self, extensions: Vec<ExtensionId>) -> Result<Vec<TokenHash>, StoreError>;

    async fn end_sessions(&self, whose: Whose, limit: usize) -> Result<Cut, StoreError>;

    async fn apps(&self, after: Option<AppNo>, limit: usize) -> Result<Vec<AppEntry>, StoreError>;

    async fn app_entry(&self, app: AppNo) -> Result<Option<AppEntry>, StoreError>;

    /// `None` if the client id is taken.
    async fn create_app(&self, app: NewApp, by: Actor) -> Result<Option<AppNo>, StoreError>;

    /// Name, scopes, grants and redirect addresses.
    async fn change_app(&self, entry: AppEntry, by: Actor) -> Result<Written, StoreError>;

    async fn drop_app(&self, app: AppNo, by: Actor) -> Result<Written, StoreError>;

    async fn service_tokens(&self, after: Option<i64>, limit: usize) -> Result<Vec<TokenEntry>, StoreError>;

    async fn service_token(&self, no: i64) -> Result<Option<TokenEntry>, StoreError>;

    async fn service_token_by_hash(&self, token: TokenHash) -> Result<Option<TokenEntry>, StoreError>;

    async fn has_admin_token(&self) -> Result<bool, StoreError>;

    /// `None` if it is for an account that does not exist.
    async fn create_service_token(
        &self,
        token: NewServiceToken,
        by: Actor,
    ) -> Result<Option<i64>, StoreError>;

    async fn rename_service_token(&self, no: i64, name: String, by: Actor) -> Result<Written, StoreError>;

    async fn drop_service_token(&self, no: i64, by: Actor) -> Result<TokenDropped, StoreError>;

    async fn credentials(
        &self,
        account: AccountId,
        extension: ExtensionId,
    ) -> Result<Vec<JwtCredential>, StoreError>;

    async fn create_credential(&self, credential: JwtCredential, by: Actor) -> Result<(), StoreError>;

    /// False if there is none.
    async fn drop_credential(
        &self,
        account: AccountId,
        extension: ExtensionId,
        jti: String,
        by: Actor,
    ) -> Result<bool, StoreError>;

    /// The key that new credentials are signed with.
    async fn newest_signing_key(&self) -> Result<Option<SigningKey>, StoreError>;

    /// The x-signing-token of the account's company; `None` if there is no such account.
    async fn signing_token(&self, account: AccountId) -> Result<Option<SigningToken>, StoreError>;

    /// `action` is the one that the audit log names.
    async fn set_signing_token(
        &self,
        account: AccountId,
        token: SigningToken,
        action: &'static str,
        by: Actor,
    ) -> Result<Written, StoreError>;

    /// A line about a change of a conference endpoint, which another part of the store has made: the one
    /// kind of line that is written after its change, not with it.
    async fn record_endpoint(&self, change: EndpointChange, by: Actor) -> Result<(), StoreError>;

    /// Newest first; `before` is the number of the last line already seen.
    async fn audit(
        &self,
        account: Option<AccountId>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditLine>, StoreError>;

    /// Adds to what is there.
    async fn add_usage(&self, rows: Vec<UsageRow>) -> Result<(), StoreError>;

    /// In the order of days, then accounts.
    async fn usage(&self, query: UsageQuery) -> Result<Vec<UsageRow>, StoreError>;

    /// Drops some rows of days before `day`.
    async fn forget_usage(&self, day: i64, limit: usize) -> Result<(), StoreError>;
}

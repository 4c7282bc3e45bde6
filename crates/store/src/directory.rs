//! Accounts, extensions, apps, sessions and tokens, as operations on storage.
//!
//! Two ways in. What belongs to an account is asked for with its `AccountId`, and nothing of another
//! account is ever found by it. Before it is known who asks there is only a secret or a login name:
//! those operations take exactly that, and answer with the account.
//!
//! Contract for every implementation:
//! 1. What a call returns is durable.
//! 2. Tokens are known by their hash alone; secrets that are needed back are sealed at rest.
//! 3. A refresh is one step: of two that race with one refresh token, one rotates, the other repeats.
//! 4. A session that ended answers to none of its tokens.
//!
//! Nothing here hashes a password, draws a token or knows OAuth: that is the server's.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, AppNo, ExtensionId};
use hookswitch_core::lock_out::Failures;
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::sign_in::SignIn;

/// The SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

/// Not even the hash belongs into a log.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// An enum whose variants are written by their name, in the store and on the wire.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }

            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }
    };
}

named!(AccountStatus { Initial, Unconfirmed, Confirmed, Disabled });
named!(ExtensionStatus { Enabled, Disabled, Frozen, NotActivated, Unassigned });
named!(
    /// What an extension is; a person is a `User`.
    ExtensionType {
        User,
        Department,
        Announcement,
        Voicemail,
        SharedLinesGroup,
        PagingOnly,
        ParkLocation,
        IvrMenu,
        Limited,
        ApplicationExtension,
        Site,
        Bot,
        Room,
        DelegatedLinesGroup,
        GroupCallPickup,
        FaxUser,
        DigitalUser,
        VirtualUser,
        FlexibleUser,
        ProxyAdmin,
    }
);
impl ExtensionType {
    /// Whether anybody logs in as it: some are only where calls go.
    pub fn may_log_in(self) -> bool {
        !matches!(
            self,
            Self::Department
                | Self::Announcement
                | Self::Voicemail
                | Self::SharedLinesGroup
                | Self::PagingOnly
                | Self::ParkLocation
                | Self::IvrMenu
                | Self::ApplicationExtension
                | Self::Site
                | Self::DelegatedLinesGroup
                | Self::GroupCallPickup
        )
    }

    /// Whether there is somebody, or a place with somebody, who can be present.
    pub fn has_presence(self) -> bool {
        !matches!(
            self,
            Self::Department
                | Self::Announcement
                | Self::Voicemail
                | Self::PagingOnly
                | Self::IvrMenu
                | Self::ApplicationExtension
                | Self::Site
                | Self::FaxUser
                | Self::ProxyAdmin
        )
    }
}

named!(
    /// The ways to a session that an app may use.
    Grant { Password, JwtBearer, AuthorizationCode, RefreshToken, ClientCredentials }
);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    /// `+16505551234`.
    pub main_number: String,
    pub status: AccountStatus,
    /// Who is meant when one logs in with the main number alone.
    pub operator: Option<ExtensionId>,
    /// The company of conference events (D19).
    pub company: u64,
    pub created_at: WallTime,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    pub business_phone: String,
    pub company: String,
    pub department: String,
}

/// What a user lets others of the account have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// Subscribe to their presence.
    pub presence: bool,
    /// Pick up their calls, and hear of those that can be.
    pub call_pickup: bool,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { presence: true, call_pickup: true }
    }
}

/// As much of an extension as subscribing to its events asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchedExtension {
    pub id: ExtensionId,
    pub kind: ExtensionType,
    pub sharing: Sharing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    pub id: ExtensionId,
    pub account: AccountId,
    pub number: String,
    pub name: String,
    pub kind: ExtensionType,
    pub status: ExtensionStatus,
    pub contact: Contact,
    pub administrator: bool,
    /// What the user may, e.g. `ReadPresence`; an administrator may all.
    pub permissions: Vec<String>,
    pub sharing: Sharing,
    pub created_at: WallTime,
}

/// A password as it is kept: `pbkdf2-sha256$rounds$salt$hash`, made and checked by the server.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPassword(pub String);

impl fmt::Debug for StoredPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredPassword(…)")
    }
}

/// A registered client application.
#[derive(Clone, PartialEq, Eq)]
pub struct RegisteredApp {
    pub no: AppNo,
    pub client_id: String,
    pub name: String,
    /// `None`: a public app.
    pub secret: Option<TokenHash>,
    pub scopes: Vec<String>,
    pub grants: Vec<Grant>,
    pub redirect_uris: Vec<String>,
    /// Sent as `Verification-Token` to webhooks that named none of their own.
    pub verification_token: String,
    /// The key of the Standard Webhooks signature, `whsec_…`.
    pub signing_secret: String,
}

impl fmt::Debug for RegisteredApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredApp")
            .field("no", &self.no)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// Which extensions of a list; an empty list of values lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtensionFilter {
    pub numbers: Vec<String>,
    pub emails: Vec<String>,
    pub statuses: Vec<ExtensionStatus>,
    pub kinds: Vec<ExtensionType>,
}

/// A page of a list whose order does not change: by id, which grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageOf {
    /// From 1.
    pub page: u64,
    pub per_page: u64,
}

#[derive(Clone, Debug)]
pub struct ExtensionPage {
    pub records: Vec<Extension>,
    /// Of all pages.
    pub total: u64,
}

/// By what a user says who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginName {
    /// The extension itself, where something else has vouched for it.
    Id(ExtensionId),
    /// Digits only, with the country code.
    Phone {
        digits: String,
        extension: Option<String>,
    },
    Email {
        address: String,
        extension: Option<String>,
    },
}

/// A user who may log in, as far as the store can say.
#[derive(Clone, Debug)]
pub struct LoginRecord {
    pub extension: Extension,
    pub account_status: AccountStatus,
    pub password: Option<StoredPassword>,
    pub failures: Failures,
}

/// A session that is to be.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub account: AccountId,
    pub extension: ExtensionId,
    pub app: AppNo,
    pub scopes: Vec<String>,
    pub endpoint_id: Option<String>,
    pub created_at: WallTime,
    pub tokens: TokenPair,
    /// Sessions of this user with this app that may be afterwards; the oldest beyond are ended (D8).
    pub keep: usize,
}

/// The hashes of an access token and its refresh token, and when they end.
#[derive(Clone, Copy, Debug)]
pub struct TokenPair {
    pub access: TokenHash,
    pub access_expires_at: WallTime,
    pub refresh: Option<(TokenHash, WallTime)>,
}

#[derive(Clone, Debug)]
pub struct OpenedSession {
    pub session: i64,
    /// Access tokens of the sessions that were ended for it.
    pub ended: Vec<TokenHash>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub no: i64,
    pub account: AccountId,
    pub extension: ExtensionId,
    pub app: AppNo,
    pub scopes: Vec<String>,
    pub endpoint_id: Option<String>,
    pub access_expires_at: WallTime,
    pub refresh_expires_at: Option<WallTime>,
}

/// A refresh token that was presented, and the pair that takes its place if it is the current one.
#[derive(Clone, Debug)]
pub struct Refresh {
    pub presented: TokenHash,
    pub app: AppNo,
    pub now: WallTime,
    pub next: TokenPair,
    /// From which the server can make `next` again, given the presented token.
    pub seed: [u8; 16],
    pub grace_unused: Duration,
    pub grace_used: Duration,
}

#[derive(Clone, Debug)]
pub enum Refreshed {
    /// The new pair is in force; `dead` is the access token that no longer is.
    Rotated { session: Session, dead: TokenHash },
    /// It was used up before, but the answer may have been lost: give the pair of this seed again.
    Repeated { session: Session, seed: [u8; 16] },
    /// No such token, not of this app, or too late.
    Unknown,
    /// Its owner may not log in any more.
    OwnerDisabled,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With the access token that is no longer valid.
    Session {
        session: i64,
        dead: TokenHash,
    },
    Unknown,
    /// The token belongs to another app; nothing was done.
    OtherApp,
}

/// What a bearer token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenRecord {
    Admin,
    Publish {
        account: Option<AccountId>,
    },
    Access(AccessRecord),
    /// An app, with no user behind it.
    App {
        app: AppNo,
        expires_at: WallTime,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRecord {
    pub session: Session,
    pub administrator: bool,
    pub permissions: Vec<String>,
    /// Whether owner and account are such as may log in.
    pub owner_enabled: bool,
    /// The pair came from a refresh and was not used until now: the caller says `mark_used`.
    pub first_use: bool,
}

#[derive(Clone)]
pub struct NewAccount {
    pub account: Account,
    /// The x-signing-token of the company's conference endpoints.
    pub conference_token: String,
}

#[derive(Clone, Debug)]
pub struct NewExtension {
    pub extension: Extension,
    pub password: Option<StoredPassword>,
    /// A number of its own to log in with.
    pub direct_number: Option<String>,
}

/// Everything but the number, which the store gives.
#[derive(Clone)]
pub struct NewApp {
    pub client_id: String,
    pub name: String,
    pub secret: Option<TokenHash>,
    pub scopes: Vec<String>,
    pub grants: Vec<Grant>,
    pub redirect_uris: Vec<String>,
    pub verification_token: String,
    pub signing_secret: String,
    pub created_at: WallTime,
}

#[derive(Clone, Debug)]
pub struct NewServiceToken {
    pub token: TokenHash,
    /// `None`: an admin token. `Some(None)`: a publish token for all accounts.
    pub publish: Option<Option<AccountId>>,
    pub name: String,
    pub created_at: WallTime,
}

/// A credential for the jwt-bearer grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtCredential {
    pub jti: String,
    pub account: AccountId,
    pub extension: ExtensionId,
    /// `None`: for every app.
    pub app: Option<AppNo>,
    pub created_at: WallTime,
    pub expires_at: Option<WallTime>,
}

/// A key that signs such credentials.
#[derive(Clone)]
pub struct SigningKey {
    pub kid: String,
    /// As in a JWT header: `EdDSA`, whose keys are 32 bytes each.
    pub algorithm: String,
    pub public_key: Vec<u8>,
    pub private_key: Vec<u8>,
    pub created_at: WallTime,
}

/// What comes into being together, or not at all.
#[derive(Clone, Default)]
pub struct Foundation {
    pub accounts: Vec<NewAccount>,
    pub extensions: Vec<NewExtension>,
    pub apps: Vec<NewApp>,
    pub service_tokens: Vec<NewServiceToken>,
    pub signing_keys: Vec<SigningKey>,
    pub jwt_credentials: Vec<JwtCredential>,
    /// Small secrets by name.
    pub notes: Vec<(String, String)>,
}

#[async_trait]
pub trait Directory: SignIn {
    async fn account(&self, account: AccountId) -> Result<Option<Account>, StoreError>;

    /// The account of a company (D19).
    async fn account_of_company(&self, company: u64) -> Result<Option<AccountId>, StoreError>;

    async fn extension(&self, account: AccountId, id: ExtensionId) -> Result<Option<Extension>, StoreError>;

    /// One page, ordered by id. A page beyond the end is empty.
    async fn extensions(
        &self,
        account: AccountId,
        filter: ExtensionFilter,
        page: PageOf,
    ) -> Result<ExtensionPage, StoreError>;

    /// Those of `ids` that are extensions of the account.
    async fn existing_extensions(
        &self,
        account: AccountId,
        ids: Vec<ExtensionId>,
    ) -> Result<Vec<WatchedExtension>, StoreError>;

    async fn app(&self, app: AppNo) -> Result<Option<RegisteredApp>, StoreError>;

    async fn app_by_client_id(&self, client_id: &str) -> Result<Option<RegisteredApp>, StoreError>;

    /// The one user whom the name means; `None` also where it means several.
    async fn login(&self, name: LoginName) -> Result<Option<LoginRecord>, StoreError>;

    /// The user a credential belongs to, by an id that its signature vouches for.
    async fn login_by_credential(
        &self,
        jti: &str,
    ) -> Result<Option<(JwtCredential, LoginRecord)>, StoreError>;

    async fn signing_key(&self, kid: &str) -> Result<Option<SigningKey>, StoreError>;

    async fn open_session(&self, session: NewSession) -> Result<OpenedSession, StoreError>;

    async fn refresh_session(&self, refresh: Refresh) -> Result<Refreshed, StoreError>;

    /// Ends the session that an access or refresh token belongs to.
    async fn end_session(&self, token: TokenHash, app: AppNo) -> Result<Ended, StoreError>;

    /// What a bearer token stands for, expired or not.
    async fn token(&self, token: TokenHash) -> Result<Option<TokenRecord>, StoreError>;

    /// Notes the first use of the pair of a session's last refresh; a later call changes nothing.
    async fn mark_used(&self, session: i64, now: WallTime) -> Result<(), StoreError>;

    /// Makes everything in `foundation` in one step. A conflict if anything of it already is.
    async fn establish(&self, foundation: Foundation) -> Result<(), StoreError>;

    async fn note(&self, name: &str) -> Result<Option<String>, StoreError>;
}

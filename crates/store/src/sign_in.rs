//! What signing in keeps: authorization codes, consents, failed logins, sessions of apps without a user.
//!
//! The same store as the directory and the same contract; apart because only the server's OAuth asks here.
//! Nothing here knows a parameter of OAuth: what a code is good for is judged by the server.
//!
//! 1. A code opens one session, however many present it at once. Who presents it again ends that session.
//! 2. Of failures that race, each is counted.

use async_trait::async_trait;
use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, AppNo, ExtensionId};
use hookswitch_core::lock_out::{Failures, LockOut};

use crate::StoreError;
use crate::directory::{NewSession, OpenedSession, TokenHash};

/// How a code's challenge is compared with its verifier (PKCE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeMethod {
    Plain,
    S256,
}

impl ChallengeMethod {
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::S256 => "S256",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Plain, Self::S256].into_iter().find(|method| method.name() == name)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub text: String,
    pub method: ChallengeMethod,
}

/// What an authorization code stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCode {
    pub app: AppNo,
    pub account: AccountId,
    pub extension: ExtensionId,
    pub redirect_uri: String,
    pub scopes: Vec<String>,
    pub challenge: Option<Challenge>,
    pub expires_at: WallTime,
}

/// A code as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCode {
    pub meaning: AuthorizationCode,
    pub used: bool,
}

#[derive(Clone, Debug)]
pub enum Redeemed {
    Opened(OpenedSession),
    /// It was used before: the session it opened is ended, with these access tokens.
    Used {
        dead: Vec<TokenHash>,
    },
    Unknown,
}

/// A session of an app that no user stands behind.
#[derive(Clone, Debug)]
pub struct NewAppSession {
    pub app: AppNo,
    pub scopes: Vec<String>,
    pub token: TokenHash,
    pub created_at: WallTime,
    pub expires_at: WallTime,
    /// Such sessions of this app that may be afterwards; the oldest beyond are ended.
    pub keep: usize,
}

#[async_trait]
pub trait SignIn: Send + Sync + 'static {
    async fn store_code(&self, code: TokenHash, meaning: AuthorizationCode) -> Result<(), StoreError>;

    /// What a code stands for, used or not, expired or not.
    async fn code(&self, code: TokenHash) -> Result<Option<KnownCode>, StoreError>;

    /// Opens the one session of a code.
    async fn redeem_code(&self, code: TokenHash, session: NewSession) -> Result<Redeemed, StoreError>;

    /// The scopes that a user has let an app have; empty if none.
    async fn consented(&self, extension: ExtensionId, app: AppNo) -> Result<Vec<String>, StoreError>;

    /// Adds to them.
    async fn consent(
        &self,
        extension: ExtensionId,
        app: AppNo,
        scopes: Vec<String>,
        now: WallTime,
    ) -> Result<(), StoreError>;

    /// Counts a failed login and gives what follows from it.
    async fn login_failed(
        &self,
        extension: ExtensionId,
        rule: LockOut,
        now: WallTime,
    ) -> Result<Failures, StoreError>;

    async fn forget_failed_logins(&self, extension: ExtensionId) -> Result<(), StoreError>;

    async fn open_app_session(&self, session: NewAppSession) -> Result<OpenedSession, StoreError>;

    /// Whose session an access or refresh token belongs to.
    async fn owner_of_token(&self, token: TokenHash) -> Result<Option<(ExtensionId, AppNo)>, StoreError>;
}

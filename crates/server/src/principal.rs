//! Who is calling: the value that a bearer token stands for. Handlers take it as an extractor.
//!
//! Tokens are looked up by their hash; what each kind may do is in interface.md "Who may call what".

use hookswitch_core::id::{AccountId, AppNo, ExtensionId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Everything under `/hookswitch/v1`, all accounts.
    Admin,
    /// Publishing, bound to an account or not.
    Publish { account: Option<AccountId> },
    User(User),
}

/// A user's session with an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub account: AccountId,
    pub extension: ExtensionId,
    pub app: AppNo,
    pub session: i64,
    /// App scopes granted to the session, e.g. `SubscriptionWebhook`.
    pub scopes: Vec<String>,
    /// Whether the user administers the account.
    pub administrator: bool,
    /// User permissions, e.g. `ReadPresence`; an administrator has all.
    pub permissions: Vec<String>,
}

impl User {
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }

    pub fn has_permission(&self, permission: &str) -> bool {
        self.administrator || self.permissions.iter().any(|granted| granted == permission)
    }
}

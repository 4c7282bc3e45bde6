//! Who is calling: the value that a bearer token stands for. Handlers take it as an extractor.
//!
//! Tokens are looked up by their hash (see `authenticate`); what each kind may do is in interface.md
//! "Who may call what". Cheap to clone: a caller is shared, never copied.

use std::sync::Arc;

use hookswitch_core::id::{AccountId, AppNo, ExtensionId};

/// The scopes that an app can have.
pub const APP_SCOPES: &[&str] = &[
    "A2PSMS",
    "Accounts",
    "CallControl",
    "Contacts",
    "EditAccounts",
    "EditExtensions",
    "EditMessages",
    "EditPresence",
    "Faxes",
    "Glip",
    "InternalMessages",
    "Meetings",
    "ReadAccounts",
    "ReadCallLog",
    "ReadCallRecording",
    "ReadClientInfo",
    "ReadContacts",
    "ReadMessages",
    "ReadPresence",
    "RingSense",
    "RoleManagement",
    "SMS",
    "SubscriptionAPNS",
    "SubscriptionGCM",
    "SubscriptionWebhook",
    "PubNubSubscription",
    "TeamMessaging",
    "VoipCalling",
    "WebSocket",
    "WebSocketsSubscription",
    "EditWebinars",
    "ReadWebinars",
];

/// What a user who is no administrator may do, unless something else is said.
pub const USER_PERMISSIONS: &[&str] = &[
    "ReadCompanyInfo",
    "ReadExtensions",
    "ReadContacts",
    "ReadMessages",
    "ReadPresence",
    "ReadAccounts",
    "CallControl",
    "TeamMessaging",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Everything under `/hookswitch/v1`, all accounts.
    Admin,
    /// Publishing, bound to an account or not.
    Publish {
        account: Option<AccountId>,
    },
    User(Arc<User>),
    /// An app with no user behind it (client_credentials): nothing that needs to know whose it is.
    App(AppNo),
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

//! The only room that speaks SQL: what the rest of the product may ask of storage, as traits with
//! documented contracts, and the stores that keep them.
//!
//! - `log`: events, deliveries, attempts; the hot path and its recovery.
//! - `directory`: accounts, extensions, users, apps, sessions and tokens.
//! - `sign_in`: authorization codes, consents, failed logins, sessions of apps without a user.
//! - `provisioning`: accounts, extensions, apps and tokens made and removed; the audit log; daily usage.
//! - `subscriptions`: subscriptions and the texts of their filters.
//! - `team_messaging`: chats, posts, incoming webhooks, and the events that their changes raise.
//! - `sqlite`: the embedded store. `conformance` is the suite that every store passes.
//!
//! Nothing here matches, sends, waits for a retry or knows HTTP.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod directory;
pub mod error;
pub mod log;
pub mod provisioning;
pub mod sign_in;
pub mod sqlite;
pub mod subscriptions;
pub mod team_messaging;

pub use error::StoreError;

//! The nouns and rules of Hookswitch, pure: no runtime, no SQL, no HTTP, no clock, no randomness.
//!
//! Start with `event`, `subscription` and `delivery`; `catalogue`, `filter` and `matching` say which
//! subscription wants which event; `envelope` and `signature` say what goes over the wire. Anything
//! that waits, stores or sends lives in another crate.

pub mod card;
pub mod catalogue;
pub mod chat;
pub mod clock;
pub mod conference;
pub mod delivery;
pub mod envelope;
pub mod event;
pub mod filter;
pub mod id;
pub mod lifetime;
pub mod limits;
pub mod lock_out;
pub mod matching;
pub mod reminder;
pub mod retry;
mod scan;
pub mod schema;
pub mod signature;
pub mod signing_token;
pub mod subscription;
pub mod vault;

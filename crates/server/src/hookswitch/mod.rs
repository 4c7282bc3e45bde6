//! Our own API, `/hookswitch/v1`: publishing, history, operations. Wire formats are in interface.md.

pub mod event_types;
pub mod history;
pub mod operations;
mod publication;
pub mod publish;

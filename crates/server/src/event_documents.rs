//! The catalogue as documents: an AsyncAPI document of everything that can be delivered, for programs, and
//! a reference page, for people. Both are made from the catalogue's data alone.
//!
//! Those of the built-in event types are committed, as `asyncapi.json` and `docs/events.md`; a test keeps
//! them fresh, and `UPDATE_EVENTS=1` lets that test write them. A server serves the document of its own
//! catalogue at `/asyncapi.json`.

mod asyncapi;
mod members;
mod reference;
#[cfg(test)]
mod tests;

pub use asyncapi::document as asyncapi;
pub use reference::page as reference;

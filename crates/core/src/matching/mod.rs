//! Matching: which subscriptions want an event, and which of their filters says so.
//!
//! - `index` keeps the filters, `search` finds those of an event, in time that depends on the event and
//!   on what it matches and not on how many filters there are;
//! - `files` is the filing cabinet between them: from a hash to filters;
//! - `occurrence` reads from an event what filters are compared with, each place at most once and only
//!   when a candidate asks for it;
//! - `slab` is storage that grows a little at a time, `terms` what few filters need packed small.
//!
//! Whether a subscription is alive is not decided here.

mod files;
mod index;
mod occurrence;
mod search;
mod slab;
mod terms;

pub use index::{Index, Subscriber};
pub use search::Match;

#[cfg(test)]
mod tests;

//! Cards: what may be attached to a post. Adaptive cards are checked, cards of the two older forms are
//! checked and brought into the newer of the two.
//!
//! Pure functions over JSON values. Whether a card may be attached at all, and what is answered about a
//! bad one, is decided by those who call.

mod adaptive;
mod legacy;

use std::fmt;

pub use adaptive::check as check_adaptive;
pub use legacy::read as read_legacy;

/// The type of an adaptive card, and of an attachment that is one.
pub const ADAPTIVE: &str = "AdaptiveCard";
/// The type of an attachment in one of the older forms; it may be left out there.
pub const LEGACY: &str = "Card";

/// More faults of one card are not looked for.
const FAULTS: usize = 10;

/// One thing that is wrong with a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where: `.body[2].columns[0].type`; empty for the card itself.
    pub path: String,
    pub reason: String,
}

impl Fault {
    fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.reason)
    }
}

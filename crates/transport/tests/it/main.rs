//! The webhook transport against real sockets on loopback, and certificates made for the purpose.
//!
//! Time stands still unless a test moves it, so "no answer within a second" takes no second.

#![expect(unreachable_pub, reason = "one binary: what its modules share is public to nobody else")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, helpers of tests too")]

mod certificates;
mod connections;
mod guarding;
mod handshake;
mod raw;
mod sending;
mod support;
mod tls;

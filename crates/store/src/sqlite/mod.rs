//! The embedded store: SQLite files in one folder, held by one process.
//!
//! `control.db` keeps what people configure (directory, subscriptions); segment files keep what flows
//! (events, deliveries, attempts). No transaction spans files. See ARCHITECTURE.md for the figures
//! behind this layout.

pub mod control;
pub mod directory;
pub mod folder;
mod migrations;
pub mod segments;
pub mod subscriptions;
pub mod team_messaging;

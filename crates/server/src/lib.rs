//! The server: axum and the wiring of everything else.
//!
//! `run` takes a listener, its dependencies and a shutdown signal from outside, so that two servers fit
//! in one process. Handlers are: extract, one call, map. Errors become HTTP in `problem` and nowhere else.

mod app_secrets;
pub mod authenticate;
pub mod body;
pub mod clock;
pub mod conference;
pub mod config;
pub mod dev;
pub mod event_documents;
pub mod headers;
pub mod hookswitch;
pub mod init;
mod listener;
pub mod master_key;
pub mod metering;
pub mod oauth;
pub mod openapi;
pub mod principal;
mod private_file;
pub mod problem;
pub mod query;
pub mod restapi;
pub mod serving;
pub mod state;
pub mod team_messaging;
#[cfg(test)]
mod tests;
mod tls;
mod token_cache;
pub mod webinar;

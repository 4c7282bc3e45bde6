//! The server: axum and the wiring of everything else.
//!
//! `run` takes a listener, its dependencies and a shutdown signal from outside, so that two servers fit
//! in one process. Handlers are: extract, one call, map. Errors become HTTP in `problem` and nowhere else.

pub mod clock;
pub mod config;
pub mod principal;
pub mod problem;
pub mod state;

//! Stories about the front door, told through its router: real SQLite in a folder of the test's own, a
//! steered clock, the demo account. What needs an engine is tested where the engine is.

mod code_grant;
mod cross_origin;
mod demo;
mod directory;
mod doors;
mod identity;
mod lock_out;
mod login;
mod rates;
mod refresh;
mod sign_in;
mod stage;

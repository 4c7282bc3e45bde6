//! Stories about the front door, told through its router: real SQLite in a folder of the test's own, a
//! steered clock, the demo account. What needs an engine is tested where the engine is.

mod demo;
mod directory;
mod doors;
mod login;
mod refresh;
mod stage;

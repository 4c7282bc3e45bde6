//! Black-box stories: the real program in a process of its own, seen as a stranger sees it, through its
//! command line, its files' outside and its HTTP surface. `interface.md`-level promises are kept here; what
//! needs a steered clock or a look inside is tested in the crates.

mod client_commands;
mod command_line;
mod crash;
mod demo;
mod dev_account;
mod life;
mod main_job;
mod many_extensions;
mod operator;
mod stories;

use std::path::Path;

use hookswitch_testkit::{Program, RunningServer};

const BINARY: &str = env!("CARGO_BIN_EXE_hookswitch");

async fn serve(data: &Path) -> RunningServer {
    RunningServer::start(BINARY, data).await
}

/// `serve --dev` on a free port, to which more can be added.
fn serve_dev(data: &Path) -> Program {
    Program::new(BINARY).args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data"]).arg(data)
}

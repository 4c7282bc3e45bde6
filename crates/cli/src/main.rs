//! The `hookswitch` program: reads the command line and hands over.
//!
//! `init` prepares a data folder, `serve` and `demo` run a server in this process; every other command is a
//! client that uses nothing but the public HTTP API, of this machine's server or another's. Nothing about
//! events is decided here.
//!
//! Exit codes: 0 done, 1 failed, 2 bad usage (also a bad configuration).

#![expect(unreachable_pub, reason = "a program exports nothing: pub means for the other modules")]

mod arguments;
mod commands;
mod connection;
mod demo;
mod failure;
mod http_client;
mod logging;
mod login;
mod output;
mod running;
mod serve;
mod simulate;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};
use failure::Failure;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // One thread for all input and output; storage has threads of its own.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("hookswitch: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::Unread) {
                eprintln!("hookswitch: {failure}");
            }
            failure.exit_code()
        }
    }
}

async fn run(Arguments { command, logging }: Arguments) -> Result<(), Failure> {
    if !matches!(command, Command::Serve(_)) {
        logging::start(&serve::logging_settings(&logging)?);
    }
    match command {
        Command::Init(options) => commands::init::run(&options).await,
        Command::Serve(options) => serve::run(&options, &logging).await,
        Command::Demo(options) => demo::run(&options).await,
        Command::Publish(options) => commands::publish::run(&options).await,
        Command::Trigger(options) => commands::trigger::run(&options).await,
        Command::Simulate(options) => simulate::run(&options).await,
        Command::Subscriptions(options) => commands::subscriptions::run(&options).await,
        Command::Events(options) => commands::events::run(&options).await,
        Command::Deliveries(options) => commands::deliveries::run(&options).await,
        Command::EventTypes(options) => commands::event_types::run(&options).await,
        Command::Account(options) => commands::account::run(&options).await,
        Command::Extension(options) => commands::extension::run(&options).await,
        Command::App(options) => commands::app::run(&options).await,
        Command::Token(options) => commands::token::run(&options).await,
        Command::Usage(options) => commands::usage::run(&options).await,
        Command::Audit(options) => commands::audit::run(&options).await,
        Command::Doctor(options) => commands::doctor::run(&options).await,
        Command::Openapi(options) => commands::openapi::run(&options, "/openapi.json").await,
        Command::Asyncapi(options) => commands::openapi::run(&options, "/asyncapi.json").await,
    }
}

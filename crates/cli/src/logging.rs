//! Log lines go to standard error, so that standard output stays for what a command answers.

use std::io::IsTerminal as _;

use hookswitch_server::config::{LogFormat, Settings};
use tracing_subscriber::EnvFilter;

/// Once, by whoever knows the settings.
pub fn start(settings: &Settings) {
    let filter = EnvFilter::try_new(&settings.log).unwrap_or_else(|error| {
        eprintln!("hookswitch: --log {}: {error}; using info", settings.log);
        EnvFilter::new("info")
    });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Only one subscriber can be set, and nobody else sets one.
    let _ = match settings.log_format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

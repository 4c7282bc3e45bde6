//! `hookswitch serve`: settings from their layers, a server until a signal, an orderly end.

use std::net::SocketAddr;
use std::path::Path;

use hookswitch_server::clock::system_handles;
use hookswitch_server::config::{Layers, Settings};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::arguments::{Logging, Serve};
use crate::failure::Failure;
use crate::running::Running;
use crate::{logging, output};

pub async fn run(options: &Serve, logging: &Logging) -> Result<(), Failure> {
    let settings = settings(options, logging)?;
    logging::start(&settings);
    let server = Running::start(settings, system_handles()).await?;
    let mut signals = EndSignals::listen()?;
    output::line(&format!("hookswitch is ready on {}", server.url()))?;
    signals.next().await;
    tracing::info!("stopping: no new work is taken, attempts under way may end");
    tokio::select! {
        () = server.stop() => Ok(()),
        () = signals.next() => Err(Failure::Failed("ended at once by a second signal".to_owned())),
    }
}

/// Those of a data folder without a server: from the file and the environment, and the folder from a flag.
pub fn folder_settings(config: Option<&Path>, data: Option<&Path>) -> Result<Settings, Failure> {
    let mut layers = file_and_environment(config)?;
    if let Some(data) = data {
        layers = layers.with_flag("data", data.display().to_string());
    }
    Settings::load(layers).map_err(|error| Failure::Usage(error.to_string()))
}

fn file_and_environment(config: Option<&Path>) -> Result<Layers, Failure> {
    let mut layers = Layers::default();
    if let Some(path) = config {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
        layers = layers.with_file(path, &text);
    }
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Ok(layers.with_environment(environment))
}

/// Flags beat the environment, the environment beats the file. Every mistake is told at once.
fn settings(options: &Serve, logging: &Logging) -> Result<Settings, Failure> {
    let mut layers = file_and_environment(options.config.as_deref())?;
    let known = Settings::describe();
    if let Some((key, _)) =
        options.settings.iter().find(|(key, _)| known.iter().all(|setting| setting.key != *key))
    {
        return Err(Failure::Usage(format!("--set {key}: there is no such setting")));
    }
    for (key, value) in flags(options).into_iter().chain(logging_flags(logging)) {
        layers = layers.with_flag(&key, value);
    }
    Settings::load(layers).map_err(|error| Failure::Usage(error.to_string()))
}

/// What a command that is no server needs to log.
pub fn logging_settings(logging: &Logging) -> Result<Settings, Failure> {
    let flags = logging_flags(logging).into_iter();
    let layers = flags.fold(Layers::default(), |layers, (key, value)| layers.with_flag(&key, value));
    Settings::load(layers).map_err(|error| Failure::Usage(error.to_string()))
}

fn logging_flags(logging: &Logging) -> Vec<(String, String)> {
    let flags = [("log", &logging.log), ("log_format", &logging.log_format)];
    flags.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?))).collect()
}

fn flags(options: &Serve) -> Vec<(String, String)> {
    let mut flags = options.settings.clone();
    let mut flag = |key: &str, value: String| flags.push((key.to_owned(), value));
    if let Some(listen) = &options.listen {
        flag("listen", listen.clone());
    }
    if let Some(data) = &options.data {
        flag("data", data.display().to_string());
    }
    if let Some(url) = &options.public_url {
        flag("public_url", url.clone());
    }
    if options.dev {
        flag("dev", "true".to_owned());
    }
    if options.dev_remote {
        flag("dev_remote", "true".to_owned());
    }
    if let Some(seed) = options.seed {
        flag("dev_seed", seed.to_string());
    }
    if let Some(fixtures) = &options.fixtures {
        flag("dev_fixtures", fixtures.display().to_string());
    }
    flags
}

/// Those of the demo: nothing from the environment, so that it is the same everywhere.
pub fn demo_settings(data: &Path, listen: SocketAddr) -> Result<Settings, Failure> {
    let layers = Layers::default()
        .with_flag("dev", "true")
        .with_flag("data", data.display().to_string())
        .with_flag("listen", listen.to_string());
    Settings::load(layers).map_err(|error| Failure::Usage(error.to_string()))
}

/// SIGTERM and Ctrl-C, heard from now on: before anybody is told that there is something to end.
pub struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl EndSignals {
    pub fn listen() -> Result<Self, Failure> {
        let terminate = signal(SignalKind::terminate()).map_err(Failure::io("signals"))?;
        let interrupt = signal(SignalKind::interrupt()).map_err(Failure::io("signals"))?;
        Ok(Self { terminate, interrupt })
    }

    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

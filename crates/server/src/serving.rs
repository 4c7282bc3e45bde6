//! A running server: the parts put together, the listener served, and everything ended in order.
//!
//! `start` takes its listener and its handles from outside and keeps nothing global, so that two servers
//! run in one process. `Server::stop` is the two-stage stop: no new requests and no new attempts, what is
//! under way may end, then the store closes.

mod assembly;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use hookswitch_core::catalogue::Catalogue;
use hookswitch_core::clock::Handles;
use hookswitch_core::vault::Vault;
use hookswitch_store::StoreError;
use hookswitch_store::log::EventLog;
use hookswitch_store::sqlite::control::ControlDb;
use hookswitch_store::sqlite::folder::Folder;
use hookswitch_store::sqlite::segments::{LogOptions, SqliteLog, WriterMode};
use hookswitch_transport::webhook::tls::TlsSetupError;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::assembly::{Ground, Stores};
use crate::config::{self, CommitOn, Settings};
use crate::dev::MovingClock;
use crate::hookswitch::operations;
use crate::restapi::subscription::reconcile;
use crate::state::{App, Front};
use crate::team_messaging::{EngineSink, publish_waiting};
use crate::tls::{ListenerTls, TlsError};
use crate::{dev, listener, master_key, openapi};

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the data folder {folder} cannot be used")]
    Store { folder: PathBuf, source: StoreError },
    #[error("TLS for deliveries cannot be set up")]
    Tls(#[from] TlsSetupError),
    #[error("TLS of the listener cannot be set up")]
    ListenerTls(#[from] TlsError),
    #[error("the setting {name} is unusable: {why}")]
    Setting { name: &'static str, why: String },
    #[error(transparent)]
    Dev(#[from] dev::DevError),
    #[error("the clock of development mode cannot be set")]
    Clock(#[from] dev::MoveError),
    #[error(transparent)]
    Fixtures(#[from] dev::FixtureError),
    #[error(transparent)]
    MasterKey(#[from] master_key::MasterKeyError),
}

/// A server that takes requests. Dropping it leaves it running; `stop` ends it.
pub struct Server {
    pub app: Arc<App>,
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    stopping: CancellationToken,
    connections: TaskTracker,
    /// The folder's lock is given back when the last of its users is gone.
    _folder: Folder,
}

/// Opens the data folder, finds what is not delivered yet, and serves. When it returns, the server takes
/// requests at `listener`'s address.
pub async fn start(
    settings: Settings,
    handles: Handles,
    listener: TcpListener,
) -> Result<Server, StartError> {
    let settings = Arc::new(settings);
    let network = handles.clone();
    let clock = settings.dev.then(|| MovingClock::over(Arc::clone(&handles.clock)));
    let handles = match &clock {
        Some(clock) => Handles { clock: Arc::new(clock.clone()), ..handles },
        None => handles,
    };
    let address = listener.local_addr().map_err(|error| unusable("listen", &error))?;
    let tls = ListenerTls::of(&settings).await?;
    let metrics_listener = metrics_listener(&settings).await?;
    let opened = open_files(Arc::clone(&settings), handles.clone(), clock.clone()).await?;
    let folder = opened.folder;
    let stores = Stores::open(&settings, &handles, opened.control, &opened.vault).await?;
    let directory = Arc::clone(&stores.directory);
    let base_url = settings.base_url(address);
    let front = Front::new(Arc::clone(&settings), handles.clone(), directory, base_url);
    let demo = match settings.dev {
        true => Some(dev::prepare(&front).await?),
        false => None,
    };
    let ground =
        Ground { clock, front, stores, vault: opened.vault, log: opened.log, catalogue: opened.catalogue };
    let app = ground.app().await?;
    let stopping = CancellationToken::new();
    let connections = TaskTracker::new();
    run_loops(&app, &connections, &stopping);
    let router = openapi::router(Arc::clone(&app));
    if let (Some(file), Some(demo)) = (&app.settings.dev_fixtures, &demo)
        && let Err(error) = dev::apply_fixtures(&router, &demo.admin_token, file).await
    {
        stopping.cancel();
        app.engine.stop().await;
        return Err(error.into());
    }
    let metrics_address = metrics_listener.as_ref().and_then(|listener| listener.local_addr().ok());
    let doors = Doors { listener, tls, metrics_listener, router, network };
    doors.open(&app, &connections, &stopping);
    Ok(Server { app, address, metrics_address, stopping, connections, _folder: folder })
}

/// The server's own loops, beside the engine's.
fn run_loops(app: &Arc<App>, connections: &TaskTracker, stopping: &CancellationToken) {
    let sink = EngineSink {
        engine: app.engine.clone(),
        catalogue: Arc::clone(&app.catalogue),
        handles: app.handles.clone(),
    };
    connections.spawn(publish_waiting(app.messaging.clone(), Arc::new(sink), stopping.clone()));
    connections.spawn(Arc::clone(&app.metering).run(stopping.clone()));
    connections.spawn(reconcile(
        app.subscribing.clone(),
        app.engine.clone(),
        app.settings.delivery.reconcile_every,
        app.handles.clone(),
        stopping.clone(),
    ));
}

/// Where requests come in.
struct Doors {
    listener: TcpListener,
    tls: Option<Arc<ListenerTls>>,
    metrics_listener: Option<TcpListener>,
    router: Router,
    /// Without the clock that development mode moves.
    network: Handles,
}

impl Doors {
    fn open(self, app: &Arc<App>, connections: &TaskTracker, stopping: &CancellationToken) {
        let door = listener::Door {
            router: self.router,
            head_bytes: app.settings.limits.request_head.0,
            head_within: app.settings.limits.head_within,
            timer: listener::ClockTimer::over(Arc::clone(&self.network.clock)),
            handles: self.network,
        };
        let serve = |listener, tls, door| {
            let (stopping, guests) = (stopping.clone(), connections.clone());
            connections.spawn(listener::serve(listener, tls, door, stopping, guests));
        };
        if let Some(listener) = self.metrics_listener {
            let router = operations::open_metrics(Arc::clone(app));
            serve(listener, None, listener::Door { router, ..door.clone() });
        }
        if let Some(tls) = &self.tls {
            connections.spawn(Arc::clone(tls).watch(app.handles.clone(), stopping.clone()));
        }
        serve(self.listener, self.tls, door);
    }
}

impl Server {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where `/metrics` is open, if it is anywhere.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// The base of every URL that is handed out.
    pub fn url(&self) -> &str {
        &self.app.front.base_url
    }

    /// Requests and attempts under way may end; then everything known is written and the folder is free.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.connections.close();
        self.app.engine.stop().await;
        let within = self.app.handles.sleep(self.app.settings.delivery.drain_within);
        tokio::select! {
            () = self.connections.wait() => {}
            () = within => {}
        }
        if let Err(error) = self.app.metering.write_down().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the last usage could not be written down"
            );
        }
    }
}

async fn metrics_listener(settings: &Settings) -> Result<Option<TcpListener>, StartError> {
    let Some(address) = settings.metrics_listen else { return Ok(None) };
    let bound = TcpListener::bind(address).await;
    bound.map(Some).map_err(|error| unusable("metrics_listen", &error))
}

/// What a server keeps in its folder.
struct Opened {
    folder: Folder,
    vault: Arc<Vault>,
    control: ControlDb,
    log: Arc<dyn EventLog>,
    catalogue: Arc<Catalogue>,
}

/// Takes the folder's lock and opens what is in it, off the async threads.
async fn open_files(
    settings: Arc<Settings>,
    handles: Handles,
    clock: Option<MovingClock>,
) -> Result<Opened, StartError> {
    let data = settings.data.clone();
    let open = move || {
        let in_folder = |source| in_folder(&settings, source);
        let catalogue = Arc::new(catalogue(&settings.event_types)?);
        let folder = Folder::open(&settings.data).map_err(in_folder)?;
        if let Some(clock) = clock {
            clock.resume(folder.path())?;
        }
        let vault = Arc::new(master_key::open(&settings, &handles)?);
        let control = ControlDb::open(folder.path()).map_err(in_folder)?;
        let log = SqliteLog::open(&folder, handles, log_options(&settings)).map_err(in_folder)?;
        Ok(Opened { folder, vault, control, log: Arc::new(log), catalogue })
    };
    let opened = tokio::task::spawn_blocking(open).await;
    opened.map_err(|error| StartError::Store { folder: data, source: StoreError::Failed(Box::new(error)) })?
}

/// The built-in event types and those of the operator's files.
fn catalogue(files: &[String]) -> Result<Catalogue, StartError> {
    files.iter().try_fold(Catalogue::built_in(), |catalogue, file| {
        let wrong = |why: &dyn std::fmt::Display| unusable("event_types", &format!("{file}: {why}"));
        let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
        catalogue.with(&text).map_err(|error| wrong(&error))
    })
}

fn in_folder(settings: &Settings, source: StoreError) -> StartError {
    StartError::Store { folder: settings.data.clone(), source }
}

fn unusable(name: &'static str, why: &dyn std::fmt::Display) -> StartError {
    StartError::Setting { name, why: why.to_string() }
}

fn log_options(settings: &Settings) -> LogOptions {
    LogOptions {
        writer: writer_mode(&settings.store),
        segment_bytes: u64::try_from(settings.store.segment_size.0).unwrap_or(u64::MAX),
        segment_age: settings.store.segment_age,
        idempotency_window: settings.delivery.idempotency_window,
        ..LogOptions::default()
    }
}

/// Where there is no core to spare, a thread for commits only adds a hop to each.
fn writer_mode(store: &config::Store) -> WriterMode {
    const NONE_TO_SPARE: usize = 2;
    let few_cores = || std::thread::available_parallelism().is_ok_and(|cores| cores.get() <= NONE_TO_SPARE);
    match store.commit_on {
        CommitOn::Caller if store.read_on_caller => WriterMode::Inline,
        CommitOn::Caller => WriterMode::Caller,
        CommitOn::Auto if few_cores() => WriterMode::Caller,
        CommitOn::Auto | CommitOn::Thread => WriterMode::Threaded,
    }
}

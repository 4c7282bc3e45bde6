//! A running server: the parts put together, the listener served, and everything ended in order.
//!
//! `start` takes its listener and its handles from outside and keeps nothing global, so that two servers
//! run in one process. `Server::stop` is the two-stage stop: no new requests and no new attempts, what is
//! under way may end, then the store closes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::HeaderValue;
use hookswitch_core::catalogue::Catalogue;
use hookswitch_core::clock::Handles;
use hookswitch_core::lifetime::Lifetimes;
use hookswitch_core::subscription::SubscriptionChanges;
use hookswitch_core::vault::Vault;
use hookswitch_engine::metrics::Metrics;
use hookswitch_engine::pace::InFlight;
use hookswitch_engine::retention::Keep;
use hookswitch_engine::{Deps, Engine};
use hookswitch_store::StoreError;
use hookswitch_store::directory::Directory;
use hookswitch_store::log::EventLog;
use hookswitch_store::provisioning::{Provisioning, Quotas};
use hookswitch_store::sqlite::control::ControlDb;
use hookswitch_store::sqlite::directory::SqliteDirectory;
use hookswitch_store::sqlite::folder::Folder;
use hookswitch_store::sqlite::segments::{LogOptions, SqliteLog, WriterMode};
use hookswitch_store::sqlite::subscriptions::SqliteSubscriptions;
use hookswitch_store::sqlite::team_messaging::SqliteTeamMessaging;
use hookswitch_store::subscriptions::Subscriptions;
use hookswitch_transport::Transport;
use hookswitch_transport::webhook::guard::Allowed;
use hookswitch_transport::webhook::tls::TlsSetupError;
use hookswitch_transport::webhook::{self, Webhook};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app_secrets::KeptSecrets;
use crate::config::{self, CommitOn, Settings};
use crate::dev::{FaultyTransport, MovingClock, SeededIds};
use crate::hookswitch::{Turns, Violations, operations};
use crate::metering::Metering;
use crate::restapi::subscription::{Bounds, Handshakes, Parts, Subscribing, reconcile};
use crate::state::{App, Front};
use crate::team_messaging::{EngineSink, Messaging, publish_waiting};
use crate::tls::{ListenerTls, TlsError};
use crate::{dev, event_documents, listener, master_key, openapi};

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
    let clock = settings.dev.then(|| MovingClock::over(Arc::clone(&handles.clock)));
    let handles = match &clock {
        Some(clock) => Handles { clock: Arc::new(clock.clone()), ..handles },
        None => handles,
    };
    let address = listener.local_addr().map_err(|error| unusable("listen", &error))?;
    let tls = ListenerTls::of(&settings).await?;
    let metrics_listener = metrics_listener(&settings).await?;
    let in_folder = |source| StartError::Store { folder: settings.data.clone(), source };
    let Opened { folder, vault, control, log, catalogue } =
        open_files(Arc::clone(&settings), handles.clone(), clock.clone()).await?;
    let directory =
        SqliteDirectory::open(control.clone(), Arc::clone(&vault), Arc::clone(&handles.entropy)).await;
    let directory = Arc::new(directory.map_err(in_folder)?);
    let provisioning: Arc<dyn Provisioning> = Arc::clone(&directory) as _;
    let directory: Arc<dyn Directory> = directory;
    let chats = SqliteTeamMessaging::new(control.clone(), Arc::clone(&vault), Arc::clone(&handles.entropy));
    let subscriptions: Arc<dyn Subscriptions> =
        Arc::new(SqliteSubscriptions::new(control, Arc::clone(&vault), Arc::clone(&handles.entropy)));
    if !settings.dev && !provisioning.has_admin_token().await.map_err(in_folder)? {
        let data = settings.data.display();
        tracing::warn!("nobody has an admin token for {data}: stop and run `hookswitch init --data {data}`");
    }
    let front = Front::new(
        Arc::clone(&settings),
        handles.clone(),
        Arc::clone(&directory),
        settings.base_url(address),
    );
    let demo = match settings.dev {
        true => Some(dev::prepare(&front).await?),
        false => None,
    };
    let webhook = Arc::new(Webhook::new(webhook_settings(&settings)?, handles.clone())?);
    let secrets = Arc::new(KeptSecrets::new(Arc::clone(&directory), Arc::clone(&provisioning)));
    let metrics = Metrics::default();
    let violations = Violations::default();
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    violations.register(&mut registry);
    let engine = Engine::start(Deps {
        log: Arc::clone(&log),
        subscriptions: Arc::clone(&subscriptions),
        transport: transport(&front, Arc::clone(&webhook)),
        secrets: Arc::clone(&secrets) as _,
        catalogue: Arc::clone(&catalogue),
        handles: handles.clone(),
        settings: engine_settings(&settings)?,
        metrics,
    })
    .await
    .map_err(in_folder)?;
    let quotas = Quotas {
        events: settings.quotas.events_per_day,
        deliveries: settings.quotas.deliveries_per_day,
        bytes: settings.quotas.bytes_per_day.map(|size| size.0 as u64),
    };
    let metering =
        Metering::start(Arc::clone(&provisioning), engine.usage().clone(), handles.clone(), quotas).await;
    let metering = Arc::new(metering.map_err(in_folder)?);
    let subscribing = Subscribing::new(Parts {
        store: Arc::clone(&subscriptions),
        directory: Arc::clone(&directory),
        catalogue: Arc::clone(&catalogue),
        changes: Arc::new(engine.clone()) as Arc<dyn SubscriptionChanges>,
        handshakes: Handshakes::new(webhook, handles.clone()),
        handles: handles.clone(),
        base_url: front.base_url.clone(),
        bounds: Bounds {
            filters: settings.limits.filters_per_subscription,
            filter_bytes: settings.limits.filter.0,
        },
        subscriptions_per_user_and_app: settings.limits.subscriptions_per_user_and_app,
        put_semantics: settings.put_semantics,
        webhook_lifetimes: Lifetimes {
            default: settings.lifetimes.webhook,
            longest: settings.lifetimes.webhook_longest,
        },
        seeded_ids: settings.dev_seed.map(SeededIds::new),
    });
    let messaging = Messaging::new(
        Arc::new(chats),
        Arc::clone(&directory),
        handles.clone(),
        front.base_url.clone(),
        settings.incoming_posts_per_minute(),
    );
    let app = Arc::new(App {
        front,
        settings,
        handles: handles.clone(),
        vault,
        directory,
        provisioning,
        secrets,
        turns: Turns::default(),
        metering,
        subscriptions,
        subscribing,
        messaging,
        asyncapi: event_documents::asyncapi(&catalogue).to_string().into(),
        catalogue,
        violations,
        log: Arc::clone(&log),
        engine,
        registry,
        clock,
        advancing: Mutex::default(),
    });
    let stopping = CancellationToken::new();
    let connections = TaskTracker::new();
    let sink = EngineSink {
        engine: app.engine.clone(),
        catalogue: Arc::clone(&app.catalogue),
        handles: handles.clone(),
    };
    connections.spawn(publish_waiting(app.messaging.clone(), Arc::new(sink), stopping.clone()));
    connections.spawn(Arc::clone(&app.metering).run(stopping.clone()));
    connections.spawn(reconcile(
        app.subscribing.clone(),
        app.engine.clone(),
        app.settings.delivery.reconcile_every,
        handles.clone(),
        stopping.clone(),
    ));
    let router = openapi::router(Arc::clone(&app));
    if let (Some(file), Some(demo)) = (&app.settings.dev_fixtures, &demo)
        && let Err(error) = dev::apply_fixtures(&router, &demo.admin_token, file).await
    {
        stopping.cancel();
        app.engine.stop().await;
        return Err(error.into());
    }
    let door = listener::Door {
        router,
        head_bytes: app.settings.limits.request_head.0,
        head_within: app.settings.limits.head_within,
        handles: handles.clone(),
    };
    let metrics_address = metrics_listener.as_ref().and_then(|listener| listener.local_addr().ok());
    if let Some(listener) = metrics_listener {
        let door = listener::Door { router: operations::open_metrics(Arc::clone(&app)), ..door.clone() };
        connections.spawn(listener::serve(listener, None, door, stopping.clone(), connections.clone()));
    }
    if let Some(tls) = &tls {
        connections.spawn(Arc::clone(tls).watch(handles, stopping.clone()));
    }
    connections.spawn(listener::serve(listener, tls, door, stopping.clone(), connections.clone()));
    Ok(Server { app, address, metrics_address, stopping, connections, _folder: folder })
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
        let in_folder = |source| StartError::Store { folder: settings.data.clone(), source };
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

/// The real one; in development mode with faults before it.
fn transport(front: &Front, webhook: Arc<Webhook>) -> Arc<dyn Transport> {
    if !front.settings.dev {
        return webhook;
    }
    let (faults, handles) = (Arc::clone(&front.faults), front.handles.clone());
    Arc::new(FaultyTransport { inner: webhook, faults, handles })
}

/// The built-in event types and those of the operator's files.
fn catalogue(files: &[String]) -> Result<Catalogue, StartError> {
    files.iter().try_fold(Catalogue::built_in(), |catalogue, file| {
        let wrong = |why: &dyn std::fmt::Display| unusable("event_types", &format!("{file}: {why}"));
        let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
        catalogue.with(&text).map_err(|error| wrong(&error))
    })
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

fn webhook_settings(settings: &Settings) -> Result<webhook::Settings, StartError> {
    let allowed = |text: &String| {
        let subnet = text.parse().map_err(|error| unusable("guard.allow", &error))?;
        Ok::<_, StartError>(Allowed { subnet, account: None })
    };
    Ok(webhook::Settings {
        allow: settings.guard.allow.iter().map(allowed).collect::<Result<_, _>>()?,
        allow_loopback: settings.dev,
        handshake_within: settings.delivery.handshake_within,
        extra_ca_files: settings.delivery.extra_ca_files.iter().map(PathBuf::from).collect(),
        user_agent: settings.delivery.user_agent.clone(),
        ..webhook::Settings::default()
    })
}

fn engine_settings(settings: &Settings) -> Result<hookswitch_engine::Settings, StartError> {
    let user_agent = HeaderValue::from_str(&settings.delivery.user_agent);
    let user_agent = user_agent.map_err(|error| unusable("delivery.user_agent", &error))?;
    Ok(hookswitch_engine::Settings {
        notification_within: settings.delivery.notification_within,
        conference_notification_within: settings.delivery.conference_notification_within,
        omit_company_id: settings.conference.omit_company_id,
        headers: webhook::notification_headers(user_agent),
        backlog_deliveries: settings.limits.backlog_deliveries,
        in_flight_of_one: InFlight {
            at_first: settings.delivery.in_flight_at_first,
            at_most: settings.delivery.in_flight_at_most,
        },
        retry_after_obeyed: settings.delivery.retry_after_obeyed,
        keep: Keep { age: settings.retention.age, bytes: settings.retention.size.0 as u64 },
        drain_within: settings.delivery.drain_within,
        ..hookswitch_engine::Settings::default()
    })
}

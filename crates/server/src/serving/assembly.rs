//! The parts of a server put together: from opened files to an `App` whose engine runs.

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
use hookswitch_store::sqlite::subscriptions::SqliteSubscriptions;
use hookswitch_store::sqlite::team_messaging::SqliteTeamMessaging;
use hookswitch_store::subscriptions::Subscriptions;
use hookswitch_transport::Transport;
use hookswitch_transport::webhook::guard::Allowed;
use hookswitch_transport::webhook::{self, Webhook};
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;

use super::{StartError, in_folder, unusable};
use crate::app_secrets::KeptSecrets;
use crate::config::Settings;
use crate::dev::{FaultyTransport, MovingClock, SeededIds};
use crate::event_documents;
use crate::hookswitch::{Turns, Violations};
use crate::metering::Metering;
use crate::restapi::subscription::{Bounds, Handshakes, Parts, Subscribing};
use crate::state::{App, Front};
use crate::team_messaging::Messaging;

/// The rooms of `control.db`.
pub(super) struct Stores {
    pub(super) directory: Arc<dyn Directory>,
    pub(super) provisioning: Arc<dyn Provisioning>,
    pub(super) subscriptions: Arc<dyn Subscriptions>,
    pub(super) chats: SqliteTeamMessaging,
}

impl Stores {
    pub(super) async fn open(
        settings: &Settings,
        handles: &Handles,
        control: ControlDb,
        vault: &Arc<Vault>,
    ) -> Result<Self, StartError> {
        let (vault, entropy) = (|| Arc::clone(vault), || Arc::clone(&handles.entropy));
        let directory = SqliteDirectory::open(control.clone(), vault(), entropy()).await;
        let directory = Arc::new(directory.map_err(|source| in_folder(settings, source))?);
        let chats = SqliteTeamMessaging::new(control.clone(), vault(), entropy());
        let subscriptions = Arc::new(SqliteSubscriptions::new(control, vault(), entropy()));
        let provisioning: Arc<dyn Provisioning> = Arc::clone(&directory) as _;
        let stores = Self { directory, provisioning, subscriptions, chats };
        stores.warn_without_admin(settings).await.map_err(|source| in_folder(settings, source))?;
        Ok(stores)
    }

    async fn warn_without_admin(&self, settings: &Settings) -> Result<(), StoreError> {
        if !settings.dev && !self.provisioning.has_admin_token().await? {
            let data = settings.data.display();
            tracing::warn!(
                "nobody has an admin token for {data}: stop and run `hookswitch init --data {data}`"
            );
        }
        Ok(())
    }
}

/// What a server stands on, before anything of it runs.
pub(super) struct Ground {
    pub(super) clock: Option<MovingClock>,
    pub(super) front: Front,
    pub(super) stores: Stores,
    pub(super) vault: Arc<Vault>,
    pub(super) log: Arc<dyn EventLog>,
    pub(super) catalogue: Arc<Catalogue>,
}

impl Ground {
    /// Starts the engine and puts the parts together.
    pub(super) async fn app(self) -> Result<Arc<App>, StartError> {
        let (settings, handles) = (&self.front.settings, &self.front.handles);
        let webhook = Arc::new(Webhook::new(webhook_settings(settings)?, handles.clone())?);
        let (directory, provisioning) = (&self.stores.directory, &self.stores.provisioning);
        let secrets = Arc::new(KeptSecrets::new(Arc::clone(directory), Arc::clone(provisioning)));
        let (metrics, violations) = (Metrics::default(), Violations::default());
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        violations.register(&mut registry);
        let engine = self.engine(&webhook, &secrets, metrics).await?;
        let metering = Arc::new(self.metering(&engine).await?);
        let subscribing = self.subscribing(webhook, &engine);
        let messaging = Messaging::new(
            Arc::new(self.stores.chats),
            Arc::clone(directory),
            handles.clone(),
            self.front.base_url.clone(),
            settings.incoming_posts_per_minute(),
        );
        Ok(Arc::new(App {
            settings: Arc::clone(settings),
            handles: handles.clone(),
            vault: self.vault,
            directory: self.stores.directory,
            provisioning: self.stores.provisioning,
            secrets,
            turns: Turns::default(),
            metering,
            subscriptions: self.stores.subscriptions,
            subscribing,
            messaging,
            asyncapi: event_documents::asyncapi(&self.catalogue).to_string().into(),
            catalogue: self.catalogue,
            violations,
            log: self.log,
            engine,
            registry,
            clock: self.clock,
            advancing: Mutex::default(),
            front: self.front,
        }))
    }

    async fn engine(
        &self,
        webhook: &Arc<Webhook>,
        secrets: &Arc<KeptSecrets>,
        metrics: Metrics,
    ) -> Result<Engine, StartError> {
        let settings = &self.front.settings;
        let engine = Engine::start(Deps {
            log: Arc::clone(&self.log),
            subscriptions: Arc::clone(&self.stores.subscriptions),
            transport: transport(&self.front, Arc::clone(webhook)),
            secrets: Arc::clone(secrets) as _,
            catalogue: Arc::clone(&self.catalogue),
            handles: self.front.handles.clone(),
            settings: engine_settings(settings)?,
            metrics,
        });
        engine.await.map_err(|source| in_folder(settings, source))
    }

    async fn metering(&self, engine: &Engine) -> Result<Metering, StartError> {
        let settings = &self.front.settings;
        let quotas = Quotas {
            events: settings.quotas.events_per_day,
            deliveries: settings.quotas.deliveries_per_day,
            bytes: settings.quotas.bytes_per_day.map(|size| size.0 as u64),
        };
        let provisioning = Arc::clone(&self.stores.provisioning);
        let handles = self.front.handles.clone();
        let metering = Metering::start(provisioning, engine.usage().clone(), handles, quotas).await;
        metering.map_err(|source| in_folder(settings, source))
    }

    fn subscribing(&self, webhook: Arc<Webhook>, engine: &Engine) -> Subscribing {
        let (settings, handles) = (&self.front.settings, &self.front.handles);
        Subscribing::new(Parts {
            store: Arc::clone(&self.stores.subscriptions),
            directory: Arc::clone(&self.stores.directory),
            catalogue: Arc::clone(&self.catalogue),
            changes: Arc::new(engine.clone()) as Arc<dyn SubscriptionChanges>,
            handshakes: Handshakes::new(webhook, handles.clone()),
            handles: handles.clone(),
            base_url: self.front.base_url.clone(),
            bounds: Bounds {
                filters: settings.limits.filters_per_subscription,
                filter_bytes: settings.limits.filter.0,
            },
            subscriptions_per_user_and_app: self.front.subscriptions_allowed(),
            put_semantics: settings.put_semantics,
            webhook_lifetimes: Lifetimes {
                shortest: Lifetimes::WEBHOOK.shortest,
                default: settings.lifetimes.webhook,
                longest: settings.lifetimes.webhook_longest,
            },
            seeded_ids: settings.dev_seed.map(SeededIds::new),
        })
    }
}

/// The real one; in development mode with faults before it.
fn transport(front: &Front, webhook: Arc<Webhook>) -> Arc<dyn Transport> {
    if !front.settings.dev {
        return webhook;
    }
    let (faults, handles) = (Arc::clone(&front.faults), front.handles.clone());
    Arc::new(FaultyTransport { inner: webhook, faults, handles })
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

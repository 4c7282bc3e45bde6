//! The subscription API in one process: the real router, store, directory and webhook transport; a steered
//! clock, scripted receivers, and an ear in the place of the engine.

mod bad_input;
mod filters;
mod handshakes;
mod life_cycle;
mod two_doors;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRef;
use axum::http::{Method, Request};
use hookswitch_core::catalogue::Catalogue;
use hookswitch_core::clock::Handles;
use hookswitch_core::delivery::EndReason;
use hookswitch_core::id::{AccountId, AppNo, ExtensionId, SubscriptionNo};
use hookswitch_core::lifetime::{Lifetimes, PutSemantics};
use hookswitch_core::subscription::{Subscription, SubscriptionChanges};
use hookswitch_core::vault::{KEY_BYTES, Vault};
use hookswitch_store::directory::{
    Account, AccountStatus, Contact, Directory, Extension, ExtensionStatus, ExtensionType, Foundation,
    NewAccount, NewApp, NewExtension, NewServiceToken, NewSession, Sharing, TokenPair,
};
use hookswitch_store::log::Scope;
use hookswitch_store::sqlite::control::ControlDb;
use hookswitch_store::sqlite::directory::SqliteDirectory;
use hookswitch_store::sqlite::subscriptions::SqliteSubscriptions;
use hookswitch_store::subscriptions::Subscriptions;
use hookswitch_testkit::{ScriptedReceiver, SteeredClock, TempFolder, steered_handles};
use hookswitch_transport::webhook::{self, Webhook};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use utoipa_axum::router::OpenApiRouter;

use super::{Bounds, Handshakes, Parts, Subscribing};
use crate::authenticate::hash_token;
use crate::config::Settings;
use crate::dev::Allowance;
use crate::state::Front;
use crate::{openapi, webinar};

const CORE: &str = "/restapi/v1.0/subscription";
const WEBINAR: &str = "/webinar/notifications/v1/subscriptions";
const BASE: &str = "https://events.example";
const PRESENCE: &str = "/restapi/v1.0/account/~/extension/~/presence";
const MESSAGES: &str = "/restapi/v1.0/account/~/extension/~/message-store";
const WEBINARS: &str = "/webinar/configuration/v1/company/sessions";
const REMINDER: &str = "/restapi/v1.0/subscription/~?threshold=60&interval=15";
const WEEK: Duration = Duration::from_secs(604_800);
/// Of a subscription, while requests of other tests may make more.
const LIMIT: usize = 30;

// The callers, each by the text of its token.
const ADMINISTRATOR: &str = "administrator";
const USER: &str = "user";
/// May read presence and nothing else.
const RECEPTION: &str = "reception";
/// The administrator, logged in with another app.
const OTHER_APP: &str = "other-app";
const OTHER_ACCOUNT: &str = "other-account";
/// The administrator, with an app that may not subscribe.
const NARROW_APP: &str = "narrow-app";
const PUBLISHER: &str = "publisher";
const NOBODY: &str = "";

const ACCOUNT: AccountId = AccountId(100_001);
const FOREIGN_ACCOUNT: AccountId = AccountId(100_002);
const SCOPES: &[&str] = &["SubscriptionWebhook", "ReadAccounts", "ReadPresence", "ReadMessages"];

#[derive(Clone)]
struct State {
    front: Front,
    subscribing: Subscribing,
}

impl FromRef<State> for Front {
    fn from_ref(state: &State) -> Self {
        state.front.clone()
    }
}

impl FromRef<State> for Subscribing {
    fn from_ref(state: &State) -> Self {
        state.subscribing.clone()
    }
}

/// What the engine would have heard.
#[derive(Default)]
struct Ear {
    heard: Mutex<Vec<Heard>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Added(Arc<Subscription>),
    Replaced(Arc<Subscription>),
    Removed(SubscriptionNo, EndReason),
}

impl SubscriptionChanges for Ear {
    fn added(&self, subscription: Arc<Subscription>) {
        self.heard.lock().push(Heard::Added(subscription));
    }

    fn replaced(&self, subscription: Arc<Subscription>) {
        self.heard.lock().push(Heard::Replaced(subscription));
    }

    fn removed(&self, subscription: SubscriptionNo, reason: EndReason) {
        self.heard.lock().push(Heard::Removed(subscription, reason));
    }
}

struct World {
    clock: Arc<SteeredClock>,
    receiver: ScriptedReceiver,
    ear: Arc<Ear>,
    store: SqliteSubscriptions,
    subscribing: Subscribing,
    db: ControlDb,
    router: Router,
    _folder: TempFolder,
}

struct Reply {
    status: u16,
    text: String,
}

impl Reply {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    /// The body, if the status is the expected one.
    #[track_caller]
    fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }
}

impl World {
    async fn new() -> Self {
        Self::with(PutSemantics::Seed).await
    }

    async fn with(put_semantics: PutSemantics) -> Self {
        let folder = TempFolder::new();
        let (handles, clock) = steered_handles(7);
        let vault = Arc::new(Vault::from_text(&Vault::key_text([7; KEY_BYTES])).unwrap());
        let db = ControlDb::open(folder.path()).unwrap();
        let directory = SqliteDirectory::open(db.clone(), Arc::clone(&vault), Arc::clone(&handles.entropy));
        let directory = Arc::new(directory.await.unwrap());
        settle(directory.as_ref(), &handles).await;
        let store = SqliteSubscriptions::new(db.clone(), vault, Arc::clone(&handles.entropy));
        let ear = Arc::new(Ear::default());
        let webhook = Webhook::new(webhook::Settings::dev(), handles.clone()).unwrap();
        let settings = Settings::default();
        let subscribing = Subscribing::new(Parts {
            store: Arc::new(store.clone()),
            directory: directory.clone(),
            catalogue: Arc::new(Catalogue::built_in()),
            changes: ear.clone(),
            handshakes: Handshakes::new(Arc::new(webhook), handles.clone()),
            handles: handles.clone(),
            base_url: BASE.into(),
            bounds: Bounds {
                filters: settings.limits.filters_per_subscription,
                filter_bytes: settings.limits.filter.0,
            },
            subscriptions_per_user_and_app: Allowance::of(LIMIT),
            put_semantics,
            webhook_lifetimes: Lifetimes::WEBHOOK,
            seeded_ids: None,
        });
        let front = Front::new(Arc::new(settings), handles, directory, BASE.into());
        let paths = OpenApiRouter::new().merge(super::routes()).merge(webinar::routes());
        let router =
            openapi::complete(paths, front.clone(), State { front, subscribing: subscribing.clone() });
        let receiver = ScriptedReceiver::start().await;
        Self { clock, receiver, ear, store, subscribing, db, router, _folder: folder }
    }

    async fn call(&self, caller: &str, method: Method, path: &str, body: impl Into<Body>) -> Reply {
        call(self.router.clone(), request(caller, method, path, body.into())).await
    }

    async fn post(&self, path: &str, body: &Value) -> Reply {
        self.call(ADMINISTRATOR, Method::POST, path, body.to_string()).await
    }

    async fn put(&self, id: &str, body: &str) -> Reply {
        self.call(ADMINISTRATOR, Method::PUT, &format!("{CORE}/{id}"), body.to_owned()).await
    }

    async fn get(&self, id: &str) -> Reply {
        self.call(ADMINISTRATOR, Method::GET, &format!("{CORE}/{id}"), "").await
    }

    /// A request for a subscription to these filters at the receiver.
    fn wanted(&self, filters: &[&str]) -> Value {
        json!({
            "eventFilters": filters,
            "deliveryMode": { "transportType": "WebHook", "address": self.receiver.url("/hook?auth=%41b") },
        })
    }

    async fn create(&self, filters: &[&str]) -> Value {
        self.post(CORE, &self.wanted(filters)).await.expect(200)
    }

    /// All live subscriptions of everybody.
    async fn stored(&self) -> Vec<Subscription> {
        use hookswitch_core::clock::Clock as _;
        self.store.page(Scope::Operator, SubscriptionNo(0), 10_000, self.clock.now()).await.unwrap().records
    }

    fn heard(&self) -> Vec<Heard> {
        self.ear.heard.lock().clone()
    }
}

fn request(caller: &str, method: Method, path: &str, body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if caller != NOBODY {
        request = request.header("authorization", format!("Bearer {caller}"));
    }
    request.body(body).unwrap()
}

async fn call(router: Router, request: Request<Body>) -> Reply {
    let response = router.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Reply { status, text: String::from_utf8(body.to_vec()).unwrap() }
}

fn id(info: &Value) -> &str {
    info["id"].as_str().unwrap()
}

async fn settle(directory: &SqliteDirectory, handles: &Handles) {
    let foundation = Foundation {
        accounts: vec![account(ACCOUNT, handles), account(FOREIGN_ACCOUNT, handles)],
        extensions: vec![
            extension(ACCOUNT, 101, true, &[], handles),
            extension(ACCOUNT, 102, false, &["ReadPresence", "ReadMessages"], handles),
            extension(ACCOUNT, 103, false, &["ReadPresence"], handles),
            extension(FOREIGN_ACCOUNT, 101, true, &[], handles),
        ],
        apps: vec![app("one", handles), app("two", handles)],
        service_tokens: vec![NewServiceToken {
            token: hash_token(PUBLISHER),
            publish: Some(None),
            name: PUBLISHER.into(),
            created_at: handles.now(),
        }],
        ..Foundation::default()
    };
    directory.establish(foundation).await.unwrap();
    for (token, account, number, app, scopes) in [
        (ADMINISTRATOR, ACCOUNT, 101, 1, SCOPES),
        (USER, ACCOUNT, 102, 1, SCOPES),
        (RECEPTION, ACCOUNT, 103, 1, SCOPES),
        (OTHER_APP, ACCOUNT, 101, 2, SCOPES),
        (OTHER_ACCOUNT, FOREIGN_ACCOUNT, 101, 1, SCOPES),
        (NARROW_APP, ACCOUNT, 101, 2, &["ReadAccounts"]),
    ] {
        let tokens = TokenPair {
            access: hash_token(token),
            // Longer than any subscription of these tests.
            access_expires_at: handles.now().plus(WEEK * 10_000),
            refresh: None,
        };
        let session = NewSession {
            account,
            extension: extension_id(account, number),
            app: AppNo(app),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            endpoint_id: None,
            created_at: handles.now(),
            tokens,
            keep: 10,
        };
        directory.open_session(session).await.unwrap();
    }
}

/// `100001101` is extension 101 of account 100001.
fn extension_id(account: AccountId, number: u64) -> ExtensionId {
    ExtensionId(account.0 * 1000 + number)
}

fn account(id: AccountId, handles: &Handles) -> NewAccount {
    let account = Account {
        id,
        name: "Acme".into(),
        main_number: format!("+1650{}", id.0),
        status: AccountStatus::Confirmed,
        operator: None,
        company: id.0 + 7,
        created_at: handles.now(),
    };
    NewAccount { account, conference_token: "x".into() }
}

fn extension(
    account: AccountId,
    number: u64,
    administrator: bool,
    permissions: &[&str],
    handles: &Handles,
) -> NewExtension {
    let extension = Extension {
        id: extension_id(account, number),
        account,
        number: number.to_string(),
        name: format!("User {number}"),
        kind: ExtensionType::User,
        status: ExtensionStatus::Enabled,
        contact: Contact::default(),
        administrator,
        permissions: permissions.iter().map(|permission| (*permission).to_owned()).collect(),
        sharing: Sharing::default(),
        created_at: handles.now(),
    };
    NewExtension { extension, password: None, direct_number: None }
}

fn app(client_id: &str, handles: &Handles) -> NewApp {
    NewApp {
        client_id: client_id.into(),
        name: client_id.into(),
        secret: None,
        scopes: SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
        grants: Vec::new(),
        redirect_uris: Vec::new(),
        verification_token: "of-the-app".into(),
        signing_secret: "whsec_c2VjcmV0".into(),
        created_at: handles.now(),
    }
}

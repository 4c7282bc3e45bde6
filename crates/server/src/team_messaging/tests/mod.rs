//! Team messaging in one process: the real router, store and directory, a steered clock, and an ear in the
//! place of the event log.

mod bad_input;
mod chats;
mod hooks;
mod incoming;
mod people;
mod posts;
mod publishing;
mod teams;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::FromRef;
use axum::http::{HeaderMap, Method, Request};
use hookswitch_core::catalogue::Catalogue;
use hookswitch_core::clock::Handles;
use hookswitch_core::id::{AccountId, AppNo, ExtensionId};
use hookswitch_core::vault::{KEY_BYTES, Vault};
use hookswitch_store::directory::{
    Account, AccountStatus, Contact, Directory, Extension, ExtensionStatus, ExtensionType, Foundation,
    NewAccount, NewApp, NewExtension, NewServiceToken, NewSession, Sharing, TokenPair,
};
use hookswitch_store::sqlite::control::ControlDb;
use hookswitch_store::sqlite::directory::SqliteDirectory;
use hookswitch_store::sqlite::team_messaging::SqliteTeamMessaging;
use hookswitch_store::team_messaging::WaitingEvent;
use hookswitch_testkit::{SteeredClock, TempFolder, steered_handles};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use utoipa_axum::router::OpenApiRouter;

use super::publisher::{self, EventSink, SinkError};
use super::{Messaging, NEWER, OLDER};
use crate::authenticate::hash_token;
use crate::config::Settings;
use crate::openapi;
use crate::state::Front;

const BASE: &str = "https://chat.example";
const FAMILIES: [&str; 2] = [NEWER, OLDER];
/// Posts that a webhook may make in a minute here.
const PER_MINUTE: u32 = 30;

// The callers, each by the text of its token.
/// Extension 101, an administrator.
const ADMIN: &str = "admin";
const USER: &str = "user";
const COLLEAGUE: &str = "colleague";
/// Extension 104, whom nobody invites.
const STRANGER: &str = "stranger";
const OTHER_ACCOUNT: &str = "other-account";
/// With the scope's older name.
const BOT: &str = "bot";
/// With an app that may not use team messaging.
const NARROW_APP: &str = "narrow-app";
const PUBLISHER: &str = "publisher";
const NOBODY: &str = "";

const ACCOUNT: AccountId = AccountId(100_001);
const FOREIGN_ACCOUNT: AccountId = AccountId(100_002);

fn extension_id(account: AccountId, number: u64) -> ExtensionId {
    ExtensionId(account.0 * 1000 + number)
}

/// As answers write the id of an extension of ACCOUNT.
fn id(number: u64) -> String {
    extension_id(ACCOUNT, number).to_string()
}

fn ids(numbers: &[u64]) -> Vec<ExtensionId> {
    numbers.iter().map(|number| extension_id(ACCOUNT, *number)).collect()
}

#[derive(Clone)]
struct State {
    front: Front,
    messaging: Messaging,
}

impl FromRef<State> for Front {
    fn from_ref(state: &State) -> Self {
        state.front.clone()
    }
}

impl FromRef<State> for Messaging {
    fn from_ref(state: &State) -> Self {
        state.messaging.clone()
    }
}

/// What the event log would have heard.
#[derive(Default)]
struct Ear {
    heard: Mutex<Vec<WaitingEvent>>,
    /// How often it takes nothing before it takes everything.
    busy: Mutex<u32>,
    /// An event with this in its body is refused for good.
    refuses: Mutex<Option<&'static str>>,
}

#[async_trait]
impl EventSink for Ear {
    async fn publish(&self, events: &[WaitingEvent]) -> Result<(), SinkError> {
        let mut busy = self.busy.lock();
        if *busy > 0 {
            *busy -= 1;
            return Err(SinkError::Later("the disk is full".into()));
        }
        if let Some(refused) = *self.refuses.lock()
            && let Some(index) = events.iter().position(|event| event.body.contains(refused))
        {
            return Err(SinkError::Refused { index, why: "its uuid belongs to another event".into() });
        }
        self.heard.lock().extend_from_slice(events);
        Ok(())
    }
}

/// An event as tests look at it.
#[derive(Debug, PartialEq)]
struct Told {
    name: String,
    kind: String,
    recipients: Vec<ExtensionId>,
    body: Value,
}

struct World {
    clock: Arc<SteeredClock>,
    messaging: Messaging,
    ear: Arc<Ear>,
    catalogue: Catalogue,
    router: Router,
    _folder: TempFolder,
}

struct Reply {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    /// The body, if the status is the expected one; null if there is none.
    #[track_caller]
    fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// Status, code and parameter.
    #[track_caller]
    fn refusal(&self) -> (u16, String, String) {
        let body = self.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (self.status, text(&body["errors"][0]["errorCode"]), text(&body["parameterName"]))
    }
}

impl World {
    async fn new() -> Self {
        let folder = TempFolder::new();
        let (handles, clock) = steered_handles(7);
        let vault = Arc::new(Vault::from_text(&Vault::key_text([7; KEY_BYTES])).unwrap());
        let db = ControlDb::open(folder.path()).unwrap();
        let directory = SqliteDirectory::open(db.clone(), Arc::clone(&vault), Arc::clone(&handles.entropy));
        let directory = Arc::new(directory.await.unwrap());
        settle(directory.as_ref(), &handles).await;
        let store = Arc::new(SqliteTeamMessaging::new(db, vault, Arc::clone(&handles.entropy)));
        let messaging =
            Messaging::new(store, directory.clone(), handles.clone(), BASE.into(), Some(PER_MINUTE));
        let front = Front::new(Arc::new(Settings::default()), handles, directory, BASE.into());
        let paths = OpenApiRouter::new().merge(super::routes());
        let state = State { front: front.clone(), messaging: messaging.clone() };
        let router = openapi::complete(paths, front, state);
        Self {
            clock,
            messaging,
            ear: Arc::default(),
            catalogue: Catalogue::built_in(),
            router,
            _folder: folder,
        }
    }

    async fn call(&self, caller: &str, method: Method, path: &str, body: impl Into<Body>) -> Reply {
        let mut request =
            Request::builder().method(method).uri(path).header("content-type", "application/json");
        if caller != NOBODY {
            request = request.header("authorization", format!("Bearer {caller}"));
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Reply { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    async fn get(&self, caller: &str, path: &str) -> Reply {
        self.call(caller, Method::GET, path, "").await
    }

    async fn post(&self, caller: &str, path: &str, body: &Value) -> Reply {
        self.call(caller, Method::POST, path, body.to_string()).await
    }

    async fn patch(&self, caller: &str, path: &str, body: &Value) -> Reply {
        self.call(caller, Method::PATCH, path, body.to_string()).await
    }

    async fn delete(&self, caller: &str, path: &str) -> Reply {
        self.call(caller, Method::DELETE, path, "").await
    }

    /// A team that USER made with COLLEAGUE in it; its id.
    async fn team(&self) -> String {
        self.team_of(&json!({ "name": "Ops", "members": [{ "id": id(103) }] })).await
    }

    async fn team_of(&self, request: &Value) -> String {
        let team = self.post(USER, &format!("{NEWER}/teams"), request).await.expect(201);
        self.told().await;
        team["id"].as_str().unwrap().to_owned()
    }

    /// An incoming webhook of a chat, made by USER; its id.
    async fn hook(&self, chat: &str) -> String {
        let hook = self.post(USER, &format!("{NEWER}/groups/{chat}/webhooks"), &json!({})).await.expect(200);
        self.told().await;
        hook["id"].as_str().unwrap().to_owned()
    }

    /// What was published since the last call.
    async fn told(&self) -> Vec<Told> {
        publisher::drain(&self.messaging, self.ear.as_ref()).await.unwrap();
        let heard = std::mem::take(&mut *self.ear.heard.lock());
        let told = heard.into_iter().map(|event| {
            let body: Value = serde_json::from_str(&event.body).unwrap();
            self.check_against_catalogue(&event.name, &body);
            let kind = body["eventType"].as_str().unwrap().to_owned();
            Told { name: event.name, kind, recipients: event.recipients, body }
        });
        told.collect()
    }

    /// The same as types and recipients.
    async fn told_whom(&self) -> Vec<(String, Vec<ExtensionId>)> {
        self.told().await.into_iter().map(|told| (told.kind, told.recipients)).collect()
    }

    /// What is published is what the catalogue promises subscribers.
    fn check_against_catalogue(&self, name: &str, body: &Value) {
        let resolved = self.catalogue.resolve(name).unwrap();
        let entry = self.catalogue.entry(resolved.entry);
        entry.schema.check(body).unwrap_or_else(|violation| panic!("{violation} in {body}"));
        assert!(entry.members_only, "{name}");
    }

    async fn posts(&self, chat: &str) -> usize {
        let page = self.get(USER, &format!("{NEWER}/chats/{chat}/posts?recordCount=250")).await.expect(200);
        page["records"].as_array().unwrap().len()
    }
}

/// One expected event.
fn event(kind: &str, recipients: &[u64]) -> (String, Vec<ExtensionId>) {
    (kind.to_owned(), ids(recipients))
}

fn names(list: &Value, member: &str) -> Vec<String> {
    let records = list["records"].as_array().unwrap();
    records.iter().map(|record| record[member].as_str().unwrap_or_default().to_owned()).collect()
}

async fn settle(directory: &SqliteDirectory, handles: &Handles) {
    let extensions = (101..=120).map(|number| extension(ACCOUNT, number, handles));
    let foundation = Foundation {
        accounts: vec![account(ACCOUNT, handles), account(FOREIGN_ACCOUNT, handles)],
        extensions: extensions.chain([extension(FOREIGN_ACCOUNT, 101, handles)]).collect(),
        apps: vec![app("one", handles)],
        service_tokens: vec![NewServiceToken {
            token: hash_token(PUBLISHER),
            publish: Some(None),
            name: PUBLISHER.into(),
            created_at: handles.now(),
        }],
        ..Foundation::default()
    };
    directory.establish(foundation).await.unwrap();
    for (token, account, number, scope) in [
        (ADMIN, ACCOUNT, 101, "TeamMessaging"),
        (USER, ACCOUNT, 102, "TeamMessaging"),
        (COLLEAGUE, ACCOUNT, 103, "TeamMessaging"),
        (STRANGER, ACCOUNT, 104, "TeamMessaging"),
        (BOT, ACCOUNT, 105, "Glip"),
        (OTHER_ACCOUNT, FOREIGN_ACCOUNT, 101, "TeamMessaging"),
        (NARROW_APP, ACCOUNT, 102, "ReadAccounts"),
    ] {
        let tokens = TokenPair {
            access: hash_token(token),
            access_expires_at: handles.now().plus(Duration::from_secs(10_000_000)),
            refresh: None,
        };
        let session = NewSession {
            account,
            extension: extension_id(account, number),
            app: AppNo(1),
            scopes: vec![scope.to_owned()],
            endpoint_id: None,
            created_at: handles.now(),
            tokens,
            keep: 10,
        };
        directory.open_session(session).await.unwrap();
    }
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

fn extension(account: AccountId, number: u64, handles: &Handles) -> NewExtension {
    let extension = Extension {
        id: extension_id(account, number),
        account,
        number: number.to_string(),
        name: format!("User {number}"),
        kind: ExtensionType::User,
        status: ExtensionStatus::Enabled,
        contact: Contact {
            first_name: "User".into(),
            last_name: number.to_string(),
            email: format!("user{number}@{account}.example"),
            ..Contact::default()
        },
        administrator: number == 101,
        permissions: vec!["TeamMessaging".into()],
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
        scopes: vec!["TeamMessaging".into()],
        grants: Vec::new(),
        redirect_uris: Vec::new(),
        verification_token: "v".into(),
        signing_secret: "whsec_x".into(),
        created_at: handles.now(),
    }
}

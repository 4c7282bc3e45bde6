//! A server in this process on a steered clock, and a client that is logged in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::clock::{Handles, WallTime};
use hookswitch_server::config::{CommitOn, Settings};
use hookswitch_server::serving::{self, Server};
use hookswitch_testkit::running::read_dev_env;
use hookswitch_testkit::{HttpClient, Reply, SteeredClock, TempFolder, steered_handles};
use http::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// After time was moved, ready tasks are polled this often before anything is concluded. Each chain of
/// wake-ups in the engine is far shorter.
const POLLS: usize = 64;

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) clock: Arc<SteeredClock>,
    pub(crate) client: HttpClient,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) user_token: String,
    handles: Handles,
    settings: Settings,
    /// Kept to the end: the server's files are in it.
    _folder: TempFolder,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = TempFolder::new();
        let (handles, clock) = steered_handles(7);
        let mut settings = Settings { dev: true, data: folder.path().to_owned(), ..Settings::default() };
        settings.sessions.password_rounds = 1;
        // On the caller's thread, so that whatever a moved clock sets off has happened when polls end.
        settings.store.commit_on = CommitOn::Caller;
        settings.store.read_on_caller = true;
        change(&mut settings);
        let server = Self::serve(&settings, &handles).await;
        let env = read_dev_env(&folder.path().join("dev.env"));
        let client = HttpClient::to(server.address());
        let user_token = String::new();
        let mut world = Self { server, clock, client, env, user_token, handles, settings, _folder: folder };
        world.user_token = world.log_in().await;
        world
    }

    async fn serve(settings: &Settings, handles: &Handles) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        serving::start(settings.clone(), handles.clone(), listener).await.expect("the server starts")
    }

    /// Stops the server, lets time pass without one, and starts it again on the same folder.
    pub(crate) async fn restart_after(self, down: Duration) -> Self {
        let Self { server, clock, client, env, user_token, handles, settings, _folder } = self;
        // Connections that are kept open would hold the stop.
        drop(client);
        server.stop().await;
        clock.advance(down);
        let server = Self::serve(&settings, &handles).await;
        let client = HttpClient::to(server.address());
        Self { server, clock, client, env, user_token, handles, settings, _folder }
    }

    pub(crate) async fn log_in(&self) -> String {
        use base64::Engine as _;
        let secret = format!("{}:{}", self.env["RC_APP_CLIENT_ID"], self.env["RC_APP_CLIENT_SECRET"]);
        let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(secret));
        let form = format!(
            "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion={}",
            self.env["RC_USER_JWT"]
        );
        let headers =
            [("authorization", basic.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let reply =
            self.client.send(Method::POST, "/restapi/oauth/token", &headers, form).await.expect("an answer");
        reply.expect(200).json()["access_token"].as_str().expect("a token").to_owned()
    }

    pub(crate) async fn call(&self, method: Method, target: &str, token: &str, body: Option<Value>) -> Reply {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.client.send(method, target, &headers, body).await.expect("an answer")
    }

    pub(crate) async fn user(&self, method: Method, target: &str, body: Option<Value>) -> Reply {
        self.call(method, target, &self.user_token, body).await
    }

    pub(crate) async fn admin(&self, target: &str) -> Value {
        self.call(Method::GET, target, &self.env["HOOKSWITCH_ADMIN_TOKEN"], None).await.expect(200).json()
    }

    pub(crate) async fn subscribe(&self, filters: &[&str], address: &str) -> Value {
        let body = json!({
            "eventFilters": filters,
            "deliveryMode": { "transportType": "WebHook", "address": address },
        });
        self.user(Method::POST, "/restapi/v1.0/subscription", Some(body)).await.expect(200).json()
    }

    pub(crate) async fn publish(&self, body: Value) -> Reply {
        self.call(Method::POST, "/hookswitch/v1/events", &self.env["HOOKSWITCH_PUBLISH_TOKEN"], Some(body))
            .await
    }

    pub(crate) fn now(&self) -> WallTime {
        use hookswitch_core::clock::Clock as _;
        self.clock.now()
    }

    pub(crate) fn extension_path(&self, tail: &str) -> String {
        let (account, extension) = (&self.env["RC_ACCOUNT_ID"], &self.env["RC_EXTENSION_ID"]);
        format!("/restapi/v1.0/account/{account}/extension/{extension}/{tail}")
    }

    /// Lets everything happen that can happen without time passing.
    pub(crate) async fn settle(&self) {
        let quiet = async {
            loop {
                for _ in 0..POLLS {
                    tokio::task::yield_now().await;
                }
                if self.server.app.engine.vitals().in_flight == 0 {
                    return;
                }
            }
        };
        hookswitch_testkit::patience::within("the attempts under way end", quiet, String::new).await;
    }

    /// Moves time on by `span`, from one moment that anybody waits for to the next.
    pub(crate) async fn pass(&self, span: Duration) {
        use hookswitch_core::clock::Clock as _;
        let end = self.clock.monotonic().plus(span);
        loop {
            self.settle().await;
            match self.clock.next_deadline() {
                Some(next) if next < end => self.clock.advance_to(next),
                _ => break,
            }
        }
        self.clock.advance_to(end);
        self.settle().await;
    }
}

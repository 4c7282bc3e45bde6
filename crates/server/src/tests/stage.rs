//! The demo account behind a router, and a client to ask it with.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookswitch_core::clock::Handles;
use hookswitch_core::vault::{KEY_BYTES, Vault};
use hookswitch_store::directory::Directory;
use hookswitch_store::sqlite::control::ControlDb;
use hookswitch_store::sqlite::directory::SqliteDirectory;
use hookswitch_testkit::folder::TempFolder;
use hookswitch_testkit::{SeededEntropy, SteeredClock};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use url::form_urlencoded;
use utoipa_axum::router::OpenApiRouter;

use crate::body::Payload;
use crate::config::{Layers, Settings};
use crate::dev::{self, Demo};
use crate::state::Front;
use crate::{oauth, openapi, restapi};

pub(super) const BASE: &str = "http://127.0.0.1:4711";

pub(super) struct Stage {
    pub(super) clock: Arc<SteeredClock>,
    pub(super) front: Front,
    pub(super) demo: Demo,
    router: Router,
    pub(super) folder: Arc<TempFolder>,
}

pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Reply {
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Status, code and parameter, as a table of bad input has them.
    pub(super) fn refusal(&self) -> (u16, String, String) {
        let body = self.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let first = &body["errors"][0];
        (self.status.as_u16(), text(&first["errorCode"]), text(&first["parameterName"]))
    }
}

impl Stage {
    pub(super) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With settings by key and text.
    pub(super) async fn with(flags: &[(&str, &str)]) -> Self {
        Self::on(Arc::new(TempFolder::new()), BASE, 1, flags).await
    }

    /// A server on a folder that may have been used before, at `base_url`.
    pub(super) async fn on(
        folder: Arc<TempFolder>,
        base_url: &str,
        seed: u64,
        flags: &[(&str, &str)],
    ) -> Self {
        let mut layers = Layers::default()
            .with_flag("dev", "true")
            .with_flag("sessions.password_rounds", "100")
            .with_flag("data", folder.path().to_string_lossy());
        for (key, text) in flags {
            layers = layers.with_flag(key, *text);
        }
        let settings = Arc::new(Settings::load(layers).unwrap());
        let clock = Arc::new(SteeredClock::new());
        let handles = Handles { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(seed)) };
        let vault = Arc::new(Vault::from_text(&Vault::key_text([7; KEY_BYTES])).unwrap());
        let db = ControlDb::open(folder.path()).unwrap();
        let directory = SqliteDirectory::open(db, vault, handles.entropy.clone()).await.unwrap();
        let directory: Arc<dyn Directory> = Arc::new(directory);
        let front = Front::new(settings, handles, directory, base_url.to_owned());
        let demo = dev::prepare(&front).await.unwrap();
        let echo = axum::routing::post(|Payload(body): Payload| async move { body });
        let paths = OpenApiRouter::new()
            .merge(oauth::routes())
            .merge(restapi::routes())
            .route("/hookswitch/v1/events", echo.clone())
            .route("/webinar/notifications/v1/subscriptions", echo);
        let router = openapi::complete(paths, front.clone(), front.clone());
        Self { clock, front, demo, router, folder }
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub(super) async fn ask(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_empty() { Body::empty() } else { Body::from(body.to_owned()) };
        self.send(request.body(body).unwrap()).await
    }

    pub(super) async fn get(&self, token: &str, target: &str) -> Reply {
        self.ask(Method::GET, target, &[("authorization", &format!("Bearer {token}"))], "").await
    }

    /// A form with the demo app's credentials.
    pub(super) async fn form(&self, target: &str, pairs: &[(&str, &str)]) -> Reply {
        self.form_as(&basic(&self.demo.client_id, &self.demo.client_secret), target, pairs).await
    }

    pub(super) async fn form_as(&self, authorization: &str, target: &str, pairs: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let form = ("content-type", "application/x-www-form-urlencoded");
        let authorization = [("authorization", authorization), form];
        let headers = if authorization[0].1.is_empty() { &authorization[1..] } else { &authorization[..] };
        self.ask(Method::POST, target, headers, &body).await
    }

    pub(super) async fn token(&self, pairs: &[(&str, &str)]) -> Reply {
        self.form("/restapi/oauth/token", pairs).await
    }

    /// Logs the administrator in with the JWT.
    pub(super) async fn log_in(&self) -> Tokens {
        let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
        Tokens::of(&self.token(&[grant, ("assertion", &self.demo.jwt)]).await)
    }

    /// Logs a user in with the password.
    pub(super) async fn log_in_as(&self, extension: &str) -> Tokens {
        let reply = self
            .token(&[
                ("grant_type", "password"),
                ("username", &self.demo.username),
                ("extension", extension),
                ("password", &self.demo.password),
            ])
            .await;
        Tokens::of(&reply)
    }

    pub(super) async fn refresh(&self, token: &str) -> Reply {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// The status of a call that any valid user token may make.
    pub(super) async fn knock(&self, token: &str) -> u16 {
        self.get(token, "/restapi/v1.0/account/~").await.status.as_u16()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: String,
}

impl Tokens {
    #[track_caller]
    pub(super) fn of(reply: &Reply) -> Self {
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        let body = reply.json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

pub(super) fn basic(client_id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{client_id}:{secret}")))
}

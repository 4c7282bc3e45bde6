//! Every error code of the protocol: raised here by a call to a real server, or named with the reason why
//! no call can raise it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::id::{AccountId, ExtensionId};
use hookswitch_server::authenticate::hash_token;
use hookswitch_server::config::Size;
use hookswitch_store::directory::{
    Account, AccountStatus, ExtensionStatus, ExtensionType, Foundation, Grant, NewAccount, NewSession,
    TokenPair,
};
use hookswitch_store::sign_in::AuthorizationCode;
use hookswitch_testkit::receiver::Wrap;
use hookswitch_testkit::{Answer, Reply, ScriptedReceiver};
use http::Method;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::cast::{OTHER_ACCOUNT, OTHER_APP, PASSWORD, basic};
use crate::world::World;

const ALL: &[&str] = &[
    "AGW-401", "AGW-402", "CMN-101", "CMN-102", "CMN-103", "CMN-104", "CMN-105", "CMN-106", "CMN-107",
    "CMN-108", "CMN-109", "CMN-110", "CMN-120", "CMN-201", "CMN-202", "CMN-203", "CMN-301", "CMN-302",
    "CMN-303", "CMN-304", "CMN-310", "CMN-401", "CMN-402", "CMN-403", "CMN-404", "CMN-405", "CMN-406",
    "CMN-407", "CMN-408", "CMN-419", "OAU-101", "OAU-102", "OAU-105", "OAU-106", "OAU-108", "OAU-109",
    "OAU-110", "OAU-111", "OAU-112", "OAU-113", "OAU-116", "OAU-117", "OAU-119", "OAU-120", "OAU-121",
    "OAU-123", "OAU-125", "OAU-127", "OAU-128", "OAU-129", "OAU-134", "OAU-136", "OAU-140", "OAU-141",
    "OAU-142", "OAU-146", "OAU-147", "OAU-148", "OAU-149", "OAU-150", "OAU-151", "OAU-163", "OAU-164",
    "OAU-165", "OAU-167", "OAU-168", "OAU-213", "OAU-232", "OAU-236", "OAU-347", "SUB-402", "SUB-403",
    "SUB-404", "SUB-405", "SUB-406", "SUB-407", "SUB-408", "SUB-412", "SUB-505", "SUB-507", "SUB-508",
    "SUB-509", "SUB-511", "SUB-515", "SUB-516", "SUB-518", "SUB-520", "SUB-521", "SUB-522", "SUB-523",
    "SUB-524", "SUB-525", "SUB-527", "SUB-528", "SUB-530", "SUB-531",
];

/// Nothing else in the server sleeps as long as this.
const BODY_WITHIN: Duration = Duration::from_millis(47_123);

/// Codes that no call can raise, and why.
const NOT_REACHABLE: &[(&str, &str)] = &[
    ("AGW-401", "a missing header is told as OAU-123, as today's platform does"),
    ("AGW-402", "a malformed header is told as OAU-134, as today's platform does"),
    ("CMN-105", "a query is allowed with every method; what a path does not know is ignored"),
    ("CMN-107", "no path serves ranges"),
    ("CMN-108", "no resource takes its id from the body; one that stands there is ignored"),
    ("CMN-110", "the headers that a call needs have codes of their own: OAU-123, CMN-407"),
    ("CMN-202", "every path in the document is carried out"),
    ("CMN-203", "a failure of our own; no call is known that makes one"),
    ("CMN-302", "there are no calling plans; what an account may use in a day is told as CMN-301"),
    ("CMN-303", "equal calls at the same time are two calls; publishing knows repeats by their uuid"),
    ("CMN-304", "as CMN-303"),
    ("CMN-403", "no path is for extensions of one kind; those that may not log in never get a token"),
    ("CMN-419", "what is another extension's is not found: CMN-102"),
    ("OAU-101", "brand_id is ignored, because clients send theirs"),
    ("OAU-102", "told to the app in the redirect, as error=access_denied"),
    ("OAU-116", "every way to authenticate that an app may use is told by OAU-112, OAU-125 or OAU-151"),
    ("OAU-119", "there are no virtual numbers"),
    ("OAU-121", "an app is found by its client id alone: OAU-120"),
    ("OAU-127", "apps have no releases"),
    ("OAU-129", "tokens are opaque: one that is damaged is OAU-149 or unknown, OAU-213"),
    ("OAU-165", "there is no sandbox"),
    ("OAU-167", "sites restrict nobody"),
    ("OAU-168", "there is no second factor; operators who want one use their identity provider"),
    ("OAU-232", "an extension that is deleted takes its sessions along: OAU-213"),
    ("SUB-402", "every extension of the directory has presence"),
    ("SUB-403", "no setting forbids to monitor presence"),
    ("SUB-404", "no setting forbids to pick up calls"),
    ("SUB-407", "APNS is not offered"),
    ("SUB-408", "the owner of a subscription is the caller, who is known"),
    ("SUB-507", "an expired subscription is not found: CMN-102"),
    ("SUB-509", "there is no look-up by address"),
    ("SUB-511", "APNS is not offered"),
    ("SUB-528", "APNS is not offered"),
];

/// Codes that have a story of their own.
const TOLD_ELSEWHERE: &[(&str, &str)] = &[
    ("CMN-109", "team_messaging/tests: an archived team"),
    ("CMN-310", "publishing: too many requests wait for the store, which a healthy one prevents"),
    ("CMN-402", "team_messaging/tests: what only a team's administrator may"),
    ("CMN-404", "team_messaging/tests: what only the author may"),
];

/// What was raised, as far as it is what was expected.
#[derive(Default)]
struct Table {
    raised: BTreeSet<&'static str>,
    wrong: Vec<String>,
}

impl Table {
    fn row(&mut self, code: &'static str, status: u16, reply: &Reply) {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let first = &body["errors"][0];
        let said = first["errorCode"].as_str().unwrap_or_default();
        let worded = first["message"].as_str().is_some_and(|message| message.len() > 10);
        let at_top = body["errorCode"] == said || body["errors"][0]["errorCode"] != body["errorCode"];
        if said == code && reply.status == status && worded && at_top {
            self.raised.insert(code);
        } else {
            self.wrong.push(format!("{code}: {status} is due, it says {} {}", reply.status, reply.text()));
        }
    }

    /// For what is told on a page, or as part of a success.
    fn mentioned(&mut self, code: &'static str, status: u16, reply: &Reply) {
        if reply.status == status && reply.text().contains(code) {
            self.raised.insert(code);
        } else {
            self.wrong.push(format!("{code}: {status} is due, it says {} {}", reply.status, reply.text()));
        }
    }

    fn check(&self) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
        let excused = NOT_REACHABLE.iter().chain(TOLD_ELSEWHERE);
        for (code, why) in excused.clone() {
            assert!(!self.raised.contains(code), "{code} was raised, although {why}");
        }
        let known: BTreeSet<_> = self.raised.iter().copied().chain(excused.map(|(code, _)| *code)).collect();
        let missing: Vec<_> = ALL.iter().filter(|code| !known.contains(*code)).collect();
        assert!(missing.is_empty(), "neither raised nor excused: {missing:?}");
        assert!(self.raised.iter().all(|code| ALL.contains(code)), "a code that the contract does not have");
    }
}

#[tokio::test]
async fn every_code_of_the_contract_is_raised_by_a_call_or_excused_with_a_reason() {
    let mut table = Table::default();
    let mut world = World::with(|settings| {
        settings.limits.other_request = Size(4096);
        settings.limits.body_within = BODY_WITHIN;
        settings.limits.subscriptions_per_user_and_app = 1;
        settings.sessions.failed_logins_free = 0;
    })
    .await;
    world.found_others(|foundation| unfit(&world, foundation)).await;
    let expired = world.expired_token().await;
    world.user_token = world.log_in().await;
    calls(&world, &mut table, &expired).await;
    logins(&world, &mut table).await;
    codes(&world, &mut table).await;
    subscriptions(&world, &mut table).await;
    handshakes(&world, &mut table).await;
    world.server.stop().await;
    rates_and_identity(&mut table).await;
    table.check();
}

/// Users and apps that something is wrong with.
fn unfit(world: &World, foundation: &mut Foundation) {
    let now = world.now();
    let account = Account {
        id: AccountId(88),
        name: "Closed Company".into(),
        main_number: "+16505558888".into(),
        status: AccountStatus::Disabled,
        operator: Some(ExtensionId(88_101)),
        company: 8_888,
        created_at: now,
    };
    foundation.accounts.push(NewAccount { account, conference_token: "closed".into() });
    let mut of_closed = world.extension(101, ExtensionType::User, ExtensionStatus::Enabled);
    of_closed.extension.account = AccountId(88);
    of_closed.extension.id = ExtensionId(88_101);
    foundation.extensions.push(of_closed);
    // Without any permission, and no administrator.
    foundation.extensions.push(world.extension(105, ExtensionType::User, ExtensionStatus::Enabled));
    foundation.apps.push(world.app(("narrow", "secret"), &[Grant::JwtBearer]));
    let mut public = world.app(("public", ""), Grant::ALL);
    public.secret = None;
    foundation.apps.push(public);
}

async fn calls(world: &World, table: &mut Table, expired: &str) {
    const ACCOUNT: &str = "/restapi/v1.0/account/~";
    let get = async |target: &str| world.user(Method::GET, target, None).await;
    let raw = async |headers: &[(&str, &str)]| {
        world.client.send(Method::GET, ACCOUNT, headers, "").await.expect("an answer")
    };
    let as_token = async |token: &str| world.call(Method::GET, ACCOUNT, token, None).await;
    table.row("CMN-101", 400, &get("/restapi/v1.0/account/~/extension?page=0").await);
    table.row("CMN-102", 404, &get("/restapi/v1.0/account/1").await);
    table.row("CMN-120", 404, &get("/restapi/v1.0/nowhere").await);
    let bearer = format!("Bearer {}", world.user_token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let send = async |body: &'static str| {
        let subscription = "/restapi/v1.0/subscription";
        world.client.send(Method::POST, subscription, &headers, body).await.expect("an answer")
    };
    table.row("CMN-103", 400, &send("{").await);
    table.row("CMN-104", 408, &drip(world).await);
    let long = "x".repeat(5000);
    let too_long =
        world.token_request(world.demo_app(), &[("grant_type", "password"), ("password", &long)]).await;
    table.row("CMN-106", 413, &too_long);
    let json = [("authorization", basic(world.demo_app())), ("content-type", "application/json".into())];
    let json: Vec<_> = json.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let token = world.client.send(Method::POST, "/restapi/oauth/token", &json, "{}").await;
    table.row("CMN-407", 415, &token.expect("an answer"));

    let narrow = world.user_token(world.demo_app(), AccountId(0), "101", &[("scope", "Faxes")]).await;
    table.row("CMN-401", 403, &as_token(&narrow).await);
    table.row("CMN-405", 401, &as_token(&world.app_token().await).await);
    let powerless = world.user_token(world.demo_app(), OTHER_ACCOUNT, "105", &[]).await;
    table.row("CMN-408", 403, &as_token(&powerless).await);
    let event = |status: &str| {
        let uuid = "0190b3a4-7c1e-7d70-8a51-0c8e0a3f9f10";
        json!({ "event": world.extension_path("presence"), "uuid": uuid, "body": { "presenceStatus": status } })
    };
    world.publish(event("Busy")).await.expect(202);
    table.row("CMN-406", 409, &world.publish(event("Available")).await);

    table.row("OAU-123", 401, &raw(&[]).await);
    table.row("OAU-128", 401, &as_token(expired).await);
    table.row("OAU-134", 401, &raw(&[("authorization", "Basic eDp5")]).await);
    table.row("OAU-149", 401, &raw(&[("authorization", "Bearer a b")]).await);
    table.row("OAU-213", 401, &as_token("nobodys-token").await);
    table.row("OAU-236", 400, &as_token(&session_of_disabled(world).await).await);
}

/// A request whose body never ends, on a connection of its own.
async fn drip(world: &World) -> Reply {
    let mut stream = TcpStream::connect(world.server.address()).await.expect("it listens");
    let head = "POST /restapi/oauth/token HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\
                content-type: application/x-www-form-urlencoded\r\n\r\ngrant";
    stream.write_all(head.as_bytes()).await.expect("it reads");
    world.clock.until_sleeping_towards(BODY_WITHIN, BODY_WITHIN).await;
    world.clock.advance(BODY_WITHIN);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer, and then the end");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Reply { status, headers: http::HeaderMap::new(), body: body.to_owned().into() }
}

/// A token from before its owner was disabled.
async fn session_of_disabled(world: &World) -> String {
    let token = "token-of-somebody-disabled";
    let app =
        world.server.app.directory.app_by_client_id(OTHER_APP.0).await.expect("a store").expect("an app");
    let tokens = TokenPair {
        access: hash_token(token),
        access_expires_at: world.now().plus(Duration::from_secs(3600)),
        refresh: None,
    };
    let session = NewSession {
        account: OTHER_ACCOUNT,
        extension: ExtensionId(77_104),
        app: app.no,
        scopes: vec!["ReadAccounts".into()],
        endpoint_id: None,
        created_at: world.now(),
        tokens,
        keep: 10,
    };
    world.server.app.directory.open_session(session).await.expect("a session");
    token.to_owned()
}

async fn logins(world: &World, table: &mut Table) {
    const JWT: (&str, &str) = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let demo = world.demo_app();
    let ask = async |form: &[(&str, &str)]| world.token_request(demo, form).await;
    let log_in = async |number: &str, extension: &str, password: &str| {
        let grant = ("grant_type", "password");
        ask(&[grant, ("username", number), ("extension", extension), ("password", password)]).await
    };
    const OTHER: &str = "+16505557777";
    table.row("OAU-105", 400, &log_in(OTHER, "103", PASSWORD).await);
    table.row("OAU-141", 400, &log_in(OTHER, "104", PASSWORD).await);
    table.row("OAU-142", 400, &log_in("+16505558888", "101", PASSWORD).await);
    table.row("OAU-163", 400, &log_in(OTHER, "102", PASSWORD).await);
    table.row("OAU-140", 400, &log_in(OTHER, "105", "guess").await);
    table.row("OAU-147", 400, &log_in(OTHER, "105", PASSWORD).await);
    table.row("OAU-111", 400, &ask(&[("grant_type", "password"), ("grant_type", "password")]).await);
    table.row("OAU-150", 400, &ask(&[("grant_type", "password"), ("client_id", "another")]).await);
    table.row("OAU-151", 400, &ask(&[("grant_type", "ivr_pin")]).await);
    let jwt = world.env["RC_USER_JWT"].as_str();
    table.row("OAU-117", 400, &ask(&[JWT, ("assertion", jwt), ("scope", "Nothing")]).await);
    let hs256 = "eyJhbGciOiJIUzI1NiJ9.e30.AAAA";
    table.row("OAU-347", 400, &ask(&[JWT, ("assertion", hs256)]).await);

    table.row(
        "OAU-112",
        400,
        &world.token_request(("narrow", "secret"), &[("grant_type", "password")]).await,
    );
    table.row("OAU-120", 401, &world.token_request(("nobody", "x"), &[JWT]).await);
    let credentials = [("grant_type", "client_credentials")];
    table.row("OAU-125", 400, &world.token_request(("public", ""), &credentials).await);
    table.row("OAU-146", 401, &world.token_request((demo.0, "wrong"), &[JWT]).await);
    let other = basic(OTHER_APP);
    let headers = [("authorization", other.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let form = format!("token={}", world.user_token);
    let revoked = world.client.send(Method::POST, "/restapi/oauth/revoke", &headers, form).await;
    table.row("OAU-164", 400, &revoked.expect("an answer"));
}

async fn codes(world: &World, table: &mut Table) {
    let demo = world.demo_app();
    let directory = &world.server.app.directory;
    let app = directory.app_by_client_id(demo.0).await.expect("a store").expect("an app");
    let code = |seconds: i64| AuthorizationCode {
        app: app.no,
        account: OTHER_ACCOUNT,
        extension: ExtensionId(77_101),
        redirect_uri: "https://a.example/cb".into(),
        scopes: vec!["ReadAccounts".into()],
        challenge: None,
        expires_at: hookswitch_core::clock::WallTime(world.now().0 + seconds * 1000),
    };
    for (name, seconds) in [("good", 60), ("late", 0)] {
        directory.store_code(hash_token(name), code(seconds)).await.expect("stored");
    }
    let exchange = async |app, code: &str, uri: &str| {
        let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", uri)];
        world.token_request(app, &form).await
    };
    table.row("OAU-106", 400, &exchange(demo, "unheard-of", "https://a.example/cb").await);
    table.row("OAU-108", 400, &exchange(demo, "late", "https://a.example/cb").await);
    table.row("OAU-109", 400, &exchange(demo, "good", "https://b.example/cb").await);
    table.row("OAU-110", 400, &exchange(OTHER_APP, "good", "https://a.example/cb").await);
    let page = async |client_id: &str| {
        let query = format!("response_type=code&client_id={client_id}&redirect_uri=https://a.example/cb");
        let target = format!("/restapi/oauth/authorize?{query}");
        world.client.send(Method::GET, &target, &[], "").await.expect("an answer")
    };
    table.mentioned("OAU-113", 400, &page(OTHER_APP.0).await);
    table.mentioned("OAU-109", 400, &page(demo.0).await);
    table.mentioned("OAU-120", 400, &page("nobody").await);
}

async fn subscriptions(world: &World, table: &mut Table) {
    let receiver = ScriptedReceiver::start().await;
    let own = AccountId(0);
    let colleague = world.user_token(world.demo_app(), own, "102", &[]).await;
    let ask =
        async |token: &str, filters: &[&str]| subscribe(world, token, filters, &receiver.url("/hook")).await;
    let foreign = "/restapi/v1.0/account/4711/extension/4711/presence";
    let another = world.extension_path("message-store");
    let presence = "/restapi/v1.0/account/~/extension/~/presence";
    let reminder = "/restapi/v1.0/subscription/~?threshold=60&interval=15";
    let never = "/restapi/v1.0/subscription/~?threshold=0&interval=0";
    table.row("SUB-405", 403, &ask(&colleague, &[&another]).await);
    for (code, private) in [
        ("SUB-518", "favorite"),
        ("SUB-518", "favorite/presence"),
        ("SUB-527", "missed-calls"),
        ("SUB-530", "incoming-call-pickup"),
        ("SUB-531", "presence/line"),
        ("SUB-531", "presence/line/presence"),
    ] {
        table.row(code, 403, &ask(&colleague, &[&world.extension_path(private)]).await);
    }
    table.row("SUB-406", 403, &ask(&colleague, &[foreign]).await);
    table.row("SUB-508", 400, &ask(&colleague, &["/restapi/v1.0/no/such/event"]).await);
    table.row("SUB-515", 400, &ask(&colleague, &[reminder]).await);
    table.row("SUB-516", 400, &ask(&colleague, &[presence, never]).await);

    // Somebody who lacks one of two permissions gets the other filter, and is told of the first.
    let messages = "/restapi/v1.0/account/~/extension/~/message-store";
    let half = half_permitted(world).await;
    table.mentioned("SUB-412", 200, &ask(&half, &[presence, messages]).await);
    table.row("SUB-505", 403, &ask(&half, &[presence]).await);
}

/// A user who may see presence and may not read messages.
async fn half_permitted(world: &World) -> String {
    let mut extension = world.extension(106, ExtensionType::User, ExtensionStatus::Enabled);
    extension.extension.permissions = vec!["ReadPresence".into()];
    let foundation = Foundation { extensions: vec![extension], ..Foundation::default() };
    world.server.app.directory.establish(foundation).await.expect("a new extension");
    world.user_token(world.demo_app(), OTHER_ACCOUNT, "106", &[]).await
}

async fn handshakes(world: &World, table: &mut Table) {
    let ask = async |address: &str| {
        let presence = "/restapi/v1.0/account/~/extension/~/presence";
        subscribe(world, &world.user_token, &[presence], address).await
    };
    let answering = async |answer: Answer| ScriptedReceiver::scripted(move |_| answer.clone()).await;
    table.row("SUB-520", 400, &ask(&answering(Answer::ok().without_echo()).await.url("/hook")).await);
    let gone = ScriptedReceiver::start().await.url("/hook");
    table.row("SUB-521", 400, &ask(&gone).await);
    table.row("SUB-522", 400, &ask(&answering(Answer::status(500)).await.url("/hook")).await);
    table.row("SUB-523", 400, &ask("http://hooks.example.com/hook").await);
    let untrusted = ScriptedReceiver::wrapped(SelfSigned::new(), |_| Answer::ok()).await;
    table.row("SUB-524", 400, &ask(&untrusted.url("/hook")).await);
    table.row("SUB-525", 400, &ask(&answering(Answer::ok().echoing("another")).await.url("/hook")).await);
}

async fn subscribe(world: &World, token: &str, filters: &[&str], address: &str) -> Reply {
    let mode = json!({ "transportType": "WebHook", "address": address });
    let body = json!({ "eventFilters": filters, "deliveryMode": mode });
    world.call(Method::POST, "/restapi/v1.0/subscription", token, Some(body)).await
}

/// A receiver whose certificate nobody has signed.
struct SelfSigned(TlsAcceptor);

impl SelfSigned {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("sound parameters");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("made a moment ago");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the defaults are sound")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("the key belongs to the certificate");
        Self(TlsAcceptor::from(Arc::new(config)))
    }
}

impl Wrap for SelfSigned {
    type Stream = TlsStream<TcpStream>;
    const SCHEME: &'static str = "https";

    async fn wrap(&self, stream: TcpStream) -> Option<Self::Stream> {
        self.0.accept(stream).await.ok()
    }
}

/// What only a server with other settings says.
async fn rates_and_identity(table: &mut Table) {
    let folder = hookswitch_testkit::TempFolder::new();
    let jwks = folder.join("jwks.json");
    let world = World::with(|settings| {
        settings.rate_limits.enforce = true;
        settings.rate_limits.light = 1;
        settings.identity.jwks = Some(jwks.to_string_lossy().into_owned());
        settings.identity.issuer = Some("https://id.example".into());
        settings.identity.audience = Some("hookswitch".into());
        settings.sessions.failed_logins_free = 0;
    })
    .await;
    world.user(Method::GET, "/restapi/v1.0/account/~", None).await.expect(200);
    table.row("CMN-301", 429, &world.user(Method::GET, "/restapi/v1.0/account/~", None).await);
    let name = world.env["RC_USERNAME"].clone();
    let wrong = [("grant_type", "password"), ("username", name.as_str()), ("password", "guess")];
    table.row("OAU-140", 400, &world.token_request(world.demo_app(), &wrong).await);
    table.row("OAU-148", 400, &world.token_request(world.demo_app(), &wrong).await);

    let (assertion, keys) = assertion_of_a_stranger(&world);
    let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let form = [grant, ("assertion", assertion.as_str())];
    table.row("CMN-201", 503, &world.token_request(world.demo_app(), &form).await);
    std::fs::write(&jwks, keys.to_string()).expect("the test's folder is writable");
    world.clock.advance(Duration::from_secs(10));
    table.row("OAU-136", 400, &world.token_request(world.demo_app(), &form).await);
    world.server.stop().await;
}

/// The identity provider vouches for somebody who is not in the directory.
fn assertion_of_a_stranger(world: &World) -> (String, Value) {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    let random = ring::rand::SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random);
    let pair = pair.expect("made a moment ago");
    let point = pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    let keys = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "1", "x": x, "y": y }] });
    let claims = json!({
        "iss": "https://id.example", "aud": "hookswitch", "sub": "4711",
        "exp": world.now().unix_seconds() + 600,
    });
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
    header.kid = Some("1".into());
    let key = jsonwebtoken::EncodingKey::from_ec_der(document.as_ref());
    (jsonwebtoken::encode(&header, &claims, &key).expect("signed"), keys)
}

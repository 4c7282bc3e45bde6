//! The codes that only a state of the server raises: quotas, a team's rules, what a user shows to whom, an owner
//! who goes while they subscribe, a store that is busy or damaged.

use hookswitch_core::id::AccountId;
use hookswitch_server::config::{CommitOn, Size};
use hookswitch_store::directory::{ExtensionStatus, ExtensionType, Foundation, Grant, Sharing};
use hookswitch_testkit::{Answer, Gate, HttpClient, Reply, ScriptedReceiver};
use http::Method;
use rusqlite::Connection;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Table, subscribe};
use crate::cast::OTHER_ACCOUNT;
use crate::provisioning::ACCOUNTS;
use crate::world::World;

const TEAMS: &str = "/team-messaging/v1/teams";

/// What is wrong with a request before anybody looks at what it asks for.
pub(super) async fn requests(world: &World, table: &mut Table) {
    table.row("CMN-110", 400, &raw(world, "GET /restapi HTTP/1.1\r\nconnection: close\r\n\r\n").await);
    let brewed = raw(world, "BREW /restapi HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    table.row("CMN-202", 501, &brewed);
    let account = json!({ "id": "1", "name": "Renamed" });
    let in_query = world.operate(Method::POST, "/hookswitch/v1/accounts?dryRun=true", Some(account)).await;
    table.row("CMN-105", 400, &in_query);
    let changed = json!({ "id": "1", "name": "Renamed" });
    let own = format!("{ACCOUNTS}/{OTHER_ACCOUNT}");
    table.row("CMN-108", 400, &world.operate(Method::PUT, &own, Some(changed)).await);
    let admin = format!("Bearer {}", world.env["HOOKSWITCH_ADMIN_TOKEN"]);
    let (import, bearer) = (format!("{own}/extensions"), [("authorization", admin.as_str())]);
    let untyped = world.client.send(Method::PUT, &import, &bearer, "{}").await.expect("an answer");
    table.row("CMN-110", 400, &untyped);
    let queue = format!("{own}/extensions/77102/credentials");
    table.row("CMN-403", 403, &world.operate(Method::POST, &queue, Some(json!({}))).await);
    let nobody = "/restapi/oauth/authorize?response_type=code&client_id=redirecting\
                  &redirect_uri=https://a.example/cb&prompt=none";
    let back = world.client.send(Method::GET, nobody, &[], "").await.expect("an answer").expect(302);
    assert!(back.header("location").is_some_and(|location| location.contains("OAU-102")), "{back:?}");
    table.raised.insert("OAU-102");
}

/// For `requests`.
pub(super) fn redirecting(world: &World, foundation: &mut Foundation) {
    let mut app = world.app(("redirecting", "secret"), Grant::ALL);
    app.redirect_uris = vec!["https://a.example/cb".into()];
    foundation.apps.push(app);
    let mut shy = world.extension(107, ExtensionType::User, ExtensionStatus::Enabled);
    shy.extension.sharing = Sharing { presence: false, call_pickup: false };
    foundation.extensions.push(shy);
}

async fn raw(world: &World, text: &str) -> Reply {
    let mut stream = TcpStream::connect(world.server.address()).await.expect("it listens");
    stream.write_all(text.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer, and then the end");
    super::parsed(&answer)
}

pub(super) async fn teams(world: &World, table: &mut Table) {
    let member = world.user_token(world.demo_app(), AccountId(0), "102", &[]).await;
    let own = world.call(Method::GET, "/team-messaging/v1/persons/~", &member, None).await.expect(200).json();
    let team = json!({ "name": "Ops", "public": true, "members": [{ "id": own["id"] }] });
    let team = world.user(Method::POST, TEAMS, Some(team)).await.expect(201).json();
    let team = format!("{TEAMS}/{}", team["id"].as_str().expect("an id"));
    let posts = format!("{}/posts", team.replace("/teams/", "/chats/"));
    let post = world.user(Method::POST, &posts, Some(json!({ "text": "mine" }))).await.expect(201).json();
    let post = format!("{posts}/{}", post["id"].as_str().expect("an id"));
    table.row("CMN-404", 403, &world.call(Method::DELETE, &post, &member, None).await);
    table.row("CMN-402", 403, &world.call(Method::DELETE, &team, &member, None).await);
    world.user(Method::POST, &format!("{team}/archive"), Some(json!({}))).await.expect(204);
    table.row("CMN-109", 403, &world.user(Method::POST, &posts, Some(json!({ "text": "late" }))).await);
}

/// What others of the account have and show; nobody of them is asked for a handshake.
pub(super) async fn sharing(world: &World, table: &mut Table) {
    let administrator = world.user_token(world.demo_app(), OTHER_ACCOUNT, "101", &[]).await;
    let of = |extension: u64, tail: &str| {
        format!("/restapi/v1.0/account/{OTHER_ACCOUNT}/extension/{extension}/{tail}")
    };
    for (code, filter) in [
        ("SUB-402", of(77_102, "presence?detailedTelephonyState=true")),
        ("SUB-402", of(77_103, "presence/line")),
        ("SUB-403", of(77_107, "presence")),
        ("SUB-403", of(77_107, "presence/dnd")),
        ("SUB-404", of(77_107, "incoming-call-pickup")),
    ] {
        table.row(code, 403, &subscribe(world, &administrator, &[&filter], "https://a.example").await);
    }
}

/// An owner who is removed, and one who is disabled, while the receiver thinks about the handshake.
pub(super) async fn owners(world: &World, table: &mut Table) {
    for (number, code) in [(108, "OAU-232"), (109, "OAU-236")] {
        let owner = world.extension(number, ExtensionType::User, ExtensionStatus::Enabled);
        let mut owner = Foundation { extensions: vec![owner], ..Foundation::default() };
        owner.extensions[0].extension.permissions = vec!["ReadPresence".into()];
        world.server.app.directory.establish(owner).await.expect("a new extension");
        let token = world.user_token(world.demo_app(), OTHER_ACCOUNT, &number.to_string(), &[]).await;
        let gate = Gate::new();
        let answer = Answer::ok().held_by(&gate);
        let receiver = ScriptedReceiver::scripted(move |_| answer.clone()).await;
        let mode = json!({ "transportType": "WebHook", "address": receiver.url("/hook") });
        let presence = "/restapi/v1.0/account/~/extension/~/presence";
        let body = json!({ "eventFilters": [presence], "deliveryMode": mode }).to_string();
        let client = HttpClient::to(world.server.address());
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let create = client.send(Method::POST, "/restapi/v1.0/subscription", &headers, body);
        let loss = async {
            gate.until_waiting(1).await;
            let user = format!("{ACCOUNTS}/{OTHER_ACCOUNT}/extensions/{}", 77_000 + number);
            match number {
                108 => world.operate(Method::DELETE, &user, None).await.expect(204),
                _ => world.operate(Method::PUT, &user, Some(json!({ "status": "Frozen" }))).await.expect(200),
            };
            gate.open();
        };
        let (created, ()) = tokio::join!(create, loss);
        table.row(code, 400, &created.expect("an answer"));
    }
}

pub(super) async fn quotas(world: &World, table: &mut Table) {
    let account = format!("{ACCOUNTS}/{}", world.env["RC_ACCOUNT_ID"]);
    for (code, quota) in [("CMN-302", json!(1)), ("CMN-303", json!(0))] {
        let quotas = json!({ "quotas": { "eventsPerDay": quota } });
        world.operate(Method::PUT, &account, Some(quotas)).await.expect(200);
        let event = json!({ "event": world.extension_path("presence"), "body": {} });
        let two = world.publish(json!([event, event])).await;
        table.row(code, 429, &two);
    }
    world.operate(Method::PUT, &account, Some(json!({ "quotas": {} }))).await.expect(200);
}

/// A row that says what no row of ours can say.
pub(super) async fn damage(world: &World, table: &mut Table) {
    let control = Connection::open(world.data().join("control.db")).expect("the server's file");
    let changed = control.execute("UPDATE extensions SET kind = 'Robot' WHERE id = 77105", []);
    assert_eq!(changed.expect("it is not locked"), 1);
    let administrator = world.user_token(world.demo_app(), OTHER_ACCOUNT, "101", &[]).await;
    let damaged = "/restapi/v1.0/account/~/extension/77105";
    table.row("CMN-203", 500, &world.call(Method::GET, damaged, &administrator, None).await);
}

/// Somebody else holds the lock of the event log, and more is published than may wait for it.
pub(super) async fn overload(table: &mut Table) {
    const MIB: usize = 1024 * 1024;
    let world = World::with(|settings| {
        settings.store.commit_on = CommitOn::Thread;
        settings.store.read_on_caller = false;
        settings.limits.event_body = Size(41 * MIB);
        settings.limits.publish_request = Size(42 * MIB);
    })
    .await;
    let lock = Connection::open(newest_segment(&world)).expect("the server's file");
    lock.execute_batch("BEGIN IMMEDIATE").expect("nobody writes now");
    let body = json!({ "event": world.extension_path("presence"), "body": { "note": "x".repeat(40 * MIB) } });
    let body = bytes::Bytes::from(body.to_string());
    let bearer = format!("Bearer {}", world.env["HOOKSWITCH_PUBLISH_TOKEN"]);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let [one, two, three] = [(); 3].map(|()| HttpClient::to(world.server.address()));
    let mut publishes: Vec<_> =
        [&one, &two, &three].map(|client| Box::pin(publish(client, &headers, body.clone()))).into();
    let mut refused = None;
    while refused.is_none() && !publishes.is_empty() {
        let (reply, _, others) = futures_util::future::select_all(publishes).await;
        refused = Some(reply).filter(|reply| reply.status == 429);
        publishes = others;
    }
    lock.execute_batch("ROLLBACK").expect("it held the lock");
    let refused = refused.expect("the log was locked");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    table.row("CMN-310", 429, &refused);
    for reply in futures_util::future::join_all(publishes).await {
        assert!(matches!(reply.status, 202 | 429), "{}", reply.text());
    }
    world.server.stop().await;
}

async fn publish(client: &HttpClient, headers: &[(&str, &str)], body: bytes::Bytes) -> Reply {
    client.send(Method::POST, "/hookswitch/v1/events", headers, body).await.expect("an answer")
}

fn newest_segment(world: &World) -> std::path::PathBuf {
    let files = std::fs::read_dir(world.data().join("segments")).expect("the server's folder");
    let files = files.map(|file| file.expect("readable").path());
    files.filter(|path| path.extension().is_some_and(|kind| kind == "db")).max().expect("a segment")
}

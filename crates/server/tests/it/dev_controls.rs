//! The controls of development mode: a clock that moves, subscriptions that expire or are blacklisted, calls
//! and deliveries that go wrong, and a cast from a file or a seed.

use std::time::Duration;

use hookswitch_core::clock::WallTime;
use hookswitch_server::config::Settings;
use hookswitch_server::serving::{self, StartError};
use hookswitch_testkit::{Answer, Reply, ScriptedReceiver, TempFolder, steered_handles};
use http::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::world::World;

const SUBSCRIPTION: &str = "/restapi/v1.0/subscription";
const PRESENCE: &str = "/restapi/v1.0/account/~/extension/~/presence";
const REMINDER: &str = "/restapi/v1.0/subscription/~?threshold=86400&interval=21600";

impl World {
    async fn control(&self, method: Method, name: &str, body: Option<Value>) -> Reply {
        let target = format!("/hookswitch/v1/dev/{name}");
        self.call(method, &target, &self.env["HOOKSWITCH_ADMIN_TOKEN"], body).await
    }

    async fn post(&self, name: &str, body: Value) -> Reply {
        self.control(Method::POST, name, Some(body)).await
    }

    async fn publish_presence(&self, number: u32) {
        let event = json!({ "event": self.extension_path("presence"), "body": { "n": number } });
        self.publish(event).await.expect(202);
        self.settle().await;
    }

    async fn status_of(&self, id: &str) -> Value {
        let token = self.log_in().await;
        self.call(Method::GET, &format!("{SUBSCRIPTION}/{id}"), &token, None).await.expect(200).json()
    }

    async fn first_delivery(&self, id: &str) -> Value {
        let listed = self.admin(&format!("/hookswitch/v1/deliveries?subscriptionId={id}")).await;
        listed["records"][0].clone()
    }
}

fn id_of(made: &Value) -> String {
    made["id"].as_str().expect("an id").to_owned()
}

fn time(value: &Value) -> WallTime {
    WallTime::parse_iso8601(value.as_str().expect("a time")).expect("ISO 8601")
}

fn numbers(receiver: &ScriptedReceiver) -> Vec<u64> {
    let bodies = receiver.deliveries();
    let number = |body: &[u8]| serde_json::from_slice::<Value>(body).expect("JSON")["body"]["n"].as_u64();
    bodies.iter().filter_map(|request| number(&request.body)).collect()
}

#[tokio::test]
async fn the_clock_passes_every_reminder_on_its_way_to_the_end() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let made = world.subscribe(&[PRESENCE, REMINDER], &receiver.url("/hook")).await;
    let end = time(&made["expirationTime"]);
    let before = world.control(Method::GET, "clock", None).await.expect(200).json();
    assert_eq!(before, json!({ "now": world.now().iso8601(), "aheadSeconds": 0.0 }));

    let moved = world.post("clock", json!({ "advance": "6d" })).await.expect(200).json();
    assert_eq!(moved["aheadSeconds"], 518_400.0);
    assert_eq!(time(&moved["now"]), end.minus(Duration::from_secs(86_400)));
    world.post("clock", json!({ "advance": 86_399.5 })).await.expect(200);
    let seen: Vec<Value> = receiver
        .deliveries()
        .iter()
        .map(|request| serde_json::from_slice::<Value>(&request.body).expect("JSON")["body"].clone())
        .collect();
    assert_eq!(seen, [86_399, 64_799, 43_199, 21_599].map(|left| json!({ "expiresIn": left })));
    assert_eq!(world.status_of(&id_of(&made)).await["status"], "Active");
    let moved = world.post("clock", json!({ "to": end.iso8601() })).await.expect(200).json();
    assert_eq!(time(&moved["now"]), end);
    let token = world.log_in().await;
    let path = format!("{SUBSCRIPTION}/{}", id_of(&made));
    assert_eq!(world.call(Method::GET, &path, &token, None).await.status, 404);
    world.server.stop().await;
}

#[tokio::test]
async fn retries_come_while_the_clock_moves_and_time_does_not_go_back_at_a_restart() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let made = world.subscribe(&[PRESENCE], &receiver.url("/hook")).await;
    receiver.set_answer(Answer::status(500));
    world.publish_presence(1).await;
    // What failed is written down within a moment, of which the steered clock knows nothing.
    world.clock.advance(Duration::from_millis(20));
    world.settle().await;
    world.post("clock", json!({ "advance": "5m" })).await.expect(200);
    let tried = receiver.deliveries().len();
    assert!(tried >= 4, "after 1 s, 5 s, 15 s and a minute: {tried}");
    receiver.set_answer(Answer::ok());
    world.post("clock", json!({ "advance": "7m" })).await.expect(200);
    world.clock.advance(Duration::from_millis(20));
    world.settle().await;
    let delivery = world.first_delivery(&id_of(&made)).await;
    assert!(["delivered", "exhausted"].contains(&delivery["status"].as_str().expect("a status")));

    let now = world.control(Method::GET, "clock", None).await.expect(200).json();
    let world = world.restart_after(Duration::from_secs(1)).await;
    let after = world.control(Method::GET, "clock", None).await.expect(200).json();
    assert_eq!(after["aheadSeconds"], now["aheadSeconds"]);
    assert!(time(&after["now"]) > time(&now["now"]));
    world.server.stop().await;
}

#[tokio::test]
async fn an_expired_subscription_is_gone_at_once_and_what_waited_for_it_is_cancelled() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let id = id_of(&world.subscribe(&[PRESENCE], &receiver.url("/hook")).await);
    receiver.set_answer(Answer::status(500));
    world.publish_presence(1).await;
    world.post("expire", json!({ "subscriptionId": id })).await.expect(204);
    let path = format!("{SUBSCRIPTION}/{id}");
    assert_eq!(world.user(Method::GET, &path, None).await.expect(404).json()["errorCode"], "CMN-102");
    world.pass(Duration::from_secs(10)).await;
    assert_eq!(world.first_delivery(&id).await["reason"], "subscription-expired");
    let again = world.post("expire", json!({ "subscriptionId": id })).await.expect(404).json();
    assert_eq!(again["parameterName"], "subscriptionId");
    world.server.stop().await;
}

#[tokio::test]
async fn a_blacklisted_subscription_gets_nothing_until_a_renewal_and_then_all_that_waited() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let made = world.subscribe(&[PRESENCE], &receiver.url("/hook")).await;
    let id = id_of(&made);
    let path = format!("{SUBSCRIPTION}/{id}");
    let body = json!({ "subscriptionId": id, "reason": "answered 500 for ten minutes" });
    let shown = world.post("blacklist", body).await.expect(200).json();
    assert_eq!((&shown["status"], &shown["id"]), (&json!("Blacklisted"), &json!(id)));
    let at = world.now().iso8601();
    let data = json!({ "blacklistedAt": at, "reason": "answered 500 for ten minutes" });
    let seen = world.user(Method::GET, &path, None).await.expect(200).json();
    assert_eq!((&seen["status"], &seen["blacklistedData"]), (&json!("Blacklisted"), &data));

    world.publish_presence(1).await;
    world.pass(Duration::from_secs(60)).await;
    let world = world.restart_after(Duration::from_secs(1)).await;
    world.publish_presence(2).await;
    world.pass(Duration::from_secs(10)).await;
    assert!(numbers(&receiver).is_empty(), "what matches waits");
    assert_eq!(world.first_delivery(&id).await["status"], "pending");

    receiver.set_script(|_| Answer::status(500));
    let refused = world.user(Method::PUT, &path, None).await.expect(200).json();
    assert_eq!(refused["status"], "Blacklisted", "its handshake failed");
    assert!(time(&refused["expirationTime"]) > time(&made["expirationTime"]), "it is renewed all the same");
    receiver.set_answer(Answer::ok());
    let other = json!({ "eventFilters": [format!("{PRESENCE}?sipData=true")] });
    let other = world.user(Method::PUT, &path, Some(other)).await.expect(200).json();
    assert_eq!(other["status"], "Blacklisted", "this does not renew");
    let back = world.user(Method::PUT, &path, None).await.expect(200).json();
    assert_eq!((&back["status"], &back["blacklistedData"]), (&json!("Active"), &Value::Null));
    world.pass(Duration::from_secs(2)).await;
    let mut arrived = numbers(&receiver);
    arrived.sort_unstable();
    assert_eq!(arrived, [1, 2]);
    world.server.stop().await;
}

#[tokio::test]
async fn a_blacklisted_webhook_is_asked_every_quarter_of_an_hour_whether_it_is_back() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let id = id_of(&world.subscribe(&[PRESENCE], &receiver.url("/hook")).await);
    world.post("blacklist", json!({ "subscriptionId": id })).await.expect(200);
    world.publish_presence(1).await;
    receiver.set_script(|_| Answer::status(503));
    let handshakes =
        || receiver.received().iter().filter(|it| it.header("validation-token").is_some()).count();
    assert_eq!(handshakes(), 1);
    world.pass(Duration::from_secs(17 * 60)).await;
    receiver.wait_for(2).await;
    assert_eq!(world.status_of(&id).await["status"], "Blacklisted");
    receiver.set_answer(Answer::ok());
    world.pass(Duration::from_secs(16 * 60)).await;
    receiver.wait_for(3).await;
    let back = async { while world.status_of(&id).await["status"] != "Active" {} };
    hookswitch_testkit::patience::within("the subscription is active", back, String::new).await;
    assert_eq!(handshakes(), 3);
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(world.first_delivery(&id).await["reason"], "time-to-live", "presence outlives ten minutes");
    world.publish_presence(2).await;
    assert_eq!(numbers(&receiver), [2]);
    world.server.stop().await;
}

#[tokio::test]
async fn deliveries_fail_come_late_get_lost_and_come_twice_as_often_as_asked() {
    let world = World::start().await;
    let (receiver, other) = (ScriptedReceiver::start().await, ScriptedReceiver::start().await);
    let id = id_of(&world.subscribe(&[PRESENCE], &receiver.url("/hook")).await);
    world.subscribe(&[PRESENCE], &other.url("/other")).await;
    let fault = async |action: Value| {
        let mut body = json!({ "target": "delivery", "subscriptionId": id });
        body.as_object_mut().expect("an object").extend(action.as_object().expect("an object").clone());
        world.post("faults", body).await.expect(201).json()
    };
    let made = fault(json!({ "action": "fail", "status": 502, "times": 2 })).await;
    assert_eq!((&made["times"], &made["address"]), (&json!(2), &json!(receiver.url("/hook"))));
    world.publish_presence(1).await;
    world.pass(Duration::from_secs(2)).await;
    assert!(numbers(&receiver).is_empty());
    world.pass(Duration::from_secs(10)).await;
    assert_eq!(numbers(&receiver), [1], "the third attempt arrives");
    let delivery = world.first_delivery(&id).await["id"].as_str().expect("an id").to_owned();
    let delivery = world.admin(&format!("/hookswitch/v1/deliveries/{delivery}")).await;
    let codes: Vec<_> =
        delivery["attempts"].as_array().expect("some").iter().map(|it| &it["statusCode"]).collect();
    assert_eq!(codes, [&json!(502), &json!(502), &json!(200)]);

    fault(json!({ "action": "delay", "delayMs": 60_000 })).await;
    let delayed = async {
        let event = json!({ "event": world.extension_path("presence"), "body": { "n": 2 } });
        world.publish(event).await.expect(202);
        world.clock.until_sleeping_towards(Duration::from_secs(59), Duration::from_secs(60)).await;
    };
    delayed.await;
    assert_eq!(numbers(&receiver), [1]);
    world.clock.advance(Duration::from_secs(60));
    world.settle().await;
    assert_eq!(numbers(&receiver), [1, 2]);

    fault(json!({ "action": "drop" })).await;
    fault(json!({ "action": "repeat" })).await;
    world.publish_presence(3).await;
    world.publish_presence(4).await;
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(numbers(&receiver), [1, 2, 4, 4]);
    assert_eq!(numbers(&other), [1, 2, 3, 4], "the other subscription has no bad day");

    fault(json!({ "action": "fail", "times": 1000 })).await;
    world.post("faults", json!({ "target": "delivery", "action": "drop" })).await.expect(201);
    let listed = world.control(Method::GET, "faults", None).await.expect(200).json();
    assert_eq!(listed["records"].as_array().expect("records").len(), 2);
    world.control(Method::DELETE, "faults", None).await.expect(204);
    world.publish_presence(5).await;
    assert_eq!(numbers(&receiver), [1, 2, 4, 4, 5]);
    world.server.stop().await;
}

#[tokio::test]
async fn calls_fail_come_late_stay_unanswered_and_are_carried_out_twice() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let ask = || world.user(Method::GET, SUBSCRIPTION, None);
    let fault = async |body: Value| world.post("faults", body).await.expect(201);

    fault(json!({ "target": "api", "action": "fail", "status": 429, "retryAfter": 7, "path": "/restapi/*" }))
        .await;
    let refused = ask().await.expect(429);
    assert_eq!(refused.header("retry-after"), Some("7"));
    assert_eq!(refused.json()["errorCode"], "CMN-301");
    ask().await.expect(200);

    fault(json!({ "target": "api", "action": "fail", "method": "post", "path": SUBSCRIPTION })).await;
    ask().await.expect(200);
    let body = json!({ "eventFilters": [PRESENCE], "deliveryMode": { "transportType": "WebHook", "address": receiver.url("/hook") } });
    let refused = world.user(Method::POST, SUBSCRIPTION, Some(body.clone())).await.expect(503);
    assert_eq!(refused.json()["errorCode"], "CMN-201");
    assert_eq!(receiver.received().len(), 0, "nothing of it was carried out");

    fault(json!({ "target": "api", "action": "drop", "path": SUBSCRIPTION })).await;
    let bearer = format!("Bearer {}", world.user_token);
    let headers = [("authorization", bearer.as_str())];
    world.client.send(Method::GET, SUBSCRIPTION, &headers, "").await.expect_err("no answer");
    ask().await.expect(200);

    fault(json!({ "target": "api", "action": "delay", "delayMs": 5_000, "path": SUBSCRIPTION })).await;
    let late = async {
        world.clock.until_sleeping_towards(Duration::from_secs(5), Duration::from_secs(5)).await;
        world.clock.advance(Duration::from_secs(5));
    };
    tokio::join!(late, async { ask().await.expect(200) });

    fault(json!({ "target": "api", "action": "repeat", "method": "POST", "path": SUBSCRIPTION })).await;
    let made = world.user(Method::POST, SUBSCRIPTION, Some(body)).await.expect(200).json();
    let listed = ask().await.expect(200).json();
    let ids: Vec<_> = listed["records"].as_array().expect("records").iter().map(|it| &it["id"]).collect();
    assert_eq!((ids.len(), ids[1]), (2, &made["id"]), "made twice, answered once");

    fault(json!({ "target": "api", "action": "fail", "times": 1_000_000 })).await;
    ask().await.expect(503);
    let health = world.client.send(Method::GET, "/healthz", &[], "").await.expect("an answer");
    health.expect(503);
    world.control(Method::DELETE, "faults", None).await.expect(204);
    ask().await.expect(200);
    world.server.stop().await;
}

#[tokio::test]
async fn a_bad_request_to_a_control_names_the_member_and_changes_nothing() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let id = id_of(&world.subscribe(&[PRESENCE], &receiver.url("/hook")).await);
    let nobody = "00000000-0000-4000-8000-000000000000";
    let past = world.now().minus(Duration::from_secs(1)).iso8601();
    let rows = [
        ("clock", json!({}), 400, "advance"),
        ("clock", json!({ "advance": -1 }), 400, "advance"),
        ("clock", json!({ "advance": "soon" }), 400, "advance"),
        ("clock", json!({ "advance": [1] }), 400, "advance"),
        ("clock", json!({ "advance": 1e12 }), 400, "advance"),
        ("clock", json!({ "advance": 1, "to": "2030-01-01T00:00:00Z" }), 400, "to"),
        ("clock", json!({ "to": "tomorrow" }), 400, "to"),
        ("clock", json!({ "to": past }), 400, "to"),
        ("clock", json!({ "back": 1 }), 400, "back"),
        ("expire", json!({}), 400, ""),
        ("expire", json!({ "subscriptionId": nobody }), 404, "subscriptionId"),
        ("expire", json!({ "subscriptionId": "x" }), 404, "subscriptionId"),
        ("blacklist", json!({ "subscriptionId": nobody }), 404, "subscriptionId"),
        ("blacklist", json!({ "subscriptionId": id, "reason": "" }), 400, "reason"),
        ("blacklist", json!({ "subscriptionId": id, "reason": "x".repeat(501) }), 400, "reason"),
        ("faults", json!({ "target": "moon", "action": "drop" }), 400, "target"),
        ("faults", json!({ "target": "api", "action": "explode" }), 400, "action"),
        ("faults", json!({ "target": "api", "action": "drop", "times": 0 }), 400, "times"),
        ("faults", json!({ "target": "api", "action": "fail", "status": 200 }), 400, "status"),
        ("faults", json!({ "target": "api", "action": "drop", "status": 500 }), 400, "status"),
        ("faults", json!({ "target": "api", "action": "fail", "retryAfter": 86_401 }), 400, "retryAfter"),
        ("faults", json!({ "target": "api", "action": "delay" }), 400, "delayMs"),
        ("faults", json!({ "target": "api", "action": "delay", "delayMs": 3_600_001 }), 400, "delayMs"),
        ("faults", json!({ "target": "api", "action": "drop", "path": "restapi" }), 400, "path"),
        ("faults", json!({ "target": "api", "action": "drop", "method": "BREW" }), 400, "method"),
        ("faults", json!({ "target": "api", "action": "drop", "subscriptionId": id }), 400, "subscriptionId"),
        ("faults", json!({ "target": "delivery", "action": "drop", "path": "/x" }), 400, "path"),
        (
            "faults",
            json!({ "target": "delivery", "action": "drop", "subscriptionId": nobody }),
            404,
            "subscriptionId",
        ),
    ];
    let before = world.now();
    for (name, body, status, parameter) in rows {
        let reply = world.post(name, body.clone()).await;
        assert_eq!(reply.status, status, "{name} {body}: {}", reply.text());
        let said = reply.json();
        assert_eq!(said["parameterName"].as_str().unwrap_or_default(), parameter, "{name} {body}: {said}");
    }
    assert_eq!(world.control(Method::GET, "clock", None).await.json()["now"], before.iso8601());
    assert_eq!(world.control(Method::GET, "faults", None).await.json()["records"], json!([]));
    assert_eq!(world.status_of(&id).await["status"], "Active");
    world.server.stop().await;
}

#[tokio::test]
async fn outside_development_mode_the_controls_do_not_exist_for_anybody() {
    let folder = TempFolder::new();
    let (handles, _clock) = steered_handles(7);
    let settings = |dev| Settings { dev, data: folder.path().to_owned(), ..Settings::default() };
    let listen = async || TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let server = serving::start(settings(true), handles.clone(), listen().await).await.expect("it starts");
    server.stop().await;
    let admin =
        hookswitch_testkit::running::read_dev_env(&folder.join("dev.env"))["HOOKSWITCH_ADMIN_TOKEN"].clone();
    let server = serving::start(settings(false), handles, listen().await).await.expect("it starts");
    let client = hookswitch_testkit::HttpClient::to(server.address());
    let bearer = format!("Bearer {admin}");
    for headers in [vec![], vec![("authorization", bearer.as_str()), ("content-type", "application/json")]] {
        for (method, name) in [
            (Method::GET, "clock"),
            (Method::POST, "clock"),
            (Method::POST, "expire"),
            (Method::POST, "blacklist"),
            (Method::POST, "faults"),
            (Method::GET, "faults"),
            (Method::DELETE, "faults"),
        ] {
            let target = format!("/hookswitch/v1/dev/{name}");
            let reply = client.send(method, &target, &headers, "{}").await.expect("an answer");
            assert_eq!(reply.expect(404).json()["errorCode"], "CMN-120", "{name}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_seed_gives_the_same_cast_and_the_same_subscription_ids_everywhere() {
    let story = async |seed: Option<u64>| {
        let world = World::with(|settings| settings.dev_seed = seed).await;
        let receiver = ScriptedReceiver::start().await;
        let mut ids = vec![id_of(&world.subscribe(&[PRESENCE], &receiver.url("/1")).await)];
        let world = world.restart_after(Duration::from_secs(1)).await;
        ids.push(id_of(&world.subscribe(&[PRESENCE], &receiver.url("/2")).await));
        let mut env = world.env.clone();
        env.retain(|name, _| {
            !["RC_SERVER", "RC_SERVER_URL", "HOOKSWITCH_URL", "PUBNUB_ORIGIN"].contains(&name.as_str())
        });
        world.server.stop().await;
        (env, ids)
    };
    let (one, same, other) = (story(Some(42)).await, story(Some(42)).await, story(Some(43)).await);
    assert_eq!(one, same);
    assert_ne!(one.0["RC_ACCOUNT_ID"], other.0["RC_ACCOUNT_ID"]);
    assert_ne!(one.0["RC_USER_JWT"], other.0["RC_USER_JWT"]);
    assert!(one.1.iter().all(|id| !other.1.contains(id)) && one.1[0] != one.1[1]);
}

#[tokio::test]
async fn fixtures_are_there_at_the_start_and_after_every_change_of_the_file() {
    let folder = TempFolder::new();
    let file = folder.join("fixtures.json");
    let fixtures = |name: &str| {
        json!({
            "apps": [{ "clientId": "phone", "name": "Phone", "public": true }],
            "accounts": [{
                "id": "500100", "name": name, "mainNumber": "+16505550100", "operatorId": 500_101,
                "extensions": [
                    { "id": "500101", "extensionNumber": "101", "name": "Ada", "password": "open sesame" },
                    { "id": 500_102, "extensionNumber": "102", "type": "Department" },
                ],
            }],
        })
        .to_string()
    };
    std::fs::write(&file, fixtures("Acme")).expect("written");
    let world = World::with(|settings| settings.dev_fixtures = Some(file.clone())).await;
    let account = world.admin("/hookswitch/v1/accounts/500100").await;
    assert_eq!((&account["name"], &account["operatorId"]), (&json!("Acme"), &json!("500101")));
    let form = [
        ("grant_type", "password"),
        ("username", "+16505550100"),
        ("extension", "101"),
        ("password", "open sesame"),
    ];
    world.token_request(world.demo_app(), &form).await.expect(200);

    std::fs::write(&file, fixtures("Acme & Sons")).expect("written");
    let world = world.restart_after(Duration::from_secs(1)).await;
    assert_eq!(world.admin("/hookswitch/v1/accounts/500100").await["name"], "Acme & Sons");
    let extensions = world.admin("/hookswitch/v1/accounts/500100/extensions").await;
    assert_eq!(extensions["records"].as_array().expect("records").len(), 2);
    let apps = world.admin("/hookswitch/v1/apps").await;
    let phones = apps["records"].as_array().expect("records").iter().filter(|app| app["clientId"] == "phone");
    assert_eq!(phones.count(), 1);
    world.server.stop().await;
}

#[tokio::test]
async fn a_mistake_in_the_fixtures_is_told_with_its_place_and_nothing_is_served() {
    let folder = TempFolder::new();
    let file = folder.join("fixtures.json");
    for (text, words) in [
        ("{", "not valid JSON"),
        (r#"{"acounts":[]}"#, "acounts"),
        (r#"{"accounts":[{"name":"x"}]}"#, "accounts[0]: [id] is missing"),
        (r#"{"accounts":[{"id":"7","name":"x","colour":"red"}]}"#, "accounts[0]: "),
        (
            r#"{"accounts":[{"id":"7","name":"x","extensions":[{"id":"8"}]}]}"#,
            "accounts[0].extensions[0]: Parameter [extensionNumber]",
        ),
        (r#"{"apps":[{"name":"x"}]}"#, "apps[0]: [clientId] is missing"),
    ] {
        std::fs::write(&file, text).expect("written");
        let (handles, _clock) = steered_handles(7);
        let data = TempFolder::new();
        let settings = Settings {
            dev: true,
            data: data.path().to_owned(),
            dev_fixtures: Some(file.clone()),
            ..Settings::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        match serving::start(settings, handles, listener).await {
            Err(StartError::Fixtures(error)) => {
                let said = error.to_string();
                assert!(said.contains(words) && said.contains("fixtures.json"), "{text}: {said}");
            }
            Err(other) => panic!("{text}: {other}"),
            Ok(_) => panic!("{text} was taken"),
        }
    }
}

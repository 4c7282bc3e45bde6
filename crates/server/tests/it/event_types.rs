//! The catalogue at work in a whole server: samples of every event type triggered and delivered, bodies
//! that break their schema, and event types of the operator's own.

use std::path::Path;

use hookswitch_core::catalogue::sample::Protagonist;
use hookswitch_core::catalogue::{Catalogue, Entry, ParameterKind, Scope};
use hookswitch_core::id::{AccountId, ExtensionId};
use hookswitch_core::subscription::Door;
use hookswitch_testkit::{Reply, ScriptedReceiver, TempFolder};
use http::Method;
use serde_json::{Value, json};

use crate::world::World;

const ORDERS: &str = "/acme/v1/account/~/extension/~/orders";

fn protagonist(world: &World) -> Protagonist {
    let id = |name: &str| world.env[name].parse().expect("an id");
    Protagonist {
        account: AccountId(id("RC_ACCOUNT_ID")),
        extension: ExtensionId(id("RC_EXTENSION_ID")),
        company: id("HOOKSWITCH_COMPANY_ID"),
    }
}

async fn trigger(world: &World, name: &str, request: Option<Value>) -> Reply {
    let path = format!("/hookswitch/v1/event-types/{name}/trigger");
    world.call(Method::POST, &path, &world.env["HOOKSWITCH_PUBLISH_TOKEN"], request).await
}

/// What must be in every filter of the event type.
fn query(entry: &Entry) -> String {
    let needed = entry.parameters.iter().filter_map(|parameter| match &parameter.kind {
        ParameterKind::Constant { value, required: true } => Some(format!("{}={value}", parameter.name)),
        _ => None,
    });
    let query = needed.collect::<Vec<_>>().join("&");
    if query.is_empty() { query } else { format!("?{query}") }
}

#[tokio::test]
async fn a_sample_of_every_event_type_reaches_its_own_filters_in_their_words_and_nobody_elses() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let catalogue = Catalogue::built_in();
    let who = protagonist(&world);
    let mut hooks = Vec::new();
    for (no, entry) in catalogue.entries() {
        let door = match entry.door {
            Door::Core => "/restapi/v1.0/subscription",
            Door::Webinar => "/webinar/notifications/v1/subscriptions",
            Door::Conference => continue,
        };
        for form in &entry.forms {
            // Reminders are the server's own.
            if catalogue.form(*form).scope == Scope::Reminder {
                continue;
            }
            let text =
                format!("{}{}", catalogue.sample_path(*form, who.account, who.extension), query(entry));
            let hook = format!("/hook/{}", hooks.len());
            let body = json!({
                "eventFilters": [text],
                "deliveryMode": { "transportType": "WebHook", "address": receiver.url(&hook) },
            });
            let created = if entry.door == Door::Webinar { 201 } else { 200 };
            world.user(Method::POST, door, Some(body)).await.expect(created);
            hooks.push((no, hook, text));
        }
    }
    let mut expected = Vec::new();
    for (no, entry) in catalogue.entries() {
        if !hooks.iter().any(|(of, _, _)| *of == no) {
            continue;
        }
        let told = trigger(&world, &entry.name, None).await.expect(202).json();
        assert_eq!(told["body"], entry.sample_about(who), "{}", entry.name);
        let body = bytes::Bytes::from(told["body"].to_string());
        let shaped: Value = serde_json::from_slice(&catalogue.shape_body(no, 0, &body)).expect("JSON");
        let own = hooks.iter().filter(|(of, _, _)| *of == no);
        expected.extend(
            own.map(|(_, hook, text)| (hook.clone(), json!([text, told["events"][0]["uuid"], shaped]))),
        );
    }
    assert!(expected.len() > 40, "{}", expected.len());
    receiver.wait_for_deliveries(expected.len()).await;
    world.settle().await;
    let mut heard: Vec<(String, Value)> = receiver
        .deliveries()
        .iter()
        .map(|request| {
            let envelope = request.json();
            (request.target.clone(), json!([envelope["event"], envelope["uuid"], envelope["body"]]))
        })
        .collect();
    heard.sort_by(|one, other| one.0.cmp(&other.0));
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(heard, expected);
    world.server.stop().await;
}

#[tokio::test]
async fn members_of_a_sample_are_set_by_place_and_the_rest_stays() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let filter = "/restapi/v1.0/account/~/extension/~/telephony/sessions?statusCode=Gone&sipData=true";
    world.subscribe(&[filter], &receiver.url("/hook")).await;
    let uuid = "7f0c6d1e-9d5b-4a54-8f0e-2c1f6d0f6a11";
    let request = json!({
        "set": { "parties.0.status.code": "Gone", "/sequence": 77 },
        "body": { "serverId": "mine" }, "uuid": uuid, "timestamp": "2026-01-05T09:00:00Z",
    });
    trigger(&world, "telephony.sessions", Some(request.clone())).await.expect(202);
    trigger(&world, "telephony.sessions", None).await.expect(202);
    let received = receiver.wait_for_deliveries(1).await;
    let envelope = received[0].json();
    let mut body =
        Catalogue::built_in().named("telephony.sessions").expect("known").1.sample_about(protagonist(&world));
    body["parties"][0]["status"]["code"] = "Gone".into();
    body["sequence"] = 77.into();
    body["serverId"] = "mine".into();
    assert_eq!((&envelope["body"], &envelope["uuid"]), (&body, &json!(uuid)));
    assert_eq!(envelope["timestamp"], "2026-01-05T09:00:00.000Z");
    let again = trigger(&world, "telephony.sessions", Some(request)).await.expect(202).json();
    assert_eq!(again["events"][0]["duplicate"], true);
    world.settle().await;
    assert_eq!(receiver.deliveries().len(), 1, "the untouched sample is not Gone");
    world.server.stop().await;
}

#[tokio::test]
async fn a_trigger_that_cannot_be_is_refused_by_member_and_nothing_is_published() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    world.subscribe(&["/restapi/v1.0/account/~/extension/~/presence"], &receiver.url("/hook")).await;
    for (name, request, status, parameter) in [
        ("no-such-type", json!({}), 404, "name"),
        ("presence", json!({ "accountId": "1" }), 400, "accountId"),
        ("presence", json!({ "accountId": "x" }), 400, "accountId"),
        ("presence", json!({ "extensionId": true }), 400, "extensionId"),
        ("presence", json!({ "set": { "sequence.x": 1 } }), 400, "set"),
        ("presence", json!({ "set": { "": 1 } }), 400, "set"),
        ("presence", json!({ "set": 5 }), 400, "set"),
        ("presence", json!({ "uuid": "x" }), 400, "uuid"),
        ("presence", json!({ "timestamp": "noon" }), 400, "timestamp"),
        ("presence", json!({ "recipients": "all" }), 400, "recipients"),
        ("team-messaging.posts", json!({ "set": { "groupId": "1" } }), 400, "recipients"),
        ("subscription.reminder", json!({}), 400, "event"),
        ("conference_start", json!({ "set": { "host_id": "me" } }), 400, "body"),
    ] {
        let refused = trigger(&world, name, Some(request.clone())).await.expect(status).json();
        assert_eq!(refused["parameterName"], parameter, "{name} {request}: {refused}");
    }
    let unknown = trigger(&world, "presence", Some(json!({ "sets": {} }))).await.expect(400).json();
    assert!(unknown["message"].as_str().is_some_and(|words| words.contains("sets")), "{unknown}");
    let path = "/hookswitch/v1/event-types/presence/trigger";
    world.user(Method::POST, path, None).await.expect(403);
    world.call(Method::POST, path, "wrong", None).await.expect(401);
    world.settle().await;
    assert_eq!(receiver.deliveries().len(), 0);
    world.server.stop().await;
}

#[tokio::test]
async fn a_publisher_bound_to_an_account_triggers_only_its_events() {
    let world = World::start().await;
    let admin = &world.env["HOOKSWITCH_ADMIN_TOKEN"];
    let account = json!({ "name": "Other" });
    let other =
        world.call(Method::POST, "/hookswitch/v1/accounts", admin, Some(account)).await.expect(201).json();
    let token = json!({ "kind": "publish", "accountId": other["id"] });
    let made = world.call(Method::POST, "/hookswitch/v1/tokens", admin, Some(token)).await.expect(201).json();
    let token = made["token"].as_str().expect("shown once");
    let path = "/hookswitch/v1/event-types/conference_start/trigger";
    let own = world.call(Method::POST, path, token, None).await.expect(202).json();
    assert_eq!(own["body"]["company_id"].to_string(), other["companyId"].as_str().expect("an id"));
    let foreign = json!({ "accountId": world.env["RC_ACCOUNT_ID"] });
    world.call(Method::POST, path, token, Some(foreign)).await.expect(403);
    let unnamed = trigger(&world, "presence", None).await.expect(400).json();
    assert_eq!(unnamed["parameterName"], "accountId", "with two accounts one must be named");
    world.server.stop().await;
}

#[tokio::test]
async fn a_body_that_breaks_its_schema_is_delivered_counted_and_shown() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    world.subscribe(&["/restapi/v1.0/account/~/extension/~/presence"], &receiver.url("/hook")).await;
    let sample = Catalogue::built_in().named("presence").expect("known").1.sample.clone();
    let mut humming = sample.clone();
    humming["telephonyStatus"] = "Humming".into();
    let good = json!({ "event": world.extension_path("presence"), "body": sample });
    let broken = json!({ "event": world.extension_path("presence"), "body": humming });
    let answer = world.publish(json!([good, broken])).await.expect(202).json();
    let uuid = answer["events"][1]["uuid"].as_str().expect("a uuid");
    let reason = "/telephonyStatus: must be one of";
    let violations = answer["violations"].as_array().expect("told");
    assert_eq!(
        (violations.len(), &violations[0]["index"], &violations[0]["uuid"]),
        (1, &json!(1), &json!(uuid))
    );
    let violation = violations[0]["reason"].as_str().expect("words");
    assert!(violation.starts_with(reason), "{violation}");
    let shown = world.admin(&format!("/hookswitch/v1/events/{uuid}")).await;
    assert_eq!(shown["violation"], violation);
    let received = receiver.wait_for_deliveries(2).await;
    assert!(received.iter().any(|request| request.json()["body"]["telephonyStatus"] == "Humming"));
    let mut again = broken.clone();
    again["uuid"] = uuid.into();
    let answer = world.publish(again).await.expect(202).json();
    assert_eq!(answer["events"][0]["duplicate"], true);
    let post = json!({ "event": "/team-messaging/v1/posts", "accountId": world.env["RC_ACCOUNT_ID"], "recipients": [],
        "body": { "id": "1", "groupId": "2", "type": "TextMessage", "eventType": "PostAdded" } });
    let told = world.publish(post).await.expect(202).json();
    assert_eq!(told["violations"][0]["reason"], "/text: is required", "what a post that was added lacks");
    let metrics =
        world.call(Method::GET, "/metrics", &world.env["HOOKSWITCH_ADMIN_TOKEN"], None).await.expect(200);
    let line = "hookswitch_schema_violations_total{event_type=\"presence\"} 1";
    assert!(metrics.text().lines().any(|one| one == line), "{}", metrics.text());
    world.server.stop().await;
}

#[tokio::test]
async fn a_conference_payload_that_breaks_its_schema_refuses_the_request_and_nothing_is_stored() {
    let world = World::start().await;
    let account = &world.env["RC_ACCOUNT_ID"];
    let uuid = "0f0c6d1e-9d5b-4a54-8f0e-2c1f6d0f6a12";
    let good = json!({ "event": "conference_start", "accountId": account, "uuid": uuid,
        "payload": { "host_id": 1, "conference_id": 2 } });
    for (member, broken, reason) in [
        ("payload", json!({ "host_id": 1 }), "breaks the schema at /conference_id: is required"),
        (
            "body",
            json!({ "host_id": "1", "conference_id": 2 }),
            "breaks the schema at /host_id: must be integer, is \"1\"",
        ),
    ] {
        let mut bad = json!({ "event": "conference_end", "accountId": account });
        bad[member] = broken;
        let refused = world.publish(json!([good, bad])).await.expect(400).json();
        assert_eq!(
            (&refused["index"], &refused["field"], &refused["reason"]),
            (&json!(1), &json!(member), &json!(reason)),
            "in the publisher's word"
        );
    }
    let path = format!("/hookswitch/v1/events/{uuid}");
    world.call(Method::GET, &path, &world.env["HOOKSWITCH_ADMIN_TOKEN"], None).await.expect(404);
    world.publish(good).await.expect(202);
    world.server.stop().await;
}

// === event types of the operator's own ===

fn order_types() -> Value {
    json!({ "eventTypes": [{
        "name": "acme.order", "summary": "An order has changed.", "class": "message", "appScope": "ReadMessages",
        "forms": [{ "pattern": "/acme/v1/account/{accountId}/extension/{extensionId}/orders", "scope": "extension",
            "permissions": ["ReadOrders"] }],
        "parameters": [
            { "name": "carrier", "kind": "refine", "places": ["/carrier"], "values": ["post", "road"] },
            { "name": "items", "kind": "shape", "adds": ["/items"] }],
        "onViolation": "reject",
        "schema": { "type": "object", "required": ["id"], "properties": { "id": { "type": "string" } } },
        "sample": { "id": "7", "buyer": 400_131_001, "carrier": "post", "items": [1] },
    }] })
}

fn written(folder: &Path, text: &str) -> String {
    let path = folder.join("types.json");
    std::fs::write(&path, text).expect("written");
    path.display().to_string()
}

#[tokio::test]
async fn an_operators_own_event_type_is_subscribed_to_published_refused_triggered_and_described() {
    let folder = TempFolder::new();
    let file = written(folder.path(), &order_types().to_string());
    let world = World::with(|settings| settings.event_types = vec![file]).await;
    let [by_road, rich] = [ScriptedReceiver::start().await, ScriptedReceiver::start().await];
    world.subscribe(&[&format!("{ORDERS}?carrier=road")], &by_road.url("/hook")).await;
    world.subscribe(&[&format!("{ORDERS}?items=true")], &rich.url("/hook")).await;

    let me = &world.env["RC_EXTENSION_ID"];
    let event = format!("/acme/v1/account/{}/extension/{me}/orders", world.env["RC_ACCOUNT_ID"]);
    let publish = async |body: Value| world.publish(json!({ "event": event, "body": body })).await;
    publish(json!({ "id": "1", "carrier": "road", "items": [5] })).await.expect(202);
    let refused = publish(json!({ "id": 1 })).await.expect(400).json();
    assert_eq!(refused["reason"], "breaks the schema at /id: must be string, is 1");
    trigger(&world, "acme.order", Some(json!({ "set": { "id": "2" } }))).await.expect(202);

    rich.wait_for_deliveries(2).await;
    by_road.wait_for_deliveries(1).await;
    world.settle().await;
    let bodies = |receiver: &ScriptedReceiver| -> Vec<Value> {
        receiver.deliveries().iter().map(|request| request.json()["body"].clone()).collect()
    };
    let me: u64 = me.parse().expect("an id");
    let triggered = json!({ "id": "2", "buyer": me, "carrier": "post", "items": [1] });
    assert_eq!(bodies(&rich), [json!({ "id": "1", "carrier": "road", "items": [5] }), triggered]);
    assert_eq!(bodies(&by_road), [json!({ "id": "1", "carrier": "road" })]);
    let types = world.admin("/hookswitch/v1/event-types").await;
    let listed = types["records"].as_array().expect("a list").iter().find(|one| one["name"] == "acme.order");
    let pattern = "/acme/v1/account/{accountId}/extension/{extensionId}/orders";
    let listed = listed.expect("its own event type");
    assert_eq!((&listed["pattern"], &listed["patterns"][0]["path"]), (&json!(pattern), &json!(pattern)));
    let document = world.client.send(Method::GET, "/asyncapi.json", &[], "").await.expect("an answer");
    let document = document.expect(200).json();
    assert_eq!(document["asyncapi"], "3.0.0");
    assert_eq!(
        document["channels"]["acme.order"]["address"],
        "/acme/v1/account/{accountId}/extension/{extensionId}/orders"
    );
    world.server.stop().await;
}

#[tokio::test]
async fn a_file_of_event_types_that_is_wrong_keeps_the_server_from_starting_and_is_named() {
    let mut wrong = order_types();
    wrong["eventTypes"][0]["sample"] = json!({});
    let known = order_types().to_string().replace("acme.order", "presence");
    for (text, words) in [
        (wrong.to_string(), "event type \"acme.order\", field \"sample\": /id: is required"),
        (known, "event type \"presence\", field \"name\": another event type has it"),
        ("{".to_owned(), "EOF"),
    ] {
        let folder = TempFolder::new();
        let file = written(folder.path(), &text);
        let (handles, _clock) = hookswitch_testkit::steered_handles(7);
        let settings = hookswitch_server::config::Settings {
            data: folder.join("data"),
            event_types: vec![file.clone()],
            ..Default::default()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let started = hookswitch_server::serving::start(settings, handles, listener).await;
        let error = started.map(|_| ()).expect_err("it must not start").to_string();
        assert!(error.contains(&file) && error.contains(words), "{error}");
    }
}

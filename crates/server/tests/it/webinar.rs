//! Webinar events (seed 000): four types, narrowed by webinar and host, through the door of their own.

use hookswitch_testkit::ScriptedReceiver;
use http::Method;
use serde_json::{Value, json};

use crate::world::World;

const SUBSCRIPTIONS: &str = "/webinar/notifications/v1/subscriptions";
const TYPES: [&str; 4] = [
    "/webinar/configuration/v1/company/sessions",
    "/webinar/runtime/v1/company/sessions/state",
    "/webinar/registration/v1/company/sessions/state",
    "/webinar/registration/v1/company/sessions/registrants",
];

/// As the seed subscribes.
async fn subscribe(world: &World, filters: &[String], address: &str) -> Value {
    let body = json!({
        "eventFilters": filters,
        "deliveryMode": { "transportType": "WebHook", "address": address },
        "expiresIn": 100_000,
    });
    let made = world.user(Method::POST, SUBSCRIPTIONS, Some(body)).await.expect(201).json();
    assert_eq!((&made["expiresIn"], &made["eventFilters"]), (&json!(99_999), &json!(filters)));
    made
}

async fn publish(world: &World, event: &str, body: Value) -> String {
    let account = &world.env["RC_ACCOUNT_ID"];
    let answer = world.publish(json!({ "event": event, "body": body, "accountId": account })).await;
    answer.expect(202).json()["events"][0]["uuid"].as_str().expect("a uuid").to_owned()
}

/// A session as the REST model has it.
fn session(webinar: &str, host: &str) -> Value {
    json!({
        "id": "s1", "title": "Launch", "status": "Scheduled",
        "creationTime": "2026-01-05T09:00:00.000Z", "lastModifiedTime": "2026-01-05T09:00:00.000Z",
        "webinar": { "id": webinar, "title": "Launch", "host": { "linkedUser": { "userId": host } } },
    })
}

/// What came: which subscription's path, with which filter, for which event.
fn heard(receiver: &ScriptedReceiver) -> Vec<(String, String, String)> {
    let row = |request: &hookswitch_testkit::Received| {
        let envelope = request.json();
        let text = |name: &str| envelope[name].as_str().unwrap_or_default().to_owned();
        (request.target.clone(), text("event"), text("uuid"))
    };
    let mut rows: Vec<_> = receiver.deliveries().iter().map(row).collect();
    rows.sort();
    rows
}

#[tokio::test]
async fn webinar_and_host_narrow_and_both_together_mean_both_for_every_type() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    for (path, query) in [
        ("/all", ""),
        ("/webinar", "?webinarId=w1"),
        ("/host", "?hostUserId=h1"),
        ("/both", "?webinarId=w1&hostUserId=h1"),
        ("/either", "?hostUserId=h1&webinarId=w1,w2"),
    ] {
        let filters: Vec<String> = TYPES.iter().map(|event| format!("{event}{query}")).collect();
        subscribe(&world, &filters, &receiver.url(path)).await;
    }
    for (webinar, host, paths) in [
        ("w1", "h1", &["/all", "/both", "/either", "/host", "/webinar"][..]),
        ("w1", "h2", &["/all", "/webinar"]),
        ("w2", "h1", &["/all", "/either", "/host"]),
        ("w3", "h3", &["/all"]),
    ] {
        for event in TYPES {
            let before = receiver.deliveries().len();
            let uuid = publish(&world, event, session(webinar, host)).await;
            receiver.wait_for_deliveries(before + paths.len()).await;
            world.settle().await;
            let of_this: Vec<_> = heard(&receiver).into_iter().filter(|row| row.2 == uuid).collect();
            let targets: Vec<&str> = of_this.iter().map(|row| row.0.as_str()).collect();
            assert_eq!(targets, paths, "{event} of {webinar} by {host}");
            assert!(of_this.iter().all(|row| row.1.starts_with(event)), "{of_this:?}");
        }
    }
    world.server.stop().await;
}

#[tokio::test]
async fn two_filters_that_match_one_event_give_one_notification_with_the_first_of_them() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let sessions = TYPES[0];
    let filters = [
        format!("{sessions}?hostUserId=h1"),
        format!("{sessions}?webinarId=w1"),
        sessions.to_owned(),
        format!("{}?webinarId=w1", TYPES[1]),
    ];
    let made = subscribe(&world, &filters, &receiver.url("/several")).await;
    let mut expected = Vec::new();
    for (webinar, host, filter) in [("w1", "h1", 0), ("w1", "h2", 1), ("w2", "h2", 2)] {
        let uuid = publish(&world, sessions, session(webinar, host)).await;
        expected.push(("/several".to_owned(), filters[filter].clone(), uuid));
    }
    let uuid =
        publish(&world, TYPES[1], json!({ "id": "s1", "runtimeStatus": "Live", "webinarId": "w1" })).await;
    expected.push(("/several".to_owned(), filters[3].clone(), uuid));
    receiver.wait_for_deliveries(4).await;
    world.settle().await;
    expected.sort();
    assert_eq!(heard(&receiver), expected, "one notification for each event");
    let envelope = receiver.deliveries()[0].json();
    assert_eq!(envelope["subscriptionId"], made["id"]);
    world.server.stop().await;
}

#[tokio::test]
async fn each_door_refuses_the_filters_of_the_other() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let core = "/restapi/v1.0/account/~/extension/~/presence".to_owned();
    let wrong = TYPES.iter().map(|event| ("/restapi/v1.0/subscription", format!("{event}?webinarId=w")));
    for (door, filter) in wrong.chain([(SUBSCRIPTIONS, core)]) {
        let body = json!({
            "eventFilters": [filter],
            "deliveryMode": { "transportType": "WebHook", "address": receiver.url("/x") },
        });
        let refused = world.user(Method::POST, door, Some(body)).await.expect(400).json();
        assert_eq!(refused["errorCode"], "SUB-508", "{door} {filter}: {refused}");
        assert_eq!(world.user(Method::GET, door, None).await.expect(200).json()["records"], json!([]));
    }
    assert!(receiver.received().is_empty(), "nobody was asked to agree");
    world.server.stop().await;
}

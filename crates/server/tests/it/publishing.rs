//! Publishing: every form that is read, idempotency (D16), and a row for everything that is refused.

use hookswitch_testkit::{Reply, ScriptedReceiver};
use http::Method;
use serde_json::{Value, json};

use crate::world::World;

async fn send(
    world: &World,
    content_type: &str,
    more: &[(&str, &str)],
    body: impl Into<bytes::Bytes>,
) -> Reply {
    let bearer = format!("Bearer {}", world.env["HOOKSWITCH_PUBLISH_TOKEN"]);
    let mut headers = vec![("authorization", bearer.as_str()), ("content-type", content_type)];
    headers.extend_from_slice(more);
    world.client.send(Method::POST, "/hookswitch/v1/events", &headers, body).await.expect("an answer")
}

async fn subscribed() -> (World, ScriptedReceiver) {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    world
        .subscribe(&["/restapi/v1.0/account/~/extension/~/presence"], &receiver.url("/hook?key=a%20b"))
        .await;
    (world, receiver)
}

#[tokio::test]
async fn every_form_is_read_and_arrives_as_published() {
    let (world, receiver) = subscribed().await;
    let path = world.extension_path("presence");
    let object = format!(r#"{{ "event": "{path}", "body": {{ "z": 1.50, "a": "ü \u00fc" }} }}"#);
    send(&world, "application/json; charset=utf-8", &[], object).await.expect(202);
    let array =
        format!(r#"[{{"event":"{path}","payload":{{"n":1}}}},{{"event":"{path}","body":{{"n":2}}}}]"#);
    send(&world, "application/json", &[], array).await.expect(202);
    let lines = format!(
        "{{\"event\":\"{path}\",\"body\":{{\"n\":3}}}}\r\n\n{{\"event\":\"{path}\",\"body\":{{\"n\":4}}}}\n"
    );
    send(&world, "application/x-ndjson", &[], lines).await.expect(202);
    let structured = format!(
        r#"{{"specversion":"1.0","id":"a-1","source":"/calls","type":"{path}","time":"2026-01-05T08:00:00Z","data":{{"n":5}}}}"#
    );
    send(&world, "application/cloudevents+json", &[], structured).await.expect(202);
    let binary =
        [("ce-specversion", "1.0"), ("ce-id", "a-2"), ("ce-source", "/calls"), ("ce-type", path.as_str())];
    send(&world, "application/json", &binary, r#"{"n":6}"#).await.expect(202);
    let batch =
        format!(r#"[{{"specversion":"1.0","id":"a-3","source":"/calls","type":"{path}","data":{{"n":7}}}}]"#);
    send(&world, "application/cloudevents-batch+json", &[], batch).await.expect(202);

    let received = receiver.wait_for_deliveries(8).await;
    // Several are under way at once; they may arrive in another order.
    let object =
        received.iter().find(|one| one.json()["body"].get("z").is_some()).expect("the object arrives");
    assert_eq!(object.target, "/hook?key=a%20b", "the query is kept byte for byte");
    let text = std::str::from_utf8(&object.body).expect("UTF-8");
    assert!(text.contains(r#""body":{"z":1.50,"a":"ü \u00fc"}}"#), "{text}");
    let order: Vec<&str> = ["uuid", "event", "timestamp", "subscriptionId", "ownerId", "body"].to_vec();
    let places: Vec<usize> =
        order.iter().map(|name| text.find(&format!("\"{name}\":")).expect("there")).collect();
    assert!(places.is_sorted(), "the members are in the order of D22: {text}");
    let mut numbers: Vec<i64> = received.iter().filter_map(|one| one.json()["body"]["n"].as_i64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
    let timed = received.iter().find(|one| one.json()["body"]["n"] == 5).expect("the structured one").json();
    assert_eq!(timed["timestamp"], "2026-01-05T08:00:00.000Z");
    world.server.stop().await;
}

#[tokio::test]
async fn a_uuid_published_again_is_a_duplicate_or_a_conflict_and_is_delivered_once() {
    let (world, receiver) = subscribed().await;
    let path = world.extension_path("presence");
    let uuid = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
    let event = json!({ "event": path, "uuid": uuid, "body": { "n": 1 } });
    let first = world.publish(event.clone()).await.expect(202).json();
    assert_eq!(first["events"][0], json!({ "uuid": uuid, "duplicate": false }));
    let again = world.publish(event).await.expect(202).json();
    assert_eq!(again["events"][0], json!({ "uuid": uuid, "duplicate": true }));
    let fresh = json!({ "event": path, "body": { "n": 2 } });
    let other = json!({ "event": path, "uuid": uuid, "body": { "n": 3 } });
    let conflict = world.publish(json!([fresh, other])).await.expect(409).json();
    assert_eq!((&conflict["index"], &conflict["field"]), (&json!(1), &json!("uuid")));
    world.publish(json!({ "event": path, "body": { "n": 4 } })).await.expect(202);
    let received = receiver.wait_for_deliveries(2).await;
    let numbers: Vec<Value> = received.iter().map(|one| one.json()["body"]["n"].clone()).collect();
    assert_eq!(numbers, [json!(1), json!(4)], "nothing of the refused request is stored");
    world.server.stop().await;
}

struct Refusal {
    what: &'static str,
    content_type: &'static str,
    body: String,
    status: u16,
    code: &'static str,
    field: &'static str,
    words: &'static str,
}

fn refusals(path: &str) -> Vec<Refusal> {
    let (json, cloud) = ("application/json", "application/cloudevents+json");
    let row = |what, content_type, body: String, status, code, field, words| Refusal {
        what,
        content_type,
        body,
        status,
        code,
        field,
        words,
    };
    let with = |member: &str| format!(r#"{{"event":"{path}","body":{{}},{member}}}"#);
    vec![
        row("not JSON", json, "{".into(), 400, "CMN-103", "", "not JSON"),
        row("an empty body", json, String::new(), 400, "CMN-103", "", "not JSON"),
        row("an empty array", json, "[]".into(), 400, "CMN-103", "", "no entries"),
        row("a string", json, "\"x\"".into(), 400, "CMN-101", "", "object"),
        row("a list for an entry", json, r#"[["/x", {}]]"#.into(), 400, "CMN-101", "", "object"),
        row("no event", json, r#"{"body":{}}"#.into(), 400, "CMN-101", "event", "missing"),
        row(
            "a number for the event",
            json,
            r#"{"event":5,"body":{}}"#.into(),
            400,
            "CMN-101",
            "event",
            "expected a string",
        ),
        row("a number for the time", json, with(r#""timestamp":5"#), 400, "CMN-101", "timestamp", "string"),
        row("body twice", json, with(r#""payload":{}"#), 400, "CMN-101", "payload", "another name of body"),
        row(
            "a bad payload",
            json,
            format!(r#"{{"event":"{path}","payload":5}}"#),
            400,
            "CMN-101",
            "payload",
            "object",
        ),
        row(
            "a CloudEvent without its type",
            "application/cloudevents+json",
            r#"{"specversion":"1.0","id":"1","source":"/s","data":{}}"#.into(),
            400,
            "CMN-101",
            "type",
            "missing",
        ),
        row(
            "a CloudEvent of another type",
            "application/cloudevents+json",
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"/x/y","data":{}}"#.into(),
            400,
            "CMN-101",
            "type",
            "no event type",
        ),
        row(
            "a CloudEvent with bad data",
            "application/cloudevents+json",
            format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"{path}","data":5}}"#),
            400,
            "CMN-101",
            "data",
            "object",
        ),
        row("a number for the uuid", json, with(r#""uuid":5"#), 400, "CMN-101", "uuid", "string"),
        row("a list for the time", json, with(r#""timestamp":[]"#), 400, "CMN-101", "timestamp", "string"),
        row("a body twice", json, with(r#""payload":{}"#), 400, "CMN-101", "payload", "another name of body"),
        row(
            "an unknown event",
            json,
            r#"{"event":"/x/y","body":{}}"#.into(),
            400,
            "CMN-101",
            "event",
            "no event type",
        ),
        row(
            "a tilde",
            json,
            r#"{"event":"/restapi/v1.0/account/~/presence","body":{}}"#.into(),
            400,
            "CMN-101",
            "event",
            "~",
        ),
        row(
            "a query",
            json,
            format!(r#"{{"event":"{path}?a=b","body":{{}}}}"#),
            400,
            "CMN-101",
            "event",
            "query",
        ),
        row("no body", json, format!(r#"{{"event":"{path}"}}"#), 400, "CMN-101", "body", "missing"),
        row(
            "an array for the body",
            json,
            format!(r#"{{"event":"{path}","body":[]}}"#),
            400,
            "CMN-101",
            "body",
            "object",
        ),
        row("a uuid that is none", json, with(r#""uuid":"seven""#), 400, "CMN-101", "uuid", "uuid"),
        row(
            "a time that is none",
            json,
            with(r#""timestamp":"noon""#),
            400,
            "CMN-101",
            "timestamp",
            "ISO 8601",
        ),
        row(
            "an account that is none",
            json,
            with(r#""accountId":"me""#),
            400,
            "CMN-101",
            "accountId",
            "account",
        ),
        row("two accounts", json, with(r#""accountId":"12""#), 400, "CMN-101", "accountId", "12"),
        row(
            "recipients that are none",
            json,
            with(r#""recipients":["a"]"#),
            400,
            "CMN-101",
            "recipients",
            "extension ids",
        ),
        row(
            "an unknown account",
            json,
            r#"{"event":"/restapi/v1.0/account/77/presence","body":{}}"#.into(),
            400,
            "CMN-101",
            "accountId",
            "77",
        ),
        row(
            "no account at all",
            json,
            r#"{"event":"/webinar/runtime/v1/company/sessions/state","body":{}}"#.into(),
            400,
            "CMN-101",
            "accountId",
            "missing",
        ),
        row(
            "a large body",
            json,
            format!(r#"{{"event":"{path}","body":{{"a":"{}"}}}}"#, "x".repeat(256 * 1024)),
            413,
            "CMN-101",
            "body",
            "limit",
        ),
        row(
            "many entries",
            "application/x-ndjson",
            format!("{{\"event\":\"{path}\",\"body\":{{}}}}\n").repeat(10_001),
            413,
            "CMN-106",
            "",
            "10000",
        ),
        row(
            "no id of a CloudEvent",
            cloud,
            r#"{"specversion":"1.0"}"#.into(),
            400,
            "CMN-101",
            "id",
            "missing",
        ),
        row(
            "a number for the type of a CloudEvent",
            cloud,
            r#"{"specversion":"1.0","id":"a","source":"/b","type":7,"data":{}}"#.into(),
            400,
            "CMN-101",
            "type",
            "string",
        ),
        row(
            "a CloudEvent of an unknown type",
            cloud,
            r#"{"specversion":"1.0","id":"a","source":"/b","type":"/c","data":{}}"#.into(),
            400,
            "CMN-101",
            "type",
            "no event type",
        ),
        row(
            "a CloudEvent without data",
            cloud,
            format!(r#"{{"specversion":"1.0","id":"a","source":"/b","type":"{path}"}}"#),
            400,
            "CMN-101",
            "data",
            "missing",
        ),
        row("another media type", "text/plain", "x".into(), 415, "CMN-407", "", "text/plain"),
    ]
}

#[tokio::test]
async fn everything_bad_is_refused_by_name_and_nothing_is_stored() {
    let (world, receiver) = subscribed().await;
    let path = world.extension_path("presence");
    for row in refusals(&path) {
        let reply = send(&world, row.content_type, &[], row.body.clone()).await;
        let answer = reply.text().to_owned();
        assert_eq!(reply.status, row.status, "{}: {answer}", row.what);
        let json = reply.json();
        assert_eq!(json["errors"][0]["errorCode"], row.code, "{}: {answer}", row.what);
        if !row.field.is_empty() {
            assert_eq!(json["parameterName"], row.field, "{}: {answer}", row.what);
        }
        let words = json["message"].as_str().unwrap_or_default();
        assert!(words.contains(row.words), "{}: {words:?} says nothing of {:?}", row.what, row.words);
    }
    let mixed = json!([{ "event": path, "body": {} }, { "event": "/x", "body": {} }, { "event": path }]);
    let answer = world.publish(mixed).await.expect(400).json();
    let unknown = json!({ "event": "/restapi/v1.0/account/77/presence", "body": {} });
    let both = world.publish(json!([unknown, unknown])).await.expect(400).json();
    assert_eq!((&both["errors"][1]["index"], &both["errors"][1]["field"]), (&json!(1), &json!("accountId")));
    let indexes: Vec<&Value> =
        answer["errors"].as_array().expect("a list").iter().map(|one| &one["index"]).collect();
    assert_eq!(indexes, [&json!(1), &json!(2)], "each bad entry is named: {answer}");
    let headers = [("ce-specversion", "1.0"), ("ce-id", "a"), ("ce-source", "/b")];
    let answer = send(&world, "application/json", &headers, "{}").await.expect(400).json();
    assert_eq!(answer["parameterName"], "ce-type");
    let account = "/restapi/v1.0/account/77/presence";
    let post = json!({ "event": "/team-messaging/v1/posts", "accountId": world.env["RC_ACCOUNT_ID"],
        "body": { "groupId": "1" } });
    let nobodys = json!([{ "event": account, "body": {} }, { "event": path, "body": {} }, post,
        { "event": account, "body": {} }]);
    let answer = world.publish(nobodys).await.expect(400).json();
    let named = |one: &Value| (one["index"].clone(), one["field"].clone());
    let named: Vec<_> = answer["errors"].as_array().expect("a list").iter().map(named).collect();
    let expected = [(0, "accountId"), (2, "recipients"), (3, "accountId")];
    assert_eq!(named, expected.map(|(index, field)| (json!(index), json!(field))), "{answer}");
    world.settle().await;
    assert!(receiver.deliveries().is_empty());
    assert_eq!(world.admin("/hookswitch/v1/deliveries").await["records"], json!([]));
    world.server.stop().await;
}

#[tokio::test]
async fn what_a_cloud_event_in_headers_lacks_is_named_by_its_header() {
    let (world, _receiver) = subscribed().await;
    let path = world.extension_path("presence");
    for (headers, field) in [
        (vec![("ce-specversion", "1.0"), ("ce-source", "/s"), ("ce-type", path.as_str())], "ce-id"),
        (vec![("ce-specversion", "0.3"), ("ce-id", "1"), ("ce-source", "/s")], "ce-specversion"),
        (vec![("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "/x")], "ce-type"),
    ] {
        let answer = send(&world, "application/json", &headers, "{}").await.expect(400).json();
        assert_eq!(answer["parameterName"], field, "{answer}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn who_may_publish() {
    let (world, _receiver) = subscribed().await;
    let event = json!({ "event": world.extension_path("presence"), "body": {} });
    let post = |token: String| {
        let event = event.clone();
        let world = &world;
        async move { world.call(Method::POST, "/hookswitch/v1/events", &token, Some(event)).await }
    };
    post("nobody".into()).await.expect(401);
    let forbidden = post(world.user_token.clone()).await.expect(403).json();
    assert_eq!(forbidden["permissionName"], "Publish");
    post(world.env["HOOKSWITCH_ADMIN_TOKEN"].clone()).await.expect(202);
    post(world.env["HOOKSWITCH_PUBLISH_TOKEN"].clone()).await.expect(202);
    world.server.stop().await;
}

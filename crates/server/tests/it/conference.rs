//! Conference webhooks (seed 002): endpoints by event names, the double JSON, the company's token over its
//! rotation (D25), and that all else is as for every other subscription.

use std::collections::BTreeMap;
use std::time::Duration;

use hookswitch_core::signature::Signer;
use hookswitch_core::subscription::Door;
use hookswitch_testkit::{Answer, Gate, Received, ScriptedReceiver};
use http::Method;
use serde_json::{Value, json};

use crate::cast::OTHER_ACCOUNT;
use crate::world::World;

const ENDPOINTS: &str = "/hookswitch/v1/conference-endpoints";
const HOUR: Duration = Duration::from_secs(3600);

impl World {
    pub(crate) async fn endpoint(&self, events: &[&str], url: &str) -> Value {
        let company = self.env["HOOKSWITCH_COMPANY_ID"].as_str();
        let body = json!({ "url": url, "events": events, "companyId": company });
        self.operate(Method::POST, ENDPOINTS, Some(body)).await.expect(201).json()
    }

    pub(crate) fn company(&self) -> u64 {
        self.env["HOOKSWITCH_COMPANY_ID"].parse().expect("decimal")
    }

    /// Every conference event with its sample, as of this company.
    pub(crate) fn conference_samples(&self) -> BTreeMap<String, Value> {
        let entries = self.server.app.catalogue.entries().filter(|(_, entry)| entry.door == Door::Conference);
        let sample = |sample: &Value| {
            let mut sample = sample.clone();
            if sample.get("company_id").is_some() {
                sample["company_id"] = self.company().into();
            }
            sample
        };
        entries.map(|(_, entry)| (entry.name.clone(), sample(&entry.sample))).collect()
    }

    async fn publish_conference(&self, name: &str, payload: Value) -> String {
        let event = json!({ "event": name, "payload": payload, "companyId": self.company() });
        let answer = self.publish(event).await.expect(202).json();
        answer["events"][0]["uuid"].as_str().expect("a uuid").to_owned()
    }

    async fn token(&self) -> Value {
        self.admin(&format!("/hookswitch/v1/companies/{}/signing-token", self.company())).await
    }

    async fn rotate(&self, tail: &str, body: Option<Value>) -> hookswitch_testkit::Reply {
        let path = format!("/hookswitch/v1/companies/{}/signing-token/rotate{tail}", self.company());
        self.operate(Method::POST, &path, body).await
    }
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}"))
}

/// A receiver that was told one token, and compares the headers with it one by one.
fn accepts(known: &str, request: &Received) -> bool {
    ["x-signing-token", "x-signing-token-next", "x-signing-token-previous"]
        .iter()
        .any(|name| request.header(name) == Some(known))
}

/// Publishes every conference event and reads what arrives as a receiver does: JSON, and JSON in it.
async fn all_arrive(
    world: &World,
    receiver: &ScriptedReceiver,
    endpoint: &Value,
    known: &[&str],
) -> Received {
    let samples = world.conference_samples();
    assert_eq!(samples.len(), 22, "seed 002 has 22 events");
    let before = receiver.deliveries().len();
    for (name, sample) in &samples {
        world.publish_conference(name, sample.clone()).await;
    }
    let received = receiver.wait_for_deliveries(before + samples.len()).await.split_off(before);
    let signer = Signer::new([text(endpoint, "signingSecret")]).expect("a secret");
    let mut heard = BTreeMap::new();
    for request in &received {
        for known in known {
            assert!(accepts(known, request), "{known} is not in {:?}", request.headers);
        }
        assert_eq!(request.header("content-type"), Some("application/json"));
        let id = request.header("webhook-id").expect("an id");
        let at = request.header("webhook-timestamp").and_then(|at| at.parse().ok()).expect("seconds");
        let signature = request.header("webhook-signature").expect("a signature");
        signer.verify(id, at, &[&request.body], signature).expect("signed by the endpoint's own secret");
        let outer = request.json();
        let members: Vec<&String> = outer.as_object().expect("an object").keys().collect();
        assert_eq!(members, ["event", "payload", "timestamp"]);
        let timestamp = text(&outer, "timestamp");
        assert!(timestamp.len() == 24 && timestamp.ends_with('Z'), "{timestamp} has milliseconds and Z");
        let payload: Value = serde_json::from_str(text(&outer, "payload")).expect("JSON in a string");
        heard.insert(text(&outer, "event").to_owned(), payload);
    }
    assert_eq!(heard, samples, "each arrives once, as it was published");
    received[0].clone()
}

#[tokio::test]
async fn all_events_arrive_before_during_and_after_a_rotation_at_a_receiver_that_knows_one_token() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let endpoint = world.endpoint(&["*"], &receiver.url("/conferences")).await;
    let old = world.env["HOOKSWITCH_CONFERENCE_TOKEN"].clone();
    assert_eq!(world.token().await, json!({ "current": old }));
    let sent = all_arrive(&world, &receiver, &endpoint, &[&old]).await;
    let headers = |sent: &Received| {
        ["x-signing-token", "x-signing-token-next", "x-signing-token-previous"]
            .map(|name| sent.header(name).map(str::to_owned))
    };
    assert_eq!(headers(&sent), [Some(old.clone()), None, None]);

    let begun = world.rotate("", Some(json!({ "overlapSeconds": 3600 }))).await.expect(200).json();
    let new = text(&begun, "next").to_owned();
    let changes_at = world.now().plus(HOUR).iso8601();
    assert_eq!(begun, json!({ "current": old, "next": new, "changesAt": changes_at }));
    assert_eq!(world.token().await, begun);
    // Whichever of the two the receiver was told, it accepts everything, in both halves.
    let sent = all_arrive(&world, &receiver, &endpoint, &[&old, &new]).await;
    assert_eq!(headers(&sent), [Some(old.clone()), Some(new.clone()), None]);

    world.pass(HOUR - Duration::from_millis(1)).await;
    assert_eq!(text(&world.token().await, "current"), old);
    world.pass(Duration::from_millis(1)).await;
    let changed = json!({ "current": new, "previous": old, "changesAt": world.now().plus(HOUR).iso8601() });
    assert_eq!(world.token().await, changed);
    let sent = all_arrive(&world, &receiver, &endpoint, &[&old, &new]).await;
    assert_eq!(headers(&sent), [Some(new.clone()), None, Some(old.clone())]);

    world.pass(HOUR).await;
    assert_eq!(world.token().await, json!({ "current": new }));
    let sent = all_arrive(&world, &receiver, &endpoint, &[&new]).await;
    assert_eq!(headers(&sent), [Some(new), None, None]);
    world.server.stop().await;
}

#[tokio::test]
async fn a_rotation_is_finished_by_hand_one_half_at_a_time_and_there_is_only_one() {
    let world = World::start().await;
    let old = text(&world.token().await, "current").to_owned();
    let refused = world.rotate("/finish", None).await.expect(409).json();
    assert_eq!(text(&refused, "reason"), "no rotation is under way");
    // Without a body, a day.
    let begun = world.rotate("", None).await.expect(200).json();
    assert_eq!(text(&begun, "changesAt"), world.now().plus(24 * HOUR).iso8601());
    let new = text(&begun, "next").to_owned();
    let refused = world.rotate("", None).await.expect(409).json();
    assert!(text(&refused, "reason").contains("finish it first"), "{refused}");
    let changed = world.rotate("/finish", None).await.expect(200).json();
    assert_eq!((text(&changed, "current"), text(&changed, "previous")), (new.as_str(), old.as_str()));
    let over = world.rotate("/finish", None).await.expect(200).json();
    assert_eq!(over, json!({ "current": new }));
    let at_once = world.rotate("", Some(json!({ "overlapSeconds": 0 }))).await.expect(200).json();
    assert_eq!(at_once.as_object().expect("an object").len(), 1, "{at_once}");
    assert_ne!(text(&at_once, "current"), new);
    let long = world.rotate("", Some(json!({ "overlapSeconds": 2_592_001 }))).await.expect(400).json();
    assert_eq!(text(&long, "parameterName"), "overlapSeconds");
    assert_eq!(world.token().await, at_once);
    let lines = world.admin("/hookswitch/v1/audit").await;
    assert!(!lines.to_string().contains(&new), "no token is in the audit log");
    assert_eq!(text(&lines["records"][0], "action"), "signing-token.rotate");
    world.server.stop().await;
}

#[tokio::test]
async fn an_endpoint_hears_what_it_names_and_nothing_of_another_company() {
    let world = World::start().await;
    world.found_others(|_| {}).await;
    let receiver = ScriptedReceiver::start().await;
    let some = ["conference_end", "dialout_status_change"];
    world.endpoint(&some, &receiver.url("/some")).await;
    let of_other = json!({ "url": receiver.url("/other"), "events": ["*"], "companyId": 7_777 });
    world.operate(Method::POST, ENDPOINTS, Some(of_other)).await.expect(201);
    // The same account's subscriptions to other events hear nothing of it.
    world.subscribe(&["/restapi/v1.0/account/~/presence"], &receiver.url("/presence")).await;
    for (name, sample) in world.conference_samples() {
        world.publish_conference(&name, sample).await;
    }
    let other = json!({ "event": "conference_start", "body": { "host_id": 1, "company_id": 7_777, "conference_id": 2 } });
    world.publish(other).await.expect(202);
    receiver.wait_for_deliveries(3).await;
    world.settle().await;
    let mut heard: Vec<(String, String)> = receiver
        .deliveries()
        .iter()
        .map(|request| (request.target.clone(), text(&request.json(), "event").to_owned()))
        .collect();
    heard.sort();
    let expected = [("/other", "conference_start"), ("/some", some[0]), ("/some", some[1])];
    assert_eq!(heard, expected.map(|(target, event)| (target.to_owned(), event.to_owned())));
    let token = receiver.deliveries().iter().find(|request| request.target == "/other").cloned();
    assert_eq!(token.expect("heard").header("x-signing-token"), Some("other"), "its own company's token");
    assert_eq!(OTHER_ACCOUNT.0, 77);
    world.server.stop().await;
}

#[tokio::test]
async fn failures_are_retried_and_the_history_and_the_list_know_the_endpoint() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let endpoint = world.endpoint(&["*"], &receiver.url("/conferences")).await;
    receiver.then(Answer::status(500));
    let payload = json!({ "host_id": 1, "conference_id": 2 });
    let uuid = world.publish_conference("conference_end", payload).await;
    world.pass(Duration::from_secs(10)).await;
    let received = receiver.wait_for_deliveries(2).await;
    assert!(received.iter().all(|request| request.header("webhook-id") == Some(uuid.as_str())));
    assert_eq!(received[1].header("hookswitch-attempt"), Some("2"));
    assert_eq!(received[0].body, received[1].body);
    let listed =
        world.admin(&format!("/hookswitch/v1/deliveries?subscriptionId={}", text(&endpoint, "id"))).await;
    let delivery = &listed["records"][0];
    assert_eq!((text(delivery, "status"), text(delivery, "event")), ("delivered", "conference_end"));
    assert_eq!(delivery["attemptCount"], 2);
    let all = world.admin("/hookswitch/v1/subscriptions").await;
    let one = &all["records"][0];
    assert_eq!((text(one, "id"), &one["eventFilters"]), (text(&endpoint, "id"), &json!(["*"])));
    assert!(one.get("ownerId").is_none(), "no extension made it: {one}");
    world.server.stop().await;
}

#[tokio::test]
async fn a_conference_endpoint_has_ten_seconds_to_answer() {
    let world = World::start().await;
    let gate = Gate::new();
    let held = gate.clone();
    let receiver = ScriptedReceiver::scripted(move |_| Answer::ok().held_by(&held)).await;
    let endpoint = world.endpoint(&["*"], &receiver.url("/slow")).await;
    let payload = json!({ "host_id": 1, "conference_id": 2 });
    world.publish_conference("conference_start", payload.clone()).await;
    gate.until_waiting(1).await;
    world.clock.advance(Duration::from_millis(9_900));
    gate.open();
    world.pass(Duration::from_millis(50)).await;
    let listed = format!("/hookswitch/v1/deliveries?subscriptionId={}", text(&endpoint, "id"));
    assert_eq!(text(&world.admin(&listed).await["records"][0], "status"), "delivered");

    gate.close();
    world.publish_conference("conference_end", payload).await;
    gate.until_waiting(1).await;
    world.clock.advance(Duration::from_millis(10_001));
    world.pass(Duration::from_millis(50)).await;
    let late = world.admin(&listed).await["records"][0].clone();
    assert_eq!((text(&late, "status"), text(&late["lastAttempt"], "errorClass")), ("pending", "timeout"));
    gate.open();
    world.server.stop().await;
}

#[tokio::test]
async fn an_endpoint_is_read_changed_and_removed_and_what_waits_goes_to_its_new_url() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let made = world.endpoint(&["conference_end"], &receiver.url("/one?key=a%20b")).await;
    let path = format!("{ENDPOINTS}/{}", text(&made, "id"));
    let company = world.company().to_string();
    let shown = json!({
        "id": made["id"], "url": receiver.url("/one?key=a%20b"), "events": ["conference_end"],
        "companyId": company, "status": "Active", "creationTime": made["creationTime"],
    });
    assert_eq!(world.admin(&path).await, shown, "its secret is shown only once");
    assert_eq!(world.admin(ENDPOINTS).await, json!({ "records": [shown] }));
    assert!(text(&made, "signingSecret").starts_with("whsec_"));
    // What a GET answered can be sent back.
    assert_eq!(world.operate(Method::PUT, &path, Some(shown.clone())).await.expect(200).json(), shown);

    receiver.then(Answer::status(500));
    world.publish_conference("conference_end", json!({ "host_id": 1, "conference_id": 2 })).await;
    world.settle().await;
    let change = json!({ "url": receiver.url("/two"), "events": ["conference_start"] });
    let changed = world.operate(Method::PUT, &path, Some(change)).await.expect(200).json();
    assert_eq!(
        (text(&changed, "url"), &changed["events"]),
        (&*receiver.url("/two"), &json!(["conference_start"]))
    );
    world.publish_conference("conference_end", json!({ "host_id": 1, "conference_id": 3 })).await;
    world.publish_conference("conference_start", json!({ "host_id": 1, "conference_id": 4 })).await;
    world.pass(Duration::from_secs(10)).await;
    let heard: Vec<(String, String)> = receiver
        .deliveries()
        .iter()
        .map(|request| (request.path().to_owned(), text(&request.json(), "payload").to_owned()))
        .collect();
    let of = |path: &str, conference: u8| {
        (path.to_owned(), format!(r#"{{"host_id":1,"conference_id":{conference}}}"#))
    };
    assert_eq!(heard[0], of("/one", 2));
    assert!(
        heard[1..].contains(&of("/two", 2)) && heard[1..].contains(&of("/two", 4)) && heard.len() == 3,
        "{heard:?}"
    );

    world.operate(Method::DELETE, &path, None).await.expect(204);
    world.operate(Method::GET, &path, None).await.expect(404);
    world.operate(Method::DELETE, &path, None).await.expect(404);
    assert_eq!(world.admin(ENDPOINTS).await, json!({ "records": [] }));
    world.publish_conference("conference_start", json!({ "host_id": 1, "conference_id": 5 })).await;
    world.pass(Duration::from_secs(10)).await;
    assert_eq!(receiver.deliveries().len(), 3);
    let lines = world.admin("/hookswitch/v1/audit").await;
    let actions: Vec<&str> =
        lines["records"].as_array().expect("lines").iter().map(|line| text(line, "action")).collect();
    let expected = ["delete", "update", "update", "create"].map(|verb| format!("conference-endpoint.{verb}"));
    assert_eq!(actions, expected);
    assert!(!lines.to_string().contains("whsec_") && !lines.to_string().contains("key="), "{lines}");
    world.server.stop().await;
}

#[tokio::test]
async fn a_receiver_is_asked_first_only_where_that_is_wanted() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    world.endpoint(&["*"], &receiver.url("/quiet")).await;
    assert!(receiver.received().is_empty(), "no handshake unless asked for");
    let asked = json!({ "url": receiver.url("/asked"), "events": ["*"], "companyId": world.company(), "handshake": true });
    world.operate(Method::POST, ENDPOINTS, Some(asked)).await.expect(201);
    let received = receiver.received();
    assert!(received.len() == 1 && received[0].is_handshake());
    world.server.stop().await;
}

#[tokio::test]
async fn the_company_id_is_delivered_as_published_or_left_out_by_a_setting() {
    for (omit, expected) in [(false, true), (true, false)] {
        let world = World::with(|settings| settings.conference.omit_company_id = omit).await;
        let receiver = ScriptedReceiver::start().await;
        world.endpoint(&["*"], &receiver.url("/conferences")).await;
        let (company, host) = (world.company(), 61_803);
        let with = json!({ "conference_id": 1_258_835, "company_id": company, "host_id": host });
        world.publish_conference("conference_end", with).await;
        world.publish_conference("conference_end", json!({ "conference_id": 1, "host_id": host })).await;
        let received = receiver.wait_for_deliveries(2).await;
        let mut payloads: Vec<String> =
            received.iter().map(|request| text(&request.json(), "payload").to_owned()).collect();
        payloads.sort_by_key(String::len);
        let whole = match expected {
            true => format!(r#"{{"conference_id":1258835,"company_id":{company},"host_id":{host}}}"#),
            false => format!(r#"{{"conference_id":1258835,"host_id":{host}}}"#),
        };
        assert_eq!(
            payloads,
            [format!(r#"{{"conference_id":1,"host_id":{host}}}"#), whole],
            "it is never added"
        );
        world.server.stop().await;
    }
}

#[tokio::test]
async fn the_endpoints_of_a_disabled_account_end() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let made = world.endpoint(&["*"], &receiver.url("/conferences")).await;
    let account = format!("/hookswitch/v1/accounts/{}", world.env["RC_ACCOUNT_ID"]);
    world.operate(Method::PUT, &account, Some(json!({ "status": "Disabled" }))).await.expect(200);
    world.operate(Method::GET, &format!("{ENDPOINTS}/{}", text(&made, "id")), None).await.expect(404);
    let again = json!({ "url": receiver.url("/again"), "events": ["*"], "companyId": world.company() });
    let refused = world.operate(Method::POST, ENDPOINTS, Some(again)).await.expect(400).json();
    assert_eq!(text(&refused, "parameterName"), "companyId");
    assert_eq!(world.admin(ENDPOINTS).await, json!({ "records": [] }));
    world.server.stop().await;
}

//! What is wrong with a conference event or endpoint is said exactly, and nothing of it is kept.

use hookswitch_testkit::{Answer, ScriptedReceiver};
use http::Method;
use serde_json::{Value, json};

use crate::world::World;

const ENDPOINTS: &str = "/hookswitch/v1/conference-endpoints";

/// A publish request, the field that is named and the words about it.
type Refusal = (Value, &'static str, String);

fn events(company: u64) -> Vec<Refusal> {
    let leave = json!({
        "host_id": 1, "company_id": company, "conference_id": 2, "participant_id": 3,
        "participant_role": "moderator", "reason_for_leaving": "user_exit",
    });
    let with = |member: &str, value: Value| {
        let mut payload = leave.clone();
        payload[member] = value;
        json!({ "event": "leave_conference", "payload": payload })
    };
    let without = |member: &str| {
        let mut payload = leave.clone();
        payload.as_object_mut().expect("an object").remove(member);
        json!({ "event": "leave_conference", "payload": payload })
    };
    let named = |event: &str| json!({ "event": event, "payload": leave });
    let bare = |more: Value| {
        let mut event = json!({ "event": "conference_end", "payload": { "host_id": 1, "conference_id": 2 } });
        event.as_object_mut().expect("an object").extend(more.as_object().expect("members").clone());
        event
    };
    let at = |pointer: &str, why: &str| format!("breaks the schema at {pointer}: {why}");
    vec![
        (without("host_id"), "payload", at("/host_id", "is required")),
        (without("participant_role"), "payload", at("/participant_role", "is required")),
        (with("host_id", json!("1")), "payload", at("/host_id", r#"must be integer, is "1""#)),
        (with("conference_id", json!(1.5)), "payload", at("/conference_id", "must be integer, is 1.5")),
        (with("participant_id", Value::Null), "payload", at("/participant_id", "must be integer, is null")),
        (with("participant_role", json!("host")), "payload", at("/participant_role", "")),
        (with("reason_for_leaving", json!("bored")), "payload", at("/reason_for_leaving", "")),
        (named("conference_started"), "event", "no event type has this path or name".into()),
        (named("*"), "event", "no event type has this path or name".into()),
        (named("Conference_end"), "event", "no event type has this path or name".into()),
        (
            bare(json!({})),
            "companyId",
            "is missing, and neither accountId nor payload.company_id says whose it is".into(),
        ),
        (bare(json!({ "companyId": "me" })), "companyId", "is not a company id".into()),
        (bare(json!({ "companyId": 99 })), "companyId", "is 99, which is no company that is known".into()),
        (
            with("company_id", json!(99)),
            "payload.company_id",
            "is 99, which is no company that is known".into(),
        ),
        (with("company_id", json!(-1)), "payload.company_id", "is not a company id".into()),
    ]
}

fn contradictions(company: u64, account: &str) -> Vec<Refusal> {
    let event = |own: u64, more: Value| {
        let payload = json!({ "host_id": 1, "company_id": own, "conference_id": 2 });
        let mut event = json!({ "event": "conference_end", "payload": payload });
        event.as_object_mut().expect("an object").extend(more.as_object().expect("members").clone());
        event
    };
    let presence = format!("/restapi/v1.0/account/{account}/presence");
    vec![
        (
            event(company, json!({ "companyId": "7777" })),
            "companyId",
            format!("is 7777, but payload.company_id is {company}"),
        ),
        (
            event(7_777, json!({ "accountId": account })),
            "payload.company_id",
            format!("is 7777, a company of another account than {account}, which the entry names"),
        ),
        (
            event(company, json!({ "companyId": company, "accountId": 77 })),
            "companyId",
            format!("is {company}, a company of another account than 77, which the entry names"),
        ),
        (
            json!({ "event": presence, "body": {}, "companyId": 7_777 }),
            "companyId",
            format!("is 7777, a company of another account than {account}, which the entry names"),
        ),
    ]
}

#[tokio::test]
async fn an_event_that_breaks_its_schema_or_contradicts_itself_is_refused_and_nothing_is_stored() {
    let world = World::start().await;
    world.found_others(|_| {}).await;
    let receiver = ScriptedReceiver::start().await;
    world.endpoint(&["*"], &receiver.url("/conferences")).await;
    let good = json!({ "event": "conference_end", "payload": { "host_id": 1, "conference_id": 2 },
        "companyId": world.company().to_string() });
    let mut refusals = events(world.company());
    refusals.extend(contradictions(world.company(), &world.env["RC_ACCOUNT_ID"]));
    for (event, field, reason) in refusals {
        let answer = world.publish(json!([good, event])).await.expect(400).json();
        assert_eq!((&answer["index"], &answer["field"]), (&json!(1), &json!(field)), "{event}: {answer}");
        let said = answer["reason"].as_str().unwrap_or_default();
        assert!(said == reason || reason.ends_with(": ") && said.starts_with(&reason), "{event}: {said:?}");
        assert_eq!(answer["message"], format!("Entry 1: [{field}] {said}"));
    }
    world.settle().await;
    assert!(receiver.deliveries().is_empty());
    assert_eq!(world.admin("/hookswitch/v1/deliveries").await["records"], json!([]));
    world.server.stop().await;
}

#[tokio::test]
async fn a_company_is_named_in_any_of_its_forms() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    world.endpoint(&["*"], &receiver.url("/conferences")).await;
    let company = world.company();
    let account: u64 = world.env["RC_ACCOUNT_ID"].parse().expect("a number");
    let payload = json!({ "host_id": 1, "conference_id": 2 });
    let whole = json!({ "host_id": 1, "company_id": company, "conference_id": 2 });
    let events = json!([
        { "event": "conference_end", "payload": payload, "companyId": company },
        { "event": "conference_end", "payload": payload, "companyId": company.to_string() },
        { "event": "conference_end", "payload": payload, "accountId": account },
        { "event": "conference_end", "body": whole },
        { "event": "conference_end", "body": whole, "accountId": account.to_string(), "companyId": company },
        { "event": format!("/restapi/v1.0/account/{account}/presence"), "body": {}, "companyId": company },
    ]);
    world.publish(events).await.expect(202);
    let cloud = json!({ "specversion": "1.0", "id": "c-1", "source": "/conferences", "type": "conference_end",
        "companyid": company.to_string(), "data": payload });
    let bearer = format!("Bearer {}", world.env["HOOKSWITCH_PUBLISH_TOKEN"]);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/cloudevents+json")];
    let sent = world.client.send(Method::POST, "/hookswitch/v1/events", &headers, cloud.to_string()).await;
    sent.expect("an answer").expect(202);
    receiver.wait_for_deliveries(6).await;
    world.server.stop().await;
}

#[tokio::test]
async fn a_publisher_of_one_account_cannot_speak_for_the_company_of_another() {
    let world = World::start().await;
    world.found_others(|_| {}).await;
    let own = json!({ "kind": "publish", "accountId": world.env["RC_ACCOUNT_ID"] });
    let token = world.make("/hookswitch/v1/tokens", own).await;
    let token = token["token"].as_str().expect("a token").to_owned();
    let event = |company: u64| json!({ "event": "conference_end", "payload": { "host_id": 1, "conference_id": 2 }, "companyId": company });
    let post =
        async |company| world.call(Method::POST, "/hookswitch/v1/events", &token, Some(event(company))).await;
    post(7_777).await.expect(403);
    post(world.company()).await.expect(202);
    world.server.stop().await;
}

#[tokio::test]
async fn a_bad_endpoint_is_refused_by_the_name_of_the_member_and_not_made() {
    let world = World::with(|settings| settings.limits.conference_endpoints_per_company = 2).await;
    let receiver = ScriptedReceiver::start().await;
    let good = json!({ "url": receiver.url("/x"), "events": ["*"], "companyId": world.company() });
    let with = |member: &str, value: Value| {
        let mut body = good.clone();
        body[member] = value;
        body
    };
    let without = |member: &str| {
        let mut body = good.clone();
        body.as_object_mut().expect("an object").remove(member);
        body
    };
    let rows = [
        (without("url"), "url"),
        (without("events"), "events"),
        (without("companyId"), "companyId"),
        (with("url", json!("ftp://example.com/")), "url"),
        (with("url", json!("not a url")), "url"),
        (with("url", json!("https://10.1.2.3/hook")), "url"),
        (with("url", json!(5)), "url"),
        (with("events", json!([])), "events"),
        (with("events", json!("*")), "events"),
        (with("events", json!(["conference_started"])), "events"),
        (with("events", json!(["conference_end", "/restapi/v1.0/account/~/presence"])), "events"),
        (with("events", json!(["*", "conference_end"])), "events"),
        (with("companyId", json!(99)), "companyId"),
        (with("companyId", json!("acme")), "companyId"),
        (with("handshake", json!("yes")), "handshake"),
        (with("secret", json!("mine")), "secret"),
    ];
    for (body, member) in rows {
        let answer = world.operate(Method::POST, ENDPOINTS, Some(body.clone())).await.expect(400).json();
        let said = answer["message"].as_str().unwrap_or_default();
        assert!(answer["parameterName"] == member || said.contains(member), "{body}: {answer}");
    }
    let unknown = with("events", json!(["conference_started"]));
    let answer = world.operate(Method::POST, ENDPOINTS, Some(unknown)).await.expect(400).json();
    let reason = answer["reason"].as_str().unwrap_or_default();
    assert!(
        reason.starts_with(
            "has [conference_started], which is no conference event; there are conference_start,"
        )
    );

    receiver.set_script(|_| Answer::ok().without_echo());
    let asked = with("handshake", json!(true));
    let answer = world.operate(Method::POST, ENDPOINTS, Some(asked)).await.expect(400).json();
    assert_eq!((&answer["errorCode"], &answer["parameterName"]), (&json!("SUB-520"), &json!("url")));
    assert_eq!(world.admin(ENDPOINTS).await, json!({ "records": [] }));

    let made = world.endpoint(&["*"], &receiver.url("/x")).await;
    world.endpoint(&["*"], &receiver.url("/y")).await;
    let answer = world.operate(Method::POST, ENDPOINTS, Some(good.clone())).await.expect(403).json();
    assert_eq!(answer["limit"], 2);
    let path = format!("{ENDPOINTS}/{}", made["id"].as_str().expect("an id"));
    let before = world.admin(&path).await;
    for (body, member) in [
        (json!({ "companyId": 99 }), "companyId"),
        (json!({ "events": ["nothing"] }), "events"),
        (json!({ "url": "https://10.1.2.3/hook" }), "url"),
        (json!({ "handshake": true }), "url"),
    ] {
        let answer = world.operate(Method::PUT, &path, Some(body.clone())).await.expect(400).json();
        assert_eq!(answer["parameterName"], member, "{body}: {answer}");
    }
    assert_eq!(world.admin(&path).await, before, "a bad change changes nothing");
    world.server.stop().await;
}

#[tokio::test]
async fn every_member_that_seed_002_requires_is_required_of_a_publisher() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    world.endpoint(&["*"], &receiver.url("/conferences")).await;
    let catalogue = world.server.app.catalogue.clone();
    let (mut events, mut pointers) = (Vec::new(), Vec::new());
    for (name, sample) in world.conference_samples() {
        let schema = &catalogue.named(&name).expect("an event").1.schema_source;
        for member in schema["required"].as_array().expect("a list").iter().filter_map(Value::as_str) {
            let mut payload = sample.clone();
            payload.as_object_mut().expect("an object").remove(member);
            events.push(json!({ "event": name, "payload": payload, "companyId": world.company() }));
            pointers.push(format!("breaks the schema at /{member}: is required"));
        }
    }
    let answer = world.publish(Value::from(events)).await.expect(400).json();
    let said: Vec<&str> = answer["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["reason"].as_str())
        .collect();
    assert_eq!(said, pointers);
    assert!(said.len() > 60, "{}", said.len());
    world.settle().await;
    assert!(receiver.deliveries().is_empty());
    world.server.stop().await;
}

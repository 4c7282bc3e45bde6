//! The whole catalogue through a server, made from its own data: every sample is published by every path it
//! has, arrives at the filters of its own type and at no neighbour's, and says which filter it is for.
//! A new event type is covered by itself.

use std::collections::{BTreeMap, BTreeSet};

use hookswitch_core::catalogue::{Catalogue, Entry, FormNo, ParameterKind, Scope};
use hookswitch_core::filter::{Caller, ParsedFilter};
use hookswitch_core::id::{AccountId, ExtensionId};
use hookswitch_core::subscription::Door;
use hookswitch_testkit::{Received, ScriptedReceiver};
use http::Method;
use serde_json::{Value, json};

use crate::cast::OTHER_ACCOUNT;
use crate::world::World;

/// Whom the samples are about.
const ACCOUNT: AccountId = AccountId(400_131);
const OWNER: ExtensionId = ExtensionId(400_131_001);
const COMPANY: u64 = 10_014;

/// Somebody who hears of one event type.
struct Listener {
    entry: String,
    /// As it was answered, which is what notifications say.
    filter: String,
    /// The sample as this one is to see it.
    body: Value,
}

/// The queries with which a form can be asked for: with what is required and no more, with each parameter
/// that shapes, and with all of those.
fn queries(entry: &Entry) -> BTreeSet<String> {
    let (mut required, mut shaping) = (Vec::new(), Vec::new());
    for parameter in &entry.parameters {
        match &parameter.kind {
            ParameterKind::Constant { value, required: true } => {
                required.push(format!("{}={value}", parameter.name))
            }
            ParameterKind::Shape(_) => shaping.push(format!("{}=true", parameter.name)),
            _ => {}
        }
    }
    let with = |more: &[String]| [required.as_slice(), more].concat().join("&");
    let mut queries = BTreeSet::from([with(&[]), with(&shaping)]);
    queries.extend(shaping.iter().map(|one| with(std::slice::from_ref(one))));
    queries
}

/// The forms by which something can be published and subscribed to.
fn forms(catalogue: &Catalogue) -> Vec<(&Entry, FormNo)> {
    let all = catalogue.entries().flat_map(|(_, entry)| entry.forms.iter().map(move |form| (entry, *form)));
    all.filter(|(_, form)| catalogue.form(*form).scope != Scope::Reminder).collect()
}

/// The account of the samples, with a user who may everything.
async fn sampled() -> (World, String) {
    let world = World::start().await;
    world
        .found_others(|foundation| {
            let account = &mut foundation.accounts[0].account;
            (account.id, account.company, account.operator) = (ACCOUNT, COMPANY, Some(OWNER));
            foundation.extensions.truncate(1);
            let user = &mut foundation.extensions[0].extension;
            (user.id, user.account) = (OWNER, ACCOUNT);
        })
        .await;
    let token = world.user_token(world.demo_app(), OTHER_ACCOUNT, "101", &[]).await;
    (world, token)
}

async fn listen(world: &World, token: &str, receiver: &ScriptedReceiver) -> BTreeMap<String, Listener> {
    let catalogue = &world.server.app.catalogue;
    let mut listeners = BTreeMap::new();
    for (entry, form) in forms(catalogue) {
        if entry.door == Door::Conference {
            continue;
        }
        for query in queries(entry) {
            let target = format!("/listener/{}", listeners.len());
            let path = catalogue.sample_path(form, ACCOUNT, OWNER);
            let filter = if query.is_empty() { path } else { format!("{path}?{query}") };
            let door = match entry.door {
                Door::Webinar => "/webinar/notifications/v1/subscriptions",
                _ => "/restapi/v1.0/subscription",
            };
            let body = json!({
                "eventFilters": [filter],
                "deliveryMode": { "transportType": "WebHook", "address": receiver.url(&target) },
            });
            let reply = world.call(Method::POST, door, token, Some(body)).await;
            assert!(matches!(reply.status, 200 | 201), "{filter}: {}", reply.text());
            let caller = Caller { door: entry.door, account: ACCOUNT, extension: Some(OWNER), base_url: "" };
            let parsed = ParsedFilter::parse(catalogue, &filter, &caller).expect("it was subscribed to");
            let sample = bytes::Bytes::from(entry.sample.to_string());
            let shaped = catalogue.shape_body(parsed.entry().expect("a type"), parsed.shape(), &sample);
            let listener = Listener {
                entry: entry.name.clone(),
                filter: reply.json()["eventFilters"][0].as_str().expect("a filter").to_owned(),
                body: serde_json::from_slice(&shaped).expect("JSON"),
            };
            listeners.insert(target, listener);
        }
    }
    listeners
}

async fn listen_to_conferences(
    world: &World,
    receiver: &ScriptedReceiver,
    listeners: &mut BTreeMap<String, Listener>,
) {
    let catalogue = &world.server.app.catalogue;
    for (entry, form) in forms(catalogue).into_iter().filter(|(entry, _)| entry.door == Door::Conference) {
        let target = format!("/listener/{}", listeners.len());
        let name = catalogue.form(form).pattern.clone();
        let body = json!({ "url": receiver.url(&target), "events": [name], "companyId": COMPANY });
        world.make("/hookswitch/v1/conference-endpoints", body).await;
        let listener = Listener { entry: entry.name.clone(), filter: name, body: entry.sample.clone() };
        listeners.insert(target, listener);
    }
}

/// What a delivery says of itself: the filter or event name, and the body.
fn read(delivery: &Received) -> (String, Value) {
    let outer = delivery.json();
    let event = outer["event"].as_str().expect("a text").to_owned();
    match outer["payload"].as_str() {
        Some(payload) => (event, serde_json::from_str(payload).expect("JSON in a string")),
        None => (event, outer["body"].clone()),
    }
}

#[tokio::test]
async fn every_sample_arrives_by_every_path_at_its_own_filters_and_at_no_neighbours() {
    let (world, token) = sampled().await;
    let receiver = ScriptedReceiver::start().await;
    let mut listeners = listen(&world, &token, &receiver).await;
    listen_to_conferences(&world, &receiver, &mut listeners).await;

    let catalogue = &world.server.app.catalogue;
    let mut events = Vec::new();
    let mut names = Vec::new();
    for (entry, form) in forms(catalogue) {
        let mut event = json!({
            "event": catalogue.sample_path(form, ACCOUNT, OWNER), "body": entry.sample, "accountId": ACCOUNT.0,
        });
        if entry.members_only {
            event["recipients"] = json!([OWNER.0]);
        }
        events.push(event);
        names.push(entry.name.as_str());
    }
    let answer = world.publish(Value::from(events)).await.expect(202).json();
    let published: BTreeMap<&str, &str> = answer["events"]
        .as_array()
        .expect("a list")
        .iter()
        .zip(&names)
        .map(|(event, name)| (event["uuid"].as_str().expect("a uuid"), *name))
        .collect();

    let mut expected: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (uuid, name) in &published {
        let own = listeners.iter().filter(|(_, listener)| listener.entry == *name);
        expected.extend(own.map(|(target, _)| (*uuid, target.as_str())));
    }
    assert!(expected.len() > 100, "{} deliveries", expected.len());
    let received = receiver.wait_for_deliveries(expected.len()).await;
    world.settle().await;
    let heard: BTreeSet<(&str, &str)> = received
        .iter()
        .map(|delivery| (delivery.header("webhook-id").unwrap_or_default(), delivery.target.as_str()))
        .collect();
    assert_eq!(heard, expected);
    assert_eq!(receiver.deliveries().len(), expected.len(), "each once");
    for delivery in &received {
        let listener = &listeners[&delivery.target];
        assert_eq!(read(delivery), (listener.filter.clone(), listener.body.clone()), "{}", listener.entry);
    }
    let types: BTreeSet<&str> = published.values().copied().collect();
    let by_server = catalogue
        .entries()
        .filter(|(_, entry)| entry.forms.iter().all(|form| catalogue.form(*form).scope == Scope::Reminder));
    assert_eq!(types.len() + by_server.count(), catalogue.entries().count(), "no type is left out");
    world.server.stop().await;
}

#[tokio::test]
async fn one_published_presence_is_delivered_plain_detailed_and_with_sip_data() {
    let (world, token) = sampled().await;
    let receiver = ScriptedReceiver::start().await;
    let filter = "/restapi/v1.0/account/~/extension/~/presence";
    for (target, query) in
        [("/plain", ""), ("/detailed", "?detailedTelephonyState=true"), ("/sip", "?sipData=true")]
    {
        let body = json!({
            "eventFilters": [format!("{filter}{query}")],
            "deliveryMode": { "transportType": "WebHook", "address": receiver.url(target) },
        });
        world.call(Method::POST, "/restapi/v1.0/subscription", &token, Some(body)).await.expect(200);
    }
    let sample = world.server.app.catalogue.named("presence").expect("a type").1.sample.clone();
    let event = format!("/restapi/v1.0/account/{ACCOUNT}/extension/{OWNER}/presence");
    world.publish(json!({ "event": event, "body": sample })).await.expect(202);
    let received = receiver.wait_for_deliveries(3).await;
    let seen = |target: &str| {
        let delivery = received.iter().find(|delivery| delivery.target == target).expect("it arrives");
        let body = delivery.json()["body"].clone();
        let call = body["activeCalls"].get(0).cloned();
        let calls = body.get("totalActiveCalls").is_some();
        (
            calls,
            call.as_ref().is_some_and(|call| call["sessionId"].is_string()),
            call.is_some_and(|call| call.get("sipData").is_some()),
        )
    };
    assert_eq!(seen("/plain"), (false, false, false));
    assert_eq!(seen("/detailed"), (true, true, false));
    assert_eq!(seen("/sip"), (true, true, true));
    world.server.stop().await;
}

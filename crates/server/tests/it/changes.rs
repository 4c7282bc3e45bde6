//! D15: what a change of a subscription means for events before and after it.

use std::time::Duration;

use hookswitch_testkit::{Answer, ScriptedReceiver, patience};
use http::Method;
use serde_json::{Value, json};

use crate::world::World;

const PRESENCE: &str = "/restapi/v1.0/account/~/extension/~/presence";
const MESSAGES: &str = "/restapi/v1.0/account/~/extension/~/message-store";
const MINUTE: Duration = Duration::from_secs(60);

fn path(subscription: &Value) -> String {
    format!("/restapi/v1.0/subscription/{}", subscription["id"].as_str().expect("an id"))
}

async fn publish(world: &World, tail: &str) {
    let event = json!({ "event": world.extension_path(tail), "body": { "sequence": 1 } });
    world.publish(event).await.expect(202);
}

/// The deliveries of a subscription, newest first: status, reason and event.
async fn deliveries(world: &World, subscription: &Value) -> Vec<(String, String, String)> {
    let id = subscription["id"].as_str().expect("an id");
    let listed = world.admin(&format!("/hookswitch/v1/deliveries?subscriptionId={id}")).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let row = |record: &Value| (text(&record["status"]), text(&record["reason"]), text(&record["event"]));
    listed["records"].as_array().expect("records").iter().map(row).collect()
}

/// Lets time pass until the one delivery of a subscription has ended as expected: subscriptions are
/// written on a thread of their own.
async fn until_cancelled(world: &World, subscription: &Value, reason: &str) {
    let expected = [("cancelled".to_owned(), reason.to_owned(), world.extension_path("message-store"))];
    let ended = async {
        while deliveries(world, subscription).await != expected {
            world.pass(Duration::from_secs(1)).await;
        }
    };
    patience::within(&format!("the delivery to be cancelled: {reason}"), ended, String::new).await;
}

#[tokio::test]
async fn a_subscription_hears_what_is_published_after_the_answer_to_its_creation() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    for n in 1..=20 {
        let subscription = world.subscribe(&[PRESENCE], &receiver.url("/hook")).await;
        publish(&world, "presence").await;
        receiver.wait_for_deliveries(n).await;
        world.user(Method::DELETE, &path(&subscription), None).await.expect(204);
        publish(&world, "presence").await;
    }
    world.settle().await;
    assert_eq!(
        receiver.deliveries().len(),
        20,
        "what is published after the answer to its deletion is not for it"
    );
    world.server.stop().await;
}

#[tokio::test]
async fn after_a_put_the_new_filters_match_and_what_waits_goes_on_with_the_text_it_matched() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let subscription = world.subscribe(&[&format!("{PRESENCE}?tag=old")], &receiver.url("/hook")).await;
    receiver.then(Answer::status(500));
    publish(&world, "presence").await;
    receiver.wait_for_deliveries(1).await;

    let filters = json!({ "eventFilters": [MESSAGES] });
    world.user(Method::PUT, &path(&subscription), Some(filters)).await.expect(200);
    publish(&world, "presence").await;
    publish(&world, "message-store").await;
    world.pass(MINUTE).await;

    let received = receiver.wait_for_deliveries(3).await;
    let events: Vec<Value> = received.iter().map(|request| request.json()["event"].clone()).collect();
    let (old, new) = (world.extension_path("presence?tag=old"), world.extension_path("message-store"));
    let mut expected = [old.clone(), old, new].map(Value::from);
    let mut events = events;
    events.sort_by_key(ToString::to_string);
    expected.sort_by_key(ToString::to_string);
    assert_eq!(events, expected, "the presence published after the PUT matched nothing");
    world.server.stop().await;
}

#[tokio::test]
async fn what_waits_for_a_deleted_subscription_is_cancelled() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let subscription = world.subscribe(&[MESSAGES], &receiver.url("/hook")).await;
    receiver.set_answer(Answer::status(500));
    publish(&world, "message-store").await;
    receiver.wait_for_deliveries(1).await;
    world.settle().await;

    world.user(Method::DELETE, &path(&subscription), None).await.expect(204);
    until_cancelled(&world, &subscription, "subscription-deleted").await;
    world.pass(60 * MINUTE).await;
    assert_eq!(receiver.deliveries().len(), 1);
    world.server.stop().await;
}

#[tokio::test]
async fn what_waits_for_an_expired_subscription_is_cancelled_and_a_renewed_one_goes_on() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let mut both = Vec::new();
    for hook in ["/expires", "/renewed"] {
        let subscription = world.subscribe(&[MESSAGES], &receiver.url(hook)).await;
        let lifetime = json!({ "expiresIn": 600 });
        world.user(Method::PUT, &path(&subscription), Some(lifetime)).await.expect(200);
        both.push(subscription);
    }
    receiver.set_answer(Answer::status(500));
    publish(&world, "message-store").await;
    world.pass(5 * MINUTE).await;
    world.user(Method::PUT, &path(&both[1]), None).await.expect(200);
    world.pass(5 * MINUTE).await;

    world.user(Method::GET, &path(&both[0]), None).await.expect(404);
    until_cancelled(&world, &both[0], "subscription-expired").await;
    let pending = ("pending".to_owned(), String::new(), world.extension_path("message-store"));
    assert_eq!(deliveries(&world, &both[1]).await, [pending]);
    receiver.set_answer(Answer::ok());
    publish(&world, "message-store").await;
    let hooks = |hook: &str| receiver.deliveries().iter().filter(|request| request.target == hook).count();
    let before = hooks("/expires");
    world.pass(4 * MINUTE).await;
    assert_eq!(hooks("/expires"), before, "what is published after the expiry is not for it");
    assert_eq!(deliveries(&world, &both[0]).await.len(), 1);
    assert_eq!(deliveries(&world, &both[1]).await[0].0, "delivered");
    world.server.stop().await;
}

//! How long subscriptions live: what is granted when nothing or too much is asked for, as the product has it
//! and as an operator sets it.

use std::time::Duration;

use hookswitch_testkit::ScriptedReceiver;
use http::Method;
use serde_json::{Value, json};

use crate::world::World;

const SUBSCRIPTION: &str = "/restapi/v1.0/subscription";
const PRESENCE: &str = "/restapi/v1.0/account/~/extension/~/presence";

async fn subscribe(world: &World, receiver: &ScriptedReceiver, expires_in: Option<u64>) -> Value {
    let mut body = json!({
        "eventFilters": [PRESENCE],
        "deliveryMode": { "transportType": "WebHook", "address": receiver.url("/hook") },
    });
    if let Some(seconds) = expires_in {
        body["expiresIn"] = seconds.into();
    }
    world.user(Method::POST, SUBSCRIPTION, Some(body)).await.expect(200).json()
}

async fn change(world: &World, of: &Value, body: Option<Value>) -> Value {
    let path = format!("{SUBSCRIPTION}/{}", of["id"].as_str().expect("an id"));
    world.user(Method::PUT, &path, body).await.expect(200).json()
}

#[tokio::test]
async fn a_webhook_gets_a_week_unless_it_asks_and_at_most_ten_years() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    assert_eq!(subscribe(&world, &receiver, None).await["expiresIn"], 604_799);
    // What bots ask for.
    let bot = subscribe(&world, &receiver, Some(473_040_000)).await;
    assert_eq!(bot["expiresIn"], 315_359_999);
    world.clock.advance(Duration::from_secs(1000));
    assert_eq!(change(&world, &bot, None).await["expiresIn"], 315_359_999, "a renewal gives it again");
    let short = change(&world, &bot, Some(json!({ "expiresIn": 60 }))).await;
    assert_eq!(short["expiresIn"], 59);
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(change(&world, &bot, None).await["expiresIn"], 59);
    world.pass(Duration::from_secs(60)).await;
    let path = format!("{SUBSCRIPTION}/{}", bot["id"].as_str().expect("an id"));
    world.user(Method::GET, &path, None).await.expect(404);
    let live = world.admin("/hookswitch/v1/subscriptions").await;
    assert_eq!(live["records"].as_array().expect("records").len(), 1, "the sweep has ended it");
    world.server.stop().await;
}

#[tokio::test]
async fn an_operator_sets_what_is_granted() {
    let world = World::with(|settings| {
        settings.lifetimes.webhook = Duration::from_secs(3_600);
        settings.lifetimes.webhook_longest = Duration::from_secs(86_400);
    })
    .await;
    let receiver = ScriptedReceiver::start().await;
    let made = subscribe(&world, &receiver, None).await;
    assert_eq!(made["expiresIn"], 3_599);
    assert_eq!(subscribe(&world, &receiver, Some(86_401)).await["expiresIn"], 86_399);
    let longer = change(&world, &made, Some(json!({ "expiresIn": 604_800 }))).await;
    assert_eq!(longer["expiresIn"], 86_399);
    world.server.stop().await;
}

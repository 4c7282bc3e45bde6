//! What accounts use, and the quotas that bound it.

use std::time::Duration;

use hookswitch_testkit::ScriptedReceiver;
use http::Method;
use serde_json::{Value, json};

use crate::provisioning::ACCOUNTS;
use crate::world::World;

const PRESENCE: &str = "/restapi/v1.0/account/~/extension/~/presence";
const DAY: Duration = Duration::from_secs(86_400);

fn event(world: &World) -> Value {
    json!({ "event": world.extension_path("presence"), "body": { "n": 12 } })
}

async fn set_quotas(world: &World, quotas: Value) {
    let account = format!("{ACCOUNTS}/{}", world.env["RC_ACCOUNT_ID"]);
    world.operate(Method::PUT, &account, Some(json!({ "quotas": quotas }))).await.expect(200);
}

/// Events, deliveries and bytes of today.
async fn used(world: &World) -> [u64; 3] {
    let today = &world.now().iso8601()[..10];
    let path =
        format!("/hookswitch/v1/usage?accountId={}&from={today}&to={today}", world.env["RC_ACCOUNT_ID"]);
    let usage = world.admin(&path).await;
    let record = &usage["records"][0];
    ["events", "deliveries", "bytes"].map(|member| record[member].as_u64().unwrap_or_default())
}

#[tokio::test]
async fn usage_counts_events_deliveries_and_bytes_of_a_day_and_duplicates_not() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    for _ in 0..2 {
        world.subscribe(&[PRESENCE], &receiver.url("/hook")).await;
    }
    assert_eq!(used(&world).await, [0, 0, 0]);
    let uuid = "0190f0f0-0000-7000-8000-000000000001";
    let named = json!({ "uuid": uuid, "event": world.extension_path("presence"), "body": { "n": 12 } });
    world.publish(json!([event(&world), named])).await.expect(202);
    world.publish(named).await.expect(202);
    let body = "{\"n\":12}".len() as u64;
    assert_eq!(used(&world).await, [2, 4, 2 * body]);
    world.pass(DAY).await;
    assert_eq!(used(&world).await, [0, 0, 0]);
    let all = world.admin("/hookswitch/v1/usage").await;
    assert_eq!(
        (all["records"].as_array().expect("records").len(), &all["records"][0]["events"]),
        (1, &json!(2))
    );
    world.server.stop().await;
}

#[tokio::test]
async fn an_exceeded_quota_is_named_until_the_next_day_begins() {
    let world = World::start().await;
    world.publish(event(&world)).await.expect(202);
    set_quotas(&world, json!({ "eventsPerDay": 3 })).await;
    world.publish(event(&world)).await.expect(202);
    let both = json!([event(&world), event(&world)]);
    let refused = world.publish(both).await.expect(429);
    let seconds: u64 = refused.header("retry-after").expect("Retry-After").parse().expect("seconds");
    let midnight = 86_400_000 - world.now().0.rem_euclid(86_400_000);
    assert_eq!(seconds, midnight.cast_unsigned().div_ceil(1000));
    let words = refused.json();
    assert_eq!(
        (&words["quota"], &words["limit"], &words["used"]),
        (&json!("eventsPerDay"), &json!(3), &json!(2))
    );
    assert_eq!(used(&world).await[0], 2, "nothing of it was stored");

    world.publish(event(&world)).await.expect(202);
    world.publish(event(&world)).await.expect(429);
    world.pass(Duration::from_secs(seconds)).await;
    world.publish(event(&world)).await.expect(202);
    set_quotas(&world, json!({})).await;
    for _ in 0..5 {
        world.publish(event(&world)).await.expect(202);
    }
    world.server.stop().await;
}

#[tokio::test]
async fn what_is_not_stored_does_not_use_a_quota() {
    let world = World::start().await;
    set_quotas(&world, json!({ "eventsPerDay": 2 })).await;
    let named = |n: u64| json!({ "uuid": "0190f0f0-0000-7000-8000-000000000002", "event": world.extension_path("presence"), "body": { "n": n } });
    world.publish(named(1)).await.expect(202);
    for _ in 0..3 {
        world.publish(named(1)).await.expect(202);
        world.publish(named(2)).await.expect(409);
    }
    world.publish(event(&world)).await.expect(202);
    world.publish(event(&world)).await.expect(429);
    world.server.stop().await;
}

#[tokio::test]
async fn bytes_and_deliveries_have_quotas_of_their_own_and_settings_hold_for_all() {
    let world = World::with(|settings| settings.quotas.deliveries_per_day = Some(1)).await;
    let receiver = ScriptedReceiver::start().await;
    world.subscribe(&[PRESENCE], &receiver.url("/hook")).await;
    world.publish(event(&world)).await.expect(202);
    let refused = world.publish(event(&world)).await.expect(429).json();
    assert_eq!(refused["quota"], "deliveriesPerDay");
    set_quotas(&world, json!({ "deliveriesPerDay": 100, "bytesPerDay": 20 })).await;
    world.publish(event(&world)).await.expect(202);
    let refused = world.publish(event(&world)).await.expect(429).json();
    assert_eq!((&refused["quota"], &refused["used"]), (&json!("bytesPerDay"), &json!(16)));
    world.server.stop().await;
}

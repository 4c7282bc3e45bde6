//! D11 on the steered clock: when a receiver fails, every attempt comes at its time.

use std::time::Duration;

use hookswitch_core::clock::WallTime;
use hookswitch_core::retry::RetryPolicy;
use hookswitch_testkit::{Answer, ScriptedReceiver};
use http::Method;
use serde_json::{Value, json};

use crate::world::World;

const HOUR: Duration = Duration::from_secs(3600);

fn time(value: &Value) -> WallTime {
    WallTime::parse_iso8601(value.as_str().expect("a time")).expect("ISO 8601")
}

#[tokio::test]
async fn a_receiver_that_fails_for_five_hours_gets_each_attempt_at_its_time_and_then_the_event() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let filter = "/restapi/v1.0/account/~/extension/~/message-store";
    let subscription = world.subscribe(&[filter], &receiver.url("/hook")).await;
    receiver.set_answer(Answer::status(500));
    let began = world.now();
    let event = json!({ "event": world.extension_path("message-store"), "body": { "changes": [] } });
    let published = world.publish(event).await.expect(202).json();
    let uuid = published["events"][0]["uuid"].as_str().expect("a uuid").to_owned();

    world.pass(5 * HOUR).await;
    receiver.set_answer(Answer::ok());
    world.pass(2 * HOUR).await;

    let listed =
        format!("/hookswitch/v1/deliveries?subscriptionId={}", subscription["id"].as_str().expect("an id"));
    let deliveries = world.admin(&listed).await;
    let id = deliveries["records"][0]["id"].as_str().expect("an id").to_owned();
    let delivery = world.admin(&format!("/hookswitch/v1/deliveries/{id}")).await;
    assert_eq!(delivery["status"], "delivered");
    assert_eq!(delivery["eventUuid"], uuid.as_str());

    let attempts = delivery["attempts"].as_array().expect("attempts");
    let times: Vec<WallTime> = attempts.iter().map(|attempt| time(&attempt["time"])).collect();
    assert!(times[0].since(began) < Duration::from_millis(50), "the first attempt comes at once");
    let policy = RetryPolicy::default();
    for (step, pair) in times.windows(2).enumerate() {
        let (low, high) = policy.bounds(u32::try_from(step).expect("few"));
        let gap = pair[1].since(pair[0]);
        // The step to a due time is exact; an attempt itself takes no time on the steered clock.
        let slack = Duration::from_millis(30);
        assert!(
            gap >= low.saturating_sub(slack) && gap <= high + slack,
            "attempt {}: {gap:?} not in {low:?}..{high:?}",
            step + 2
        );
    }
    let (failed, last) = attempts.split_at(attempts.len() - 1);
    assert!(failed.iter().all(|attempt| attempt["statusCode"] == 500));
    assert_eq!(last[0]["statusCode"], 200);
    assert!(
        times.last().expect("some").since(began) > 5 * HOUR,
        "nothing arrived before the receiver recovered"
    );
    // 1 s, 5 s, 15 s, 1 min, 5 min, 15 min, 1 h, then hourly: 21 min and 21 s, then about one an hour.
    assert!((10..=14).contains(&attempts.len()), "{} attempts", attempts.len());

    let received = receiver.deliveries();
    assert_eq!(received.len(), attempts.len());
    let ids: Vec<&str> = received.iter().filter_map(|request| request.header("webhook-id")).collect();
    assert!(ids.iter().all(|id| *id == uuid), "every attempt keeps the event's uuid");
    assert!(received.windows(2).all(|pair| pair[0].body == pair[1].body), "and its body, byte for byte");
    world.server.stop().await;
}

#[tokio::test]
async fn an_event_that_outlives_its_time_is_exhausted_and_says_so() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    world.subscribe(&["/restapi/v1.0/account/~/extension/~/presence"], &receiver.url("/hook")).await;
    receiver.set_answer(Answer::status(503));
    let event = json!({ "event": world.extension_path("presence"), "body": { "presenceStatus": "Busy" } });
    world.publish(event).await.expect(202);
    world.pass(Duration::from_secs(11 * 60)).await;
    let listed = world.admin("/hookswitch/v1/deliveries?status=exhausted").await;
    assert_eq!(listed["records"][0]["reason"], "time-to-live");
    let target = "/hookswitch/v1/deliveries?limit=1001";
    let admin = &world.env["HOOKSWITCH_ADMIN_TOKEN"];
    let refused = world.call(Method::GET, target, admin, None).await.expect(400).json();
    assert_eq!(refused["parameterName"], "limit");
    assert!(refused["message"].as_str().is_some_and(|words| words.contains("from 1 to 1000")), "{refused}");
    let count = receiver.deliveries().len();
    world.pass(HOUR).await;
    assert_eq!(receiver.deliveries().len(), count, "and nothing is sent any more");
    world.server.stop().await;
}

#[tokio::test]
async fn retry_after_paces_the_whole_endpoint() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    world.subscribe(&["/restapi/v1.0/account/~/extension/~/message-store"], &receiver.url("/hook")).await;
    receiver.set_answer(Answer::status(429).header("retry-after", "120"));
    let event = json!({ "event": world.extension_path("message-store"), "body": { "n": 1 } });
    world.publish(event.clone()).await.expect(202);
    world.settle().await;
    assert_eq!(receiver.deliveries().len(), 1);
    receiver.set_answer(Answer::ok());
    world.publish(event).await.expect(202);
    world.pass(Duration::from_secs(119)).await;
    assert_eq!(receiver.deliveries().len(), 1, "the second event waits too");
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(receiver.deliveries().len(), 3);
    world.server.stop().await;
}

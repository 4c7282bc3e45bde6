//! Retention from outside: the past goes when its time has come.

use std::time::Duration;

use hookswitch_testkit::ScriptedReceiver;
use serde_json::json;

use crate::world::World;

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn events_leave_the_history_after_a_week_and_younger_ones_stay() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let filter = "/restapi/v1.0/account/~/extension/~/message-store";
    world.subscribe(&[filter], &receiver.url("/hook")).await;
    let publish = async |n: u32| {
        let event = json!({ "event": world.extension_path("message-store"), "body": { "n": n } });
        let published = world.publish(event).await.expect(202).json();
        format!("/hookswitch/v1/events/{}", published["events"][0]["uuid"].as_str().expect("a uuid"))
    };
    let old = publish(1).await;
    world.settle().await;
    world.pass(DAY * 4).await;
    let younger = publish(2).await;
    world.pass(DAY * 7 / 2).await;
    let recent = publish(3).await;
    world.pass(Duration::from_secs(90)).await;
    for (path, status) in [(old, 404), (younger, 200), (recent, 200)] {
        let token = &world.env["HOOKSWITCH_ADMIN_TOKEN"];
        assert_eq!(world.call(http::Method::GET, &path, token, None).await.status, status, "{path}");
    }
    world.server.stop().await;
}

//! Nothing is global: two servers run in one process and know nothing of each other.

use hookswitch_testkit::ScriptedReceiver;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn two_servers_in_one_process_keep_to_themselves() {
    let (one, other) = (World::start().await, World::start().await);
    let (at_one, at_other) = (ScriptedReceiver::start().await, ScriptedReceiver::start().await);
    let filter = "/restapi/v1.0/account/~/extension/~/presence";
    one.subscribe(&[filter], &at_one.url("/hook")).await;
    other.subscribe(&[filter], &at_other.url("/hook")).await;

    let event = json!({ "event": one.extension_path("presence"), "body": { "presenceStatus": "Busy" } });
    one.publish(event).await.expect(202);
    let received = at_one.next_delivery().await;
    assert_eq!(received.json()["body"]["presenceStatus"], "Busy");
    other.settle().await;
    assert!(at_other.deliveries().is_empty());

    one.server.stop().await;
    let event =
        json!({ "event": other.extension_path("presence"), "body": { "presenceStatus": "Available" } });
    other.publish(event).await.expect(202);
    assert_eq!(at_other.next_delivery().await.json()["body"]["presenceStatus"], "Available");
    other.server.stop().await;
}

#[tokio::test]
async fn one_folder_serves_one_server() {
    let world = World::start().await;
    let folder = world.server.app.settings.data.clone();
    let (handles, _clock) = hookswitch_testkit::steered_handles(8);
    let settings = hookswitch_server::config::Settings {
        dev: true,
        data: folder,
        ..hookswitch_server::config::Settings::default()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let refused =
        hookswitch_server::serving::start(settings, handles, listener).await.err().expect("refused");
    assert!(refused.to_string().contains("data folder"), "{refused}");
    world.server.stop().await;
}

//! Subscribe, publish, receive, look it up.

use hookswitch_testkit::{Answer, Caller, ScriptedReceiver, TempFolder};
use serde_json::json;

use crate::serve;

#[tokio::test]
async fn a_published_event_reaches_its_subscriber_and_the_history() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let receiver = ScriptedReceiver::start().await;
    let subscription =
        server.subscribe(&["/restapi/v1.0/account/~/extension/~/message-store"], &receiver.url("/in")).await;
    let id = subscription["id"].as_str().expect("an id");

    let event = server.extension_path("/message-store");
    let body = json!({ "z": 1.50, "a": "é漢😀", "changes": [] });
    let published = server.publish(json!({ "event": event, "body": body })).await.expect(202).json();
    let uuid = published["events"][0]["uuid"].as_str().expect("a uuid");

    let delivery = receiver.next_delivery().await;
    assert_eq!((delivery.method.as_str(), delivery.target.as_str()), ("POST", "/in"));
    let envelope = delivery.json();
    assert_eq!(envelope["uuid"], uuid);
    assert_eq!(envelope["event"], event.as_str());
    assert_eq!(envelope["subscriptionId"], id);
    assert_eq!(envelope["ownerId"], server.setting("RC_EXTENSION_ID"));
    assert_eq!(envelope["body"], body);
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature", "traceparent"] {
        assert!(delivery.has_header(name), "{name}");
    }
    assert!(!delivery.has_header("validation-token"), "receivers would take it for a handshake");

    let event = server.get(Caller::Admin, &format!("/hookswitch/v1/events/{uuid}")).await.expect(200).json();
    assert_eq!(event["deliveries"][0]["subscriptionId"], id);
}

#[tokio::test]
async fn the_body_is_delivered_compact_with_its_order_and_numbers_kept() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let receiver = ScriptedReceiver::start().await;
    server.subscribe(&["/restapi/v1.0/account/~/extension/~/message-store"], &receiver.url("/in")).await;

    let event = server.extension_path("/message-store");
    let entry = format!(r#"{{"event": "{event}", "body": {{ "z" : 1.50 , "a":1e3, "s":" a  b " }} }}"#);
    let token = format!("Bearer {}", server.setting("HOOKSWITCH_PUBLISH_TOKEN"));
    let client = hookswitch_testkit::HttpClient::to(server.address());
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    client
        .send(http::Method::POST, "/hookswitch/v1/events", &headers, entry)
        .await
        .expect("an answer")
        .expect(202);

    let delivery = receiver.next_delivery().await;
    let text = std::str::from_utf8(&delivery.body).expect("UTF-8");
    assert!(text.ends_with(r#""body":{"z":1.50,"a":1e3,"s":" a  b "}}"#), "{text}");
}

#[tokio::test]
async fn a_receiver_that_fails_gets_the_same_event_again() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let receiver = ScriptedReceiver::start().await;
    receiver.then(Answer::status(500));
    server.subscribe(&["/restapi/v1.0/account/~/extension/~/message-store"], &receiver.url("/in")).await;
    let event = server.extension_path("/message-store");
    server.publish(json!({ "event": event, "body": { "n": 1 } })).await.expect(202);

    let (first, second) = (receiver.next_delivery().await, receiver.next_delivery().await);
    assert_eq!(first.body, second.body);
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
}

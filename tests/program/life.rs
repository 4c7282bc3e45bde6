//! Start, lock, stop: how a process on a folder lives and ends.

use std::time::Duration;

use hookswitch_core::clock::Clock as _;
use hookswitch_testkit::clock::MachineClock;
use hookswitch_testkit::{Answer, Caller, Gate, HttpClient, RunningServer, ScriptedReceiver, TempFolder};
use http::Method;
use serde_json::json;

use crate::{serve, serve_dev};

const MESSAGES: &str = "/restapi/v1.0/account/~/extension/~/message-store";

/// A server, and an attempt in flight that the receiver holds at the gate.
async fn with_an_attempt_in_flight(folder: &TempFolder) -> (RunningServer, ScriptedReceiver, Gate) {
    let patient = serve_dev(folder.path()).args(["--set", "delivery.notification_within=25s"]);
    let server = RunningServer::launch(patient, folder.path().to_owned()).await;
    let (receiver, gate) = (ScriptedReceiver::start().await, Gate::new());
    server.subscribe(&[MESSAGES], &receiver.url("/in")).await;
    receiver.then(Answer::ok().held_by(&gate));
    server.publish(json!({ "event": server.extension_path("/message-store"), "body": {} })).await.expect(202);
    gate.until_waiting(1).await;
    (server, receiver, gate)
}

#[tokio::test]
async fn sigterm_lets_the_attempt_in_flight_end_records_it_and_exits_0() {
    let folder = TempFolder::new();
    let (mut server, receiver, gate) = with_an_attempt_in_flight(&folder).await;
    server.terminate();
    gate.open();
    assert_eq!(server.exited().await.code(), Some(0));

    let server = server.restart().await;
    let list = server.get(Caller::Admin, "/hookswitch/v1/deliveries?limit=10").await.expect(200).json();
    assert_eq!(list["records"][0]["status"], "delivered");
    assert_eq!(receiver.deliveries().len(), 1);
}

#[tokio::test]
async fn a_second_signal_exits_at_once() {
    let folder = TempFolder::new();
    let (mut server, _receiver, _gate) = with_an_attempt_in_flight(&folder).await;
    let clock = MachineClock::new();
    server.terminate();
    server.program().stderr_with("stopping").await;
    server.terminate();
    assert_eq!(server.exited().await.code(), Some(1));
    let took = clock.monotonic().since(hookswitch_core::clock::MonoTime(0));
    assert!(took < Duration::from_secs(10), "the attempt would have had 25 s, it took {took:?}");
}

#[tokio::test]
async fn one_server_for_each_folder_and_the_lock_dies_with_its_process() {
    let folder = TempFolder::new();
    let mut server = serve(folder.path()).await;
    let second = serve_dev(folder.path()).run().await;
    assert_eq!(second.code(), 1);
    let said = second.stderr.join("\n");
    assert!(said.contains(&folder.path().display().to_string()), "{said}");

    server.kill().await;
    let server = server.restart().await;
    server.get(Caller::Nobody, "/healthz").await.expect(200);
}

#[tokio::test]
async fn health_and_readiness_name_each_check() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    for path in ["/healthz", "/readyz"] {
        let answer = server.get(Caller::Nobody, path).await.expect(200).json();
        assert!(answer.is_object(), "{path}: {answer}");
    }
    server.get(Caller::Nobody, "/metrics").await.expect(401);
    let metrics = server.get(Caller::Admin, "/metrics").await.expect(200);
    assert!(metrics.text().contains("# TYPE"), "{}", metrics.text());
}

#[tokio::test]
async fn a_development_server_answers_to_its_own_name_only() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let client = HttpClient::to(server.address());
    let own = format!("localhost:{}", server.address().port());
    let foreign =
        [vec![("host", "evil.example")], vec![("host", own.as_str()), ("origin", "http://evil.example")]];
    for headers in foreign {
        let reply = client.send(Method::GET, "/restapi", &headers, "").await.expect("an answer");
        assert!(matches!(reply.status, 400 | 403 | 421), "{headers:?}: {} {}", reply.status, reply.text());
    }
    let reply = client.send(Method::GET, "/restapi", &[("host", &own)], "").await.expect("an answer");
    assert_eq!(reply.status, 200);
}

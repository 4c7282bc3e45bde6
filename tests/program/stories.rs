//! `trigger` and `simulate`: events without a platform behind them, as a developer gets them.

use hookswitch_testkit::running::{Caller, Finished};
use hookswitch_testkit::{Program, RunningServer, ScriptedReceiver, TempFolder};
use serde_json::{Value, json};

use crate::{BINARY, serve, serve_dev};

fn hookswitch(server: &RunningServer, args: &[&str]) -> Program {
    Program::new(BINARY).args(args).arg("--env").arg(server.data().join("dev.env"))
}

fn lines(ended: Finished) -> Vec<String> {
    assert_eq!(ended.code(), 0, "{ended:?}");
    ended.stdout
}

fn bodies(receiver: &ScriptedReceiver) -> Vec<Value> {
    receiver.deliveries().iter().map(|request| request.json()["body"].clone()).collect()
}

#[tokio::test]
async fn a_triggered_sample_arrives_with_the_members_that_were_set() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let receiver = ScriptedReceiver::start().await;
    server
        .subscribe(
            &["/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS"],
            &receiver.url("/in"),
        )
        .await;
    let set = ["trigger", "message-store.instant", "--set", "subject=Hello there", "--set", "id=5", "--json"];
    let printed = lines(hookswitch(&server, &set).run().await);
    let answer: Value = serde_json::from_str(&printed[0]).expect("JSON");
    receiver.wait_for_deliveries(1).await;
    let body = &bodies(&receiver)[0];
    assert_eq!((&body["subject"], body), (&json!("Hello there"), &answer["body"]));

    for (args, code, words) in [
        (&["trigger", "no-such"][..], 1, "no event type named no-such"),
        (&["trigger", "presence", "--set", "sequence.x=1"], 1, "[set]"),
        (&["trigger", "presence", "--set", "nothing"], 2, "KEY=VALUE"),
        (&["simulate", "opera"], 2, "opera"),
        (&["simulate", "call", "--rate", "0"], 2, "0.00027"),
        (&["simulate", "call", "--start", "noon"], 2, "noon"),
        (&["simulate", "conference", "--company", "x"], 2, "--company x"),
    ] {
        let ended = hookswitch(&server, args).run().await;
        assert_eq!(ended.code(), code, "{ended:?}");
        assert!(ended.stderr.join("\n").contains(words), "{ended:?}");
    }
}

#[tokio::test]
async fn a_seed_prints_the_same_story_again_and_publishes_nothing() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let receiver = ScriptedReceiver::start().await;
    server.subscribe(&["/restapi/v1.0/account/~/telephony/sessions"], &receiver.url("/in")).await;
    for story in ["call", "webinar", "conference", "chat"] {
        let print = async |seed: &str| {
            let args = ["simulate", story, "--print", "--seed", seed, "--start", "2026-01-05T09:00:00Z"];
            lines(hookswitch(&server, &args).run().await)
        };
        let told = print("7").await;
        assert!(told.len() > 3, "{told:?}");
        assert_eq!(told, print("7").await);
        assert_ne!(told, print("8").await);
    }
    assert_eq!(receiver.deliveries().len(), 0);
}

#[tokio::test]
async fn a_call_arrives_state_by_state_with_its_presence() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let [calls, presence] = [ScriptedReceiver::start().await, ScriptedReceiver::start().await];
    server.subscribe(&["/restapi/v1.0/account/~/telephony/sessions"], &calls.url("/in")).await;
    let filter = "/restapi/v1.0/account/~/extension/~/presence?detailedTelephonyState=true";
    server.subscribe(&[filter], &presence.url("/in")).await;
    let args = ["simulate", "call", "--seed", "3", "--times", "2", "--rate", "1000"];
    let told = lines(hookswitch(&server, &args).run().await);
    assert_eq!(told.last().expect("a line"), "2 played, everything in its order");

    let print = ["simulate", "call", "--seed", "3", "--times", "2", "--print"];
    let expected = lines(hookswitch(&server, &print).run().await);
    let of = |words: &str| expected.iter().filter(|line| line.contains(words)).count();
    let (sessions, statuses) = (of("/telephony/sessions"), of("/presence"));
    assert_eq!(told.len(), sessions + statuses + 1);
    calls.wait_for_deliveries(sessions).await;
    presence.wait_for_deliveries(statuses).await;
    let mut sequences: Vec<(String, u64)> = bodies(&calls)
        .iter()
        .map(|body| (body["telephonySessionId"].to_string(), body["sequence"].as_u64().expect("a number")))
        .collect();
    sequences.sort();
    sequences.dedup();
    assert_eq!(sequences.len(), sessions, "each state once");
}

#[tokio::test]
async fn a_webinar_reaches_the_webinar_door() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let receiver = ScriptedReceiver::start().await;
    let filters = [
        "/webinar/registration/v1/company/sessions/registrants",
        "/webinar/configuration/v1/company/sessions",
    ];
    let body = json!({
        "eventFilters": filters,
        "deliveryMode": { "transportType": "WebHook", "address": receiver.url("/in") },
    });
    server.post(Caller::User, "/webinar/notifications/v1/subscriptions", body).await.expect(201);
    let told = lines(hookswitch(&server, &["simulate", "webinar", "--rate", "1000"]).run().await);
    let registered = told.iter().filter(|line| line.ends_with("registers")).count();
    assert!(registered > 1, "{told:?}");
    receiver.wait_for_deliveries(registered + 3).await;
}

#[tokio::test]
async fn a_conference_reaches_its_endpoint_event_by_event() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let receiver = ScriptedReceiver::start().await;
    let endpoint = json!({
        "url": receiver.url("/in"), "events": ["*"], "companyId": server.setting("HOOKSWITCH_COMPANY_ID"),
    });
    server.post(Caller::Admin, "/hookswitch/v1/conference-endpoints", endpoint).await.expect(201);
    let simulate = ["simulate", "conference", "--seed", "4", "--rate", "1000"];
    let told = lines(hookswitch(&server, &simulate).run().await);
    let printed =
        lines(hookswitch(&server, &["simulate", "conference", "--seed", "4", "--print"]).run().await);
    assert_eq!(told.len(), printed.len() + 1);
    receiver.wait_for_deliveries(printed.len()).await;
    let mut heard: Vec<String> = receiver
        .deliveries()
        .iter()
        .map(|request| {
            let envelope = request.json();
            let payload: Value =
                serde_json::from_str(envelope["payload"].as_str().expect("text")).expect("JSON");
            format!("{} {payload}", envelope["event"])
        })
        .collect();
    let publications = printed.iter().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let mut expected: Vec<String> =
        publications.map(|event| format!("{} {}", event["event"], event["body"])).collect();
    heard.sort();
    expected.sort();
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn a_chat_is_fed_by_an_incoming_webhook_and_its_member_hears_every_post() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let receiver = ScriptedReceiver::start().await;
    server.subscribe(&["/team-messaging/v1/posts"], &receiver.url("/in")).await;
    let told = lines(hookswitch(&server, &["simulate", "chat", "--rate", "1000", "--seed", "5"]).run().await);
    let posted = told.iter().filter(|line| line.starts_with("posted to ")).count();
    assert!(posted >= 5, "{told:?}");
    assert!(told.iter().any(|line| line.contains("a post to it is not made")), "{told:?}");
    receiver.wait_for_deliveries(posted).await;
    let mut titles: Vec<String> =
        bodies(&receiver).iter().map(|body| format!("{} {}", body["eventType"], body["title"])).collect();
    titles.sort();
    let expected: Vec<String> =
        (1..=posted).map(|number| format!("\"PostAdded\" \"Build {number}\"")).collect();
    assert_eq!(titles, expected);
}

#[tokio::test]
async fn the_catalogue_is_shown_to_people_and_as_a_document() {
    let folder = TempFolder::new();
    let types = folder.join("types.json");
    let own = json!({ "eventTypes": [{
        "name": "acme.order", "summary": "An order has changed.", "class": "other",
        "forms": [{ "pattern": "/acme/v1/account/{accountId}/orders", "scope": "account" }],
        "parameters": [{ "name": "carrier", "kind": "refine", "places": ["/carrier"], "values": ["post", "road"] }],
        "schema": { "type": "object", "properties": { "id": { "type": "string" } } }, "sample": { "id": "1" } }] });
    std::fs::write(&types, own.to_string()).expect("written");
    let data = folder.join("data");
    let settings = format!("event_types={}", types.display());
    let launch = serve_dev(&data).args(["--set", &settings]);
    let server = RunningServer::launch(launch.clone(), data).await;
    let told = lines(hookswitch(&server, &["events"]).run().await);
    for line in [
        "acme.order: An order has changed.",
        "    /acme/v1/account/~/orders?carrier=post|road",
        "    /restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS",
    ] {
        assert!(told.iter().any(|one| one == line), "{line} is not in {told:#?}");
    }
    let printed = lines(hookswitch(&server, &["asyncapi", "--json"]).run().await);
    let document: Value = serde_json::from_str(&printed[0]).expect("JSON");
    assert!(document["channels"]["acme.order"].is_object());
    drop(server);

    std::fs::write(&types, "{\"eventTypes\": [{}]}").expect("written");
    let ended = launch.run().await;
    assert_eq!(ended.code(), 2, "{ended:?}");
    let said = ended.stderr.join("\n");
    assert!(said.contains("types.json") && said.contains("field \"name\": is missing"), "{said}");
}

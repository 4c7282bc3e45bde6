//! Many extensions at once.

use http::Method;
use serde_json::{Value, json};

use hookswitch_testkit::{Reply, ScriptedReceiver};

use crate::provisioning::{ACCOUNTS, text};
use crate::world::World;

async fn import(world: &World, account: &str, query: &str, lines: &[Value]) -> Reply {
    let bearer = format!("Bearer {}", world.env["HOOKSWITCH_ADMIN_TOKEN"]);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/x-ndjson")];
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let target = format!("{ACCOUNTS}/{account}/extensions{query}");
    world.client.send(Method::PUT, &target, &headers, body).await.expect("an answer")
}

fn counts(reply: Reply) -> [u64; 4] {
    let json = reply.expect(200).json();
    ["created", "updated", "unchanged", "pruned"].map(|name| json[name].as_u64().expect("a count"))
}

fn line(number: u64) -> Value {
    json!({ "extensionNumber": number.to_string(), "contact": { "firstName": "User", "lastName": number.to_string() } })
}

async fn numbers(world: &World, account: &str) -> Vec<String> {
    let listed = world.admin(&format!("{ACCOUNTS}/{account}/extensions?limit=1000")).await;
    let records = listed["records"].as_array().expect("records").iter();
    records.map(|record| text(record, "extensionNumber").to_owned()).collect()
}

#[tokio::test]
async fn an_import_creates_updates_leaves_and_prunes_and_says_how_many() {
    let world = World::start().await;
    world.make(ACCOUNTS, json!({ "id": 5 })).await;
    let lines: Vec<Value> = (1..=600).map(line).collect();
    assert_eq!(counts(import(&world, "5", "?dryRun=true", &lines).await), [600, 0, 0, 0]);
    assert!(numbers(&world, "5").await.is_empty());
    assert_eq!(counts(import(&world, "5", "", &lines).await), [600, 0, 0, 0]);
    assert_eq!(counts(import(&world, "5", "", &lines).await), [0, 0, 600, 0]);

    let mut fewer: Vec<Value> = (1..=400).map(line).collect();
    fewer[7]["administrator"] = true.into();
    fewer.push(line(1000));
    assert_eq!(counts(import(&world, "5", "?prune=true&dryRun=true", &fewer).await), [1, 1, 399, 200]);
    assert_eq!(counts(import(&world, "5", "?prune=true", &fewer).await), [1, 1, 399, 200]);
    let expected: Vec<String> = (1..=400).chain([1000]).map(|number: u64| number.to_string()).collect();
    assert_eq!(numbers(&world, "5").await, expected);

    let lines = world.audit().await;
    let import = &lines[0];
    assert_eq!(
        (text(import, "action"), text(import, "target")),
        ("extensions.import", "accounts/5/extensions")
    );
    assert_eq!(import["after"], json!({ "created": 1, "updated": 1, "pruned": 200 }));
    assert_eq!(lines.len(), 3, "one line for each import that did something, and the account");
    world.server.stop().await;
}

#[tokio::test]
async fn one_wrong_line_is_named_with_its_field_and_nothing_is_done() {
    let world = World::start().await;
    world.make(ACCOUNTS, json!({ "id": 5 })).await;
    let demo = &world.env["RC_EXTENSION_ID"];
    let lines = [
        line(1),
        json!({ "extensionNumber": "1" }),
        json!({ "extensionNumber": 3 }),
        json!({ "extensionNumber": "4", "status": "Asleep" }),
        json!({ "extensionNumber": "5", "password": "words" }),
        json!({ "extensionNumber": "6", "id": demo }),
        json!({ "name": "nobody" }),
        json!({ "extensionNumber": "8", "directNumber": world.env["RC_USERNAME"] }),
        json!(5),
    ];
    let refused = import(&world, "5", "", &lines).await.expect(400).json();
    let errors = refused["errors"].as_array().expect("errors");
    let named: Vec<_> =
        errors.iter().map(|error| (error["line"].as_u64().expect("a line"), text(error, "field"))).collect();
    let expected = [
        (2, "extensionNumber"),
        (3, "extensionNumber"),
        (4, "status"),
        (5, "password"),
        (6, "id"),
        (7, "extensionNumber"),
        (8, "directNumber"),
        (9, ""),
    ];
    assert_eq!(named, expected, "{refused}");
    assert!(errors.iter().all(|error| !text(error, "reason").is_empty()), "{refused}");
    assert!(numbers(&world, "5").await.is_empty());
    import(&world, "5", "?prune=true", &[]).await.expect(400);
    import(&world, "5", "?prune=perhaps", &[line(1)]).await.expect(400);
    import(&world, "6", "", &[line(1)]).await.expect(404);
    let json = world.operate(Method::PUT, &format!("{ACCOUNTS}/5/extensions"), Some(line(1))).await;
    json.expect(415);
    world.server.stop().await;
}

#[tokio::test]
async fn a_number_changes_hands_when_its_holder_is_pruned() {
    let world = World::start().await;
    world.make(ACCOUNTS, json!({ "id": 5 })).await;
    let old = json!({ "id": 100, "extensionNumber": "1", "directNumber": "16505550001" });
    assert_eq!(counts(import(&world, "5", "", &[old]).await), [1, 0, 0, 0]);
    let heir = json!({ "id": 200, "extensionNumber": "1", "directNumber": "16505550001" });
    let refused = import(&world, "5", "", std::slice::from_ref(&heir)).await.expect(400).json();
    assert!(text(&refused, "message").contains("belongs to extension 100"), "{refused}");
    assert_eq!(counts(import(&world, "5", "?prune=true", &[heir]).await), [1, 0, 0, 1]);
    world.server.stop().await;
}

#[tokio::test]
async fn whom_an_import_disables_or_prunes_loses_sessions_and_subscriptions() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let presence = "/restapi/v1.0/account/~/extension/~/presence";
    world.subscribe(&[presence], &receiver.url("/hook")).await;
    let account = world.env["RC_ACCOUNT_ID"].clone();
    let disabled = json!({ "extensionNumber": "101", "status": "Disabled" });
    assert_eq!(counts(import(&world, &account, "", &[disabled]).await), [0, 1, 0, 0]);
    world.user(Method::GET, "/restapi/v1.0/account/~", None).await.expect(401);
    let subscriptions = world.admin("/hookswitch/v1/subscriptions").await;
    assert_eq!(subscriptions["records"], json!([]));
    world.server.stop().await;
}

#[tokio::test]
async fn an_import_has_limits_that_the_answer_names() {
    let world = World::with(|settings| {
        settings.limits.import_lines = 2;
        settings.limits.import_request.0 = 1000;
    })
    .await;
    world.make(ACCOUNTS, json!({ "id": 5 })).await;
    let refused = import(&world, "5", "", &[line(1), line(2), line(3)]).await.expect(413).json();
    assert_eq!(refused["limitName"], "limits.import_lines");
    let long = json!({ "extensionNumber": "1", "name": "x".repeat(2000) });
    let refused = import(&world, "5", "", &[long]).await.expect(413).json();
    assert_eq!(refused["limitName"], "limits.import_request");
    world.server.stop().await;
}

//! The client commands against a server: they use the public HTTP API and settings of `dev.env`.

use std::io::Write as _;
use std::process::Stdio;

use hookswitch_testkit::running::Finished;
use hookswitch_testkit::{Program, RunningServer, ScriptedReceiver, TempFolder};
use serde_json::{Value, json};

use crate::{BINARY, serve};

fn hookswitch(server: &RunningServer, args: &[&str]) -> Program {
    Program::new(BINARY).args(args).arg("--env").arg(server.data().join("dev.env"))
}

fn json_lines(ended: &Finished) -> Vec<Value> {
    assert_eq!(ended.code(), 0, "{ended:?}");
    ended.stdout.iter().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[tokio::test]
async fn what_is_published_can_be_followed_to_its_delivery() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let receiver = ScriptedReceiver::start().await;
    let filter = "/restapi/v1.0/account/~/extension/~/message-store";
    let subscription = server.subscribe(&[filter], &receiver.url("/in")).await;
    let id = subscription["id"].as_str().expect("an id");

    let line = json!({ "event": server.extension_path("/message-store"), "body": { "n": 1 } }).to_string();
    let input = format!("{line}\n\n{line}\n{line}");
    let published = hookswitch(&server, &["publish", "--json", "--batch", "2"]).input(input).run().await;
    let uuids: Vec<_> = json_lines(&published)
        .iter()
        .map(|event| event["uuid"].as_str().expect("a uuid").to_owned())
        .collect();
    assert_eq!(uuids.len(), 3);
    receiver.wait_for_deliveries(3).await;

    let subscriptions = json_lines(&hookswitch(&server, &["subscriptions", "--json"]).run().await);
    assert!(subscriptions.iter().any(|one| one["id"] == id), "{subscriptions:?}");
    let one = json_lines(&hookswitch(&server, &["subscriptions", "--json", id]).run().await);
    assert_eq!(one[0]["id"], id);

    let event = json_lines(&hookswitch(&server, &["events", "--json", &uuids[0]]).run().await);
    assert_eq!(event[0]["deliveries"][0]["subscriptionId"], id);

    let list = json_lines(&hookswitch(&server, &["deliveries", "--json", "--subscription", id]).run().await);
    assert_eq!(list.len(), 3);
    let delivery = list[0]["id"].as_str().expect("an id");
    let detail = json_lines(&hookswitch(&server, &["deliveries", "--json", delivery]).run().await);
    assert_eq!(detail[0]["id"], delivery);
    let limited = json_lines(&hookswitch(&server, &["deliveries", "--json", "--limit", "2"]).run().await);
    assert_eq!(limited.len(), 2);
}

#[tokio::test]
async fn without_json_people_get_tables() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let receiver = ScriptedReceiver::start().await;
    let filter = "/restapi/v1.0/account/~/extension/~/message-store";
    server.subscribe(&[filter], &receiver.url("/in")).await;
    let line = json!({ "event": server.extension_path("/message-store"), "body": {} }).to_string();
    let published = hookswitch(&server, &["publish"]).input(line).run().await;
    assert_eq!(published.stdout, ["1 events published"]);

    for (args, heading, cell) in [
        (&["subscriptions"][..], "ADDRESS", receiver.url("/in")),
        (&["deliveries"][..], "STATUS", server.extension_path("/message-store")),
    ] {
        let ended = hookswitch(&server, args).run().await;
        assert_eq!(ended.code(), 0, "{ended:?}");
        assert!(ended.stdout[0].contains(heading), "{ended:?}");
        assert!(ended.stdout.iter().skip(1).any(|line| line.contains(&cell)), "{ended:?}");
    }
}

#[tokio::test]
async fn the_catalogue_is_read_without_broken_lines_in_a_hundred_columns() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    for command in ["event-types", "events"] {
        let ended = hookswitch(&server, &[command]).run().await;
        assert_eq!(ended.code(), 0, "{ended:?}");
        let wide: Vec<_> = ended.stdout.iter().filter(|line| line.chars().count() > 100).collect();
        assert!(wide.is_empty(), "{command}: {wide:#?}");
    }
    let listed = hookswitch(&server, &["event-types"]).run().await.stdout;
    let at = listed.iter().position(|line| line == "presence").expect("the event type has a line of its own");
    let expected = [
        "presence",
        "    /restapi/v1.0/account/{accountId}/extension/{extensionId}/presence",
        "    /restapi/v1.0/account/{accountId}/presence",
        "    ?detailedTelephonyState ?sipData ?aggregated",
        "presence.line",
    ];
    assert_eq!(listed[at..at + 5], expected);
    let filters = hookswitch(&server, &["events"]).run().await.stdout;
    let at = filters.iter().position(|line| line.starts_with("telephony.sessions: ")).expect("its line");
    let of_it: Vec<_> = filters[at + 1..].iter().take_while(|line| line.starts_with(' ')).collect();
    let query: String =
        of_it.iter().filter(|line| line.starts_with("        ")).map(|line| line.trim()).collect();
    assert!(query.starts_with("?phoneNumber=…&statusCode=Setup|Proceeding|"), "{query}");
}

/// Runs a command whose output nobody reads.
fn unread(server: &RunningServer, args: &[&str], input: &str) -> std::process::Output {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut child = std::process::Command::new(BINARY)
        .args(args)
        .arg("--env")
        .arg(server.data().join("dev.env"))
        .stdin(Stdio::piped())
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

#[tokio::test]
async fn output_that_is_cut_off_ends_a_command_without_a_word() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    for args in [
        &["event-types"][..],
        &["event-types", "presence"],
        &["events", "--json"],
        &["openapi"],
        &["subscriptions"],
        &["simulate", "call", "--print"],
    ] {
        let ended = unread(&server, args, "");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{args:?}");
        assert_eq!(ended.status.code(), Some(0), "{args:?}");
    }
}

#[tokio::test]
async fn publishing_goes_on_when_nobody_reads_what_is_told_of_it() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let receiver = ScriptedReceiver::start().await;
    server.subscribe(&["/restapi/v1.0/account/~/extension/~/message-store"], &receiver.url("/in")).await;
    let line = json!({ "event": server.extension_path("/message-store"), "body": {} }).to_string();
    let input = format!("{line}\n{line}\n{line}\n");
    let ended = unread(&server, &["publish", "--json", "--batch", "1"], &input);
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
    receiver.wait_for_deliveries(3).await;
}

#[tokio::test]
async fn a_bad_line_is_named_and_nothing_from_its_request_on_is_published() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let good = json!({ "event": server.extension_path("/message-store"), "body": {} }).to_string();
    let input = format!("{good}\n{good}\n{good}\n{{\"event\":\"/no/such\",\"body\":{{}}}}\n{good}\n");
    let ended = hookswitch(&server, &["publish", "--json", "--batch", "2"]).input(input).run().await;
    assert_eq!(ended.code(), 1);
    assert_eq!(ended.stdout.len(), 2, "the first request was good: {ended:?}");
    let said = ended.stderr.join("\n");
    assert!(said.contains("nothing from line 3 on is published"), "{said}");
}

#[tokio::test]
async fn the_openapi_document_is_printed_as_served() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let printed = json_lines(&hookswitch(&server, &["openapi", "--json"]).run().await);
    assert!(printed[0]["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    assert!(printed[0]["paths"]["/hookswitch/v1/events"].is_object());
}

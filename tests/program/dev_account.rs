//! `--dev`: the demo account and the file that tells of it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use hookswitch_testkit::{Caller, RunningServer, TempFolder};

use crate::{serve, serve_dev};

const NAMES: [&str; 19] = [
    "RC_SERVER_URL",
    "RC_SERVER",
    "RC_APP_CLIENT_ID",
    "RC_APP_KEY",
    "RC_APP_CLIENT_SECRET",
    "RC_APP_SECRET",
    "RC_USER_JWT",
    "RC_USERNAME",
    "RC_EXTENSION",
    "RC_PASSWORD",
    "RC_ACCOUNT_ID",
    "RC_EXTENSION_ID",
    "HOOKSWITCH_URL",
    "HOOKSWITCH_PUBLISH_TOKEN",
    "HOOKSWITCH_ADMIN_TOKEN",
    "HOOKSWITCH_SIGNING_SECRET",
    "HOOKSWITCH_COMPANY_ID",
    "HOOKSWITCH_CONFERENCE_TOKEN",
    "PUBNUB_ORIGIN",
];
/// These follow the port; all else is for ever.
const OF_THE_PORT: [&str; 4] = ["RC_SERVER_URL", "RC_SERVER", "HOOKSWITCH_URL", "PUBNUB_ORIGIN"];

fn lasting(settings: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let lasting = settings.iter().filter(|(name, _)| !OF_THE_PORT.contains(&name.as_str()));
    lasting.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[tokio::test]
async fn dev_env_is_for_its_owner_only_and_a_shell_reads_what_it_says() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let path = folder.join("dev.env");
    let mode = std::fs::metadata(&path).expect("written before the ready line").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for name in NAMES {
        let value = server.setting(name);
        let good = |c: char| c.is_ascii_alphanumeric() || "_.:/+=@-".contains(c);
        assert!(!value.is_empty() && value.chars().all(good), "{name}={value:?}");
    }
    assert_eq!(sourced(&path), *server.settings());
    assert_eq!(server.setting("RC_SERVER_URL"), server.url());
    assert_eq!(server.setting("HOOKSWITCH_URL"), server.url());
    assert_eq!(server.setting("PUBNUB_ORIGIN"), server.address().to_string());
    assert_eq!(server.setting("RC_EXTENSION"), "101");
}

#[tokio::test]
async fn with_a_seed_two_folders_tell_of_the_same_demo_account() {
    let told = async |seed: &str| {
        let folder = TempFolder::new();
        let launch = serve_dev(folder.path()).args(["--seed", seed]);
        let server = RunningServer::launch(launch, folder.path().to_owned()).await;
        server.get(Caller::User, "/restapi/v1.0/account/~").await.expect(200);
        lasting(server.settings())
    };
    let (one, other) = (told("42").await, told("42").await);
    assert_eq!(one, other);
    assert_ne!(one, told("43").await);
}

#[tokio::test]
async fn fixtures_that_cannot_be_read_are_a_failed_start_that_says_why() {
    let folder = TempFolder::new();
    let ended = serve_dev(folder.path()).args(["--fixtures", "nowhere.json"]).run().await;
    assert_eq!(ended.code(), 1);
    assert!(ended.stderr.join("\n").contains("nowhere.json"), "{:?}", ended.stderr);
}

/// What a POSIX shell makes of the file.
fn sourced(path: &Path) -> BTreeMap<String, String> {
    let script = format!("set -a; . {}; set +a; env", path.display());
    let output = Command::new("sh").args(["-c", &script]).env_clear().output().expect("a shell");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let ours = |name: &str| ["RC_", "HOOKSWITCH_", "PUBNUB_"].iter().any(|start| name.starts_with(start));
    let pairs = text.lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| ours(name));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
async fn the_values_outlive_restarts_and_kill_9_and_only_the_urls_follow_the_port() {
    let folder = TempFolder::new();
    std::fs::write(folder.join("notes.txt"), "the folder may hold other files").expect("written");
    let mut server = serve(folder.path()).await;
    let (values, port) = (lasting(server.settings()), server.address().port());
    let token = server.get(Caller::User, "/restapi/v1.0/account/~").await.expect(200).json();

    server.kill().await;
    let mut server = server.restart().await;
    assert_eq!(lasting(server.settings()), values);
    assert_eq!(server.setting("HOOKSWITCH_URL"), server.url());
    assert_eq!(
        server.get(Caller::User, "/restapi/v1.0/account/~").await.expect(200).json()["id"],
        token["id"]
    );

    server.terminate();
    server.exited().await;
    let server = server.restart().await;
    assert_eq!(lasting(server.settings()), values);
    server.get(Caller::Admin, "/hookswitch/v1/subscriptions").await.expect(200);
    assert!(port > 0 && folder.join("notes.txt").exists());
}

#[tokio::test]
async fn every_folder_has_secrets_of_its_own() {
    let (one, other) = (TempFolder::new(), TempFolder::new());
    let (first, second) = (serve(one.path()).await, serve(other.path()).await);
    for name in [
        "RC_APP_CLIENT_SECRET",
        "RC_USER_JWT",
        "RC_PASSWORD",
        "HOOKSWITCH_ADMIN_TOKEN",
        "HOOKSWITCH_SIGNING_SECRET",
    ] {
        assert_ne!(first.setting(name), second.setting(name), "{name}");
    }
    let foreign = Caller::Token(second.setting("HOOKSWITCH_ADMIN_TOKEN"));
    first.get(foreign, "/hookswitch/v1/subscriptions").await.expect(401);
}

#[tokio::test]
async fn the_demo_account_has_twenty_five_users_and_the_first_is_ours() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let list = server.get(Caller::User, "/restapi/v1.0/account/~/extension?status=Enabled&perPage=100").await;
    let list = list.expect(200).json();
    let numbers: Vec<_> = list["records"]
        .as_array()
        .expect("records")
        .iter()
        .map(|one| one["extensionNumber"].clone())
        .collect();
    let expected: Vec<_> = (101..=125).map(|number| serde_json::Value::from(number.to_string())).collect();
    assert_eq!(numbers, expected);
    assert_eq!(list["records"][0]["id"].to_string(), server.setting("RC_EXTENSION_ID"));
}

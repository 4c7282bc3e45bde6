//! `dev.env`: the values clients read, stable for a data folder, random between folders.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use hookswitch_testkit::folder::TempFolder;

use super::stage::{BASE, Stage};

const NAMES: [&str; 19] = [
    "RC_SERVER_URL",
    "RC_SERVER",
    "HOOKSWITCH_URL",
    "PUBNUB_ORIGIN",
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
    "HOOKSWITCH_PUBLISH_TOKEN",
    "HOOKSWITCH_ADMIN_TOKEN",
    "HOOKSWITCH_SIGNING_SECRET",
    "HOOKSWITCH_COMPANY_ID",
    "HOOKSWITCH_CONFERENCE_TOKEN",
];

fn values(folder: &TempFolder) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(folder.join("dev.env")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once('=').unwrap_or_else(|| panic!("{line:?}"))).map(owned).collect()
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test]
async fn dev_env_has_every_name_with_values_that_a_shell_can_source() {
    let stage = Stage::new().await;
    let values = values(&stage.folder);
    for name in NAMES {
        let value = values.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.:/+=@-".contains(c);
        assert!(!value.is_empty() && value.chars().all(plain), "{name}={value}");
    }
    assert_eq!(values.len(), NAMES.len());
    assert_eq!(values["PUBNUB_ORIGIN"], "127.0.0.1:4711");
    assert_eq!(values["RC_SERVER_URL"], BASE);
    assert!(values["HOOKSWITCH_SIGNING_SECRET"].starts_with("whsec_"));
    assert!(values["RC_USERNAME"].starts_with("+1650555") && values["RC_USERNAME"].len() == 12);
    for digits in ["RC_ACCOUNT_ID", "RC_EXTENSION_ID", "HOOKSWITCH_COMPANY_ID", "RC_EXTENSION"] {
        assert!(values[digits].bytes().all(|byte| byte.is_ascii_digit()), "{digits}");
    }
    let mode = std::fs::metadata(stage.folder.join("dev.env")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_later_start_keeps_the_file_and_rewrites_only_the_urls() {
    let folder = Arc::new(TempFolder::new());
    let first = Stage::on(folder.clone(), BASE, 1, &[]).await;
    let before = values(&folder);
    let mut text = std::fs::read_to_string(folder.join("dev.env")).unwrap();
    text.push_str("MY_OWN=line\n");
    std::fs::write(folder.join("dev.env"), text).unwrap();
    let session = first.log_in().await;
    drop(first);

    let second = Stage::on(folder.clone(), "http://127.0.0.1:9999", 2, &[]).await;
    let after = values(&folder);
    for (name, value) in &before {
        let is_url =
            ["RC_SERVER_URL", "RC_SERVER", "HOOKSWITCH_URL", "PUBNUB_ORIGIN"].contains(&name.as_str());
        assert_eq!(after[name] != *value, is_url, "{name}");
    }
    assert_eq!(after["MY_OWN"], "line");
    assert_eq!(after["PUBNUB_ORIGIN"], "127.0.0.1:9999");
    assert_eq!(second.knock(&session.access).await, 200, "tokens live on");
    second.log_in().await;
}

#[tokio::test]
async fn a_file_that_is_lost_or_belongs_to_another_folder_comes_back_with_the_same_values() {
    let folder = Arc::new(TempFolder::new());
    Stage::on(folder.clone(), BASE, 1, &[]).await;
    let before = values(&folder);
    for damage in [None, Some("RC_APP_CLIENT_ID=anothers\nRC_PASSWORD=old\n"), Some("")] {
        match damage {
            None => std::fs::remove_file(folder.join("dev.env")).unwrap(),
            Some(text) => std::fs::write(folder.join("dev.env"), text).unwrap(),
        }
        Stage::on(folder.clone(), BASE, 2, &[]).await;
        assert_eq!(values(&folder), before, "{damage:?}");
    }
}

#[tokio::test]
async fn two_folders_share_no_secret() {
    let (one, other) = (Arc::new(TempFolder::new()), Arc::new(TempFolder::new()));
    Stage::on(one.clone(), BASE, 1, &[]).await;
    Stage::on(other.clone(), BASE, 2, &[]).await;
    let (one, other) = (values(&one), values(&other));
    for name in &NAMES[4..] {
        assert!(*name == "RC_EXTENSION" || one[*name] != other[*name], "{name}");
    }
}

#[tokio::test]
async fn all_users_share_the_password_and_only_the_first_administers() {
    let stage = Stage::new().await;
    for number in ["101", "113", "125"] {
        let token = stage.log_in_as(number).await.access;
        let own = stage.get(&token, "/restapi/v1.0/account/~/extension/~").await.json();
        assert_eq!(own["extensionNumber"], number);
        assert_eq!(own["permissions"]["admin"]["enabled"], number == "101");
    }
}

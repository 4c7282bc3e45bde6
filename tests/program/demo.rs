//! `hookswitch demo`: what a stranger tries first.

use std::time::Duration;

use hookswitch_core::clock::{Clock as _, MonoTime};
use hookswitch_testkit::clock::MachineClock;
use hookswitch_testkit::{Program, TempFolder};

use crate::BINARY;

#[tokio::test]
async fn demo_once_passes_from_an_empty_folder_in_under_ten_seconds_and_leaves_it_empty() {
    let folder = TempFolder::new();
    let clock = MachineClock::new();
    let ended = Program::new(BINARY).args(["demo", "--once"]).folder(folder.path()).run().await;
    let took = clock.monotonic().since(MonoTime(0));
    assert_eq!(ended.code(), 0, "{ended:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let totals = ended.stdout.last().expect("totals");
    assert!(totals.contains("deliveries arrived") && !totals.contains("missing"), "{totals}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("still there").count(), 0);
}

#[tokio::test]
async fn demo_once_can_be_repeated_on_a_folder() {
    let folder = TempFolder::new();
    let once = Program::new(BINARY).args(["demo", "--once", "--data"]).arg(folder.join("data"));
    for round in 0..2 {
        let ended = once.run().await;
        assert_eq!(ended.code(), 0, "round {round}: {ended:?}");
    }
}

#[tokio::test]
async fn the_live_demo_shows_what_arrives_and_ends_orderly_on_ctrl_c() {
    let folder = TempFolder::new();
    let mut live = Program::new(BINARY).arg("demo").folder(folder.path()).start();
    live.line_with("arrived").await;
    live.interrupt();
    assert_eq!(live.exited().await.code(), Some(0), "{}", live.said());
    assert!(live.stdout().last().is_some_and(|line| line.contains("events published")));
}

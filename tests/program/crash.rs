//! kill -9 under load, again and again on one folder: what was answered with 202 arrives.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::clock::{Clock as _, MonoTime};
use hookswitch_core::limits;
use hookswitch_testkit::clock::MachineClock;
use hookswitch_testkit::{
    Answer, Caller, HttpClient, RunningServer, ScriptedReceiver, SeededEntropy, TempFolder, patience,
    real_handles,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::serve;

const ROUNDS: u32 = 20;
const PUBLISHERS: usize = 32;
const SEED: u64 = 20_260_105;
const READY_WITHIN: Duration = Duration::from_secs(1);
/// Outcomes of these last milliseconds may be in the batch that the kill took along: the time within which
/// they reach the store, and a commit that is under way meanwhile, whose sync the disk may stall.
const RECORD_BATCH: Duration = limits::RECORD_WITHIN.saturating_add(Duration::from_millis(100));

/// When each event came, by its uuid.
type Receipts = Arc<Mutex<HashMap<String, Vec<MonoTime>>>>;

#[tokio::test]
async fn every_acknowledged_event_arrives_after_kill_9_under_load() {
    let folder = TempFolder::new();
    let mut server = serve(folder.path()).await;
    let clock = Arc::new(MachineClock::new());
    let receipts = Receipts::default();
    let receiver = ScriptedReceiver::scripted(noting(receipts.clone(), clock.clone())).await;
    let filter = "/restapi/v1.0/account/~/extension/~/message-store";
    let subscription = server.subscribe(&[filter], &receiver.url("/in")).await;
    let subscription = subscription["id"].as_str().expect("an id");
    let entropy = SeededEntropy::new(SEED);

    for round in 0..ROUNDS {
        let kill_after = 50 + usize::try_from(entropy.next_u64() % 400).expect("small");
        let (acknowledged, killed) = publish_until_killed(&mut server, &clock, round, kill_after).await;
        server = server.restart().await;
        let ready_after = server.ready_after();
        assert!(ready_after < READY_WITHIN, "round {round}, seed {SEED}: ready after {ready_after:?}");

        let all_arrived = |_: &[_]| {
            let receipts = receipts.lock();
            acknowledged.iter().all(|uuid| receipts.contains_key(uuid)).then_some(())
        };
        receiver
            .wait_until(
                &format!("all {} acknowledged events of round {round}", acknowledged.len()),
                all_arrived,
            )
            .await;
        until_nothing_waits(&server, subscription).await;
        check_repeats(&receipts.lock(), killed, round);
        receipts.lock().clear();
    }
}

fn noting(
    receipts: Receipts,
    clock: Arc<MachineClock>,
) -> impl FnMut(&hookswitch_testkit::Received) -> Answer + Send + 'static {
    move |request| {
        if !request.is_handshake() {
            let uuid = request.json()["uuid"].as_str().expect("a uuid").to_owned();
            receipts.lock().entry(uuid).or_default().push(clock.monotonic());
        }
        Answer::ok()
    }
}

/// Several publishers, each waiting for its answer, until so many were acknowledged; then kill -9. Returns
/// the acknowledged uuids, and from when to when it was being killed.
async fn publish_until_killed(
    server: &mut RunningServer,
    clock: &MachineClock,
    round: u32,
    kill_after: usize,
) -> (Vec<String>, RangeInclusive<MonoTime>) {
    let acknowledged = Arc::new(watch::Sender::new(Vec::new()));
    let mut publishers = JoinSet::new();
    for number in 0..PUBLISHERS {
        let load = Load {
            client: HttpClient::to(server.address()),
            token: format!("Bearer {}", server.setting("HOOKSWITCH_PUBLISH_TOKEN")),
            event: server.extension_path("/message-store"),
            acknowledged: acknowledged.clone(),
        };
        publishers.spawn(load.run(SEED ^ (u64::from(round) << 32) ^ number as u64));
    }
    let mut enough = acknowledged.subscribe();
    enough.wait_for(|uuids: &Vec<String>| uuids.len() >= kill_after).await.expect("the sender is here");
    let killed = clock.monotonic();
    server.kill().await;
    publishers.join_all().await;
    (acknowledged.send_replace(Vec::new()), killed..=clock.monotonic())
}

struct Load {
    client: HttpClient,
    token: String,
    event: String,
    acknowledged: Arc<watch::Sender<Vec<String>>>,
}

impl Load {
    async fn run(self, seed: u64) {
        let handles = real_handles(seed);
        let headers = [("authorization", self.token.as_str()), ("content-type", "application/json")];
        loop {
            let uuid = handles.uuid_v7().to_string();
            let entry = json!({ "uuid": uuid, "event": self.event, "body": { "padding": "x".repeat(500) } });
            let sent = self
                .client
                .send(http::Method::POST, "/hookswitch/v1/events", &headers, entry.to_string())
                .await;
            // No answer: the server was killed, and whether the event is safe is unknown.
            let Ok(reply) = sent else { return };
            assert_eq!(reply.status, 202, "{}", reply.text());
            assert_eq!(reply.json()["events"][0]["uuid"], Value::from(uuid.clone()));
            self.acknowledged.send_modify(|uuids| uuids.push(uuid));
        }
    }
}

/// Repeats may come after the last new event, so they are counted when the history has nothing pending.
async fn until_nothing_waits(server: &RunningServer, subscription: &str) {
    let last = Mutex::new(Value::Null);
    let wait = async {
        while let Some(record) = first_pending(server, subscription).await {
            *last.lock() = record;
        }
    };
    patience::within("the last delivery's record", wait, || format!("still pending: {}", last.lock())).await;
}

async fn first_pending(server: &RunningServer, subscription: &str) -> Option<Value> {
    let mut more = String::new();
    loop {
        let target =
            format!("/hookswitch/v1/deliveries?subscriptionId={subscription}&status=pending&limit=1{more}");
        let mut list = server.get(Caller::Admin, &target).await.expect(200).json();
        if let Some(record) = list["records"].get_mut(0) {
            return Some(record.take());
        }
        // A search is bounded: an empty page with a cursor is not the end.
        more = format!("&cursor={}", list["cursor"].as_str()?);
    }
}

/// At most what was in flight, and what waited in one record batch, comes twice.
fn check_repeats(receipts: &HashMap<String, Vec<MonoTime>>, killed: RangeInclusive<MonoTime>, round: u32) {
    let repeats: usize = receipts.values().map(|times| times.len() - 1).sum();
    let last = |time: &&MonoTime| killed.start().since(**time) <= RECORD_BATCH && *time <= killed.end();
    let batch = receipts.values().flatten().filter(last).count();
    let bound = limits::IN_FLIGHT_AT_MOST as usize + batch;
    assert!(repeats <= bound, "round {round}, seed {SEED}: {repeats} repeats, {bound} at most");
}

//! Measures the event log alone: batches of events, each with the outcomes of the batch before.
//!
//! `cargo run --release -p hookswitch-store --example log_bench -- [key=value …]`
//!
//! - `events=100000`, `batch=32`, `fan=1`: how many events, how many in a commit, targets of each;
//! - `subscriptions=20`: the targets are taken from so many, in turn;
//! - `uuid=ours|v7|v4`: made by the server, or chosen by the publisher (and so looked up);
//! - `mode=threaded|inline`, `sync=true|false`, `segment=256` (MiB), `body=1024` (bytes);
//! - `pending=1000000`: instead, lets so many deliveries of one subscription wait, and measures opening,
//!   recovering, reading what is due, and ending some.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookswitch_core::clock::{Handles, WallTime};
use hookswitch_core::delivery::{Attempt, AttemptReport, DeliveryState, EndReason, Outcome, Trigger};
use hookswitch_core::event::Event;
use hookswitch_core::id::{AccountId, DeliveryKey, EventSeq, FilterNo, SubscriptionNo};
use hookswitch_store::log::{Acceptance, Batch, EventLog, Matched, NewEvent, Park, Record};
use hookswitch_store::sqlite::folder::Folder;
use hookswitch_store::sqlite::segments::{LogOptions, SqliteLog, WriterMode};
use hookswitch_testkit::{TempFolder, real_handles};

fn setting(name: &str, default: &str) -> String {
    let of = |argument: String| argument.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
    std::env::args().skip(1).find_map(of).unwrap_or_else(|| default.to_owned())
}

fn number(name: &str, default: u64) -> u64 {
    setting(name, &default.to_string()).parse().expect("a number")
}

/// CPU time of this process.
fn cpu() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap_or(0))
}

#[expect(clippy::disallowed_methods, reason = "a measurement is about the machine's own time")]
fn now() -> Instant {
    Instant::now()
}

struct Bench {
    handles: Handles,
    fan: u64,
    subscriptions: u64,
    uuids: String,
    body: Bytes,
    made: u64,
}

impl Bench {
    fn new() -> Self {
        Self {
            handles: real_handles(7),
            fan: number("fan", 1),
            subscriptions: number("subscriptions", 20),
            uuids: setting("uuid", "ours"),
            body: Bytes::from(vec![b'x'; usize::try_from(number("body", 1024)).expect("fits")]),
            made: 0,
        }
    }

    fn open(&self, place: &TempFolder) -> SqliteLog {
        let writer =
            if setting("mode", "threaded") == "inline" { WriterMode::Inline } else { WriterMode::Threaded };
        let options = LogOptions {
            writer,
            sync: setting("sync", "true") == "true",
            segment_bytes: number("segment", 256) << 20,
            ..LogOptions::default()
        };
        let folder = Folder::open(place.path()).expect("the folder is ours");
        SqliteLog::open(&folder, self.handles.clone(), options).expect("the log opens")
    }

    fn event(&mut self, now: WallTime) -> NewEvent {
        let start = self.handles.entropy.seed() % self.subscriptions;
        self.made += 1;
        let matched = (0..self.fan).map(|offset| target((start + offset) % self.subscriptions + 1)).collect();
        NewEvent {
            event: Event {
                uuid: if self.uuids == "v4" { self.handles.uuid_v4() } else { self.handles.uuid_v7() },
                account: AccountId(400_131_000),
                name: "/restapi/v1.0/account/400131000/extension/400132000/presence".into(),
                timestamp: now,
                accepted_at: now,
                body: self.body.clone(),
                recipients: None,
            },
            matched,
            more_to_dispatch: false,
            parked: Vec::new(),
            uuid_is_publishers: self.uuids != "ours",
            timestamp_is_publishers: false,
        }
    }
}

fn target(number: u64) -> Matched {
    let number = number.cast_signed();
    Matched { subscription: SubscriptionNo(number), filter: FilterNo(number + 9), shape: 0 }
}

fn delivered(event: EventSeq, matched: Matched, at: WallTime) -> Record {
    let report = AttemptReport {
        outcome: Outcome::Delivered,
        status: Some(200),
        latency: Duration::from_micros(900),
        response: Bytes::new(),
        failure: None,
    };
    Record {
        key: DeliveryKey { event, subscription: matched.subscription, ordinal: 0 },
        matched,
        attempts_before: 0,
        attempts: 1,
        step: 0,
        state: DeliveryState::Delivered { at },
        attempt: Some(Attempt { number: 1, at, trigger: Trigger::Scheduled, report }),
    }
}

/// Commits `batch` and returns the numbers of its events.
async fn commit(log: &SqliteLog, batch: Batch) -> Vec<EventSeq> {
    let committed = log.commit(batch).await.expect("the disk works");
    let entries = committed.requests.into_iter().flat_map(|answer| answer.expect("nothing is refused"));
    let stored = |acceptance| match acceptance {
        Acceptance::Stored(seq) => seq,
        Acceptance::Duplicate => panic!("all are new"),
    };
    entries.map(stored).collect()
}

async fn throughput(bench: &mut Bench) {
    let (events, batch) = (number("events", 100_000), number("batch", 32));
    let place = TempFolder::new();
    let log = bench.open(&place);
    let (began, cpu_before) = (now(), cpu());
    let (mut records, mut spans, mut made) = (Vec::new(), Vec::new(), Duration::ZERO);
    for _ in 0..events / batch {
        let making = cpu();
        let wall = bench.handles.now();
        let requests: Vec<Arc<Vec<NewEvent>>> =
            (0..batch).map(|_| Arc::new(vec![bench.event(wall)])).collect();
        let next = Batch {
            requests: requests.clone(),
            records: std::mem::take(&mut records),
            watermark: Some(EventSeq(log.stats().events.cast_signed())),
            now: wall,
            ..Batch::default()
        };
        made += cpu() - making;
        let commit_began = now();
        let seqs = commit(&log, next).await;
        spans.push(commit_began.elapsed());
        for (seq, request) in seqs.into_iter().zip(&requests) {
            records.extend(request[0].matched.iter().map(|matched| delivered(seq, *matched, wall)));
        }
    }
    let (wall, cpu) = (began.elapsed(), cpu() - cpu_before - made);
    spans.sort_unstable();
    let at = |part: usize| spans[(spans.len() * part / 1000).min(spans.len() - 1)].as_micros();
    let size: u64 = walk(&place.join("segments"));
    println!(
        "fan {} of {} batch {batch} uuid {} {}: {:.1} k events/s, {:.1} us CPU/event, commit p50 {} p99 {} max {} us, {} B/event on disk, {:?}",
        bench.fan,
        bench.subscriptions,
        bench.uuids,
        setting("mode", "threaded"),
        events as f64 / wall.as_secs_f64() / 1e3,
        cpu.as_secs_f64() * 1e6 / events as f64,
        at(500),
        at(990),
        at(1000),
        size / events,
        log.stats(),
    );
}

fn walk(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("the folder is ours");
    entries.map(|entry| entry.and_then(|entry| entry.metadata()).map_or(0, |metadata| metadata.len())).sum()
}

async fn backlog(bench: &mut Bench, pending: u64) {
    let place = TempFolder::new();
    let log = bench.open(&place);
    (bench.fan, bench.subscriptions) = (1, 1);
    let wall = bench.handles.now();
    let due = |place: u64| wall.plus(Duration::from_millis(place));
    let began = now();
    for first in (0..pending).step_by(1000) {
        let news = (0..1000).map(|_| Arc::new(vec![bench.event(wall)])).collect();
        let seqs = commit(&log, Batch { requests: news, now: wall, ..Batch::default() }).await;
        let park = |(seq, place): (EventSeq, u64)| Park {
            key: DeliveryKey { event: seq, subscription: SubscriptionNo(1), ordinal: 0 },
            matched: target(1),
            due: due(place),
        };
        let parks = seqs.into_iter().zip(first..).map(park).collect();
        commit(&log, Batch { parks, now: wall, ..Batch::default() }).await;
    }
    println!("{pending} waiting: made in {:?}, {} MiB", began.elapsed(), walk(&place.join("segments")) >> 20);
    let began = now();
    drop(log);
    println!("closed in {:?}", began.elapsed());
    let began = now();
    let log = bench.open(&place);
    println!("opened in {:?}", began.elapsed());
    let began = now();
    let recovery = log.recover().await.expect("reads");
    println!("recovered {} in {:?}", recovery.backlogs[&SubscriptionNo(1)].deliveries, began.elapsed());
    let mut held = Vec::new();
    for round in 0..4 {
        let began = now();
        let (found, left) = log.due(SubscriptionNo(1), due(pending), held.clone(), 256).await.expect("reads");
        println!(
            "due, round {round}: {} found, {} left, in {:?}",
            found.len(),
            left.deliveries,
            began.elapsed()
        );
        held.extend(found.into_iter().map(|waiting| waiting.key));
    }
    for reason in [EndReason::SubscriptionDeleted, EndReason::BacklogLimit] {
        let began = now();
        let ended = log.end_pending(SubscriptionNo(1), reason, wall, Vec::new(), 1000).await.expect("writes");
        println!("ended {ended} for {reason:?} in {:?}", began.elapsed());
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut bench = Bench::new();
    match number("pending", 0) {
        0 => throughput(&mut bench).await,
        pending => backlog(&mut bench, pending).await,
    }
}

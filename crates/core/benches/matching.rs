//! What matching costs at a thousand to a million filters: `cargo bench -p hookswitch-core --bench matching`.
//!
//! Prints the memory of a filter first (its text as the subscription keeps it included), and the longest
//! single insertion while the index grew; then criterion's figures for a match, an addition and a removal.
//!
//! Accounts have 25 extensions. Each has one subscription with two filters for each extension, one plain
//! and one with a refining parameter; `lonely` is the other extreme, an account and a subscription for
//! every filter.

mod cpu_time;

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use cpu_time::CpuTime;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hookswitch_core::catalogue::Catalogue;
use hookswitch_core::clock::WallTime;
use hookswitch_core::event::Event;
use hookswitch_core::filter::ParsedFilter;
use hookswitch_core::id::{AccountId, ExtensionId, FilterNo, SubscriptionNo};
use hookswitch_core::matching::{Index, Subscriber};
use hookswitch_core::subscription::SubscribedFilter;

const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
const EXTENSIONS: u64 = 25;
const FILTERS_OF_ACCOUNT: u64 = EXTENSIONS * 2;

struct World {
    catalogue: Catalogue,
    index: Index,
    texts: Vec<Vec<SubscribedFilter>>,
    accounts: u64,
    /// What the slowest insertion of one subscription took.
    slowest: Duration,
}

fn account_id(account: u64) -> u64 {
    400_130_000 + account
}

fn extension_id(account: u64, extension: u64) -> u64 {
    account_id(account) * 100 + extension
}

fn phone_number(account: u64, extension: u64) -> String {
    format!("+1650{:08}", account * 100 + extension)
}

fn texts_of_account(account: u64) -> Vec<String> {
    let id = account_id(account);
    let of_extension = |extension: u64| {
        let presence = format!(
            "/restapi/v1.0/account/{id}/extension/{}/presence?detailedTelephonyState=true&aggregated=true",
            extension_id(account, extension)
        );
        let calls = format!(
            "/restapi/v1.0/account/{id}/telephony/sessions?direction=Inbound&phoneNumber={}",
            phone_number(account, extension)
        );
        [presence, calls]
    };
    (0..EXTENSIONS).flat_map(of_extension).collect()
}

fn subscriber(account: u64, no: i64) -> Subscriber {
    Subscriber {
        no: SubscriptionNo(no),
        account: AccountId(account_id(account)),
        owner: ExtensionId(extension_id(account, 0)),
    }
}

fn parsed(catalogue: &Catalogue, first: i64, texts: &[String]) -> Vec<(FilterNo, ParsedFilter)> {
    let parse =
        |text: &String| ParsedFilter::parse_resolved(catalogue, text).expect("the bench's own filters parse");
    (first..).map(FilterNo).zip(texts.iter().map(parse)).collect()
}

impl World {
    fn empty() -> Self {
        Self {
            catalogue: Catalogue::built_in(),
            index: Index::default(),
            texts: Vec::new(),
            accounts: 0,
            slowest: Duration::ZERO,
        }
    }

    fn insert(&mut self, subscriber: Subscriber, first: i64, texts: Vec<String>) {
        let filters = parsed(&self.catalogue, first, &texts);
        let started = cpu_time::now();
        self.index.insert(&self.catalogue, subscriber, &filters);
        self.slowest = self.slowest.max(cpu_time::now().saturating_sub(started));
        let kept = filters.into_iter().map(|(no, filter)| SubscribedFilter { no, text: filter.into_text() });
        self.texts.push(kept.collect());
    }

    /// Accounts of 25 extensions with one subscription each.
    fn grow_to(&mut self, filters: u64) {
        while self.accounts * FILTERS_OF_ACCOUNT < filters {
            let (account, no) = (self.accounts, i64::try_from(self.accounts).unwrap_or(0) + 1);
            self.insert(subscriber(account, no), no * 100, texts_of_account(account));
            self.accounts += 1;
        }
    }

    fn match_one(&self, event: &Event, out: &mut Vec<hookswitch_core::matching::Match>) {
        out.clear();
        let resolved = self.catalogue.resolve(&event.name).expect("the bench's own events resolve");
        self.index.matches(&self.catalogue, &resolved, event, out);
        assert_eq!(out.len(), 1);
    }
}

fn event(account: u64, name: String, body: String) -> Event {
    Event {
        uuid: uuid::Uuid::nil(),
        account: AccountId(account_id(account)),
        name,
        timestamp: WallTime(0),
        accepted_at: WallTime(0),
        body: Bytes::from(body),
        recipients: None,
    }
}

fn presence_event(random: u64, accounts: u64) -> Event {
    let (account, extension) = (random % accounts, random / accounts % EXTENSIONS);
    let path = format!(
        "/restapi/v1.0/account/{}/extension/{}/presence",
        account_id(account),
        extension_id(account, extension)
    );
    event(account, path, r#"{"telephonyStatus":"Ringing"}"#.to_owned())
}

/// About a KiB of body, of which three places are read.
fn call_event(random: u64, accounts: u64) -> Event {
    let (account, extension) = (random % accounts, random / accounts % EXTENSIONS);
    let id = account_id(account);
    let party = |number: &str| {
        format!(
            concat!(
                r#"{{"accountId":"{}","extensionId":"{}","id":"p-a1b2c3d4e5f60718293a4b5c6d7e8f90-2","#,
                r#""direction":"Inbound","from":{{"phoneNumber":"+16505550142","name":"Ada Example"}},"#,
                r#""to":{{"phoneNumber":"{}","name":"Front Desk","deviceId":"80012345"}},"#,
                r#""status":{{"code":"Answered","rcc":false,"description":"{}"}},"muted":false}}"#
            ),
            id,
            extension_id(account, extension),
            number,
            "x".repeat(150)
        )
    };
    let body = format!(
        r#"{{"sequence":4,"sessionId":"861204790041","telephonySessionId":"s-a1b2c3d4","parties":[{},{}]}}"#,
        party("+16505550199"),
        party(&phone_number(account, extension))
    );
    event(account, format!("/restapi/v1.0/account/{id}/telephony/sessions"), body)
}

/// The same sequence every time, without a pattern that a cache could learn.
fn pseudo_random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 20
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    pages * 4096
}

/// The texts belong to the subscriptions, not to the index; what the allocator adds counts as the index's.
fn tell(what: &str, used: u64, world: &World) {
    let size = |filter: &SubscribedFilter| (filter.text.capacity() + size_of::<SubscribedFilter>()) as u64;
    let texts: u64 = world.texts.iter().flatten().map(size).sum();
    let each = |bytes: u64| bytes / 1_000_000;
    println!(
        "1 000 000 filters, {what}: {} bytes each, and {} for its text",
        each(used - texts),
        each(texts)
    );
}

fn memory() {
    let before = resident_bytes();
    let mut world = World::empty();
    world.grow_to(1_000_000);
    let used = resident_bytes().saturating_sub(before);
    tell("25 extensions to an account", used, &world);
    println!("slowest insertion of {FILTERS_OF_ACCOUNT} filters meanwhile: {} us", world.slowest.as_micros());
    let accounts = i64::try_from(world.accounts).unwrap_or(0);
    (1..=accounts).for_each(|no| world.index.remove(SubscriptionNo(no)));
    assert!(world.index.is_empty());

    let before = resident_bytes();
    let mut lonely = World::empty();
    for account in 0..1_000_000 {
        let no = i64::try_from(account).unwrap_or(0);
        let text = texts_of_account(account).swap_remove(0);
        lonely.insert(subscriber(account, no), no, vec![text]);
    }
    let used = resident_bytes().saturating_sub(before);
    tell("an account and a subscription each", used, &lonely);
    println!("slowest insertion of one filter meanwhile: {} us", lonely.slowest.as_micros());
}

fn matching(criterion: &mut Criterion<CpuTime>) {
    memory();
    let mut world = World::empty();
    for size in SIZES {
        world.grow_to(size);
        let mut state = 7;
        let mut out = Vec::new();
        let mut next = || pseudo_random(&mut state);
        let accounts = world.accounts;
        criterion.bench_function(&format!("match one of plain filters, {size}"), |bencher| {
            bencher.iter_batched(
                || presence_event(next(), accounts),
                |event| world.match_one(black_box(&event), &mut out),
                BatchSize::LargeInput,
            );
        });
        let mut next = || pseudo_random(&mut state);
        criterion.bench_function(
            &format!("match one of refined filters, body of 1 KiB, {size}"),
            |bencher| {
                bencher.iter_batched(
                    || call_event(next(), accounts),
                    |event| world.match_one(black_box(&event), &mut out),
                    BatchSize::LargeInput,
                );
            },
        );
        let texts = texts_of_account(accounts + 5);
        let two = parsed(&world.catalogue, 1, &texts[..2]);
        let newcomer = subscriber(accounts + 5, i64::MAX);
        criterion.bench_function(
            &format!("add and remove a plain and a refined filter, {size}"),
            |bencher| {
                bencher.iter(|| {
                    world.index.insert(&world.catalogue, newcomer, black_box(&two));
                    world.index.remove(newcomer.no);
                });
            },
        );
    }
    fan_out(criterion, &mut world);
}

/// A thousand subscriptions of one account that all want everything.
fn fan_out(criterion: &mut Criterion<CpuTime>, world: &mut World) {
    let text = vec![format!("/restapi/v1.0/account/{}/presence", account_id(0))];
    for no in 0..1000 {
        world.insert(subscriber(0, -no - 1), -no - 1, text.clone());
    }
    let event = presence_event(0, world.accounts);
    let mut out = Vec::new();
    criterion.bench_function("match a thousand subscriptions at a million filters", |bencher| {
        bencher.iter(|| {
            out.clear();
            let resolved = world.catalogue.resolve(&event.name).expect("the bench's own events resolve");
            world.index.matches(&world.catalogue, &resolved, black_box(&event), &mut out);
            assert_eq!(out.len(), 1001);
        });
    });
}

criterion_group!(name = benches; config = cpu_time::criterion(); targets = matching);
criterion_main!(benches);

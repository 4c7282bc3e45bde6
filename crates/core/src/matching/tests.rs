//! What the index promises: the rules of D6, D12 and D24 one by one, and that it finds exactly what a
//! naive comparison of every filter with the event finds.

mod naive;

use std::sync::LazyLock;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::catalogue::Catalogue;
use crate::clock::WallTime;
use crate::event::Event;
use crate::filter::{Caller, ParsedFilter};
use crate::id::{AccountId, ExtensionId, FilterNo, SubscriptionNo};

/// Event types with every power that an entry can have.
const MORE_TYPES: &str = r#"{ "eventTypes": [
  { "name": "acme.order", "summary": "-", "class": "other",
    "forms": [
      { "pattern": "/acme/v1/account/{accountId}/extension/{extensionId}/orders", "scope": "extension" },
      { "pattern": "/acme/v1/account/{accountId}/orders", "scope": "account" },
      { "pattern": "/acme/v1/account/{accountId}/orders/{orderId}", "scope": "account" } ],
    "variables": { "extensionId": { "places": ["/owners/*", "/owner"] },
                   "orderId": { "places": ["/id"], "sample": "7" } },
    "parameters": [
      { "name": "carrier", "kind": "refine", "places": ["/carrier", "/fallback"], "values": ["post", "road", "air"],
        "aliases": { "mail": "post" } },
      { "name": "item", "kind": "refine", "places": ["/items/*/sku"] },
      { "name": "end", "kind": "refine", "places": [{ "any": ["/from", "/to"] }] },
      { "name": "paid", "kind": "refine", "places": [{ "exists": "/payment" }], "values": ["true", "false"] },
      { "name": "of", "kind": "refine", "places": ["{orderId}"], "whenAbsent": "matches" },
      { "name": "items", "kind": "shape", "adds": ["/items"] },
      { "name": "payment", "kind": "shape", "adds": ["/payment"], "implies": ["items"] } ],
    "schema": {}, "sample": {} },
  { "name": "acme.talk", "summary": "-", "class": "message", "membersOnly": true,
    "forms": [
      { "pattern": "/acme/v1/talk", "scope": "company" },
      { "pattern": "/acme/v1/account/{accountId}/extension/{extensionId}/talk", "scope": "extension" } ],
    "schema": {}, "sample": {} },
  { "name": "acme_bell", "summary": "-", "class": "other", "door": "conference",
    "forms": [ { "pattern": "acme_bell", "scope": "conference" } ], "schema": {}, "sample": {} } ] }"#;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::built_in().with(MORE_TYPES).unwrap());

fn subscriber(no: i64, account: u64, owner: u64) -> Subscriber {
    Subscriber { no: SubscriptionNo(no), account: AccountId(account), owner: ExtensionId(owner) }
}

fn parse(catalogue: &Catalogue, subscriber: &Subscriber, text: &str) -> ParsedFilter {
    let door = if text.starts_with("/webinar") {
        crate::subscription::Door::Webinar
    } else if text.starts_with('/') {
        crate::subscription::Door::Core
    } else {
        crate::subscription::Door::Conference
    };
    let caller = Caller {
        door,
        account: subscriber.account,
        extension: Some(subscriber.owner),
        base_url: "http://localhost",
    };
    ParsedFilter::parse(catalogue, text, &caller).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn event(account: u64, name: &str, body: &Value) -> Event {
    Event {
        uuid: Uuid::nil(),
        account: AccountId(account),
        name: name.to_owned(),
        timestamp: WallTime(0),
        accepted_at: WallTime(0),
        body: Bytes::from(body.to_string()),
        recipients: None,
    }
}

/// An index with one subscription for each row; filter numbers are subscription * 100 and on.
struct World {
    index: Index,
}

impl World {
    fn of(rows: &[(Subscriber, &[&str])]) -> Self {
        let catalogue = &*CATALOGUE;
        let mut index = Index::default();
        for (subscriber, texts) in rows {
            let numbered = (subscriber.no.0 * 100..).map(FilterNo);
            let filters: Vec<(FilterNo, ParsedFilter)> =
                numbered.zip(texts.iter().map(|text| parse(catalogue, subscriber, text))).collect();
            index.insert(catalogue, *subscriber, &filters);
        }
        Self { index }
    }

    fn matches(&self, event: &Event) -> Vec<Match> {
        let resolved = CATALOGUE.resolve(&event.name).unwrap();
        let mut out = Vec::new();
        self.index.matches(&CATALOGUE, &resolved, event, &mut out);
        out
    }

    /// (subscription, filter, shape) of each match.
    fn found(&self, account: u64, name: &str, body: Value) -> Vec<(i64, i64, u8)> {
        let matches = self.matches(&event(account, name, &body));
        matches.iter().map(|found| (found.subscription.0, found.filter.0, found.shape)).collect()
    }
}

const PRESENCE: &str = "/restapi/v1.0/account/~/extension/~/presence";

#[test]
fn an_account_filter_hears_every_extension_and_an_extension_filter_its_own_in_either_form_of_the_event() {
    let world = World::of(&[
        (subscriber(1, 1, 11), &[PRESENCE]),
        (subscriber(2, 1, 12), &[PRESENCE]),
        (subscriber(3, 1, 12), &["/restapi/v1.0/account/~/presence"]),
        (subscriber(4, 2, 11), &[PRESENCE, "/restapi/v1.0/account/~/presence"]),
    ]);
    let of_eleven = vec![(1, 100, 0), (3, 300, 0)];
    assert_eq!(world.found(1, "/restapi/v1.0/account/1/extension/11/presence", json!({})), of_eleven);
    assert_eq!(world.found(1, "/restapi/v1.0/account/1/presence", json!({"extensionId": "11"})), of_eleven);
    assert_eq!(world.found(1, "/restapi/v1.0/account/1/presence", json!({"extensionId": 11})), of_eleven);
    assert_eq!(world.found(1, "/restapi/v1.0/account/1/presence", json!({})), [(3, 300, 0)]);
    let only_others = world.found(1, "/restapi/v1.0/account/1/extension/99/presence", json!({}));
    assert_eq!(only_others, [(3, 300, 0)]);
    assert_eq!(world.found(2, "/restapi/v1.0/account/2/extension/11/presence", json!({})).len(), 1);
}

#[test]
fn several_filters_of_one_subscription_make_one_match_with_the_richest_text_and_the_union_of_shapes() {
    let account = "/restapi/v1.0/account/~/presence";
    let with = |query: &str| format!("{PRESENCE}?{query}");
    let (sip, aggregated, both) =
        (with("sipData=true"), with("aggregated=true"), with("detailedTelephonyState=true&sipData=true"));
    let world = World::of(&[
        (subscriber(1, 1, 11), &[PRESENCE, &aggregated, &sip]),
        (subscriber(2, 1, 11), &[account, &sip, &both]),
        (subscriber(3, 1, 11), &[account, PRESENCE]),
    ]);
    let found = world.found(1, "/restapi/v1.0/account/1/extension/11/presence", json!({}));
    assert_eq!(found, [(1, 101, 0b111), (2, 202, 0b011), (3, 300, 0)]);
}

#[test]
fn webinar_filters_compare_the_first_place_that_is_present_and_all_parameters_must_match() {
    let sessions = "/webinar/configuration/v1/company/sessions";
    let with = |query: &str| format!("{sessions}?{query}");
    let (web, host, both, list) = (
        with("webinarId=w1"),
        with("hostUserId=h1"),
        with("webinarId=w1&hostUserId=h1"),
        with("webinarId=w1,w2&hostUserId=h1,h2"),
    );
    let world = World::of(&[
        (subscriber(1, 1, 11), &[sessions]),
        (subscriber(2, 1, 11), &[&web]),
        (subscriber(3, 1, 11), &[&host]),
        (subscriber(4, 1, 11), &[&both]),
        (subscriber(5, 1, 11), &[&list]),
    ]);
    let who =
        |body: Value| -> Vec<i64> { world.found(1, sessions, body).iter().map(|found| found.0).collect() };
    assert_eq!(who(json!({})), [1]);
    assert_eq!(who(json!({"webinarId": "w1"})), [1, 2]);
    assert_eq!(
        who(json!({"webinar": {"id": "w1", "host": {"linkedUser": {"userId": "h1"}}}})),
        [1, 2, 3, 4, 5]
    );
    assert_eq!(who(json!({"webinarId": "w9", "webinar": {"id": "w1"}})), [1]);
    assert_eq!(who(json!({"webinarId": null, "webinar": {"id": "w1"}})), [1, 2]);
    assert_eq!(who(json!({"webinarId": "w2", "host": {"linkedUser": {"userId": "h2"}}})), [1, 5]);
    assert_eq!(world.found(2, sessions, json!({"webinarId": "w1"})), []);
}

#[test]
fn arrays_match_if_any_element_does_and_a_plus_is_a_plus() {
    let store = "/restapi/v1.0/account/~/extension/~/message-store";
    let calls = "/restapi/v1.0/account/~/telephony/sessions";
    let (fax, instant) = (format!("{store}?type=Fax"), format!("{store}/instant?type=SMS"));
    let (plain, encoded) = (format!("{calls}?phoneNumber=+1650"), format!("{calls}?phoneNumber=%2B1650"));
    let world = World::of(&[
        (subscriber(1, 1, 11), &[&fax, &instant]),
        (subscriber(2, 1, 11), &[&plain]),
        (subscriber(3, 1, 11), &[&encoded]),
    ]);
    let changes = json!({"changes": [{"type": "SMS"}, {"type": "Fax"}]});
    assert_eq!(world.found(1, "/restapi/v1.0/account/1/extension/11/message-store", changes), [(1, 100, 0)]);
    let sms = json!({"changes": [{"type": "SMS"}]});
    assert_eq!(world.found(1, "/restapi/v1.0/account/1/extension/11/message-store", sms), []);
    let untyped =
        world.found(1, "/restapi/v1.0/account/1/extension/11/message-store/instant", json!({"n": 1}));
    assert_eq!(untyped, [(1, 101, 0)], "a parameter with one legal value is never compared");
    let parties = json!({"parties": [{"from": {"phoneNumber": "+1999"}}, {"to": {"phoneNumber": "+1650"}}]});
    let found = world.found(1, "/restapi/v1.0/account/1/extension/11/telephony/sessions", parties);
    assert_eq!(found, [(2, 200, 0), (3, 300, 0)]);
}

#[test]
fn every_combination_of_an_events_values_is_looked_up() {
    let orders = "/acme/v1/account/~/orders";
    let filters = |end: u32| (0..10).map(move |item| format!("{orders}?item=i{item}&end=e{end}"));
    let texts: Vec<String> = (0..10).flat_map(filters).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let world = World::of(&[(subscriber(1, 1, 11), &texts)]);
    let body = |items: Value| json!({"items": items, "from": "e8", "to": ["e3", "e5"]});
    let of = |items: Value| world.found(1, "/acme/v1/account/1/orders", body(items));
    assert_eq!(of(json!([{"sku": "i7"}])), [(1, 137, 0)], "e3 and i7 is the first of three");
    assert_eq!(of(json!([{"sku": "i0"}, {"sku": ["i2", "i1"]}])), [(1, 130, 0)]);
    assert_eq!(of(json!([{"sku": "i10"}])), []);
    for (end, item) in [(3, 9), (5, 0), (8, 4)] {
        let one = json!({"items": [{"sku": format!("i{item}")}], "to": format!("e{end}")});
        let filter = 100 + end * 10 + item;
        assert_eq!(world.found(1, "/acme/v1/account/1/orders", one), [(1, filter, 0)]);
    }
    let three = json!({"items": [{"sku": "i9"}, {"sku": "i8"}], "from": "e7", "to": "e9"});
    let separate: Vec<(Subscriber, &[&str])> =
        texts.iter().zip(1..).map(|(text, no)| (subscriber(no, 1, 11), std::slice::from_ref(text))).collect();
    let found = World::of(&separate).found(1, "/acme/v1/account/1/orders", three);
    let subscriptions: Vec<i64> = found.iter().map(|found| found.0).collect();
    assert_eq!(subscriptions, [79, 80, 99, 100]);
}

#[test]
fn recipients_narrow_every_type_and_are_needed_by_types_for_members() {
    let talk = "/acme/v1/account/~/extension/~/talk";
    let world = World::of(&[
        (subscriber(1, 1, 11), &["/acme/v1/talk", "/acme/v1/account/~/orders"]),
        (subscriber(2, 1, 12), &["/acme/v1/talk", "/acme/v1/account/~/orders"]),
        (subscriber(3, 1, 12), &[talk]),
        (subscriber(4, 2, 12), &["/acme/v1/talk", talk]),
    ]);
    let who = |name: &str, recipients: Option<&[u64]>| -> Vec<i64> {
        let mut event = event(1, name, &json!({}));
        event.recipients = recipients.map(|all| all.iter().map(|id| ExtensionId(*id)).collect());
        world.matches(&event).iter().map(|found| found.subscription.0).collect()
    };
    assert_eq!(who("/acme/v1/talk", Some(&[12, 99])), [2, 3]);
    assert_eq!(who("/acme/v1/talk", Some(&[])), [] as [i64; 0]);
    assert_eq!(who("/acme/v1/talk", None), [] as [i64; 0]);
    assert_eq!(who("/acme/v1/account/1/extension/12/talk", None), [2, 3]);
    assert_eq!(who("/acme/v1/account/1/orders", Some(&[11])), [1]);
    assert_eq!(who("/acme/v1/account/1/orders", None), [1, 2]);
}

#[test]
fn a_conference_endpoint_hears_the_events_it_names_or_all() {
    let world = World::of(&[
        (subscriber(1, 1, 0), &["acme_bell"]),
        (subscriber(2, 1, 0), &["*", "acme_bell"]),
        (subscriber(3, 2, 0), &["*"]),
        (subscriber(4, 1, 11), &[PRESENCE]),
    ]);
    assert_eq!(world.found(1, "acme_bell", json!({})), [(1, 100, 0), (2, 200, 0)]);
    assert_eq!(world.found(1, "/restapi/v1.0/account/1/extension/11/presence", json!({})), [(4, 400, 0)]);
}

#[test]
fn filters_are_replaced_a_few_at_a_time_and_never_is_there_a_moment_without_any() {
    let whose = subscriber(1, 1, 7);
    let paths = |from: u64| -> Vec<_> {
        let path = |extension| format!("/restapi/v1.0/account/~/extension/{extension}/presence");
        let parsed = |extension: u64| parse(&CATALOGUE, &whose, &path(extension));
        (from..from + 5).map(|extension| (FilterNo(extension as i64), parsed(extension))).collect()
    };
    let mut index = Index::default();
    index.insert(&CATALOGUE, whose, &paths(10));
    assert_eq!(index.insert(&CATALOGUE, whose, &paths(13)), 5);
    let mut lengths = vec![index.len()];
    while index.retire(whose.no, 5, 2) {
        lengths.push(index.len());
    }
    assert_eq!((lengths, index.len()), (vec![10, 8, 6], 5));
    assert!(!index.retire(whose.no, 5, 2) && !index.retire(whose.no, 6, 2));
    let world = World { index };
    let hears = |extension: u64| {
        let path = format!("/restapi/v1.0/account/1/extension/{extension}/presence");
        world.found(1, &path, json!({ "extensionId": extension.to_string() })).len() == 1
    };
    let heard: Vec<_> = (9..19).filter(|extension| hears(*extension)).collect();
    assert_eq!(heard, [13, 14, 15, 16, 17]);
}

#[test]
fn twenty_thousand_filters_in_one_subscription_come_and_go() {
    let catalogue = &*CATALOGUE;
    let mut index = Index::default();
    let owner = subscriber(1, 1, 11);
    let filters: Vec<(FilterNo, ParsedFilter)> = (0i64..20_000)
        .map(|n| {
            let text = match n % 4 {
                0 => format!("/restapi/v1.0/account/~/extension/{}/presence", 1_000 + n),
                1 => format!("/restapi/v1.0/account/~/telephony/sessions?phoneNumber=+{n}"),
                2 => format!("/acme/v1/account/~/orders?item={n},x{n}"),
                _ => format!("/acme/v1/account/~/orders?carrier=road&item={n}"),
            };
            (FilterNo(n), parse(catalogue, &owner, &text))
        })
        .collect();
    index.insert(catalogue, owner, &filters);
    assert_eq!(index.len(), 20_000);
    let body = json!({"carrier": "road", "items": [{"sku": "x19998"}, {"sku": "19999"}]});
    let event = event(1, "/acme/v1/account/1/orders", &body);
    let resolved = catalogue.resolve(&event.name).unwrap();
    let mut out = Vec::new();
    index.matches(catalogue, &resolved, &event, &mut out);
    assert_eq!(out, [Match { subscription: owner.no, filter: FilterNo(19_998), shape: 0 }]);
    index.remove(owner.no);
    out.clear();
    index.matches(catalogue, &resolved, &event, &mut out);
    assert!(index.is_empty() && out.is_empty());
}

// === the index against the naive comparison ===

fn any_of(choices: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(choices).prop_map(str::to_owned)
}

fn path() -> impl Strategy<Value = String> {
    any_of(&[
        "/restapi/v1.0/account/~/extension/~/presence",
        "/restapi/v1.0/account/~/extension/12/presence",
        "/restapi/v1.0/account/~/presence",
        "/acme/v1/account/~/orders",
        "/acme/v1/account/~/orders",
        "/acme/v1/account/~/extension/~/orders",
        "/acme/v1/account/~/extension/11/orders",
        "/acme/v1/account/~/orders/7",
        "/acme/v1/account/~/orders/8",
        "/acme/v1/talk",
        "/acme/v1/account/~/extension/~/talk",
        "acme_bell",
        "*",
    ])
}

fn query(path: &str) -> BoxedStrategy<String> {
    let parameters: &'static [&'static str] = if path.contains("presence") {
        &["sipData=true", "detailedTelephonyState=true", "aggregated=true", "aggregated=false", "unknown=1"]
    } else if path.contains("orders") {
        &[
            "carrier=post",
            "carrier=mail",
            "carrier=road",
            "carrier=road,air",
            "carrier=post%2Croad",
            "item=a",
            "item=b",
            "item=a,b",
            "item=a,c",
            "end=x",
            "end=x,y",
            "end=y",
            "paid=true",
            "paid=false",
            "of=7",
            "of=8,9",
            "items=true",
            "payment=true",
            "unknown=1",
        ]
    } else {
        return Just(String::new()).boxed();
    };
    proptest::sample::subsequence(parameters, 0..4).prop_map(|chosen| chosen.join("&")).boxed()
}

fn filter() -> impl Strategy<Value = String> {
    path().prop_flat_map(|path| {
        query(&path)
            .prop_map(move |query| if query.is_empty() { path.clone() } else { format!("{path}?{query}") })
    })
}

fn body() -> impl Strategy<Value = Value> {
    let scalar = || prop_oneof![any_of(&["x", "y", "z"]).prop_map(Value::from), Just(Value::Null)];
    let carrier = || any_of(&["post", "mail", "road", "air", "sea"]).prop_map(Value::from);
    let id = prop_oneof![Just(json!(11)), Just(json!("12")), Just(json!("nobody")), Just(json!(null))];
    let sku = prop_oneof![
        Just(json!({"sku": "a"})),
        Just(json!({"sku": ["b", "c"]})),
        Just(json!({})),
        Just(json!(1))
    ];
    let members = (
        proptest::option::of(prop_oneof![Just(Value::Null), carrier()]),
        proptest::option::of(carrier()),
        proptest::option::of(proptest::collection::vec(sku, 0..4).prop_map(Value::from)),
        proptest::option::of(scalar()),
        proptest::option::of(prop_oneof![scalar(), Just(json!(["x", "y"]))]),
        proptest::option::of(prop_oneof![Just(json!({})), Just(Value::Null)]),
        proptest::option::of(id.clone()),
        proptest::option::of(proptest::collection::vec(id.clone(), 0..3).prop_map(Value::from)),
        proptest::option::of(prop_oneof![Just(json!("7")), Just(json!(8)), Just(json!([7, 8]))]),
        proptest::option::of(id),
    );
    members.prop_map(|all| {
        let names =
            ["carrier", "fallback", "items", "from", "to", "payment", "owner", "owners", "id", "extensionId"];
        let values = [all.0, all.1, all.2, all.3, all.4, all.5, all.6, all.7, all.8, all.9];
        let present =
            names.into_iter().zip(values).filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(present.collect())
    })
}

fn published() -> impl Strategy<Value = Event> {
    let name = any_of(&[
        "/restapi/v1.0/account/{a}/extension/11/presence",
        "/restapi/v1.0/account/{a}/extension/12/presence",
        "/restapi/v1.0/account/{a}/presence",
        "/acme/v1/account/{a}/orders",
        "/acme/v1/account/{a}/orders/7",
        "/acme/v1/account/{a}/extension/11/orders",
        "/acme/v1/talk",
        "/acme/v1/account/{a}/extension/12/talk",
        "acme_bell",
    ]);
    let recipients = proptest::option::of(proptest::sample::subsequence(&[11u64, 12, 13][..], 0..3));
    (name, 1u64..3, body(), recipients).prop_map(|(name, account, body, recipients)| {
        let mut event = event(account, &name.replace("{a}", &account.to_string()), &body);
        event.recipients = recipients.map(|all| all.into_iter().map(ExtensionId).collect());
        event
    })
}

fn rows() -> impl Strategy<Value = Vec<(u64, u64, Vec<String>)>> {
    proptest::collection::vec((1u64..3, 11u64..13, proptest::collection::vec(filter(), 1..6)), 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_index_finds_what_a_comparison_of_every_filter_finds(
        rows in rows(), events in proptest::collection::vec(published(), 1..6), removed: u16,
    ) {
        let catalogue = &*CATALOGUE;
        let mut index = Index::default();
        let mut all = Vec::new();
        for (row, (account, owner, texts)) in rows.iter().enumerate() {
            // Numbers that do not come in order.
            let no = i64::try_from((row * 7 + 3) % 15).unwrap();
            let subscriber = subscriber(no, *account, *owner);
            let numbered = (no * 100..).map(FilterNo);
            let filters: Vec<(FilterNo, ParsedFilter)> =
                numbered.zip(texts.iter().map(|text| parse(catalogue, &subscriber, text))).collect();
            index.insert(catalogue, subscriber, &filters);
            all.push((subscriber, filters));
        }
        let check = |index: &Index, all: &[(Subscriber, Vec<(FilterNo, ParsedFilter)>)]| {
            for event in &events {
                let resolved = catalogue.resolve(&event.name).unwrap();
                let mut found = Vec::new();
                index.matches(catalogue, &resolved, event, &mut found);
                prop_assert_eq!(found, naive::matches(catalogue, event, all), "{:?}", event);
            }
            Ok(())
        };
        check(&index, &all)?;
        // Some leave, and one comes back with its filters the other way round.
        let mut row = 0;
        all.retain(|(subscriber, _)| {
            row += 1;
            let leaves = removed >> (row % 16) & 1 == 1;
            if leaves {
                index.remove(subscriber.no);
            }
            !leaves
        });
        check(&index, &all)?;
        if let Some((subscriber, filters)) = all.first_mut() {
            index.remove(subscriber.no);
            filters.reverse();
            index.insert(catalogue, *subscriber, filters);
        }
        check(&index, &all)?;
        prop_assert_eq!(index.len(), all.iter().map(|(_, filters)| filters.len()).sum::<usize>());
        all.iter().for_each(|(subscriber, _)| index.remove(subscriber.no));
        prop_assert!(index.is_empty());
        check(&index, &[])?;
    }
}

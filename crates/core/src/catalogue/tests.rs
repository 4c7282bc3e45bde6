//! The catalogue's data, entry by entry: made from the data itself, so that a new entry is covered.

mod operator;
mod samples;
mod seed_002;

use std::sync::LazyLock;

use bytes::Bytes;

use super::*;
use crate::clock::WallTime;
use crate::envelope::minify;
use crate::event::Event;
use crate::filter::{Caller, FilterError, ParsedFilter};
use crate::id::{FilterNo, SubscriptionNo};
use crate::limits::EVENT_BODY_BYTES;
use crate::matching::{Index, Match, Subscriber};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::built_in);

const ACCOUNT: AccountId = AccountId(400_131);
/// The one that samples are about.
const OWNER: ExtensionId = ExtensionId(400_131_001);

/// Every event filter of contract.md §5.3 and §9 with its parameters, as subscribers write them.
const CONTRACT: &[(&str, &[&str])] = &[
    ("A/extension/~/message-store/instant", &["type=SMS"]),
    (
        "A/extension/~/message-store",
        &["", "type=Fax&direction=Inbound", "type=Voicemail", "type=SMS", "type=Pager"],
    ),
    ("A/extension/~/fax", &["", "direction=Inbound"]),
    ("A/extension/~/voicemail", &[""]),
    ("A/a2p-sms/batches", &["", "from=+12405550133"]),
    ("A/a2p-sms/batches/75430", &[""]),
    ("A/a2p-sms/messages", &["", "direction=Inbound&to=+12405550133", "batchId=1&from=+1"]),
    ("A/a2p-sms/opt-outs", &["", "direction=Outbound&batchId=1&from=+1&to=+2"]),
    ("A/message-threads/entries/sync", &[""]),
    ("A/message-threads/sync", &[""]),
    (
        "A/telephony/sessions",
        &[
            "",
            "direction=Inbound&missedCall=true&sipData=true",
            "phoneNumber=+1&statusCode=Gone&withRecordings=true",
        ],
    ),
    ("A/extension/~/telephony/sessions", &["", "statusCode=Setup"]),
    ("A/extension/~/incoming-call-pickup", &[""]),
    ("A/extension/~/missed-calls", &[""]),
    ("A/extension/~/start-ring", &[""]),
    ("A/extension/~/stop-ring", &[""]),
    ("A/extension/~/inbound-messages", &["", "badge=true"]),
    ("A/presence", &["", "detailedTelephonyState=true"]),
    ("A/extension/~/presence", &["", "detailedTelephonyState=true&sipData=true", "aggregated=true"]),
    (
        "A/extension/~/presence/line/presence",
        &["", "detailedTelephonyState=true&sipData=true&aggregated=true"],
    ),
    ("A/extension/~/favorite/presence", &["", "detailedTelephonyState=true&sipData=true&aggregated=true"]),
    ("A/extension/~/presence/dnd", &[""]),
    ("A/extension/~/presence/line", &[""]),
    ("A/call-queues/400131090/presence", &[""]),
    ("A/extension/~", &[""]),
    ("A/extension", &[""]),
    ("A/extension/~/favorite", &[""]),
    ("A/extension/~/grant", &[""]),
    ("A/directory/entries", &[""]),
    ("A/directory/contacts", &[""]),
    ("A/device/800131001/emergency-address", &[""]),
    ("A/phone-number", &["usageType=ContactCenterNumber"]),
    ("/ai/ringsense/v1/public/accounts/~/domains/pbx/insights", &[""]),
    ("/ai/ringsense/v1/public/accounts/~/domains/ms-teams/insights", &[""]),
    ("/team-messaging/v1/posts", &[""]),
    ("/restapi/v1.0/glip/posts", &[""]),
    ("/team-messaging/v1/chats", &[""]),
    ("/team-messaging/v1/groups", &[""]),
    ("/restapi/v1.0/glip/groups", &[""]),
    ("/restapi/v1.0/glip/teams", &[""]),
    ("/restapi/v1.0/glip/webhooks", &[""]),
    ("/team-messaging/v1/webhooks", &[""]),
    ("A/extension/~/glip/groups", &[""]),
    ("A/extension/~/glip/posts", &[""]),
    ("A/extension/~/glip/teams", &[""]),
    ("/restapi/v1.0/team-messaging/v1/posts", &[""]),
    ("/webinar/configuration/v1/company/sessions", &["", "webinarId=w", "hostUserId=h"]),
    ("/webinar/runtime/v1/company/sessions/state", &["", "webinarId=w&hostUserId=h"]),
    ("/webinar/registration/v1/company/sessions/state", &["", "webinarId=w,v"]),
    ("/webinar/registration/v1/company/sessions/registrants", &["", "hostUserId=h,i"]),
    ("/restapi/v1.0/subscription/~", &["threshold=60&interval=15"]),
];

const CONFERENCE_EVENTS: [&str; 22] = [
    "conference_start",
    "conference_end",
    "start_recording",
    "stop_recording",
    "recording_ready",
    "start_streaming",
    "stop_streaming",
    "transcription_ready",
    "enter_livestream",
    "leave_livestream",
    "stream_preview_updated",
    "profile_picture_upload_success",
    "profile_picture_upload_failure",
    "enter_conference",
    "leave_conference",
    "dialout_status_change",
    "participant_role_changed",
    "start_broadcasting",
    "stop_broadcasting",
    "drive_file_added",
    "drive_file_deleted",
    "one_time_access_code_reused",
];

fn parse(door: Door, text: &str) -> Result<ParsedFilter, FilterError> {
    let caller = Caller { door, account: ACCOUNT, extension: Some(OWNER), base_url: "" };
    ParsedFilter::parse(&CATALOGUE, text, &caller)
}

#[test]
fn every_filter_of_the_contract_can_be_subscribed_to_with_its_parameters() {
    let mut known = std::collections::HashSet::new();
    for (path, queries) in CONTRACT {
        let path = match path.strip_prefix('A') {
            Some(rest) => format!("/restapi/v1.0/account/~{rest}"),
            None => (*path).to_owned(),
        };
        let door = if path.starts_with("/webinar/") { Door::Webinar } else { Door::Core };
        for query in *queries {
            let text = if query.is_empty() { path.clone() } else { format!("{path}?{query}") };
            let filter = parse(door, &text).unwrap_or_else(|error| panic!("{text}: {error}"));
            known.insert(filter.entry().unwrap());
            let names = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name);
            let entry = CATALOGUE.entry(filter.entry().unwrap());
            for name in names {
                assert!(entry.parameter(name).is_some(), "{text}: {name} is not known");
            }
        }
    }
    for name in CONFERENCE_EVENTS {
        known.insert(parse(Door::Conference, name).unwrap().entry().unwrap());
    }
    assert_eq!(known.len(), CATALOGUE.entries().count(), "an entry is not in the contract's tables");
}

#[test]
fn names_of_published_events_have_ids_and_no_query() {
    let resolved = CATALOGUE.resolve("/restapi/v1.0/account/7/extension/8/presence").unwrap();
    assert_eq!(CATALOGUE.entry(resolved.entry).name, "presence");
    assert_eq!((resolved.account, resolved.extension), (Some(AccountId(7)), Some(ExtensionId(8))));
    let conference = CATALOGUE.resolve("conference_start").unwrap();
    assert_eq!((conference.account, conference.extension), (None, None));
    assert_eq!(CATALOGUE.resolve("/team-messaging/v1/posts").unwrap().account, None);
    for (name, error) in [
        ("/restapi/v1.0/account/7/nothing", ResolveError::Unknown),
        ("/restapi/v1.0/account/7/presence/", ResolveError::Unknown),
        ("conference_paused", ResolveError::Unknown),
        ("*", ResolveError::Unknown),
        ("", ResolveError::Unknown),
        ("/ai/ringsense/v1/public/accounts/7/domains/fax/insights", ResolveError::Unknown),
        ("/restapi/v1.0/account/7/presence?sipData=true", ResolveError::Query),
        ("/restapi/v1.0/account/~/presence", ResolveError::Tilde),
        ("/restapi/v1.0/account/7/extension/~/presence", ResolveError::Tilde),
        ("/restapi/v1.0/account/07/presence", ResolveError::Id("07".into())),
        (
            "/restapi/v1.0/account/99999999999999999999/presence",
            ResolveError::Id("99999999999999999999".into()),
        ),
        ("/restapi/v1.0/subscription/~", ResolveError::OwnEvent),
    ] {
        assert_eq!(CATALOGUE.resolve(name).unwrap_err(), error, "{name}");
    }
}

#[test]
fn one_published_presence_is_seen_three_ways() {
    let (presence, entry) = CATALOGUE.named("presence").unwrap();
    let body = minify(entry.sample.to_string().as_bytes(), EVENT_BODY_BYTES).unwrap();
    let seen = |query: &str| -> serde_json::Value {
        let filter =
            parse(Door::Core, &format!("/restapi/v1.0/account/~/extension/~/presence{query}")).unwrap();
        serde_json::from_slice(&CATALOGUE.shape_body(presence, filter.shape(), &body)).unwrap()
    };
    let mut expected = entry.sample.clone();
    assert_eq!(seen("?sipData=true&aggregated=true"), expected);
    expected.as_object_mut().unwrap().shift_remove("aggregatedTelephonyStatus");
    assert_eq!(seen("?sipData=true"), expected);
    expected["activeCalls"][0].as_object_mut().unwrap().shift_remove("sipData");
    assert_eq!(seen("?detailedTelephonyState=true"), expected);
    for name in ["activeCalls", "totalActiveCalls"] {
        expected.as_object_mut().unwrap().shift_remove(name);
    }
    assert_eq!(seen(""), expected);
}

#[test]
fn the_filter_for_teams_hears_of_teams_only_and_of_all_that_is_published_by_any_path() {
    let filters =
        ["/restapi/v1.0/glip/teams", "/team-messaging/v1/chats"].map(|text| parse(Door::Core, text).unwrap());
    let index = index_of(&filters);
    let who = |name: &str, kind: &str| matches(&index, name, &serde_json::json!({"type": kind})).len();
    assert_eq!(who("/team-messaging/v1/chats", "Team"), 2);
    assert_eq!(who("/restapi/v1.0/glip/groups", "Group"), 1);
    assert_eq!(who("/restapi/v1.0/glip/teams", "Team"), 2);
}

/// One subscription for each filter, numbered from zero.
fn index_of(filters: &[ParsedFilter]) -> Index {
    let mut index = Index::default();
    for (filter, no) in filters.iter().zip(0..) {
        let subscriber = Subscriber { no: SubscriptionNo(no), account: ACCOUNT, owner: OWNER };
        index.insert(&CATALOGUE, subscriber, &[(FilterNo(no), filter.clone())]);
    }
    index
}

fn matches(index: &Index, name: &str, body: &serde_json::Value) -> Vec<Match> {
    let resolved = CATALOGUE.resolve(name).unwrap();
    let event = Event {
        uuid: uuid::Uuid::nil(),
        account: ACCOUNT,
        name: name.to_owned(),
        timestamp: WallTime(0),
        accepted_at: WallTime(0),
        body: Bytes::from(body.to_string()),
        recipients: CATALOGUE.entry(resolved.entry).members_only.then(|| vec![OWNER]),
    };
    let mut out = Vec::new();
    index.matches(&CATALOGUE, &resolved, &event, &mut out);
    out
}

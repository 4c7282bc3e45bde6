//! Conference events against seed 002 (contract.md §9), member by member: what is required, what is
//! optional, which values there are.

use serde_json::Value;

use super::*;

/// Beside host_id and company_id, which every event but one has.
const CONFERENCE: &[&str] = &["conference_id"];
const LEAVING: &[&str] = &["user_exit", "user_dropped", "host_kicked", "host_kicked_blocked"];
const ROLES: &[&str] = &["organizer", "moderator", "participant"];
const DIALOUT: &[&str] = &["new", "dialed", "answered", "rejected", "noanswer", "cancelled", "notenabled"];
/// The only ones that are no integers.
const TEXTS: &[&str] =
    &["download_link", "video_url", "image_url", "meeting_url", "phone_number", "filename"];

fn members(event: &str) -> &'static [&'static str] {
    match event {
        "recording_ready" => &["conference_id", "recording_id", "download_link"],
        "enter_livestream" => &["conference_id", "participant_id"],
        "leave_livestream" => &["conference_id", "participant_id", "reason_for_leaving"],
        "stream_preview_updated" => &["conference_id", "video_url"],
        "profile_picture_upload_success" | "profile_picture_upload_failure" => &[],
        "enter_conference" => &["conference_id", "participant_id", "participant_role", "meeting_url"],
        "leave_conference" => &["conference_id", "participant_id", "participant_role", "reason_for_leaving"],
        "dialout_status_change" => &["conference_id", "participant_id", "status", "phone_number"],
        "participant_role_changed" => &["conference_id", "participant_id", "participant_role"],
        "drive_file_added" => &["id", "filename", "size"],
        "drive_file_deleted" => &["id", "filename"],
        "one_time_access_code_reused" => &["conference_id", "original_conference_id"],
        _ => CONFERENCE,
    }
}

/// Not required: the sample of the seed has no company_id (D9), and image_url is optional by its words.
fn optional(event: &str) -> &'static [&'static str] {
    match event {
        "participant_role_changed" => &[],
        "stream_preview_updated" => &["company_id", "image_url"],
        _ => &["company_id"],
    }
}

fn legal(member: &str) -> Option<&'static [&'static str]> {
    match member {
        "reason_for_leaving" => Some(LEAVING),
        "participant_role" => Some(ROLES),
        "status" => Some(DIALOUT),
        _ => None,
    }
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names
}

#[test]
fn every_event_has_the_members_of_the_seed_required_or_optional_and_no_others() {
    for event in CONFERENCE_EVENTS {
        let schema = &CATALOGUE.named(event).unwrap().1.schema_source;
        let required = schema["required"].as_array().unwrap().iter().filter_map(Value::as_str);
        let wanted = ["host_id"].into_iter().chain(members(event).iter().copied());
        assert_eq!(sorted(required), sorted(wanted.clone()), "{event}");
        let all = schema["properties"].as_object().unwrap().keys().map(String::as_str);
        assert_eq!(sorted(all), sorted(wanted.chain(optional(event).iter().copied())), "{event}");
    }
}

#[test]
fn ids_are_integers_and_enumerations_have_exactly_the_values_of_the_seed() {
    for event in CONFERENCE_EVENTS {
        let schema = &CATALOGUE.named(event).unwrap().1.schema_source;
        for (name, member) in schema["properties"].as_object().unwrap() {
            if let Some(legal) = legal(name) {
                let have = member["enum"].as_array().unwrap().iter().filter_map(Value::as_str);
                assert_eq!(sorted(have), sorted(legal.iter().copied()), "{event}.{name}");
            } else {
                let kind = if TEXTS.contains(&name.as_str()) { "string" } else { "integer" };
                assert_eq!(member["type"], kind, "{event}.{name}");
            }
        }
    }
}

//! The events that an endpoint names, checked against the catalogue.

use hookswitch_core::catalogue::{Catalogue, EVERY_CONFERENCE_EVENT};
use hookswitch_core::filter::{Caller, ParsedFilter};
use hookswitch_core::id::AccountId;
use hookswitch_core::subscription::Door;

use crate::hookswitch::Wrong;

/// Of a wrong name, at most as much is shown.
const SHOWN_CHARS: usize = 100;

/// The names as filters, each once: names of conference events, or `*` alone.
pub(super) fn read(catalogue: &Catalogue, names: &[String]) -> Result<Vec<String>, Wrong> {
    if names.is_empty() {
        return Err(Wrong::new("events", "is empty; name events, or [\"*\"] for all"));
    }
    // Event names belong to nobody; only paths have ids to check.
    let caller = Caller { door: Door::Conference, account: AccountId(0), extension: None, base_url: "" };
    let mut texts: Vec<String> = Vec::new();
    for name in names {
        if ParsedFilter::parse(catalogue, name, &caller).is_err() {
            let shown: String = name.chars().take(SHOWN_CHARS).collect();
            let known = known(catalogue).join(", ");
            return Err(Wrong::new(
                "events",
                format!("has [{shown}], which is no conference event; there are {known}"),
            ));
        }
        if !texts.contains(name) {
            texts.push(name.clone());
        }
    }
    if texts.len() > 1 && texts.iter().any(|text| text == EVERY_CONFERENCE_EVENT) {
        return Err(Wrong::new("events", "has [*], which means all events, beside others"));
    }
    Ok(texts)
}

fn known(catalogue: &Catalogue) -> Vec<&str> {
    let behind = catalogue.entries().filter(|(_, entry)| entry.door == Door::Conference);
    behind
        .flat_map(|(_, entry)| entry.forms.iter().map(|form| catalogue.form(*form).pattern.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Result<Vec<String>, String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        read(&Catalogue::built_in(), &names).map_err(|wrong| wrong.why)
    }

    #[test]
    fn names_of_conference_events_or_the_star_alone() {
        assert_eq!(names(&["*"]).unwrap(), ["*"]);
        let some = names(&["conference_end", "enter_conference", "conference_end"]).unwrap();
        assert_eq!(some, ["conference_end", "enter_conference"]);
    }

    #[test]
    fn any_other_name_is_refused_with_those_that_there_are() {
        for (name, shown) in [
            ("conference_started", "[conference_started]"),
            ("conference_end?a=b", "[conference_end?a=b]"),
            ("", "[]"),
            ("/restapi/v1.0/account/~/presence", "[/restapi/v1.0/account/~/presence]"),
            (&"x".repeat(5000), &*format!("[{}]", "x".repeat(100))),
        ] {
            let why = names(&["conference_end", name]).unwrap_err();
            assert!(
                why.starts_with(&format!("has {shown}, which is no conference event; there are ")),
                "{why}"
            );
            assert!(why.contains("one_time_access_code_reused"), "{why}");
        }
        assert!(names(&[]).unwrap_err().starts_with("is empty"));
        assert!(names(&["*", "conference_end"]).unwrap_err().contains("[*]"));
    }
}

//! Every entry's sample: published by each of its paths, heard by its own filters and nobody else's; and
//! mutants of it, which must break its schema.

use serde_json::{Value, json};

use super::*;

/// A filter of the form with what it must have.
fn filter(form: FormNo) -> ParsedFilter {
    let of_form = CATALOGUE.form(form);
    let entry = CATALOGUE.entry(of_form.entry.unwrap());
    let mut text = CATALOGUE.sample_path(form, ACCOUNT, OWNER);
    let required = entry.parameters.iter().filter_map(|parameter| match &parameter.kind {
        ParameterKind::Constant { value, required: true } => Some(format!("{}={value}", parameter.name)),
        ParameterKind::Seconds => Some(format!("{}=60", parameter.name)),
        _ => None,
    });
    let query: Vec<String> = required.collect();
    if !query.is_empty() {
        text = format!("{text}?{}", query.join("&"));
    }
    parse(entry.door, &text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_sample_is_heard_by_its_own_filters_by_whichever_path_it_is_published_and_by_no_other() {
    let all: Vec<FormNo> = CATALOGUE.entries().flat_map(|(_, entry)| entry.forms.clone()).collect();
    let filters: Vec<ParsedFilter> = all.iter().map(|form| filter(*form)).collect();
    let index = index_of(&filters);
    for form in &all {
        let of_form = CATALOGUE.form(*form);
        if of_form.scope == Scope::Reminder {
            continue;
        }
        let entry = CATALOGUE.entry(of_form.entry.unwrap());
        let path = CATALOGUE.sample_path(*form, ACCOUNT, OWNER);
        let heard = matches(&index, &path, &entry.sample);
        let own: Vec<&str> = entry.forms.iter().map(|form| CATALOGUE.form(*form).pattern.as_str()).collect();
        let heard: Vec<&str> = heard
            .iter()
            .map(|found| {
                CATALOGUE.form(filters[usize::try_from(found.filter.0).unwrap()].form()).pattern.as_str()
            })
            .collect();
        assert_eq!(heard, own, "published as {path}");
    }
}

/// Every text, number and truth value in a sample, as a query would name it.
fn leaves(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|member| leaves(member, out)),
        Value::Array(elements) => elements.iter().for_each(|element| leaves(element, out)),
        Value::String(text) => out.push(text.clone()),
        Value::Null => {}
        other => out.push(other.to_string()),
    }
}

#[test]
fn a_refining_parameter_lets_the_sample_through_for_its_own_value_and_for_no_other() {
    let mut complaints = Vec::new();
    let mut tried = 0;
    for (_, entry) in CATALOGUE.entries() {
        for parameter in &entry.parameters {
            let ParameterKind::Refine(refine) = &parameter.kind else { continue };
            let mut candidates = refine.values.clone();
            if candidates.is_empty() {
                candidates.push("no such value".to_owned());
                leaves(&entry.sample, &mut candidates);
            }
            for form in &entry.forms {
                let heard =
                    candidates.iter().filter(|value| hears(entry, *form, &parameter.name, value)).count();
                if heard == 0 || heard == candidates.len() && heard > 1 {
                    complaints.push(format!(
                        "{}: {} of {} by {}",
                        entry.name,
                        heard,
                        candidates.len(),
                        parameter.name
                    ));
                }
                tried += 1;
            }
        }
    }
    assert!(complaints.is_empty(), "none or all of the values let the sample through: {complaints:#?}");
    assert!(tried > 25, "{tried}");
}

/// Whether the sample is for a filter of this form with this value of a parameter.
fn hears(entry: &Entry, form: FormNo, parameter: &str, value: &str) -> bool {
    let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
    let text = format!("{}?{parameter}={value}", filter(form).text());
    let refined = parse(entry.door, &text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let path = CATALOGUE.sample_path(form, ACCOUNT, OWNER);
    !matches(&index_of(&[refined]), &path, &entry.sample).is_empty()
}

#[test]
fn a_filter_is_echoed_as_the_path_of_the_event_it_asks_for() {
    for (_, entry) in CATALOGUE.entries() {
        for form in &entry.forms {
            let filter = filter(*form);
            let path = filter.text().split('?').next().unwrap_or_default();
            assert_eq!(path, CATALOGUE.sample_path(*form, ACCOUNT, OWNER));
        }
    }
}

/// Changes one place of a sample in a way that the schema beside it forbids, for each place there is.
fn mutants(schema: &Value, sample: &Value, at: &str, out: &mut Vec<(String, Value)>) {
    let pointer = |name: &str| format!("{at}/{name}");
    if let (Some(legal), false) = (schema.get("enum"), legal_is_open(schema)) {
        assert!(legal.as_array().is_some_and(|legal| legal.contains(sample)), "{at}");
        out.push((at.to_owned(), json!("none of the legal values")));
    }
    if schema.get("type").is_some() && !sample.is_null() {
        let of_wrong_type = if sample.is_array() { json!({"a": 1}) } else { json!([true]) };
        out.push((at.to_owned(), of_wrong_type));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        out.push((pointer(name), Value::Null));
    }
    for (name, of_member) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(member) = sample.get(name) {
            mutants(of_member, member, &pointer(name), out);
        }
    }
    if let (Some(items), Some(elements)) = (schema.get("items"), sample.as_array()) {
        for (index, element) in elements.iter().enumerate() {
            mutants(items, element, &pointer(&index.to_string()), out);
        }
    }
}

fn legal_is_open(schema: &Value) -> bool {
    schema["enum"]
        .as_array()
        .is_some_and(|legal| legal.iter().any(|value| value == "none of the legal values"))
}

/// The sample with another value at a place; null stands for taking the member out.
fn mutated(sample: &Value, at: &str, value: &Value) -> Value {
    let mut mutant = sample.clone();
    if value.is_null() {
        let (parent, name) = at.rsplit_once('/').unwrap();
        mutant.pointer_mut(parent).unwrap().as_object_mut().unwrap().shift_remove(name);
    } else {
        *mutant.pointer_mut(at).unwrap() = value.clone();
    }
    mutant
}

#[test]
fn every_mutant_of_a_sample_breaks_the_schema() {
    let mut tried = 0;
    for (_, entry) in CATALOGUE.entries() {
        entry.schema.check(&entry.sample).unwrap_or_else(|violation| panic!("{}: {violation}", entry.name));
        let mut all = Vec::new();
        mutants(&entry.schema_source, &entry.sample, "", &mut all);
        for (at, value) in &all {
            let mutant = mutated(&entry.sample, at, value);
            assert!(entry.schema.check(&mutant).is_err(), "{}: {at} may be {value}", entry.name);
        }
        assert!(all.len() > 1, "{} says nothing about its body", entry.name);
        tried += all.len();
    }
    assert!(tried > 700, "{tried}");
}

#[test]
fn unknown_members_and_the_other_documented_bodies_are_taken() {
    let check = |name: &str, body: Value| CATALOGUE.named(name).unwrap().1.schema.check(&body);
    for (_, entry) in CATALOGUE.entries() {
        let mut body = entry.sample.clone();
        body["somethingNew"] = json!({"a": [1]});
        assert_eq!(entry.schema.check(&body), Ok(()), "{}", entry.name);
    }
    // The sample of seed 002 has no company_id.
    assert_eq!(check("conference_end", json!({"conference_id": 1_258_835, "host_id": 61803})), Ok(()));
    assert!(check("conference_end", json!({"conference_id": "1258835", "host_id": 61803})).is_err());
    assert_eq!(check("extension.list", json!({"extensionId": "1", "eventType": "Delete"})), Ok(()));
    let queue = json!({"extensionId": "1", "callQueueId": "2", "acceptCalls": true});
    assert_eq!(check("call-queue.presence", queue), Ok(()));
    assert_eq!(check("team-messaging.posts", json!({"id": "1", "eventType": "PostRemoved"})), Ok(()));
    let live = json!({"accountId": 1, "extensionId": 2, "lastUpdated": "2023-01-01T00:00:00Z",
        "changes": [{"type": "SMS", "newMessageIds": [1]}]});
    assert_eq!(check("message-store", live), Ok(()));
}

#[test]
fn only_conference_events_are_refused_for_their_schema() {
    for (_, entry) in CATALOGUE.entries() {
        let is_conference = CONFERENCE_EVENTS.contains(&entry.name.as_str());
        assert_eq!(entry.on_violation == OnViolation::Reject, is_conference, "{}", entry.name);
    }
}

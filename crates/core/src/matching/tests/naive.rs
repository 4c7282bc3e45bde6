//! The comparison that the index must agree with: every filter with the event, by its text and with a
//! parsed body, sharing no code with the search.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::catalogue::{Catalogue, Entry, ParameterKind, Place, WhenAbsent};
use crate::event::Event;
use crate::filter::ParsedFilter;
use crate::id::FilterNo;
use crate::matching::{Match, Subscriber};

pub(super) fn matches(
    catalogue: &Catalogue,
    event: &Event,
    all: &[(Subscriber, Vec<(FilterNo, ParsedFilter)>)],
) -> Vec<Match> {
    let mut found = Vec::new();
    for (subscriber, filters) in all {
        let mut of_one: Option<(Match, usize)> = None;
        for (no, filter) in filters {
            if !fits(catalogue, event, subscriber, filter) {
                continue;
            }
            let count = shaping_parameters(catalogue, filter);
            let (best, richest) =
                of_one.get_or_insert((Match { subscription: subscriber.no, filter: *no, shape: 0 }, count));
            best.shape |= filter.shape();
            if count > *richest {
                (best.filter, *richest) = (*no, count);
            }
        }
        found.extend(of_one.map(|(found, _)| found));
    }
    found.sort_by_key(|found| found.subscription);
    found
}

fn shaping_parameters(catalogue: &Catalogue, filter: &ParsedFilter) -> usize {
    let Some(entry) = filter.entry() else { return 0 };
    let entry = catalogue.entry(entry);
    let is_shaping = |name: &str| {
        entry.parameter(name).is_some_and(|parameter| matches!(parameter.kind, ParameterKind::Shape(_)))
    };
    query(filter.text()).iter().filter(|(name, value)| is_shaping(name) && value == "true").count()
}

fn query(text: &str) -> Vec<(String, String)> {
    let query = text.split_once('?').map_or("", |(_, query)| query).replace("%2C", ",").replace("%2B", "+");
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The values of a pattern's variables in a path that has its form.
fn variables(pattern: &str, path: &str) -> BTreeMap<String, String> {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let pairs = pattern.split('/').zip(path.split('/'));
    let named = pairs.filter_map(|(name, value)| Some((name.strip_prefix('{')?.strip_suffix('}')?, value)));
    named.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn fits(catalogue: &Catalogue, event: &Event, subscriber: &Subscriber, filter: &ParsedFilter) -> bool {
    let resolved = catalogue.resolve(&event.name).unwrap();
    let entry = catalogue.entry(resolved.entry);
    let in_path = variables(&catalogue.form(resolved.form).pattern, &event.name);
    let is_of_type = match filter.entry() {
        Some(of_filter) => of_filter == resolved.entry,
        None => !event.name.starts_with('/'),
    };
    let names_owner = in_path.get("extensionId").is_some_and(|id| *id == subscriber.owner.to_string());
    let is_recipient = match &event.recipients {
        Some(recipients) => recipients.contains(&subscriber.owner),
        None => !entry.members_only || names_owner,
    };
    if !is_of_type || subscriber.account != event.account || !is_recipient {
        return false;
    }
    let body: Value = serde_json::from_slice(&event.body).unwrap();
    let asked = variables(&catalogue.form(filter.form()).pattern, filter.text());
    let ids_fit = asked.iter().filter(|(name, _)| *name != "accountId").all(|(name, value)| {
        let of_event = match in_path.get(name) {
            Some(id) => vec![id.clone()],
            None if entry.members_only => vec![subscriber.owner.to_string()],
            None => {
                let variable = entry.variables.iter().find(|variable| variable.name == *name);
                let places = variable.map(|variable| variable.places.as_slice()).unwrap_or_default();
                first_present(places, &body, &in_path).unwrap_or_default()
            }
        };
        of_event.contains(value)
    });
    ids_fit && parameters_fit(entry, filter, &body, &in_path)
}

fn parameters_fit(
    entry: &Entry,
    filter: &ParsedFilter,
    body: &Value,
    in_path: &BTreeMap<String, String>,
) -> bool {
    let mut asked: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in query(filter.text()) {
        asked.entry(name).or_default().extend(value.split(',').map(str::to_owned));
    }
    asked.iter().all(|(name, values)| {
        let Some(parameter) = entry.parameter(name) else { return true };
        let ParameterKind::Refine(refine) = &parameter.kind else { return true };
        let plain = |value: &String| if value == "mail" { "post".to_owned() } else { value.clone() };
        match first_present(&refine.places, body, in_path) {
            Some(present) => present.iter().any(|one| values.iter().any(|asked| plain(asked) == plain(one))),
            None => refine.when_absent == WhenAbsent::Matches,
        }
    })
}

fn first_present(places: &[Place], body: &Value, in_path: &BTreeMap<String, String>) -> Option<Vec<String>> {
    places.iter().find_map(|place| match place {
        Place::Variable(name) => in_path.get(name).map(|value| vec![value.clone()]),
        Place::Exists(pointer) => Some(vec![at(body, &pointer.to_string()).is_some().to_string()]),
        Place::Body(pointer) => at(body, &pointer.to_string()).and_then(|values| scalars(&values)),
        Place::Any(pointers) => {
            let all: Vec<Vec<String>> = pointers
                .iter()
                .filter_map(|pointer| at(body, &pointer.to_string()).and_then(|values| scalars(&values)))
                .collect();
            (!all.is_empty()).then(|| all.concat())
        }
    })
}

/// What stands at a pointer, nulls left out; `None` if nothing does.
fn at(body: &Value, pointer: &str) -> Option<Vec<Value>> {
    let mut values = vec![body.clone()];
    for step in pointer.split('/').skip(1) {
        values = values
            .iter()
            .flat_map(|value| match (step, value) {
                ("*", Value::Array(elements)) => elements.clone(),
                ("*", _) => Vec::new(),
                (name, value) => value.get(name).cloned().into_iter().collect(),
            })
            .collect();
    }
    values.retain(|value| !value.is_null());
    (!values.is_empty()).then_some(values)
}

/// Scalars as text, those of arrays too. `None` if there is neither a scalar nor an array.
fn scalars(values: &[Value]) -> Option<Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    };
    let mut all = Vec::new();
    let mut present = false;
    for value in values {
        if let Value::Array(elements) = value {
            present = true;
            all.extend(elements.iter().filter_map(text));
        } else if let Some(text) = text(value) {
            present = true;
            all.push(text);
        }
    }
    present.then_some(all)
}

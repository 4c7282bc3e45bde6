//! Samples made one's own: the sample of an event type with the ids of a real account in place of the
//! sample's, and with members of the caller's choice.
//!
//! In every sample, ours and an operator's, the account is 400131, the user it is about 400131001 and the
//! company 10014. A place is written with dots, `parties.0.status.code`, or as a JSON pointer.

use serde_json::{Map, Value};

use crate::catalogue::entry::Entry;
use crate::id::{AccountId, ExtensionId};

pub const SAMPLE_ACCOUNT: AccountId = AccountId(400_131);
pub const SAMPLE_EXTENSION: ExtensionId = ExtensionId(400_131_001);
const COMPANY: &str = "company_id";
/// How deep a place may lie, and how far an array may grow.
const STEPS: usize = 32;
const ELEMENTS: usize = 1_000;

/// Whom a sample shall be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protagonist {
    pub account: AccountId,
    pub extension: ExtensionId,
    pub company: u64,
}

/// Why a member cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key:?}: {reason}")]
pub struct SetError {
    pub key: String,
    pub reason: &'static str,
}

impl Entry {
    pub fn sample_about(&self, who: Protagonist) -> Value {
        let mut sample = self.sample.clone();
        put_in(&mut sample, who);
        sample
    }
}

/// The recursion is as deep as the sample, which a catalogue file has written down.
fn put_in(value: &mut Value, who: Protagonist) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if name == COMPANY && member.is_u64() {
                    *member = who.company.into();
                } else {
                    put_in(member, who);
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| put_in(element, who)),
        Value::String(text) => {
            if let Some(id) = text.parse().ok().and_then(|id| real(id, who)) {
                *text = id.to_string();
            }
        }
        Value::Number(number) => {
            if let Some(id) = number.as_u64().and_then(|id| real(id, who)) {
                *value = id.into();
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn real(id: u64, who: Protagonist) -> Option<u64> {
    match id {
        id if id == SAMPLE_ACCOUNT.0 => Some(who.account.0),
        id if id == SAMPLE_EXTENSION.0 => Some(who.extension.0),
        _ => None,
    }
}

/// What stands at a place, if anything does.
pub fn at<'v>(body: &'v Value, key: &str) -> Option<&'v Value> {
    steps(key).ok()?.iter().try_fold(body, |value, step| match value {
        Value::Object(members) => members.get(step),
        Value::Array(elements) => elements.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Puts a value at a place. Objects on the way are made; an array grows by an element at its end.
pub fn set(body: &mut Value, key: &str, value: Value) -> Result<(), SetError> {
    let wrong = |reason| SetError { key: key.to_owned(), reason };
    let mut place = body;
    for step in steps(key).map_err(wrong)? {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        place = match place {
            Value::Object(members) => members.entry(step).or_insert(Value::Null),
            Value::Array(elements) => {
                let index = step.parse::<usize>().map_err(|_| wrong("an array has numbered elements"))?;
                if index > elements.len() || index >= ELEMENTS {
                    return Err(wrong("an array grows by one element at its end only"));
                }
                if index == elements.len() {
                    elements.push(Value::Null);
                }
                &mut elements[index]
            }
            _ => return Err(wrong("what stands there has no members")),
        };
    }
    *place = value;
    Ok(())
}

fn steps(key: &str) -> Result<Vec<String>, &'static str> {
    let steps: Vec<String> = match key.strip_prefix('/') {
        Some(rest) => rest.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect(),
        None => key.split('.').map(str::to_owned).collect(),
    };
    match steps.len() {
        _ if key.is_empty() => Err("names nothing"),
        count if count > STEPS => Err("lies too deep"),
        _ => Ok(steps),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue::Catalogue;

    const WHO: Protagonist = Protagonist { account: AccountId(7), extension: ExtensionId(8), company: 9 };

    #[test]
    fn every_sample_about_somebody_else_fits_its_schema_and_names_nobody_of_the_sample() {
        for (_, entry) in Catalogue::built_in().entries() {
            let sample = entry.sample_about(WHO);
            assert_eq!(entry.schema.check(&sample), Ok(()), "{}", entry.name);
            let text = sample.to_string();
            for id in ["\"400131\"", "\"400131001\"", ":400131,", ":400131001,", "\"company_id\":10014"] {
                assert!(!text.contains(id), "{}: {id} in {text}", entry.name);
            }
        }
    }

    #[test]
    fn ids_are_put_in_as_they_were_written() {
        let mut sample =
            json!({"a": "400131", "b": [400_131_001, "400131001", "400131002"], "company_id": 10014});
        put_in(&mut sample, WHO);
        assert_eq!(sample, json!({"a": "7", "b": [8, "8", "400131002"], "company_id": 9}));
    }

    #[test]
    fn a_member_is_set_by_its_place_in_either_spelling() {
        let mut body = json!({"parties": [{"status": {"code": "Setup"}}], "n": null, "a/b": 1});
        for (key, value) in [
            ("parties.0.status.code", json!("Answered")),
            ("/parties/1/id", json!("p-2")),
            ("n.deep.er", json!(5)),
            ("/a~1b", json!(2)),
            ("new", json!(["x"])),
        ] {
            set(&mut body, key, value.clone()).unwrap();
            assert_eq!(at(&body, key), Some(&value), "{key}");
        }
        assert_eq!(
            body,
            json!({"parties": [{"status": {"code": "Answered"}}, {"id": "p-2"}], "n": {"deep": {"er": 5}},
                "a/b": 2, "new": ["x"]})
        );
        assert_eq!(at(&body, "parties.7"), None);
        assert_eq!(at(&body, "new.0.x"), None);
    }

    #[test]
    fn a_place_that_cannot_be_is_refused_and_named() {
        let deep = vec!["a"; 33].join(".");
        for (key, words) in [
            ("", "\"\": names nothing"),
            ("n.x", "\"n.x\": what stands there has no members"),
            ("list.x", "\"list.x\": an array has numbered elements"),
            ("list.2", "\"list.2\": an array grows by one element at its end only"),
            (deep.as_str(), "lies too deep"),
        ] {
            let mut body = json!({"n": 5, "list": [1]});
            let error = set(&mut body, key, json!(1)).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}

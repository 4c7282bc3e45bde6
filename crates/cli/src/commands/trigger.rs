//! `hookswitch trigger NAME`: publishes the sample of an event type.

use bytes::Bytes;
use hookswitch_core::catalogue::sample;
use http::Method;
use serde_json::{Map, Value, json};

use super::{records, segment};
use crate::arguments::Trigger;
use crate::connection::{Api, Role, Variables};
use crate::failure::Failure;
use crate::output;

const EVENT_TYPES: &str = "/hookswitch/v1/event-types";

pub async fn run(options: &Trigger) -> Result<(), Failure> {
    let api = Api::new(&options.connect, Role::Publisher)?;
    let variables = Variables::of(&options.connect)?;
    let mut types = api.get(EVENT_TYPES).await?.json()?;
    let known = records(&mut types)?.into_iter().find(|one| one["name"] == options.name.as_str());
    let known =
        known.ok_or_else(|| Failure::Failed(format!("there is no event type named {}", options.name)))?;
    let set: Map<String, Value> = options
        .settings
        .iter()
        .map(|(key, text)| (key.clone(), value(&known["sample"], key, text)))
        .collect();
    let mut request = json!({ "set": set });
    for (name, flag, variable) in [
        ("accountId", &options.account, "RC_ACCOUNT_ID"),
        ("extensionId", &options.extension, "RC_EXTENSION_ID"),
    ] {
        // Somebody else's account has other extensions than the one of the environment.
        let default = || options.account.is_none().then(|| variables.get(variable)).flatten();
        if let Some(id) = flag.clone().or_else(default) {
            request[name] = id.into();
        }
    }
    if !options.recipients.is_empty() {
        request["recipients"] = options.recipients.clone().into();
    }
    let path = format!("{EVENT_TYPES}/{}/trigger", segment(&options.name));
    let body = Some(("application/json", Bytes::from(request.to_string())));
    let answer = api.call(Method::POST, &path, body).await?.success()?.json()?;
    if options.connect.json {
        return output::json_lines([&answer]);
    }
    let uuid = answer["events"][0]["uuid"].as_str().unwrap_or_default();
    output::line(&format!("{uuid}  {}", answer["event"].as_str().unwrap_or_default()))?;
    match answer["violations"][0]["reason"].as_str() {
        Some(violation) => output::line(&format!("the body breaks its schema: {violation}")),
        None => Ok(()),
    }
}

/// What was written, as JSON; a number or a word stays text where the sample has text.
fn value(sample: &Value, key: &str, text: &str) -> Value {
    let stands_text = sample::at(sample, key).is_some_and(Value::is_string);
    match serde_json::from_str(text) {
        Ok(Value::Number(_) | Value::Bool(_)) if stands_text => text.into(),
        Ok(value) => value,
        Err(_) => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_json_unless_the_sample_has_text_there() {
        let sample = json!({ "sequence": 4, "id": "7", "parties": [{ "muted": false }], "mentions": null });
        for (key, text, expected) in [
            ("sequence", "5", json!(5)),
            ("id", "8", json!("8")),
            ("id", "true", json!("true")),
            ("id", "null", json!(null)),
            ("id", "\"8\"", json!("8")),
            ("parties.0.muted", "true", json!(true)),
            ("parties", "[]", json!([])),
            ("new", "+1650", json!("+1650")),
            ("new", "a=b", json!("a=b")),
            ("mentions", "{\"a\":1}", json!({ "a": 1 })),
        ] {
            assert_eq!(value(&sample, key, text), expected, "{key}={text}");
        }
    }
}

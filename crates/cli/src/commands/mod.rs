//! The client commands, a file each: ask the HTTP API, print what it says.

pub mod deliveries;
pub mod event_types;
pub mod events;
pub mod openapi;
pub mod publish;
pub mod subscriptions;

use serde_json::Value;

use crate::failure::Failure;
use crate::http_client::Answer;

/// The `records` of a list answer.
fn records(answer: &Answer) -> Result<Vec<Value>, Failure> {
    match answer.json()?["records"].take() {
        Value::Array(records) => Ok(records),
        _ => Err(Failure::Failed("the server's answer has no records".to_owned())),
    }
}

/// A path segment as it may stand in a URL.
fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

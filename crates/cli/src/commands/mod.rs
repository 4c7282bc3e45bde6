//! The client commands, a file each: ask the HTTP API, print what it says. (`init`, which prepares a data
//! folder, is here too.)

pub mod account;
pub mod app;
pub mod audit;
pub mod deliveries;
pub mod doctor;
pub mod event_types;
pub mod events;
pub mod extension;
pub mod init;
pub mod openapi;
pub mod publish;
mod resource;
pub mod subscriptions;
pub mod token;
pub mod trigger;
pub mod usage;

use serde_json::Value;
use url::form_urlencoded::Serializer;

use crate::connection::Api;
use crate::failure::Failure;

/// Records of a list, page after page, at most so many.
async fn listed(
    api: &Api,
    path: &str,
    query: &[(&str, &str)],
    page: usize,
    most: usize,
) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    while found.len() < most {
        let limit = page.min(most - found.len()).to_string();
        let more = cursor.as_deref().map(|cursor| ("cursor", cursor));
        let pairs = query.iter().copied().chain(more).chain([("limit", limit.as_str())]);
        let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
        let mut answer = api.get(&format!("{path}?{query}")).await?.json()?;
        found.extend(records(&mut answer)?);
        cursor = answer["cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    Ok(found)
}

/// The `records` of a list answer.
fn records(answer: &mut Value) -> Result<Vec<Value>, Failure> {
    match answer["records"].take() {
        Value::Array(records) => Ok(records),
        _ => Err(Failure::Failed("the server's answer has no records".to_owned())),
    }
}

/// A path segment as it may stand in a URL.
fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

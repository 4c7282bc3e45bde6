//! `hookswitch events`: which events there are, for people; `hookswitch events UUID…`: what was accepted, and
//! for whom.

use serde_json::Value;

use super::{records, segment};
use crate::arguments::Events;
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::output::{self, member};

pub async fn run(options: &Events) -> Result<(), Failure> {
    if options.uuids.is_empty() {
        return catalogue(options).await;
    }
    let api = Api::new(&options.connect, Role::Admin)?;
    for uuid in &options.uuids {
        let event: Value = api.get(&format!("/hookswitch/v1/events/{}", segment(uuid))).await?.json()?;
        if options.connect.json {
            output::json_lines([&event])?;
        } else {
            output::indented(&event)?;
        }
    }
    Ok(())
}

/// Each event type with when it comes, and below it the filters that one writes to hear of it.
async fn catalogue(options: &Events) -> Result<(), Failure> {
    let api = Api::new(&options.connect, Role::Publisher)?;
    let found = records(&mut api.get("/hookswitch/v1/event-types").await?.json()?)?;
    if options.connect.json {
        return output::json_lines(&found);
    }
    for record in &found {
        output::line(&format!("{}: {}", member(record, "name"), member(record, "summary")))?;
        for pattern in record["patterns"].as_array().into_iter().flatten() {
            let filter = member(pattern, "path").replace("{accountId}", "~").replace("{extensionId}", "~");
            output::line(&format!("    {filter}{}", query(record)))?;
        }
    }
    Ok(())
}

/// The parameters that a filter may have, as one writes them.
fn query(record: &Value) -> String {
    let written = |parameter: &Value| {
        let values = parameter["values"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let values = values.collect::<Vec<_>>().join("|");
        let values = if values.is_empty() { "…".to_owned() } else { values };
        format!("{}={values}", member(parameter, "name"))
    };
    let parameters = record["parameters"].as_array().into_iter().flatten().map(written);
    let query = parameters.collect::<Vec<_>>().join("&");
    if query.is_empty() { query } else { format!("?{query}") }
}

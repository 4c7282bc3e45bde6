//! `hookswitch event-types`: what can be subscribed to and published.

use serde_json::Value;

use super::records;
use crate::arguments::EventTypes;
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::output::{self, member};

pub async fn run(options: &EventTypes) -> Result<(), Failure> {
    let api = Api::new(&options.connect, Role::Publisher)?;
    let mut found = records(&mut api.get("/hookswitch/v1/event-types").await?.json()?)?;
    if let Some(name) = &options.name {
        found.retain(|record| record["name"] == name.as_str());
        let Some(one) = found.first() else {
            return Err(Failure::Failed(format!("there is no event type named {name}")));
        };
        return if options.connect.json { output::json_lines([one]) } else { output::indented(one) };
    }
    if options.connect.json {
        return output::json_lines(&found);
    }
    found.iter().try_for_each(listed)
}

/// The name, below it one pattern a line, then the parameters: in columns they would be too wide to read.
fn listed(record: &Value) -> Result<(), Failure> {
    output::line(&member(record, "name"))?;
    for pattern in record["patterns"].as_array().into_iter().flatten() {
        output::line(&format!("    {}", member(pattern, "path")))?;
    }
    let parameters = record["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    if parameters.is_empty() {
        return Ok(());
    }
    let names = parameters.iter().map(|parameter| format!("?{} ", member(parameter, "name")));
    output::wrapped("    ", names, "    ")
}

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
        let name = format!("{}: ", member(record, "name"));
        output::wrapped(&name, output::words(&member(record, "summary")), "  ")?;
        let query = query(record);
        for pattern in record["patterns"].as_array().into_iter().flatten() {
            let filter = member(pattern, "path").replace("{accountId}", "~").replace("{extensionId}", "~");
            let whole = format!("    {filter}{}", query.concat());
            if whole.chars().count() <= output::WIDTH {
                output::line(&whole)?;
            } else {
                output::line(&format!("    {filter}"))?;
                output::wrapped("        ", query.clone(), "        ")?;
            }
        }
    }
    Ok(())
}

/// The parameters that a filter may have, as one writes them, in the pieces between which a line may end.
fn query(record: &Value) -> Vec<String> {
    let written = |(index, parameter): (usize, &Value)| {
        let values = parameter["values"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let values = values.collect::<Vec<_>>().join("|");
        let values = if values.is_empty() { "…".to_owned() } else { values };
        let mark = if index == 0 { '?' } else { '&' };
        let text = format!("{mark}{}={values}", member(parameter, "name"));
        // Only a list that fits no line is broken itself.
        let is_long = text.chars().count() > output::WIDTH - 8;
        let pieces: Vec<String> =
            if is_long { text.split_inclusive('|').map(str::to_owned).collect() } else { vec![text] };
        pieces
    };
    record["parameters"].as_array().into_iter().flatten().enumerate().flat_map(written).collect()
}

//! `hookswitch event-types`: what can be subscribed to and published.

use serde_json::Value;

use super::records;
use crate::arguments::EventTypes;
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::output::{self, Column, member};

const COLUMNS: &[Column] = &[
    Column("NAME", |record| member(record, "name")),
    Column("PATTERN", pattern),
    Column("PARAMETERS", parameters),
];

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
    if options.connect.json { output::json_lines(&found) } else { output::table(COLUMNS, &found) }
}

fn pattern(record: &Value) -> String {
    let paths = record["patterns"].as_array().into_iter().flatten().map(|pattern| member(pattern, "path"));
    paths.collect::<Vec<_>>().join(" ")
}

fn parameters(record: &Value) -> String {
    let names =
        record["parameters"].as_array().into_iter().flatten().map(|parameter| member(parameter, "name"));
    names.collect::<Vec<_>>().join(" ")
}

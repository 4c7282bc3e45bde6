//! `hookswitch subscriptions [ID]`: who is subscribed to what.

use serde_json::Value;

use super::listed;
use crate::arguments::Subscriptions;
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::output::{self, Column, member};

/// The most the server gives in one answer.
const PAGE: usize = 200;

const COLUMNS: &[Column] = &[
    Column("ID", |record| member(record, "id")),
    Column("STATUS", |record| member(record, "status")),
    Column("TRANSPORT", |record| member(&record["deliveryMode"], "transportType")),
    Column("FILTERS", |record| record["eventFilters"].as_array().map_or(0, Vec::len).to_string()),
    Column("EXPIRES", |record| member(record, "expirationTime")),
    Column("ADDRESS", |record| member(&record["deliveryMode"], "address")),
];

pub async fn run(options: &Subscriptions) -> Result<(), Failure> {
    let api = Api::new(&options.connect, Role::Admin)?;
    let found = listed(&api, "/hookswitch/v1/subscriptions", &[], PAGE, usize::MAX).await?;
    let Some(id) = &options.id else {
        return if options.connect.json {
            output::json_lines(&found)
        } else {
            output::table(COLUMNS, &found)
        };
    };
    let one: Option<&Value> = found.iter().find(|record| record["id"] == id.as_str());
    let one = one.ok_or_else(|| Failure::Failed(format!("there is no subscription {id}")))?;
    if options.connect.json { output::json_lines([one]) } else { output::indented(one) }
}

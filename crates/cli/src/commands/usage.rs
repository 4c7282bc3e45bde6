//! `hookswitch usage`: what accounts used, day by day.

use super::listed;
use crate::arguments::provisioning::Usage;
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::output::{self, Column, member};

/// The most that the server gives in one answer.
const PAGE: usize = 1000;

const COLUMNS: &[Column] = &[
    Column("DAY", |record| member(record, "date")),
    Column("ACCOUNT", |record| member(record, "accountId")),
    Column("EVENTS", |record| member(record, "events")),
    Column("DELIVERIES", |record| member(record, "deliveries")),
    Column("BYTES", |record| member(record, "bytes")),
];

pub async fn run(options: &Usage) -> Result<(), Failure> {
    let api = Api::new(&options.connect, Role::Admin)?;
    let given = [
        ("accountId", options.account.as_deref()),
        ("from", options.from.as_deref()),
        ("to", options.to.as_deref()),
    ];
    let query: Vec<_> = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let found = listed(&api, "/hookswitch/v1/usage", &query, PAGE, usize::MAX).await?;
    if options.connect.json { output::json_lines(&found) } else { output::table(COLUMNS, &found) }
}

//! `hookswitch deliveries [ID]`: what was sent, what came of it, and what still waits.

use clap::ValueEnum as _;
use serde_json::Value;

use super::{listed, segment};
use crate::arguments::Deliveries;
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::output::{self, Column, member};

/// The most the server gives in one answer.
const PAGE: usize = 1000;

const COLUMNS: &[Column] = &[
    Column("ID", |record| member(record, "id")),
    Column("ACCEPTED", |record| member(record, "acceptedAt")),
    Column("STATUS", |record| member(record, "status")),
    Column("ATTEMPTS", |record| member(record, "attemptCount")),
    Column("SUBSCRIPTION", |record| member(record, "subscriptionId")),
    Column("EVENT", |record| member(record, "event")),
    Column("NOTE", note),
];

const ATTEMPTS: &[Column] = &[
    Column("ATTEMPT", |record| member(record, "number")),
    Column("TIME", |record| member(record, "time")),
    Column("TRIGGER", |record| member(record, "trigger")),
    Column("STATUS", |record| member(record, "statusCode")),
    Column("MS", |record| member(record, "latencyMs")),
    Column("ERROR", |record| member(record, "error")),
];

pub async fn run(options: &Deliveries) -> Result<(), Failure> {
    let api = Api::new(&options.connect, Role::Admin)?;
    match &options.id {
        Some(id) => one(&api, id, options.connect.json).await,
        None => list(&api, options).await,
    }
}

async fn one(api: &Api, id: &str, json: bool) -> Result<(), Failure> {
    let delivery = api.get(&format!("/hookswitch/v1/deliveries/{}", segment(id))).await?.json()?;
    if json {
        return output::json_lines([&delivery]);
    }
    output::table(COLUMNS, std::slice::from_ref(&delivery))?;
    output::line("")?;
    output::table(ATTEMPTS, delivery["attempts"].as_array().map_or(&[], Vec::as_slice))
}

async fn list(api: &Api, options: &Deliveries) -> Result<(), Failure> {
    let status = options.status.and_then(|status| status.to_possible_value());
    let given = [
        ("subscriptionId", options.subscription.as_deref()),
        ("status", status.as_ref().map(|status| status.get_name())),
        ("event", options.event.as_deref()),
        ("from", options.from.as_deref()),
        ("to", options.to.as_deref()),
    ];
    let query: Vec<_> = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let found = listed(api, "/hookswitch/v1/deliveries", &query, PAGE, options.limit as usize).await?;
    if options.connect.json { output::json_lines(&found) } else { output::table(COLUMNS, &found) }
}

/// Why it ended or what it waits for.
fn note(record: &Value) -> String {
    let next = member(record, "nextAttemptAt");
    let mut words = vec![member(record, "reason"), member(&record["lastAttempt"], "error")];
    if !next.is_empty() {
        words.push(format!("next {next}"));
    }
    words.retain(|word| !word.is_empty());
    words.join("; ")
}

//! `hookswitch audit`: what operators changed, newest first.

use super::listed;
use crate::arguments::provisioning::Audit;
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::output::{self, Column, member};

/// The most that the server gives in one answer.
const PAGE: usize = 1000;

const COLUMNS: &[Column] = &[
    Column("TIME", |record| member(record, "time")),
    Column("ACTION", |record| member(record, "action")),
    Column("TARGET", |record| member(record, "target")),
    Column("TOKEN", |record| member(record, "tokenId")),
    Column("BY", |record| member(record, "actor")),
];

pub async fn run(options: &Audit) -> Result<(), Failure> {
    let api = Api::new(&options.connect, Role::Admin)?;
    let account = options.account.as_deref().map(|account| ("accountId", account));
    let query: Vec<_> = account.into_iter().collect();
    let found = listed(&api, "/hookswitch/v1/audit", &query, PAGE, options.limit as usize).await?;
    if options.connect.json { output::json_lines(&found) } else { output::table(COLUMNS, &found) }
}

//! `hookswitch account`: the customers of the platform.

use super::resource::{Members, Resource};
use crate::arguments::provisioning::{Account, AccountAction, AccountMembers};
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::output::{Column, member};

const COLUMNS: &[Column] = &[
    Column("ID", |record| member(record, "id")),
    Column("STATUS", |record| member(record, "status")),
    Column("COMPANY", |record| member(record, "companyId")),
    Column("NUMBER", |record| member(record, "mainNumber")),
    Column("NAME", |record| member(record, "name")),
];

pub async fn run(options: &Account) -> Result<(), Failure> {
    let api = Api::new(&options.connect, Role::Admin)?;
    let path = "/hookswitch/v1/accounts".to_owned();
    let accounts = Resource { api: &api, json: options.connect.json, path, columns: COLUMNS };
    match &options.action {
        AccountAction::List => accounts.list().await,
        AccountAction::Show { id } => accounts.show(id).await,
        AccountAction::Create { id, members } => accounts.create(body(members).with("id", id.clone())).await,
        AccountAction::Update { id, members } => accounts.update(id, body(members)).await,
        AccountAction::Delete { id } => accounts.delete(id).await,
    }
}

fn body(members: &AccountMembers) -> Members {
    let quotas = Members::default()
        .with("eventsPerDay", members.events_per_day)
        .with("deliveriesPerDay", members.deliveries_per_day)
        .with("bytesPerDay", members.bytes_per_day);
    Members::default()
        .with("name", members.name.clone())
        .with("mainNumber", members.main_number.clone())
        .with("status", members.status.clone())
        .with("companyId", members.company.clone())
        .with("operatorId", members.operator.clone())
        .with_object("quotas", quotas)
}

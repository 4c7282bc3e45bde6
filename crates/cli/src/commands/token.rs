//! `hookswitch token`: tokens of operators and publishers.

use super::resource::{Members, Resource};
use crate::arguments::provisioning::{Token, TokenAction};
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::output::{Column, member};

const COLUMNS: &[Column] = &[
    Column("ID", |record| member(record, "id")),
    Column("KIND", |record| member(record, "kind")),
    Column("ACCOUNT", |record| member(record, "accountId")),
    Column("MADE", |record| member(record, "creationTime")),
    Column("NAME", |record| member(record, "name")),
];

pub async fn run(options: &Token) -> Result<(), Failure> {
    let api = Api::new(&options.connect, Role::Admin)?;
    let path = "/hookswitch/v1/tokens".to_owned();
    let tokens = Resource { api: &api, json: options.connect.json, path, columns: COLUMNS };
    match &options.action {
        TokenAction::List => tokens.list().await,
        TokenAction::Show { id } => tokens.show(id).await,
        TokenAction::Create { admin, publish: _, account, name } => {
            let new = Members::default()
                .with("kind", Some(if *admin { "admin" } else { "publish" }))
                .with("accountId", account.clone())
                .with("name", name.clone());
            tokens.create(new).await
        }
        TokenAction::Update { id, name } => {
            tokens.update(id, Members::default().with("name", Some(name.as_str()))).await
        }
        TokenAction::Delete { id } => tokens.delete(id).await,
    }
}

//! `hookswitch app`: registered client applications.

use super::resource::{Members, Resource};
use crate::arguments::provisioning::{App, AppAction, AppMembers};
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::output::{Column, member};

const COLUMNS: &[Column] = &[
    Column("ID", |record| member(record, "id")),
    Column("CLIENT ID", |record| member(record, "clientId")),
    Column("PUBLIC", |record| member(record, "public")),
    Column("NAME", |record| member(record, "name")),
];

pub async fn run(options: &App) -> Result<(), Failure> {
    let api = Api::new(&options.connect, Role::Admin)?;
    let path = "/hookswitch/v1/apps".to_owned();
    let apps = Resource { api: &api, json: options.connect.json, path, columns: COLUMNS };
    match &options.action {
        AppAction::List => apps.list().await,
        AppAction::Show { id } => apps.show(id).await,
        AppAction::Create { client_id, public, members } => {
            let new =
                body(members).with("clientId", client_id.clone()).with("public", public.then_some(true));
            apps.create(new).await
        }
        AppAction::Update { id, members } => apps.update(id, body(members)).await,
        AppAction::Delete { id } => apps.delete(id).await,
    }
}

fn body(members: &AppMembers) -> Members {
    Members::default()
        .with("name", members.name.clone())
        .with_list("scopes", &members.scopes)
        .with_list("grants", &members.grants)
        .with_list("redirectUris", &members.redirect_uris)
}

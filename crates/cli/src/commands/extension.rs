//! `hookswitch extension`: the users and other extensions of an account, one by one or many at once.

use std::io::{BufRead as _, Read as _};
use std::path::Path;

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::resource::{Members, Resource};
use super::segment;
use crate::arguments::provisioning::{Extension, ExtensionAction, ExtensionMembers};
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::output::{self, Column, member};

const COLUMNS: &[Column] = &[
    Column("ID", |record| member(record, "id")),
    Column("NUMBER", |record| member(record, "extensionNumber")),
    Column("TYPE", |record| member(record, "type")),
    Column("STATUS", |record| member(record, "status")),
    Column("ADMIN", |record| member(record, "administrator")),
    Column("NAME", |record| member(record, "name")),
];

pub async fn run(options: &Extension) -> Result<(), Failure> {
    let api = Api::new(&options.connect, Role::Admin)?;
    let json = options.connect.json;
    let of = |account: &str| {
        let path = format!("/hookswitch/v1/accounts/{}/extensions", segment(account));
        Resource { api: &api, json, path, columns: COLUMNS }
    };
    match &options.action {
        ExtensionAction::List { account } => of(account).list().await,
        ExtensionAction::Show { account, id } => of(account).show(id).await,
        ExtensionAction::Create { account, id, members } => {
            of(account).create(body(members)?.with("id", id.clone())).await
        }
        ExtensionAction::Update { account, id, members } => of(account).update(id, body(members)?).await,
        ExtensionAction::Delete { account, id } => of(account).delete(id).await,
        ExtensionAction::Import { account, file, prune, dry_run } => {
            let target = format!("{}?prune={prune}&dryRun={dry_run}", of(account).path);
            import(&api, json, &target, file.as_deref()).await
        }
        ExtensionAction::Credential { account, id, app, expires } => {
            let path = format!("{}/{}/credentials", of(account).path, segment(id));
            let members =
                Members::default().with("appId", app.clone()).with("expirationTime", expires.clone());
            Resource { path, ..of(account) }.create(members).await
        }
    }
}

fn body(members: &ExtensionMembers) -> Result<Members, Failure> {
    let contact = Members::default()
        .with("firstName", members.first_name.clone())
        .with("lastName", members.last_name.clone())
        .with("email", members.email.clone());
    let body = Members::default()
        .with("extensionNumber", members.number.clone())
        .with("name", members.name.clone())
        .with("type", members.kind.clone())
        .with("status", members.status.clone())
        .with("administrator", members.administrator)
        .with_list("permissions", &members.permissions)
        .with("allowSeeMyPresence", members.allow_see_my_presence)
        .with("allowPickUpMyCalls", members.allow_pick_up_my_calls)
        .with("directNumber", members.direct_number.clone())
        .with_object("contact", contact);
    if !members.password_stdin {
        return Ok(body);
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(Failure::io("standard input"))?;
    Ok(body.with("password", Some(line.trim_end_matches(['\r', '\n']))))
}

async fn import(api: &Api, json: bool, target: &str, file: Option<&Path>) -> Result<(), Failure> {
    let mut lines = Vec::new();
    match file {
        Some(path) => {
            lines = std::fs::read(path).map_err(Failure::io(path.display().to_string()))?;
        }
        None => {
            std::io::stdin().lock().read_to_end(&mut lines).map_err(Failure::io("standard input"))?;
        }
    }
    let body = Some(("application/x-ndjson", Bytes::from(lines)));
    let answer = api.call(Method::PUT, target, body).await?;
    if answer.status == 400 {
        return Err(Failure::Refused { status: 400, message: wrong_lines(&answer.json()?) });
    }
    let counts = answer.success()?.json()?;
    if json {
        return output::json_lines([&counts]);
    }
    let done = if counts["dryRun"] == true { "would be " } else { "" };
    let parts = ["created", "updated", "unchanged", "pruned"].map(|part| format!("{} {part}", counts[part]));
    output::line(&format!("{done}{}", parts.join(", ")))
}

/// What is wrong with each line, a line each.
fn wrong_lines(answer: &Value) -> String {
    let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let mut lines: Vec<String> = errors.iter().map(|error| member(error, "message")).collect();
    let named = lines.len();
    if let Some(all) = answer["wrongLines"].as_u64().and_then(|all| usize::try_from(all).ok())
        && all > named
    {
        lines.push(format!("and {} more", all - named));
    }
    lines.join("\n")
}

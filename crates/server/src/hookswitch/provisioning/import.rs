//! The bulk upsert of extensions: one JSON object a line, all of them checked before any is written.
//!
//! A line names its extension by `id`, else by `extensionNumber`. `plan` decides for each line what it comes
//! to and finds everything that is wrong; only then `apply` writes, in slices that hold the writer shortly.
//! Between the two nobody else writes (`Turns`). The lines are kept as they came and read again when they
//! are written, so that fifty thousand extensions are never in memory at once. A crash leaves the slices
//! that were written; the same import again does the rest.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use hookswitch_core::id::{AccountId, ExtensionId};
use hookswitch_store::provisioning::{
    Actor, ExtensionEntry, ExtensionWrite, Looked, Lookup, NewPassword, Record,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::accounts;
use super::ending::{self, Losses};
use super::extension::{ExtensionRequest, new_extension};
use super::extensions::drop_them;
use super::operator::Operator;
use super::turn::{Turn, carried_through};
use super::wire::{self, Wrong};
use crate::body::{self, BodyLimit};
use crate::problem::ApiError;
use crate::query::QueryOf;
use crate::state::App;

/// Lines that are looked up together.
const LOOKED_UP_AT_ONCE: usize = 250;
/// Extensions that one transaction writes or drops.
const WRITTEN_AT_ONCE: usize = 100;
const IDS_AT_ONCE: usize = 5_000;
/// Wrong lines that an answer names; the rest is counted.
const NAMED: usize = 100;
const NDJSON: [&str; 2] = ["application/x-ndjson", "application/ndjson"];

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ImportQuery {
    /// Removes the extensions of the account that no line names.
    #[serde(default)]
    prune: bool,
    /// Says what would be done, and does nothing.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, Default, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Imported {
    created: usize,
    updated: usize,
    unchanged: usize,
    pruned: usize,
    /// True if nothing was done.
    dry_run: bool,
}

/// Makes and changes many extensions. If one line is wrong, nothing is done.
#[utoipa::path(put, path = "/hookswitch/v1/accounts/{accountId}/extensions", tag = "provisioning",
    operation_id = "importExtensions", params(("accountId" = String, Path), ImportQuery),
    request_body(content = ExtensionRequest, content_type = "application/x-ndjson",
        description = "One extension a line, named by id, else by extensionNumber"),
    responses(
        (status = 200, body = Imported),
        (status = 400, description = "Some lines are wrong; the answer names line, field and reason, nothing is done"),
        (status = 404, description = "No such account"),
        (status = 413, description = "More bytes or lines than an import may have"),
        (status = 415, description = "The content type is not application/x-ndjson")))]
pub(super) async fn import(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(account): Path<String>,
    QueryOf(options): QueryOf<ImportQuery>,
    request: Request,
) -> Result<Json<Imported>, ApiError> {
    let by = operator.acts(&app);
    check_media_type(&request)?;
    let account = accounts::present(&app, &account).await?.account.id;
    let limit = BodyLimit::of(request.uri().path(), &app.settings.limits);
    let body = body::read(&app.front, request.into_body(), limit).await?;
    carried_through(async move {
        let mut turn = app.turns.mine().await;
        let mut plan = Plan::new(account, by.clone());
        plan.read(&app, &mut turn, &body).await?;
        plan.settle(&app, options.prune).await?;
        let imported = plan.sums(options.dry_run);
        if !options.dry_run {
            apply(&app, plan, &body, by, imported).await?;
        }
        Ok(Json(imported))
    })
    .await
}

fn check_media_type(request: &Request) -> Result<(), ApiError> {
    let Some(given) = request.headers().get(header::CONTENT_TYPE) else {
        return Err(ApiError::missing_header("Content-Type"));
    };
    let given = given.to_str().unwrap_or_default();
    let media = given.split(';').next().unwrap_or_default().trim();
    if NDJSON.iter().any(|good| media.eq_ignore_ascii_case(good)) {
        return Ok(());
    }
    let message = format!("Content type [{media}] is not {}", NDJSON[0]);
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "CMN-407", message)
        .with("parameterName", "Content-Type"))
}

/// What an import comes to.
struct Plan {
    account: AccountId,
    by: Actor,
    /// Lines that create or change, in order.
    steps: Vec<Step>,
    created: usize,
    unchanged: usize,
    /// The line that names an extension, a number, a direct number.
    ids: HashMap<ExtensionId, u32>,
    numbers: HashMap<String, u32>,
    direct_numbers: HashMap<String, u32>,
    /// Values that another extension of the account has now: free if that one is pruned.
    contested: Vec<(u32, &'static str, ExtensionId)>,
    pruned: Vec<ExtensionId>,
    wrong: Vec<WrongLine>,
}

struct Step {
    line: Range<usize>,
    id: ExtensionId,
}

struct WrongLine {
    /// From 1.
    line: u32,
    field: String,
    reason: String,
}

/// A line that could be read.
struct Line {
    number: u32,
    place: Range<usize>,
    request: ExtensionRequest,
}

impl Plan {
    fn new(account: AccountId, by: Actor) -> Self {
        Self {
            account,
            by,
            steps: Vec::new(),
            created: 0,
            unchanged: 0,
            ids: HashMap::new(),
            numbers: HashMap::new(),
            direct_numbers: HashMap::new(),
            contested: Vec::new(),
            pruned: Vec::new(),
            wrong: Vec::new(),
        }
    }

    async fn read(&mut self, app: &App, turn: &mut Turn<'_>, body: &[u8]) -> Result<(), ApiError> {
        let most = app.settings.limits.import_lines;
        let mut places = lines(body).peekable();
        let mut count = 0;
        while places.peek().is_some() {
            let mut batch = Vec::with_capacity(LOOKED_UP_AT_ONCE);
            for (number, place) in places.by_ref().take(LOOKED_UP_AT_ONCE) {
                count += 1;
                if count > most {
                    let message = format!("The import has more lines than the limit of {most}");
                    return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "CMN-106", message)
                        .with("limitName", "limits.import_lines")
                        .with("limit", most));
                }
                match body::from_json::<ExtensionRequest>(&body[place.clone()]) {
                    Ok(request) => batch.push(Line { number, place, request }),
                    Err(error) => self.wrong.push(unreadable(number, &error)),
                }
            }
            let lookups = batch.iter().map(|line| lookup(&line.request)).collect();
            let looked = app.provisioning.look_up(self.account, lookups).await?;
            for (line, looked) in batch.into_iter().zip(looked) {
                let number = line.number;
                if let Err(Wrong { field, why }) = self.judge(app, turn, line, looked) {
                    self.wrong.push(WrongLine { line: number, field: field.to_owned(), reason: why });
                }
            }
        }
        if count == 0 {
            return Err(ApiError::malformed("The import has no lines"));
        }
        Ok(())
    }

    fn judge(&mut self, app: &App, turn: &mut Turn<'_>, line: Line, looked: Looked) -> Result<(), Wrong> {
        let Line { number, place, request } = line;
        if looked.id_elsewhere {
            return Err(Wrong::new("id", "belongs to an extension of another account"));
        }
        if request.plain_password()?.is_some() {
            let why = "is too slow to hash in an import: use passwordHash, or PUT the extension alone";
            return Err(Wrong::new("password", why));
        }
        let known = if request.id.is_some() { looked.by_id } else { looked.by_number.clone() };
        let is_new = known.is_none();
        let entry = known.unwrap_or_else(|| {
            let id = request.id.map_or_else(|| turn.next_id(&app.handles), |id| id.0);
            new_extension(self.account, ExtensionId(id), self.by.at)
        });
        let write = request.applied_to(entry.clone(), is_new)?;
        let id = write.extension.id;
        once("id", &mut self.ids, id, number)?;
        once("extensionNumber", &mut self.numbers, write.extension.number.clone(), number)?;
        if let Some(digits) = &write.direct_number {
            once("directNumber", &mut self.direct_numbers, digits.clone(), number)?;
        }
        if let Some(other) = looked.by_number.map(|other| other.extension.id).filter(|other| *other != id) {
            self.contested.push((number, "extensionNumber", other));
        }
        match looked.direct_owner {
            Some((account, Some(other))) if account == self.account && other != id => {
                self.contested.push((number, "directNumber", other));
            }
            Some((account, owner)) if account != self.account || owner.is_none() => {
                return Err(Wrong::new("directNumber", "belongs to another account or is a main number"));
            }
            _ => {}
        }
        if !is_new && is_same(&entry, &write) {
            self.unchanged += 1;
        } else {
            self.created += usize::from(is_new);
            self.steps.push(Step { line: place, id });
        }
        Ok(())
    }

    /// Finds what is pruned, and refuses if anything is wrong.
    async fn settle(&mut self, app: &App, prune: bool) -> Result<(), ApiError> {
        let mut after = None;
        while prune && self.wrong.is_empty() {
            let ids = app.provisioning.extension_ids(self.account, after, IDS_AT_ONCE).await?;
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            self.pruned.extend(ids.into_iter().filter(|id| !self.ids.contains_key(id)));
        }
        for (line, field, holder) in std::mem::take(&mut self.contested) {
            if !prune || self.ids.contains_key(&holder) {
                let reason = format!("belongs to extension {holder}, which has to give it up first");
                self.wrong.push(WrongLine { line, field: field.to_owned(), reason });
            }
        }
        if self.wrong.is_empty() { Ok(()) } else { Err(refusal(std::mem::take(&mut self.wrong))) }
    }

    fn sums(&self, dry_run: bool) -> Imported {
        Imported {
            created: self.created,
            updated: self.steps.len() - self.created,
            unchanged: self.unchanged,
            pruned: self.pruned.len(),
            dry_run,
        }
    }
}

/// Writes what was planned; the audit log gets one line, with the first slice.
async fn apply(app: &App, plan: Plan, body: &[u8], by: Actor, sums: Imported) -> Result<(), ApiError> {
    let Plan { account, steps, pruned, .. } = plan;
    let words = json!({ "created": sums.created, "updated": sums.updated, "pruned": sums.pruned });
    let mut record = Record::Once(by.clone(), "extensions.import", words);
    // Before the others, who may get their numbers.
    for ids in pruned.chunks(WRITTEN_AT_ONCE) {
        drop_them(app, account, ids.to_vec(), std::mem::replace(&mut record, Record::Nothing)).await?;
    }
    for steps in steps.chunks(WRITTEN_AT_ONCE) {
        let by_id = |step: &Step| Lookup { id: Some(step.id), ..Lookup::default() };
        let looked = app.provisioning.look_up(account, steps.iter().map(by_id).collect()).await?;
        let (mut writes, mut losses) = (Vec::with_capacity(steps.len()), Losses::default());
        for (step, looked) in steps.iter().zip(looked) {
            let request = body::from_json::<ExtensionRequest>(&body[step.line.clone()])?;
            let is_new = looked.by_id.is_none();
            let entry = looked.by_id.unwrap_or_else(|| new_extension(account, step.id, by.at));
            let before = (!is_new).then(|| entry.extension.clone());
            let write = request.applied_to(entry, is_new)?;
            if let Some(before) = before {
                losses.note(&before, &write.extension);
            }
            writes.push(write);
        }
        let record = std::mem::replace(&mut record, Record::Nothing);
        let written = app.provisioning.write_extensions(account, writes, record).await?;
        wire::done(written, || ApiError::unavailable("The extensions have changed meanwhile"))?;
        ending::of_extensions(app, account, losses).await?;
    }
    Ok(())
}

fn lookup(request: &ExtensionRequest) -> Lookup {
    Lookup {
        id: request.id.map(|id| ExtensionId(id.0)),
        number: request.extension_number.clone(),
        // One that is wrong is told when the line is judged.
        direct_number: request.direct_digits().ok().flatten(),
    }
}

fn is_same(entry: &ExtensionEntry, write: &ExtensionWrite) -> bool {
    entry.extension == write.extension
        && entry.direct_number == write.direct_number
        && matches!(write.password, NewPassword::Unchanged)
}

/// Notes that this line names a value, if no other has.
fn once<K: Eq + std::hash::Hash>(
    field: &'static str,
    seen: &mut HashMap<K, u32>,
    value: K,
    line: u32,
) -> Result<(), Wrong> {
    match seen.entry(value) {
        Entry::Occupied(first) => Err(Wrong::new(field, format!("is that of line {} too", first.get()))),
        Entry::Vacant(place) => {
            place.insert(line);
            Ok(())
        }
    }
}

/// Where the lines are, with their numbers from 1; empty ones are passed over.
fn lines(body: &[u8]) -> impl Iterator<Item = (u32, Range<usize>)> {
    let mut start = 0;
    let ends = body.split(|byte| *byte == b'\n').map(move |line| {
        let place = start..start + line.len();
        start = place.end + 1;
        place
    });
    ends.zip(1..)
        .filter(|(place, _)| !body[place.clone()].trim_ascii().is_empty())
        .map(|(place, line)| (line, place))
}

fn unreadable(line: u32, error: &ApiError) -> WrongLine {
    let field = error.members.get("parameterName").and_then(|name| name.as_str()).unwrap_or_default();
    WrongLine { line, field: field.to_owned(), reason: error.message.clone() }
}

fn refusal(mut wrong: Vec<WrongLine>) -> ApiError {
    wrong.sort_by_key(|wrong| wrong.line);
    let sentence = |wrong: &WrongLine| format!("Line {}: [{}] {}", wrong.line, wrong.field, wrong.reason);
    let mut listed = wrong.iter().take(NAMED);
    let Some(first) = listed.next() else { return ApiError::malformed("The import is wrong") };
    let mut error = ApiError::parameter(&first.field, sentence(first))
        .with("line", first.line)
        .with("field", first.field.as_str())
        .with("reason", first.reason.as_str())
        .with("wrongLines", wrong.len());
    error.more = listed
        .map(|wrong| {
            json!({
                "errorCode": "CMN-101",
                "message": sentence(wrong),
                "parameterName": wrong.field,
                "line": wrong.line,
                "field": wrong.field,
                "reason": wrong.reason,
            })
        })
        .collect();
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_over_empty_ones() {
        let body = b"a\n\n b\r\n\nc";
        let found: Vec<_> = lines(body).map(|(line, place)| (line, &body[place])).collect();
        assert_eq!(found, [(1, &b"a"[..]), (3, b" b\r"), (5, b"c")]);
        assert_eq!(lines(b"\n \n").count(), 0);
    }
}

//! `/hookswitch/v1/accounts/{id}/extensions`, one at a time; many at once are `import`'s.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookswitch_core::id::{AccountId, ExtensionId};
use hookswitch_store::provisioning::{Actor, ExtensionEntry, ExtensionWrite, Lookup, NewPassword, Record};
use serde::Serialize;

use super::accounts;
use super::ending::{self, Losses};
use super::extension::{ExtensionInfo, ExtensionRequest, info, new_extension};
use super::operator::Operator;
use super::turn::carried_through;
use super::wire::{self, Id, Listing};
use crate::body::RequiredJson;
use crate::oauth::password;
use crate::problem::ApiError;
use crate::query::QueryOf;
use crate::state::App;

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ExtensionPage {
    /// In the order of ids.
    records: Vec<ExtensionInfo>,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// Makes an extension, such as a user.
#[utoipa::path(post, path = "/hookswitch/v1/accounts/{accountId}/extensions", tag = "provisioning",
    operation_id = "createExtension", params(("accountId" = String, Path)), request_body = ExtensionRequest,
    responses(
        (status = 201, body = ExtensionInfo),
        (status = 400, description = "A member is wrong; nothing is made"),
        (status = 404, description = "No such account"),
        (status = 409, description = "The id or a number belongs to another")))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(account): Path<String>,
    RequiredJson(request): RequiredJson<ExtensionRequest>,
) -> Result<(StatusCode, Json<ExtensionInfo>), ApiError> {
    let by = operator.acts(&app);
    let entry = carried_through(async move {
        let mut turn = app.turns.mine().await;
        let account = accounts::present(&app, &account).await?.account.id;
        let id = ExtensionId(request.id.map_or_else(|| turn.next_id(&app.handles), |id| id.0));
        write(&app, request, new_extension(account, id, by.at), true, by).await
    })
    .await?;
    Ok((StatusCode::CREATED, Json(info(entry))))
}

/// Extensions of an account, page by page.
#[utoipa::path(get, path = "/hookswitch/v1/accounts/{accountId}/extensions", tag = "provisioning",
    operation_id = "listExtensionsOfAccount", params(("accountId" = String, Path), Listing),
    responses((status = 200, body = ExtensionPage), (status = 404, description = "No such account")))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(account): Path<String>,
    QueryOf(listing): QueryOf<Listing>,
) -> Result<Json<ExtensionPage>, ApiError> {
    let (after, limit) = (listing.after()?, listing.limit()?);
    let account = accounts::present(&app, &account).await?.account.id;
    let page = app.provisioning.extensions_after(account, after.map(ExtensionId), limit).await?;
    let cursor = wire::next(&page, limit, |entry| entry.extension.id.to_string());
    Ok(Json(ExtensionPage { records: page.into_iter().map(info).collect(), cursor }))
}

/// One extension.
#[utoipa::path(get, path = "/hookswitch/v1/accounts/{accountId}/extensions/{extensionId}", tag = "provisioning",
    operation_id = "readExtension", params(("accountId" = String, Path), ("extensionId" = String, Path)),
    responses((status = 200, body = ExtensionInfo), (status = 404, description = "No such account or extension")))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path((account, id)): Path<(String, String)>,
) -> Result<Json<ExtensionInfo>, ApiError> {
    present(&app, &account, &id).await.map(info).map(Json)
}

/// Changes the members that are named. Who is not enabled any more loses sessions and subscriptions.
#[utoipa::path(put, path = "/hookswitch/v1/accounts/{accountId}/extensions/{extensionId}", tag = "provisioning",
    operation_id = "updateExtension", params(("accountId" = String, Path), ("extensionId" = String, Path)),
    request_body = ExtensionRequest,
    responses((status = 200, body = ExtensionInfo), (status = 404, description = "No such account or extension"),
        (status = 409, description = "A number belongs to another")))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((account, id)): Path<(String, String)>,
    RequiredJson(request): RequiredJson<ExtensionRequest>,
) -> Result<Json<ExtensionInfo>, ApiError> {
    let by = operator.acts(&app);
    let entry = carried_through(async move {
        let _turn = app.turns.mine().await;
        let before = present(&app, &account, &id).await?;
        write(&app, request, before, false, by).await
    })
    .await?;
    Ok(Json(info(entry)))
}

/// Removes an extension with its sessions, credentials and subscriptions.
#[utoipa::path(delete, path = "/hookswitch/v1/accounts/{accountId}/extensions/{extensionId}", tag = "provisioning",
    operation_id = "deleteExtension", params(("accountId" = String, Path), ("extensionId" = String, Path)),
    responses((status = 204), (status = 404, description = "No such account or extension")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((account, id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let by = operator.acts(&app);
    carried_through(async move {
        let _turn = app.turns.mine().await;
        let extension = present(&app, &account, &id).await?.extension;
        drop_them(&app, extension.account, vec![extension.id], Record::Each(by)).await?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Drops extensions and ends what was theirs.
pub(super) async fn drop_them(
    app: &App,
    account: AccountId,
    ids: Vec<ExtensionId>,
    record: Record,
) -> Result<(), ApiError> {
    let (_, cut) = app.provisioning.drop_extensions(account, ids.clone(), record).await?;
    ending::forget(app, cut);
    ending::of_extensions(app, account, Losses { disabled: ids, changed: Vec::new() }).await
}

async fn write(
    app: &App,
    request: ExtensionRequest,
    before: ExtensionEntry,
    is_new: bool,
    by: Actor,
) -> Result<ExtensionEntry, ApiError> {
    if let Some(field) = request.contradicts(&before.extension) {
        return Err(ApiError::contradicts_path(field));
    }
    let plain = request.plain_password()?;
    let mut write: ExtensionWrite = request.applied_to(before.clone(), is_new)?;
    if let Some(plain) = plain {
        write.password = NewPassword::Set(password::hash_off_thread(&app.front, plain).await?);
    }
    let extension = write.extension.clone();
    let written = app.provisioning.write_extensions(extension.account, vec![write], Record::Each(by)).await?;
    wire::done(written, || missing(&extension.id.to_string()))?;
    if !is_new {
        let mut losses = Losses::default();
        losses.note(&before.extension, &extension);
        ending::of_extensions(app, extension.account, losses).await?;
    }
    one(app, extension.account, extension.id).await
}

pub(super) async fn present(app: &App, account: &str, id: &str) -> Result<ExtensionEntry, ApiError> {
    let account = accounts::present(app, account).await?.account.id;
    let extension = ExtensionId(Id::parse(id).ok_or_else(|| missing(id))?);
    one(app, account, extension).await
}

async fn one(app: &App, account: AccountId, id: ExtensionId) -> Result<ExtensionEntry, ApiError> {
    let lookup = Lookup { id: Some(id), ..Lookup::default() };
    let found = app.provisioning.look_up(account, vec![lookup]).await?.pop();
    found.and_then(|found| found.by_id).ok_or_else(|| missing(&id.to_string()))
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found("extensionId", id)
}

//! `/hookswitch/v1/tokens`: tokens of operators and publishers.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookswitch_core::id::AccountId;
use hookswitch_store::directory::NewServiceToken;
use hookswitch_store::provisioning::{TokenDropped, TokenEntry};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::operator::Operator;
use super::turn::carried_through;
use super::wire::{self, Id, Listing, Wrong};
use crate::authenticate::hash_token;
use crate::body::RequiredJson;
use crate::problem::ApiError;
use crate::query::QueryOf;
use crate::state::App;

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenInfo {
    id: String,
    /// `admin` or `publish`.
    kind: &'static str,
    /// The only account that a publish token may publish for; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
    name: String,
    creation_time: String,
    /// Shown once, by the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct TokenPage {
    /// In the order of their making.
    records: Vec<TokenInfo>,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TokenRequest {
    /// `admin` or `publish`; needed for a new one, cannot be changed.
    kind: Option<String>,
    /// For a publish token of one account. Cannot be changed.
    #[schema(value_type = Option<String>)]
    account_id: Option<Id>,
    /// What it is for; the audit log shows it.
    name: Option<String>,
    /// Given by the server; beside a path it must be the same.
    #[schema(value_type = Option<String>)]
    id: Option<Id>,
    /// Ignored, so that what a GET answered can be sent back.
    #[schema(value_type = Option<String>)]
    #[expect(dead_code, reason = "read to be ignored")]
    creation_time: Option<IgnoredAny>,
}

/// Makes a token; it is shown only here.
#[utoipa::path(post, path = "/hookswitch/v1/tokens", tag = "provisioning", operation_id = "createToken",
    request_body = TokenRequest,
    responses((status = 201, body = TokenInfo), (status = 400, description = "A member is wrong; nothing is made")))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    operator: Operator,
    RequiredJson(request): RequiredJson<TokenRequest>,
) -> Result<(StatusCode, Json<TokenInfo>), ApiError> {
    let by = operator.acts(&app);
    carried_through(async move {
        let _turn = app.turns.mine().await;
        let account = request.account_id.map(|account| AccountId(account.0));
        let (publish, prefix) = match (request.kind.as_deref(), account) {
            (Some("publish"), account) => (Some(account), "hsp"),
            (Some("admin"), None) => (None, "hsa"),
            (Some("admin"), Some(_)) => {
                return Err(Wrong::new("accountId", "is for publish tokens only").into());
            }
            _ => return Err(Wrong::new("kind", "is not one of admin, publish").into()),
        };
        let name = wire::name("name", request.name.unwrap_or_default())?;
        let token = format!("{prefix}_{}", app.handles.token(30));
        let new =
            NewServiceToken { token: hash_token(&token), publish, name: name.clone(), created_at: by.at };
        let created_at = by.at;
        let no = app.provisioning.create_service_token(new, by).await?;
        let no = no.ok_or_else(|| ApiError::from(Wrong::new("accountId", "is not an account")))?;
        let entry = TokenEntry { no, publish, name, created_at };
        Ok((StatusCode::CREATED, Json(info(entry, Some(token)))))
    })
    .await
}

/// Tokens, page by page, without themselves.
#[utoipa::path(get, path = "/hookswitch/v1/tokens", tag = "provisioning", operation_id = "listTokens",
    params(Listing), responses((status = 200, body = TokenPage)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    _operator: Operator,
    QueryOf(listing): QueryOf<Listing>,
) -> Result<Json<TokenPage>, ApiError> {
    let (after, limit) = (listing.after()?, listing.limit()?);
    let page =
        app.provisioning.service_tokens(after.and_then(|after| i64::try_from(after).ok()), limit).await?;
    let cursor = wire::next(&page, limit, |entry| entry.no.to_string());
    Ok(Json(TokenPage { records: page.into_iter().map(|entry| info(entry, None)).collect(), cursor }))
}

/// One token, without itself.
#[utoipa::path(get, path = "/hookswitch/v1/tokens/{tokenId}", tag = "provisioning", operation_id = "readToken",
    params(("tokenId" = String, Path)),
    responses((status = 200, body = TokenInfo), (status = 404, description = "No such token")))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(id): Path<String>,
) -> Result<Json<TokenInfo>, ApiError> {
    Ok(Json(info(present(&app, &id).await?, None)))
}

/// Gives a token another name.
#[utoipa::path(put, path = "/hookswitch/v1/tokens/{tokenId}", tag = "provisioning", operation_id = "updateToken",
    params(("tokenId" = String, Path)), request_body = TokenRequest,
    responses((status = 200, body = TokenInfo), (status = 404, description = "No such token")))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
    RequiredJson(request): RequiredJson<TokenRequest>,
) -> Result<Json<TokenInfo>, ApiError> {
    let by = operator.acts(&app);
    carried_through(async move {
        let _turn = app.turns.mine().await;
        let mut entry = present(&app, &id).await?;
        let now = info(entry.clone(), None);
        if request.id.is_some_and(|given| given.0 != entry.no.unsigned_abs()) {
            return Err(ApiError::contradicts_path("id"));
        }
        if request.kind.is_some_and(|kind| kind != now.kind) {
            return Err(Wrong::new("kind", "cannot be changed").into());
        }
        if request.account_id.is_some_and(|account| Some(account.0.to_string()) != now.account_id) {
            return Err(Wrong::new("accountId", "cannot be changed").into());
        }
        if let Some(name) = request.name {
            entry.name = wire::name("name", name)?;
            let written = app.provisioning.rename_service_token(entry.no, entry.name.clone(), by).await?;
            wire::done(written, || missing(&id))?;
        }
        Ok(Json(info(entry, None)))
    })
    .await
}

/// Withdraws a token at once. The last admin token stays.
#[utoipa::path(delete, path = "/hookswitch/v1/tokens/{tokenId}", tag = "provisioning", operation_id = "deleteToken",
    params(("tokenId" = String, Path)),
    responses((status = 204), (status = 404, description = "No such token"),
        (status = 409, description = "It is the last admin token")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let by = operator.acts(&app);
    carried_through(async move {
        let _turn = app.turns.mine().await;
        let no = number(&id).ok_or_else(|| missing(&id))?;
        match app.provisioning.drop_service_token(no, by).await? {
            TokenDropped::Done(hash) => {
                app.front.tokens.forget(&[hash]);
                Ok(StatusCode::NO_CONTENT)
            }
            TokenDropped::Missing => Err(missing(&id)),
            TokenDropped::LastAdmin => {
                let message = "This is the last admin token; make another one first";
                Err(ApiError::new(StatusCode::CONFLICT, "CMN-406", message).with("parameterName", "tokenId"))
            }
        }
    })
    .await
}

async fn present(app: &App, id: &str) -> Result<TokenEntry, ApiError> {
    let no = number(id).ok_or_else(|| missing(id))?;
    app.provisioning.service_token(no).await?.ok_or_else(|| missing(id))
}

fn number(id: &str) -> Option<i64> {
    Id::parse(id).and_then(|id| i64::try_from(id).ok())
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found("tokenId", id)
}

fn info(entry: TokenEntry, token: Option<String>) -> TokenInfo {
    TokenInfo {
        id: entry.no.to_string(),
        kind: if entry.publish.is_some() { "publish" } else { "admin" },
        account_id: entry.publish.flatten().map(|account| account.to_string()),
        name: entry.name,
        creation_time: entry.created_at.iso8601(),
        token,
    }
}

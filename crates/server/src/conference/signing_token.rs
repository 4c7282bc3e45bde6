//! `/hookswitch/v1/companies/{companyId}/signing-token`: shown and rotated (D25).

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookswitch_core::clock::WallTime;
use hookswitch_core::id::AccountId;
use hookswitch_core::limits;
use hookswitch_core::signing_token::{RotationError, SigningToken};
use hookswitch_store::provisioning::{Actor, Written};
use serde::{Deserialize, Serialize};

use crate::body::OptionalJson;
use crate::hookswitch::{Id, Operator, Wrong, carried_through};
use crate::problem::ApiError;
use crate::state::App;

/// What a company's conference endpoints are sent now.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SigningTokenInfo {
    /// In `x-signing-token`.
    current: String,
    /// In `x-signing-token-next`, in the first half of a rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// In `x-signing-token-previous`, in the second half of a rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    /// When `next` takes over, or `previous` is dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes_at: Option<String>,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RotateRequest {
    /// How long the present token stays in `x-signing-token`, and then beside the new one for as long again.
    /// A day if absent, at most 30 days; with 0 the new token takes over at once and the old one is gone.
    overlap_seconds: Option<u64>,
}

/// The token of a company, and how far its rotation is.
#[utoipa::path(get, path = "/hookswitch/v1/companies/{companyId}/signing-token", tag = "conference", operation_id = "readSigningToken",
    params(("companyId" = String, Path)), responses((status = 200, body = SigningTokenInfo), (status = 404, description = "No such company")))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(company): Path<String>,
) -> Result<Json<SigningTokenInfo>, ApiError> {
    let (_, token) = present(&app, &company).await?;
    Ok(Json(info(&token, app.handles.now())))
}

/// Begins the rotation to a new token.
#[utoipa::path(post, path = "/hookswitch/v1/companies/{companyId}/signing-token/rotate", tag = "conference", operation_id = "rotateSigningToken",
    params(("companyId" = String, Path)), request_body = Option<RotateRequest>,
    responses((status = 200, body = SigningTokenInfo), (status = 400, description = "A member is wrong; nothing is changed"),
        (status = 404, description = "No such company"), (status = 409, description = "A rotation is under way")))]
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(company): Path<String>,
    OptionalJson(request): OptionalJson<RotateRequest>,
) -> Result<Json<SigningTokenInfo>, ApiError> {
    let overlap = overlap(request.unwrap_or_default())?;
    let by = operator.acts(&app);
    let next = app.handles.token(30);
    let rotate = move |token: SigningToken, now| token.rotated(next, overlap, now);
    change(app, company, "signing-token.rotate", by, rotate).await
}

/// Ends the half of the rotation that is under way: `next` takes over at once, or `previous` is dropped.
#[utoipa::path(post, path = "/hookswitch/v1/companies/{companyId}/signing-token/rotate/finish", tag = "conference", operation_id = "finishSigningTokenRotation",
    params(("companyId" = String, Path)),
    responses((status = 200, body = SigningTokenInfo), (status = 404, description = "No such company"),
        (status = 409, description = "No rotation is under way")))]
pub(super) async fn finish(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(company): Path<String>,
) -> Result<Json<SigningTokenInfo>, ApiError> {
    let by = operator.acts(&app);
    let finish = |token: SigningToken, now| token.finished(now);
    change(app, company, "signing-token.finish", by, finish).await
}

fn overlap(request: RotateRequest) -> Result<Duration, Wrong> {
    let most = limits::SIGNING_TOKEN_OVERLAP_AT_MOST;
    match request.overlap_seconds.map(Duration::from_secs) {
        None => Ok(limits::SIGNING_TOKEN_OVERLAP),
        Some(asked) if asked <= most => Ok(asked),
        Some(_) => Err(Wrong::new("overlapSeconds", format!("is more than {}", most.as_secs()))),
    }
}

async fn change(
    app: Arc<App>,
    company: String,
    action: &'static str,
    by: Actor,
    change: impl FnOnce(SigningToken, WallTime) -> Result<SigningToken, RotationError> + Send + 'static,
) -> Result<Json<SigningTokenInfo>, ApiError> {
    carried_through(async move {
        let _turn = app.turns.mine().await;
        let (account, token) = present(&app, &company).await?;
        let now = by.at;
        let changed = change(token, now).map_err(conflict)?;
        if app.provisioning.set_signing_token(account, changed.clone(), action, by).await? == Written::Missing
        {
            return Err(missing(&company));
        }
        let shown = info(&changed, now);
        app.secrets.keep_signing_token(account, changed);
        Ok(Json(shown))
    })
    .await
}

fn conflict(error: RotationError) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "CMN-406", format!("The token cannot be rotated: {error}"))
        .with("reason", error.to_string())
}

async fn present(app: &App, company: &str) -> Result<(AccountId, SigningToken), ApiError> {
    let id = Id::parse(company).ok_or_else(|| missing(company))?;
    let account = app.directory.account_of_company(id).await?.ok_or_else(|| missing(company))?;
    let token = app.provisioning.signing_token(account).await?.ok_or_else(|| missing(company))?;
    Ok((account, token))
}

fn missing(company: &str) -> ApiError {
    ApiError::not_found("companyId", company)
}

fn info(token: &SigningToken, now: WallTime) -> SigningTokenInfo {
    let tokens = token.at(now);
    SigningTokenInfo {
        current: tokens.current.to_owned(),
        next: tokens.next.map(str::to_owned),
        previous: tokens.previous.map(str::to_owned),
        changes_at: tokens.changes_at.map(WallTime::iso8601),
    }
}

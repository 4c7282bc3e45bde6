//! `…/extensions/{id}/credentials`: JWTs that stand for a user's password in the jwt-bearer grant.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookswitch_core::clock::WallTime;
use hookswitch_core::id::AppNo;
use hookswitch_store::directory::{ExtensionType, Foundation, JwtCredential, SigningKey};
use serde::{Deserialize, Serialize};

use super::extensions;
use super::operator::Operator;
use super::turn::carried_through;
use super::wire::{Id, Wrong};
use crate::body::OptionalJson;
use crate::oauth::jwt_bearer;
use crate::problem::ApiError;
use crate::state::App;

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CredentialInfo {
    id: String,
    extension_id: String,
    /// The app that it is for; absent: every app.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<String>,
    creation_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_time: Option<String>,
    /// Shown once, by the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct CredentialList {
    /// Oldest first.
    records: Vec<CredentialInfo>,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CredentialRequest {
    /// The app that it is for; absent: every app.
    #[schema(value_type = Option<String>)]
    app_id: Option<Id>,
    /// ISO 8601; absent: it does not expire.
    expiration_time: Option<String>,
}

/// Makes a JWT for a user; it is shown only here.
#[utoipa::path(post, path = "/hookswitch/v1/accounts/{accountId}/extensions/{extensionId}/credentials",
    tag = "provisioning", operation_id = "createCredential",
    params(("accountId" = String, Path), ("extensionId" = String, Path)), request_body = CredentialRequest,
    responses((status = 201, body = CredentialInfo),
        (status = 403, description = "Extensions of its type may not log in"), (status = 404, description = "No such account or extension")))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((account, extension)): Path<(String, String)>,
    OptionalJson(request): OptionalJson<CredentialRequest>,
) -> Result<(StatusCode, Json<CredentialInfo>), ApiError> {
    let by = operator.acts(&app);
    let request = request.unwrap_or_default();
    carried_through(async move {
        let _turn = app.turns.mine().await;
        let extension = extensions::present(&app, &account, &extension).await?.extension;
        if !extension.kind.may_log_in() {
            return Err(wrong_type(extension.kind));
        }
        let time = |text: &String| WallTime::parse_iso8601(text).filter(|time| *time > by.at);
        let wrong = || Wrong::new("expirationTime", "is not an ISO 8601 time in the future");
        let expires_at = match &request.expiration_time {
            Some(text) => Some(time(text).ok_or_else(wrong)?),
            None => None,
        };
        let credential = JwtCredential {
            jti: app.handles.token(15),
            account: extension.account,
            extension: extension.id,
            app: app_no(&app, request.app_id).await?,
            created_at: by.at,
            expires_at,
        };
        let key = signing_key(&app).await?;
        let jwt = jwt_bearer::sign(&key, &credential).map_err(|error| internal(&error))?;
        app.provisioning.create_credential(credential.clone(), by).await?;
        Ok((StatusCode::CREATED, Json(info(credential, Some(jwt)))))
    })
    .await
}

/// The credentials of a user, without the JWTs.
#[utoipa::path(get, path = "/hookswitch/v1/accounts/{accountId}/extensions/{extensionId}/credentials",
    tag = "provisioning", operation_id = "listCredentials",
    params(("accountId" = String, Path), ("extensionId" = String, Path)),
    responses((status = 200, body = CredentialList), (status = 404, description = "No such account or extension")))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path((account, extension)): Path<(String, String)>,
) -> Result<Json<CredentialList>, ApiError> {
    let extension = extensions::present(&app, &account, &extension).await?.extension;
    let found = app.provisioning.credentials(extension.account, extension.id).await?;
    Ok(Json(CredentialList { records: found.into_iter().map(|one| info(one, None)).collect() }))
}

/// Withdraws a credential. Sessions that it opened go on.
#[utoipa::path(delete,
    path = "/hookswitch/v1/accounts/{accountId}/extensions/{extensionId}/credentials/{credentialId}",
    tag = "provisioning", operation_id = "deleteCredential",
    params(("accountId" = String, Path), ("extensionId" = String, Path), ("credentialId" = String, Path)),
    responses((status = 204), (status = 404, description = "No such account, extension or credential")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path((account, extension, id)): Path<(String, String, String)>,
) -> Result<StatusCode, ApiError> {
    let by = operator.acts(&app);
    carried_through(async move {
        let _turn = app.turns.mine().await;
        let extension = extensions::present(&app, &account, &extension).await?.extension;
        match app.provisioning.drop_credential(extension.account, extension.id, id.clone(), by).await? {
            true => Ok(StatusCode::NO_CONTENT),
            false => Err(ApiError::not_found("credentialId", &id)),
        }
    })
    .await
}

/// Nobody could use it.
fn wrong_type(kind: ExtensionType) -> ApiError {
    let message = format!("An extension of type {} may not log in, so it has no credentials", kind.name());
    ApiError::new(StatusCode::FORBIDDEN, "CMN-403", message).with("parameterName", "extensionId")
}

async fn app_no(app: &App, id: Option<Id>) -> Result<Option<AppNo>, ApiError> {
    let Some(id) = id else { return Ok(None) };
    let no = AppNo(i64::try_from(id.0).unwrap_or(i64::MAX));
    match app.provisioning.app_entry(no).await? {
        Some(_) => Ok(Some(no)),
        None => Err(Wrong::new("appId", "is not an app").into()),
    }
}

/// The key that signs; a server that has none yet gets one.
async fn signing_key(app: &App) -> Result<SigningKey, ApiError> {
    if let Some(key) = app.provisioning.newest_signing_key().await? {
        return Ok(key);
    }
    let key = jwt_bearer::new_key(&app.handles).map_err(|error| internal(&error))?;
    app.directory.establish(Foundation { signing_keys: vec![key.clone()], ..Foundation::default() }).await?;
    Ok(key)
}

fn internal(error: &(dyn std::error::Error + 'static)) -> ApiError {
    tracing::error!(error, "a credential could not be made");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "CMN-203", "Internal server error")
}

fn info(credential: JwtCredential, jwt: Option<String>) -> CredentialInfo {
    CredentialInfo {
        id: credential.jti,
        extension_id: credential.extension.to_string(),
        app_id: credential.app.map(|app| app.to_string()),
        creation_time: credential.created_at.iso8601(),
        expiration_time: credential.expires_at.map(WallTime::iso8601),
        jwt,
    }
}

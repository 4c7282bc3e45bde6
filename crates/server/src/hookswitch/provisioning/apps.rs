//! `/hookswitch/v1/apps`: registered client applications.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookswitch_core::id::AppNo;
use hookswitch_store::directory::{Grant, NewApp};
use hookswitch_store::provisioning::AppEntry;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::ending;
use super::operator::Operator;
use super::turn::carried_through;
use super::wire::{self, Id, Listing, Wrong};
use crate::authenticate::hash_token;
use crate::body::RequiredJson;
use crate::oauth::is_safe;
use crate::principal::APP_SCOPES;
use crate::problem::ApiError;
use crate::query::QueryOf;
use crate::state::App;

const REDIRECTS: usize = 100;
const REDIRECT_BYTES: usize = 2048;

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AppInfo {
    id: String,
    client_id: String,
    name: String,
    /// It has no secret, as an app in a browser or a phone cannot keep one.
    public: bool,
    scopes: Vec<String>,
    /// `Password`, `JwtBearer`, `AuthorizationCode`, `RefreshToken`, `ClientCredentials`.
    grants: Vec<&'static str>,
    redirect_uris: Vec<String>,
    creation_time: String,
}

/// A new app with its secrets, which are shown only here.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedApp {
    #[serde(flatten)]
    app: AppInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// Signs its deliveries (Standard Webhooks).
    signing_secret: String,
    /// The `Verification-Token` of subscriptions that name none of their own.
    verification_token: String,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct AppPage {
    /// In the order of their making.
    records: Vec<AppInfo>,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// An app as it is made or changed; what is absent gets its default or stays.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AppRequest {
    name: Option<String>,
    /// Drawn if absent; cannot be changed.
    client_id: Option<String>,
    /// Cannot be changed.
    public: Option<bool>,
    /// All that there are if absent.
    scopes: Option<Vec<String>>,
    /// All that suit the kind of app if absent.
    grants: Option<Vec<String>>,
    redirect_uris: Option<Vec<String>>,
    /// Given by the server; beside a path it must be the same.
    #[schema(value_type = Option<String>)]
    id: Option<Id>,
    /// Ignored, so that what a GET answered can be sent back.
    #[schema(value_type = Option<String>)]
    #[expect(dead_code, reason = "read to be ignored")]
    creation_time: Option<IgnoredAny>,
}

/// Registers an app. Its secrets are shown only here.
#[utoipa::path(post, path = "/hookswitch/v1/apps", tag = "provisioning", operation_id = "createApp",
    request_body = AppRequest,
    responses((status = 201, body = CreatedApp), (status = 400, description = "A member is wrong; nothing is made"),
        (status = 409, description = "The client id belongs to another app")))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    operator: Operator,
    RequiredJson(request): RequiredJson<AppRequest>,
) -> Result<(StatusCode, Json<CreatedApp>), ApiError> {
    let by = operator.acts(&app);
    carried_through(async move {
        let _turn = app.turns.mine().await;
        let handles = &app.handles;
        let mut entry = AppEntry {
            no: AppNo(0),
            client_id: request.client_id.clone().map_or_else(|| Ok(handles.token(15)), client_id)?,
            name: String::new(),
            public: request.public.unwrap_or(false),
            scopes: APP_SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
            grants: Vec::new(),
            redirect_uris: Vec::new(),
            created_at: by.at,
        };
        entry.grants = usual_grants(entry.public);
        entry = request.applied_to(entry)?;
        if entry.name.is_empty() {
            return Err(Wrong::new("name", "is missing").into());
        }
        let client_secret = (!entry.public).then(|| handles.token(30));
        let (signing_secret, verification_token) =
            (crate::app_secrets::new_signing_secret(handles), handles.token(30));
        let new = NewApp {
            client_id: entry.client_id.clone(),
            name: entry.name.clone(),
            secret: client_secret.as_deref().map(hash_token),
            scopes: entry.scopes.clone(),
            grants: entry.grants.clone(),
            redirect_uris: entry.redirect_uris.clone(),
            verification_token: verification_token.clone(),
            signing_secret: signing_secret.clone(),
            created_at: by.at,
        };
        entry.no = app.provisioning.create_app(new, by).await?.ok_or_else(|| wire::taken("clientId"))?;
        let created = CreatedApp { app: info(entry), client_secret, signing_secret, verification_token };
        Ok((StatusCode::CREATED, Json(created)))
    })
    .await
}

/// Apps, page by page, without their secrets.
#[utoipa::path(get, path = "/hookswitch/v1/apps", tag = "provisioning", operation_id = "listApps",
    params(Listing), responses((status = 200, body = AppPage)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    _operator: Operator,
    QueryOf(listing): QueryOf<Listing>,
) -> Result<Json<AppPage>, ApiError> {
    let (after, limit) = (listing.after()?, listing.limit()?);
    let page =
        app.provisioning.apps(after.and_then(|after| i64::try_from(after).ok()).map(AppNo), limit).await?;
    let cursor = wire::next(&page, limit, |entry| entry.no.to_string());
    Ok(Json(AppPage { records: page.into_iter().map(info).collect(), cursor }))
}

/// One app, without its secrets.
#[utoipa::path(get, path = "/hookswitch/v1/apps/{appId}", tag = "provisioning", operation_id = "readApp",
    params(("appId" = String, Path)), responses((status = 200, body = AppInfo), (status = 404, description = "No such app")))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(id): Path<String>,
) -> Result<Json<AppInfo>, ApiError> {
    present(&app, &id).await.map(info).map(Json)
}

/// Changes the members that are named. Sessions keep the scopes that they were opened with.
#[utoipa::path(put, path = "/hookswitch/v1/apps/{appId}", tag = "provisioning", operation_id = "updateApp",
    params(("appId" = String, Path)), request_body = AppRequest,
    responses((status = 200, body = AppInfo), (status = 404, description = "No such app")))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
    RequiredJson(request): RequiredJson<AppRequest>,
) -> Result<Json<AppInfo>, ApiError> {
    let by = operator.acts(&app);
    carried_through(async move {
        let _turn = app.turns.mine().await;
        let before = present(&app, &id).await?;
        if request.id.is_some_and(|given| given.0 != before.no.0.unsigned_abs()) {
            return Err(ApiError::contradicts_path("id"));
        }
        if request.client_id.as_ref().is_some_and(|client_id| *client_id != before.client_id) {
            return Err(Wrong::new("clientId", "cannot be changed").into());
        }
        if request.public.is_some_and(|public| public != before.public) {
            return Err(Wrong::new("public", "cannot be changed").into());
        }
        let entry = request.applied_to(before)?;
        let written = app.provisioning.change_app(entry.clone(), by).await?;
        wire::done(written, || missing(&id))?;
        Ok(Json(info(entry)))
    })
    .await
}

/// Removes an app with its sessions and subscriptions.
#[utoipa::path(delete, path = "/hookswitch/v1/apps/{appId}", tag = "provisioning", operation_id = "deleteApp",
    params(("appId" = String, Path)), responses((status = 204), (status = 404, description = "No such app")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let by = operator.acts(&app);
    carried_through(async move {
        let _turn = app.turns.mine().await;
        let no = present(&app, &id).await?.no;
        // In small parts first; what comes in between goes with the app.
        ending::of_app(&app, no).await?;
        wire::done(app.provisioning.drop_app(no, by).await?, || missing(&id))?;
        app.front.tokens.forget_all();
        ending::of_app(&app, no).await?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

async fn present(app: &App, id: &str) -> Result<AppEntry, ApiError> {
    let no = Id::parse(id).and_then(|id| i64::try_from(id).ok()).ok_or_else(|| missing(id))?;
    app.provisioning.app_entry(AppNo(no)).await?.ok_or_else(|| missing(id))
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found("appId", id)
}

impl AppRequest {
    fn applied_to(self, mut entry: AppEntry) -> Result<AppEntry, Wrong> {
        if let Some(name) = self.name {
            entry.name = wire::name("name", name)?;
        }
        if let Some(scopes) = self.scopes {
            entry.scopes = wire::words("scopes", scopes)?;
        }
        if let Some(grants) = self.grants {
            let grant = |name: &String| wire::one_of("grants", Grant::ALL, Grant::name, name);
            entry.grants = grants.iter().map(grant).collect::<Result<_, _>>()?;
        }
        if entry.public && entry.grants.contains(&Grant::ClientCredentials) {
            return Err(Wrong::new(
                "grants",
                "has ClientCredentials, which an app without a secret cannot use",
            ));
        }
        if let Some(uris) = self.redirect_uris {
            entry.redirect_uris = redirects(uris)?;
        }
        Ok(entry)
    }
}

fn usual_grants(public: bool) -> Vec<Grant> {
    let all = Grant::ALL.iter().copied();
    all.filter(|grant| !public || matches!(grant, Grant::AuthorizationCode | Grant::RefreshToken)).collect()
}

fn client_id(text: String) -> Result<String, Wrong> {
    let good = (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if good {
        Ok(text)
    } else {
        Err(Wrong::new("clientId", "is not of 1 to 100 letters, digits, `_`, `-`, `.`"))
    }
}

fn redirects(uris: Vec<String>) -> Result<Vec<String>, Wrong> {
    if uris.len() > REDIRECTS {
        return Err(Wrong::new("redirectUris", format!("has more than {REDIRECTS} addresses")));
    }
    let good = |uri: &String| uri.len() <= REDIRECT_BYTES && is_safe(uri);
    match uris.iter().find(|uri| !good(uri)) {
        Some(bad) => Err(Wrong::new(
            "redirectUris",
            format!(
                "has [{bad}], which is no absolute URL that a browser can be sent to, without a fragment"
            ),
        )),
        None => Ok(uris),
    }
}

fn info(entry: AppEntry) -> AppInfo {
    AppInfo {
        id: entry.no.to_string(),
        client_id: entry.client_id,
        name: entry.name,
        public: entry.public,
        scopes: entry.scopes,
        grants: entry.grants.iter().map(|grant| grant.name()).collect(),
        redirect_uris: entry.redirect_uris,
        creation_time: entry.created_at.iso8601(),
    }
}

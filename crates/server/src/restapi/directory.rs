//! The versions of the API, accounts and extensions (contract.md §2). The list is in `extension_list`.

use axum::Json;
use axum::extract::{FromRef, Path, State};
use hookswitch_core::id::{AccountId, ExtensionId};
use hookswitch_store::directory::{Account, Extension};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extension_list;
use crate::authenticate::Caller;
use crate::principal::User;
use crate::problem::{ApiError, ErrorBody};
use crate::state::Front;

const RELEASED: &str = "2026-01-01T00:00:00.000Z";

pub fn routes<S>() -> OpenApiRouter<S>
where
    Front: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    OpenApiRouter::new()
        .routes(routes!(versions))
        .routes(routes!(version))
        .routes(routes!(account))
        .routes(routes!(extension_list::extensions))
        .routes(routes!(extension))
}

/// What API this is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiVersions {
    uri: String,
    api_versions: Vec<ApiVersion>,
    server_version: &'static str,
    server_revision: &'static str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiVersion {
    uri: String,
    version_string: &'static str,
    release_date: &'static str,
    uri_string: &'static str,
}

impl ApiVersion {
    fn only(base_url: &str) -> Self {
        Self {
            uri: format!("{base_url}/restapi/v1.0"),
            version_string: "1.0.60",
            release_date: RELEASED,
            uri_string: "v1.0",
        }
    }
}

/// The versions of the API. Needs no token.
#[utoipa::path(get, path = "/restapi", tag = "directory", operation_id = "getVersions", security(()),
    responses((status = 200, body = ApiVersions)))]
async fn versions(State(front): State<Front>) -> Json<ApiVersions> {
    Json(ApiVersions {
        uri: format!("{}/restapi", front.base_url),
        api_versions: vec![ApiVersion::only(&front.base_url)],
        server_version: env!("CARGO_PKG_VERSION"),
        server_revision: "hookswitch",
    })
}

/// The one version of the API. Needs no token.
#[utoipa::path(get, path = "/restapi/v1.0", tag = "directory", operation_id = "getVersion", security(()),
    responses((status = 200, body = ApiVersion)))]
async fn version(State(front): State<Front>) -> Json<ApiVersion> {
    Json(ApiVersion::only(&front.base_url))
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountInfo {
    uri: String,
    id: u64,
    main_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<OperatorInfo>,
    company_name: String,
    service_info: ServiceInfo,
    setup_wizard_state: &'static str,
    status: &'static str,
    regional_settings: RegionalSettings,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperatorInfo {
    uri: String,
    id: u64,
    extension_number: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceInfo {
    uri: String,
    brand: Named,
    service_plan: Named,
}

#[derive(Serialize, ToSchema)]
pub struct Named {
    id: &'static str,
    name: &'static str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegionalSettings {
    timezone: Named,
    language: Language,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Language {
    id: &'static str,
    name: &'static str,
    locale_code: &'static str,
}

impl RegionalSettings {
    const PLAIN: Self = Self {
        timezone: Named { id: "1", name: "UTC" },
        language: Language { id: "1033", name: "English (United States)", locale_code: "en-US" },
    };
}

/// The caller's account.
#[utoipa::path(get, path = "/restapi/v1.0/account/{accountId}", tag = "directory", operation_id = "getAccount",
    params(("accountId" = String, Path, description = "`~` or the id of the caller's account")),
    responses((status = 200, body = AccountInfo), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn account(
    State(front): State<Front>,
    caller: Caller,
    Path(account): Path<String>,
) -> Result<Json<AccountInfo>, ApiError> {
    let id = own_account(&caller.0, &account)?;
    caller.require_scope("ReadAccounts")?;
    caller.require_permission("ReadCompanyInfo")?;
    let found = front.directory.account(id).await?.ok_or_else(|| unknown_account(&account))?;
    let operator = match found.operator {
        Some(operator) => front.directory.extension(id, operator).await?,
        None => None,
    };
    Ok(Json(account_info(&front.base_url, found, operator)))
}

fn account_info(base_url: &str, account: Account, operator: Option<Extension>) -> AccountInfo {
    let uri = format!("{base_url}/restapi/v1.0/account/{}", account.id);
    let operator = operator.map(|operator| OperatorInfo {
        uri: format!("{uri}/extension/{}", operator.id),
        id: operator.id.0,
        extension_number: operator.number,
    });
    AccountInfo {
        id: account.id.0,
        main_number: account.main_number.trim_start_matches('+').to_owned(),
        operator,
        company_name: account.name,
        service_info: ServiceInfo {
            uri: format!("{uri}/service-info"),
            brand: Named { id: "1210", name: "Hookswitch" },
            service_plan: Named { id: "1", name: "Hookswitch" },
        },
        setup_wizard_state: "Completed",
        status: account.status.name(),
        regional_settings: RegionalSettings::PLAIN,
        uri,
    }
}

/// An extension as the list shows it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExtensionRecord {
    uri: String,
    id: u64,
    extension_number: String,
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    status: &'static str,
    contact: ContactInfo,
    permissions: Permissions,
    profile_image: Link,
    hidden: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContactInfo {
    #[serde(skip_serializing_if = "String::is_empty")]
    first_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    last_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    email: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    business_phone: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    company: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    department: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Permissions {
    admin: Enabled,
    international_calling: Enabled,
}

#[derive(Serialize, ToSchema)]
pub struct Enabled {
    enabled: bool,
}

#[derive(Serialize, ToSchema)]
pub struct Link {
    uri: String,
}

/// One extension with what only its own page shows.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExtensionInfo {
    #[serde(flatten)]
    record: ExtensionRecord,
    account: AccountLink,
    regional_settings: RegionalSettings,
    service_features: Vec<ServiceFeature>,
    setup_wizard_state: &'static str,
}

#[derive(Serialize, ToSchema)]
pub struct AccountLink {
    /// A string here, as on the hosted platform.
    id: String,
    uri: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceFeature {
    feature_name: &'static str,
    enabled: bool,
}

/// One extension of the caller's account.
#[utoipa::path(get, path = "/restapi/v1.0/account/{accountId}/extension/{extensionId}", tag = "directory",
    operation_id = "getExtension",
    params(
        ("accountId" = String, Path, description = "`~` or the id of the caller's account"),
        ("extensionId" = String, Path, description = "`~` or the id of an extension of that account"),
    ),
    responses((status = 200, body = ExtensionInfo), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn extension(
    State(front): State<Front>,
    caller: Caller,
    Path((account, extension)): Path<(String, String)>,
) -> Result<Json<ExtensionInfo>, ApiError> {
    let account = own_account(&caller.0, &account)?;
    let unknown = || ApiError::not_found("extensionId", &extension);
    let id = extension_id(&caller.0, &extension).ok_or_else(unknown)?;
    caller.require_scope("ReadAccounts")?;
    if id != caller.0.extension {
        caller.require_permission("ReadExtensions")?;
    }
    let found = front.directory.extension(account, id).await?.ok_or_else(unknown)?;
    let uri = format!("{}/restapi/v1.0/account/{account}", front.base_url);
    Ok(Json(ExtensionInfo {
        account: AccountLink { id: account.to_string(), uri },
        record: extension_record(&front.base_url, found),
        regional_settings: RegionalSettings::PLAIN,
        service_features: [("WebhookSubscriptions", true), ("Presence", true), ("SMSReceiving", true)]
            .map(|(feature_name, enabled)| ServiceFeature { feature_name, enabled })
            .into(),
        setup_wizard_state: "Completed",
    }))
}

pub(super) fn extension_record(base_url: &str, extension: Extension) -> ExtensionRecord {
    let uri = format!("{base_url}/restapi/v1.0/account/{}/extension/{}", extension.account, extension.id);
    let contact = extension.contact;
    ExtensionRecord {
        id: extension.id.0,
        extension_number: extension.number,
        name: extension.name,
        kind: extension.kind.name(),
        status: extension.status.name(),
        contact: ContactInfo {
            first_name: contact.first_name,
            last_name: contact.last_name,
            email: contact.email,
            business_phone: contact.business_phone,
            company: contact.company,
            department: contact.department,
        },
        permissions: Permissions {
            admin: Enabled { enabled: extension.administrator },
            international_calling: Enabled { enabled: false },
        },
        profile_image: Link { uri: format!("{uri}/profile-image") },
        hidden: false,
        uri,
    }
}

/// The account of a path: `~` or the caller's own id. Any other does not exist for the caller.
pub fn own_account(user: &User, segment: &str) -> Result<AccountId, ApiError> {
    let own = segment == "~" || segment.parse() == Ok(user.account);
    if own { Ok(user.account) } else { Err(unknown_account(segment)) }
}

/// The extension of a path, which may or may not be one of the caller's account.
pub fn extension_id(user: &User, segment: &str) -> Option<ExtensionId> {
    if segment == "~" { Some(user.extension) } else { segment.parse().ok() }
}

fn unknown_account(segment: &str) -> ApiError {
    ApiError::not_found("accountId", segment)
}

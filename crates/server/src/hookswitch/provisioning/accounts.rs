//! `/hookswitch/v1/accounts`: the customers of the platform.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, ExtensionId};
use hookswitch_store::directory::{Account, AccountStatus};
use hookswitch_store::provisioning::{AccountEntry, Actor, Quotas};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::ending;
use super::operator::Operator;
use super::turn::carried_through;
use super::wire::{self, Id, Listing, Wrong, nullable};
use crate::body::RequiredJson;
use crate::problem::ApiError;
use crate::query::QueryOf;
use crate::state::App;

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountInfo {
    id: String,
    name: String,
    /// `+16505551234`; empty if there is none.
    main_number: String,
    /// `Initial`, `Unconfirmed`, `Confirmed` or `Disabled`.
    status: &'static str,
    /// The extension that is meant when one logs in with the main number alone.
    operator_id: Option<String>,
    /// The company of conference events.
    company_id: String,
    quotas: QuotaInfo,
    creation_time: String,
}

/// What the account may use in a day; `null`: as much as the server's settings say.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct QuotaInfo {
    events_per_day: Option<u64>,
    deliveries_per_day: Option<u64>,
    /// Of event bodies.
    bytes_per_day: Option<u64>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct AccountPage {
    /// In the order of ids.
    records: Vec<AccountInfo>,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// An account as it is made or changed; what is absent is drawn or stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AccountRequest {
    /// Digits, as a string or an integer. Cannot be changed.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    id: Option<Id>,
    #[serde(default)]
    name: Option<String>,
    /// A telephone number that belongs to no other account or user; empty: none.
    #[serde(default)]
    main_number: Option<String>,
    /// `Initial`, `Unconfirmed`, `Confirmed` or `Disabled`, which ends all sessions and subscriptions.
    #[serde(default)]
    status: Option<String>,
    #[schema(value_type = Option<String>)]
    #[serde(default, deserialize_with = "nullable")]
    operator_id: Option<Option<Id>>,
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    company_id: Option<Id>,
    #[serde(default)]
    quotas: Option<QuotaInfo>,
    /// Ignored, so that what a GET answered can be sent back.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    #[expect(dead_code, reason = "read to be ignored")]
    creation_time: Option<IgnoredAny>,
}

/// Makes an account.
#[utoipa::path(post, path = "/hookswitch/v1/accounts", tag = "provisioning", operation_id = "createAccount",
    request_body = AccountRequest,
    responses(
        (status = 201, body = AccountInfo),
        (status = 400, description = "A member is wrong; nothing is made"),
        (status = 409, description = "The id, number or company belongs to another account")))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    operator: Operator,
    RequiredJson(request): RequiredJson<AccountRequest>,
) -> Result<(StatusCode, Json<AccountInfo>), ApiError> {
    let by = operator.acts(&app);
    let entry = carried_through(async move {
        let mut turn = app.turns.mine().await;
        let id = AccountId(request.id.map_or_else(|| turn.next_id(&app.handles), |id| id.0));
        let company = request.company_id.map_or_else(|| turn.next_id(&app.handles), |company| company.0);
        let entry = AccountEntry { account: new_account(id, company, by.at), quotas: Quotas::default() };
        let entry = request.applied_to(entry)?;
        check_operator(&app, &entry.account).await?;
        let token = app.handles.token(30);
        let written = app.provisioning.create_account(entry.clone(), token, by).await?;
        wire::done(written, || missing(&id.to_string()))?;
        app.metering.set_quotas(id, Some(entry.quotas));
        Ok(entry)
    })
    .await?;
    Ok((StatusCode::CREATED, Json(info(entry))))
}

fn new_account(id: AccountId, company: u64, now: WallTime) -> Account {
    Account {
        id,
        name: format!("Account {id}"),
        main_number: String::new(),
        status: AccountStatus::Confirmed,
        operator: None,
        company,
        created_at: now,
    }
}

/// Accounts, page by page.
#[utoipa::path(get, path = "/hookswitch/v1/accounts", tag = "provisioning", operation_id = "listAccounts",
    params(Listing), responses((status = 200, body = AccountPage)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    _operator: Operator,
    QueryOf(listing): QueryOf<Listing>,
) -> Result<Json<AccountPage>, ApiError> {
    let (after, limit) = (listing.after()?, listing.limit()?);
    let page = app.provisioning.accounts(after.map(AccountId), limit).await?;
    let cursor = wire::next(&page, limit, |entry| entry.account.id.to_string());
    Ok(Json(AccountPage { records: page.into_iter().map(info).collect(), cursor }))
}

/// One account.
#[utoipa::path(get, path = "/hookswitch/v1/accounts/{accountId}", tag = "provisioning",
    operation_id = "readAccount", params(("accountId" = String, Path)),
    responses((status = 200, body = AccountInfo), (status = 404, description = "No such account")))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    _operator: Operator,
    Path(id): Path<String>,
) -> Result<Json<AccountInfo>, ApiError> {
    present(&app, &id).await.map(info).map(Json)
}

/// Changes the members that are named. A disabled account loses its sessions and subscriptions.
#[utoipa::path(put, path = "/hookswitch/v1/accounts/{accountId}", tag = "provisioning",
    operation_id = "updateAccount", params(("accountId" = String, Path)), request_body = AccountRequest,
    responses((status = 200, body = AccountInfo), (status = 404, description = "No such account"),
        (status = 409, description = "The number or company belongs to another account")))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
    RequiredJson(request): RequiredJson<AccountRequest>,
) -> Result<Json<AccountInfo>, ApiError> {
    let by = operator.acts(&app);
    let entry = carried_through(async move {
        let _turn = app.turns.mine().await;
        let before = present(&app, &id).await?;
        let entry = request.applied_to(before.clone())?;
        check_operator(&app, &entry.account).await?;
        write(&app, &before, &entry, by).await?;
        Ok(entry)
    })
    .await?;
    Ok(Json(info(entry)))
}

/// Removes an account with all that it has. Events for it are refused from then on.
#[utoipa::path(delete, path = "/hookswitch/v1/accounts/{accountId}", tag = "provisioning",
    operation_id = "deleteAccount", params(("accountId" = String, Path)),
    responses((status = 204), (status = 404, description = "No such account")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let by = operator.acts(&app);
    carried_through(async move {
        let _turn = app.turns.mine().await;
        let before = present(&app, &id).await?;
        let account = before.account.id;
        // Disabled first: nothing of it works while it is taken apart, and a deletion that a crash cuts
        // short is repeated.
        let mut disabled = before.clone();
        disabled.account.status = AccountStatus::Disabled;
        if disabled != before {
            write(&app, &before, &disabled, by.clone()).await?;
        }
        ending::of_account(&app, account).await?;
        ending::empty(&app, account).await?;
        let written = app.provisioning.drop_account(account, by).await?;
        wire::done(written, || missing(&id))?;
        app.front.forget_account(account);
        app.metering.set_quotas(account, None);
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Writes an account that is there, and ends what may not be any more.
async fn write(app: &App, before: &AccountEntry, entry: &AccountEntry, by: Actor) -> Result<(), ApiError> {
    let account = &entry.account;
    let written = app.provisioning.change_account(entry.clone(), by).await?;
    wire::done(written, || missing(&account.id.to_string()))?;
    if entry.quotas != before.quotas {
        app.metering.set_quotas(account.id, Some(entry.quotas));
    }
    let disabled = |entry: &AccountEntry| entry.account.status == AccountStatus::Disabled;
    if disabled(entry) && !disabled(before) {
        ending::of_account(app, account.id).await?;
    }
    Ok(())
}

async fn check_operator(app: &App, account: &Account) -> Result<(), ApiError> {
    let Some(operator) = account.operator else { return Ok(()) };
    match app.directory.extension(account.id, operator).await? {
        Some(_) => Ok(()),
        None => Err(Wrong::new("operatorId", "is not an extension of the account").into()),
    }
}

pub(super) async fn present(app: &App, id: &str) -> Result<AccountEntry, ApiError> {
    let account = AccountId(Id::parse(id).ok_or_else(|| missing(id))?);
    app.provisioning.account_entry(account).await?.ok_or_else(|| missing(id))
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found("accountId", id)
}

impl AccountRequest {
    fn applied_to(self, mut entry: AccountEntry) -> Result<AccountEntry, ApiError> {
        let account = &mut entry.account;
        if self.id.is_some_and(|id| id.0 != account.id.0) {
            return Err(ApiError::contradicts_path("id"));
        }
        if let Some(name) = self.name {
            account.name = wire::name("name", name)?;
        }
        if let Some(number) = self.main_number {
            account.main_number = match number.is_empty() {
                true => number,
                false => format!("+{}", wire::phone_digits("mainNumber", &number)?),
            };
        }
        if let Some(status) = self.status {
            account.status = wire::one_of("status", AccountStatus::ALL, AccountStatus::name, &status)?;
        }
        if let Some(operator) = self.operator_id {
            account.operator = operator.map(|operator| ExtensionId(operator.0));
        }
        if let Some(company) = self.company_id {
            account.company = company.0;
        }
        if let Some(quotas) = self.quotas {
            entry.quotas = Quotas {
                events: quotas.events_per_day,
                deliveries: quotas.deliveries_per_day,
                bytes: quotas.bytes_per_day,
            };
        }
        Ok(entry)
    }
}

fn info(entry: AccountEntry) -> AccountInfo {
    let AccountEntry { account, quotas } = entry;
    AccountInfo {
        id: account.id.to_string(),
        name: account.name,
        main_number: account.main_number,
        status: account.status.name(),
        operator_id: account.operator.map(|operator| operator.to_string()),
        company_id: account.company.to_string(),
        quotas: QuotaInfo {
            events_per_day: quotas.events,
            deliveries_per_day: quotas.deliveries,
            bytes_per_day: quotas.bytes,
        },
        creation_time: account.created_at.iso8601(),
    }
}

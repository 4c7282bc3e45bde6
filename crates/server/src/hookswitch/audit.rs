//! `GET /hookswitch/v1/audit`: what operators changed, newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hookswitch_core::id::AccountId;
use hookswitch_store::provisioning::AuditLine;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::provisioning::{Listing, Operator, text_or};
use crate::problem::ApiError;
use crate::query::QueryOf;
use crate::state::App;

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    pub id: String,
    pub time: String,
    /// The token that was used, by its id; absent: the program itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// The token's name at that time.
    pub actor: String,
    /// `account.create`, `extension.update`, `token.delete`, ….
    pub action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// What was changed, as in the path of the API.
    pub target: String,
    /// Without secrets; absent where it did not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct AuditPage {
    /// Newest first.
    pub records: Vec<AuditRecord>,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only what concerns this account.
    account_id: Option<String>,
    cursor: Option<String>,
    /// At most 1000; 100 if absent.
    limit: Option<String>,
}

/// The audit log. Nothing changes or removes its lines.
#[utoipa::path(get, path = "/hookswitch/v1/audit", tag = "operations", operation_id = "listAudit",
    params(AuditQuery), responses((status = 200, body = AuditPage)))]
pub async fn list(
    State(app): State<Arc<App>>,
    _operator: Operator,
    QueryOf(query): QueryOf<AuditQuery>,
) -> Result<Json<AuditPage>, ApiError> {
    let account: Option<AccountId> =
        text_or("accountId", query.account_id.as_ref(), |text| text.parse().ok())?;
    let listing = Listing { cursor: query.cursor, limit: query.limit };
    let limit = listing.limit()?;
    let before = listing.after()?.map(|before| i64::try_from(before).unwrap_or(i64::MAX));
    let lines = app.provisioning.audit(account, before, limit).await?;
    let cursor = lines.last().filter(|_| lines.len() >= limit).map(|last| last.no.to_string());
    Ok(Json(AuditPage { records: lines.into_iter().map(record).collect(), cursor }))
}

fn record(line: AuditLine) -> AuditRecord {
    AuditRecord {
        id: line.no.to_string(),
        time: line.actor.at.iso8601(),
        token_id: line.actor.token.map(|token| token.to_string()),
        actor: line.actor.name,
        action: line.action,
        account_id: line.account.map(|account| account.to_string()),
        target: line.target,
        before: line.before,
        after: line.after,
    }
}

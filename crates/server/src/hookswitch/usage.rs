//! `GET /hookswitch/v1/usage`: what accounts used, day by day.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hookswitch_core::clock::WallTime;
use hookswitch_core::id::AccountId;
use hookswitch_store::provisioning::{UsageQuery, UsageRow};
use serde::{Deserialize, Serialize};

use super::provisioning::{Listing, Operator, text_or};
use crate::problem::ApiError;
use crate::query::QueryOf;
use crate::state::App;

/// Days that are shown if no time is named.
const DAYS: i64 = 30;

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageRecord {
    pub account_id: String,
    /// The day, UTC: `2026-01-31`.
    pub date: String,
    /// Events accepted.
    pub events: u64,
    /// Deliveries that they were matched to.
    pub deliveries: u64,
    /// Of event bodies.
    pub bytes: u64,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct UsagePage {
    /// In the order of days, then accounts. A day without use has no record.
    pub records: Vec<UsageRecord>,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct UsageParameters {
    account_id: Option<String>,
    /// The first day: `2026-01-31`, or a time in it. Thirty days ago if absent.
    from: Option<String>,
    /// The last day. Today if absent.
    to: Option<String>,
    cursor: Option<String>,
    /// At most 1000; 100 if absent.
    limit: Option<String>,
}

/// Usage by account and day.
#[utoipa::path(get, path = "/hookswitch/v1/usage", tag = "operations", operation_id = "readUsage",
    params(UsageParameters), responses((status = 200, body = UsagePage), (status = 400, description = "A parameter is bad")))]
pub async fn list(
    State(app): State<Arc<App>>,
    _operator: Operator,
    QueryOf(query): QueryOf<UsageParameters>,
) -> Result<Json<UsagePage>, ApiError> {
    let today = app.handles.now().utc_day();
    let account: Option<AccountId> =
        text_or("accountId", query.account_id.as_ref(), |text| text.parse().ok())?;
    let from = text_or("from", query.from.as_ref(), day)?.unwrap_or(today - DAYS);
    let to = text_or("to", query.to.as_ref(), day)?.unwrap_or(today);
    if from > to {
        return Err(ApiError::parameter("from", "Parameter [from] is invalid: it is after [to]"));
    }
    let after = text_or("cursor", query.cursor.as_ref(), place)?;
    let limit = Listing { cursor: None, limit: query.limit }.limit()?;
    // What was published a moment ago counts.
    app.metering.write_down().await?;
    let rows = app.provisioning.usage(UsageQuery { account, from, to, after, limit }).await?;
    let cursor =
        rows.last().filter(|_| rows.len() >= limit).map(|last| format!("{}-{}", last.day, last.account));
    Ok(Json(UsagePage { records: rows.into_iter().map(record).collect(), cursor }))
}

fn record(row: UsageRow) -> UsageRecord {
    let mut date = WallTime::midnight(row.day).iso8601();
    date.truncate("2026-01-31".len());
    UsageRecord {
        account_id: row.account.to_string(),
        date,
        events: row.events,
        deliveries: row.deliveries,
        bytes: row.bytes,
    }
}

fn day(text: &str) -> Option<i64> {
    let time =
        WallTime::parse_iso8601(text).or_else(|| WallTime::parse_iso8601(&format!("{text}T00:00:00Z")));
    time.map(WallTime::utc_day)
}

/// The cursor: a day and an account.
fn place(text: &str) -> Option<(i64, AccountId)> {
    let (day, account) = text.split_once('-')?;
    Some((day.parse().ok()?, account.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates_or_times() {
        assert_eq!(day("1970-01-02"), Some(1));
        assert_eq!(day("1970-01-02T23:59:59.999Z"), Some(1));
        assert_eq!(day("yesterday"), None);
        assert_eq!(place("20000-7"), Some((20_000, AccountId(7))));
        assert_eq!(place("7"), None);
    }
}

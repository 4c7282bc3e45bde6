//! The list of an account's extensions: filters, pages, and links from page to page.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use hookswitch_store::directory::{ExtensionFilter, ExtensionStatus, ExtensionType, PageOf};
use serde::Serialize;
use url::form_urlencoded;
use utoipa::ToSchema;

use super::directory::{ExtensionRecord, extension_record, own_account};
use crate::authenticate::Caller;
use crate::problem::{ApiError, ErrorBody};
use crate::state::Front;

const DEFAULT_PER_PAGE: u64 = 100;
const MOST_PER_PAGE: u64 = 1000;
/// Values that one request may name, over all filters.
const MOST_FILTERS: usize = 1000;

#[derive(Serialize, ToSchema)]
pub(super) struct ExtensionList {
    uri: String,
    records: Vec<ExtensionRecord>,
    /// Always there; `nextPage` is not on the last page.
    navigation: Navigation,
    paging: Paging,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Navigation {
    first_page: PageLink,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page: Option<PageLink>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_page: Option<PageLink>,
    last_page: PageLink,
}

#[derive(Serialize, ToSchema)]
pub(super) struct PageLink {
    uri: String,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Paging {
    /// From 1.
    page: u64,
    per_page: u64,
    /// Of the first record, from 0.
    page_start: u64,
    /// Of the last record, from 0.
    page_end: u64,
    total_pages: u64,
    total_elements: u64,
}

/// The extensions of the caller's account, by id, page by page.
#[utoipa::path(get, path = "/restapi/v1.0/account/{accountId}/extension", tag = "directory",
    operation_id = "listExtensions",
    params(
        ("accountId" = String, Path, description = "`~` or the id of the caller's account"),
        ("extensionNumber" = Option<Vec<String>>, Query, description = "Repeatable, as the three below"),
        ("email" = Option<Vec<String>>, Query,),
        ("status" = Option<Vec<String>>, Query, description = "Enabled, Disabled, Frozen, NotActivated, Unassigned"),
        ("type" = Option<Vec<String>>, Query, description = "User, Department, Bot, …"),
        ("page" = Option<u64>, Query, description = "From 1"),
        ("perPage" = Option<u64>, Query, description = "At most 1000; 100 where nothing is said"),
    ),
    responses((status = 200, body = ExtensionList), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
pub(super) async fn extensions(
    State(front): State<Front>,
    caller: Caller,
    Path(account): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ExtensionList>, ApiError> {
    let account = own_account(&caller.0, &account)?;
    caller.require_scope("ReadAccounts")?;
    caller.require_permission("ReadExtensions")?;
    let wanted = Wanted::parse(&query.unwrap_or_default())?;
    let found = front.directory.extensions(account, wanted.filter, wanted.page).await?;

    let path = format!("{}/restapi/v1.0/account/{account}/extension", front.base_url);
    let link = |page: u64| PageLink { uri: page_uri(&path, &wanted.other, page, wanted.page.per_page) };
    let shown = found.records.len() as u64;
    let paging = paging(wanted.page, shown, found.total);
    let page = paging.page;
    Ok(Json(ExtensionList {
        uri: link(page).uri,
        navigation: Navigation {
            first_page: link(1),
            next_page: (page < paging.total_pages).then(|| link(page + 1)),
            previous_page: (page > 1).then(|| link((page - 1).min(paging.total_pages))),
            last_page: link(paging.total_pages),
        },
        paging,
        records: found
            .records
            .into_iter()
            .map(|extension| extension_record(&front.base_url, extension))
            .collect(),
    }))
}

/// What a query asks for.
#[derive(Debug)]
struct Wanted {
    filter: ExtensionFilter,
    page: PageOf,
    /// All parameters but those of the page, to be kept in links.
    other: Vec<(String, String)>,
}

impl Wanted {
    fn parse(query: &str) -> Result<Self, ApiError> {
        let mut filter = ExtensionFilter::default();
        let mut page = PageOf { page: 1, per_page: DEFAULT_PER_PAGE };
        let mut other = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "page" => page.page = positive("page", &value)?,
                "perPage" => page.per_page = positive("perPage", &value)?.min(MOST_PER_PAGE),
                _ => {
                    narrow(&mut filter, &name, &value)?;
                    other.push((name.into_owned(), value.into_owned()));
                }
            }
        }
        if other.len() > MOST_FILTERS {
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "CMN-106",
                format!("The query names more than {MOST_FILTERS} values"),
            ));
        }
        Ok(Self { filter, page, other })
    }
}

/// Parameters that are not known are of no consequence.
fn narrow(filter: &mut ExtensionFilter, name: &str, value: &str) -> Result<(), ApiError> {
    match name {
        "extensionNumber" => filter.numbers.push(value.to_owned()),
        "email" => filter.emails.push(value.to_owned()),
        "status" => {
            filter.statuses.push(
                ExtensionStatus::from_name(value).ok_or_else(|| invalid("status", value, "is no status"))?,
            );
        }
        "type" => filter.kinds.push(
            ExtensionType::from_name(value)
                .ok_or_else(|| invalid("type", value, "is no type of extensions"))?,
        ),
        _ => {}
    }
    Ok(())
}

fn positive(name: &str, value: &str) -> Result<u64, ApiError> {
    let number = value.parse().ok().filter(|number| *number >= 1);
    number.ok_or_else(|| invalid(name, value, "is not a whole number from 1 on"))
}

fn invalid(name: &str, value: &str, why: &str) -> ApiError {
    ApiError::parameter(name, format!("Parameter [{name}] is invalid: [{value}] {why}"))
        .with("parameterValue", value)
}

fn paging(page: PageOf, shown: u64, total: u64) -> Paging {
    let start = page.page.saturating_sub(1).saturating_mul(page.per_page);
    Paging {
        page: page.page,
        per_page: page.per_page,
        page_start: start,
        page_end: start.saturating_add(shown.saturating_sub(1)),
        total_pages: total.div_ceil(page.per_page).max(1),
        total_elements: total,
    }
}

fn page_uri(path: &str, other: &[(String, String)], page: u64, per_page: u64) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(other);
    query.append_pair("page", &page.to_string()).append_pair("perPage", &per_page.to_string());
    format!("{path}?{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paging_counts_elements_from_zero_and_pages_from_one() {
        let of = |page, shown, total| {
            let paging = paging(PageOf { page, per_page: 10 }, shown, total);
            (paging.page_start, paging.page_end, paging.total_pages)
        };
        assert_eq!(of(1, 10, 25), (0, 9, 3));
        assert_eq!(of(3, 5, 25), (20, 24, 3));
        assert_eq!(of(4, 0, 25), (30, 30, 3));
        assert_eq!(of(1, 0, 0), (0, 0, 1));
    }

    #[test]
    fn links_keep_the_filters_and_replace_the_page() {
        let wanted = Wanted::parse("type=User&page=2&status=Enabled&perPage=2&email=a%2Bb%40c").unwrap();
        assert_eq!(
            page_uri("http://h/x", &wanted.other, 3, 2),
            "http://h/x?type=User&status=Enabled&email=a%2Bb%40c&page=3&perPage=2"
        );
    }

    #[test]
    fn a_bad_parameter_is_named() {
        for (query, name) in
            [("page=0", "page"), ("perPage=x", "perPage"), ("status=Asleep", "status"), ("type=", "type")]
        {
            let error = Wanted::parse(query).unwrap_err();
            assert_eq!(error.body()["parameterName"], name, "{query}");
            assert!(error.message.contains("] is no"), "why: {}", error.message);
        }
        assert_eq!(Wanted::parse("perPage=5000").unwrap().page.per_page, 1000);
    }
}

//! Which part of a list is meant, and how to ask for the next.
//!
//! A token holds the place, the number of records and what else the list was asked with, so that a client
//! need not repeat it. Tokens are not secret and not signed: a made-up one shows nothing that could not be
//! asked for anyway.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookswitch_core::chat::ChatKind;
use hookswitch_core::limits::{PAGE_RECORDS, PAGE_RECORDS_AT_MOST};
use hookswitch_store::team_messaging::{Page, PageOf, Place};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;
use utoipa::ToSchema;

use crate::problem::ApiError;

/// The parameters of a list.
#[derive(Debug, PartialEq)]
pub(super) struct Paging {
    /// Behind or ahead of a record; `None` for the first page.
    pub(super) place: Option<Place>,
    pub(super) count: usize,
    /// Of the chats; all if empty.
    pub(super) kinds: Vec<ChatKind>,
}

#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Navigation {
    /// For `pageToken`; absent on the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prev_page_token: Option<String>,
    /// For `pageToken`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_page_token: Option<String>,
}

/// A token before it is written.
#[derive(Deserialize, Serialize)]
struct Token {
    /// Whether it leads to later records.
    later: bool,
    than: u64,
    count: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<ChatKind>,
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl Paging {
    fn parse(query: &str) -> Result<Self, ApiError> {
        let mut paging = Self { place: None, count: PAGE_RECORDS, kinds: Vec::new() };
        let mut token = None;
        let mut count = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "recordCount" if !value.is_empty() => count = Some(record_count(&value)?),
                "pageToken" if !value.is_empty() => token = Some(read_token(&value)?),
                "type" => paging.kinds.extend(kinds(&value)?),
                _ => {}
            }
        }
        if let Some(token) = token {
            let place = if token.later { Place::After(token.than) } else { Place::Before(token.than) };
            return Ok(Self { place: Some(place), count: count.unwrap_or(token.count), kinds: token.kinds });
        }
        paging.count = count.unwrap_or(paging.count);
        Ok(paging)
    }

    /// For lists that begin with the oldest.
    pub(super) fn ascending(&self) -> PageOf {
        PageOf { place: self.place.unwrap_or(Place::Start), limit: self.count }
    }

    /// For lists that begin with the newest.
    pub(super) fn descending(&self) -> PageOf {
        PageOf { place: self.place.unwrap_or(Place::End), limit: self.count }
    }

    /// From a page of a list that begins with the oldest.
    pub(super) fn navigation<T>(&self, page: &Page<T>, number: impl Fn(&T) -> u64) -> Navigation {
        let (earlier, later) = self.tokens(page, number);
        Navigation { prev_page_token: earlier, next_page_token: later }
    }

    /// From a page of a list that begins with the newest.
    pub(super) fn navigation_descending<T>(&self, page: &Page<T>, number: impl Fn(&T) -> u64) -> Navigation {
        let (earlier, later) = self.tokens(page, number);
        Navigation { prev_page_token: later, next_page_token: earlier }
    }

    fn tokens<T>(&self, page: &Page<T>, number: impl Fn(&T) -> u64) -> (Option<String>, Option<String>) {
        let token = |later: bool, record: &T| {
            let token = Token { later, than: number(record), count: self.count, kinds: self.kinds.clone() };
            serde_json::to_vec(&token).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
        };
        let earlier = page.records.first().filter(|_| page.has_earlier).and_then(|first| token(false, first));
        let later = page.records.last().filter(|_| page.has_later).and_then(|last| token(true, last));
        (earlier, later)
    }
}

fn record_count(text: &str) -> Result<usize, ApiError> {
    let count = text.parse().ok().filter(|count| (1..=PAGE_RECORDS_AT_MOST).contains(count));
    count.ok_or_else(|| {
        let why =
            format!("Parameter [recordCount] value is invalid: it must be from 1 to {PAGE_RECORDS_AT_MOST}");
        ApiError::parameter("recordCount", why)
    })
}

fn read_token(text: &str) -> Result<Token, ApiError> {
    let read = || {
        let token: Token = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let is_sound = (1..=PAGE_RECORDS_AT_MOST).contains(&token.count)
            && token.than <= i64::MAX.cast_unsigned()
            && token.kinds.len() <= ChatKind::ALL.len();
        is_sound.then_some(token)
    };
    let why = "Parameter [pageToken] value is invalid: it is no token of an earlier answer";
    read().ok_or_else(|| ApiError::parameter("pageToken", why))
}

/// One value or several with commas between; the parameter may also be repeated.
fn kinds(text: &str) -> Result<Vec<ChatKind>, ApiError> {
    let kind = |name: &str| {
        let why = format!("Parameter [type] value is invalid: there are no chats of type {name}");
        ChatKind::from_either_name(name).ok_or_else(|| ApiError::parameter("type", why))
    };
    text.split(',').filter(|name| !name.is_empty()).map(kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_the_default_and_empty_says_nothing() {
        let default = Paging { place: None, count: 30, kinds: vec![] };
        assert_eq!(Paging::parse("").unwrap(), default);
        assert_eq!(Paging::parse("recordCount=&pageToken=&type=&other=1").unwrap(), default);
        let said = Paging::parse("recordCount=250&type=Team,Direct&type=PersonalChat").unwrap();
        assert_eq!(
            (said.count, said.kinds),
            (250, vec![ChatKind::Team, ChatKind::PrivateChat, ChatKind::PersonalChat])
        );
    }

    #[test]
    fn bad_parameters_are_named() {
        for (query, name) in [
            ("recordCount=0", "recordCount"),
            ("recordCount=251", "recordCount"),
            ("recordCount=ten", "recordCount"),
            ("pageToken=x", "pageToken"),
            ("pageToken=e30", "pageToken"),
            ("type=Robot", "type"),
            ("type=Team,team", "type"),
        ] {
            let error = Paging::parse(query).unwrap_err();
            assert_eq!((error.code, &error.body()["parameterName"]), ("CMN-101", &name.into()), "{query}");
        }
    }

    #[test]
    fn a_token_brings_all_back_that_the_list_was_asked_with() {
        let asked = Paging::parse("recordCount=2&type=Team").unwrap();
        let page = Page { records: vec![5, 7], has_earlier: true, has_later: true };
        let navigation = asked.navigation(&page, |number| *number);
        let query = |token: Option<String>| format!("pageToken={}", token.unwrap());
        let next = Paging::parse(&query(navigation.next_page_token.clone())).unwrap();
        assert_eq!(next, Paging { place: Some(Place::After(7)), count: 2, kinds: vec![ChatKind::Team] });
        let previous = Paging::parse(&query(navigation.prev_page_token)).unwrap();
        assert_eq!(previous.place, Some(Place::Before(5)));
        let newest_first = asked.navigation_descending(&page, |number| *number);
        assert_eq!(newest_first.prev_page_token, navigation.next_page_token);
        let other_count = format!("{}&recordCount=9", query(newest_first.next_page_token));
        assert_eq!(Paging::parse(&other_count).unwrap().count, 9);
    }

    #[test]
    fn there_is_no_token_where_there_is_no_page() {
        let asked = Paging::parse("").unwrap();
        let page = Page { records: vec![5], has_earlier: false, has_later: false };
        let navigation = asked.navigation(&page, |number| *number);
        assert_eq!((navigation.prev_page_token, navigation.next_page_token), (None, None));
        let empty = Page { records: Vec::<u64>::new(), has_earlier: true, has_later: true };
        assert!(asked.navigation(&empty, |number| *number).next_page_token.is_none());
    }
}

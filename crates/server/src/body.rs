//! Reading request bodies: whole, within the limit of their path, and as JSON.
//!
//! Clients write "no body" in four ways: nothing, nothing with a content type, `null` and `{}`
//! (contract.md §0). `OptionalJson` takes all four for absent. Text that is not JSON is CMN-103 with
//! line and column; JSON of the wrong shape is CMN-101 with the name of the member.

use std::error::Error;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request};
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::config::{Limits, Size};
use crate::problem::ApiError;
use crate::state::Front;

/// The bytes of a body, at most as many as its path may have.
pub struct Payload(pub Bytes);

/// A body that may be absent.
pub struct OptionalJson<T>(pub Option<T>);

/// A body that must be there.
pub struct RequiredJson<T>(pub T);

/// How much a request to some path may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimit {
    /// As it stands in the settings: `limits.publish_request`.
    pub name: &'static str,
    pub bytes: usize,
}

impl BodyLimit {
    pub fn of(path: &str, limits: &Limits) -> Self {
        let (name, Size(bytes)) = if path == "/hookswitch/v1/events" {
            ("limits.publish_request", limits.publish_request)
        } else if path.contains("/subscription") {
            ("limits.subscription_request", limits.subscription_request)
        } else if path.starts_with("/hookswitch/v1/accounts/") && path.ends_with("/extensions") {
            ("limits.import_request", limits.import_request)
        } else if path.starts_with("/webhook/") || path.starts_with("/webhooks/") {
            ("limits.incoming_post", limits.incoming_post)
        } else {
            ("limits.other_request", limits.other_request)
        };
        Self { name, bytes }
    }

    pub fn exceeded(self) -> ApiError {
        ApiError::too_large(self.name, self.bytes)
    }
}

impl<S> FromRequest<S> for Payload
where
    Front: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let front = Front::from_ref(state);
        let limit = BodyLimit::of(request.uri().path(), &front.settings.limits);
        read(&front, request.into_body(), limit).await.map(Self)
    }
}

impl<S, T> FromRequest<S> for OptionalJson<T>
where
    Front: FromRef<S>,
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Payload(bytes) = Payload::from_request(request, state).await?;
        if is_absent(&bytes) { Ok(Self(None)) } else { from_json(&bytes).map(|value| Self(Some(value))) }
    }
}

impl<S, T> FromRequest<S> for RequiredJson<T>
where
    Front: FromRef<S>,
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Payload(bytes) = Payload::from_request(request, state).await?;
        if bytes.trim_ascii().is_empty() {
            return Err(ApiError::malformed("Request body is empty; a JSON object is expected"));
        }
        from_json(&bytes).map(Self)
    }
}

/// Reads a body whole, within its limit of time too.
pub async fn read(front: &Front, body: Body, limit: BodyLimit) -> Result<Bytes, ApiError> {
    let within = front.settings.limits.body_within;
    let read = tokio::select! {
        biased;
        read = Limited::new(body, limit.bytes).collect() => read,
        // Nobody sleeps where the body came along with the head.
        () = async { front.handles.sleep(within).await } => return Err(too_slow(within)),
    };
    match read {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if is_over_limit(error.as_ref()) => Err(limit.exceeded()),
        // The client went away or broke the framing; nobody will read this.
        Err(_) => Err(ApiError::malformed("Request body ended too early")),
    }
}

/// 408: what drips holds a connection for as long as it likes. The connection is closed.
fn too_slow(within: Duration) -> ApiError {
    let message = format!(
        "Request body did not arrive within the limit [limits.body_within] of {} ms",
        within.as_millis()
    );
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "CMN-104", message).with("limitName", "limits.body_within")
}

/// The front door's own limit shows as a cause, because the body it bounds is wrapped.
fn is_over_limit(error: &(dyn Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_over_limit)
}

/// Reads a JSON object, saying what is wrong where.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        // A list would be taken for the members in their order.
        return Err(match serde_json::from_slice::<IgnoredAny>(bytes) {
            Ok(_) => {
                ApiError::malformed("Request body is not of the expected form: it must be a JSON object")
            }
            Err(error) => misread(&error, ""),
        });
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let member = error.path().to_string();
        misread(&error.into_inner(), &member)
    })?;
    reader.end().map_err(|error| misread(&error, ""))?;
    Ok(value)
}

fn misread(error: &serde_json::Error, member: &str) -> ApiError {
    let why = in_words_of_json(&error.to_string());
    if error.is_data() && !matches!(member, "" | ".") {
        return ApiError::parameter(member, format!("Parameter [{member}] is invalid: {why}"));
    }
    ApiError::malformed(format!("Request body is not valid JSON of the expected form: {why}"))
        .with("line", error.line())
        .with("column", error.column())
}

/// Says what was expected as somebody would who knows JSON and none of our types.
pub fn in_words_of_json(why: &str) -> String {
    let Some((before, expected)) = why.rsplit_once("expected ") else { return why.to_owned() };
    let (expected, place) = match expected.find(" at line ") {
        Some(end) => expected.split_at(end),
        None => (expected, ""),
    };
    let plain = match expected {
        "a sequence" => "an array",
        "a map" => "an object",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        other if other.starts_with("struct ") => "an object",
        other => other,
    };
    format!("{before}expected {plain}{place}")
}

/// Nothing, blanks, `null`, or an object without members.
fn is_absent(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii();
    if text.is_empty() || text == b"null" {
        return true;
    }
    let inner = text.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
    inner.is_some_and(|inner| inner.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase")]
    struct Wanted {
        event_filters: Vec<String>,
    }

    #[test]
    fn all_ways_to_write_no_body_are_alike() {
        for text in ["", "  \r\n", "null", " null ", "{}", "{ \n }"] {
            assert!(is_absent(text.as_bytes()), "{text:?}");
        }
        for text in ["{\"a\":1}", "[]", "0", "nul", "{"] {
            assert!(!is_absent(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn text_that_is_not_json_is_told_with_its_place() {
        let error = from_json::<Wanted>(b"{\n  \"eventFilters\": [\"a\",]}").unwrap_err();
        assert_eq!(error.code, "CMN-103");
        assert_eq!(error.body()["errors"][0]["line"], 2);
        assert!(error.message.contains("line 2 column"), "{}", error.message);
        assert_eq!(from_json::<Wanted>(b"{\"eventFilters\":[]} x").unwrap_err().code, "CMN-103");
    }

    #[test]
    fn json_of_the_wrong_shape_is_told_with_the_name_of_the_member() {
        let error = from_json::<Wanted>(b"{\"eventFilters\": [\"a\", 5]}").unwrap_err();
        assert_eq!(error.code, "CMN-101");
        assert_eq!(error.body()["parameterName"], "eventFilters[1]");
        let missing = from_json::<Wanted>(b"{\"x\": 1}").unwrap_err();
        assert!(missing.message.contains("eventFilters"), "{}", missing.message);
    }

    #[test]
    fn only_an_object_is_taken_for_one() {
        for text in ["[[\"a\"]]", "\"a\"", "5", "null", "[]"] {
            let error = from_json::<Wanted>(text.as_bytes()).unwrap_err();
            assert_eq!(error.code, "CMN-103");
            assert!(error.message.ends_with("it must be a JSON object"), "{}", error.message);
        }
        let error = from_json::<Wanted>(b"[1,").unwrap_err();
        assert_eq!(error.body()["errors"][0]["line"], 1, "text that is not JSON is told with its place");
    }

    #[test]
    fn what_was_expected_is_told_in_words_of_json() {
        for (why, plain) in [
            (
                "invalid type: string \"x\", expected struct PersonRequest at line 1 column 5",
                "invalid type: string \"x\", expected an object at line 1 column 5",
            ),
            ("invalid type: map, expected a sequence", "invalid type: map, expected an array"),
            (
                "invalid value: integer `-1`, expected u64 at line 1 column 21",
                "invalid value: integer `-1`, expected a whole number that is not negative at line 1 column 21",
            ),
            ("invalid type: map, expected a string", "invalid type: map, expected a string"),
            ("EOF while parsing a value", "EOF while parsing a value"),
        ] {
            assert_eq!(in_words_of_json(why), plain);
        }
    }

    #[test]
    fn each_kind_of_path_has_its_limit() {
        let limits = Limits::default();
        let name = |path: &str| BodyLimit::of(path, &limits).name;
        assert_eq!(name("/hookswitch/v1/events"), "limits.publish_request");
        assert_eq!(name("/restapi/v1.0/subscription/7"), "limits.subscription_request");
        assert_eq!(name("/webinar/notifications/v1/subscriptions"), "limits.subscription_request");
        assert_eq!(name("/webhook/v2/7"), "limits.incoming_post");
        assert_eq!(name("/restapi/oauth/token"), "limits.other_request");
    }
}

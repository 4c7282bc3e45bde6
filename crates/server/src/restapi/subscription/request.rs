//! What a request asks for: its JSON, read member by member, so that an answer can say which is wrong.
//!
//! A body that is absent, empty, `null` or `{}` is the same: clients send all four where nothing is to be
//! said. Unknown members are ignored. A member that is `null` counts as absent.

use std::time::Duration;

use hookswitch_core::limits;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::refusal::Refusal;

/// Transports that the protocol knows. Only those in `OFFERED` can be had here.
const KNOWN_TRANSPORTS: [&str; 7] =
    ["WebHook", "PubNub", "PubNub/APNS", "WebSocket", "RC/APNS", "RC/GCM", "Internal"];
const OFFERED: [&str; 1] = ["WebHook"];

#[derive(Debug, PartialEq, Eq)]
pub(super) struct CreateRequest {
    pub(super) event_filters: Vec<String>,
    pub(super) expires_in: Option<Duration>,
    pub(super) delivery: Delivery,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Webhook { address: String, verification_token: Option<String> },
}

/// `deliveryMode` is not among its members: where a subscription delivers to does not change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct UpdateRequest {
    pub(super) event_filters: Option<Vec<String>>,
    pub(super) expires_in: Option<Duration>,
}

/// How much a request may hold; settings.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub filters: usize,
    pub filter_bytes: usize,
}

/// A create as the API description shows it. Requests are read member by member, not into this.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SubscriptionRequest {
    /// Paths of events, `~` for the caller's account and extension, each with its parameters.
    pub event_filters: Vec<String>,
    /// Seconds; more than the transport allows is cut down to that.
    pub expires_in: Option<i64>,
    pub delivery_mode: DeliveryModeRequest,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct DeliveryModeRequest {
    /// `WebHook`.
    pub transport_type: String,
    /// Where to deliver: https, or http to loopback where that is allowed.
    pub address: String,
    /// Sent along as `Verification-Token`; never answered.
    pub verification_token: Option<String>,
}

/// An update; a body is not needed. `deliveryMode` is ignored: it does not change.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SubscriptionUpdate {
    /// The present ones: a renewal. Others: they take their place.
    pub event_filters: Option<Vec<String>>,
    /// Sets the lifetime, which begins anew.
    pub expires_in: Option<i64>,
}

impl CreateRequest {
    pub(super) fn read(body: &[u8], bounds: Bounds) -> Result<Self, Refusal> {
        let mut members = members(body)?;
        let event_filters = event_filters(&mut members, bounds)?
            .ok_or_else(|| Refusal::parameter("eventFilters", "Parameter [eventFilters] is mandatory"))?;
        Ok(Self { event_filters, expires_in: expires_in(&members)?, delivery: delivery(&mut members)? })
    }
}

impl UpdateRequest {
    pub(super) fn read(body: &[u8], bounds: Bounds) -> Result<Self, Refusal> {
        let mut members = members(body)?;
        Ok(Self { event_filters: event_filters(&mut members, bounds)?, expires_in: expires_in(&members)? })
    }
}

fn members(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(mut members)) => {
            members.retain(|_, value| !value.is_null());
            Ok(members)
        }
        Ok(Value::Null) => Ok(Map::new()),
        Ok(other) => {
            Err(Refusal::Malformed(format!("The request body must be a JSON object, not {}", kind(&other))))
        }
        Err(error) => Err(Refusal::Malformed(format!("The request body is not valid JSON: {error}"))),
    }
}

fn event_filters(members: &mut Map<String, Value>, bounds: Bounds) -> Result<Option<Vec<String>>, Refusal> {
    const NAME: &str = "eventFilters";
    let filters = match members.remove(NAME) {
        None => return Ok(None),
        Some(Value::Array(filters)) => filters,
        Some(other) => return Err(wrong(NAME, "must be an array of strings", &other)),
    };
    if filters.is_empty() {
        return Err(Refusal::parameter(
            NAME,
            "Parameter [eventFilters] is empty; at least one event filter is needed",
        ));
    }
    if filters.len() > bounds.filters {
        let (sent, most) = (filters.len(), bounds.filters);
        let message = format!("Parameter [eventFilters] has {sent} event filters; the limit is {most}");
        return Err(Refusal::parameter(NAME, message));
    }
    let text = |(index, filter)| match filter {
        Value::String(text) if text.is_empty() => Err(Refusal::parameter(
            NAME,
            format!("Parameter [eventFilters] is invalid: entry {index} is empty"),
        )),
        Value::String(text) if text.len() > bounds.filter_bytes => {
            let (bytes, most) = (text.len(), bounds.filter_bytes);
            let message = format!(
                "Parameter [eventFilters] is invalid: entry {index} has {bytes} bytes; the limit is {most}"
            );
            Err(Refusal::parameter(NAME, message))
        }
        Value::String(text) => Ok(text),
        other => {
            let message = format!(
                "Parameter [eventFilters] is invalid: entry {index} must be a string, not {}",
                kind(&other)
            );
            Err(Refusal::parameter(NAME, message))
        }
    };
    filters.into_iter().enumerate().map(text).collect::<Result<_, _>>().map(Some)
}

fn expires_in(members: &Map<String, Value>) -> Result<Option<Duration>, Refusal> {
    const NAME: &str = "expiresIn";
    let Some(value) = members.get(NAME) else { return Ok(None) };
    match value.as_u64() {
        Some(seconds) if seconds >= 1 => Ok(Some(Duration::from_secs(seconds))),
        _ if value.is_number() => {
            let message = format!(
                "Parameter [expiresIn] is invalid: {value} is not a whole number of seconds from 1 on"
            );
            Err(Refusal::parameter(NAME, message))
        }
        _ => Err(wrong(NAME, "must be a whole number of seconds from 1 on", value)),
    }
}

fn delivery(members: &mut Map<String, Value>) -> Result<Delivery, Refusal> {
    let mut mode = match members.remove("deliveryMode") {
        None => return Err(Refusal::parameter("deliveryMode", "Parameter [deliveryMode] is mandatory")),
        Some(Value::Object(mode)) => mode,
        Some(other) => return Err(wrong("deliveryMode", "must be an object", &other)),
    };
    mode.retain(|_, value| !value.is_null());
    check_transport(&mode)?;
    let address = required_text(&mut mode, "address", "deliveryMode.address")?;
    // `validationToken` is what one page of the documentation calls it.
    let token = match text(&mut mode, "verificationToken", "deliveryMode.verificationToken")? {
        Some(token) => Some(token),
        None => text(&mut mode, "validationToken", "deliveryMode.validationToken")?,
    };
    let verification_token = token.filter(|token| !token.is_empty());
    if let Some(token) = &verification_token {
        check_verification_token(token)?;
    }
    Ok(Delivery::Webhook { address, verification_token })
}

fn check_transport(mode: &Map<String, Value>) -> Result<(), Refusal> {
    const NAME: &str = "deliveryMode.transportType";
    let given = match mode.get("transportType") {
        None => return Err(Refusal::parameter(NAME, format!("Parameter [{NAME}] is mandatory"))),
        Some(Value::String(given)) => given,
        Some(other) => return Err(wrong(NAME, "must be a string", other)),
    };
    let is_given = |known: &&str| known.eq_ignore_ascii_case(given);
    if OFFERED.iter().any(is_given) {
        return Ok(());
    }
    let offered = OFFERED.join(", ");
    let message = match KNOWN_TRANSPORTS.into_iter().find(is_given) {
        Some(known) => {
            format!("Parameter [{NAME}] is invalid: {known} is not offered by this server; use {offered}")
        }
        None => format!("Parameter [{NAME}] is invalid: {} is not a transport; use {offered}", shown(given)),
    };
    Err(Refusal::parameter(NAME, message))
}

/// It is sent back as a header with every request, so it must survive as one.
fn check_verification_token(token: &str) -> Result<(), Refusal> {
    const NAME: &str = "deliveryMode.verificationToken";
    let refuse = |why: String| Err(Refusal::parameter(NAME, format!("Parameter [{NAME}] is invalid: {why}")));
    if token.len() > limits::VERIFICATION_TOKEN_BYTES {
        return refuse(format!(
            "it has {} bytes; the limit is {}",
            token.len(),
            limits::VERIFICATION_TOKEN_BYTES
        ));
    }
    if !token.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return refuse("it is sent as a header, so it may hold printable ASCII characters only".into());
    }
    if token.trim() != token {
        return refuse("it is sent as a header, so it must not begin or end with a space".into());
    }
    Ok(())
}

fn required_text(mode: &mut Map<String, Value>, member: &str, name: &'static str) -> Result<String, Refusal> {
    text(mode, member, name)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Refusal::parameter(name, format!("Parameter [{name}] is mandatory")))
}

fn text(mode: &mut Map<String, Value>, member: &str, name: &'static str) -> Result<Option<String>, Refusal> {
    match mode.remove(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(wrong(name, "must be a string", &other)),
    }
}

fn wrong(name: &'static str, must: &str, value: &Value) -> Refusal {
    Refusal::parameter(name, format!("Parameter [{name}] is invalid: it {must}, not {}", kind(value)))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// As much of a text of the caller's as goes into an answer.
pub(super) fn shown(text: &str) -> String {
    const CHARACTERS: usize = 200;
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { filters: 3, filter_bytes: 20 };

    fn create(body: &str) -> Result<CreateRequest, Refusal> {
        CreateRequest::read(body.as_bytes(), BOUNDS)
    }

    #[test]
    fn what_clients_send_is_read_and_what_they_add_is_ignored() {
        let body = r#"{"eventFilters":["/a","/b?x=1"],"expiresIn":473040000,"name":"mine","id":7,
            "deliveryMode":{"transportType":"webhook","address":"https://a.example/h?x=%41",
            "verificationToken":"v t","encryption":"false","expiresIn":1,"extra":{}}}"#;
        let expected = CreateRequest {
            event_filters: vec!["/a".into(), "/b?x=1".into()],
            expires_in: Some(Duration::from_secs(473_040_000)),
            delivery: Delivery::Webhook {
                address: "https://a.example/h?x=%41".into(),
                verification_token: Some("v t".into()),
            },
        };
        assert_eq!(create(body).unwrap(), expected);
    }

    #[test]
    fn absent_members_may_be_null_and_the_token_has_a_second_name() {
        let body = |token: &str| {
            format!(
                r#"{{"eventFilters":["/a"],"expiresIn":null,"deliveryMode":{{"transportType":"WebHook","address":"x"{token}}}}}"#
            )
        };
        let token = |text: &str| match create(&body(text)).unwrap().delivery {
            Delivery::Webhook { verification_token, .. } => verification_token,
        };
        assert_eq!(token(r#","verificationToken":null"#), None);
        assert_eq!(token(r#","verificationToken":"""#), None);
        assert_eq!(token(r#","validationToken":"t""#), Some("t".into()));
        assert_eq!(create(&body("")).unwrap().expires_in, None);
    }

    #[test]
    fn an_absent_empty_null_or_empty_object_body_of_an_update_asks_for_nothing() {
        for body in [
            "",
            "  \r\n",
            "null",
            " null ",
            "{}",
            r#"{"deliveryMode":{"address":7}}"#,
            r#"{"eventFilters":null}"#,
        ] {
            assert_eq!(
                UpdateRequest::read(body.as_bytes(), BOUNDS).unwrap(),
                UpdateRequest::default(),
                "{body}"
            );
        }
    }

    #[test]
    fn a_text_of_the_caller_is_cut_between_characters() {
        assert_eq!(shown("short"), "short");
        assert_eq!(shown(&"é".repeat(300)), format!("{}…", "é".repeat(200)));
    }
}

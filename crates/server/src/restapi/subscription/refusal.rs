//! Why a call about subscriptions is refused, and the answer that says so: the codes of contract.md §3.8.

use axum::http::StatusCode;
use hookswitch_core::catalogue::Private;
use hookswitch_core::reminder::OutOfBounds;
use hookswitch_store::StoreError;
use hookswitch_transport::webhook::address::AddressError;
use hookswitch_transport::webhook::handshake::HandshakeFailure;
use serde_json::{Value, json};

use super::request::shown;
use crate::problem::ApiError;

/// Invalid filters that an answer names; the rest is counted.
const NAMED: usize = 10;

#[derive(Debug)]
pub enum Refusal {
    /// 400 CMN-101: this parameter, for this reason.
    Parameter {
        name: &'static str,
        message: String,
    },
    /// 400 CMN-103: not JSON, or no object.
    Malformed(String),
    /// The app lacks this scope.
    AppScope(String),
    /// The user lacks this permission, for all filters.
    UserPermission(String),
    /// What is wrong with each of these filters.
    InvalidFilters(Vec<InvalidFilter>),
    /// An account that is not the caller's.
    ForeignAccount {
        filter: String,
    },
    /// What another extension keeps to itself, for a user who is no administrator.
    PrivateToAnother {
        what: Private,
        filter: String,
    },
    OnlyReminder,
    Reminder {
        filter: String,
        bound: OutOfBounds,
    },
    MalformedReminder {
        filter: String,
        why: String,
    },
    TooManySubscriptions {
        limit: usize,
    },
    Address(AddressError),
    Handshake(HandshakeFailure),
    /// Too many handshakes are under way.
    Busy,
    NoSuchSubscription {
        id: String,
    },
    /// The user, their account or the app was disabled or removed meanwhile.
    OwnerDisabled,
    Store(StoreError),
    /// A panic in our own code; told apart so that the answer is not a broken connection.
    Internal,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFilter {
    pub filter: String,
    pub why: String,
}

impl Refusal {
    pub fn parameter(name: &'static str, message: impl Into<String>) -> Self {
        Self::Parameter { name, message: message.into() }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
        match refusal {
            Refusal::Parameter { name, message } => Self::parameter(name, message),
            Refusal::Malformed(message) => Self::malformed(message),
            Refusal::AppScope(scope) => Self::permission(&scope),
            Refusal::UserPermission(name) => Self::user_permission(&name),
            Refusal::InvalidFilters(filters) => invalid_filters(&filters),
            Refusal::ForeignAccount { filter } => {
                let message = format!("Event filter [{}] names an account that is not yours", shown(&filter));
                about_filter(FORBIDDEN, "SUB-406", message, filter)
            }
            Refusal::PrivateToAnother { what, filter } => {
                let (code, words) = private(what);
                let message = format!(
                    "Event filter [{}] asks for {words} of another extension, which only an administrator may",
                    shown(&filter)
                );
                about_filter(FORBIDDEN, code, message, filter)
            }
            Refusal::OnlyReminder => {
                let message =
                    "The reminder is the only event filter; a subscription needs another one to remind of";
                Self::new(BAD, "SUB-515", message).with("parameterName", "eventFilters")
            }
            Refusal::Reminder { filter, bound } => {
                let message = format!("Event filter [{}] is out of bounds: {bound}", shown(&filter));
                about_filter(BAD, "SUB-516", message, filter)
            }
            Refusal::MalformedReminder { filter, why } => {
                let message = format!("Event filter [{}] is not valid: {why}", shown(&filter));
                about_filter(BAD, "SUB-516", message, filter)
            }
            Refusal::TooManySubscriptions { limit } => {
                let message =
                    format!("The limit of {limit} subscriptions of one user with one app is reached");
                Self::new(FORBIDDEN, "SUB-505", message).with("limit", limit)
            }
            Refusal::Address(error) if error.code() == "CMN-101" => {
                Self::parameter(ADDRESS, format!("Parameter [{ADDRESS}] is invalid: {error}"))
            }
            Refusal::Address(error) => {
                Self::new(BAD, error.code(), sentence(&error)).with("parameterName", ADDRESS)
            }
            Refusal::Handshake(HandshakeFailure::Ours(why)) => {
                Self::unavailable(format!("This server could not make the handshake: {why}"))
            }
            Refusal::Handshake(failure) => {
                Self::new(BAD, failure.code(), sentence(&failure)).with("parameterName", ADDRESS)
            }
            Refusal::Busy => Self::unavailable("Too many handshakes are under way, please come back"),
            Refusal::NoSuchSubscription { id } => Self::not_found("subscriptionId", &id),
            Refusal::OwnerDisabled => {
                Self::new(BAD, "OAU-236", "The owner's extension is disabled or frozen")
            }
            Refusal::Store(error) => error.into(),
            Refusal::Internal => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "CMN-203", "Internal server error")
            }
        }
    }
}

const ADDRESS: &str = "deliveryMode.address";

fn about_filter(status: StatusCode, code: &'static str, message: String, filter: String) -> ApiError {
    ApiError::new(status, code, message).with("parameterName", "eventFilters").with("parameterValue", filter)
}

fn private(what: Private) -> (&'static str, &'static str) {
    match what {
        Private::Messages => ("SUB-405", "messages"),
        Private::Favorites => ("SUB-518", "favourites"),
        Private::MissedCalls => ("SUB-527", "missed calls"),
        Private::IncomingCalls => ("SUB-530", "incoming calls"),
        Private::PresenceLines => ("SUB-531", "presence lines"),
    }
}

/// The message names them all, or the first of very many; `errors` says of each what is wrong.
fn invalid_filters(filters: &[InvalidFilter]) -> ApiError {
    let mut named: Vec<String> =
        filters.iter().take(NAMED).map(|one| format!("[{}]", shown(&one.filter))).collect();
    if filters.len() > NAMED {
        named.push(format!("and {} more", filters.len() - NAMED));
    }
    let why = filters.first().map_or("", |first| first.why.as_str());
    let message = format!("Event filters are not valid: {}: {why}", named.join(", "));
    let mut error =
        ApiError::new(StatusCode::BAD_REQUEST, "SUB-508", message).with("parameterName", "eventFilters");
    if let Some(first) = filters.first() {
        error = error.with("parameterValue", first.filter.clone());
    }
    error.more = filters.iter().skip(1).take(NAMED - 1).map(wire).collect();
    error
}

fn wire(invalid: &InvalidFilter) -> Value {
    json!({
        "errorCode": "SUB-508",
        "message": format!("Event filter [{}] is not valid: {}", shown(&invalid.filter), invalid.why),
        "parameterName": "eventFilters",
        "parameterValue": invalid.filter,
    })
}

/// With a capital letter in front.
fn sentence(error: &impl std::fmt::Display) -> String {
    let words = error.to_string();
    let mut characters = words.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => words,
    }
}

//! How ids, names, numbers and pages are written, and the checks of single members.

use axum::http::StatusCode;
use hookswitch_store::provisioning::Written;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

use crate::problem::ApiError;

/// Ids are JSON integers in places, so they stay in what every client can count.
const GREATEST_ID: u64 = (1 << 53) - 1;
const NAME_CHARS: usize = 250;
const NUMBER_DIGITS: usize = 20;
const EMAIL_BYTES: usize = 254;
const PAGE: usize = 100;
const PAGE_AT_MOST: usize = 1000;

/// An id, as a string of digits or an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(pub(crate) u64);

impl Id {
    pub(crate) fn parse(text: &str) -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|id| digits && (1..=GREATEST_ID).contains(id))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = Id;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "an id of digits, from 1 to {GREATEST_ID}")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Id, E> {
                let good = (1..=GREATEST_ID).contains(&number);
                if good {
                    Ok(Id(number))
                } else {
                    Err(E::invalid_value(de::Unexpected::Unsigned(number), &self))
                }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
                Id::parse(text).map(Id).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// Tells a member that is `null` from one that is absent: `#[serde(default, deserialize_with = "nullable")]`.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// A member that is wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) field: &'static str,
    pub(crate) why: String,
}

impl Wrong {
    pub(crate) fn new(field: &'static str, why: impl Into<String>) -> Self {
        Self { field, why: why.into() }
    }
}

impl From<Wrong> for ApiError {
    fn from(wrong: Wrong) -> Self {
        let message = format!("Parameter [{}] is invalid: it {}", wrong.field, wrong.why);
        Self::parameter(wrong.field, message).with("reason", wrong.why)
    }
}

/// 409: the value of this member belongs to something else.
pub(super) fn taken(field: &'static str) -> ApiError {
    let message = format!("The value of [{field}] belongs to another already");
    ApiError::new(StatusCode::CONFLICT, "CMN-406", message).with("parameterName", field)
}

/// What a write came to, where only the caller's own doing can have made it fail.
pub(super) fn done(written: Written, missing: impl FnOnce() -> ApiError) -> Result<(), ApiError> {
    match written {
        Written::Done => Ok(()),
        Written::Taken(field) => Err(taken(field)),
        Written::Missing => Err(missing()),
    }
}

pub(super) fn name(field: &'static str, text: String) -> Result<String, Wrong> {
    if text.chars().count() > NAME_CHARS {
        return Err(Wrong::new(field, format!("is longer than {NAME_CHARS} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(Wrong::new(field, "has control characters"));
    }
    Ok(text)
}

/// A telephone number, as digits without anything between.
pub(super) fn phone_digits(field: &'static str, text: &str) -> Result<String, Wrong> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let written = text.chars().all(|c| c.is_ascii_digit() || "+-(). ".contains(c));
    if written && (3..=NUMBER_DIGITS).contains(&digits.len()) {
        Ok(digits)
    } else {
        Err(Wrong::new(field, "is not a telephone number such as +16505551234"))
    }
}

pub(super) fn extension_number(text: String) -> Result<String, Wrong> {
    let good = (1..=NUMBER_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if good { Ok(text) } else { Err(Wrong::new("extensionNumber", "is not a number of up to 20 digits")) }
}

pub(super) fn email(text: String) -> Result<String, Wrong> {
    let good = text.is_empty()
        || text.len() <= EMAIL_BYTES
            && !text.chars().any(|c| c.is_whitespace() || c.is_control())
            && text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    if good { Ok(text) } else { Err(Wrong::new("contact.email", "is not an e-mail address")) }
}

/// Words of letters, such as permissions and scopes.
pub(super) fn words(field: &'static str, words: Vec<String>) -> Result<Vec<String>, Wrong> {
    let good = |word: &String| {
        (1..=64).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    match words.iter().find(|word| !good(word)) {
        Some(bad) => Err(Wrong::new(field, format!("has [{bad}], which is no name of letters and digits"))),
        None if words.len() > 256 => Err(Wrong::new(field, "has more than 256 names")),
        None => Ok(words),
    }
}

/// One of the names that there are.
pub(super) fn one_of<T: Copy>(
    field: &'static str,
    all: &[T],
    name_of: fn(T) -> &'static str,
    name: &str,
) -> Result<T, Wrong> {
    all.iter().copied().find(|value| name_of(*value) == name).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|value| name_of(*value)).collect();
        Wrong::new(field, format!("is not one of {}", known.join(", ")))
    })
}

/// The part of a list that is asked for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// From the page before; absent for the first.
    pub(crate) cursor: Option<String>,
    /// At most 1000; 100 if absent.
    pub(crate) limit: Option<String>,
}

impl Listing {
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        let Some(text) = &self.limit else { return Ok(PAGE) };
        text.parse().ok().filter(|limit| (1..=PAGE_AT_MOST).contains(limit)).ok_or_else(|| bad("limit", text))
    }

    /// The id after which the page begins.
    pub(crate) fn after(&self) -> Result<Option<u64>, ApiError> {
        self.cursor.as_ref().map(|text| Id::parse(text).ok_or_else(|| bad("cursor", text))).transpose()
    }
}

/// The cursor behind a page: the id of its last record, unless the list ends with it.
pub(super) fn next<T>(page: &[T], limit: usize, id: impl Fn(&T) -> String) -> Option<String> {
    page.last().filter(|_| page.len() >= limit).map(id)
}

pub(super) fn bad(field: &'static str, value: &str) -> ApiError {
    ApiError::parameter(field, format!("Parameter [{field}] value [{value}] is invalid"))
        .with("parameterValue", value)
}

/// A query parameter that is present, read, or an answer that names it.
pub(crate) fn text_or<T>(
    field: &'static str,
    text: Option<&String>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, ApiError> {
    text.map(|text| read(text).ok_or_else(|| bad(field, text))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_digits_or_an_integer() {
        let read = |text: &str| serde_json::from_str::<Id>(text).ok().map(|id| id.0);
        assert_eq!(read("\"17\""), Some(17));
        assert_eq!(read("17"), Some(17));
        for bad in
            ["0", "-1", "1.5", "\"\"", "\"+1\"", "\"x\"", "\"9007199254740992\"", "9007199254740992", "null"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_and_addresses_are_checked() {
        assert_eq!(phone_digits("mainNumber", "+1 (650) 555-1234").as_deref(), Ok("16505551234"));
        for bad in ["", "12", "+1650555123x", "123456789012345678901"] {
            assert!(phone_digits("mainNumber", bad).is_err(), "{bad}");
        }
        for (text, good) in [("", true), ("a@b", true), ("a@", false), ("a b@c", false), ("ab", false)] {
            assert_eq!(email(text.into()).is_ok(), good, "{text}");
        }
        for (text, good) in [("101", true), ("", false), ("10a", false)] {
            assert_eq!(extension_number(text.into()).is_ok(), good, "{text}");
        }
    }
}

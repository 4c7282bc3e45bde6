//! Entries of a publish request as they are written, before anything of them is checked; and what is wrong
//! with one, by index, field and reason.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::body::in_words_of_json;

/// What is wrong with one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hookswitch) struct BadEntry {
    pub(in crate::hookswitch) index: usize,
    /// Empty where the entry as a whole is meant.
    pub(in crate::hookswitch) field: Cow<'static, str>,
    pub(in crate::hookswitch) reason: String,
    pub(in crate::hookswitch) too_large: bool,
}

pub(in crate::hookswitch) fn bad(
    index: usize,
    field: impl Into<Cow<'static, str>>,
    reason: impl Into<String>,
) -> BadEntry {
    BadEntry { index, field: field.into(), reason: reason.into(), too_large: false }
}

/// An entry of our own form. `accountId` and `companyId` may be strings or integers (D19).
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    #[serde(borrow, default)]
    pub(super) event: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) body: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) payload: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) uuid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) timestamp: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) account_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) company_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) recipients: Option<&'a RawValue>,
}

/// A CloudEvent in its structured form. What it must have is asked for when it is checked.
#[derive(Deserialize)]
pub(super) struct CloudEvent<'a> {
    #[serde(borrow, default)]
    pub(super) specversion: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) source: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) time: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) accountid: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) companyid: Option<&'a RawValue>,
}

/// Reads one entry. The member that cannot be read is looked for only if there is one.
pub(super) fn read<'a, T: Deserialize<'a>>(index: usize, bytes: &'a [u8]) -> Result<T, BadEntry> {
    // A list would be taken for the members in their order.
    let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if is_object && let Ok(entry) = serde_json::from_slice(bytes) {
        return Ok(entry);
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(error) if is_object => {
            let member = match error.path().to_string() {
                path if error.inner().is_data() && path != "." => path,
                _ => String::new(),
            };
            Err(bad(index, member, in_words_of_json(&error.into_inner().to_string())))
        }
        Err(error) if error.inner().is_syntax() || error.inner().is_eof() => {
            Err(bad(index, "", error.into_inner().to_string()))
        }
        // Also what follows behind an object.
        _ if is_object => Err(bad(index, "", "has something behind its end")),
        _ => Err(bad(index, "", "must be a JSON object")),
    }
}

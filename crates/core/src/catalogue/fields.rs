//! Reading a JSON object member by member, so that every complaint names the entry and the field.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What is wrong with a catalogue file: in which entry, in which field, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", place(entry, field))]
pub struct CatalogueError {
    /// The entry's name, or its place in the file where the name itself is missing.
    pub entry: String,
    pub field: String,
    pub reason: String,
}

/// What is known of the place: nothing of it where the file is no JSON.
fn place(entry: &str, field: &str) -> String {
    match (entry, field) {
        ("", "") => String::new(),
        ("", field) => format!("field {field:?}: "),
        (entry, "") => format!("event type {entry:?}: "),
        (entry, field) => format!("event type {entry:?}, field {field:?}: "),
    }
}

impl CatalogueError {
    pub(crate) fn new(entry: &str, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { entry: entry.to_owned(), field: field.into(), reason: reason.into() }
    }
}

pub(crate) struct Fields {
    pub(crate) entry: String,
    /// Before the field's name in messages: `parameters/0/`.
    within: String,
    members: Map<String, Value>,
}

impl Fields {
    pub(crate) fn new(entry: &str, within: &str, value: Value) -> Result<Self, CatalogueError> {
        match value {
            Value::Object(members) => {
                Ok(Self { entry: entry.to_owned(), within: within.to_owned(), members })
            }
            other => {
                Err(CatalogueError::new(entry, within.trim_end_matches('/'), format!("{other} is no object")))
            }
        }
    }

    pub(crate) fn error(&self, field: &str, reason: impl Into<String>) -> CatalogueError {
        CatalogueError::new(&self.entry, format!("{}{field}", self.within), reason)
    }

    pub(crate) fn value(&mut self, field: &str) -> Option<Value> {
        self.members.remove(field)
    }

    pub(crate) fn optional<T: DeserializeOwned>(&mut self, field: &str) -> Result<Option<T>, CatalogueError> {
        let Some(value) = self.members.remove(field) else { return Ok(None) };
        serde_json::from_value(value).map(Some).map_err(|error| self.error(field, error.to_string()))
    }

    pub(crate) fn required<T: DeserializeOwned>(&mut self, field: &str) -> Result<T, CatalogueError> {
        let found = self.optional(field)?;
        found.ok_or_else(|| self.error(field, "is missing"))
    }

    pub(crate) fn or_default<T: DeserializeOwned + Default>(
        &mut self,
        field: &str,
    ) -> Result<T, CatalogueError> {
        Ok(self.optional(field)?.unwrap_or_default())
    }

    /// The elements of a list, each with the prefix that names it in messages.
    pub(crate) fn list(&mut self, field: &str) -> Result<Vec<(String, Value)>, CatalogueError> {
        let values: Vec<Value> = self.or_default(field)?;
        let named = |(index, value)| (format!("{}{field}/{index}/", self.within), value);
        Ok(values.into_iter().enumerate().map(named).collect())
    }

    /// Complains about a member that nobody asked for: a typing error, most likely.
    pub(crate) fn finish(self) -> Result<(), CatalogueError> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(unknown) => Err(self.error(unknown, "there is no such field")),
        }
    }
}

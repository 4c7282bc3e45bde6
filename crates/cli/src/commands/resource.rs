//! What the provisioning commands have in common: list, show, create, update, delete by the HTTP API.

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value};

use super::listed;
use crate::connection::Api;
use crate::failure::Failure;
use crate::output::{self, Column};

/// The most that the server gives in one answer.
const PAGE: usize = 1000;

/// A collection of the API and how its records are shown.
pub struct Resource<'a> {
    pub api: &'a Api,
    pub json: bool,
    pub path: String,
    pub columns: &'a [Column],
}

impl Resource<'_> {
    pub async fn list(&self) -> Result<(), Failure> {
        let found = listed(self.api, &self.path, &[], PAGE, usize::MAX).await?;
        if self.json { output::json_lines(&found) } else { output::table(self.columns, &found) }
    }

    pub async fn show(&self, id: &str) -> Result<(), Failure> {
        self.print(&self.api.get(&self.one(id)).await?.json()?)
    }

    pub async fn create(&self, members: Members) -> Result<(), Failure> {
        self.print(&self.send(Method::POST, &self.path, members).await?)
    }

    pub async fn update(&self, id: &str, members: Members) -> Result<(), Failure> {
        self.print(&self.send(Method::PUT, &self.one(id), members).await?)
    }

    pub async fn delete(&self, id: &str) -> Result<(), Failure> {
        self.api.call(Method::DELETE, &self.one(id), None).await?.success()?;
        if self.json { Ok(()) } else { output::line(&format!("{id} is deleted")) }
    }

    async fn send(&self, method: Method, path: &str, members: Members) -> Result<Value, Failure> {
        let body = Bytes::from(Value::Object(members.0).to_string());
        self.api.call(method, path, Some(("application/json", body))).await?.success()?.json()
    }

    fn print(&self, value: &Value) -> Result<(), Failure> {
        if self.json { output::json_lines([value]) } else { output::indented(value) }
    }

    fn one(&self, id: &str) -> String {
        format!("{}/{}", self.path, super::segment(id))
    }
}

/// Members of a request body, those that were given.
#[derive(Default)]
pub struct Members(Map<String, Value>);

impl Members {
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    /// A list that is not empty.
    #[must_use]
    pub fn with_list(self, name: &str, values: &[String]) -> Self {
        self.with(name, (!values.is_empty()).then(|| values.to_vec()))
    }

    /// An object inside, if it has members.
    #[must_use]
    pub fn with_object(self, name: &str, inner: Self) -> Self {
        self.with(name, Some(inner.0).filter(|inner| !inner.is_empty()))
    }
}

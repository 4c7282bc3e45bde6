//! `--fixtures FILE`: accounts, their extensions and apps that a test double begins with.
//!
//! The file has the bodies of the provisioning API, which are sent there, one after another, at every
//! start: what is there is changed to what the file says, what is not is made. So the file may name all
//! that the API takes, and a mistake is told in its words.

use std::path::{Path, PathBuf};

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::{Map, Value};
use tower::ServiceExt as _;

/// More than any set of fixtures that a person writes.
const FILE_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
#[error("the fixtures {path} cannot be used: {why}")]
pub struct FixtureError {
    path: PathBuf,
    why: String,
}

type Members = Map<String, Value>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixtures {
    /// Each with `id`, and with `extensions`, each with `id`.
    #[serde(default)]
    accounts: Vec<Members>,
    /// Each with `clientId`.
    #[serde(default)]
    apps: Vec<Members>,
}

/// Makes what the file says, through the server's own API.
pub(crate) async fn apply(router: &Router, admin_token: &str, path: &Path) -> Result<(), FixtureError> {
    let unusable = |why: String| FixtureError { path: path.to_owned(), why };
    let file = path.to_owned();
    let text = tokio::task::spawn_blocking(move || read(&file)).await;
    let text = text.map_err(|error| error.to_string()).and_then(|text| text).map_err(unusable)?;
    let fixtures = crate::body::from_json(text.as_bytes()).map_err(|error| unusable(error.message))?;
    Provisioner { router, admin_token }.make(fixtures).await.map_err(unusable)
}

fn read(path: &Path) -> Result<String, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > FILE_BYTES {
        return Err(format!("it has {length} bytes; the limit is {FILE_BYTES}"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

struct Provisioner<'a> {
    router: &'a Router,
    admin_token: &'a str,
}

impl Provisioner<'_> {
    async fn make(&self, fixtures: Fixtures) -> Result<(), String> {
        for (index, app) in fixtures.apps.into_iter().enumerate() {
            self.app(app).await.map_err(|why| format!("apps[{index}]: {why}"))?;
        }
        for (index, mut account) in fixtures.accounts.into_iter().enumerate() {
            let place = format!("accounts[{index}]");
            let within = |why: String| format!("{place}: {why}");
            let extensions = match account.remove("extensions") {
                None => Vec::new(),
                Some(Value::Array(extensions)) => extensions,
                Some(_) => return Err(within("[extensions] is no array".into())),
            };
            // Only an extension that is there can be the operator.
            let operator = account.remove("operatorId");
            let id = id_of(&account).map_err(within)?;
            let collection = "/hookswitch/v1/accounts";
            self.put(collection, &id, account).await.map_err(within)?;
            let below = format!("{collection}/{id}/extensions");
            for (index, extension) in extensions.into_iter().enumerate() {
                let within = |why: String| format!("{place}.extensions[{index}]: {why}");
                let Value::Object(extension) = extension else {
                    return Err(within("it is no object".into()));
                };
                let id = id_of(&extension).map_err(within)?;
                self.put(&below, &id, extension).await.map_err(within)?;
            }
            if let Some(operator) = operator {
                let change = Members::from_iter([("operatorId".to_owned(), operator)]);
                let target = format!("{collection}/{id}");
                self.call(Method::PUT, &target, Some(change)).await.map_err(within)?;
            }
        }
        Ok(())
    }

    /// Changes what is there, or makes it.
    async fn put(&self, collection: &str, id: &str, body: Members) -> Result<(), String> {
        let target = format!("{collection}/{id}");
        let (status, _) = self.ask(Method::GET, &target, None).await?;
        match status {
            StatusCode::NOT_FOUND => self.call(Method::POST, collection, Some(body)).await,
            _ => self.call(Method::PUT, &target, Some(body)).await,
        }
    }

    /// Apps are numbered by the server; a file knows them by their client id.
    async fn app(&self, body: Members) -> Result<(), String> {
        let Some(client_id) = body.get("clientId").and_then(Value::as_str) else {
            return Err("[clientId] is missing".into());
        };
        let mut cursor = String::new();
        loop {
            let (status, page) = self.ask(Method::GET, &format!("/hookswitch/v1/apps{cursor}"), None).await?;
            if !status.is_success() {
                return Err(words(&page));
            }
            let mut known = page["records"].as_array().into_iter().flatten();
            if let Some(known) = known.find(|known| known["clientId"] == client_id) {
                let target = format!("/hookswitch/v1/apps/{}", known["id"].as_str().unwrap_or_default());
                return self.call(Method::PUT, &target, Some(body)).await;
            }
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("?cursor={next}"),
                None => return self.call(Method::POST, "/hookswitch/v1/apps", Some(body)).await,
            }
        }
    }

    async fn call(&self, method: Method, target: &str, body: Option<Members>) -> Result<(), String> {
        let (status, answer) = self.ask(method, target, body).await?;
        if status.is_success() { Ok(()) } else { Err(words(&answer)) }
    }

    async fn ask(
        &self,
        method: Method,
        target: &str,
        body: Option<Members>,
    ) -> Result<(StatusCode, Value), String> {
        let body = body.map(|body| Value::Object(body).to_string()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.admin_token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .map_err(|error| error.to_string())?;
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }
}

fn words(answer: &Value) -> String {
    answer["message"].as_str().unwrap_or("the server refused it").to_owned()
}

/// A file names its things, so that the next start finds them again.
fn id_of(members: &Members) -> Result<String, String> {
    match members.get("id") {
        Some(Value::String(id)) if id.bytes().all(|byte| byte.is_ascii_digit()) => Ok(id.clone()),
        Some(Value::Number(id)) => Ok(id.to_string()),
        _ => Err("[id] is missing or not of digits".into()),
    }
}

//! The real program in a process of its own, as an operator runs it: started, asked, killed, started again.
//!
//! Tests that use this see only what a stranger sees: arguments, environment, standard output, `dev.env`,
//! exit status and the HTTP surface.

mod process;

pub use process::{Finished, Program, RunningProgram};

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use hookswitch_core::clock::Clock;
use http::Method;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::clock::MachineClock;
use crate::http_client::{HttpClient, NoAnswer, Reply};

/// Whose token a request carries.
#[derive(Clone, Copy, Debug)]
pub enum Caller<'a> {
    Nobody,
    Admin,
    Publisher,
    /// The demo user, logged in with the JWT of `dev.env`; the login happens once and is kept.
    User,
    Token(&'a str),
}

/// `hookswitch serve --dev` on a folder, and what `dev.env` says about it.
pub struct RunningServer {
    program: RunningProgram,
    launch: Program,
    data: PathBuf,
    settings: BTreeMap<String, String>,
    url: String,
    client: HttpClient,
    login: Mutex<Option<String>>,
    ready_after: Duration,
}

impl RunningServer {
    /// `serve --dev` with this data folder on a free loopback port; returns once it said that it is ready.
    pub async fn start(binary: impl AsRef<Path>, data: impl AsRef<Path>) -> Self {
        let launch =
            Program::new(binary.as_ref()).args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data"]);
        let data = data.as_ref().to_owned();
        Self::launch(launch.arg(&data), data).await
    }

    /// As `start`, for a command line that the test made itself; `data` is where its `dev.env` will be.
    pub async fn launch(launch: Program, data: PathBuf) -> Self {
        let clock = MachineClock::new();
        let program = launch.start();
        let line = program.line_with("http").await;
        let ready_after = clock.monotonic().since(hookswitch_core::clock::MonoTime(0));
        let url = url_in(&line).unwrap_or_else(|| panic!("no URL in the ready line {line:?}"));
        let address = address_of(&url);
        let settings = read_dev_env(&data.join("dev.env"));
        let (client, login) = (HttpClient::to(address), Mutex::new(None));
        Self { program, launch, data, settings, url, client, login, ready_after }
    }

    /// Starts the same command line again on the same folder. The process must have ended.
    pub async fn restart(self) -> Self {
        Self::launch(self.launch.clone(), self.data.clone()).await
    }

    /// `kill -9`, and waits until the process is gone.
    pub async fn kill(&mut self) {
        self.program.kill().await;
    }

    /// Asks it to end (SIGTERM); `exited` tells how it did.
    pub fn terminate(&self) {
        self.program.terminate();
    }

    pub async fn exited(&mut self) -> ExitStatus {
        self.program.exited().await
    }

    /// From the start of the process to its ready line.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn address(&self) -> SocketAddr {
        address_of(&self.url)
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    pub fn program(&self) -> &RunningProgram {
        &self.program
    }

    /// A value of `dev.env`.
    #[track_caller]
    pub fn setting(&self, name: &str) -> &str {
        self.settings.get(name).map_or_else(|| panic!("dev.env has no {name}"), String::as_str)
    }

    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// The resource path of the demo user's extension, with `tail` behind it.
    pub fn extension_path(&self, tail: &str) -> String {
        let (account, extension) = (self.setting("RC_ACCOUNT_ID"), self.setting("RC_EXTENSION_ID"));
        format!("/restapi/v1.0/account/{account}/extension/{extension}{tail}")
    }

    pub async fn get(&self, caller: Caller<'_>, target: &str) -> Reply {
        self.request(caller, Method::GET, target, None).await
    }

    pub async fn post(&self, caller: Caller<'_>, target: &str, body: Value) -> Reply {
        self.request(caller, Method::POST, target, Some(body)).await
    }

    pub async fn put(&self, caller: Caller<'_>, target: &str, body: Option<Value>) -> Reply {
        self.request(caller, Method::PUT, target, body).await
    }

    pub async fn delete(&self, caller: Caller<'_>, target: &str) -> Reply {
        self.request(caller, Method::DELETE, target, None).await
    }

    /// Publishes with the publish token; the answer may be any.
    pub async fn publish(&self, events: Value) -> Reply {
        self.post(Caller::Publisher, "/hookswitch/v1/events", events).await
    }

    /// A subscription of the demo user to `filters`, delivered to `address`; returns its JSON.
    pub async fn subscribe(&self, filters: &[&str], address: &str) -> Value {
        let mode = serde_json::json!({ "transportType": "WebHook", "address": address });
        let body = serde_json::json!({ "eventFilters": filters, "deliveryMode": mode });
        self.post(Caller::User, "/restapi/v1.0/subscription", body).await.expect(200).json()
    }

    /// Sends one request and fails the test if no answer comes.
    pub async fn request(
        &self,
        caller: Caller<'_>,
        method: Method,
        target: &str,
        body: Option<Value>,
    ) -> Reply {
        match self.try_request(caller, method, target, body).await {
            Ok(reply) => reply,
            Err(NoAnswer(why)) => panic!("no answer to {target}: {why}; it said {}", self.program.said()),
        }
    }

    pub async fn try_request(
        &self,
        caller: Caller<'_>,
        method: Method,
        target: &str,
        body: Option<Value>,
    ) -> Result<Reply, NoAnswer> {
        let mut headers = Vec::new();
        if let Some(token) = self.token(caller).await? {
            headers.push(("authorization", format!("Bearer {token}")));
        }
        if body.is_some() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = body.map(|value| value.to_string()).unwrap_or_default();
        self.client.send(method, target, &headers, body).await
    }

    async fn token(&self, caller: Caller<'_>) -> Result<Option<String>, NoAnswer> {
        Ok(match caller {
            Caller::Nobody => None,
            Caller::Admin => Some(self.setting("HOOKSWITCH_ADMIN_TOKEN").to_owned()),
            Caller::Publisher => Some(self.setting("HOOKSWITCH_PUBLISH_TOKEN").to_owned()),
            Caller::Token(token) => Some(token.to_owned()),
            Caller::User => Some(self.login().await?),
        })
    }

    async fn login(&self) -> Result<String, NoAnswer> {
        let mut kept = self.login.lock().await;
        if let Some(token) = kept.as_ref() {
            return Ok(token.clone());
        }
        let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
        let form = format!("grant_type={grant}&assertion={}", self.setting("RC_USER_JWT"));
        let authorization = self.basic_authorization();
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("authorization", authorization.as_str()),
        ];
        let reply = self.client.send(Method::POST, "/restapi/oauth/token", &headers, form).await?.expect(200);
        let token = reply.json()["access_token"].as_str().expect("access_token is a string").to_owned();
        *kept = Some(token.clone());
        Ok(token)
    }

    /// The value of an `Authorization` header that names the demo app.
    pub fn basic_authorization(&self) -> String {
        use base64::Engine as _;
        let pair = format!("{}:{}", self.setting("RC_APP_CLIENT_ID"), self.setting("RC_APP_CLIENT_SECRET"));
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    }
}

/// The lines of a `dev.env`: `NAME=value`, as a POSIX shell reads them without any quoting.
pub fn read_dev_env(path: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once('=').unwrap_or_else(|| panic!("no assignment in dev.env: {line:?}")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn url_in(line: &str) -> Option<String> {
    let start = line.find("http://").or_else(|| line.find("https://"))?;
    let end = line[start..].find(|c: char| c.is_whitespace() || "\"',)".contains(c));
    let url = &line[start..end.map_or(line.len(), |end| start + end)];
    Some(url.trim_end_matches('/').to_owned())
}

fn address_of(url: &str) -> SocketAddr {
    let authority = url.split("://").nth(1).unwrap_or_default();
    let authority = authority.split('/').next().unwrap_or_default();
    authority
        .parse()
        .unwrap_or_else(|error| panic!("{error}: the ready line names {url:?}, no address and port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_found_in_a_ready_line_of_any_wording() {
        for line in [
            "hookswitch is ready on http://127.0.0.1:4711",
            "ready at http://127.0.0.1:4711/ (data in x)",
            "{\"url\":\"http://127.0.0.1:4711\"}",
        ] {
            let url = url_in(line).expect("a URL");
            assert_eq!(address_of(&url).port(), 4711, "{line}");
        }
        assert_eq!(url_in("starting"), None);
    }
}

//! Where the server is and with which token to call it, from flags, a dev.env or the environment.

use std::collections::BTreeMap;
use std::path::Path;

use url::Url;

use crate::arguments::Connect;
use crate::failure::Failure;
use crate::http_client::{Answer, HttpClient};

const DEFAULT_URL: &str = "http://127.0.0.1:8080";
const DEFAULT_ENV_FILE: &str = "hookswitch-data/dev.env";
const URL: &str = "HOOKSWITCH_URL";

/// Which token a command needs.
#[derive(Clone, Copy)]
pub enum Role {
    Admin,
    Publisher,
    Nobody,
}

impl Role {
    /// In the order they are looked for.
    fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Admin => &["HOOKSWITCH_ADMIN_TOKEN"],
            Self::Publisher => &["HOOKSWITCH_PUBLISH_TOKEN", "HOOKSWITCH_ADMIN_TOKEN"],
            Self::Nobody => &[],
        }
    }
}

/// The server's HTTP API, seen with one token.
pub struct Api {
    client: HttpClient,
    token: Option<String>,
}

impl Api {
    pub fn new(options: &Connect, role: Role) -> Result<Self, Failure> {
        let found = Found::look(options, role, Path::new(DEFAULT_ENV_FILE), environment)?;
        Ok(Self {
            client: HttpClient::new(found.url)?.trusting(options.ca_file.as_deref())?,
            token: found.token,
        })
    }

    /// The same server without a token, for those who are about to get one.
    pub fn client(options: &Connect) -> Result<HttpClient, Failure> {
        Ok(Self::new(&Connect { token: None, ..options.clone() }, Role::Nobody)?.into_client())
    }

    pub fn into_client(self) -> HttpClient {
        self.client
    }

    /// For callers that know both.
    pub fn with(url: &str, token: Option<String>) -> Result<Self, Failure> {
        Ok(Self { client: HttpClient::new(parse(url)?)?, token })
    }

    pub async fn get(&self, target: &str) -> Result<Answer, Failure> {
        self.call(http::Method::GET, target, None).await?.success()
    }

    /// One call; any status is an answer.
    pub async fn call(
        &self,
        method: http::Method,
        target: &str,
        body: Option<(&str, bytes::Bytes)>,
    ) -> Result<Answer, Failure> {
        let authorization = self.token.as_ref().map(|token| format!("Bearer {token}"));
        self.client.send(method, target, authorization.as_deref(), body).await
    }
}

type Environment = dyn Fn(&str) -> Option<String>;

/// What is set by name: in the file that was named, in the environment, and, where nothing says which server
/// is meant, in the dev.env of the default folder.
pub struct Variables {
    named: BTreeMap<String, String>,
    environment: Box<Environment>,
    assumed: BTreeMap<String, String>,
}

impl Variables {
    pub fn of(options: &Connect) -> Result<Self, Failure> {
        Self::look(options, Role::Nobody, Path::new(DEFAULT_ENV_FILE), environment)
    }

    fn look(
        options: &Connect,
        role: Role,
        default_file: &Path,
        environment: impl Fn(&str) -> Option<String> + 'static,
    ) -> Result<Self, Failure> {
        let named = match &options.env {
            Some(path) => read_env_file(path)?,
            None => BTreeMap::new(),
        };
        let mut needed = std::iter::once(URL).chain(role.variables().iter().copied());
        let unset = options.url.is_none() && !needed.any(|name| environment(name).is_some());
        let assumed = match unset && options.env.is_none() && default_file.exists() {
            true => read_env_file(default_file)?,
            false => BTreeMap::new(),
        };
        Ok(Self { named, environment: Box::new(environment), assumed })
    }

    pub fn get(&self, name: &str) -> Option<String> {
        let named = self.named.get(name).cloned();
        named.or_else(|| (self.environment)(name)).or_else(|| self.assumed.get(name).cloned())
    }

    pub fn needed(&self, name: &str) -> Result<String, Failure> {
        self.get(name).ok_or_else(|| Failure::Usage(format!("no {name}: give --env FILE, or set it")))
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

struct Found {
    url: Url,
    token: Option<String>,
}

impl Found {
    fn look(
        options: &Connect,
        role: Role,
        default_file: &Path,
        environment: impl Fn(&str) -> Option<String> + 'static,
    ) -> Result<Self, Failure> {
        let variables = Variables::look(options, role, default_file, environment)?;
        let url = match &options.url {
            Some(url) => url.clone(),
            None => parse(&variables.get(URL).unwrap_or_else(|| DEFAULT_URL.to_owned()))?,
        };
        let token =
            options.token.clone().or_else(|| role.variables().iter().find_map(|name| variables.get(name)));
        if token.is_none() && !role.variables().is_empty() {
            let names = role.variables().join(" or ");
            return Err(Failure::Usage(format!("no token: give --token, --env FILE, or set {names}")));
        }
        Ok(Self { url, token })
    }
}

fn parse(text: &str) -> Result<Url, Failure> {
    Url::parse(text).map_err(|error| Failure::Usage(format!("{URL} {text:?}: {error}")))
}

/// `NAME=value` lines without quoting, as a `--dev` server writes them.
pub fn read_env_file(path: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let text = std::fs::read_to_string(path).map_err(Failure::io(path.display().to_string()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: Option<&str>, env: Option<&Path>) -> Connect {
        let url = url.map(|url| Url::parse(url).expect("a URL"));
        Connect { url, token: None, env: env.map(Path::to_owned), ca_file: None, json: false }
    }

    fn env_file(folder: &tempfile::TempDir) -> std::path::PathBuf {
        let path = folder.path().join("dev.env");
        std::fs::write(
            &path,
            "# made by a test\nHOOKSWITCH_URL=http://127.0.0.1:1\nHOOKSWITCH_ADMIN_TOKEN=from-file\n",
        )
        .expect("written");
        path
    }

    #[test]
    fn a_flag_beats_the_file_and_the_file_beats_the_environment() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, nowhere) = (env_file(&folder), Path::new("nowhere"));
        let environment =
            |name: &str| Some(if name == URL { "http://127.0.0.1:2" } else { "from-env" }.to_owned());

        let found = Found::look(&options(None, None), Role::Admin, &file, environment).expect("all set");
        assert_eq!((found.url.port(), found.token.as_deref()), (Some(2), Some("from-env")));
        let found =
            Found::look(&options(None, Some(&file)), Role::Admin, nowhere, environment).expect("all set");
        assert_eq!((found.url.port(), found.token.as_deref()), (Some(1), Some("from-file")));
        let flag = options(Some("http://127.0.0.1:3"), Some(&file));
        let found = Found::look(&flag, Role::Admin, nowhere, environment).expect("all set");
        assert_eq!((found.url.port(), found.token.as_deref()), (Some(3), Some("from-file")));
    }

    #[test]
    fn with_nothing_set_the_dev_env_of_the_default_folder_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let found =
            Found::look(&options(None, None), Role::Publisher, &env_file(&folder), |_| None).expect("set");
        assert_eq!((found.url.port(), found.token.as_deref()), (Some(1), Some("from-file")));
    }

    #[test]
    fn a_missing_token_is_bad_usage_where_one_is_needed() {
        let look = |role| Found::look(&options(None, None), role, Path::new("nowhere"), |_| None);
        assert!(matches!(look(Role::Admin), Err(Failure::Usage(_))));
        assert_eq!(look(Role::Nobody).expect("none needed").url.as_str(), "http://127.0.0.1:8080/");
    }
}

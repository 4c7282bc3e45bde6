//! The text of `dev.env`: names that the platform's public samples read, and ours.

use super::founding::Demo;

/// What changes when the server listens elsewhere.
pub struct Urls {
    base: String,
    host_and_port: String,
}

impl Urls {
    pub fn of(base_url: &str) -> Self {
        let authority = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
        let host_and_port = authority.split('/').next().unwrap_or_default().to_owned();
        Self { base: base_url.to_owned(), host_and_port }
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let base = || self.base.clone();
        vec![
            ("RC_SERVER_URL", base()),
            ("RC_SERVER", base()),
            ("HOOKSWITCH_URL", base()),
            ("PUBNUB_ORIGIN", self.host_and_port.clone()),
        ]
    }
}

/// The file as it should be, given the one that is there. Of a file that tells about this demo account
/// only the URLs are rewritten, and what is missing is added; any other is replaced.
pub(super) fn text(demo: &Demo, urls: &Urls, present: Option<&str>) -> String {
    let fixed = fixed_lines(demo);
    let changing = urls.lines();
    let identity = format!("RC_APP_CLIENT_ID={}", demo.client_id);
    let ours = present.filter(|present| present.lines().any(|line| line == identity));
    let mut lines: Vec<String> =
        ours.map_or_else(heading, |present| present.lines().map(str::to_owned).collect());
    for (name, value) in &changing {
        put(&mut lines, name, value);
    }
    for (name, value) in &fixed {
        if !lines.iter().any(|line| names(line, name)) {
            put(&mut lines, name, value);
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

fn heading() -> Vec<String> {
    vec![
        "# The demo account of this data folder, for clients: set -a; . ./dev.env; set +a".to_owned(),
        "# Only the URLs are rewritten by later starts.".to_owned(),
    ]
}

fn put(lines: &mut Vec<String>, name: &str, value: &str) {
    let line = format!("{name}={value}");
    match lines.iter_mut().find(|line| names(line, name)) {
        Some(old) => *old = line,
        None => lines.push(line),
    }
}

fn names(line: &str, name: &str) -> bool {
    line.strip_prefix(name).is_some_and(|rest| rest.starts_with('='))
}

fn fixed_lines(demo: &Demo) -> Vec<(&'static str, String)> {
    vec![
        ("RC_APP_CLIENT_ID", demo.client_id.clone()),
        ("RC_APP_KEY", demo.client_id.clone()),
        ("RC_APP_CLIENT_SECRET", demo.client_secret.clone()),
        ("RC_APP_SECRET", demo.client_secret.clone()),
        ("RC_USER_JWT", demo.jwt.clone()),
        ("RC_USERNAME", demo.username.clone()),
        ("RC_EXTENSION", demo.extension_number.clone()),
        ("RC_PASSWORD", demo.password.clone()),
        ("RC_ACCOUNT_ID", demo.account.to_string()),
        ("RC_EXTENSION_ID", demo.extension.to_string()),
        ("HOOKSWITCH_PUBLISH_TOKEN", demo.publish_token.clone()),
        ("HOOKSWITCH_ADMIN_TOKEN", demo.admin_token.clone()),
        ("HOOKSWITCH_SIGNING_SECRET", demo.signing_secret.clone()),
        ("HOOKSWITCH_COMPANY_ID", demo.company.to_string()),
        ("HOOKSWITCH_CONFERENCE_TOKEN", demo.conference_token.clone()),
    ]
}

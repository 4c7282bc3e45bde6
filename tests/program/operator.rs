//! A real server, without `--dev`: from an empty folder to a delivered event, everything over TLS.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use hookswitch_testkit::certificates::Authority;
use hookswitch_testkit::running::Finished;
use hookswitch_testkit::{Answer, HttpClient, Program, RunningProgram, ScriptedReceiver, TempFolder};
use http::Method;
use serde_json::{Value, json};

use crate::BINARY;

/// The files of a server with a certificate, in a folder of their own.
struct Site {
    folder: TempFolder,
    authority: Authority,
}

impl Site {
    fn new() -> Self {
        let (folder, authority) = (TempFolder::new(), Authority::new());
        let identity = authority.issue(&["127.0.0.1"]);
        let site = Self { folder, authority };
        site.write("ca.pem", &site.authority.pem());
        site.write("server.pem", &identity.certificate_pem);
        site.write("server.key", &identity.key_pem);
        let text = format!(
            "listen = \"127.0.0.1:0\"\ndata = {:?}\ntls_certificate = {:?}\ntls_key = {:?}\n\
             [delivery]\nextra_ca_files = [{:?}]\n[guard]\nallow = [\"127.0.0.0/8\"]\n[sessions]\npassword_rounds = 1000\n",
            site.path("data"),
            site.path("server.pem"),
            site.path("server.key"),
            site.path("ca.pem"),
        );
        site.write("hookswitch.toml", &text);
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the test's folder is writable");
    }

    fn program(&self, args: &[&str]) -> Program {
        Program::new(BINARY).args(args)
    }

    async fn init(&self) -> Finished {
        self.program(&["init", "--json", "--data"]).arg(self.path("data")).run().await
    }

    async fn serve(&self) -> Serving {
        let running = self.program(&["serve", "--config"]).arg(self.path("hookswitch.toml")).start();
        let line = running.line_with("https://").await;
        let url = line.rsplit(' ').next().expect("the URL is its last word").to_owned();
        let address = url.trim_start_matches("https://").parse().expect("an address and port");
        let client = HttpClient::over_tls(address, &self.authority);
        Serving { running, url, client, ca: self.path("ca.pem") }
    }
}

struct Serving {
    running: RunningProgram,
    url: String,
    client: HttpClient,
    ca: PathBuf,
}

impl Serving {
    /// A client command with this token.
    fn command(&self, token: &str, args: &[&str]) -> Program {
        Program::new(BINARY)
            .args(args)
            .args(["--url", &self.url, "--token", token, "--ca-file"])
            .arg(&self.ca)
    }

    async fn json(&self, token: &str, args: &[&str]) -> Value {
        one(&self.command(token, args).arg("--json").run().await)
    }

    async fn call(&self, method: Method, target: &str, authorization: &str, body: &Value) -> Value {
        let form = body.as_str();
        let content_type =
            if form.is_some() { "application/x-www-form-urlencoded" } else { "application/json" };
        let headers = [("authorization", authorization), ("content-type", content_type)];
        let body = form.map_or_else(|| body.to_string(), str::to_owned);
        self.client.send(method, target, &headers, body).await.expect("an answer").expect(200).json()
    }
}

fn one(ended: &Finished) -> Value {
    assert_eq!(ended.code(), 0, "{ended:?}");
    serde_json::from_str(&ended.stdout.concat()).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name} in {value}"))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

#[tokio::test]
async fn an_operator_goes_from_an_empty_folder_to_a_delivered_event_over_tls() {
    let site = Site::new();
    let prepared = one(&site.init().await);
    let admin = text(&prepared, "adminToken");
    assert_eq!(mode(&site.path("data/master.key")), 0o600);
    let mut server = site.serve().await;

    let account =
        server.json(admin, &["account", "create", "--name", "Acme", "--main-number", "+16505550100"]).await;
    let account = text(&account, "id");
    let create = [
        "extension",
        "create",
        account,
        "--number",
        "101",
        "--first-name",
        "Ada",
        "--password-stdin",
        "--json",
    ];
    let user = one(&server.command(admin, &create).input("open sesame\n").run().await);
    server.json(admin, &["account", "update", account, "--operator", text(&user, "id")]).await;
    let app = server.json(admin, &["app", "create", "--name", "Dialer"]).await;
    let feed =
        server.json(admin, &["token", "create", "--publish", "--account", account, "--name", "feed"]).await;

    let pair = format!("{}:{}", text(&app, "clientId"), text(&app, "clientSecret"));
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    let form = json!("grant_type=password&username=%2B16505550100&password=open+sesame");
    let login = server.call(Method::POST, "/restapi/oauth/token", &basic, &form).await;
    let bearer = format!("Bearer {}", text(&login, "access_token"));

    let receiver =
        ScriptedReceiver::wrapped(site.authority.issue(&["127.0.0.1"]).tls(), |_| Answer::ok()).await;
    let subscription = json!({
        "eventFilters": ["/restapi/v1.0/account/~/extension/~/presence"],
        "deliveryMode": { "transportType": "WebHook", "address": receiver.url("/hook") },
    });
    let subscription = server.call(Method::POST, "/restapi/v1.0/subscription", &bearer, &subscription).await;
    assert!(text(&subscription, "uri").starts_with(&server.url), "{subscription}");

    let event = format!("/restapi/v1.0/account/{account}/extension/{}/presence", text(&user, "id"));
    let line = json!({ "event": event, "body": { "sequence": 7 } }).to_string();
    let published =
        one(&server.command(text(&feed, "token"), &["publish", "--json"]).input(line).run().await);
    let delivered = receiver.next_delivery().await;
    assert_eq!(delivered.header("webhook-id"), Some(text(&published, "uuid")));
    assert_eq!(delivered.json()["body"], json!({ "sequence": 7 }));

    let usage = server.json(admin, &["usage", "--account", account]).await;
    assert_eq!((&usage["events"], &usage["deliveries"]), (&json!(1), &json!(1)));
    let audit = server.command(admin, &["audit", "--json"]).run().await;
    let actions: Vec<String> = audit
        .stdout
        .iter()
        .map(|line| text(&serde_json::from_str(line).expect("JSON"), "action").to_owned())
        .collect();
    let expected = [
        "token.create",
        "app.create",
        "account.update",
        "extension.create",
        "account.create",
        "token.create",
    ];
    assert_eq!(actions, expected, "the last is the admin token of init");

    server.running.terminate();
    assert_eq!(server.running.exited().await.code(), Some(0));
    let server = site.serve().await;
    assert_eq!(server.json(admin, &["usage", "--account", account]).await, usage, "nothing of it is lost");
    let well = server.command(admin, &["doctor"]).run().await;
    assert!(well.code() == 0 && well.stdout.iter().all(|line| line.starts_with("ok")), "{well:?}");
    let ill = server.command("nobody", &["doctor"]).run().await;
    assert_eq!(ill.code(), 1);
    assert!(ill.stdout.iter().any(|line| line.starts_with("FAIL  admin token")), "{ill:?}");
    let tables = server.command(admin, &["token", "list"]).run().await;
    assert!(tables.stdout[0].starts_with("ID") && tables.stdout.len() == 3, "{tables:?}");
    assert!(!tables.stdout.concat().contains(text(&feed, "token")));
}

#[tokio::test]
async fn a_folder_is_prepared_once() {
    let site = Site::new();
    one(&site.init().await);
    let key = std::fs::read(site.path("data/master.key")).expect("there");
    let again = site.init().await;
    assert_eq!(again.code(), 1);
    assert!(again.stderr.concat().contains("is prepared already"), "{again:?}");
    assert_eq!(std::fs::read(site.path("data/master.key")).expect("there"), key);
}

#[tokio::test]
async fn the_master_key_may_come_from_the_environment_alone() {
    let site = Site::new();
    let key = base64::engine::general_purpose::STANDARD.encode([7; 32]);
    let program = site.program(&["init", "--data"]).arg(site.path("data"));
    let prepared = program.clone().env("HOOKSWITCH_MASTER_KEY", &key).run().await;
    assert_eq!(prepared.code(), 0, "{prepared:?}");
    assert!(!site.path("data/master.key").exists());
    assert!(
        prepared.stdout.iter().any(|line| line.starts_with("HOOKSWITCH_ADMIN_TOKEN=hsa_")),
        "{prepared:?}"
    );
    let without = site.program(&["serve", "--config"]).arg(site.path("hookswitch.toml")).run().await;
    assert_eq!(without.code(), 1);
    assert!(without.stderr.concat().contains("HOOKSWITCH_MASTER_KEY"), "{without:?}");
}

#[tokio::test]
async fn whoever_does_not_trust_the_servers_certificate_is_told_so() {
    let site = Site::new();
    one(&site.init().await);
    let server = site.serve().await;
    let refused =
        Program::new(BINARY).args(["account", "list", "--token", "x", "--url", &server.url]).run().await;
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr.concat().contains("certificate"), "{refused:?}");
}

//! Operators make accounts, users, apps and tokens, change and remove them; what they did is on record.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};

use hookswitch_testkit::Reply;

use crate::world::World;

pub(crate) const ACCOUNTS: &str = "/hookswitch/v1/accounts";

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name} in {value}"))
}

impl World {
    pub(crate) async fn operate(&self, method: Method, target: &str, body: Option<Value>) -> Reply {
        self.call(method, target, &self.env["HOOKSWITCH_ADMIN_TOKEN"], body).await
    }

    pub(crate) async fn make(&self, target: &str, body: Value) -> Value {
        self.operate(Method::POST, target, Some(body)).await.expect(201).json()
    }

    /// Logs in with the password of a user who has a number of their own.
    pub(crate) async fn log_in_by_number(&self, app: &Value, number: &str, password: &str) -> Reply {
        let basic = STANDARD.encode(format!("{}:{}", text(app, "clientId"), text(app, "clientSecret")));
        let basic = format!("Basic {basic}");
        let form = format!("grant_type=password&username={number}&password={password}");
        let headers =
            [("authorization", basic.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        self.client.send(Method::POST, "/restapi/oauth/token", &headers, form).await.expect("an answer")
    }

    pub(crate) async fn audit(&self) -> Vec<Value> {
        self.admin("/hookswitch/v1/audit").await["records"].as_array().expect("records").clone()
    }
}

#[tokio::test]
async fn a_user_of_a_new_account_logs_in_with_a_new_app() {
    let world = World::start().await;
    let account = world.make(ACCOUNTS, json!({ "name": "Acme", "mainNumber": "+1 (650) 555-0100" })).await;
    assert_eq!((text(&account, "mainNumber"), text(&account, "status")), ("+16505550100", "Confirmed"));
    let extensions = format!("{ACCOUNTS}/{}/extensions", text(&account, "id"));
    let user = json!({
        "extensionNumber": "101",
        "contact": { "firstName": "Ada", "lastName": "Byron", "email": "Ada@Acme.example" },
        "directNumber": "16505550101",
        "password": "open sesame",
    });
    let user = world.make(&extensions, user).await;
    assert_eq!((text(&user, "name"), text(&user, "directNumber")), ("Ada Byron", "+16505550101"));
    assert_eq!(user["hasPassword"], true);
    let app =
        world.make("/hookswitch/v1/apps", json!({ "name": "Dialer", "scopes": ["ReadAccounts"] })).await;

    let login = world.log_in_by_number(&app, "16505550101", "open+sesame").await.expect(200).json();
    assert_eq!((text(&login, "scope"), text(&login, "owner_id")), ("ReadAccounts", text(&user, "id")));
    let token = text(&login, "access_token");
    let own = "/restapi/v1.0/account/~/extension/~";
    let own = world.call(Method::GET, own, token, None).await.expect(200).json();
    assert_eq!(own["contact"]["email"], "ada@acme.example");
    world.log_in_by_number(&app, "16505550101", "wrong").await.expect(400);

    let credential = world.make(&format!("{extensions}/{}/credentials", text(&user, "id")), json!({})).await;
    assert!(text(&credential, "jwt").starts_with("ey"));
    world.server.stop().await;
}

#[tokio::test]
async fn what_a_get_answers_can_be_put_and_a_put_keeps_what_it_does_not_name() {
    let world = World::start().await;
    let account = world.make(ACCOUNTS, json!({ "id": "4711", "companyId": 99, "name": "Acme" })).await;
    let made = [
        (format!("{ACCOUNTS}/4711"), account.clone()),
        (format!("{ACCOUNTS}/4711/extensions"), json!({ "extensionNumber": "7", "id": 12 })),
        (
            "/hookswitch/v1/apps".to_owned(),
            json!({ "name": "App", "redirectUris": ["https://a.example/cb"] }),
        ),
        (
            "/hookswitch/v1/tokens".to_owned(),
            json!({ "kind": "publish", "accountId": "4711", "name": "feed" }),
        ),
    ];
    for (index, (path, body)) in made.iter().enumerate() {
        let path = match index {
            0 => path.clone(),
            _ => format!("{path}/{}", text(&world.make(path, body.clone()).await, "id")),
        };
        let before = world.admin(&path).await;
        let after = world.operate(Method::PUT, &path, Some(before.clone())).await.expect(200).json();
        assert_eq!(after, before, "{path}");
        let renamed = json!({ "name": "Renamed" });
        let after = world.operate(Method::PUT, &path, Some(renamed)).await.expect(200).json();
        assert_eq!(after, {
            let mut expected = before;
            expected["name"] = "Renamed".into();
            expected
        });
    }
    assert_eq!(text(&account, "companyId"), "99");
    world.server.stop().await;
}

#[tokio::test]
async fn secrets_are_shown_once() {
    let world = World::start().await;
    let app = world.make("/hookswitch/v1/apps", json!({ "name": "App" })).await;
    let token = world.make("/hookswitch/v1/tokens", json!({ "kind": "admin", "name": "second" })).await;
    let user =
        format!("{ACCOUNTS}/{}/extensions/{}", world.env["RC_ACCOUNT_ID"], world.env["RC_EXTENSION_ID"]);
    let credential = world.make(&format!("{user}/credentials"), json!({})).await;
    world.operate(Method::PUT, &user, Some(json!({ "password": "hidden-words" }))).await.expect(200);
    let secrets = [
        text(&app, "clientSecret"),
        text(&app, "signingSecret"),
        text(&app, "verificationToken"),
        text(&token, "token"),
        text(&credential, "jwt"),
        "hidden-words",
    ];
    let shown = [
        "/hookswitch/v1/apps".to_owned(),
        format!("/hookswitch/v1/apps/{}", text(&app, "id")),
        "/hookswitch/v1/tokens".to_owned(),
        format!("/hookswitch/v1/tokens/{}", text(&token, "id")),
        format!("{user}/credentials"),
        user,
        "/hookswitch/v1/audit".to_owned(),
    ];
    for path in shown {
        let answer = world.admin(&path).await.to_string();
        assert!(secrets.iter().all(|secret| !answer.contains(secret)), "{path} shows a secret: {answer}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn a_withdrawn_token_is_refused_at_once() {
    let world = World::start().await;
    let token = world.make("/hookswitch/v1/tokens", json!({ "kind": "publish" })).await;
    let publish = async || {
        let event = json!({ "event": world.extension_path("presence"), "body": {} });
        world.call(Method::POST, "/hookswitch/v1/events", text(&token, "token"), Some(event)).await
    };
    publish().await.expect(202);
    let path = format!("/hookswitch/v1/tokens/{}", text(&token, "id"));
    world.operate(Method::DELETE, &path, None).await.expect(204);
    publish().await.expect(401);
    world.operate(Method::DELETE, &path, None).await.expect(404);
    world.server.stop().await;
}

#[tokio::test]
async fn a_withdrawn_credential_opens_no_session_any_more() {
    let world = World::start().await;
    let (account, extension) = (&world.env["RC_ACCOUNT_ID"], &world.env["RC_EXTENSION_ID"]);
    let path = format!("{ACCOUNTS}/{account}/extensions/{extension}/credentials");
    let credential = world.make(&path, json!({})).await;
    let basic = format!("{}:{}", world.env["RC_APP_CLIENT_ID"], world.env["RC_APP_CLIENT_SECRET"]);
    let basic = format!("Basic {}", STANDARD.encode(basic));
    let grant = "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer";
    let form = format!("{grant}&assertion={}", text(&credential, "jwt"));
    let headers = [("authorization", basic.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let log_in = async || {
        world
            .client
            .send(Method::POST, "/restapi/oauth/token", &headers, form.clone())
            .await
            .expect("an answer")
    };
    log_in().await.expect(200);
    let one = format!("{path}/{}", text(&credential, "id"));
    world.operate(Method::DELETE, &one, None).await.expect(204);
    log_in().await.expect(400);
    world.server.stop().await;
}

#[tokio::test]
async fn only_operators_provision() {
    let world = World::start().await;
    for path in [
        ACCOUNTS,
        "/hookswitch/v1/apps",
        "/hookswitch/v1/tokens",
        "/hookswitch/v1/audit",
        "/hookswitch/v1/usage",
    ] {
        for token in [&world.user_token, &world.env["HOOKSWITCH_PUBLISH_TOKEN"]] {
            let refused = world.call(Method::GET, path, token, None).await.expect(403).json();
            assert_eq!(refused["permissionName"], "Admin", "{path}");
        }
        world.call(Method::GET, path, "nobody", None).await.expect(401);
    }
    world.server.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_named_and_changes_nothing() {
    let world = World::start().await;
    let own = format!("{ACCOUNTS}/{}", world.env["RC_ACCOUNT_ID"]);
    let extensions = format!("{own}/extensions");
    let before = world.admin(&extensions).await;
    let cases = [
        (ACCOUNTS, json!({ "id": "x1" }), 400, "id"),
        (ACCOUNTS, json!({ "id": 0 }), 400, "id"),
        (ACCOUNTS, json!({ "status": "Sleepy" }), 400, "status"),
        (ACCOUNTS, json!({ "mainNumber": "call me" }), 400, "mainNumber"),
        (ACCOUNTS, json!({ "mainNumber": world.env["RC_USERNAME"] }), 409, "mainNumber"),
        (ACCOUNTS, json!({ "companyId": world.env["HOOKSWITCH_COMPANY_ID"] }), 409, "companyId"),
        (ACCOUNTS, json!({ "id": world.env["RC_ACCOUNT_ID"] }), 409, "id"),
        (ACCOUNTS, json!({ "operatorId": world.env["RC_EXTENSION_ID"] }), 400, "operatorId"),
        (ACCOUNTS, json!({ "quotas": { "eventsPerDay": -1 } }), 400, "quotas.eventsPerDay"),
        (&extensions, json!({}), 400, "extensionNumber"),
        (&extensions, json!({ "extensionNumber": "101" }), 409, "extensionNumber"),
        (&extensions, json!({ "extensionNumber": "10x" }), 400, "extensionNumber"),
        (&extensions, json!({ "extensionNumber": "900", "type": "Robot" }), 400, "type"),
        (
            &extensions,
            json!({ "extensionNumber": "900", "contact": { "email": "nobody" } }),
            400,
            "contact.email",
        ),
        (
            &extensions,
            json!({ "extensionNumber": "900", "permissions": ["Read Presence"] }),
            400,
            "permissions",
        ),
        (&extensions, json!({ "extensionNumber": "900", "password": "" }), 400, "password"),
        (&extensions, json!({ "extensionNumber": "900", "passwordHash": "md5" }), 400, "passwordHash"),
        (
            &extensions,
            json!({ "extensionNumber": "900", "directNumber": world.env["RC_USERNAME"] }),
            409,
            "directNumber",
        ),
        (&extensions, json!({ "extensionNumber": "900", "id": world.env["RC_EXTENSION_ID"] }), 409, "id"),
        ("/hookswitch/v1/apps", json!({}), 400, "name"),
        ("/hookswitch/v1/apps", json!({ "name": "x", "grants": ["Magic"] }), 400, "grants"),
        ("/hookswitch/v1/apps", json!({ "name": "x", "redirectUris": ["/relative"] }), 400, "redirectUris"),
        (
            "/hookswitch/v1/apps",
            json!({ "name": "x", "clientId": world.env["RC_APP_CLIENT_ID"] }),
            409,
            "clientId",
        ),
        ("/hookswitch/v1/tokens", json!({}), 400, "kind"),
        ("/hookswitch/v1/tokens", json!({ "kind": "admin", "accountId": "5" }), 400, "accountId"),
        ("/hookswitch/v1/tokens", json!({ "kind": "publish", "accountId": "5" }), 400, "accountId"),
    ];
    for (path, body, status, field) in cases {
        let refused = world.operate(Method::POST, path, Some(body.clone())).await.expect(status).json();
        assert_eq!(refused["parameterName"], field, "{path} {body}: {refused}");
    }
    let unknown = json!({ "name": "x", "colour": "red" });
    let refused = world.operate(Method::POST, ACCOUNTS, Some(unknown)).await.expect(400).json();
    assert!(text(&refused, "message").contains("colour"), "{refused}");
    assert_eq!(world.admin(&extensions).await, before);
    assert_eq!(world.admin(ACCOUNTS).await["records"].as_array().expect("records").len(), 1);
    assert!(world.audit().await.is_empty(), "nothing was done");
    for path in [format!("{ACCOUNTS}/5"), format!("{ACCOUNTS}/x"), format!("{own}/extensions/5")] {
        world.operate(Method::GET, &path, None).await.expect(404);
        world.operate(Method::PUT, &path, Some(json!({}))).await.expect(404);
        world.operate(Method::DELETE, &path, None).await.expect(404);
    }
    world.server.stop().await;
}

#[tokio::test]
async fn the_last_admin_token_cannot_be_withdrawn() {
    let world = World::start().await;
    let tokens = world.admin("/hookswitch/v1/tokens").await;
    let admin = tokens["records"].as_array().expect("records").iter().find(|token| token["kind"] == "admin");
    let path = format!("/hookswitch/v1/tokens/{}", text(admin.expect("an admin token"), "id"));
    world.operate(Method::DELETE, &path, None).await.expect(409);
    world.make("/hookswitch/v1/tokens", json!({ "kind": "admin" })).await;
    world.operate(Method::DELETE, &path, None).await.expect(204);
    world.operate(Method::GET, ACCOUNTS, None).await.expect(401);
    world.server.stop().await;
}

#[tokio::test]
async fn every_change_is_on_record_with_who_did_it_and_what_was_before() {
    let world = World::start().await;
    world.make(ACCOUNTS, json!({ "id": 5, "name": "Acme" })).await;
    let made = world.make(&format!("{ACCOUNTS}/5/extensions"), json!({ "extensionNumber": "1" })).await;
    let user = format!("{ACCOUNTS}/5/extensions/{}", text(&made, "id"));
    world.operate(Method::PUT, &user, Some(json!({ "administrator": true }))).await.expect(200);
    world.operate(Method::DELETE, &user, None).await.expect(204);
    let app = world.make("/hookswitch/v1/apps", json!({ "name": "App" })).await;
    world
        .operate(Method::DELETE, &format!("/hookswitch/v1/apps/{}", text(&app, "id")), None)
        .await
        .expect(204);

    let lines = world.audit().await;
    let actions: Vec<&str> = lines.iter().map(|line| text(line, "action")).collect();
    let expected = [
        "app.delete",
        "app.create",
        "extension.delete",
        "extension.update",
        "extension.create",
        "account.create",
    ];
    assert_eq!(actions, expected);
    let update = &lines[3];
    assert_eq!(text(update, "target"), user.trim_start_matches("/hookswitch/v1/"));
    assert_eq!(
        (update["before"]["administrator"].as_bool(), update["after"]["administrator"].as_bool()),
        (Some(false), Some(true))
    );
    assert_eq!((text(update, "actor"), text(update, "accountId")), ("demo admin", "5"));
    assert_eq!(text(update, "time"), world.now().iso8601());

    let page = world.admin("/hookswitch/v1/audit?limit=4&accountId=5").await;
    let rest =
        world.admin(&format!("/hookswitch/v1/audit?accountId=5&cursor={}", text(&page, "cursor"))).await;
    assert_eq!(
        (
            page["records"].as_array().expect("records").len(),
            rest["records"].as_array().expect("records").len()
        ),
        (4, 0)
    );
    world.server.stop().await;
}

#[tokio::test]
async fn a_body_that_names_something_else_than_its_path_changes_nothing() {
    let world = World::start().await;
    let account = format!("{ACCOUNTS}/{}", world.env["RC_ACCOUNT_ID"]);
    let user = format!("{account}/extensions/{}", world.env["RC_EXTENSION_ID"]);
    let apps = world.admin("/hookswitch/v1/apps").await;
    let app = format!("/hookswitch/v1/apps/{}", text(&apps["records"][0], "id"));
    let tokens = world.admin("/hookswitch/v1/tokens").await;
    let token = format!("/hookswitch/v1/tokens/{}", text(&tokens["records"][0], "id"));
    for (path, member) in
        [(&account, "id"), (&user, "id"), (&user, "accountId"), (&app, "id"), (&token, "id")]
    {
        let before = world.admin(path).await;
        let body = json!({ "name": "Renamed", member: "4711" });
        let refused = world.operate(Method::PUT, path, Some(body)).await.expect(400).json();
        let error = &refused["errors"][0];
        assert_eq!((text(error, "errorCode"), text(error, "parameterName")), ("CMN-108", member), "{path}");
        assert_eq!(world.admin(path).await, before);
        world.operate(Method::PUT, path, Some(before.clone())).await.expect(200);
        assert_eq!(world.admin(path).await, before, "what a GET answered can be sent back");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn an_option_that_nobody_reads_is_refused_and_nothing_is_done() {
    let world = World::start().await;
    let path = format!("{ACCOUNTS}/{}/extensions", world.env["RC_ACCOUNT_ID"]);
    let admin = format!("Bearer {}", world.env["HOOKSWITCH_ADMIN_TOKEN"]);
    let headers = [("authorization", admin.as_str()), ("content-type", "application/x-ndjson")];
    let before = world.admin(&path).await;
    for (query, member) in [("dryrun=true&prune=true", "dryrun"), ("prune=maybe", "prune")] {
        let line = json!({ "extensionNumber": "777" }).to_string();
        let target = format!("{path}?{query}");
        let refused = world.client.send(Method::PUT, &target, &headers, line).await.expect("an answer");
        assert_eq!(text(&refused.expect(400).json(), "parameterName"), member);
    }
    let user = json!({ "extensionNumber": "778" });
    let refused = world.operate(Method::POST, &format!("{path}?dryRun=true"), Some(user)).await.expect(400);
    assert_eq!(text(&refused.json(), "parameterName"), "dryRun");
    assert_eq!(world.admin(&path).await, before);
    let usage = "/hookswitch/v1/usage?from=2026-02-01&to=2026-01-31";
    let refused = world.operate(Method::GET, usage, None).await.expect(400).json();
    assert_eq!(text(&refused, "parameterName"), "from");
    world.server.stop().await;
}

#[tokio::test]
async fn an_app_has_only_redirect_uris_that_a_browser_may_be_sent_to() {
    let world = World::start().await;
    for uri in ["javascript:alert(1)", "/cb", "https://a.example/cb#part", "data:text/html,x"] {
        let app = json!({ "name": "Trap", "redirectUris": [uri] });
        let refused = world.operate(Method::POST, "/hookswitch/v1/apps", Some(app)).await.expect(400).json();
        assert_eq!(text(&refused, "parameterName"), "redirectUris", "{uri}");
    }
    world
        .make("/hookswitch/v1/apps", json!({ "name": "Phone", "redirectUris": ["com.example.app:/cb"] }))
        .await;
    world.server.stop().await;
}

#[tokio::test]
async fn a_user_who_becomes_a_call_queue_is_logged_out_and_gets_no_credentials() {
    let world = World::start().await;
    let user =
        format!("{ACCOUNTS}/{}/extensions/{}", world.env["RC_ACCOUNT_ID"], world.env["RC_EXTENSION_ID"]);
    world.user(Method::GET, "/restapi/v1.0/account/~", None).await.expect(200);
    world.operate(Method::PUT, &user, Some(json!({ "type": "Department" }))).await.expect(200);
    world.user(Method::GET, "/restapi/v1.0/account/~", None).await.expect(401);
    let refused = world.operate(Method::POST, &format!("{user}/credentials"), None).await.expect(403).json();
    assert_eq!(text(&refused, "errorCode"), "CMN-403");
    world.server.stop().await;
}

#[tokio::test]
async fn what_a_user_shares_is_kept_shown_and_on_record() {
    let world = World::start().await;
    let user =
        format!("{ACCOUNTS}/{}/extensions/{}", world.env["RC_ACCOUNT_ID"], world.env["RC_EXTENSION_ID"]);
    assert_eq!(world.admin(&user).await["allowSeeMyPresence"], true);
    world.operate(Method::PUT, &user, Some(json!({ "allowSeeMyPresence": false }))).await.expect(200);
    let shown = world.admin(&user).await;
    assert_eq!((&shown["allowSeeMyPresence"], &shown["allowPickUpMyCalls"]), (&json!(false), &json!(true)));
    assert_eq!(world.audit().await[0]["after"]["allowSeeMyPresence"], false);
    // It does not hinder the user.
    let receiver = hookswitch_testkit::ScriptedReceiver::start().await;
    world.subscribe(&["/restapi/v1.0/account/~/extension/~/presence"], &receiver.url("/hook")).await;
    world.server.stop().await;
}

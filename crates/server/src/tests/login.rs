//! Logging in: by password, by JWT; and every way in which that is refused.

use http::{Method, StatusCode};

use super::stage::{Stage, Tokens, basic};

const TOKEN: &str = "/restapi/oauth/token";
/// Parameters, and the error, code and parameter of the answer.
type Refused<'a> = (Vec<(&'a str, &'a str)>, &'a str, &'a str, &'a str);

const JWT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

#[tokio::test]
async fn the_answer_to_a_login_has_numbers_where_clients_calculate() {
    let stage = Stage::new().await;
    let reply =
        stage.token(&[("grant_type", JWT), ("assertion", &stage.demo.jwt), ("endpoint_id", "phone-1")]).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert!(reply.header("content-type").unwrap().contains("application/json"));
    let body = reply.json();
    assert_eq!(body["token_type"], "bearer");
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(body["refresh_token_expires_in"], 604_800);
    assert_eq!(body["owner_id"], stage.demo.extension.to_string());
    assert_eq!(body["endpoint_id"], "phone-1");
    assert!(body["session_id"].as_str().is_some_and(|id| !id.is_empty()));
    assert!(body["scope"].as_str().unwrap().split(' ').any(|scope| scope == "SubscriptionWebhook"));
    assert!(body["access_token"].as_str().unwrap().len() >= 32);
}

#[tokio::test]
async fn every_form_of_a_user_name_logs_the_same_user_in() {
    let stage = Stage::new().await;
    let number = &stage.demo.username;
    let digits = number.trim_start_matches('+');
    let starred = format!("{number}*101");
    let other = (stage.demo.extension.0 + 2).to_string();
    let own = stage.demo.extension.to_string();
    for (username, extension, owner) in [
        (number.as_str(), Some("101"), &own),
        (number, Some(""), &own),
        (number, None, &own),
        (digits, Some("103"), &other),
        (&starred, None, &own),
        ("ada@demo.example", None, &own),
        ("CHIDI@demo.example", Some(""), &other),
    ] {
        let mut form =
            vec![("grant_type", "password"), ("username", username), ("password", &stage.demo.password)];
        form.extend(extension.map(|extension| ("extension", extension)));
        let body = stage.token(&form).await.json();
        assert_eq!(body["owner_id"].as_str(), Some(owner.as_str()), "{username} {extension:?}: {body}");
    }
}

#[tokio::test]
async fn a_login_is_refused_in_words_and_codes_that_clients_know() {
    let stage = Stage::new().await;
    let (name, password, jwt) = (&stage.demo.username, &stage.demo.password, &stage.demo.jwt);
    let tampered = jwt.replacen('.', ".e30", 1);
    let hs256 = "eyJhbGciOiJIUzI1NiJ9.e30.AAAA";
    let grant = |name| ("grant_type", name);
    let rows: Vec<Refused<'_>> = vec![
        (vec![], "invalid_request", "CMN-101", "grant_type"),
        (vec![grant("device_certificate")], "unsupported_grant_type", "OAU-151", "grant_type"),
        (vec![grant("authorization_code")], "invalid_request", "CMN-101", "code"),
        (vec![grant("password"), ("password", "x")], "invalid_request", "CMN-101", "username"),
        (vec![grant("password"), ("username", name)], "invalid_request", "CMN-101", "password"),
        (vec![grant("password"), ("username", name), ("password", "x")], "invalid_grant", "OAU-140", ""),
        (
            vec![grant("password"), ("username", "+19995550000"), ("password", password)],
            "invalid_grant",
            "OAU-140",
            "",
        ),
        (
            vec![grant("password"), ("username", name), ("extension", "999"), ("password", password)],
            "invalid_grant",
            "OAU-140",
            "",
        ),
        (vec![grant(JWT)], "invalid_request", "CMN-101", "assertion"),
        (vec![grant(JWT), ("assertion", "no jwt")], "invalid_grant", "OAU-149", "assertion"),
        (vec![grant(JWT), ("assertion", hs256)], "invalid_grant", "OAU-347", ""),
        (vec![grant(JWT), ("assertion", &tampered)], "invalid_grant", "OAU-140", ""),
        (vec![grant(JWT), ("assertion", jwt), ("scope", "Nothing")], "invalid_scope", "OAU-117", "scope"),
        (vec![grant("refresh_token")], "invalid_request", "CMN-101", "refresh_token"),
        (vec![grant("refresh_token"), ("refresh_token", "x")], "invalid_grant", "OAU-213", ""),
        (vec![grant("password"), grant("password")], "invalid_request", "OAU-111", "grant_type"),
    ];
    for (form, error, code, parameter) in rows {
        let reply = stage.token(&form).await;
        assert_eq!(reply.refusal(), (400, code.to_owned(), parameter.to_owned()), "{form:?}: {}", reply.text);
        let body = reply.json();
        assert_eq!(body["error"], error, "{form:?}");
        assert_eq!(body["errorCode"], code);
        assert_eq!(body["error_description"], body["message"]);
        assert!(!body["error_description"].as_str().unwrap().is_empty());
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn an_app_that_cannot_show_who_it_is_gets_401() {
    let stage = Stage::new().await;
    let id = &stage.demo.client_id;
    let form = [("grant_type", JWT), ("assertion", stage.demo.jwt.as_str())];
    for (authorization, code) in [
        (String::new(), "OAU-123"),
        (basic(id, "wrong"), "OAU-146"),
        (basic(id, ""), "OAU-146"),
        (basic("nobody", &stage.demo.client_secret), "OAU-120"),
        ("Basic %%%".to_owned(), "OAU-134"),
        ("Bearer x".to_owned(), "OAU-134"),
    ] {
        let reply = stage.form_as(&authorization, TOKEN, &form).await;
        assert_eq!(reply.refusal(), (401, code.to_owned(), String::new()), "{authorization}");
        assert_eq!(reply.json()["error"], "invalid_client");
        assert!(reply.headers.contains_key("www-authenticate"));
    }
    let without_secret = [form.as_slice(), &[("client_id", id)]].concat();
    assert_eq!(stage.form_as("", TOKEN, &without_secret).await.refusal().1, "OAU-146");
}

#[tokio::test]
async fn a_client_id_in_the_body_may_stand_beside_basic_if_it_is_the_same() {
    let stage = Stage::new().await;
    let form = |client_id: &'static str| [("grant_type", JWT), ("client_id", client_id)];
    let same = [("grant_type", JWT), ("assertion", &stage.demo.jwt), ("client_id", &stage.demo.client_id)];
    assert_eq!(stage.token(&same).await.status, StatusCode::OK);
    assert_eq!(stage.token(&form("another")).await.refusal(), (400, "OAU-150".into(), "client_id".into()));
}

#[tokio::test]
async fn a_token_request_that_is_no_form_is_415() {
    let stage = Stage::new().await;
    let authorization = basic(&stage.demo.client_id, &stage.demo.client_secret);
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let reply = stage.ask(Method::POST, TOKEN, &headers, "{\"grant_type\":\"password\"}").await;
    assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(reply.json()["error"], "invalid_request");
    let with_charset = ("content-type", "Application/X-WWW-Form-Urlencoded; charset=utf-8");
    let body = format!("grant_type={JWT}&assertion={}", stage.demo.jwt);
    let reply = stage.ask(Method::POST, TOKEN, &[headers[0], with_charset], &body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
}

#[tokio::test]
async fn a_session_has_the_scopes_it_asked_for_and_no_others() {
    let stage = Stage::new().await;
    let form = [("grant_type", JWT), ("assertion", &stage.demo.jwt), ("scope", "ReadMessages Unheard-of")];
    let reply = stage.token(&form).await;
    assert_eq!(reply.json()["scope"], "ReadMessages");
    let tokens = Tokens::of(&reply);
    let refused = stage.get(&tokens.access, "/restapi/v1.0/account/~").await;
    assert_eq!(refused.refusal().1, "CMN-401");
    assert_eq!(refused.json()["permissionName"], "ReadAccounts");
    assert_eq!(refused.json()["errorCode"], "InsufficientPermissions");
}

#[tokio::test]
async fn an_access_token_ends_when_it_said_it_would() {
    let stage = Stage::new().await;
    let ttl = [("grant_type", JWT), ("assertion", stage.demo.jwt.as_str()), ("access_token_ttl", "900")];
    let reply = stage.token(&ttl).await;
    assert_eq!(reply.json()["expires_in"], 900);
    let tokens = Tokens::of(&reply);
    stage.clock.advance(std::time::Duration::from_secs(899));
    assert_eq!(stage.knock(&tokens.access).await, 200);
    stage.clock.advance(std::time::Duration::from_secs(1));
    let late = stage.get(&tokens.access, "/restapi/v1.0/account/~").await;
    assert_eq!(late.refusal().0, 401);
    assert_eq!(late.json()["errorCode"], "TokenExpired");
    assert_eq!(late.json()["errors"][0]["errorCode"], "OAU-128");
}

#[tokio::test]
async fn the_hundred_and_first_session_of_a_user_ends_the_first() {
    let stage = Stage::with(&[("sessions.per_user_and_app", "100")]).await;
    let first = stage.log_in().await;
    assert_eq!(stage.knock(&first.access).await, 200);
    for _ in 1..100 {
        stage.log_in().await;
    }
    assert_eq!(stage.knock(&first.access).await, 200);
    stage.log_in().await;
    assert_eq!(stage.knock(&first.access).await, 401, "also for a token that was known a moment ago");
}

#[tokio::test]
async fn with_the_demo_app_a_user_may_have_more_sessions_than_with_others() {
    let stage = Stage::new().await;
    let first = stage.log_in().await;
    for _ in 0..101 {
        stage.log_in().await;
    }
    assert_eq!(stage.knock(&first.access).await, 200);
}

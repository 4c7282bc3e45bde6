//! From an authorization code to a session, and the app alone.

use std::time::Duration;

use hookswitch_store::directory::{Foundation, Grant, NewApp};
use http::StatusCode;

use super::sign_in::{Browser, REDIRECT, link, parameter};
use super::stage::{Reply, Stage, Tokens, basic};
use crate::authenticate::hash_token;

/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const S256: [(&str, &str); 2] =
    [("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), ("code_challenge_method", "S256")];
const TOKEN: &str = "/restapi/oauth/token";

async fn code(stage: &Stage, more: &[(&str, &str)]) -> String {
    parameter(&Browser::new(stage).agree(&link(stage, more)).await, "code")
}

fn exchange<'a>(code: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![("grant_type", "authorization_code"), ("code", code)];
    if !more.iter().any(|(name, _)| *name == "redirect_uri") {
        form.push(("redirect_uri", REDIRECT));
    }
    form.extend(more);
    form
}

async fn register(stage: &Stage, client_id: &str, secret: Option<&str>, grants: &[Grant]) {
    let app = NewApp {
        client_id: client_id.into(),
        name: "Another App".into(),
        secret: secret.map(hash_token),
        scopes: vec!["ReadAccounts".into()],
        grants: grants.to_vec(),
        redirect_uris: vec![REDIRECT.into()],
        verification_token: "v".into(),
        signing_secret: "whsec_c2VjcmV0".into(),
        created_at: stage.front.handles.now(),
    };
    stage.front.directory.establish(Foundation { apps: vec![app], ..Foundation::default() }).await.unwrap();
}

fn refused(reply: &Reply) -> (u16, String) {
    (reply.status.as_u16(), reply.refusal().1)
}

#[tokio::test]
async fn a_code_and_its_verifier_open_a_session_with_the_scopes_that_were_agreed_to() {
    let stage = Stage::new().await;
    let asked = [S256[0], S256[1], ("scope", "ReadAccounts ReadMessages")];
    let code = code(&stage, &asked).await;
    let reply = stage.token(&exchange(&code, &[("code_verifier", VERIFIER)])).await;
    let body = reply.json();
    assert_eq!(body["scope"], "ReadAccounts ReadMessages", "{body}");
    assert_eq!(body["owner_id"], stage.demo.extension.to_string());
    let tokens = Tokens::of(&reply);
    assert_eq!(stage.knock(&tokens.access).await, 200);
    Tokens::of(&stage.refresh(&tokens.refresh).await);
}

#[tokio::test]
async fn a_code_serves_once_and_who_brings_it_again_ends_what_it_opened() {
    let stage = Stage::new().await;
    let code = code(&stage, &[]).await;
    let tokens = Tokens::of(&stage.token(&exchange(&code, &[])).await);
    assert_eq!(stage.knock(&tokens.access).await, 200);
    stage.clock.advance(Duration::from_secs(120));
    assert_eq!(refused(&stage.token(&exchange(&code, &[])).await), (400, "OAU-106".into()));
    assert_eq!(stage.knock(&tokens.access).await, 401);
    assert_eq!(refused(&stage.refresh(&tokens.refresh).await), (400, "OAU-213".into()));
}

#[tokio::test]
async fn a_code_is_worth_nothing_to_whoever_did_not_ask_for_it() {
    let stage = Stage::new().await;
    register(&stage, "another", Some("secret"), Grant::ALL).await;
    let code = code(&stage, &S256).await;
    let wrong = "x".repeat(43);
    let good = ("code_verifier", VERIFIER);
    for (more, error, answer) in [
        (vec![], "invalid_request", "CMN-101"),
        (vec![("code_verifier", "short")], "invalid_request", "CMN-101"),
        (vec![("code_verifier", wrong.as_str())], "invalid_grant", "OAU-106"),
        (vec![good, ("redirect_uri", "http://localhost:5000/oauth2callback")], "invalid_grant", "OAU-109"),
        (vec![good, ("redirect_uri", "")], "invalid_request", "CMN-101"),
    ] {
        let reply = stage.token(&exchange(&code, &more)).await;
        assert_eq!(refused(&reply), (400, answer.into()), "{more:?}");
        assert_eq!(reply.json()["error"], error, "{more:?}");
    }
    let foreign = stage.form_as(&basic("another", "secret"), TOKEN, &exchange(&code, &[good])).await;
    assert_eq!(refused(&foreign), (400, "OAU-110".into()));
    assert_eq!(refused(&stage.token(&exchange("unheard-of", &[good])).await), (400, "OAU-106".into()));
    assert_eq!(
        stage.token(&exchange(&code, &[good])).await.status,
        StatusCode::OK,
        "none of that used it up"
    );
}

#[tokio::test]
async fn a_code_lives_sixty_seconds() {
    let stage = Stage::new().await;
    let (first, second) = (code(&stage, &[]).await, code(&stage, &[]).await);
    stage.clock.advance(Duration::from_millis(59_999));
    assert_eq!(stage.token(&exchange(&first, &[])).await.status, StatusCode::OK);
    stage.clock.advance(Duration::from_millis(1));
    assert_eq!(refused(&stage.token(&exchange(&second, &[])).await), (400, "OAU-108".into()));
}

#[tokio::test]
async fn a_verifier_for_a_code_without_a_challenge_means_that_somebody_took_the_challenge_away() {
    let stage = Stage::new().await;
    let code = code(&stage, &[]).await;
    let reply = stage.token(&exchange(&code, &[("code_verifier", VERIFIER)])).await;
    assert_eq!(refused(&reply), (400, "OAU-106".into()));
}

#[tokio::test]
async fn a_public_app_must_bring_a_challenge_and_needs_no_secret() {
    let stage = Stage::new().await;
    register(&stage, "public", None, &[Grant::AuthorizationCode, Grant::RefreshToken]).await;
    let client = ("client_id", "public");
    let browser = Browser::new(&stage);
    let bare = browser.get(&link(&stage, &[client])).await;
    assert!(bare.header("location").is_some_and(|to| to.contains("error=invalid_request")));
    let url = browser.agree(&link(&stage, &[client, S256[0], S256[1]])).await;
    let code = parameter(&url, "code");
    let form = exchange(&code, &[client, ("code_verifier", VERIFIER)]);
    let tokens = Tokens::of(&stage.form_as("", TOKEN, &form).await);
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
    Tokens::of(&stage.form_as(&basic("public", ""), TOKEN, &refresh).await);
}

#[tokio::test]
async fn an_app_uses_the_grants_it_was_registered_with_and_no_others() {
    let stage = Stage::new().await;
    register(&stage, "narrow", Some("secret"), &[Grant::JwtBearer]).await;
    let back = Browser::new(&stage).get(&link(&stage, &[("client_id", "narrow")])).await;
    assert!(back.header("location").is_some_and(|to| to.contains("error=unauthorized_client")));
    for grant in ["authorization_code", "client_credentials", "password", "refresh_token"] {
        let reply = stage.form_as(&basic("narrow", "secret"), TOKEN, &[("grant_type", grant)]).await;
        assert_eq!(refused(&reply), (400, "OAU-112".into()), "{grant}");
        assert_eq!(reply.json()["error"], "unauthorized_client");
    }
}

#[tokio::test]
async fn an_app_alone_gets_a_token_without_owner_and_refresh_that_reaches_no_extension() {
    let stage = Stage::new().await;
    let grant = [("grant_type", "client_credentials")];
    let reply = stage.token(&grant).await;
    let body = reply.json();
    assert_eq!(reply.status, StatusCode::OK, "{body}");
    assert_eq!(body["token_type"], "bearer");
    assert!(body.get("refresh_token").is_none() && body.get("owner_id").is_none());
    let token = body["access_token"].as_str().unwrap();
    let call = stage.get(token, "/restapi/v1.0/account/~").await;
    assert_eq!(refused(&call), (401, "CMN-405".into()));

    let revoked = stage.form("/restapi/oauth/revoke", &[("token", token)]).await;
    assert_eq!(revoked.status, StatusCode::OK);
    assert_eq!(refused(&stage.get(token, "/restapi/v1.0/account/~").await), (401, "OAU-213".into()));

    let second = stage.token(&grant).await.json()["access_token"].as_str().unwrap().to_owned();
    stage.clock.advance(Duration::from_secs(3600));
    assert_eq!(refused(&stage.get(&second, "/restapi/v1.0/account/~").await), (401, "OAU-128".into()));

    register(&stage, "public", None, Grant::ALL).await;
    let public = [grant[0], ("client_id", "public")];
    assert_eq!(refused(&stage.form_as("", TOKEN, &public).await), (400, "OAU-125".into()));
}

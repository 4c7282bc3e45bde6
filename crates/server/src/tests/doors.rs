//! What every request and every answer has, whatever the path.

use axum::body::Body;
use http::{Method, Request, StatusCode};

use super::stage::{Stage, Tokens};

const ACCOUNT: &str = "/restapi/v1.0/account/~";

#[tokio::test]
async fn every_answer_has_the_headers_that_clients_read() {
    let stage = Stage::new().await;
    let token = stage.log_in().await.access;
    for (target, status, group) in [
        (ACCOUNT, 200, "light"),
        ("/restapi/v1.0/account/~/extension/", 200, "medium"),
        ("/restapi/v1.0/nowhere", 404, "light"),
        ("/restapi/oauth/nowhere", 404, "auth"),
    ] {
        let reply = stage.get(&token, target).await;
        assert_eq!(reply.status, status, "{target}");
        assert_eq!(reply.header("x-rate-limit-group"), Some(group), "{target}");
        assert_eq!(reply.header("x-rate-limit-remaining"), reply.header("x-rate-limit-limit"));
        assert_eq!(reply.header("x-rate-limit-window"), Some("60"));
        assert_eq!(reply.header("content-language"), Some("en-US"));
        assert!(reply.header("rcrequestid").is_some_and(|id| uuid::Uuid::parse_str(id).is_ok()));
        assert!(reply.header("routingkey").is_some());
        assert!(reply.header("content-type").unwrap().contains("application/json"));
    }
}

#[tokio::test]
async fn a_path_has_one_resource_with_and_without_slashes_at_its_end() {
    let stage = Stage::new().await;
    let token = stage.log_in().await.access;
    let plain = stage.get(&token, ACCOUNT).await.text;
    for target in ["/restapi/v1.0/account/~/", "/restapi/v1.0/account/~//"] {
        assert_eq!(stage.get(&token, target).await.text, plain, "{target}");
    }
    let filtered = stage.get(&token, "/restapi/v1.0/account/~/extension/?extensionNumber=101").await;
    assert_eq!(filtered.json()["paging"]["totalElements"], 1);
}

#[tokio::test]
async fn paths_that_an_old_sdk_prefixes_are_aliases() {
    let stage = Stage::new().await;
    let target = "/restapi/v1.0/webinar/notifications/v1/subscriptions/";
    let reply = stage.ask(Method::POST, target, &[], "hello").await;
    assert_eq!((reply.status, reply.text.as_str()), (StatusCode::OK, "hello"));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_in_json() {
    let stage = Stage::new().await;
    assert_eq!(
        stage.ask(Method::GET, "/nowhere", &[], "").await.refusal(),
        (404, "CMN-120".into(), String::new())
    );
    let no_text = stage.ask(Method::GET, "/restapi/v1.0/subscription/%ff", &[], "").await;
    assert_eq!(no_text.refusal(), (404, "CMN-120".into(), String::new()));
    let wrong = stage.ask(Method::DELETE, ACCOUNT, &[], "").await;
    assert_eq!(wrong.refusal().0, 405);
    assert!(wrong.header("allow").is_some_and(|allow| allow.contains("GET")));
}

#[tokio::test]
async fn bad_tokens_are_401_with_the_codes_that_clients_know() {
    let stage = Stage::new().await;
    let long = format!("Bearer {}", "x".repeat(5000));
    for (header, top, code) in [
        (None, "OAU-123", "OAU-123"),
        (Some("Bearer nobodys-token"), "TokenInvalid", "OAU-213"),
        (Some("Basic eDp5"), "OAU-134", "OAU-134"),
        (Some("nonsense"), "OAU-134", "OAU-134"),
        (Some("Bearer  "), "TokenInvalid", "OAU-149"),
        (Some("Bearer a b"), "TokenInvalid", "OAU-149"),
        (Some(long.as_str()), "TokenInvalid", "OAU-149"),
    ] {
        let headers: Vec<_> = header.map(|value| ("authorization", value)).into_iter().collect();
        let reply = stage.ask(Method::GET, ACCOUNT, &headers, "").await;
        assert_eq!(reply.refusal(), (401, code.into(), String::new()), "{header:?}");
        assert_eq!(reply.json()["errorCode"], top);
        assert!(!reply.json()["message"].as_str().unwrap().is_empty());
        assert!(reply.headers.contains_key("www-authenticate"));
    }
}

#[tokio::test]
async fn the_scheme_of_a_token_is_read_in_any_case_and_a_query_may_bring_it() {
    let stage = Stage::new().await;
    let token = stage.log_in().await.access;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let header = format!("{scheme} {token}");
        let reply = stage.ask(Method::GET, ACCOUNT, &[("authorization", &header)], "").await;
        assert_eq!(reply.status, StatusCode::OK, "{scheme}");
    }
    let reply = stage.ask(Method::GET, &format!("{ACCOUNT}/?a=b&access_token={token}"), &[], "").await;
    assert_eq!(reply.status, StatusCode::OK);
    let header = [("authorization", "Bearer wrong")];
    let reply = stage.ask(Method::GET, &format!("{ACCOUNT}?access_token={token}"), &header, "").await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "where there is a header, it decides");
}

#[tokio::test]
async fn post_can_stand_for_another_method() {
    let stage = Stage::new().await;
    let token = format!("Bearer {}", stage.log_in().await.access);
    let authorization = ("authorization", token.as_str());
    let over = |method| ("x-http-method-override", method);
    let post =
        async |target: &str, headers: &[(&str, &str)]| stage.ask(Method::POST, target, headers, "").await;
    assert_eq!(post(ACCOUNT, &[authorization, over("GET")]).await.status, StatusCode::OK);
    let by_query = format!("{ACCOUNT}?_method=GET");
    assert_eq!(post(&by_query, &[authorization]).await.status, StatusCode::OK);
    assert_eq!(post(&by_query, &[authorization, over("GET")]).await.status, StatusCode::OK);
    let bad = (400, "CMN-101".to_owned(), "_method".to_owned());
    assert_eq!(post(&by_query, &[authorization, over("PUT")]).await.refusal(), bad);
    assert_eq!(post(ACCOUNT, &[authorization, over("TRACE")]).await.refusal(), bad);
    let get = stage.ask(Method::GET, ACCOUNT, &[authorization, over("DELETE")], "").await;
    assert_eq!(get.refusal(), bad, "only POST can");
}

#[tokio::test]
async fn a_page_of_another_site_cannot_reach_a_development_server() {
    let stage = Stage::new().await;
    let status = async |headers: &[(&str, &str)]| {
        stage.ask(Method::GET, "/restapi", headers, "").await.status.as_u16()
    };
    for host in ["127.0.0.1:4711", "localhost:4711", "LOCALHOST", "[::1]:4711", "127.8.9.1"] {
        assert_eq!(status(&[("host", host)]).await, 200, "{host}");
    }
    for host in
        ["rebound.example", "rebound.example:4711", "localhost.evil.example", "10.0.0.1", "user@127.0.0.1:x"]
    {
        assert_eq!(status(&[("host", host)]).await, 403, "{host}");
    }
    assert_eq!(status(&[("origin", "http://localhost:3000")]).await, 200);
    for origin in ["https://evil.example", "null", "chrome-extension://abc"] {
        assert_eq!(status(&[("host", "127.0.0.1"), ("origin", origin)]).await, 403, "{origin}");
    }
}

#[tokio::test]
async fn the_host_of_the_public_url_is_ours_too() {
    let stage = Stage::on(
        std::sync::Arc::default(),
        "https://hooks.example.com",
        1,
        &[("public_url", "https://hooks.example.com")],
    )
    .await;
    let reply = stage.ask(Method::GET, "/restapi", &[("host", "Hooks.example.com")], "").await;
    assert_eq!(reply.json()["uri"], "https://hooks.example.com/restapi");
}

#[tokio::test]
async fn a_body_over_its_limit_is_413_and_the_limit_is_named() {
    let stage = Stage::with(&[("limits.other_request", "100"), ("limits.publish_request", "1000")]).await;
    let big = "x".repeat(1001);
    let announced =
        stage.ask(Method::POST, "/hookswitch/v1/events", &[("content-length", "1001")], &big).await;
    assert_eq!(announced.refusal().0, 413);
    assert_eq!(announced.json()["limitName"], "limits.publish_request");
    assert_eq!(announced.json()["limit"], 1000);

    let chunks = futures_util::stream::iter(
        big.as_bytes().chunks(100).map(|part| Ok::<_, std::io::Error>(part.to_vec())).collect::<Vec<_>>(),
    );
    let request =
        Request::builder().method(Method::POST).uri("/hookswitch/v1/events").body(Body::from_stream(chunks));
    let unannounced = stage.send(request.unwrap()).await;
    assert_eq!(unannounced.refusal().0, 413);

    let form = [("grant_type", "password"), ("password", big.as_str())];
    assert_eq!(stage.token(&form).await.json()["error"], "invalid_request");
    let fits = stage.ask(Method::POST, "/hookswitch/v1/events", &[], &big[..1000]).await;
    assert_eq!((fits.status, fits.text.len()), (StatusCode::OK, 1000));
}

#[tokio::test]
async fn a_known_token_is_answered_without_the_store() {
    let stage = Stage::new().await;
    let Tokens { access, .. } = stage.log_in().await;
    assert_eq!(stage.knock(&access).await, 200);
    let now = stage.front.handles.now();
    assert!(stage.front.tokens.get(&crate::authenticate::hash_token(&access), now).is_some());
    assert!(stage.front.knows_account(stage.demo.account).await.unwrap());
    assert!(!stage.front.knows_account(hookswitch_core::id::AccountId(1)).await.unwrap());
}

#[tokio::test]
async fn the_document_is_served() {
    let stage = Stage::new().await;
    let document = stage.ask(Method::GET, "/openapi.json", &[], "").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"].get("/restapi/oauth/token").is_some());
}

#[tokio::test]
async fn a_head_over_its_limit_is_431_and_the_limit_is_named() {
    let stage = Stage::with(&[("limits.request_head", "8192")]).await;
    let value = "x".repeat(4000);
    let fits = stage.ask(Method::GET, "/restapi", &[("x-one", &value)], "").await;
    assert_eq!(fits.status, StatusCode::OK);
    let more = [("x-one", value.as_str()), ("x-two", &value), ("x-three", &value)];
    let reply = stage.ask(Method::GET, "/restapi", &more, "").await;
    assert_eq!(reply.refusal().0, 431);
    assert_eq!(reply.json()["limitName"], "limits.request_head");
}

#[tokio::test]
async fn a_body_that_drips_is_408_when_its_time_is_over() {
    let stage = Stage::with(&[("limits.body_within", "10s")]).await;
    let first = futures_util::stream::iter([Ok::<_, std::io::Error>(b"{".to_vec())]);
    let drip = futures_util::StreamExt::chain(first, futures_util::stream::pending());
    let request =
        Request::builder().method(Method::POST).uri("/hookswitch/v1/events").body(Body::from_stream(drip));
    let (reply, ()) = tokio::join!(stage.send(request.unwrap()), async {
        stage.clock.until_sleeping(1).await;
        stage.clock.advance(std::time::Duration::from_secs(10));
    });
    assert_eq!(reply.refusal(), (408, "CMN-104".into(), String::new()));
    assert_eq!(reply.json()["limitName"], "limits.body_within");
}

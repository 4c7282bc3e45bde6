//! Which paths scripts of other sites may call (D26).

use http::Method;

use super::stage::Stage;

const ORIGIN: (&str, &str) = ("origin", "http://localhost:3000");

#[tokio::test]
async fn scripts_may_call_what_takes_a_token_and_read_the_answer_whatever_it_is() {
    let stage = Stage::new().await;
    let token = format!("Bearer {}", stage.log_in().await.access);
    for (method, target, headers, status) in [
        (Method::GET, "/restapi/v1.0/account/~", vec![("authorization", token.as_str())], 200),
        (Method::GET, "/restapi/v1.0/account/~", vec![], 401),
        (Method::GET, "/restapi/v1.0/nowhere", vec![], 404),
        (Method::POST, "/restapi/oauth/token", vec![], 401),
        (Method::POST, "/webinar/notifications/v1/subscriptions", vec![], 200),
    ] {
        let reply = stage.ask(method, target, &[headers, vec![ORIGIN]].concat(), "").await;
        assert_eq!(reply.status.as_u16(), status, "{target}");
        assert_eq!(reply.header("access-control-allow-origin"), Some(ORIGIN.1), "{target}");
        assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(reply.header("vary"), Some("Origin"));
        let exposed = reply.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("x-rate-limit-window") && exposed.contains("retry-after"));
    }
}

#[tokio::test]
async fn a_preflight_is_answered_for_those_paths_and_for_no_others() {
    let stage = Stage::new().await;
    let asking = [ORIGIN, ("access-control-request-method", "DELETE")];
    for target in ["/restapi/v1.0/subscription/7", "/restapi/oauth/token", "/hookswitch/v1/deliveries"] {
        let reply = stage.ask(Method::OPTIONS, target, &asking, "").await;
        assert_eq!(reply.status.as_u16(), 204, "{target}");
        assert!(reply.header("access-control-allow-methods").unwrap().contains("DELETE"));
        assert!(reply.header("access-control-allow-headers").unwrap().contains("authorization, client-id"));
        assert!(reply.header("access-control-max-age").is_some());
    }
    for target in ["/restapi/oauth/authorize", "/restapi", "/openapi.json", "/healthz", "/webhook/7"] {
        let reply = stage.ask(Method::OPTIONS, target, &asking, "").await;
        assert_ne!(reply.status.as_u16(), 204, "{target}");
        let get = stage.ask(Method::GET, target, &[ORIGIN], "").await;
        for reply in [reply, get] {
            assert_eq!(reply.header("access-control-allow-origin"), None, "{target}");
        }
    }
}

#[tokio::test]
async fn a_cookie_means_nothing_where_a_token_is_wanted() {
    let stage = Stage::new().await;
    let token = stage.log_in().await.access;
    let cookie = format!("access_token={token}; token={token}; hookswitch_sign_in={token}");
    let reply = stage.ask(Method::GET, "/restapi/v1.0/account/~", &[ORIGIN, ("cookie", &cookie)], "").await;
    assert_eq!(reply.status.as_u16(), 401);
}

#[tokio::test]
async fn without_an_origin_nothing_is_said() {
    let stage = Stage::new().await;
    let reply = stage.ask(Method::GET, "/restapi/v1.0/account/~", &[], "").await;
    assert_eq!(reply.header("access-control-allow-origin"), None);
    assert_eq!(reply.header("vary"), None);
}

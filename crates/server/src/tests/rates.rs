//! Rate limits, where they are enforced.

use std::time::Duration;

use super::stage::{Reply, Stage};

const ACCOUNT: &str = "/restapi/v1.0/account/~";
const EXTENSIONS: &str = "/restapi/v1.0/account/~/extension";

fn left(reply: &Reply) -> (u16, &str) {
    (reply.status.as_u16(), reply.header("x-rate-limit-remaining").unwrap_or_default())
}

#[tokio::test]
async fn the_headers_count_down_and_the_call_after_the_last_is_429_until_a_minute_without_calls() {
    let stage = Stage::with(&[("rate_limits.enforce", "true"), ("rate_limits.light", "2")]).await;
    let token = stage.log_in().await.access;
    let call = async || stage.get(&token, ACCOUNT).await;
    assert_eq!(left(&call().await), (200, "1"));
    assert_eq!(left(&call().await), (200, "0"));
    let refused = call().await;
    assert_eq!(left(&refused), (429, "0"));
    assert_eq!(refused.refusal().1, "CMN-301");
    assert_eq!(refused.header("retry-after"), Some("60"));
    assert_eq!(refused.header("x-rate-limit-limit"), Some("2"));
    assert_eq!(refused.header("x-rate-limit-group"), Some("light"));
    assert_eq!(left(&stage.get(&token, EXTENSIONS).await), (200, "39"), "another group");
    let colleague = stage.log_in_as("102").await.access;
    assert_eq!(left(&stage.get(&colleague, ACCOUNT).await), (200, "1"), "another user");

    stage.clock.advance(Duration::from_secs(59));
    assert_eq!(call().await.status, 429, "this call begins the penalty anew");
    stage.clock.advance(Duration::from_secs(59));
    assert_eq!(call().await.status, 429);
    stage.clock.advance(Duration::from_secs(60));
    assert_eq!(left(&call().await), (200, "1"));
}

#[tokio::test]
async fn logins_of_a_user_with_an_app_have_a_budget_however_they_log_in() {
    let stage = Stage::with(&[("rate_limits.enforce", "true"), ("rate_limits.auth", "3")]).await;
    let first = stage.log_in().await;
    let second = stage.log_in_as("101").await;
    let third = stage.refresh(&second.refresh).await;
    assert_eq!(left(&third), (200, "0"));
    let refused = stage.refresh(&first.refresh).await;
    assert_eq!(left(&refused), (429, "0"));
    assert_eq!(refused.refusal().1, "CMN-301");
    assert_eq!(refused.header("retry-after"), Some("60"));
    assert_eq!(refused.header("x-rate-limit-group"), Some("auth"));
    assert!(refused.json()["error"].is_string());
    stage.log_in_as("102").await;
    stage.clock.advance(Duration::from_secs(60));
    assert_eq!(stage.refresh(&first.refresh).await.status, 200, "a refused refresh used nothing up");
}

#[tokio::test]
async fn nothing_is_refused_unless_the_operator_wants_it_and_the_whole_budget_is_shown() {
    let stage = Stage::new().await;
    let token = stage.log_in().await.access;
    for _ in 0..60 {
        assert_eq!(left(&stage.get(&token, ACCOUNT).await), (200, "50"));
    }
}

#[tokio::test]
async fn calls_without_a_good_token_are_refused_as_ever_and_charge_nobody() {
    let stage = Stage::with(&[("rate_limits.enforce", "true"), ("rate_limits.light", "1")]).await;
    for _ in 0..3 {
        assert_eq!(stage.get("unheard-of", ACCOUNT).await.refusal().1, "OAU-213");
    }
    let token = stage.log_in().await.access;
    assert_eq!(left(&stage.get(&token, ACCOUNT).await), (200, "0"));
}

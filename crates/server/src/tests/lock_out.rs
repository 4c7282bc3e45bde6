//! What wrong passwords cost, on the clock.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request};

use super::sign_in::{Browser, link};
use super::stage::{Reply, Stage, basic};
use crate::headers::ClientAddress;

const QUICK: [(&str, &str); 4] = [
    ("sessions.failed_logins_free", "2"),
    ("sessions.failed_login_delay", "1s"),
    ("sessions.lock_out_after", "5"),
    ("sessions.lock_out", "15m"),
];

async fn attempt(stage: &Stage, extension: &str, password: &str) -> Reply {
    let name = stage.demo.username.as_str();
    let form =
        [("grant_type", "password"), ("username", name), ("extension", extension), ("password", password)];
    stage.token(&form).await
}

/// Status and code; 200 without one.
async fn outcome(stage: &Stage, extension: &str, password: &str) -> (u16, String) {
    let reply = attempt(stage, extension, password).await;
    if reply.status.is_success() { (200, String::new()) } else { (reply.status.as_u16(), reply.refusal().1) }
}

fn wrong() -> (u16, String) {
    (400, "OAU-140".into())
}

fn locked() -> (u16, String) {
    (400, "OAU-147".into())
}

fn good() -> (u16, String) {
    (200, String::new())
}

#[tokio::test]
async fn after_a_few_failures_each_further_one_delays_the_next_attempt_and_then_locks_out() {
    let stage = Stage::with(&QUICK).await;
    let password = stage.demo.password.clone();
    for delay in [0, 0, 1, 2] {
        assert_eq!(outcome(&stage, "101", "guess").await, wrong());
        if delay > 0 {
            stage.clock.advance(Duration::from_secs(delay) - Duration::from_millis(1));
            let reply = attempt(&stage, "101", &password).await;
            assert_eq!(reply.refusal().1, "OAU-147", "not even the right one is judged");
            assert_eq!(reply.header("retry-after"), Some("1"));
            stage.clock.advance(Duration::from_millis(1));
        }
    }
    assert_eq!(outcome(&stage, "101", "guess").await, wrong());
    stage.clock.advance(Duration::from_secs(899));
    assert_eq!(outcome(&stage, "101", &password).await, locked());
    assert_eq!(outcome(&stage, "102", &password).await, good(), "others are not concerned");
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(outcome(&stage, "101", &password).await, good());
    for _ in 0..2 {
        assert_eq!(outcome(&stage, "101", "guess").await, wrong());
    }
    assert_eq!(outcome(&stage, "101", &password).await, good(), "a success forgets the failures before");
}

#[tokio::test]
async fn a_user_who_does_not_exist_answers_like_one_who_does() {
    let stage = Stage::with(&QUICK).await;
    for extension in ["101", "999"] {
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(outcome(&stage, extension, "guess").await);
        }
        assert_eq!(answers, [wrong(), wrong(), wrong(), locked()], "{extension}");
    }
}

#[tokio::test]
async fn a_lock_out_survives_a_restart_and_holds_at_the_page_too() {
    let stage = Stage::with(&QUICK).await;
    let password = stage.demo.password.clone();
    for _ in 0..3 {
        outcome(&stage, "101", "guess").await;
    }
    let again = Stage::on(Arc::clone(&stage.folder), super::stage::BASE, 2, &QUICK).await;
    assert_eq!(outcome(&again, "101", &password).await, locked());
    let browser = Browser::new(&again);
    let page = browser.get(&link(&again, &[])).await;
    let reply = browser.sign_in(&page, &password).await;
    assert!(reply.text.contains("Too many failed logins"), "{}", reply.text);
    again.clock.advance(Duration::from_secs(1));
    let page = browser.get(&link(&again, &[])).await;
    assert_eq!(browser.sign_in(&page, &password).await.status.as_u16(), 302);
}

#[tokio::test]
async fn an_address_that_fails_with_many_users_is_locked_out_and_others_are_not() {
    let stage = Stage::with(&[("sessions.lock_out_address_after", "3")]).await;
    let from = async |address: &str, extension: &str, password: &str| {
        let body = format!(
            "grant_type=password&username={}&extension={extension}&password={password}",
            stage.demo.username.trim_start_matches('+')
        );
        let mut request = Request::builder()
            .method(Method::POST)
            .uri("/restapi/oauth/token")
            .header("host", "localhost")
            .header("authorization", basic(&stage.demo.client_id, &stage.demo.client_secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        request.extensions_mut().insert(ClientAddress(address.parse().unwrap()));
        stage.send(request).await
    };
    for extension in ["101", "102", "103"] {
        assert_eq!(from("192.0.2.1", extension, "guess").await.refusal().1, "OAU-140");
    }
    let password = stage.demo.password.as_str();
    assert_eq!(from("192.0.2.1", "104", password).await.refusal().1, "OAU-147");
    assert_eq!(from("192.0.2.2", "101", password).await.status.as_u16(), 200);
    stage.clock.advance(Duration::from_secs(900));
    assert_eq!(from("192.0.2.1", "104", password).await.status.as_u16(), 200);
}

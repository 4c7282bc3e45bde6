//! Refreshing and revoking: one use, lost answers, the end of a session (contract.md §1.2, §1.4).

use std::time::Duration;

use super::stage::{Stage, Tokens, basic};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_refresh_gives_a_new_pair_and_ends_the_old_access_token_at_once() {
    let stage = Stage::new().await;
    let old = stage.log_in().await;
    assert_eq!(stage.knock(&old.access).await, 200);
    let new = Tokens::of(&stage.refresh(&old.refresh).await);
    assert_ne!(new, old);
    assert_eq!(stage.knock(&new.access).await, 200);
    assert_eq!(stage.knock(&old.access).await, 401);
}

#[tokio::test]
async fn the_ttls_that_the_sdk_sends_after_a_401_are_taken() {
    let stage = Stage::new().await;
    let old = stage.log_in().await;
    let reply = stage
        .token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &old.refresh),
            ("access_token_ttl", "-1"),
            ("refresh_token_ttl", "604800"),
        ])
        .await;
    assert_eq!(reply.json()["expires_in"], 3600);
    assert_eq!(reply.json()["refresh_token_expires_in"], 604_800);
}

#[tokio::test]
async fn a_client_that_lost_the_answer_gets_the_same_pair_for_an_hour() {
    let stage = Stage::new().await;
    let old = stage.log_in().await;
    let new = Tokens::of(&stage.refresh(&old.refresh).await);
    stage.clock.advance(59 * MINUTE);
    let again = stage.refresh(&old.refresh).await;
    assert_eq!(Tokens::of(&again), new);
    assert_eq!(again.json()["expires_in"], 60, "what is left of it");
    stage.clock.advance(MINUTE + Duration::from_millis(1));
    assert_eq!(stage.refresh(&old.refresh).await.refusal().1, "OAU-213");
    assert!(Tokens::of(&stage.refresh(&new.refresh).await) != new, "the new one still serves");
}

#[tokio::test]
async fn once_the_new_access_token_was_used_the_old_refresh_token_has_ten_seconds() {
    let stage = Stage::new().await;
    let old = stage.log_in().await;
    let new = Tokens::of(&stage.refresh(&old.refresh).await);
    stage.clock.advance(MINUTE);
    assert_eq!(stage.knock(&new.access).await, 200);
    stage.clock.advance(Duration::from_secs(10));
    assert_eq!(Tokens::of(&stage.refresh(&old.refresh).await), new);
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(stage.refresh(&old.refresh).await.refusal(), (400, "OAU-213".into(), String::new()));
}

#[tokio::test]
async fn a_refresh_token_two_generations_old_is_dead() {
    let stage = Stage::new().await;
    let first = stage.log_in().await;
    let second = Tokens::of(&stage.refresh(&first.refresh).await);
    let third = Tokens::of(&stage.refresh(&second.refresh).await);
    assert_eq!(stage.refresh(&first.refresh).await.refusal().1, "OAU-213");
    assert_eq!(Tokens::of(&stage.refresh(&second.refresh).await), third);
}

#[tokio::test]
async fn two_refreshes_at_once_give_one_pair() {
    let stage = Stage::new().await;
    let old = stage.log_in().await;
    let (one, other) = tokio::join!(stage.refresh(&old.refresh), stage.refresh(&old.refresh));
    assert_eq!(Tokens::of(&one), Tokens::of(&other));
}

#[tokio::test]
async fn without_a_refresh_token_the_session_ends_with_its_access_token() {
    let stage = Stage::new().await;
    let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let form = [grant, ("assertion", stage.demo.jwt.as_str()), ("refresh_token_ttl", "0")];
    let body = stage.token(&form).await.json();
    assert!(body.get("refresh_token").is_none() && body.get("refresh_token_expires_in").is_none(), "{body}");
}

#[tokio::test]
async fn a_lost_answer_without_a_refresh_token_is_repeated_too() {
    let stage = Stage::new().await;
    let old = stage.log_in().await;
    let last = [
        ("grant_type", "refresh_token"),
        ("refresh_token", old.refresh.as_str()),
        ("refresh_token_ttl", "0"),
    ];
    let new = Tokens::of(&stage.token(&last).await);
    assert_eq!(new.refresh, "");
    assert_eq!(Tokens::of(&stage.refresh(&old.refresh).await), new);
}

#[tokio::test]
async fn a_refresh_token_expires() {
    let stage = Stage::new().await;
    let tokens = stage.log_in().await;
    stage.clock.advance(Duration::from_secs(604_800));
    assert_eq!(stage.refresh(&tokens.refresh).await.refusal().1, "OAU-213");
}

#[tokio::test]
async fn revoking_either_token_ends_the_session_and_doing_it_again_is_no_error() {
    let stage = Stage::new().await;
    for by_refresh_token in [false, true] {
        let tokens = stage.log_in().await;
        assert_eq!(stage.knock(&tokens.access).await, 200);
        let shown = if by_refresh_token { &tokens.refresh } else { &tokens.access };
        for _ in 0..2 {
            let reply = stage.form("/restapi/oauth/revoke", &[("token", shown)]).await;
            assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, "{}"));
            assert!(reply.header("content-type").unwrap().contains("application/json"));
        }
        assert_eq!(stage.knock(&tokens.access).await, 401);
        assert_eq!(stage.refresh(&tokens.refresh).await.refusal().1, "OAU-213");
    }
}

#[tokio::test]
async fn a_token_to_revoke_may_come_in_the_query_but_must_come() {
    let stage = Stage::new().await;
    let tokens = stage.log_in().await;
    assert_eq!(
        stage.form("/restapi/oauth/revoke", &[]).await.refusal(),
        (400, "CMN-101".into(), "token".into())
    );
    let empty = stage.form("/restapi/oauth/revoke", &[("token", "")]).await;
    assert_eq!(empty.refusal(), (400, "CMN-101".into(), "token".into()));
    let target = format!("/restapi/oauth/revoke?token={}", tokens.access);
    assert_eq!(stage.form(&target, &[]).await.status, 200);
    assert_eq!(stage.knock(&tokens.access).await, 401);
}

#[tokio::test]
async fn who_is_no_app_revokes_nothing() {
    let stage = Stage::new().await;
    let tokens = stage.log_in().await;
    let wrong = basic(&stage.demo.client_id, "wrong");
    let reply = stage.form_as(&wrong, "/restapi/oauth/revoke", &[("token", &tokens.access)]).await;
    assert_eq!(reply.refusal().0, 401);
    assert_eq!(stage.knock(&tokens.access).await, 200);
}

//! The handshake as the creation sees it: before anything is stored, with nothing locked, and bounded.

use hookswitch_testkit::{Answer, Gate};

use super::*;

#[tokio::test]
async fn while_the_receiver_thinks_nothing_is_stored_and_nobody_waits() {
    let world = World::new().await;
    let other = world.create(&[MESSAGES]).await;
    let gate = Gate::new();
    let held = gate.clone();
    world.receiver.set_script(move |_| Answer::ok().held_by(&held));
    let wanted = world.wanted(&[PRESENCE]).to_string();
    let asking =
        tokio::spawn(call(world.router.clone(), request(ADMINISTRATOR, Method::POST, CORE, wanted.into())));
    gate.until_waiting(1).await;

    assert_eq!(world.stored().await.len(), 1);
    world.put(id(&other), "").await.expect(200);
    world.put(id(&other), &json!({ "eventFilters": [PRESENCE] }).to_string()).await.expect(200);
    world.call(ADMINISTRATOR, Method::DELETE, &format!("{CORE}/{}", id(&other)), "").await.expect(204);

    gate.open();
    let info = asking.await.unwrap().expect(200);
    assert_eq!(world.stored().await[0].id.to_string(), id(&info));
}

#[tokio::test]
async fn the_handshake_carries_the_subscriptions_own_token_and_never_the_apps() {
    let world = World::new().await;
    let mut wanted = world.wanted(&[PRESENCE]);
    world.post(CORE, &wanted).await.expect(200);
    wanted["deliveryMode"]["verificationToken"] = "of-the-subscription".into();
    let info = world.post(CORE, &wanted).await;
    let received = world.receiver.received();
    assert!(received.iter().all(|request| request.is_handshake() && request.target == "/hook?auth=%41b"));
    assert_eq!(received[0].header("verification-token"), None);
    assert_eq!(received[1].header("verification-token"), Some("of-the-subscription"));
    assert_ne!(received[0].header("validation-token"), received[1].header("validation-token"));
    assert!(!info.text.contains("of-the-subscription"), "it is never answered");
}

#[tokio::test]
async fn at_most_sixty_four_handshakes_are_under_way_and_the_next_waits_for_its_turn() {
    let world = World::new().await;
    let gate = Gate::new();
    let held = gate.clone();
    world.receiver.set_script(move |_| Answer::status(500).held_by(&held));
    let wanted = world.wanted(&[PRESENCE]).to_string();
    let ask = |_| {
        let request = request(ADMINISTRATOR, Method::POST, CORE, wanted.clone().into());
        tokio::spawn(call(world.router.clone(), request))
    };
    let asking: Vec<_> = (0..70).map(ask).collect();
    gate.until_waiting(64).await;
    // Each asking one and each that waits for its turn sleeps towards its own limit.
    world.clock.until_sleeping(70).await;
    assert_eq!(world.receiver.count(), 64);
    gate.open();
    for one in asking {
        assert_eq!(one.await.unwrap().expect(400)["errorCode"], "SUB-522");
    }
    assert_eq!(world.receiver.count(), 70);
}

#[tokio::test]
async fn a_creation_whose_client_hangs_up_during_the_handshake_leaves_nothing() {
    let world = World::new().await;
    let gate = Gate::new();
    let held = gate.clone();
    world.receiver.set_script(move |_| Answer::ok().held_by(&held));
    let wanted = world.wanted(&[PRESENCE]).to_string();
    let asking =
        tokio::spawn(call(world.router.clone(), request(ADMINISTRATOR, Method::POST, CORE, wanted.into())));
    gate.until_waiting(1).await;
    asking.abort();
    assert!(asking.await.is_err_and(|error| error.is_cancelled()));
    gate.open();
    // Everything that is written goes through one queue: what comes after the next is stored with it.
    world.create(&[MESSAGES]).await;
    assert_eq!(world.stored().await.len(), 1);
}

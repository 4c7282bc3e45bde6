//! The handshake as the creation sees it: before anything is stored, with nothing locked, and bounded.

use hookswitch_testkit::{Answer, Gate};
use hookswitch_transport::webhook::handshake::HandshakeFailure;
use tokio::task::JoinHandle;

use super::super::Refusal;
use super::*;
use crate::problem::ApiError;

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

/// Handshakes with a receiver that does not answer until the gate opens, and then says no.
struct Crowd {
    clock: Arc<SteeredClock>,
    receiver: ScriptedReceiver,
    gate: Gate,
    handshakes: Arc<Handshakes>,
}

impl Crowd {
    async fn new() -> Self {
        let (handles, clock) = steered_handles(7);
        let gate = Gate::new();
        let held = gate.clone();
        let receiver = ScriptedReceiver::scripted(move |_| Answer::status(500).held_by(&held)).await;
        let webhook = Webhook::new(webhook::Settings::dev(), handles.clone()).unwrap();
        Self { clock, receiver, gate, handshakes: Arc::new(Handshakes::new(Arc::new(webhook), handles)) }
    }

    fn ask(&self, account: u64) -> JoinHandle<Result<(), Refusal>> {
        let (handshakes, url) = (Arc::clone(&self.handshakes), self.receiver.url("/"));
        tokio::spawn(async move {
            let account = AccountId(account);
            let address = handshakes.check(&url, account)?;
            handshakes.make(account, &address, None).await
        })
    }

    /// Lets the receiver answer; everybody gets its turn and the answer.
    async fn settle(self, asking: Vec<JoinHandle<Result<(), Refusal>>>) {
        let count = asking.len();
        self.gate.open();
        for one in asking {
            assert!(matches!(one.await.unwrap(), Err(Refusal::Handshake(HandshakeFailure::Status { .. }))));
        }
        assert_eq!((self.receiver.count(), self.handshakes.accounts()), (count, 0));
    }
}

#[tokio::test]
async fn an_account_has_sixteen_handshakes_under_way_and_leaves_the_others_their_turns() {
    let crowd = Crowd::new().await;
    let mut asking: Vec<_> = (0..20).map(|_| crowd.ask(1)).collect();
    crowd.gate.until_waiting(16).await;
    crowd.clock.until_sleeping(20).await;
    assert_eq!(crowd.receiver.count(), 16);
    asking.push(crowd.ask(2));
    crowd.gate.until_waiting(17).await;
    crowd.settle(asking).await;
}

#[tokio::test]
async fn sixty_four_handshakes_are_under_way_over_all_accounts() {
    let crowd = Crowd::new().await;
    let asking: Vec<_> = (0..70).map(|n| crowd.ask(n % 7)).collect();
    crowd.gate.until_waiting(64).await;
    crowd.clock.until_sleeping(70).await;
    assert_eq!(crowd.receiver.count(), 64);
    crowd.settle(asking).await;
}

#[tokio::test]
async fn whoever_waits_five_seconds_for_a_turn_is_told_to_come_back() {
    let crowd = Crowd::new().await;
    let mut asking: Vec<_> = (0..16).map(|_| crowd.ask(1)).collect();
    crowd.gate.until_waiting(16).await;
    asking.push(crowd.ask(1));
    let turn = crowd.clock.until_sleeping_towards(Duration::from_secs(4), Duration::from_secs(6)).await;
    // In one step, so that those under way find out that it is over only after it is.
    crowd.clock.advance_to(turn);
    let waited = asking.pop().unwrap().await.unwrap();
    assert!(matches!(waited, Err(Refusal::Busy)), "{waited:?}");
    let answer = ApiError::from(Refusal::Busy);
    assert_eq!((answer.status.as_u16(), answer.retry_after_seconds), (503, Some(1)));
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

//! Reminders on the steered clock: a subscription says when it is about to expire, each time once, whatever
//! happens to the server or its clock, and stops when it is renewed.

use std::time::Duration;

use hookswitch_core::clock::WallTime;
use hookswitch_testkit::{Answer, Reply, ScriptedReceiver};
use http::Method;
use serde_json::{Value, json};

use crate::world::World;

const SUBSCRIPTION: &str = "/restapi/v1.0/subscription";
const PRESENCE: &str = "/restapi/v1.0/account/~/extension/~/presence";
/// From a day before the end on, every six hours.
const REMINDER: &str = "/restapi/v1.0/subscription/~?threshold=86400&interval=21600";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(604_800);

/// A subscription for a week that asks for reminders.
struct Lease {
    world: World,
    receiver: ScriptedReceiver,
    id: String,
    expires_at: WallTime,
}

impl Lease {
    async fn start() -> Self {
        let world = World::start().await;
        let receiver = ScriptedReceiver::start().await;
        let made = world.subscribe(&[PRESENCE, REMINDER], &receiver.url("/hook")).await;
        let id = made["id"].as_str().expect("an id").to_owned();
        let expires_at = time(&made["expirationTime"]);
        assert_eq!(expires_at, world.now().plus(WEEK));
        Self { world, receiver, id, expires_at }
    }

    /// Jumps to so long before the end; nothing is due on the way.
    async fn jump_to(&self, before_the_end: Duration) {
        let now = self.world.now();
        self.world.clock.advance(self.expires_at.minus(before_the_end).since(now));
        self.world.settle().await;
    }

    /// How many seconds before the end each reminder came, of all that came so far.
    fn reminded_at(&self) -> Vec<u64> {
        self.reminders().iter().map(|it| self.expires_at.since(time(&it["timestamp"])).as_secs()).collect()
    }

    fn reminders(&self) -> Vec<Value> {
        let all = self.receiver.deliveries();
        let bodies = all.iter().map(|request| serde_json::from_slice(&request.body).expect("JSON"));
        bodies.filter(|body: &Value| body["event"] == REMINDER).collect()
    }

    async fn call(&self, method: Method, tail: &str) -> Reply {
        let token = self.world.log_in().await;
        self.world.call(method, &format!("{SUBSCRIPTION}/{}{tail}", self.id), &token, None).await
    }
}

fn time(value: &Value) -> WallTime {
    WallTime::parse_iso8601(value.as_str().expect("a time")).expect("ISO 8601")
}

#[tokio::test]
async fn a_week_gives_exactly_the_reminders_asked_for_and_then_the_subscription_is_gone() {
    let lease = Lease::start().await;
    lease.jump_to(24 * HOUR + MINUTE).await;
    lease.world.pass(MINUTE - Duration::from_millis(1)).await;
    assert!(lease.reminders().is_empty(), "not a moment too early");
    lease.world.pass(Duration::from_millis(1)).await;
    assert_eq!(lease.reminded_at(), [86_400]);
    lease.world.pass(24 * HOUR - MINUTE).await;
    assert_eq!(lease.reminded_at(), [86_400, 64_800, 43_200, 21_600]);

    let (owner, id) = (&lease.world.env["RC_EXTENSION_ID"], &lease.id);
    for (request, left) in lease.receiver.deliveries().iter().zip([86_399, 64_799, 43_199, 21_599]) {
        let uuid = request.header("webhook-id").expect("a uuid");
        let at = lease.expires_at.minus(Duration::from_secs(left + 1)).iso8601();
        let exact = format!(
            r#"{{"uuid":"{uuid}","event":"{REMINDER}","timestamp":"{at}","subscriptionId":"{id}","ownerId":"{owner}","body":{{"expiresIn":{left}}}}}"#
        );
        assert_eq!(String::from_utf8_lossy(&request.body), exact);
    }

    assert_eq!(lease.call(Method::GET, "").await.status, 200);
    lease.world.pass(MINUTE).await;
    for (method, tail) in [(Method::GET, ""), (Method::PUT, ""), (Method::POST, "/renew")] {
        let reply = lease.call(method, tail).await.expect(404).json();
        assert_eq!(reply["errorCode"], "CMN-102");
    }
    let path = lease.world.extension_path("presence");
    lease.world.publish(json!({ "event": path, "body": { "presenceStatus": "Busy" } })).await.expect(202);
    lease.world.pass(HOUR).await;
    assert_eq!(lease.receiver.deliveries().len(), 4, "and nothing comes any more");
    lease.world.server.stop().await;
}

#[tokio::test]
async fn a_put_without_a_body_answers_a_reminder_until_the_next_end_comes_near() {
    let mut lease = Lease::start().await;
    lease.jump_to(24 * HOUR).await;
    assert_eq!(lease.reminded_at(), [86_400]);
    let renewed = lease.call(Method::PUT, "").await.expect(200).json();
    let first_end = lease.expires_at;
    lease.expires_at = time(&renewed["expirationTime"]);
    assert_eq!(lease.expires_at, lease.world.now().plus(WEEK));
    lease.world.pass(25 * HOUR).await;
    assert!(lease.world.now() > first_end);
    assert_eq!(lease.reminders().len(), 1, "the reminders stopped");
    lease.jump_to(24 * HOUR).await;
    assert_eq!(lease.reminded_at()[1..], [86_400], "until the next end");
    lease.call(Method::POST, "/renew").await.expect(200);
    lease.world.pass(13 * HOUR).await;
    assert_eq!(lease.reminders().len(), 2);
    lease.world.server.stop().await;
}

#[tokio::test]
async fn a_reminder_that_could_not_be_delivered_is_not_tried_again_after_a_renewal() {
    let lease = Lease::start().await;
    lease.receiver.set_answer(Answer::status(500));
    lease.jump_to(24 * HOUR).await;
    lease.world.pass(10 * MINUTE).await;
    let tried = lease.reminders().len();
    assert!(tried > 3, "it is tried again like every event: {tried}");
    lease.call(Method::PUT, "").await.expect(200);
    lease.receiver.set_answer(Answer::ok());
    lease.world.pass(2 * HOUR).await;
    assert_eq!(lease.reminders().len(), tried);
    let listed = lease.world.admin(&format!("/hookswitch/v1/deliveries?subscriptionId={}", lease.id)).await;
    assert_eq!(listed["records"][0]["status"], "cancelled");
    assert_eq!(listed["records"][0]["reason"], "subscription-renewed");
    lease.world.server.stop().await;
}

#[tokio::test]
async fn a_restart_repeats_no_reminder_and_of_those_it_missed_brings_the_latest() {
    let mut lease = Lease::start().await;
    lease.jump_to(24 * HOUR).await;
    assert_eq!(lease.reminded_at(), [86_400]);
    lease.world = lease.world.restart_after(MINUTE).await;
    lease.world.pass(HOUR).await;
    assert_eq!(lease.reminded_at(), [86_400]);
    lease.world = lease.world.restart_after(13 * HOUR).await;
    lease.world.pass(MINUTE).await;
    assert_eq!(lease.reminded_at(), [86_400, 10 * 3600 - 60], "of two that were missed the latest, at once");
    lease.world = lease.world.restart_after(Duration::ZERO).await;
    lease.world.pass(6 * HOUR).await;
    assert_eq!(lease.reminded_at(), [86_400, 35_940, 21_600]);
    lease.world = lease.world.restart_after(6 * HOUR).await;
    lease.world.settle().await;
    assert_eq!(lease.call(Method::GET, "").await.status, 404, "it expired while nobody served it");
    assert_eq!(lease.reminders().len(), 3);
    lease.world.server.stop().await;
}

#[tokio::test]
async fn steps_of_the_wall_clock_neither_repeat_nor_lose_a_reminder_nor_end_the_subscription() {
    let lease = Lease::start().await;
    let hours = |hours: i64| hours * 3_600_000;
    lease.jump_to(24 * HOUR).await;
    assert_eq!(lease.reminded_at(), [86_400]);

    lease.world.clock.step_wall(hours(-2));
    lease.world.pass(7 * HOUR).await;
    assert_eq!(lease.reminded_at(), [86_400], "a moment that comes twice");
    lease.world.pass(HOUR).await;
    assert_eq!(lease.reminded_at(), [86_400, 64_800]);

    lease.world.clock.step_wall(hours(7));
    lease.world.pass(2 * MINUTE).await;
    let late = lease.reminded_at()[2];
    assert!((11 * 3600 - 60..=11 * 3600).contains(&late), "a moment that was passed over: {late}");

    // By a wrong clock it is over; that is put right within the five minutes that expiry is held.
    lease.world.clock.step_wall(hours(12));
    lease.world.pass(2 * MINUTE).await;
    assert_eq!(lease.call(Method::GET, "").await.status, 404);
    lease.world.clock.step_wall(hours(-12));
    lease.world.pass(10 * MINUTE).await;
    assert_eq!(lease.call(Method::GET, "").await.status, 200);
    assert_eq!(lease.reminders().len(), 3);

    lease.world.pass(11 * HOUR).await;
    assert_eq!(lease.reminded_at()[3..], [21_600]);
    assert_eq!(lease.call(Method::GET, "").await.status, 404);
    lease.world.server.stop().await;
}

#[tokio::test]
async fn a_reminder_asked_for_when_the_end_is_near_comes_at_once_and_two_at_one_moment_are_one() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    let made = world.subscribe(&[PRESENCE], &receiver.url("/hook")).await;
    world.clock.advance(WEEK - Duration::from_secs(100));
    world.settle().await;
    let reminder = |query: &str| format!("/restapi/v1.0/subscription/~?{query}");
    let (early, late) = (reminder("threshold=120&interval=60"), reminder("threshold=60&interval=15"));
    let path = format!("{SUBSCRIPTION}/{}", made["id"].as_str().expect("an id"));
    let body = json!({ "eventFilters": [PRESENCE, early, late] });
    let token = world.log_in().await;
    world.call(Method::PUT, &path, &token, Some(body)).await.expect(200);
    world.pass(Duration::from_secs(100)).await;
    let seen: Vec<_> = receiver
        .deliveries()
        .iter()
        .map(|request| serde_json::from_slice::<Value>(&request.body).expect("JSON"))
        .map(|it| (it["event"].as_str().expect("an event").to_owned(), it["body"]["expiresIn"].clone()))
        .collect();
    let expected = [(&early, 99), (&early, 59), (&late, 44), (&late, 29), (&late, 14)];
    assert_eq!(seen, expected.map(|(event, left)| (event.clone(), json!(left))));
    world.server.stop().await;
}

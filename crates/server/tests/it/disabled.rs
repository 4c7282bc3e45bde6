//! What ends with a user, an account or an app that is disabled or removed (D15).

use std::time::Duration;

use hookswitch_testkit::{Answer, ScriptedReceiver, patience};
use http::Method;
use serde_json::{Value, json};

use crate::provisioning::{ACCOUNTS, text};
use crate::world::World;

const PRESENCE: &str = "/restapi/v1.0/account/~/extension/~/presence";

/// The demo user with a subscription whose receiver fails, and a delivery that waits.
struct Scene {
    world: World,
    receiver: ScriptedReceiver,
    subscription: String,
}

impl Scene {
    async fn set() -> Self {
        let world = World::start().await;
        let receiver = ScriptedReceiver::start().await;
        let subscription = world.subscribe(&[PRESENCE], &receiver.url("/hook")).await;
        receiver.set_answer(Answer::status(500));
        let scene = Self { world, receiver, subscription: text(&subscription, "id").to_owned() };
        scene.publish().await.expect(202);
        scene.receiver.wait_for_deliveries(1).await;
        scene.world.settle().await;
        scene
    }

    async fn publish(&self) -> hookswitch_testkit::Reply {
        let event = json!({ "event": self.world.extension_path("presence"), "body": { "sequence": 1 } });
        self.world.publish(event).await
    }

    async fn deliveries(&self) -> Vec<(String, String)> {
        let path = format!("/hookswitch/v1/deliveries?subscriptionId={}", self.subscription);
        let listed = self.world.admin(&path).await;
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let records = listed["records"].as_array().expect("records").iter();
        records.map(|record| (word(&record["status"]), word(&record["reason"]))).collect()
    }

    /// Everything of the user is over: session, subscription, waiting delivery; new events find nobody.
    async fn finds_everything_over(self) {
        let own = self.world.user(Method::GET, PRESENCE.trim_end_matches("/presence"), None).await;
        assert_eq!(own.status, 401, "{}", own.text());
        let subscriptions = self.world.admin("/hookswitch/v1/subscriptions").await;
        assert_eq!(subscriptions["records"], json!([]));
        let ended = async {
            while self.deliveries().await != [("cancelled".to_owned(), "owner-disabled".to_owned())] {
                self.world.pass(Duration::from_secs(1)).await;
            }
        };
        patience::within("the waiting delivery to be cancelled", ended, String::new).await;
        self.publish().await;
        self.world.pass(Duration::from_secs(60)).await;
        assert_eq!(self.receiver.deliveries().len(), 1, "the attempt before");
        self.world.server.stop().await;
    }
}

#[tokio::test]
async fn a_disabled_user_loses_sessions_subscriptions_and_waiting_deliveries() {
    let scene = Scene::set().await;
    let env = &scene.world.env;
    let user = format!("{ACCOUNTS}/{}/extensions/{}", env["RC_ACCOUNT_ID"], env["RC_EXTENSION_ID"]);
    scene.world.operate(Method::PUT, &user, Some(json!({ "status": "Disabled" }))).await.expect(200);
    scene.finds_everything_over().await;
}

#[tokio::test]
async fn a_removed_user_too() {
    let scene = Scene::set().await;
    let env = &scene.world.env;
    let user = format!("{ACCOUNTS}/{}/extensions/{}", env["RC_ACCOUNT_ID"], env["RC_EXTENSION_ID"]);
    scene.world.operate(Method::DELETE, &user, None).await.expect(204);
    scene.finds_everything_over().await;
}

#[tokio::test]
async fn users_of_a_disabled_account_too() {
    let scene = Scene::set().await;
    let account = format!("{ACCOUNTS}/{}", scene.world.env["RC_ACCOUNT_ID"]);
    scene.world.operate(Method::PUT, &account, Some(json!({ "status": "Disabled" }))).await.expect(200);
    scene.finds_everything_over().await;
}

#[tokio::test]
async fn what_belongs_to_a_removed_app_too() {
    let scene = Scene::set().await;
    let apps = scene.world.admin("/hookswitch/v1/apps").await;
    let app = format!("/hookswitch/v1/apps/{}", text(&apps["records"][0], "id"));
    scene.world.operate(Method::DELETE, &app, None).await.expect(204);
    scene.finds_everything_over().await;
}

#[tokio::test]
async fn a_removed_account_takes_everything_along_and_its_events_are_refused() {
    let scene = Scene::set().await;
    let account = scene.world.env["RC_ACCOUNT_ID"].clone();
    let publisher = json!({ "kind": "publish", "accountId": account });
    let publisher = scene.world.make("/hookswitch/v1/tokens", publisher).await;
    scene.world.operate(Method::DELETE, &format!("{ACCOUNTS}/{account}"), None).await.expect(204);
    let refused = scene.publish().await.expect(400).json();
    assert_eq!(refused["parameterName"], "accountId");
    let event = json!({ "event": scene.world.extension_path("presence"), "body": {} });
    let token = text(&publisher, "token");
    scene.world.call(Method::POST, "/hookswitch/v1/events", token, Some(event)).await.expect(401);
    let path = format!("{ACCOUNTS}/{account}/extensions");
    scene.world.operate(Method::GET, &path, None).await.expect(404);
    scene.finds_everything_over().await;
}

#[tokio::test]
async fn rights_that_change_count_from_the_next_call() {
    let world = World::start().await;
    let account = world.env["RC_ACCOUNT_ID"].clone();
    let listing = "/restapi/v1.0/account/~/extension";
    let user = format!("{ACCOUNTS}/{account}/extensions/{}", world.env["RC_EXTENSION_ID"]);
    world.user(Method::GET, listing, None).await.expect(200);
    let fewer = json!({ "administrator": false, "permissions": ["ReadCompanyInfo"] });
    world.operate(Method::PUT, &user, Some(fewer)).await.expect(200);
    let refused = world.user(Method::GET, listing, None).await.expect(403).json();
    assert_eq!(refused["permissionName"], "ReadExtensions");
    world.server.stop().await;
}

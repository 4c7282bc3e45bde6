//! What deliveries cost in durable transactions: the figure of bench/RESULTS.md, guarded.

use hookswitch_testkit::ScriptedReceiver;
use serde_json::json;

use crate::world::World;

/// Durable transactions for 1 000 deliveries, published in requests of ten one after the other. Each
/// request is one; outcomes ride along with the next or with a commit of their own.
const AT_MOST: u64 = 260;

fn transactions(figures: &str) -> u64 {
    let line = figures.lines().find(|line| line.starts_with("hookswitch_store_transactions_total"));
    line.and_then(|line| line.split_whitespace().last())
        .and_then(|count| count.parse().ok())
        .expect("the figure")
}

#[tokio::test]
async fn a_thousand_deliveries_take_few_transactions() {
    let world = World::start().await;
    let receiver = ScriptedReceiver::start().await;
    world.subscribe(&["/restapi/v1.0/account/~/extension/~/presence"], &receiver.url("/hook")).await;
    let figures = || async {
        let token = &world.env["HOOKSWITCH_ADMIN_TOKEN"];
        world.call(http::Method::GET, "/metrics", token, None).await.expect(200).text().to_owned()
    };
    let before = transactions(&figures().await);
    for request in 0..100 {
        let event = |n: u32| json!({ "event": world.extension_path("presence"), "body": { "sequence": request * 10 + n } });
        world.publish((0..10).map(event).collect()).await.expect(202);
        world.settle().await;
    }
    receiver.wait_for_deliveries(1000).await;
    world.pass(std::time::Duration::from_secs(1)).await;
    let took = transactions(&figures().await) - before;
    assert!(took <= AT_MOST, "{took} transactions for 1 000 deliveries");
    assert!(took >= 100, "each publish request is durable by itself, and this counts them: {took}");
    world.server.stop().await;
}

//! Who sees the figures.

use hookswitch_testkit::HttpClient;
use http::Method;

use crate::world::World;

#[tokio::test]
async fn figures_need_the_admin_token_except_on_a_listener_of_their_own() {
    let world = World::with(|settings| {
        settings.metrics_listen = Some("127.0.0.1:0".parse().expect("an address"));
    })
    .await;
    let closed = world.client.send(Method::GET, "/metrics", &[], "").await.expect("an answer");
    assert_eq!(closed.status, 401);
    let open = HttpClient::to(world.server.metrics_address().expect("it is set"));
    let figures = open.send(Method::GET, "/metrics", &[], "").await.expect("an answer").expect(200);
    assert!(figures.text().contains("# EOF"), "{}", figures.text());
    let timeouts = r#"hookswitch_attempts_failed_total{class="timeout"} 0"#;
    assert!(figures.text().contains(timeouts), "every class has a figure from the start");
    let other = open.send(Method::GET, "/openapi.json", &[], "").await.expect("an answer");
    assert_eq!(other.status, 404, "nothing else is there");
    world.server.stop().await;
}

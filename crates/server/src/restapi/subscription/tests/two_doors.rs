//! The door for webinars: the same life, other filters, other ids.

use super::*;

#[tokio::test]
async fn a_webinar_subscription_lives_behind_its_own_door() {
    let world = World::new().await;
    let filter = format!("{WEBINARS}?webinarId=abc&hostUserId=7");
    let mut wanted = world.wanted(&[&filter]);
    wanted["expiresIn"] = 100_000.into();
    let info = world.post(WEBINAR, &wanted).await.expect(201);
    assert_eq!(info["uri"], format!("{BASE}{WEBINAR}/{}", id(&info)));
    assert_eq!((&info["eventFilters"], &info["expiresIn"]), (&json!([filter]), &json!(99_999)));

    let path = format!("{WEBINAR}/{}", id(&info));
    world.call(ADMINISTRATOR, Method::GET, &path, "").await.expect(200);
    world.call(ADMINISTRATOR, Method::PUT, &path, "").await.expect(200);
    world.call(ADMINISTRATOR, Method::POST, &format!("{path}/renew"), "{}").await.expect(200);
    let list = world.call(ADMINISTRATOR, Method::GET, WEBINAR, "").await.expect(200);
    assert_eq!(list, json!({ "uri": format!("{BASE}{WEBINAR}"), "records": [info] }));
    let core = world.call(ADMINISTRATOR, Method::GET, CORE, "").await.expect(200);
    assert_eq!(core["records"], json!([]));
    world.call(ADMINISTRATOR, Method::DELETE, &path, "").await.expect(204);
    world.call(ADMINISTRATOR, Method::GET, &path, "").await.expect(404);
}

#[tokio::test]
async fn an_id_of_one_door_is_unknown_at_the_other() {
    let world = World::new().await;
    let webinar = world.post(WEBINAR, &world.wanted(&[WEBINARS])).await.expect(201);
    let core = world.create(&[PRESENCE]).await;
    for path in [format!("{CORE}/{}", id(&webinar)), format!("{WEBINAR}/{}", id(&core))] {
        for (method, path) in [
            (Method::GET, path.clone()),
            (Method::PUT, path.clone()),
            (Method::POST, format!("{path}/renew")),
            (Method::DELETE, path),
        ] {
            world.call(ADMINISTRATOR, method, &path, "").await.expect(404);
        }
    }
    assert_eq!(world.stored().await.len(), 2);
}

#[tokio::test]
async fn paths_may_end_with_a_slash_and_carry_the_prefix_of_old_clients() {
    let world = World::new().await;
    let core = world.post(&format!("{CORE}/"), &world.wanted(&[PRESENCE])).await.expect(200);
    world.post(&format!("/restapi/v1.0{WEBINAR}"), &world.wanted(&[WEBINARS])).await.expect(201);
    world.call(ADMINISTRATOR, Method::GET, &format!("{CORE}/{}/", id(&core)), "").await.expect(200);
}

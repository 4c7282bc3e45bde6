//! What becomes of event filters: resolved, merged, granted or disabled.

use super::*;

async fn create_as(world: &World, caller: &str, filters: &[&str]) -> Reply {
    world.call(caller, Method::POST, CORE, world.wanted(filters).to_string()).await
}

#[tokio::test]
async fn tildes_become_ids_queries_stay_as_written_and_repeats_are_merged() {
    let world = World::new().await;
    let info = world
        .create(&[
            "/restapi/v1.0/account/~/presence",
            "/restapi/v1.0/account/100001/extension/~/presence?sipData=true&x=%7E~",
            "/restapi/v1.0/account/~/extension/100001101/presence?x=~~&sipData=true",
            &format!("{BASE}/restapi/v1.0/account/~/telephony/sessions?phoneNumber=+16505550100"),
            "/restapi/v1.0/account/~/presence",
            REMINDER,
        ])
        .await;
    let expected = [
        "/restapi/v1.0/account/100001/presence",
        "/restapi/v1.0/account/100001/extension/100001101/presence?sipData=true&x=%7E~",
        "/restapi/v1.0/account/100001/telephony/sessions?phoneNumber=+16505550100",
        REMINDER,
    ];
    assert_eq!(info["eventFilters"], json!(expected));
}

#[tokio::test]
async fn a_filter_for_which_the_user_lacks_a_permission_is_disabled_beside_the_others() {
    let world = World::new().await;
    let info = create_as(&world, RECEPTION, &[MESSAGES, PRESENCE]).await.expect(200);
    assert_eq!(info["eventFilters"], json!(["/restapi/v1.0/account/100001/extension/100001103/presence"]));
    let disabled = json!([{
        "filter": "/restapi/v1.0/account/100001/extension/100001103/message-store",
        "reason": "SUB-412",
        "message": "The user does not have the permission [ReadMessages]",
    }]);
    assert_eq!(info["disabledFilters"], disabled);

    let path = format!("{CORE}/{}", id(&info));
    let again = json!({ "eventFilters": [PRESENCE, MESSAGES] }).to_string();
    world.clock.advance(Duration::from_secs(60));
    let renewed = world.call(RECEPTION, Method::PUT, &path, again).await.expect(200);
    assert_eq!((&renewed["expiresIn"], &renewed["disabledFilters"]), (&json!(604_799), &disabled));
}

#[tokio::test]
async fn the_presence_of_a_colleague_may_be_watched_and_an_administrator_may_read_messages() {
    let world = World::new().await;
    create_as(&world, RECEPTION, &["/restapi/v1.0/account/~/extension/100001102/presence"]).await.expect(200);
    create_as(&world, ADMINISTRATOR, &["/restapi/v1.0/account/~/extension/100001102/message-store"])
        .await
        .expect(200);
}

#[tokio::test]
async fn a_reminder_within_its_bounds_is_taken_and_checked_again_when_the_lifetime_changes() {
    let world = World::new().await;
    let half = "/restapi/v1.0/subscription/~?threshold=302400&interval=151200";
    let info = world.create(&[PRESENCE, half]).await;
    let error = world.put(id(&info), r#"{"expiresIn":604799}"#).await.expect(400);
    assert_eq!(error["errorCode"], "SUB-516");
    assert!(error["message"].as_str().unwrap().contains("half the lifetime"), "{error}");
    world.put(id(&info), r#"{"expiresIn":604800}"#).await.expect(200);
    let body = json!({ "eventFilters": [PRESENCE, REMINDER], "expiresIn": 120 }).to_string();
    world.put(id(&info), &body).await.expect(200);
}

//! From creation to the end: answers, lifetimes, what each form of a PUT does, who sees what.

use hookswitch_testkit::patience;

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_creation_is_answered_with_the_whole_subscription_in_the_members_order_of_the_platform() {
    let world = World::new().await;
    let filters = [&format!("{PRESENCE}?sipData=true&detailedTelephonyState=true"), MESSAGES, REMINDER];
    let reply = world.post(CORE, &world.wanted(&filters)).await;
    reply.expect(200);
    let stored = &world.stored().await[0];
    let expected = format!(
        concat!(
            r#"{{"uri":"https://events.example/restapi/v1.0/subscription/{id}","id":"{id}","#,
            r#""creationTime":"2026-01-05T09:00:00.000Z","expirationTime":"2026-01-12T09:00:00.000Z","#,
            r#""expiresIn":604799,"status":"Active","eventFilters":["#,
            r#""/restapi/v1.0/account/100001/extension/100001101/presence?sipData=true&detailedTelephonyState=true","#,
            r#""/restapi/v1.0/account/100001/extension/100001101/message-store","#,
            r#""/restapi/v1.0/subscription/~?threshold=60&interval=15"],"#,
            r#""deliveryMode":{{"transportType":"WebHook","encryption":false,"address":"{address}"}}}}"#,
        ),
        id = stored.id,
        address = world.receiver.url("/hook?auth=%41b"),
    );
    assert_eq!(reply.text, expected);
    assert_eq!(world.heard(), [Heard::Added(Arc::new(stored.clone()))]);
    assert_eq!(world.get(&stored.id.to_string()).await.text, expected);
    let list = world.call(ADMINISTRATOR, Method::GET, CORE, "").await;
    assert_eq!(
        list.text,
        format!(r#"{{"uri":"https://events.example/restapi/v1.0/subscription","records":[{expected}]}}"#)
    );
}

#[tokio::test]
async fn the_lifetime_is_the_one_asked_for_within_the_longest() {
    let world = World::new().await;
    for (asked, granted) in
        [(None, 604_800), (Some(100_000), 100_000), (Some(1), 1), (Some(473_040_000), 315_360_000)]
    {
        let mut wanted = world.wanted(&[PRESENCE]);
        if let Some(asked) = asked {
            wanted["expiresIn"] = asked.into();
        }
        let info = world.post(CORE, &wanted).await.expect(200);
        assert_eq!(info["expiresIn"], granted - 1, "{asked:?}");
        let stored = world.stored().await;
        let lifetime = stored.iter().find(|one| one.id.to_string() == id(&info)).unwrap().lifetime;
        assert_eq!(lifetime, Duration::from_secs(granted.try_into().unwrap()));
    }
}

#[tokio::test]
async fn a_put_that_asks_for_nothing_renews_in_all_its_forms_and_so_does_renew() {
    let world = World::new().await;
    let mut wanted = world.wanted(&[PRESENCE]);
    wanted["expiresIn"] = 100_000.into();
    let info = world.post(CORE, &wanted).await.expect(200);
    let ignored =
        r#"{"deliveryMode":{"transportType":"PubNub","address":"https://elsewhere.example"},"x":1}"#;
    for body in ["", "null", "{}", ignored] {
        world.clock.advance(HOUR);
        let renewed = world.put(id(&info), body).await.expect(200);
        assert_eq!(renewed["expiresIn"], 99_999, "{body}");
        assert_eq!(renewed["deliveryMode"], info["deliveryMode"]);
        assert_eq!(renewed["eventFilters"], info["eventFilters"]);
        assert_eq!(renewed["creationTime"], info["creationTime"]);
    }
    for body in ["", "{}"] {
        world.clock.advance(HOUR);
        let path = format!("{CORE}/{}/renew", id(&info));
        let renewed = world.call(ADMINISTRATOR, Method::POST, &path, body).await.expect(200);
        assert_eq!(renewed["expiresIn"], 99_999, "renew with {body:?}");
    }
    let heard = world.heard();
    let last = Heard::Replaced(Arc::new(world.stored().await.remove(0)));
    assert_eq!((heard.len(), heard.last()), (7, Some(&last)));
    assert_eq!(world.receiver.count(), 1, "a renewal makes no handshake");
}

#[tokio::test]
async fn a_put_with_the_present_filters_in_any_order_and_spelling_renews() {
    let world = World::new().await;
    let info =
        world.create(&[&format!("{PRESENCE}?detailedTelephonyState=true&aggregated=true"), MESSAGES]).await;
    let before = world.stored().await.remove(0);
    let spellings = [
        info["eventFilters"].clone(),
        json!([MESSAGES, format!("{PRESENCE}?aggregated=true&detailedTelephonyState=true")]),
        json!([
            MESSAGES,
            format!("{BASE}{PRESENCE}?detailed%54elephonyState=true&aggregated=true"),
            MESSAGES
        ]),
        json!(["/restapi/v1.0/account/%7E/extension/%7e/message-store/", info["eventFilters"][0]]),
    ];
    for filters in spellings {
        world.clock.advance(HOUR);
        let renewed = world.put(id(&info), &json!({ "eventFilters": filters }).to_string()).await.expect(200);
        assert_eq!(renewed["expiresIn"], 604_799, "{filters}");
        assert_eq!(renewed["eventFilters"], info["eventFilters"], "the texts stay as they are");
    }
    assert_eq!(world.stored().await[0].filters, before.filters);
}

#[tokio::test]
async fn a_put_with_other_filters_replaces_them_and_leaves_the_expiry() {
    let world = World::new().await;
    let info = world.create(&[PRESENCE, MESSAGES]).await;
    let before = world.stored().await.remove(0);
    for filters in [json!([PRESENCE]), json!([PRESENCE, format!("{MESSAGES}?type=Fax")]), json!([MESSAGES])] {
        world.clock.advance(HOUR);
        let changed = world.put(id(&info), &json!({ "eventFilters": filters }).to_string()).await.expect(200);
        assert_eq!(changed["expirationTime"], info["expirationTime"], "{filters}");
        assert_eq!(changed["eventFilters"].as_array().unwrap().len(), filters.as_array().unwrap().len());
        assert_eq!((&changed["id"], &changed["deliveryMode"]), (&info["id"], &info["deliveryMode"]));
    }
    let after = world.stored().await.remove(0);
    assert!(
        after.filters[0].no > before.filters[1].no,
        "a filter that was replaced keeps its number to itself"
    );
    assert_eq!(world.heard().last(), Some(&Heard::Replaced(Arc::new(after))));
}

#[tokio::test]
async fn expires_in_sets_the_lifetime_with_and_without_filters() {
    let world = World::new().await;
    let info = world.create(&[PRESENCE]).await;
    let presence = info["eventFilters"][0].clone();
    for (body, lifetime, filter) in [
        (json!({ "expiresIn": 3_600 }), 3_600, &presence),
        (json!({ "expiresIn": 7_200, "eventFilters": [PRESENCE] }), 7_200, &presence),
        (
            json!({ "expiresIn": 9_000, "eventFilters": [MESSAGES] }),
            9_000,
            &json!("/restapi/v1.0/account/100001/extension/100001101/message-store"),
        ),
    ] {
        world.clock.advance(HOUR / 2);
        let changed = world.put(id(&info), &body.to_string()).await.expect(200);
        assert_eq!(
            (&changed["expiresIn"], &changed["eventFilters"][0]),
            (&json!(lifetime - 1), filter),
            "{body}"
        );
        world.clock.advance(HOUR / 2);
        let renewed = world.put(id(&info), "").await.expect(200);
        assert_eq!(renewed["expiresIn"], lifetime - 1, "the new lifetime is what a renewal gives");
    }
}

#[tokio::test]
async fn under_always_renew_every_put_renews() {
    let world = World::with(PutSemantics::AlwaysRenew).await;
    let info = world.create(&[PRESENCE]).await;
    world.clock.advance(HOUR);
    let changed = world.put(id(&info), &json!({ "eventFilters": [MESSAGES] }).to_string()).await.expect(200);
    assert_eq!(changed["expiresIn"], 604_799);
}

#[tokio::test]
async fn an_expired_subscription_is_gone_at_once_without_any_sweep() {
    let world = World::new().await;
    let info = world.create(&[PRESENCE]).await;
    world.clock.advance(WEEK - Duration::from_millis(1));
    assert_eq!(world.get(id(&info)).await.expect(200)["expiresIn"], 0);
    world.clock.advance(Duration::from_millis(1));
    for (method, tail) in
        [(Method::GET, ""), (Method::PUT, ""), (Method::POST, "/renew"), (Method::DELETE, "")]
    {
        let path = format!("{CORE}/{}{tail}", id(&info));
        let error = world.call(ADMINISTRATOR, method.clone(), &path, "").await.expect(404);
        assert_eq!(
            (&error["errorCode"], &error["parameterName"]),
            (&json!("CMN-102"), &json!("subscriptionId")),
            "{method}"
        );
    }
    let list = world.call(ADMINISTRATOR, Method::GET, CORE, "").await.expect(200);
    assert_eq!(list["records"], json!([]));
}

#[tokio::test]
async fn a_deleted_subscription_is_gone_and_the_engine_has_heard_it() {
    let world = World::new().await;
    let info = world.create(&[PRESENCE]).await;
    let no = world.stored().await[0].no;
    let path = format!("{CORE}/{}", id(&info));
    let deleted = world.call(ADMINISTRATOR, Method::DELETE, &path, "{}").await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(world.heard().last(), Some(&Heard::Removed(no, EndReason::SubscriptionDeleted)));
    world.call(ADMINISTRATOR, Method::DELETE, &path, "").await.expect(404);
    world.get(id(&info)).await.expect(404);
}

#[tokio::test]
async fn a_subscription_that_is_ended_from_outside_is_gone_and_ends_once() {
    let world = World::new().await;
    let info = world.create(&[PRESENCE]).await;
    let no = world.stored().await[0].no;
    let known = world.store.by_number(Scope::Operator, vec![no]).await.unwrap()[&no];
    assert!(world.subscribing.end(known, EndReason::OwnerDisabled).await.unwrap());
    assert!(!world.subscribing.end(known, EndReason::OwnerDisabled).await.unwrap());
    world.get(id(&info)).await.expect(404);
    assert_eq!(world.heard()[1..], [Heard::Removed(no, EndReason::OwnerDisabled)]);
}

#[tokio::test]
async fn everyone_sees_their_own_subscriptions_only() {
    let world = World::new().await;
    let mine = world.create(&[PRESENCE]).await;
    for stranger in [USER, OTHER_APP, OTHER_ACCOUNT] {
        let path = format!("{CORE}/{}", id(&mine));
        for (method, path) in [
            (Method::GET, path.clone()),
            (Method::PUT, path.clone()),
            (Method::POST, format!("{path}/renew")),
            (Method::DELETE, path),
        ] {
            world.call(stranger, method, &path, "").await.expect(404);
        }
        let theirs =
            world.call(stranger, Method::POST, CORE, world.wanted(&[PRESENCE]).to_string()).await.expect(200);
        let list = world.call(stranger, Method::GET, CORE, "").await.expect(200);
        assert_eq!(list["records"], json!([theirs]));
    }
    assert_eq!(world.get(id(&mine)).await.expect(200), mine);
}

#[tokio::test]
async fn the_thirty_first_subscription_is_refused_until_one_of_the_thirty_has_ended() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for n in 0..30 {
        let (door, filter) = if n % 3 == 0 { (WEBINAR, WEBINARS) } else { (CORE, PRESENCE) };
        let reply = world.post(door, &world.wanted(&[filter])).await;
        assert!(reply.status < 300, "{}", reply.text);
        ids.push(format!("{door}/{}", id(&reply.json())));
    }
    let asked = world.receiver.count();
    let error = world.post(CORE, &world.wanted(&[PRESENCE])).await.expect(403);
    assert_eq!(error["errorCode"], "SUB-505");
    assert!(error["message"].as_str().unwrap().contains("30"), "{error}");
    assert_eq!(world.receiver.count(), asked, "the receiver is not even asked");
    let other = world.wanted(&[PRESENCE]).to_string();
    world.call(USER, Method::POST, CORE, other).await.expect(200);

    world.call(ADMINISTRATOR, Method::DELETE, &ids[0], "").await.expect(204);
    world.create(&[PRESENCE]).await;
    world.clock.advance(WEEK);
    world.create(&[PRESENCE]).await;
}

#[tokio::test]
async fn a_blacklisted_subscription_is_listed_with_its_reason() {
    use hookswitch_core::clock::WallTime;
    use hookswitch_core::subscription::{BlacklistedData, Status};
    let world = World::new().await;
    let info = world.create(&[PRESENCE]).await;
    let no = world.stored().await[0].no;
    let data =
        BlacklistedData { at: WallTime(1_767_603_600_000), reason: "answered 404 for ten minutes".into() };
    world.store.set_status(no, Status::Blacklisted, Some(data)).await.unwrap();
    let shown = world.get(id(&info)).await.expect(200);
    assert_eq!(shown["status"], "Blacklisted");
    let expected =
        json!({ "blacklistedAt": "2026-01-05T09:00:00.000Z", "reason": "answered 404 for ten minutes" });
    assert_eq!(shown["blacklistedData"], expected);
    world.store.set_status(no, Status::Suspended, None).await.unwrap();
    assert_eq!(world.get(id(&info)).await.expect(200), info, "a suspension is nobody's business");
}

#[tokio::test]
async fn twenty_thousand_filters_make_a_subscription_and_can_be_replaced() {
    let world = World::new().await;
    let filter = |n| format!("{PRESENCE}?detailedTelephonyState=true&tag={n}");
    let filters: Vec<String> = (0..20_000).map(filter).collect();
    let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
    let info = world.create(&filters).await;
    assert_eq!(info["eventFilters"].as_array().unwrap().len(), 20_000);
    let body = json!({ "eventFilters": info["eventFilters"] }).to_string();
    world.clock.advance(HOUR);
    assert_eq!(world.put(id(&info), &body).await.expect(200)["expiresIn"], 604_799, "the same filters renew");
    let body = json!({ "eventFilters": filters[1..] }).to_string();
    assert_eq!(
        world.put(id(&info), &body).await.expect(200)["eventFilters"].as_array().unwrap().len(),
        19_999
    );
}

#[tokio::test]
async fn a_change_is_carried_through_when_the_client_hangs_up_while_it_is_written() {
    let world = World::new().await;
    let info = world.create(&[PRESENCE]).await;
    let (release, held) = std::sync::mpsc::sync_channel::<()>(1);
    let db = world.db.clone();
    let writer = tokio::spawn(async move { db.write(move |_| Ok(held.recv().ok())).await });
    let path = format!("{CORE}/{}", id(&info));
    let asking =
        tokio::spawn(call(world.router.clone(), request(ADMINISTRATOR, Method::DELETE, &path, "".into())));
    // Its token is known already, so that the store's writer is the only thing it has to wait for.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!asking.is_finished());
    asking.abort();
    assert!(asking.await.is_err_and(|error| error.is_cancelled()));
    release.send(()).unwrap();
    writer.await.unwrap().unwrap();
    let heard = async {
        while world.heard().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    patience::within("the engine to hear of the end", heard, String::new).await;
    assert_eq!(world.stored().await, []);
}

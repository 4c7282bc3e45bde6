//! `/chats/{id}/posts`, `/groups/{id}/posts` and `/adaptive-cards` under both prefixes.

use super::*;

fn card(text: &str) -> Value {
    json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.3",
        "body": [{ "type": "TextBlock", "text": text }],
    })
}

#[tokio::test]
async fn a_post_is_made_read_edited_and_deleted() {
    for family in FAMILIES {
        let world = World::new().await;
        let team = world.team().await;
        let posts = format!("{family}/chats/{team}/posts");
        let said = format!("hello ![:Person]({})", id(103));
        let post = world.post(USER, &posts, &json!({ "text": said })).await.expect(201);
        let now = hookswitch_testkit::clock::START.iso8601();
        let expected = json!({
            "id": post["id"], "groupId": team, "type": "TextMessage", "text": said, "creatorId": id(102),
            "parentPostId": null, "threadId": null, "addedPersonIds": null, "removedPersonIds": null,
            "creationTime": now, "lastModifiedTime": now, "attachments": null, "activity": null, "title": null,
            "iconUri": null, "iconEmoji": null, "mentions": [{ "id": id(103), "type": "Person", "name": "User 103" }],
        });
        assert_eq!(post, expected);
        let told = world.told().await;
        assert_eq!((told.len(), told[0].name.as_str()), (1, "/team-messaging/v1/posts"));
        assert_eq!(told[0].recipients, ids(&[102, 103]));
        let mut with_kind = post.clone();
        with_kind["eventType"] = json!("PostAdded");
        assert_eq!(told[0].body, with_kind, "the event says what the answer says");

        let path = format!("{posts}/{}", post["id"].as_str().unwrap());
        assert_eq!(world.get(COLLEAGUE, &path).await.expect(200), post);
        world.clock.advance(Duration::from_secs(5));
        let edited = world.patch(USER, &path, &json!({ "text": "bye" })).await.expect(200);
        assert_eq!((&edited["text"], &edited["mentions"]), (&json!("bye"), &json!(null)));
        assert_ne!(edited["lastModifiedTime"], edited["creationTime"]);
        assert_eq!(world.told_whom().await, [event("PostChanged", &[102, 103])]);
        assert_eq!(world.delete(USER, &path).await.expect(204), Value::Null);
        let told = world.told().await;
        let expected = json!({ "id": post["id"], "groupId": team, "eventType": "PostRemoved" });
        assert_eq!((&told[0].body, &told[0].recipients), (&expected, &ids(&[102, 103])));
        assert_eq!(world.get(USER, &path).await.refusal(), (404, "CMN-102".into(), "postId".into()));
    }
}

#[tokio::test]
async fn posts_are_listed_newest_first_page_by_page() {
    let world = World::new().await;
    let team = world.team().await;
    for number in 0..35 {
        world
            .post(USER, &format!("{NEWER}/chats/{team}/posts"), &json!({ "text": number.to_string() }))
            .await
            .expect(201);
    }
    for list in [
        format!("{NEWER}/chats/{team}/posts"),
        format!("{OLDER}/groups/{team}/posts"),
        format!("{OLDER}/chats/{team}/posts"),
    ] {
        let first = world.get(COLLEAGUE, &list).await.expect(200);
        let newest: Vec<_> = (5..35).rev().map(|number| number.to_string()).collect();
        assert_eq!(names(&first, "text"), newest, "thirty where nothing is said");
        assert!(first["navigation"].get("prevPageToken").is_none());
        let next = first["navigation"]["nextPageToken"].as_str().unwrap();
        let second = world.get(COLLEAGUE, &format!("{list}?pageToken={next}")).await.expect(200);
        assert_eq!(names(&second, "text"), ["4", "3", "2", "1", "0"]);
        assert!(second["navigation"].get("nextPageToken").is_none());
        let back = second["navigation"]["prevPageToken"].as_str().unwrap();
        let back = world.get(COLLEAGUE, &format!("{list}?pageToken={back}")).await.expect(200);
        assert_eq!(names(&back, "text"), newest);
        let all = world.get(COLLEAGUE, &format!("{list}?recordCount=250")).await.expect(200);
        assert_eq!((names(&all, "text").len(), &all["navigation"]), (35, &json!({})));
    }
}

#[tokio::test]
async fn a_bot_answers_in_a_group_with_the_older_resources() {
    let world = World::new().await;
    let with = json!({ "members": [{ "id": id(105) }] });
    let chat = world.post(USER, &format!("{NEWER}/conversations"), &with).await.expect(201);
    let chat = chat["id"].as_str().unwrap();
    let group = world.get(BOT, &format!("{OLDER}/groups/{chat}")).await.expect(200);
    assert_eq!(group["members"].as_array().unwrap().len(), 2);
    world.told().await;
    let post = world
        .post(BOT, &format!("{OLDER}/groups/{chat}/posts"), &json!({ "text": "pong" }))
        .await
        .expect(200);
    assert_eq!((&post["creatorId"], &post["mentions"]), (&json!(id(105)), &json!(null)));
    assert_eq!(world.told_whom().await, [event("PostAdded", &[102, 105])]);
    let person = world.get(BOT, &format!("{OLDER}/persons/{}", id(102))).await.expect(200);
    assert_eq!((&person["id"], &person["companyId"]), (&json!(id(102)), &json!(ACCOUNT.to_string())));
    let posted =
        world.post(BOT, &format!("{OLDER}/chats/{chat}/adaptive-cards"), &card("c")).await.expect(201);
    let card = world
        .get(BOT, &format!("{OLDER}/adaptive-cards/{}", posted["id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(card["creator"], json!({ "id": id(105) }));
    let path = format!("{OLDER}/chats/{chat}/posts/{}", post["id"].as_str().unwrap());
    world.delete(BOT, &path).await.expect(204);
}

#[tokio::test]
async fn replies_and_attachments_by_id_are_kept() {
    let world = World::new().await;
    let team = world.team().await;
    let posts = format!("{NEWER}/chats/{team}/posts");
    let first = world.post(USER, &posts, &json!({ "text": "first" })).await.expect(201)["id"].clone();
    let reply =
        world.post(COLLEAGUE, &posts, &json!({ "text": "re", "parentPostId": first })).await.expect(201);
    assert_eq!((&reply["parentPostId"], &reply["threadId"]), (&first, &first));
    let in_thread = world.post(USER, &posts, &json!({ "text": "re", "threadId": first })).await.expect(201);
    assert_eq!(in_thread["threadId"], first);
    let attachments = json!([{ "id": "100500", "type": "File" }, { "id": 7, "type": "Note" }]);
    let post = world.post(USER, &posts, &json!({ "attachments": attachments })).await.expect(201);
    assert_eq!(
        (&post["text"], &post["attachments"][1]),
        (&json!(null), &json!({ "id": "7", "type": "Note" }))
    );
}

#[tokio::test]
async fn an_adaptive_card_is_posted_read_replaced_and_deleted() {
    for family in FAMILIES {
        let world = World::new().await;
        let team = world.team().await;
        let posted = world
            .post(USER, &format!("{family}/chats/{team}/adaptive-cards"), &card("one"))
            .await
            .expect(201);
        let now = hookswitch_testkit::clock::START.iso8601();
        let expected = json!({
            "id": posted["id"], "creationTime": now, "lastModifiedTime": now, "creator": { "id": id(102) },
            "chatIds": [team], "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard", "version": "1.3",
        });
        assert_eq!(posted, expected);
        let told = world.told().await;
        assert_eq!((told[0].kind.as_str(), &told[0].recipients), ("PostAdded", &ids(&[102, 103])));
        let attachment = &told[0].body["attachments"][0];
        assert_eq!((&attachment["id"], &attachment["type"]), (&posted["id"], &json!("AdaptiveCard")));

        let path = format!("{family}/adaptive-cards/{}", posted["id"].as_str().unwrap());
        let read = world.get(COLLEAGUE, &path).await.expect(200);
        assert_eq!((&read["id"], &read["body"]), (&posted["id"], &card("one")["body"]));
        let many = world.get(COLLEAGUE, &format!("{path},1,x")).await.expect(207);
        let statuses: Vec<_> =
            many.as_array().unwrap().iter().map(|part| part["status"].as_u64().unwrap()).collect();
        assert_eq!((statuses, &many[0]["body"]), (vec![200, 404, 404], &read));

        let put = async |caller, card: &Value| world.call(caller, Method::PUT, &path, card.to_string()).await;
        assert_eq!(put(USER, &card("two")).await.expect(200)["id"], posted["id"]);
        assert_eq!(world.told_whom().await, [event("PostChanged", &[102, 103])]);
        assert_eq!(world.get(USER, &path).await.expect(200)["body"], card("two")["body"]);
        assert_eq!(put(COLLEAGUE, &card("x")).await.refusal(), (403, "CMN-404".into(), String::new()));
        assert_eq!(put(STRANGER, &card("x")).await.refusal(), (404, "CMN-102".into(), "cardId".into()));
        assert_eq!(world.delete(COLLEAGUE, &path).await.status, 403);
        assert_eq!(world.delete(USER, &path).await.expect(204), Value::Null);
        assert_eq!(world.told_whom().await, [event("PostRemoved", &[102, 103])]);
        assert_eq!(world.get(USER, &path).await.refusal(), (404, "CMN-102".into(), "cardId".into()));
    }
}

#[tokio::test]
async fn only_the_author_edits_and_strangers_see_nothing() {
    for family in FAMILIES {
        let world = World::new().await;
        let team = world.team().await;
        let posts = format!("{family}/chats/{team}/posts");
        let post = world.post(USER, &posts, &json!({ "text": "mine" })).await.expect(201);
        let path = format!("{posts}/{}", post["id"].as_str().unwrap());
        assert_eq!(
            world.patch(COLLEAGUE, &path, &json!({ "text": "x" })).await.refusal(),
            (403, "CMN-404".into(), String::new())
        );
        assert_eq!(world.delete(COLLEAGUE, &path).await.refusal(), (403, "CMN-404".into(), String::new()));
        world.told().await;
        for stranger in [STRANGER, OTHER_ACCOUNT] {
            let unknown_post = (404, "CMN-102".to_owned(), "postId".to_owned());
            let unknown_chat = (404, "CMN-102".to_owned(), "chatId".to_owned());
            assert_eq!(world.get(stranger, &path).await.refusal(), unknown_post);
            assert_eq!(world.patch(stranger, &path, &json!({ "text": "x" })).await.refusal(), unknown_post);
            assert_eq!(world.delete(stranger, &path).await.refusal(), unknown_post);
            assert_eq!(world.get(stranger, &posts).await.refusal(), unknown_chat);
            assert_eq!(world.post(stranger, &posts, &json!({ "text": "x" })).await.refusal(), unknown_chat);
            let cards = format!("{family}/chats/{team}/adaptive-cards");
            assert_eq!(world.post(stranger, &cards, &card("c")).await.refusal(), unknown_chat);
            let groups = format!("{family}/groups/{team}/posts");
            let unknown_group = (404, "CMN-102".to_owned(), "groupId".to_owned());
            assert_eq!(world.post(stranger, &groups, &json!({ "text": "x" })).await.refusal(), unknown_group);
        }
        assert_eq!((world.posts(&team).await, world.told_whom().await), (1, vec![]));
    }
}

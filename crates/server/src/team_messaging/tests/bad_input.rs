//! Requests that are refused, each with its code and the parameter; nothing is stored and nobody told.

use super::*;

#[tokio::test]
async fn only_users_whose_app_may_use_team_messaging_come_in() {
    let world = World::new().await;
    let team = world.team().await;
    for family in FAMILIES {
        for (method, path) in [
            (Method::GET, "/chats".to_owned()),
            (Method::POST, "/teams".to_owned()),
            (Method::GET, format!("/chats/{team}/posts")),
            (Method::POST, format!("/chats/{team}/posts")),
            (Method::GET, "/persons/~".to_owned()),
            (Method::GET, "/companies/~".to_owned()),
            (Method::GET, "/everyone".to_owned()),
            (Method::GET, "/favorites".to_owned()),
            (Method::GET, "/recent/chats".to_owned()),
            (Method::GET, format!("/groups/{team}/webhooks")),
            (Method::GET, "/webhooks".to_owned()),
        ] {
            let path = format!("{family}{path}");
            let call = async |caller| world.call(caller, method.clone(), &path, "{}").await;
            assert_eq!(call(NOBODY).await.status, 401, "{path}");
            assert_eq!(call("wrong").await.status, 401);
            assert_eq!(call(PUBLISHER).await.status, 403);
            let narrow = call(NARROW_APP).await;
            assert_eq!(narrow.refusal(), (403, "CMN-401".into(), String::new()));
            assert_eq!(narrow.json()["permissionName"], "TeamMessaging");
        }
    }
}

#[tokio::test]
async fn ids_that_name_nothing_are_not_found() {
    let world = World::new().await;
    let not_found = |parameter: &str| (404, "CMN-102".to_owned(), parameter.to_owned());
    for family in FAMILIES {
        for id in ["1", "x", "-1", "18446744073709551615", "99999999999999999999", "%20"] {
            for (path, parameter) in [
                (format!("/chats/{id}"), "chatId"),
                (format!("/chats/{id}/posts"), "chatId"),
                (format!("/conversations/{id}"), "chatId"),
                (format!("/teams/{id}"), "chatId"),
                (format!("/groups/{id}"), "groupId"),
                (format!("/groups/{id}/posts"), "groupId"),
                (format!("/groups/{id}/webhooks"), "groupId"),
                (format!("/chats/{id}/incoming-webhooks"), "chatId"),
                (format!("/adaptive-cards/{id}"), "cardId"),
                (format!("/webhooks/{id}"), "webhookId"),
            ] {
                assert_eq!(
                    world.get(USER, &format!("{family}{path}")).await.refusal(),
                    not_found(parameter),
                    "{path}"
                );
            }
        }
    }
}

#[tokio::test]
async fn bad_posts_are_refused_by_parameter() {
    let world = World::new().await;
    let team = world.team().await;
    let bad = |parameter: &str| (400, "CMN-101".to_owned(), parameter.to_owned());
    let table = [
        (json!({}), "text"),
        (json!({ "text": "" }), "text"),
        (json!({ "text": 5 }), "text"),
        (json!({ "text": "x".repeat(10_001) }), "text"),
        (json!({ "text": "t", "parentPostId": "x" }), "parentPostId"),
        (json!({ "text": "t", "parentPostId": "1" }), "parentPostId"),
        (json!({ "text": "t", "threadId": 1 }), "threadId"),
        (json!({ "attachments": {} }), "attachments"),
        (json!({ "text": "t", "attachments": [{ "id": "1", "type": "Card" }] }), "attachments[0].type"),
        (
            json!({ "text": "t", "attachments": [{ "id": "1", "type": "File" }, { "type": "AdaptiveCard" }] }),
            "attachments[1].type",
        ),
        (json!({ "text": "t", "attachments": [{ "id": "1" }] }), "attachments[0].type"),
        (json!({ "text": "t", "attachments": [{ "type": "Note" }] }), "attachments[0].id"),
        (
            json!({ "text": "t", "attachments": vec![json!({ "id": "1", "type": "File" }); 26] }),
            "attachments",
        ),
    ];
    for family in FAMILIES {
        for posts in [format!("{family}/chats/{team}/posts"), format!("{family}/groups/{team}/posts")] {
            for (body, parameter) in &table {
                let refused = world.post(USER, &posts, body).await;
                assert_eq!(refused.refusal(), bad(parameter), "{posts} {body}");
            }
            let malformed = world.call(USER, Method::POST, &posts, "{\"text\":").await.refusal();
            assert_eq!(malformed, (400, "CMN-103".into(), String::new()));
            let listed = world.post(USER, &posts, &json!(["text", null, null, null])).await;
            assert_eq!(listed.refusal(), malformed, "a list is not taken for the members in their order");
        }
        let card = world
            .post(
                USER,
                &format!("{family}/chats/{team}/posts"),
                &json!({ "attachments": [{ "type": "Card", "text": "t" }] }),
            )
            .await;
        assert_eq!(card.json()["message"], "Parameter [attachments[0].type] value is invalid.");
        for query in ["recordCount=0", "recordCount=251", "recordCount=x"] {
            let refused = world.get(USER, &format!("{family}/chats/{team}/posts?{query}")).await.refusal();
            assert_eq!(refused, bad("recordCount"));
        }
        let refused =
            world.get(USER, &format!("{family}/chats/{team}/posts?pageToken=nonsense")).await.refusal();
        assert_eq!(refused, bad("pageToken"));
        assert_eq!(world.get(USER, &format!("{family}/chats?type=Robot")).await.refusal(), bad("type"));
    }
    assert_eq!((world.posts(&team).await, world.told_whom().await), (0, vec![]));
    let post =
        world.post(USER, &format!("{NEWER}/chats/{team}/posts"), &json!({ "text": "t" })).await.expect(201);
    let path = format!("{NEWER}/chats/{team}/posts/{}", post["id"].as_str().unwrap());
    for body in
        [json!({}), json!({ "text": "" }), json!({ "text": "x".repeat(10_001) }), json!({ "text": [] })]
    {
        assert_eq!(world.patch(USER, &path, &body).await.refusal(), bad("text"));
    }
    assert_eq!(world.get(USER, &path).await.expect(200), post);
}

#[tokio::test]
async fn bad_cards_are_refused_by_their_place() {
    let world = World::new().await;
    let team = world.team().await;
    for family in FAMILIES {
        let cards = format!("{family}/chats/{team}/adaptive-cards");
        for (card, parameter) in [
            (json!({ "version": "1.3", "body": [] }), "type"),
            (json!({ "type": "AdaptiveCard", "body": [] }), "version"),
            (json!({ "type": "AdaptiveCard", "version": "1.3" }), "body"),
            (
                json!({ "type": "AdaptiveCard", "version": "1.3", "body": [{ "type": "TextBlock" }] }),
                "body[0].text",
            ),
            (
                json!({ "type": "AdaptiveCard", "version": "1.3", "body": [{ "type": "Hologram" }] }),
                "body[0].type",
            ),
            (
                json!({ "type": "AdaptiveCard", "version": "1.3", "actions": [{ "type": "Action.OpenUrl" }] }),
                "actions[0].url",
            ),
        ] {
            let refused = world.post(USER, &cards, &card).await.refusal();
            assert_eq!(refused, (400, "CMN-101".into(), parameter.into()), "{card}");
        }
        let two_faults = json!({ "type": "AdaptiveCard", "version": "9", "body": [{ "type": "Image" }] });
        let errors = world.post(USER, &cards, &two_faults).await.json()["errors"].clone();
        assert_eq!(
            (&errors[0]["parameterName"], &errors[1]["parameterName"]),
            (&json!("version"), &json!("body[0].url"))
        );
        for no_object in ["", "[]", "\"card\""] {
            assert_eq!(world.call(USER, Method::POST, &cards, no_object).await.refusal().1, "CMN-103");
        }
    }
    assert_eq!((world.posts(&team).await, world.told_whom().await), (0, vec![]));
}

#[tokio::test]
async fn bad_teams_and_members_are_refused_by_parameter() {
    let world = World::new().await;
    let team = world.team().await;
    let bad = |parameter: &str| (400, "CMN-101".to_owned(), parameter.to_owned());
    for family in FAMILIES {
        let teams = format!("{family}/teams");
        for (body, parameter) in [
            (json!({}), "name"),
            (json!({ "name": null }), "name"),
            (json!({ "name": "  " }), "name"),
            (json!({ "name": 5 }), "name"),
            (json!({ "name": "x".repeat(251) }), "name"),
            (json!({ "name": "T", "description": "x".repeat(1001) }), "description"),
            (json!({ "name": "T", "public": "yes" }), "public"),
            (json!({ "name": "T", "members": {} }), "members"),
            (json!({ "name": "T", "members": [{}] }), "members[0].id"),
            (json!({ "name": "T", "members": [{ "id": "glip-7" }] }), "members[0].id"),
            (json!({ "name": "T", "members": [{ "id": id(103) }, { "id": 1 }] }), "members[1]"),
            (json!({ "name": "T", "members": [{ "email": "han.solo@rebelalliance.org" }] }), "members[0]"),
            (json!({ "name": "T", "members": vec![json!({ "id": 1 }); 1001] }), "members"),
        ] {
            assert_eq!(world.post(USER, &teams, &body).await.refusal(), bad(parameter), "{body}");
        }
        for (body, parameter) in [
            (json!({ "name": "" }), "name"),
            (json!({ "description": "x".repeat(1001) }), "description"),
            (json!({ "public": 1 }), "public"),
        ] {
            assert_eq!(world.patch(USER, &format!("{teams}/{team}"), &body).await.refusal(), bad(parameter));
        }
        for what in ["add", "remove"] {
            for (body, parameter) in [
                (json!({}), "members"),
                (json!({ "members": [] }), "members"),
                (json!({ "members": [{ "id": extension_id(FOREIGN_ACCOUNT, 101).0 }] }), "members[0]"),
            ] {
                let refused = world.post(USER, &format!("{teams}/{team}/{what}"), &body).await.refusal();
                assert_eq!(refused, bad(parameter), "{what} {body}");
            }
        }
        let crowd: Vec<_> = (103..=118).map(|number| json!({ "id": id(number) })).collect();
        let refused = world
            .post(USER, &format!("{family}/conversations"), &json!({ "members": crowd }))
            .await
            .refusal();
        assert_eq!(refused, bad("members"));
        assert_eq!(
            world.patch(ADMIN, &format!("{family}/everyone"), &json!({ "name": "" })).await.refusal(),
            bad("name")
        );
    }
    let list = world.get(USER, &format!("{NEWER}/teams")).await.expect(200);
    assert_eq!((names(&list, "name"), world.told_whom().await), (vec!["Ops".to_owned()], vec![]));
}

#[tokio::test]
async fn a_notice_and_an_archived_team_refuse_to_be_changed() {
    let world = World::new().await;
    let team = world.team_of(&json!({ "name": "Open", "public": true })).await;
    world.post(STRANGER, &format!("{NEWER}/teams/{team}/join"), &json!({})).await.expect(204);
    let posts = format!("{NEWER}/chats/{team}/posts");
    let notice = world.get(STRANGER, &posts).await.expect(200)["records"][0].clone();
    assert_eq!(notice["type"], "PersonJoined");
    let path = format!("{posts}/{}", notice["id"].as_str().unwrap());
    assert_eq!(
        world.patch(STRANGER, &path, &json!({ "text": "x" })).await.refusal(),
        (403, "CMN-109".into(), String::new())
    );
    world.post(USER, &format!("{NEWER}/teams/{team}/archive"), &json!({})).await.expect(204);
    world.told().await;
    for (caller, path, body) in [
        (USER, format!("{NEWER}/teams/{team}/add"), json!({ "members": [{ "id": id(103) }] })),
        (COLLEAGUE, format!("{NEWER}/teams/{team}/join"), json!({})),
        (STRANGER, format!("{NEWER}/teams/{team}/leave"), json!({})),
        (USER, posts, json!({ "text": "t" })),
        (USER, format!("{NEWER}/groups/{team}/webhooks"), json!({})),
    ] {
        assert_eq!(
            world.post(caller, &path, &body).await.refusal(),
            (403, "CMN-109".into(), String::new()),
            "{path}"
        );
    }
    assert_eq!(world.told_whom().await, []);
}

//! `/teams` under both prefixes, and the events of teams.

use super::*;

#[tokio::test]
async fn the_quick_start_makes_a_team() {
    for family in FAMILIES {
        let world = World::new().await;
        let request = json!({
            "public": true, "name": "Node JS Team", "description": "Let's talk about Node JS",
            "members": [{ "id": id(103) }, { "email": "user104@100001.example" }],
        });
        let reply = world.post(USER, &format!("{family}/teams"), &request).await;
        let team = reply.expect(201);
        assert_eq!(
            (&team["type"], &team["public"], &team["status"]),
            (&json!("Team"), &json!(true), &json!("Active"))
        );
        let told = world.told().await;
        assert_eq!(
            (told.len(), told[0].name.as_str(), told[0].kind.as_str()),
            (1, "/team-messaging/v1/chats", "GroupJoined")
        );
        assert_eq!(told[0].recipients, ids(&[102, 103, 104]));
        let path = format!("{family}/teams/{}", team["id"].as_str().unwrap());
        assert_eq!(world.get(USER, &path).await.expect(200), team);
        assert!(
            world.get(BOT, &path).await.expect(200).get("members").is_none(),
            "who may join sees no members"
        );
        assert_eq!(world.get(OTHER_ACCOUNT, &path).await.refusal(), (404, "CMN-102".into(), "chatId".into()));
        let list = world.get(BOT, &format!("{family}/teams")).await.expect(200);
        assert_eq!(list["records"], json!([team]));
    }
}

#[tokio::test]
async fn a_team_is_renamed_changed_and_deleted() {
    for family in FAMILIES {
        let world = World::new().await;
        let team = world.team().await;
        let path = format!("{family}/teams/{team}");
        let renamed = world.patch(USER, &path, &json!({ "name": "New" })).await.expect(200);
        assert_eq!(renamed["name"], "New");
        assert_eq!(world.told_whom().await, [event("GroupRenamed", &[102, 103])]);
        let changed =
            world.patch(USER, &path, &json!({ "description": "d", "public": true })).await.expect(200);
        assert_eq!((&changed["description"], &changed["public"]), (&json!("d"), &json!(true)));
        assert_eq!(world.told_whom().await, [event("GroupChanged", &[102, 103])]);
        assert!(
            world
                .patch(USER, &path, &json!({ "description": null }))
                .await
                .expect(200)
                .get("description")
                .is_none()
        );
        assert_eq!(world.told_whom().await, [event("GroupChanged", &[102, 103])]);
        world.patch(USER, &path, &json!({})).await.expect(200);
        assert_eq!(world.told_whom().await, []);
        assert_eq!(world.delete(USER, &path).await.expect(204), Value::Null);
        assert_eq!(world.told_whom().await, [event("GroupLeft", &[102, 103])]);
        for gone in [path.clone(), format!("{family}/chats/{team}"), format!("{family}/chats/{team}/posts")] {
            assert_eq!(
                world.get(USER, &gone).await.refusal(),
                (404, "CMN-102".into(), "chatId".into()),
                "{gone}"
            );
        }
        assert_eq!(world.delete(USER, &path).await.status, 404);
    }
}

#[tokio::test]
async fn members_are_added_and_removed() {
    for family in FAMILIES {
        let world = World::new().await;
        let team = world.team().await;
        let path = |what: &str| format!("{family}/teams/{team}/{what}");
        let people = json!({ "members": [{ "id": id(104) }, { "email": "user105@100001.example" }] });
        assert_eq!(world.post(USER, &path("add"), &people).await.expect(204), Value::Null);
        let told = world.told().await;
        assert_eq!((told[0].kind.as_str(), &told[0].recipients), ("GroupJoined", &ids(&[104, 105])));
        assert_eq!((told[1].kind.as_str(), &told[1].recipients), ("PostAdded", &ids(&[102, 103, 104, 105])));
        assert_eq!(
            (&told[1].body["type"], &told[1].body["addedPersonIds"]),
            (&json!("PersonsAdded"), &json!([id(104), id(105)]))
        );
        world.post(USER, &path("remove"), &json!({ "members": [{ "id": id(104) }] })).await.expect(204);
        let told = world.told().await;
        assert_eq!((told[0].kind.as_str(), &told[0].recipients), ("GroupLeft", &ids(&[104])));
        assert_eq!((told[1].kind.as_str(), &told[1].recipients), ("PostAdded", &ids(&[102, 103, 105])));
        assert_eq!(told[1].body["removedPersonIds"], json!([id(104)]));
        assert_eq!(world.get(STRANGER, &format!("{family}/chats/{team}")).await.status, 404);
    }
}

#[tokio::test]
async fn a_public_team_is_joined_and_left() {
    for family in FAMILIES {
        let world = World::new().await;
        let team = world.team_of(&json!({ "name": "Open", "public": true })).await;
        let path = |what: &str| format!("{family}/teams/{team}/{what}");
        assert_eq!(world.call(STRANGER, Method::POST, &path("join"), "").await.expect(204), Value::Null);
        assert_eq!(world.told_whom().await, [event("GroupJoined", &[104]), event("PostAdded", &[102, 104])]);
        assert_eq!(world.post(STRANGER, &path("join"), &json!({})).await.expect(205), Value::Null);
        world.call(STRANGER, Method::POST, &path("leave"), "null").await.expect(204);
        assert_eq!(world.told_whom().await, [event("GroupLeft", &[104])]);
        world.post(STRANGER, &path("leave"), &json!({})).await.expect(205);
        assert_eq!(world.told_whom().await, []);
    }
}

#[tokio::test]
async fn a_team_is_archived_and_taken_up_again() {
    for family in FAMILIES {
        let world = World::new().await;
        let team = world.team().await;
        let path = |what: &str| format!("{family}/teams/{team}/{what}");
        world.post(USER, &path("archive"), &json!({})).await.expect(204);
        let told = world.told().await;
        assert_eq!((told[0].kind.as_str(), &told[0].body["status"]), ("GroupChanged", &json!("Archived")));
        world.post(USER, &path("archive"), &json!({})).await.expect(205);
        let posts = format!("{family}/chats/{team}/posts");
        assert_eq!(world.post(USER, &posts, &json!({ "text": "t" })).await.refusal().0, 403);
        world.post(USER, &path("unarchive"), &json!({})).await.expect(204);
        world.post(USER, &path("unarchive"), &json!({})).await.expect(205);
        world.post(USER, &posts, &json!({ "text": "t" })).await.expect(201);
        assert_eq!(
            world.told_whom().await,
            [event("GroupChanged", &[102, 103]), event("PostAdded", &[102, 103])]
        );
    }
}

#[tokio::test]
async fn who_does_not_run_the_team_is_refused_and_strangers_do_not_know_of_it() {
    for family in FAMILIES {
        let world = World::new().await;
        let team = world.team().await;
        let people = json!({ "members": [{ "id": id(105) }] });
        for (caller, status, code) in [
            (COLLEAGUE, 403, "CMN-402"),
            (STRANGER, 404, "CMN-102"),
            (ADMIN, 404, "CMN-102"),
            (OTHER_ACCOUNT, 404, "CMN-102"),
        ] {
            let expected = |reply: Reply, what: &str| {
                let (got_status, got_code, _) = reply.refusal();
                assert_eq!((got_status, got_code.as_str()), (status, code), "{caller} {what}");
            };
            expected(
                world.patch(caller, &format!("{family}/teams/{team}"), &json!({ "name": "X" })).await,
                "rename",
            );
            expected(world.delete(caller, &format!("{family}/teams/{team}")).await, "delete");
            for what in ["add", "remove", "archive", "unarchive"] {
                expected(world.post(caller, &format!("{family}/teams/{team}/{what}"), &people).await, what);
            }
        }
        for what in ["join", "leave"] {
            let refused =
                world.post(STRANGER, &format!("{family}/teams/{team}/{what}"), &json!({})).await.refusal();
            assert_eq!(refused, (404, "CMN-102".into(), "chatId".into()), "{what} of a private team");
        }
        assert_eq!(world.told_whom().await, []);
    }
}

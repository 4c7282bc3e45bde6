//! `/chats`, `/recent/chats`, `/favorites`, `/conversations`, `/everyone`, `/groups` under both prefixes.

use super::*;

#[tokio::test]
async fn a_sample_finds_the_personal_chat_and_posts_to_it() {
    for family in FAMILIES {
        let world = World::new().await;
        let chats = world.get(USER, &format!("{family}/chats?type=Personal")).await.expect(200);
        assert_eq!(names(&chats, "type"), ["Personal"]);
        assert_eq!(chats["records"][0]["members"], json!([{ "id": id(102) }]));
        let chat = chats["records"][0]["id"].as_str().unwrap();
        let post = world
            .post(USER, &format!("{family}/chats/{chat}/posts"), &json!({ "text": "Hello World" }))
            .await;
        assert_eq!(post.expect(201)["text"], "Hello World");
        assert_eq!(world.told_whom().await, [event("PostAdded", &[102])], "the author is told too");
    }
}

#[tokio::test]
async fn a_chat_is_read_by_its_members_in_both_forms() {
    let world = World::new().await;
    let team = world.team().await;
    for family in FAMILIES {
        let chat = world.get(COLLEAGUE, &format!("{family}/chats/{team}")).await.expect(200);
        let now = hookswitch_testkit::clock::START.iso8601();
        let expected = json!({
            "id": team, "type": "Team", "public": false, "name": "Ops", "status": "Active",
            "creationTime": now, "lastModifiedTime": now, "members": [{ "id": id(102) }, { "id": id(103) }],
        });
        assert_eq!(chat, expected);
        let group = world.get(COLLEAGUE, &format!("{family}/groups/{team}")).await.expect(200);
        let expected = json!({
            "id": team, "name": "Ops", "description": null, "type": "Team", "status": "Active",
            "members": [id(102), id(103)], "isPublic": false, "creationTime": now, "lastModifiedTime": now,
        });
        assert_eq!(group, expected);
        for stranger in [STRANGER, OTHER_ACCOUNT] {
            let refused = world.get(stranger, &format!("{family}/chats/{team}")).await.refusal();
            assert_eq!(refused, (404, "CMN-102".into(), "chatId".into()), "{stranger}");
            let refused = world.get(stranger, &format!("{family}/groups/{team}")).await.refusal();
            assert_eq!(refused, (404, "CMN-102".into(), "groupId".into()), "{stranger}");
        }
    }
}

#[tokio::test]
async fn pages_of_chats_are_followed_forwards_and_back() {
    let world = World::new().await;
    let mut teams = Vec::new();
    for number in 0..5 {
        teams.push(world.team_of(&json!({ "name": format!("Team {number}") })).await);
    }
    for family in FAMILIES {
        for (list, kinds) in [("chats", "type=Team&"), ("groups", "type=Team&"), ("teams", "")] {
            let mut target = format!("{family}/{list}?{kinds}recordCount=2&pageToken=");
            let mut seen = Vec::new();
            let mut pages = Vec::new();
            loop {
                let page = world.get(USER, &target).await.expect(200);
                seen.extend(names(&page, "id"));
                pages.push(page.clone());
                let navigation = page["navigation"].as_object().unwrap();
                let Some(token) = navigation.get("nextPageToken") else { break };
                target = format!("{family}/{list}?pageToken={}", token.as_str().unwrap());
            }
            assert_eq!((seen, pages.len()), (teams.clone(), 3), "{family}/{list}");
            assert!(pages[0]["navigation"].get("prevPageToken").is_none());
            let back = pages[2]["navigation"]["prevPageToken"].as_str().unwrap();
            let back = world.get(USER, &format!("{family}/{list}?pageToken={back}")).await.expect(200);
            assert_eq!(names(&back, "id"), teams[2..4]);
        }
    }
}

#[tokio::test]
async fn recent_chats_come_by_their_latest_post_and_favorites_by_choice() {
    let world = World::new().await;
    let old = world.team_of(&json!({ "name": "Old" })).await;
    let new = world.team_of(&json!({ "name": "New" })).await;
    for family in FAMILIES {
        world.clock.advance(Duration::from_secs(1));
        world.post(USER, &format!("{family}/chats/{old}/posts"), &json!({ "text": "t" })).await.expect(201);
        let recent =
            world.get(USER, &format!("{family}/recent/chats?type=Team&recordCount=10")).await.expect(200);
        assert_eq!(names(&recent, "id"), [old.clone(), new.clone()]);
        assert_eq!(
            world.post(USER, &format!("{family}/chats/{new}/favorite"), &json!({})).await.expect(204),
            Value::Null
        );
        let favorites = world.get(USER, &format!("{family}/favorites")).await.expect(200);
        assert_eq!(names(&favorites, "id"), std::slice::from_ref(&new));
        world.post(USER, &format!("{family}/chats/{new}/unfavorite"), &json!(null)).await.expect(204);
        assert_eq!(names(&world.get(USER, &format!("{family}/favorites")).await.expect(200), "id"), [""; 0]);
        let refused =
            world.post(STRANGER, &format!("{family}/chats/{new}/favorite"), &json!({})).await.refusal();
        assert_eq!(refused, (404, "CMN-102".into(), "chatId".into()));
    }
}

#[tokio::test]
async fn a_conversation_is_made_once_and_opened_again() {
    for family in FAMILIES {
        let world = World::new().await;
        let path = format!("{family}/conversations");
        let with = json!({ "members": [{ "id": id(103) }, { "email": "user104@100001.example" }] });
        let group = world.post(USER, &path, &with).await.expect(201);
        assert_eq!((&group["type"], group.get("name")), (&json!("Group"), None));
        assert_eq!(world.told_whom().await, [event("GroupJoined", &[102, 103, 104])]);
        assert_eq!(
            world
                .post(COLLEAGUE, &path, &json!({ "members": [{ "id": id(102) }, { "id": id(104) }] }))
                .await
                .expect(200),
            group
        );
        let number = json!({ "members": [{ "id": extension_id(ACCOUNT, 103).0 }] });
        let direct = world.post(USER, &path, &number).await.expect(201);
        assert_eq!(direct["type"], "Direct");
        for nobody in ["", "{}", "null"] {
            let personal = world.call(USER, Method::POST, &path, nobody).await.expect(200);
            assert_eq!(personal["type"], "Personal");
        }
        assert_eq!(world.told_whom().await, [event("GroupJoined", &[102, 103])]);
        let list = world.get(USER, &path).await.expect(200);
        assert_eq!(names(&list, "type"), ["Group", "Direct", "Personal"]);
        let id = group["id"].as_str().unwrap();
        assert_eq!(world.get(USER, &format!("{path}/{id}")).await.expect(200), group);
        let team = world.team().await;
        let refused = world.get(USER, &format!("{path}/{team}")).await.refusal();
        assert_eq!(refused, (404, "CMN-102".into(), "chatId".into()), "a team is no conversation");
    }
}

#[tokio::test]
async fn the_chat_of_everyone_is_there_for_all_and_changed_by_administrators() {
    for family in FAMILIES {
        let world = World::new().await;
        let path = format!("{family}/everyone");
        let everyone = world.get(STRANGER, &path).await.expect(200);
        assert_eq!((&everyone["type"], &everyone["name"]), (&json!("Everyone"), &json!("Everyone")));
        let refused = world.patch(USER, &path, &json!({ "name": "All" })).await.refusal();
        assert_eq!(refused, (403, "CMN-402".into(), String::new()));
        let changed =
            world.patch(ADMIN, &path, &json!({ "name": "All", "description": "d" })).await.expect(200);
        assert_eq!(
            (&changed["name"], &changed["description"], &changed["id"]),
            (&json!("All"), &json!("d"), &everyone["id"])
        );
        let told = world.told_whom().await;
        let all: Vec<_> = (101..=120).collect();
        assert_eq!(told, [event("GroupRenamed", &all), event("GroupChanged", &all)]);
        let chats = world.get(STRANGER, &format!("{family}/chats")).await.expect(200);
        assert_eq!(names(&chats, "type"), ["Everyone", "Personal"]);
    }
}

#[tokio::test]
async fn several_groups_are_read_at_once() {
    let world = World::new().await;
    let (one, two) = (world.team().await, world.team().await);
    let many = world.get(USER, &format!("{OLDER}/groups/{one},{two},7")).await.expect(207);
    let parts: Vec<_> =
        many.as_array().unwrap().iter().map(|part| (&part["resourceId"], &part["status"])).collect();
    assert_eq!(parts, [(&json!(one), &json!(200)), (&json!(two), &json!(200)), (&json!("7"), &json!(404))]);
    assert_eq!(many[1]["body"]["id"], two);
    assert_eq!(many[2]["body"]["errorCode"], "CMN-102");
}

//! Management of incoming webhooks under both prefixes.

use super::*;

#[tokio::test]
async fn a_webhook_is_made_with_an_empty_body_of_any_spelling() {
    for family in FAMILIES {
        let world = World::new().await;
        let team = world.team().await;
        for (path, body) in [
            (format!("{family}/groups/{team}/webhooks"), ""),
            (format!("{family}/groups/{team}/webhooks"), "{}"),
            (format!("{family}/groups/{team}/webhooks"), "null"),
            (format!("{family}/chats/{team}/incoming-webhooks"), "{}"),
        ] {
            let hook = world.call(USER, Method::POST, &path, body).await.expect(200);
            let secret = hook["id"].as_str().unwrap();
            assert!(uuid::Uuid::parse_str(secret).is_ok_and(|id| id.get_version_num() == 4), "{secret}");
            let now = hookswitch_testkit::clock::START.iso8601();
            let expected = json!({
                "id": secret, "creatorId": id(102), "groupIds": [team], "creationTime": now, "lastModifiedTime": now,
                "uri": format!("{BASE}/webhook/v2/{secret}"), "status": "Active",
            });
            assert_eq!(hook, expected);
            let told = world.told().await;
            assert_eq!(
                (told[0].name.as_str(), told[0].kind.as_str()),
                ("/team-messaging/v1/webhooks", "WebhookCreated")
            );
            assert_eq!((&told[0].recipients, &told[0].body["uri"]), (&ids(&[102, 103]), &expected["uri"]));
        }
        for stranger in [STRANGER, OTHER_ACCOUNT] {
            let refused =
                world.post(stranger, &format!("{family}/groups/{team}/webhooks"), &json!({})).await.refusal();
            assert_eq!(refused, (404, "CMN-102".into(), "groupId".into()));
        }
    }
}

#[tokio::test]
async fn webhooks_are_listed_by_chat_by_maker_and_by_id() {
    for family in FAMILIES {
        let world = World::new().await;
        let (team, other) = (world.team().await, world.team().await);
        let (one, two) = (world.hook(&team).await, world.hook(&other).await);
        let of_team = world.get(COLLEAGUE, &format!("{family}/groups/{team}/webhooks")).await.expect(200);
        assert_eq!(names(&of_team, "id"), std::slice::from_ref(&one));
        let in_chat =
            world.get(COLLEAGUE, &format!("{family}/chats/{team}/incoming-webhooks")).await.expect(200);
        assert_eq!(in_chat, of_team);
        assert_eq!(
            names(&world.get(USER, &format!("{family}/webhooks")).await.expect(200), "id"),
            [one.clone(), two.clone()]
        );
        assert_eq!(
            names(&world.get(COLLEAGUE, &format!("{family}/webhooks")).await.expect(200), "id"),
            [""; 0]
        );
        let single = world.get(USER, &format!("{family}/webhooks/{one}")).await.expect(200);
        assert_eq!(single, of_team, "a list for one id too");
        let both = world.get(USER, &format!("{family}/webhooks/{two},{one},unknown")).await.expect(200);
        assert_eq!(names(&both, "id"), [two, one.clone()]);
        let refused = world.get(STRANGER, &format!("{family}/groups/{team}/webhooks")).await.refusal();
        assert_eq!(refused, (404, "CMN-102".into(), "groupId".into()));
        for (caller, ids) in [(USER, "unknown"), (STRANGER, one.as_str()), (OTHER_ACCOUNT, one.as_str())] {
            let refused = world.get(caller, &format!("{family}/webhooks/{ids}")).await.refusal();
            assert_eq!(refused, (404, "CMN-102".into(), "webhookId".into()), "{caller}");
        }
        let refused = world.get(USER, &format!("{family}/webhooks/,")).await.refusal();
        assert_eq!(refused, (400, "CMN-101".into(), "webhookId".into()));
    }
}

#[tokio::test]
async fn a_webhook_is_suspended_activated_and_deleted() {
    for family in FAMILIES {
        let world = World::new().await;
        let team = world.team().await;
        let hook = world.hook(&team).await;
        let path = format!("{family}/webhooks/{hook}");
        let status = async || world.get(USER, &path).await.expect(200)["records"][0]["status"].clone();
        let ok = json!({ "status": "OK" });
        let post = async || {
            world.post(NOBODY, &format!("/webhook/v2/{hook}"), &json!({ "text": "t" })).await.expect(200)
        };

        assert_eq!(
            world.call(USER, Method::POST, &format!("{path}/suspend"), "").await.expect(200),
            Value::Null
        );
        assert_eq!(status().await, "Suspended");
        let told = world.told().await;
        assert_eq!((told[0].kind.as_str(), &told[0].recipients), ("WebhookUpdated", &ids(&[102, 103])));
        assert_eq!(
            (&told[0].body["before"], &told[0].body["after"]),
            (&json!({ "status": "Active" }), &json!({ "status": "Suspended" }))
        );
        assert_ne!(post().await, ok);
        assert_eq!(world.told_whom().await, []);

        assert_eq!(world.post(USER, &format!("{path}/activate"), &json!({})).await.expect(200), Value::Null);
        assert_eq!(status().await, "Active");
        assert_eq!(post().await, ok);
        assert_eq!(
            world.told_whom().await,
            [event("WebhookUpdated", &[102, 103]), event("PostAdded", &[102, 103])]
        );

        assert_eq!(world.delete(USER, &path).await.expect(200), Value::Null, "200, not 204");
        assert_eq!(status().await, "Deleted");
        let told = world.told().await;
        assert_eq!((told[0].kind.as_str(), &told[0].body["status"]), ("WebhookDeleted", &json!("Deleted")));
        assert_ne!(post().await, ok);
        assert_eq!(names(&world.get(USER, &format!("{family}/webhooks")).await.expect(200), "id"), [""; 0]);
        for what in ["activate", "suspend"] {
            let refused = world.post(USER, &format!("{path}/{what}"), &json!({})).await.refusal();
            assert_eq!(refused, (404, "CMN-102".into(), "webhookId".into()));
        }
        assert_eq!(world.delete(USER, &path).await.status, 404);
    }
}

#[tokio::test]
async fn others_cannot_touch_a_webhook() {
    for family in FAMILIES {
        let world = World::new().await;
        let team = world.team().await;
        let hook = world.hook(&team).await;
        for (caller, expected) in
            [(COLLEAGUE, (403, "CMN-404")), (STRANGER, (404, "CMN-102")), (OTHER_ACCOUNT, (404, "CMN-102"))]
        {
            for (method, what) in
                [(Method::POST, "/suspend"), (Method::POST, "/activate"), (Method::DELETE, "")]
            {
                let reply = world.call(caller, method, &format!("{family}/webhooks/{hook}{what}"), "").await;
                let (status, code, _) = reply.refusal();
                assert_eq!((status, code.as_str()), expected, "{caller} {what}");
            }
        }
        assert_eq!(world.told_whom().await, []);
    }
}

//! Incoming webhooks.

use hookswitch_core::chat::{HookStatus, Look};
use serde_json::json;

use super::*;
use crate::team_messaging::Refusal;

#[tokio::test]
async fn a_webhook_is_made_by_a_member_and_told_to_members() {
    let world = World::new().await;
    let team = world.team(&[102]).await;
    let hook = world
        .store
        .create_hook(user(102), team.id, "secret".into(), addresses(), NOON)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((hook.id.as_str(), hook.creator, hook.status), ("secret", id(102), HookStatus::Active));
    let told = world.told().await;
    let expected = json!({
        "id": "secret", "creatorId": "1001102", "groupIds": [team.id.to_string()],
        "creationTime": NOON.iso8601(), "lastModifiedTime": NOON.iso8601(),
        "uri": "https://hooks.example.com/webhook/v2/secret", "status": "Active", "eventType": "WebhookCreated",
    });
    assert_eq!((told.len(), &told[0].body, &told[0].recipients), (1, &expected, &ids(&[101, 102])));
    for stranger in [user(103), outsider()] {
        let refused =
            world.store.create_hook(stranger, team.id, "x".into(), addresses(), NOON).await.unwrap();
        assert_eq!(refused, Err(Refusal::NotFound));
    }
}

#[tokio::test]
async fn the_id_is_kept_sealed_and_found_by_its_hash() {
    let world = World::new().await;
    let team = world.team(&[]).await;
    let id = "3053f6cf-b6de-418c-a6cd-2eb222cdab4e";
    world.store.create_hook(user(101), team.id, id.into(), addresses(), NOON).await.unwrap().unwrap();
    let rows = world.db.read(|db| {
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?));
        Ok(db.query_row("SELECT id_hash, sealed_id FROM incoming_webhooks", [], row)?)
    });
    let (hash, sealed) = rows.await.unwrap();
    let holds = |bytes: &[u8]| bytes.windows(8).any(|part| id.as_bytes().starts_with(part));
    assert!(!holds(&hash) && !holds(&sealed));
    assert_eq!(world.store.own_hooks(user(101)).await.unwrap()[0].id, id);
}

#[tokio::test]
async fn webhooks_are_listed_by_chat_and_by_maker_and_read_by_id() {
    let world = World::new().await;
    let (one, two) = (world.team(&[102]).await, world.team(&[]).await);
    for (asker, chat, id) in [(user(101), &one, "a"), (user(102), &one, "b"), (user(101), &two, "c")] {
        world.store.create_hook(asker, chat.id, id.into(), addresses(), NOON).await.unwrap().unwrap();
    }
    let names =
        |hooks: Vec<hookswitch_core::chat::Hook>| hooks.into_iter().map(|hook| hook.id).collect::<Vec<_>>();
    let store = &world.store;
    assert_eq!(names(store.hooks_of_chat(user(102), one.id).await.unwrap().unwrap()), ["a", "b"]);
    assert_eq!(store.hooks_of_chat(user(102), two.id).await.unwrap(), None);
    assert_eq!(store.hooks_of_chat(outsider(), one.id).await.unwrap(), None);
    assert_eq!(names(store.own_hooks(user(101)).await.unwrap()), ["a", "c"]);
    assert_eq!(names(store.own_hooks(outsider()).await.unwrap()), [""; 0]);
    assert!(store.hook(user(102), "a").await.unwrap().is_some(), "a member sees it");
    for (asker, id) in [(user(102), "c"), (user(103), "a"), (outsider(), "a"), (user(101), "unknown")] {
        assert_eq!(store.hook(asker, id).await.unwrap(), None, "{asker:?} {id}");
    }
}

#[tokio::test]
async fn a_webhook_is_suspended_activated_and_deleted_by_its_maker_or_who_runs_the_team() {
    let world = World::new().await;
    let team = world.team(&[102, 103]).await;
    let store = &world.store;
    store.create_hook(user(102), team.id, "h".into(), addresses(), NOON).await.unwrap().unwrap();
    world.told().await;
    let set =
        async |asker, status| store.set_hook_status(asker, "h", status, addresses(), later(5)).await.unwrap();
    assert_eq!(set(user(103), HookStatus::Suspended).await, Err(Refusal::NotByAsker));
    assert_eq!(set(user(104), HookStatus::Suspended).await, Err(Refusal::NotFound));
    assert_eq!(set(outsider(), HookStatus::Deleted).await, Err(Refusal::NotFound));
    assert_eq!(world.told_whom().await, []);

    assert_eq!(set(user(102), HookStatus::Suspended).await, Ok(()));
    let told = world.told().await;
    assert_eq!((told[0].kind.as_str(), &told[0].recipients), ("WebhookUpdated", &ids(&[101, 102, 103])));
    assert_eq!(
        (&told[0].body["before"], &told[0].body["after"]),
        (&json!({ "status": "Active" }), &json!({ "status": "Suspended" }))
    );
    assert_eq!(set(user(102), HookStatus::Suspended).await, Ok(()));
    assert_eq!(world.told_whom().await, [], "it is suspended already");
    assert_eq!(store.active_hook("h").await.unwrap(), None);

    assert_eq!(set(user(101), HookStatus::Active).await, Ok(()), "who runs the team may");
    assert!(store.active_hook("h").await.unwrap().is_some());
    world.told().await;
    assert_eq!(set(user(102), HookStatus::Deleted).await, Ok(()));
    let told = world.told().await;
    assert_eq!((told[0].kind.as_str(), &told[0].body["status"]), ("WebhookDeleted", &json!("Deleted")));
    assert_eq!(store.own_hooks(user(102)).await.unwrap(), []);
    assert_eq!(store.hooks_of_chat(user(102), team.id).await.unwrap(), Some(vec![]));
    assert_eq!(store.hook(user(102), "h").await.unwrap().unwrap().status, HookStatus::Deleted);
    for status in [HookStatus::Active, HookStatus::Suspended, HookStatus::Deleted] {
        assert_eq!(set(user(102), status).await, Err(Refusal::NotFound), "what is deleted stays so");
    }
}

#[tokio::test]
async fn a_webhook_posts_in_the_name_of_its_maker_while_it_is_active() {
    let world = World::new().await;
    let team = world.team(&[102]).await;
    let store = &world.store;
    let hook = store.create_hook(user(102), team.id, "h".into(), addresses(), NOON).await.unwrap().unwrap();
    world.told().await;
    assert_eq!(store.active_hook("unknown").await.unwrap(), None);
    let look = Look {
        activity: Some("CI".into()),
        title: Some("Build".into()),
        icon_emoji: Some(":x:".into()),
        icon_uri: None,
    };
    let post = store.post_by_hook(hook.no, Content { look, ..text("failed") }, NOON).await.unwrap().unwrap();
    assert_eq!(post.creator, id(102));
    let told = world.told().await;
    assert_eq!((told[0].kind.as_str(), &told[0].recipients), ("PostAdded", &ids(&[101, 102])));
    assert_eq!((&told[0].body["activity"], &told[0].body["title"]), (&json!("CI"), &json!("Build")));
    assert_eq!((&told[0].body["iconEmoji"], &told[0].body["iconUri"]), (&json!(":x:"), &json!(null)));
    store.set_hook_status(user(102), "h", HookStatus::Suspended, addresses(), NOON).await.unwrap().unwrap();
    assert_eq!(store.post_by_hook(hook.no, text("late"), NOON).await.unwrap(), Err(Refusal::NotFound));
    store.set_hook_status(user(102), "h", HookStatus::Active, addresses(), NOON).await.unwrap().unwrap();
    store.set_archived(user(101), team.id, true, NOON).await.unwrap().unwrap();
    assert_eq!(store.post_by_hook(hook.no, text("late"), NOON).await.unwrap(), Err(Refusal::Archived));
}

#[tokio::test]
async fn a_chat_has_no_more_webhooks_than_the_limit() {
    let world = World::new().await;
    let team = world.team(&[]).await;
    let create =
        async |id: String| world.store.create_hook(user(101), team.id, id, addresses(), NOON).await.unwrap();
    for number in 0..100 {
        create(number.to_string()).await.unwrap();
    }
    assert_eq!(create("one more".into()).await, Err(Refusal::TooManyHooks(100)));
    world
        .store
        .set_hook_status(user(101), "7", HookStatus::Deleted, addresses(), NOON)
        .await
        .unwrap()
        .unwrap();
    assert!(create("one more".into()).await.is_ok());
}

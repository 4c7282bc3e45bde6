//! Posts and adaptive cards.

use hookswitch_core::chat::{MentionKind, PostKind};
use hookswitch_core::id::{CardId, PostId};
use serde_json::json;

use super::*;
use crate::team_messaging::{PageOf, Place, Refusal};

fn card(text: &str) -> Value {
    json!({ "type": "AdaptiveCard", "version": "1.3", "body": [{ "type": "TextBlock", "text": text }] })
}

#[tokio::test]
async fn a_post_is_told_to_all_members_its_author_too() {
    let world = World::new().await;
    let team = world.team(&[102]).await;
    let post = world.say(user(102), &team, "hello").await;
    assert_eq!((post.kind, post.creator), (PostKind::TextMessage, id(102)));
    let told = world.told().await;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].kind.as_str(), &told[0].recipients), ("PostAdded", &ids(&[101, 102])));
    assert_eq!(told[0].body["id"], post.id.to_string());
    assert_eq!((&told[0].body["text"], &told[0].body["mentions"]), (&json!("hello"), &json!(null)));
    assert_eq!(world.store.post(user(101), team.id, post.id).await.unwrap(), Some(post.clone()));
    for stranger in [user(103), outsider()] {
        assert_eq!(world.store.post(stranger, team.id, post.id).await.unwrap(), None);
        let refused =
            world.store.create_post(stranger, team.id, text("t"), InReplyTo::default(), NOON).await.unwrap();
        assert_eq!(refused, Err(Refusal::NotFound));
    }
    let other = world.team(&[]).await;
    assert_eq!(world.store.post(user(101), other.id, post.id).await.unwrap(), None, "not in that chat");
}

#[tokio::test]
async fn mentions_carry_the_names_that_the_author_may_see() {
    let world = World::new().await;
    let team = world.team(&[102]).await;
    let hidden = world.team_of("Hidden", false, &[]).await;
    let said = format!(
        "![:Person](1001103) ![:Team]({}) ![:Team]({}) ![:Person](2002101) ![:Note](n-1)",
        team.id, hidden.id
    );
    let post = world.say(user(102), &team, &said).await;
    let mentions: Vec<_> =
        post.mentions.into_iter().flatten().map(|mention| (mention.kind, mention.id, mention.name)).collect();
    let expected = [
        (MentionKind::Person, "1001103".to_owned(), Some("User 103".to_owned())),
        (MentionKind::Team, team.id.to_string(), Some("Ops".to_owned())),
        (MentionKind::Team, hidden.id.to_string(), None),
        (MentionKind::Person, "2002101".to_owned(), None),
        (MentionKind::Note, "n-1".to_owned(), None),
    ];
    assert_eq!(mentions, expected);
}

#[tokio::test]
async fn only_the_author_edits_or_deletes_and_members_are_told() {
    let world = World::new().await;
    let team = world.team(&[102, 103]).await;
    let store = &world.store;
    let post = world.say(user(102), &team, "helo").await;
    world.told().await;
    for (asker, expected) in [
        (user(101), Refusal::NotByAsker),
        (administrator(103), Refusal::NotByAsker),
        (user(104), Refusal::NotFound),
        (outsider(), Refusal::NotFound),
    ] {
        let refused = store.change_post(asker, team.id, post.id, "x".into(), NOON).await.unwrap();
        assert_eq!(refused, Err(expected), "{asker:?}");
        assert_eq!(store.delete_post(asker, team.id, post.id, NOON).await.unwrap(), Err(expected));
    }
    let changed =
        store.change_post(user(102), team.id, post.id, "![:Person](1001101) hello".into(), later(5)).await;
    let changed = changed.unwrap().unwrap();
    assert_eq!((changed.created_at, changed.modified_at), (NOON, later(5)));
    let told = world.told().await;
    assert_eq!((told[0].kind.as_str(), &told[0].recipients), ("PostChanged", &ids(&[101, 102, 103])));
    assert_eq!(told[0].body["mentions"][0]["name"], "User 101");
    assert_eq!(store.post(user(101), team.id, post.id).await.unwrap(), Some(changed));
    let same = "![:Person](1001101) hello".to_owned();
    store.change_post(user(102), team.id, post.id, same, later(6)).await.unwrap().unwrap();
    assert_eq!(world.told_whom().await, [], "nothing is different");
    store.delete_post(user(102), team.id, post.id, later(7)).await.unwrap().unwrap();
    let told = world.told().await;
    let expected =
        json!({ "id": post.id.to_string(), "groupId": team.id.to_string(), "eventType": "PostRemoved" });
    assert_eq!((told.len(), &told[0].body), (1, &expected));
    assert_eq!(told[0].recipients, ids(&[101, 102, 103]));
    assert_eq!(store.delete_post(user(102), team.id, post.id, NOON).await.unwrap(), Err(Refusal::NotFound));
}

#[tokio::test]
async fn a_notice_cannot_be_edited() {
    let world = World::new().await;
    let team = world.team_of("Public", true, &[]).await;
    world.store.join_team(user(102), team.id, NOON).await.unwrap().unwrap();
    let last = PageOf { place: Place::End, limit: 1 };
    let notice = world.store.posts(user(102), team.id, last).await.unwrap().unwrap().records.remove(0);
    assert_eq!(notice.kind, PostKind::PersonJoined);
    let refused = world.store.change_post(user(102), team.id, notice.id, "x".into(), NOON).await.unwrap();
    assert_eq!(refused, Err(Refusal::NotEditable));
}

#[tokio::test]
async fn posts_come_in_pages_from_either_end() {
    let world = World::new().await;
    let team = world.team(&[102]).await;
    let other = world.team(&[]).await;
    let mut posts = Vec::new();
    for number in 0..5 {
        posts.push(world.say(user(101), &team, &number.to_string()).await.id.0);
        world.say(user(101), &other, "elsewhere").await;
    }
    let page = async |place, limit| {
        let page = world.store.posts(user(102), team.id, PageOf { place, limit }).await.unwrap().unwrap();
        let ids: Vec<u64> = page.records.iter().map(|post| post.id.0).collect();
        (ids, page.has_earlier, page.has_later)
    };
    assert_eq!(page(Place::End, 2).await, (posts[3..].to_vec(), true, false));
    assert_eq!(page(Place::Before(posts[3]), 2).await, (posts[1..3].to_vec(), true, true));
    assert_eq!(page(Place::Before(posts[1]), 2).await, (posts[..1].to_vec(), false, true));
    assert_eq!(page(Place::After(posts[2]), 2).await, (posts[3..].to_vec(), true, false));
    let everything = PageOf { place: Place::End, limit: 250 };
    assert_eq!(world.store.posts(user(103), team.id, everything).await.unwrap(), None);
    assert_eq!(world.store.posts(outsider(), team.id, everything).await.unwrap(), None);
}

#[tokio::test]
async fn a_reply_hangs_on_a_post_of_the_same_chat() {
    let world = World::new().await;
    let (team, other) = (world.team(&[]).await, world.team(&[]).await);
    let first = world.say(user(101), &team, "first").await.id;
    let elsewhere = world.say(user(101), &other, "elsewhere").await.id;
    let reply = async |parent: Option<PostId>, thread: Option<PostId>| {
        let answer =
            world.store.create_post(user(101), team.id, text("r"), InReplyTo { parent, thread }, NOON).await;
        answer.unwrap().map(|post| (post.id, post.parent, post.thread))
    };
    let (second, parent, thread) = reply(Some(first), None).await.unwrap();
    assert_eq!((parent, thread), (Some(first), Some(first)));
    let (_, parent, thread) = reply(Some(second), None).await.unwrap();
    assert_eq!((parent, thread), (Some(second), Some(first)), "the thread is that of its beginning");
    let (_, parent, thread) = reply(None, Some(first)).await.unwrap();
    assert_eq!((parent, thread), (Some(first), Some(first)));
    assert!(reply(Some(second), Some(first)).await.is_ok());
    assert_eq!(reply(Some(elsewhere), None).await, Err(Refusal::UnknownParent));
    assert_eq!(reply(Some(PostId(1)), None).await, Err(Refusal::UnknownParent));
    assert_eq!(reply(None, Some(elsewhere)).await, Err(Refusal::UnknownThread));
    assert_eq!(reply(None, Some(second)).await, Err(Refusal::UnknownThread), "it began no thread");
    assert_eq!(reply(Some(second), Some(second)).await, Err(Refusal::UnknownThread));
}

#[tokio::test]
async fn an_adaptive_card_is_a_post_with_one_attachment() {
    let world = World::new().await;
    let team = world.team(&[102]).await;
    let store = &world.store;
    let posted = store.create_card(user(101), team.id, card("one"), NOON).await.unwrap().unwrap();
    assert_eq!((posted.chat, posted.creator, &posted.card), (team.id, id(101), &card("one")));
    let told = world.told().await;
    assert_eq!((told[0].kind.as_str(), &told[0].body["type"]), ("PostAdded", &json!("Card")));
    assert_eq!(told[0].body["attachments"][0]["id"], posted.id.to_string());
    assert_eq!(told[0].body["attachments"][0]["body"][0]["text"], "one");
    assert_eq!(store.card(user(102), posted.id).await.unwrap(), Some(posted.clone()));
    assert_eq!(store.card(user(103), posted.id).await.unwrap(), None);
    assert_eq!(store.card(outsider(), posted.id).await.unwrap(), None);

    let changed = store.change_card(user(101), posted.id, card("two"), later(5)).await.unwrap().unwrap();
    assert_eq!((changed.created_at, changed.modified_at, &changed.card), (NOON, later(5), &card("two")));
    let told = world.told().await;
    assert_eq!(
        (told[0].kind.as_str(), &told[0].body["attachments"][0]["body"][0]["text"]),
        ("PostChanged", &json!("two"))
    );
    assert_eq!(store.card(user(102), posted.id).await.unwrap(), Some(changed));
    store.change_card(user(101), posted.id, card("two"), later(6)).await.unwrap().unwrap();
    assert_eq!(world.told_whom().await, [], "nothing is different");

    for (asker, expected) in
        [(user(102), Refusal::NotByAsker), (user(103), Refusal::NotFound), (outsider(), Refusal::NotFound)]
    {
        assert_eq!(store.change_card(asker, posted.id, card("x"), NOON).await.unwrap(), Err(expected));
        assert_eq!(store.delete_card(asker, posted.id, NOON).await.unwrap(), Err(expected));
    }
    store.delete_card(user(101), posted.id, later(7)).await.unwrap().unwrap();
    assert_eq!(world.told_whom().await, [event("PostRemoved", &[101, 102])]);
    assert_eq!(store.card(user(101), posted.id).await.unwrap(), None);
    assert_eq!(store.delete_card(user(101), CardId(1), NOON).await.unwrap(), Err(Refusal::NotFound));
}

#[tokio::test]
async fn a_card_among_other_attachments_is_taken_out_alone() {
    let world = World::new().await;
    let team = world.team(&[]).await;
    world.store.create_hook(user(101), team.id, "secret".into(), addresses(), NOON).await.unwrap().unwrap();
    let hook = world.store.active_hook("secret").await.unwrap().unwrap();
    let attachments = vec![card("one"), json!({ "type": "Card", "title": "t" }), card("two")];
    let content = Content { attachments, ..text("look") };
    let post = world.store.post_by_hook(hook, content, NOON).await.unwrap().unwrap();
    world.told().await;
    let attachments = post.attachments.clone().unwrap();
    assert_eq!((attachments.len(), attachments[1].get("id")), (3, None));
    let two = CardId(attachments[2]["id"].as_str().unwrap().parse().unwrap());
    assert_eq!(world.store.card(user(101), two).await.unwrap().unwrap().card, card("two"));
    world.store.delete_card(user(101), two, later(5)).await.unwrap().unwrap();
    let left = world.store.post(user(101), team.id, post.id).await.unwrap().unwrap();
    assert_eq!(left.attachments.as_deref(), Some(&attachments[..2]));
    assert_eq!(world.told_whom().await, [event("PostChanged", &[101])]);
    world.store.delete_post(user(101), team.id, post.id, NOON).await.unwrap().unwrap();
    let one = CardId(attachments[0]["id"].as_str().unwrap().parse().unwrap());
    assert_eq!(world.store.card(user(101), one).await.unwrap(), None, "cards go with their post");
}

//! Who sees which chats, in which order, page by page.

use hookswitch_core::chat::ChatKind;

use super::*;
use crate::team_messaging::{PageOf, Place};

const ALL: PageOf = PageOf { place: Place::Start, limit: 250 };

#[tokio::test]
async fn everybody_has_a_personal_chat_and_the_chat_of_everyone_from_the_start() {
    let world = World::new().await;
    let first = world.store.chats(user(101), vec![], ALL, NOON).await.unwrap();
    let kinds: Vec<_> = first.records.iter().map(|chat| chat.kind).collect();
    assert_eq!(kinds, [ChatKind::Everyone, ChatKind::PersonalChat]);
    assert_eq!(first.records[1].members, ids(&[101]));
    assert_eq!(first.records[0].members.len(), 20);
    assert_eq!(world.store.chats(user(101), vec![], ALL, later(60)).await.unwrap(), first, "made once");
    let second = world.store.chats(user(102), vec![], ALL, NOON).await.unwrap();
    assert_eq!(second.records[0].id, first.records[0].id, "one chat of everyone for the account");
    assert_ne!(second.records[1].id, first.records[1].id);
    let outside = world.store.everyone(outsider(), NOON).await.unwrap();
    assert_ne!(outside.id, first.records[0].id);
    assert_eq!(world.told().await, [], "nobody is told");
}

#[tokio::test]
async fn pages_are_ascending_in_both_directions_and_know_what_lies_beyond() {
    let world = World::new().await;
    let mut teams = Vec::new();
    for number in 0..5 {
        teams.push(world.team_of(&format!("Team {number}"), false, &[102]).await.id.0);
    }
    let page = async |place, limit| {
        let page = PageOf { place, limit };
        let page = world.store.chats(user(102), vec![ChatKind::Team], page, NOON).await.unwrap();
        let ids: Vec<u64> = page.records.iter().map(|chat| chat.id.0).collect();
        (ids, page.has_earlier, page.has_later)
    };
    assert_eq!(page(Place::Start, 2).await, (teams[..2].to_vec(), false, true));
    assert_eq!(page(Place::After(teams[1]), 2).await, (teams[2..4].to_vec(), true, true));
    assert_eq!(page(Place::After(teams[3]), 2).await, (teams[4..].to_vec(), true, false));
    assert_eq!(page(Place::Before(teams[4]), 2).await, (teams[2..4].to_vec(), true, true));
    assert_eq!(page(Place::Before(teams[2]), 2).await, (teams[..2].to_vec(), false, true));
    assert_eq!(page(Place::End, 2).await, (teams[3..].to_vec(), true, false));
    assert_eq!(page(Place::Start, 5).await, (teams.clone(), false, false), "exactly full is the last page");
    assert_eq!(page(Place::After(teams[4]), 5).await, (vec![], true, false));
}

#[tokio::test]
async fn lists_show_chats_of_the_kinds_asked_for_that_the_asker_is_in() {
    let world = World::new().await;
    let team = world.team(&[102]).await;
    world.team_of("Public", true, &[]).await;
    world.store.open_conversation(user(102), people(&[103]), NOON).await.unwrap().unwrap();
    let kinds = async |asker, kinds: Vec<ChatKind>| {
        let page = world.store.chats(asker, kinds, ALL, NOON).await.unwrap();
        page.records.iter().map(|chat| chat.kind).collect::<Vec<_>>()
    };
    assert_eq!(
        kinds(user(102), vec![ChatKind::Team, ChatKind::PrivateChat]).await,
        [ChatKind::Team, ChatKind::PrivateChat]
    );
    assert_eq!(
        kinds(user(103), vec![ChatKind::Team]).await,
        [],
        "a public team is no chat of those outside it"
    );
    assert_eq!(kinds(outsider(), vec![]).await, [ChatKind::Everyone, ChatKind::PersonalChat]);
    assert!(world.store.chat(user(102), team.id).await.unwrap().is_some());
    for stranger in [user(103), administrator(104), outsider()] {
        assert_eq!(world.store.chat(stranger, team.id).await.unwrap(), None, "{stranger:?}");
    }
}

#[tokio::test]
async fn public_teams_are_seen_by_all_of_the_account_and_private_ones_by_their_members() {
    let world = World::new().await;
    let private = world.team(&[102]).await;
    let public = world.team_of("Public", true, &[]).await;
    let teams = async |asker| {
        let page = world.store.teams(asker, ALL).await.unwrap();
        page.records.iter().map(|chat| chat.id).collect::<Vec<_>>()
    };
    assert_eq!(teams(user(101)).await, [private.id, public.id]);
    assert_eq!(teams(user(103)).await, [public.id]);
    assert_eq!(teams(outsider()).await, []);
    assert!(world.store.team(user(103), public.id).await.unwrap().is_some());
    assert_eq!(world.store.team(user(103), private.id).await.unwrap(), None);
    assert_eq!(world.store.team(outsider(), public.id).await.unwrap(), None);
    let personal = world.store.chats(user(101), vec![ChatKind::PersonalChat], ALL, NOON).await.unwrap();
    assert_eq!(world.store.team(user(101), personal.records[0].id).await.unwrap(), None, "no team");
}

#[tokio::test]
async fn the_most_recently_used_chats_come_first() {
    let world = World::new().await;
    let (old, new) = (world.team_of("Old", false, &[]).await, world.team_of("New", false, &[]).await);
    let reply = InReplyTo::default();
    world.store.create_post(user(101), old.id, text("now"), reply, later(60)).await.unwrap().unwrap();
    let recent = async |kinds, limit| {
        let chats = world.store.recent_chats(user(101), kinds, limit, NOON).await.unwrap();
        chats.iter().map(|chat| chat.id).collect::<Vec<_>>()
    };
    assert_eq!(recent(vec![ChatKind::Team], 10).await, [old.id, new.id]);
    assert_eq!(recent(vec![], 1).await, [old.id]);
    assert_eq!(recent(vec![], 10).await.len(), 4, "with the personal chat and the one of everyone");
}

#[tokio::test]
async fn favourites_are_each_persons_own_and_end_with_membership() {
    let world = World::new().await;
    let (one, two) = (world.team_of("One", false, &[102]).await, world.team_of("Two", false, &[102]).await);
    let favorites = async |asker| {
        let chats = world.store.favorite_chats(asker, 250).await.unwrap();
        chats.iter().map(|chat| chat.id).collect::<Vec<_>>()
    };
    world.store.set_favorite(user(102), two.id, true, NOON).await.unwrap().unwrap();
    world.store.set_favorite(user(102), one.id, true, later(1)).await.unwrap().unwrap();
    world.store.set_favorite(user(102), one.id, true, later(2)).await.unwrap().unwrap();
    assert_eq!(favorites(user(102)).await, [two.id, one.id]);
    assert_eq!(favorites(user(101)).await, []);
    world.store.set_favorite(user(102), two.id, false, NOON).await.unwrap().unwrap();
    assert_eq!(favorites(user(102)).await, [one.id]);
    world.store.leave_team(user(102), one.id, NOON).await.unwrap().unwrap();
    assert_eq!(favorites(user(102)).await, []);
    let refused = world.store.set_favorite(user(103), one.id, true, NOON).await.unwrap();
    assert_eq!(refused, Err(crate::team_messaging::Refusal::NotFound));
    let everyone = world.store.everyone(user(103), NOON).await.unwrap();
    world.store.set_favorite(user(103), everyone.id, true, NOON).await.unwrap().unwrap();
    assert_eq!(favorites(user(103)).await, [everyone.id]);
}

#[tokio::test]
async fn members_are_named_for_whoever_delivers_and_only_within_the_account() {
    let world = World::new().await;
    let team = world.team(&[103, 102]).await;
    let everyone = world.store.everyone(user(101), NOON).await.unwrap();
    let members = async |account, chat| world.store.members_of(account, chat).await.unwrap();
    assert_eq!(members(ACME, team.id).await, Some(ids(&[101, 102, 103])));
    assert_eq!(members(ACME, everyone.id).await, Some(ids(&(101..=120).collect::<Vec<_>>())));
    assert_eq!(members(OTHER, team.id).await, None);
    assert_eq!(members(ACME, hookswitch_core::id::ChatId(1)).await, None);
    world.store.delete_team(user(101), team.id, addresses(), NOON).await.unwrap().unwrap();
    assert_eq!(members(ACME, team.id).await, None);
}

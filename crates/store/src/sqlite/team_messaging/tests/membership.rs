//! Who may change a chat or who is in it, and who is told of what.

use hookswitch_core::chat::{ChatKind, happening};
use serde_json::json;

use super::*;
use crate::team_messaging::{ChatChange, Effect, Opened, Refusal};

#[tokio::test]
async fn there_is_one_conversation_of_the_same_people() {
    let world = World::new().await;
    let open = async |asker, with: &[u64]| {
        world.store.open_conversation(asker, people(with), NOON).await.unwrap().unwrap()
    };
    let Opened::Created(direct) = open(user(101), &[102]).await else { panic!("none was there") };
    assert_eq!((direct.kind, direct.members.clone()), (ChatKind::PrivateChat, ids(&[101, 102])));
    assert_eq!(world.told_whom().await, [event("GroupJoined", &[101, 102])]);
    assert_eq!(open(user(102), &[101, 102]).await, Opened::Existing(direct));
    let Opened::Created(group) = open(user(101), &[103, 102, 103]).await else { panic!("none was there") };
    assert_eq!((group.kind, group.members.clone()), (ChatKind::Group, ids(&[101, 102, 103])));
    assert_eq!(world.told_whom().await, [event("GroupJoined", &[101, 102, 103])]);
    let Opened::Created(personal) = open(user(101), &[]).await else { panic!("none was there") };
    assert_eq!(personal.kind, ChatKind::PersonalChat);
    assert_eq!(open(user(101), &[101]).await, Opened::Existing(personal));
    assert_eq!(world.told_whom().await, [], "nobody is told of what was there, or of a personal chat");
}

#[tokio::test]
async fn people_are_named_by_id_or_email_and_only_those_of_the_account() {
    let world = World::new().await;
    let with = |email: &str| vec![Invitee::Email(email.into())];
    let opened =
        world.store.open_conversation(user(101), with("User102@1001.example"), NOON).await.unwrap().unwrap();
    let Opened::Created(chat) = opened else { panic!("none was there") };
    assert_eq!(chat.members, ids(&[101, 102]));
    for unknown in [
        Invitee::Email("user101@2002.example".into()),
        Invitee::Email(String::new()),
        Invitee::Extension(outsider().extension),
        Invitee::Extension(ExtensionId(u64::MAX)),
    ] {
        let named = [people(&[102]), vec![unknown.clone()]].concat();
        let answer = world.store.open_conversation(user(101), named.clone(), NOON).await.unwrap();
        assert_eq!(answer, Err(Refusal::UnknownPerson(1)), "{unknown:?}");
        let team = NewTeam { name: "T".into(), description: None, public: false, members: named };
        assert_eq!(
            world.store.create_team(user(101), team, NOON).await.unwrap(),
            Err(Refusal::UnknownPerson(1))
        );
    }
    let many = people(&(102..=117).collect::<Vec<_>>());
    let answer = world.store.open_conversation(user(101), many, NOON).await.unwrap();
    assert_eq!(answer, Err(Refusal::TooManyMembers(16)));
}

#[tokio::test]
async fn a_new_team_tells_all_its_members() {
    let world = World::new().await;
    let team =
        NewTeam { name: "Ops".into(), description: Some("d".into()), public: true, members: people(&[102]) };
    let team = world.store.create_team(user(101), team, NOON).await.unwrap().unwrap();
    let told = world.told().await;
    assert_eq!(
        (told.len(), told[0].name.as_str(), told[0].kind.as_str()),
        (1, happening::CHATS, "GroupJoined")
    );
    assert_eq!(told[0].recipients, ids(&[101, 102]));
    let id = team.id.to_string();
    let expected = json!({
        "id": id, "name": "Ops", "description": "d", "type": "Team", "status": "Active",
        "members": ["1001101", "1001102"], "isPublic": true, "creationTime": NOON.iso8601(),
        "lastModifiedTime": NOON.iso8601(), "eventType": "GroupJoined",
    });
    assert_eq!(told[0].body, expected);
}

#[tokio::test]
async fn a_new_name_and_other_changes_are_told_by_what_they_are() {
    let world = World::new().await;
    let team = world.team(&[102]).await;
    let change =
        async |change| world.store.change_team(user(101), team.id, change, later(5)).await.unwrap().unwrap();
    let renamed = change(ChatChange { name: Some("New".into()), ..ChatChange::default() }).await;
    assert_eq!((renamed.name.as_deref(), renamed.modified_at), (Some("New"), later(5)));
    assert_eq!(world.told_whom().await, [event("GroupRenamed", &[101, 102])]);
    change(ChatChange { description: Some(Some("d".into())), public: Some(true), ..ChatChange::default() })
        .await;
    assert_eq!(world.told_whom().await, [event("GroupChanged", &[101, 102])]);
    let same =
        ChatChange { name: Some("New".into()), description: Some(Some("d".into())), public: Some(true) };
    change(same).await;
    assert_eq!(world.told_whom().await, [], "nothing is different");
    let both = change(ChatChange { name: Some("Ops".into()), description: Some(None), public: None }).await;
    assert_eq!((both.description, both.public), (None, Some(true)));
    assert_eq!(
        world.told_whom().await,
        [event("GroupRenamed", &[101, 102]), event("GroupChanged", &[101, 102])]
    );
}

#[tokio::test]
async fn only_who_runs_a_team_changes_it_and_strangers_do_not_know_of_it() {
    let world = World::new().await;
    let team = world.team(&[102, 103]).await.id;
    let store = &world.store;
    for (asker, expected) in [
        (user(102), Refusal::NotRunByAsker),
        (user(104), Refusal::NotFound),
        (administrator(104), Refusal::NotFound),
        (outsider(), Refusal::NotFound),
    ] {
        let name = ChatChange { name: Some("X".into()), ..ChatChange::default() };
        assert_eq!(store.change_team(asker, team, name, NOON).await.unwrap(), Err(expected), "{asker:?}");
        assert_eq!(store.add_members(asker, team, people(&[105]), NOON).await.unwrap(), Err(expected));
        assert_eq!(store.remove_members(asker, team, people(&[103]), NOON).await.unwrap(), Err(expected));
        assert_eq!(store.set_archived(asker, team, true, NOON).await.unwrap(), Err(expected));
        assert_eq!(store.delete_team(asker, team, addresses(), NOON).await.unwrap(), Err(expected));
    }
    assert_eq!(world.told_whom().await, [], "what is refused is not told");
    let name = ChatChange { name: Some("X".into()), ..ChatChange::default() };
    assert!(store.change_team(administrator(103), team, name, NOON).await.unwrap().is_ok());
    let direct = store.open_conversation(user(101), people(&[102]), NOON).await.unwrap().unwrap();
    let Opened::Created(direct) = direct else { panic!("none was there") };
    let refused = store.set_archived(user(101), direct.id, true, NOON).await.unwrap();
    assert_eq!(refused, Err(Refusal::NotFound), "a conversation is no team");
}

#[tokio::test]
async fn those_who_are_added_are_told_that_they_joined_and_all_see_a_notice() {
    let world = World::new().await;
    let team = world.team(&[102]).await;
    let added = people(&[102, 104, 103]);
    world.store.add_members(user(101), team.id, added, later(5)).await.unwrap().unwrap();
    let told = world.told().await;
    let kinds: Vec<_> = told.iter().map(|told| (told.kind.as_str(), told.recipients.clone())).collect();
    let (joined, all) = (ids(&[103, 104]), ids(&[101, 102, 103, 104]));
    assert_eq!(kinds, [("GroupJoined", joined), ("PostAdded", all)]);
    assert_eq!(told[0].body["members"], json!(["1001101", "1001102", "1001103", "1001104"]));
    assert_eq!(told[1].body["type"], "PersonsAdded");
    assert_eq!(told[1].body["addedPersonIds"], json!(["1001103", "1001104"]));
    assert_eq!((&told[1].body["creatorId"], &told[1].body["text"]), (&json!("1001101"), &json!(null)));
    world.store.add_members(user(101), team.id, people(&[103]), NOON).await.unwrap().unwrap();
    assert_eq!(world.told_whom().await, [], "they are in it already");
}

#[tokio::test]
async fn who_joins_and_who_leaves_is_told_so_alone() {
    let world = World::new().await;
    let team = world.team_of("Public", true, &[]).await;
    assert_eq!(world.store.join_team(user(102), team.id, NOON).await.unwrap(), Ok(Effect::Changed));
    assert_eq!(world.told_whom().await, [event("GroupJoined", &[102]), event("PostAdded", &[101, 102])]);
    assert_eq!(world.store.join_team(user(102), team.id, NOON).await.unwrap(), Ok(Effect::AlreadySo));
    assert_eq!(world.store.leave_team(user(102), team.id, NOON).await.unwrap(), Ok(Effect::Changed));
    let told = world.told().await;
    assert_eq!((told[0].kind.as_str(), &told[0].recipients), ("GroupLeft", &ids(&[102])));
    assert_eq!(told[0].body["members"], json!(["1001101"]), "as it is afterwards");
    assert_eq!(world.store.leave_team(user(102), team.id, NOON).await.unwrap(), Ok(Effect::AlreadySo));
    assert_eq!(world.told_whom().await, []);
    let private = world.team(&[]).await;
    assert_eq!(world.store.join_team(user(102), private.id, NOON).await.unwrap(), Err(Refusal::NotFound));
    assert_eq!(world.store.leave_team(user(102), private.id, NOON).await.unwrap(), Err(Refusal::NotFound));
    assert_eq!(world.store.join_team(outsider(), team.id, NOON).await.unwrap(), Err(Refusal::NotFound));
}

#[tokio::test]
async fn those_who_are_removed_are_told_that_they_left_and_the_rest_see_a_notice() {
    let world = World::new().await;
    let team = world.team(&[102, 103]).await;
    world.store.remove_members(user(101), team.id, people(&[103, 104]), NOON).await.unwrap().unwrap();
    let told = world.told().await;
    let kinds: Vec<_> = told.iter().map(|told| (told.kind.as_str(), told.recipients.clone())).collect();
    let left = ids(&[103]);
    assert_eq!(kinds, [("GroupLeft", left), ("PostAdded", ids(&[101, 102]))]);
    assert_eq!(told[1].body["removedPersonIds"], json!(["1001103"]));
    assert_eq!(told[1].body["addedPersonIds"], json!(null));
    assert_eq!(world.store.chat(user(103), team.id).await.unwrap(), None);
    world.store.remove_members(user(101), team.id, people(&[103]), NOON).await.unwrap().unwrap();
    assert_eq!(world.told_whom().await, []);
}

#[tokio::test]
async fn an_archived_team_takes_nothing_until_it_is_active_again() {
    let world = World::new().await;
    let team = world.team_of("Public", true, &[102]).await;
    let store = &world.store;
    assert_eq!(store.set_archived(user(101), team.id, true, NOON).await.unwrap(), Ok(Effect::Changed));
    let told = world.told().await;
    assert_eq!((told[0].kind.as_str(), &told[0].body["status"]), ("GroupChanged", &json!("Archived")));
    assert_eq!(store.set_archived(user(101), team.id, true, NOON).await.unwrap(), Ok(Effect::AlreadySo));
    let reply = InReplyTo::default();
    let archived = Err(Refusal::Archived);
    assert_eq!(store.create_post(user(101), team.id, text("t"), reply, NOON).await.unwrap(), archived);
    assert_eq!(store.join_team(user(103), team.id, NOON).await.unwrap(), Err(Refusal::Archived));
    assert_eq!(store.leave_team(user(102), team.id, NOON).await.unwrap(), Err(Refusal::Archived));
    assert_eq!(
        store.add_members(user(101), team.id, people(&[103]), NOON).await.unwrap(),
        Err(Refusal::Archived)
    );
    assert_eq!(
        store.remove_members(user(101), team.id, people(&[102]), NOON).await.unwrap(),
        Err(Refusal::Archived)
    );
    assert_eq!(world.told_whom().await, []);
    assert_eq!(store.set_archived(user(101), team.id, false, NOON).await.unwrap(), Ok(Effect::Changed));
    assert!(store.create_post(user(101), team.id, text("t"), reply, NOON).await.unwrap().is_ok());
}

#[tokio::test]
async fn deleting_a_team_is_leaving_for_everybody_and_nothing_of_it_is_seen_again() {
    let world = World::new().await;
    let team = world.team_of("Public", true, &[102]).await;
    let post = world.say(user(101), &team, "hello").await;
    let hook = world
        .store
        .create_hook(user(102), team.id, "secret".into(), addresses(), NOON)
        .await
        .unwrap()
        .unwrap();
    world.told().await;
    world.store.delete_team(user(101), team.id, addresses(), later(9)).await.unwrap().unwrap();
    let whom = world.told_whom().await;
    assert_eq!(whom, [event("WebhookDeleted", &[101, 102]), event("GroupLeft", &[101, 102])]);
    assert_eq!(world.store.chat(user(101), team.id).await.unwrap(), None);
    assert_eq!(world.store.team(user(101), team.id).await.unwrap(), None);
    assert_eq!(world.store.post(user(101), team.id, post.id).await.unwrap(), None);
    assert_eq!(world.store.active_hook("secret").await.unwrap(), None);
    assert_eq!(
        world.store.post_by_hook(hook.no, text("late"), later(9)).await.unwrap(),
        Err(Refusal::NotFound)
    );
    assert_eq!(world.store.join_team(user(103), team.id, NOON).await.unwrap(), Err(Refusal::NotFound));
    let again = world.store.delete_team(user(101), team.id, addresses(), NOON).await.unwrap();
    assert_eq!(again, Err(Refusal::NotFound));
}

#[tokio::test]
async fn the_chat_of_everyone_is_changed_by_administrators_and_told_to_the_whole_account() {
    let world = World::new().await;
    let change = || ChatChange { name: Some("All".into()), public: Some(true), ..ChatChange::default() };
    let refused = world.store.change_everyone(user(101), change(), NOON).await.unwrap();
    assert_eq!(refused, Err(Refusal::NotRunByAsker));
    let changed = world.store.change_everyone(administrator(101), change(), NOON).await.unwrap().unwrap();
    assert_eq!((changed.name.as_deref(), changed.public), (Some("All"), None));
    assert_eq!(world.told_whom().await, [event("GroupRenamed", &(101..=120).collect::<Vec<_>>())]);
    let everyone = world.store.everyone(user(102), NOON).await.unwrap();
    world.say(user(102), &everyone, "good morning").await;
    assert_eq!(world.told_whom().await, [event("PostAdded", &(101..=120).collect::<Vec<_>>())]);
}

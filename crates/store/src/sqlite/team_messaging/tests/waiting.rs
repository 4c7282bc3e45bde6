//! Events that wait to be published, and what is purged.

use hookswitch_core::chat::HookStatus;
use hookswitch_core::limits::MESSAGING_EVENTS_WAITING;

use super::*;
use crate::StoreError;

#[tokio::test]
async fn events_wait_in_order_with_uuids_of_their_own_until_they_are_forgotten() {
    let world = World::new().await;
    let team = world.team(&[]).await;
    for said in ["one", "two", "three"] {
        world.say(user(101), &team, said).await;
    }
    let waiting = world.store.waiting_events(2).await.unwrap();
    assert_eq!(waiting.len(), 2);
    assert!(waiting[0].body.contains("\"one\"") && waiting[1].body.contains("\"two\""));
    assert_ne!(waiting[0].uuid, waiting[1].uuid);
    assert_eq!(
        (waiting[0].account, waiting[0].timestamp, waiting[0].uuid.get_version_num()),
        (ACME, NOON, 7)
    );
    assert_eq!(world.store.waiting_events(2).await.unwrap(), waiting, "reading changes nothing");
    world.store.forget_events(vec![waiting[0].no, 999_999]).await.unwrap();
    let left = world.store.waiting_events(10).await.unwrap();
    assert_eq!((left.len(), &left[0]), (2, &waiting[1]));
}

#[tokio::test]
async fn changes_are_refused_while_too_many_events_wait_and_reading_goes_on() {
    let world = World::new().await;
    let team = world.team(&[]).await;
    world.say(user(101), &team, "first").await;
    // As if so many had been added since.
    let far = MESSAGING_EVENTS_WAITING;
    let jump = move |db: &rusqlite::Transaction<'_>| {
        db.execute("UPDATE messaging_events SET no = no - ?1", [far])?;
        Ok(())
    };
    world.db.write(jump).await.unwrap();
    let say =
        async || world.store.create_post(user(101), team.id, text("more"), InReplyTo::default(), NOON).await;
    say().await.unwrap().unwrap();
    assert!(matches!(say().await, Err(StoreError::Unavailable(_))));
    assert!(world.store.chat(user(101), team.id).await.unwrap().is_some());
    world.told().await;
    assert!(say().await.unwrap().is_ok());
}

#[tokio::test]
async fn what_deleted_teams_and_webhooks_left_is_purged_in_slices() {
    let world = World::new().await;
    let (gone, kept) = (world.team(&[]).await, world.team(&[]).await);
    for number in 0..450 {
        world.say(user(101), &gone, &number.to_string()).await;
    }
    let post = world.say(user(101), &kept, "stays").await;
    world.store.create_hook(user(101), kept.id, "h".into(), addresses(), NOON).await.unwrap().unwrap();
    world.store.delete_team(user(101), gone.id, addresses(), later(60)).await.unwrap().unwrap();
    world
        .store
        .set_hook_status(user(101), "h", HookStatus::Deleted, addresses(), later(60))
        .await
        .unwrap()
        .unwrap();
    assert!(world.store.purge(NOON, 300).await.unwrap(), "there is more");
    while world.store.purge(NOON, 300).await.unwrap() {}
    let count = async |table: &'static str| {
        let sql = format!("SELECT count(*) FROM {table}");
        world.db.read(move |db| Ok(db.query_row(&sql, [], |row| row.get::<_, i64>(0))?)).await.unwrap()
    };
    assert_eq!(count("posts").await, 1);
    assert_eq!(
        (count("chats").await, count("incoming_webhooks").await),
        (2, 1),
        "the rest is remembered for a while"
    );
    while world.store.purge(later(61), 300).await.unwrap() {}
    assert_eq!((count("chats").await, count("incoming_webhooks").await), (1, 0));
    assert!(world.store.post(user(101), kept.id, post.id).await.unwrap().is_some());
}

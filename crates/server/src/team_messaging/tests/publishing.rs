//! The loop that brings events from the store to the event log.

use tokio_util::sync::CancellationToken;

use super::super::publish_waiting;
use super::*;

impl World {
    async fn say(&self, chat: &str, text: &str) {
        self.post(USER, &format!("{NEWER}/chats/{chat}/posts"), &json!({ "text": text })).await.expect(201);
    }

    fn start_publishing(&self) -> (CancellationToken, tokio::task::JoinHandle<()>) {
        let stopping = CancellationToken::new();
        let task = publish_waiting(self.messaging.clone(), self.ear.clone(), stopping.clone());
        (stopping, tokio::spawn(task))
    }

    /// Texts of posts that were published, once there are so many.
    async fn heard(&self, count: usize) -> Vec<String> {
        let enough = async {
            while self.ear.heard.lock().len() < count {
                tokio::task::yield_now().await;
            }
        };
        enough.await;
        let heard = self.ear.heard.lock();
        let text = |event: &WaitingEvent| {
            serde_json::from_str::<Value>(&event.body).unwrap()["text"].as_str().unwrap().to_owned()
        };
        heard.iter().map(text).collect()
    }
}

#[tokio::test]
async fn what_waits_at_the_start_is_published_and_then_every_change() {
    let world = World::new().await;
    let team = world.team().await;
    world.say(&team, "before").await;
    let (stopping, task) = world.start_publishing();
    assert_eq!(world.heard(1).await, ["before"]);
    world.say(&team, "after").await;
    assert_eq!(world.heard(2).await, ["before", "after"]);
    stopping.cancel();
    task.await.unwrap();
    assert_eq!(
        world.messaging.store.waiting_events(10).await.unwrap(),
        [],
        "what was published waits no more"
    );
}

#[tokio::test]
async fn an_event_keeps_its_uuid_when_it_is_published_again_after_a_crash() {
    let world = World::new().await;
    let team = world.team().await;
    world.say(&team, "once").await;
    let waiting = world.messaging.store.waiting_events(10).await.unwrap();
    // Published, and then nobody was left to note it.
    world.ear.publish(&waiting).await.unwrap();
    publisher::drain(&world.messaging, world.ear.as_ref()).await.unwrap();
    let heard = std::mem::take(&mut *world.ear.heard.lock());
    assert_eq!((heard.len(), heard[0].uuid), (2, heard[1].uuid));
    assert_eq!(heard[0], heard[1]);
}

#[tokio::test]
async fn a_log_that_takes_nothing_is_asked_again_after_a_while_and_nothing_is_lost() {
    let world = World::new().await;
    let team = world.team().await;
    world.say(&team, "one").await;
    *world.ear.busy.lock() = 1;
    let (stopping, task) = world.start_publishing();
    let second = Duration::from_secs(1);
    world.clock.until_sleeping_towards(second, second).await;
    world.say(&team, "two").await;
    assert!(world.ear.heard.lock().is_empty(), "not before its time");
    world.clock.advance(second);
    assert_eq!(world.heard(2).await, ["one", "two"]);
    stopping.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn an_event_that_is_refused_for_good_does_not_hold_up_the_others() {
    let world = World::new().await;
    let team = world.team().await;
    for text in ["one", "two", "three"] {
        world.say(&team, text).await;
    }
    *world.ear.refuses.lock() = Some("two");
    publisher::drain(&world.messaging, world.ear.as_ref()).await.unwrap();
    assert_eq!(world.heard(2).await, ["one", "three"]);
    assert_eq!(world.messaging.store.waiting_events(10).await.unwrap(), []);
}

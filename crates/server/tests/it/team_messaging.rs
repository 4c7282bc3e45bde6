//! Team messaging through a whole server: what happens in a chat reaches the webhooks of its members, and
//! nobody else's.

use base64::Engine as _;
use hookswitch_testkit::{Received, ScriptedReceiver};
use http::Method;
use serde_json::{Value, json};

use crate::world::World;

const POSTS: &str = "/team-messaging/v1/posts";
const OLDER_POSTS: &str = "/restapi/v1.0/glip/posts";

/// The token of another user of the demo account.
async fn log_in_as(world: &World, extension: &str) -> String {
    let secret = format!("{}:{}", world.env["RC_APP_CLIENT_ID"], world.env["RC_APP_CLIENT_SECRET"]);
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(secret));
    let form = format!(
        "grant_type=password&username={}&extension={extension}&password={}",
        world.env["RC_USERNAME"].replace('+', "%2B"),
        world.env["RC_PASSWORD"].replace('+', "%2B"),
    );
    let headers = [("authorization", basic.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let reply =
        world.client.send(Method::POST, "/restapi/oauth/token", &headers, form).await.expect("an answer");
    reply.expect(200).json()["access_token"].as_str().expect("a token").to_owned()
}

async fn subscribe(world: &World, token: &str, filter: &str, address: &str) {
    let body = json!({
        "eventFilters": [filter],
        "deliveryMode": { "transportType": "WebHook", "address": address },
    });
    world.call(Method::POST, "/restapi/v1.0/subscription", token, Some(body)).await.expect(200);
}

fn envelopes(received: &[Received]) -> Vec<(String, Value)> {
    let of = |request: &Received| {
        let envelope = request.json();
        (envelope["event"].as_str().expect("an event").to_owned(), envelope["body"].clone())
    };
    received.iter().map(of).collect()
}

/// A team of extensions 101 and 102, and the tokens of 102 and of 103, who is not in it.
async fn team(world: &World) -> (String, String, String) {
    let (member, stranger) = (log_in_as(world, "102").await, log_in_as(world, "103").await);
    let own = |token: String| async move {
        let extension =
            world.call(Method::GET, "/team-messaging/v1/persons/~", &token, None).await.expect(200).json();
        extension["id"].clone()
    };
    let request = json!({ "name": "Ops", "members": [{ "id": own(member.clone()).await }] });
    let team = world.user(Method::POST, "/team-messaging/v1/teams", Some(request)).await.expect(201).json();
    (team["id"].as_str().expect("an id").to_owned(), member, stranger)
}

#[tokio::test]
async fn a_third_partys_post_becomes_an_event_at_the_members_and_not_at_a_strangers() {
    let world = World::start().await;
    let (team, member, stranger) = team(&world).await;
    let [author, others, outside] =
        [ScriptedReceiver::start().await, ScriptedReceiver::start().await, ScriptedReceiver::start().await];
    subscribe(&world, &world.user_token, POSTS, &author.url("/hook")).await;
    subscribe(&world, &member, OLDER_POSTS, &others.url("/hook")).await;
    subscribe(&world, &stranger, POSTS, &outside.url("/hook")).await;

    let path = format!("/restapi/v1.0/glip/groups/{team}/webhooks");
    let hook = world.user(Method::POST, &path, Some(json!({}))).await.expect(200).json();
    let uri = hook["uri"].as_str().expect("a uri");
    let target = uri.strip_prefix(world.server.url()).expect("our own address");
    let json = [("content-type", "application/json")];
    let body = json!({ "activity": "CI", "text": "**failed**" }).to_string();
    let reply = world.client.send(Method::POST, target, &json, body).await.expect("an answer");
    assert_eq!(reply.expect(200).json(), json!({ "status": "OK" }));

    let own = envelopes(&author.wait_for_deliveries(1).await);
    assert_eq!(own[0].0, POSTS);
    assert_eq!((&own[0].1["eventType"], &own[0].1["groupId"]), (&json!("PostAdded"), &json!(team)));
    assert_eq!((&own[0].1["text"], &own[0].1["mentions"]), (&json!("**failed**"), &json!(null)));
    let theirs = envelopes(&others.wait_for_deliveries(1).await);
    assert_eq!(
        (theirs[0].0.as_str(), &theirs[0].1),
        (OLDER_POSTS, &own[0].1),
        "each in the words of its filter"
    );
    world.settle().await;
    assert_eq!((outside.deliveries().len(), author.deliveries().len()), (0, 1));
    world.server.stop().await;
}

#[tokio::test]
async fn an_event_from_outside_goes_to_the_members_of_its_chat_if_it_names_nobody() {
    let world = World::start().await;
    let (team, member, stranger) = team(&world).await;
    let [inside, outside] = [ScriptedReceiver::start().await, ScriptedReceiver::start().await];
    subscribe(&world, &member, POSTS, &inside.url("/hook")).await;
    subscribe(&world, &stranger, POSTS, &outside.url("/hook")).await;
    let event = |group: &str, recipients: Option<Value>| {
        let body = json!({ "id": "1", "groupId": group, "eventType": "PostRemoved" });
        let mut event =
            json!({ "event": OLDER_POSTS, "accountId": world.env["RC_ACCOUNT_ID"], "body": body });
        if let Some(recipients) = recipients {
            event["recipients"] = recipients;
        }
        event
    };
    world.publish(event(&team, None)).await.expect(202);
    assert_eq!(envelopes(&inside.wait_for_deliveries(1).await)[0].1["groupId"], team);
    let refused = world.publish(json!([event(&team, None), event("1", None)])).await.expect(400).json();
    assert_eq!((&refused["field"], &refused["index"]), (&json!("recipients"), &json!(1)));
    world.publish(event("1", Some(json!([])))).await.expect(202);
    world.settle().await;
    assert_eq!(
        (inside.deliveries().len(), outside.deliveries().len()),
        (1, 0),
        "all of a request or nothing"
    );
    world.server.stop().await;
}

/// What a receiver was told, by event type; deliveries may overtake each other.
fn told(receiver: &ScriptedReceiver) -> Vec<String> {
    let mut kinds: Vec<String> = envelopes(&receiver.deliveries())
        .iter()
        .map(|(_, body)| body["eventType"].as_str().expect("a type").to_owned())
        .collect();
    kinds.sort();
    kinds
}

fn sorted(groups: &[(&str, usize)]) -> Vec<String> {
    let mut kinds: Vec<String> =
        groups.iter().flat_map(|(kind, times)| std::iter::repeat_n((*kind).to_owned(), *times)).collect();
    kinds.sort();
    kinds
}

async fn subscribe_to_all(world: &World, token: &str, filters: &[&str], receiver: &ScriptedReceiver) {
    let body = json!({
        "eventFilters": filters,
        "deliveryMode": { "transportType": "WebHook", "address": receiver.url("/hook") },
    });
    world.call(Method::POST, "/restapi/v1.0/subscription", token, Some(body)).await.expect(200);
}

/// Everything that changes a chat, once.
async fn live_through(world: &World, family: &str, member: &str, outsider: &str) {
    let call = async |token: &str, method: Method, path: &str, body: Value| {
        world.call(method, &format!("{family}{path}"), token, Some(body)).await
    };
    let own =
        async |token: &str| call(token, Method::GET, "/persons/~", Value::Null).await.json()["id"].clone();
    let (author, none) = (world.user_token.as_str(), json!({}));
    let (their_id, outsiders_id) = (own(member).await, own(outsider).await);
    let team = json!({ "name": "Ops", "public": true, "members": [{ "id": their_id }] });
    let team = call(author, Method::POST, "/teams", team).await.expect(201).json();
    let team = team["id"].as_str().expect("an id");

    let posts = format!("/chats/{team}/posts");
    let post = call(member, Method::POST, &posts, json!({ "text": "one" })).await.expect(201).json();
    let post = format!("{posts}/{}", post["id"].as_str().expect("an id"));
    call(member, Method::PATCH, &post, json!({ "text": "two" })).await.expect(200);
    call(member, Method::DELETE, &post, none.clone()).await.expect(204);
    let card = |text: &str| json!({ "type": "AdaptiveCard", "version": "1.3", "body": [{ "type": "TextBlock", "text": text }] });
    let cards = format!("/chats/{team}/adaptive-cards");
    let made = call(author, Method::POST, &cards, card("one")).await.expect(201).json();
    let made = format!("/adaptive-cards/{}", made["id"].as_str().expect("an id"));
    call(author, Method::PUT, &made, card("two")).await.expect(200);
    call(author, Method::DELETE, &made, none.clone()).await.expect(204);

    let path = format!("/teams/{team}");
    call(author, Method::PATCH, &path, json!({ "name": "Operations" })).await.expect(200);
    call(author, Method::PATCH, &path, json!({ "description": "d" })).await.expect(200);
    call(outsider, Method::POST, &format!("{path}/join"), none.clone()).await.expect(204);
    call(outsider, Method::POST, &format!("{path}/leave"), none.clone()).await.expect(204);
    let people = json!({ "members": [{ "id": outsiders_id }] });
    call(author, Method::POST, &format!("{path}/add"), people.clone()).await.expect(204);
    call(author, Method::POST, &format!("{path}/remove"), people).await.expect(204);
    call(author, Method::POST, &format!("{path}/archive"), none.clone()).await.expect(204);
    call(author, Method::POST, &format!("{path}/unarchive"), none.clone()).await.expect(204);

    let hook = call(author, Method::POST, &format!("/groups/{team}/webhooks"), none.clone())
        .await
        .expect(200)
        .json();
    let hook = format!("/webhooks/{}", hook["id"].as_str().expect("an id"));
    call(author, Method::POST, &format!("{hook}/suspend"), none.clone()).await.expect(200);
    call(author, Method::POST, &format!("{hook}/activate"), none.clone()).await.expect(200);
    call(author, Method::DELETE, &hook, none.clone()).await.expect(200);
    call(author, Method::DELETE, &path, none).await.expect(204);
}

#[tokio::test]
async fn each_change_of_a_chat_is_told_to_its_members_its_author_too_and_to_others_only_what_is_theirs() {
    for family in ["/team-messaging/v1", "/restapi/v1.0/glip"] {
        let world = World::start().await;
        let (member, outsider) = (log_in_as(&world, "102").await, log_in_as(&world, "103").await);
        let stranger = log_in_as(&world, "104").await;
        let newer = ["/team-messaging/v1/posts", "/team-messaging/v1/chats", "/team-messaging/v1/webhooks"];
        let older = ["/restapi/v1.0/glip/posts", "/restapi/v1.0/glip/groups", "/restapi/v1.0/glip/webhooks"];
        let mut receivers = Vec::new();
        for (token, filters) in [
            (&world.user_token, &newer[..]),
            (&member, &older[..]),
            (&outsider, &newer[..]),
            (&stranger, &older[..]),
            (&member, &["/restapi/v1.0/glip/teams"][..]),
        ] {
            let receiver = ScriptedReceiver::start().await;
            subscribe_to_all(&world, token, filters, &receiver).await;
            receivers.push(receiver);
        }
        live_through(&world, family, &member, &outsider).await;

        let of_the_team = [("GroupJoined", 1), ("GroupRenamed", 1), ("GroupChanged", 3), ("GroupLeft", 1)];
        let of_a_member = [
            // The text, the card, and three notices of who came and went.
            &of_the_team[..],
            &[("PostAdded", 5), ("PostChanged", 2), ("PostRemoved", 2)],
            &[("WebhookCreated", 1), ("WebhookUpdated", 2), ("WebhookDeleted", 1)],
        ]
        .concat();
        let of_who_came_and_went = [("GroupJoined", 2), ("PostAdded", 2), ("GroupLeft", 2)];
        let expected = [&of_a_member[..], &of_a_member, &of_who_came_and_went, &[], &of_the_team].map(sorted);
        for (receiver, expected) in receivers.iter().zip(&expected) {
            receiver.wait_for_deliveries(expected.len()).await;
        }
        world.settle().await;
        let heard: Vec<_> = receivers.iter().map(told).collect();
        assert_eq!(heard, expected, "{family}");
        world.server.stop().await;
    }
}

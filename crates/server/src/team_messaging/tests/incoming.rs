//! Posts by third parties: `/webhook/{id}`, `/webhook/v2/{id}`.

use super::*;

const NO_POST: &str = "Your request was accepted, however a post was not generated";

fn error(error: &str) -> Value {
    json!({ "status": "error", "message": NO_POST, "error": error })
}

/// All the doors of a webhook.
fn doors(hook: &str) -> [String; 4] {
    ["/webhook/", "/webhook/v2/", "/webhooks/", "/webhooks/v2/"].map(|door| format!("{door}{hook}"))
}

#[tokio::test]
async fn a_post_in_either_dialect_reaches_the_members_and_nobody_else() {
    let world = World::new().await;
    let team = world.team().await;
    let hook = world.hook(&team).await;
    let older = json!({ "icon": "https://example.com/i.png", "activity": "CI", "title": "Build", "body": "**failed**" });
    let newer = json!({ "iconUri": "https://example.com/i.png", "activity": "CI", "title": "Build", "text": "**failed**" });
    for door in doors(&hook) {
        for body in [&older, &newer] {
            let reply = world.post(NOBODY, &door, body).await;
            assert_eq!(reply.expect(200), json!({ "status": "OK" }), "{door}");
            assert!(reply.headers["content-type"].to_str().unwrap().contains("application/json"));
            let told = world.told().await;
            assert_eq!(
                (told.len(), told[0].kind.as_str(), &told[0].recipients),
                (1, "PostAdded", &ids(&[102, 103]))
            );
            let post = &told[0].body;
            assert_eq!((&post["groupId"], &post["creatorId"]), (&json!(team), &json!(id(102))));
            assert_eq!(
                (&post["text"], &post["title"], &post["activity"]),
                (&json!("**failed**"), &json!("Build"), &json!("CI"))
            );
            assert_eq!(
                (&post["iconUri"], &post["iconEmoji"], &post["attachments"]),
                (&json!("https://example.com/i.png"), &json!(null), &json!(null))
            );
        }
    }
    assert_eq!(world.posts(&team).await, 8);
}

#[tokio::test]
async fn cards_of_the_documents_are_taken_and_brought_into_one_form() {
    let world = World::new().await;
    let team = world.team().await;
    let hook = world.hook(&team).await;
    let flat = json!({ "attachments": [{
        "type": "Card", "fallback": "Something bad happened", "color": "#00ff2a", "title": "I felt something",
        "text": "as if millions of voices cried out", "author_name": "Ben",
        "fields": [{ "title": "Where", "value": "Alderaan", "short": true }] }] });
    let nested = json!({ "activity": "Alerts", "attachments": [{
        "type": "Card", "fallback": "Something bad happened", "color": "#00ff2a", "title": "I felt something",
        "text": "as if millions of voices cried out", "author": { "name": "Ben" },
        "fields": [{ "title": "Where", "value": "Alderaan", "style": "Short" }] }] });
    let adaptive = json!({ "activity": "This will appear as the message title", "attachments": [{
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.0",
        "body": [{ "type": "TextBlock", "text": "A disturbance" }] }] });
    let mut attachments = Vec::new();
    for body in [&flat, &nested, &adaptive] {
        world.post(NOBODY, &format!("/webhook/{hook}"), body).await.expect(200);
        let told = world.told().await;
        attachments.push(told[0].body["attachments"][0].clone());
    }
    assert_eq!(attachments[0], attachments[1]);
    assert_eq!(attachments[0], nested["attachments"][0]);
    let card = attachments[2]["id"].as_str().unwrap();
    let read = world.get(COLLEAGUE, &format!("{NEWER}/adaptive-cards/{card}")).await.expect(200);
    assert_eq!(read["body"], adaptive["attachments"][0]["body"], "it can be read by its id");
}

#[tokio::test]
async fn unknown_suspended_and_deleted_webhooks_answer_alike() {
    let world = World::new().await;
    let team = world.team().await;
    let [suspended, deleted] = [world.hook(&team).await, world.hook(&team).await];
    world.post(USER, &format!("{NEWER}/webhooks/{suspended}/suspend"), &json!({})).await.expect(200);
    world.delete(USER, &format!("{NEWER}/webhooks/{deleted}")).await.expect(200);
    world.told().await;
    let expected = error("Webhook not found!");
    for hook in ["3053f6cf-b6de-418c-a6cd-2eb222cdab4e", "x", suspended.as_str(), deleted.as_str()] {
        for door in doors(hook) {
            assert_eq!(
                world.post(NOBODY, &door, &json!({ "text": "t" })).await.expect(200),
                expected,
                "{door}"
            );
        }
    }
    assert_eq!((world.posts(&team).await, world.told_whom().await), (0, vec![]));
}

#[tokio::test]
async fn what_cannot_be_posted_is_told_in_a_200_and_nothing_is_stored() {
    let world = World::new().await;
    let team = world.team().await;
    let hook = world.hook(&team).await;
    let bad_card = json!({ "type": "AdaptiveCard", "version": "1.3", "body": [{ "type": "TextBlock" }] });
    for (body, why) in [
        (json!({}), "Parameter [text] or [attachments] is required"),
        (json!({ "text": "" }), "Parameter [text] or [attachments] is required"),
        (json!({ "text": 5 }), "Parameter [text] must be a string"),
        (json!({ "text": "x".repeat(10_001) }), "Parameter [text] is longer than 10000 characters"),
        (json!({ "text": "t", "attachments": {} }), "Parameter [attachments] must be an array"),
        (
            json!({ "attachments": vec![json!({ "title": "t" }); 26] }),
            "Parameter [attachments] has more than 25 attachments",
        ),
    ] {
        for door in doors(&hook) {
            assert_eq!(world.post(NOBODY, &door, &body).await.expect(200), error(why));
        }
        world.clock.advance(Duration::from_secs(10));
    }
    let mut expected = error("Invalid AdaptiveCard payload");
    expected["validation"] = json!([
        "payload.attachments[0] does not match any schema",
        "payload.attachments[0].body[0].text is required"
    ]);
    let body = json!({ "text": "t", "attachments": [bad_card] });
    assert_eq!(world.post(NOBODY, &format!("/webhook/v2/{hook}"), &body).await.expect(200), expected);
    world.post(USER, &format!("{NEWER}/teams/{team}/archive"), &json!({})).await.expect(204);
    world.told().await;
    let archived = world.post(NOBODY, &format!("/webhook/{hook}"), &json!({ "text": "t" })).await.expect(200);
    assert_eq!(archived, error("the team is archived"));
    assert_eq!((world.posts(&team).await, world.told_whom().await), (0, vec![]));
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_400_whatever_the_webhook() {
    let world = World::new().await;
    let team = world.team().await;
    let hook = world.hook(&team).await;
    for body in [
        "",
        "text",
        "payload=%7B%22text%22%3A%22t%22%7D",
        "[]",
        "\"text\"",
        "null",
        "{\"text\":",
        "{\"text\":\"t\"} x",
    ] {
        for hook in [hook.as_str(), "unknown"] {
            let reply = world.call(NOBODY, Method::POST, &format!("/webhook/{hook}"), body).await;
            assert_eq!(reply.refusal(), (400, "CMN-103".into(), String::new()), "{body:?}");
        }
    }
    assert_eq!(world.get(NOBODY, &format!("/webhook/{hook}")).await.status, 405);
}

#[tokio::test]
async fn large_attachments_are_taken_up_to_their_limit() {
    let world = World::new().await;
    let team = world.team().await;
    let hook = world.hook(&team).await;
    let card = |bytes: usize| {
        json!({ "type": "AdaptiveCard", "version": "1.3", "fallbackText": "big",
                "body": [{ "type": "TextBlock", "text": "x".repeat(bytes) }] })
    };
    let path = format!("/webhook/{hook}");
    let fits = json!({ "attachments": [card(700_000), card(700_000)] });
    assert_eq!(world.post(NOBODY, &path, &fits).await.expect(200), json!({ "status": "OK" }));
    let told = world.told().await;
    assert!(told[0].body.to_string().len() <= 256 * 1024, "the event fits every subscriber");
    assert_eq!(told[0].body["attachments"][0]["fallbackText"], "big");
    let list = world.get(USER, &format!("{NEWER}/chats/{team}/posts")).await.expect(200);
    assert_eq!(list["records"][0]["attachments"][1]["body"], card(700_000)["body"], "the post is whole");
    let too_large = json!({ "attachments": [card(1_500_000)] });
    let refused = world.post(NOBODY, &path, &too_large).await.expect(200);
    assert_eq!(refused, error("Parameter [attachments] is larger than 1500000 bytes"));
    let far_too_large = json!({ "attachments": [card(2_100_000)] });
    assert_eq!(world.post(NOBODY, &path, &far_too_large).await.status, 413);
}

#[tokio::test]
async fn a_webhook_that_posts_too_often_is_told_when_to_come_back() {
    let world = World::new().await;
    let team = world.team().await;
    let (hook, other) = (world.hook(&team).await, world.hook(&team).await);
    let post =
        async |hook: &str| world.post(NOBODY, &format!("/webhook/{hook}"), &json!({ "text": "t" })).await;
    for _ in 0..PER_MINUTE {
        post(&hook).await.expect(200);
    }
    world.clock.advance(Duration::from_millis(20_500));
    let refused = post(&hook).await;
    assert_eq!(refused.refusal(), (429, "CMN-301".into(), String::new()));
    assert_eq!(refused.headers["retry-after"], "40");
    assert_eq!(
        post(&other).await.expect(200),
        json!({ "status": "OK" }),
        "another webhook has a pace of its own"
    );
    world.clock.advance(Duration::from_secs(40));
    assert_eq!(post(&hook).await.expect(200), json!({ "status": "OK" }));
    assert_eq!(world.posts(&team).await, 32);
}

//! A chat that is fed by an incoming webhook, played through the front doors: a user makes a team and a
//! webhook, a third party posts in both dialects, the webhook is suspended and taken up again, and at the end
//! the chat must hold what was posted, in its order, and nothing else.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::dice::Dice;
use super::play::Pace;
use super::script::Person;
use crate::connection::Api;
use crate::failure::Failure;
use crate::output;

const FAMILY: &str = "/team-messaging/v1";
/// Small, so that the chat is read by its page tokens.
const PAGE: usize = 3;

/// What a third party posts, and what the chat must show of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Post {
    /// `/webhook/` or `/webhook/v2/`.
    pub door: &'static str,
    pub body: Value,
    pub title: String,
}

pub fn write(dice: &mut Dice) -> Vec<Post> {
    (1..=dice.between(5, 9)).map(|number| post(number, dice)).collect()
}

fn post(number: u64, dice: &mut Dice) -> Post {
    let (person, title) = (Person::any(dice), format!("Build {number}"));
    let text = format!("**{}** by {}", dice.one_of(&["passed", "failed", "waits"]), person.name());
    let facts = [("Branch", "main"), ("By", person.first_name)];
    let (door, body) = match dice.between(1, 4) {
        1 => ("/webhook/", json!({ "activity": "CI", "title": title, "body": text, "icon": ":gear:" })),
        2 => {
            let fields: Vec<_> = facts
                .iter()
                .map(|(name, value)| json!({ "title": name, "value": value, "short": true }))
                .collect();
            let card = json!({ "type": "Card", "fallback": text, "color": "#00ff2a", "text": text, "fields": fields });
            ("/webhook/", json!({ "activity": "CI", "title": title, "attachments": [card] }))
        }
        3 => {
            let block = json!({ "type": "TextBlock", "text": text });
            let card =
                json!({ "type": "AdaptiveCard", "version": "1.3", "fallbackText": text, "body": [block] });
            ("/webhook/v2/", json!({ "activity": "CI", "title": title, "attachments": [card] }))
        }
        _ => {
            let icon = "https://media.example.com/ci.png";
            ("/webhook/v2/", json!({ "activity": "CI", "title": title, "text": text, "iconUri": icon }))
        }
    };
    Post { door, body, title }
}

/// Plays the story as this user, and leaves nothing behind.
pub async fn play(user: &Api, posts: &[Post], pace: &mut Pace) -> Result<(), Failure> {
    let team = post_json(user, &format!("{FAMILY}/teams"), &json!({ "name": "Simulation" })).await?;
    let chat = id_of(&team)?;
    output::unless_unread(output::line(&format!("a team is made: chat {chat}")))?;
    let played = feed(user, &chat, posts, pace).await;
    let cleared = user.call(Method::DELETE, &format!("{FAMILY}/teams/{chat}"), None).await?.success();
    played.and(cleared.map(|_| ()))
}

async fn feed(user: &Api, chat: &str, posts: &[Post], pace: &mut Pace) -> Result<(), Failure> {
    let hook = post_json(user, &format!("{FAMILY}/groups/{chat}/webhooks"), &json!({})).await?;
    let hook = id_of(&hook)?;
    let half = posts.len() / 2;
    for post in &posts[..half] {
        say(user, &hook, post, pace).await?;
    }
    change(user, &hook, "suspend").await?;
    let refused = knock(user, &hook, &posts[half]).await?;
    if refused["error"] != "Webhook not found!" {
        return Err(Failure::Failed(format!("a suspended webhook answers {refused}")));
    }
    output::unless_unread(output::line("the webhook is suspended; a post to it is not made"))?;
    change(user, &hook, "activate").await?;
    for post in &posts[half..] {
        say(user, &hook, post, pace).await?;
    }
    let expected: Vec<&str> = posts.iter().map(|post| post.title.as_str()).collect();
    let found = read(user, chat).await?;
    check(&expected, &found).map_err(|why| Failure::Failed(format!("chat {chat}: {why}")))?;
    output::unless_unread(output::line(&format!("the chat holds the {} posts in their order", found.len())))
}

async fn say(user: &Api, hook: &str, post: &Post, pace: &mut Pace) -> Result<(), Failure> {
    pace.next().await;
    let answer = knock(user, hook, post).await?;
    if answer != json!({ "status": "OK" }) {
        return Err(Failure::Failed(format!("the post {:?} is answered {answer}", post.title)));
    }
    output::unless_unread(output::line(&format!("posted to {}…: {}", post.door, post.title)))
}

async fn knock(user: &Api, hook: &str, post: &Post) -> Result<Value, Failure> {
    post_json(user, &format!("{}{hook}", post.door), &post.body).await
}

async fn change(user: &Api, hook: &str, what: &str) -> Result<(), Failure> {
    user.call(Method::POST, &format!("{FAMILY}/webhooks/{hook}/{what}"), None).await?.success().map(|_| ())
}

/// The chat's posts, oldest first, by page tokens.
async fn read(user: &Api, chat: &str) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let path = format!("{FAMILY}/chats/{chat}/posts?recordCount={PAGE}{token}");
        let mut page = user.get(&path).await?.json()?;
        found.append(page["records"].as_array_mut().unwrap_or(&mut Vec::new()));
        match page["navigation"]["nextPageToken"].as_str() {
            Some(next) => token = format!("&pageToken={next}"),
            None => break,
        }
    }
    found.reverse();
    Ok(found)
}

/// Every post once, in the order of posting, none made before the one ahead of it.
pub fn check(expected: &[&str], found: &[Value]) -> Result<(), String> {
    let titles: Vec<&str> = found.iter().map(|post| post["title"].as_str().unwrap_or_default()).collect();
    if titles != expected {
        return Err(format!("it shows {titles:?}, posted were {expected:?}"));
    }
    let times: Vec<&str> =
        found.iter().map(|post| post["creationTime"].as_str().unwrap_or_default()).collect();
    if times.is_sorted() { Ok(()) } else { Err("a later post says that it was made earlier".to_owned()) }
}

fn id_of(made: &Value) -> Result<String, Failure> {
    let id = made["id"].as_str().map(str::to_owned);
    id.ok_or_else(|| Failure::Failed("the server's answer has no id".to_owned()))
}

async fn post_json(api: &Api, path: &str, body: &Value) -> Result<Value, Failure> {
    let body = Some(("application/json", Bytes::from(body.to_string())));
    api.call(Method::POST, path, body).await?.success()?.json()
}

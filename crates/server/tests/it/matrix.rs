//! Every path of the OpenAPI document against every kind of token. A new path fails this test until it is
//! classified here, and then it is held to its class.

use std::collections::BTreeMap;

use hookswitch_core::id::AccountId;
use hookswitch_server::openapi;
use hookswitch_testkit::{Reply, ScriptedReceiver};
use http::Method;
use serde_json::{Value, json};

use crate::cast::{OTHER_ACCOUNT, OTHER_APP};
use crate::world::World;

/// Who may call a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Anybody; a token changes nothing.
    Open,
    /// An app that shows its own credentials; a token is no such thing.
    Client,
    /// A user, if their session has a scope that this path needs.
    User,
    /// As a user, but for administrators of the account alone.
    Administrator,
    /// A user for what is theirs, an administrator for what is the account's, an admin for everything.
    Viewer,
    /// Any good token.
    Anyone,
    Publisher,
    Admin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    None,
    Expired,
    Publish,
    Admin,
    OtherApp,
    OtherAccount,
    NarrowerScope,
    AppAlone,
    Owner,
}

/// What an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Is(u16),
    /// Neither refused for who asks, nor a failure of ours.
    Admitted,
    /// Refused, be it for what was not sent.
    Hidden,
}

fn classify(method: &Method, path: &str) -> Option<Class> {
    let below = |tree: &str| path == tree || path.starts_with(&format!("{tree}/"));
    let read = *method == Method::GET;
    Some(match path {
        "/restapi"
        | "/restapi/v1.0"
        | "/asyncapi.json"
        | "/healthz"
        | "/readyz"
        | "/restapi/oauth/authorize" => Class::Open,
        "/restapi/oauth/token" | "/restapi/oauth/revoke" => Class::Client,
        "/restapi/oauth/wstoken" => Class::User,
        "/metrics" => Class::Admin,
        "/restapi/v1.0/glip/everyone" | "/team-messaging/v1/everyone" if !read => Class::Administrator,
        // The id is the secret.
        _ if below("/webhook") || below("/webhooks") => Class::Open,
        _ if below("/restapi/v1.0/account")
            || below("/restapi/v1.0/subscription")
            || below("/restapi/v1.0/glip")
            || below("/team-messaging/v1")
            || below("/webinar/notifications/v1/subscriptions") =>
        {
            Class::User
        }
        "/hookswitch/v1/events" => Class::Publisher,
        _ if path.ends_with("/trigger") => Class::Publisher,
        "/hookswitch/v1/event-types" => Class::Anyone,
        _ if read && below("/hookswitch/v1/events") => Class::Viewer,
        _ if below("/hookswitch/v1/deliveries")
            || below("/hookswitch/v1/subscriptions")
            || below("/hookswitch/v1/explain")
            || below("/hookswitch/v1/jobs") =>
        {
            Class::Viewer
        }
        _ if below("/hookswitch/v1/accounts")
            || below("/hookswitch/v1/apps")
            || below("/hookswitch/v1/tokens")
            || below("/hookswitch/v1/conference-endpoints")
            || below("/hookswitch/v1/companies")
            || below("/hookswitch/v1/usage")
            || below("/hookswitch/v1/audit")
            || below("/hookswitch/v1/dev") =>
        {
            Class::Admin
        }
        _ => return None,
    })
}

fn verdict(class: Class, token: Token, names_a_thing: bool) -> Verdict {
    use Token as T;
    use Verdict::{Admitted, Is};
    match (class, token) {
        (Class::Open, _) => Admitted,
        (_, T::None | T::Expired) | (Class::Client, _) => Is(401),
        (Class::Anyone, _) => Admitted,
        (Class::User | Class::Administrator, T::Publish | T::Admin | T::NarrowerScope) => Is(403),
        (Class::User | Class::Administrator, T::AppAlone) => Is(401),
        // The owner is none; the other account's user is.
        (Class::Administrator, T::Owner | T::OtherApp) => Is(403),
        (Class::Administrator, T::OtherAccount) => Admitted,
        (Class::Viewer, T::Publish | T::AppAlone) => Is(403),
        (Class::Viewer, T::Admin | T::NarrowerScope) => Admitted,
        // What is not yours does not exist.
        (Class::User | Class::Viewer, T::OtherApp | T::OtherAccount) if names_a_thing => Is(404),
        (Class::User | Class::Viewer, T::OtherApp | T::OtherAccount | T::Owner) => Admitted,
        (Class::Publisher, T::Publish | T::Admin) | (Class::Admin, T::Admin) => Admitted,
        (Class::Publisher | Class::Admin, _) => Is(403),
    }
}

/// Things of the owner's, by the name of the parameter that names them.
struct Things(BTreeMap<&'static str, String>);

impl Things {
    /// The path with its parameters filled in, and whether one of them names a thing of the owner's that
    /// other apps, too, must not see.
    fn fill(&self, path: &str, class: Class, token: Token) -> (String, bool, bool) {
        let (mut of_owner, mut of_app) = (false, false);
        let segments = path.split('/').map(|segment| {
            let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
                return segment.to_owned();
            };
            // Operators' paths and hooks are asked for what does not exist: nothing may happen to it. Chats
            // are, too, but for the stranger, to whom the owner's must be as if they did not exist.
            let of_operators = matches!(class, Class::Admin | Class::Open | Class::Publisher);
            if of_operators || (is_messaging(path) && token != Token::OtherAccount) {
                return "4711".to_owned();
            }
            let key = match (path, name) {
                (path, "id") if path.contains("/deliveries/") => "deliveryId",
                (path, "id") if path.contains("/subscriptions/") => "subscriptionId",
                (path, "subscriptionId") if path.starts_with("/webinar/") => "webinarSubscriptionId",
                (_, "groupId") => "chatId",
                (_, "personId") => "extensionId",
                (_, "companyId") => "accountId",
                (_, name) => name,
            };
            let value = self.0.get(key);
            let value =
                value.unwrap_or_else(|| panic!("{path}: say what {{{name}}} is to be filled in with"));
            of_owner = true;
            of_app |= !matches!(key, "accountId" | "extensionId");
            value.clone()
        });
        let filled = segments.collect::<Vec<_>>().join("/");
        let query = match path {
            "/hookswitch/v1/deliveries" => format!("?subscriptionId={}", self.0["subscriptionId"]),
            _ => String::new(),
        };
        let by_query = !query.is_empty();
        (filled + &query, of_owner || by_query, of_app || by_query)
    }
}

fn is_messaging(path: &str) -> bool {
    path.starts_with("/team-messaging/") || path.starts_with("/restapi/v1.0/glip/")
}

/// Reads first and deletions last, so that what is asked for is there.
fn operations() -> Vec<(Method, String)> {
    let document = serde_json::to_value(openapi::document()).expect("the document is JSON");
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for name in ["get", "post", "put", "patch", "delete"] {
            if item.get(name).is_some() {
                let method = Method::from_bytes(name.to_uppercase().as_bytes()).expect("a method");
                found.push((method, path.clone()));
            }
        }
    }
    found.sort_by_key(|(method, _)| *method == Method::DELETE);
    found
}

/// An event, its delivery, two subscriptions and a team of extension 102, who administers nothing.
async fn things(world: &World, receiver: &ScriptedReceiver, owner: &str) -> Things {
    let subscribe = async |path: &str, filter: &str| {
        let body = json!({
            "eventFilters": [filter],
            "deliveryMode": { "transportType": "WebHook", "address": receiver.url("/hook") },
        });
        let reply = world.call(Method::POST, path, owner, Some(body)).await;
        assert!(matches!(reply.status, 200 | 201), "{}", reply.text());
        reply.json()["id"].as_str().expect("an id").to_owned()
    };
    let filter = "/restapi/v1.0/account/~/extension/~/presence";
    let subscription = subscribe("/restapi/v1.0/subscription", filter).await;
    let webinar_filter = "/webinar/runtime/v1/company/sessions/state";
    let webinar = subscribe("/webinar/notifications/v1/subscriptions", webinar_filter).await;
    let account = world.env["RC_ACCOUNT_ID"].clone();
    let first: u64 = world.env["RC_EXTENSION_ID"].parse().expect("a number");
    let extension = (first + 1).to_string();
    let event = format!("/restapi/v1.0/account/{account}/extension/{extension}/presence");
    let published = world.publish(json!({ "event": event, "body": { "presenceStatus": "Busy" } })).await;
    let uuid = published.expect(202).json()["events"][0]["uuid"].as_str().expect("a uuid").to_owned();
    receiver.next_delivery().await;
    world.settle().await;
    let view = world.admin(&format!("/hookswitch/v1/events/{uuid}")).await;
    let delivery = view["deliveries"][0]["id"].as_str().expect("a delivery").to_owned();
    let write = async |path: &str, body: Value| {
        let written = world.call(Method::POST, path, owner, Some(body)).await;
        assert!(matches!(written.status, 200 | 201), "{}", written.text());
        written.json()["id"].as_str().expect("an id").to_owned()
    };
    let team = write("/team-messaging/v1/teams", json!({ "name": "Ops" })).await;
    let below = |what: &str| format!("/team-messaging/v1/chats/{team}/{what}");
    let card =
        json!({ "type": "AdaptiveCard", "version": "1.3", "body": [{ "type": "TextBlock", "text": "x" }] });
    Things(BTreeMap::from([
        ("postId", write(&below("posts"), json!({ "text": "between us" })).await),
        ("cardId", write(&below("adaptive-cards"), card).await),
        ("webhookId", write(&below("incoming-webhooks"), json!({})).await),
        ("chatId", team),
        ("accountId", account),
        ("extensionId", extension),
        ("subscriptionId", subscription),
        ("webinarSubscriptionId", webinar),
        ("uuid", uuid),
        ("deliveryId", delivery),
    ]))
}

async fn tokens(world: &World) -> BTreeMap<Token, Option<String>> {
    let (own, demo) = (AccountId(0), world.demo_app());
    let narrow = [("scope", "Faxes")];
    // First, because it moves time.
    let expired = world.expired_token().await;
    BTreeMap::from([
        (Token::None, None),
        (Token::Expired, Some(expired)),
        (Token::Publish, Some(world.env["HOOKSWITCH_PUBLISH_TOKEN"].clone())),
        (Token::Admin, Some(world.env["HOOKSWITCH_ADMIN_TOKEN"].clone())),
        (Token::OtherApp, Some(world.user_token(OTHER_APP, own, "102", &[]).await)),
        (Token::OtherAccount, Some(world.user_token(demo, OTHER_ACCOUNT, "101", &[]).await)),
        (Token::NarrowerScope, Some(world.user_token(demo, own, "102", &narrow).await)),
        (Token::AppAlone, Some(world.app_token().await)),
        (Token::Owner, Some(world.user_token(demo, own, "102", &[]).await)),
    ])
}

async fn ask(world: &World, method: &Method, target: &str, token: Option<&String>) -> Reply {
    let bearer = token.map(|token| format!("Bearer {token}"));
    // A form, so that the token endpoints read it; empty, so that nothing else does anything.
    let media = ("content-type", "application/x-www-form-urlencoded");
    let headers: Vec<_> =
        [media].into_iter().chain(bearer.as_deref().map(|bearer| ("authorization", bearer))).collect();
    world.client.send(method.clone(), target, &headers, "").await.expect("an answer")
}

/// Why an answer is not what it must be.
fn complaint(verdict: Verdict, class: Class, token: Token, things: &Things, reply: &Reply) -> Option<String> {
    let status = reply.status;
    let said = || format!("{status} {}", reply.text().chars().take(200).collect::<String>());
    match verdict {
        Verdict::Is(wanted) if status != wanted => {
            return Some(format!("{wanted} is due, it says {}", said()));
        }
        Verdict::Admitted if matches!(status, 401 | 403) || status >= 500 => {
            return Some(format!("it may be called, but says {}", said()));
        }
        Verdict::Hidden if !matches!(status, 400 | 403 | 404) => {
            return Some(format!("the owner's things are to be hidden, but it says {}", said()));
        }
        _ => {}
    }
    if verdict == Verdict::Is(403) {
        let body: Value = reply.json();
        let names_one = body["permissionName"].as_str().is_some_and(|name| !name.is_empty());
        if !names_one && body["errorCode"] != "CMN-402" {
            return Some(format!("a 403 names the permission, or is for administrators: {}", said()));
        }
    }
    if token == Token::Owner && class == Class::User && status == 404 && !reply.text().contains("4711") {
        return Some(format!("the owner does not find what is theirs: {}", said()));
    }
    let leaks = |name: &str| status < 300 && reply.text().contains(things.0[name].as_str());
    let stranger = token == Token::OtherAccount && class != Class::Open;
    let secrets = ["accountId", "subscriptionId", "webinarSubscriptionId", "uuid", "chatId", "postId"];
    secrets
        .into_iter()
        .find(|name| stranger && leaks(name))
        .map(|name| format!("it shows {name}: {}", said()))
}

#[tokio::test]
async fn every_path_admits_whom_it_is_for_and_nobody_else() {
    let world = World::start().await;
    world.found_others(|_| {}).await;
    let receiver = ScriptedReceiver::start().await;
    let tokens = tokens(&world).await;
    let owner = tokens[&Token::Owner].clone().expect("a token");
    let things = things(&world, &receiver, &owner).await;
    let mut complaints = Vec::new();
    let mut asked = 0;
    for (method, path) in operations() {
        let Some(class) = classify(&method, &path) else {
            complaints.push(format!("{method} {path}: not classified; say in `classify` who may call it"));
            continue;
        };
        for (&token, text) in &tokens {
            let (target, of_owner, of_app) = things.fill(&path, class, token);
            let names_a_thing = if token == Token::OtherApp { of_app } else { of_owner };
            let verdict = match verdict(class, token, names_a_thing) {
                Verdict::Is(404) if is_messaging(&path) && method != Method::GET => Verdict::Hidden,
                verdict => verdict,
            };
            let reply = ask(&world, &method, &target, text.as_ref()).await;
            asked += 1;
            if let Some(why) = complaint(verdict, class, token, &things, &reply) {
                complaints.push(format!("{method} {path} with {token:?}: {why}"));
            }
        }
    }
    assert!(complaints.is_empty(), "{} of {asked}:\n{}", complaints.len(), complaints.join("\n"));
    assert!(asked > 100, "the document has paths");
    world.server.stop().await;
}

//! The demo's dealings with the server: login, subscribe, publish, clean up, all over HTTP.

use std::collections::HashMap;
use std::path::Path;

use bytes::Bytes;
use hookswitch_core::catalogue::sample::Protagonist;
use hookswitch_core::clock::{Handles, MonoTime};
use hookswitch_core::id::{AccountId, ExtensionId};
use hookswitch_core::signature::Signer;
use http::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::chat::Room;
use super::encore;
use super::receiver::{Arrival, Receiver};
use super::story::{Cast, Scene, Story, Subscriber};
use crate::connection::{Api, read_env_file};
use crate::failure::Failure;
use crate::{login, simulate};

/// Where the receiver takes deliveries; by it subscriptions of an earlier demo are recognised.
const PATH: &str = "/hookswitch-demo/";
/// The door of conference endpoints.
const CONFERENCES: &str = "/hookswitch/v1/conference-endpoints";
/// Of the conference; any would do.
const SEED: u64 = 3;
/// What is remembered of published events, to say how long their deliveries took.
const REMEMBERED: usize = 1000;

pub struct Stage {
    user: Api,
    publisher: Api,
    operator: Api,
    story: Story,
    room: Room,
    /// Paths of the subscriptions that were made.
    made: Vec<String>,
    published: HashMap<String, MonoTime>,
    handles: Handles,
    started: MonoTime,
    /// Kept for as long as the stage stands.
    _receiver: Receiver,
}

impl Stage {
    /// Logs in as the demo user of this data folder, starts the receiver and makes the subscriptions.
    pub async fn set(data: &Path, handles: Handles) -> Result<(Self, mpsc::Receiver<Arrival>), Failure> {
        let settings = Settings(read_env_file(&data.join("dev.env"))?.into_iter().collect());
        let signer = Signer::new([settings.get("HOOKSWITCH_SIGNING_SECRET")?])
            .map_err(|error| Failure::Failed(format!("the signing secret of dev.env: {error}")))?;
        let (receiver, arrivals) = Receiver::start(signer, handles.clone()).await?;
        let url = settings.get("HOOKSWITCH_URL")?;
        let client = Api::with(url, None)?.into_client();
        let token = login::token(&|name| settings.get(name).map(str::to_owned), &client).await?;
        let user = Api::with(url, Some(token))?;
        let publisher = Api::with(url, Some(settings.get("HOOKSWITCH_PUBLISH_TOKEN")?.to_owned()))?;
        let operator = Api::with(url, Some(settings.get("HOOKSWITCH_ADMIN_TOKEN")?.to_owned()))?;
        remove_earlier(&user, &operator).await?;
        let story = story(&settings, &user, &handles).await?;
        let mut made = Vec::new();
        for subscriber in &story.subscriptions {
            made.push(match subscriber.path.as_str() {
                CONFERENCES => register(&operator, &receiver, subscriber, &settings).await?,
                _ => subscribe(&user, &receiver, subscriber).await?,
            });
        }
        let (published, started) = (HashMap::new(), handles.monotonic());
        let room = Room::default();
        let stage = Self {
            user,
            publisher,
            operator,
            story,
            room,
            made,
            published,
            handles,
            started,
            _receiver: receiver,
        };
        Ok((stage, arrivals))
    }

    pub fn scenes(&self) -> Vec<Scene> {
        self.story.scenes.clone()
    }

    /// Does what a scene is about, and says by what its event is known.
    pub async fn play(&mut self, scene: &Scene) -> Result<String, Failure> {
        let before = self.handles.monotonic();
        let key = match scene.deed {
            None => self.publish(scene).await?,
            Some(deed) => self.room.act(&self.user, deed, &scene.body).await?,
        };
        if self.published.len() >= REMEMBERED {
            self.published.clear();
        }
        self.published.insert(key.clone(), before);
        Ok(key)
    }

    /// Publishes a scene's event and returns its uuid. A 202 says that it is safe with the server.
    async fn publish(&self, scene: &Scene) -> Result<String, Failure> {
        let mut entry = json!({ "event": scene.event, "body": scene.body });
        if !scene.event.contains("/account/") {
            entry["accountId"] = self.story.account.clone().into();
        }
        if let Some(member) = &scene.recipients {
            entry["recipients"] = json!([member]);
        }
        let answer = post(&self.publisher, "/hookswitch/v1/events", &entry).await?;
        Ok(answer["events"][0]["uuid"].as_str().unwrap_or_default().to_owned())
    }

    pub fn published_at(&self, key: &str) -> Option<MonoTime> {
        self.published.get(key).copied()
    }

    /// Seconds since the stage was set.
    pub fn clock_time(&self) -> String {
        format!("{:8.3}", self.handles.monotonic().since(self.started).as_secs_f64())
    }

    /// Deletes the chat and the subscriptions that were made.
    pub async fn clear(&mut self) -> Result<(), Failure> {
        self.room.close(&self.user).await?;
        for path in self.made.drain(..) {
            let api = if path.starts_with(CONFERENCES) { &self.operator } else { &self.user };
            api.call(Method::DELETE, &path, None).await?.success()?;
        }
        Ok(())
    }
}

struct Settings(HashMap<String, String>);

impl Settings {
    fn get(&self, name: &str) -> Result<&str, Failure> {
        let value = self.0.get(name).map(String::as_str);
        value.ok_or_else(|| Failure::Failed(format!("dev.env has no {name}")))
    }
}

async fn story(settings: &Settings, user: &Api, handles: &Handles) -> Result<Story, Failure> {
    let me = settings.get("RC_EXTENSION_ID")?;
    let list = user.get("/restapi/v1.0/account/~/extension?perPage=10").await?.json()?;
    let ids = list["records"].as_array().into_iter().flatten().map(|record| record["id"].to_string());
    let colleague = ids.into_iter().find(|id| id != me);
    let colleague =
        colleague.ok_or_else(|| Failure::Failed("the demo account has one user only".to_owned()))?;
    let (account, now) = (settings.get("RC_ACCOUNT_ID")?, handles.now().iso8601());
    let cast = Cast { account, me, colleague: &colleague, now: &now };
    let unreadable = || Failure::Failed("the story cannot be read".to_owned());
    let mut story = Story::with(&cast).ok_or_else(unreadable)?;
    let id = |text: &str| text.parse().map_err(|_| unreadable());
    let company = id(settings.get("HOOKSWITCH_COMPANY_ID")?)?;
    let who = Protagonist { account: AccountId(id(account)?), extension: ExtensionId(id(me)?), company };
    let conference = simulate::Cast {
        account: story.account.clone(),
        extension: me.to_owned(),
        company: Some(company),
        start: handles.now(),
    };
    story.tell(simulate::conference(&conference, SEED));
    encore::append(&mut story, who);
    Ok(story)
}

/// Subscriptions and endpoints of a demo that was killed: their receiver is gone.
async fn remove_earlier(user: &Api, operator: &Api) -> Result<(), Failure> {
    let list = operator.get(CONFERENCES).await?.json()?;
    for record in list["records"].as_array().into_iter().flatten() {
        let url = record["url"].as_str().unwrap_or_default();
        if let Some(id) = record["id"].as_str().filter(|_| url.contains(PATH)) {
            operator.call(Method::DELETE, &format!("{CONFERENCES}/{id}"), None).await?;
        }
    }
    for door in ["/restapi/v1.0/subscription", "/webinar/notifications/v1/subscriptions"] {
        let list = user.get(door).await?.json()?;
        for record in list["records"].as_array().into_iter().flatten() {
            let address = record["deliveryMode"]["address"].as_str().unwrap_or_default();
            if let Some(id) = record["id"].as_str().filter(|_| address.contains(PATH)) {
                user.call(Method::DELETE, &format!("{door}/{id}"), None).await?;
            }
        }
    }
    Ok(())
}

async fn subscribe(user: &Api, receiver: &Receiver, subscriber: &Subscriber) -> Result<String, Failure> {
    let address = receiver.url(&format!("{PATH}{}", subscriber.name));
    let wanted = json!({
        "eventFilters": subscriber.event_filters,
        "deliveryMode": { "transportType": "WebHook", "address": address },
    });
    let made = post(user, &subscriber.path, &wanted).await?;
    let id = made["id"].as_str().unwrap_or_default();
    Ok(format!("{}/{id}", subscriber.path))
}

/// Makes a conference endpoint, and tells the receiver what its deliveries carry.
async fn register(
    operator: &Api,
    receiver: &Receiver,
    subscriber: &Subscriber,
    settings: &Settings,
) -> Result<String, Failure> {
    let wanted = json!({
        "url": receiver.url(&format!("{PATH}{}", subscriber.name)),
        "events": subscriber.event_filters,
        "companyId": settings.get("HOOKSWITCH_COMPANY_ID")?,
    });
    let made = post(operator, CONFERENCES, &wanted).await?;
    let signer = Signer::new([made["signingSecret"].as_str().unwrap_or_default()])
        .map_err(|error| Failure::Failed(format!("the endpoint's signing secret: {error}")))?;
    receiver.expect_conferences(&subscriber.name, signer, settings.get("HOOKSWITCH_CONFERENCE_TOKEN")?);
    Ok(format!("{CONFERENCES}/{}", made["id"].as_str().unwrap_or_default()))
}

async fn post(api: &Api, path: &str, body: &Value) -> Result<Value, Failure> {
    let body = Some(("application/json", Bytes::from(body.to_string())));
    api.call(Method::POST, path, body).await?.success()?.json()
}

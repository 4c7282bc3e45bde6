//! The story as data (`story.json`): who subscribes to what, and what happens scene by scene. Each scene
//! says which of the subscriptions must hear of it, so that the demo can check itself.

use serde_json::Value;

use super::chat::Deed;
use crate::simulate::Step;

/// The conference endpoint of the story, which wants every event.
pub const CONFERENCES: &str = "conferences";

const STORY: &str = include_str!("story.json");

pub struct Story {
    pub account: String,
    pub subscriptions: Vec<Subscriber>,
    pub scenes: Vec<Scene>,
}

pub struct Subscriber {
    pub name: String,
    /// Where it is created: the door.
    pub path: String,
    pub event_filters: Value,
}

#[derive(Clone)]
pub struct Scene {
    pub says: String,
    /// What it publishes, or what the deed raises.
    pub event: String,
    /// None: the event is published.
    pub deed: Option<Deed>,
    /// Of the event, or of the request.
    pub body: Value,
    /// An extension, where the event is for its members only.
    pub recipients: Option<String>,
    /// Names of the subscriptions that must get it, and no others.
    pub heard_by: Vec<String>,
}

/// What the story's placeholders stand for.
pub struct Cast<'a> {
    pub account: &'a str,
    /// The extension that subscribes.
    pub me: &'a str,
    pub colleague: &'a str,
    /// ISO 8601.
    pub now: &'a str,
}

impl Story {
    /// The story with its placeholders filled in; `None` only if the built-in file is broken, which a test
    /// rules out.
    pub fn with(cast: &Cast<'_>) -> Option<Self> {
        let names = [
            ("{account}", cast.account),
            ("{me}", cast.me),
            ("{colleague}", cast.colleague),
            ("{now}", cast.now),
        ];
        let text = names.iter().fold(STORY.to_owned(), |text, (name, value)| text.replace(name, value));
        let mut told: Value = serde_json::from_str(&text).ok()?;
        let subscriptions =
            told["subscriptions"].as_array_mut()?.iter_mut().map(subscriber).collect::<Option<_>>()?;
        let scenes = told["scenes"].as_array_mut()?.iter_mut().map(scene).collect::<Option<_>>()?;
        Some(Self { account: cast.account.to_owned(), subscriptions, scenes })
    }
}

impl Story {
    /// Adds a conference, of which the story's conference endpoint hears.
    pub fn tell(&mut self, conference: Vec<Step>) {
        let scene = |step: Step| Scene {
            says: step.says,
            event: step.event,
            deed: None,
            body: step.body,
            recipients: None,
            heard_by: vec![CONFERENCES.to_owned()],
        };
        self.scenes.extend(conference.into_iter().map(scene));
    }
}

fn subscriber(told: &mut Value) -> Option<Subscriber> {
    let event_filters = told["eventFilters"].take();
    Some(Subscriber { name: text(told, "name")?, path: text(told, "path")?, event_filters })
}

fn scene(told: &mut Value) -> Option<Scene> {
    let names = told["for"].as_array()?.iter().map(|name| name.as_str().map(str::to_owned));
    let heard_by = names.collect::<Option<_>>()?;
    let body = told["body"].take();
    let deed = match told.get("do") {
        None => None,
        Some(name) => Some(Deed::named(name.as_str()?)?),
    };
    let (says, event) = (text(told, "says")?, text(told, "event")?);
    Some(Scene { says, event, deed, body, recipients: None, heard_by })
}

fn text(told: &Value, name: &str) -> Option<String> {
    told[name].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hookswitch_core::catalogue::sample::Protagonist;
    use hookswitch_core::catalogue::{Catalogue, Scope};
    use hookswitch_core::id::{AccountId, ExtensionId};

    use super::super::encore;
    use super::*;

    fn story() -> Story {
        let cast = Cast { account: "1", me: "2", colleague: "3", now: "2026-01-01T00:00:00.000Z" };
        let mut story = Story::with(&cast).expect("well-formed");
        let who = Protagonist { account: AccountId(1), extension: ExtensionId(2), company: 3 };
        encore::append(&mut story, who);
        story
    }

    #[test]
    fn every_event_type_that_can_be_published_has_its_scene() {
        let catalogue = Catalogue::built_in();
        let by_server = |entry: &hookswitch_core::catalogue::Entry| {
            entry.forms.iter().all(|form| catalogue.form(*form).scope == Scope::Reminder)
        };
        let heard_of = catalogue.entries().filter(|(_, entry)| !by_server(entry));
        let all: BTreeSet<_> = heard_of.map(|(_, entry)| &*entry.name).collect();
        let resolve = |scene: &Scene| catalogue.resolve(&scene.event).expect("an event type").entry;
        let scenes = story().scenes;
        let played: BTreeSet<_> = scenes.iter().map(|scene| &*catalogue.entry(resolve(scene)).name).collect();
        assert_eq!(played, all);
    }

    #[test]
    fn every_subscription_is_heard_of_and_exists() {
        let story = story();
        let exist: BTreeSet<_> = story.subscriptions.iter().map(|one| one.name.clone()).collect();
        let heard: BTreeSet<_> =
            story.scenes.iter().flat_map(|scene| scene.heard_by.iter().cloned()).collect();
        assert_eq!(heard, exist);
    }
}

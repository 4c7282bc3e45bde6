//! The encore: one event of every type of the catalogue that the story does not tell of, made from the
//! catalogue's own sample, so that the demo covers whatever there is.
//!
//! Left out: what the server makes by itself (reminders). Conference events go to conference endpoints, all
//! others to subscriptions.

use hookswitch_core::catalogue::sample::Protagonist;
use hookswitch_core::catalogue::{Catalogue, Entry, ParameterKind, Scope};
use hookswitch_core::subscription::Door;
use serde_json::Value;

use super::story::{CONFERENCES, Scene, Story, Subscriber};

/// Who hears the encore.
const ARCHIVE: &str = "archive";

/// Adds a subscriber and a scene for each event type that is missing.
pub fn append(story: &mut Story, who: Protagonist) {
    let catalogue = Catalogue::built_in();
    let told: Vec<_> =
        story.scenes.iter().filter_map(|scene| Some(catalogue.resolve(&scene.event).ok()?.entry)).collect();
    let missing =
        catalogue.entries().filter(|(no, entry)| !told.contains(no) && can_be_told(&catalogue, entry));
    let mut filters = Vec::new();
    for (_, entry) in missing {
        let Some(form) = entry.forms.first() else { continue };
        let event = catalogue.sample_path(*form, who.account, who.extension);
        let heard_by = if entry.door == Door::Conference {
            CONFERENCES
        } else {
            filters.push(Value::from(format!("{event}{}", constants(entry))));
            ARCHIVE
        };
        let heard_by = vec![heard_by.to_owned()];
        // Team messaging goes to the members of a chat; here they are named.
        let recipients = entry.members_only.then(|| who.extension.to_string());
        let (says, body) = (entry.summary.clone(), entry.sample_about(who));
        story.scenes.push(Scene { says, event, deed: None, body, recipients, heard_by });
    }
    if !filters.is_empty() {
        let path = "/restapi/v1.0/subscription".to_owned();
        story.subscriptions.push(Subscriber {
            name: ARCHIVE.to_owned(),
            path,
            event_filters: filters.into(),
        });
    }
}

fn can_be_told(catalogue: &Catalogue, entry: &Entry) -> bool {
    let scope = entry.forms.first().map(|form| catalogue.form(*form).scope);
    entry.door != Door::Webinar && scope != Some(Scope::Reminder)
}

/// The query of parameters that must be given and have one legal value.
fn constants(entry: &Entry) -> String {
    let constant = |kind: &ParameterKind| match kind {
        ParameterKind::Constant { value, .. } => Some(value.clone()),
        _ => None,
    };
    let pairs =
        entry.parameters.iter().filter_map(|one| Some(format!("{}={}", one.name, constant(&one.kind)?)));
    let query = pairs.collect::<Vec<_>>().join("&");
    if query.is_empty() { query } else { format!("?{query}") }
}

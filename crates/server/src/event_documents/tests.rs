//! The committed documents are fresh, and say of every event type what the catalogue says.

use std::path::Path;

use hookswitch_core::catalogue::Catalogue;
use hookswitch_core::schema::Schema;
use hookswitch_core::subscription::Door;
use serde_json::Value;

use super::{asyncapi, reference};

fn is_fresh(file: &str, fresh: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    if std::env::var_os("UPDATE_EVENTS").is_some() {
        std::fs::write(&path, fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == fresh,
        "{file} is stale: run this test with UPDATE_EVENTS=1 and look at the difference"
    );
}

#[test]
fn the_committed_documents_are_fresh() {
    let catalogue = Catalogue::built_in();
    is_fresh("asyncapi.json", &format!("{:#}\n", asyncapi(&catalogue)));
    is_fresh("docs/events.md", &reference(&catalogue));
}

#[test]
fn every_path_has_a_channel_and_every_example_fits_what_is_said_of_its_message() {
    let catalogue = Catalogue::built_in();
    let document = asyncapi(&catalogue);
    let addresses: Vec<&str> = document["channels"]
        .as_object()
        .unwrap()
        .values()
        .map(|channel| channel["address"].as_str().unwrap())
        .collect();
    for (_, entry) in catalogue.entries() {
        for form in &entry.forms {
            assert!(addresses.contains(&catalogue.form(*form).pattern.as_str()), "{}", entry.name);
        }
        let message = &document["components"]["messages"][&entry.name];
        let example = &message["examples"][0]["payload"];
        let (schema, body) = match entry.door {
            Door::Conference => {
                let text = example["payload"].as_str().unwrap();
                let schema = &message["payload"]["properties"]["payload"]["x-content-schema"];
                (schema, serde_json::from_str(text).unwrap())
            }
            _ => (&message["payload"]["allOf"][1]["properties"]["body"], example["body"].clone()),
        };
        assert_eq!(Schema::compile(schema).unwrap().check(&body), Ok(()), "{}", entry.name);
    }
}

#[test]
fn every_reference_inside_the_document_leads_somewhere() {
    let document = asyncapi(&Catalogue::built_in());
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 200, "{}", references.len());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect<'d>(value: &'d Value, references: &mut Vec<&'d str>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, references)),
        _ => {}
    }
}

#[test]
fn the_page_shows_an_operators_own_event_type_with_all_it_can() {
    let file = serde_json::json!({ "eventTypes": [{
        "name": "acme.order", "summary": "An order has changed.", "class": "message", "appScope": "Orders",
        "forms": [{ "pattern": "/acme/v1/account/{accountId}/orders", "scope": "account", "permissions": ["ReadOrders"] }],
        "parameters": [
            { "name": "carrier", "kind": "refine", "places": ["/carrier"], "values": ["post", "road"], "summary": "By whom." },
            { "name": "items", "kind": "shape", "adds": ["/items"], "summary": "With the items." }],
        "onViolation": "reject",
        "schema": { "type": "object", "required": ["id"], "properties": {
            "id": { "type": "string", "nullable": true, "description": "Ours | theirs." } } },
        "sample": { "id": "7" } }] });
    let catalogue = Catalogue::built_in().with(&file.to_string()).unwrap();
    let page = reference(&catalogue);
    let section = page.split("\n## ").find(|section| section.starts_with("acme.order\n")).unwrap();
    for line in [
        "| `/acme/v1/account/{accountId}/orders` | the account's | ReadOrders |",
        "the app needs Orders; retried for 3 days; strict: a body that breaks the schema is refused.",
        "| `carrier` | narrows | post, road | By whom. |",
        "| `items` | adds to the body | true, false | With the items. |",
        "| `id` | string or null | required. Ours \\| theirs. |",
    ] {
        assert!(section.contains(line), "{line} is not in {section}");
    }
    let body = &asyncapi(&catalogue)["components"]["messages"]["acme.order"]["payload"]["allOf"][1]["properties"]
        ["body"];
    assert_eq!(body["properties"]["id"]["type"], serde_json::json!(["string", "null"]));
}

//! The AsyncAPI document: a channel for each path that can be subscribed to, a message for each event type,
//! and what every delivery carries around it.

use hookswitch_core::catalogue::{Catalogue, Entry, Form, ParameterKind};
use hookswitch_core::subscription::Door;
use serde_json::{Map, Value, json};

/// AsyncAPI 3.0 (<https://www.asyncapi.com/docs/reference/specification/v3.0.0>).
pub fn document(catalogue: &Catalogue) -> Value {
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for (_, entry) in catalogue.entries() {
        messages.insert(entry.name.clone(), message(catalogue, entry));
        for (index, form) in entry.forms.iter().enumerate() {
            let id = if index == 0 { entry.name.clone() } else { format!("{}.{}", entry.name, index + 1) };
            channels.insert(id.clone(), channel(entry, catalogue.form(*form)));
            operations.insert(format!("deliver.{id}"), operation(entry, &id));
        }
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Hookswitch",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Everything that can be delivered. A channel is an event filter: a subscriber asks for it \
                with ~ for its own ids and with a query, and the event comes to the address of its subscription.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages, "schemas": shared_schemas() },
    })
}

fn channel(entry: &Entry, form: &Form) -> Value {
    let mut channel = json!({
        "address": form.pattern,
        "summary": entry.summary,
        "messages": { entry.name.as_str(): { "$ref": format!("#/components/messages/{}", entry.name) } },
        "x-scope": form.scope,
        "x-door": entry.door,
    });
    let parameters = path_parameters(entry, &form.pattern);
    let query: Vec<Value> = entry.parameters.iter().map(query_parameter).collect();
    for (name, value) in [
        ("parameters", Value::Object(parameters)),
        ("x-filter-parameters", query.into()),
        ("x-permissions", form.permissions.clone().into()),
    ] {
        let is_empty =
            value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
        if !is_empty {
            channel[name] = value;
        }
    }
    if let Some(scope) = &entry.app_scope {
        channel["x-app-scope"] = scope.clone().into();
    }
    channel
}

fn path_parameters(entry: &Entry, pattern: &str) -> Map<String, Value> {
    let names = pattern.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let describe = |name: &str| {
        let known = entry.variables.iter().find(|variable| variable.name == name);
        let legal = known.map(|variable| variable.values.clone()).unwrap_or_default();
        let mut parameter = match name {
            "accountId" => json!({ "description": "The account; ~ for one's own when subscribing." }),
            "extensionId" => json!({ "description": "The extension; ~ for oneself when subscribing." }),
            _ => json!({}),
        };
        if !legal.is_empty() {
            parameter["enum"] = legal.into();
        }
        (name.to_owned(), parameter)
    };
    names.map(describe).collect()
}

fn query_parameter(parameter: &hookswitch_core::catalogue::Parameter) -> Value {
    let (kind, values) = match &parameter.kind {
        ParameterKind::Refine(refine) => ("refines", refine.values.clone()),
        ParameterKind::Constant { value, .. } => ("constant", vec![value.clone()]),
        ParameterKind::Shape(_) => ("shapes", vec!["true".to_owned(), "false".to_owned()]),
        ParameterKind::Seconds => ("seconds", Vec::new()),
    };
    let mut described = json!({ "name": parameter.name, "kind": kind, "summary": parameter.summary });
    if !values.is_empty() {
        described["values"] = values.into();
    }
    described
}

/// From the server's side: it sends.
fn operation(entry: &Entry, channel: &str) -> Value {
    json!({
        "action": "send",
        "channel": { "$ref": format!("#/channels/{channel}") },
        "messages": [{ "$ref": format!("#/channels/{channel}/messages/{}", entry.name) }],
        "bindings": { "http": { "method": "POST" } },
    })
}

fn message(catalogue: &Catalogue, entry: &Entry) -> Value {
    let (headers, payload, example) = match entry.door {
        Door::Conference => conference(entry),
        Door::Core | Door::Webinar => envelope(catalogue, entry),
    };
    json!({
        "name": entry.name,
        "title": entry.name,
        "summary": entry.summary,
        "contentType": "application/json",
        "headers": { "$ref": format!("#/components/schemas/{headers}") },
        "payload": payload,
        "examples": [{ "name": "sample", "payload": example }],
    })
}

fn envelope(catalogue: &Catalogue, entry: &Entry) -> (&'static str, Value, Value) {
    let payload = json!({
        "allOf": [
            { "$ref": "#/components/schemas/Envelope" },
            { "type": "object", "properties": { "body": body_schema(&entry.schema_source) } },
        ],
    });
    let event = entry.forms.first().map(|form| {
        use hookswitch_core::catalogue::sample::{SAMPLE_ACCOUNT, SAMPLE_EXTENSION};
        catalogue.sample_path(*form, SAMPLE_ACCOUNT, SAMPLE_EXTENSION)
    });
    let example = json!({
        "uuid": "0190b3a4-7c1e-7d70-8a51-0c8e0a3f9f10",
        "event": event,
        "timestamp": "2026-01-05T09:00:00.000Z",
        "subscriptionId": "8a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
        "ownerId": "400131001",
        "body": entry.sample,
    });
    ("DeliveryHeaders", payload, example)
}

/// Conference endpoints get another form: the payload as text.
fn conference(entry: &Entry) -> (&'static str, Value, Value) {
    let payload = json!({
        "type": "object",
        "required": ["event", "payload", "timestamp"],
        "properties": {
            "event": { "const": entry.name },
            "payload": {
                "type": "string",
                "description": "JSON, written as a string; its schema is beside this one.",
                "contentMediaType": "application/json",
                "x-content-schema": body_schema(&entry.schema_source),
            },
            "timestamp": { "type": "string", "format": "date-time" },
        },
    });
    let example = json!({
        "event": entry.name,
        "payload": entry.sample.to_string(),
        "timestamp": "2026-01-05T09:00:00.000Z",
    });
    ("ConferenceHeaders", payload, example)
}

/// JSON Schema has no `nullable`: null becomes one more type, and one more legal value.
fn body_schema(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let mut plain: Map<String, Value> = members
                .iter()
                .filter(|(name, value)| !(name.as_str() == "nullable" && value.is_boolean()))
                .map(|(name, value)| (name.clone(), body_schema(value)))
                .collect();
            if members.get("nullable") == Some(&Value::Bool(true)) {
                allow_null(&mut plain);
            }
            Value::Object(plain)
        }
        Value::Array(elements) => elements.iter().map(body_schema).collect(),
        scalar => scalar.clone(),
    }
}

fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(kind) = schema.get_mut("type") {
        *kind = match kind.take() {
            Value::Array(mut several) => {
                several.push("null".into());
                several.into()
            }
            one => json!([one, "null"]),
        };
    }
    if let Some(Value::Array(legal)) = schema.get_mut("enum") {
        legal.push(Value::Null);
    }
}

fn shared_schemas() -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let delivery_headers = json!({
        "validation-token": text("In the handshake only; to be echoed as a header."),
        "verification-token": text("The app's, where the subscription asked for it."),
        "webhook-id": text("The event's uuid: the same for each repeat."),
        "webhook-timestamp": text("Seconds since 1970 at which the attempt was signed."),
        "webhook-signature": text("Standard Webhooks: v1 and the signature, for each secret that is in use."),
        "traceparent": text("W3C trace context."),
    });
    let mut conference_headers = delivery_headers.clone();
    conference_headers["x-signing-token"] = text("The company's token.");
    conference_headers["x-signing-token-next"] = text("While the token is rotated: the one to come.");
    conference_headers["x-signing-token-previous"] = text("After a rotation: the one that was.");
    json!({
        "Envelope": {
            "type": "object",
            "required": ["uuid", "event", "timestamp", "subscriptionId", "ownerId", "body"],
            "properties": {
                "uuid": { "type": "string", "format": "uuid", "description": "The event's; the same for each repeat." },
                "event": text("The event filter as it was subscribed to, with ids in place of ~."),
                "timestamp": { "type": "string", "format": "date-time" },
                "subscriptionId": text("The subscription that asked for it."),
                "ownerId": text("The extension that made the subscription."),
                "body": { "type": "object" },
            },
        },
        "DeliveryHeaders": { "type": "object", "properties": delivery_headers },
        "ConferenceHeaders": { "type": "object", "properties": conference_headers },
    })
}

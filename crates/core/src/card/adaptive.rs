//! Whether a JSON value is an adaptive card: type, version, known elements and actions with the members
//! that they must have, within bounds.
//!
//! Members that the tables do not name are left alone: cards carry far more presentation than anybody
//! here looks at. An element of an unknown type passes if it brings a `fallback`, as the format has it.

use serde_json::{Map, Value};

use super::{ADAPTIVE, FAULTS, Fault};
use crate::limits::{CARD_DEPTH, CARD_ELEMENTS, CARD_JSON_DEPTH};

/// What a member must be.
#[derive(Clone, Copy)]
enum Form {
    Text,
    /// A list of such objects.
    List(Set),
    /// The same, or plain strings among them.
    ListOrText(Set),
    /// An action, but none that opens a card.
    SelectAction,
    /// A nested card, which needs no version.
    Card,
}

/// What may stand in a list. By name and not by table, since lists hold lists of their own kind.
#[derive(Clone, Copy)]
enum Set {
    Elements,
    Columns,
    Rows,
    Cells,
    Images,
    Inlines,
    Facts,
    Choices,
    Sources,
    Targets,
    Actions,
}

impl Set {
    fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Elements => ELEMENTS,
            Self::Columns => COLUMNS,
            Self::Rows => ROWS,
            Self::Cells => CELLS,
            Self::Images => IMAGES,
            Self::Inlines => INLINES,
            Self::Facts => FACTS,
            Self::Choices => CHOICES,
            Self::Sources => SOURCES,
            Self::Targets => TARGETS,
            Self::Actions => ACTIONS,
        }
    }
}

/// A member that is looked at.
struct Member {
    name: &'static str,
    form: Form,
    required: bool,
}

/// One kind of object, by its type. In some lists the type goes without saying.
struct Kind {
    name: &'static str,
    may_omit_type: bool,
    members: &'static [Member],
}

const fn must(name: &'static str, form: Form) -> Member {
    Member { name, form, required: true }
}

const fn may(name: &'static str, form: Form) -> Member {
    Member { name, form, required: false }
}

const fn kind(name: &'static str, members: &'static [Member]) -> Kind {
    Kind { name, may_omit_type: false, members }
}

const fn implied(name: &'static str, members: &'static [Member]) -> Kind {
    Kind { name, may_omit_type: true, members }
}

const IMAGE: &[Member] = &[must("url", Form::Text), may("selectAction", Form::SelectAction)];
const INPUT: &[Member] = &[must("id", Form::Text)];

const ELEMENTS: &[Kind] = &[
    kind("TextBlock", &[must("text", Form::Text)]),
    kind("RichTextBlock", &[must("inlines", Form::ListOrText(Set::Inlines))]),
    kind("Image", IMAGE),
    kind("Media", &[must("sources", Form::List(Set::Sources))]),
    kind("Container", &[must("items", Form::List(Set::Elements)), may("selectAction", Form::SelectAction)]),
    kind("ColumnSet", &[may("columns", Form::List(Set::Columns)), may("selectAction", Form::SelectAction)]),
    kind("FactSet", &[must("facts", Form::List(Set::Facts))]),
    kind("ImageSet", &[must("images", Form::List(Set::Images))]),
    kind("ActionSet", &[must("actions", Form::List(Set::Actions))]),
    kind("Table", &[may("rows", Form::List(Set::Rows))]),
    kind("Input.Text", INPUT),
    kind("Input.Number", INPUT),
    kind("Input.Date", INPUT),
    kind("Input.Time", INPUT),
    kind("Input.Toggle", &[must("id", Form::Text), must("title", Form::Text)]),
    kind("Input.ChoiceSet", &[must("id", Form::Text), may("choices", Form::List(Set::Choices))]),
];

const COLUMNS: &[Kind] =
    &[implied("Column", &[may("items", Form::List(Set::Elements)), may("selectAction", Form::SelectAction)])];
const ROWS: &[Kind] = &[implied("TableRow", &[may("cells", Form::List(Set::Cells))])];
const CELLS: &[Kind] = &[implied("TableCell", &[must("items", Form::List(Set::Elements))])];
const IMAGES: &[Kind] = &[implied("Image", IMAGE)];
const INLINES: &[Kind] = &[implied("TextRun", &[must("text", Form::Text)])];
const FACTS: &[Kind] = &[implied("Fact", &[must("title", Form::Text), must("value", Form::Text)])];
const CHOICES: &[Kind] = &[implied("Input.Choice", &[must("title", Form::Text), must("value", Form::Text)])];
const SOURCES: &[Kind] = &[implied("MediaSource", &[must("mimeType", Form::Text), must("url", Form::Text)])];
const TARGETS: &[Kind] = &[implied("TargetElement", &[must("elementId", Form::Text)])];

const ACTIONS: &[Kind] = &[
    kind("Action.OpenUrl", &[must("url", Form::Text)]),
    kind("Action.Submit", &[]),
    kind("Action.Execute", &[]),
    kind("Action.ToggleVisibility", &[must("targetElements", Form::ListOrText(Set::Targets))]),
    kind("Action.ShowCard", &[must("card", Form::Card)]),
];

const CARD: &[Member] = &[
    may("body", Form::List(Set::Elements)),
    may("actions", Form::List(Set::Actions)),
    may("selectAction", Form::SelectAction),
    may("fallbackText", Form::Text),
    may("$schema", Form::Text),
    may("speak", Form::Text),
    may("lang", Form::Text),
    may("minHeight", Form::Text),
];

/// `Ok` if it is an adaptive card that can be shown; else what is wrong, the most important first.
pub fn check(card: &Value) -> Result<(), Vec<Fault>> {
    if is_deeper_than(card, CARD_JSON_DEPTH) {
        return Err(vec![Fault::new("", format!("is nested deeper than {CARD_JSON_DEPTH}"))]);
    }
    let mut check = Check::default();
    check.card(card, "", 0, true);
    if check.faults.is_empty() { Ok(()) } else { Err(check.faults) }
}

#[derive(Default)]
struct Check {
    faults: Vec<Fault>,
    elements: usize,
}

impl Check {
    fn fault(&mut self, path: impl Into<String>, reason: impl Into<String>) {
        if self.faults.len() < FAULTS {
            self.faults.push(Fault::new(path, reason));
        }
    }

    fn card(&mut self, card: &Value, path: &str, depth: usize, is_outermost: bool) {
        let Value::Object(members) = card else { return self.fault(path, "must be an object") };
        if members.get("type").and_then(Value::as_str) != Some(ADAPTIVE) {
            self.fault(format!("{path}.type"), format!("must be {ADAPTIVE}"));
        }
        match members.get("version") {
            None if !is_outermost => {}
            None => self.fault(format!("{path}.version"), "is required"),
            Some(Value::String(version)) if is_known_version(version) => {}
            Some(_) => self.fault(format!("{path}.version"), "must be a version from 1.0 to 1.6"),
        }
        let has_content =
            ["body", "actions"].iter().any(|name| members.get(*name).is_some_and(Value::is_array));
        if is_outermost && !has_content {
            self.fault(format!("{path}.body"), "is required where there are no actions");
        }
        self.members(members, CARD, path, depth);
    }

    fn members(&mut self, object: &Map<String, Value>, members: &[Member], path: &str, depth: usize) {
        for member in members {
            let at = || format!("{path}.{}", member.name);
            match object.get(member.name).filter(|value| !value.is_null()) {
                None if member.required => self.fault(at(), "is required"),
                None => {}
                Some(value) => self.form(value, member.form, &at(), depth),
            }
        }
    }

    // The recursion ends at CARD_DEPTH, whatever the card is.
    fn form(&mut self, value: &Value, form: Form, path: &str, depth: usize) {
        if depth == CARD_DEPTH {
            return self.fault(path, format!("is nested deeper than {CARD_DEPTH}"));
        }
        match (form, value) {
            (Form::Text, Value::String(_)) => {}
            (Form::Text, _) => self.fault(path, "must be a string"),
            (Form::List(set), Value::Array(list)) => self.list(list, set, false, path, depth),
            (Form::ListOrText(set), Value::Array(list)) => self.list(list, set, true, path, depth),
            (Form::List(_) | Form::ListOrText(_), _) => self.fault(path, "must be an array"),
            (Form::Card, card) => self.card(card, path, depth + 1, false),
            (Form::SelectAction, action) => {
                if action.get("type").and_then(Value::as_str) == Some("Action.ShowCard") {
                    return self.fault(format!("{path}.type"), "must not be Action.ShowCard");
                }
                self.one(action, Set::Actions, path, depth + 1);
            }
        }
    }

    fn list(&mut self, list: &[Value], set: Set, takes_text: bool, path: &str, depth: usize) {
        for (index, element) in list.iter().enumerate() {
            if self.elements == CARD_ELEMENTS {
                return self.fault(path, format!("has more elements than a card may have, {CARD_ELEMENTS}"));
            }
            self.elements += 1;
            if !(takes_text && element.is_string()) {
                self.one(element, set, &format!("{path}[{index}]"), depth + 1);
            }
        }
    }

    fn one(&mut self, element: &Value, set: Set, path: &str, depth: usize) {
        let kinds = set.kinds();
        let Value::Object(members) = element else { return self.fault(path, "must be an object") };
        let known = match members.get("type") {
            Some(Value::String(name)) => kinds.iter().find(|kind| kind.name == name),
            Some(_) => return self.fault(format!("{path}.type"), "must be a string"),
            None => kinds.iter().find(|kind| kind.may_omit_type),
        };
        match known {
            Some(kind) => self.members(members, kind.members, path, depth),
            None if members.contains_key("type") && has_fallback(members) => {}
            None => {
                let names: Vec<_> = kinds.iter().map(|kind| kind.name).collect();
                self.fault(format!("{path}.type"), format!("must be one of {}", names.join(", ")));
            }
        }
    }
}

// The recursion ends at `depth`.
fn is_deeper_than(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(elements) => depth == 0 || elements.iter().any(|inner| is_deeper_than(inner, depth - 1)),
        Value::Object(members) => {
            depth == 0 || members.values().any(|inner| is_deeper_than(inner, depth - 1))
        }
        _ => false,
    }
}

fn has_fallback(members: &Map<String, Value>) -> bool {
    members.get("fallback").is_some_and(|fallback| fallback.is_object() || fallback == "drop")
}

fn is_known_version(version: &str) -> bool {
    matches!(version, "1.0" | "1.1" | "1.2" | "1.3" | "1.4" | "1.5" | "1.6")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn first_fault(card: &Value) -> Option<String> {
        check(card).err().map(|faults| faults[0].to_string())
    }

    fn with_body(element: Value) -> Value {
        json!({ "type": "AdaptiveCard", "version": "1.3", "body": [element] })
    }

    #[test]
    fn cards_of_every_known_element_and_action_are_taken() {
        let card = json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard", "version": "1.5", "fallbackText": "a card", "lang": null,
            "body": [
                { "type": "TextBlock", "text": "t", "wrap": true, "size": "ExtraLarge", "anything": [1] },
                { "type": "RichTextBlock", "inlines": ["plain", { "type": "TextRun", "text": "run" }, { "text": "run" }] },
                { "type": "Image", "url": "https://example.com/i.png", "selectAction": { "type": "Action.Submit" } },
                { "type": "Media", "sources": [{ "mimeType": "video/mp4", "url": "https://example.com/v" }] },
                { "type": "ColumnSet", "columns": [
                    { "type": "Column", "items": [{ "type": "Container", "items": [] }] }, { "width": "auto" }] },
                { "type": "FactSet", "facts": [{ "title": "a", "value": "b" }] },
                { "type": "ImageSet", "images": [{ "type": "Image", "url": "u" }, { "url": "u" }] },
                { "type": "ActionSet", "actions": [{ "type": "Action.OpenUrl", "url": "https://example.com" }] },
                { "type": "Table", "columns": [{ "width": 1 }],
                  "rows": [{ "type": "TableRow", "cells": [{ "type": "TableCell", "items": [] }] }] },
                { "type": "Input.Text", "id": "a" }, { "type": "Input.Number", "id": "b" },
                { "type": "Input.Date", "id": "c" }, { "type": "Input.Time", "id": "d" },
                { "type": "Input.Toggle", "id": "e", "title": "on" },
                { "type": "Input.ChoiceSet", "id": "f", "choices": [{ "title": "x", "value": "y" }] },
                { "type": "Hologram", "fallback": { "type": "TextBlock", "text": "flat" } },
                { "type": "Hologram", "fallback": "drop" },
            ],
            "actions": [
                { "type": "Action.Submit", "title": "Save", "data": { "staticValue": "foo" } },
                { "type": "Action.Execute", "verb": "v" },
                { "type": "Action.ToggleVisibility", "targetElements": ["a", { "elementId": "b", "isVisible": true }] },
                { "type": "Action.ShowCard", "card": { "type": "AdaptiveCard", "body": [] } },
            ],
        });
        assert_eq!(first_fault(&card), None);
        assert_eq!(first_fault(&json!({ "type": "AdaptiveCard", "version": "1.0", "actions": [] })), None);
    }

    #[test]
    fn the_card_itself_needs_type_version_and_content() {
        for (card, fault) in [
            (json!([]), " must be an object"),
            (json!({ "version": "1.3", "body": [] }), ".type must be AdaptiveCard"),
            (json!({ "type": "Card", "version": "1.3", "body": [] }), ".type must be AdaptiveCard"),
            (json!({ "type": "AdaptiveCard", "body": [] }), ".version is required"),
            (
                json!({ "type": "AdaptiveCard", "version": 1.3, "body": [] }),
                ".version must be a version from 1.0 to 1.6",
            ),
            (
                json!({ "type": "AdaptiveCard", "version": "2.0", "body": [] }),
                ".version must be a version from 1.0 to 1.6",
            ),
            (
                json!({ "type": "AdaptiveCard", "version": "1.3" }),
                ".body is required where there are no actions",
            ),
            (
                json!({ "type": "AdaptiveCard", "version": "1.3", "body": {} }),
                ".body is required where there are no actions",
            ),
            (
                json!({ "type": "AdaptiveCard", "version": "1.3", "body": [], "actions": {} }),
                ".actions must be an array",
            ),
            (
                json!({ "type": "AdaptiveCard", "version": "1.3", "body": [], "fallbackText": 7 }),
                ".fallbackText must be a string",
            ),
        ] {
            assert_eq!(first_fault(&card).as_deref(), Some(fault), "{card}");
        }
    }

    #[test]
    fn elements_must_be_known_and_have_what_they_need() {
        let all_elements = "must be one of TextBlock, RichTextBlock, Image, Media, Container, ColumnSet, FactSet, \
                            ImageSet, ActionSet, Table, Input.Text, Input.Number, Input.Date, Input.Time, \
                            Input.Toggle, Input.ChoiceSet";
        for (element, path, reason) in [
            (json!("text"), "", "must be an object"),
            (json!({ "text": "t" }), ".type", all_elements),
            (json!({ "type": 1 }), ".type", "must be a string"),
            (json!({ "type": "Hologram" }), ".type", all_elements),
            (json!({ "type": "textblock", "text": "t" }), ".type", all_elements),
            (json!({ "type": "TextBlock" }), ".text", "is required"),
            (json!({ "type": "TextBlock", "text": null }), ".text", "is required"),
            (json!({ "type": "TextBlock", "text": 5 }), ".text", "must be a string"),
            (json!({ "type": "Image" }), ".url", "is required"),
            (json!({ "type": "RichTextBlock", "inlines": [{}] }), ".inlines[0].text", "is required"),
            (json!({ "type": "Media", "sources": [{ "url": "u" }] }), ".sources[0].mimeType", "is required"),
            (json!({ "type": "Container" }), ".items", "is required"),
            (json!({ "type": "Container", "items": {} }), ".items", "must be an array"),
            (
                json!({ "type": "ColumnSet", "columns": [{ "type": "Image" }] }),
                ".columns[0].type",
                "must be one of Column",
            ),
            (
                json!({ "type": "ColumnSet", "columns": [{ "items": [{ "type": "TextBlock" }] }] }),
                ".columns[0].items[0].text",
                "is required",
            ),
            (json!({ "type": "FactSet", "facts": [{ "title": "t" }] }), ".facts[0].value", "is required"),
            (json!({ "type": "ImageSet", "images": [{}] }), ".images[0].url", "is required"),
            (json!({ "type": "Input.Text" }), ".id", "is required"),
            (json!({ "type": "Input.Toggle", "id": "a" }), ".title", "is required"),
            (
                json!({ "type": "Input.ChoiceSet", "id": "a", "choices": [{ "title": "t" }] }),
                ".choices[0].value",
                "is required",
            ),
            (
                json!({ "type": "Table", "rows": [{ "cells": [{}] }] }),
                ".rows[0].cells[0].items",
                "is required",
            ),
        ] {
            let fault = check(&with_body(element.clone())).expect_err("a bad element")[0].clone();
            assert_eq!((fault.path, fault.reason.as_str()), (format!(".body[0]{path}"), reason), "{element}");
        }
    }

    #[test]
    fn actions_must_be_known_and_have_what_they_need() {
        for (action, fault) in [
            (json!({ "type": "Action.OpenUrl" }), ".actions[0].url is required"),
            (json!({ "type": "Action.ShowCard" }), ".actions[0].card is required"),
            (
                json!({ "type": "Action.ShowCard", "card": { "body": [] } }),
                ".actions[0].card.type must be AdaptiveCard",
            ),
            (json!({ "type": "Action.ToggleVisibility" }), ".actions[0].targetElements is required"),
            (
                json!({ "type": "Action.ToggleVisibility", "targetElements": [{}] }),
                ".actions[0].targetElements[0].elementId is required",
            ),
            (
                json!({ "type": "Action.Explode" }),
                ".actions[0].type must be one of Action.OpenUrl, Action.Submit, Action.Execute, Action.ToggleVisibility, Action.ShowCard",
            ),
        ] {
            let card = json!({ "type": "AdaptiveCard", "version": "1.3", "actions": [action] });
            assert_eq!(first_fault(&card).as_deref(), Some(fault));
        }
        let opens_a_card =
            json!({ "type": "Image", "url": "u", "selectAction": { "type": "Action.ShowCard", "card": {} } });
        assert_eq!(
            first_fault(&with_body(opens_a_card)).as_deref(),
            Some(".body[0].selectAction.type must not be Action.ShowCard")
        );
    }

    #[test]
    fn a_card_is_bounded_in_depth_and_number_of_elements() {
        let mut deep = json!({ "type": "Container", "items": [] });
        for _ in 0..CARD_DEPTH {
            deep = json!({ "type": "Container", "items": [deep] });
        }
        assert!(first_fault(&with_body(deep)).expect("too deep").ends_with("is nested deeper than 16"));
        let many: Vec<Value> =
            (0..=CARD_ELEMENTS).map(|_| json!({ "type": "TextBlock", "text": "t" })).collect();
        let card = json!({ "type": "AdaptiveCard", "version": "1.3", "body": many });
        assert!(first_fault(&card).expect("too many").contains("more elements"));
        let bad: Vec<Value> = (0..50).map(|_| json!({})).collect();
        let card = json!({ "type": "AdaptiveCard", "version": "1.3", "body": bad });
        assert_eq!(check(&card).expect_err("all bad").len(), FAULTS);
    }
}

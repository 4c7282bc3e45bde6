//! What the catalogue says about one event type: the nouns. Reading them from files is `file`'s work.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalogue::place::{Place, Pointer};
use crate::catalogue::reading::{Plan, Source};
use crate::catalogue::shaping::Shaping;
use crate::filter::Condition;
use crate::retry::EventClass;
use crate::schema::Schema;
use crate::subscription::Door;

/// An entry by its place in the catalogue. Not the same from one start to the next: names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryNo(pub u16);

/// A path form by its place in the catalogue. Not the same from one start to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FormNo(pub u16);

/// One event type.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Short and unique.
    pub name: String,
    /// What happened when it comes, in a sentence.
    pub summary: String,
    /// Through which door it can be subscribed to.
    pub door: Door,
    pub class: EventClass,
    /// The scope that an app needs, if any.
    pub app_scope: Option<String>,
    /// The paths by which it is published and subscribed to; the first is the usual one.
    pub forms: Vec<FormNo>,
    pub parameters: Vec<Parameter>,
    pub variables: Vec<Variable>,
    /// Only members of a chat get it: those whom the publisher names as recipients (D24).
    pub members_only: bool,
    /// Where the key stands within which order is kept (D21); the first place that is present counts.
    pub ordering_key: Vec<Place>,
    pub on_violation: OnViolation,
    pub schema: Schema,
    /// The same as JSON, complete in itself.
    pub schema_source: Value,
    pub sample: Value,
    pub(crate) shaping: Shaping,
    /// Like refining parameters, but asked for by forms; numbered behind those.
    pub(crate) unwritten: Vec<Refine>,
    /// How to read what filters are compared with.
    pub(crate) plan: Plan,
}

/// One path by which an event type is published and subscribed to.
#[derive(Clone, Debug)]
pub struct Form {
    /// `None` for the form that stands for every conference event.
    pub entry: Option<EntryNo>,
    /// `/restapi/v1.0/account/{accountId}/presence`, or a bare event name.
    pub pattern: String,
    pub scope: Scope,
    /// The user needs one of these; none needed if empty.
    pub permissions: Vec<String>,
    /// What of a user it shows that only they and administrators may hear of.
    pub private: Option<Private>,
    /// In path order.
    pub(crate) variables: Vec<FormVariable>,
    /// What every filter of this form asks for, whatever its query.
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormVariable {
    Account,
    Extension,
    /// Any other, by its place in `Entry::variables`.
    Text(u8),
}

impl Form {
    /// Whether its path names the extension.
    pub fn names_extension(&self) -> bool {
        self.variables.contains(&FormVariable::Extension)
    }

    /// Whether its path names anything beside the account.
    pub(crate) fn has_variables(&self) -> bool {
        self.variables.iter().any(|variable| *variable != FormVariable::Account)
    }

    /// The variables other than account and extension, by their place in `Entry::variables`.
    pub(crate) fn texts(&self) -> impl Iterator<Item = u8> {
        self.variables.iter().filter_map(|variable| match variable {
            FormVariable::Text(no) => Some(*no),
            _ => None,
        })
    }
}

/// Whose events a filter of this form asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Account,
    Extension,
    /// All of the company, which is the account; the path names neither.
    Company,
    Conference,
    /// Made by the server itself when a subscription is about to expire.
    Reminder,
}

/// What of a user concerns nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Private {
    Messages,
    Favorites,
    MissedCalls,
    IncomingCalls,
    PresenceLines,
}

/// What becomes of a published body that breaks the schema (D14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnViolation {
    Reject,
    /// Accepted, counted and shown.
    Warn,
}

/// A variable of a path other than the account.
#[derive(Clone, Debug)]
pub struct Variable {
    pub name: String,
    /// Where its value stands in events whose path does not name it.
    pub places: Vec<Place>,
    /// If not empty, the only legal ones.
    pub values: Vec<String>,
    /// For samples; empty for the extension.
    pub sample: String,
    pub(crate) sources: Vec<Source>,
}

/// A query parameter of an event filter.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub name: String,
    pub summary: String,
    pub kind: ParameterKind,
}

#[derive(Clone, Debug)]
pub enum ParameterKind {
    /// Narrows: compared with what stands in the event (D12).
    Refine(Refine),
    /// Has one legal value; never compared.
    Constant { value: String, required: bool },
    /// Selects a richer payload (D13).
    Shape(Shape),
    /// A positive whole number of seconds, for reminders.
    Seconds,
}

#[derive(Clone, Debug)]
pub struct Refine {
    /// In order; the first that is present is compared.
    pub places: Vec<Place>,
    /// If not empty, the only legal ones.
    pub values: Vec<String>,
    /// Other spellings of legal values, in filters and in bodies.
    pub aliases: Vec<(String, String)>,
    /// What to do with an event that has none of the places.
    pub when_absent: WhenAbsent,
    /// Its place among the refining parameters of its entry.
    pub(crate) no: u8,
    pub(crate) sources: Vec<Source>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenAbsent {
    #[default]
    Differs,
    Matches,
}

impl Refine {
    /// The one spelling by which values are compared.
    pub(crate) fn spelling<'a>(&'a self, value: &'a str) -> &'a str {
        self.aliases.iter().find(|(other, _)| other == value).map_or(value, |(_, legal)| legal)
    }

    pub(crate) fn is_legal(&self, value: &str) -> bool {
        self.values.is_empty() || self.values.iter().any(|legal| legal == value)
    }
}

#[derive(Clone, Debug)]
pub struct Shape {
    /// The members that are removed where neither this nor another parameter that adds them is given.
    pub adds: Vec<Pointer>,
    pub implies: Vec<String>,
    /// Its bit in a filter's shape, with those of all it implies.
    pub(crate) bits: u8,
}

impl Entry {
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// The refining parameters, in the order of their numbers.
    pub(crate) fn refining(&self) -> impl Iterator<Item = &Refine> {
        let written = self.parameters.iter().filter_map(|parameter| match &parameter.kind {
            ParameterKind::Refine(refine) => Some(refine),
            _ => None,
        });
        written.chain(&self.unwritten)
    }
}

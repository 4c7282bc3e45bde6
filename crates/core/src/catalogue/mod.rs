//! The catalogue: which event types there are, as data. The engine knows none of them by name.
//!
//! - `entry`: what is known about an event type; `file`, `parameters`, `fields`: reading that from JSON,
//!   ours and an operator's; the built-in files are in `crates/core/catalogue/`.
//! - `paths`: from a path to its form; `place`: where in an event something stands, and `reading` it;
//!   `shaping`: what a subscriber does not get to see of a body; `sample`: samples about somebody real.
//!
//! Reading what a subscriber writes is `crate::filter`'s work, finding out who wants an event
//! `crate::matching`'s.

mod entry;
mod fields;
mod file;
mod parameters;
pub(crate) mod paths;
mod place;
pub(crate) mod reading;
pub mod sample;
mod shaping;

use std::collections::HashMap;

use bytes::Bytes;
use smallvec::SmallVec;

pub(crate) use entry::FormVariable;
pub use entry::{
    Entry, EntryNo, Form, FormNo, OnViolation, Parameter, ParameterKind, Private, Refine, Scope, Shape,
    Variable, WhenAbsent,
};
pub use fields::CatalogueError;
pub use place::{Place, Pointer};
pub(crate) use shaping::Shaping;

use crate::id::{AccountId, ExtensionId};
use crate::subscription::Door;
use paths::Paths;

/// The filter of a conference endpoint that wants every event.
pub const EVERY_CONFERENCE_EVENT: &str = "*";

const BUILT_IN: [&str; 9] = [
    include_str!("../../catalogue/presence.json"),
    include_str!("../../catalogue/messaging.json"),
    include_str!("../../catalogue/telephony.json"),
    include_str!("../../catalogue/account.json"),
    include_str!("../../catalogue/ringsense.json"),
    include_str!("../../catalogue/team_messaging.json"),
    include_str!("../../catalogue/webinar.json"),
    include_str!("../../catalogue/conference.json"),
    include_str!("../../catalogue/subscription.json"),
];

/// All event types, and the ways to find them.
#[derive(Clone, Debug)]
pub struct Catalogue {
    entries: Vec<Entry>,
    forms: Vec<Form>,
    by_name: HashMap<String, EntryNo>,
    paths: Paths,
}

/// What a published event's name says: its type, and the ids in its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub entry: EntryNo,
    pub form: FormNo,
    /// `None` where the path names no account; the publisher names it elsewhere then.
    pub account: Option<AccountId>,
    pub extension: Option<ExtensionId>,
    /// The values of the form's other variables, in path order.
    pub(crate) texts: SmallVec<[Box<str>; 1]>,
}

/// Why a name is no event that can be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    #[error("no event type has this path or name")]
    Unknown,
    #[error("an event is published without a query; its details belong into the body")]
    Query,
    #[error("an event is published with ids; ~ stands for nobody here")]
    Tilde,
    #[error("{0:?} is no id")]
    Id(String),
    #[error("events of this type are made by the server itself")]
    OwnEvent,
}

impl Catalogue {
    /// The event types that are part of the product.
    pub fn built_in() -> Self {
        let every_conference_event = Form {
            entry: None,
            pattern: EVERY_CONFERENCE_EVENT.to_owned(),
            scope: Scope::Conference,
            permissions: Vec::new(),
            private: None,
            variables: Vec::new(),
            conditions: Vec::new(),
        };
        let empty = Self {
            entries: Vec::new(),
            forms: vec![every_conference_event],
            by_name: HashMap::new(),
            paths: Paths::default(),
        };
        BUILT_IN.iter().fold(empty, |catalogue, text| {
            catalogue.with(text).expect("the built-in files are read by a test")
        })
    }

    /// Adds the event types of a file (its form is described in `file`).
    pub fn with(mut self, text: &str) -> Result<Self, CatalogueError> {
        for written in file::parse(text)? {
            self.add(written)?;
        }
        Ok(self)
    }

    fn add(&mut self, written: file::WrittenEntry) -> Result<(), CatalogueError> {
        let file::WrittenEntry { mut entry, forms } = written;
        let error = |field: &str, reason: String| CatalogueError::new(&entry.name, field, reason);
        let too_many = |_| error("forms", "there are too many event types".to_owned());
        let no = EntryNo(u16::try_from(self.entries.len()).map_err(too_many)?);
        if self.by_name.contains_key(&entry.name) {
            return Err(error("name", "another event type has it".to_owned()));
        }
        let mut numbers = Vec::new();
        for form in forms {
            let number = FormNo(u16::try_from(self.forms.len()).map_err(too_many)?);
            let at = |reason: String| error("forms", format!("{}: {reason}", form.pattern));
            self.paths.insert(&form.pattern, number).map_err(at)?;
            self.forms.push(numbered(form, no, &entry));
            numbers.push(number);
        }
        entry.forms = numbers;
        self.by_name.insert(entry.name.clone(), no);
        self.entries.push(entry);
        Ok(())
    }

    pub fn entry(&self, no: EntryNo) -> &Entry {
        &self.entries[usize::from(no.0)]
    }

    pub fn form(&self, no: FormNo) -> &Form {
        &self.forms[usize::from(no.0)]
    }

    pub fn entries(&self) -> impl Iterator<Item = (EntryNo, &Entry)> {
        (0u16..).map(EntryNo).zip(&self.entries)
    }

    pub fn named(&self, name: &str) -> Option<(EntryNo, &Entry)> {
        self.by_name.get(name).map(|no| (*no, self.entry(*no)))
    }

    pub(crate) fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The form by which a conference endpoint asks for everything.
    pub(crate) const EVERY_CONFERENCE_EVENT: FormNo = FormNo(0);

    /// Reads the name of a published event: a path with ids and without a query, or an event name.
    pub fn resolve(&self, name: &str) -> Result<Resolved, ResolveError> {
        if !name.starts_with('/') {
            let form = self.paths.named(name).ok_or(ResolveError::Unknown)?;
            return self.resolved(form, None, None, SmallVec::new());
        }
        if name.contains('?') {
            return Err(ResolveError::Query);
        }
        if name.ends_with('/') {
            return Err(ResolveError::Unknown);
        }
        let segments = paths::split(name).map_err(|_| ResolveError::Unknown)?;
        let (form, captures) = self.paths.find(&segments).ok_or(ResolveError::Unknown)?;
        let mut captured = captures.iter().map(|at| &*segments[*at]);
        let of_form = self.form(form);
        let (mut account, mut extension) = (None, None);
        let mut texts = SmallVec::new();
        for variable in &of_form.variables {
            let text = captured.next().unwrap_or_default();
            match variable {
                FormVariable::Account => account = Some(AccountId(published_id(text)?)),
                FormVariable::Extension => extension = Some(ExtensionId(published_id(text)?)),
                FormVariable::Text(_) => texts.push(text.into()),
            }
        }
        self.resolved(form, account, extension, texts)
    }

    fn resolved(
        &self,
        form: FormNo,
        account: Option<AccountId>,
        extension: Option<ExtensionId>,
        texts: SmallVec<[Box<str>; 1]>,
    ) -> Result<Resolved, ResolveError> {
        let of_form = self.form(form);
        let entry = of_form.entry.ok_or(ResolveError::Unknown)?;
        if of_form.scope == Scope::Reminder {
            return Err(ResolveError::OwnEvent);
        }
        if !self.texts_are_legal(form, &texts) {
            return Err(ResolveError::Unknown);
        }
        Ok(Resolved { entry, form, account, extension, texts })
    }

    pub(crate) fn texts_are_legal(&self, form: FormNo, texts: &[Box<str>]) -> bool {
        let of_form = self.form(form);
        let Some(entry) = of_form.entry else { return true };
        let variables = &self.entry(entry).variables;
        of_form.texts().zip(texts).all(|(no, text)| {
            let legal = &variables[usize::from(no)].values;
            legal.is_empty() || legal.iter().any(|value| **value == **text)
        })
    }

    /// The body as a subscriber with this shape gets it (D13); the same bytes if nothing is removed.
    pub fn shape_body(&self, entry: EntryNo, shape: u8, body: &Bytes) -> Bytes {
        self.entry(entry).shaping.apply(shape, body)
    }

    /// A path by which the event type can be published for this account and extension.
    pub fn sample_path(&self, form: FormNo, account: AccountId, extension: ExtensionId) -> String {
        let of_form = self.form(form);
        let mut path = of_form
            .pattern
            .replace("{accountId}", &account.to_string())
            .replace("{extensionId}", &extension.to_string());
        for variable in of_form.entry.iter().flat_map(|entry| &self.entry(*entry).variables) {
            path = path.replace(&format!("{{{}}}", variable.name), &variable.sample);
        }
        path
    }

    /// Whether the door's subscriptions may ask for this form.
    pub fn is_behind(&self, form: FormNo, door: Door) -> bool {
        self.form(form).entry.map_or(Door::Conference, |entry| self.entry(entry).door) == door
    }
}

fn numbered(form: file::WrittenForm, entry: EntryNo, of_entry: &Entry) -> Form {
    let parts = paths::parse_pattern(&form.pattern).unwrap_or_default();
    let position = |name: &str| of_entry.variables.iter().position(|variable| variable.name == name);
    let variable = |name: &str| match name {
        "accountId" => FormVariable::Account,
        "extensionId" => FormVariable::Extension,
        other => FormVariable::Text(position(other).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)),
    };
    Form {
        entry: Some(entry),
        variables: file::variable_names(&parts).map(variable).collect(),
        pattern: form.pattern,
        scope: form.scope,
        permissions: form.permissions,
        private: form.private,
        conditions: form.conditions,
    }
}

fn published_id(text: &str) -> Result<u64, ResolveError> {
    if text == "~" {
        return Err(ResolveError::Tilde);
    }
    let id = text.parse().ok().filter(|_| !text.starts_with('0') || text == "0");
    id.ok_or_else(|| ResolveError::Id(text.to_owned()))
}

#[cfg(test)]
mod tests;

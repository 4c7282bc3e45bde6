//! An event as the index looks at it: ids from its path, and values read from its body when asked for.

use std::borrow::Cow;

use smallvec::{SmallVec, smallvec};

use crate::catalogue::{Catalogue, Entry, Place, Refine, Resolved, Values, WhenAbsent};
use crate::event::Event;
use crate::filter::Condition;
use crate::id::ExtensionId;

/// The values that a refining parameter is compared with.
#[derive(Debug)]
pub(crate) struct Read<'a> {
    /// In the spelling that is compared, each once.
    pub(crate) values: Values<'a>,
    /// Every filter passes, whatever it asks for.
    pub(crate) passes_all: bool,
}

pub(crate) struct Occurrence<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) entry: &'a Entry,
    pub(crate) event: &'a Event,
    pub(crate) resolved: &'a Resolved,
    /// By the number of the refining parameter.
    read: SmallVec<[Option<Read<'a>>; 8]>,
}

impl<'a> Occurrence<'a> {
    pub(crate) fn new(catalogue: &'a Catalogue, resolved: &'a Resolved, event: &'a Event) -> Self {
        let entry = catalogue.entry(resolved.entry);
        Self { catalogue, entry, event, resolved, read: SmallVec::new() }
    }

    /// The values of a refining parameter, read at the first call. `None` if there is no such one.
    pub(crate) fn refining(&mut self, no: u8) -> Option<&Read<'a>> {
        let at = usize::from(no);
        if self.read.len() <= at {
            self.read.resize_with(at + 1, || None);
        }
        if self.read[at].is_none() {
            let refine = self.entry.refining().nth(at);
            self.read[at] = refine.map(|refine| self.read(refine));
        }
        self.read[at].as_ref()
    }

    fn read(&self, refine: &'a Refine) -> Read<'a> {
        let mut values = Values::new();
        let present = refine.places.iter().any(|place| self.read_place(place, &mut values));
        for value in &mut values {
            if refine.spelling(value) != &**value {
                *value = refine.spelling(value).to_owned().into();
            }
        }
        // No filter can ask for what is not legal.
        values.retain(|value| refine.is_legal(value));
        values.sort_unstable();
        values.dedup();
        Read { values, passes_all: !present && refine.when_absent == WhenAbsent::Matches }
    }

    /// Reads what stands at the place; false if it is not there.
    fn read_place(&self, place: &Place, out: &mut Values<'a>) -> bool {
        let body = &self.event.body;
        match place {
            Place::Body(pointer) => pointer.read(body, out),
            Place::Any(pointers) => {
                let mut present = false;
                for pointer in pointers {
                    present |= pointer.read(body, out);
                }
                present
            }
            Place::Exists(pointer) => {
                out.push(if pointer.exists(body) { "true" } else { "false" }.into());
                true
            }
            Place::Variable(name) => {
                let value = self.variable_in_path(name);
                let present = value.is_some();
                out.extend(value);
                present
            }
        }
    }

    fn variable_in_path(&self, name: &str) -> Option<Cow<'a, str>> {
        if name == "extensionId" {
            return self.resolved.extension.map(|id| id.to_string().into());
        }
        let form = self.catalogue.form(self.resolved.form);
        let is_it =
            |no: u8| self.entry.variables.get(usize::from(no)).is_some_and(|variable| variable.name == name);
        let at = form.texts().position(is_it)?;
        self.resolved.texts.get(at).map(|text| (&**text).into())
    }

    /// The values of a variable of any form of this event type: from this event's path if it is there,
    /// else from the body.
    fn variable_named(&self, name: &str) -> Values<'a> {
        if let Some(value) = self.variable_in_path(name) {
            return smallvec![value];
        }
        let mut values = Values::new();
        if let Some(variable) = self.entry.variable(name) {
            let _ = variable.places.iter().any(|place| self.read_place(place, &mut values));
        }
        values.sort_unstable();
        values.dedup();
        values
    }

    pub(crate) fn variable(&self, no: u8) -> Values<'a> {
        self.entry
            .variables
            .get(usize::from(no))
            .map(|variable| self.variable_named(&variable.name))
            .unwrap_or_default()
    }

    /// The extensions that the event is about.
    pub(crate) fn extensions(&self) -> SmallVec<[ExtensionId; 2]> {
        match self.resolved.extension {
            Some(extension) => smallvec![extension],
            None => self.variable_named("extensionId").iter().filter_map(|id| id.parse().ok()).collect(),
        }
    }

    /// What `refining` has read.
    pub(crate) fn values(&self, no: u8) -> &[Cow<'a, str>] {
        self.read
            .get(usize::from(no))
            .and_then(Option::as_ref)
            .map(|read| &read.values[..])
            .unwrap_or_default()
    }

    pub(crate) fn fulfils(&mut self, condition: &Condition) -> bool {
        let Some(read) = self.refining(condition.parameter) else { return false };
        let is_asked_for =
            |value: &str| condition.values.binary_search_by(|asked| (**asked).cmp(value)).is_ok();
        read.passes_all || read.values.iter().any(|value| is_asked_for(value))
    }
}

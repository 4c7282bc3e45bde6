//! An event as the index looks at it: ids from its path, and values read from its body when asked for.

use std::borrow::Cow;

use smallvec::{SmallVec, smallvec};

use crate::catalogue::reading::{Slots, Source, Values, first_present};
use crate::catalogue::{Catalogue, Entry, Refine, Resolved, WhenAbsent};
use crate::event::Event;
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
    /// The body is walked when the first value from it is asked for.
    slots: Option<Slots>,
    /// In order, each once; `None` if the event is for everybody.
    recipients: Option<Vec<ExtensionId>>,
    /// By the number of the refining parameter.
    read: SmallVec<[Option<Read<'a>>; 4]>,
}

impl<'a> Occurrence<'a> {
    pub(crate) fn new(catalogue: &'a Catalogue, resolved: &'a Resolved, event: &'a Event) -> Self {
        let entry = catalogue.entry(resolved.entry);
        let recipients = event.recipients.clone().map(|mut recipients| {
            recipients.sort_unstable();
            recipients.dedup();
            recipients
        });
        Self { catalogue, entry, event, resolved, slots: None, recipients, read: SmallVec::new() }
    }

    pub(crate) fn has_no_recipients(&self) -> bool {
        self.recipients.is_none()
    }

    pub(crate) fn is_recipient(&self, extension: ExtensionId) -> bool {
        self.recipients.as_ref().is_some_and(|recipients| recipients.binary_search(&extension).is_ok())
    }

    /// The members whom the event is for: its recipients, else the extension in its path.
    pub(crate) fn members(&self) -> SmallVec<[ExtensionId; 2]> {
        match &self.recipients {
            Some(recipients) => recipients.iter().copied().collect(),
            None => self.resolved.extension.into_iter().collect(),
        }
    }

    /// The values of a refining parameter. `None` if there is no such one.
    pub(crate) fn refining(&mut self, no: u8) -> Option<&Read<'a>> {
        let at = usize::from(no);
        if self.read.len() <= at {
            self.read.resize_with(at + 1, || None);
        }
        if self.read[at].is_none() {
            let entry = self.entry;
            self.read[at] = entry.refining().nth(at).map(|refine| self.read(refine));
        }
        self.read[at].as_ref()
    }

    fn read(&mut self, refine: &'a Refine) -> Read<'a> {
        let (mut values, present) = self.first_present(&refine.sources);
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

    fn first_present(&mut self, sources: &[Source]) -> (Values<'a>, bool) {
        let slots = self.slots.get_or_insert_with(|| self.entry.plan.read(&self.event.body));
        let mut values = Values::new();
        let (catalogue, entry, resolved) = (self.catalogue, self.entry, self.resolved);
        let variable = |name: &str| variable_in_path(catalogue, entry, resolved, name);
        let present = first_present(sources, slots, &self.event.body, variable, &mut values);
        (values, present)
    }

    /// What `refining` has read before.
    pub(crate) fn values(&self, no: u8) -> &[Cow<'a, str>] {
        self.read
            .get(usize::from(no))
            .and_then(Option::as_ref)
            .map(|read| &read.values[..])
            .unwrap_or_default()
    }

    /// Whether one of the values of a refining parameter is asked for.
    pub(crate) fn fulfils<'v>(&mut self, no: u8, mut asked: impl Iterator<Item = &'v str>) -> bool {
        let Some(read) = self.refining(no) else { return false };
        read.passes_all || asked.any(|asked| read.values.iter().any(|value| *value == asked))
    }

    /// Whether the path says what a form's variables are, so that the body need not be read.
    pub(crate) fn path_names_extension(&self) -> bool {
        self.resolved.extension.is_some()
    }

    /// The values of a variable, by its place in `Entry::variables`: from this event's path if it is
    /// there, else from the body.
    pub(crate) fn variable(&mut self, no: u8) -> Values<'a> {
        let entry = self.entry;
        let Some(variable) = entry.variables.get(usize::from(no)) else { return Values::new() };
        if let Some(value) = variable_in_path(self.catalogue, entry, self.resolved, &variable.name) {
            return smallvec![value];
        }
        let mut values = self.first_present(&variable.sources).0;
        values.sort_unstable();
        values.dedup();
        values
    }

    /// The extensions that the event is about.
    pub(crate) fn extensions(&mut self) -> SmallVec<[ExtensionId; 2]> {
        if let Some(extension) = self.resolved.extension {
            return smallvec![extension];
        }
        let no = self.entry.variables.iter().zip(0u8..).find(|(variable, _)| variable.name == "extensionId");
        let values = no.map(|(_, no)| self.variable(no)).unwrap_or_default();
        values.iter().filter_map(|id| id.parse().ok()).collect()
    }
}

fn variable_in_path<'a>(
    catalogue: &'a Catalogue,
    entry: &'a Entry,
    resolved: &'a Resolved,
    name: &str,
) -> Option<Cow<'a, str>> {
    if name == "extensionId" {
        return resolved.extension.map(|id| id.to_string().into());
    }
    let is_it = |no: u8| entry.variables.get(usize::from(no)).is_some_and(|variable| variable.name == name);
    let at = catalogue.form(resolved.form).texts().position(is_it)?;
    resolved.texts.get(at).map(|text| (&**text).into())
}

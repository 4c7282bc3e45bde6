//! Event filters as a subscriber writes them: a path, perhaps with `~` and a query (contract.md §5.1).
//!
//! Parsing resolves `~`, checks what the catalogue says about the path and its parameters, and keeps
//! the text that notifications will carry: ids filled in, the query as it was written. Which events a
//! filter matches is `matching`'s work; whether its extension exists and its permissions are held is
//! the server's, from the ids and the form that a parsed filter shows.

mod query;

use std::collections::HashSet;
use std::hash::{Hash, Hasher};

use smallvec::SmallVec;

use crate::catalogue::paths::{self, Captures, Segments};
use crate::catalogue::{Catalogue, EntryNo, FormNo, FormVariable};
use crate::id::{AccountId, ExtensionId};
use crate::limits;
use crate::reminder::Reminder;
use crate::subscription::Door;

/// Bad filters that are named in one answer.
const NAMED_ERRORS: usize = 16;

/// Who subscribes, and through which door.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    pub door: Door,
    pub account: AccountId,
    /// `None` for a session that belongs to no extension; `extension/~` means nobody then.
    pub extension: Option<ExtensionId>,
    /// A filter may be an absolute URL of this server.
    pub base_url: &'a str,
}

/// An event filter that the catalogue knows. Equal filters are those that mean the same after resolving
/// `~` and decoding (D1), whatever their texts look like.
#[derive(Clone, Debug)]
pub struct ParsedFilter {
    text: String,
    form: FormNo,
    entry: Option<EntryNo>,
    account: Option<AccountId>,
    extension: Option<ExtensionId>,
    /// The values of the form's other variables, in path order.
    ids: SmallVec<[Box<str>; 1]>,
    /// In the order of the refining parameters' numbers.
    conditions: Vec<Condition>,
    shape: u8,
    shaping_parameters: u8,
    reminder: Option<Reminder>,
    /// Every parameter that does not refine, decoded and sorted, unknown ones too.
    pairs: Vec<(String, String)>,
}

/// What a refining parameter asks for: one of these values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Condition {
    /// `Refine::no` of the parameter.
    pub(crate) parameter: u8,
    /// Sorted, without repeats.
    pub(crate) values: Box<[Box<str>]>,
}

/// Why a text is no event filter for this caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("it has {bytes} bytes; the limit is {}", limits::FILTER_BYTES)]
    TooLong { bytes: usize },
    #[error("it cannot be read: {0}")]
    Malformed(&'static str),
    #[error("there is no event with this path")]
    UnknownPath,
    #[error("this event can only be subscribed to {}", door_words(*.0))]
    WrongDoor(Door),
    #[error("account {0} is not yours")]
    ForeignAccount(AccountId),
    #[error("extension/~ needs a login to an extension")]
    NoExtension,
    #[error("parameter {parameter} cannot be {value:?}{}", legal_words(.legal))]
    Value {
        parameter: String,
        value: String,
        /// Empty if there is no list of legal values.
        legal: Vec<String>,
    },
    #[error("parameter {parameter}={value} is required")]
    Missing { parameter: String, value: String },
    /// The filter is a reminder's; the answer is SUB-516.
    #[error("parameter {parameter} of a reminder must be a whole number of seconds, at least 1")]
    Reminder { parameter: String },
}

/// A filter that was refused, by its place in the list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("eventFilters[{index}]: {error}")]
pub struct BadFilter {
    pub index: usize,
    pub error: FilterError,
}

fn door_words(door: Door) -> &'static str {
    match door {
        Door::Core => "at /restapi/v1.0/subscription",
        Door::Webinar => "at /webinar/notifications/v1/subscriptions",
        Door::Conference => "by a conference endpoint",
    }
}

fn legal_words(legal: &[String]) -> String {
    match legal {
        [] => String::new(),
        [one] => format!("; it can only be {one}"),
        several => format!("; it can be {}", several.join(", ")),
    }
}

// === what a parsed filter shows ===

impl ParsedFilter {
    /// As it is echoed and as notifications carry it.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn into_text(self) -> String {
        self.text
    }

    /// Scope and permissions hang on the form.
    pub fn form(&self) -> FormNo {
        self.form
    }

    /// `None` for the filter that asks for every conference event.
    pub fn entry(&self) -> Option<EntryNo> {
        self.entry
    }

    pub fn account(&self) -> Option<AccountId> {
        self.account
    }

    /// Whose events are asked for; whether there is such an extension is for the server to find out.
    pub fn extension(&self) -> Option<ExtensionId> {
        self.extension
    }

    /// `Some` exactly for a reminder filter, which matches no published event.
    pub fn reminder(&self) -> Option<Reminder> {
        self.reminder
    }

    /// Bits of the shaping parameters, with all that they imply.
    pub fn shape(&self) -> u8 {
        self.shape
    }

    /// How many shaping parameters it is written with (D6).
    pub fn shaping_parameters(&self) -> u8 {
        self.shaping_parameters
    }

    pub(crate) fn ids(&self) -> &[Box<str>] {
        &self.ids
    }

    pub(crate) fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    fn meaning(&self) -> impl Eq + Hash {
        (self.form, self.account, self.extension, &self.ids, &self.conditions, &self.pairs)
    }
}

impl PartialEq for ParsedFilter {
    fn eq(&self, other: &Self) -> bool {
        (self.form, self.account, self.extension) == (other.form, other.account, other.extension)
            && self.ids == other.ids
            && self.conditions == other.conditions
            && self.pairs == other.pairs
    }
}

impl Eq for ParsedFilter {}

impl Hash for ParsedFilter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.meaning().hash(state);
    }
}

/// Whether two lists ask for the same, in any order and spelling (D1).
pub fn same_filters(one: &[ParsedFilter], other: &[ParsedFilter]) -> bool {
    let one: HashSet<&ParsedFilter> = one.iter().collect();
    let other: HashSet<&ParsedFilter> = other.iter().collect();
    one == other
}

// === parsing ===

impl ParsedFilter {
    pub fn parse(catalogue: &Catalogue, text: &str, caller: &Caller<'_>) -> Result<Self, FilterError> {
        check_length(text)?;
        let parsed = Self::read(catalogue, text, Some(caller))?;
        // What is echoed must be good enough to be sent back.
        check_length(&parsed.text)?;
        if catalogue.is_behind(parsed.form, caller.door) {
            return Ok(parsed);
        }
        let door = parsed.entry.map_or(Door::Conference, |entry| catalogue.entry(entry).door);
        Err(FilterError::WrongDoor(door))
    }

    /// Reads a text that an earlier `parse` echoed: ids are in it already.
    pub fn parse_resolved(catalogue: &Catalogue, text: &str) -> Result<Self, FilterError> {
        Self::read(catalogue, text, None)
    }

    /// Parses a subscriber's list and drops what means the same as an earlier one. Names the first few
    /// that are bad.
    pub fn parse_all<'t>(
        catalogue: &Catalogue,
        texts: impl IntoIterator<Item = &'t str>,
        caller: &Caller<'_>,
    ) -> Result<Vec<Self>, Vec<BadFilter>> {
        let mut filters = Vec::new();
        let mut bad = Vec::new();
        for (index, text) in texts.into_iter().enumerate() {
            match Self::parse(catalogue, text, caller) {
                Ok(filter) => filters.push(filter),
                Err(error) => bad.push(BadFilter { index, error }),
            }
            if bad.len() == NAMED_ERRORS {
                break;
            }
        }
        if bad.is_empty() { Ok(without_repeats(filters)) } else { Err(bad) }
    }

    fn read(catalogue: &Catalogue, text: &str, caller: Option<&Caller<'_>>) -> Result<Self, FilterError> {
        if text.contains(char::is_control) {
            return Err(FilterError::Malformed("it has control characters"));
        }
        let text = match caller {
            Some(caller) => without_base(text, caller.base_url)?,
            None => text,
        };
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        if let Some(form) = event_name(catalogue, path) {
            return if query.is_empty() {
                Ok(Self::bare(form, catalogue.form(form).entry, text))
            } else {
                Err(FilterError::Malformed("an event name has no query"))
            };
        }
        let located = Located::find(catalogue, path)?;
        let mut filter = located.resolve(catalogue, caller)?;
        if !query.is_empty() {
            filter.text.push('?');
            filter.text.push_str(query);
        }
        // A server keeps very many of these.
        filter.text.shrink_to_fit();
        filter.read_query(catalogue, query)?;
        Ok(filter)
    }

    fn bare(form: FormNo, entry: Option<EntryNo>, text: &str) -> Self {
        Self {
            text: text.to_owned(),
            form,
            entry,
            account: None,
            extension: None,
            ids: SmallVec::new(),
            conditions: Vec::new(),
            shape: 0,
            shaping_parameters: 0,
            reminder: None,
            pairs: Vec::new(),
        }
    }
}

fn check_length(text: &str) -> Result<(), FilterError> {
    if text.len() > limits::FILTER_BYTES { Err(FilterError::TooLong { bytes: text.len() }) } else { Ok(()) }
}

fn without_repeats(mut filters: Vec<ParsedFilter>) -> Vec<ParsedFilter> {
    let mut seen = HashSet::with_capacity(filters.len());
    let is_first: Vec<bool> = filters.iter().map(|filter| seen.insert(filter)).collect();
    let mut is_first = is_first.into_iter();
    filters.retain(|_| is_first.next().unwrap_or(true));
    filters
}

/// Cuts the server's own address off an absolute URL.
fn without_base<'t>(text: &'t str, base: &str) -> Result<&'t str, FilterError> {
    let scheme =
        text.split_once("://").filter(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if scheme.is_none() {
        return Ok(text);
    }
    let base = base.trim_end_matches('/');
    let (own, rest) = text.split_at_checked(base.len()).unwrap_or(("", text));
    if !base.is_empty() && own.eq_ignore_ascii_case(base) && rest.starts_with('/') {
        return Ok(rest);
    }
    Err(FilterError::Malformed("it is the URL of another server"))
}

fn event_name(catalogue: &Catalogue, path: &str) -> Option<FormNo> {
    if path == crate::catalogue::EVERY_CONFERENCE_EVENT {
        return Some(Catalogue::EVERY_CONFERENCE_EVENT);
    }
    catalogue.paths().named(path)
}

/// A path whose form is known.
struct Located<'t> {
    form: FormNo,
    segments: Segments<'t>,
    captures: Captures,
    /// The path as written, without the prefix that old clients put before everything.
    path: &'t str,
}

impl<'t> Located<'t> {
    fn find(catalogue: &Catalogue, path: &'t str) -> Result<Self, FilterError> {
        // Old clients put /restapi/v1.0 before every path that does not have /restapi in it.
        let without_prefix = path.strip_prefix("/restapi/v1.0").filter(|rest| rest.starts_with('/'));
        for path in [Some(path), without_prefix].into_iter().flatten() {
            let segments = paths::split(path).map_err(|error| match error {
                paths::PathError::NotAbsolute => FilterError::Malformed("it does not start with /"),
                paths::PathError::Encoding => FilterError::Malformed("its path is not percent-encoded UTF-8"),
                paths::PathError::TooLong => FilterError::UnknownPath,
            })?;
            if let Some((form, captures)) = catalogue.paths().find(&segments) {
                return Ok(Self { form, segments, captures, path });
            }
        }
        Err(FilterError::UnknownPath)
    }

    /// Puts ids in the place of `~` and writes the path as it is echoed.
    fn resolve(
        &self,
        catalogue: &Catalogue,
        caller: Option<&Caller<'_>>,
    ) -> Result<ParsedFilter, FilterError> {
        let form = catalogue.form(self.form);
        let mut filter = ParsedFilter::bare(self.form, form.entry, "");
        let mut ids: SmallVec<[(usize, u64); 2]> = SmallVec::new();
        for (variable, at) in form.variables.iter().zip(&self.captures) {
            let segment = &*self.segments[*at];
            match variable {
                FormVariable::Account => {
                    let account = account(segment, caller)?;
                    filter.account = Some(account);
                    ids.push((*at, account.0));
                }
                FormVariable::Extension => {
                    let extension = extension(segment, caller)?;
                    filter.extension = Some(extension);
                    ids.push((*at, extension.0));
                }
                FormVariable::Text(_) => filter.ids.push(segment.into()),
            }
        }
        if !catalogue.texts_are_legal(self.form, &filter.ids) {
            return Err(FilterError::UnknownPath);
        }
        let written = self.path.trim_start_matches('/').split('/');
        for (at, (segment, written)) in self.segments.iter().zip(written).enumerate() {
            filter.text.push('/');
            match ids.iter().find(|(known, _)| *known == at) {
                Some((_, id)) => filter.text.push_str(&id.to_string()),
                None if self.captures.contains(&at) => filter.text.push_str(written),
                None => filter.text.push_str(segment),
            }
        }
        Ok(filter)
    }
}

fn account(segment: &str, caller: Option<&Caller<'_>>) -> Result<AccountId, FilterError> {
    match (segment, caller) {
        ("~", Some(caller)) => Ok(caller.account),
        (id, caller) => {
            let account = id.parse().map_err(|_| FilterError::UnknownPath)?;
            match caller {
                Some(caller) if caller.account != account => Err(FilterError::ForeignAccount(account)),
                _ => Ok(account),
            }
        }
    }
}

fn extension(segment: &str, caller: Option<&Caller<'_>>) -> Result<ExtensionId, FilterError> {
    match (segment, caller) {
        ("~", Some(caller)) => caller.extension.ok_or(FilterError::NoExtension),
        (id, _) => id.parse().map_err(|_| FilterError::UnknownPath),
    }
}

#[cfg(test)]
mod tests;

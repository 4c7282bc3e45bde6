//! Which of the filters that a subscriber wrote are granted: they must be known, concern its own account
//! and existing extensions, and be covered by its permissions.

use std::collections::HashSet;
use std::time::Duration;

use hookswitch_core::catalogue::{Catalogue, Form, Private, Scope};
use hookswitch_core::filter::{BadFilter, Caller, FilterError, ParsedFilter};
use hookswitch_core::id::ExtensionId;
use hookswitch_core::retry::EventClass;
use hookswitch_core::subscription::{DisabledFilter, Door};
use hookswitch_store::subscriptions::FilterTexts;

use super::refusal::{InvalidFilter, Refusal};
use crate::principal::User;

/// The reason of a filter for which the user lacks a permission, while others were granted.
const PERMISSION_MISSING: &str = "SUB-412";

#[derive(Debug)]
pub(super) struct Grant {
    pub(super) granted: Vec<ParsedFilter>,
    pub(super) disabled: Vec<DisabledFilter>,
}

impl Grant {
    pub(super) fn into_texts(self) -> FilterTexts {
        let granted = self.granted.into_iter().map(ParsedFilter::into_text).collect();
        FilterTexts { granted, disabled: self.disabled }
    }
}

/// Reads the filters and drops repeats.
pub(super) fn parse(
    catalogue: &Catalogue,
    texts: &[String],
    user: &User,
    door: Door,
    base_url: &str,
) -> Result<Vec<ParsedFilter>, Refusal> {
    let caller = Caller { door, account: user.account, extension: Some(user.extension), base_url };
    ParsedFilter::parse_all(catalogue, texts.iter().map(String::as_str), &caller)
        .map_err(|bad| refuse(texts, &bad))
}

/// What cannot be read at all goes before what is read and forbidden.
fn refuse(texts: &[String], bad: &[BadFilter]) -> Refusal {
    let text = |bad: &BadFilter| texts.get(bad.index).cloned().unwrap_or_default();
    let is_invalid = |bad: &&BadFilter| {
        !matches!(bad.error, FilterError::ForeignAccount(_) | FilterError::Reminder { .. })
    };
    let invalid: Vec<InvalidFilter> = bad
        .iter()
        .filter(is_invalid)
        .map(|bad| InvalidFilter { filter: text(bad), why: bad.error.to_string() })
        .collect();
    match bad.first() {
        Some(first) if invalid.is_empty() => match &first.error {
            FilterError::Reminder { .. } => {
                Refusal::MalformedReminder { filter: text(first), why: first.error.to_string() }
            }
            _ => Refusal::ForeignAccount { filter: text(first) },
        },
        _ => Refusal::InvalidFilters(invalid),
    }
}

/// The extensions that the filters name, apart from the caller's own.
pub(super) fn other_extensions(filters: &[ParsedFilter], user: &User) -> Vec<ExtensionId> {
    let named: HashSet<ExtensionId> = filters.iter().filter_map(ParsedFilter::extension).collect();
    named.into_iter().filter(|extension| *extension != user.extension).collect()
}

/// Judges filters that were read. `existing` are those of `other_extensions` that the account has.
pub(super) fn grant(
    catalogue: &Catalogue,
    filters: Vec<ParsedFilter>,
    user: &User,
    existing: &HashSet<ExtensionId>,
) -> Result<Grant, Refusal> {
    check_extensions(&filters, user, existing)?;
    let mut grant = Grant { granted: Vec::with_capacity(filters.len()), disabled: Vec::new() };
    let mut missing = None;
    for filter in filters {
        let form = catalogue.form(filter.form());
        check_app_scope(catalogue, &filter, user)?;
        check_private(catalogue, &filter, form, user)?;
        if holds_permission(form, user) {
            grant.granted.push(filter);
            continue;
        }
        let permission = form.permissions.join(" or ");
        let message = format!("The user does not have the permission [{permission}]");
        missing.get_or_insert(permission);
        grant.disabled.push(DisabledFilter {
            text: filter.into_text(),
            reason: PERMISSION_MISSING.into(),
            message,
        });
    }
    if grant.granted.iter().any(|filter| filter.reminder().is_none()) {
        return Ok(grant);
    }
    Err(missing.map_or(Refusal::OnlyReminder, Refusal::UserPermission))
}

fn check_extensions(
    filters: &[ParsedFilter],
    user: &User,
    existing: &HashSet<ExtensionId>,
) -> Result<(), Refusal> {
    let unknown: Vec<InvalidFilter> = filters
        .iter()
        .filter_map(|filter| {
            let extension = filter.extension()?;
            let is_known = extension == user.extension || existing.contains(&extension);
            (!is_known).then(|| InvalidFilter {
                filter: filter.text().to_owned(),
                why: format!("your account has no extension {extension}"),
            })
        })
        .collect();
    if unknown.is_empty() { Ok(()) } else { Err(Refusal::InvalidFilters(unknown)) }
}

fn check_app_scope(catalogue: &Catalogue, filter: &ParsedFilter, user: &User) -> Result<(), Refusal> {
    let needed = filter.entry().and_then(|entry| catalogue.entry(entry).app_scope.as_ref());
    match needed {
        Some(scope) if !user.has_scope(scope) => Err(Refusal::AppScope(scope.clone())),
        _ => Ok(()),
    }
}

/// Messages are private whatever their path says.
fn check_private(
    catalogue: &Catalogue,
    filter: &ParsedFilter,
    form: &Form,
    user: &User,
) -> Result<(), Refusal> {
    let is_of_another = filter.extension().is_some_and(|extension| extension != user.extension);
    if !is_of_another || user.administrator || form.scope != Scope::Extension {
        return Ok(());
    }
    let is_message = filter.entry().is_some_and(|entry| catalogue.entry(entry).class == EventClass::Message);
    match form.private.or(is_message.then_some(Private::Messages)) {
        Some(what) => Err(Refusal::PrivateToAnother { what, filter: filter.text().to_owned() }),
        None => Ok(()),
    }
}

fn holds_permission(form: &Form, user: &User) -> bool {
    form.permissions.is_empty() || form.permissions.iter().any(|permission| user.has_permission(permission))
}

/// Whether a subscription of this lifetime may have the reminders among these filters (D7).
pub(super) fn check_reminders(filters: &[ParsedFilter], lifetime: Duration) -> Result<(), Refusal> {
    for filter in filters {
        if let Some(reminder) = filter.reminder() {
            let refuse = |bound| Refusal::Reminder { filter: filter.text().to_owned(), bound };
            reminder.check(lifetime).map_err(refuse)?;
        }
    }
    Ok(())
}

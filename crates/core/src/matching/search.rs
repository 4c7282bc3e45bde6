//! From an event to the subscriptions that want it.
//!
//! An event asks for the nodes that can concern it: one for each form of its type and each extension it
//! touches, always of its own account. At a node it asks for the values it has itself. Hashes only lead
//! to candidates: each is compared in full, the account first of all, before it counts.

use std::borrow::Cow;

use smallvec::{SmallVec, smallvec};

use crate::catalogue::{Catalogue, FormNo, FormVariable, Resolved, Scope};
use crate::event::Event;
use crate::id::{ExtensionId, FilterNo, SubscriptionNo};
use crate::matching::files::Group;
use crate::matching::index::{Filter, Index, Node};
use crate::matching::occurrence::Occurrence;
use crate::matching::terms::Terms;

/// One subscription that an event is for (D6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    pub subscription: SubscriptionNo,
    /// Of the filters that matched, the one with most shaping parameters; the first of several.
    pub filter: FilterNo,
    /// The union of the shapes of all filters that matched.
    pub shape: u8,
}

/// A filter that matches, before those of one subscription are put together.
#[derive(Clone, Copy, Debug)]
struct Found {
    subscription: SubscriptionNo,
    order: u32,
    filter: FilterNo,
    shape: u8,
    shaping_parameters: u8,
}

type AllFound = SmallVec<[Found; 8]>;

/// The ids that filters of one form must have for the event to concern them.
#[derive(Clone, Debug, Default)]
struct Ids<'a> {
    extension: Option<ExtensionId>,
    owner: Option<ExtensionId>,
    /// The others, in path order.
    more: SmallVec<[Cow<'a, str>; 1]>,
}

impl Index {
    /// Finds whom the event is for, one match for each subscription, in the order of their numbers.
    /// `resolved` is what the catalogue says about the event's name.
    pub fn matches(&self, catalogue: &Catalogue, resolved: &Resolved, event: &Event, out: &mut Vec<Match>) {
        let mut occurrence = Occurrence::new(catalogue, resolved, event);
        let mut found = AllFound::new();
        for form in &occurrence.entry.forms {
            self.search_form(*form, &mut occurrence, &mut found);
        }
        if catalogue.form(resolved.form).scope == Scope::Conference {
            self.search_form(Catalogue::EVERY_CONFERENCE_EVENT, &mut occurrence, &mut found);
        }
        put_together(found, out);
    }

    fn search_form<'a>(&self, form: FormNo, occurrence: &mut Occurrence<'a>, found: &mut AllFound) {
        let account = occurrence.event.account;
        let needs_the_body =
            occurrence.catalogue.form(form).has_variables() && !occurrence.path_names_extension();
        if needs_the_body && !self.is_populated(form, account) {
            return;
        }
        for ids in ids_of(form, occurrence) {
            let node = Node { form, account, extension: ids.extension, owner: ids.owner, ids: &ids.more };
            let hash = self.node_hash(&node);
            let Some((filters, groups)) = self.files.get(hash) else { continue };
            for filter in filters {
                self.consider(*filter, form, &ids, occurrence, found);
            }
            for group in groups {
                self.search_group(group, hash, form, &ids, occurrence, found);
            }
        }
    }

    /// Looks up every combination of the event's own values, or compares the filters one by one where
    /// that is less work.
    fn search_group(
        &self,
        group: &Group,
        node: u64,
        form: FormNo,
        ids: &Ids<'_>,
        occurrence: &mut Occurrence<'_>,
        found: &mut AllFound,
    ) {
        let mut combinations = 1usize;
        let mut passes_all = false;
        for parameter in group.parameters.numbers() {
            let Some(read) = occurrence.refining(parameter) else { return };
            passes_all |= read.passes_all;
            combinations = combinations.saturating_mul(if read.passes_all { 1 } else { read.values.len() });
        }
        if passes_all || combinations >= group.filters.len() {
            if combinations > 0 {
                group.filters.iter().for_each(|filter| self.consider(*filter, form, ids, occurrence, found));
            }
            return;
        }
        for combination in 0..combinations {
            let hash = self.combination_hash(group, node, combination, occurrence);
            let Some((filters, _)) = self.files.get(hash) else { continue };
            for filter in filters {
                self.consider(*filter, form, ids, occurrence, found);
            }
        }
    }

    /// The hash of one combination, counted through like the digits of a number.
    fn combination_hash(
        &self,
        group: &Group,
        node: u64,
        combination: usize,
        occurrence: &Occurrence<'_>,
    ) -> u64 {
        let mut rest = combination;
        let values = group.parameters.numbers().filter_map(|parameter| {
            let values = occurrence.values(parameter);
            let value = values.get(rest % values.len().max(1))?;
            rest /= values.len();
            Some(&**value)
        });
        self.refined_hash(node, group.parameters, values)
    }

    /// Compares a candidate with the event in full.
    fn consider(
        &self,
        filter: u32,
        form: FormNo,
        ids: &Ids<'_>,
        occurrence: &mut Occurrence<'_>,
        found: &mut AllFound,
    ) {
        let filter = &self.filters[filter];
        if filter.account == occurrence.event.account
            && filter.form == form
            && filter.extension == ids.extension.unwrap_or_default()
            && self.is_for_owner(filter, ids, occurrence.event)
            && filter.terms.as_ref().is_none_or(|terms| fits(terms, ids, occurrence))
        {
            found.push(Found {
                subscription: filter.subscription,
                order: filter.order,
                filter: filter.no,
                shape: filter.shape,
                shaping_parameters: filter.shaping_parameters,
            });
        }
    }

    fn is_for_owner(&self, filter: &Filter, ids: &Ids<'_>, event: &Event) -> bool {
        let owner = || self.subscriptions[filter.slot_of_subscription].subscriber.owner;
        match (&ids.owner, &event.recipients) {
            (Some(wanted), _) => owner() == *wanted,
            (None, Some(recipients)) => recipients.contains(&owner()),
            (None, None) => true,
        }
    }
}

fn fits(terms: &Terms, ids: &Ids<'_>, occurrence: &mut Occurrence<'_>) -> bool {
    terms.ids().eq(ids.more.iter().map(|id| &**id))
        && terms.conditions().all(|(parameter, values)| occurrence.fulfils(parameter, values))
}

/// Every combination of ids by which filters of the form can ask for the event. Nearly always one.
fn ids_of<'a>(form: FormNo, occurrence: &mut Occurrence<'a>) -> SmallVec<[Ids<'a>; 1]> {
    let mut all: SmallVec<[Ids<'a>; 1]> =
        if occurrence.entry.members_only { members(occurrence) } else { smallvec![Ids::default()] };
    let catalogue = occurrence.catalogue;
    for variable in &catalogue.form(form).variables {
        match variable {
            FormVariable::Account => {}
            FormVariable::Extension if occurrence.entry.members_only => {
                for ids in &mut all {
                    ids.extension = occurrence.resolved.extension.or(ids.owner);
                }
            }
            FormVariable::Extension => {
                let extensions = occurrence.extensions();
                all = combined(&all, &extensions, |ids, extension| ids.extension = Some(*extension));
            }
            FormVariable::Text(no) => {
                let values = occurrence.variable(*no);
                all = combined(&all, &values, |ids, value| ids.more.push(value.clone()));
            }
        }
    }
    all
}

/// The members whom the event is for: its recipients, else the extension in its path.
fn members<'a>(occurrence: &Occurrence<'a>) -> SmallVec<[Ids<'a>; 1]> {
    let owner = |owner: &ExtensionId| Ids { owner: Some(*owner), ..Ids::default() };
    match &occurrence.event.recipients {
        Some(recipients) => recipients.iter().map(owner).collect(),
        None => occurrence.resolved.extension.iter().map(owner).collect(),
    }
}

fn combined<'a, T>(all: &[Ids<'a>], values: &[T], put: impl Fn(&mut Ids<'a>, &T)) -> SmallVec<[Ids<'a>; 1]> {
    let with = |ids: &Ids<'a>, value: &T| {
        let mut ids = ids.clone();
        put(&mut ids, value);
        ids
    };
    all.iter().flat_map(|ids| values.iter().map(move |value| with(ids, value))).collect()
}

/// One match for each subscription (D6).
fn put_together(mut found: AllFound, out: &mut Vec<Match>) {
    found.sort_unstable_by_key(|found| (found.subscription, found.order));
    out.reserve(found.len());
    for of_one in found.chunk_by(|one, next| one.subscription == next.subscription) {
        let richest = of_one.iter().rev().max_by_key(|found| found.shaping_parameters);
        let Some(richest) = richest else { continue };
        let shape = of_one.iter().fold(0, |shape, found| shape | found.shape);
        out.push(Match { subscription: richest.subscription, filter: richest.filter, shape });
    }
}

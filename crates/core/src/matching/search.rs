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

impl Index {
    /// Finds whom the event is for, one match for each subscription, in the order of their numbers.
    /// `resolved` is what the catalogue says about the event's name.
    pub fn matches(&self, catalogue: &Catalogue, resolved: &Resolved, event: &Event, out: &mut Vec<Match>) {
        let occurrence = Occurrence::new(catalogue, resolved, event);
        let mut search = Search { index: self, occurrence, found: AllFound::new() };
        for form in &catalogue.entry(resolved.entry).forms {
            search.look_for(*form);
        }
        if catalogue.form(resolved.form).scope == Scope::Conference {
            search.look_for(Catalogue::EVERY_CONFERENCE_EVENT);
        }
        put_together(search.found, out);
    }
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

/// What the path of a filter must be for the event to concern it.
#[derive(Clone, Debug)]
struct Path<'a> {
    form: FormNo,
    extension: Option<ExtensionId>,
    /// Whose subscription it must be, for types that only members get.
    owner: Option<ExtensionId>,
    /// The other ids, in path order.
    ids: SmallVec<[Cow<'a, str>; 1]>,
}

type Paths<'a> = SmallVec<[Path<'a>; 1]>;

struct Search<'a> {
    index: &'a Index,
    occurrence: Occurrence<'a>,
    found: AllFound,
}

impl<'a> Search<'a> {
    fn look_for(&mut self, form: FormNo) {
        let account = self.occurrence.event.account;
        let has_variables = self.occurrence.catalogue.form(form).has_variables();
        let needs_the_body = has_variables && !self.occurrence.path_names_extension();
        if needs_the_body && !self.index.is_populated(form, account) {
            return;
        }
        let index = self.index;
        for path in self.paths(form) {
            let Path { form, extension, owner, .. } = path;
            let node = index.node_hash(&Node { form, account, extension, owner, ids: &path.ids });
            let Some((filters, groups)) = index.files.get(node) else { continue };
            filters.iter().for_each(|filter| self.consider(*filter, &path));
            groups.iter().for_each(|group| self.look_in(group, node, &path));
        }
    }

    /// Looks up every combination of the event's own values, or compares the filters one by one where
    /// that is less work.
    fn look_in(&mut self, group: &Group, node: u64, path: &Path<'_>) {
        let mut combinations = 1usize;
        let mut passes_all = false;
        for parameter in group.parameters.numbers() {
            let Some(read) = self.occurrence.refining(parameter) else { return };
            passes_all |= read.passes_all;
            combinations = combinations.saturating_mul(if read.passes_all { 1 } else { read.values.len() });
        }
        if combinations == 0 {
            return;
        }
        if passes_all || combinations >= group.filters.len() {
            group.filters.iter().for_each(|filter| self.consider(*filter, path));
            return;
        }
        for combination in 0..combinations {
            let hash = self.combination_hash(group, node, combination);
            let Some((filters, _)) = self.index.files.get(hash) else { continue };
            filters.iter().for_each(|filter| self.consider(*filter, path));
        }
    }

    /// The hash of one combination, counted through like the digits of a number.
    fn combination_hash(&self, group: &Group, node: u64, combination: usize) -> u64 {
        let mut rest = combination;
        let values = group.parameters.numbers().filter_map(|parameter| {
            let values = self.occurrence.values(parameter);
            let value = values.get(rest % values.len().max(1))?;
            rest /= values.len();
            Some(&**value)
        });
        self.index.refined_hash(node, group.parameters, values)
    }

    /// Compares a candidate with the event in full.
    fn consider(&mut self, filter: u32, path: &Path<'_>) {
        let filter = &self.index.filters[filter];
        if filter.account == self.occurrence.event.account
            && filter.form == path.form
            && filter.extension == path.extension.unwrap_or_default()
            && self.is_for_owner(filter, path)
            && filter.terms.as_ref().is_none_or(|terms| self.fits(terms, path))
        {
            self.found.push(Found {
                subscription: filter.subscription,
                order: filter.order,
                filter: filter.no,
                shape: filter.shape,
                shaping_parameters: filter.shaping_parameters,
            });
        }
    }

    fn is_for_owner(&self, filter: &Filter, path: &Path<'_>) -> bool {
        let owner = || self.index.subscriptions[filter.slot_of_subscription].subscriber.owner;
        match path.owner {
            Some(wanted) => owner() == wanted,
            None => self.occurrence.has_no_recipients() || self.occurrence.is_recipient(owner()),
        }
    }

    fn fits(&mut self, terms: &Terms, path: &Path<'_>) -> bool {
        terms.ids().eq(path.ids.iter().map(|id| &**id))
            && terms.conditions().all(|(parameter, values)| self.occurrence.fulfils(parameter, values))
    }

    /// Every path by which filters of the form can ask for the event. Nearly always one.
    fn paths(&mut self, form: FormNo) -> Paths<'a> {
        let members_only = self.occurrence.entry.members_only;
        let path = |owner| Path { form, extension: None, owner, ids: SmallVec::new() };
        let mut paths: Paths<'a> = if members_only {
            self.occurrence.members().into_iter().map(|owner| path(Some(owner))).collect()
        } else {
            smallvec![path(None)]
        };
        let catalogue = self.occurrence.catalogue;
        for variable in &catalogue.form(form).variables {
            match variable {
                FormVariable::Account => {}
                FormVariable::Extension if members_only => {
                    for path in &mut paths {
                        path.extension = self.occurrence.resolved.extension.or(path.owner);
                    }
                }
                FormVariable::Extension => {
                    let extensions = self.occurrence.extensions();
                    paths =
                        combined(&paths, &extensions, |path, extension| path.extension = Some(*extension));
                }
                FormVariable::Text(no) => {
                    let values = self.occurrence.variable(*no);
                    paths = combined(&paths, &values, |path, value| path.ids.push(value.clone()));
                }
            }
        }
        paths
    }
}

fn combined<'a, T>(paths: &[Path<'a>], values: &[T], put: impl Fn(&mut Path<'a>, &T)) -> Paths<'a> {
    let with = |path: &Path<'a>, value: &T| {
        let mut path = path.clone();
        put(&mut path, value);
        path
    };
    paths.iter().flat_map(|path| values.iter().map(move |value| with(path, value))).collect()
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

//! The index of all filters: adding a subscription and taking one out, touching only what is its own.
//!
//! A filter is filed under its *node*: its form, its account and the ids in its path. One that has
//! refining parameters is filed under its node and their values, and stands in a group at the node, so
//! that a search knows which parameters to read. A comma list is filed under each of its values only if
//! the filter has no parameter with a single value; else it is compared when the filter has been found
//! by those. Texts of filters are not kept here: whoever keeps the subscriptions has them.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use smallvec::SmallVec;

use crate::catalogue::{Catalogue, FormNo};
use crate::filter::{Condition, ParsedFilter};
use crate::id::{AccountId, ExtensionId, FilterNo, SubscriptionNo};
use crate::matching::files::{Files, Moved, Parameters};
use crate::matching::slab::{Sharded, Slab};
use crate::matching::terms::Terms;
use crate::subscription::Subscription;

const NONE: u32 = u32::MAX;

/// Whose filters they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscriber {
    pub no: SubscriptionNo,
    pub account: AccountId,
    pub owner: ExtensionId,
}

impl From<&Subscription> for Subscriber {
    fn from(subscription: &Subscription) -> Self {
        Self { no: subscription.no, account: subscription.account, owner: subscription.owner }
    }
}

/// All filters of all active subscriptions.
#[derive(Debug, Default)]
pub struct Index {
    seed: RandomState,
    pub(crate) filters: Slab<Filter>,
    /// Where the filter of the same number is filed.
    filings: Slab<Filing>,
    pub(crate) subscriptions: Slab<SubscriptionSlot>,
    by_no: Sharded<u32>,
    pub(crate) files: Files,
    /// How many filters of a form an account has; only for forms whose variables may have to be read
    /// from the body, which is not done for nobody.
    populations: Sharded<u32>,
    length: usize,
}

#[derive(Debug)]
pub(crate) struct SubscriptionSlot {
    pub(crate) subscriber: Subscriber,
    first_filter: u32,
    next_order: u32,
}

/// What a search compares, in one cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Filter {
    pub(crate) no: FilterNo,
    pub(crate) subscription: SubscriptionNo,
    pub(crate) account: AccountId,
    /// Zero if the form names none.
    pub(crate) extension: ExtensionId,
    pub(crate) terms: Option<Terms>,
    pub(crate) slot_of_subscription: u32,
    /// Its place among the filters of its subscription.
    pub(crate) order: u32,
    pub(crate) form: FormNo,
    pub(crate) shape: u8,
    pub(crate) shaping_parameters: u8,
}

/// What only adding and removing need.
#[derive(Debug, Default)]
struct Filing {
    filed: Filed,
    /// The next filter of the subscription.
    next: u32,
    refined: Option<Box<Refined>>,
}

/// Under which hash a filter is filed, and its place there.
#[derive(Clone, Copy, Debug, Default)]
struct Filed {
    hash: u64,
    place: u32,
}

#[derive(Debug)]
struct Refined {
    node: u64,
    place_in_group: u32,
    parameters: Parameters,
    /// Where else it is filed, if by a comma list.
    also_filed: Box<[Filed]>,
}

/// The path of a filter, or of the filters that a search looks for.
pub(crate) struct Node<'a, T> {
    pub(crate) form: FormNo,
    pub(crate) account: AccountId,
    pub(crate) extension: Option<ExtensionId>,
    /// Only for types that nobody but members gets: whose subscription it is.
    pub(crate) owner: Option<ExtensionId>,
    /// The other ids, in path order.
    pub(crate) ids: &'a [T],
}

// === hashes ===

impl Index {
    pub(crate) fn node_hash<T: AsRef<str>>(&self, node: &Node<'_, T>) -> u64 {
        let mut hasher = self.seed.build_hasher();
        let present = u64::from(node.extension.is_some()) << 1 | u64::from(node.owner.is_some());
        hasher.write_u64(u64::from(node.form.0) << 2 | present);
        hasher.write_u64(node.account.0);
        node.extension.iter().chain(&node.owner).for_each(|id| hasher.write_u64(id.0));
        node.ids.iter().for_each(|id| id.as_ref().hash(&mut hasher));
        hasher.finish()
    }

    /// `values`: one for each of the parameters, in the order of their numbers.
    pub(crate) fn refined_hash<'v>(
        &self,
        node: u64,
        parameters: Parameters,
        values: impl IntoIterator<Item = &'v str>,
    ) -> u64 {
        let mut hasher = self.seed.build_hasher();
        hasher.write_u64(node);
        hasher.write_u16(parameters.bits());
        values.into_iter().for_each(|value| value.hash(&mut hasher));
        hasher.finish()
    }

    fn population_hash(&self, form: FormNo, account: AccountId) -> u64 {
        self.seed.hash_one((form, account))
    }

    /// Whether the account has any filter of this form, which must be one with variables.
    pub(crate) fn is_populated(&self, form: FormNo, account: AccountId) -> bool {
        self.populations.get(self.population_hash(form, account)).is_some()
    }

    /// The parameters that a filter with these conditions is filed under, and all its hashes.
    fn hashes(&self, node: u64, conditions: &[Condition]) -> (Parameters, SmallVec<[u64; 1]>) {
        let of_one_value = || conditions.iter().filter(|condition| condition.values.len() == 1);
        let parameters =
            of_one_value().fold(Parameters::default(), |set, condition| set.with(condition.parameter));
        if !parameters.is_empty() {
            let values = of_one_value().map(|condition| &*condition.values[0]);
            return (parameters, SmallVec::from_elem(self.refined_hash(node, parameters, values), 1));
        }
        let Some(list) = conditions.first() else { return (parameters, SmallVec::from_elem(node, 1)) };
        let parameters = parameters.with(list.parameter);
        let values = list.values.iter().map(|value| &**value);
        (parameters, values.map(|value| self.refined_hash(node, parameters, [value])).collect())
    }
}

// === adding and removing ===

impl Index {
    /// How many filters there are.
    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds filters to a subscription, behind those that it has, and says how many. Reminders match no
    /// published event and are left out.
    pub fn insert(
        &mut self,
        catalogue: &Catalogue,
        subscriber: Subscriber,
        filters: &[(FilterNo, ParsedFilter)],
    ) -> usize {
        let before = self.length;
        let hash = self.seed.hash_one(subscriber.no);
        let subscription = self.by_no.get(hash).copied().unwrap_or_else(|| {
            let slot = SubscriptionSlot { subscriber, first_filter: NONE, next_order: 0 };
            let number = self.subscriptions.insert(slot);
            self.by_no.insert(hash, number);
            number
        });
        for (no, filter) in filters.iter().filter(|(_, filter)| filter.reminder().is_none()) {
            self.insert_filter(catalogue, subscription, *no, filter);
        }
        self.length - before
    }

    fn insert_filter(
        &mut self,
        catalogue: &Catalogue,
        subscription: u32,
        no: FilterNo,
        filter: &ParsedFilter,
    ) {
        let slot = &mut self.subscriptions[subscription];
        let (subscriber, next, order) = (slot.subscriber, slot.first_filter, slot.next_order);
        let number = self.filters.insert(Filter {
            no,
            subscription: subscriber.no,
            account: subscriber.account,
            extension: filter.extension().unwrap_or_default(),
            terms: Terms::new(filter.ids(), filter.conditions()),
            slot_of_subscription: subscription,
            order,
            form: filter.form(),
            shape: filter.shape(),
            shaping_parameters: filter.shaping_parameters(),
        });
        slot.first_filter = number;
        slot.next_order += 1;
        let members_only = filter.entry().is_some_and(|entry| catalogue.entry(entry).members_only);
        let node = self.node_hash(&Node {
            form: filter.form(),
            account: subscriber.account,
            extension: filter.extension(),
            owner: members_only.then_some(subscriber.owner),
            ids: filter.ids(),
        });
        let filing = Filing { next, ..self.file(number, node, filter.conditions()) };
        // Both slabs are filled and emptied together, so that their numbers are the same.
        self.filings.insert(filing);
        if catalogue.form(filter.form()).has_variables() {
            let population = self.population_hash(filter.form(), subscriber.account);
            *self.populations.or_insert(population, 0) += 1;
        }
        self.length += 1;
    }

    fn file(&mut self, number: u32, node: u64, conditions: &[Condition]) -> Filing {
        let (parameters, hashes) = self.hashes(node, conditions);
        let mut filed = hashes.iter().map(|hash| Filed { hash: *hash, place: self.files.add(*hash, number) });
        let first = filed.next().unwrap_or_default();
        let also_filed = filed.collect();
        if parameters.is_empty() {
            return Filing { filed: first, next: NONE, refined: None };
        }
        let place_in_group = self.files.join(node, parameters, number);
        let refined = Some(Box::new(Refined { node, place_in_group, parameters, also_filed }));
        Filing { filed: first, next: NONE, refined }
    }

    /// Takes a subscription out with all its filters.
    pub fn remove(&mut self, no: SubscriptionNo) {
        let Some(subscription) = self.by_no.remove(self.seed.hash_one(no)) else { return };
        let mut next = self.subscriptions[subscription].first_filter;
        self.subscriptions.release(subscription);
        while next != NONE {
            next = self.remove_filter(next);
        }
    }

    /// Takes filters out, `at_most` at once, until only the `keep` added last are left. True as long as
    /// there are more to take.
    pub fn retire(&mut self, no: SubscriptionNo, keep: usize, at_most: usize) -> bool {
        let Some(subscription) = self.by_no.get(self.seed.hash_one(no)).copied() else { return false };
        let (mut last_kept, mut next) = (None, self.subscriptions[subscription].first_filter);
        for _ in 0..keep {
            if next == NONE {
                return false;
            }
            last_kept = Some(next);
            next = self.filings[next].next;
        }
        for _ in 0..at_most {
            if next == NONE {
                break;
            }
            next = self.remove_filter(next);
        }
        match last_kept {
            Some(filter) => self.filings[filter].next = next,
            None => self.subscriptions[subscription].first_filter = next,
        }
        next != NONE
    }

    /// Takes a filter out and tells the next one of its subscription.
    fn remove_filter(&mut self, number: u32) -> u32 {
        let Filing { filed, next, refined } = self.filings.take(number);
        self.take_out(number, filed);
        if let Some(refined) = refined {
            refined.also_filed.iter().for_each(|filed| self.take_out(number, *filed));
            let moved = self.files.leave(refined.node, refined.parameters, number, refined.place_in_group);
            if let Some(Moved { filter, place }) = moved
                && let Some(refined) = &mut self.filings[filter].refined
            {
                refined.place_in_group = place;
            }
        }
        let filter = &mut self.filters[number];
        filter.terms = None;
        let (form, account) = (filter.form, filter.account);
        self.filters.release(number);
        let population = self.population_hash(form, account);
        if let Some(count) = self.populations.get_mut(population) {
            *count -= 1;
            if *count == 0 {
                self.populations.remove(population);
            }
        }
        self.length -= 1;
        next
    }

    fn take_out(&mut self, number: u32, filed: Filed) {
        let Some(Moved { filter, place }) = self.files.take_out(filed.hash, number, filed.place) else {
            return;
        };
        let filing = &mut self.filings[filter];
        if filing.filed.hash == filed.hash {
            filing.filed.place = place;
            return;
        }
        let also_filed = filing.refined.iter_mut().flat_map(|refined| &mut refined.also_filed);
        also_filed.filter(|also| also.hash == filed.hash).for_each(|also| also.place = place);
    }
}

//! The filing cabinet: under each hash the numbers of the filters that are filed there.
//!
//! Filing and taking out cost the same whether one filter stands under a hash or a million do: each
//! filter is told its place, and when the last one of a list moves into a gap, the caller is told so.

use crate::matching::slab::{Sharded, Slab};

const NONE: u32 = u32::MAX;
/// `Bucket::entries` with this bit names a list; without it, the only filter.
const LIST: u32 = 1 << 31;

/// A set of refining parameters, by their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Parameters(u16);

impl Parameters {
    pub(crate) fn with(self, no: u8) -> Self {
        Self(self.0 | 1 << no)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn bits(self) -> u16 {
        self.0
    }

    pub(crate) fn numbers(self) -> impl Iterator<Item = u8> {
        (0..16).filter(move |no| self.0 >> no & 1 == 1)
    }
}

/// The refined filters at a node that are filed under the same set of parameters.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) parameters: Parameters,
    pub(crate) filters: Vec<u32>,
}

#[derive(Debug, Default)]
pub(crate) struct Files {
    buckets: Sharded<Bucket>,
    lists: Slab<Vec<u32>>,
    groups: Slab<Vec<Group>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    entries: u32,
    /// The groups at a node, in `Files::groups`.
    groups: u32,
}

impl Bucket {
    const EMPTY: Self = Self { entries: NONE, groups: NONE };

    fn list(&self) -> Option<u32> {
        (self.entries != NONE && self.entries & LIST != 0).then_some(self.entries & !LIST)
    }

    fn is_empty(&self) -> bool {
        self.entries == NONE && self.groups == NONE
    }
}

/// A filter whose place has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) filter: u32,
    pub(crate) place: u32,
}

impl Files {
    /// What is filed under the hash. `None` if nothing at all is, not even groups.
    pub(crate) fn get(&self, hash: u64) -> Option<(&[u32], &[Group])> {
        let bucket = self.buckets.get(hash)?;
        let entries = match bucket.list() {
            Some(list) => self.lists[list].as_slice(),
            None if bucket.entries == NONE => &[],
            None => std::slice::from_ref(&bucket.entries),
        };
        let groups = if bucket.groups == NONE { &[] } else { self.groups[bucket.groups].as_slice() };
        Some((entries, groups))
    }

    /// Files a filter and tells its place.
    pub(crate) fn add(&mut self, hash: u64, filter: u32) -> u32 {
        let bucket = self.buckets.or_insert(hash, Bucket::EMPTY);
        if let Some(list) = bucket.list() {
            let list = &mut self.lists[list];
            list.push(filter);
            return place(list.len() - 1);
        }
        if bucket.entries == NONE {
            bucket.entries = filter;
            return 0;
        }
        bucket.entries = LIST | self.lists.insert(vec![bucket.entries, filter]);
        1
    }

    pub(crate) fn take_out(&mut self, hash: u64, filter: u32, place: u32) -> Option<Moved> {
        let bucket = self.buckets.get_mut(hash)?;
        let mut moved = None;
        match bucket.list() {
            None => bucket.entries = NONE,
            Some(list) => {
                let entries = &mut self.lists[list];
                moved = take_from(entries, filter, place);
                if let [last] = entries[..] {
                    moved = Some(Moved { filter: last, place: 0 });
                    bucket.entries = last;
                    self.lists.take(list);
                }
            }
        }
        if bucket.is_empty() {
            self.buckets.remove(hash);
        }
        moved
    }

    /// Puts a filter into the group of its parameters at a node and tells its place.
    pub(crate) fn join(&mut self, node: u64, parameters: Parameters, filter: u32) -> u32 {
        let bucket = self.buckets.or_insert(node, Bucket::EMPTY);
        if bucket.groups == NONE {
            bucket.groups = self.groups.insert(Vec::new());
        }
        let groups = &mut self.groups[bucket.groups];
        let at = groups.iter().position(|group| group.parameters == parameters).unwrap_or_else(|| {
            groups.push(Group { parameters, filters: Vec::new() });
            groups.len() - 1
        });
        groups[at].filters.push(filter);
        place(groups[at].filters.len() - 1)
    }

    pub(crate) fn leave(
        &mut self,
        node: u64,
        parameters: Parameters,
        filter: u32,
        place: u32,
    ) -> Option<Moved> {
        let bucket = self.buckets.get_mut(node).filter(|bucket| bucket.groups != NONE)?;
        let groups = &mut self.groups[bucket.groups];
        let at = groups.iter().position(|group| group.parameters == parameters)?;
        let moved = take_from(&mut groups[at].filters, filter, place);
        if groups[at].filters.is_empty() {
            groups.swap_remove(at);
        }
        if groups.is_empty() {
            self.groups.take(bucket.groups);
            bucket.groups = NONE;
        }
        if bucket.is_empty() {
            self.buckets.remove(node);
        }
        moved
    }
}

fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(NONE)
}

/// Takes one entry out and fills its place with the last one.
fn take_from(entries: &mut Vec<u32>, filter: u32, place: u32) -> Option<Moved> {
    let is_there = |at: &usize| entries.get(*at) == Some(&filter);
    let at = Some(place as usize)
        .filter(is_there)
        .or_else(|| entries.iter().position(|entry| *entry == filter))?;
    entries.swap_remove(at);
    if entries.capacity() > 64 && entries.len() < entries.capacity() / 4 {
        entries.shrink_to(entries.len() * 2);
    }
    entries.get(at).map(|moved| Moved { filter: *moved, place: self::place(at) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(files: &Files, hash: u64) -> Vec<u32> {
        files.get(hash).map(|(entries, _)| entries.to_vec()).unwrap_or_default()
    }

    #[test]
    fn a_filter_taken_out_leaves_no_gap_and_nothing_behind() {
        let mut files = Files::default();
        let places: Vec<u32> = (10..14).map(|filter| files.add(7, filter)).collect();
        assert_eq!(places, [0, 1, 2, 3]);
        assert_eq!(files.take_out(7, 11, 1), Some(Moved { filter: 13, place: 1 }));
        assert_eq!(entries(&files, 7), [10, 13, 12]);
        assert_eq!(files.take_out(7, 12, 2), None);
        assert_eq!(files.take_out(7, 10, 0), Some(Moved { filter: 13, place: 0 }));
        assert_eq!(entries(&files, 7), [13]);
        assert_eq!(files.take_out(7, 13, 0), None);
        assert!(files.get(7).is_none());
    }

    #[test]
    fn groups_keep_their_node_alive_and_end_with_their_last_filter() {
        let mut files = Files::default();
        let both = Parameters::default().with(0).with(2);
        assert_eq!(both.numbers().collect::<Vec<_>>(), [0, 2]);
        assert_eq!(files.join(7, both, 1), 0);
        assert_eq!(files.join(7, both, 2), 1);
        assert_eq!(files.join(7, Parameters::default().with(1), 3), 0);
        files.add(7, 9);
        files.take_out(7, 9, 0);
        assert_eq!(files.get(7).unwrap().1.len(), 2);
        assert_eq!(files.leave(7, both, 1, 0), Some(Moved { filter: 2, place: 0 }));
        assert_eq!(files.leave(7, both, 2, 0), None);
        assert_eq!(files.leave(7, Parameters::default().with(1), 3, 0), None);
        assert!(files.get(7).is_none());
    }
}
